"""A small evaluation with a rare type whose name is no harmless text, judged by the real judge."""

from dataclasses import replace

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from scgarage.judge.evaluation import Evaluation, evaluate
from scgarage.judge.evaluation.comparison import TYPE_METRICS
from scgarage.pp import split

RARE = "<b>&T"
METRICS = ["sliced_wasserstein", "coverage", "gene_mean_error", "types_present", "memorisation_share"]
NAN = float("nan")


def draw_cells(n_cells: int, seed: int) -> ad.AnnData:
    """Draw Poisson counts around the same type means for every seed; 4 % of the cells are rare."""
    means = np.random.default_rng(0).gamma(0.5, 3.0, size=(3, 60))
    rng = np.random.default_rng(seed)
    types = np.arange(n_cells) % 25
    codes = np.where(types == 0, 2, types % 2)
    counts = rng.poisson(means[codes] + 0.1)
    return ad.AnnData(
        sparse.csr_matrix(counts, dtype=np.float32),
        obs=pd.DataFrame(
            {"kind": pd.Categorical(np.array(["T cell", "B cell", RARE])[codes])},
            index=[f"cell{seed}-{i}" for i in range(n_cells)],
        ),
        var=pd.DataFrame(index=[f"gene{j}" for j in range(60)]),
    )


@pytest.fixture(scope="package")
def evaluation() -> Evaluation:
    parts = split(draw_cells(300, 1), labels_key="kind")
    parts.train.uns["scgarage"]["dataset"] = "toy blood"
    synthetic = draw_cells(120, 2)
    synthetic.uns["scgarage"] = {
        "model": "garage-test",
        "version": "0.0.1",
        "parameters": {"n_hidden": 64, "optimiser": {"learning_rate": 2e-4}},
        "versions": {"torch": "2.0.0"},
        "fit_seconds": 754.2,
        "best_step": 20,
        "history": {
            "step": np.array([10.0, 20.0, 30.0]),
            "critic.loss": np.array([0.5, 0.6, 0.7]),
            "validation.score": np.array([0.4, 0.2, 0.3]),
        },
    }
    result = evaluate(synthetic, parts, metrics=METRICS, n_repeats=2, n_pcs=10)
    table = result.table.copy()
    # One metric that could not be measured, whatever the small data say.
    row = (table["metric"] == "coverage") & (table["group"] == RARE)
    table.loc[row, ["value", "value_sd", "floor", "floor_sd", "null", "null_sd", "score"]] = NAN
    table.loc[row, "note"] = "too few cells to say (2 held-out cells)"
    types = evaluate(synthetic, parts, metrics=TYPE_METRICS, n_repeats=2, n_pcs=10)
    return replace(result, table=table, by_type=types.by_type, confusion=types.confusion)


@pytest.fixture(scope="package")
def third_party() -> Evaluation:
    """Synthetic cells that say nothing about themselves."""
    parts = split(draw_cells(300, 1), labels_key="kind")
    bare = ad.AnnData(draw_cells(120, 2).X, var=pd.DataFrame(index=parts.train.var_names))
    bare.obs_names = [f"x{i}" for i in range(bare.n_obs)]
    return evaluate(bare[:, ::-1].copy(), parts, metrics=[*METRICS, "label_fidelity"], n_repeats=2, n_pcs=10)


def quick_embedding(
    real: ad.AnnData, synthetic: ad.AnnData, *, labels_key: str, n_cells: int = 30, **_: object
) -> pd.DataFrame:
    """Stand in for UMAP, which takes seconds to compile and has its own tests."""
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(2 * n_cells, 2)), columns=["umap1", "umap2"])
    frame["source"] = np.repeat(["real", "synthetic"], n_cells)
    labels = [cells.obs.get(labels_key) for cells in (real, synthetic)]
    frame["cell_type"] = [
        name for known in labels for name in ([None] * n_cells if known is None else known.astype(str)[:n_cells])
    ]
    return frame


@pytest.fixture(scope="module", autouse=True)
def _quick_embedding():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scgarage.plotting.joint_embedding", quick_embedding)
        yield
