"""Statements about files, as in-toto frames them: what is spoken of, and a predicate of some type.

https://github.com/in-toto/attestation/tree/main/spec/v1
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from stemma import extras
from stemma.errors import StemmaError

TYPE = "https://in-toto.io/Statement/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
SUMMARY = "https://slsa.dev/verification_summary/v1"
OWN = "stemma:"
"""What the keys begin with that Stemma adds: readers ignore those that they do not know."""
Statement = dict[str, Any]

_MESSAGES = {
    PROVENANCE: ("provenance.v1.provenance_pb2", "Provenance"),
    TEST_RESULT: ("test_result.v0.test_result_pb2", "TestResult"),
    SUMMARY: ("vsa.v1.vsa_pb2", "VerificationSummary"),
}


class StatementError(StemmaError):
    """A statement cannot be made, or what makes it is not installed."""


def statement(
    subjects: Sequence[Mapping[str, Any]], kind: str, predicate: Mapping[str, Any]
) -> Statement:
    """Return a statement, which in-toto's own schema has been held against.

    Args:
        subjects: what is spoken of: name and digest of each.
        kind: of the predicate: PROVENANCE, TEST_RESULT or SUMMARY.
        predicate: what is said.

    Raises:
        StatementError: it is none by the schema, or `in-toto-attestation` is not installed.
    """
    made = {
        "_type": TYPE,
        "subject": [dict(one) for one in subjects],
        "predicateType": kind,
        "predicate": dict(predicate),
    }
    _validate(made)
    return made


def line_of(made: Statement) -> str:
    """Return a statement as the line of JSON that it is handed on as."""
    return json.dumps(made, sort_keys=True, separators=(",", ":"))


def sha256_of(made: Statement) -> str:
    """Return the SHA-256 of a statement's line, without the line's end."""
    return hashlib.sha256(line_of(made).encode()).hexdigest()


def _validate(made: Statement) -> None:
    try:
        from google.protobuf import json_format
        from in_toto_attestation.v1 import statement as frame

        module, name = _MESSAGES[made["predicateType"]]
        predicate = getattr(import_module(f"in_toto_attestation.predicates.{module}"), name)
    except ImportError as error:
        raise StatementError(
            "statements need `in-toto-attestation`, which is not installed",
            f"`{extras.install('registry')}` installs it",
        ) from error
    known = json.loads(line_of(made))
    said = known["predicate"]
    try:
        whole = json_format.ParseDict(known, frame.Statement([], "", {}).pb)
        frame.Statement.copy_from_pb(whole).validate()
        standard = {key: value for key, value in said.items() if not key.startswith(OWN)}
        if levels := standard.get("verifiedLevels"):
            # A list by the specification; in version 0.9 of the package it is one text.
            standard["verifiedLevels"] = ",".join(levels)
        json_format.ParseDict(standard, predicate())
    except (json_format.ParseError, ValueError) as error:
        told = " ".join(str(error).split())
        raise StatementError(f"this is no statement of in-toto: {told}") from error
