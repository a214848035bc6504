"""How often `stemma watch` alarms for nothing, and what it sees of drifts of real texts.

The reference and what is asked without drift are stretches of scenes that the default model was
not trained on; the drifts are laid over a share of a window. Needs models/exported and
data/prepared of the default recipe (`dvc checkout`), and pip for one wheel.

    python bench/watching.py            both
    python bench/watching.py power 20   drifts alone, 20 windows each
    python bench/watching.py alarms 20  20 months without drift alone
"""

import collections
import json
import os
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import numpy as np
import yaml

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests/support")]

from recorded import FINISHED  # noqa: E402

from stemma.corpus import features, wheel  # noqa: E402
from stemma.monitoring.measured import WIDTH, Measured, Probe  # noqa: E402
from stemma.monitoring.records import record_of  # noqa: E402
from stemma.monitoring.reference import Reference, Row  # noqa: E402
from stemma.monitoring.watching import settings  # noqa: E402
from stemma.monitoring.watching.comparing import Evidence, compare  # noqa: E402
from stemma.monitoring.watching.features import FEATURES  # noqa: E402
from stemma.monitoring.watching.requests import Request  # noqa: E402
from stemma.statistics import kernel  # noqa: E402
from stemma.statistics.contrast import difference_of_shares, most_changed, superiority  # noqa: E402

ROWS, PROBES, SHARES = 300, 64, (0.25, 0.5, 1.0)
HISTORIES = ("henry", "richard", "king-john", "edward")
EVERY = 600.0


class Model:
    """The default model, and what it says of prompts.

    Args:
        bits: to which its matrices are rounded, by rows; None for not at all.
    """

    def __init__(self, bits: int | None = None) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        torch.set_num_threads(1)
        self._torch = torch
        self.tokenizer = AutoTokenizer.from_pretrained(ROOT / "models/exported")
        self.model = AutoModelForCausalLM.from_pretrained(ROOT / "models/exported").eval()
        counts = np.bincount(np.load(ROOT / "data/prepared/train.tokens.npy"), minlength=2048)
        self._rare = counts < counts.sum() * 1e-5
        for weight in self.model.parameters() if bits else ():
            if weight.ndim == 2:
                step = weight.data.abs().amax(1, keepdim=True) / (2 ** (bits - 1) - 1)
                weight.data = (weight.data / step).round() * step
        size = self.model.config.hidden_size
        self._plane = np.random.default_rng(size).normal(0, WIDTH**-0.5, (size, WIDTH))

    def measured(self, text: str) -> Measured:
        """Return what the model says of a prompt."""
        ids = self.tokenizer(text)["input_ids"][:127]
        tokens = self._torch.tensor([ids])
        with self._torch.no_grad():
            out = self.model(tokens, labels=tokens, output_hidden_states=True)
        state = out.hidden_states[-1][0].mean(0).numpy() @ self._plane
        return Measured(float(out.loss), len(ids), float(self._rare[ids].mean()), 0.0,
                        tuple(state.tolist()))  # fmt: skip


def scenes(draws: np.random.Generator, tokenizer: Any) -> tuple[list[str], list[str]]:
    """Return stretches of 24 to 60 tokens of scenes that no weight has seen: plays, histories."""
    import pyarrow.parquet as pq

    rows = pq.read_table(ROOT / "data/prepared/manifest.parquet", columns=["group", "split"])
    found: tuple[list[str], list[str]] = ([], [])
    for split in ("validation", "test"):
        tokens = np.load(ROOT / f"data/prepared/{split}.tokens.npy")
        ends = np.load(ROOT / f"data/prepared/{split}.offsets.npy")
        groups = [one["group"] for one in rows.to_pylist() if one["split"] == split]
        assert len(ends) == len(groups) + 1
        for group, start, end in zip(groups, ends, ends[1:], strict=False):
            while start + 60 < end:
                size = int(draws.integers(24, 61))
                text = tokenizer.decode(tokens[start : start + size], skip_special_tokens=True)
                found[group.startswith(HISTORIES)].append(text.strip())
                start += size
    for one in found:
        draws.shuffle(one)
    return found


def dialogues(*languages: str) -> list[str]:
    """Return the first turns of chatterbot-corpus."""
    told = yaml.safe_load((ROOT / "conf/source/chatterbot.yaml").read_text(encoding="utf-8"))
    keys = told["package"], told["version"], told["sha256"]
    texts = set()
    with wheel.downloaded(*keys, "source") as place, zipfile.ZipFile(place) as archive:
        for name in archive.namelist():
            if name.endswith(".yml") and name.split("/")[-2] in languages:
                for turns in yaml.safe_load(archive.read(name))["conversations"]:
                    texts.add(" ".join(map(str, turns)) if isinstance(turns, list) else str(turns))
    return sorted(one for one in texts if len(one) > 30)


def request(model: Model, text: str) -> Request:
    """Return a request as a server records it."""
    import dataclasses

    one = dataclasses.replace(FINISHED, id=str(abs(hash(text))), prompts=[text], who=text)
    return Request(dataclasses.replace(record_of(one, b""), number=1), model.measured(text))


def power(windows: int = 40, size: int = 400) -> dict[str, Any]:
    """Return in which share of windows each drift alarms, and by which features."""
    draws, model, bounds = np.random.default_rng(3), Model(), settings.read(Path("/nowhere"))
    plays, histories = scenes(draws, model.tokenizer)
    asked, calm = plays[:ROWS], [request(model, text) for text in plays[ROWS : ROWS + 1500]]
    answer = features.of(["A piece of him."])
    rows = [Row(text, model.measured(text), features.of([text]), 7, "stop", False, False, answer)
            for text in asked]  # fmt: skip
    kept = Reference(tuple(rows), np.ones(1, bool), WIDTH, 1)
    letters = list("abcdefghijklmnopqrstuvwxyz0123456789{}[];=<>/$#%&  ")
    drifts: dict[str, tuple[list[str], Model]] = {
        "other language (German, French, Spanish)":
            (dialogues("german", "french", "spanish"), model),
        "longer prompts (twice)":
            ([f"{a}\n{b}" for a, b in zip(plays[-900::2], plays[-899::2], strict=False)], model),
        "another genre (small talk)": (dialogues("english"), model),
        "garbage": (["".join(draws.choice(letters, 90)) for _ in range(500)], model),
        "shifted topic (histories)": (histories[:900], model),
        "int8 weights": (plays[ROWS : ROWS + 900], Model(8)),
        "int4 weights": (plays[ROWS : ROWS + 900], Model(4)),
    }  # fmt: skip
    level, found = bounds.level(EVERY), {}
    for name, (texts, runs) in {"none": (plays[-900:], model), **drifts}.items():
        changed = [request(runs, text) for text in texts]
        probes = [Probe(0.0, "lm@v1.0.0", "", place, runs.measured(text).nats)
                  for place, text in enumerate(asked[:PROBES])]  # fmt: skip
        for share in SHARES if runs is model and name != "none" else (1.0,):
            hits: collections.Counter[str] = collections.Counter()
            for _ in range(windows):
                count = round(share * size)
                window = [*draws.choice(np.array(changed, object), count),
                          *draws.choice(np.array(calm, object), size - count)]  # fmt: skip
                told = compare(Evidence(window, [], probes, kept), "evaluation", bounds, level)
                alarms = [one.feature for one in told if one.alarms]
                hits.update(alarms or ["(none)"])
            alarmed = 1 - hits.pop("(none)", 0) / windows
            print(f"{name}, {share:.0%}: {alarmed:.2f} {dict(hits.most_common(6))}", flush=True)
            found[f"{name}, {share:.0%}"] = {"alarms": alarmed, "by": dict(hits)}
    return found


def alarms(months: int = 40, budget: float = 50.0) -> dict[str, Any]:
    """Return how often a month without drift alarms, thresholds aside, at a raised budget.

    A month is 4,320 looks; 600 requests a day by 60 askers, of which a window holds the last 24
    hours and a look samples 256; a reference of 300 is drawn anew for each month.
    """
    bounds, level = settings.read(Path("/nowhere")), budget / (4320 * len(FEATURES))
    draws = np.random.default_rng(5)
    kinds: dict[str, Callable[..., Any]] = {
        "number": lambda a, b: superiority(a, b),
        "share": lambda a, b: difference_of_shares(int(a.sum()), len(a), int(b.sum()), len(b)),
        "category": lambda a, b: most_changed(a.tolist(), b.tolist())[1],
        "vector": lambda a, b: kernel.discrepancy(a, b, 1000),
    }
    found = {}
    for name, judge in kinds.items():
        held = months if name != "vector" else max(1, months // 8)
        every = 1 if name != "vector" else 12  # each two hours: fewer looks at the same level
        looks = rejected = with_alarm = 0
        start = time.perf_counter()
        for _ in range(held):
            values = _values(name, draws, 300), _values(name, draws, 600 * 31)
            times = np.sort(draws.uniform(-1, 30, 600 * 31))
            order = draws.permutation(len(times))  # what the hash of an id decides
            hit = 0
            for end in np.arange(0, 30, every / 144):
                inside = np.flatnonzero((times >= end - 1) & (times < end))
                sample = inside[np.argsort(order[inside])[: bounds.sample]]
                hit += judge(values[0], values[1][sample]).p < level
                looks += 1
            rejected, with_alarm = rejected + hit, with_alarm + bool(hit)
        per_month = budget / len(FEATURES) * (4320 / every) / 4320
        found[name] = {
            "months": held, "looks": looks, "rejections": int(rejected),
            "expected_at_most": per_month * held, "months_with_alarm": int(with_alarm),
            "seconds": time.perf_counter() - start,
        }  # fmt: skip
        print(name, found[name], flush=True)
    return found


def _values(kind: str, draws: np.random.Generator, count: int) -> Any:
    if kind == "number":
        return draws.gamma(2, 1, count)
    if kind == "share":
        return draws.random(count) < 0.05
    if kind == "category":
        return draws.choice(
            ["en", "de", "fr", "none", "pl"], count, p=[0.9, 0.05, 0.02, 0.02, 0.01]
        )
    return draws.standard_t(4, (count, WIDTH))


def measure() -> dict[str, Any]:
    """Measure both."""
    return {"power": power(), "alarms": alarms()}


def show(found: dict[str, Any]) -> None:
    """Print both."""
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    which = {"power": power, "alarms": alarms}
    given = [int(word) for word in sys.argv[2:]]
    print(json.dumps(which[sys.argv[1]](*given) if sys.argv[1:] else measure(), indent=2))
