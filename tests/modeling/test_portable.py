"""OpenBLAS under torch's products: their values are torch's own, their bits no thread's choice."""

import threading

import numpy as np
import pytest
from arithmetical import arithmetic, emulated

from stemma.errors import ReproducibilityError
from stemma.modeling import portable
from stemma.modeling.portable import PIECES, Team


def test_products_are_those_of_torch_itself():
    far = {name: error for name, error in arithmetic("errors").items() if not error < 1e-4}
    assert far == {}


def test_no_bit_depends_on_how_many_threads_compute():
    one = arithmetic("1")
    assert len(one) > 80
    assert one == arithmetic("2") == arithmetic("5")


@pytest.mark.parametrize(
    "processor", ["Haswell", pytest.param("EPYC-Milan", marks=pytest.mark.soak)]
)
def test_no_bit_depends_on_the_processor(processor: str):
    assert arithmetic("2") == arithmetic("2", emulated(processor))


def test_another_library_than_openblas_is_refused(monkeypatch):
    built = {"Build Dependencies": {"blas": {"name": "mkl"}}}
    monkeypatch.setattr(np, "show_config", lambda mode: built)
    with pytest.raises(ReproducibilityError, match="has mkl") as caught:
        portable.install.__wrapped__(2)
    assert "runtime=auto" in str(caught.value.hint)


def test_a_team_makes_every_call_once_and_raises_what_one_raised():
    team, made, lock = Team(3), [], threading.Lock()

    def call(number: int) -> None:
        with lock:
            made.append(number)
        if number == 7:
            raise ValueError("seven")

    team.run([lambda n=n: call(n) for n in range(7)])
    assert sorted(made) == list(range(7))
    made.clear()
    with pytest.raises(ValueError, match="seven"):
        team.run([lambda n=n: call(n) for n in range(20)])
    assert sorted(made) == list(range(20))


def test_a_large_product_is_cut_by_its_shape_alone_and_a_small_one_not():
    left, right = np.zeros((2048, 256)), np.zeros((256, 768))
    assert len(portable._pieces(left, right, np.zeros((2048, 768)))) == PIECES
    assert len(portable._pieces(left[:8], right[:, :8], np.zeros((8, 8)))) == 1
