"""The summary for people, in HTML and Markdown."""

from html.parser import HTMLParser

import numpy as np
import pandas as pd

from scgarage.benchmark import collect, write_summary

VOID = {"meta", "br"}


class Page(HTMLParser):
    """Collect words and addresses, and check that every tag is closed."""

    def __init__(self, content):
        super().__init__()
        self.open, self.words, self.addresses = [], [], []
        self.feed(content)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.addresses += [value for name, value in attrs if name in {"src", "href"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data.split()


def test_html_is_whole_and_says_mean_sd_rank_and_failures(grid, out):
    page, _ = write_summary(collect(grid, out), grid, out)
    content = page.read_text(encoding="utf-8")
    read = Page(content)
    text = " ".join(read.words)
    assert read.addresses == []
    assert "3 of 4 cells done, 1 failed, 0 not run" in text
    assert "0.300 ± 0.141 rank 1, n = 2" in text
    assert "0.500 rank 2, n = 1" in text
    assert "InputError: <b>too few</b>" in text  # escaped, so it is text
    assert "Mean rank over 1 metrics 1.00 2.00" in text
    assert len(content) < 20_000


def test_markdown_tables_have_as_many_cells_in_every_line(grid, out):
    _, path = write_summary(collect(grid, out), grid, out)
    text = path.read_text(encoding="utf-8")
    blocks = [block.splitlines() for block in text.split("\n\n") if block.lstrip().startswith("|")]
    assert len(blocks) == 3
    for lines in blocks:
        assert len(lines) >= 3
        assert len({line.count("|") for line in lines}) == 1
    assert "| Discrepancy | lower | 0.300 ± 0.141 (1; n = 2) | 0.500 (2; n = 1) | 0.100 | 1.00 |" in text
    assert "- sim/smote/1: InputError" in text


def test_nothing_run_yet_still_has_a_summary(grid, tmp_path):
    page, path = write_summary(collect(grid, tmp_path), grid, tmp_path)
    assert "0 of 4 cells done, 0 failed, 4 not run" in page.read_text(encoding="utf-8")
    assert path.read_text(encoding="utf-8").rstrip().endswith("None.")


def test_three_models_have_a_diagram_of_their_ranks_until_they_have_not(grid, out):
    two = collect(grid, out)
    judged = two[(two["judge"] == "evaluation") & (two["model"] == "garage")]
    three = pd.concat([two[two["model"] == "garage"], *(
        judged.assign(model=name, value=judged["value"] + step) for step, name in ((1, "<b>worse</b>"), (2, "worst"))
    )])  # fmt: skip
    page, path = write_summary(three, grid, out)
    text = page.read_text(encoding="utf-8")
    assert all(address.startswith("#") for address in Page(text).addresses)
    assert "Over 2 blocks the 3 methods are not shown to differ" in text
    assert text.count("<svg") == 1
    assert "critical_difference.svg" in path.read_text(encoding="utf-8")
    assert (out / "critical_difference.svg").read_bytes().startswith(b"<?xml")
    page, _ = write_summary(two.assign(value=two["value"].where(two["model"] == "garage", np.nan)), grid, out)
    assert "<svg" not in page.read_text(encoding="utf-8")
    assert not (out / "critical_difference.svg").exists()
