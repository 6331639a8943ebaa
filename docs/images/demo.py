"""Make the README picture from what `make demo` wrote: python docs/images/demo.py demo docs/images/demo.png."""

import sys
from pathlib import Path

import anndata as ad

import scgarage as sg

folder, picture = map(Path, sys.argv[1:3])
synthetic = ad.read_h5ad(folder / "synthetic.h5ad")
split = sg.pp.split_again(sg.datasets.pbmc68k(), synthetic.uns["scgarage"]["split"])
coordinates = sg.pl.joint_embedding(split.test, synthetic, train=split.train, labels_key="cell_type")
rare = [name for name, share in split.train.obs["cell_type"].value_counts(normalize=True).items() if share < 0.05]
sg.pl.embedding(coordinates, rare=rare).savefig(picture, dpi=110, bbox_inches="tight")
