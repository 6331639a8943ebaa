"""The figure of topology, when the packages for it are installed."""

from importlib.util import find_spec

import numpy as np
from matplotlib.figure import Figure
from scipy import sparse

from scgarage import plotting
from scgarage.errors import InputError
from scgarage.preprocess import Components, select_hvg
from scgarage.report.picture import Drawing, Section, section
from scgarage.report.subject import Subject

__all__ = ["topology_pictures"]

MAX_CELLS = 1_000
"""Cells of a side that landmarks are chosen from at most."""

N_DIMS = 10


def topology_pictures(subject: Subject) -> list[Section]:
    """Draw the persistence diagram; nothing without the packages of the extra ``topology``."""
    if find_spec("ripser") is None or find_spec("persim") is None:
        return []
    return [section("Topology", lambda: _topology(subject))]


def _topology(subject: Subject) -> Drawing:
    rng = np.random.default_rng(int(subject.settings.get("random_state", 0)))
    genes = np.flatnonzero(select_hvg(subject.log_expr["train"], int(subject.settings.get("n_top_genes", 1000))))
    parts = {name: _draw(matrix[:, genes], rng) for name, matrix in subject.log_expr.items()}
    # One half of the test cells fits the components, the other is compared: as the judge does.
    middle = parts["test"].shape[0] // 2
    if middle < 2 * N_DIMS:
        msg = f"There are {parts['test'].shape[0]} held-out cells, too few to compare their topology."
        raise InputError(msg)
    space = Components.fit(parts["test"][:middle], N_DIMS)
    points = {name: space.transform(cells) for name, cells in (parts | {"test": parts["test"][middle:]}).items()}
    found = plotting.persistence(points["test"], points["synthetic"], train=points["train"], n_dims=N_DIMS)
    distances = plotting.persistence_distances(found)
    figure = plotting.persistence_diagram(found, distances=distances).figure
    if not isinstance(figure, Figure):
        msg = "The diagram was drawn into a part of another figure."
        raise InputError(msg)
    said = "; ".join(
        f"{kind} {row['bottleneck']:.2f} (floor {row['bottleneck_floor']:.2f})" for kind, row in distances.iterrows()
    )
    caption = (
        "Birth and death of the loops, and deaths of the connected components (left), of up to 150 landmark cells of "
        f"each source in {N_DIMS} components, farthest first. A loop far above the diagonal is a hole in the data that "
        "lasts; those near it are noise. The floor is real training against real held-out cells."
    )
    return figure, f"Persistence diagram of real and synthetic cells. Bottleneck distances: {said}.", caption


def _draw(matrix: sparse.csr_matrix, rng: np.random.Generator) -> sparse.csr_matrix:
    return matrix[rng.permutation(matrix.shape[0])[:MAX_CELLS]]
