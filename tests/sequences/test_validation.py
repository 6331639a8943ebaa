import numpy as np
import torch

from scgarage.sequences import MOTIFS, independent_letters, simulate_sequences
from scgarage.sequences.gan import random_features, validator

N_FILTERS = 128


def letters(windows):
    return torch.from_numpy(windows.one_hot())


def test_features_against_one_place_at_a_time():
    windows = simulate_sequences({"a": [MOTIFS["cre"]]}, 6, 12)
    found = random_features(letters(windows), random_state=3).numpy()
    generator = torch.Generator().manual_seed(3)
    filters = torch.randn((N_FILTERS, 4, 6), generator=generator).numpy() / np.sqrt(6)
    hot = windows.one_hot()
    fits = np.stack([np.einsum("nwl,flw->nf", hot[:, start : start + 6], filters) for start in range(7)], axis=2)
    np.testing.assert_allclose(found[:, :N_FILTERS], fits.max(axis=2), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[:, N_FILTERS:], np.maximum(fits, 0).mean(axis=2), rtol=1e-4, atol=1e-5)


class Fixed(torch.nn.Module):
    """Gives the same sequences whatever the class."""

    def __init__(self, windows):
        super().__init__()
        self.made = torch.nn.Parameter(letters(windows))

    def forward(self, classes):
        return self.made.detach()[: len(classes)]


def test_score_prefers_sequences_with_the_motif():
    real = simulate_sequences({"a": [MOTIFS["cre"]]}, 1000, 12)
    held, rest = real.take(np.arange(200)), real.take(np.arange(200, 1000))
    codes, classes = torch.from_numpy(held.codes.astype(np.int64)), torch.zeros(200, dtype=torch.int64)
    scores = [validator(Fixed(side), codes, classes, n_letters=4)() for side in (rest, independent_letters(rest))]
    assert scores[0] < 0.5 * scores[1]
