"""The bill of materials, against the schema that CycloneDX publishes."""

import dataclasses
import json

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from stemma.modeling.export.bom import bill
from stemma.modeling.export.card.facts import Facts

SOURCES = [
    {"name": "plays", "origin": "pypi:plays==1", "version": "1", "license": "mit"},
    {"name": "a b.txt", "origin": "data/input/a b: ü.txt", "version": "", "license": "my own"},
]
HUB = {"kind": "hub", "id": "owner/Name", "origin": "hf://owner/Name", "version": "A" * 40}
OWN = {"kind": "path", "id": None, "origin": "stemma://v1.0.0", "version": "b" * 40}
FACTS = Facts(
    name="tiny",
    task="causal_lm",
    formulas=(),
    license="apache-2.0",
    language=("en", "de"),
    dtype="float32",
    config={"model_type": "llama", "vocab_size": 9, "architectures": ["LlamaForCausalLM"]},
    metrics={
        "loss": 1.5, "loss_low": 1.25, "loss_high": 1.75, "perplexity": 4.5, "documents": 3,
        "tokens": 9, "bytes": 40, "baselines": {"unigram": {"loss": 3.0}},
    },
    sources=[{**one, "sha256": "0" * 64, "documents": 2, "bytes": 9} for one in SOURCES],
    report={},
    training={"parameters": 12},
    base={"kind": None, "sha256": "1" * 64},
    beside=False,
    formats={},
)  # fmt: skip
FILES = [{"path": "onnx/model.onnx", "sha256": "2" * 64}, {"path": "a.json", "sha256": "3" * 64}]


def made(facts: Facts = FACTS) -> dict:
    return bill(facts, FILES, "4" * 32 + ".dir")


def based(**base: object) -> Facts:
    return dataclasses.replace(FACTS, base={"license": "CC-BY-4.0", "sha256": "5" * 64, **base})


MERGED = based(
    kind="merged", id=None, origin="ties of a, b", version="", method="ties", weights=[1.0, 0.5],
    density=0.2, parents=[{**HUB, "license": "MIT", "files": {"w.safetensors": "6" * 64}},
                          {**OWN, "license": "MIT"}], ancestor={**OWN, "license": "odd"},
)  # fmt: skip


@pytest.mark.parametrize(
    "facts",
    [FACTS, based(**HUB, files={"w.safetensors": "6" * 64}), based(**OWN), MERGED,
     dataclasses.replace(FACTS, sources=[], training={}, metrics={})],
    ids=["scratch", "hub", "own", "merged", "bare"],
)  # fmt: skip
def test_holds_the_schema_of_cyclonedx(facts: Facts) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_7)
    assert validator.validate_str(json.dumps(made(facts))) is None
    broken = made(facts)
    broken["metadata"]["component"]["modelCard"]["colour"] = "red"
    assert validator.validate_str(json.dumps(broken)) is not None


def test_the_metrics_have_their_intervals_and_counts_are_no_metrics() -> None:
    card = made()["metadata"]["component"]["modelCard"]
    assert card["quantitativeAnalysis"]["performanceMetrics"] == [
        {
            "type": "loss", "value": "1.5", "slice": "test split",
            "confidenceInterval": {"lowerBound": "1.25", "upperBound": "1.75"},
        },
        {"type": "perplexity", "value": "4.5", "slice": "test split"},
    ]  # fmt: skip
    assert card["modelParameters"]["task"] == "text-generation"
    assert card["modelParameters"]["modelArchitecture"] == "LlamaForCausalLM"
    assert any("may be wrong" in one for one in card["considerations"]["technicalLimitations"])


def test_data_sets_are_components_with_licences_that_the_model_depends_on() -> None:
    found = made()
    assert [one["licenses"] for one in found["components"]] == [
        [{"license": {"id": "MIT"}}], [{"license": {"name": "my own"}}],
    ]  # fmt: skip
    refs = [one["bom-ref"] for one in found["components"]]
    assert found["dependencies"] == [{"ref": "model", "dependsOn": refs}]
    card = found["metadata"]["component"]["modelCard"]
    assert card["modelParameters"]["datasets"] == [{"ref": ref} for ref in refs]
    assert found["components"][0]["hashes"] == [{"alg": "SHA-256", "content": "0" * 64}]


def test_what_it_descends_from_is_in_the_pedigree() -> None:
    assert "pedigree" not in made()["metadata"]["component"]
    (ancestor,) = made(based(**HUB))["metadata"]["component"]["pedigree"]["ancestors"]
    assert ancestor["purl"] == f"pkg:huggingface/owner/Name@{'a' * 40}"
    assert ancestor["licenses"] == [{"license": {"id": "CC-BY-4.0"}}]
    (own,) = made(based(**{**OWN, "version": ""}))["metadata"]["component"]["pedigree"]["ancestors"]
    assert (own["name"], own["version"]) == ("stemma://v1.0.0", f"sha256:{'5' * 64}")
    merged = made(MERGED)["metadata"]["component"]["pedigree"]
    assert [one["name"] for one in merged["ancestors"]] == ["owner/Name", *["stemma://v1.0.0"] * 2]
    assert merged["notes"].startswith("Merged by ties, density 0.2, weights 1, 0.5;")
    (file,) = merged["ancestors"][0]["components"]
    assert file["name"] == "w.safetensors"


def test_the_number_follows_from_the_content() -> None:
    assert made() == made()
    other = dataclasses.replace(FACTS, dtype="bfloat16")
    assert made()["serialNumber"] != made(other)["serialNumber"]
