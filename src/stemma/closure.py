"""By which modules each stage makes its outputs, and which of them its settings choose.

DVC follows no imports, so it must be told every module whose edit could change what a stage makes,
and should be told no other. Of what a setting chooses by name (a task, a family, a source, a
format) only the chosen module counts, of ours or of the project's own (`stemma.own`).
"""

import functools
import hashlib
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemma import memo, own
from stemma.errors import ReproducibilityError
from stemma.identity import VERSION, digest_of, digest_of_values, names_imported

if TYPE_CHECKING:
    import grimp

# Stage -> modules that are imported by a name that stands in a setting. A setting with several
# values chooses several modules, and an empty one none.
_TASK = ("stemma.tasks.{task.name}",)
_MEASURE = (
    "stemma.tasks.{task.name}.encoding",
    "stemma.tasks.{task.name}.measure",
    "stemma.tasks.{task.name}.metrics",
)
_CHOSEN = {
    "ingest": (
        "stemma.corpus.sources.{source.kind}",
        "stemma.corpus.sources.{source.parts.*.kind}",
    ),
    "prepare": (*_TASK, "stemma.tasks.{task.name}.encoding"),
    "train": (
        *_TASK,
        "stemma.tasks.{task.name}.training",
        "stemma.families.{model.family}",
    ),
    "evaluate": (*_TASK, *_MEASURE),
    "export": (
        *_TASK,
        *_MEASURE,
        "stemma.modeling.export.formats.{export.formats}",
    ),
}
# Which family a base is of is known only when it is read.
_FUSED = "stemma.modeling.training.fused"


class _Anything:
    """Holds every value but None."""

    def __contains__(self, value: object) -> bool:
        return value is not None


class _Own:
    """Holds what chooses a module of the project's own, which may use any of ours."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def __contains__(self, value: object) -> bool:
        return value in self._names or own.is_own(value)


Choice = tuple[str, Container[object]]
# Of one source, or of one of several that are mixed.
_PREFERENCES: tuple[Choice, ...] = (
    ("source.columns.prompt", _Anything()),
    ("source.parts.*.columns.prompt", _Anything()),
    ("source.kind", _Own()),
    ("source.parts.*.kind", _Own()),
)
_FUSIBLE: tuple[Choice, ...] = (("model.family", _Own("gpt2", "llama", "pretrained")),)
_BY_PREFERENCE: tuple[Choice, ...] = (("train.preference.loss", _Anything()),)
IDLE: dict[str, tuple[Choice, ...]] = {
    "stemma.corpus.cleaning.preference": _PREFERENCES,
    "stemma.corpus.duplicates.prompts": _PREFERENCES,
    "stemma.corpus.preferences": _PREFERENCES,
    "stemma.corpus.prepare.preferences": _PREFERENCES,
    "stemma.corpus.sources.preferring": _PREFERENCES,
    "stemma.modeling.examples.preferred": _BY_PREFERENCE,
    "stemma.modeling.examples.preferring": _BY_PREFERENCE,
    "stemma.modeling.training.preference": _BY_PREFERENCE,
    "stemma.tasks.causal_lm.preferences": _PREFERENCES,
    "stemma.tasks.chat.preferences": _PREFERENCES,
    "stemma.modeling.portable": (("runtime.instructions", ("avx2",)),),
    _FUSED: _FUSIBLE,
    f"{_FUSED}.attention": _FUSIBLE,
    f"{_FUSED}.gpt2": (("model.family", _Own("gpt2", "pretrained")),),
    f"{_FUSED}.head": _FUSIBLE,
    f"{_FUSED}.llama": (("model.family", _Own("llama", "pretrained")),),
}
"""Modules that do nothing but under some values of settings: the settings, and these values."""
# Modules that change no byte of an output: why.
SILENT = {
    "stemma.closure": "says which modules count",
    "stemma.code": "compares code with code.lock",
    "stemma.corpus.sharding.cluster": "says where maps run, whose results come in order anywhere",
    "stemma.corpus.sharding.progress": "draws progress bars",
    "stemma.errors": "ends a stage with a message",
    "stemma.extras": "says how a package is installed",
    "stemma.identity": "makes the digests of code.lock",
    "stemma.lfs": "ends a stage that meets a pointer",
    "stemma.memo": "keeps what need not be computed again",
    "stemma.merging": "ends a stage that meets an unfinished merge",
    "stemma.modeling.observed": "writes observed.json, which DVC does not see",
    "stemma.pipeline": "lists what a stage depends on, to compare it before and after",
    "stemma.storage": "ends a stage whose store of objects fails",
    "stemma.streams": "shows messages on any terminal",
}
# Modules of nothing but names with values: of these only what is imported counts.
_CONSTANTS = ("stemma.layout",)
_MEMO = f"code-{VERSION}"
_MEND = "mend it, and type `dvc repro`"
_PACKAGES = Path(__file__).resolve().parents[1]


def closures(values: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return what code.lock holds under these settings: stage -> file of a module -> digest.

    Args:
        values: the settings of params.yaml, by section.

    Files stand relative to the project where it has them, else to where Python finds their package;
    so the names are the same on every machine, and in every copy of the project.
    """
    stages = (_PACKAGES / "stemma/stages").glob("[!_]*.py")
    return {path.stem: closure(path.stem, values) for path in sorted(stages)}


def closure(stage: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Return the digest of each module whose edit could change what a stage makes, by its file.

    Raises:
        ReproducibilityError: a module of the project's own is no Python.
    """
    modules, before = _modules_of(stage, values), len(_known())
    files = {_file_of(module): _digest_of(_path_of(module)) for module in modules}
    for module in _CONSTANTS:
        used = _imported_from(module, modules)
        files[_file_of(module)] = digest_of_values(_path_of(module), used)
    if len(_known()) > before:
        memo.keep(_MEMO, _known(), Path())
    # A package that holds nothing but its docstring changes nothing.
    return {file: digest for file, digest in sorted(files.items()) if digest}


def _modules_of(stage: str, values: Mapping[str, Any]) -> set[str]:
    names = [name for pattern in _CHOSEN.get(stage, ()) for name in _filled(pattern, values)]
    others = own.packages() if any(map(_is_own, names)) else ()
    loose = own.loose() if others else ()
    graph = _graph(others)
    chosen = [name for name in names if name in graph.modules]
    if loose:
        # Nothing can tell what a module outside of a package imports.
        chosen += [name for name in graph.modules if _is_own(name)]
    roots = {f"stemma.stages.{stage}", *chosen}
    found = roots.union(*(graph.find_upstream_modules(root) for root in roots))
    packages = {name.rsplit(".", depth)[0] for name in found for depth in range(1, 5)}
    idle = {module for module, choices in IDLE.items() if not _is_met(choices, values)}
    counted = found.union(packages, loose) - SILENT.keys() - set(_CONSTANTS) - idle
    return {one for one in counted if _path_of(one).exists()}  # a folder may have no __init__.py


def _is_own(module: str) -> bool:
    return module.partition(".")[0] != "stemma"


def _is_met(choices: Iterable[Choice], values: Mapping[str, Any]) -> bool:
    return any(value in working for key, working in choices for value in _values_of(key, values))


@functools.cache
def _graph(others: tuple[str, ...]) -> "grimp.ImportGraph":
    """Return what imports what in Stemma, and in packages of the project's own.

    Raises:
        ReproducibilityError: a module is no Python.
    """
    import grimp
    from grimp.exceptions import SourceSyntaxError

    own.reach()
    try:
        graph = grimp.build_graph(
            "stemma", *others, cache_dir=None, exclude_type_checking_imports=True
        )
    except SourceSyntaxError as error:
        raise ReproducibilityError(str(error), _MEND) from error
    for module in SILENT.keys() & graph.modules:
        graph.remove_module(module)
    return graph


def _filled(pattern: str, values: Mapping[str, Any]) -> Iterator[str]:
    package, _, rest = pattern.partition(".{")
    key, _, tail = rest.partition("}")
    return (f"{own.module_of(package, value)}{tail}" for value in _values_of(key, values))


def _values_of(key: str, values: Any) -> Iterator[Any]:
    """Yield what stands under a dotted key, in which ``*`` is every key of a mapping."""
    part, _, rest = key.partition(".")
    if not isinstance(values, Mapping):
        return
    for found in values.values() if part == "*" else [values.get(part)]:
        if rest:
            yield from _values_of(rest, found)
        else:
            yield from (
                found if isinstance(found, list | tuple) else [] if found is None else [found]
            )


@functools.cache
def _known() -> dict[str, str]:
    # To take a module's comments away takes ten times as long as to read it.
    return memo.recall(_MEMO, Path())


def _digest_of(path: Path) -> str:
    known, content = _known(), hashlib.sha256(path.read_bytes()).hexdigest()
    try:
        if content not in known:
            known[content] = digest_of(path)
    except SyntaxError as error:
        raise ReproducibilityError(f"{path} is no Python: {error}", _MEND) from error
    return known[content]


def _path_of(module: str) -> Path:
    # Not by the import system, which would import every package on the way.
    source = own.SOURCE if _is_own(module) else _PACKAGES
    path = source.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _file_of(module: str) -> str:
    path = _path_of(module)
    if _is_own(module):
        return path.as_posix()
    path = path.relative_to(_PACKAGES)
    # A copy of the project, as `dvc exp run --temp` makes one, calls it as the project does.
    inside = _PACKAGES.name / path
    return (inside if inside.exists() else path).as_posix()


def _imported_from(module: str, importers: Iterable[str]) -> set[str]:
    """Return the names that any of some modules imports from a module."""
    return set().union(*(names_imported(_path_of(one), module) for one in importers))
