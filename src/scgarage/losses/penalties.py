"""Penalties of the critic, by name in :data:`PENALTIES`."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import relu
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import is_parametrized

from scgarage.errors import InputError

Critic: TypeAlias = Callable[[Tensor], Tensor]
"""Maps cells, ``(n_cells, n_genes)``, to scores, ``(n_cells, 1)``; a closure over the labels if it is conditional."""


class Penalty:
    """Something that keeps a critic smooth; a penalty overrides the hooks it needs, the others do nothing.

    A model calls :meth:`apply_to` once when it makes its networks, adds :meth:`loss` to the critic's loss and calls
    :meth:`after_step` after each step of the critic's optimiser.

    Attributes
    ----------
    lipschitz
        Whether it bounds how fast the critic's output may change, as the Wasserstein objective needs.
    needs_score
        Whether the critic must return one score for a cell.
    """

    lipschitz: ClassVar[bool] = False
    needs_score: ClassVar[bool] = False

    def apply_to(self, critic: nn.Module) -> None:
        """Change the critic's layers in place before training."""
        before = getattr(self, "prepare", None)  # what 0.1.0 called this method, in a penalty of a user's own
        if before is not None:
            text = f"{type(self).__name__}.prepare is now apply_to; the old name works until 0.3"
            warnings.warn(text, DeprecationWarning, stacklevel=2)
            before(critic)

    def loss(
        self,
        critic: Critic,  # noqa: ARG002  (for those that override)
        real: Tensor,
        fake: Tensor,  # noqa: ARG002
        *,
        generator: torch.Generator | None = None,  # noqa: ARG002
    ) -> Tensor:
        """Return a term of the critic's loss from real and generated cells, ``(n_cells, n_genes)`` each."""
        return real.new_zeros(())

    def after_step(self, critic: nn.Module) -> None:
        """Change the critic's parameters in place after a step."""


def input_gradients(critic: Critic, cells: Tensor) -> Tensor:
    """Return the gradient of each cell's score in the cell itself, ``(n_cells, n_genes)``, differentiable again."""
    cells = cells.detach().requires_grad_()
    with torch.enable_grad():
        gradients: Tensor = torch.autograd.grad(critic(cells).sum(), cells, create_graph=True)[0]
    return gradients


def check_pairs(real: Tensor, fake: Tensor) -> None:
    """Raise unless there are as many generated as real cells, of as many genes."""
    if real.shape != fake.shape:
        msg = (
            "the penalty pairs real and generated cells row by row; found shapes "
            f"{tuple(real.shape)} and {tuple(fake.shape)}; use batches of the same size"
        )
        raise InputError(msg)


@dataclass(frozen=True)
class GradientPenalty(Penalty):
    r"""Hold the critic's gradient at norm one between real and generated cells.

    .. math::

        w\, E\big[(\|\nabla_{\hat x} D(\hat x)\|_2 - c)^2\big], \qquad \hat x = \epsilon x + (1 - \epsilon) G(z),
        \quad \epsilon \sim U(0, 1)

    Attributes
    ----------
    weight
        Weight :math:`w`.
    norm
        Wanted norm :math:`c`.
    one_sided
        Whether only norms above :math:`c` cost anything.

    References
    ----------
    Gulrajani et al., NeurIPS 2017, arXiv:1704.00028. One-sided: Petzka, Fischer & Lukovnicov, ICLR 2018,
    arXiv:1709.08894.
    """

    weight: float = 10.0
    norm: float = 1.0
    one_sided: bool = False
    lipschitz: ClassVar[bool] = True
    needs_score: ClassVar[bool] = True

    def loss(self, critic: Critic, real: Tensor, fake: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return the penalty from as many real as generated cells, ``(n_cells, n_genes)`` each.

        Raises
        ------
        InputError
            When the two shapes differ.
        """
        check_pairs(real, fake)
        device = real.device if generator is None else "cpu"
        share = torch.rand((len(real), *[1] * (real.dim() - 1)), generator=generator, device=device, dtype=real.dtype)
        between = fake + share.to(real.device) * (real - fake)
        excess = input_gradients(critic, between).flatten(1).norm(dim=1) - self.norm
        return self.weight * (relu(excess) if self.one_sided else excess).square().mean()


@dataclass(frozen=True)
class R1(Penalty):
    r"""Flatten the critic on real cells.

    .. math:: \tfrac{\gamma}{2} E\big[\|\nabla_x D(x)\|_2^2\big]

    Attributes
    ----------
    gamma
        Weight :math:`\gamma`; it depends on the scale of the cells, so it is worth tuning.

    References
    ----------
    Mescheder, Geiger & Nowozin, ICML 2018, arXiv:1801.04406.
    """

    gamma: float = 10.0
    needs_score: ClassVar[bool] = True

    def loss(
        self,
        critic: Critic,
        real: Tensor,
        fake: Tensor,  # noqa: ARG002  (one interface)
        *,
        generator: torch.Generator | None = None,  # noqa: ARG002
    ) -> Tensor:
        """Return the penalty from real cells, ``(n_cells, n_genes)``."""
        return self.gamma / 2 * input_gradients(critic, real).flatten(1).square().sum(dim=1).mean()


@dataclass(frozen=True)
class R2(Penalty):
    r"""Flatten the critic on generated cells.

    .. math:: \tfrac{\gamma}{2} E\big[\|\nabla_{x} D(x)\|_2^2\big], \qquad x = G(z)

    R3GAN uses it together with :class:`R1`. The generated cells count as constants: the penalty trains the critic only.

    Attributes
    ----------
    gamma
        Weight :math:`\gamma`; it depends on the scale of the cells, so it is worth tuning.

    References
    ----------
    Mescheder, Geiger & Nowozin, ICML 2018, arXiv:1801.04406. Huang et al., NeurIPS 2024, arXiv:2501.05441.
    """

    gamma: float = 10.0
    needs_score: ClassVar[bool] = True

    def loss(
        self,
        critic: Critic,
        real: Tensor,  # noqa: ARG002  (one interface)
        fake: Tensor,
        *,
        generator: torch.Generator | None = None,  # noqa: ARG002
    ) -> Tensor:
        """Return the penalty from generated cells, ``(n_cells, n_genes)``."""
        return self.gamma / 2 * input_gradients(critic, fake).flatten(1).square().sum(dim=1).mean()


@dataclass(frozen=True)
class Consistency(Penalty):
    r"""Punish the critic for changing its mind when genes are dropped.

    .. math:: w\, E\big[(D(x) - D(T(x)))^2\big] + w_{fake}\, E\big[(D(G(z)) - D(T(G(z))))^2\big]

    where :math:`T` sets a random share of a cell's values to zero, as dropout in sequencing does. With
    :math:`w_{fake} > 0` the regularisation is balanced.

    Attributes
    ----------
    weight, fake_weight
        Weights :math:`w` and :math:`w_{fake}`.
    dropped
        Share of values set to zero, in [0, 1).

    References
    ----------
    Zhang et al., ICLR 2020, arXiv:1910.12027. Balanced: Zhao et al., AAAI 2021, arXiv:2002.04724.
    """

    weight: float = 10.0
    fake_weight: float = 0.0
    dropped: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.dropped < 1:
            msg = f"dropped is a share of values and must lie in [0, 1); found {self.dropped}"
            raise InputError(msg)

    def loss(self, critic: Critic, real: Tensor, fake: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return the penalty from real and generated cells, ``(n_cells, n_genes)`` each."""
        total = self.weight * self._change(critic, real, generator)
        if self.fake_weight:
            total = total + self.fake_weight * self._change(critic, fake, generator)
        return total

    def _change(self, critic: Critic, cells: Tensor, generator: torch.Generator | None) -> Tensor:
        device = cells.device if generator is None else "cpu"
        kept = torch.rand(cells.shape, generator=generator, device=device).to(cells.device) >= self.dropped
        return (critic(cells) - critic(cells * kept)).square().mean()


LAYERS = (nn.Linear, nn.Embedding, nn.Conv1d)
"""Layers with a weight matrix that is normalised."""


@dataclass(frozen=True)
class SpectralNorm(Penalty):
    r"""Divide each weight matrix by its largest singular value, :math:`\tilde W = W / \sigma(W)`.

    A multilayer perceptron with 1-Lipschitz activations (ReLU, leaky ReLU, tanh) is then 1-Lipschitz. The singular
    value is estimated by power iteration, one per forward pass in training mode; the estimate lies below the true
    value, so the constant can exceed 1 slightly while weights move fast.

    Two notes. A sum of a network and an embedding, as in a projection critic, is as Lipschitz as its parts together,
    not 1. For a convolution torch normalises the reshaped kernel, whose norm is not that of the convolution.

    Attributes
    ----------
    n_power_iterations
        Power iterations per forward pass.

    References
    ----------
    Miyato et al., ICLR 2018, arXiv:1802.05957.
    """

    n_power_iterations: int = 1
    lipschitz: ClassVar[bool] = True

    def apply_to(self, critic: nn.Module) -> None:
        """Normalise all linear, embedding and convolution layers in place, once.

        Raises
        ------
        InputError
            When the critic has no such layer.
        """
        layers = [module for module in critic.modules() if isinstance(module, LAYERS)]
        if not layers:
            names = ", ".join(kind.__name__ for kind in LAYERS)
            msg = f"spectral normalisation needs a critic with layers of type {names}; found none"
            raise InputError(msg)
        for layer in layers:
            if not is_parametrized(layer, "weight"):
                spectral_norm(layer, n_power_iterations=self.n_power_iterations)


@dataclass(frozen=True)
class WeightClipping(Penalty):
    r"""Clip every parameter of the critic to :math:`[-c, c]` after each step.

    The critic is then Lipschitz with *some* constant that depends on its size, and its capacity suffers; use the
    gradient penalty or spectral normalisation unless a published setting is to be repeated.

    Attributes
    ----------
    limit
        Bound :math:`c`.

    References
    ----------
    Arjovsky, Chintala & Bottou, ICML 2017, arXiv:1701.07875.
    """

    limit: float = 0.01
    lipschitz: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.limit > 0:
            msg = f"limit must be positive; found {self.limit}"
            raise InputError(msg)

    @torch.no_grad()
    def after_step(self, critic: nn.Module) -> None:
        """Clip the parameters in place."""
        for parameter in critic.parameters():
            parameter.clamp_(-self.limit, self.limit)


PENALTIES: dict[str, type[Penalty]] = {
    "gradient-penalty": GradientPenalty,
    "r1": R1,
    "r2": R2,
    "spectral-norm": SpectralNorm,
    "weight-clipping": WeightClipping,
    "consistency": Consistency,
}
"""Penalties by name. Label smoothing belongs to the objective: ``BinaryCrossEntropy(real_label=0.9)``."""
