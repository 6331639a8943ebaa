"""What to do about a generator that makes too few kinds of cells."""

import math
from collections.abc import Mapping

__all__ = ["collapse_advice"]

LEAST_COVERAGE, LEAST_DIVERSITY, LEAST_RANK = 0.8, 0.5, 1.5
"""Below these a sentence is written; conventions, not tests (docs/objectives.md)."""


def collapse_advice(measured: Mapping[str, float]) -> list[str]:
    """Return sentences about mode collapse and what usually helps.

    Parameters
    ----------
    measured
        ``type_coverage``, ``neighbour_diversity`` and ``jacobian_rank`` of the kept weights; NaN or left out where
        not measured.

    Returns
    -------
    At least one sentence; empty when nothing was measured.

    Examples
    --------
    >>> collapse_advice({"type_coverage": 1.0, "neighbour_diversity": 0.9, "jacobian_rank": 12.0})
    ['No sign of mode collapse: 100 % of the types are reached, cells lie 0.90 times as far apart as real ones.']
    """
    known = {name: value for name, value in measured.items() if math.isfinite(value)}
    if not known:
        return []
    coverage, diversity = known.get("type_coverage", 1.0), known.get("neighbour_diversity", 1.0)
    rank, sentences = known.get("jacobian_rank", math.inf), []
    if coverage < LEAST_COVERAGE:
        sentences.append(
            f"Mode collapse between types: generated cells reach {100 * coverage:.0f} % of the types. Use an objective "
            "that drops fewer modes (objective='relativistic' with penalties=['r1:1', 'r2:1']), or a model that is "
            "told the types (garage, scgan)."
        )
    if diversity < LEAST_DIVERSITY:
        sentences.append(
            f"Mode collapse within types: generated cells lie {diversity:.2f} times as far apart as real ones. Use "
            "a larger batch_size, a penalty on the critic (penalties=['r1:1']), more n_critic_steps, or a head that "
            "draws counts (head='negative-binomial')."
        )
    if rank < LEAST_RANK:
        sentences.append(
            f"The generator hardly uses its noise: cells move in {rank:.1f} directions. Train longer, lower "
            "generator_learning_rate, or widen n_latent and generator_hidden."
        )
    if not sentences:
        sentences.append(
            f"No sign of mode collapse: {100 * coverage:.0f} % of the types are reached, cells lie {diversity:.2f} "
            "times as far apart as real ones."
        )
    return sentences
