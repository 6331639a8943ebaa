"""The judge: synthetic cells against held-out real ones, every number with its floor and its null."""

from scgarage.evaluate.read import read_evaluation
from scgarage.evaluate.result import Evaluation
from scgarage.evaluate.run import evaluate
from scgarage.evaluate.verdict import Verdict, verdict

__all__ = ["Evaluation", "Verdict", "evaluate", "read_evaluation", "verdict"]
