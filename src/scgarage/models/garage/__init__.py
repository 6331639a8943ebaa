"""The default model: free marginals, shared factors, and an adversarial generator of latent positions."""

from scgarage.models.garage.config import GarageConfig
from scgarage.models.garage.model import Garage

__all__ = ["Garage", "GarageConfig"]
