"""Brings Stemma's checks into Hydra's composition, also where DVC composes by itself.

Hydra imports every package below ``hydra_plugins`` when it starts, so this one stays light.
"""

from typing import Any

from omegaconf import DictConfig, OmegaConf


def _composed(*, _root_: DictConfig) -> DictConfig:
    from stemma.composition import record_for_dvc

    return OmegaConf.create(record_for_dvc(_root_))


def _register(name: str, resolver: Any) -> None:
    OmegaConf.register_new_resolver(name, resolver, replace=True, use_cache=False)


_register("stemma.composed", _composed)
