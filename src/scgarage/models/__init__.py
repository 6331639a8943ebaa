"""Generative models, by name in :data:`MODELS`."""

import warnings
from pathlib import Path
from typing import Any

from scgarage.errors import InputError
from scgarage.models.base import FitOptions, GenerativeModel
from scgarage.models.comparators import (
    Bootstrap,
    BootstrapConfig,
    NBIndependent,
    NBIndependentConfig,
    Smote,
    SmoteConfig,
)
from scgarage.models.copula import Copula, CopulaConfig
from scgarage.models.diffusion import ScDiffusion, ScDiffusionConfig
from scgarage.models.flow import Flow, FlowConfig
from scgarage.models.gan import Fgan, FganConfig, Gan, GanConfig, LshGan, LshGanConfig, Wgan, WganConfig
from scgarage.models.garage import Garage, GarageConfig
from scgarage.models.garage_faithful import GarageFaithful, GarageFaithfulConfig
from scgarage.models.oversampled import GanRos, Oversampled, VaeRos
from scgarage.models.persistence import read_model
from scgarage.models.scdesigner import ScDesigner, ScDesignerConfig
from scgarage.models.scgan import ScGan, ScGanConfig
from scgarage.models.scvi import Scvi, ScviConfig
from scgarage.models.vae import ScVae, ScVaeConfig, Vae, VaeConfig

MODELS: dict[str, type[GenerativeModel]] = {
    "garage": Garage,
    "garage-faithful": GarageFaithful,
    "copula": Copula,
    "smote": Smote,
    "nb-independent": NBIndependent,
    "bootstrap": Bootstrap,
    "gan": Gan,
    "wgan": Wgan,
    "fgan": Fgan,
    "lsh-gan": LshGan,
    "scgan": ScGan,
    "vae": Vae,
    "scvae": ScVae,
    "scdiffusion": ScDiffusion,
    "flow": Flow,
    "gan-ros": GanRos,
    "vae-ros": VaeRos,
    "scvi": Scvi,
    "scdesigner": ScDesigner,
}
"""Models by name; the command line, the benchmark and the contract test read this.

A class says what it needs: ``needs_labels``, ``needs_counts``, and ``extra`` for a package that is not installed by
default.
"""


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


def __getattr__(name: str) -> Any:
    if name == "OPTIONAL_MODELS":
        text = "scgarage.models.OPTIONAL_MODELS is now part of scgarage.models.MODELS; the old name works until 0.3"
        warnings.warn(text, DeprecationWarning, stacklevel=2)
        return {known: kind for known, kind in MODELS.items() if kind.extra}
    msg = f"module 'scgarage.models' has no attribute {name!r}"
    raise AttributeError(msg)


def load(path: str | Path) -> GenerativeModel:
    """Load any saved model.

    Raises
    ------
    InputError
        When ``path`` is no model folder, is damaged, or holds a model that this version does not know.
    """
    about, arrays, tensors = read_model(Path(path))
    return model_class(about["model"]).restored(path, about, arrays, tensors)


__all__ = [
    "MODELS", "Bootstrap", "BootstrapConfig", "Copula", "CopulaConfig", "Fgan", "FganConfig", "FitOptions", "Flow",
    "FlowConfig", "Gan", "GanConfig", "GanRos", "Garage", "GarageConfig", "GarageFaithful", "GarageFaithfulConfig",
    "GenerativeModel", "LshGan", "LshGanConfig", "NBIndependent", "NBIndependentConfig", "Oversampled", "ScDesigner",
    "ScDesignerConfig", "ScDiffusion", "ScDiffusionConfig", "ScGan", "ScGanConfig", "ScVae", "ScVaeConfig", "Scvi",
    "ScviConfig", "Smote", "SmoteConfig", "Vae", "VaeConfig", "VaeRos", "Wgan", "WganConfig", "load", "model_class",
]  # fmt: skip
