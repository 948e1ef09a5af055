# Everything one does in this repository. `make` alone lists it.
#
# Python comes from PYTHON, annotated pictures for training and evaluation from ANYMASK_DATA:
#     make demo PYTHON=python3.12
#     make eval-default ANYMASK_DATA=/data/anymask

PYTHON ?= python3
ANYMASK_DATA ?= $(abspath $(wildcard ../shared/data))
export ANYMASK_DATA
export PIP_DISABLE_PIP_VERSION_CHECK = 1

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt
# The builder is pinned like everything else, so it is installed rather than fetched in passing.
PACKAGE := --no-build-isolation --editable

CODE := $(wildcard src tests scripts examples benchmarks)
PROSE := $(CODE) docs $(wildcard *.md) Makefile pyproject.toml

# One thread a process, and freed memory kept: page faults would cost a fifth of every step.
TRAINING := OMP_NUM_THREADS=1 MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=1000000000000 \
            MALLOC_TOP_PAD_=100000000

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test coverage check fix bench bench-everything bench-gpu bench-training bench-finetune numbers train-default eval-default docs-cli clean need-data

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- the environment: each file says that its step is done ---

$(VENV)/.created: scripts/create_venv.sh
	bash scripts/create_venv.sh $(PYTHON) $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.created pyproject.toml constraints.txt
	@echo "installing anymask and what it needs into $(VENV) (a few minutes the first time)"
	$(INSTALL) torch==2.13.0 hatchling editables
	$(INSTALL) $(PACKAGE) '.[serve]'
	@touch $@

$(VENV)/.developed: $(VENV)/.installed
	@echo "installing the tools for tests and checks"
	$(INSTALL) $(PACKAGE) '.[serve,show,train,test,dev]'
	@touch $@

setup: $(VENV)/.developed  ## install the package with everything its developers use
	@echo "ready: source $(BIN)/activate"

# --- using it ---

demo: $(VENV)/.installed  ## segment a bundled photo by a click and by a box; pictures go to out/demo
	$(BIN)/python examples/demo.py

# --- keeping it right ---

TESTS := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

test: $(VENV)/.developed  ## run all tests; the web page's in a real browser
	bash scripts/install_browser.sh
	$(TESTS)

coverage: $(VENV)/.developed  ## run all tests and list the lines none reaches (half as long again)
	bash scripts/install_browser.sh
	$(TESTS) --cov=anymask --cov-report=term-missing:skip-covered --cov-fail-under=90

check: $(VENV)/.developed  ## lint, format, types, spelling, and pages that programs write
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy $(CODE)
	$(BIN)/codespell $(PROSE)
	$(BIN)/python scripts/fill_numbers.py --check
	$(BIN)/cog -I . --check docs/reference/*.md

fix: $(VENV)/.developed  ## repair what `check` can repair by itself
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/python scripts/fill_numbers.py
	$(BIN)/cog -I . -r docs/reference/*.md

docs-cli: $(VENV)/.developed  ## print help texts and signatures into docs/reference
	$(BIN)/cog -I . -r docs/reference/*.md

# --- figures ---

bench: $(VENV)/.developed  ## measure speed and memory into benchmarks/results (an hour)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/run.py $(BENCH_FLAGS)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/default_model.py $(BENCH_FLAGS)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/profile_parts.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/run_lengths.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/exported.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/everything.py $(BENCH_FLAGS)
	bash scripts/install_browser.sh
	$(BIN)/python benchmarks/page.py $(BENCH_FLAGS)
	$(BIN)/python scripts/speed_picture.py

bench-everything: need-data $(VENV)/.developed  ## measure everything mode of the default model (hours, most of it proposals)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/everything_default.py --data $(ANYMASK_DATA)/eval/coco128.tar
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/presets.py --data $(ANYMASK_DATA)/train --keep runs/candidates
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/proposals.py --data $(ANYMASK_DATA)/eval/coco128.tar --keep runs/proposals.jsonl --pictures 48

bench-gpu: $(VENV)/.developed  ## measure on a CUDA device into benchmarks/results
	$(BIN)/python benchmarks/gpu.py

bench-training: need-data $(VENV)/.developed  ## measure training's speed and 20 kills (minutes, on a quiet machine)
	$(BIN)/python benchmarks/training.py

bench-finetune: need-data $(VENV)/.developed  ## fine-tune on blood cells and score it (half an hour)
	$(TRAINING) $(BIN)/python benchmarks/finetune.py --data $(ANYMASK_DATA)/eval/wbc.tar

numbers: $(VENV)/.developed  ## fill the tables of README, docs and model card from benchmarks/results
	$(BIN)/python scripts/fill_numbers.py

# --- the default model ---

need-data:
	@test -n "$(ANYMASK_DATA)" || { echo "set ANYMASK_DATA to the folder that holds train/ and eval/"; exit 2; }

train-default: need-data $(VENV)/.developed  ## train the default model (hours) into runs/default
	$(TRAINING) $(BIN)/anymask train default --data $(ANYMASK_DATA)/train --out runs/default --processes 2 --resume

eval-default: need-data $(VENV)/.developed  ## score the default model into benchmarks/results
	$(BIN)/anymask evaluate --data $(ANYMASK_DATA)/eval --set balloon --set bsds500_val \
	  --set coco128 --set pennfudan --set wbc --out benchmarks/results/default_model.json

clean:  ## remove the environment and everything that was made
	rm -rf $(VENV) out build dist htmlcov .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests scripts examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
