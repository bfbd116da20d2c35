# One command sets up (`make setup`), one runs the main job (`make demo`), one must pass before every commit (`make check`).
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# Two threads that spin while they wait slow a two-core machine down more than they help it.
export OMP_WAIT_POLICY := passive

.PHONY: setup demo test check bench format

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Seedbed needs Python 3.11 or newer"'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,serve,documents,objects,reasoning,ray,meaning,curation,dev]'
	touch $@

demo: setup
	$(BIN)/seedbed demo --out datasets_out/demo

test: setup
	$(BIN)/python -m pytest -n 2

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2

bench: setup
	$(BIN)/python -m benchmarks.curating
