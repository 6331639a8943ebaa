r"""Log-ratio coordinates of proportions.

Proportions live on the simplex, where Aitchison's geometry replaces the Euclidean one: *perturbation*
:math:`(x \oplus y)_i \propto x_i y_i` is addition, *powering* :math:`(a \odot x)_i \propto x_i^a` is multiplication
by a number, and the distance of two compositions is the Euclidean distance of their centred log-ratios.

The additive log-ratio turns perturbation into addition and powering into multiplication, so it is an isomorphism of
vector spaces. It is *not* an isometry: Euclidean distances of its coordinates depend on the gene in the denominator.
The centred log-ratio is an isometry, with coordinates that sum to zero.

References
----------
Aitchison, Journal of the Royal Statistical Society B 1982, doi:10.1111/j.2517-6161.1982.tb01195.x.
Pawlowsky-Glahn & Egozcue, SERRA 2001, doi:10.1007/s004770100077.
"""

import torch
from torch import Tensor

from scgarage.errors import InputError

__all__ = ["alr", "alr_inverse", "clr"]


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
