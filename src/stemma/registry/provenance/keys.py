"""Keys and certificates that sign models, and the id by which a key is named."""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stemma import extras
from stemma.errors import StemmaError
from stemma.registry.trust import RefusedError

MAKE = "`openssl ecparam -name prime256v1 -genkey -noout -out key.pem` makes a key"
_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"


class SigningError(StemmaError):
    """A key cannot be used, or what signs is not installed."""


def is_certificate(path: Path) -> bool:
    """Say whether a file holds a certificate, in PEM, and not a key."""
    return path.is_file() and _CERTIFICATE in path.read_bytes()


def has_certificate(bundle: Mapping[str, Any]) -> bool:
    """Say whether a signature comes with the certificate of its key.

    Raises:
        RefusedError: it is torn.
    """
    try:
        return "x509CertificateChain" in bundle["verificationMaterial"]
    except (KeyError, TypeError) as error:
        raise torn() from error


def key_of(bundle: Mapping[str, Any]) -> str:
    """Return the id of the key that a signature says it is of: 16 hexadecimal digits.

    Raises:
        RefusedError: it is torn.
    """
    try:
        material = bundle["verificationMaterial"]
        if not has_certificate(bundle):
            return str(material["publicKey"]["hint"])[:16]
        from cryptography import x509

        first = material["x509CertificateChain"]["certificates"][0]["rawBytes"]
        return _id(x509.load_der_x509_certificate(base64.b64decode(first)).public_key())
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise torn() from error


def id_of(key: Path) -> str:
    """Return the id of a public key: the first 16 digits of the SHA-256 of its PEM form.

    Raises:
        SigningError: the file is no public key.
    """
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization
    except ImportError as error:
        raise not_installed() from error
    try:
        public = serialization.load_pem_public_key(key.read_bytes())
    except (ValueError, OSError, UnsupportedAlgorithm) as error:
        raise SigningError(
            f"{key} is no public key in PEM",
            "`openssl ec -in key.pem -pubout -out key.pub` writes that of a private key",
        ) from error
    return _id(public)


def _id(public: Any) -> str:
    from cryptography.hazmat.primitives import serialization

    pem = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(public.public_bytes(*pem)).hexdigest()[:16]


def torn() -> RefusedError:
    """Return the error for a signature that cannot be read."""
    return RefusedError("its signature is torn", "`stemma sign` writes another")


def not_installed() -> SigningError:
    """Return the error for a missing extra."""
    return SigningError(
        "signatures need `model-signing`, which is not installed",
        f"`{extras.install('registry')}` installs it",
    )
