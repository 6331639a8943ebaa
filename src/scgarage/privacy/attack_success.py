"""How well scores tell members from non-members."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scgarage.errors import InputError

__all__ = ["FALSE_POSITIVES", "Ranking"]

FALSE_POSITIVES = 0.01
"""False positive rate at which true positives are reported."""


@dataclass(frozen=True)
class Ranking:
    """Scores of members and non-members, ranked once for many resamples.

    Attributes
    ----------
    members, non_members
        Place of each cell's score among the different scores, lowest first, (n_members,) and
        (n_non_members,).
    n_scores
        Number of different scores.
    """

    members: NDArray[np.intp]
    non_members: NDArray[np.intp]
    n_scores: int

    @classmethod
    def of(cls, members: ArrayLike, non_members: ArrayLike) -> Self:
        """Rank the scores of members and of non-members.

        Raises
        ------
        InputError
            If one of the two is empty or a score is not a number.
        """
        first, second = np.asarray(members, dtype=np.float64), np.asarray(non_members, dtype=np.float64)
        if not len(first) or not len(second) or np.isnan(first).any() or np.isnan(second).any():
            msg = f"{len(first)} members and {len(second)} non-members; expected scores (not NaN) of at least one each"
            raise InputError(msg)
        scores, places = np.unique(np.concatenate([first, second]), return_inverse=True)
        return cls(places[: len(first)], places[len(first) :], len(scores))

    def auroc(
        self, members: NDArray[np.float64] | None = None, non_members: NDArray[np.float64] | None = None
    ) -> float:
        r"""Return the area under the receiver operating characteristic.

        .. math:: P(s_m > s_n) + \tfrac{1}{2} P(s_m = s_n)

        Parameters
        ----------
        members, non_members
            Weights of the cells; all alike by default.
        """
        hits, alarms = self._densities(members, non_members)
        below = np.cumsum(alarms) - alarms
        return float(hits @ (below + alarms / 2))

    def true_positive_rate(
        self,
        members: NDArray[np.float64] | None = None,
        non_members: NDArray[np.float64] | None = None,
        *,
        false_positives: float = FALSE_POSITIVES,
    ) -> float:
        """Return the share of members above a score that at most ``false_positives`` of the non-members reach.

        Parameters
        ----------
        members, non_members
            Weights of the cells; all alike by default.
        false_positives
            Largest false positive rate.

        References
        ----------
        Carlini et al., Membership inference attacks from first principles, 2022, arXiv:2112.03570.
        """
        hits, alarms = self._densities(members, non_members)
        allowed = np.cumsum(alarms[::-1]) <= false_positives + 1e-9
        return float(hits[::-1][allowed].sum())

    def _densities(
        self, members: NDArray[np.float64] | None, non_members: NDArray[np.float64] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the share of members and of non-members at each score, lowest first."""
        hits = np.bincount(self.members, members, self.n_scores)
        alarms = np.bincount(self.non_members, non_members, self.n_scores)
        return hits / hits.sum(), alarms / alarms.sum()
