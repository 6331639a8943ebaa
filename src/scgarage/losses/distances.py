"""Distances between samples that training uses: maximum mean discrepancy and sliced Wasserstein."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from scgarage.errors import InputError
from scgarage.losses.objectives import CriticOutput, Objective

MULTIPLES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Bandwidths of the default kernel mixture, in units of the median distance."""


def mmd(x: Tensor, y: Tensor, *, bandwidths: Sequence[float] | Tensor | None = None) -> Tensor:
    r"""Return the unbiased estimate of the squared maximum mean discrepancy with a mixture of Gaussian kernels.

    .. math::

        \widehat{\mathrm{MMD}}^2 = \frac{1}{n(n-1)} \sum_{i \ne j} k(x_i, x_j)
        + \frac{1}{m(m-1)} \sum_{i \ne j} k(y_i, y_j) - \frac{2}{nm} \sum_{i, j} k(x_i, y_j), \qquad
        k(x, y) = \frac1S \sum_s \exp\Big(-\frac{\|x - y\|^2}{2 \sigma_s^2}\Big)

    A U-statistic: its mean is exactly zero when both sets come from the same distribution, so it is often below zero.
    That also holds for the default bandwidths, which depend on the union of the two sets only.

    Parameters
    ----------
    x, y
        Cells or features of cells, shapes ``(n_x, n_dims)`` and ``(n_y, n_dims)``, at least two rows each.
    bandwidths
        Widths :math:`\sigma_s` of the kernels; by default the median distance between the rows of both sets times
        1/4, 1/2, 1, 2 and 4, through which no gradient flows.

    Returns
    -------
    Scalar, differentiable in ``x`` and ``y``.

    Raises
    ------
    InputError
        When a set has fewer than two rows, or a bandwidth is not positive.

    References
    ----------
    Gretton et al., JMLR 2012, https://jmlr.org/papers/v13/gretton12a.html.

    Examples
    --------
    >>> x = torch.tensor([[0.0], [1.0]])
    >>> round(mmd(x, x + 10, bandwidths=[1.0]).item(), 4)  # 2 exp(-1/2), the sets do not meet
    1.2131
    """
    if min(len(x), len(y)) < 2:
        msg = f"the unbiased estimate needs at least two cells in each set; found {len(x)} and {len(y)}"
        raise InputError(msg)
    pooled = torch.cat([x, y])
    squared = _squared_distances(pooled)
    kernel = _mixture(squared, _widths(squared, bandwidths))
    n, m = len(x), len(y)
    within_x = (kernel[:n, :n].sum() - kernel[:n, :n].trace()) / (n * (n - 1))
    within_y = (kernel[n:, n:].sum() - kernel[n:, n:].trace()) / (m * (m - 1))
    return within_x + within_y - 2 * kernel[:n, n:].mean()


def median_distance(cells: Tensor) -> Tensor:
    """Return the median Euclidean distance between different rows of ``cells``, ``(n_cells, n_dims)``.

    At least 1e-6, so that it can be a bandwidth; no gradient flows through it.

    Raises
    ------
    InputError
        When there are fewer than two rows.
    """
    if len(cells) < 2:
        msg = f"the median distance needs at least two cells; found {len(cells)}"
        raise InputError(msg)
    return _median(_squared_distances(cells))


def _squared_distances(cells: Tensor) -> Tensor:
    # Distances do not change by a shift, but the cancellation in float32 does.
    centred = cells - cells.detach().mean(dim=0)
    norms = centred.square().sum(dim=1)
    return (norms[:, None] + norms[None, :] - 2 * centred @ centred.T).clamp(min=0)


@torch.no_grad()
def _median(squared: Tensor) -> Tensor:
    rows, columns = torch.triu_indices(len(squared), len(squared), offset=1, device=squared.device)
    return squared[rows, columns].median().sqrt().clamp(min=1e-6)


def _widths(squared: Tensor, bandwidths: Sequence[float] | Tensor | None) -> Tensor:
    if bandwidths is None:
        return _median(squared) * squared.new_tensor(MULTIPLES)
    widths = torch.as_tensor(bandwidths, dtype=squared.dtype, device=squared.device)
    if widths.numel() == 0 or not bool((widths > 0).all()):
        msg = f"bandwidths must be one or more positive numbers; found {widths.tolist()}"
        raise InputError(msg)
    return widths


def _mixture(squared: Tensor, widths: Tensor) -> Tensor:
    total = torch.zeros_like(squared)
    for width in widths:
        total = total + torch.exp(-squared / (2 * width.square()))
    return total / len(widths)


@dataclass(frozen=True)
class MMD(Objective):
    r"""Squared maximum mean discrepancy of the critic's features, or of the cells themselves.

    .. math::

        L_D = -\widehat{\mathrm{MMD}}^2\big(D(x), D(G(z))\big), \qquad
        L_G = \widehat{\mathrm{MMD}}^2\big(D(x), D(G(z))\big)

    With a critic that maps a cell to features this is MMD-GAN, which needs a Lipschitz penalty like the Wasserstein
    objective; one number per cell is allowed and several are better. Without a critic, give cells (or their
    principal components) to :meth:`generator_loss` and never call :meth:`critic_loss`: a generative moment matching
    network.

    Attributes
    ----------
    bandwidths
        Widths of the Gaussian kernels; ``None`` takes the median distance of each batch times 1/4 ... 4. With a
        critic, give numbers: against bandwidths that follow the batch the critic cannot change the scale.

    References
    ----------
    Li, Swersky & Zemel, Generative moment matching networks, ICML 2015, arXiv:1502.02761.
    Li et al., MMD GAN, NeurIPS 2017, arXiv:1705.08584. Bińkowski et al., ICLR 2018, arXiv:1801.01401.
    """

    bandwidths: tuple[float, ...] | None = None
    needs_real_scores: ClassVar[bool] = True

    @property
    def critic_output(self) -> CriticOutput:
        """What the critic returns: features, or there is none when the bandwidths follow the batch."""
        return "nothing" if self.bandwidths is None else "features"

    @property
    def needs_lipschitz(self) -> bool:
        """Whether the critic must be kept Lipschitz: only where there is one, against fixed kernel widths."""
        return self.bandwidths is not None

    @property
    def shift_invariant(self) -> bool:
        """Whether a constant in the critic's output changes nothing: kernels see differences only."""
        return True

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the critic's loss from features of real and generated cells, ``(n_cells, n_features)`` each."""
        return -mmd(real, fake, bandwidths=self.bandwidths)

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the generator's loss from features of generated and of real cells, or from the cells.

        Raises
        ------
        InputError
            When ``real`` is not given.
        """
        if real is None:
            msg = "the MMD compares with real cells; pass them, or their features, as the second argument"
            raise InputError(msg)
        return mmd(real, fake, bandwidths=self.bandwidths)


def sliced_wasserstein(
    x: Tensor, y: Tensor, *, n_projections: int = 200, generator: torch.Generator | None = None
) -> Tensor:
    r"""Return the mean one-dimensional Wasserstein-1 distance over random directions.

    .. math::

        SW(X, Y) = \mathbb{E}_{\theta \sim U(S^{d-1})}
        \int_0^1 |F^{-1}_{\theta^T X}(u) - F^{-1}_{\theta^T Y}(u)| \, du

    The judge has its own implementation and its own representation: what a model is tuned on is never what it is
    judged by.

    Parameters
    ----------
    x, y
        Cells, shapes ``(n_x, n_dims)`` and ``(n_y, n_dims)``; the sizes may differ.
    n_projections
        Number of random directions.
    generator
        Source of the directions, on the CPU.

    Returns
    -------
    Scalar, differentiable in ``x`` and ``y``.

    References
    ----------
    Bonneel et al., Journal of Mathematical Imaging and Vision 2015, doi:10.1007/s10851-014-0506-3.
    """
    directions = torch.randn(x.shape[1], n_projections, generator=generator, dtype=x.dtype).to(x.device)
    directions = directions / directions.norm(dim=0)
    px, py = (x @ directions).sort(dim=0).values, (y @ directions).sort(dim=0).values
    if len(px) == len(py):
        distance: Tensor = (px - py).abs().mean()
        return distance
    # Quantile functions are steps at multiples of 1/n: integrate over the union of both sets of steps.
    both = [torch.arange(1, n + 1, device=x.device, dtype=torch.float64) / n for n in (len(px), len(py))]
    steps = torch.cat(both).sort().values
    widths = torch.diff(steps, prepend=steps.new_zeros(1))
    middle = steps - widths / 2
    ix, iy = ((middle * n).long().clamp(max=n - 1) for n in (len(px), len(py)))
    areas: Tensor = widths.to(x.dtype)[:, None] * (px[ix] - py[iy]).abs()
    return areas.sum(dim=0).mean()
