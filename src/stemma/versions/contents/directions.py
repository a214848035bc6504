"""Which direction of a metric is better, where its name is one that the field uses."""

import re

from stemma.store.declared import Direction

# Parts of names, as scikit-learn, torchmetrics, lm-evaluation-harness and dvclive have them.
_LOWER = ("loss", "nll", "ppl", "perplexity", "error", "err", "wer", "cer", "ter", "mse", "rmse",
          "mae", "mape", "brier", "ece", "latency", "toxicity", "bits", "bpb")  # fmt: skip
_HIGHER = ("acc", "accuracy", "f1", "em", "match", "bleu", "chrf", "rouge", "rouge1", "rouge2",
           "rougel", "rougelsum", "meteor", "bertscore", "comet", "auc", "auroc", "roc", "prec",
           "precision", "recall", "map", "mrr", "ndcg", "mcc", "kappa", "r2", "iou", "pass", "win",
           "likelihood", "correct")  # fmt: skip
_PARTS = re.compile(r"[a-z]+\d?")


def better(name: str) -> Direction | None:
    """Return whether lower or higher values of a metric are better; None if its name does not tell.

    The last part of the name that is known decides: ``train.accuracy``, ``word_error_rate``.
    """
    for part in reversed(_PARTS.findall(name.lower())):
        if part in _LOWER:
            return "lower"
        if part in _HIGHER:
            return "higher"
    return None
