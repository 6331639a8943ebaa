"""Draw which metric sees which defect: python docs/images/sensitivity.py docs/images/sensitivity.png."""

import sys
from pathlib import Path

import scgarage as sg
from scgarage.evaluation.sensitivity import sensitivity_matrix

split = sg.pp.split(sg.datasets.pbmc68k(), labels_key="cell_type")
matrix = sensitivity_matrix(split)
sg.pl.sensitivity(matrix).figure.savefig(Path(sys.argv[1]), dpi=110, bbox_inches="tight")
