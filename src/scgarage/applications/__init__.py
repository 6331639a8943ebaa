"""What a conditional generator can be used for: harmonisation, dynamics, perturbation transfer, each measured."""

from scgarage.applications.dynamics import DYNAMICS_METHODS, generate_between
from scgarage.applications.harmonisation import HARMONISATION_METHODS, harmonise
from scgarage.applications.interpolation import interpolate_types, mix_counts
from scgarage.applications.lisi import lisi, mixing, separation
from scgarage.applications.perturbation import PERTURBATION_METHODS, transfer_perturbation
from scgarage.applications.shifts import mean_shifts, shifted

__all__ = [
    "DYNAMICS_METHODS",
    "HARMONISATION_METHODS",
    "PERTURBATION_METHODS",
    "generate_between",
    "harmonise",
    "interpolate_types",
    "lisi",
    "mean_shifts",
    "mix_counts",
    "mixing",
    "separation",
    "shifted",
    "transfer_perturbation",
]
