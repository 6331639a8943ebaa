"""Models that are estimated, not trained."""

from torch import nn

from scgarage.models.by_type import ModelByType
from scgarage.models.data import TrainingData, ValidationData
from scgarage.models.options import FitOptions
from scgarage.training import Phase, TrainResult

__all__ = ["EstimatedModel"]


class EstimatedModel(ModelByType):
    """A model by type without networks: everything is in ``parts``; a subclass writes ``build`` and ``draw_cells``.

    Validation cells are put aside as for every model and not used.
    """

    def skeleton(self) -> nn.ModuleDict:
        """Return no networks."""
        return nn.ModuleDict()

    def phases(self) -> list[Phase]:
        """Return nothing: there is nothing to train."""
        return []

    def learn(
        self,
        data: TrainingData,  # noqa: ARG002  (one interface)
        validation: ValidationData | None,  # noqa: ARG002
        options: FitOptions,  # noqa: ARG002
    ) -> TrainResult | None:
        """Do nothing."""
        return None
