"""The commands ``prepare`` and ``impute``."""

import math
import warnings
from dataclasses import replace
from typing import Any, Literal

from scgarage.cli.options import ReadOptions, check_outputs, loading, say


def run_prepare(
    data: str,
    out: str,
    labels_key: str = "cell_type",
    no_labels: bool = False,
    layer: str | None = None,
    round: Literal["nearest", "stochastic"] | None = None,
    log_base: float | Literal["e"] | None = None,
    target_sum: float | None = None,
    min_counts: int = 0,
    min_genes: int = 0,
    random_state: int = 0,
    read: ReadOptions = ReadOptions(),  # noqa: B008  (frozen)
    overwrite: bool = False,
) -> None:
    """Put right what other commands would refuse in a file of cells, and write it as h5ad.

    Counts are looked for where X holds none (layers, raw, or recovered from logarithms of any base), names that occur
    twice are numbered, cells without a label or without expression are dropped. Everything done is said; the
    file that was given stays as it is.

    Parameters
    ----------
    data
        File of real cells: h5ad, zarr, 10x h5, 10x mtx folder, loom, csv or tsv.
    out
        File to write, h5ad.
    labels_key
        Column of obs with the cell types.
    no_labels
        Look at no cell types.
    layer
        Layer to take the values from, instead of looking for counts.
    round
        Round fractional counts, as of ambient removal or transcript quantification: to the nearest whole number, or
        stochastic, up with the probability that the fraction says.
    log_base
        Base of the logarithm, e, 2 or 10, where the values do not show it.
    target_sum
        Total of each cell before the logarithm, such as 1e4 or 1e6, where the values do not show it.
    min_counts
        Drop cells with fewer counts, such as the empty droplets of an unfiltered matrix.
    min_genes
        Drop cells with fewer genes.
    random_state
        Seed of stochastic rounding.
    read
        How to read text files.
    overwrite
        Replace the output if it exists.
    """
    check_outputs(out, overwrite=overwrite)
    with loading():
        from scgarage.io import write_h5ad
        from scgarage.pp import prepare
        from scgarage.seeds import rare_types

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="(Variable|Observation) names are not unique|.*, X: ")  # mended below
        adata = replace(read, features="all").read(data, labels_key=labels_key)  # prepare leaves them out and says so
        cells = prepare(
            adata,
            labels_key=None if no_labels else labels_key,
            layer=layer,
            rounding=round,
            log_base=math.e if log_base == "e" else log_base,
            target_sum=target_sum,
            features=read.features,
            min_counts=min_counts,
            min_genes=min_genes,
            random_state=random_state,
        )
    write_h5ad(cells, out, overwrite=overwrite)
    record = cells.uns["scgarage"]
    for sentence in record["prepared"] or ["nothing had to be done"]:
        say(sentence)
    say(f"{cells.n_obs:,} cells x {cells.n_vars:,} genes, {record['value_kind']}: {out}")
    if not no_labels:
        sizes = cells.obs[labels_key].astype(str).value_counts()
        below = rare_types(cells.obs[labels_key])
        rare = [f"{name} ({sizes[name]:,})" for name in sizes.index[::-1] if name in below]
        say(f"{len(sizes)} types in {labels_key}; rare, below 5 %: {', '.join(rare) or 'none'}")


def run_impute(
    data: str,
    out: str,
    method: str = "began",
    labels_key: str | None = None,
    batch_key: str | None = None,
    layer: str | None = None,
    check: bool = False,
    table: str | None = None,
    params: dict[str, Any] | None = None,
    random_state: int = 0,
    read: ReadOptions = ReadOptions(),  # noqa: B008  (frozen)
    overwrite: bool = False,
) -> None:
    """Impute drop-outs; counts stay in X, the layer "imputed" is added.

    Often it is better not to impute: --check measures it on your data first. Imputed values are no measurements; do not
    test for differential expression or correlate genes with them.

    Parameters
    ----------
    data
        File of cells, counts or log-normalised.
    out
        File to write, h5ad.
    method
        Imputer, such as knn, magic, alra, garage, scvi (needs scvi-tools) or began; an unknown name lists all.
    labels_key
        Column of obs with the cell types, for began and garage; clusters by default.
    batch_key
        Column of obs with the batch or sequencing technology, for began, garage and scvi.
    layer
        Layer that holds the values, instead of X.
    check
        Compare the method with no imputation first, and say whether to use it; the advice is written into the file too.
    table
        Table of that comparison to write, csv.
    params
        Settings of the method, one by one: --params.n-repeats 5.
    random_state
        Seed.
    read
        How to read text files.
    overwrite
        Replace outputs that exist.
    """
    check_outputs(out, table, overwrite=overwrite)
    with loading():
        from scgarage.imputation import imputer_class
        from scgarage.io import write_h5ad
        from scgarage.schema import UNS_KEY

    imputer = imputer_class(method)(**{"random_state": random_state, **(params or {})})
    adata = read.read(data, labels_key=labels_key)
    advice = None
    if check or table is not None:
        from scgarage.imputation import check_imputation

        result = check_imputation(
            adata, {method: imputer}, labels_key=labels_key, batch_key=batch_key, layer=layer, random_state=random_state
        )
        say(result.text())
        advice = result.recommendation()
        if table is not None:
            say(f"table: {result.save(table, overwrite=overwrite)}")
    made = imputer.fit(adata, labels_key=labels_key, batch_key=batch_key, layer=layer).transform(adata)
    if advice is not None:
        made.uns[UNS_KEY]["imputation"] |= {"advice": advice.advice, "advice_in_words": advice.sentence}
    write_h5ad(made, out, overwrite=overwrite)
    n_imputed, filled = int(made.var["scgarage_imputed"].sum()), made.uns[UNS_KEY]["imputation"]["filled"]
    say(f"{made.n_obs:,} cells, {n_imputed:,} of {made.n_vars:,} genes imputed (layers['imputed']): {out}")
    every = "" if imputer.config.zero_chance == 1 else "; --params.zero-chance 1 fills every one"
    say(f"{filled:.2%} of their zeros were filled{every}.")
    if advice is None:
        say("Whether to use them was not checked (--check). Test and correlate genes with X, not with imputed values.")
    else:
        say(f"Advice: {advice.advice}.")
