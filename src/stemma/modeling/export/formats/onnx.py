"""ONNX: the graph of a model and its weights in one file, for runtimes without PyTorch.

Inputs ``input_ids`` and ``attention_mask`` (int64, batch x tokens), output ``logits``; single
precision, no cache of keys and values.
"""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from stemma.errors import ModelError, SettingsError
from stemma.modeling.weights.load import load_saved
from stemma.modeling.weights.torn import first_line, is_out_of_memory, reading

_FILE = "model.onnx"
_AXES = {0: "batch", 1: "tokens"}
_MOST_BYTES = 2**31  # that a protobuf message may have
# What onnxruntime raises for a file that is missing, torn or wrong.
_TORN = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoSuchFile")
_REMEDY = "take onnx out of export.formats"


def check_installed() -> None:
    """Check that the packages are installed that the format needs.

    Raises:
        SettingsError: one is missing.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        if find_spec(package) is None:
            raise SettingsError(
                f"export.formats has onnx, which needs the package `{package}`",
                "pip install 'stemma-lm[onnx]'",
            )


def write(exported: Path, folder: Path) -> dict[str, float]:
    """Write the model in ``exported`` into ``folder``.

    Args:
        exported: what ``from_pretrained`` loads.
        folder: an existing folder.

    Raises:
        ModelError: the model cannot be written as ONNX.
    """
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass

    model = load_saved(exported).eval()
    _check(model)
    ids = torch.zeros(2, 8, dtype=torch.int64)
    try:
        with _silence():
            program: Any = torch.onnx.export(
                _Logits(model).eval(),
                (ids, torch.ones_like(ids)),
                dynamo=True,
                input_names=["input_ids", "attention_mask"],
                output_names=["logits"],
                dynamic_shapes=(_AXES, _AXES),
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        if is_out_of_memory(error):
            raise MemoryError(str(error)) from error
        name = type(model).__name__
        message = f"{name} cannot be converted to ONNX: {first_line(error)}"
        raise ModelError(message, _REMEDY) from error
    # Stack traces with the paths of this machine, and which build of torch it was.
    ClearMetadataAndDocStringPass()(program.model)
    program.model.producer_version = torch.__version__.partition("+")[0]
    program.save(folder / _FILE)
    return {}


def load(folder: Path) -> "OnnxModel":
    """Return the model in ``folder`` as onnxruntime runs it, on as many threads as torch.

    Raises:
        ModelError: a file is missing or torn.
    """
    import onnxruntime
    from transformers import AutoConfig

    raised = import_module("onnxruntime.capi.onnxruntime_pybind11_state")  # has no stubs
    torn = tuple(getattr(raised, name) for name in _TORN)

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.use_deterministic_compute = torch.are_deterministic_algorithms_enabled()
    providers = ["CPUExecutionProvider"]
    with reading(f"{folder} cannot be loaded", "type `dvc checkout`", more=torn):
        session = onnxruntime.InferenceSession(str(folder / _FILE), options, providers)
        trust = any(folder.glob("*.py"))
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=trust)
    return OnnxModel(session, config)


class OnnxModel(nn.Module):
    """Returns logits, like the model that it was converted from.

    Args:
        session: of onnxruntime.
        config: of the model.
    """

    def __init__(self, session: Any, config: Any) -> None:
        super().__init__()
        self.session, self.config = session, config

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        logits_to_keep: int = 0,
        **_: Any,
    ) -> SimpleNamespace:
        """Return the ``logits`` of the last ``logits_to_keep`` tokens, or of all."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        inputs = {"input_ids": input_ids, "attention_mask": mask.to(torch.int64)}
        arrays = {name: tensor.cpu().numpy() for name, tensor in inputs.items()}
        (logits,) = self.session.run(["logits"], arrays)
        kept = logits[:, -logits_to_keep:] if logits_to_keep else logits
        return SimpleNamespace(logits=torch.from_numpy(kept).to(input_ids.device))


class _Logits(nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.model(input_ids, attention_mask=attention_mask, use_cache=False).logits


def _check(model: Any) -> None:
    name = type(model).__name__
    if model.config.is_encoder_decoder:
        raise ModelError(f"{name} has an encoder and a decoder, ONNX here is one graph", _REMEDY)
    size = sum(weights.nbytes for weights in model.parameters())
    if size >= _MOST_BYTES:
        raise ModelError(f"{name} has {size:,} bytes of weights, more than one file holds", _REMEDY)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    # The messages of the conversion are about torch and packages that are not needed.
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
