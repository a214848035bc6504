"""Signatures over the files of a model, by OpenSSF Model Signing: offline, with a key of one's own.

The signature is a Sigstore bundle around an in-toto statement that lists the SHA-256 of every file.
https://github.com/sigstore/model-transparency
"""

import base64
import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from stemma.errors import StemmaError
from stemma.files import sha256_of
from stemma.hashes import files_of
from stemma.registry.trust import RefusedError

Bundle = dict[str, Any]
_SHOWN = 3  # files that a message names


class SigningError(StemmaError):
    """A key cannot be used, or what signs is not installed."""


def sign(folder: Path, key: Path) -> Bundle:
    """Sign the files of a folder.

    Args:
        folder: with the model; without symbolic links.
        key: a file with a private key on the curve P-256, P-384 or P-521, in PEM, not encrypted.

    Raises:
        SigningError: the key cannot be read, or `model-signing` is not installed.
    """
    signing = _library("signing")
    if not key.is_file():
        raise SigningError(f"{key} is no file with a key", _MAKE)
    with tempfile.NamedTemporaryFile(suffix=".sig") as target:
        try:
            config = signing.Config().use_elliptic_key_signer(private_key=key)
            config.sign(folder, Path(target.name))
        except (ValueError, TypeError, AttributeError, OSError) as error:
            told = " ".join(str(error).split())
            raise SigningError(f"{key} cannot sign: {told}", _MAKE) from error
        return json.loads(target.read())


def key_of(bundle: Mapping[str, Any]) -> str:
    """Return the id of the key that a bundle says it is signed with: 16 hexadecimal digits.

    Raises:
        RefusedError: it is torn.
    """
    try:
        return str(bundle["verificationMaterial"]["publicKey"]["hint"])[:16]
    except (KeyError, TypeError) as error:
        raise _torn() from error


def check(folder: Path, bundle: Mapping[str, Any], keys: Sequence[Path]) -> str:
    """Check that a bundle is a signature over just the files of a folder, by one of the keys.

    Args:
        folder: with the model.
        bundle: of the signature.
        keys: files with public keys, in PEM.

    Returns:
        The id of the key that signed.

    Raises:
        RefusedError: it is signed by another key, or names other files or other bytes; or it is
            torn.
        SigningError: a key cannot be read, or `model-signing` is not installed.
    """
    identity = key_of(bundle)
    ids = {key: id_of(key) for key in keys}
    mine = next((key for key, one in ids.items() if one == identity), None)
    if mine is None:
        known = ", ".join(ids.values()) or "none"
        raise RefusedError(
            f"it is signed by the key {identity}, which is foreign", f"those that count are {known}"
        )
    if other := [*_differences(folder, bundle)]:
        more = f" and {len(other) - _SHOWN} more" if len(other) > _SHOWN else ""
        raise RefusedError(
            f"its files are not those that {identity} signed: {'; '.join(other[:_SHOWN])}{more}",
            "nothing of it may be used",
        )
    _verify(folder, bundle, mine, identity)
    return identity


def id_of(key: Path) -> str:
    """Return the id of a public key: the first 16 digits of the SHA-256 of its PEM form.

    Raises:
        SigningError: the file is no public key.
    """
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization
    except ImportError as error:
        raise _not_installed() from error
    try:
        public = serialization.load_pem_public_key(key.read_bytes())
    except (ValueError, OSError, UnsupportedAlgorithm) as error:
        raise SigningError(
            f"{key} is no public key in PEM",
            "`openssl ec -in key.pem -pubout -out key.pub` writes that of a private key",
        ) from error
    pem = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(public.public_bytes(*pem)).hexdigest()[:16]


def _verify(folder: Path, bundle: Mapping[str, Any], key: Path, identity: str) -> None:
    verifying = _library("verifying")
    from cryptography.exceptions import InvalidSignature

    with tempfile.NamedTemporaryFile("w", suffix=".sig", encoding="utf-8") as file:
        json.dump(bundle, file)
        file.flush()
        try:
            config = verifying.Config().use_elliptic_key_verifier(public_key=key)
            config.verify(folder, Path(file.name))
        except InvalidSignature as error:
            raise RefusedError(
                f"the signature is not one of the key {identity} that it names: it was edited",
                "nothing of it may be used",
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
        raise _torn() from error
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
        raise _not_installed() from error
    return module


def _torn() -> RefusedError:
    return RefusedError("its signature is torn", "`stemma sign` writes another")


def _not_installed() -> SigningError:
    return SigningError(
        "signatures need `model-signing`, which is not installed",
        "`pip install -c requirements.lock -e '.[registry]'` installs it",
    )


_MAKE = "`openssl ecparam -name prime256v1 -genkey -noout -out key.pem` makes one"
