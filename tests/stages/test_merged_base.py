"""A base of several models: what the stage writes, and every merge that it refuses."""

import math
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import based
import pytest
import tiny
import torch
from safetensors.torch import load_file, save_file

from stemma.config import build
from stemma.corpus.tokenizer.make import make_tokenizer
from stemma.corpus.tokenizer.settings import BpeTokenizer
from stemma.errors import ModelError, SettingsError, SourceError
from stemma.files import read_json, sha256_of, write_json
from stemma.hashes import hashes_of
from stemma.layout import BASE
from stemma.modeling.bases.methods import ties
from stemma.modeling.weights import shards
from stemma.stages.base import BaseSettings, run

ONE, OTHER, ANCESTOR = (f"data/input/{name}" for name in ("one", "other", "ancestor"))
NORM = "model.layers.1.input_layernorm.weight"
Weights = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ancestor of random weights in bf16, and two models that differ from it everywhere."""
    folder = tmp_path_factory.mktemp("models")
    based.make_llama(folder / ANCESTOR, tiny.texts(0, 60))
    for seed, name in enumerate((ONE, OTHER)):
        shutil.copytree(folder / ANCESTOR, folder / name)
        torch.manual_seed(seed)
        edit(folder / name, lambda tensor: tensor + 0.1 * torch.randn(tensor.shape))
    return folder


@pytest.fixture
def here(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(models, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edit(
    folder: Path | str, change: Callable[[torch.Tensor], torch.Tensor], only: str = ""
) -> None:
    """Change the weights of a model, or one of them; their type stays."""
    path = Path(folder) / "model.safetensors"
    weights = {
        name: change(tensor.float()).to(tensor.dtype) if only in name else tensor
        for name, tensor in load_file(path).items()
    }
    save_file(weights, path, {"format": "pt"})


def settings(**changes: Any) -> BaseSettings:
    base = {
        "kind": "merged",
        "method": "average",
        "parents": [ONE, OTHER],
        "weights": None,
        "density": None,
        "ancestor": None,
        "license": "MIT",
        **changes,
    }
    return build(BaseSettings, {"model": {"name": "merged", "base": base}}, "test")


def merged() -> Weights:
    located = shards.locate(BASE)
    with shards.Reader(located) as tensors:
        return {name: tensors[name] for name in located}


def weights_of(folder: str) -> Weights:
    found = load_file(Path(folder) / "model.safetensors")
    return {name: tensor.float() for name, tensor in found.items()}


def expected(formula: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]):
    one, other, ancestor = map(weights_of, (ONE, OTHER, ANCESTOR))
    return {name: formula(one[name], other[name], ancestor[name]).bfloat16() for name in one}


FORMULAS = {
    "average": ({}, lambda one, other, _: (one + other) / 2),
    "weighted": ({"weights": [3.0, 1.0]}, lambda one, other, _: (3 * one + other) / 4),
    "task_arithmetic": (
        {"method": "task_arithmetic", "ancestor": ANCESTOR, "weights": [1.0, -0.5]},
        lambda one, other, ancestor: ancestor + ((one - ancestor) - 0.5 * (other - ancestor)),
    ),
    "ties": (
        {"method": "ties", "ancestor": ANCESTOR, "density": 0.25},
        lambda one, other, ancestor: ties([one, other], (1.0, 1.0), ancestor, 0.25),
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_every_weight_is_merged_by_the_formula(here: Path, name: str) -> None:
    changes, formula = FORMULAS[name]
    run(settings(**changes))
    found, wanted = merged(), expected(formula)
    assert found.keys() == wanted.keys()
    for key, tensor in found.items():
        assert tensor.dtype == torch.bfloat16, "the type of the parents"
        torch.testing.assert_close(tensor, wanted[key], rtol=0, atol=0)


def test_a_merged_base_is_laid_out_as_any_other(here: Path) -> None:
    run(settings())
    first = {path.name: path.read_bytes() for path in BASE.iterdir()}
    run(build(BaseSettings, {"model": {"base": plain(ONE)}}, "test"))
    assert {path.name for path in BASE.iterdir()} == first.keys()
    alike = {name for name in first if (BASE / name).read_bytes() == first[name]}
    assert {"config.json", "tokenizer.json", "tokenizer_config.json", shards.INDEX} <= alike
    run(settings())
    assert {path.name: path.read_bytes() for path in BASE.iterdir()} == first


def plain(path: str, **changes: Any) -> dict[str, Any]:
    return {"kind": "path", "path": path, "license": "CC0-1.0", "trusted": [], **changes}


def test_the_lineage_names_the_weights_of_every_model(here: Path) -> None:
    run(build(BaseSettings, {"model": {"base": plain(ONE)}}, "test"))
    md5s = {name: md5 for name, md5 in hashes_of(BASE).items() if name.endswith(".safetensors")}
    alone = read_json(BASE / "base.json")
    run(settings(method="ties", density=0.5, ancestor=ANCESTOR, parents=[plain(ONE), OTHER]))
    facts = read_json(BASE / "base.json")
    assert (facts["kind"], facts["origin"]) == ("merged", f"ties of {ONE}, {OTHER}")
    assert (facts["weights"], facts["density"]) == ([1.0, 1.0], 0.5)
    others = {path.name: sha256_of(path) for path in BASE.iterdir() if path.name != "base.json"}
    assert facts["files"] == others
    first, second = facts["parents"]
    assert first == {**alone, "weights": md5s}
    assert (second["origin"], second["license"]) == (OTHER, "MIT"), "the licence of the merge"
    assert facts["ancestor"]["origin"] == ANCESTOR


def test_parents_of_two_types_give_the_type_that_holds_both(here: Path) -> None:
    path = Path(OTHER, "model.safetensors")
    save_file({name: t.half() for name, t in load_file(path).items()}, path, {"format": "pt"})
    config = Path(OTHER, "config.json")
    write_json(config, {**read_json(config), "dtype": "float16"})
    run(settings())
    assert {tensor.dtype for tensor in merged().values()} == {torch.float32}
    assert read_json(BASE / "config.json")["dtype"] == "float32"


def other_shape() -> None:
    shutil.rmtree(OTHER)
    based.make_llama(Path(OTHER), tiny.texts(0, 60), intermediate_size=96)


def other_depth() -> None:
    shutil.rmtree(OTHER)
    based.make_llama(Path(OTHER), tiny.texts(0, 60), num_hidden_layers=4)


def other_family() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    Path(OTHER, "model.safetensors").unlink()
    config = GPT2Config(vocab_size=based.VOCABULARY, n_embd=16, n_layer=1, n_head=2)
    GPT2LMHeadModel(config).save_pretrained(OTHER)


def other_function() -> None:
    # The same shapes, and another function of them.
    path = Path(OTHER, "config.json")
    write_json(path, {**read_json(path), "rms_norm_eps": 1e-3})


def other_tokenizer() -> None:
    bpe = BpeTokenizer(
        name="bpe",
        kind="bpe",
        vocab_size=based.VOCABULARY,
        min_frequency=1,
        pattern="gpt2",
        special_tokens=(),
        sample_bytes=10**6,
    )
    make_tokenizer(bpe, [text.replace("k", "q") for text in tiny.texts(3, 60)], Path(OTHER))


def adapter_alone() -> None:
    for path in Path(OTHER).iterdir():
        path.unlink()
    Path(OTHER, "adapter_model.safetensors").write_bytes(b"")
    write_json(Path(OTHER, "adapter_config.json"), {})


BAD: dict[str, tuple[Callable[[], None], str]] = {
    "shape": (
        other_shape,
        rf"{OTHER} cannot be merged with {ONE}: its model\.layers\.0\.mlp\.down_proj\.weight has "
        r"the shape \(32, 96\), not \(32, 64\)",
    ),
    "tensor names": (
        other_depth,
        rf"{ONE} has no weight 'model\.layers\.3\.input_layernorm\.weight'",
    ),
    "family": (other_family, "its model_type is 'gpt2', not 'llama'"),
    "function": (other_function, "rms_norm_eps in its config.json is 0.001, not 1e-06"),
    "tokenizer": (other_tokenizer, f"{OTHER} cannot be merged with {ONE}: its tokenizer is anot"),
    "adapter": (adapter_alone, f"{OTHER} is an adapter without its base"),
    "no number": (
        lambda: edit(OTHER, lambda tensor: tensor * math.nan, NORM),
        f"{OTHER}: 32 weights of {NORM} are no number",
    ),
    "no folder": (
        lambda: shutil.rmtree(OTHER),
        rf"model\.base\.parents\.1: {OTHER} is no folder",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_cannot_be_merged_stops_in_one_line_and_leaves_the_old_base(
    here: Path, kind: str
) -> None:
    run(settings())
    before = {path.name: path.read_bytes() for path in BASE.iterdir()}
    harm, said = BAD[kind]
    harm()
    with pytest.raises((ModelError, SourceError), match=said) as caught:
        run(settings())
    assert "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in BASE.iterdir()} == before


def test_an_ancestor_of_another_shape(here: Path) -> None:
    based.make_llama(Path(ANCESTOR), tiny.texts(0, 60), intermediate_size=96)
    with pytest.raises(ModelError, match=f"{ANCESTOR} cannot be merged with {ONE}: its model"):
        run(settings(method="task_arithmetic", ancestor=ANCESTOR))
    with pytest.raises(SourceError, match=r"model\.base\.ancestor: data/input/x is no folder"):
        run(settings(method="task_arithmetic", ancestor="data/input/x"))


def test_a_merged_weight_that_is_no_number(here: Path) -> None:
    edit(OTHER, lambda tensor: tensor * 100)
    with pytest.raises(ModelError, match=r"merged, is no number .* model\.base\.weights"):
        run(settings(method="task_arithmetic", ancestor=ANCESTOR, weights=[3e38, 3e38]))


HUB = {"kind": "hub", "id": "a/b", "revision": "main", "license": "MIT", "trusted": []}
TIES = {"method": "ties", "ancestor": ANCESTOR, "density": 0.2}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"parents": [ONE]}, r"parents names 1 of the two or more models to merge"),
        ({"parents": []}, r"parents names 0 of the two"),
        ({"weights": [1.0]}, r"weights has 1 numbers for 2 parents"),
        ({"weights": [1.0, 0.0]}, r"weights has 0, and an average takes shares above 0"),
        ({"weights": [1.0, math.inf]}, r"model\.base\.weights"),
        (TIES | {"density": 0}, r"model\.base\.density.* greater than 0"),
        (TIES | {"density": 1.5}, r"model\.base\.density.* less than or equal to 1"),
        (TIES | {"density": None}, r"method is 'ties', and model\.base\.density is None"),
        (TIES | {"ancestor": None}, r"method is 'ties', and model\.base\.ancestor is None"),
        ({"method": "task_arithmetic"}, r"and model\.base\.ancestor is None"),
        ({"ancestor": ANCESTOR}, r"method is 'average', and model\.base\.ancestor is 'data"),
        ({"density": 0.5}, r"method is 'average', and model\.base\.density is 0.5"),
        ({"method": "slerp"}, r"model\.base\.method"),
        ({"parents": ["", OTHER]}, r"'model\.base\.parents\.0\.path' is '': String should"),
        ({"parents": [ONE, 3]}, r"model\.base\.parents\.1"),
        ({"parents": [ONE, {"kind": "path", "path": OTHER}]}, r"key 'model\.base\.parents\.1\."),
        ({"parents": [ONE, HUB]}, r"'model\.base\.parents\.1\.revision' is 'main'"),
        ({"parents": ONE}, r"'model\.base\.parents' is 'data/input/one'"),
    ],
)
def test_settings_that_make_no_merge(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        settings(**changes)
    assert "\n" not in str(caught.value)


def test_versions_are_pinned_by_their_commits(here: Path) -> None:
    commits = []
    Path(".gitignore").write_text("/models\n/data\n*.dvc/tmp\n")
    shell("git init -q -b main", "dvc init -q")
    for number, name in enumerate((ONE, OTHER)):
        shutil.rmtree("models/exported", ignore_errors=True)
        shutil.copytree(name, "models/exported")
        Path(".gitignore").write_text("/data\n/models/exported\n/models/base\n")
        shell("dvc add -q models/exported", "git add -A")
        shell(f"git -c user.name=T -c user.email=t@e commit -qm {number}", f"git tag v{number}")
        commits.append(shell("git rev-parse HEAD"))
    run(settings(parents=["stemma://v0", f"stemma://{commits[1]}"]))
    facts = read_json(BASE / "base.json")
    assert [one["version"] for one in facts["parents"]] == commits
    found = merged()
    run(settings())
    assert all(torch.equal(found[name], tensor) for name, tensor in merged().items())
    with pytest.raises(
        SourceError, match=r"parents\.1: stemma://main is no version.*branches move"
    ):
        run(settings(parents=["stemma://v0", "stemma://main"]))


def shell(*commands: str) -> str:
    for command in commands:
        done = subprocess.run(
            command.split(),
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "DVC_NO_ANALYTICS": "1"},
        )
    return done.stdout.strip()
