"""Which cells make good seeds, without labels and with them, and what do seeds do for the default model?

    python experiments/seeds.py pbmc3k.h5ad cbmc.h5ad --labels-key cell_type --out seeds

The first table scores cells without their labels and counts the rare ones among the highest scores, in the data as they
are and with two types cut to 1 %. The second samples from the default model with each choice of seeds, with labels and
without, and judges the cells; "auto" is the default jitter, and at 0.5 seeds matter most. Both use the train and
validation parts of a split only; the second divides them again. Results are written after every run (seeds/rarity.csv,
seeds/garage.csv), a second call goes on where the first ended, and seeds/*.md join them. In files without a rare type
the two smallest ones are cut to 3 %.
"""

import argparse
import time
import warnings
from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import scgarage as sg
from scgarage.io.cells import log1p_cp10k
from scgarage.metrics import coverage, memorisation_share, sliced_wasserstein
from scgarage.models import FitOptions, Garage
from scgarage.models.garage.positions import Latent, choose_seeds
from scgarage.pp import Components, balanced_components, select_hvg
from scgarage.seeds import SELECTORS

RARE = 0.05
SHARES = (0.05, 0.2)
BALANCED, ORDINARY = {"use_rep": "balanced"}, {"use_rep": "ordinary"}
SCORES = {
    "random": ("random", {}),
    "attention": ("attention", BALANCED),
    "attention, degree removed": ("attention", BALANCED | {"correct_degree": True}),
}
for rep in (BALANCED, ORDINARY):
    where = f"{rep['use_rep']} components"
    SCORES |= {f"{name}, {where}": (name, rep) for name in ("density", "community", "k_centre", "facility_location")}
    SCORES |= {f"mixed, k_centre, {where}": ("mixed", rep | {"coverage": "k_centre"})}
    SCORES |= {f"mixed, facility_location, {where}": ("mixed", rep | {"coverage": "facility_location"})}
CHOICES = [("all", 1.0, "auto"), ("none", 0.0, "auto"), ("stratified", 0.05, "auto"), ("k_centre", 0.05, "auto")]
CHOICES += [("all", 1.0, 0.5)]
CHOICES += [(name, 0.05, 0.5) for name in SELECTORS if name not in ("random", "global_top")]
CHOICES += [(name, 0.2, 0.5) for name in ("stratified", "community", "k_centre")]


def read(path, options, seed):
    """Return train and validation cells of one split, at most ``--max-cells`` of them."""
    adata = sg.read(path)
    adata = adata[~adata.obs[options.labels_key].astype(str).isin(options.leave_out)].copy()
    parts = sg.pp.split(adata, labels_key=options.labels_key, random_state=seed)
    names = np.concatenate([parts.train.obs_names, parts.validation.obs_names])
    rng = np.random.default_rng(seed)
    pool = adata[rng.permutation(names)[: options.max_cells]].copy()
    pool.obs[options.labels_key] = pool.obs[options.labels_key].astype(str)
    counts = pool.obs[options.labels_key].value_counts()
    if (counts < RARE * pool.n_obs).any():
        return pool
    return cut(pool, options.labels_key, counts.index[-2:], round(0.03 * pool.n_obs), rng)


def cut(cells, labels_key, types, n_cells, rng):
    """Keep ``n_cells`` of each of the types."""
    labels = cells.obs[labels_key].to_numpy(dtype=str)
    kept = np.ones(len(labels), dtype=bool)
    for name in types:
        kept[rng.permutation(np.flatnonzero(labels == name))[n_cells:]] = False
    return cells[kept].copy()


def rare_types(labels, smallest):
    counts = pd.Series(labels).value_counts()
    return sorted(counts.index[(counts < RARE * len(labels)) & (counts >= smallest)])


# ---------------------------------------------------------------------------------------------------------- rarity
def rarity(path, options, seed, done):
    """Yield one row for each score and rare type, in the data as they are and with two types cut to 1 %."""
    wanted = {name: score for name, score in SCORES.items() if (name,) not in done}
    if not wanted:
        return
    pool = read(path, options, seed)
    rng = np.random.default_rng(seed)
    shares = pool.obs[options.labels_key].value_counts(normalize=True)
    targets = list(rng.choice(sorted(shares.index[shares >= RARE]), 2, replace=False))
    fewer = cut(pool, options.labels_key, targets, int(np.clip(0.01 * pool.n_obs, 12, 30)), rng)
    natural = rare_types(pool.obs[options.labels_key], 5)
    for kind, cells, rare in (("natural", pool, natural), ("cut to 1 %", fewer, targets)):
        labels, hidden = cells.obs[options.labels_key].to_numpy(dtype=str), prepared(cells, seed)
        for name, (selector, settings) in wanted.items():
            start = time.perf_counter()
            seeds = (
                SELECTORS[selector](**settings, random_state=seed)
                .select(hidden, round(max(SHARES) * len(labels)))
                .indices
            )
            seconds = round(time.perf_counter() - start, 2)
            for target in rare:
                row = {"file": Path(path).stem, "seed": seed, "kind": kind, "score": name, "type": str(target)}
                # Seeds come highest score first, and fewer seeds of a selector are the first of more.
                found = {f"recall {s}": recall(seeds[: round(s * len(labels))], labels == target) for s in SHARES}
                yield row | {"cells": int((labels == target).sum())} | found | {"seconds": seconds}


def prepared(cells, seed):
    """Return log expression without labels; in "balanced" every community counts the same, in "ordinary" every cell."""
    log_expr = log1p_cp10k(cells.X)
    hidden = ad.AnnData(log_expr[:, np.flatnonzero(select_hvg(log_expr, 1000))])
    hidden.obsm["balanced"] = balanced_components(hidden.X, random_state=seed).transform(hidden.X)
    hidden.obsm["ordinary"] = Components.fit(hidden.X, random_state=seed).transform(hidden.X)
    return hidden


def recall(seeds, wanted):
    return float(np.isin(np.flatnonzero(wanted), seeds).mean())


def rarity_table(rows):
    """Return mean recalls over files, the share of types with recall 0, and types without seed."""
    lines = ["| score | recall, cut to 1 % | recall, natural | types with recall 0 | no seed among 5 % | seconds |"]
    lines += ["|---|---|---|---|---|---|"]
    by_file = rows.groupby(["score", "kind", "file"])["recall 0.2"].mean().reset_index()
    found = by_file.pivot_table(index="score", columns="kind", values="recall 0.2")
    for name in found.sort_values("cut to 1 %", ascending=False).index:
        own = rows[rows["score"] == name]
        lost = [f"{int((own[f'recall {s}'] == 0).sum())} of {len(own)}" for s in (0.2, 0.05)]
        means = [f"{found.loc[name, kind]:.2f}" for kind in ("cut to 1 %", "natural")]
        lines.append(f"| {name} | {' | '.join(means + lost)} | {own['seconds'].mean():.1f} |")
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------------------------------------------------- garage
class ManySeeds(Garage):
    """The default model, which can be given other seeds without fitting marginals and factors again."""

    def learn(self, data, validation, options):
        self.kept = self._draws, self._codes, data.log_expr
        return super().learn(data, validation, options)

    def reseed(self, seeds, share, jitter):
        draws, codes, log_expr = self.kept
        rng, state = np.random.default_rng(self.config.random_state), self.config.random_state
        rows = choose_seeds(codes, seeds, share, rng, log_expr=log_expr, random_state=state)
        strata, near = self.parts["strata"], self.config.n_neighbors
        self.parts["latent"] = Latent.fit(draws, codes, strata, seeds=rows, n_neighbours=near)
        self.config = replace(self.config, jitter=jitter)
        self.chosen = getattr(self, "chosen", self.about["jitter"])
        self.about["jitter"] = self.chosen if jitter == "auto" and len(rows) else 1.0 if jitter == "auto" else jitter
        return len(rows)


def garage(path, options, seed, done):
    """Yield one row for each choice of seeds and jitter, with labels and without."""
    key, judge = options.labels_key, None
    for labelled in (True, False):
        wanted = [choice for choice in CHOICES if (labelled, choice[0], choice[1], str(choice[2])) not in done]
        if not wanted:
            continue
        judge = judge or Judge(read(path, options, seed), key, seed)
        model = ManySeeds(refine=False, random_state=seed).fit(
            judge.split.train,
            labels_key=key if labelled else None,
            validation=judge.split.validation,
            options=FitOptions(progress=False, accelerator="cpu"),
        )
        for name, share, jitter in wanted:
            start = time.perf_counter()
            n_seeds = model.reseed(name, share, jitter)
            made = model.sample(judge.split.train.n_obs, random_state=seed)
            row = {"file": Path(path).stem, "seed": seed, "labelled": labelled, "seeds": name, "share": share}
            row |= {"jitter": str(jitter), "jitter used": model.about["jitter"], "n_seeds": n_seeds}
            yield row | judge(made, labelled) | {"seconds": round(time.perf_counter() - start, 1)}


class Judge:
    """What synthetic cells are held against: test cells on components of validation cells, and a classifier.

    The classifier, logistic regression on class-balanced components of real training cells, labels synthetic cells; one
    that learns from synthetic cells is judged on real test cells.
    """

    def __init__(self, pool, labels_key, seed):
        self.key, self.split = (
            labels_key,
            sg.pp.split(pool, labels_key=labels_key, fractions=(0.5, 0.15, 0.35), random_state=seed),
        )
        train, test = self.split.train, self.split.test
        self.types, self.true = (part.obs[labels_key].to_numpy(dtype=str) for part in (train, test))
        log_expr = log1p_cp10k(train.X)
        self.genes = np.flatnonzero(select_hvg(log_expr, 1000))
        self.unseen = Components.fit(log1p_cp10k(self.split.validation.X)[:, self.genes], 50, random_state=seed)
        self.known = balanced_components(log_expr[:, self.genes], labels=self.types, random_state=seed)
        self.rare = rare_types(self.types, 2)
        self.train, self.test = self.places(train), self.places(test)
        self.real = self.learned(self.train[1], self.types)
        self.is_rare = np.isin(self.true, self.rare)
        self.floor = {f"{name}, floor": value for name, value in self.distances(self.train[0]).items()}
        self.floor |= {"rare F1, floor": self.rare_f1(self.real)}

    def places(self, cells):
        """Return the cells on components of validation cells, and on class-balanced ones of training cells."""
        log_expr = log1p_cp10k(cells.X)[:, self.genes]
        return self.unseen.transform(log_expr), self.known.transform(log_expr)

    def learned(self, points, labels):
        scaled = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000))
        return scaled.fit(points, labels)

    def rare_f1(self, classifier):
        found = classifier.predict(self.test[1])
        return f1_score(self.true, found, labels=self.rare, average="macro", zero_division=0)

    def distances(self, points):
        return {
            "sliced": sliced_wasserstein(self.test[0], points),
            "rare coverage": coverage(self.test[0], points, mask=self.is_rare),
            "memorisation": memorisation_share(points, self.train[0], self.test[0]),
        }

    def __call__(self, made, labelled):
        """Return distances, the rare types with at least half their share as predicted, and the F1 of rare types."""
        unseen, known = self.places(made)
        predicted = self.real.predict(known)
        own = made.obs[self.key].to_numpy(dtype=str) if labelled else predicted
        ratio = np.array([(predicted == name).mean() / (self.types == name).mean() for name in self.rare])
        lost = ", ".join(f"{name} {share:.2f}" for name, share in zip(self.rare, ratio, strict=True) if share < 0.5)
        counts = {"rare": len(self.rare), "rare kept": int((ratio >= 0.5).sum()), "lost": lost}
        f1 = self.rare_f1(self.learned(known, own))
        return counts | self.distances(unseen) | {"rare F1": f1} | self.floor


def garage_table(rows):
    """Return means over files and seeds; F1 is relative to the labelled default's on the same file."""
    rows = rows.assign(
        sliced=rows["sliced"] / rows["sliced, floor"], covered=rows["rare coverage"] / rows["rare coverage, floor"]
    )
    wanted = {"sliced": "mean", "covered": "mean", "rare F1": "mean", "memorisation": "mean"}
    by_file = ["labelled", "jitter", "seeds", "share", "file"]
    means = rows.groupby(by_file, sort=False).agg(wanted | {"rare": "sum", "rare kept": "sum"})
    default = means.reset_index().query("labelled and jitter == 'auto' and seeds == 'all'")
    best = default.set_index("file")["rare F1"]
    means["relative"] = means["rare F1"] / means.index.get_level_values("file").map(best)
    lines = ["| labels | jitter | seeds | share | sliced W, x floor | coverage of rare, of floor | rare types kept |"]
    lines[0] += " rare F1 | of the labelled default's | memorisation |"
    lines += ["|---" * 10 + "|"]
    for (labelled, jitter, name, share), own in means.groupby(level=[0, 1, 2, 3], sort=False):
        numbers = [
            f"{own[column].mean():.2f}" for column in ("sliced", "covered", "rare F1", "relative", "memorisation")
        ]
        numbers.insert(2, f"{int(own['rare kept'].sum())} of {int(own['rare'].sum())}")
        lines.append(f"| {'yes' if labelled else 'no'} | {jitter} | {name} | {share:g} | {' | '.join(numbers)} |")
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------------------------------------------------- both
TABLES = {
    "rarity": (rarity, rarity_table, ["score"]),
    "garage": (garage, garage_table, ["labelled", "seeds", "share", "jitter"]),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--labels-key", default="cell_type")
    parser.add_argument("--leave-out", nargs="*", default=[], help="labels that are no cell types, such as doublets")
    parser.add_argument("--tables", nargs="*", default=list(TABLES), choices=list(TABLES))
    parser.add_argument("--max-cells", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", default="seeds")
    options = parser.parse_args()
    folder = Path(options.out)
    folder.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore", UserWarning)  # few cells of a type, as intended
    for table in options.tables:
        run, markdown, about = TABLES[table]
        out = folder / f"{table}.csv"
        rows = pd.read_csv(out, keep_default_na=False, na_values=["nan", ""]).to_dict("records") if out.exists() else []
        for seed in range(options.seeds):
            for path in options.files:
                done = {tuple(r[c] for c in about) for r in rows if (r["file"], r["seed"]) == (Path(path).stem, seed)}
                for row in run(path, options, seed, done):
                    rows.append(row)
                    pd.DataFrame(rows).to_csv(out, index=False)
                    print(row, flush=True)
        (folder / f"{table}.md").write_text(markdown(pd.DataFrame(rows)), encoding="utf-8")


if __name__ == "__main__":
    main()
