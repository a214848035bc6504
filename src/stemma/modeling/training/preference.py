"""Training by preference: KTO on judged completions, DPO on pairs.

KTO: Ethayarajh et al. 2024, https://arxiv.org/abs/2402.01306; DPO: Rafailov et al. 2023,
https://arxiv.org/abs/2305.18290. A test holds the losses to the formulas of the papers. TRL's own
trainers are not used: they bring their own data pipeline and order, which no checkpoint of ours
could go on from to the same bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid
from transformers import TrainerCallback

from stemma.corpus.task import IGNORED

if TYPE_CHECKING:
    from stemma.modeling.runtime import Runtime
    from stemma.modeling.task import Batch, Training
    from stemma.modeling.training.settings import PreferenceSettings

COLUMNS = ("preference_loss", "reward_margin", "reward_accuracy")


class ByPreference:
    """A task that is learned by preference; otherwise it is as it was.

    Args:
        task: what the model does.
        settings: the loss and its weights.
        pad: makes a batch of sequences.

    Attributes:
        measured: sums of COLUMNS and of the weight of each since they were last asked for.
    """

    def __init__(self, task: Training, settings: PreferenceSettings, pad: Any) -> None:
        self.AUTO = task.AUTO
        self.head, self.examples = task.head, task.examples
        self._task, self._settings, self._pad = task, settings, pad
        self.measured: dict[str, list[float]] = {}

    def collate(self, examples: list[Batch]) -> Batch:
        """Return a batch of preferences, or one of ordinary examples."""
        if "sequences" not in examples[0]:
            return self._task.collate(examples)
        first, second = zip(*(one["sequences"] for one in examples), strict=True)
        ordinary = [one["ordinary"] for one in examples if one["ordinary"] is not None]
        return {
            "first": self._pad(first),
            "second": self._pad(second),
            "reference": torch.stack([one["reference"] for one in examples]),
            "desirable": torch.tensor([one["desirable"] for one in examples]),
            **({"ordinary": self._task.collate(ordinary)} if ordinary else {}),
        }

    def loss(self, model: Any, batch: Batch, runtime: Runtime) -> Tensor:
        """Return the mean loss: of preferences, and of ordinary examples by their weight."""
        if "first" not in batch:
            return self._task.loss(model, batch, runtime)
        settings, reference = self._settings, batch["reference"]
        first = log_probabilities(model, batch["first"]) - reference[:, 0]
        if settings.loss == "dpo":
            second = log_probabilities(model, batch["second"]) - reference[:, 1]
            loss = dpo(first, second, settings.beta)
            self._measure_pairs(loss, first - second)
        else:
            with torch.no_grad():
                second = log_probabilities(model, batch["second"]) - reference[:, 1]
            point = second.mean().clamp(min=0)
            weights = (settings.desirable_weight, settings.undesirable_weight)
            loss = kto(first, batch["desirable"], point, settings.beta, weights)
            self._measure_thumbs(loss, first, batch["desirable"], point)
        if "ordinary" in batch:
            loss = loss + settings.sft * self._task.loss(model, batch["ordinary"], runtime)
        return loss

    def score(self, model: Any, sequences: list[Batch], runtime: Runtime) -> Tensor:
        """Return the log-probability of each sequence's completion under a model: [sequences]."""
        batch = {key: value.to(model.device) for key, value in self._pad(sequences).items()}
        with torch.no_grad(), runtime.autocast():
            return log_probabilities(model, batch).cpu()

    def told(self) -> dict[str, float]:
        """Return the means of what was measured since the last call, and forget it."""
        sums, self.measured = self.measured, {}
        means = {key: total / weight if weight else 0.0 for key, (total, weight) in sums.items()}
        if "desirable" in means and "undesirable" in means:
            means["reward_margin"] = means["desirable"] - means["undesirable"]
        return {key: means.get(key, 0.0) for key in COLUMNS}

    def _measure_pairs(self, loss: Tensor, margin: Tensor) -> None:
        margin = margin.detach()
        self._add("preference_loss", loss.detach().reshape(1))
        self._add("reward_margin", self._settings.beta * margin)
        self._add("reward_accuracy", (margin > 0).float())

    def _measure_thumbs(
        self, loss: Tensor, ratio: Tensor, desirable: Tensor, point: Tensor
    ) -> None:
        rewards = self._settings.beta * ratio.detach()
        self._add("preference_loss", loss.detach().reshape(1))
        self._add("desirable", rewards[desirable])
        self._add("undesirable", rewards[~desirable])
        self._add("reward_accuracy", ((ratio.detach() > point) == desirable).float())

    def _add(self, key: str, values: Tensor) -> None:
        total, weight = self.measured.get(key, (0.0, 0.0))
        self.measured[key] = [total + float(values.sum()), weight + len(values)]


class PreferenceCurves(TrainerCallback):
    """Puts what is measured of preferences beside the loss, in the history and in what is shown."""

    def __init__(self, task: ByPreference) -> None:
        self._task = task

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Add the means since the last log line."""
        if logs and "loss" in logs:
            told = self._task.told()
            logs.update(told)
            state.log_history[-1].update(told)


def log_probabilities(model: Any, batch: Batch) -> Tensor:
    """Return the log-probability in nats of each sequence's labels: [sequences]."""
    inputs = {key: batch[key] for key in ("input_ids", "attention_mask")}
    logits = model(**inputs, use_cache=False).logits[:, :-1].float()
    labels = batch["labels"][:, 1:]
    counts = labels != IGNORED
    found = torch.log_softmax(logits, -1).gather(-1, labels.clamp(min=0)[..., None])[..., 0]
    return (found * counts).sum(-1)


def dpo(chosen: Tensor, rejected: Tensor, beta: float) -> Tensor:
    """Return DPO's mean loss of pairs, from their log-ratios of policy to reference: [pairs]."""
    return -logsigmoid(beta * (chosen - rejected)).mean()


def kto(
    ratio: Tensor, desirable: Tensor, point: Tensor, beta: float, weights: tuple[float, float]
) -> Tensor:
    """Return KTO's mean loss of judged completions.

    Args:
        ratio: log-ratios of policy to reference, [completions].
        desirable: bool, [completions].
        point: the reference point, an estimate of the divergence of the policy, not negative.
        beta: how much a log-ratio counts.
        weights: of desirable and of undesirable completions.
    """
    gain = torch.where(desirable, ratio - point, point - ratio)
    weight = torch.where(desirable, *(torch.full_like(ratio, one) for one in weights))
    return (weight * (1 - torch.sigmoid(beta * gain))).mean()
