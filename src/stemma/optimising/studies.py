"""Studies on disk: runs/optimise/NAME/, in Optuna's own journal, by one process at a time."""

import contextlib
import fcntl
import json
import re
import warnings
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemma.errors import SettingsError
from stemma.files import atomic_file
from stemma.layout import RUNS
from stemma.store.errors import DamagedError, ProjectError

if TYPE_CHECKING:
    import optuna

_JOURNAL = "journal.jsonl"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_MADE_WITH = "made_with"
_CREATE = 4  # optuna.storages.journal._storage.JournalOperation.CREATE_TRIAL


class _Held:
    """The journal's own lock would outlive a kill; the whole study is locked by the system."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


def check_name(name: str) -> None:
    """Hold a name to what DVC takes for an experiment.

    Raises:
        SettingsError: it has other characters.
    """
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"'{name}' is no name for a study", "letters, digits, - and _: DVC names experiments so"
        )


def folder_of(name: str, root: Path = Path()) -> Path:
    """Return where a study stands."""
    return root / RUNS / "optimise" / name


@contextlib.contextmanager
def opened(
    name: str, made_with: dict[str, Any], keys: Collection[str], root: Path = Path()
) -> Iterator["optuna.Study"]:
    """Open a study, or begin it, and let no other process go on with it meanwhile.

    Args:
        name: of the study.
        made_with: on what its results depend; a study goes on with the same alone.
        keys: that every trial sets.
        root: the project.

    Raises:
        SettingsError: it was begun with something else.
        ProjectError: another process has it.
        DamagedError: its journal is torn in the middle.
    """
    folder = folder_of(name, root)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ProjectError(
                f"the study {name} is under way in another process",
                "wait for it, or give this one a --name",
            ) from error
        study = load(name, root)
        if _is_torn(study, keys):
            _drop_last(folder / _JOURNAL)
            study = load(name, root)
        before = study.user_attrs.get(_MADE_WITH)
        if before is None:
            study.set_user_attr(_MADE_WITH, made_with)
        else:
            _refuse_change(name, before, json.loads(json.dumps(made_with)))
        yield study


def load(name: str, root: Path = Path()) -> "optuna.Study":
    """Return a study as its journal has it; a new one where there is none.

    Raises:
        DamagedError: the journal is torn in the middle.
    """
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = folder_of(name, root) / _JOURNAL
    _trim(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            storage = JournalStorage(JournalFileBackend(str(path), _Held()))  # type: ignore[arg-type]
            return optuna.create_study(
                storage=storage, study_name=name, load_if_exists=True, direction="minimize"
            )
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(
            f"{path} is torn: {error}", "delete its folder: the same seed proposes the same again"
        ) from error


def _is_torn(study: "optuna.Study", keys: Collection[str]) -> bool:
    # A kill between the number of a trial and its last setting: it has no proposal to go on with.
    last = study.get_trials(deepcopy=False)[-1:]
    return any(not one.state.is_finished() and one.params.keys() != set(keys) for one in last)


def _drop_last(path: Path) -> None:
    # With the trial its number: who proposes it anew proposes the same.
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    begins = [at for at, line in enumerate(lines) if json.loads(line)["op_code"] == _CREATE]
    with atomic_file(path, "w") as file:
        file.writelines(lines[: begins[-1]])


def _trim(path: Path) -> None:
    # A kill has torn the last line; what was appended to it would be torn too.
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with path.open("r+b") as file:
            file.truncate(whole)


def _refuse_change(name: str, before: dict[str, Any], now: dict[str, Any]) -> None:
    changed = [key for key in now if before.get(key) != now[key]]
    if changed:
        key = changed[0]
        was, new = (json.dumps(one.get(key)) for one in (before, now))
        shown = f": {was} is now {new}" if len(was) + len(new) < 120 else ""
        raise SettingsError(
            f"the study {name} was begun with another {key}{shown}",
            "go on with what it was begun with, or begin another by --name",
        )
