"""What conf/ offers is exported so that transformers alone does with it what training did."""

import json
import os
import subprocess
import sys
from pathlib import Path

import based
import pytest
import transformers
from documents import DOCUMENTS, TOKENS
from project import ROOT, once
from tiny import texts

from stemma import composition
from stemma.corpus.documents import write_shards
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.errors import ModelError
from stemma.files import read_json
from stemma.layout import BASE, PREPARED, RAW
from stemma.modeling.export.conventions import settle
from stemma.modeling.family import Tokens
from stemma.modeling.weights.copy import copy_model
from stemma.modeling.weights.save import save_model
from stemma.stages import prepare
from stemma.stages.train import TrainSettings
from stemma.tasks import training_of
from test_choices import SHAPED, SHORT, SMALL, choices, section_of, shape

TEXT = "the king and queen"
FAMILIES = {shape(model)["family"]: model for model in SHAPED}
# All that one may type; without this package, and without anything of it on the path.
LOAD = """
import json, sys
from pathlib import Path
sys.modules["stemma"] = None
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, pipeline, set_seed
from transformers.utils import logging
logging.set_verbosity_error()
torch.set_num_threads(1)
LONG = "the king and queen of love speak " * 60
BATCH = ["the king", "the queen of love and sorrow", "night"]

def one(found):
    return found[0] if isinstance(found, list) and len(found) == 1 else found

def write(folder):
    pipe = pipeline("text-generation", model=folder)
    asked = "the king"
    if pipe.tokenizer.chat_template:
        asked = [{"role": "user", "content": "the king"}]
        assert pipe(asked)[0]["generated_text"][-1]["role"] == "assistant"
    pipe(asked)
    pipe("")
    short = {"do_sample": False, "max_new_tokens": 6}
    together = pipe(BATCH, batch_size=3, **short)
    assert [one(found) for found in together] == [one(pipe(text, **short)) for text in BATCH]
    longest = pipe.tokenizer.model_max_length
    try:
        pipe(LONG)
    except ValueError as error:
        assert f"`max_length` is set to {longest}" in str(error), error
    else:
        raise AssertionError("read more than it can see")
    found = pipe(LONG, handle_long_generation="hole", return_full_text=False, **short)
    assert found[0]["generated_text"]

def rewrite(folder):
    model = AutoModelForSeq2SeqLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    def written(texts):
        inputs = tokenizer(texts, return_tensors="pt", padding=True, truncation=True)
        made = model.generate(**inputs, do_sample=False)
        assert 1 < made.shape[1] <= tokenizer.model_max_length + 1
        return tokenizer.batch_decode(made, skip_special_tokens=True)
    assert written(BATCH) == [written([text])[0] for text in BATCH]
    assert written([LONG])

def label(folder):
    pipe = pipeline("text-classification", model=folder)
    alone = [one(pipe(text)) for text in BATCH]
    for text, other in zip(pipe(BATCH, batch_size=3), alone, strict=True):
        assert text["label"] == other["label"] in pipe.model.config.label2id
        assert abs(text["score"] - other["score"]) < 1e-5
    pipe(LONG, truncation=True)

def tag(folder):
    pipe = pipeline("token-classification", model=folder, ignore_labels=[])
    text = "the king and queen"
    for found in (pipe(text), *pipe(BATCH, batch_size=3)):
        assert {word["entity"] for word in found} <= set(pipe.model.config.label2id)
    # No tag is of the token before the text, and none of the space before a word.
    assert not any(" " in text[word["start"] : word["end"]] for word in pipe(text))
    assert {text[word["start"] : word["end"]] for word in pipe(text)} & {*"theking", "the", "king"}

def fill(folder):
    pipe = pipeline("fill-mask", model=folder)
    mask = pipe.tokenizer.mask_token
    assert len(pipe(f"the {mask} and queen")) == 5
    assert len(pipe([f"the {mask}", f"{mask} of love and night"], batch_size=2)) == 2
    pipe(f"the {mask} " + LONG, tokenizer_kwargs={"truncation": True})

USES = {"causal_lm": write, "chat": write, "seq2seq": rewrite, "classify": label, "tag": tag}
USES["masked_lm"] = fill
failed = {}
for folder in sys.argv[1:]:
    set_seed(0)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        ids = tokenizer("the king and queen").input_ids
        wanted = json.loads((Path(folder) / "wanted.json").read_text())
        assert ids == wanted, f"{ids} are not {wanted}"
        USES[Path(folder).parent.name](folder)
    except Exception as error:
        failed[folder] = f"{type(error).__name__}: {error}"
print(json.dumps(failed))
"""


def export(task: str, root: Path) -> None:
    """Export a model of every family that has one for the task, with random weights."""
    root.mkdir()
    before = Path.cwd()
    os.chdir(root)
    try:
        based.make_llama(BASE, texts(0, 60))
        tokens = f"tokenizer.special_tokens={TOKENS.get(task, [])}"
        _export(
            task,
            composition.compose([*SHORT, f"task={task}", tokens], ROOT).values,
            [*FAMILIES.values()],
        )
        if task in ("causal_lm", "chat", "classify", "tag"):
            chosen = [f"task={task}", "model=path", "tokenizer=base"]
            _export(task, composition.compose([*SHORT, *chosen], ROOT).values, ["path"])
    finally:
        os.chdir(before)


def _export(task: str, values: dict, models: list[str]) -> None:
    for section in ("task", "tokenizer"):
        values[section] |= {k: v for k, v in SMALL[section].items() if k in values[section]}
    if not RAW.exists():
        RAW.mkdir(parents=True)
        write_shards(RAW, DOCUMENTS[task]())
    prepare.run(section_of(prepare.PrepareSettings, values))
    encoder = Encoder(PREPARED / "tokenizer")
    ids = encoder.encode_batch([TEXT])[0].tolist()
    end, of_task = encoder.end_of_text, training_of(section_of(TrainSettings, values).task)
    wanted = {"classify": [end, *ids], "tag": [end, *ids], "seq2seq": [*ids, end]}
    for name in models:
        model = shape(name) | {k: v for k, v in SMALL["model"].items() if k in shape(name)}
        settings = section_of(TrainSettings, values | {"model": model | {"name": name}})
        auto = getattr(transformers, of_task.AUTO)
        known = Tokens(encoder.size, encoder.end_of_text, encoder.padding)
        try:
            made = settings.model.build(auto, known, of_task.head(settings.task, PREPARED))
        except ModelError as error:
            assert "which the task needs" in str(error)
            continue
        trained, folder = Path(f"trained-{name}"), Path(name)
        trained.mkdir()
        folder.mkdir()
        save_model(made, trained, based=name == "path")
        for file in (PREPARED / "tokenizer").iterdir():
            (trained / file.name).write_bytes(file.read_bytes())
        copy_model(trained, folder, "float32", True)
        settle(folder, settings.task)
        (folder / "wanted.json").write_text(json.dumps(wanted.get(task, ids)))


@pytest.fixture(scope="session")
def exports(tmp_path_factory) -> list[Path]:
    """A folder of each family that has a model for the task, in a folder of each task."""

    def make(folder: Path) -> None:
        folder.mkdir()
        for task in choices("task"):
            export(task, folder / task)

    made = once(tmp_path_factory, "exports", make)
    return sorted(path.parent for path in made.glob("*/*/wanted.json"))


def test_transformers_alone_does_with_every_export_what_it_is_for(exports):
    assert {folder.parent.name for folder in exports} == {*choices("task")}
    assert {folder.name for folder in exports} == {*FAMILIES.values(), "path"}
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    command = [sys.executable, "-I", "-c", LOAD, *map(str, exports)]
    done = subprocess.run(command, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {}


def test_the_files_of_an_export_agree(exports):
    for folder in exports:
        encoder, config = Encoder(folder), read_json(folder / "config.json")
        assert config["eos_token_id"] == encoder.end_of_text
        assert encoder.padding is not None
        told = read_json(folder / "tokenizer_config.json")
        generation = folder / "generation_config.json"
        context = config.get("max_position_embeddings", config.get("n_positions"))
        assert told["model_max_length"] == (context or 64)
        if generation.exists():
            said = read_json(generation)
            assert said["eos_token_id"] == encoder.end_of_text
            assert said["pad_token_id"] == encoder.padding
            assert said["max_length"] == (context or 65)
