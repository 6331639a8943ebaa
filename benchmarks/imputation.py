"""Does imputation help? Every imputer, or every variant of BEGAN, in every scenario.

    python benchmarks/imputation.py cells.h5ad --labels-key cell_type --out imputation.csv
    python benchmarks/imputation.py cells.h5ad --batch-key technology --variants --out variants.csv
    python benchmarks/imputation.py cells.h5ad --depth 2000 --out depth.csv

First line: all imputers with their defaults, all scenarios, and the recommendation. Second: variants of BEGAN on masked
entries and on held-out molecules, one training each. Third: recovery of full counts from about 2000 molecules a cell.
"""

import argparse

import numpy as np
import pandas as pd
import torch

import scgarage as sg
from scgarage.imputers import IMPUTERS, Began
from scgarage.recovery import check_imputation, thin_counts
from scgarage.recovery.recommendation import recommend

ONE = {"n_repeats": 1}
VARIANTS = {
    "default": {},
    "no critic": {"adversarial_weight": 0.0},
    "critic only, as in the source": {"adversarial_weight": 1.0, "content_weight": 0.0},
    "before drop-out": {"output": "expression"},
    "subsets of 500 genes": {"subset_size": 500},
    "images of 500 genes": {"subset_size": 500, "network": "conv"},
}


def shallow(adata, n_molecules, seed):
    """Thin the counts so that the median cell keeps about ``n_molecules``."""
    share = n_molecules / float(np.median(np.asarray(adata.X.sum(axis=1))))
    thin = adata.copy()
    thin.X = thin_counts(adata.X, share=min(share, 0.99), random_state=seed)[0]
    return thin


def run(adata, options):
    keys = {"labels_key": options.labels_key, "n_top_genes": options.genes, "random_state": options.seed}
    if options.variants:
        work = [(name, Began(**ONE | settings), options.batch_key) for name, settings in VARIANTS.items()]
        if options.batch_key:
            work.append(("no technology", Began(**ONE), None))
        scenarios = ["masked", "thinned"]
    else:
        work = [(name, kind(), options.batch_key) for name, kind in IMPUTERS.items()]
        scenarios = ["masked", "thinned", "whole", "apart", "told"]
    deeper = None
    if options.depth:
        deeper, adata, scenarios = adata, shallow(adata, options.depth, options.seed), ["deeper"]
        adata = adata[np.asarray(adata.X.sum(axis=1)).ravel() > 0].copy()
    rows = {}
    for name, imputer, batch_key in work:
        result = check_imputation(
            adata, {name: imputer}, batch_key=batch_key, deeper=deeper, scenarios=scenarios, **keys
        )
        rows[name] = result.table.loc[name]
        print(rows[name].rename(name).round(3).to_string(), flush=True)
        table = pd.DataFrame(rows).T.rename_axis("method")
        if options.out:
            table.to_csv(options.out)
    return table


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--labels-key", default="cell_type")
    parser.add_argument("--batch-key")
    parser.add_argument("--genes", type=int, default=2000)
    parser.add_argument("--variants", action="store_true")
    parser.add_argument("--depth", type=int)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    table = run(sg.read(options.data), options)
    print(table.T.round(3).to_string())
    if not options.variants and not options.depth:
        print(recommend(table.astype(float)))


if __name__ == "__main__":
    main()
