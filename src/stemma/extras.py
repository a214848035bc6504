"""Which extra brings a package, and how it is installed.

`pip install stemma-lm` brings what reads versions. What makes, serves or signs them is in extras:
pyproject.toml says what each is for, and a test holds this list to it.
"""

from importlib.util import find_spec
from pathlib import Path

IMPORTED = {
    "make": (
        "accelerate", "backports.zstd", "charset_normalizer", "gguf", "gigatoken",
        "huggingface_hub", "peft", "py3langid", "scipy", "seqeval", "tensorboard", "tokenizers",
        "torch", "transformers",
    ),
    "hub": ("datasets",),
    "onnx": ("onnx", "onnxruntime", "onnxscript"),
    "registry": ("model_signing", "OpenSSL", "in_toto_attestation"),
    "serve": ("fastapi", "httpx", "llguidance", "prometheus_client", "uvicorn"),
    "otel": ("opentelemetry",),
    "openvino": ("openvino_genai",),
    "search": ("optuna", "plotly"),
    "ray": ("ray",),
    "s3": ("dvc_s3",),
    "seq2seq": ("sacrebleu",),
}  # fmt: skip
"""Extra -> what is imported of it."""

_CHECKOUT = Path(__file__).resolve().parents[2]


def of(module: str) -> str | None:
    """Return the extra that brings a module; None if none does."""
    for extra, packages in IMPORTED.items():
        if any(f"{module}.".startswith(f"{package}.") for package in packages):
            return extra
    # A namespace of several packages is missing as a whole.
    return "make" if module == "backports" else None


def absent(extra: str) -> list[str]:
    """Return what is imported of an extra and not installed."""
    return [one for one in IMPORTED[extra] if find_spec(one.partition(".")[0]) is None]


def install(extra: str) -> str:
    """Return what to type for an extra: from PyPI, or in a checkout of Stemma with its pins."""
    inside = (_CHECKOUT / "requirements.lock").is_file() and (_CHECKOUT / "src").is_dir()
    wanted = f"-c requirements.lock -e '.[{extra}]'" if inside else f"'stemma-lm[{extra}]'"
    return f"pip install {wanted}"
