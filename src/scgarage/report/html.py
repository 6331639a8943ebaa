"""One HTML file that says how good synthetic cells are, and holds everything it shows."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from scgarage.evaluation import Evaluation
from scgarage.io import atomic_output, check_output
from scgarage.report import facts
from scgarage.report.figures import Subject, picture_sections, score_picture
from scgarage.report.metric_table import composition_table, metric_themes, rare_table
from scgarage.report.versions import versions

__all__ = ["write_report"]


def write_report(
    evaluation: Evaluation, path: str | Path, *, overwrite: bool = False, title: str | None = None
) -> Path:
    """Write the report of an evaluation: one self-contained HTML file that needs no network.

    It says the verdict in words, what was compared, every metric with floor, null and score, the rare types,
    figures, settings and versions. What cannot be shown (no counts, no labels, no training history) is
    replaced by one line that says why.

    Parameters
    ----------
    evaluation
        Result of :func:`scgarage.evaluate`.
    path
        HTML file to write; it appears under its name only when complete.
    overwrite
        Whether an existing file is replaced.
    title
        Heading; by default made of the names of model and data set.

    Returns
    -------
    The path that was written.

    Raises
    ------
    OutputExistsError
        When ``path`` exists and ``overwrite`` is not set; nothing is computed then.
    """
    check_output(path, overwrite=overwrite)
    html = _environment().get_template("template.html.j2").render(_content(evaluation, title))
    with atomic_output(path, overwrite=overwrite) as temporary:
        temporary.write_text(html, encoding="utf-8")
    return Path(path)


def _environment() -> Environment:
    # Every value is escaped: names of types and genes come from users' files.
    return Environment(
        loader=PackageLoader("scgarage.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _content(evaluation: Evaluation, title: str | None) -> dict[str, Any]:
    subject = Subject.of(evaluation)
    data_set, model = facts.data_set_name(subject.split), facts.model_name(subject)
    rare = rare_table(evaluation.table, subject.counts)
    return {
        "title": title or _title(data_set, model),
        "data_set": data_set,
        "model": model,
        "verdict": evaluation.verdict(),
        "compared": facts.compared(subject),
        "scores": score_picture(subject),
        "themes": metric_themes(evaluation.table),
        "n_repeats": evaluation.settings["n_repeats"],
        "rare": rare,
        "rare_caption": _rare_caption(subject),
        "rare_reason": _why_no_rare_types(subject),
        "sections": picture_sections(subject),
        "composition": composition_table(subject.counts),
        "judge": facts.judge_settings(subject),
        "model_facts": facts.model_settings(subject),
        "versions": facts.version_facts(subject),
        "not_judged": facts.not_judged(subject),
        "version": versions()["scgarage"],
        "date": datetime.now(UTC).strftime("%d %B %Y"),
    }


def _title(data_set: str | None, model: str | None) -> str:
    title = "Synthetic cells" if data_set is None else f"Synthetic cells of {data_set}"
    return title if model is None else f"{title} by {model}"


def _rare_caption(subject: Subject) -> str:
    caption = "Value ± sd over the repeats for each rare type, with its floor and null."
    if subject.labelled or "synthetic" not in subject.counts:
        return caption
    return f"{caption} Types of the synthetic cells were predicted for one sample of them, counted here."


def _why_no_rare_types(subject: Subject) -> str:
    if subject.labels_key is None:
        return "The real cells carry no cell types, so there are no rare types to look at."
    return "No cell type counts as rare in the real cells, or no metric that looks at rare types was run."
