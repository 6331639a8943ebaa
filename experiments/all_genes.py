"""Are genes without factors of their own right as well? Errors of gene-gene correlations, by kind of gene.

    python experiments/all_genes.py pbmc3k.h5ad sc_mixology.h5ad --labels-key cell_type

The default model fits its factors on some genes and regresses all others on them. This compares the 500 most expressed
genes of either kind: mean absolute difference of their correlations from those of validation cells, for as many
training cells (the floor), synthetic cells, and cells with independent genes.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

import scgarage as sg
from scgarage.io.cells import log1p_cp10k
from scgarage.models import FitOptions, model_class

N_GENES, N_DRAWS = 500, 3


def correlations(values, first, second):
    """Return Pearson correlations of two sets of genes, (n_first, n_second); of a gene with itself NaN."""
    table = np.corrcoef(values[:, first].toarray().T, values[:, second].toarray().T)[: len(first), len(first) :]
    table[first[:, None] == second[None]] = np.nan
    return table


def errors(path, labels_key):
    """Fit, sample, and return one row for each pair of kinds of genes."""
    split = sg.pp.split(sg.read(path), labels_key=labels_key)
    options = FitOptions(progress=False)
    garage = sg.models.Garage(refine=False)
    garage.fit(split.train, labels_key=labels_key, validation=split.validation, options=options)
    independent = model_class("nb-independent")().fit(split.train, labels_key=labels_key, options=options)
    n_cells = split.train.n_obs
    cells = {"floor": split.train, "garage": garage.sample(n_cells), "independent": independent.sample(n_cells)}
    values = {name: log1p_cp10k(sparse.csr_matrix(part.X)) for name, part in cells.items()}
    held = log1p_cp10k(sparse.csr_matrix(split.validation.X))
    with_factors = np.isin(np.arange(split.train.n_vars), garage._selected)
    order = np.argsort(-np.asarray(values["floor"].mean(axis=0)).ravel())
    kinds = {"with factors": order[with_factors[order]][:N_GENES], "others": order[~with_factors[order]][:N_GENES]}
    rng, rows = np.random.default_rng(0), []
    for first, second in (("with factors", "with factors"), ("others", "others"), ("with factors", "others")):
        genes = kinds[first], kinds[second]
        expected, row = correlations(held, *genes), {"genes": f"{first} x {second}"}
        for name, part in values.items():
            draws = [part[rng.permutation(n_cells)[: held.shape[0]]] for _ in range(N_DRAWS)]
            row[name] = np.mean([np.nanmean(np.abs(correlations(draw, *genes) - expected)) for draw in draws])
        rows.append({"data": Path(path).stem} | row)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--labels-key", default="cell_type")
    options = parser.parse_args()
    rows = [row for path in options.files for row in errors(path, options.labels_key)]
    print(pd.DataFrame(rows).round(4).to_string(index=False))


if __name__ == "__main__":
    main()
