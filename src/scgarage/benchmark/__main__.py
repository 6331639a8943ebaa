"""``python -m scgarage.benchmark GRID OUT DATA/MODEL/SEED``: one cell, for :mod:`scgarage.benchmark.run`."""

import sys

from scgarage.benchmark.grid import read_grid
from scgarage.benchmark.run import ATTACHED, end_with_parent, run_cell

if __name__ == "__main__":
    path, out, cell_id, *more = sys.argv[1:]
    if more == [ATTACHED]:
        end_with_parent()
    run_cell(read_grid(path).cell(cell_id), out)
