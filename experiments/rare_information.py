"""Can unlabelled cells, or labelled cells of other batches, do what synthetic cells alone cannot: beat shrunk LDA?

    python experiments/rare_information.py unlabelled kidney.h5ad --splits 6 --out unlabelled.csv
    python experiments/rare_information.py reference kang.h5ad --batch-key batch --splits 8 --out reference.csv

Types are cut to a few training cells and looked for among new real cells at a prevalence of 1 % (docs/rare-cells.md).
`unlabelled`: half of the other cells, with 1 % of the target, have no labels; shrunk LDA labels those that it is sure
of, and is trained again with them ("oracle": with all hidden target cells and their true labels). `reference`: the
cells of all other batches are labelled; they are pooled, pooled after removing the mean of each batch, or used by
Garage, fitted to all batches, to make the type's cells in the batch that has few. Prints mean AUPRC.
docs/research/log.md has the findings.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

import scgarage as sg
from scgarage.io.cells import log1p_cp10k
from scgarage.judge.rare import UtilitySettings
from scgarage.judge.rare.augmenters import COMPARATORS, RealCells, TrainingSet
from scgarage.judge.rare.pipelines import PIPELINES, Tuning
from scgarage.judge.rare.scores import folds, prevalence_weights, score_type
from scgarage.models import FitOptions
from scgarage.pp import select_hvg

SURE, N_ADDED, N_GENES, MAX_CELLS = 0.8, 100, 500, 4000
RESAMPLED = ["none", "balanced-pca", "ros", "smote", "loras"]


class Trial:
    """One division of the cells: genes, test cells and scores."""

    def __init__(self, real, train, test, targets, about):
        self.real, self.targets, self.about, self.rows = real, targets, about, []
        self.genes = np.flatnonzero(select_hvg(real.log_expr[train], N_GENES))
        self.test, self.codes = self.dense(test), real.codes[test]
        self.weights = prevalence_weights(self.codes, targets, 0.01)
        self.wanted = {int(target): N_ADDED for target in targets}

    def dense(self, rows):
        return self.real.log_expr[rows][:, self.genes].toarray()

    def training_set(self, rows):
        return TrainingSet(self.dense(rows), self.real.codes[rows], len(self.real.types))

    def score(self, name, train, pipelines=("shrunk-lda",), test=None):
        for pipeline in pipelines:
            probabilities = PIPELINES[pipeline](train, self.test if test is None else test, Tuning())
            for target in self.targets:
                value = score_type(probabilities, self.codes, int(target), self.weights)["auprc"]
                self.rows.append(self.about | {"method": name, "pipeline": pipeline, "auprc": value})


def unlabelled(real, options):
    """Half of the cells that do not train have no labels."""
    settings = UtilitySettings(n_splits=options.splits, n_training_cells=(5, 10), train_share=0.35)
    rows = []
    for fold in folds(real.codes, "down-sampling", settings, random_state=options.seed):
        rng = np.random.default_rng([options.seed, fold.split, 9])
        others = rng.permutation(fold.test[~np.isin(real.codes[fold.test], fold.targets)])
        pool, kept = [others[: len(others) // 2]], [others[len(others) // 2 :]]
        for target in fold.targets:
            own = rng.permutation(fold.test[real.codes[fold.test] == target])
            n_hidden = min(max(1, round(0.01 * len(pool[0]))), len(own) // 2)
            pool.append(own[:n_hidden])
            kept.append(own[n_hidden:])
        trial = Trial(real, fold.train, np.concatenate(kept), fold.targets, {"setting": fold.setting})
        rows += with_pool(trial, fold.train, np.concatenate(pool), int(rng.integers(2**31)))
    return rows


def with_pool(trial, train_rows, pool_rows, seed):
    """Score the comparators and LDA trained again with cells that it labelled itself."""
    train, pool = trial.training_set(train_rows), trial.dense(pool_rows)
    for name in RESAMPLED:
        trial.score(name, COMPARATORS[name](train, trial.wanted, seed))
    probabilities = PIPELINES["shrunk-lda"](COMPARATORS["ros"](train, trial.wanted, seed), pool, Tuning())
    called = probabilities.argmax(axis=1)
    sure = (probabilities.max(axis=1) > SURE) & np.isin(called, trial.targets)
    labelled = train.with_added(pool[sure], called[sure])
    trial.score("self-trained", labelled)
    trial.score("self-trained + ros", COMPARATORS["ros"](labelled, trial.wanted, seed))
    true = np.isin(trial.real.codes[pool_rows], trial.targets)
    oracle = train.with_added(pool[true], trial.real.codes[pool_rows][true])
    trial.score("oracle + ros", COMPARATORS["ros"](oracle, trial.wanted, seed))
    return trial.rows


def reference(real, options):
    """One type of one batch is cut to five training cells; the other batches are labelled."""
    batches = real.adata.obs[options.batch_key].astype(str).to_numpy()
    names, rows = np.unique(batches), []
    for split in range(options.splits):
        rng, batch = np.random.default_rng([options.seed, split]), names[split % len(names)]
        here, elsewhere = np.flatnonzero(batches == batch), np.flatnonzero(batches != batch)
        counts = [np.bincount(real.codes[part], minlength=len(real.types)) for part in (here, elsewhere)]
        able = np.flatnonzero((counts[0] >= 30) & (counts[1] >= 20))
        if not len(able):
            continue
        target = int(rng.permutation(able)[0])
        train, test = [], []
        for code in np.unique(real.codes[here]):
            own = rng.permutation(here[real.codes[here] == code])
            n_train = 5 if code == target else len(own) // 2
            train.append(own[:n_train])
            test.append(own[n_train:])
        train = np.concatenate(train)
        pooled = np.concatenate([train, elsewhere])
        about = {"setting": batch, "target": real.types[target], "split": split}
        trial = Trial(real, pooled, np.concatenate(test), np.array([target]), about)
        rows += with_reference(trial, train, pooled, batches, batch, options)
    return rows


def with_reference(trial, train_rows, pooled_rows, batches, batch, options):
    """Score what can be done with the other batches, with and without Garage."""
    own, pooled = trial.training_set(train_rows), trial.training_set(pooled_rows)
    for name in ("none", "ros", "smote"):
        trial.score(f"own, {name}", COMPARATORS[name](own, trial.wanted, 0), PIPELINES)
        trial.score(f"pooled, {name}", COMPARATORS[name](pooled, trial.wanted, 0), PIPELINES)
    of = pd.Series(batches[pooled_rows])
    means = pd.DataFrame(pooled.log_expr).groupby(of).transform("mean").to_numpy()
    centred = TrainingSet(pooled.log_expr - means, pooled.codes, pooled.n_types)
    trial.score("pooled, batch means removed", centred, PIPELINES, trial.test - own.log_expr.mean(axis=0))
    target = int(trial.targets[0])
    for source, rows, key in (("its own cells", train_rows, None), ("all batches", pooled_rows, options.batch_key)):
        model = sg.models.Garage(refine=False, random_state=trial.about["split"])
        model.fit(
            trial.real.adata[rows].copy(), labels_key=options.labels_key, batch_key=key,
            options=FitOptions(progress=False),
        )  # fmt: skip
        made = model.sample({str(trial.real.types[target]): N_ADDED}, batch=batch if key else None)
        values = log1p_cp10k(made.X) if trial.real.value_kind == "counts" else made.X
        added = values[:, trial.genes].toarray(), np.full(N_ADDED, target)
        trial.score(f"own + garage of {source}", own.with_added(*added), PIPELINES)
        trial.score(f"pooled + garage of {source}", pooled.with_added(*added), PIPELINES)
    return trial.rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("information", choices=["unlabelled", "reference"])
    parser.add_argument("file")
    parser.add_argument("--labels-key", default="cell_type")
    parser.add_argument("--batch-key", default="batch")
    parser.add_argument("--leave-out", nargs="*", default=[], help="labels that are no cell types, such as doublets")
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--out", default="rare_information.csv")
    options = parser.parse_args()
    adata = sg.read(options.file)
    adata = adata[~adata.obs[options.labels_key].astype(str).isin(options.leave_out)].copy()
    real = RealCells.of(adata, labels_key=options.labels_key, max_cells=MAX_CELLS)
    rows = {"unlabelled": unlabelled, "reference": reference}[options.information](real, options)
    table = pd.DataFrame(rows).assign(data=Path(options.file).stem)
    table.to_csv(options.out, index=False)
    by = ["setting", "method"] if options.information == "unlabelled" else ["method"]
    print(table.pivot_table(index=by, columns="pipeline", values="auprc").round(3).to_string())


if __name__ == "__main__":
    main()
