# Everything runs in .venv; each target sets up what it needs. Nothing but Python >= 3.11 is assumed.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready

.PHONY: demo test test-all fuzz notebooks lint bench format clean

demo: $(STAMP)
	$(BIN)/xoceansar demo --to demo

test: $(STAMP)
	$(BIN)/pytest -q -n 2

test-all: $(STAMP)
	$(BIN)/pytest -q -n 2 -m "slow or not slow"

# 100,000 mutants of every kind of input; an hour or more. FUZZ="--count 2000 --workers 2" for less.
fuzz: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz $(FUZZ)

# Each notebook from a clean kernel, without a network.
notebooks: $(STAMP)
	$(BIN)/pytest -q -n 2 -m slow tests/examples

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/check_docstrings.py
	$(BIN)/python tools/check_environment.py
	$(BIN)/python tools/make_notebooks.py --check

bench: $(STAMP)
	$(BIN)/python benchmarks/run.py

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# uv resolves with the override of pyproject.toml that keeps GDAL (declared by xsar, never imported) out.
$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade uv
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --python $(BIN)/python -e '.[all]' --group dev
	touch $(STAMP)

clean:
	rm -rf .venv build dist demo
