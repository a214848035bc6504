"""Brings Stemma's checks and groups into Hydra's composition, also where DVC composes by itself.

Hydra imports every package below ``hydra_plugins`` when it starts, so this one stays light.
"""

from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf

from stemma import shipped


def _composed(*, _root_: DictConfig) -> DictConfig:
    from stemma.composition import record_for_dvc

    return OmegaConf.create(record_for_dvc(_root_))


def _register(name: str, resolver: Any) -> None:
    OmegaConf.register_new_resolver(name, resolver, replace=True, use_cache=False)


class Groups(SearchPathPlugin):
    """Finds the groups of the package behind those of a project, whose own win."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append the package's conf/, where a project that composes it does not have it itself."""
        ours = f"file://{shipped.path('conf')}"
        if ours not in [element.path for element in search_path.get_path()]:
            search_path.append(provider="stemma", path=ours)


_register("stemma.composed", _composed)
