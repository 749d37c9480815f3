bin := .venv/bin
compile := .venv/uv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock" $(UPGRADE)

.PHONY: help run test check gate migration docs lock

help:  ## List these commands
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "%-12s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/installed: requirements-dev.txt pyproject.toml
	python3 -m venv .venv && $(bin)/pip install -q --no-deps -r requirements-dev.txt && $(bin)/pip install -q --no-deps -e .
	touch $@

run: .venv/installed  ## Start the demo: API, auth server and worker on SQLite
	$(bin)/products-api demo

test: .venv/installed  ## Run the tests, without those that are marked slow
	$(bin)/pytest

check: .venv/installed  ## Lint, format, types, import contracts
	$(bin)/ruff check . && $(bin)/ruff format --check . && $(bin)/mypy && $(bin)/lint-imports --no-logo

gate:  ## Run what CI runs, on a fresh copy of HEAD
	.ci/run

migration: .venv/installed  ## Write a migration for changed models: make migration m="products have a colour"
	@scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && \
	export DATABASE__URL="sqlite+aiosqlite:///$$scratch/products.db" && \
	$(bin)/alembic upgrade head && $(bin)/alembic revision --autogenerate -m "$(or $(m),$(error say m="..."))"

docs: .venv/installed  ## Make docs/settings.md from the two application.yaml
	$(bin)/python docs/settings.py

lock: .venv/uv/bin/uv  ## Lock what pyproject.toml asks for; make lock UPGRADE=--upgrade takes newer versions too
	$(compile) pyproject.toml -o requirements.txt
	$(compile) pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt

.venv/uv/bin/uv:
	python3 -m venv .venv/uv && .venv/uv/bin/pip install -q uv
