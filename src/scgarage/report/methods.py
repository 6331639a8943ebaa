"""A paragraph for the methods of a paper, with its references."""

from dataclasses import dataclass

from scgarage.metrics import METRICS
from scgarage.report.subject import Subject
from scgarage.report.versions import versions

__all__ = ["Methods", "methods"]

PREPRINT = "Ganguly et al. 2025, bioRxiv, doi:10.1101/2025.09.28.679012"
MODEL_REFERENCES = {
    "garage": (PREPRINT, "Sun et al. 2021, Genome Biology, doi:10.1186/s13059-021-02367-2"),
    "garage-faithful": (PREPRINT,),
}
"""What a model builds on."""

PRIVACY_REFERENCES = (
    "Chen et al. 2020, doi:10.1145/3372297.3417238",
    "van Breugel et al. 2023, arXiv:2302.12580",
    "Carlini et al. 2022, arXiv:2112.03570",
)

NULLS = {
    "poisson": "independent Poisson counts with the means of the types",
    "one type": "cells of the commonest type only",
    "shuffled": "training cells with permuted types",
    "copy": "training cells drawn again",
}


@dataclass(frozen=True)
class Methods:
    """Text with numbers in square brackets, and the references that they stand for."""

    sentences: list[str]
    references: list[str]


class _References:
    """References in the order in which they are cited."""

    def __init__(self) -> None:
        self.listed: list[str] = []

    def cite(self, *texts: str) -> str:
        """Return the numbers of references in square brackets."""
        for text in texts:
            if text not in self.listed:
                self.listed.append(text)
        return "[" + ", ".join(str(self.listed.index(text) + 1) for text in texts) + "]"


def methods(subject: Subject, *, audited: bool = False) -> Methods:
    """Write what was done as a paragraph that can be pasted into a paper.

    Parameters
    ----------
    subject
        What the report is about.
    audited
        Whether a privacy audit is part of the report.
    """
    cited = _References()
    sentences = [
        _made(subject, cited), _divided(subject), _compared(subject), _measured(subject, cited), _nulls(subject),
    ]  # fmt: skip
    if audited:
        sentences.append(
            "Copies of training cells, distances to training against held-out cells, and membership inference by a "
            "distance attack, calibrated GAN-leaks and DOMIAS were tested with the audit of scgarage "
            f"{cited.cite(*PRIVACY_REFERENCES)}."
        )
    return Methods([sentence for sentence in sentences if sentence], cited.listed)


def _made(subject: Subject, cited: _References) -> str:
    about = subject.about
    model = about.get("model")
    if model is None:
        return f"{subject.synthetic.n_obs:,} synthetic cells were judged."
    references = MODEL_REFERENCES.get(str(model), ())
    version = f" of scgarage {about['version']}" if "version" in about else ""
    trained = f", fitted on {int(about['n_train']):,} real cells" if "n_train" in about else ""
    seeded = f" (seed {about['random_state']})" if "random_state" in about else ""
    source = f" {cited.cite(*references)}" if references else ""
    by = f"the model {model}{version}{source}{trained}"
    return f"{subject.synthetic.n_obs:,} synthetic cells{seeded} were made with {by}."


def _divided(subject: Subject) -> str:
    split = subject.split
    record = split.record()
    stratified = " stratified by type," if subject.labels_key is not None else ""
    donors = f" with the donors of {record['donor_key']!r} kept apart," if record.get("donor_key") else ""
    return (
        f"Real cells were divided into training, validation and test cells ({split.train.n_obs:,}, "
        f"{split.validation.n_obs:,} and {split.test.n_obs:,}),{donors or stratified} and only test cells were "
        "compared with synthetic ones."
    )


def _compared(subject: Subject) -> str:
    settings = subject.settings
    counts = settings.get("value_kind", "counts") == "counts"
    path = "counts were scaled to 10,000 per cell, log1p-transformed, " if counts else "log-normalised values were "
    genes = f"{settings['n_genes']:,} " if "n_genes" in settings else ""
    components = f"{settings['n_pcs']} " if "n_pcs" in settings else ""
    return (
        f"In each of {settings['n_repeats']} repeats the test cells were halved; {path}restricted to the {genes}most "
        f"variable genes of one half and projected on {components}principal components of that half, and "
        f"{settings['n_compared']:,} cells of the other half were compared with as many synthetic cells (scgarage "
        f"{versions()['scgarage']})."
    )


def _measured(subject: Subject, cited: _References) -> str:
    by_reference: dict[str, list[str]] = {}
    for name in dict.fromkeys(subject.table["metric"]):
        if name in METRICS:
            by_reference.setdefault(METRICS[name].reference, []).append(_lower(METRICS[name].title))
    published = {
        reference: names
        for reference, names in by_reference.items()
        if "doi" in reference or "arXiv" in reference or "http" in reference
    }
    own = [name for reference, names in by_reference.items() if reference not in published for name in names]
    parts = [f"{', '.join(names)} {cited.cite(reference)}" for reference, names in published.items()]
    parts += [", ".join(own)] if own else []
    return f"Metrics: {'; '.join(parts)}."


def _nulls(subject: Subject) -> str:
    used = {METRICS[name].null for name in set(subject.table["metric"]) if name in METRICS}
    named = "; ".join(text for null, text in NULLS.items() if null in used)
    return (
        "Every metric was also computed for real training cells in place of the synthetic ones (floor) and for a bad "
        f"generator (null: {named}); the score is (value − floor) / (null − floor), 0 for cells as good as real ones "
        "and 1 for the null."
    )


def _lower(title: str) -> str:
    """Write a title inside a sentence; "Wasserstein" keeps its capital."""
    return title if title.startswith("Wasserstein") else title[:1].lower() + title[1:]
