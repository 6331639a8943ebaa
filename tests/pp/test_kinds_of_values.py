"""Values as other software leaves them: told for what they are, and made counts again where that can be."""

import math
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
import scanpy as sc
import scipy.sparse as sp

from scgarage.cli import main
from scgarage.datasets import simulate
from scgarage.errors import InputError
from scgarage.io.cells import validate_expression, value_kind
from scgarage.io.values import recognise_values
from scgarage.pp import prepare, recover_counts

SHARED = Path(__file__).parents[3] / "shared" / "data"
REAL = [path for path in sorted(SHARED.glob("*.h5ad")) if path.stem not in ("yan", "pbmc_three_chemistries")]
BASES = [math.e, 2, 10]


@pytest.fixture(scope="module", params=[60, 800, 5000], ids=lambda depth: f"depth {depth}")
def counts(request):
    X = sp.csr_matrix(simulate(300, 150, 3, 0.06, depth=request.param, random_state=2).X, dtype=np.float64)
    return X[(X == 1).sum(axis=1).A1 > 0]


def with_data(X, function):
    made = sp.csr_matrix(X, dtype=np.float64, copy=True)
    made.data = function(made.data)
    made.eliminate_zeros()
    return sp.csr_matrix(made, dtype=np.float32)


def normalised(X, target):
    totals = X.sum(axis=1).A1
    return sp.csr_matrix(sp.diags((np.median(totals) if target is None else target) / totals) @ X)


def logarithms(X, base, target):
    return with_data(normalised(X, target), lambda values: np.log1p(values) / math.log(base))


def length_scaled(X, target=1e6):
    return normalised(sp.csr_matrix(X @ sp.diags(np.random.default_rng(0).lognormal(0, 0.7, X.shape[1]))), target)


def same(found, X):
    return (sp.csr_matrix(found) != sp.csr_matrix(X)).nnz == 0


RNG = np.random.default_rng(3)
FRACTIONAL = {
    "SoupX": lambda v: v * (1 - RNG.beta(1, 12, v.size)),
    "SoupX by cluster": lambda v: v * np.where(RNG.random(v.size) < 0.5, 1, RNG.uniform(0.6, 1, v.size)),
    "CellBender": lambda v: np.maximum(v - RNG.exponential(0.2, v.size), 0.01),
    "alevin": lambda v: np.where(
        RNG.random(v.size) < 0.7, v, np.maximum(v - RNG.choice([0.5, 1 / 3, 0.25], v.size), 0.2)
    ),
    "EM": lambda v: np.abs(v + RNG.normal(0, 0.15, v.size)),
}


@pytest.mark.parametrize("tool", FRACTIONAL)
def test_fractional_counts_are_no_logarithms_and_rounded_when_asked(counts, tool):
    X = with_data(counts, FRACTIONAL[tool])
    adata = ad.AnnData(X)
    values = recognise_values(X)
    assert (values.kind, values.what in ("fractional", "unclear")) == ("unknown", True), values.sentence
    with pytest.raises(InputError, match=r"fractional counts.*scgarage prepare --round"):
        prepare(adata)
    nearest = prepare(adata, rounding="nearest")
    kept = np.isin(adata.obs_names, nearest.obs_names)
    assert same(nearest.X, with_data(X[kept], np.rint))
    assert nearest.uns["scgarage"]["value_kind"] == "counts"
    one, again, other = (prepare(adata, rounding="stochastic", random_state=seed) for seed in (0, 0, 1))
    assert same(one.X, again.X)
    assert one.X.shape != other.X.shape or not same(one.X, other.X)
    assert sp.issparse(one.X)
    assert one.X.nnz <= X.nnz
    fraction = X.data - np.floor(X.data)
    assert abs(one.X.sum() - X.sum()) < 5 * np.sqrt((fraction * (1 - fraction)).sum()) + 1
    assert any("were rounded to a whole number" in said for said in one.uns["scgarage"]["prepared"])


def test_rounding_noise_goes_without_asking(counts):
    X = with_data(counts, lambda v: v * (1 + np.random.default_rng(0).normal(0, 1e-5, v.size)))
    prepared = prepare(ad.AnnData(X))
    assert same(prepared.X, counts)
    assert "rounding noise were rounded" in prepared.uns["scgarage"]["prepared"][0]


def test_fractional_layer_is_said_and_taken_when_asked(counts):
    X = with_data(counts, FRACTIONAL["SoupX"])
    adata = ad.AnnData(logarithms(X, math.e, None), layers={"counts": X})
    said = prepare(adata).uns["scgarage"]["prepared"]
    assert 'adata.layers["counts"] holds fractional counts and was not used' in " ".join(said)
    assert same(prepare(adata, rounding="nearest").layers["counts"], X)
    assert prepare(adata, rounding="nearest").uns["scgarage"]["value_kind"] == "counts"


@pytest.mark.parametrize("target", [None, 1e4, 1e6])
@pytest.mark.parametrize("base", BASES)
def test_base_and_target_are_found_and_counts_recovered(counts, base, target):
    X = logarithms(counts, base, target)
    values = recognise_values(X)
    assert values.base == pytest.approx(base)
    assert values.target_sum == pytest.approx(target or np.median(counts.sum(axis=1).A1), rel=1e-3)
    adata = ad.AnnData(X)
    if base != math.e:
        with pytest.raises(InputError, match=r"natural logarithms are expected.*scgarage prepare"):
            validate_expression(adata, warn_silent_genes=False)
    assert same(prepare(adata).X, counts)
    assert same(recover_counts(adata).X, counts)


@pytest.mark.parametrize("base", BASES)
def test_base_of_unnormalised_counts_and_of_some_genes_is_found(counts, base):
    raw = with_data(counts, lambda v: np.log1p(v) / math.log(base))
    assert recognise_values(raw).base == pytest.approx(base)
    assert same(prepare(ad.AnnData(raw)).X, counts)
    part = logarithms(counts, base, 1e4)[:, ::2]
    one = ((counts[:, ::2] == 1).sum(axis=1).A1 > 0) & (counts[:, ::2].sum(axis=1).A1 > 0)
    assert same(prepare(ad.AnnData(part[one])).X, counts[one][:, ::2])


@pytest.mark.parametrize(("base", "target"), [(2, 1e6), (math.e, 1e6), (10, 1e4)])
def test_logarithms_without_counts_behind_them_become_log1p_cp10k(counts, base, target):
    X = with_data(length_scaled(counts, target), lambda v: np.log1p(v) / math.log(base))
    prepared = prepare(ad.AnnData(X))
    expected = np.log1p(length_scaled(counts, 1e4).toarray())
    np.testing.assert_allclose(prepared.X.toarray(), expected, rtol=2e-4, atol=1e-4)
    assert "were turned into log1p CP10k" in prepared.uns["scgarage"]["prepared"][0]
    part = ad.AnnData(X[:, ::2])
    told = prepare(part[np.asarray(part.X.sum(axis=1)).ravel() > 0].copy(), log_base=base, target_sum=target)
    cells = part.obs_names.get_indexer(told.obs_names)
    np.testing.assert_allclose(told.X.toarray(), expected[cells][:, ::2], rtol=2e-4, atol=1e-4)


def test_a_recorded_base_decides_where_the_values_do_not(counts):
    adata = ad.AnnData(with_data(length_scaled(counts), lambda v: np.log2(v + 1))[:, ::2])
    adata.uns["log1p"] = {"base": 2}
    adata = adata[adata.X.sum(axis=1).A1 > 0].copy()
    with pytest.raises(InputError, match=r"log2\(x \+ 1\)"):
        validate_expression(adata, warn_silent_genes=False)
    np.testing.assert_allclose(prepare(adata).X.toarray(), adata.X.toarray() * math.log(2), rtol=1e-5)


def test_values_that_leave_it_open_are_logarithms_when_told():
    shares = np.random.default_rng(0).beta(2, 5, (40, 30)) * (np.random.default_rng(1).random((40, 30)) < 0.5)
    with pytest.raises(InputError, match="between 0 and 1"):
        prepare(ad.AnnData(shares))
    told = prepare(ad.AnnData(shares), log_base=10, target_sum=1e6)
    expected = np.log1p((10**shares - 1) / 100)
    np.testing.assert_allclose(sp.csr_matrix(told.X).toarray(), expected, rtol=1e-5)
    assert told.uns["scgarage"]["value_kind"] == "log-normalised"


def test_a_base_that_the_values_contradict_is_refused(counts):
    with pytest.raises(InputError, match=r"log_base is 2, but adata\.X holds natural logarithms"):
        prepare(ad.AnnData(logarithms(counts, math.e, 1e4)), log_base=2)
    for wrong in ({"log_base": 1}, {"target_sum": 0}, {"rounding": "up"}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            prepare(ad.AnnData(counts), **wrong)


@pytest.mark.parametrize("target", [1e4, 1e6])
def test_normalised_values_are_no_counts_once_rounded(counts, target):
    X = with_data(normalised(counts, target), np.rint)
    assert recognise_values(X).what == "rounded", "the values of a cell add up to the same"
    assert recognise_values(with_data(length_scaled(counts, target), np.rint)).what == "rounded"
    adata = ad.AnnData(X)
    with pytest.raises(InputError, match="normalised and then rounded, no counts"):
        prepare(adata)
    adata.uns["scgarage"] = {"value_kind": "counts"}
    assert value_kind(adata) == "counts", "who knows better says so"


def test_normalised_values_that_were_not_logged_give_their_counts(counts):
    assert same(prepare(ad.AnnData(normalised(counts, 1e4))).X, counts)
    prepared = prepare(ad.AnnData(length_scaled(counts)))
    np.testing.assert_allclose(prepared.X.toarray(), np.log1p(length_scaled(counts, 1e4).toarray()), rtol=1e-4)


def test_thinned_counts_of_one_depth_are_counts():
    cells = simulate(200, 300, 3, 0.06, depth=3000)
    del cells.layers["counts"]
    sc.pp.downsample_counts(cells, counts_per_cell=1000)
    assert recognise_values(cells.X).kind == "counts"


def test_pbmc68k_reduced_holds_natural_logarithms_of_some_genes():
    values = recognise_values(sc.datasets.pbmc68k_reduced().raw.X)
    assert (values.kind, values.base, values.target_sum) == ("log-normalised", math.e, None)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the folder ../shared/data of real data sets is absent")
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_real_counts_and_their_logarithms_are_what_they_are(path):
    X = sp.csr_matrix(ad.io.read_h5ad(path).X)[::3]
    variable = np.argsort(-X.power(2).mean(axis=0).A1 / (X.mean(axis=0).A1 + 1e-9))[: max(100, X.shape[1] // 10)]
    for part in (X, X[:, variable], X[:, ::7]):
        assert recognise_values(part[part.sum(axis=1).A1 > 0]).kind == "counts"
    for base in BASES:
        assert recognise_values(logarithms(X, base, 1e4)).base == pytest.approx(base)
    assert recognise_values(with_data(normalised(X, 1e6), np.rint)).what == "rounded"
    assert recognise_values(with_data(X, FRACTIONAL["SoupX"])).what == "fractional"


def test_the_command_rounds_and_is_told_bases(tmp_path, capsys):
    cells = simulate(120, 60, 2, 0.1)
    del cells.layers["counts"]
    cells.X = with_data(cells.X, FRACTIONAL["SoupX"])
    cells.write_h5ad(tmp_path / "soup.h5ad")
    command = ["prepare", str(tmp_path / "soup.h5ad"), "--out", str(tmp_path / "out.h5ad")]
    assert main(command) == 2
    assert "--round stochastic" in capsys.readouterr().err
    assert main([*command, "--round", "stochastic"]) == 0
    assert "fractional counts were rounded" in capsys.readouterr().out
    assert main([*command, "--overwrite", "--log-base", "e", "--target-sum", "1e4"]) == 2
    assert "too large for that" in capsys.readouterr().err


def test_fit_says_base_and_target(tmp_path, capsys):
    cells = simulate(120, 60, 2, 0.2)
    del cells.layers["counts"]
    cells.X = logarithms(cells.X, math.e, 1e6)
    cells.write_h5ad(tmp_path / "logs.h5ad")
    fit = ["fit", str(tmp_path / "logs.h5ad"), "--model", "copula", "--progress", "false", "--out", str(tmp_path / "m")]
    assert main(fit) == 0
    assert "natural logarithms, log(x + 1), 1,000,000 per cell" in capsys.readouterr().out
