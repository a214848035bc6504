import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from stemma.corpus.packing import PackedSplit
from stemma.modeling.evaluation.samples import continue_greedily, page
from stemma.modeling.evaluation.scoring import score
from stemma.modeling.evaluation.windows import cut
from stemma.modeling.runtime import Runtime

CONTEXT, VOCABULARY = 16, 40
torch.set_num_threads(1)
RUNTIME = Runtime("cpu", "fp32", 1, "native", True, 0)


def gpt2() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=VOCABULARY,
        n_positions=CONTEXT,
        n_embd=16,
        n_layer=2,
        n_head=2,
        initializer_range=0.5,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
    )
    return GPT2LMHeadModel(config).eval()


def llama() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        max_position_embeddings=CONTEXT,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        initializer_range=0.5,
    )
    return LlamaForCausalLM(config).eval()


MODELS = {"gpt2": gpt2(), "llama": llama()}


def pack(lengths: list[int]) -> PackedSplit:
    random = np.random.default_rng(0)
    documents = [[*random.integers(1, VOCABULARY, length - 1), 0] for length in lengths]
    return PackedSplit(np.concatenate(documents).astype(np.uint8), np.cumsum([0, *lengths]))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("stride", "batch_tokens"), [(8, 64), (5, 1), (16, 1000)])
def test_each_token_is_scored_as_if_it_were_alone(
    name: str, stride: int, batch_tokens: int
) -> None:
    lengths = [17, 1, 40, 16, 5]
    model, split = MODELS[name], pack(lengths)
    windows = cut(split.offsets, CONTEXT, stride)
    found = {}
    for part in score(model, split, windows, batch_tokens, RUNTIME):
        places = zip(part.document.tolist(), part.position.tolist(), strict=True)
        found |= dict(zip(places, zip(part.loss, part.rank, strict=True), strict=True))
    assert len(found) == sum(lengths)
    for (document, position), (loss, rank) in found.items():
        read = [0, *split.tokens[split.offsets[document] : split.offsets[document + 1]].tolist()]
        late = max(0, position - CONTEXT + 1)
        start = -(-late // stride) * stride
        with torch.no_grad():
            logits = model(torch.tensor([read[start : position + 1]])).logits[0, -1]
        expected = logits.log_softmax(-1)
        target = read[position + 1]
        assert loss == pytest.approx(-expected[target].item(), abs=1e-4)
        assert abs(rank - int((expected > expected[target]).sum())) <= 1


def test_equally_likely_tokens_rank_by_id() -> None:
    model = gpt2()
    with torch.no_grad():
        model.lm_head.weight.zero_()
    split = pack([8])
    (part,) = score(model, split, cut(split.offsets, CONTEXT, 8), 100, RUNTIME)
    assert part.rank.tolist() == split.tokens[part.position].tolist()
    assert part.loss == pytest.approx(np.log(VOCABULARY))


@pytest.mark.parametrize("name", MODELS)
def test_greedy_continuation_is_that_of_generate(name: str) -> None:
    model = MODELS[name]
    prompt = np.array([3, 1, 4])
    found = continue_greedily(model, np.array([0, *prompt]), 12, end=0)
    generated = model.generate(
        torch.tensor([[0, *prompt]]),
        attention_mask=torch.ones(1, 4, dtype=torch.long),
        do_sample=False,
        max_new_tokens=12,
        eos_token_id=0,
    )
    expected = [token for token in generated[0, 4:].tolist() if token != 0]
    assert found == expected


def test_greedy_continuation_stops_at_the_end_of_text() -> None:
    model = gpt2()
    first = continue_greedily(model, np.array([0, 5]), 1, end=0)[0]
    assert continue_greedily(model, np.array([0, 5]), 9, end=0)[0] == first
    with torch.no_grad():
        model.lm_head.weight.zero_()
    assert continue_greedily(model, np.array([0, 5]), 9, end=0) == []


def test_a_page_fences_whatever_the_model_writes() -> None:
    text = page("caption", [("one\ntwo", "one\ntwo ```` three")])
    assert "## one two\n\n`````text\none\ntwo ```` three\n`````\n" in text
    assert "\n\ncaption\n\n" in text
