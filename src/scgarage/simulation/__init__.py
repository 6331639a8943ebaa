"""Simulated cells with a planted truth (``sg.simulate``), as real as the model in everything that is not planted."""

from scgarage.simulation.methods import METHODS, MethodCheck, check_methods
from scgarage.simulation.plan import (
    BatchesPlan,
    CellsPlan,
    CompositionPlan,
    CorrelationsPlan,
    EffectPlan,
    GroupsPlan,
    MeasurementPlan,
    Plan,
    TrajectoryPlan,
)
from scgarage.simulation.simulate import simulate
from scgarage.simulation.truth import Truth, truth

__all__ = [
    "METHODS", "BatchesPlan", "CellsPlan", "CompositionPlan", "CorrelationsPlan", "EffectPlan", "GroupsPlan",
    "MeasurementPlan", "MethodCheck", "Plan", "TrajectoryPlan", "Truth", "check_methods", "simulate", "truth",
]  # fmt: skip
