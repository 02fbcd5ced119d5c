# The commands of this house. Each sets up what it needs; `make help` lists them.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Without compiled modules, each process of a node or a test would compile all it loads again: twice the start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup dev demo test lint type format bench assets pictures unkind import-report storm sweep simulate tck interop suites sbom audit fuzz release clean docs

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(VENV)/.run: requirements/run.lock pyproject.toml
	@scripts/venv run $(PYTHON)

$(VENV)/.dev: requirements/dev.lock requirements/run.lock pyproject.toml
	@scripts/venv dev $(PYTHON)

setup: $(VENV)/.run ## install what running needs

dev: $(VENV)/.dev ## install what developing needs

demo: ## the main job, end to end, in separate processes (KEEP=1 leaves the nodes up)
	@scripts/demo

test: $(VENV)/.dev ## the whole test suite
	@scripts/test

lint: $(VENV)/.dev ## ruff, formatting, mypy, the rooms' import contracts
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

format: $(VENV)/.dev ## put code into form
	@$(BIN)/ruff check --fix-only -q . ; $(BIN)/ruff format .

bench: $(VENV)/.dev ## measure; writes build/bench/*.json (QUICK=1: in two minutes, on a small scale; MEANING=1: ontologies and schemas only; PEER=edc|fuseki STORE=postgres)
	@$(BIN)/python -m tests.bench $(if $(MEANING),meaning) $(if $(QUICK),--quick) $(if $(PEER),--peer $(PEER)) $(if $(STORE),--store $(STORE))

assets: ## what maps and views in 3D need, from npm, into build/assets (locked in assets/package-lock.json)
	@scripts/assets

pictures: $(VENV)/.dev ## pictures of all pages, in build/pictures with a sheet of all (DOCS=1: those of the documentation)
	@scripts/assets --optional >/dev/null
	@$(BIN)/python -m tests.e2e.pictures $(if $(DOCS),--docs)

unkind: $(VENV)/.dev ## two nodes on an unkind network (NEGOTIATIONS=200 SEED=…)
	@$(BIN)/python -m tests.unkind --negotiations $(or $(NEGOTIATIONS),200) $(if $(SEED),--seed $(SEED))

import-report: $(VENV)/.dev ## real catalogues: how many records enter, and conform before and after safe repairs
	@$(BIN)/python -m tests.import_report

storm: $(VENV)/.dev ## kill real nodes at random (KILLS=100 SEED=… STORE=sqlite|postgres)
	@$(BIN)/python -m tests.storm --kills $(or $(KILLS),100) $(if $(SEED),--seed $(SEED)) $(if $(STORE),--store $(STORE))

sweep: ## kill a real node at every crash point (STORE=sqlite|postgres ONLY=regex)
	@scripts/sweep $(if $(STORE),--store $(STORE)) $(if $(ONLY),--only '$(ONLY)')

simulate: $(VENV)/.dev ## nodes in one process under a scripted adversary (STEPS=100000 SEED=…)
	@$(BIN)/python -m tests.simulate --steps $(or $(STEPS),100000) $(if $(SEED),--seed $(SEED))

tck: $(VENV)/.dev ## the official DSP kit, 65 tests, three runs on each database; KIT=dcp: that of DCP, 85 tests (JDK, Maven)
	@scripts/tck $(if $(KIT),--kit $(KIT))

interop: $(VENV)/.dev ## a live Eclipse EDC as a peer, both directions (STORE=memory|postgres|public; needs a JDK and Maven)
	@scripts/interop $(if $(STORE),--store $(STORE))

suites: $(VENV)/.dev ## the W3C's suites of SHACL and SPARQL 1.1, and RML's cases, with every failure and its reason
	@$(BIN)/python -m tests.suites

sbom: ## a bill of materials (CycloneDX) in build, with every licence checked
	@$(PYTHON) scripts/supply licences

audit: ## ask for known vulnerabilities of the locked packages (needs the index's vulnerability data)
	@$(PYTHON) scripts/supply audit

fuzz: ## fuzz each parser of foreign bytes, guided by coverage (SECONDS=20 each, ONLY=name)
	@$(PYTHON) scripts/supply fuzz --seconds $(or $(SECONDS),20) $(ONLY)

release: ## build the files of a release twice, compare, list and sign them (RELEASE_KEY=file)
	@scripts/release

clean: ## remove what the commands above made here
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
