"""Does imputation help? All imputers, variants of BEGAN, labels of technology, and deeper measurements.

    python experiments/imputation.py --data ../shared/data --out results/imputation

Writes one line for each (part, data set, seed, method) to ``imputation.csv`` in that folder as soon as it is known, and
``imputation.md`` with the tables of docs/imputation.md. Lines that are there already are not made again. ``--part``
chooses parts, ``--seeds`` seeds, ``--methods`` methods.
"""

import argparse
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import scgarage as sg
from scgarage.errors import MissingExtraError
from scgarage.imputation import IMPUTERS, check_imputation, recommend, thin_counts
from scgarage.imputation.began import Began

ALL = ["masked", "thinned", "whole", "apart", "told"]
ONE = {"n_repeats": 1}
LEVELS = {"": {}, ", every zero": {"zero_chance": 1.0}}
GROUPS = [["none", "knn", "magic", "alra"], ["began"], ["garage"], ["scvi"]]
VARIANTS = {
    "default": {},
    "subsets of 500 genes, 3 repeats": {"subset_size": 500, "n_repeats": 3},
    "subsets of 500 genes": {"subset_size": 500},
    "images of 500 genes": {"subset_size": 500, "network": "conv"},
    "no critic": {"adversarial_weight": 0.0},
    "critic only, as in the source": {"adversarial_weight": 1.0, "content_weight": 0.0},
    "before drop-out": {"output": "expression"},
}
COLUMNS = [
    [
        "masked_correlation",
        "masked_mae",
        "thinned_correlation",
        "thinned_mae",
        "marker_correlation",
        "marker_slope",
        "ari",
    ],
    ["false_de", "false_de_apart", "false_de_told", "spurious_correlation", "filled", "seconds"],
    ["deeper_correlation", "deeper_mae", "deeper_type_correlation", "deeper_type_distance"],
]
LOW, DEEP = 1e5, 1e6
"""Reads of a cell below which Pollen's libraries are of low, and above which of high coverage."""


def remembering(kind, memory):
    """Return an imputer that does not train twice on the same cells: levels of zero_chance share a training."""

    class Remembering(kind):
        def learn(self, cells):
            told = None if cells.types is None else hash(tuple(cells.types))
            self.key = (cells.log_expr.shape, cells.log_expr.nnz, float(cells.log_expr.sum()), told)
            if self.key not in memory:
                super().learn(cells)
            return {}

        def fill(self, cells):
            if self.key not in memory:
                memory[self.key] = super().fill(cells)
            return memory[self.key]

    return Remembering


def thinned_to(adata, n_molecules, seed):
    """Thin the counts so that the median cell keeps about ``n_molecules``."""
    share = n_molecules / float(np.median(np.asarray(adata.X.sum(axis=1))))
    thin = adata.copy()
    thin.X = thin_counts(adata.X, share=min(share, 0.99), random_state=seed)[0]
    return thin[np.asarray(thin.X.sum(axis=1)).ravel() > 0].copy()


def levels(method, seed, **settings):
    """Return a method with its default and with every zero imputed."""
    if method == "none":
        return {"none": IMPUTERS["none"]()}
    memory, settings = {}, {"random_state": seed} | (ONE if method == "began" else {}) | settings
    kind = remembering(IMPUTERS[method], memory)
    return {method + suffix: kind(**settings | level) for suffix, level in LEVELS.items()}


def methods(read, seed):
    """All methods on both data sets; one training of BEGAN each."""
    for name, batch_key in (("pbmc3k", None), ("sc_mixology", "technology")):
        arguments = {"batch_key": batch_key, "scenarios": ALL if seed == 0 else ALL[:-1]}
        for group in GROUPS:
            imputers = {name: imputer for method in group for name, imputer in levels(method, seed).items()}
            yield name, read(name), imputers, arguments


def variants(read, seed):
    """Variants of BEGAN on molecules and entries held out."""
    arguments = {"batch_key": "technology", "scenarios": ["masked", "thinned"], "n_top_genes": 1000}
    for variant, settings in VARIANTS.items():
        imputer = Began(random_state=seed, zero_chance=1.0, **ONE | settings)
        yield "sc_mixology", read("sc_mixology"), {variant: imputer}, arguments


def technology(read, seed):
    """BEGAN with and without labels of technology."""
    arguments = {"scenarios": ["masked", "thinned", "whole"], "n_top_genes": 1000}
    for label, batch_key in (("with technology", "technology"), ("without technology", None)):
        imputers = {label: Began(random_state=seed, zero_chance=1.0, **ONE)}
        yield "sc_mixology", read("sc_mixology"), imputers, arguments | {"batch_key": batch_key}


def depth(read, seed):
    """Few molecules against many: thinned cells, and Pollen's libraries of low and high coverage."""
    full, pollen = read("sc_mixology"), read("pollen")
    reads = np.asarray(pollen.X.sum(axis=1)).ravel()
    pairs = {
        "sc_mixology thinned to 2000": (thinned_to(full, 2000, seed), full),
        "pollen, low coverage": (pollen[reads < LOW].copy(), pollen[reads > DEEP].copy()),
    }
    for name, (shallow, deep) in pairs.items():
        for group in GROUPS:
            imputers = {name: imputer for method in group for name, imputer in levels(method, seed).items()}
            yield name, shallow, imputers, {"deeper": deep, "scenarios": ["deeper"], "n_top_genes": 1000}


PARTS = {"methods": methods, "technology": technology, "depth": depth, "variants": variants}


def measure(part, folder, seed, done, wanted):
    """Yield a line for each method that is wanted and not done."""
    for data, adata, imputers, arguments in PARTS[part](lambda name: sg.read(folder / f"{name}.h5ad"), seed):
        imputers = {name: imputer for name, imputer in imputers.items() if (part, data, seed, name) not in done}
        if wanted is not None and part in ("methods", "depth"):
            imputers = {name: imputer for name, imputer in imputers.items() if name.split(",")[0] in wanted}
        if not imputers:
            continue
        try:
            result = check_imputation(adata, imputers, labels_key="cell_type", random_state=seed, **arguments)
        except MissingExtraError as error:
            print(error, flush=True)
            continue
        for method in imputers:
            yield {"part": part, "data": data, "seed": seed, "method": method} | result.table.loc[method].to_dict()


def table(group, columns):
    """Return means over seeds and, with more than one, standard deviations, as Markdown."""
    numbers = group[["method", *columns]].groupby("method", sort=False)
    mean, sd = numbers.mean(), numbers.std()
    text = pd.DataFrame(index=mean.index)
    for name in columns:
        digits = 4 if name == "filled" else 3
        spread = sd[name].map(lambda x, digits=digits: "" if np.isnan(x) else f" ± {x:.{digits}f}")
        text[name] = mean[name].map(f"{{:.{digits}f}}".format) + spread
    seeds = numbers.size().astype(str)
    rows = [["", "seeds", *(f"`{name}`" for name in columns)], ["---"] * (len(columns) + 2)]
    rows += [[name, seeds[name], *row] for name, row in zip(text.index, text.to_numpy(), strict=True)]
    return ["| " + " | ".join(row).replace("nan", "") + " |" for row in rows]


def tables(lines):
    """Return the tables of docs/imputation.md."""
    text = []
    # A second level of zero_chance takes the training of the first: its seconds say nothing.
    lines.loc[lines["method"].str.endswith(", every zero"), "seconds"] = np.nan
    order = {name + suffix: i for i, (name, suffix) in enumerate(itertools.product(IMPUTERS, LEVELS))}
    for (part, data), group in lines.groupby(["part", "data"], sort=False):
        group = group.sort_values("method", key=lambda names: names.map(order).fillna(0), kind="stable")
        for columns in COLUMNS:
            there = [name for name in columns if name in group and group[name].notna().any()]
            if there:
                text += [f"\n{part}, {data}\n", *table(group, there)]
        if part == "methods":
            mean = group.drop(columns=["part", "data", "seed"]).groupby("method", sort=False).mean()
            text += [f"\n{name}: {recommend(mean.loc[['none', name]])}" for name in mean.index if name != "none"]
    return "\n".join(text) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--part", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", choices=list(IMPUTERS))
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "imputation.csv"
    lines = pd.read_csv(file) if file.exists() else pd.DataFrame(columns=["part", "data", "seed", "method"])
    for seed in options.seeds:
        for part in options.part:
            done = set(lines[["part", "data", "seed", "method"]].itertuples(index=False, name=None))
            for line in measure(part, options.data, seed, done, options.methods):
                print(line, flush=True)
                lines = pd.concat([lines, pd.DataFrame([line])], ignore_index=True)
                lines.to_csv(file, index=False)
    (options.out / "imputation.md").write_text(tables(lines))


if __name__ == "__main__":
    main()
