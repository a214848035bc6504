"""The bill of materials of an export: a CycloneDX ML-BOM, from what its card is written from.

It says of what the model is made and how good it is, for programs that keep an inventory. There is
no time in it and no random number, so two exports of one version have the same bytes.
https://cyclonedx.org/docs/1.7/json/
"""

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from stemma.modeling.export.card.facts import Facts
from stemma.modeling.export.card.metadata import exact_version
from stemma.modeling.export.card.writing import limits_of
from stemma.modeling.export.origins import grouped
from stemma.modeling.metrics.names import ENDS, names_of

NAME = "bom.cdx.json"
_MODEL = "machine-learning-model"
_SHA256 = re.compile("[0-9a-f]{64}")
# As SPDX writes them, and the schema asks; the Hub has small letters. Others are given by name.
_SPDX = {
    one.lower(): one
    for one in (
        "AGPL-3.0-only", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC-BY-3.0", "CC-BY-4.0",
        "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC0-1.0",
        "GPL-2.0-only", "GPL-3.0-only", "ISC", "LGPL-3.0-only", "MIT", "MPL-2.0", "ODbL-1.0",
        "ODC-By-1.0", "Unlicense", "Zlib",
    )
}  # fmt: skip


def bill(facts: Facts, files: Sequence[Mapping[str, Any]], trained: str) -> dict[str, Any]:
    """Return the bill of materials, in CycloneDX 1.7.

    Args:
        facts: of which the card is written.
        files: of the export: ``path`` and ``sha256`` of each, as manifest.json lists them.
        trained: DVC's name of the models/trained that the export was made of.
    """
    data = [_data(index, one) for index, one in enumerate(grouped(facts.sources))]
    content = {
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "version": 1,
        "metadata": {"component": _model(facts, data, files, trained)},
        "components": data,
        "dependencies": [{"ref": "model", "dependsOn": [one["bom-ref"] for one in data]}],
    }
    # By its content: the same bill has the same number wherever it is written.
    told = json.dumps(content, sort_keys=True)
    return {**content, "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, told)}"}


def _model(
    facts: Facts,
    data: Sequence[Mapping[str, Any]],
    files: Sequence[Mapping[str, Any]],
    trained: str,
) -> dict[str, Any]:
    return {
        "type": _MODEL,
        "bom-ref": "model",
        "name": facts.name,
        "licenses": _licenses(facts.license),
        **_pedigree(facts.base),
        "components": _files({one["path"]: one["sha256"] for one in files}),
        "modelCard": {
            "modelParameters": {
                "task": facts.use.pipeline,
                "architectureFamily": str(facts.config["model_type"]),
                "modelArchitecture": str((facts.config.get("architectures") or [""])[0]),
                "datasets": [{"ref": one["bom-ref"]} for one in data],
            },
            "quantitativeAnalysis": {"performanceMetrics": _metrics(facts.metrics)},
            "considerations": {
                "useCases": [f"{facts.use.what}."],
                "technicalLimitations": limits_of(facts),
            },
        },
        "properties": _properties(
            task=facts.task,
            trained=trained,
            dtype=facts.dtype,
            language=",".join(facts.language),
            parameters=facts.training.get("parameters"),
        ),
    }


def _metrics(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    # The intervals are those of the card: 95 %, by bootstrap over documents.
    told = []
    for name in names_of(metrics):
        row: dict[str, Any] = {"type": name, "value": str(metrics[name]), "slice": "test split"}
        if all(name + end in metrics for end in ENDS):
            low, high = (str(metrics[name + end]) for end in ENDS)
            row["confidenceInterval"] = {"lowerBound": low, "upperBound": high}
        told.append(row)
    return told


def _data(index: int, source: Mapping[str, Any]) -> dict[str, Any]:
    name = str(source["name"])
    return {
        "type": "data",
        "bom-ref": f"data-{index}",
        "name": name,
        **_version(source["version"]),
        **_hashes(source["sha256"]),
        "licenses": _licenses(source["license"]),
        "data": [{"type": "dataset", "name": name}],
        "properties": _properties(**{key: source[key] for key in ("origin", "documents", "bytes")}),
    }


def _pedigree(base: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the model descends from: its base, or all that was merged into that."""
    if base["kind"] is None:
        return {}
    if "parents" not in base:
        return {"pedigree": {"ancestors": [_ancestor(base, exact_version(base))]}}
    merged = [*base["parents"], *filter(None, [base["ancestor"]])]
    density = f", density {base['density']:g}" if base["density"] else ""
    weights = ", ".join(f"{weight:g}" for weight in base["weights"])
    last = "; the last is what they descend from" if base["ancestor"] else ""
    notes = f"Merged by {base['method']}{density}, weights {weights}{last}."
    return {
        "pedigree": {
            "ancestors": [_ancestor(one, one["version"]) for one in merged],
            "notes": notes,
        }
    }


def _ancestor(model: Mapping[str, Any], version: str) -> dict[str, Any]:
    name = model.get("id")
    at = f"@{str(model['version']).lower()}" if model["version"] else ""
    # https://github.com/package-url/purl-spec: the revision of a model of the Hub in small letters.
    purl = {"purl": f"pkg:huggingface/{name}{at}"} if name else {}
    files = _files(model.get("files") or {})
    return {
        "type": _MODEL,
        "name": str(name or model["origin"]),
        **_version(version),
        **purl,
        "licenses": _licenses(model["license"]),
        **({"components": files} if files else {}),
        "properties": _properties(origin=model["origin"]),
    }


def _files(hashes: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"type": "file", "name": path, **_hashes(hashes[path])} for path in sorted(hashes)]


def _hashes(sha256: str) -> dict[str, Any]:
    known = _SHA256.fullmatch(str(sha256))
    return {"hashes": [{"alg": "SHA-256", "content": str(sha256)}]} if known else {}


def _version(version: object) -> dict[str, str]:
    return {"version": str(version)} if version else {}


def _licenses(name: object) -> list[dict[str, Any]]:
    known = _SPDX.get(str(name).lower())
    return [{"license": {"id": known} if known else {"name": str(name)}}]


def _properties(**values: object) -> list[dict[str, str]]:
    return [
        {"name": f"stemma:{key}", "value": str(value)}
        for key, value in values.items()
        if value is not None
    ]
