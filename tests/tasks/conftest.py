"""Every task on tiny data, from raw documents to metrics, in this process: imports cost seconds."""

import importlib

import pytest
from project import ROOT

from stemma import composition
from stemma.config import build

SMALL = (
    *("train.steps=2", "train.batch_size=4", "train.micro_batch_size=2", "train.log_every=1"),
    *("train.evaluate_every=2", "train.checkpoint_every=2", "train.validation_blocks=4"),
    *("train.sequence_length=32", "prepare.workers=1", "evaluate.resamples=50"),
    *("evaluate.sample_tokens=4", "runtime.device=cpu", "runtime.precision=fp32"),
    # What runtime=portable makes of torch would last for the tests to come.
    "runtime=auto",
    *("runtime.threads=1", "prepare.split.validation=0.2", "prepare.split.test=0.2"),
)


@pytest.fixture
def stages(tmp_path, monkeypatch):
    """Run stages in an empty folder: ``stages(names, overrides)``."""
    (tmp_path / "data/input").mkdir(parents=True)
    (tmp_path / "environment.lock").write_bytes((ROOT / "environment.lock").read_bytes())
    monkeypatch.chdir(tmp_path)

    def run(names, *overrides):
        values = composition.compose([*SMALL, *overrides], ROOT).values
        for name in names:
            module = importlib.import_module(f"stemma.stages.{name}")
            kind = getattr(module, f"{name.title()}Settings")
            sections = {key: values[key] for key in kind.__dataclass_fields__}
            module.run(build(kind, sections, "params.yaml"))

    return run
