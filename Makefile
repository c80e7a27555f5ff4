# Everything runs in .venv; each target sets up what it needs. Nothing but Python >= 3.11 is assumed.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready

# $(call install,FOLDER,PACKAGES). uv resolves with the override of pyproject.toml that keeps GDAL (declared by
# xsar, never imported) out.
install = VIRTUAL_ENV=$(1) $(BIN)/uv pip install --quiet --compile-bytecode $(2)

DEMO := -e '.[archive,models,plot,simulate]'

.PHONY: demo test test-precision test-newest test-minimum test-core test-all fuzz notebooks snippets browser docs docs-full lint bench \
	format clean

# What the tests need serves the demo too, where it is there.
demo: $(if $(wildcard $(STAMP)),,.venv/.demo)
	$(BIN)/xoceansar demo --to demo

test: $(STAMP)
	$(BIN)/pytest -q -n 2

# What runs networks, in the precision that this processor does not take by itself: as on one with units for bf16
# (emulated where there are none), or as on one without. `make test` has run them in the other.
OTHER_PRECISION := $(if $(shell grep -s -m 1 amx_bf16 /proc/cpuinfo),fp32,bf16)
NETWORKS := tests/models tests/ops tests/evaluate/test_networks.py tests/evaluate/test_experiments.py \
	tests/processing/test_run.py tests/cli/test_cli.py

test-precision: $(STAMP)
	PRECISION=$(OTHER_PRECISION) $(BIN)/pytest -q -n 2 $(NETWORKS)

# Reading, writing and the operations with the newest of everything, which xsar holds back, and with the
# oldest that pyproject.toml declares; both without xsar.
LEG := tests/test_*.py tests/gridding tests/io tests/layout tests/ops tests/processing tests/spectra tests/splits tests/swath \
	tests/cli/test_archives.py tests/cli/test_cli.py tests/cli/test_collocation.py tests/cli/test_processing.py
WITHOUT_XSAR := -e '.[archive,geo,icechunk,models,onnx,plot,simulate,train]' --group test

test-newest: .venv-newest/.ready
	.venv-newest/bin/pytest -q -n 2 $(LEG)

test-minimum: .venv-minimum/.ready
	.venv-minimum/bin/pytest -q -n 2 $(LEG)

# Without torch, plots and whatever else is optional: what needs these is skipped.
CORE := $(filter-out tests/test_texts.py,$(wildcard tests/test_*.py)) tests/collocation tests/gridding \
	tests/io tests/layout tests/models tests/ops tests/sar tests/neighbours tests/spectra tests/splits tests/swath

test-core: .venv-core/.ready
	CORE_ONLY=1 .venv-core/bin/pytest -q -n 2 $(CORE)

test-all: $(STAMP)
	$(BIN)/pytest -q -n 2 -m "slow or not slow" --hypothesis-profile=default

# 100,000 mutants of every kind of input; an hour or more. FUZZ="--count 2000 --workers 2" for less.
fuzz: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz $(FUZZ)

# Each notebook from a clean kernel, without a network.
notebooks: $(STAMP)
	$(BIN)/pytest -q -n 2 -m slow tests/examples/test_notebooks.py

# Every code block of README and docs, and every script of examples/, as printed.
snippets: $(STAMP)
	$(BIN)/pytest -q -n 2 -m slow tests/examples/test_snippets.py tests/examples/test_scripts.py

# The page of `explore` in Chromium, without a window; skipped where there is none (Debian: chromium, chromium-driver).
browser: $(STAMP)
	$(BIN)/pytest -q -n 0 -m slow -rs tests/exploring/test_browser.py

# The site, in docs/_build/html, without a network; any warning is an error. docs-full runs the notebooks
# first, minutes once: they are run again when their code changes, so `make clean` after the package changed.
docs: $(STAMP)
	$(BIN)/python -m sphinx -q -E -W --keep-going docs docs/_build/html

docs-full: $(STAMP)
	HF_HUB_OFFLINE=1 XOCEANSAR_DOCS_EXECUTE=cache $(BIN)/python -m sphinx -q -E -W --keep-going docs docs/_build/html

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

$(BIN)/uv:
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade uv

$(STAMP): pyproject.toml | $(BIN)/uv
	$(call install,.venv,-e '.[all]' --group dev)
	touch $(STAMP)

# torch for the CPU alone is 4 GB smaller than with CUDA, which PyPI has, and lies on PyTorch's own index.
# `make demo UV_TORCH_BACKEND=auto` takes what suits the machine's GPU.
.venv/.demo: pyproject.toml | $(BIN)/uv
	UV_TORCH_BACKEND=$(or $(UV_TORCH_BACKEND),cpu) $(call install,.venv,$(DEMO)) || { \
		echo "PyTorch's index cannot be reached; taking torch with CUDA from PyPI, 4 GB more."; \
		$(call install,.venv,$(DEMO)); }
	touch $@

.venv-newest/.ready: $(STAMP)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-newest
	$(call install,.venv-newest,--upgrade $(WITHOUT_XSAR))
	touch $@

.venv-minimum/.ready: $(STAMP)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-minimum
	$(call install,.venv-minimum,--resolution lowest-direct $(WITHOUT_XSAR))
	touch $@

.venv-core/.ready: $(STAMP)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-core
	$(call install,.venv-core,-e . --group test-core)
	touch $@

clean:
	rm -rf .venv .venv-newest .venv-minimum .venv-core build dist demo docs/_build docs/api/generated docs/notebooks
