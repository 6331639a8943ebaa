"""Harmonisation, dynamics and perturbation transfer on real cells, against simple baselines.

    python experiments/applications.py perturbation kang_ifnb.h5ad --out perturbation.csv
    python experiments/applications.py dynamics mouse_endocrinogenesis.h5ad --genes 1000 --out dynamics.csv
    python experiments/applications.py harmonisation \\
        sc_mixology.h5ad --genes 1000 --target sc_dropseq --out mixology.csv
    python experiments/applications.py harmonisation \\
        pbmc_three_chemistries.h5ad --genes 1000 --target 3pv2 --out 10x.csv

At most 2000 cells and the 2000 most variable genes of each file, unless told otherwise; means and standard deviations
over seeds (3).
"""

import argparse
import warnings

import numpy as np
import pandas as pd
import torch

import scgarage as sg
from scgarage.analyses import generate_between, harmonise, transfer_perturbation
from scgarage.analyses.shifts import log_expression
from scgarage.pp import select_hvg

PATHS = [
    ("Ngn3 low EP", "Ngn3 high EP", "Pre-endocrine"),
    ("Ngn3 high EP", "Pre-endocrine", "Beta"),
    ("Ngn3 high EP", "Pre-endocrine", "Alpha"),
]


def smaller(adata, n_cells, n_genes, seed):
    """Keep at most so many cells, at random, and the most variable genes."""
    rows = np.sort(np.random.default_rng(seed).permutation(adata.n_obs)[:n_cells])
    adata = adata[rows].copy()
    # Over all cells, those that are left out later too: the same genes for all methods.
    return adata[:, select_hvg(log_expression(adata), n_genes)].copy() if adata.n_vars > n_genes else adata


def tables(adata, options, seed):
    key, how = options.labels_key, {"random_state": seed}
    if options.task == "perturbation":
        adata.obs["condition"] = adata.obs["batch"].astype(str).str[:4]
        pair = {"condition_key": "condition", "control": "ctrl", "stimulated": "stim"}
        yield transfer_perturbation(adata, labels_key=key, **pair, **how)
    elif options.task == "dynamics":
        for start, middle, end in PATHS:
            table = generate_between(adata, labels_key=key, start=start, middle=middle, end=end, **how)
            yield table.assign(path=f"{start} - {middle} - {end}")
    else:
        yield harmonise(adata, labels_key=key, batch_key="batch", target=options.target, **how)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=["perturbation", "dynamics", "harmonisation"])
    parser.add_argument("data")
    parser.add_argument("--labels-key", default="cell_type")
    parser.add_argument("--target")
    parser.add_argument("--cells", type=int, default=2000)
    parser.add_argument("--genes", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.filterwarnings("ignore", message=".*no expression in any cell.*", category=UserWarning)
    found = []
    for seed in range(options.seeds):
        adata = smaller(sg.read(options.data), options.cells, options.genes, seed)
        found += [table.assign(seed=seed) for table in tables(adata, options, seed)]
        if options.out:
            pd.concat(found).to_csv(options.out, index=False)
    table = pd.concat(found)
    keys = [name for name in ("path", "type", "metric", "method") if name in table]
    print(table.groupby(keys, sort=False)["value"].agg(["mean", "std"]).round(3).to_string())


if __name__ == "__main__":
    main()
