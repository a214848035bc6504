"""Fetches a registered version, checks its bytes, and pins it: without its training project."""

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stemma.files import atomic_directory, sha256_of
from stemma.hashes import files_of
from stemma.layout import EXPORTED
from stemma.registry import pins, policy, trust
from stemma.registry.models import artifact_of, find
from stemma.registry.pins import Pin
from stemma.registry.policy import Require
from stemma.registry.signatures import checked
from stemma.registry.trust import RefusedError
from stemma.store import git
from stemma.store.digest import digest_of
from stemma.store.download import download
from stemma.store.errors import ProjectError
from stemma.store.registry import Registered, Registry

_SHOWN = 3  # files that a message names


@dataclasses.dataclass(frozen=True)
class Fetched:
    """A version that lies here now.

    Attributes:
        pin: what stemma.lock says of it.
        new: whether it was fetched; otherwise it lay here already, with these very bytes.
        files: how many files it has.
    """

    pin: Pin
    new: bool
    files: int

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, as ``--json`` prints it."""
        return dataclasses.asdict(self)


def fetch(
    reference: str | None = None,
    *,
    into: str | None = None,
    repo: str | None = None,
    require: Require | None = None,
    keys: tuple[str, ...] = (),
    frozen: bool = False,
    root: Path = Path(),
) -> list[Fetched]:
    """Fetch a version of a model into a folder, and pin it in stemma.lock.

    Args:
        reference: ``lm`` (the greatest version), ``lm@v1.2.0`` or ``lm#prod``; None with ``frozen``
            for all that is pinned.
        into: the folder; None for the one that it is pinned in, or the name of the model.
        repo: the URL or path of the repository with the tags; None for the one that it is pinned
            from, or the one here.
        require: what is asked of it; None for what conf/registry.yaml here says, or evidence.
        keys: files with public keys, one of which must have signed it; none for those of
            conf/registry.yaml, where a signature is asked for.
        frozen: whether to take what stemma.lock says and nothing else.
        root: the folder with stemma.lock.

    Raises:
        RefusedError: it is recalled, its evidence or signature is missing or of something else, or
            its bytes are not those of its digest. What lay here is as it was.
        ProjectError: there is no such version, or its bytes cannot be fetched.
    """
    known = pins.read(root)
    settings = policy.read(root)
    require = require or settings.require
    if require == "signed":
        keys = keys or tuple(str(root / key) for key in settings.keys)
    if frozen:
        return [_frozen(pin, require, keys, root) for pin in _pinned(known, reference, into)]
    if reference is None:
        raise ProjectError("which model?", "name one, such as lm#prod, or type --frozen")
    pin = next((one for one in known.values() if _is_of(one, reference, into)), None)
    source = repo or (pin.repo if pin else _here(root))
    with _repository(source) as place:
        registry = Registry(place)
        chosen = _chosen(registry, reference, require)
        folder = into or (pin.path if pin else chosen.artifact.rpartition(":")[2])
        _check_free(root / folder, known.get(folder))
        done = _brought(chosen, registry, source, folder, require, keys, root)
    pins.write(known | {folder: done.pin}, root)
    return [done]


def _frozen(pin: Pin, require: Require, keys: tuple[str, ...], root: Path) -> Fetched:
    with _repository(pin.repo) as place:
        registry = Registry(place)
        chosen = find(registry, f"{pin.name}@{pin.version}")
        trust.check_not_recalled(registry, chosen.artifact, chosen.version)
        if chosen.commit != pin.commit:
            raise RefusedError(
                f"{chosen.name} is commit {chosen.commit[:10]}, {pins.FILE} says {pin.commit[:10]}",
                "the tag was moved: ask who did, or fetch without --frozen to take it",
            )
        told = chosen.evidence.get("digest", pin.sha256)
        if told != pin.sha256:
            raise RefusedError(
                f"{chosen.name} has the digest {told[:12]}, {pins.FILE} says {pin.sha256[:12]}",
                "the tag was written anew: ask who did, or fetch without --frozen to take it",
            )
        return _brought(chosen, registry, pin.repo, pin.path, require, keys, root, pin.sha256)


def _chosen(registry: Registry, reference: str, require: Require) -> Registered:
    name, hash_, stage = reference.partition("#")
    if hash_:
        artifact = artifact_of(registry, name or None)
        now = trust.current(registry, artifact, stage, require)
        found = find(registry, f"{artifact}@{now.version}")
        # Of a version that GTO registered the decision alone says which bytes it has.
        return found if found.evidence else dataclasses.replace(found, evidence=now.evidence)
    if "@" in reference:
        found = find(registry, reference)
        trust.check_not_recalled(registry, found.artifact, found.version)
        return found
    artifact = artifact_of(registry, name)
    usable = [one for one in registry.versions(artifact) if not _is_out(registry, one)]
    if not usable:
        raise RefusedError(f"{artifact} has no version that may be used", "see `stemma versions`")
    return usable[-1]


def _is_out(registry: Registry, one: Registered) -> bool:
    return "-" in one.version or registry.recall(one.artifact, one.version) is not None


def _brought(
    one: Registered,
    registry: Registry,
    source: str,
    folder: str,
    require: Require,
    keys: tuple[str, ...],
    root: Path,
    pinned: str | None = None,
) -> Fetched:
    if require != "none":
        trust.check_registration(one)
    wanted = pinned or one.evidence.get("digest")
    there = _hashed(root / folder)
    is_here = wanted is not None and digest_of(there) == wanted
    if is_here:
        key = _signature(one, registry, root / folder, require, keys)
    else:
        with atomic_directory(root / folder) as whole:
            # The name of a model tells where in the repository its project stands.
            project = one.artifact.rpartition(":")[0]
            output = (Path(project) / str(one.evidence.get("output") or EXPORTED)).as_posix()
            download(source, output, one.commit, whole / "model")
            there = _hashed(whole / "model")
            if wanted is not None:
                _check_bytes(one, there, wanted)
            key = _signature(one, registry, whole / "model", require, keys)
            _unpack(whole)
    digest = digest_of(there)
    pin = Pin(one.artifact, one.version, one.commit, digest, key, source, folder)
    return Fetched(pin, not is_here, len(there))


def _unpack(whole: Path) -> None:
    """Move the files of the model up, to where they are wanted."""
    for path in (whole / "model").iterdir():
        path.rename(whole / path.name) if path.name != "model" else path.rename(whole / ".model")
    (whole / "model").rmdir()
    if (whole / ".model").exists():
        (whole / ".model").rename(whole / "model")


def _check_bytes(one: Registered, there: Mapping[str, str], wanted: str) -> None:
    if digest_of(there) == wanted:
        return
    files = one.evidence.get("files")
    told: list[str] = []
    if isinstance(files, dict):
        told += [f"{path} has other bytes" for path in files if there.get(path, "") != files[path]]
        told += [f"{path} is too many" for path in there if path not in files]
    more = f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    raise RefusedError(
        f"the bytes of {one.name} are not those of its tag: "
        + ("; ".join(told[:_SHOWN]) + more or f"their digest is {digest_of(there)[:12]}"),
        "ask who registered it; nothing was written",
    )


def _signature(
    one: Registered, registry: Registry, folder: Path, require: Require, keys: tuple[str, ...]
) -> str | None:
    if require != "signed" and not keys:
        return None
    if not keys:
        raise ProjectError("which keys count?", "--key FILE names a public key")
    return checked(one, registry, folder, [Path(key) for key in keys])


def _hashed(folder: Path) -> dict[str, str]:
    return (
        {name: sha256_of(path) for name, path in files_of(folder).items()}
        if folder.is_dir()
        else {}
    )


def _check_free(folder: Path, pin: Pin | None) -> None:
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and pin is None):
        raise ProjectError(
            f"{folder} is there, and is not from `stemma fetch`", "--into DIR takes another folder"
        )


def _pinned(known: Mapping[str, Pin], reference: str | None, into: str | None) -> list[Pin]:
    found = [one for one in known.values() if reference is None or _is_of(one, reference, into)]
    if not found:
        what = reference or "anything"
        raise ProjectError(f"{pins.FILE} does not pin {what}", "fetch it once without --frozen")
    return found


def _is_of(pin: Pin, reference: str, into: str | None) -> bool:
    name = reference.partition("#")[0].partition("@")[0]
    return pin.name == name and into in (None, pin.path)


def _here(root: Path) -> str:
    if not git.is_repository(root) or not (root / ".dvc").is_dir():
        raise ProjectError("from which repository?", "--repo URL names the one with the tags")
    return str(root.resolve())


@contextlib.contextmanager
def _repository(source: str) -> Iterator[Path]:
    """Give the repository with the tags: itself if it is a folder, or a clone without files."""
    if Path(source).is_dir() and git.is_repository(Path(source)):
        yield Path(source)
        return
    with tempfile.TemporaryDirectory() as folder:
        git.run(["clone", "--quiet", "--bare", "--filter=blob:none", source, folder])
        yield Path(folder)
