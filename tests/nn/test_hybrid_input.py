import pytest
import torch

from scgarage.errors import InputError
from scgarage.nn import HybridInput


def seeds(n=6, n_genes=4):
    return torch.arange(n).float()[:, None].expand(n, n_genes) + 100


def test_share_of_seed_rows_and_their_place():
    rows = HybridInput(seeds(), leakage=0.25)(20)
    assert rows.shape == (20, 4)
    assert (rows[:15].abs() < 50).all()
    assert (rows[15:] >= 100).all()


def test_new_seeds_are_drawn_for_each_batch():
    source = HybridInput(seeds(), leakage=1.0)
    drawn = torch.stack([source(6)[:, 0] for _ in range(20)])
    assert len(drawn.unique(dim=0)) > 10
    assert set(drawn.unique().tolist()) == set((torch.arange(6) + 100.0).tolist())


def test_only_chosen_seeds_are_drawn():
    rows = HybridInput(seeds(), leakage=1.0)(50, among=torch.tensor([2, 4]))
    assert set(rows[:, 0].tolist()) == {102.0, 104.0}


def test_no_seeds_gives_noise_of_the_asked_size():
    assert HybridInput(torch.zeros(0, 3), leakage=0.5)(7).shape == (7, 3)
    assert HybridInput(seeds(), leakage=0.5)(7, among=torch.tensor([], dtype=torch.long)).shape == (7, 4)


def test_noise_has_the_moments_of_its_distribution():
    torch.manual_seed(0)
    normal = HybridInput(torch.zeros(0, 50), leakage=0)(2000)
    uniform = HybridInput(torch.zeros(0, 50), leakage=0, noise="uniform")(2000)
    assert normal.mean().item() == pytest.approx(0, abs=0.02)
    assert normal.var().item() == pytest.approx(1, abs=0.02)
    assert uniform.var().item() == pytest.approx(1 / 3, abs=0.01)
    assert uniform.abs().max() <= 1


def test_generator_makes_it_reproducible():
    source = HybridInput(seeds(), leakage=0.5)
    draws = [source(9, generator=torch.Generator().manual_seed(3)) for _ in range(2)]
    torch.testing.assert_close(*draws)


@pytest.mark.parametrize("bad", [{"leakage": 1.5}, {"leakage": -0.1}, {"noise": "cauchy"}])
def test_bad_settings_are_refused(bad):
    with pytest.raises(InputError, match=r"leakage|noise"):
        HybridInput(seeds(), **bad)
