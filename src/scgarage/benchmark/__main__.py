"""``python -m scgarage.benchmark GRID OUT DATA/MODEL/SEED``: one cell, for :mod:`scgarage.benchmark.run`."""

import sys

from scgarage.benchmark.grid import read_grid
from scgarage.benchmark.run import run_cell

if __name__ == "__main__":
    path, out, cell_id = sys.argv[1:]
    run_cell(read_grid(path).cell(cell_id), out)
