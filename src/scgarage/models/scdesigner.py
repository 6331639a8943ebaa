"""The Python port of scDesign3, behind the interface of the other models."""

import io
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, Literal

import anndata as ad
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError, MissingExtraError, TrainingError
from scgarage.models.base import FitOptions, GenerativeModel, Learned
from scgarage.models.data import TrainingData, ValidationData, levels_of
from scgarage.models.garage.factor_model import divide, warn_of_unseen
from scgarage.models.garage.strata import Strata
from scgarage.models.spec import Drawn, Wanted

FAMILIES = {
    "nb": ("NegBin", ("mean", "dispersion")),
    "zinb": ("ZeroInflatedNegBin", ("mean", "dispersion", "zero_inflation")),
}
"""scdesigner's class of each family of marginals, and the names of its parameters."""

CHUNK = 1000
"""Cells of a type drawn at a time, which bounds memory; scdesigner's own number."""


@dataclass(frozen=True)
class ScDesignerConfig:
    """Settings of :class:`ScDesigner`; all but three defaults are those of scdesigner 0.0.25.

    Attributes
    ----------
    family
        Marginals: ``"nb"``, negative binomial, or ``"zinb"``, with zero inflation.
    estimator
        Correlation of a type: shrunk, ``"oas"`` (ours) or ``"ledoit_wolf"``, or ``"sample"`` (scdesigner: it fails
        where a type has no more cells than there are correlated genes).
    top_k
        Genes with most counts that are correlated; the others are independent given the type. ``None`` (scdesigner)
        correlates all, which takes memory for genes x genes in every type.
    max_epochs, batch_size, learning_rate
        Cap, cells per batch and step of the marginals' optimiser (scdesigner steps by 0.005, which takes more epochs
        to the same loss).
    val_frac, min_epochs, loss_tol, patience
        Share of the training cells that says when the marginals have converged (0: all epochs, all cells); epochs
        before they may stop; relative gain of the loss that counts; epochs without one before they stop.
    random_state
        Seed.
    """

    n_top_genes: ClassVar[int | None] = None
    family: Literal["nb", "zinb"] = "nb"
    estimator: Literal["sample", "oas", "ledoit_wolf"] = "oas"
    top_k: int | None = 1000
    max_epochs: int = 500
    batch_size: int = 1024
    learning_rate: float = 0.05
    val_frac: float = 0.1
    min_epochs: int = 10
    loss_tol: float = 1e-4
    patience: int = 6
    random_state: int = 0
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "published": {"estimator": "sample", "top_k": None, "learning_rate": 0.005},
        "tuned": {},
    }

    def __post_init__(self) -> None:
        for name, known in {"family": tuple(FAMILIES), "estimator": ("sample", "oas", "ledoit_wolf")}.items():
            if getattr(self, name) not in known:
                msg = f"{name} must be one of {', '.join(map(repr, known))}; found {getattr(self, name)!r}"
                raise InputError(msg)
        if self.top_k is not None and self.top_k < 2:
            msg = f"top_k must be at least 2, or there is no correlation, or None for all genes; found {self.top_k}"
            raise InputError(msg)
        if not 0 <= self.val_frac < 1:
            msg = f"val_frac is a share of the training cells and must lie in [0, 1); found {self.val_frac}"
            raise InputError(msg)


@dataclass(frozen=True)
class Parameters:
    """Marginal distribution of every gene that any training cell expresses, in every stratum."""

    genes: NDArray[np.int64]  # numbers of these genes, (n_genes,)
    fitted: NDArray[np.float32]  # in the order of FAMILIES, (n_parameters, n_strata, n_genes)


@dataclass(frozen=True)
class Correlations:
    """Correlation of the normal scores of the same genes in every type."""

    genes: NDArray[np.int64]  # which of the genes with marginals are correlated, (n_correlated,)
    matrices: NDArray[np.float64]  # (n_types, n_correlated, n_correlated)

    def structure(self, number: int, n_genes: int) -> Any:
        """Return what scdesigner draws from, for a type number."""
        rest = np.setdiff1d(np.arange(n_genes), self.genes)
        others = {"remaining_var": np.ones(len(rest)), "remaining_indices": rest, "remaining_names": pd.Index(rest)}
        return scdesigner().base.CovarianceStructure(
            self.matrices[number], pd.Index(self.genes), self.genes, **(others if len(rest) else {})
        )


class ScDesigner(GenerativeModel):
    """scDesign3 as the package scdesigner has it: a regression for each gene, a Gaussian copula for each type.

    Means are ``~ type`` or, with batches, ``~ type + batch``, dispersions and copula ``~ type``. Marginals, copula and
    draws are scdesigner's; the library size is not modelled, as in its examples of cell types. What is ours: cells are
    drawn from the parameters of their type and batch, which a saved model holds, and not by scdesigner's ``sample``,
    whose design matrix depends on which types are asked for. It runs on the CPU. Its ``val_frac`` comes from the
    training cells; ``validation=`` is not used.

    Needs counts, and the package: ``pip install scdesigner``.

    References
    ----------
    Song et al., scDesign3, Nature Biotechnology 2024, doi:10.1038/s41587-023-01772-1. Sankaran et al., scdesigner,
    https://github.com/krisrs1128/scDesigner.
    """

    name = "scdesigner"
    Config: ClassVar[type[Any]] = ScDesignerConfig
    parts_types: ClassVar[Mapping[str, type[Any]]] = {
        "strata": Strata,
        "parameters": Parameters,
        "correlations": Correlations,
    }
    needs_counts = True
    knows_batches = True
    extra = "scdesigner"

    def learn(self, data: TrainingData, validation: ValidationData | None, options: FitOptions) -> Learned:  # noqa: ARG002
        """Fit scdesigner's simulator, and keep its parameters."""
        levels = levels_of(data.batch_names, len(data.batch_keys))
        strata = Strata.of(data.labels, data.batches, len(data.types), len(levels), levels)
        obs = _covariates(strata.code(data.labels, data.batches), strata)
        simulator = self._simulator(obs)
        counts = data.values  # noqa: PD011  (no table)
        genes = np.flatnonzero(np.asarray(counts.sum(axis=0)).ravel() > 0)  # of others it would make counts
        shown = sys.stderr.isatty() if options.progress is None else options.progress
        try:
            with _global_generator(self.config.random_state), nullcontext() if shown else _silence():
                self._fit(simulator, ad.AnnData(counts[:, genes], obs=obs))
        except ValueError as error:
            hint = "; a column of batch_key must vary within types and other columns" if data.batch_keys else ""
            msg = f"scdesigner cannot fit these cells with these settings: {error}{hint}"
            raise InputError(msg) from error
        names = FAMILIES[self.config.family][1]
        found = _parameters(simulator.marginal, names, obs, _covariates(np.arange(len(strata.sizes)), strata))
        fitted = [simulator.copula.parameters[f"type[{number}]"] for number in range(strata.n_types)]
        matrices = np.stack([structure.cov.to_numpy() for structure in fitted])
        correlations = Correlations(fitted[0].modeled_indices.astype(np.int64), matrices)
        self.parts = {"strata": strata, "parameters": Parameters(genes, found), "correlations": correlations}
        return _learned(simulator.marginal)

    def _simulator(self, obs: pd.DataFrame) -> Any:
        """Return scdesigner's simulator for the given covariates, not fitted."""
        package, (family, names) = scdesigner(), FAMILIES[self.config.family]
        by_type = dict.fromkeys(names, "~ type")
        # A column with one value is the intercept again.
        batches = [name for name in obs.columns[1:] if len(obs[name].cat.categories) > 1]
        formula = by_type | {"mean": " + ".join(["~ type", *batches])}
        marginal = getattr(package.distributions, family)(formula, device="cpu")
        copula = package.copulas.StandardCopula("~ type", estimator=self.config.estimator, top_k=self.config.top_k)
        return package.simulators.SCD3Simulator(marginal, copula)

    def _fit(self, simulator: Any, cells: ad.AnnData) -> None:
        c = self.config
        simulator.fit(
            cells,
            val_frac=c.val_frac,
            min_epochs=c.min_epochs,
            loss_tol=c.loss_tol,
            patience=c.patience,
            validation_seed=c.random_state,
            max_epochs=c.max_epochs,
            batch_size=c.batch_size,
            lr=c.learning_rate,
            device="cpu",
        )

    def draw(self, wanted: Wanted, generator: torch.Generator, rng: np.random.Generator) -> Drawn:  # noqa: ARG002
        """Draw cells by type and batch."""
        strata = self.parts["strata"]
        codes = divide(wanted, strata, self.types, self.batches, rng)
        warn_of_unseen(codes, strata, self.types, self.batches)
        types, batches = strata.split(codes)
        return Drawn(
            self._cells(codes, types, rng),
            np.asarray(self.types)[types],
            batches=np.asarray(self.batches)[batches] if self.batches else None,
        )

    def _cells(self, codes: NDArray[np.int64], types: NDArray[np.int64], rng: np.random.Generator) -> sparse.csr_matrix:
        marginal, helpers = self._marginal(), import_module("scdesigner.copulas.gaussian_copula_helpers")
        genes = self.parts["parameters"].genes
        rows, values = [], []
        for number in np.unique(types):
            own = np.flatnonzero(types == number)
            structure = self.parts["correlations"].structure(number, len(genes))
            for start in range(0, len(own), CHUNK):
                rows.append(own[start : start + CHUNK])
                levels = helpers.sample_pseudo_obs(len(rows[-1]), structure, rng)
                drawn = sparse.csr_matrix(marginal.invert(torch.from_numpy(levels), codes[rows[-1]]).numpy())
                shape = (len(rows[-1]), len(self.modelled))
                values.append(sparse.csr_matrix((drawn.data, genes[drawn.indices], drawn.indptr), shape=shape))
        return sparse.csr_matrix(sparse.vstack(values))[np.argsort(np.concatenate(rows))]

    def _marginal(self) -> Any:
        """Return scdesigner's marginals, which look the fitted parameters of a stratum up by its number."""
        family, names = FAMILIES[self.config.family]
        marginal = getattr(scdesigner().distributions, family)("~ 1", device="cpu")
        fitted = dict(zip(names, self.parts["parameters"].fitted, strict=True))
        marginal.predict = lambda codes: {name: torch.from_numpy(values[codes]) for name, values in fitted.items()}
        return marginal


def _covariates(codes: NDArray[np.int64], strata: Strata) -> pd.DataFrame:
    """Return type and batch of cells of given strata as columns of categories, for scdesigner's formulas."""
    types, batches = strata.split(codes)
    columns = {"type": types} | {f"batch{i}": values[batches] for i, values in enumerate(strata.levels.T)}
    texts = {name: pd.Categorical(values.astype(str)) for name, values in columns.items()}
    return pd.DataFrame(texts, index=pd.RangeIndex(len(codes)).astype(str))


def _parameters(marginal: Any, names: Sequence[str], seen: pd.DataFrame, wanted: pd.DataFrame) -> NDArray[np.float32]:
    """Return the parameters of the marginals for covariates, coded as those of the training cells were."""
    loader = scdesigner().data.loader
    levels, references = loader.categories(seen)
    coded = loader.code_levels(wanted.copy(), levels)
    designs = {
        name: torch.tensor(loader.design_matrix(formula, coded, references).to_numpy(), dtype=torch.float32)
        for name, formula in marginal.formula.items()
    }
    with torch.no_grad():
        found = marginal.predict(designs)
    values: NDArray[np.float32] = np.stack([found[name].numpy() for name in names])
    if not np.isfinite(values).all():
        msg = "scdesigner's marginals are not finite: its training diverged; lower learning_rate, or use family='nb'"
        raise TrainingError(msg)
    return values


def _learned(marginal: Any) -> Learned:
    """Return the history of the marginals, by epoch."""
    names = {"epoch": "step", "train_loss": "marginal/loss", "val_loss": "marginal/held_out"}
    history = marginal.fit_history_df[list(names)].rename(columns=names).dropna(axis="columns", how="all")
    about = {"n_iterations": len(history), "stopped_early": marginal.stopped_epoch is not None}
    return Learned(about=about, before=history)


@contextmanager
def _global_generator(random_state: int) -> Iterator[None]:
    """Run a block with NumPy's global generator seeded, which scdesigner draws from, and put its state back."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(random_state)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


@contextmanager
def _silence() -> Iterator[None]:
    """Keep scdesigner's bars and losses off the terminal."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield


def scdesigner() -> Any:
    """Return the package scdesigner, or say that it is missing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the package's own imports warn of what users cannot change
            import_module("scdesigner.simulators")  # and through it all the others
            return import_module("scdesigner")
    except ImportError as error:
        msg = "the model 'scdesigner' needs the package scdesigner; run: pip install scdesigner"
        raise MissingExtraError(msg) from error
