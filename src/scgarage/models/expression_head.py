"""Output heads inside a model of gene space: every head shows the critic the same thing."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from scgarage.errors import InputError
from scgarage.nn import HEADS, ALRHead, Head, NegativeBinomialHead, ZINBHead
from scgarage.preprocess import counts_from_log_expr
from scgarage.preprocess.normalise import TARGET_SUM

__all__ = ["ExpressionHead", "check_head"]

SMALLEST = 1e-7
"""Smallest mean share of a gene that a head starts from."""


class ExpressionHead(nn.Module):
    r"""A head, and the way from what it makes to what a critic sees: log1p CP10k over each gene's largest value.

    ================== ============================== ===========================================
    head makes         the critic sees                counts of a sampled cell of :math:`L` counts
    ================== ============================== ===========================================
    scaled log1p CP10k the same                       CP10k times :math:`L`, rounded
    log1p CP10k        :math:`x / m`                  the same
    proportions        :math:`\log(1 + 10^4 p) / m`   multinomial draw of :math:`L` counts
    counts             :math:`\log(1 + 10^4 c / L)/m` the head's own draw :math:`c`
    ================== ============================== ===========================================

    Proportions and counts have one more entry for all genes that are not modelled, so that those modelled need not add
    up to a constant.

    Parameters
    ----------
    name
        Name of :data:`scgarage.nn.HEADS`.
    n_genes
        Number of modelled genes.
    has_rest
        Whether there are others.
    """

    maximum: Tensor

    def __init__(self, name: str, n_genes: int, *, has_rest: bool) -> None:
        super().__init__()
        check_head(name)
        kind = HEADS[name]
        n_outputs = n_genes + int(has_rest and kind.space in ("proportions", "counts"))
        self.head: Head = kind(n_outputs, mean="softmax") if kind.space == "counts" else kind.for_genes(n_outputs)
        self.n_genes, self.n_outputs, self.n_logits = n_genes, n_outputs, self.head.n_logits
        self.register_buffer("maximum", torch.ones(n_genes))

    @property
    def needs_library(self) -> bool:
        """Whether it must be told library sizes when it makes cells."""
        return self.head.space == "counts"

    @property
    def needs_counts(self) -> bool:
        """Whether it can only learn from counts."""
        return self.head.space in ("counts", "proportions")

    def forward(
        self, logits: Tensor, *, library: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return what the critic sees, ``(n_cells, n_genes)``; arguments as of :class:`scgarage.nn.Head`."""
        made = self.head(logits, library=library, generator=generator)
        if self.head.space == "counts" and library is not None:
            made = made / library.to(made.device).reshape(-1, 1)
        return self._seen(made)

    def smooth(self, logits: Tensor) -> Tensor:
        """Return what the critic would see without the noise of a draw: the expected counts."""
        one = logits.new_ones(len(logits))
        if isinstance(self.head, NegativeBinomialHead):
            return self._seen(self.head.distribution(logits, library=one).mean)
        if isinstance(self.head, ZINBHead):
            counts = self.head.distribution(logits, library=one)
            return self._seen(counts.mean * torch.sigmoid(-counts.zero_logits))
        return self._seen(self.head(logits))

    def _seen(self, made: Tensor) -> Tensor:
        values = made[:, : self.n_genes]
        if self.head.space == "scaled log1p CP10k":
            return values
        if self.head.space != "log1p CP10k":
            values = torch.log1p(TARGET_SUM * values)
        return values / self.maximum

    def log_expr(self, scaled: Tensor) -> Tensor:
        """Return log1p CP10k, ``(n_cells, n_genes)``, from what the critic sees."""
        return scaled * self.maximum

    def counts(
        self, log_expr: NDArray[np.float32], totals: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Return whole counts, ``(n_cells, n_genes)``, of generated cells with library sizes ``(n_cells,)``."""
        if self.head.space != "proportions":
            return counts_from_log_expr(log_expr, totals)  # of drawn counts: those very counts
        shares = np.expm1(log_expr.astype(np.float64)) / TARGET_SUM
        shares = np.hstack([shares, np.maximum(1 - shares.sum(axis=1, keepdims=True), 0)])
        drawn = rng.multinomial(np.rint(totals).astype(np.int64), shares / shares.sum(axis=1, keepdims=True))
        return drawn[:, : self.n_genes].astype(np.float32)

    @torch.no_grad()
    def start(self, last: nn.Linear, mean_log_expr: NDArray[np.floating], mean_share: NDArray[np.floating]) -> None:
        """Let an untrained generator make cells near the mean of the training cells.

        Shares of genes differ by orders of magnitude, which small steps from equal shares take long to find.

        Parameters
        ----------
        last
            The layer before the head.
        mean_log_expr, mean_share
            Mean log1p CP10k of each modelled gene, and mean share of a cell's counts, ``(n_genes,)`` each.
        """
        if self.head.space == "scaled log1p CP10k":
            return
        if self.head.space == "log1p CP10k":
            means = torch.from_numpy(np.maximum(mean_log_expr, 1e-3))
            last.bias.copy_(means + torch.log(-torch.expm1(-means)))  # the inverse of softplus
            return
        shares = mean_share if self.n_outputs == self.n_genes else np.append(mean_share, 1 - mean_share.sum())
        logs = torch.from_numpy(np.log(np.maximum(shares, SMALLEST)))
        if isinstance(self.head, ALRHead):
            last.bias.copy_(logs[:-1] - logs[-1])
            return
        last.bias[: self.n_outputs] = logs.to(last.bias.dtype)
        if isinstance(self.head, ZINBHead):
            last.bias[-self.n_outputs :] = -2.0  # about one zero in eight is a technical one


def check_head(name: str) -> None:
    """Raise unless there is a head of that name that makes expression."""
    names = [known for known, kind in HEADS.items() if kind.space != "one-hot"]
    if name not in names:
        letters = "; it makes letters of sequences, not expression" if name in HEADS else ""
        msg = f"head must be one of {', '.join(map(repr, names))}; found {name!r}{letters}"
        raise InputError(msg)
