"""How good is the published method? Fit it with several seeds, with and without seed cells, and judge it.

    python experiments/faithful.py cells.h5ad --labels-key cell_type --seeds 3 --out faithful.csv

Prints mean and standard deviation over seeds; each seed is a new split, a new fit and a new sample.
"""

import argparse

import pandas as pd

import scgarage as sg
from scgarage.models import FitOptions

VARIANTS = {"attention seeds": {}, "no seeds": {"leakage": 0.0}}
SHOWN = ["c2st_forest", "c2st_forest_genes", "sliced_wasserstein", "coverage", "types_present", "memorisation_share"]


def run(adata, labels_key, seed, settings):
    split = sg.pp.split(adata, labels_key=labels_key, random_state=seed)
    model = sg.models.GarageFaithful(random_state=seed, **settings)
    model.fit(split.train, labels_key=labels_key, validation=split.validation, options=FitOptions(progress=False))
    result = sg.evaluate(model.sample(split.train.n_obs, random_state=seed), split, random_state=seed)
    table = result.table.query("group == 'all'").set_index("metric")
    row = {f"{name}": table.loc[name, "value"] for name in SHOWN}
    row |= {f"{name} floor": table.loc[name, "floor"] for name in SHOWN}
    row["sliced_wasserstein / floor"] = row["sliced_wasserstein"] / row["sliced_wasserstein floor"]
    return row | {
        "iterations": model.about["n_iterations"],
        "best": model.about["best_step"],
        "seconds": model.about["fit_seconds"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--labels-key", default="cell_type")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out")
    options = parser.parse_args()
    adata = sg.read(options.data)
    rows = []
    for variant, settings in VARIANTS.items():
        for seed in range(options.seeds):
            rows.append({"variant": variant, "seed": seed} | run(adata, options.labels_key, seed, settings))
            print(rows[-1], flush=True)
            if options.out:
                pd.DataFrame(rows).to_csv(options.out, index=False)
    numbers = pd.DataFrame(rows).drop(columns="seed").groupby("variant").agg(["mean", "std"])
    print(numbers.T.round(3).to_string())


if __name__ == "__main__":
    main()
