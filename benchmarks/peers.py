"""The models beside their peers: time, memory and fidelity in one run, on one machine, as ratios.

    python benchmarks/peers.py --files kang_ifnb.h5ad mouse_endocrinogenesis_small.h5ad --out peers.csv
    python benchmarks/peers.py --files kang_ifnb.h5ad --seeds 3 --write docs/benchmark.md

Every file, seed and model is a process of its own with one thread: split, fit, a timed sample of `--n-sample` cells,
and another of as many cells as the training part has, which the test part judges. Packages are imported before the
clock starts; the peak memory is that of the process up to the timed sample, cells and packages included. Processes run
one after the other, the models of a file and seed in turn, so that what else the machine does hits all of them.

Writes every run to `--out` (csv) and the tables to a file beside it (md); `--write` puts the tables into a page,
between the marks `<!-- peers: begin -->` and `<!-- peers: end -->`. A model whose package is missing is named and left
out.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

BEGIN, END = "<!-- peers: begin -->", "<!-- peers: end -->"
PEERS = ["garage", "copula", "scdesigner", "scvi"]
PACKAGES = {"scvi": ("scvi.module", "scvi-tools"), "scdesigner": ("scdesigner.simulators", "scdesigner")}
REFERENCE = "copula"
COSTS = ["fit_seconds", "sample_seconds", "peak_mib"]
FLOORED = ["sliced_wasserstein", "coverage", "lfc_slope"]
PLAIN = ["c2st_forest", "c2st_logistic", "memorisation_share"]
RARE = ["type_sliced_wasserstein", "lfc_slope"]
COLUMNS = {
    "sliced_wasserstein x": "sliced Wasserstein, x floor",
    "c2st_forest": "forest",
    "c2st_logistic": "logistic",
    "coverage x": "coverage, x floor",
    "lfc_slope x": "fold-change slope, x floor",
    "rare types_present": "rare types kept",
    "rare type_sliced_wasserstein x": "rare types' sliced Wasserstein, x floor",
    "rare lfc_slope x": "rare types' fold-change slope, x floor",
    "memorisation_share": "memorised",
}
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS", "NUMBA", "NUMEXPR", "VECLIB_MAXIMUM")}


# ------------------------------------------------------------------ one process
def measure(path, labels_key, model, seed, n_sample):
    """Fit, sample and judge; return one row."""
    import torch

    import scgarage as sg
    from scgarage.benchmark.run import peak_memory
    from scgarage.models import FitOptions, model_class

    torch.set_num_threads(1)
    if model in PACKAGES:
        import_module(PACKAGES[model][0])
    adata = sg.read(path)
    counts = adata.obs[labels_key].value_counts()
    split = sg.pp.split(
        adata[adata.obs[labels_key].isin(counts.index[counts >= 6])].copy(), labels_key=labels_key, random_state=seed
    )
    generator = model_class(model)(random_state=seed)
    options = FitOptions(progress=False, accelerator="cpu")
    start = time.perf_counter()
    generator.fit(split.train, labels_key=labels_key, validation=split.validation, options=options)
    fitted = time.perf_counter()
    generator.sample(n_sample, random_state=seed)
    row = {
        "n_train": split.train.n_obs,
        "n_genes": split.train.n_vars,
        "fit_seconds": fitted - start,
        "sample_seconds": time.perf_counter() - fitted,
        "peak_mib": peak_memory(),
    }
    made = generator.sample(split.train.n_obs, random_state=seed)
    names = list(dict.fromkeys([*FLOORED, *PLAIN, *RARE, "types_present"]))
    return row | fidelity(sg.evaluate(made, split, metrics=names, n_repeats=3, random_state=seed).table)


def fidelity(table):
    """Return what the columns of the tables show: values, or multiples of what real training cells score."""
    group = {name: rows.set_index("metric") for name, rows in table.groupby("group")}
    row = {f"{name} x": ratio(group["all"], name) for name in FLOORED}
    row |= {name: float(group["all"].loc[name, "value"]) for name in PLAIN}
    if "rare" in group:
        row |= {f"rare {name} x": ratio(group["rare"], name) for name in RARE if name in group["rare"].index}
        row["rare types_present"] = float(group["rare"].loc["types_present", "value"])
    return row


def ratio(rows, name):
    return float(rows.loc[name, "value"] / rows.loc[name, "floor"])


# ------------------------------------------------------------------ all of them
def run(options, path, model, seed):
    """Measure in a fresh process; a failure is a row, too."""
    row = {"data": Path(path).stem, "model": model, "seed": seed}
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "row.json"
        given = ["--labels-key", options.labels_key, "--n-sample", str(options.n_sample)]
        command = [sys.executable, "-W", "ignore", __file__, "--files", path, "--models", model, *given]
        done = subprocess.run(
            [*command, "--one", str(seed), str(result)],
            env=os.environ | ONE_THREAD,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return row | {"error": (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]}
        return row | json.loads(result.read_text(encoding="utf-8"))


def with_ratios(table):
    """Add costs as multiples of what the reference model costs in the same file and seed."""
    table = table.copy()
    rows = table[table["model"] == REFERENCE].set_index(["data", "seed"])
    for cost in [name for name in COSTS if name in table]:
        reference = rows[cost].reindex(pd.MultiIndex.from_frame(table[["data", "seed"]])).to_numpy()
        table[f"{cost} x"] = table[cost] / reference
    return table


def markdown(table):
    """Return a table for each file: means over seeds, with standard deviations where there are several seeds."""
    return "\n".join(section(name, rows) for name, rows in table.groupby("data", sort=False))


def section(name, rows):
    costs = {"fit_seconds": "fit, s", "sample_seconds": "sample, s", "peak_mib": "peak, MiB"}
    kept = {key: title for key, title in COLUMNS.items() if key in rows and rows[key].notna().any()}
    titles = ["Model", *(f"{title} (x {REFERENCE})" for title in costs.values()), *kept.values()]
    lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    for model, runs in rows.groupby("model", sort=False):
        cells = [f"{shown(runs.get(cost), '.3g')} ({shown(runs.get(cost + ' x'), '.2g')})" for cost in costs]
        cells += [shown(runs[key], ".2f") for key in kept]
        lines.append(f"| {model} | " + " | ".join(cells) + " |")
    known = rows.dropna(subset=["n_train"]) if "n_train" in rows else rows[:0]
    size = (
        f"{known['n_train'].iloc[0]:,.0f} training cells, {known['n_genes'].iloc[0]:,.0f} genes." if len(known) else ""
    )
    return f"### Peers on {name}\n\n{size}\n\n" + "\n".join(lines) + "\n"


def shown(values, form):
    values = pd.Series(dtype=float) if values is None else values.dropna()
    if not len(values):
        return "–"
    mean = f"{values.mean():{form}}"
    mean = f"{float(mean):,.0f}" if "e" in mean else mean  # of 1,234 three digits would be 1.23e+03
    return mean if len(values) == 1 else f"{mean} ± {values.std():{form}}"


def surroundings(options, missing):
    """Say by which command, with what and where the numbers came about."""
    names = ["scgarage", "scdesigner", "scvi-tools", "torch", "numpy"]
    found = ", ".join(f"{name} {installed(name)}" for name in names if installed(name))
    command = f"python benchmarks/peers.py --files {' '.join(Path(path).name for path in options.files)}"
    command += f" --models {' '.join(options.models)} --seeds {options.seeds} --n-sample {options.n_sample}"
    cores = f"{os.cpu_count()} cores, one used" if (os.cpu_count() or 1) > 1 else "one core"
    return (
        f"```sh\n{command}\n```\n\nSeeds: {options.seeds}; cells of the timed sample: {options.n_sample:,}. "
        f"{found}; Python {platform.python_version()}, {platform.machine()}, {cores}."
        + (f" Left out, for want of the package: {', '.join(missing)}." if missing else "")
        + "\n"
    )


def installed(distribution):
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def write(page, text):
    """Replace what stands between the two marks of a page."""
    old = page.read_text(encoding="utf-8")
    page.write_text(f"{old.split(BEGIN)[0]}{BEGIN}\n\n{text}\n{END}{old.split(END)[1]}", encoding="utf-8")


def available(models):
    """Divide models into those that can run and those whose package is missing, and name the second."""
    missing = [name for name in models if name in PACKAGES and find_spec(PACKAGES[name][0].partition(".")[0]) is None]
    for name in missing:
        print(f"left out: {name}, whose package is missing; run: pip install {PACKAGES[name][1]}", flush=True)
    return [name for name in models if name not in missing], missing


def check(parser, options):
    for path in options.files:
        if not Path(path).is_file():
            parser.error(f"--files: there is no file {path}")
    if options.seeds < 1 or options.n_sample < 1:
        parser.error(f"--seeds and --n-sample must be at least 1; found {options.seeds} and {options.n_sample}")
    if options.write:
        text = options.write.read_text(encoding="utf-8") if options.write.is_file() else ""
        if text.count(BEGIN) != 1 or text.count(END) != 1:
            parser.error(f"--write: {options.write} must hold {BEGIN} and {END} once each")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", nargs="+", required=True, help="files with counts and cell types")
    parser.add_argument("--models", nargs="+", default=PEERS, help="names in scgarage.models.MODELS")
    parser.add_argument("--seeds", type=int, default=1, help="number of splits, 0, 1, ...")
    parser.add_argument("--n-sample", type=int, default=10_000, help="cells of the timed sample")
    parser.add_argument("--labels-key", default="cell_type")
    parser.add_argument("--out", type=Path, default=Path("peers.csv"))
    parser.add_argument("--write", type=Path, help="page to put the tables into")
    parser.add_argument("--one", nargs=2, metavar=("SEED", "RESULT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        seed, result = options.one
        row = measure(options.files[0], options.labels_key, options.models[0], int(seed), options.n_sample)
        Path(result).write_text(json.dumps(row), encoding="utf-8")
        return
    check(parser, options)
    options.models, missing = available(options.models)
    rows = []
    for path in options.files:
        for seed in range(options.seeds):
            for model in options.models:
                rows.append(run(options, path, model, seed))
                print(rows[-1], flush=True)
                with_ratios(pd.DataFrame(rows)).to_csv(options.out, index=False)
    text = f"{surroundings(options, missing)}\n{markdown(with_ratios(pd.DataFrame(rows)))}"
    options.out.with_suffix(".md").write_text(text, encoding="utf-8")
    if options.write:
        write(options.write, text)


if __name__ == "__main__":
    main()
