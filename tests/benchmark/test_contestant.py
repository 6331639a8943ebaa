"""Settings of a grid become a model, with the types that the model wants."""

import re
from pathlib import Path

import pytest

from scgarage.benchmark import read_grid
from scgarage.benchmark.grid import make_contestant
from scgarage.errors import InputError
from scgarage.models import MODELS, OPTIONAL_MODELS


def test_settings_arrive_and_the_seed_is_the_grids():
    config = make_contestant("garage", {"hidden": [16, 8], "n_factors": 4}, 7).config
    assert (config.hidden, config.n_factors, config.random_state) == ((16, 8), 4, 7)


def test_a_number_in_the_wrong_place_is_refused():
    with pytest.raises(InputError, match="n_factors"):
        make_contestant("garage", {"n_factors": 2.5})


def test_models_with_a_package_of_their_own_may_take_part():
    assert make_contestant("scvi", {"n_latent": 4}, 3).config.random_state == 3
    with pytest.raises(InputError, match=r"expected one of: garage, .*scvi"):
        make_contestant("scv", {})


def test_grid_of_the_documentation_can_be_read(tmp_path):
    grid = Path(__file__).parents[2] / "experiments" / "models.yaml"
    for name in re.findall(r"path: (data/\S+),", text := grid.read_text(encoding="utf-8")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "models.yaml").write_text(text, encoding="utf-8")
    read = read_grid(tmp_path / "models.yaml")
    assert {entry.model for entry in read.models} == {*MODELS, *OPTIONAL_MODELS}
    assert len(read.data) >= 4
    assert len(read.seeds) >= 3
