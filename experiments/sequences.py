"""Sequence GAN on simulated sequences with planted motifs: how much of them comes back, and at what distance.

    python experiments/sequences.py dna --seeds 3 --out sequences-dna.csv
    python experiments/sequences.py protein --seeds 3 --out sequences-protein.csv

Each seed simulates, divides (60 % training, of which a tenth decides when to stop; 40 % test), fits and judges anew.
Comparators learn from the same training sequences: a Markov chain of order 3 (DNA) or 1 (protein), letters of the
position, independent letters.
"""

import argparse

import numpy as np
import pandas as pd
import torch

from scgarage.models import FitOptions
from scgarage.sequences import (
    MOTIFS,
    SequenceGan,
    evaluate_sequences,
    independent_letters,
    markov_chain,
    motif_table,
    position_letters,
    simulate_sequences,
)

# Robinson & Robinson, PNAS 1991, doi:10.1073/pnas.88.20.8880; letters in alphabetical order.
AMINO_ACIDS = np.array([
    0.07805, 0.01925, 0.05364, 0.06295, 0.03856, 0.07377, 0.02199, 0.05142, 0.05744, 0.09019,
    0.02243, 0.04487, 0.05203, 0.04264, 0.05129, 0.07120, 0.05841, 0.06441, 0.01330, 0.03216,
])  # fmt: skip
KINDS = {
    "dna": {
        "motifs": {"tata": [MOTIFS["tata-box"]], "tata+cre": [MOTIFS["tata-box"], MOTIFS["cre"]], "none": []},
        "background": np.array([0.3, 0.2, 0.2, 0.3]),
        "length": 40,
        "order": 3,
    },
    "protein": {
        "motifs": {"p-loop": [MOTIFS["p-loop"]], "zinc": [MOTIFS["zinc-finger"]]},
        "background": AMINO_ACIDS / AMINO_ACIDS.sum(),
        "length": 30,
        "order": 1,
    },
}


def run(kind, seed, options):
    how = KINDS[kind]
    real = simulate_sequences(
        how["motifs"],
        options.sequences,
        how["length"],
        background=how["background"],
        persistence=0.1,
        random_state=seed,
    )
    train, test = real.split(0.4, random_state=seed)
    model = SequenceGan(random_state=seed, n_iterations=options.iterations)
    model.fit(train, options=FitOptions(progress=False, accelerator="cpu"))
    counts = {label: int((test.labels == label).sum()) for label in test.classes}
    made = {
        "sequence-gan": model.sample(counts, random_state=seed),
        f"markov-{how['order']}": markov_chain(train, order=how["order"], random_state=seed),
        "position-letters": position_letters(train, random_state=seed),
        "independent-letters": independent_letters(train, random_state=seed),
    }
    for name, synthetic in made.items():
        about = {"method": name, "seed": seed}
        if name == "sequence-gan":
            about |= {"fit_seconds": model.about["fit_seconds"], "best_step": model.about["best_step"]}
        motifs = motif_table(synthetic, test, how["motifs"], random_state=seed)
        yield from ({"table": "motifs"} | about | row for row in motifs.to_dict("records"))
        table = evaluate_sequences(synthetic, train, test, n_repeats=1, n_trees=50, random_state=seed)
        yield from ({"table": "metrics"} | about | row for row in table.to_dict("records"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=list(KINDS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sequences", type=int, default=1000, help="sequences per class")
    parser.add_argument("--iterations", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = []
    for seed in range(options.seeds):
        rows += run(options.kind, seed, options)
        table = pd.DataFrame(rows)
        if options.out:
            table.to_csv(options.out, index=False)
    motifs = table[table["table"] == "motifs"].groupby(["method", "class", "motif"], sort=False)
    print(motifs[["synthetic", "real", "null", "recovery"]].agg(["mean", "std"]).round(3).to_string())
    metrics = table[(table["table"] == "metrics") & (table["group"] == "all")].groupby(["method", "metric"], sort=False)
    print(metrics[["value", "floor", "null"]].agg(["mean", "std"]).round(4).to_string())


if __name__ == "__main__":
    main()
