"""What a report is about."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from scgarage import plotting
from scgarage.io.cells import as_text, match_genes
from scgarage.plotting.embedding import counts_or_none, log_expression
from scgarage.pp import Split
from scgarage.report.tables import rare_types
from scgarage.schema import UNS_KEY, UNSURE

FIGURE_CELLS = 5_000
"""Cells of a part that the figures of genes and types use at most."""


class Finding(Protocol):
    """What is said of one number."""

    @property
    def level(self) -> int:
        """0 for close to real cells, 1 for usable with care, 2 for poor."""

    @property
    def sentence(self) -> str:
        """The number in words, as the verdict says it."""


class Verdict(Protocol):
    """What is said of all numbers together."""

    @property
    def headline(self) -> str:
        """The level and what it rests on."""

    @property
    def sentences(self) -> list[str]:
        """One for each thing that was judged."""

    @property
    def level(self) -> str:
        """The level in words."""


class Judged(Protocol):
    """What a report is written from: numbers that somebody else measured and judged."""

    @property
    def table(self) -> pd.DataFrame:
        """One row for each metric and group."""

    @property
    def settings(self) -> dict[str, Any]:
        """How it was made."""

    @property
    def synthetic(self) -> ad.AnnData:
        """The cells that were judged."""

    @property
    def split(self) -> Split:
        """The real cells."""

    @property
    def by_type(self) -> pd.DataFrame:
        """Columns type, metric, value, floor."""

    @property
    def confusion(self) -> Mapping[str, pd.DataFrame]:
        """Cells by label and predicted type."""

    def verdict(self) -> Verdict:
        """Return the numbers in words."""

    def findings(self) -> Mapping[tuple[str, str], Finding]:
        """Return what is said of single numbers, by metric and group."""


@dataclass(frozen=True)
class Subject:
    """What the figures and tables are made from."""

    synthetic: ad.AnnData  # synthetic cells with the genes of the training cells, in their order
    split: Split  # the real cells
    labels_key: str | None  # column with the cell types, or None when the real cells have none
    table: pd.DataFrame  # those of the evaluation
    settings: dict[str, Any]
    rare: list[str]  # names of the rare types
    # numbers of cells by type and part, labels predicted by the judge if the synthetic cells have none
    counts: pd.DataFrame
    by_type: pd.DataFrame  # numbers of every type, and cells by label and predicted type; empty where not measured
    confusion: Mapping[str, pd.DataFrame]

    @classmethod
    def of(cls, evaluation: Judged) -> "Subject":
        """Collect what the figures need from an evaluation."""
        split, settings = evaluation.split, evaluation.settings
        key = settings.get("labels_key") or split.labels_key
        synthetic = match_genes(evaluation.synthetic, split.train.var_names)
        parts = {"real train": split.train, "real test": split.test, "synthetic": synthetic}
        counts = pd.DataFrame() if key is None else plotting.type_counts(parts, key)
        predicted = settings.get("type_counts", {}).get("synthetic")
        if predicted and len(counts) and "synthetic" not in counts:
            counts = counts.assign(synthetic=pd.Series(predicted).reindex(counts.index).fillna(0).astype(np.int64))
        rare = list(settings.get("rare_types", rare_types(evaluation.table)))
        about_types = evaluation.by_type, evaluation.confusion
        return cls(synthetic, split, key, evaluation.table, settings, rare, counts, *about_types)

    @property
    def labelled(self) -> bool:
        """Whether the synthetic cells carry cell types."""
        return self.labels_key is not None and self.labels_key in self.synthetic.obs

    @property
    def layer(self) -> str | None:
        """Layer with the values that were judged."""
        return self.settings.get("layer")

    @property
    def about(self) -> dict[str, Any]:
        """Record that the model left in the synthetic cells."""
        return dict(self.synthetic.uns.get(UNS_KEY, {}))

    @cached_property
    def drawn(self) -> dict[str, ad.AnnData]:
        """Cells for figures of genes and types, ``"train"``, ``"test"`` and ``"synthetic"``, by chance if many."""
        rng = np.random.default_rng(0)
        parts = {"train": self.split.train, "test": self.split.test, "synthetic": self.synthetic}
        return {
            name: cells
            if cells.n_obs <= FIGURE_CELLS
            else cells[np.sort(rng.choice(cells.n_obs, FIGURE_CELLS, replace=False))]
            for name, cells in parts.items()
        }

    @cached_property
    def log_expr(self) -> dict[str, sparse.csr_matrix]:
        """log1p CP10k of the drawn cells by part."""
        return {name: log_expression(cells, self.layer) for name, cells in self.drawn.items()}

    @cached_property
    def raw(self) -> dict[str, sparse.csr_matrix | None]:
        """Counts of the drawn cells by part; ``None`` where the values are none."""
        return {name: counts_or_none(cells, self.layer) for name, cells in self.drawn.items()}

    @cached_property
    def labels(self) -> dict[str, NDArray[np.str_]]:
        """Types of the drawn cells by part, a missing one as "unsure"; only of parts that have types."""
        return {
            name: as_text(cells.obs[self.labels_key])
            for name, cells in self.drawn.items()
            if self.labels_key in cells.obs
        }

    def shared_types(self, min_cells: int) -> list[str]:
        """Return the types with as many cells in every part, commonest first; none without labels."""
        if not self.labelled:
            return []
        counted = [pd.Series(labels).value_counts() for labels in self.labels.values()]
        fewest = pd.concat(counted, axis=1).fillna(0).min(axis=1)
        order = [str(name) for name in self.counts.index if name != UNSURE]
        return [name for name in order if fewest.get(name, 0) >= min_cells]
