"""Generative models, by name in :data:`MODELS`."""

from pathlib import Path

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
}
"""Models by name; the command line, the benchmark and the contract test read this."""

OPTIONAL_MODELS: dict[str, type[GenerativeModel]] = {"scvi": Scvi}
"""Models that need a package which is not installed by default, and that do less: scVI wants counts."""


def model_class(name: str) -> type[GenerativeModel]:
    """Return the class of a model.

    Raises
    ------
    InputError
        When there is no model of that name.
    """
    known = MODELS | OPTIONAL_MODELS
    if name not in known:
        msg = f"there is no model {name!r}; available: {', '.join(map(repr, known))}"
        raise InputError(msg)
    return known[name]


def load(path: str | Path) -> GenerativeModel:
    """Load any saved model.

    Raises
    ------
    InputError
        When ``path`` is no model folder, is damaged, or holds a model that this version does not know.
    """
    return model_class(read_model(Path(path))[0]["model"]).load(path)


__all__ = [
    "MODELS",
    "OPTIONAL_MODELS",
    "Bootstrap",
    "BootstrapConfig",
    "Copula",
    "CopulaConfig",
    "Fgan",
    "FganConfig",
    "FitOptions",
    "Flow",
    "FlowConfig",
    "Gan",
    "GanConfig",
    "GanRos",
    "Garage",
    "GarageConfig",
    "GarageFaithful",
    "GarageFaithfulConfig",
    "GenerativeModel",
    "LshGan",
    "LshGanConfig",
    "NBIndependent",
    "NBIndependentConfig",
    "Oversampled",
    "ScDiffusion",
    "ScDiffusionConfig",
    "ScGan",
    "ScGanConfig",
    "ScVae",
    "ScVaeConfig",
    "Scvi",
    "ScviConfig",
    "Smote",
    "SmoteConfig",
    "Vae",
    "VaeConfig",
    "VaeRos",
    "Wgan",
    "WganConfig",
    "load",
    "model_class",
]
