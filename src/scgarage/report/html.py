"""One HTML file that says how good synthetic cells are, and holds everything it shows."""

from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from scgarage.errors import InputError
from scgarage.io import atomic_output, check_output
from scgarage.report import words
from scgarage.report.extras import Given, Part, plain_rows, privacy_part, structure_part, utility_part
from scgarage.report.figures import (
    NOT_BY_TYPE,
    Section,
    composition_picture,
    confusion_picture,
    embedding_picture,
    embedding_table,
    gene_pictures,
    history_picture,
    map_data,
    score_picture,
    topology_pictures,
    type_pictures,
)
from scgarage.report.subject import Judged, Subject
from scgarage.report.tables import LIGHTS, metric_themes, rare_table, type_table
from scgarage.report.words import methods, model_words, versions


def write_report(
    evaluation: Judged,
    path: str | Path,
    *,
    overwrite: bool = False,
    title: str | None = None,
    audit: Given | None = None,
    utility: Given | None = None,
    structure: pd.DataFrame | None = None,
) -> Path:
    """Write the report of an evaluation: one self-contained HTML file that needs no network.

    It says the verdict in words, what was compared, the rare and all other types, privacy, every metric with floor,
    null and score, figures, a paragraph for the methods of a paper, settings and versions. What cannot be shown (no
    counts, no labels, no training history) or was not run is replaced by one line that says why, or how to run it.

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
    audit
        Result of :func:`scgarage.audit` or what it saved; by default what the synthetic cells carry in
        ``uns["scgarage"]["audit"]``.
    utility
        Result of :func:`scgarage.judge.rare.rare_utility` or what it saved.
    structure
        Result of :func:`scgarage.judge.clusters.compare_clusters`.

    Returns
    -------
    The path that was written.

    Raises
    ------
    InputError
        When ``audit``, ``utility`` or ``structure`` is something else.
    OutputExistsError
        When ``path`` exists and ``overwrite`` is not set; nothing is computed then.
    """
    check_output(path, overwrite=overwrite)
    subject = Subject.of(evaluation)
    audit = subject.about.get("audit") if audit is None else audit
    parts = {
        "privacy": None if audit is None else privacy_part(audit),
        "utility": None if utility is None else utility_part(utility),
        "structure": None if structure is None else structure_part(structure),
    }
    content = _content(evaluation, subject, parts) | _pictures(subject)
    content |= {"title": title or _title(content["data_set"], content["model"])}
    html = _environment().get_template("template.html.j2").render(content)
    with atomic_output(path, overwrite=overwrite) as temporary:
        temporary.write_text(html, encoding="utf-8")
    return Path(path)


def _environment() -> Environment:
    # Every value is escaped: names of types and genes come from users' files.
    environment = Environment(
        loader=PackageLoader("scgarage.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["fields"] = plain_rows
    return environment


def _content(evaluation: Judged, subject: Subject, parts: dict[str, Part | None]) -> dict[str, Any]:
    """Return everything but the figures."""
    findings = evaluation.findings()
    lights = {key: LIGHTS[finding.level] for key, finding in findings.items()}
    return {
        "data_set": words.data_set_name(subject.split),
        "model": words.model_name(subject),
        "verdict": evaluation.verdict(),
        "sentence_lights": {finding.sentence: lights[key] for key, finding in findings.items()},
        "compared": words.compared(subject),
        "themes": metric_themes(evaluation.table, lights),
        "n_repeats": evaluation.settings["n_repeats"],
        "rare": rare_table(evaluation.table, subject.counts, lights),
        "rare_caption": _rare_caption(subject),
        "types": type_table(subject.counts, subject.by_type, subject.rare),
        "types_missing": NOT_BY_TYPE,
        "rare_reason": _why_no_rare_types(subject),
        "words": model_words(subject.about),
        "methods": methods(subject, audited=parts["privacy"] is not None),
        "judge": words.judge_settings(subject),
        "model_facts": words.model_settings(subject),
        "versions": words.version_facts(subject),
        "not_judged": words.not_judged(subject, [name for name, part in parts.items() if part is not None]),
        "version": versions()["scgarage"],
        "date": datetime.now(UTC).strftime("%d %B %Y"),
        "script": Markup(files("scgarage.report").joinpath("map.js").read_text(encoding="utf-8")),  # noqa: S704
    } | parts


def _pictures(subject: Subject) -> dict[str, Any]:
    """Draw the figures."""
    try:
        coordinates, no_map = embedding_table(subject), ""
    except InputError as error:
        coordinates, no_map = None, str(error)
    still = Section("The cells in one map", None, no_map)
    return {
        "scores": score_picture(subject),
        "map": still if coordinates is None else embedding_picture(subject, coordinates),
        "map_data": None if coordinates is None else map_data(coordinates, subject.rare),
        "composition": composition_picture(subject),
        "biology": [*type_pictures(subject), confusion_picture(subject)],
        "genes": [*gene_pictures(subject), *topology_pictures(subject)],
        "history": history_picture(subject),
    }


def _title(data_set: str | None, model: str | None) -> str:
    title = "Synthetic cells" if data_set is None else f"Synthetic cells of {data_set}"
    return title if model is None else f"{title} by {model}"


def _rare_caption(subject: Subject) -> str:
    caption = (
        "Mean ± sd over the repeats for each rare type, with its floor (real training cells) and null. The distance "
        "within the type is in multiples of its floor: 1 is as near as real cells are. Numbers of few cells are rough."
    )
    if subject.labelled or "synthetic" not in subject.counts:
        return caption
    return f"{caption} Types of the synthetic cells were predicted for one sample of them, counted here."


def _why_no_rare_types(subject: Subject) -> str:
    if subject.labels_key is None:
        return "The real cells carry no cell types, so there are no rare types to look at."
    return "No cell type counts as rare in the real cells, or no metric that looks at rare types was run."
