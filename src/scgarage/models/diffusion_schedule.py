"""How fast a diffusion turns cells into noise, and the steps back."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from scgarage.errors import InputError

__all__ = ["DiffusionSchedule"]


@dataclass(frozen=True)
class DiffusionSchedule:
    r"""The forward process :math:`x_t = \sqrt{\bar\alpha_t}\, x_0 + \sqrt{1 - \bar\alpha_t}\, \epsilon`, t = 1 ... T.

    Attributes
    ----------
    n_steps
        Number of steps :math:`T`.
    shape
        ``"cosine"``: :math:`\bar\alpha_t = f(t) / f(0)`,
        :math:`f(t) = \cos^2\big(\tfrac{t / T + 0.008}{1.008} \tfrac\pi2\big)`,
        with :math:`\beta_t \le 0.999`; the end is noise for any :math:`T`. ``"linear"``: :math:`\beta_t` from ``first``
        to ``last``; the end is noise for :math:`T = 1000` (:math:`\bar\alpha_T = 4 \cdot 10^{-5}`), not for
        :math:`T = 100` (0.36), where sampling starts from a distribution that training never showed.
    first, last
        First and last :math:`\beta` of the linear shape.

    References
    ----------
    Ho, Jain & Abbeel, DDPM, NeurIPS 2020, arXiv:2006.11239. Nichol & Dhariwal, ICML 2021, arXiv:2102.09672.
    """

    n_steps: int = 200
    shape: Literal["cosine", "linear"] = "cosine"
    first: float = 1e-4
    last: float = 0.02

    def __post_init__(self) -> None:
        if self.n_steps < 2:
            msg = f"n_steps must be at least 2; found {self.n_steps}"
            raise InputError(msg)
        if self.shape not in ("cosine", "linear"):
            msg = f"shape must be 'cosine' or 'linear'; found {self.shape!r}"
            raise InputError(msg)

    @property
    def betas(self) -> Tensor:
        r"""Variances :math:`\beta_1 \dots \beta_T` of the noise of each step, float64."""
        if self.shape == "linear":
            return torch.linspace(self.first, self.last, self.n_steps, dtype=torch.float64)
        ends = torch.arange(self.n_steps + 1, dtype=torch.float64) / self.n_steps
        kept = torch.cos((ends + 0.008) / 1.008 * math.pi / 2).square()
        return (1 - kept[1:] / kept[:-1]).clamp(max=0.999)

    @property
    def signal(self) -> Tensor:
        r"""Shares :math:`\bar\alpha_t = \prod_{s \le t} (1 - \beta_s)` of the variance that are signal, float64."""
        return torch.cumprod(1 - self.betas, dim=0)

    def diffuse(self, start: Tensor, steps: Tensor, noise: Tensor) -> Tensor:
        """Return positions after ``steps`` (numbers from 0 for the first step), ``(n_cells, n_components)``."""
        signal = self.signal.to(start.device, start.dtype)[steps][:, None]
        return signal.sqrt() * start + (1 - signal).sqrt() * noise

    def back(
        self, position: Tensor, noise: Tensor, step: int, *, bounds: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, float]:
        r"""Return mean and standard deviation of :math:`q(x_{t-1} | x_t, \hat x_0)` for predicted noise.

        .. math::

            \hat x_0 = \frac{x_t - \sqrt{1 - \bar\alpha_t}\, \epsilon}{\sqrt{\bar\alpha_t}}, \quad
            m = \frac{\sqrt{\bar\alpha_{t-1}} \beta_t}{1 - \bar\alpha_t} \hat x_0
              + \frac{\sqrt{\alpha_t} (1 - \bar\alpha_{t-1})}{1 - \bar\alpha_t} x_t, \quad
            s^2 = \frac{1 - \bar\alpha_{t-1}}{1 - \bar\alpha_t} \beta_t

        Parameters
        ----------
        position
            :math:`x_t`, ``(n_cells, n_components)``.
        noise
            Predicted :math:`\epsilon`, of the same shape.
        step
            Number of the step, 0 for the first.
        bounds
            Smallest and largest :math:`\hat x_0`, ``(n_components,)`` each: where hardly any signal is left, a small
            error of the noise is a huge one of the start.
        """
        signal, beta = self.signal, float(self.betas[step])
        now, before = float(signal[step]), float(signal[step - 1]) if step else 1.0
        start = (position - math.sqrt(1 - now) * noise) / math.sqrt(now)
        if bounds is not None:
            start = start.clamp(*bounds)
        mean = math.sqrt(before) * beta / (1 - now) * start + math.sqrt(1 - beta) * (1 - before) / (1 - now) * position
        return mean, math.sqrt((1 - before) / (1 - now) * beta)
