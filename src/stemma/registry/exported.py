"""The model of a case, loaded from where its bytes are kept: nothing is checked out.

Gates that ask a model something find here what it is, the model itself, and the tokens that it was
trained on. No code that comes with a model is run: a version that brings some cannot be judged by
what it does.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stemma.corpus.preferences import NAME as PREFERENCES
from stemma.errors import ModelError
from stemma.layout import BASE, EXPORTED
from stemma.registry.case import Case
from stemma.registry.serving import calm_threads
from stemma.store.errors import DamagedError, MissingError
from stemma.store.version import Version
from stemma.versions.contents import manifest

if TYPE_CHECKING:
    from stemma.corpus.tokenizer.encoder import Encoder
    from stemma.modeling.evaluation.restoring import Restorer
    from stemma.tasks.chat.encoding import ChatTemplate

Does = Literal["continues", "rewrites", "classifies", "other"]
"""What a model does with a text: goes on with it, writes another one, or names its class."""
_DOES: tuple[tuple[str, Does], ...] = (
    ("ForCausalLM", "continues"),
    ("LMHeadModel", "continues"),
    ("ForConditionalGeneration", "rewrites"),
    ("ForSequenceClassification", "classifies"),
)
_CONFIG = "config.json"


@dataclasses.dataclass(frozen=True)
class Exported:
    """A model that can be asked.

    Attributes:
        model: in single precision, in evaluation mode, on ``device``.
        encoder: its tokenizer.
        device: ``cuda`` where torch sees one, else ``cpu``.
    """

    model: Any
    encoder: Encoder
    device: Literal["cpu", "cuda"]

    @functools.cached_property
    def restorer(self) -> Restorer:
        """Spells tokens."""
        from stemma.modeling.evaluation.restoring import Restorer

        return Restorer(self.encoder.folder)

    @functools.cached_property
    def template(self) -> ChatTemplate:
        """Lays conversations out as tokens.

        Raises:
            DataError: the tokenizer has no template.
        """
        from stemma.tasks.chat.encoding import ChatTemplate

        return ChatTemplate(self.encoder)


def check_fits(case: Case, tokens: int, what: str) -> None:
    """Refuse more tokens than the model sees.

    Raises:
        DamagedError: its config.json is torn.
        ModelError: says what has so many.
    """
    from stemma.modeling.export.conventions import context_of

    context = context_of(config(case))
    if context is not None and tokens > context:
        raise ModelError(
            f"{what} takes {tokens} tokens, and the model sees {context}",
            "make it shorter in the settings of the gate",
        )


def config(case: Case) -> dict[str, Any]:
    """Return what config.json of the model says.

    Raises:
        DamagedError: it is torn, or names no architecture.
        MissingError: there is none.
    """
    version, output = case.version, case.model.output
    raw = version.content(output, _CONFIG)
    if raw is None:
        raise MissingError(f"{output} of {version.name} has no {_CONFIG}", "`dvc repro` makes it")
    try:
        found = json.loads(raw)
        _ = str(found["architectures"][0])
    except (ValueError, LookupError, TypeError) as error:
        raise DamagedError(
            f"{output}/{_CONFIG} of {version.name} names no architecture: {error!r}",
            "`stemma fsck` shows all that is lost",
        ) from error
    return found


def architecture(case: Case) -> str:
    """Return the class of the model; raises as ``config`` does."""
    return str(config(case)["architectures"][0])


def does(kind: str) -> Does:
    """Return what a model of an architecture does with a text."""
    for ending, what in _DOES:
        if kind.endswith(ending):
            return what
    return "other"


@contextlib.contextmanager
def laid_out(version: Version, output: str, root: Path) -> Iterator[Path]:
    """Yield a folder with models/exported, and models/base if it is an adapter; links, no copies.

    Formats of the model in folders of their own are left out. Where links are possible that keep
    the bytes, the folder outlives a `dvc gc`.

    Args:
        version: whose model it is.
        output: the path of its files.
        root: the project.

    Raises:
        MissingError: bytes are nowhere.
        ModelError: the model brings code.
    """
    from stemma.modeling.weights.load import ADAPTER

    files = _top(version, output)
    if code := [path for path in files if path.endswith(".py")]:
        raise ModelError(
            f"{output} of {version.name} has {min(code)}, code that comes with the model, which is "
            "not run",
            "export a model of an architecture that transformers knows",
        )
    beside = root / ".dvc/tmp"
    with tempfile.TemporaryDirectory(
        prefix="stemma-", dir=beside if beside.is_dir() else None
    ) as name:
        folder = Path(name).absolute()
        _link(version, output, files, folder / EXPORTED)
        if ADAPTER in files:
            base = version.declared.base
            _link(version, base, _top(version, base), folder / BASE)
        yield folder


@contextlib.contextmanager
def loaded(case: Case) -> Iterator[Exported]:
    """Yield the model and its tokenizer.

    Raises:
        DataError: the tokenizer is torn.
        MissingError: bytes are nowhere.
        ModelError: the model is torn, or brings code.
    """
    calm_threads()
    import torch

    from stemma.corpus.tokenizer.encoder import Encoder
    from stemma.modeling.weights.load import load_saved

    with laid_out(case.version, case.model.output, case.root) as folder:
        # An adapter finds its base from the current folder on, as in a project.
        with contextlib.chdir(folder):
            model: Any = load_saved(EXPORTED)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        name = f"{case.model.output} of {case.version.name}"
        encoder = Encoder(folder / EXPORTED, name)
        known = model.config.get_text_config().vocab_size
        if known < encoder.size:
            raise ModelError(
                f"{name} knows {known} tokens, and its tokenizer has {encoder.size}",
                "type `dvc repro export`",
            )
        yield Exported(model.to(device).eval(), encoder, device)


@contextlib.contextmanager
def training_split(case: Case) -> Iterator[Path]:
    """Yield a folder with the arrays of the training split and their tokenizer; links, no copies.

    Raises:
        MissingError: the version has none, or their bytes are nowhere.
    """
    version, output = case.version, case.version.declared.prepared
    files = [
        path for path in version.files(output) if path.startswith(("train.", "tokenizer/"))
    ]  # fmt: skip
    if "train.tokens.npy" not in files:
        raise MissingError(
            f"{version.name} has no training tokens in {output}", "`dvc repro prepare` makes them"
        )
    with tempfile.TemporaryDirectory(prefix="stemma-") as folder:
        _link(version, output, files, Path(folder))
        yield Path(folder)


def training_ids(case: Case) -> list[str]:
    """Return the ids of the documents of the training split, in its order.

    Raises:
        DataError: the manifest is torn.
        MissingError: the version has none, or its bytes are nowhere.
    """
    return training_rows(case, ["id"])["id"].to_pylist()


def training_rows(case: Case, columns: list[str], preferences: bool = False) -> Any:
    """Return columns of the manifest, one row per document of the training split, in its order.

    Args:
        case: whose version it is.
        columns: of the manifest.
        preferences: whether those are rows too; they are trained on, but their tokens stand beside
            those of the split.

    Raises:
        DataError: the manifest is torn.
        MissingError: the version has none, or its bytes are nowhere.
    """
    version = case.version
    if not manifest.has_manifest(version):
        raise MissingError(
            f"{version.name} has no {version.declared.prepared}/{manifest.MANIFEST}",
            "`dvc repro prepare` makes it",
        )
    rows = manifest.read(version, [*{*columns, "id"}], [("split", "=", "train")])
    if not preferences:
        beside = _preferences(version)
        rows = rows.filter([name not in beside for name in rows["id"].to_pylist()])
    return rows.select(columns)


def _preferences(version: Version) -> set[str]:
    output = version.declared.prepared
    return set(json.loads(version.content(output, f"{PREFERENCES}.json") or b"[]"))


def _top(version: Version, output: str) -> list[str]:
    return [path for path in version.files(output) if "/" not in path]


def _link(version: Version, output: str, paths: Iterable[str], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        # What a listing names may come from anywhere, and must stay within the folder.
        if {"", ".", ".."} & {*path.split("/")}:
            raise DamagedError(
                f"{output} of {version.name} lists the file {path!r}",
                "its listing was not made by DVC",
            )
        link = folder / path
        link.parent.mkdir(parents=True, exist_ok=True)
        source = version.path(output, path).absolute()
        try:
            link.hardlink_to(source)
        except OSError:
            link.symlink_to(source)
