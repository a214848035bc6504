"""The role of a tensor, told from its name: its layer, and what it does there."""

import dataclasses
import re
from collections.abc import Iterable

from stemma.modeling.weights.shards import numbered

ORDER = (
    *("embedding", "positions"),
    *("query, key, value", "query", "key", "value", "attention output"),
    *("cross query", "cross key", "cross value", "cross attention output"),
    *("mlp", "norm", "head"),
)
"""The kinds, in the order in which a model computes with them."""

# The first pattern that is found in a name, without its layer, decides the kind.
_KINDS = (
    (r"norm|\bln_?\w*\b", "norm"),
    (r"wpe|position|relative_attention_bias", "positions"),
    (r"lm_head|embed_out|classifier|\bscore\b|qa_outputs|\bcls\b|pooler", "head"),
    (r"\b(wte|shared)\b|embed", "embedding"),
    (r"c_attn|query_key_value|qkv|in_proj", "{}query, key, value"),
    (r"\b(q|query|q_proj|q_lin)\b", "{}query"),
    (r"\b(k|key|k_proj|k_lin)\b", "{}key"),
    (r"\b(v|value|v_proj|v_lin)\b", "{}value"),
    (r"attn|attention", "{}attention output"),
    (r"mlp|dense|ffn|ffw|feed_forward|expert|\bfc\d?\b|\bwi(_\d)?\b|\bwo\b", "mlp"),
)
_CROSS = re.compile(r"encdec|cross|encoder_attn", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Role:
    """What a tensor is in its model.

    Attributes:
        layer: such as ``3`` or ``decoder 3``; empty for a tensor outside the layers.
        kind: such as ``query`` or ``mlp``; the tensor's own name if its kind is not known.
    """

    layer: str
    kind: str


def roles_of(names: Iterable[str]) -> dict[str, Role]:
    """Return the role of each tensor by its name; layers in the order of their numbers."""
    names = sorted(names)
    layers = {name: (numbered(iter((name,))) or [""])[0] for name in names}
    stacks = {layer.rpartition(".")[0] for layer in layers.values() if layer}
    labels = {}
    for layer in set(layers.values()):
        stack, _, number = layer.rpartition(".")
        labels[layer] = f"{_stack_of(stack)} {number}" if layer and len(stacks) > 1 else number
    found = {
        name: Role(labels[layer], _kind_of(name.removeprefix(layer)))
        for name, layer in layers.items()
    }
    return dict(sorted(found.items(), key=lambda item: (*_place(item[1].layer), item[0])))


def _stack_of(prefix: str) -> str:
    return next((word for word in ("encoder", "decoder") if word in prefix.split(".")), prefix)


def _kind_of(name: str) -> str:
    lowered = name.lower()
    cross = "cross " if _CROSS.search(name) else ""
    for pattern, kind in _KINDS:
        if re.search(pattern, lowered):
            return kind.format(cross)
    return re.sub(r"\.(weight|bias)$", "", name).strip(".")


def _place(layer: str) -> tuple[str, int]:
    stack, _, number = layer.rpartition(" ")
    # The encoder stands before the decoder.
    return {"encoder": "0", "decoder": "1"}.get(stack, stack), int(number) if number else -1
