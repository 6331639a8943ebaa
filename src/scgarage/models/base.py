"""What every generative model offers: fit, sample, save, load, history."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import anndata as ad
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn

from scgarage.errors import InputError
from scgarage.models import persistence
from scgarage.models.data import TrainingData, ValidationData, columns_of, hold_out, training_data, validation_data
from scgarage.models.persistence import annotate, describe
from scgarage.models.spec import Drawn, Proportions, SampleSpec, Wanted, parse_spec
from scgarage.training import Batches, Phase, TrainResult, TrainSettings, seeded, train


@dataclass(frozen=True)
class FitOptions:
    """How a fit runs on a machine; nothing here changes what is learned.

    Attributes
    ----------
    checkpoint, resume
        Folder of the running state, and whether to go on from it.
    progress
        Progress bar on, off, or on a terminal only (``None``).
    accelerator, devices
        Passed to Lightning Fabric.
    """

    checkpoint: Path | None = None
    resume: bool = False
    progress: bool | None = None
    accelerator: str = "auto"
    devices: int = 1


def make_config(kind: type[Any], config: Any, settings: Mapping[str, Any], *, name: str) -> Any:
    """Return ``config`` (the defaults of ``kind`` when ``None``) with single settings replaced."""
    known = [item.name for item in fields(kind)]
    unknown = sorted(set(settings) - set(known))
    if unknown:
        msg = f"{name} has no setting {', '.join(map(repr, unknown))}; it has: {', '.join(known)}"
        raise InputError(msg)
    return replace(config or kind(), **settings)


def config_values(config: Any) -> dict[str, Any]:
    """Return a config as JSON would hold it: tuples become lists."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(config).items()}


def config_from_values(kind: type[Any], values: Mapping[str, Any]) -> Any:
    """Rebuild a config from JSON, where tuples have become lists."""
    known = {item.name for item in fields(kind)}
    unknown = sorted(set(values) - known)
    if unknown:
        msg = f"the model file has settings this version does not know: {', '.join(unknown)}"
        raise InputError(msg)
    return kind(
        **{name: tuple(v) if isinstance(v, Sequence) and not isinstance(v, str) else v for name, v in values.items()}
    )


@dataclass(frozen=True)
class Learned:
    """What came of learning, besides parts and networks."""

    result: TrainResult | None = None  # of the networks; None when there were none to train
    about: dict[str, Any] = field(default_factory=dict)  # what the description of the model says about it
    before: pd.DataFrame | None = None  # history of what was trained before the networks


def train_networks(
    config: Any,
    phases: Sequence[Phase],
    columns: Mapping[str, Any],
    averaged: nn.Module,
    options: FitOptions,
    *,
    validate: Callable[[], float] | None,
    name: str,
) -> TrainResult:
    """Train on mini-batches of ``columns`` until the validation score stops improving, by a model's settings."""
    settings = TrainSettings(
        n_iterations=config.n_iterations,
        validate_every=config.validate_every,
        patience=config.patience,
        ema_decay=config.ema_decay,
        progress=options.progress,
        accelerator=options.accelerator,
        devices=options.devices,
        random_state=config.random_state,
        description=name,
    )
    return train(
        phases,
        Batches(columns, batch_size=config.batch_size, random_state=config.random_state),
        settings,
        validate=validate,
        averaged=averaged,
        checkpoint=options.checkpoint,
        resume=options.resume,
    )


class GenerativeModel(ABC):
    """Base of all models.

    A subclass names itself, brings a frozen dataclass ``Config`` and writes :meth:`learn` and :meth:`draw`, with
    ``parts_types`` for the fitted parts that are saved, and with networks :meth:`skeleton` (docs/contributing.md).

    Parameters
    ----------
    config
        Settings; the defaults of ``Config`` when left out.
    **settings
        Single settings, in place of those of ``config``.

    Raises
    ------
    InputError
        For a setting that the model does not have.
    """

    name: ClassVar[str]
    Config: ClassVar[type[Any]]
    parts_types: ClassVar[Mapping[str, type[Any]]] = {}
    needs_labels: ClassVar[bool] = True
    needs_counts: ClassVar[bool] = False
    knows_batches: ClassVar[bool] = False
    makes_all_genes: ClassVar[bool] = False
    extra: ClassVar[str | None] = None

    def __init__(self, config: Any = None, **settings: Any) -> None:
        self.config = make_config(self.Config, config, settings, name=self.name)
        self.networks = nn.ModuleDict()
        self.parts: dict[str, Any] = {}
        self.sizes: dict[str, int] = {}
        self.about: dict[str, Any] = {}
        self.history = pd.DataFrame({"step": []})
        self.modelled = np.zeros(0, dtype=np.bool_)

    # ------------------------------------------------------------------ what a subclass writes
    @abstractmethod
    def learn(self, data: TrainingData, validation: ValidationData | None, options: FitOptions) -> Learned:
        """Fill ``parts`` and, with networks, ``sizes`` and ``networks`` from training cells, and train."""

    @abstractmethod
    def draw(self, wanted: Wanted, generator: torch.Generator, rng: np.random.Generator) -> Drawn:
        """Draw cells: a number of them, numbers by type, or, of a model that knows batches, by type and batch."""

    def skeleton(self) -> nn.ModuleDict:
        """Return untrained networks of the shapes in ``sizes``; none by default."""
        return nn.ModuleDict()

    def phases(self) -> list[Phase]:
        """Return what happens in one training iteration; nothing by default."""
        return []

    # ------------------------------------------------------------------ what users call
    @property
    def is_fitted(self) -> bool:
        """Whether the model has learned from cells."""
        return bool(self.about)

    @property
    def types(self) -> tuple[str, ...]:
        """Names of the cell types seen in training."""
        return tuple(self.about.get("types", ()))

    @property
    def batches(self) -> tuple[str, ...]:
        """Names of the batches that the model can make."""
        return tuple(self.about.get("batches", ()))

    def fit(
        self,
        adata: ad.AnnData,
        *,
        labels_key: str | None = None,
        layer: str | None = None,
        batch_key: str | Sequence[str] | None = None,
        validation: ad.AnnData | float | None = 0.1,
        options: FitOptions | None = None,
    ) -> Self:
        """Learn from real cells.

        Parameters
        ----------
        adata
            Training cells, counts or log-normalised, ``(n_cells, n_genes)``; not changed. Give only the train part of a
            split, or nothing can be judged afterwards.
        labels_key
            Column of ``obs`` with the cell types. Models that can do without make cells without labels.
        layer
            Layer that holds the values; ``X`` by default.
        batch_key
            Column of ``obs`` with the batch, the technology, a treatment or anything else in categories, for models
            that can condition on it; of several, such as ``["donor", "condition"]``, the combinations are batches.
        validation
            Cells that decide when training stops, never learned from: an AnnData such as ``split.validation``, a
            share to take from ``adata`` (types with fewer than 20 cells give none), or ``None`` to train to the end.
        options
            Checkpoints, progress bar, device.

        Returns
        -------
        The model itself.

        Raises
        ------
        InputError
            For data or arguments that cannot be used.
        TrainingError
            When training diverges.
        """
        self._check_keys(adata, labels_key, batch_key)
        options = options or FitOptions()
        start, threads = time.perf_counter(), torch.get_num_threads()
        how: dict[str, Any] = {"labels_key": labels_key, "layer": layer, "n_top_genes": self.config.n_top_genes}
        data = training_data(adata, batch_key=batch_key, **how)
        if isinstance(validation, float | int) and validation:
            kept, held = hold_out(
                adata, [labels_key, *columns_of(batch_key)], float(validation), random_state=self.config.random_state
            )
            if held is not None:
                data = training_data(kept, batch_key=batch_key, **how)
            validation = held
        if self.needs_counts and data.totals is None:
            msg = f"{self.name} models counts; found {data.value_kind} values. Pass layer= with counts, or use another"
            raise InputError(msg)
        held_out = validation_data(validation, data, layer=layer) if isinstance(validation, ad.AnnData) else None
        self.history = pd.DataFrame({"step": []})
        torch.set_num_threads(threads)  # numba's first use sets it to the number of cores
        self.modelled = np.ones_like(data.modelled) if self.makes_all_genes else data.modelled
        with seeded(self.config.random_state):
            learned = self.learn(data, held_out, options)
        self.history = self.history if learned.before is None else learned.before
        if learned.result is not None:
            self.history = pd.concat([self.history, learned.result.history], ignore_index=True)
        self.about = {"model": self.name, "parameters": config_values(self.config)} | describe(data, self.history)
        self.about |= _summary(learned) | {
            "n_validation": 0 if held_out is None else len(held_out.labels),
            "fit_seconds": round(time.perf_counter() - start, 2),
        }
        return self

    def sample(
        self,
        spec: SampleSpec,
        *,
        batch: str | Mapping[str, str] | None = None,
        proportions: Proportions = "train",
        random_state: int = 0,
    ) -> ad.AnnData:
        """Make synthetic cells.

        Parameters
        ----------
        spec
            A number of cells; or a number for each type, such as ``{"pDC": 500, "Mk": 500}``; or, of a model fitted
            with ``batch_key``, a table of numbers with a row for each type and a column for each batch. Exactly that
            many cells come back.
        batch
            Batch to make all cells in, by name or by a value for each column, such as ``{"donor": "d1", "condition":
            "stim"}``; by default types come in the batches in which they were seen. A combination without training
            cells is made, with a warning, from what its values did elsewhere.
        proportions
            Types of a plain number of cells: ``"train"`` for those of the training cells, ``"balanced"`` for as many of
            each, or a share for each type, such as ``{"pDC": 0.2, "Mk": 0.8}``.
        random_state
            Seed; the same seed gives the same bytes on the same device.

        Returns
        -------
        Synthetic cells with the genes of the training data in their order. ``X`` holds whole counts (also
        ``layers["counts"]``) when the model was fitted on counts, else log-normalised values. Writes
        ``obs[labels_key]``, ``obs["<labels_key>_probability"]`` when the label comes from a classifier,
        ``obs["source"] = "synthetic"``, ``var["scgarage_modelled"]`` and ``uns["scgarage"]``.

        Raises
        ------
        InputError
            When the model is not fitted, or the request names unknown types or odd numbers.
        SamplingError
            When the model cannot make the cells.
        """
        wanted = self.request(spec, batch=batch, proportions=proportions)
        generator = torch.Generator().manual_seed(random_state)
        drawn = self.draw(wanted, generator, np.random.default_rng(random_state))
        return self.as_cells(drawn, random_state=random_state)

    def request(
        self, spec: SampleSpec, *, batch: str | Mapping[str, str] | None = None, proportions: Proportions = "train"
    ) -> Wanted:
        """Check what :meth:`sample` is asked for and bring it into one of three forms."""
        self._check_fitted()
        return parse_spec(
            spec,
            self.types,
            batches=self.batches,
            batch_columns=columns_of(self.about["batch_key"]),
            batch=batch,
            proportions=proportions,
            type_counts=self.about["type_counts"],
        )

    def as_cells(self, drawn: Drawn, *, random_state: int) -> ad.AnnData:
        """Return cells that were drawn as :meth:`sample` does."""
        var = pd.DataFrame(self.about["var"], index=pd.Index(self.about["var_names"]))
        var["scgarage_modelled"] = self.modelled
        cells = ad.AnnData(X=drawn.values, var=var)
        return annotate(cells, drawn, self.about, self.types, random_state=random_state)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the model to a folder of safetensors and JSON files.

        Raises
        ------
        OutputExistsError
            When ``path`` exists and ``overwrite`` is not set.
        """
        self._check_fitted()
        path = Path(path)
        arrays = {"modelled": self.modelled}
        for name, part in self.parts.items():
            arrays |= persistence.pack(part, name)
        description = self.about | {"sizes": self.sizes}
        persistence.write_model(path, description, arrays, self.networks.state_dict(), overwrite=overwrite)
        return path

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model folder.

        Raises
        ------
        InputError
            When it is no model folder, is damaged, or holds another model; :func:`scgarage.load` finds the right class.
        """
        about, arrays, tensors = persistence.read_model(Path(path))
        if about["model"] != cls.name:
            msg = f"{path} holds the model {about['model']!r}, not {cls.name!r}; use scgarage.load(path)"
            raise InputError(msg)
        return cls.restored(path, about, arrays, tensors)

    @classmethod
    def restored(
        cls, path: str | Path, about: dict[str, Any], arrays: dict[str, NDArray[Any]], tensors: dict[str, Tensor]
    ) -> Self:
        """Return the model that was read from the files of a folder."""
        model = cls(config_from_values(cls.Config, about["parameters"]))
        try:
            model._restore(about, arrays, tensors)
        except (KeyError, RuntimeError) as error:
            msg = f"the model folder {path} is damaged or incomplete ({error}); fit and save the model again"
            raise InputError(msg) from error
        return model

    def _restore(self, about: dict[str, Any], arrays: dict[str, NDArray[Any]], tensors: dict[str, Tensor]) -> None:
        self.sizes = about.pop("sizes")
        self.about = about
        self.modelled = arrays["modelled"]
        self.parts = {
            name: persistence.unpack(kind, arrays, name)
            for name, kind in self.parts_for(about["value_kind"]).items()
            if any(key.startswith(f"{name}/") for key in arrays)
        }
        self.history = pd.DataFrame(about["history"])
        with seeded(0):  # first weights are drawn, and replaced
            self.networks = self.skeleton()
        self.networks.load_state_dict(tensors)
        self.networks.eval()

    def parts_for(self, value_kind: str) -> Mapping[str, type[Any]]:  # noqa: ARG002  (subclasses use it)
        """Return the classes of the fitted parts by name."""
        return self.parts_types

    def __repr__(self) -> str:
        state = f"fitted on {self.about['n_train']} cells, {len(self.types)} types" if self.is_fitted else "not fitted"
        return f"{type(self).__name__}({state})"

    # ------------------------------------------------------------------ bookkeeping
    def _check_keys(self, adata: ad.AnnData, labels_key: str | None, batch_key: str | Sequence[str] | None) -> None:
        if labels_key is None and self.needs_labels:
            columns = ", ".join(map(repr, adata.obs.select_dtypes(["category", "object"]).columns)) or "none"
            msg = f"{self.name} needs cell types: pass labels_key=, one of the columns of adata.obs: {columns}"
            raise InputError(msg)
        if batch_key is not None and not self.knows_batches:
            msg = f"{self.name} cannot condition on a batch; leave batch_key out, or fit it to one batch at a time"
            raise InputError(msg)
        keys = columns_of(batch_key)
        if labels_key in keys:
            msg = f"batch_key and labels_key are both {labels_key!r}; give the column of the batch"
            raise InputError(msg)
        if len(set(keys)) < len(keys) or (batch_key is not None and not keys):
            msg = f"batch_key names {list(keys)}; give one column, or several different ones"
            raise InputError(msg)

    def _check_fitted(self) -> None:
        if not self.is_fitted:
            msg = f"{self.name} is not fitted; call fit(adata, labels_key=...) first, or scgarage.load(path)"
            raise InputError(msg)


def _summary(learned: Learned) -> dict[str, Any]:
    """Return what the description says about the training."""
    result = learned.result
    if result is None:
        return learned.about
    names = ("n_iterations", "best_step", "stopped_early")
    return {name: getattr(result, name) for name in names} | learned.about


CHUNK = 1024
"""Cells drawn at a time, which bounds memory."""


def draw_by_type(
    model: GenerativeModel,
    wanted: Wanted,
    rng: np.random.Generator,
    make: Callable[[NDArray[np.int64]], sparse.csr_matrix],
) -> Drawn:
    """Draw cells of a model that is told the type of each: ``make`` returns values of all genes for type numbers.

    A plain number of cells comes in the proportions of the training cells, as exactly as whole numbers allow, and in
    random order; a limited number of cells is made at a time.
    """
    shares = np.array([model.about["type_counts"][name] for name in model.types], dtype=np.float64)
    labels = types_wanted(wanted, model.types, shares, rng)
    parts = [make(labels[start : start + CHUNK]) for start in range(0, len(labels), CHUNK)]
    values = sparse.csr_matrix(sparse.vstack(parts), dtype=np.float32)
    return Drawn(values, np.asarray(model.types)[labels])


def types_wanted(
    wanted: Wanted, types: tuple[str, ...], sizes: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return the type number of each cell to make, ``(n_cells,)``."""
    if not isinstance(wanted, int):
        numbers = np.array([types.index(str(name)) for name in wanted])
        return np.repeat(numbers, np.array(list(wanted.values())))
    exact = wanted * sizes / sizes.sum()
    counts = np.floor(exact).astype(np.int64)
    left = wanted - int(counts.sum())
    if left:
        rest = exact - counts
        counts[rng.choice(len(types), size=left, replace=False, p=rest / rest.sum())] += 1
    return rng.permutation(np.repeat(np.arange(len(types)), counts))
