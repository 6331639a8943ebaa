"""Log-ratios of compositions and Gumbel-softmax: outputs on the simplex."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from scgarage.errors import InputError
from scgarage.nn.distributions import gumbel_noise


def alr(proportions: Tensor) -> Tensor:
    r"""Return the additive log-ratio :math:`y_i = \log(x_i / x_p), i < p`; the last part is the denominator.

    Parameters
    ----------
    proportions
        Compositions, shape ``(n_cells, n_genes)``, all > 0; a common factor of a row changes nothing.

    Returns
    -------
    Coordinates in the whole of :math:`R^{p - 1}`, shape ``(n_cells, n_genes - 1)``.

    Raises
    ------
    InputError
        When a proportion is not positive.

    Examples
    --------
    >>> alr_inverse(alr(torch.tensor([[0.5, 0.25, 0.25]])))
    tensor([[0.5000, 0.2500, 0.2500]])
    """
    logs = _logs(proportions)
    return logs[..., :-1] - logs[..., -1:]


def alr_inverse(coordinates: Tensor) -> Tensor:
    r"""Return the composition of additive log-ratios: :math:`x \propto (e^{y_1}, \dots, e^{y_{p-1}}, 1)`.

    Parameters
    ----------
    coordinates
        Log-ratios, shape ``(n_cells, n_genes - 1)``.

    Returns
    -------
    Proportions that sum to one, shape ``(n_cells, n_genes)``.
    """
    reference = coordinates.new_zeros((*coordinates.shape[:-1], 1))
    return torch.softmax(torch.cat([coordinates, reference], dim=-1), dim=-1)


def clr(proportions: Tensor) -> Tensor:
    r"""Return the centred log-ratio :math:`\log x_i - \tfrac1p \sum_j \log x_j`, shape ``(n_cells, n_genes)``.

    Its inverse is the softmax.

    Parameters
    ----------
    proportions
        Compositions, shape ``(n_cells, n_genes)``, all > 0; a common factor of a row changes nothing.

    Raises
    ------
    InputError
        When a proportion is not positive.
    """
    logs = _logs(proportions)
    return logs - logs.mean(dim=-1, keepdim=True)


def _logs(proportions: Tensor) -> Tensor:
    if not bool((proportions > 0).all()):
        n_bad = int((~(proportions > 0)).sum())
        msg = f"log-ratios need proportions > 0; found {n_bad} that are not; add a pseudo-count and divide by the total"
        raise InputError(msg)
    return proportions.log()


def gumbel_softmax(
    logits: Tensor,
    temperature: float | Tensor = 1.0,
    *,
    straight_through: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Draw relaxed one-hot vectors.

    .. math:: \tilde y_k = \mathrm{softmax}_k\big((\ell_k + g_k) / \tau\big), \qquad g_k \sim \mathrm{Gumbel}(0, 1)

    The largest entry is category :math:`k` with probability :math:`\mathrm{softmax}(\ell)_k` at every temperature; as
    :math:`\tau \to 0` the vector becomes one-hot.

    Parameters
    ----------
    logits
        Logits :math:`\ell`, shape ``(..., n_categories)``.
    temperature
        Temperature :math:`\tau` > 0.
    straight_through
        Return exact one-hot vectors with the gradient of the relaxed ones, which is biased.
    generator
        CPU generator; torch's global generator by default.

    Returns
    -------
    Vectors that sum to one, of the shape of ``logits``.

    Raises
    ------
    InputError
        When the temperature is not positive.

    References
    ----------
    Jang, Gu & Poole, ICLR 2017, arXiv:1611.01144. Maddison, Mnih & Teh, ICLR 2017, arXiv:1611.00712.
    """
    if not isinstance(temperature, Tensor) and not temperature > 0:
        msg = f"temperature must be positive; found {temperature}"
        raise InputError(msg)
    soft = torch.softmax((logits + gumbel_noise(logits, generator)) / temperature, dim=-1)
    if not straight_through:
        return soft
    hard = one_hot(soft.argmax(dim=-1), logits.shape[-1]).to(soft.dtype)
    return hard + (soft - soft.detach())


@dataclass(frozen=True)
class TemperatureSchedule:
    r"""Temperature that falls from ``start`` to ``end`` in ``n_steps`` steps and stays there.

    .. math::

        \tau_i = \tau_0 (\tau_1 / \tau_0)^{i / n} \ \text{(exponential)}, \qquad
        \tau_i = \tau_0 + (\tau_1 - \tau_0)\, i / n \ \text{(linear)}

    Attributes
    ----------
    start, end
        First and last temperature :math:`\tau_0 \ge \tau_1 > 0`.
    n_steps
        Steps :math:`n` of the fall.
    shape
        Course of the fall.

    Examples
    --------
    >>> schedule = TemperatureSchedule(start=1.0, end=0.25, n_steps=100)
    >>> [schedule(step) for step in (0, 50, 100, 1000)]
    [1.0, 0.5, 0.25, 0.25]
    """

    start: float = 1.0
    end: float = 0.1
    n_steps: int = 10_000
    shape: Literal["exponential", "linear"] = "exponential"

    def __post_init__(self) -> None:
        if not self.start >= self.end > 0:
            msg = f"temperatures must fall and stay positive, start >= end > 0; found {self.start} and {self.end}"
            raise InputError(msg)
        if self.n_steps < 1:
            msg = f"n_steps must be at least 1; found {self.n_steps}"
            raise InputError(msg)
        if self.shape not in ("exponential", "linear"):
            msg = f"shape must be 'exponential' or 'linear'; found {self.shape!r}"
            raise InputError(msg)

    def __call__(self, step: int) -> float:
        """Return the temperature of a step, counted from 0."""
        done = min(max(step, 0) / self.n_steps, 1.0)
        if self.shape == "linear":
            return self.start + (self.end - self.start) * done
        return float(self.start * (self.end / self.start) ** done)
