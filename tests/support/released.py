"""A project whose versions have a small model, data and metrics, and remotes of DVC and Git.

Nothing is trained. Its registry has two stages, staging and prod, and gates that a test chooses.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from click.testing import Result
from history import History, json_bytes
from measured import metrics_of, texts
from prepared import manifest, row
from refusing import run
from safetensors.numpy import save

PIPELINE = """\
stages:
  made:
    cmd: make
    outs: [data/raw, data/prepared, models/base, models/trained, models/exported]
    metrics: [reports/metrics.json: {cache: false}]
artifacts:
  lm: {path: models/exported, type: model, labels: [exported]}
  weights: {path: models/trained, type: model, labels: [trained]}
  base: {path: models/base, type: model, labels: [base]}
  raw: {path: data/raw, type: dataset, labels: [raw]}
  prepared: {path: data/prepared, type: dataset, labels: [prepared]}
  examples: {path: reports/examples.parquet, type: evaluation, labels: [examples]}
"""
CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 300}
SOURCE = {
    "name": "plays", "origin": "tests", "version": "1", "license": "CC0-1.0",
    "sha256": "0" * 64, "documents": 2, "bytes": 9,
}  # fmt: skip
SIZES = {"documents": 1, "tokens": 2, "bytes": 9}
COUNTS = {
    "documents": {"raw": 2, "dropped": 0, "kept": 2},
    "dropped": {},
    "splits": {"train": SIZES, "test": SIZES},
}
REPORT = COUNTS | {"contamination": {"ngram": 13, "test": {"ngrams": 1000, "ngrams_in_train": 0}}}
ROWS = (row("doc-000", "a text", split="test"), row("doc-100", "another", split="train"))


class Released(History):
    """Makes versions, and runs verbs in the project."""

    def __init__(self, root: Path, gates: Mapping[str, Any] | None = None, **registry: Any) -> None:
        super().__init__(root)
        self.store = root.with_name("store")
        self.git("init", "-q", "--bare", "-b", "main", str(root.with_name("origin.git")))
        self.git("remote", "add", "origin", str(root.with_name("origin.git")))
        self.known_as_test()
        (root / ".dvc/config").write_text(
            f"[core]\n    remote = store\n    analytics = false\n['remote \"store\"']\n"
            f"    url = {self.store}\n"
        )
        (root / ".gitignore").write_text("/data\n/models\n/.dvc/tmp\n")
        (root / "dvc.yaml").write_text(PIPELINE)
        self.settings(gates or {}, **registry)
        self._seed = 0

    def known_as_test(self) -> None:
        """Tell Git who writes, for verbs that run in the tests' process."""
        self.git("config", "user.name", "Test")
        self.git("config", "user.email", "test@example.org")

    def settings(
        self, gates: Mapping[str, Any], approvals: int = 0, require: str = "evidence",
        keys: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        """Write conf/registry.yaml: staging asks nothing, prod asks these gates."""
        stages = {
            "staging": {"promotes_from": None, "approvals": 0, "gates": {}},
            "prod": {"promotes_from": "staging", "approvals": approvals, "gates": dict(gates)},
        }
        content = {"require": require, "keys": list(keys), "stages": stages}
        (self.root / "conf").mkdir(exist_ok=True)
        (self.root / "conf/registry.yaml").write_text(yaml.safe_dump(content, sort_keys=False))

    def make(
        self,
        effect: float = 0.0,
        *,
        count: int = 200,
        seed: int | None = None,
        exported: Mapping[str, bytes] | None = None,
        config: Mapping[str, Any] | None = None,
        tokenizer: bytes = b"{}",
        source: Mapping[str, Any] | None = None,
        report: Mapping[str, Any] | None = None,
        rows: Any = ROWS,
        pushed: bool = True,
        metrics: Mapping[str, Any] | None = None,
        columns: Mapping[str, Any] | None = None,
        slower: Mapping[str, float] | None = None,
        base: int | None = None,
        raw: bytes | None = None,
    ) -> str:
        """Commit a version; return its commit.

        Args:
            effect: by how many bits per byte it is worse.
            columns: further columns of the examples.
            slower: by how many bits per byte examples with a label are worse.
            base: the seed of the version from whose weights it started.
        """
        self._seed = self._seed + 1 if seed is None else seed
        examples = texts(count, self._seed, effect) | dict(columns or {})
        for label, more in (slower or {}).items():
            here = np.array([one == label for one in examples["label"]])
            examples["loss"] = examples["loss"] + here * more * np.log(2) * examples["bytes"]
        reports = self.root / "reports"
        reports.mkdir(exist_ok=True)
        pq.write_table(pa.table(examples), reports / "examples.parquet")
        (reports / "metrics.json").write_text(json.dumps(metrics or metrics_of(examples)))
        weights = weights_of(self._seed)
        model = {
            "config.json": json_bytes({**CONFIG, **(config or {})}),
            "model.safetensors": weights,
            "tokenizer.json": tokenizer,
            **(exported or {}),
        }
        sources = raw or json_bytes({"sources": [{**SOURCE, **(source or {})}]})
        prepared = {
            "data_report.json": json_bytes(COUNTS | dict(report or REPORT)),
            "manifest.parquet": manifest(list(rows)),
        }
        commit = self.commit(
            {
                "data/raw": {"sources.json": sources},
                "data/prepared": dict(sorted(prepared.items())),
                "models/base": {"base.json": b"{}"}
                | ({} if base is None else {"model.safetensors": weights_of(base)}),
                "models/trained": {"model.safetensors": weights},
                "models/exported": dict(sorted(model.items())),
            }
        )
        if pushed:
            self.push_bytes()
        self.git("push", "-q", "origin", "HEAD")
        return commit

    def push_bytes(self) -> None:
        """Send all bytes to the DVC remote, as `dvc push` does."""
        shutil.copytree(self.root / ".dvc/cache/files", self.store / "files", dirs_exist_ok=True)

    def run(self, *words: str) -> Result:
        """Run a verb, which must end well."""
        done = run(self.root, *words)
        assert done.exit_code == 0, (done.output, done.stderr, repr(done.exception))
        return done

    def json(self, *words: str) -> Any:
        """Run a verb, and return what --json says."""
        done = run(self.root, *words, "--json")
        assert done.stdout, (done.stderr, repr(done.exception))
        return json.loads(done.stdout)

    def in_prod(self, **version: Any) -> str:
        """Make a version, register it, and put it on both stages; return its name."""
        self.make(**version)
        name = self.json("register")["version"]
        for stage in ("staging", "prod"):
            self.run("promote", name, stage)
        return name

    def candidate(self, *args: Any, **version: Any) -> str:
        """Make a version, register it, and put it on staging; return its name."""
        self.make(*args, **version)
        name = self.json("register", "--bump", "minor")["version"]
        self.run("promote", name, "staging")
        return name

    def clone(self, name: str) -> "Released":
        """Return a clone of the Git remote, with its tags; it finds bytes in the store."""
        folder = self.root.with_name(name)
        self.git("clone", "-q", str(self.root.with_name("origin.git")), str(folder))
        other = object.__new__(Released)
        other.root, other.store, other._seed = folder, self.store, 100
        other.known_as_test()
        return other


def weights_of(seed: int) -> bytes:
    """Return the weights of a version by its seed."""
    return save({"weight": np.full((8, 8), seed, np.float32)})


def agreed(project: Released, stage: str = "prod") -> str | None:
    """Return the version that stands on a stage, as Stemma, GTO and DVC say; they must agree."""
    from dvc.repo import Repo
    from gto.api import show

    standing = project.json("versions")["versions"]
    ours = next((one["version"] for one in standing if stage in one["stages"]), None)
    assert show(str(project.root))["lm"]["stage"][stage] == ours
    with Repo(str(project.root)) as repo:
        rev = repo.artifacts.get_rev("lm", stage=stage)
        commit = project.git("rev-parse", f"{rev}^{{commit}}")
    assert commit == project.git("rev-parse", f"lm@{ours}^{{commit}}")
    return ours
