"""Draw what synthetic cells do to a test: python docs/images/de_null.py docs/images/de_null.svg."""

import sys

import pandas as pd

import scgarage as sg
from scgarage.augmentation import ModelAugmenter
from scgarage.judge.rare import de_null_check

cells, garage = sg.datasets.pbmc68k(), ModelAugmenter("garage", "cell_type", {"refine": False})
checks = [
    de_null_check(cells, garage, labels_key="cell_type", n_synthetic=number, n_runs=10) for number in (20, 100, 300)
]
sg.pl.de_null(pd.concat([check.table for check in checks]), save=sys.argv[1])
