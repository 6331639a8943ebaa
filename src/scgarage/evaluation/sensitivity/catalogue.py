"""Every defect and the metrics that are there to see it."""

from collections.abc import Callable
from dataclasses import dataclass

from anndata import AnnData

from scgarage.evaluation.sensitivity import count_defects, label_defects

__all__ = ["DEFECTS", "ONE_BATCH", "Defect"]


@dataclass(frozen=True)
class Defect:
    """One way in which cells can be wrong.

    Attributes
    ----------
    function
        ``(cells, labels_key, *, random_state) -> AnnData``: real cells with counts in, spoilt ones out.
    seen_by
        Metrics meant for it, by registry name.
    """

    function: Callable[..., AnnData]
    seen_by: tuple[str, ...]


DEFECTS: dict[str, Defect] = {
    "copies": Defect(count_defects.copies, ("memorisation_share",)),
    "jittered copies": Defect(count_defects.jittered_copies, ("memorisation_share",)),
    "rare type lost": Defect(label_defects.lost_rare_type, ("types_present", "rare_retention")),
    "types merged": Defect(
        count_defects.merged_types, ("c2st_forest", "lfc_slope", "label_fidelity", "type_wasserstein_2")
    ),
    "rare types merged": Defect(
        count_defects.merged_rare_types,
        ("type_wasserstein_2", "type_sliced_wasserstein", "label_fidelity", "lfc_slope"),
    ),
    "rare types mislabelled": Defect(
        label_defects.mislabelled_rare_types,
        ("type_wasserstein_2", "label_fidelity", "lfc_slope", "lfc_correlation", "marker_overlap", "rare_retention"),
    ),
    "proportions skewed": Defect(label_defects.skewed_proportions, ("type_proportion_tv",)),
    "genes permuted within types": Defect(
        count_defects.permuted_genes, ("gene_correlation_error", "c2st_forest_genes", "recall")
    ),
    "variance shrunk": Defect(count_defects.shrunken_variance, ("gene_variance_error", "c2st_forest_genes")),
    "cells averaged": Defect(
        count_defects.averaged, ("gene_correlation_error", "c2st_forest_genes", "gene_wasserstein")
    ),
    "depth halved": Defect(count_defects.half_depth, ("library_size_error", "zero_fraction_error")),
    "depth doubled": Defect(count_defects.double_depth, ("library_size_error",)),
    "extra dropout": Defect(count_defects.dropout, ("zero_fraction_error", "gene_mean_error", "gene_wasserstein")),
    "types mislabelled": Defect(
        label_defects.mislabelled, ("label_fidelity", "lfc_slope", "marker_overlap", "type_wasserstein_2")
    ),
    "independent genes": Defect(
        count_defects.independent_genes, ("gene_correlation_error", "library_size_error", "c2st_forest", "mmd2")
    ),
}
"""Defects by name. All are made from training cells, which the floor is made from too: what is not spoilt looks
real. They are therefore copies as well, and ``memorisation_share`` sees most of them."""

ONE_BATCH = Defect(label_defects.one_batch, ("c2st_forest", "sliced_wasserstein", "mmd2"))
"""Needs ``batch_key=``; :func:`~scgarage.evaluation.sensitivity.sensitivity_matrix` adds it where it is given."""
