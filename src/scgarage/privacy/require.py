"""A gate: cells that fail the audit are not released."""

from collections.abc import Sequence

from anndata import AnnData

from scgarage.errors import SamplingError
from scgarage.preprocess import Split
from scgarage.privacy.result import Audit
from scgarage.privacy.run import audit

__all__ = ["require_pass"]


def require_pass(
    synthetic: AnnData,
    real: Split | AnnData,
    *,
    holdout: AnnData | None = None,
    labels_key: str | None = None,
    donor_key: str | None = None,
    seed_names: Sequence[str] | None = None,
    layer: str | None = None,
    allow_weak: bool = False,
    random_state: int = 0,
) -> Audit:
    """Audit synthetic cells and refuse them unless they pass.

    Parameters
    ----------
    synthetic
        Synthetic cells.
    real, holdout, labels_key, donor_key, seed_names, layer, random_state
        As for :func:`~scgarage.privacy.audit`.
    allow_weak
        Whether cells that no check condemns are let through although too little could be looked at for a pass.

    Returns
    -------
    Audit
        The audit, for ``synthetic.uns["scgarage"]["audit"] = audit.record()``.

    Raises
    ------
    SamplingError
        When the audit fails, or is weak and ``allow_weak`` is false.
    InputError
        If the data cannot be compared.
    """
    result = audit(
        synthetic,
        real,
        holdout=holdout,
        labels_key=labels_key,
        donor_key=donor_key,
        seed_names=seed_names,
        layer=layer,
        random_state=random_state,
    )
    if result.verdict == "fail":
        msg = (
            f"the cells fail the privacy audit and are not written. {result.sentences[0]} Fit with less "
            "memorisation (more cells, fewer iterations, no seed cells) and sample again"
        )
        raise SamplingError(msg)
    if result.verdict == "weak" and not allow_weak:
        msg = (
            f"the privacy audit cannot vouch for the cells, so they are not written. {result.sentences[0]} "
            "Sample more cells or hold out more real ones, or accept a weak audit"
        )
        raise SamplingError(msg)
    return result
