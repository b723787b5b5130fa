# `make demo` and `make test` each do all the set-up they need.
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test setup lint types unit bench format clean

demo: $(STAMP)
	$(BIN)/neurospike demo --out report

test: lint types unit

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml tools/setup.sh
	bash tools/setup.sh $(VENV)
	touch $@

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)
	VENV=$(VENV) bash tools/typecheck.sh

unit: $(STAMP)
	$(BIN)/python -m pytest tests

bench: $(STAMP)
	$(BIN)/neurospike bench

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf build dist report runs *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
