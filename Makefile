# Two commands do everything from nothing but Python >= 3.11 and pip:
#   make demo     synthetic cells from real data, judged, in demo/report.html
#   make test     the test suite
# A second run reuses the environment.

PYTHON ?= python3
VENV   ?= .venv
OUT    ?= demo
DATA   ?=
LABELS ?= cell_type
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip

.PHONY: demo test test-slow benchmark docs lint format types layers clean help

help:
	@sed -n '1,4s/^# //p' Makefile

# torch goes first and pinned: a range would let pip replace a CPU build with several GB of CUDA packages.
$(VENV)/.torch: constraints.txt
	@$(PYTHON) -c "import sys; sys.exit('scgarage needs Python 3.11 or newer, found %d.%d; set PYTHON=path' % sys.version_info[:2] if sys.version_info < (3, 11) else 0)"
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade pip
	$(PIP) install --quiet "$$(grep '^torch==' constraints.txt)"
	@touch $@

$(VENV)/.run: $(VENV)/.torch pyproject.toml
	$(PIP) install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.run
	$(PIP) install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $@

demo: $(VENV)/.run
	$(BIN)/scgarage demo $(if $(DATA),--data "$(DATA)" --labels-key "$(LABELS)") --out "$(OUT)" --overwrite

test: $(VENV)/.test
	$(BIN)/python -m pytest

test-slow: $(VENV)/.test
	$(BIN)/python -m pytest -m slow

$(VENV)/.docs: $(VENV)/.run
	$(PIP) install --quiet --constraint constraints.txt --editable '.[docs]'
	@touch $@

# Everything is made anew, tutorials included, since they show what the code does now; any warning fails.
docs: $(VENV)/.docs
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --fresh-env -b html docs docs/_build/html
	@! grep -rlE '<(script|link|img)[^>]+(src|href)="https?://' docs/_build/html --include='*.html' || { echo "pages that need a network"; exit 1; }

# Hours; experiments/data must hold the files. Finished cells are kept in results/, so it can be interrupted.
benchmark: $(VENV)/.test
	$(PIP) install --quiet --constraint constraints.txt --editable '.[scvi,scdesigner]'
	$(BIN)/scgarage benchmark experiments/models.yaml --out results --format csv
	$(BIN)/python experiments/document.py results/summary.md docs/benchmark.md

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test
	$(BIN)/mypy

layers: $(VENV)/.test
	$(BIN)/lint-imports

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) docs/_build docs/api/generated .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
