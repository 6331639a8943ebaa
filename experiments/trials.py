"""Tuning trials of adversarial baselines, flow and scdesigner, a few settings each, scored on validation cells.

    python experiments/trials.py --models gan,wgan,scgan --out trials.csv

The score is the sliced Wasserstein distance of sampled to validation cells, expression and type together; lower is
better. Data: the bundled `pbmc68k` or another file, split with seed 100: the splits of the benchmarks are others.
"""

import argparse

import numpy as np
import pandas as pd
import torch
from scipy import sparse

import scgarage as sg
from scgarage.io.cells import log1p_cp10k
from scgarage.losses import sliced_wasserstein
from scgarage.models import FitOptions, model_class
from scgarage.models.scgan import JointSpace
from scgarage.pp import select_hvg

SMALL = {"generator_hidden": (128, 128), "critic_hidden": (128, 128)}
FAST = {"generator_learning_rate": 1e-3, "critic_learning_rate": 1e-3}
NARROW = {"hidden": (128, 128)}
TRIALS = {name: [{}, FAST, SMALL] for name in ("gan", "wgan", "fgan", "lsh-gan", "scgan")}
TRIALS["scdesigner"] = [
    {},
    {"learning_rate": 0.005},
    {"val_frac": 0.0},
    {"top_k": 200},
    {"top_k": 50},
    {"estimator": "ledoit_wolf"},
    {"family": "zinb"},
]
TRIALS["flow"] = [{}, NARROW, NARROW | {"learning_rate": 3e-4}]


def judge(split):
    """Return a function that scores cells: components of training cells, class-balanced."""
    types = sorted(split.train.obs["cell_type"].astype(str).unique())
    genes = np.flatnonzero(select_hvg(log1p_cp10k(sparse.csr_matrix(split.train.X)), 1000))

    def values(adata):
        return log1p_cp10k(sparse.csr_matrix(adata.X))[:, genes], codes(adata)

    def codes(adata):
        return pd.Index(types).get_indexer(adata.obs["cell_type"].astype(str))

    train, train_codes = values(split.train)
    space = JointSpace.fit(train, train_codes, len(types), random_state=0)
    held, held_codes = values(split.validation)

    def score(made):
        known = made[codes(made) >= 0]
        positions = space.place(*values(known)), space.place(held, held_codes)
        generator = torch.Generator().manual_seed(0)
        return float(np.mean([float(distance(*positions, generator)) for _ in range(5)]))

    return score


def distance(made, held, generator):
    """Compare as many sampled cells as there are validation cells, drawn at random."""
    rows = torch.randperm(len(made), generator=generator)[: len(held)]
    return sliced_wasserstein(made[rows], held[: len(rows)], generator=generator)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(TRIALS))
    parser.add_argument("--data", help="file with counts and a column cell_type; the bundled pbmc68k by default")
    parser.add_argument("--out", default="trials.csv")
    options = parser.parse_args()
    cells = sg.read(options.data) if options.data else sg.datasets.pbmc68k()
    split = sg.pp.split(cells, labels_key="cell_type", random_state=100)
    score, rows = judge(split), []
    for name in options.models.split(","):
        for settings in TRIALS[name]:
            model = model_class(name)(**settings)
            model.fit(
                split.train, labels_key="cell_type", validation=split.validation, options=FitOptions(progress=False)
            )
            made = model.sample(split.train.n_obs)
            seconds = model.about["fit_seconds"]
            rows.append({"model": name, "settings": str(settings), "score": score(made), "fit_seconds": seconds})
            pd.DataFrame(rows).to_csv(options.out, index=False)
            print(rows[-1], flush=True)


if __name__ == "__main__":
    main()
