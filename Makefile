# Two commands for a fresh machine: make demo, make test.
VENV := .venv
PYTHON ?= python3
PY := $(VENV)/bin/python
.PHONY: demo test check format clean

$(VENV)/.train: pyproject.toml
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -e ".[train]"
	touch $@

$(VENV)/.dev: pyproject.toml
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $(VENV)/.train $@

demo: $(VENV)/.train
	$(PY) examples/demo.py

test: $(VENV)/.dev
	$(PY) -m pytest -n 2 --dist worksteal

check: $(VENV)/.dev
	$(VENV)/bin/ruff format --check src tests benchmarks examples
	$(VENV)/bin/ruff check src tests benchmarks examples
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

format: $(VENV)/.dev
	$(VENV)/bin/ruff format src tests benchmarks examples
	$(VENV)/bin/ruff check --fix src tests benchmarks examples

clean:
	rm -rf $(VENV) dist
