"""The judge: synthetic cells against held-out real ones, every number with its floor and its null."""

from scgarage.evaluation.read import read_evaluation
from scgarage.evaluation.result import Evaluation
from scgarage.evaluation.run import evaluate
from scgarage.evaluation.verdict import Verdict, verdict

__all__ = ["Evaluation", "Verdict", "evaluate", "read_evaluation", "verdict"]
