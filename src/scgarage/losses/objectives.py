"""Adversarial objectives: what critic and generator minimise."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Protocol, Self, TypeAlias, runtime_checkable

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, relu, softplus

from scgarage.errors import InputError

CriticOutput: TypeAlias = Literal["score", "features", "reconstruction error", "nothing"]
"""What the critic of an objective returns for a cell; with ``"nothing"`` there is no critic."""


class Objective(Protocol):
    """A pair of losses on the critic's outputs; models never switch on its name.

    Attributes
    ----------
    needs_real_scores
        Whether :meth:`generator_loss` also needs the critic's outputs for real cells.
    """

    needs_real_scores: ClassVar[bool]

    @property
    def critic_output(self) -> CriticOutput:
        """What the critic has to return: one score for a cell, unless said otherwise."""
        return "score"

    @property
    def needs_lipschitz(self) -> bool:
        """Whether the critic's loss has a lower bound only while a penalty keeps the critic Lipschitz."""
        return False

    @property
    def shift_invariant(self) -> bool:
        """Whether a constant in the critic's output changes nothing, so that its last layer needs no bias."""
        return False

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return what the critic minimises."""
        ...

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return what the generator minimises."""
        ...


@runtime_checkable
class Balanced(Protocol):
    """An objective with a number that moves from step to step; a value all the same: moves give the next objective.

    Attributes
    ----------
    moves
        Whether the number moves with these settings.
    """

    @property
    def moves(self) -> bool:
        """Whether the number moves with these settings."""
        ...

    def at(self, state: Tensor) -> Self:
        """Return the objective with the number ``state``."""
        ...

    def imbalance(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return what the number moves by, from the critic's outputs; its mean over processes is that of all cells."""
        ...

    def next_state(self, imbalance: Tensor) -> Tensor:
        """Return the number of the next step."""
        ...


@dataclass(frozen=True)
class BinaryCrossEntropy(Objective):
    r"""Cross-entropy between the critic's logits and smoothed labels.

    .. math::

        L_D = H(r, \sigma(D(x))) + H(f, \sigma(D(G(z)))), \qquad L_G = H(g, \sigma(D(G(z))))

    with :math:`H(t, p) = -t \log p - (1 - t) \log(1 - p)`; for :math:`r = g = 1, f = 0` these are the losses of
    Goodfellow et al., the generator's in the non-saturating form :math:`-\log \sigma(D(G(z)))`.

    Attributes
    ----------
    real_label, fake_label
        Targets :math:`r` and :math:`f` of the critic.
    generator_label
        Target :math:`g` of the generator.

    References
    ----------
    Goodfellow et al., NeurIPS 2014, arXiv:1406.2661. Smoothing: Salimans et al., NeurIPS 2016, arXiv:1606.03498.

    Notes
    -----
    With smoothed labels the best critic is :math:`D^*(x) = (r\,p(x) + f\,q(x)) / (p(x) + q(x))` for densities :math:`p`
    of real and :math:`q` of generated cells. With :math:`f > 0` generated cells far from real ones keep
    :math:`D^* = f` and a gradient from them; smoothing of the real side only (:math:`f = 0`) avoids rewarding them.
    """

    real_label: float = 1.0
    fake_label: float = 0.0
    generator_label: float = 1.0
    needs_real_scores: ClassVar[bool] = False

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the critic's loss from logits of real and generated cells, shape ``(n_cells, 1)`` each."""
        return _against(real, self.real_label) + _against(fake, self.fake_label)

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:  # noqa: ARG002  (one interface)
        """Return the generator's loss from the critic's logits of generated cells."""
        return _against(fake, self.generator_label)


def _against(logits: Tensor, label: float) -> Tensor:
    return binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


@dataclass(frozen=True)
class Minimax(Objective):
    r"""Both players share one value function.

    .. math::

        L_D = -E[\log \sigma(D(x))] - E[\log(1 - \sigma(D(G(z))))], \qquad L_G = E[\log(1 - \sigma(D(G(z))))]

    The gradient of :math:`L_G` in the logit is :math:`-\sigma(D(G(z)))`: it vanishes when the critic rejects a cell,
    which is why :class:`BinaryCrossEntropy` is used in practice. For the best critic
    :math:`-L_D = 2\,\mathrm{JS}(p \| q) - \log 4`.

    References
    ----------
    Goodfellow et al., NeurIPS 2014, arXiv:1406.2661.
    """

    needs_real_scores: ClassVar[bool] = False

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the critic's loss from logits of real and generated cells, shape ``(n_cells, 1)`` each."""
        return softplus(-real).mean() + softplus(fake).mean()

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:  # noqa: ARG002  (one interface)
        """Return the generator's loss from the critic's logits of generated cells."""
        return -softplus(fake).mean()


@dataclass(frozen=True)
class Hinge(Objective):
    r"""The critic stops pushing cells that lie beyond the margin.

    .. math:: L_D = E[\max(0, 1 - D(x))] + E[\max(0, 1 + D(G(z)))], \qquad L_G = -E[D(G(z))]

    For the best critic :math:`L_D = 2 - 2\,\mathrm{TV}(p, q)`, with the total variation distance in [0, 1].

    References
    ----------
    Lim & Ye 2017, arXiv:1705.02894. Miyato et al., ICLR 2018, arXiv:1802.05957.
    """

    needs_real_scores: ClassVar[bool] = False

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the critic's loss from scores of real and generated cells, shape ``(n_cells, 1)`` each."""
        return relu(1 - real).mean() + relu(1 + fake).mean()

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:  # noqa: ARG002  (one interface)
        """Return the generator's loss from the critic's scores of generated cells."""
        return -fake.mean()


@dataclass(frozen=True)
class LeastSquares(Objective):
    r"""Squared distance of the critic's outputs to targets.

    .. math::

        L_D = \tfrac12 E[(D(x) - r)^2] + \tfrac12 E[(D(G(z)) - f)^2], \qquad L_G = \tfrac12 E[(D(G(z)) - g)^2]

    The targets (1, 0, 1) are the usual choice; with (1, -1, 0) the generator of a perfect critic minimises the
    Pearson :math:`\chi^2` divergence between :math:`p + q` and :math:`2q`.

    Attributes
    ----------
    real_target, fake_target
        Targets :math:`r` and :math:`f` of the critic.
    generator_target
        Target :math:`g` of the generator.

    References
    ----------
    Mao et al., ICCV 2017, arXiv:1611.04076.
    """

    real_target: float = 1.0
    fake_target: float = 0.0
    generator_target: float = 1.0
    needs_real_scores: ClassVar[bool] = False

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the critic's loss from scores of real and generated cells, shape ``(n_cells, 1)`` each."""
        return ((real - self.real_target).square().mean() + (fake - self.fake_target).square().mean()) / 2

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:  # noqa: ARG002  (one interface)
        """Return the generator's loss from the critic's scores of generated cells."""
        return (fake - self.generator_target).square().mean() / 2


@dataclass(frozen=True)
class Relativistic(Objective):
    r"""The critic judges whether a real cell looks more real than a generated one.

    .. math::

        L_D = E[\mathrm{softplus}(D(G(z)) - D(x))], \qquad L_G = E[\mathrm{softplus}(D(x) - D(G(z)))]

    over pairs of a real and a generated cell, row by row. R3GAN is this objective with the penalties
    :class:`~scgarage.losses.R1` and :class:`~scgarage.losses.R2`; both are needed for local convergence. The loss
    only sees differences, so a constant added to all scores changes nothing.

    Notes
    -----
    Because each generated cell is compared with a real one, the critic cannot satisfy the loss by one threshold
    between all real and all generated cells, which is what lets dropped types go unnoticed.

    References
    ----------
    Huang et al., The GAN is dead; long live the GAN!, NeurIPS 2024, arXiv:2501.05441.
    Jolicoeur-Martineau, ICLR 2019, arXiv:1807.00734. Sun, Fang & Schwing, ICML 2020, arXiv:2011.04926.
    """

    needs_real_scores: ClassVar[bool] = True

    @property
    def shift_invariant(self) -> bool:
        """Whether a constant in the critic's output changes nothing: the loss sees differences only."""
        return True

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the critic's loss from scores of as many real as generated cells, shape ``(n_cells, 1)`` each.

        Raises
        ------
        InputError
            When the two shapes differ.
        """
        return softplus(_difference(fake, real)).mean()

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the generator's loss from the critic's scores of generated and of real cells.

        Raises
        ------
        InputError
            When the scores of real cells are not given, or the two shapes differ.
        """
        if real is None:
            msg = "the relativistic generator loss compares with real cells; pass their scores as the second argument"
            raise InputError(msg)
        return softplus(_difference(real, fake)).mean()


def _difference(one: Tensor, other: Tensor) -> Tensor:
    if one.shape != other.shape:
        msg = (
            "the relativistic loss pairs real and generated cells row by row; found scores of shapes "
            f"{tuple(one.shape)} and {tuple(other.shape)}; use batches of the same size"
        )
        raise InputError(msg)
    return one - other


@dataclass(frozen=True)
class Wasserstein(Objective):
    r"""Difference of the critic's mean outputs.

    .. math:: L_D = E[D(G(z))] - E[D(x)], \qquad L_G = -E[D(G(z))]

    Over all 1-Lipschitz critics the smallest :math:`L_D` is minus the Wasserstein-1 distance of real and generated
    cells. The critic must be kept Lipschitz by one of :data:`~scgarage.losses.PENALTIES`: the gradient penalty,
    spectral normalisation or weight clipping. Without, the loss has no lower bound.

    References
    ----------
    Arjovsky, Chintala & Bottou, ICML 2017, arXiv:1701.07875.
    """

    needs_real_scores: ClassVar[bool] = False

    @property
    def needs_lipschitz(self) -> bool:
        """Whether the critic must be kept Lipschitz: else the loss has no lower bound."""
        return True

    @property
    def shift_invariant(self) -> bool:
        """Whether a constant in the critic's output changes nothing: it drops out of a difference of means."""
        return True

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the critic's loss from scores of real and generated cells, shape ``(n_cells, 1)`` each."""
        return fake.mean() - real.mean()

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:  # noqa: ARG002  (one interface)
        """Return the generator's loss from the critic's scores of generated cells."""
        return -fake.mean()


@dataclass(frozen=True)
class Fisher(Objective):
    r"""Maximise :math:`E[D(x)] - E[D(G(z))]` while :math:`\Omega = \tfrac12 E[D(x)^2] + \tfrac12 E[D(G(z))^2]` is 1.

    .. math::

        L_D = -\big(E[D(x)] - E[D(G(z))]\big) - \lambda (1 - \Omega) + \tfrac{\rho}{2} (\Omega - 1)^2, \qquad
        L_G = -E[D(G(z))]

    with the multiplier's step :math:`\lambda \leftarrow \lambda - \rho (1 - \Omega)` (``"lagrangian"``), or with the
    one-sided penalty of the baseline that GARAGE is compared with, :math:`\rho \max(\Omega - 1, 0)^2`
    (``"penalty"``, published with :math:`\rho = 10`). For the best critic under the constraint the difference of means
    is the Fisher distance

    .. math:: \Big(\int \frac{(p - q)^2}{(p + q) / 2}\Big)^{1/2} = \sqrt{2\,\mathrm{triangular}(p, q)} \in [0, 2].

    The value is never changed: :meth:`updated` returns the objective of the next step. Keep ``multiplier`` in a
    buffer of the critic, so that a checkpoint holds it.

    Attributes
    ----------
    constraint
        How the constraint is held.
    rho
        Weight :math:`\rho` of the constraint.
    multiplier
        State :math:`\lambda`, a number or a tensor without dimensions; unused with ``"penalty"``.

    References
    ----------
    Mroueh & Sercu, Fisher GAN, NeurIPS 2017, arXiv:1705.09675.
    """

    constraint: Literal["lagrangian", "penalty"] = "lagrangian"
    rho: float = 1e-6
    multiplier: float | Tensor = 0.0
    needs_real_scores: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.constraint not in ("lagrangian", "penalty"):
            msg = f"constraint must be 'lagrangian' or 'penalty'; found {self.constraint!r}"
            raise InputError(msg)

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the critic's loss from scores of real and generated cells, shape ``(n_cells, 1)`` each."""
        difference = real.mean() - fake.mean()
        excess = self.second_moment(real, fake) - 1
        if self.constraint == "penalty":
            return -difference + self.rho * relu(excess).square()
        return -difference + self.multiplier * excess + self.rho / 2 * excess.square()

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:  # noqa: ARG002  (one interface)
        """Return the generator's loss from the critic's scores of generated cells."""
        return -fake.mean()

    def second_moment(self, real: Tensor, fake: Tensor) -> Tensor:
        r"""Return :math:`\Omega` of the scores."""
        return (real.square().mean() + fake.square().mean()) / 2

    @property
    def moves(self) -> bool:
        """Whether the multiplier moves: not with the penalty."""
        return self.constraint == "lagrangian"

    def at(self, state: Tensor) -> Self:
        """Return the objective with the multiplier ``state``."""
        return replace(self, multiplier=state)

    def imbalance(self, real: Tensor, fake: Tensor) -> Tensor:
        r"""Return :math:`\Omega - 1`."""
        return self.second_moment(real, fake) - 1

    @torch.no_grad()
    def next_state(self, imbalance: Tensor) -> Tensor:
        """Return the multiplier of the next step."""
        return self.multiplier + self.rho * imbalance

    @torch.no_grad()
    def updated(self, second_moment: Tensor) -> Self:
        r"""Return the objective of the next step from :math:`\Omega` of this one."""
        return self.at(self.next_state(second_moment - 1))


def reconstruction_error(cells: Tensor, reconstructed: Tensor) -> Tensor:
    r"""Return :math:`L(v) = \mathrm{mean}_j |v_j - D(v)_j|`, the score of a cell in BEGAN, shape ``(n_cells, 1)``.

    Parameters
    ----------
    cells, reconstructed
        Input and output of the autoencoder, shape ``(n_cells, n_genes)`` each.
    """
    return (cells - reconstructed).abs().mean(dim=1, keepdim=True)


@dataclass(frozen=True)
class BEGAN(Objective):
    r"""Reconstruction errors of real and generated cells in a kept balance.

    .. math::

        L_D = L(x) - k_t L(G(z)), \qquad L_G = L(G(z)), \qquad
        k_{t+1} = \mathrm{clip}\big(k_t + \lambda_k (\gamma L(x) - L(G(z))), 0, 1\big)

    where :math:`L` is :func:`reconstruction_error`. The value is never changed: :meth:`updated` returns the objective
    of the next step. Keep ``k`` in a buffer of the critic, so that a checkpoint holds it.

    Attributes
    ----------
    gamma
        Wanted ratio :math:`E[L(G(z))] / E[L(x)]`, in [0, 1]; lower gives cells that are better but less diverse.
    rate
        Learning rate :math:`\lambda_k`.
    k
        State :math:`k_t` in [0, 1], a number or a tensor without dimensions.

    References
    ----------
    Berthelot, Schumm & Metz 2017, arXiv:1703.10717. In scIGANs (Xu et al., Nucleic Acids Research 2020,
    doi:10.1093/nar/gkaa506): gamma 0.95, rate 0.001.

    Examples
    --------
    >>> objective = BEGAN(gamma=0.5, rate=0.1)
    >>> objective.updated(torch.tensor(2.0), torch.tensor(0.4)).k  # k = 0 + 0.1 * (0.5 * 2 - 0.4)
    tensor(0.0600)
    """

    gamma: float = 0.5
    rate: float = 1e-3
    k: float | Tensor = 0.0
    needs_real_scores: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not 0 <= self.gamma <= 1:
            msg = f"gamma is a ratio of errors and must lie in [0, 1]; found {self.gamma}"
            raise InputError(msg)

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the critic's loss from reconstruction errors of real and generated cells, ``(n_cells, 1)`` each."""
        return real.mean() - self.k * fake.mean()

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:  # noqa: ARG002  (one interface)
        """Return the generator's loss from the reconstruction errors of generated cells."""
        return fake.mean()

    @property
    def critic_output(self) -> CriticOutput:
        """What the critic returns: how badly an autoencoder reconstructs the cell."""
        return "reconstruction error"

    @property
    def moves(self) -> bool:
        """Whether the balance :math:`k` moves: always."""
        return True

    def at(self, state: Tensor) -> Self:
        """Return the objective with the balance ``state``."""
        return replace(self, k=state)

    def imbalance(self, real: Tensor, fake: Tensor) -> Tensor:
        r"""Return :math:`\gamma L(x) - L(G(z))`."""
        return self.gamma * real.mean() - fake.mean()

    @torch.no_grad()
    def next_state(self, imbalance: Tensor) -> Tensor:
        """Return the balance of the next step, in [0, 1]."""
        return (self.k + self.rate * imbalance).clamp(0, 1)

    @torch.no_grad()
    def updated(self, real: Tensor, fake: Tensor) -> Self:
        """Return the objective of the next step from errors of real and generated cells, or from their means."""
        return self.at(self.next_state(self.imbalance(real, fake)))

    @torch.no_grad()
    def convergence(self, real: Tensor, fake: Tensor) -> Tensor:
        r"""Return the measure :math:`M = L(x) + |\gamma L(x) - L(G(z))|`; lower is better, with any critic."""
        return real.mean() + (self.gamma * real.mean() - fake.mean()).abs()
