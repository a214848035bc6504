"""code.lock: by which code each stage makes its outputs.

DVC follows no imports, so it must be told every module whose edit could change what a stage makes,
and should be told no other. ``stemma compose`` writes a digest of each into code.lock, by stage,
and dvc.yaml gives a stage its section of code.lock as parameters. Of what a setting chooses by name
(a task, a family, a source, a format) only the chosen module counts.
"""

import functools
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from stemma import merging
from stemma.errors import ReproducibilityError
from stemma.files import atomic_file
from stemma.identity import digest_of, digest_of_values, names_imported
from stemma.layout import CODE

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
# Modules that do nothing but under some values of a setting. Which family a base is of is known
# only when it is read.
_FUSED = "stemma.modeling.training.fused"


class _Anything:
    """Holds every value but None."""

    def __contains__(self, value: object) -> bool:
        return value is not None


# Of one source, or of one of several that are mixed.
_PREFERENCES = ("source.columns.prompt|source.parts.*.columns.prompt", _Anything())
_BY_PREFERENCE = ("train.preference.loss", _Anything())
IDLE: dict[str, tuple[str, Container[object]]] = {
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
    "stemma.modeling.portable": ("runtime.instructions", ("avx2",)),
    _FUSED: ("model.family", ("gpt2", "llama", "pretrained")),
    f"{_FUSED}.attention": ("model.family", ("gpt2", "llama", "pretrained")),
    f"{_FUSED}.gpt2": ("model.family", ("gpt2", "pretrained")),
    f"{_FUSED}.head": ("model.family", ("gpt2", "llama", "pretrained")),
    f"{_FUSED}.llama": ("model.family", ("llama", "pretrained")),
}
# Modules that change no byte of an output: why.
SILENT = {
    "stemma.code": "compares code with code.lock",
    "stemma.corpus.sharding.cluster": "says where maps run, whose results come in order anywhere",
    "stemma.corpus.sharding.progress": "draws progress bars",
    "stemma.errors": "ends a stage with a message",
    "stemma.extras": "says how a package is installed",
    "stemma.identity": "makes the digests of code.lock",
    "stemma.lfs": "ends a stage that meets a pointer",
    "stemma.merging": "ends a stage that meets an unfinished merge",
    "stemma.modeling.observed": "writes observed.json, which DVC does not see",
    "stemma.pipeline": "lists what a stage depends on, to compare it before and after",
    "stemma.storage": "ends a stage whose store of objects fails",
    "stemma.streams": "shows messages on any terminal",
}
# Modules of nothing but names with values: of these only what is imported counts.
_CONSTANTS = ("stemma.layout",)
_PACKAGES = Path(__file__).resolve().parents[1]
_SHOWN = 5  # files that a message names
_WRITE = "type `stemma compose`, or `dvc repro`"


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
    """Return the digest of each module whose edit could change what a stage makes, by its file."""
    modules = _modules_of(stage, values)
    files = {_file_of(module): digest_of(_path_of(module)) for module in modules}
    for module in _CONSTANTS:
        used = _imported_from(module, modules)
        files[_file_of(module)] = digest_of_values(_path_of(module), used)
    # A package that holds nothing but its docstring changes nothing.
    return {file: digest for file, digest in sorted(files.items()) if digest}


def write(values: Mapping[str, Any], root: Path = Path()) -> list[str]:
    """Write code.lock, atomically, as the code is now.

    A file that says so already is left alone, so that nobody sees it change.

    Returns:
        A line for each stage that runs other code than before, if it was there.
    """
    path = root / CODE
    try:
        before = read(path)
    except ReproducibilityError:  # missing or torn: it is replaced
        before = {}
    text = "# Written by `stemma compose`: the code that each stage runs. Do not edit.\n"
    found = closures(values)
    text += yaml.safe_dump(found)
    if not path.exists() or path.read_text(encoding="utf-8", errors="replace") != text:
        with atomic_file(path, "w") as handle:
            handle.write(text)
    changed = {stage: unlike(before[stage], found.get(stage, {})) for stage in sorted(before)}
    return [f"{stage} has other code: {_few(files)}" for stage, files in changed.items() if files]


def differences(values: Mapping[str, Any], root: Path = Path()) -> list[str]:
    """Return a line for each module in which code.lock is not what the code is now.

    Raises:
        ReproducibilityError: code.lock is missing, torn, or in an unfinished merge.
    """
    locked, found = read(root / CODE), closures(values)
    return [
        f"{CODE}: {stage}: {file}"
        for stage in sorted({*locked, *found})
        for file in unlike(locked.get(stage, {}), found.get(stage, {}))
    ]


def refuse_drift(stage: str, values: Mapping[str, Any]) -> None:
    """Refuse to run a stage by other code than code.lock says, as one that is started by hand does.

    Raises:
        ReproducibilityError: names the files; or code.lock is missing or torn.
    """
    changed = unlike(read().get(stage, {}), closure(stage, values))
    if changed:
        raise ReproducibilityError(f"{CODE} has other code: {_few(changed)}", _WRITE)


def read(path: Path = CODE) -> dict[str, dict[str, str]]:
    """Return what a code.lock holds: stage -> file of a module -> digest.

    Raises:
        ReproducibilityError: it is missing, torn, or in an unfinished merge.
    """
    if not path.exists():
        raise ReproducibilityError(f"{path} does not exist", _WRITE)
    text = path.read_text(encoding="utf-8", errors="replace")
    merging.check(text, str(path), ReproducibilityError, "; or `stemma compose` writes it anew")
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        line = " ".join(str(error).split())
        raise ReproducibilityError(f"{path} cannot be read: {line}", _WRITE) from error
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise ReproducibilityError(f"{path} holds no mapping of stages", _WRITE)
    return found


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return the files of ``unlike`` with the digest that each section has of them."""
    changed = unlike(one, other)
    return [(file, one.get(file, "nothing"), other.get(file, "nothing")) for file in changed]


def unlike(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Return the files that two sections of code.lock do not have alike."""
    return sorted(file for file in {*one, *other} if one.get(file) != other.get(file))


def _few(files: list[str]) -> str:
    more = f", and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
    return ", ".join(files[:_SHOWN]) + more


def _modules_of(stage: str, values: Mapping[str, Any]) -> set[str]:
    graph = _graph()
    names = [name for pattern in _CHOSEN.get(stage, ()) for name in _filled(pattern, values)]
    roots = {f"stemma.stages.{stage}", *(name for name in names if name in graph.modules)}
    found = roots.union(*(graph.find_upstream_modules(root) for root in roots))
    packages = {name.rsplit(".", depth)[0] for name in found for depth in range(1, 5)}
    idle = {
        module
        for module, (keys, working) in IDLE.items()
        if not any(value in working for key in keys.split("|") for value in _values_of(key, values))
    }
    return (found | packages) - SILENT.keys() - set(_CONSTANTS) - idle


@functools.cache
def _graph() -> "grimp.ImportGraph":
    import grimp

    graph = grimp.build_graph("stemma", cache_dir=None, exclude_type_checking_imports=True)
    for module in SILENT.keys() & graph.modules:
        graph.remove_module(module)
    return graph


def _filled(pattern: str, values: Mapping[str, Any]) -> Iterator[str]:
    head, _, rest = pattern.partition("{")
    key, _, tail = rest.partition("}")
    return (f"{head}{value}{tail}" for value in _values_of(key, values))


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


def _path_of(module: str) -> Path:
    # Not by the import system, which would import every package on the way.
    path = _PACKAGES.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _file_of(module: str) -> str:
    path = _path_of(module).relative_to(_PACKAGES)
    # A copy of the project, as `dvc exp run --temp` makes one, calls it as the project does.
    inside = _PACKAGES.name / path
    return (inside if inside.exists() else path).as_posix()


def _imported_from(module: str, importers: Iterable[str]) -> set[str]:
    """Return the names that any of some modules imports from a module."""
    return set().union(*(names_imported(_path_of(one), module) for one in importers))
