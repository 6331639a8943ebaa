"""``scgarage analyse attention | rare-utility | markers | leakage | seeds | legacy``."""

from collections.abc import Callable

from scgarage.cli.analyse_attention import run_analyse_attention
from scgarage.cli.analyse_leakage import run_analyse_leakage
from scgarage.cli.analyse_legacy import run_analyse_legacy
from scgarage.cli.analyse_markers import run_analyse_markers
from scgarage.cli.analyse_rare_utility import run_analyse_rare_utility
from scgarage.cli.analyse_seeds import run_analyse_seeds

__all__ = ["ANALYSES"]

ANALYSES: dict[str, tuple[Callable[..., None], tuple[str, ...], str]] = {
    "analyse-attention": (
        run_analyse_attention,
        ("data",),
        "  scgarage analyse attention cells.h5ad --labels-key cell_type --out attention\n"
        "  scgarage analyse attention cbmc.h5ad --markers cbmc --out attention",
    ),
    "analyse-rare-utility": (
        run_analyse_rare_utility,
        ("data",),
        "  scgarage analyse rare-utility cells.h5ad --out utility.csv\n"
        "  scgarage analyse rare-utility cells.h5ad --models [copula,smote] --quick --out trial.csv",
    ),
    "analyse-markers": (
        run_analyse_markers,
        ("synthetic",),
        "  scgarage analyse markers synthetic.h5ad --real cells.h5ad --out markers.csv\n"
        "  scgarage analyse markers synthetic.h5ad --real cells.h5ad --legacy --out published.csv",
    ),
    "analyse-leakage": (
        run_analyse_leakage,
        ("data",),
        "  scgarage analyse leakage cells.h5ad --out leakage\n"
        "  scgarage analyse leakage cells.h5ad --leakages [0,0.2] --selectors [attention] --seeds 3 --out leakage",
    ),
    "analyse-seeds": (
        run_analyse_seeds,
        ("data",),
        "  scgarage analyse seeds cells.h5ad --out seeds\n"
        "  scgarage analyse seeds cells.h5ad --also [other.h5ad] --models [garage,copula] --seeds 5 --out seeds",
    ),
    "analyse-legacy": (
        run_analyse_legacy,
        ("synthetic",),
        "  scgarage analyse legacy synthetic.h5ad --real cells.h5ad --out legacy.csv\n"
        "  scgarage analyse legacy garage.h5ad --also [theirs.h5ad] --real cells.h5ad --labels-key cell_type "
        "--out legacy.csv\n"
        "  scgarage analyse legacy synthetic.h5ad --real cells.h5ad --models [garage,copula] --out legacy.csv",
    ),
}
"""Commands by name, as in :data:`scgarage.cli.COMMANDS`."""
