"""Draw which metric sees which defect.

    python docs/images/sensitivity.py cbmc_top2000.h5ad sensitivity.png --leave-out Mouse Multiplets "T/Mono doublets"

With the name pbmc68k the bundled cells are used. `--table` keeps the numbers in a csv file, or draws those in it.
"""

import argparse
from pathlib import Path

import pandas as pd

import scgarage as sg
from scgarage.judge.evaluation.sensitivity import sensitivity_matrix


def main():
    """Judge spoilt cells, or read what was found, and draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("image")
    parser.add_argument("--labels-key", default="cell_type")
    parser.add_argument("--leave-out", nargs="*", default=[], help="labels that are no cell types, such as doublets")
    parser.add_argument("--max-cells", type=int, default=3000)
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    if options.table and options.table.exists():
        matrix = pd.read_csv(options.table, index_col=0)
    else:
        cells = sg.datasets.pbmc68k() if options.data == "pbmc68k" else sg.read(options.data)
        cells = cells[~cells.obs[options.labels_key].isin(options.leave_out)].copy()
        split = sg.pp.split(cells, labels_key=options.labels_key)
        matrix = sensitivity_matrix(split, max_cells=options.max_cells)
        if options.table:
            matrix.to_csv(options.table)
    sg.pl.sensitivity(matrix).figure.savefig(options.image, dpi=110, bbox_inches="tight")


if __name__ == "__main__":
    main()
