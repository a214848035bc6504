"""Which weights of a model are trained: all of them, the last layers, or adapters beside them."""

from __future__ import annotations

from typing import Any

from stemma.errors import SettingsError
from stemma.layout import BASE
from stemma.modeling.training.settings import LoraSettings, TrainSection
from stemma.modeling.weights import shards
from stemma.modeling.weights.load import quiet_peft


def adapt(model: Any, section: TrainSection) -> Any:
    """Return the model set up so that only the weights are trained that ``train.method`` names.

    Weights that the base lacks, such as a head for the task, are trained under every method.

    Args:
        model: as its family has built it.
        section: the settings of training.

    Raises:
        SettingsError: a target of LoRA is no module of the model, or the model has fewer layers
            than are to be trained.
    """
    if section.lora is not None:
        return _with_adapters(model, section.lora)
    if section.trainable_layers is not None:
        _freeze(model, section.trainable_layers)
    return model


def _freeze(model: Any, layers: int) -> None:
    names = [name for name, _ in model.named_parameters()]
    found = shards.numbered(iter(names))
    if layers > len(found):
        raise SettingsError(
            f"train.trainable_layers is {layers}, but the model has {len(found)} layers",
            f"use -S train.trainable_layers={len(found)} or fewer",
        )
    trained = tuple(f"{layer}." for layer in found[-layers:])
    fresh = _fresh(model)
    for name, weight in model.named_parameters():
        weight.requires_grad_(name.startswith(trained) or name in fresh)


def _with_adapters(model: Any, lora: LoraSettings) -> Any:
    from peft import LoraConfig, get_peft_model

    modules = [name for name, _ in model.named_modules()]
    for target in lora.targets if isinstance(lora.targets, tuple) else ():
        if not any(f".{name}".endswith(f".{target}") for name in modules):
            raise SettingsError(
                f"train.lora.targets: no module of the model is called '{target}'",
                f"its last ones are {', '.join(modules[-3:])}; or use all-linear",
            )
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.targets if isinstance(lora.targets, str) else list(lora.targets),
        modules_to_save=sorted({name.rpartition(".")[0] for name in _fresh(model)}) or None,
    )
    with quiet_peft():
        return get_peft_model(model, config)


def _fresh(model: Any) -> set[str]:
    # With another head, the same network may have another prefix.
    prefix = f"{model.base_model_prefix}."
    known = {name.removeprefix(prefix) for name in shards.locate(BASE)}
    names = (name for name, _ in model.named_parameters())
    return {name for name in names if name.removeprefix(prefix) not in known}
