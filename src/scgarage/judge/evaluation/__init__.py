"""The judge: synthetic cells against held-out real ones, every number with its floor and its null."""

from scgarage.judge.evaluation.result import Evaluation, read_evaluation
from scgarage.judge.evaluation.run import evaluate
from scgarage.judge.evaluation.verdict import Verdict, verdict

__all__ = ["Evaluation", "Verdict", "evaluate", "read_evaluation", "verdict"]
