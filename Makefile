# Two commands are enough on a fresh machine: make demo, make test. Each installs what is missing, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# One thread a process unless it pays; a spinning second one costs more than it brings on shared cores.
export OMP_WAIT_POLICY ?= passive
export OMP_NUM_THREADS ?= 1
export MLFLOW_DISABLE_TELEMETRY ?= true
export ORT_DISABLE_TELEMETRY ?= 1

.PHONY: demo test test-all lint format docs ui install constraints bench clean
.DEFAULT_GOAL := help

help:
	@echo "make demo   train the demo, annotate a sample article, show scores"
	@echo "make test   the default test suite, offline"
	@echo "make lint   ruff, mypy --strict, import floors"
	@echo "make docs   render the tables of README and experiments from their results"
	@echo "make ui     MLflow's pages on http://127.0.0.1:5000"

demo: $(INSTALLED)
	@$(BIN)/slant demo

test: $(INSTALLED)
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow and not bench and not browser"

test-all: $(INSTALLED)
	@$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: $(INSTALLED)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(INSTALLED)
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

docs: $(INSTALLED)
	@$(BIN)/python scripts/render_tables.py

ui: $(INSTALLED)
	@$(BIN)/mlflow ui --backend-store-uri "sqlite:///$(CURDIR)/mlflow.db" --host 127.0.0.1 --port 5000

install: $(INSTALLED)

# Installed anew only when what is installed from changed. The stamp is written last: a broken install is begun again.
$(INSTALLED): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null 2>&1 || { echo "make: there is no $(PYTHON). Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $$($(PYTHON) --version) is too old, Slant needs Python 3.11 or newer. Name one: make PYTHON=python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "make: no virtual environment could be made; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing into $(VENV) (once, some minutes) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,serve,dask,search,slurm,dev]' \
	  || { echo "make: the packages could not be installed (pip's reason stands above). Is there a network, or a local index in pip's configuration? Then run make again." >&2; exit 1; }
	@touch $@

constraints:
	@{ echo "# Every version that was seen to work together: make installs exactly these. Regenerate with: make constraints"; \
	  $(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu//' | grep -viE '^(slant|pip|setuptools|wheel)\b'; } > constraints.part && mv constraints.part constraints.txt

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
