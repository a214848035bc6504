"""Signatures over the files of a model, by OpenSSF Model Signing: offline, with a key of one's own.

The signature is a Sigstore bundle around an in-toto statement that lists the SHA-256 of every file.
https://github.com/sigstore/model-transparency
"""

import base64
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from stemma.files import sha256_of
from stemma.hashes import files_of
from stemma.registry.provenance.keys import (
    MAKE,
    SigningError,
    has_certificate,
    id_of,
    is_certificate,
    key_of,
    not_installed,
    torn,
)
from stemma.registry.trust import RefusedError

Bundle = dict[str, Any]
_SHOWN = 3  # files that a message names


def sign(
    folder: Path, key: Path, certificate: Path | None = None, chain: Sequence[Path] = ()
) -> Bundle:
    """Sign the files of a folder.

    Args:
        folder: with the model; without symbolic links.
        key: a file with a private key on the curve P-256, P-384 or P-521, in PEM, not encrypted.
        certificate: a file with a certificate of its public key; None for the key alone.
        chain: files with the certificates between that one and the authority's.

    Raises:
        SigningError: the key cannot be read, or `model-signing` is not installed.
    """
    signing = _library("signing")
    for file in filter(None, (key, certificate, *chain)):
        if not file.is_file():
            raise SigningError(f"{file} is no file with a key or certificate", MAKE)
    with tempfile.NamedTemporaryFile(suffix=".sig") as target:
        try:
            config = signing.Config()
            if certificate is None:
                config.use_elliptic_key_signer(private_key=key)
            else:
                # The library does not take a chain of none; a certificate twice does no harm.
                between = chain or [certificate]
                config.use_certificate_signer(
                    private_key=key, signing_certificate=certificate, certificate_chain=between
                )
            config.sign(folder, Path(target.name))
        except (ValueError, TypeError, AttributeError, OSError) as error:
            told = " ".join(str(error).split())
            raise SigningError(f"{key} cannot sign: {told}", MAKE) from error
        return json.loads(target.read())


def check(folder: Path, bundle: Mapping[str, Any], keys: Sequence[Path]) -> str:
    """Check that a bundle is a signature over just the files of a folder, by one of the keys.

    A signature with a certificate counts if one of the keys is the certificate of the authority
    that issued it, and it was valid when it began to be: offline there is no other clock.

    Args:
        folder: with the model.
        bundle: of the signature.
        keys: files with public keys, or with certificates of authorities, in PEM.

    Returns:
        The id of the key that signed.

    Raises:
        RefusedError: it is signed by another key, or names other files or other bytes; or it is
            torn.
        SigningError: a key cannot be read, or `model-signing` is not installed.
    """
    identity = key_of(bundle)
    roots = [key for key in keys if is_certificate(key)]
    ids = {key: id_of(key) for key in keys if key not in roots}
    with_certificate = has_certificate(bundle)
    mine = [key for key, one in ids.items() if one == identity]
    if with_certificate:
        mine = roots
    if not mine:
        known = ", ".join(map(str, (*ids.values(), *roots))) or "none"
        raise RefusedError(
            f"it is signed by the key {identity}, which is foreign", f"those that count are {known}"
        )
    if other := [*_differences(folder, bundle)]:
        more = f" and {len(other) - _SHOWN} more" if len(other) > _SHOWN else ""
        raise RefusedError(
            f"its files are not those that {identity} signed: {'; '.join(other[:_SHOWN])}{more}",
            "nothing of it may be used",
        )
    _verify(folder, bundle, mine, with_certificate)
    return identity


def _verify(
    folder: Path, bundle: Mapping[str, Any], keys: Sequence[Path], with_certificate: bool
) -> None:
    verifying = _library("verifying")
    from cryptography.exceptions import InvalidSignature
    from OpenSSL.crypto import X509StoreContextError

    config = verifying.Config()
    if with_certificate:
        config.use_certificate_verifier(certificate_chain=keys)
    else:
        config.use_elliptic_key_verifier(public_key=keys[0])
    with tempfile.NamedTemporaryFile("w", suffix=".sig", encoding="utf-8") as file:
        json.dump(bundle, file)
        file.flush()
        try:
            config.verify(folder, Path(file.name))
        except InvalidSignature as error:
            raise RefusedError(
                f"the signature is not one of the key {key_of(bundle)} that it names: it was "
                "edited",
                "nothing of it may be used",
            ) from error
        except X509StoreContextError as error:
            raise RefusedError(
                f"its certificate is foreign: {error}",
                f"the authorities that count are {', '.join(map(str, keys))}",
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            told = " ".join(str(error).split())
            raise RefusedError(f"its signature does not hold: {told}", "sign it anew") from error


def _differences(folder: Path, bundle: Mapping[str, Any]) -> Iterator[str]:
    """Yield how the files of a folder differ from those that are listed, trusted or not.

    The library says it too, but not in words that name a file and what is wrong with it.
    """
    try:
        payload = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
        listed = {one["name"]: one["digest"] for one in payload["predicate"]["resources"]}
    except (KeyError, TypeError, ValueError) as error:
        raise torn() from error
    there = files_of(folder)
    for name in sorted({*listed, *there}):
        if name not in there:
            yield f"{name} is missing"
        elif there[name].is_symlink():
            yield f"{name} is a symbolic link"
        elif name not in listed:
            yield f"{name} is too many"
        elif sha256_of(there[name]) != listed[name]:
            yield f"{name} has other bytes"


def _library(name: str) -> ModuleType:
    try:
        if name == "signing":
            from model_signing import signing as module
        else:
            from model_signing import verifying as module
    except ImportError as error:
        raise not_installed() from error
    return module
