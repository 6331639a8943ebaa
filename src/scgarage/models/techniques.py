"""Settings that every adversarial model has: another objective, penalties, head or constraints than its own."""

from dataclasses import dataclass
from typing import Any

from scgarage.constraints import read_constraints, to_texts
from scgarage.errors import InputError
from scgarage.losses import as_texts, objective_named, penalties_named
from scgarage.models.expression_head import check_head

__all__ = ["TechniquesConfig"]


@dataclass(frozen=True)
class TechniquesConfig:
    """Settings that replace a part of an adversarial model; ``None`` keeps the model's own (docs/objectives.md).

    Attributes
    ----------
    objective
        Name of :data:`scgarage.losses.OBJECTIVES`, perhaps with settings: ``"hinge"``, ``"bce:real_label=0.9"``.
    penalties
        Names of :data:`scgarage.losses.PENALTIES` with their strength, such as ``["r1:1", "r2:1"]``; ``[]`` for none.
    head
        Name of :data:`scgarage.nn.HEADS`, such as ``"negative-binomial"``.
    constraints
        YAML or JSON file, or a list of mappings, see docs/constraints.md; kept as JSON texts.
    constraint_weight
        Weight of all constraints together in the generator's loss.
    """

    objective: str | None = None
    penalties: str | tuple[str, ...] | None = None
    head: str | None = None
    constraints: str | tuple[Any, ...] | None = None
    constraint_weight: float = 1.0

    def __post_init__(self) -> None:
        if self.penalties is not None:
            object.__setattr__(self, "penalties", as_texts(self.penalties))
        if self.objective is not None:
            objective_named(self.objective)
        penalties_named(self.penalties or ())
        if self.head is not None:
            check_head(self.head)
        if self.constraints is not None:
            # The file may change or go away; a saved model says what it was trained with.
            object.__setattr__(self, "constraints", to_texts(read_constraints(self.constraints)))
        if not self.constraint_weight >= 0:
            msg = f"constraint_weight must be at least 0; found {self.constraint_weight}"
            raise InputError(msg)
