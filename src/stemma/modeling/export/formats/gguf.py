"""GGUF: a Llama with its tokenizer in one file, for llama.cpp and what is built on it.

Matrices have the type of the export, vectors are float32. Rotary positions turn pairs of numbers of
a query or key: neighbours in llama.cpp, numbers half a head apart in transformers. So the rows of
these matrices are written in llama.cpp's order.
"""

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from stemma.errors import ModelError
from stemma.files import read_json
from stemma.modeling.weights import shards
from stemma.modeling.weights.torn import reading

_FILE = "model.gguf"
_REMEDY = "take gguf out of export.formats"
_TYPES = {
    "float32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
    "float16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "bfloat16": (gguf.GGMLQuantizationType.BF16, gguf.LlamaFileType.MOSTLY_BF16),
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
}
_GPT4 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
# Settings that change the arithmetic, and the values that GGUF's Llama has.
_PLAIN = {
    **{"hidden_act": "silu", "attention_bias": False, "mlp_bias": False},
    **{"rope_scaling": None, "pretraining_tp": 1},
}


def write(exported: Path, folder: Path, numbers: str | None = None) -> dict[str, float]:
    """Write the model in ``exported`` into ``folder``.

    Args:
        exported: what ``from_pretrained`` loads.
        folder: an existing folder.
        numbers: of the matrices: float32, float16, bfloat16, or q8_0 (8 bits, with a scale for each
            32); None for those of the export.

    Raises:
        ModelError: the model is no Llama that writes text, or GGUF has no name for the way in which
            its tokenizer cuts texts.
    """
    config = read_json(exported / "config.json")
    _check(config)
    config["dtype"] = numbers or config["dtype"]
    writer = gguf.GGUFWriter(folder / _FILE, gguf.MODEL_ARCH_NAMES[gguf.MODEL_ARCH.LLAMA])
    _write_shape(writer, config)
    _write_tokenizer(writer, exported, config["vocab_size"])
    _write_weights(writer, exported, config)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return {}


def load(folder: Path) -> Any:
    """Return the transformers model in ``folder``, in float32.

    Raises:
        ModelError: the file is missing or torn.
    """
    from transformers import AutoModelForCausalLM, GgufConfig
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    with reading(f"{folder} cannot be loaded", "type `dvc checkout`"):
        return AutoModelForCausalLM.from_pretrained(
            folder,
            gguf_file=_FILE,
            dtype=torch.float32,
            local_files_only=True,
            quantization_config=GgufConfig(dequantize=True),
        )


def _check(config: dict[str, Any]) -> None:
    kind = (config.get("architectures") or ["a model without a name"])[0]
    if kind != "LlamaForCausalLM":
        raise ModelError(f"GGUF is written of LlamaForCausalLM only, and this is {kind}", _REMEDY)
    rope = (config.get("rope_parameters") or {}).get("rope_type", "default")
    for key, plain, found in (
        *((key, plain, config.get(key, plain)) for key, plain in _PLAIN.items()),
        ("rope_parameters.rope_type", "default", rope),
    ):
        if found != plain:
            raise ModelError(f"config.json has {key} = {found!r}, GGUF here {plain!r}", _REMEDY)


def _write_shape(writer: gguf.GGUFWriter, config: dict[str, Any]) -> None:
    heads = config["num_attention_heads"]
    size = config.get("head_dim") or config["hidden_size"] // heads
    rope = config.get("rope_parameters") or config
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads", heads))
    writer.add_key_length(size)
    writer.add_value_length(size)
    writer.add_rope_dimension_count(size)
    writer.add_rope_freq_base(rope.get("rope_theta", 10000.0))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(_TYPES[config["dtype"]][1])


def _write_tokenizer(writer: gguf.GGUFWriter, exported: Path, size: int) -> None:
    tokenizer = Tokenizer.from_file(str(exported / "tokenizer.json"))
    told = read_json(exported / "tokenizer_config.json")
    serialized = json.loads(tokenizer.to_str())
    entries = {index: token for token, index in tokenizer.get_vocab().items()}
    added = tokenizer.get_added_tokens_decoder()
    kinds = {
        index: gguf.TokenType.CONTROL if token.special else gguf.TokenType.USER_DEFINED
        for index, token in added.items()
    }
    normal, unused = gguf.TokenType.NORMAL, gguf.TokenType.UNUSED
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_cutting(serialized))
    writer.add_token_list([entries.get(index, f"[UNUSED{index}]") for index in range(size)])
    writer.add_token_types(
        [kinds.get(index, normal if index in entries else unused) for index in range(size)]
    )
    writer.add_token_merges([" ".join(pair) for pair in serialized["model"]["merges"]])
    for role, add in (
        ("bos_token", writer.add_bos_token_id),
        ("eos_token", writer.add_eos_token_id),
        ("pad_token", writer.add_pad_token_id),
    ):
        if (index := tokenizer.token_to_id(told.get(role) or "")) is not None:
            add(index)
    writer.add_add_bos_token(False)
    template = exported / "chat_template.jinja"
    text = template.read_text(encoding="utf-8") if template.exists() else told.get("chat_template")
    if text:
        writer.add_chat_template(text)


def _cutting(serialized: dict[str, Any]) -> str:
    """Return llama.cpp's name for the way in which a tokenizer cuts texts into words."""
    whole = serialized["pre_tokenizer"] or {}
    steps = whole["pretokenizers"] if whole.get("type") == "Sequence" else [whole]
    kinds = [step.get("type") for step in steps]
    bytes_alone = steps[-1].get("use_regex") is False
    if serialized["model"]["type"] == "BPE" and not serialized["normalizer"]:
        if kinds == ["ByteLevel"] and not bytes_alone:
            return "gpt-2"
        if kinds == ["Digits", "ByteLevel"] and steps[0]["individual_digits"] and not bytes_alone:
            return "smollm"
        if kinds == ["Split", "ByteLevel"] and bytes_alone and _is_gpt4(steps[0]):
            return "dbrx"  # as Llama 3, which would take a whole word before its merges
    raise ModelError("GGUF does not know how this tokenizer cuts a text into words", _REMEDY)


def _is_gpt4(split: dict[str, Any]) -> bool:
    return split["pattern"].get("Regex", "").startswith(_GPT4) and split["behavior"] == "Isolated"


def _write_weights(writer: gguf.GGUFWriter, exported: Path, config: dict[str, Any]) -> None:
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    heads = config["num_attention_heads"]
    turned = {"q_proj.weight": heads, "k_proj.weight": config.get("num_key_value_heads", heads)}
    located = shards.locate(exported)
    with shards.Reader(located) as tensors:
        for name in located:
            tensor = tensors[name]
            rows = turned.get(".".join(name.split(".")[-2:]))
            tensor = tensor if rows is None else _interleaved(tensor, rows)
            kind = _TYPES[config["dtype"] if tensor.ndim > 1 else "float32"][0]
            known = names.get_name(name, try_suffixes=(".weight", ".bias"))
            if known is None:
                raise ModelError(f"GGUF has no name for the weight '{name}'", _REMEDY)
            data = gguf.quants.quantize(tensor.float().numpy(), kind)
            writer.add_tensor(known, np.ascontiguousarray(data), raw_dtype=kind)


def _interleaved(weight: Tensor, heads: int) -> Tensor:
    rows, columns = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, columns)
    return halves.transpose(1, 2).reshape(rows, columns)
