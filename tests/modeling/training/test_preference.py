"""The losses of preferences, held against the formulas of the papers, number by number."""

import math

import pytest
import torch

from stemma.modeling.training.preference import dpo, kto


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def test_dpo_is_equation_7_of_rafailov() -> None:
    chosen, rejected, beta = [1.5, -2.0, 0.0], [0.5, 1.0, 0.0], 0.3
    each = [-math.log(sigmoid(beta * (a - b))) for a, b in zip(chosen, rejected, strict=True)]
    found = dpo(torch.tensor(chosen), torch.tensor(rejected), beta)
    assert float(found) == pytest.approx(sum(each) / 3, rel=1e-6)


def test_kto_is_equation_8_of_ethayarajh() -> None:
    ratio, liked, point, beta = [1.5, -2.0, 0.7], [True, False, True], 0.4, 0.3
    each = [
        1.5 * (1 - sigmoid(beta * (one - point)))
        if good
        else 0.5 * (1 - sigmoid(beta * (point - one)))
        for one, good in zip(ratio, liked, strict=True)
    ]
    found = kto(torch.tensor(ratio), torch.tensor(liked), torch.tensor(point), beta, (1.5, 0.5))
    assert float(found) == pytest.approx(sum(each) / 3, rel=1e-6)
