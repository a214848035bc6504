"""Signs a registered version with a key of one's own."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stemma.registry import trust
from stemma.registry.folders import as_folder
from stemma.registry.models import find, model_of
from stemma.registry.provenance import signing
from stemma.registry.provenance.keys import key_of
from stemma.registry.publishing import how_to_push, publish, remote_for
from stemma.registry.trust import RefusedError
from stemma.store import events
from stemma.store.digest import digest_of, files_of
from stemma.store.registry import Registry
from stemma.store.version import Commit


@dataclasses.dataclass(frozen=True)
class Signed:
    """A version that was signed.

    Attributes:
        name: of the version.
        key: the id of the key.
        digest: of the files that were signed.
        tag: the name of the tag that holds the signature.
        to_push: the command that pushes it; None if there is no remote, or it is done.
    """

    name: str
    key: str
    digest: str
    tag: str
    to_push: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, as ``--json`` prints it."""
        return dataclasses.asdict(self)


def sign(
    version: str,
    key: str,
    *,
    certificate: str | None = None,
    chain: Sequence[str] = (),
    push: bool = False,
    root: Path = Path(),
) -> Signed:
    """Sign the files of a version; the signature is a tag beside it, not a file among them.

    Args:
        version: such as ``v1.2.0`` or ``lm@v1.2.0``.
        key: a file with a private key, in PEM.
        certificate: a file with a certificate of its public key; None for the key alone.
        chain: files with the certificates between that one and the authority's.
        push: whether to push the tag.
        root: the project.

    Raises:
        RefusedError: the version is recalled, is signed by this key already, or its bytes are not
            those that it was registered with.
        SigningError: the key cannot be used, or `model-signing` is not installed.
    """
    remote = remote_for(push, root)
    registry = Registry(root)
    found = find(registry, version)
    trust.check_not_recalled(registry, found.artifact, found.version)
    commit = Commit(found.name, found.commit, root)
    model = model_of(commit, found.artifact, root)
    digest = digest_of(files_of(commit, model.output))
    if digest != found.evidence.get("digest", digest):
        raise RefusedError(
            f"the bytes of {found.name} are not those that it was registered with", "`stemma fsck`"
        )
    with as_folder(commit, model.output, root) as folder:
        own = None if certificate is None else Path(certificate)
        bundle = signing.sign(folder, Path(key), own, [Path(one) for one in chain])
    identity = key_of(bundle)
    tag = events.name_of("signature", found.artifact, found.version, who=identity)
    if any(one.tag.name == tag for one in registry.events):
        raise RefusedError(f"{found.name} is signed by {identity} already", tag)
    evidence = {
        "artifact": found.artifact, "version": found.version, "commit": found.commit,
        "digest": digest, "key": identity, "bundle": bundle,
    }  # fmt: skip
    text = events.message(f"Sign {found.name}", [f"By the key {identity}."], evidence)
    publish(tag, found.commit, text, registry.next_time(found.artifact), remote, root)
    to_push = None if remote else how_to_push([tag], root)
    return Signed(found.name, identity, digest, tag, to_push)
