"""Generative models, by name in :data:`MODELS`."""

from pathlib import Path

from scgarage.errors import InputError
from scgarage.models.base import GenerativeModel
from scgarage.models.garage import Garage, GarageConfig
from scgarage.models.garage_faithful import GarageFaithful, GarageFaithfulConfig
from scgarage.models.options import FitOptions
from scgarage.models.persistence import read_model

MODELS: dict[str, type[GenerativeModel]] = {"garage": Garage, "garage-faithful": GarageFaithful}
"""Models by name; the command line, the benchmark and the contract test read this."""

__all__ = [
    "MODELS",
    "FitOptions",
    "Garage",
    "GarageConfig",
    "GarageFaithful",
    "GarageFaithfulConfig",
    "GenerativeModel",
    "load",
    "model_class",
]


def model_class(name: str) -> type[GenerativeModel]:
    """Return the class of a model.

    Raises
    ------
    InputError
        When there is no model of that name.
    """
    if name not in MODELS:
        msg = f"there is no model {name!r}; available: {', '.join(map(repr, MODELS))}"
        raise InputError(msg)
    return MODELS[name]


def load(path: str | Path) -> GenerativeModel:
    """Load any saved model.

    Raises
    ------
    InputError
        When ``path`` is no model folder, is damaged, or holds a model that this version does not know.
    """
    return model_class(read_model(Path(path))[0]["model"]).load(path)
