"""The signatures of registered versions: tags that hold a bundle."""

from collections.abc import Sequence
from pathlib import Path

from stemma.registry.provenance import signing
from stemma.registry.trust import RefusedError
from stemma.store.registry import Registered, Registry


def checked(registered: Registered, registry: Registry, folder: Path, keys: Sequence[Path]) -> str:
    """Check that a version is signed by one of the keys.

    Args:
        registered: the version.
        registry: what is registered.
        folder: with its files.
        keys: files with the public keys that count.

    Returns:
        The id of the key that signed.

    Raises:
        RefusedError: it is not signed, or no signature holds; the last one says why.
        SigningError: a key cannot be read, or `model-signing` is not installed.
    """
    found = registry.signatures(registered.artifact, registered.version)
    if not found:
        raise RefusedError(
            f"{registered.name} is not signed", f"`stemma sign {registered.version} --key FILE`"
        )
    refusals = []
    for one in found:
        try:
            told = one.evidence
            if one.tag.commit != registered.commit or told.get("commit") != registered.commit:
                raise RefusedError("it is of another commit", f"see `git show '{one.tag.name}'`")
            return signing.check(folder, told.get("bundle") or {}, keys)
        except RefusedError as error:
            refusals.append(f"{one.tag.name}: {error.message} ({error.hint})")
    raise RefusedError(f"no signature of {registered.name} holds: {'; '.join(refusals)}")
