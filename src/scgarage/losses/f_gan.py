"""The f-GAN family: divergences, their conjugates and output activations."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from scgarage.errors import InputError
from scgarage.losses.objectives import Objective

Elementwise: TypeAlias = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class FDivergence:
    r"""One divergence, as functions of tensors that work elementwise.

    Attributes
    ----------
    title
        Name as it is written.
    f
        Generator function :math:`f(u)` of the density ratio :math:`u = p / q > 0`.
    derivative
        :math:`f'(u)`, the output :math:`T` of the best critic.
    conjugate
        :math:`f^*(t)` for ``t`` in ``domain``.
    activation
        :math:`g_f(v)` for any ``v``.
    conjugate_of_activation
        :math:`f^*(g_f(v))` in one formula that does not lose digits.
    domain
        Open interval in which ``conjugate`` is the conjugate of ``f`` (closed for the total variation).
    """

    title: str
    f: Elementwise
    derivative: Elementwise
    conjugate: Elementwise
    activation: Elementwise
    conjugate_of_activation: Elementwise
    domain: tuple[float, float]


KL = FDivergence(
    title="Kullback-Leibler",
    f=lambda u: torch.xlogy(u, u),
    derivative=lambda u: 1 + u.log(),
    conjugate=lambda t: torch.exp(t - 1),
    activation=lambda v: v,
    conjugate_of_activation=lambda v: torch.exp(v - 1),
    domain=(-math.inf, math.inf),
)

REVERSE_KL = FDivergence(
    title="reverse Kullback-Leibler",
    f=lambda u: -u.log(),
    derivative=lambda u: -1 / u,
    conjugate=lambda t: -1 - torch.log(-t),
    activation=lambda v: -torch.exp(-v),
    conjugate_of_activation=lambda v: v - 1,
    domain=(-math.inf, 0.0),
)

# As in the f-GAN paper: twice the usual Jensen-Shannon divergence, hence at most log 4.
JENSEN_SHANNON = FDivergence(
    title="Jensen-Shannon (doubled)",
    f=lambda u: torch.xlogy(u, u) - (1 + u) * torch.log((1 + u) / 2),
    derivative=lambda u: torch.log(2 * u / (1 + u)),
    conjugate=lambda t: -torch.log(2 - torch.exp(t)),
    activation=lambda v: math.log(2) + logsigmoid(v),
    conjugate_of_activation=lambda v: softplus(v) - math.log(2),
    domain=(-math.inf, math.log(2)),
)

# f(1) = -log 4 instead of 0: the doubled Jensen-Shannon divergence minus log 4, the value of the original game.
GAN = FDivergence(
    title="GAN",
    f=lambda u: torch.xlogy(u, u) - (1 + u) * torch.log1p(u),
    derivative=lambda u: torch.log(u / (1 + u)),
    conjugate=lambda t: -torch.log(-torch.expm1(t)),
    activation=logsigmoid,
    conjugate_of_activation=softplus,
    domain=(-math.inf, 0.0),
)

# For t < -2 the conjugate over u >= 0 is the constant -1; the parabola lies above it, so the bound still holds, and it
# keeps a gradient.
PEARSON = FDivergence(
    title="Pearson chi-squared",
    f=lambda u: (u - 1).square(),
    derivative=lambda u: 2 * (u - 1),
    conjugate=lambda t: t.square() / 4 + t,
    activation=lambda v: v,
    conjugate_of_activation=lambda v: v.square() / 4 + v,
    domain=(-2.0, math.inf),
)

SQUARED_HELLINGER = FDivergence(
    title="squared Hellinger",
    f=lambda u: (u.sqrt() - 1).square(),
    derivative=lambda u: 1 - u.rsqrt(),
    conjugate=lambda t: t / (1 - t),
    activation=lambda v: -torch.expm1(-v),
    conjugate_of_activation=torch.expm1,
    domain=(-math.inf, 1.0),
)

TOTAL_VARIATION = FDivergence(
    title="total variation",
    f=lambda u: (u - 1).abs() / 2,
    derivative=lambda u: torch.sign(u - 1) / 2,
    conjugate=lambda t: t,
    activation=lambda v: torch.tanh(v) / 2,
    conjugate_of_activation=lambda v: torch.tanh(v) / 2,
    domain=(-0.5, 0.5),
)

F_DIVERGENCES: dict[str, FDivergence] = {
    "kl": KL,
    "reverse-kl": REVERSE_KL,
    "jensen-shannon": JENSEN_SHANNON,
    "gan": GAN,
    "pearson": PEARSON,
    "squared-hellinger": SQUARED_HELLINGER,
    "total-variation": TOTAL_VARIATION,
}
"""Divergences by name."""


@dataclass(frozen=True)
class FGAN(Objective):
    r"""The critic raises a lower bound of a divergence, the generator lowers the divergence.

    .. math::

        L_D = -E[g_f(D(x))] + E[f^*(g_f(D(G(z))))], \qquad
        L_G = \begin{cases} -E[f^*(g_f(D(G(z))))] & \text{saturating} \\ -E[g_f(D(G(z)))] & \text{otherwise} \end{cases}

    with :math:`g_f` and :math:`f^*` from :data:`~scgarage.losses.F_DIVERGENCES`; ``D`` has a linear output.

    Attributes
    ----------
    divergence
        Name of the divergence :math:`D_f(\text{real} \| \text{generated})`.
    saturating
        Whether the generator minimises the bound itself, which vanishes for rejected cells with most divergences; by
        default it maximises the critic's output (section 3.2 of the paper).

    References
    ----------
    Nowozin, Cseke & Tomioka, f-GAN, NeurIPS 2016, arXiv:1606.00709.
    """

    divergence: str = "jensen-shannon"
    saturating: bool = False
    needs_real_scores: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.divergence not in F_DIVERGENCES:
            msg = f"divergence must be one of {', '.join(map(repr, F_DIVERGENCES))}; found {self.divergence!r}"
            raise InputError(msg)

    def bound(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the lower bound of the divergence that the critic's outputs prove, up to sampling error."""
        divergence = F_DIVERGENCES[self.divergence]
        return divergence.activation(real).mean() - divergence.conjugate_of_activation(fake).mean()

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the critic's loss from outputs for real and generated cells, shape ``(n_cells, 1)`` each."""
        return -self.bound(real, fake)

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:  # noqa: ARG002  (one interface)
        """Return the generator's loss from the critic's outputs for generated cells."""
        divergence = F_DIVERGENCES[self.divergence]
        if self.saturating:
            return -divergence.conjugate_of_activation(fake).mean()
        return -divergence.activation(fake).mean()
