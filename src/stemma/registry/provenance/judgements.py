"""What gates found and what was decided, as statements that other programs read.

https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md
https://slsa.dev/spec/v1.0/verification_summary
"""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from stemma.registry.provenance.statements import (
    OWN,
    SUMMARY,
    TEST_RESULT,
    Statement,
    sha256_of,
    statement,
)

_SAID = ("by", "why", "forced", "kind", "incumbent", "metrics")


def results_of(decision: Mapping[str, Any]) -> list[Statement]:
    """Return what each gate of a decision found.

    Args:
        decision: as its tag has it: ``Decision.as_dict()``.

    Raises:
        StatementError: `in-toto-attestation` is not installed.
    """
    return [_result(decision, gate) for gate in decision.get("gates", ())]


def summary_of(
    decision: Mapping[str, Any], time: int, inputs: Sequence[Statement] = ()
) -> Statement:
    """Return a decision: PASSED where all gates let it pass, FAILED where one was forced.

    Args:
        decision: as its tag has it: ``Decision.as_dict()``.
        time: when it was taken, in seconds since 1970.
        inputs: the statements that it rests on.

    Raises:
        StatementError: `in-toto-attestation` is not installed.
    """
    stage, passed = decision["stage"], bool(decision.get("passed"))
    at = datetime.datetime.fromtimestamp(time, datetime.UTC)
    said = {key: decision[key] for key in _SAID if decision.get(key) is not None}
    predicate = {
        "verifier": {"id": f"{OWN}//registry"},
        "timeVerified": at.isoformat().replace("+00:00", "Z"),
        "resourceUri": f"{OWN}//{decision['artifact']}@{decision['version']}",
        "policy": _policy(decision, "uri"),
        "inputAttestations": [{"digest": {"sha256": sha256_of(one)}} for one in inputs],
        "verificationResult": "PASSED" if passed else "FAILED",
        # Names of one's own are allowed that do not begin with SLSA.
        "verifiedLevels": [f"STEMMA_{stage.upper()}" if passed else "FAILED"],
        "slsaVersion": "1.0",
        f"{OWN}decision": said,
    }
    return statement([_subject(decision)], SUMMARY, predicate)


def _result(decision: Mapping[str, Any], gate: Mapping[str, Any]) -> Statement:
    name, passed = str(gate.get("gate")), bool(gate.get("passed"))
    predicate = {
        "result": "PASSED" if passed else "FAILED",
        "configuration": [_policy(decision, "name")],
        "passedTests" if passed else "failedTests": [name],
        f"{OWN}evidence": str(gate.get("evidence", "")),
        f"{OWN}facts": dict(gate.get("facts") or {}),
    }
    return statement([_subject(decision)], TEST_RESULT, predicate)


def _subject(decision: Mapping[str, Any]) -> dict[str, Any]:
    # The digest of the registry is the dirHash of in-toto.
    name = f"{decision['artifact']}@{decision['version']}"
    return {"name": name, "digest": {"dirHash": decision["digest"]}}


def _policy(decision: Mapping[str, Any], key: str) -> dict[str, Any]:
    told: dict[str, Any] = {key: f"conf/registry.yaml#{decision['stage']}"}
    if policy := decision.get("policy"):
        told["digest"] = {"sha256": policy}
    return told
