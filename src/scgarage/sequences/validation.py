"""The score on validation sequences that training stops by."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d, one_hot

from scgarage.losses import sliced_wasserstein

__all__ = ["random_features", "validator"]

N_FILTERS, WIDTH = 128, 6
N_COPIES = 4


def random_features(sequences: Tensor, *, random_state: int = 0) -> Tensor:
    r"""Return how well random filters fit a sequence, at its best place and on average.

    .. math:: \max_i \langle w_f, x_{i:i+w} \rangle, \qquad \mathrm{mean}_i\, \max(0, \langle w_f, x_{i:i+w} \rangle)

    The judge counts words and looks for motifs; what a model is tuned on is never what it is judged by.

    Parameters
    ----------
    sequences
        One-hot letters, ``(n, n_positions, n_letters)``.
    random_state
        Seed of the filters :math:`w_f`.

    Returns
    -------
    Shape ``(n, 2 * n_filters)``.
    """
    width = min(WIDTH, sequences.shape[1])
    generator = torch.Generator().manual_seed(random_state)
    filters = torch.randn((N_FILTERS, sequences.shape[2], width), generator=generator) / width**0.5
    fits = conv1d(sequences.transpose(1, 2), filters.to(sequences))
    return torch.cat([fits.amax(dim=2), fits.relu().mean(dim=2)], dim=1)


def validator(generator: nn.Module, codes: Tensor, classes: Tensor, *, n_letters: int) -> Callable[[], float]:
    """Return a function for the distance of generated to validation sequences, mean over classes.

    Parameters
    ----------
    generator
        The network; it is given class numbers.
    codes, classes
        Validation sequences, int64 ``(n, n_positions)``, and their class numbers ``(n,)``.
    n_letters
        Letters of the alphabet.
    """
    n_classes = int(classes.max()) + 1
    real = random_features(one_hot(codes, n_letters).float())

    def score() -> float:
        repeated = classes.repeat(N_COPIES)
        device = next(generator.parameters()).device
        made = random_features(generator(repeated.to(device)).cpu())
        noise = torch.Generator().manual_seed(0)
        distances = [
            sliced_wasserstein(made[repeated == label], real[classes == label], generator=noise)
            for label in range(n_classes)
            if (classes == label).any()
        ]
        return float(torch.stack(distances).mean())

    return score
