"""What is watched while a model trains: losses, progress, mode collapse."""

import math
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from scgarage.losses import sliced_wasserstein


class History:
    """Mean losses since the last record, and validation scores, by iteration.

    Values added with :meth:`add` are averaged until the next :meth:`record`; columns that were not measured
    at a step are ``NaN`` there.
    """

    def __init__(self) -> None:
        self._rows: list[dict[str, float]] = []
        self._pending: defaultdict[str, list[float]] = defaultdict(list)

    def add(self, values: Mapping[str, float]) -> None:
        """Keep values for the mean of the next record."""
        for name, value in values.items():
            self._pending[name].append(value)

    def record(self, step: int, values: Mapping[str, float] | None = None) -> None:
        """Close the current window at iteration ``step``; ``values`` are written as they are."""
        means = {name: float(np.mean(seen)) for name, seen in self._pending.items()}
        self._pending.clear()
        self._rows.append({"step": step} | means | dict(values or {}))

    def frame(self) -> pd.DataFrame:
        """Return the table: ``step`` first, one column per value, one row per record."""
        return pd.DataFrame(self._rows, columns=None if self._rows else ["step"])

    def state(self) -> dict[str, Any]:
        """Return everything as JSON-able values."""
        return {"rows": self._rows, "pending": dict(self._pending)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Undo :meth:`state`."""
        history = cls()
        history._rows = [dict(row) for row in state["rows"]]
        history._pending.update({name: list(seen) for name, seen in state["pending"].items()})
        return history


class Report(Protocol):
    """Called after each iteration with its number and a short text."""

    def __call__(self, step: int, text: str, /) -> None:
        """Show that ``step`` iterations are done."""


@contextmanager
def progress_bar(description: str, total: int, *, show: bool | None, start: int = 0) -> Iterator[Report]:
    """Yield a function that moves the bar.

    Parameters
    ----------
    description
        What is being done.
    total
        Number of iterations.
    show
        ``None`` shows a bar when standard error is a terminal, so that logs of batch jobs stay clean.
    start
        Iterations that are done already.
    """
    if show is None:
        show = sys.stderr is not None and sys.stderr.isatty()
    if not show:
        yield _silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    title, note = TextColumn("{task.description}"), TextColumn("{task.fields[text]}")
    columns = (title, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), note)
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(description, total=total, completed=start, text="")
        yield lambda step, text, /: bar.update(task, completed=step, text=text)


def _silent(step: int, text: str, /) -> None:
    """Show nothing."""


MONITORED = ("monitor/type_coverage", "monitor/neighbour_diversity", "monitor/jacobian_rank")
"""Columns of the history."""

MAX_CELLS = 500
"""Cells compared at most: the distances of all pairs are taken."""

SHARE = 0.25
"""Part of a type's share of the real cells that generated cells must reach to cover it."""

STEP = 1e-2
"""Step of the finite differences, in standard deviations of the noise."""


def type_coverage(fake: Tensor, real: Tensor, labels: NDArray[np.int64]) -> float:
    """Return the share of types that generated cells lie nearest to."""
    known = torch.from_numpy(np.flatnonzero(labels >= 0))
    real, types = real[known], labels[labels >= 0]
    if len(real) < 2:
        return float("nan")
    nearest = torch.cdist(real, real).fill_diagonal_(torch.inf).argmin(dim=1).numpy()
    possible = np.unique(types[types[nearest] == types])
    if not len(possible):
        return float("nan")
    size = int(types.max()) + 1
    found = np.bincount(types[torch.cdist(fake, real).argmin(dim=1).numpy()], minlength=size) / max(len(fake), 1)
    expected = np.bincount(types, minlength=size) / len(types)
    return float(np.mean(found[possible] >= SHARE * expected[possible]))


def neighbour_diversity(fake: Tensor, real: Tensor) -> float:
    r"""Return how far generated cells lie apart, as a multiple of real ones.

    .. math:: \frac{\mathrm{median}_i \min_{j \ne i} \|y_i - y_j\|}{\mathrm{median}_i \min_{j \ne i} \|x_i - x_j\|}
    """
    n_cells = min(len(fake), len(real))
    if n_cells < 2:
        return float("nan")
    nearest = [
        torch.cdist(x, x).fill_diagonal_(torch.inf).amin(dim=1).median() for x in (fake[:n_cells], real[:n_cells])
    ]
    return float(nearest[0] / nearest[1].clamp(min=1e-12))


def jacobian_rank(function: Callable[[Tensor], Tensor], points: Tensor, directions: Tensor) -> float:
    r"""Return in how many directions a generator's output moves with its noise.

    .. math:: r(z) = \frac{(\sum_i \sigma_i^2)^2}{\sum_i \sigma_i^4}

    with the singular values :math:`\sigma_i` of the Jacobian at :math:`z` along ``directions``, by central
    differences, averaged over points: the participation ratio, :math:`k` for :math:`k` equal singular values.

    References
    ----------
    Odena et al., Is generator conditioning causally related to GAN performance?, ICML 2018, arXiv:1802.08768.
    """
    ranks = []
    for point in points:
        moved = function(point + STEP * directions) - function(point - STEP * directions)
        powers = torch.linalg.svdvals(moved.double() / (2 * STEP)).square()
        total = powers.sum()
        ranks.append(float(total.square() / powers.square().sum()) if total > 1e-10 else 0.0)
    return float(np.mean(ranks))


@dataclass
class CollapseMonitor:
    """Measures generated cells against validation cells, and remembers."""

    real: Tensor  # validation cells in components, (n_cells, n_dims)
    labels: NDArray[np.int64]  # type number of each, (n_cells,)
    rank: Callable[[], float]  # returns the generator's Jacobian rank, see :func:jacobian_rank
    rows: list[dict[str, float]] = field(default_factory=list)  # what was measured, one entry for each call

    def __post_init__(self) -> None:
        # The same cells at every call; a file may be sorted by type, so not the first ones.
        self.chosen = np.random.default_rng(0).permutation(len(self.real))[:MAX_CELLS]

    @torch.no_grad()
    def __call__(self, fake: Tensor) -> None:
        """Measure generated cells, in the same components and as many as there are real ones."""
        rows = torch.from_numpy(self.chosen)
        fake, real = fake[rows], self.real[rows]
        values = (type_coverage(fake, real, self.labels[self.chosen]), neighbour_diversity(fake, real), self.rank())
        self.rows.append(dict(zip(MONITORED, values, strict=True)))


def with_monitor(history: pd.DataFrame, rows: Sequence[Mapping[str, float]]) -> pd.DataFrame:
    """Return a history with what a monitor measured beside the validation scores."""
    if not rows or "validation/score" not in history:
        return history
    validated = np.flatnonzero(history["validation/score"].notna())[-len(rows) :]
    table = history.copy()
    for name in MONITORED:
        column = np.full(len(history), np.nan)
        column[validated] = [row[name] for row in rows[-len(validated) :]]
        table[name] = column
    return table


LEAST_COVERAGE, LEAST_DIVERSITY, LEAST_RANK = 0.8, 0.5, 1.5
"""Below these a sentence is written; conventions, not tests (docs/objectives.md)."""


def collapse_advice(measured: Mapping[str, float]) -> list[str]:
    """Return sentences about mode collapse and what usually helps.

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


N_DIRECTIONS = 64
"""Directions of the noise in which the Jacobian is taken at most."""


@dataclass(frozen=True)
class ValidationPoints:
    """Real validation cells, and how to generate as many."""

    real: Tensor  # validation cells, (n_cells, n_dims)
    labels: NDArray[np.int64]  # type number of each, (n_cells,); -1 where unknown
    draw: Callable[[torch.Generator], Tensor]  # generates as many cells in the same components from a CPU generator
    n_watched: int | None = None  # leading dimensions that the monitor looks at; all by default

    def monitor(self, smooth: Callable[[], tuple[nn.Module, Tensor, dict[str, Tensor]]]) -> CollapseMonitor:
        """Return a monitor of mode collapse; ``smooth`` gives a generator, inputs of it and what else it wants."""

        @torch.no_grad()
        def rank() -> float:
            network, points, others = smooth()
            noise = torch.Generator().manual_seed(0)
            shape = (points.shape[1], min(points.shape[1], N_DIRECTIONS))
            directions = torch.linalg.qr(torch.randn(shape, generator=noise))[0].T.to(points.device)

            def cells(rows: Tensor) -> Tensor:
                made: Tensor = network.smooth(rows, **others)  # type: ignore[operator]  # a module forgets its types
                return made

            return jacobian_rank(cells, points, directions)

        return CollapseMonitor(self.real[:, : self.n_watched], self.labels, rank)

    def validator(self, random_state: int, monitor: CollapseMonitor | None) -> Callable[[], float]:
        """Return a function for the sliced Wasserstein distance to the validation cells, same noise each time."""

        def score() -> float:
            generator = torch.Generator().manual_seed(random_state)
            fake = self.draw(generator)
            distance = float(sliced_wasserstein(fake, self.real, generator=generator))
            if monitor is not None and bool(fake.isfinite().all()):
                monitor(fake[:, : self.n_watched])
            return distance

        return score


def diagnosis(history: pd.DataFrame, best_step: int) -> dict[str, Any]:
    """Return the monitored numbers at the kept step and advice; empty when nothing was measured there."""
    if MONITORED[0] not in history:
        return {}
    rows = history.loc[history["step"] == best_step, list(MONITORED)].dropna(how="all")
    if rows.empty:
        return {}
    kept = {name.removeprefix("monitor/"): float(rows[name].iloc[-1]) for name in MONITORED}
    numbers = {name: value for name, value in kept.items() if np.isfinite(value)}
    return {**numbers, "advice": collapse_advice(numbers)}
