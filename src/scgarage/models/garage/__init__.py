"""The default model: free marginals, shared factors, and an adversarial generator of latent positions."""

from scgarage.models.garage.model import Garage, GarageConfig

__all__ = ["Garage", "GarageConfig"]
