import json
import shutil
from pathlib import Path

import judged
import pytest
from history import History
from judged import TEXTS, case_of, said
from project import once

from stemma.errors import ModelError
from stemma.layout import BASE, EXPORTED, PREPARED
from stemma.modeling.weights.load import quiet_peft
from stemma.registry.exported import laid_out, loaded, training_split
from stemma.store.errors import DamagedError
from stemma.store.naming import resolve

SIZES = {"prefixes": 50, "prefix_tokens": judged.BEFORE, "tokens": judged.AFTER}


@pytest.fixture(scope="module")
def learnt(tmp_path_factory) -> Path:
    return once(tmp_path_factory, "learnt", judged.learn)


@pytest.fixture
def copy(learnt, tmp_path) -> Path:
    return Path(shutil.copytree(learnt, tmp_path / "copy"))


def test_the_files_of_a_commit_are_read_where_they_are_kept(learnt, tmp_path, monkeypatch):
    """Nothing is checked out, and nothing stays behind."""
    outputs = {
        output.as_posix(): {
            path.relative_to(learnt / output).as_posix(): path.read_bytes()
            for path in (learnt / output).rglob("*")
            if path.is_file()
        }
        for output in (EXPORTED, PREPARED)
    }
    # A format of its own is not what a server loads.
    outputs[EXPORTED.as_posix()]["bf16/model.safetensors"] = b"torn"
    history = History(tmp_path / "history")
    history.commit(outputs)
    case = case_of(history.root, version=resolve("HEAD", history.root))
    monkeypatch.chdir(tmp_path)
    laid = laid_out(case.version, case.model.output, case.root)
    with laid as folder, training_split(case) as split:
        assert {path.name for path in (folder / EXPORTED).iterdir()} == {
            path.name for path in (learnt / EXPORTED).iterdir()
        }
        assert (split / "tokenizer/tokenizer.json").is_file()
    assert not folder.exists() and not split.exists()
    with loaded(case) as model:
        assert Path.cwd() == tmp_path
        assert model.encoder.size == 300
    assert not (history.root / "models").exists()


def test_an_adapter_is_put_on_the_base_of_its_version(copy, monkeypatch, tmp_path):
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaForCausalLM

    shutil.copytree(copy / EXPORTED, copy / BASE)
    base = LlamaForCausalLM.from_pretrained(copy / BASE)
    with quiet_peft():
        adapted = get_peft_model(base, LoraConfig(r=2, target_modules=["q_proj"]))
    (copy / EXPORTED / "model.safetensors").unlink()
    adapted.save_pretrained(str(copy / EXPORTED))
    # Another base lies where the command is typed.
    monkeypatch.chdir(tmp_path)
    assert said(copy, "memorisation", share=1, **SIZES).facts["repeated"] > 30
    limits = {"megabytes": None, "first_token_ms": None, "memory_megabytes": None}
    asked = {**limits, "token_ms": 1e5, "prompt_tokens": 4}
    outcome = said(copy, "footprint", **asked)
    assert outcome.passed, outcome.evidence


def test_code_that_comes_with_a_model_is_not_run(copy, tmp_path):
    ran = tmp_path / "ran"
    (copy / EXPORTED / "modeling_own.py").write_text(f"open({str(ran)!r}, 'w')\n")
    config = json.loads((copy / EXPORTED / "config.json").read_text())
    config["auto_map"] = {
        "AutoConfig": "modeling_own.Own",
        "AutoModelForCausalLM": "modeling_own.Own",
    }
    (copy / EXPORTED / "config.json").write_text(json.dumps(config))
    file = copy / "must.jsonl"
    file.write_text('{"prompt": "the", "expect": ""}\n')
    limits = {"megabytes": None, "first_token_ms": 1e5, "token_ms": None, "memory_megabytes": None}
    asked = {
        "must_pass": {"file": "must.jsonl", "tokens": 4},
        "memorisation": {"share": 1, **SIZES},
        "footprint": {**limits, "prompt_tokens": 4},
    }
    for gate, settings in asked.items():
        outcome = said(copy, gate, **settings)
        assert not outcome.passed
        assert "modeling_own.py, code that comes with the model" in outcome.evidence
    # Without its file, only its name is left, and nothing is looked for elsewhere.
    (copy / EXPORTED / "modeling_own.py").unlink()
    for gate, settings in asked.items():
        said(copy, gate, **settings)
    assert not ran.exists()


def test_a_listing_that_leads_out_of_the_folder(copy, tmp_path, monkeypatch):
    case = case_of(copy)
    files = {**case.version.files(PREPARED.as_posix()), "tokenizer/../../out": "0" * 32}
    monkeypatch.setattr(case.version, "files", lambda output: files)
    with pytest.raises(DamagedError, match="lists the file"), training_split(case):
        pass


def test_a_tokenizer_of_another_model(copy):
    other = copy / "other"
    judged.tiny.make_data(other, {"train": [*TEXTS, *judged.tiny.texts(9, 90)]}, vocabulary=302)
    shutil.copy(other / "tokenizer/tokenizer.json", copy / EXPORTED / "tokenizer.json")
    config = copy / EXPORTED / "tokenizer_config.json"
    config.write_text(json.dumps({"eos_token": "<|endoftext|>"}))
    match = "knows 300 tokens, and its tokenizer has 302"
    with pytest.raises(ModelError, match=match), loaded(case_of(copy)):
        pass


def test_what_has_no_architecture(copy):
    (copy / EXPORTED / "config.json").write_text("{}")
    outcome = said(copy, "memorisation", share=1, **SIZES)
    assert not outcome.passed and "names no architecture" in outcome.evidence
    (copy / EXPORTED / "config.json").unlink()
    assert "has no config.json" in said(copy, "memorisation", share=1, **SIZES).evidence
