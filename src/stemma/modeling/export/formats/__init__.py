"""Other formats of an exported model, each in a folder of its own beside it.

A format that needs more than ``from_pretrained`` has a module here with two functions: ``write``
makes it from an exported model, and ``load`` returns something that can be called like that
model.
"""

from typing import Literal

Format = Literal["bf16", "gguf", "int8", "onnx", "pruned"]
