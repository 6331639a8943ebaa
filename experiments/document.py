"""Put what a benchmark found at a glance into a page of the documentation.

    scgarage benchmark experiments/models.yaml --out results --format csv
    python experiments/document.py results/summary.md docs/benchmark.md

Replaces what stands between the two marks of the page; `make benchmark` runs both commands.
"""

import argparse
import re
from pathlib import Path

BEGIN, END = "<!-- models: begin -->", "<!-- models: end -->"
DATA_SET = re.compile(r"^## (?P<name>\S+)\n\n(?P<size>.+)\n\n### At a glance\n\n(?P<table>(?:\|.+\n)+)", re.MULTILINE)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("summary", type=Path)
    parser.add_argument("page", type=Path)
    given = parser.parse_args()
    found = list(DATA_SET.finditer(given.summary.read_text(encoding="utf-8")))
    if not found:
        parser.error(f"{given.summary} holds no table at a glance; is it the summary.md of scgarage benchmark?")
    page = given.page.read_text(encoding="utf-8")
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        parser.error(f"{given.page} must hold {BEGIN} and {END} once each")
    sections = "\n".join(f"### {part['name']}\n\n{part['size']}\n\n{part['table']}" for part in found)
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    given.page.write_text(f"{before}{BEGIN}\n\n{sections}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
