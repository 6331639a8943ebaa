"""Which features of a file are genes: not antibodies, guides, hashtags or spike-ins."""

import re
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd
from anndata import AnnData

from scgarage.errors import InputError, examples

Features: TypeAlias = Literal["genes", "all"]
"""Which features to keep."""

GENE_EXPRESSION = "Gene Expression"

_OTHER_TYPES = (
    "antibody|crispr|multiplexing|hashtag|custom|peak|antigen|vdj|spike|adt|hto|protein|cell tag|abseq|sample tag"
)
_HASHTAG = r"(HTO|CMO)[-_ ]?\d+([-_].*)?|(anti[-_ ]\w+[-_ ])?hashtag[-_ ]?\d+([-_ ].*)?"
_BY_NAME = {
    "spike-ins": re.compile(r"(ERCC[-_.]\d{5}|SIRV\w*\d{3,}|Sequin[-_]\w+)", re.IGNORECASE),
    "hashtags": re.compile(_HASHTAG, re.IGNORECASE),
    # adt-2 is a gene of the worm.
    "antibodies": re.compile(r"(ADT[-_:].+|.+[-_. ]TotalSeq.*)"),
}


def other_features(var: pd.DataFrame) -> "pd.Series[str]":
    """Return what each feature is that is no gene, and "" for genes, from ``feature_types`` or else its name.

    A column ``feature_types`` (``feature_type``, ``feature_biotype``) is believed where it says what 10x and others
    write; where it does not, names decide: ERCC-00002, HTO_1, Hashtag1, ADT_CD4, CD4_TotalSeqB.

    Examples
    --------
    >>> other_features(pd.DataFrame(index=["CD4", "ERCC1", "ERCC-00002", "HTO_1", "CD4_TotalSeqB"])).tolist()
    ['', '', 'spike-ins', 'hashtags', 'antibodies']
    """
    found = pd.Series("", index=range(len(var)), dtype=object)
    for column in ("feature_types", "feature_type", "feature_biotype"):
        if column in var:
            types = var[column].astype(object).map(str, na_action="ignore").fillna("").reset_index(drop=True)
            lower = types.str.lower()
            is_other = lower.str.contains(_OTHER_TYPES)
            if (types == GENE_EXPRESSION).any():
                is_other |= (types != "") & (types != GENE_EXPRESSION)
            # Values such as "protein_coding" are kinds of genes.
            is_other &= ~lower.str.contains("coding")
            found = found.mask((found == "") & is_other, types)
    for name, pattern in _BY_NAME.items():
        matches = np.array([pattern.fullmatch(str(feature)) is not None for feature in var.index], dtype=bool)
        found = found.mask((found == "") & matches, name)
    return found


def genes_only(adata: AnnData) -> tuple[AnnData, str | None]:
    """Leave out what is no gene; return a sentence about it, or None where all are genes."""
    kinds = other_features(adata.var)
    is_gene = np.asarray(kinds == "", dtype=bool)
    if is_gene.all():
        return adata, None
    n_other = int((~is_gene).sum())
    named = ", ".join(f"{kind} {number:,}" for kind, number in kinds[~is_gene].value_counts().items())
    if not is_gene.any():
        msg = f"all {n_other:,} features are no genes ({named}); features='all' (--features all) keeps them"
        raise InputError(msg)
    first = examples(adata.var_names[~is_gene])
    said = f"{n_other:,} of {adata.n_vars:,} features that are not genes were left out: {named} ({first})"
    return adata[:, is_gene].copy(), f"{said}; features='all' (--features all) keeps them"
