import numpy as np
import pandas as pd
import pytest
import torch

from scgarage.errors import InputError, OutputExistsError
from scgarage.models import FitOptions
from scgarage.sequences import (
    MOTIFS,
    PROTEIN,
    SequenceGan,
    independent_letters,
    kmer_distance,
    motif_table,
    simulate_sequences,
)
from scgarage.sequences.gan import random_features, validator

QUIET = FitOptions(progress=False, accelerator="cpu")
SMALL = {"n_channels": 8, "n_latent": 4, "n_features": 8, "n_iterations": 4, "validate_every": 2, "batch_size": 8}


@pytest.fixture(scope="module")
def real():
    motifs = {"cre": [MOTIFS["cre"]], "none": []}
    return simulate_sequences(motifs, 300, 16, background=np.array([0.35, 0.15, 0.15, 0.35]))


@pytest.fixture(scope="module")
def model(real):
    return SequenceGan(**SMALL).fit(real, options=QUIET)


def test_a_short_training_plants_the_motif_better_than_the_null(real):
    # One of three places: a few seconds are too short to learn a motif that lies anywhere.
    motifs = {"cre": [MOTIFS["cre"]], "none": []}
    train, test = simulate_sequences(motifs, 600, 16, places=(3, 5)).split(0.3)
    settings = {"n_channels": 16, "n_latent": 8, "n_features": 32, "n_critic_steps": 2, "validate_every": 50}
    model = SequenceGan(n_iterations=300, batch_size=32, learning_rate=3e-3, ema_decay=None, **settings).fit(
        train, options=QUIET
    )
    made = model.sample({"cre": 300, "none": 300})
    found = motif_table(made, test, {"cre": [MOTIFS["cre"]]}).iloc[0]
    assert found["recovery"] > 0.15
    assert found["weights_error"] < 0.8 * found["weights_error_null"]
    assert kmer_distance(test, made) < kmer_distance(test, independent_letters(train))
    # The class without the motif has no more of it than chance: the model is conditional.
    assert motif_table(made, test, {"none": [MOTIFS["cre"]]}).iloc[0]["synthetic"] < found["synthetic"] / 2


def test_samples_are_what_was_asked_for(model):
    made = model.sample({"none": 5, "cre": 2})
    assert (made.labels == "none").sum() == 5
    assert len(made) == 7
    assert made.length == 16
    assert len(model.sample(9)) == 9
    one, two, other = (model.sample(50, random_state=seed).texts() for seed in (0, 0, 1))
    assert one == two != other


def test_every_parameter_learns_and_the_history_says_how(real):
    fresh = SequenceGan(**SMALL | {"critic_blocks": 1})
    fresh.about = fresh._describe(real)
    fresh.networks = fresh._skeleton()
    batch = {name: column[:8] for name, column in fresh._columns(real).items()}
    for phase in fresh.phases():
        phase.loss(phase.module, batch)["loss"].backward()
        still = [name for name, p in phase.module.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
        assert still in ([], ["score.bias"])  # a constant changes no difference of scores
        fresh.networks.zero_grad()


def test_temperature_falls_with_the_updates(real):
    model = SequenceGan(**SMALL | {"ema_decay": None}).fit(real, validation=0, options=QUIET)
    head, c = model.networks["generator"].head, model.config
    assert int(model.networks["generator"].n_updates) == 4
    assert float(head.temperature) == pytest.approx(c.last_temperature)
    assert {"critic/loss", "critic/penalty", "generator/loss"} <= set(model.history)


def test_saved_models_are_the_same(model, tmp_path):
    again = SequenceGan.load(model.save(tmp_path / "model"))
    assert again.sample(20, random_state=3).texts() == model.sample(20, random_state=3).texts()
    assert again.config == model.config
    pd.testing.assert_frame_equal(again.history, model.history, check_dtype=False)
    assert "validation/score" in again.history
    with pytest.raises(OutputExistsError):
        model.save(tmp_path / "model")


def test_same_seed_same_model_and_global_randomness_is_left_alone(real, model):
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    again = SequenceGan(**SMALL).fit(real, options=QUIET)
    assert torch.equal(before, torch.random.get_rng_state())
    assert again.sample(20).texts() == model.sample(20).texts()


def test_without_classes_or_validation(real):
    plain = real.take(np.arange(40))
    plain = type(plain)(plain.codes)
    made = SequenceGan(**SMALL).fit(plain, validation=0, options=QUIET).sample(3)
    assert made.labels is None
    assert len(made) == 3


def test_protein():
    real = simulate_sequences({"a": [MOTIFS["p-loop"]]}, 30, 12)
    made = SequenceGan(**SMALL).fit(real, options=QUIET).sample(4)
    assert made.alphabet == PROTEIN


def test_bad_requests_are_refused(real, model, tmp_path):
    with pytest.raises(InputError, match="not fitted"):
        SequenceGan().sample(3)
    for spec in (0, {"unknown": 3}, {"cre": -1, "none": 3}, {}):
        with pytest.raises(InputError, match="cannot make"):
            model.sample(spec)
    with pytest.raises(InputError, match="no setting 'colour'"):
        SequenceGan(colour="red")
    with pytest.raises(InputError, match="kernel_size=4"):
        SequenceGan(kernel_size=4)
    with pytest.raises(InputError, match="validation sequences have"):
        SequenceGan(**SMALL).fit(real, validation=simulate_sequences({"a": [MOTIFS["cre"]]}, 9, 9), options=QUIET)
    with pytest.raises(InputError, match="is not a model folder"):
        SequenceGan.load(tmp_path)


def test_damaged_files_are_refused(model, tmp_path):
    folder = model.save(tmp_path / "model")
    (folder / "networks.safetensors").write_bytes(b"broken")
    with pytest.raises(InputError, match="damaged"):
        SequenceGan.load(folder)


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
