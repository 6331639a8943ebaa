"""Which cells are real and which synthetic, and the guard between synthetic ones and statistical tests."""

from typing import Literal

import numpy as np
from anndata import AnnData
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.schema import REAL, SIMULATION, SOURCE_KEY, SYNTHETIC, UNS_KEY

WHY = (
    "synthetic cells are no new samples: they repeat what the training cells say, so a test that counts them "
    "finds differences between two groups of one and the same type"
)


def guard(
    adata: AnnData, *, keep: Literal["real"] | None = None, source_key: str = SOURCE_KEY, simulation: bool = False
) -> AnnData:
    r"""Refuse synthetic cells, or leave them out, before a statistical test.

    A test divides a difference by its standard error, which shrinks with :math:`\sqrt{n}`. Synthetic cells
    raise :math:`n` and bring no observation of their own, so p-values fall whether or not there is a difference.
    :func:`scgarage.judge.rare.de_null_check` measures how much. Call this in front of differential expression,
    differential abundance and any other test over cells.

    Parameters
    ----------
    adata
        Cells that are to be tested; not changed.
    keep
        ``None`` refuses synthetic cells, ``"real"`` leaves them out.
    source_key
        Column of ``obs`` that tells real from synthetic cells. Only its value ``"synthetic"`` has a meaning
        here: other values, missing ones and a missing column count as real, so synthetic cells of other
        programs must be marked first.
    simulation
        Whether the cells are to be tested because their truth is known: cells that :func:`scgarage.simulate` made then
        pass, and no others.

    Returns
    -------
    ``adata`` itself when no cell is synthetic, otherwise a copy of its real cells.

    Raises
    ------
    InputError
        When there are synthetic cells and ``keep`` is ``None``, when none is real, or for another ``keep``; with
        ``simulation``, for cells without a known truth.

    Examples
    --------
    >>> import scgarage as sg
    >>> adata = sg.datasets.pbmc68k()
    >>> guard(adata) is adata
    True
    >>> adata.obs["source"] = ["synthetic"] * 100 + ["real"] * 600
    >>> guard(adata, keep="real").n_obs
    600
    """
    if keep not in (None, REAL):
        msg = f"keep is {keep!r}; expected None (refuse synthetic cells) or 'real' (leave them out)"
        raise InputError(msg)
    synthetic = _is_synthetic(adata, source_key)
    if simulation:
        if not synthetic.all() or "plan" not in adata.uns.get(UNS_KEY, {}).get(SIMULATION, {}):
            msg = "simulation=True is for cells whose truth is known, made by sg.simulate(model, plan); these are not"
            raise InputError(msg)
        return adata
    n_synthetic = int(synthetic.sum())
    if n_synthetic == 0:
        return adata
    if n_synthetic == adata.n_obs:
        msg = f"all {n_synthetic:,} cells are synthetic (adata.obs['{source_key}']); {WHY}. Test the real cells"
        raise InputError(msg)
    if keep is None:
        msg = (
            f"adata.obs['{source_key}'] marks {n_synthetic:,} of {adata.n_obs:,} cells as synthetic, and they must "
            f"not enter differential tests; {WHY}. Test the real cells only: sg.guard(adata, keep='real')"
        )
        raise InputError(msg)
    return adata[~synthetic].copy()


def _is_synthetic(adata: AnnData, source_key: str) -> NDArray[np.bool_]:
    if source_key not in adata.obs:
        return np.zeros(adata.n_obs, dtype=np.bool_)
    return np.asarray(adata.obs[source_key].astype(str) == SYNTHETIC, dtype=np.bool_)
