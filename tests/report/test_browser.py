"""The report in headless Chromium: it opens without network and errors, and its boxes do what they say."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--enable-logging=stderr", "--v=0",
    "--virtual-time-budget=3000",
    # Whatever the page asks a server for fails, and says so on the console.
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip
CLICKS = """
const seen = {}, note = name => { seen[name] = document.querySelector("#map .status").textContent; };
const boxes = [...document.querySelectorAll("#map .types input")];
note("start");
boxes[0].click(); note("without the commonest type");
document.querySelectorAll("#map .buttons button")[1].click(); note("none");
document.querySelectorAll("#map .buttons button")[2].click(); note("rare only");
document.querySelectorAll("#map .buttons button")[0].click(); note("all");
document.querySelectorAll("#map .sources input")[1].click(); note("real only");
document.querySelector("#map input[value=source]").click();
seen.colour = document.getElementById("map").dataset.colourBy;
const canvas = document.querySelector("#map canvas"), box = canvas.getBoundingClientRect();
const tip = document.querySelector("#map .tip");
for (let x = 0; x < box.width && tip.hidden; x += 8) for (let y = 0; y < box.height && tip.hidden; y += 8)
  canvas.dispatchEvent(new PointerEvent("pointermove", {clientX: box.left + x, clientY: box.top + y}));
seen.tip = tip.textContent;
seen.still = getComputedStyle(document.querySelector(".still")).display;
seen.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
document.getElementById("copy").click();
seen.selected = String(window.getSelection()).length;
window.dispatchEvent(new Event("beforeprint"));
seen.folded = document.querySelectorAll("details:not([open])").length;
const out = document.createElement("pre"); out.id = "seen"; out.textContent = JSON.stringify(seen);
document.body.append(out);
"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian package chromium)")


def browse(page: Path, *flags: str) -> tuple[str, str]:
    """Open a page and return what the browser writes and what stood on its console."""
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={page.parent / 'profile'}", *flags, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


@pytest.fixture(scope="module")
def written(evaluation, tmp_path_factory) -> Path:
    return evaluation.report(tmp_path_factory.mktemp("browser") / "report.html")


@pytest.fixture(scope="module", params=[1280, 420], ids="{} px".format)
def seen(request, written) -> dict[str, object]:
    page = written.with_name(f"clicked{request.param}.html")
    page.write_text(written.read_text(encoding="utf-8").replace("</body>", f"<script>{CLICKS}</script></body>"))
    dom, console = browse(page, "--dump-dom", f"--window-size={request.param},900")
    assert console == ""
    found = re.search(r'<pre id="seen">(.*?)</pre>', dom, re.DOTALL)
    assert found
    values: dict[str, object] = json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    return values


def cells_shown(seen: dict[str, object], step: str) -> int:
    found = re.fullmatch(r"(\d+) of 60 cells shown", str(seen[step]))
    assert found, seen[step]
    return int(found[1])


def test_boxes_show_and_hide_types_and_sources(seen):
    # 30 cells of each source, 60 in all; two rare ones among the first 30 of each.
    assert cells_shown(seen, "start") == cells_shown(seen, "all") == 60
    assert 0 < cells_shown(seen, "without the commonest type") < 60
    assert cells_shown(seen, "none") == 0
    assert 0 < cells_shown(seen, "rare only") < 10
    assert cells_shown(seen, "real only") == 30
    assert seen["colour"] == "source"


def test_the_pointer_gets_source_and_type(seen):
    assert re.fullmatch(r"real · (T cell|B cell|<b>&T)", str(seen["tip"]))


def test_page_fits_into_the_window_and_the_still_map_stays_for_paper(seen):
    assert seen["still"] == "none"
    assert int(str(seen["wide"])) <= 0
    assert int(str(seen["selected"])) > 300
    assert seen["folded"] == 0


def test_printed_pages_hold_the_still_map(written):
    paper = written.with_suffix(".pdf")
    _, console = browse(written, f"--print-to-pdf={paper}")
    assert console == ""
    content = paper.read_bytes()
    assert content.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", content)) <= 25


def test_an_error_on_the_console_would_be_seen(tmp_path):
    page = tmp_path / "broken.html"
    page.write_text("<script>missing()</script>")
    _, console = browse(page, "--dump-dom")
    assert "missing is not defined" in console
