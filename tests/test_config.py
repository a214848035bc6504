from typing import Annotated, Literal

import pytest
import yaml
from project import ROOT
from pydantic import Field

from stemma.config import build, load, read_params, settings
from stemma.errors import SettingsError


@settings
class One:
    kind: Literal["one"]
    size: Annotated[int, Field(gt=0)]


@settings
class Two:
    kind: Literal["two"]
    rate: float
    pair: tuple[float, float] = (0.0, 1.0)


@settings
class Stage:
    part: Annotated[One | Two, Field(discriminator="kind")]


def test_a_section_becomes_a_frozen_dataclass(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("part: {kind: two, rate: 1e-05}\nother: {}\n")
    made = load(Stage, path)
    assert made == Stage(part=Two(kind="two", rate=1e-5))
    with pytest.raises(AttributeError):
        made.part = None


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"kind": "one", "size": 1, "sice": 2}, "unknown key 'part.sice'"),
        ({"kind": "one"}, "missing key 'part.size'"),
        ({"kind": "one", "size": 0}, "'part.size' is 0"),
        ({"kind": "two", "rate": "fast"}, "'part.rate' is 'fast'"),
        ({"kind": "two", "rate": 1, "pair": [1, "x"]}, "'part.pair.1' is 'x'"),
        ({"kind": "three"}, "'part' is"),
    ],
)
def test_a_wrong_key_is_named(raw, said):
    with pytest.raises(SettingsError) as caught:
        build(Stage, {"part": raw}, "params.yaml")
    assert said in str(caught.value)
    assert "params.yaml" in str(caught.value)


@pytest.mark.parametrize("content", [None, "", "- a\n", "a: [\n", "other: {}\n"])
def test_a_bad_file_says_what_to_type(tmp_path, content):
    path = tmp_path / "params.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError, match="stemma compose"):
        load(Stage, path)


def test_params_are_read_as_hydra_writes_them(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("a: {rate: 1.0e-05, small: 1e-5, text: '${x}'}\n")
    assert read_params(path)["a"] == {"rate": 1e-5, "small": 1e-5, "text": "${x}"}


def test_no_setting_has_a_name_that_the_run_cache_of_dvc_leaves_out():
    """DVC 3.67 takes outputs that were made with another value of these (`dvc/stage/cache.py`)."""
    from dvc_data.hashfile.meta import Meta

    def keys(value):
        for key, inner in value.items() if isinstance(value, dict) else ():
            yield key
            yield from keys(inner)

    files = [ROOT / "params.yaml", *(ROOT / "conf").rglob("*.yaml")]
    named = {key for file in files for key in keys(yaml.safe_load(file.read_text()))}
    assert "train" in named and not named & {Meta.PARAM_SIZE, Meta.PARAM_NFILES}
