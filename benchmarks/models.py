"""Every model on one data set: fit, sample as many cells as there are training cells, judge, write a table.

    python benchmarks/models.py cells.h5ad --labels-key cell_type --seeds 3 --models garage,copula --out table.csv

Metrics are multiples of their floor, what real training cells score, so 1 is as good as real cells; shares and
memorisation are values. Each seed is a new split, a new fit and a new sample, in a process of its own, so that peak
memory is that of one fit. A model that fails leaves its error in the table and does not stop the others.
"""

import argparse
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pandas as pd
import torch

import scgarage as sg
from scgarage.models import MODELS, FitOptions, model_class

MULTIPLES = ["sliced_wasserstein", "wasserstein", "mmd", "gene_correlation", "knn_proportions"]
VALUES = ["c2st_forest", "coverage", "types_present", "memorisation_share"]


def read(source, labels_key):
    """Read a file, or take the bundled cells for the name ``pbmc68k``."""
    return sg.datasets.pbmc68k() if source == "pbmc68k" else sg.read(source, labels_key=labels_key)


def judge(made, split, seed):
    """Return the metrics of all cells and of the rare types, as multiples of the floor too where there is one."""
    table = sg.evaluate(made, split, profile="quick", random_state=seed).table
    row = {}
    for entry in table.query("group in ['all', 'rare']").itertuples():
        name = entry.metric if entry.group == "all" else f"{entry.metric} (rare)"
        row[name] = entry.value
        if entry.floor > 0 and entry.better == "lower":
            row[f"{name} / floor"] = entry.value / entry.floor
    return row


def run(task):
    """Fit and judge one model with one seed."""
    source, labels_key, name, preset, seed, threads = task
    torch.set_num_threads(threads)
    row = {"model": name, "preset": preset, "seed": seed}
    try:
        split = sg.pp.split(read(source, labels_key), labels_key=labels_key, random_state=seed)
        kind = model_class(name)
        settings = dict(getattr(kind.Config, "PRESETS", {}).get(preset, {}))
        model = kind(**settings, random_state=seed)
        model.fit(split.train, labels_key=labels_key, validation=split.validation, options=FitOptions(progress=False))
        start = time.perf_counter()
        made = model.sample(split.train.n_obs, random_state=seed)
        row |= {"fit_seconds": model.about["fit_seconds"], "sample_seconds": time.perf_counter() - start}
        row |= {"iterations": model.about.get("n_iterations"), "best": model.about.get("best_step")}
        row["peak_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # kilobytes on Linux
        row |= judge(made, split, seed)
    except Exception as error:  # noqa: BLE001  (one model must not stop the others)
        row["error"] = f"{type(error).__name__}: {error}"
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="file of real cells, or pbmc68k for the bundled ones")
    parser.add_argument("--labels-key", default="cell_type")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--models", default=",".join(MODELS), help="names, with commas")
    parser.add_argument("--preset", default="tuned", choices=["tuned", "published"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out")
    options = parser.parse_args()
    rows = []
    for name in options.models.split(","):
        for seed in range(options.seeds):
            task = (options.data, options.labels_key, name, options.preset, seed, options.threads)
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                try:
                    rows.append(pool.submit(run, task).result())
                except Exception as error:  # noqa: BLE001  (killed for memory, for example)
                    rows.append({"model": name, "preset": options.preset, "seed": seed, "error": repr(error)})
            print(rows[-1], flush=True)
            if options.out:
                pd.DataFrame(rows).to_csv(options.out, index=False)
    numbers = pd.DataFrame(rows).drop(columns=["seed", "preset", "error"], errors="ignore")
    print(numbers.groupby("model", sort=False).agg(["mean", "std"]).T.round(3).to_string())


if __name__ == "__main__":
    main()
