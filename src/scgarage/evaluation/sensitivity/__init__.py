"""What the judge can see: real cells with known defects, judged like synthetic ones."""

from scgarage.evaluation.sensitivity.catalogue import DEFECTS, Defect
from scgarage.evaluation.sensitivity.matrix import FLAGGED, blind_metrics, sensitivity_matrix

__all__ = ["DEFECTS", "FLAGGED", "Defect", "blind_metrics", "sensitivity_matrix"]
