"""Output heads of a generator, by name in :data:`HEADS`."""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, softplus

from scgarage.errors import InputError
from scgarage.nn.distributions import NegativeBinomial, ZeroInflatedNegativeBinomial
from scgarage.nn.simplex import alr_inverse, gumbel_softmax

TARGET_SUM = 10_000.0
"""Counts per cell after normalisation (CP10k)."""

Space = Literal["scaled log1p CP10k", "log1p CP10k", "proportions", "counts", "one-hot"]


class Head(nn.Module, ABC):
    """The last step of a generator: logits to what the critic sees, and from there to counts.

    ``forward`` is on the gradient path, :meth:`counts` is not. Real cells must be brought into :attr:`space` before
    the critic sees them.

    Attributes
    ----------
    n_logits
        Width of the layer before the head.
    space
        What ``forward`` returns.
    """

    n_logits: int
    space: ClassVar[Space]

    @classmethod
    def for_genes(cls, n_genes: int) -> Self:
        """Return a head for ``n_genes`` genes with default settings."""
        return cls(n_genes)

    @abstractmethod
    def forward(
        self, logits: Tensor, *, library: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return values in :attr:`space`, differentiable in ``logits``, shape ``(n_cells, n_genes)``.

        Parameters
        ----------
        logits
            Output of the last layer, shape ``(n_cells, n_logits)``.
        library
            Library sizes (counts), shape ``(n_cells,)``, for heads that generate counts.
        generator
            CPU generator for heads that draw; torch's global generator by default.
        """

    @abstractmethod
    def counts(
        self, output: Tensor, library: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return whole counts, float32, ``(n_cells, n_genes)``, from what ``forward`` returned; without gradient.

        Parameters
        ----------
        output
            Values in :attr:`space`.
        library
            Library sizes (counts), shape ``(n_cells,)``, for heads that generate relative expression.
        generator
            CPU generator for heads that draw; torch's global generator by default.

        Raises
        ------
        InputError
            When the head needs library sizes and there are none, or not one per cell.
        """


def library_column(library: Tensor | None, values: Tensor) -> Tensor:
    """Return library sizes as a column ``(n_cells, 1)`` on the device of ``values``, or say what is wrong."""
    if library is None:
        msg = "this head needs the library size of each cell; pass library="
        raise InputError(msg)
    if library.numel() != len(values):
        msg = f"library needs one size per cell, {len(values)}; found shape {tuple(library.shape)}"
        raise InputError(msg)
    return library.to(values.device).reshape(-1, 1)


@torch.no_grad()
def counts_from_log_expr(log_expr: Tensor, library: Tensor | None) -> Tensor:
    r"""Return :math:`\mathrm{round}((e^{x_{ij}} - 1) L_i / 10^4)`, float32, from log1p CP10k.

    Parameters
    ----------
    log_expr
        log1p CP10k, shape ``(n_cells, n_genes)``; values below zero count as zero.
    library
        Library sizes :math:`L_i`, shape ``(n_cells,)``.
    """
    scale = library_column(library, log_expr) / TARGET_SUM
    return (torch.expm1(log_expr.clamp(min=0)) * scale).round().float()


class SoftplusHead(Head):
    r"""log1p CP10k as :math:`\log(1 + e^u)`: positive, and unlike a sigmoid able to exceed the training maximum.

    The output is never exactly zero, which a critic can see; rounding to counts makes the zeros.

    Parameters
    ----------
    n_genes
        Number of genes.
    """

    space: ClassVar[Space] = "log1p CP10k"

    def __init__(self, n_genes: int) -> None:
        super().__init__()
        self.n_logits = n_genes

    def forward(
        self,
        logits: Tensor,
        *,
        library: Tensor | None = None,  # noqa: ARG002  (one interface)
        generator: torch.Generator | None = None,  # noqa: ARG002
    ) -> Tensor:
        """Return log1p CP10k > 0, shape ``(n_cells, n_genes)``."""
        return softplus(logits)

    @torch.no_grad()
    def counts(
        self,
        output: Tensor,
        library: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,  # noqa: ARG002  (one interface)
    ) -> Tensor:
        """Return the CP10k values times the library sizes ``(n_cells,)``, rounded; ``(n_cells, n_genes)``."""
        return counts_from_log_expr(output, library)


class SigmoidScaledHead(Head):
    """Values in [0, 1], each gene relative to its largest training value.

    Parameters
    ----------
    maximum
        Largest log1p CP10k of each gene in the training cells, shape ``(n_genes,)``, > 0.
    """

    space: ClassVar[Space] = "scaled log1p CP10k"
    maximum: Tensor

    def __init__(self, maximum: Tensor) -> None:
        super().__init__()
        self.register_buffer("maximum", maximum)
        self.n_logits = len(maximum)

    @classmethod
    def for_genes(cls, n_genes: int) -> Self:
        """Return a head with maxima of one, to be filled in after fitting the scaler."""
        return cls(torch.ones(n_genes))

    def forward(
        self,
        logits: Tensor,
        *,
        library: Tensor | None = None,  # noqa: ARG002  (one interface)
        generator: torch.Generator | None = None,  # noqa: ARG002
    ) -> Tensor:
        """Return scaled expression in [0, 1], the space of the critic; shape ``(n_cells, n_genes)``."""
        return torch.sigmoid(logits)

    def log_expr(self, scaled: Tensor) -> Tensor:
        """Undo the scaling: log1p CP10k, shape ``(n_cells, n_genes)``."""
        return scaled * self.maximum

    @torch.no_grad()
    def counts(
        self,
        output: Tensor,
        library: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,  # noqa: ARG002  (one interface)
    ) -> Tensor:
        """Return the CP10k values times the library sizes ``(n_cells,)``, rounded; ``(n_cells, n_genes)``."""
        return counts_from_log_expr(self.log_expr(output), library)


class _SimplexHead(Head):
    """Proportions; counts are a multinomial draw, so that every cell has exactly its library size."""

    space: ClassVar[Space] = "proportions"

    @abstractmethod
    def proportions(self, logits: Tensor) -> Tensor:
        """Return positive values that sum to one in each row, shape ``(n_cells, n_genes)``."""

    def forward(
        self,
        logits: Tensor,
        *,
        library: Tensor | None = None,  # noqa: ARG002  (one interface)
        generator: torch.Generator | None = None,  # noqa: ARG002
    ) -> Tensor:
        """Return proportions, shape ``(n_cells, n_genes)``."""
        return self.proportions(logits)

    @torch.no_grad()
    def counts(
        self, output: Tensor, library: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        r"""Draw :math:`c_i \sim \mathrm{Multinomial}(L_i, x_i)`; library sizes ``(n_cells,)`` are rounded."""
        sizes = library_column(library, output).ravel().round().long().cpu().numpy()
        shares = output.double().cpu().numpy()
        # torch has no multinomial with a number of draws per row; numpy's is seeded by torch's stream.
        seed = int(torch.randint(2**62, (1,), generator=generator))
        drawn = np.random.default_rng(seed).multinomial(sizes, shares / shares.sum(axis=1, keepdims=True))
        return torch.from_numpy(drawn).float().to(output.device)


class SoftmaxHead(_SimplexHead):
    r"""Proportions :math:`x_i = e^{u_i} / \sum_j e^{u_j}` from one logit per gene.

    A constant added to all logits of a cell changes nothing: one direction of the last layer is idle.

    Parameters
    ----------
    n_genes
        Number of genes.
    """

    def __init__(self, n_genes: int) -> None:
        super().__init__()
        self.n_logits = n_genes

    def proportions(self, logits: Tensor) -> Tensor:
        """Return the softmax of the logits."""
        return torch.softmax(logits, dim=-1)


class ALRHead(_SimplexHead):
    r"""Proportions from additive log-ratios, one logit fewer than genes.

    The map is one to one: :func:`~scgarage.nn.alr` of the output gives the logits back. The last gene is the
    denominator; choose one that every cell expresses, for the coordinates of all genes carry its noise.

    Parameters
    ----------
    n_genes
        Number of genes, at least two.
    """

    def __init__(self, n_genes: int) -> None:
        super().__init__()
        if n_genes < 2:
            msg = f"log-ratios need at least two genes; found {n_genes}"
            raise InputError(msg)
        self.n_logits = n_genes - 1

    def proportions(self, logits: Tensor) -> Tensor:
        """Return the inverse additive log-ratio of the logits."""
        return alr_inverse(logits)


Mean = Literal["softplus", "softmax"]
Dispersion = Literal["gene", "cell"]

SMALLEST = 1e-6
"""Lower bound of means and dispersions: softplus reaches zero in float32."""


class CountParameters(nn.Module):
    r"""Means :math:`\mu` and inverse dispersions :math:`\theta`, both positive."""

    def __init__(self, n_genes: int, *, mean: Mean, dispersion: Dispersion) -> None:
        super().__init__()
        if mean not in ("softplus", "softmax"):
            msg = f"mean must be 'softplus' or 'softmax'; found {mean!r}"
            raise InputError(msg)
        if dispersion not in ("gene", "cell"):
            msg = f"dispersion must be 'gene' or 'cell'; found {dispersion!r}"
            raise InputError(msg)
        self.n_genes, self.mean, self.dispersion = n_genes, mean, dispersion
        self.n_logits = n_genes if dispersion == "gene" else 2 * n_genes
        self.raw_dispersion = nn.Parameter(torch.zeros(n_genes)) if dispersion == "gene" else None

    def forward(self, logits: Tensor, library: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return means and inverse dispersions, ``(n_cells, n_genes)`` each, from ``(n_cells, n_logits)``."""
        raw = logits[:, self.n_genes :] if self.raw_dispersion is None else self.raw_dispersion
        means = logits[:, : self.n_genes]
        if self.mean == "softplus":
            mean = softplus(means)
        else:
            mean = library_column(library, means) * torch.softmax(means, dim=1)
        return mean + SMALLEST, (softplus(raw) + SMALLEST).expand_as(mean)


class NegativeBinomialHead(Head):
    """Counts from means and inverse dispersions.

    The critic sees whole counts that carry the gradient of
    :meth:`NegativeBinomial.surrogate <scgarage.nn.NegativeBinomial.surrogate>`, and so the same zeros and noise as real
    counts; take ``log1p`` of both before the critic. A likelihood model uses :meth:`distribution` instead.

    Parameters
    ----------
    n_genes
        Number of genes.
    mean
        ``"softplus"``: the network decides the library size; ``"softmax"``: it is given to ``forward``.
    dispersion
        ``"gene"``: one parameter per gene, which one count per cell and gene can identify; ``"cell"``: the network
        gives one per cell and gene.

    References
    ----------
    Lopez et al., Nature Methods 2018, doi:10.1038/s41592-018-0229-2.
    """

    space: ClassVar[Space] = "counts"

    def __init__(self, n_genes: int, *, mean: Mean = "softplus", dispersion: Dispersion = "gene") -> None:
        super().__init__()
        self.parameters_of = CountParameters(n_genes, mean=mean, dispersion=dispersion)
        self.n_logits = self.parameters_of.n_logits

    def distribution(self, logits: Tensor, *, library: Tensor | None = None) -> NegativeBinomial:
        """Return the distribution of the counts for logits ``(n_cells, n_logits)``."""
        return NegativeBinomial(*self.parameters_of(logits, library))

    def forward(
        self, logits: Tensor, *, library: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw counts that carry a gradient, shape ``(n_cells, n_genes)``."""
        return self.distribution(logits, library=library).surrogate(generator)

    @torch.no_grad()
    def counts(
        self,
        output: Tensor,
        library: Tensor | None = None,  # noqa: ARG002  (one interface)
        *,
        generator: torch.Generator | None = None,  # noqa: ARG002
    ) -> Tensor:
        """Return the drawn counts, ``(n_cells, n_genes)``."""
        return output.round().float()


class ZINBHead(Head):
    """Counts from means, inverse dispersions and the probability of a technical zero.

    The critic sees whole counts that carry the gradient of
    :meth:`ZeroInflatedNegativeBinomial.surrogate <scgarage.nn.ZeroInflatedNegativeBinomial.surrogate>`; take ``log1p``
    of both real and generated counts before the critic. Counts of unique molecules rarely need more zeros than the
    negative binomial has; read counts of full-length protocols do.

    Parameters
    ----------
    n_genes
        Number of genes.
    mean, dispersion
        As for :class:`NegativeBinomialHead`. The logits of the technical zeros come last.

    References
    ----------
    Lopez et al., Nature Methods 2018, doi:10.1038/s41592-018-0229-2. Svensson, Nature Biotechnology 2020,
    doi:10.1038/s41587-019-0379-5.
    """

    space: ClassVar[Space] = "counts"

    def __init__(self, n_genes: int, *, mean: Mean = "softplus", dispersion: Dispersion = "gene") -> None:
        super().__init__()
        self.parameters_of = CountParameters(n_genes, mean=mean, dispersion=dispersion)
        self.n_genes = n_genes
        self.n_logits = self.parameters_of.n_logits + n_genes

    def distribution(self, logits: Tensor, *, library: Tensor | None = None) -> ZeroInflatedNegativeBinomial:
        """Return the distribution of the counts for logits ``(n_cells, n_logits)``."""
        mean, dispersion = self.parameters_of(logits[:, : -self.n_genes], library)
        return ZeroInflatedNegativeBinomial(mean, dispersion, logits[:, -self.n_genes :])

    def forward(
        self, logits: Tensor, *, library: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw counts that carry a gradient, shape ``(n_cells, n_genes)``."""
        return self.distribution(logits, library=library).surrogate(generator)

    @torch.no_grad()
    def counts(
        self,
        output: Tensor,
        library: Tensor | None = None,  # noqa: ARG002  (one interface)
        *,
        generator: torch.Generator | None = None,  # noqa: ARG002
    ) -> Tensor:
        """Return the drawn counts, ``(n_cells, n_genes)``."""
        return output.round().float()


class CategoricalHead(Head):
    """One of ``n_categories`` letters at each of ``n_positions`` positions, drawn by the Gumbel-softmax.

    Parameters
    ----------
    n_positions
        Length of a sequence.
    n_categories
        Number of letters: 4 for DNA, 20 for protein.
    straight_through
        Whether the critic sees exact one-hot vectors (the gradient is that of the relaxed ones) or relaxed ones.
    temperature
        First temperature; :meth:`anneal` lowers it, for example by
        :class:`~scgarage.nn.TemperatureSchedule`. It is a buffer, so a checkpoint holds it.

    References
    ----------
    Jang, Gu & Poole, ICLR 2017, arXiv:1611.01144.
    """

    space: ClassVar[Space] = "one-hot"
    temperature: Tensor

    def __init__(
        self, n_positions: int, n_categories: int = 4, *, straight_through: bool = True, temperature: float = 1.0
    ) -> None:
        super().__init__()
        self.n_positions, self.n_categories, self.straight_through = n_positions, n_categories, straight_through
        self.n_logits = n_positions * n_categories
        self.register_buffer("temperature", torch.ones(()))
        self.anneal(temperature)

    @classmethod
    def for_genes(cls, n_genes: int) -> Self:
        """Return a head for ``n_genes`` positions of four letters."""
        return cls(n_genes)

    def anneal(self, temperature: float) -> None:
        """Set the temperature of the draws from now on; it must be positive."""
        if not temperature > 0:
            msg = f"temperature must be positive; found {temperature}"
            raise InputError(msg)
        self.temperature.fill_(temperature)

    def forward(
        self,
        logits: Tensor,
        *,
        library: Tensor | None = None,  # noqa: ARG002  (one interface)
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw (relaxed) one-hot vectors, shape ``(n_cells, n_positions, n_categories)``."""
        shaped = logits.reshape(len(logits), self.n_positions, self.n_categories)
        return gumbel_softmax(shaped, self.temperature, straight_through=self.straight_through, generator=generator)

    @torch.no_grad()
    def codes(self, output: Tensor) -> Tensor:
        """Return the number of the letter at each position, int64, shape ``(n_cells, n_positions)``."""
        return output.argmax(dim=-1)

    @torch.no_grad()
    def counts(
        self,
        output: Tensor,
        library: Tensor | None = None,  # noqa: ARG002  (one interface)
        *,
        generator: torch.Generator | None = None,  # noqa: ARG002
    ) -> Tensor:
        """Return exact one-hot vectors, one count per position, of the shape of ``output``."""
        return one_hot(self.codes(output), self.n_categories).float()


HEADS: dict[str, type[Head]] = {
    "sigmoid-scaled": SigmoidScaledHead,
    "softplus": SoftplusHead,
    "softmax": SoftmaxHead,
    "alr": ALRHead,
    "negative-binomial": NegativeBinomialHead,
    "zinb": ZINBHead,
    "categorical": CategoricalHead,
}
"""Output heads by name."""
