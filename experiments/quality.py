"""How near real cells are the cells of the default model? The table of targets, by one command.

    python experiments/quality.py pbmc3k.h5ad kidney.h5ad --labels-key cell_type --seeds 3 --out quality.csv

Every data set and seed is a new split, a new fit with default settings and a new sample of as many cells as the
training part has; the test part judges. Prints means over seeds, and writes every run (csv) and a table of means (md
beside it). "x" is a multiple of the floor, what real training cells score; lowest and highest type are those of the
spread within types. `--join` makes the table from finished runs.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

import scgarage as sg
from scgarage.models import FitOptions, model_class

TIMES_FLOOR = [
    "sliced_wasserstein", "wasserstein_2", "coverage", "type_sliced_wasserstein", "zero_fraction_error",
    "gene_variance_error", "gene_correlation_error", "library_size_error", "lfc_slope", "type_spread",
]  # fmt: skip
PLAIN = [
    "c2st_logistic", "c2st_forest", "c2st_forest_genes", "memorisation_share", "type_proportion_tv", "types_present",
    "label_fidelity", "mmd2",
]  # fmt: skip

MIN_TRAINED = 40
"""Training cells of a type from which on it can be the lowest or highest in its spread."""

COLUMNS = {
    "all/sliced_wasserstein x": "sliced W x",
    "all/wasserstein_2 x": "W2 x",
    "all/c2st_logistic": "logistic",
    "all/c2st_forest": "forest, PCs",
    "all/c2st_forest_genes": "forest, genes",
    "all/coverage x": "coverage x",
    "all/type_sliced_wasserstein x": "types' sliced W x",
    "rare/type_sliced_wasserstein x": "rare types' sliced W x",
    "all/lfc_slope x": "fold-change slope x",
    "all/type_spread x": "spread within types x",
    "type_spread min x": "lowest type",
    "type_spread max x": "highest type",
    "all/memorisation_share": "memorisation",
    "membership": "attack",
    "membership rare": "attack, rare",
}


def run(path, labels_key, batch_key, seed, model):
    adata = sg.read(path)
    counts = adata.obs[labels_key].value_counts()
    adata = adata[adata.obs[labels_key].isin(counts.index[counts >= 6])].copy()
    split = sg.pp.split(adata, labels_key=labels_key, random_state=seed)
    options = FitOptions(progress=False)
    generator = model_class(model)(random_state=seed)
    start = time.perf_counter()
    generator.fit(split.train, labels_key=labels_key, batch_key=batch_key, validation=split.validation, options=options)
    fitted = time.perf_counter()
    cells = generator.sample(split.train.n_obs, random_state=seed)
    sampled = time.perf_counter()
    result = sg.evaluate(cells, split, metrics=TIMES_FLOOR + PLAIN, n_repeats=3, random_state=seed)
    audit = sg.audit(
        cells, split, labels_key=labels_key, seed_names=list(generator.about.get("seed_cells", [])) or None
    )
    trained = split.train.obs[labels_key].value_counts()
    return (
        numbers(result.table)
        | extremes(result.by_type, set(trained.index[trained >= MIN_TRAINED]))
        | {
            "audit": audit.verdict,
            "membership": worst_attack(audit.table, "all"),
            "membership rare": worst_attack(audit.table, "rare"),
            "refined": generator.about.get("refined", False),
            "jitter": generator.about.get("jitter", np.nan),
            "fit_seconds": fitted - start,
            "sample_seconds": sampled - fitted,
        }
    )


def numbers(table):
    row = {}
    for group in ("all", "rare"):
        rows = table[table["group"] == group].set_index("metric")
        for name in TIMES_FLOOR:
            if name in rows.index:
                row[f"{group}/{name} x"] = rows.loc[name, "value"] / rows.loc[name, "floor"]
        for name in PLAIN:
            if name in rows.index:
                row[f"{group}/{name}"] = rows.loc[name, "value"]
                row[f"{group}/{name} floor"] = rows.loc[name, "floor"]
    return row


def extremes(by_type, types):
    """Return the lowest and the highest spread of a type, as multiples of the type's floor."""
    rows = by_type[(by_type["metric"] == "type_spread") & by_type["type"].isin(types)]
    spread = rows["value"] / rows["floor"]
    return {"type_spread min x": spread.min(), "type_spread max x": spread.max()}


def worst_attack(table, group):
    rows = table[(table["group"] == group) & table["check"].str.endswith("auroc")]
    return rows["value"].max() if len(rows) else np.nan


def markdown(table):
    """Return means and standard deviations over seeds, one line for each data set."""
    by = table.groupby("data", sort=False)
    mean, sd, audits = by.mean(numeric_only=True), by.std(numeric_only=True), by["audit"].agg(", ".join)
    names = [name for name in COLUMNS if name in mean]
    lines = ["| data | " + " | ".join(COLUMNS[name] for name in names) + " | audits |", "|---" * (len(names) + 2) + "|"]
    for data in mean.index:
        cells = [
            "–" if np.isnan(mean.loc[data, name]) else f"{mean.loc[data, name]:.2f} ± {sd.loc[data, name]:.2f}"
            for name in names
        ]
        lines.append(f"| {data} | " + " | ".join(cells) + f" | {audits[data]} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--labels-key", default="cell_type")
    parser.add_argument("--batch-key")
    parser.add_argument("--model", default="garage")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", default="quality.csv")
    parser.add_argument("--join", action="store_true", help="the files are tables of runs; join them")
    options = parser.parse_args()
    rows = []
    if options.join:
        table = pd.concat([pd.read_csv(path) for path in options.files])
        Path(options.out).with_suffix(".md").write_text(markdown(table), encoding="utf-8")
        return
    for path in options.files:
        for seed in range(options.seeds):
            row = run(path, options.labels_key, options.batch_key, seed, options.model)
            rows.append({"data": Path(path).stem, "seed": seed} | row)
            pd.DataFrame(rows).to_csv(options.out, index=False)
            print(pd.Series(rows[-1]).to_string(), flush=True)
    Path(options.out).with_suffix(".md").write_text(markdown(pd.DataFrame(rows)), encoding="utf-8")
    table = pd.DataFrame(rows).drop(columns=["seed", "audit"]).groupby("data", sort=False).mean(numeric_only=True)
    print(table.T.round(3).to_string())


if __name__ == "__main__":
    main()
