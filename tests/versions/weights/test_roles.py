"""Where tensors stand, from the names that transformers gives them."""

import pytest

from stemma.versions.weights.roles import Role, roles_of

GPT2 = {
    "transformer.wte.weight": ("", "embedding"),
    "transformer.wpe.weight": ("", "positions"),
    "transformer.h.0.ln_1.weight": ("0", "norm"),
    "transformer.h.0.attn.c_attn.bias": ("0", "query, key, value"),
    "transformer.h.0.attn.c_proj.weight": ("0", "attention output"),
    "transformer.h.10.mlp.c_fc.weight": ("10", "mlp"),
    "transformer.h.10.mlp.c_proj.weight": ("10", "mlp"),
    "transformer.ln_f.weight": ("", "norm"),
    "lm_head.weight": ("", "head"),
}
LLAMA = {
    "model.embed_tokens.weight": ("", "embedding"),
    "model.layers.2.self_attn.q_proj.weight": ("2", "query"),
    "model.layers.2.self_attn.k_proj.weight": ("2", "key"),
    "model.layers.2.self_attn.v_proj.weight": ("2", "value"),
    "model.layers.2.self_attn.o_proj.weight": ("2", "attention output"),
    "model.layers.2.self_attn.q_norm.weight": ("2", "norm"),
    "model.layers.2.mlp.gate_proj.weight": ("2", "mlp"),
    "model.layers.2.mlp.experts.3.w1.weight": ("2", "mlp"),
    "model.layers.2.post_attention_layernorm.weight": ("2", "norm"),
    "model.norm.weight": ("", "norm"),
}
BERT = {
    "bert.embeddings.word_embeddings.weight": ("", "embedding"),
    "bert.embeddings.position_embeddings.weight": ("", "positions"),
    "bert.embeddings.LayerNorm.bias": ("", "norm"),
    "bert.encoder.layer.1.attention.self.query.weight": ("1", "query"),
    "bert.encoder.layer.1.attention.self.key.bias": ("1", "key"),
    "bert.encoder.layer.1.attention.self.value.weight": ("1", "value"),
    "bert.encoder.layer.1.attention.output.dense.weight": ("1", "attention output"),
    "bert.encoder.layer.1.attention.output.LayerNorm.weight": ("1", "norm"),
    "bert.encoder.layer.1.intermediate.dense.weight": ("1", "mlp"),
    "bert.encoder.layer.1.output.dense.weight": ("1", "mlp"),
    "bert.pooler.dense.weight": ("", "head"),
    "cls.predictions.decoder.weight": ("", "head"),
    "classifier.weight": ("", "head"),
}
T5 = {
    "shared.weight": ("", "embedding"),
    "encoder.block.0.layer.0.SelfAttention.q.weight": ("encoder 0", "query"),
    "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight": (
        "encoder 0",
        "positions",
    ),
    "encoder.block.0.layer.1.DenseReluDense.wi_0.weight": ("encoder 0", "mlp"),
    "decoder.block.0.layer.0.SelfAttention.o.weight": ("decoder 0", "attention output"),
    "decoder.block.0.layer.1.EncDecAttention.k.weight": ("decoder 0", "cross key"),
    "decoder.block.0.layer.1.EncDecAttention.o.weight": ("decoder 0", "cross attention output"),
    "decoder.block.0.layer.2.DenseReluDense.wo.weight": ("decoder 0", "mlp"),
    "decoder.final_layer_norm.weight": ("", "norm"),
}
OTHER = {"what.ever.weight": ("", "what.ever"), "x.4.what.bias": ("4", "what")}


@pytest.mark.parametrize("names", [GPT2, LLAMA, BERT, T5, OTHER])
def test_layers_and_kinds(names: dict[str, tuple[str, str]]):
    assert roles_of(names) == {name: Role(*part) for name, part in names.items()}


def test_layers_stand_in_the_order_of_their_numbers():
    names = [f"h.{number}.mlp.weight" for number in range(12)]
    assert [part.layer for part in roles_of(names).values()] == [str(n) for n in range(12)]
    both = [f"{stack}.block.{n}.x" for stack in ("decoder", "encoder") for n in (10, 2)]
    labels = ["encoder 2", "encoder 10", "decoder 2", "decoder 10"]
    assert [part.layer for part in roles_of(both).values()] == labels
