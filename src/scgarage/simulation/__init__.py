"""Simulated cells with a planted truth (``sg.simulate``), as real as the model in everything that is not planted."""

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
from scgarage.simulation.simulate import Truth, simulate, truth

__all__ = [
    "BatchesPlan", "CellsPlan", "CompositionPlan", "CorrelationsPlan", "EffectPlan", "GroupsPlan", "MeasurementPlan",
    "Plan", "TrajectoryPlan", "Truth", "simulate", "truth",
]  # fmt: skip
