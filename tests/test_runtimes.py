"""Programs that share no code with transformers write what it writes of the same export."""

from pathlib import Path

import based
import ctranslate2
import pytest
import torch
import xllamacpp
from ctranslate2.converters import TransformersConverter
from project import ROOT
from tokenizers import Tokenizer, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel

from stemma.corpus.tokenizer.make import make_tokenizer
from stemma.corpus.tokenizer.settings import BpeTokenizer
from stemma.errors import ModelError
from stemma.files import read_json, write_json
from stemma.modeling.export.conventions import settle
from stemma.modeling.export.formats import gguf
from stemma.modeling.weights.copy import copy_model
from stemma.tasks.causal_lm import Settings

PROMPTS = ["the king", "The king's 1234 queens\n\n  don't là où", ""]
TOKENS = 32
VOCABULARY = 320
TEXTS = [
    "The king and the queen of love speak at night, and the night is long.\n",
    "Who speaks of sorrow? The queen, and she is not the queen of the king.\n",
    "Good night, good night! To love the king is to love the night.\n",
    "No king, no queen; the sorrow of the night is the love of the day.\n",
] * 4


def make(folder: Path, dtype: str = "float32", **changes) -> Path:
    """Export a Llama that has learned to write words: each is far likelier than the next."""
    trained = folder / "trained"
    based.make_llama(trained, TEXTS, **{"num_key_value_heads": 1, **changes})
    model = AutoModelForCausalLM.from_pretrained(trained, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(trained)
    ids = torch.tensor(tokenizer("<|endoftext|>".join(["", *TEXTS])).input_ids)
    blocks = ids[: len(ids) // 32 * 32].view(-1, 32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    torch.manual_seed(1)
    for _ in range(80):
        batch = blocks[torch.randint(len(blocks), (8,))]
        model(batch, labels=batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.to(getattr(torch, dtype)).save_pretrained(trained)
    exported = folder / "exported"
    exported.mkdir()
    copy_model(trained, exported, dtype, merge=True)
    settle(exported, Settings(name="causal_lm"))
    return exported


def prompts(folder: Path) -> list[list[int]]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return [[tokenizer.eos_token_id, *tokenizer(text).input_ids] for text in PROMPTS]


def by_transformers(folder: Path) -> list[list[int]]:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    written = []
    for ids in prompts(folder):
        made = model.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=TOKENS)
        written.append(made[0, len(ids) :].tolist())
    return [without_end(folder, ids) for ids in written]


def by_ctranslate2(folder: Path, converted: Path) -> list[list[int]]:
    TransformersConverter(str(folder)).convert(str(converted))
    generator = ctranslate2.Generator(str(converted), compute_type="float32", intra_threads=1)
    vocabulary = AutoTokenizer.from_pretrained(folder)
    made = [
        generator.generate_batch(
            [vocabulary.convert_ids_to_tokens(ids)],
            max_length=TOKENS,
            sampling_topk=1,
            include_prompt_in_result=False,
        )
        for ids in prompts(folder)
    ]
    return [without_end(folder, found[0].sequences_ids[0]) for found in made]


def by_llama_cpp(folder: Path, converted: Path) -> list[list[int]]:
    """Let llama.cpp cut the prompts too, with the tokenizer that the file brings along."""
    server = serve(folder, converted)
    end = read_json(folder / "tokenizer_config.json")["eos_token"]
    written = []
    for text, ids in zip(PROMPTS, prompts(folder), strict=True):
        asked = {"prompt": end + text, "max_tokens": TOKENS, "temperature": 0, "logprobs": 1}
        made = server.handle_completions(asked)
        assert made["usage"]["prompt_tokens"] == len(ids)
        tokens = made["choices"][0]["logprobs"]["content"]
        written.append([token["id"] for token in tokens])
    return [without_end(folder, ids) for ids in written]


def serve(folder: Path, converted: Path) -> xllamacpp.Server:
    converted.mkdir()
    gguf.write(folder, converted)
    settings = xllamacpp.CommonParams()
    settings.model.path = str(converted / "model.gguf")
    settings.n_parallel, settings.cpuparams.n_threads, settings.verbosity = 1, 1, 0
    settings.warmup = False
    # As single as everything else; by default it keeps them in half precision.
    settings.cache_type_k = settings.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    return xllamacpp.Server(settings)


def without_end(folder: Path, ids: list[int]) -> list[int]:
    # Some return the token that ends a text.
    end = AutoTokenizer.from_pretrained(folder).eos_token_id
    return ids[:-1] if ids and ids[-1] == end else ids


@pytest.fixture
def default() -> Path:
    folder = ROOT / "models/exported"
    if not (folder / "config.json").exists():
        pytest.skip("the committed version is not built here")
    if read_json(folder / "config.json")["model_type"] != "llama":
        pytest.skip("another recipe is built here")
    return folder


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_foreign_runtimes_write_what_transformers_writes(tmp_path, dtype):
    folder = make(tmp_path, dtype)
    wanted = by_transformers(folder)
    assert all(len(set(ids)) > 5 for ids in wanted)
    assert by_ctranslate2(folder, tmp_path / "ctranslate2") == wanted
    assert by_llama_cpp(folder, tmp_path / "llama.cpp") == wanted
    # So the metrics of the format are those of the model.
    ids = torch.tensor(prompts(folder)[:1])
    with torch.inference_mode():
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        assert torch.equal(gguf.load(tmp_path / "llama.cpp")(ids).logits, model(ids).logits)


def test_they_do_of_the_default_export(tmp_path, default):
    wanted = by_transformers(default)
    assert by_ctranslate2(default, tmp_path / "ctranslate2") == wanted
    assert by_llama_cpp(default, tmp_path / "llama.cpp") == wanted


CUTS = {
    "gpt2": ("gpt2", None),
    "gpt4": ("gpt4", None),
    "digits one by one": (
        "gpt2",
        pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False)]
        ),
    ),
}


def cut(folder: Path, pattern: str, cutting=None) -> Path:
    """Export an untrained Llama with another tokenizer."""
    based.make_llama(folder, TEXTS, vocab_size=VOCABULARY)
    numbers = ["In 1234 they've 12345 kings; DON'T, we'LL   là où\n\n\t x_y"] * 9
    bpe = BpeTokenizer(
        name="bpe",
        kind="bpe",
        vocab_size=VOCABULARY,
        min_frequency=1,
        pattern=pattern,
        special_tokens=("<|im_start|>", "<|im_end|>"),
        sample_bytes=10**6,
    )
    make_tokenizer(bpe, [*TEXTS, *numbers], folder)
    if cutting is not None:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.pre_tokenizer = cutting
        tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.mark.parametrize("kind", CUTS)
def test_llama_cpp_cuts_a_text_as_the_tokenizer_does(tmp_path, kind):
    folder = cut(tmp_path / "model", *CUTS[kind])
    server, tokenizer = serve(folder, tmp_path / "gguf"), AutoTokenizer.from_pretrained(folder)
    for text in (*TEXTS, "1234567 12", "they've DON'T   we'LL\n\n\t x", "là <|im_start|>user où"):
        made = server.handle_completions({"prompt": text, "max_tokens": 1, "cache_prompt": False})
        assert made["usage"]["prompt_tokens"] == len(tokenizer(text).input_ids), text


def test_what_gguf_cannot_hold_is_refused_in_one_line(tmp_path):
    folder = cut(tmp_path / "model", "gpt2", pre_tokenizers.Whitespace())
    with pytest.raises(ModelError, match="GGUF does not know how this tokenizer cuts a text"):
        gguf.write(folder, tmp_path)
    for key, value in (("attention_bias", True), ("hidden_act", "relu2")):
        config = read_json(folder / "config.json")
        write_json(folder / "config.json", config | {key: value})
        with pytest.raises(ModelError, match=f"config.json has {key} = {value!r}"):
            gguf.write(folder, tmp_path)
        write_json(folder / "config.json", config)
    GPT2LMHeadModel(GPT2Config(vocab_size=300, n_embd=16, n_layer=1, n_head=2)).save_pretrained(
        folder
    )
    with pytest.raises(ModelError, match="LlamaForCausalLM only, and this is GPT2LMHeadModel"):
        gguf.write(folder, tmp_path)


def test_a_runtime_refuses_the_activation_of_which_the_card_says_so(tmp_path):
    config = GPT2Config(vocab_size=300, n_embd=16, n_layer=1, n_head=2, activation_function="relu2")
    based.make_llama(tmp_path, TEXTS)  # for its tokenizer
    GPT2LMHeadModel(config).save_pretrained(tmp_path)
    with pytest.raises(KeyError, match="relu2"):
        TransformersConverter(str(tmp_path)).convert(str(tmp_path / "ctranslate2"))
