"""Do the cells of the default model help classifiers to find a rare type in new real cells, and on how many data sets?

    python experiments/rare_utility.py pbmc3k.h5ad kidney.h5ad --labels-key cell_type --out utility

Abundant types are cut to 5 and 10 training cells, in 20 splits of every file (docs/rare-cells.md has the protocol). The
scores of each file are written as soon as they are there, and a second run goes on with the files that are missing;
`utility/summary.md` joins them. Garage runs without its adversarial stage, which takes a third of the time and which
has not passed its own test on any of these data sets (docs/benchmark.md).
"""

import argparse
from pathlib import Path

import pandas as pd

import scgarage as sg
from scgarage.augmentation import ModelAugmenter
from scgarage.judge.rare import RareUtility, UtilitySettings, rare_utility

SHOWN = ["none", "balanced-pca", "class-weights", "ros", "smote", "loras", "garage"]


def run(path, options):
    adata = sg.read(path)
    adata = adata[~adata.obs[options.labels_key].astype(str).isin(options.leave_out)].copy()
    settings = UtilitySettings(n_splits=options.splits, n_training_cells=tuple(options.cells))
    model = ModelAugmenter("garage", options.labels_key, {"refine": False}, None)
    return rare_utility(
        {Path(path).stem: adata},
        {"garage": model},
        labels_key=options.labels_key,
        designs=["down-sampling"],
        settings=settings,
        synthetic_only=False,
        n_jobs=options.jobs,
    )


def markdown(joined):
    """Return one line for each setting and pipeline: means over data sets, and differences to the best comparator."""
    means = joined.table[joined.table["metric"] == "auprc"]
    means = means.groupby(["setting", "pipeline", "comparator", "data_set", "split"])["value"].mean()
    means = means.groupby(["setting", "pipeline", "comparator", "data_set"]).mean()
    means = means.groupby(["setting", "pipeline", "comparator"]).mean().unstack()  # noqa: PD010
    summary = joined.summary()
    best = summary[summary["against"] == "best comparator"].set_index(["setting", "pipeline", "metric"])
    lines = [f"| setting | pipeline | {' | '.join(SHOWN)} | AUPRC, garage - best comparator | macro-F1, the same |"]
    lines.append("|---" * (len(SHOWN) + 4) + "|")
    for setting, pipeline in sorted(means.index, key=lambda key: (int(key[0].split()[0]), key[1])):
        values = " | ".join(f"{means.loc[(setting, pipeline), name]:.3f}" for name in SHOWN)
        gains = " | ".join(difference(best.loc[(setting, pipeline, metric)]) for metric in ["auprc", "macro_f1"])
        lines.append(f"| {setting} | {pipeline} | {values} | {gains} |")
    return "\n".join(lines) + "\n\n" + "\n".join(f"- {sentence}" for sentence in joined.sentences()) + "\n"


def difference(row):
    intervals = f"[{row['low']:+.3f}, {row['high']:+.3f}] {{{row['t_low']:+.3f}, {row['t_high']:+.3f}}}"
    return f"{row['difference']:+.3f} {intervals}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--labels-key", default="cell_type")
    parser.add_argument("--leave-out", nargs="*", default=[], help="labels that are no cell types, such as doublets")
    parser.add_argument("--cells", nargs="*", type=int, default=[5, 10])
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", default="utility")
    options = parser.parse_args()
    folder = Path(options.out)
    folder.mkdir(parents=True, exist_ok=True)
    for path in options.files:
        table = folder / f"{Path(path).stem}.csv"
        if not table.exists():
            run(path, options).save(table)
            print(table, flush=True)
    tables = [pd.read_csv(folder / f"{Path(path).stem}.csv") for path in options.files]
    joined = RareUtility(table=pd.concat(tables, ignore_index=True), settings={})
    (folder / "summary.md").write_text(markdown(joined), encoding="utf-8")
    print("\n".join(joined.sentences()))


if __name__ == "__main__":
    main()
