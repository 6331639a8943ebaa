"""Draw which metric sees which defect: python docs/images/sensitivity.py docs/images/sensitivity.png."""

import sys
from pathlib import Path

import pandas as pd

import scgarage as sg
from scgarage.evaluation.sensitivity import sensitivity_matrix

picture = Path(sys.argv[1])
matrix = Path(sys.argv[2]) if len(sys.argv) > 2 else picture.with_suffix(".csv")
if not matrix.exists():
    split = sg.pp.split(sg.datasets.pbmc68k(), labels_key="cell_type")
    sensitivity_matrix(split, n_repeats=3).to_csv(matrix)
sg.pl.sensitivity(pd.read_csv(matrix, index_col=0)).figure.savefig(picture, dpi=110, bbox_inches="tight")
