"""Where things stand in a project, relative to its root."""

from pathlib import Path

CONF = Path("conf")
REGISTRY = CONF / "registry.yaml"
GATES = CONF / "gates"
SEARCH = CONF / "search"
PARAMS = Path("params.yaml")
CODE = Path("code.lock")  # by which code each stage makes its outputs
RECORD = "composed"  # its section on how it was made
ENVIRONMENT = Path("environment.lock")
INPUT = Path("data/input")
REVOKED = Path("data/revoked.jsonl")  # what nothing may be trained on
RAW = Path("data/raw")
BASE = Path("models/base")
PREPARED = Path("data/prepared")
TRAINED = Path("models/trained")
EXPORTED = Path("models/exported")
REPORTS = Path("reports")
PLOTS = REPORTS / "plots"
EVALUATION = PLOTS / "evaluation"
METRICS = REPORTS / "metrics.json"
MEASURED = REPORTS / "measured.json"  # which weights they speak of
FORMATS = REPORTS / "formats.json"
RUNS = Path("runs")
OBSERVED = "observed.json"  # beside a model: what it was made on; .dvcignore hides it
