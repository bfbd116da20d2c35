# One command sets up (`make setup`), one runs the main job (`make demo`), one must pass before every commit (`make check`).
# Any Python from 3.11 on, those first that the pinned versions are tried on; `make PYTHON=…` names another.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3 python; do \
	$$python -c 'import ensurepip, sys, venv; assert sys.version_info >= (3, 11)' 2>/dev/null && echo $$python && break; done)
NO_PYTHON := Seedbed needs Python 3.11 or newer with its venv module, and none was found. Install one (Debian, Ubuntu: \
	apt install python3 python3-venv; Fedora: dnf install python3; macOS: brew install python), or uv, which brings its own, \
	or name the one to use: make PYTHON=/path/to/python3
VENV := .venv
BIN := $(VENV)/bin
# PyPI's torch for Linux brings gigabytes of CUDA. Where no NVIDIA driver is, PyTorch's own wheels for CPUs are looked for first.
TORCH = torch==2.13.0 $(shell [ "$$(uname)" != Linux ] || nvidia-smi -L >/dev/null 2>&1 || \
	echo -qq --no-deps --extra-index-url https://download.pytorch.org/whl/cpu)
# Two threads that spin while they wait slow a two-core machine down more than they help it.
export OMP_WAIT_POLICY := passive

.PHONY: setup demo test check bench format words

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || command -v uv >/dev/null || { echo "$(NO_PYTHON)" >&2; exit 1; }
	$(if $(PYTHON),$(PYTHON) -c 'import sys; sys.exit("Seedbed needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)')
	$(if $(PYTHON),$(PYTHON) -m venv $(VENV),uv venv --seed --python 3.13 $(VENV))
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt $(TORCH)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,serve,documents,objects,hub,reasoning,ray,meaning,curation,dev]'
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

# After a message was added or changed: brings zh.po up to the source, says what lacks its Chinese, and compiles zh.mo.
PO := builder/language/zh.po
words: setup
	printf '[python: **.py]\n' > .babel.cfg
	$(BIN)/pybabel -q extract -F .babel.cfg -k worded --no-wrap --sort-by-file --add-location=file -o .messages.pot builder trainer
	$(BIN)/pybabel -q update -i .messages.pot -o $(PO) -l zh --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --no-wrap
	$(BIN)/pybabel compile -i $(PO) -o $(PO:.po=.mo) --statistics
	rm -f .babel.cfg .messages.pot
