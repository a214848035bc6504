from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from stemma import overrides

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20),
)


@given(st.one_of(scalars, st.lists(scalars, max_size=4)))
def test_hydra_reads_back_what_is_written(value):
    written = f"key={overrides.literal(value)}"
    parsed = OverridesParser.create().parse_override(written)
    assert parsed.value() == value, written


def test_differences_lead_from_one_to_the_other():
    base = {"train": {"steps": 10, "betas": [0.9, 0.95]}, "model": {"width": 8}}
    wanted = {"train": {"steps": 20, "betas": [0.9, 0.99]}, "model": {"width": 8, "depth": 2}}
    assert overrides.between(base, wanted) == [
        "+model.depth=2",
        "train.betas=[0.9,0.99]",
        "train.steps=20",
    ]
    assert overrides.between(wanted, base)[0] == "~model.depth"
    assert overrides.between(base, base) == []


def test_key_of_an_override():
    assert overrides.key_of("train.steps=3") == "train.steps"
    assert overrides.key_of("+train.extra=a=b") == "train.extra"
    assert overrides.key_of("~train.steps") == "train.steps"
    assert overrides.key_of("model@other=gpt2") == "model"


def test_a_key_that_is_null_goes_with_what_it_stands_in():
    """Hydra refuses to delete a key whose value is null."""
    base = {"a": {"b": {"c": None, "d": 1}, "e": 2}}
    assert overrides.between(base, {"a": {"b": {"d": 3}, "e": 2}}) == ["~a.b", "+a.b={d:3}"]
    assert overrides.between(base, {"a": {"b": {"c": None, "d": 1}}}) == ["~a.e"]
