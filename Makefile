# Harness: `make` prints what there is. Everything is installed into .venv from the locks, once.

PYTHON ?= python3
COMP ?=
DATA ?=
RECIPE ?=
FILE ?=
UPLOAD ?=
WORKERS ?=
SMOKE ?=
ONLY ?=
IMAGE ?=

BIN := .venv/bin
HARNESS := $(BIN)/harness
COMPETITIONS := $(sort $(patsubst competitions/%/competition.py,%,$(wildcard competitions/*/competition.py)))
# Tests of one file run in one process, whose libraries leave the other cores to the others. There is one process more
# than there are cores, for some tests wait for servers, locks and processes.
PARALLEL = -n $$(($$(nproc) + 1)) --dist loadfile
ONE_THREAD := OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1
MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := help
.PHONY: help submit score list reproduce results augment-demo test test-jax test-smoke test-results test-slow test-boards test-cluster test-kaggle test-hostile test-samples lint same-results bench clean lock cluster gpu dicom mlflow onnx tune

help: ## print this
	@echo "Harness. Data in, a leaderboard-format CSV and an honest score out."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-42s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@for name in $(COMPETITIONS); do printf "  make submit-%-35s the same as: make submit COMP=%s\n" "$$(echo $$name | tr _ -)" "$$name"; done
	@echo
	@echo "  COMP= a competition   DATA= its files   RECIPE= one of its recipes   SMOKE=1 in a minute   UPLOAD=1 send it"
	@echo "  WORKERS= how many processes make its folds, or the address of a Dask scheduler (docs/cluster.md)"
	@echo "  example: make submit COMP=cifar10 DATA=~/cifar10"

submit: $(BIN)/.run ## data to scored CSV: COMP= [DATA=] [RECIPE=] [SMOKE=1] [UPLOAD=1] [WORKERS=2]
	@$(if $(COMP),,echo "No COMP= given: running digits, the built-in example.";) \
	$(HARNESS) submit $(or $(COMP),digits) $(if $(DATA),--data "$(DATA)") $(if $(RECIPE),--recipe "$(RECIPE)") \
		$(if $(SMOKE),--smoke) $(if $(UPLOAD),--upload) $(if $(WORKERS),--workers "$(WORKERS)")

submit-%:
	@$(MAKE) submit COMP="$*"

score: $(BIN)/.run ## the hold-out score of a CSV: COMP= [FILE=], else of the newest one
	@$(if $(COMP),,echo "No COMP= given: scoring digits, the built-in example.";) \
	$(HARNESS) score $(or $(COMP),digits) $(if $(FILE),"$(FILE)")

list: $(BIN)/.run ## the competitions and where each stands
	@$(HARNESS) list

reproduce: $(BIN)/.run ## the published experiments, and docs/results.md: [ONLY="1 2"] [SMOKE=1]
	@$(HARNESS) reproduce $(if $(ONLY),--only $(ONLY)) $(if $(SMOKE),--smoke)

results: $(BIN)/.run ## docs/results.md from the runs that there are
	@$(HARNESS) results

augment-demo: $(BIN)/.run ## a sheet of augmented views of one image: IMAGE= [COMP=] [RECIPE=]
	@$(if $(IMAGE),,echo "make augment-demo needs IMAGE=, the path of a picture." >&2; exit 2;) \
	$(HARNESS) augment-demo "$(IMAGE)" $(COMP) $(if $(RECIPE),"$(RECIPE)")

test: $(BIN)/.dev ## the tests: offline, about four minutes on two cores
	@$(ONE_THREAD) $(BIN)/python -m pytest $(PARALLEL)

test-jax: $(BIN)/.dev ## the tests of networks and training on Keras's JAX backend
	@$(ONE_THREAD) KERAS_BACKEND=jax $(BIN)/python -m pytest $(PARALLEL) -m "model and not slow and not samples"

test-smoke: $(BIN)/.dev ## every recipe of every competition with --smoke, on drawn pictures
	@$(BIN)/python -m pytest -n auto -m slow tests/test_smoke.py

test-results: $(BIN)/.dev ## what each step gives, what finished runs predict, and longer trainings
	@$(BIN)/python -m pytest $(PARALLEL) -m slow tests/steps tests/runs tests/recipes tests/pipeline tests/cli tests/training tests/tuning tests/hostile tests/models

test-slow: $(BIN)/.dev ## the long tests: kills and faults at random moments
	@$(BIN)/python -m pytest -m slow

test-boards: $(BIN)/.dev ## copies of Kaggle's boards, each from the organiser's files to a scored CSV, in a minute
	@$(BIN)/python -m pytest $(PARALLEL) -m "slow or not slow" tests/boards

test-cluster: $(BIN)/.dev ## workers on this machine: the results of one process, kills, and Ctrl-C; CLUSTER_PATIENCE=4 for a busy machine
	@$(BIN)/python -m pytest -m "slow or not slow" tests/cluster

test-kaggle: $(BIN)/.dev ## Kaggle's client against a server with every fault, kills, and late answers
	@$(BIN)/python -m pytest -m "slow or not slow" tests/kaggle

test-hostile: $(BIN)/.dev ## attacks of every kind, in a quarter of an hour; HOSTILE_SEED= repeats one, HOSTILE_PATIENCE=4 for a busy machine
	@$(BIN)/python -m pytest -n 2 -m hostile tests/hostile/suite

test-samples: $(BIN)/.dev ## the tests on real data: HARNESS_SAMPLES=<folder of the organisers' archives>
	@$(BIN)/python -m pytest -m samples

lint: $(BIN)/.dev ## ruff, mypy, and the contract of the layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

same-results: $(BIN)/.dev ## after a refactoring: see that each changed step's results are the same, and note its code
	@$(BIN)/python -m tests.steps.renew

bench: $(BIN)/.dev ## the benchmarks: ratios of two things measured in one run
	@for file in benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

clean: ## remove caches that can be made again; keeps data, runs and submissions
	rm -rf data/*/cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find harness competitions tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

lock: $(BIN)/.dev ## resolve the dependencies of pyproject.toml anew
	@for extra in run dev cluster gpu dicom mlflow onnx tune; do \
		$(BIN)/uv pip compile pyproject.toml --quiet --universal --generate-hashes --no-header --no-annotate \
			--no-emit-index-url --no-emit-find-links --upgrade --group build \
			$$([ $$extra = run ] || echo "--extra $$extra --constraint locks/run.txt") --output-file locks/$$extra.txt || exit 1; \
	done

cluster: $(BIN)/.run ## what makes folds on several processes, GPUs or machines, into .venv
	$(BIN)/python -m pip install --require-hashes -r locks/cluster.txt

gpu: $(BIN)/.run ## TensorFlow with CUDA into .venv, for a Linux machine with an NVIDIA GPU
	$(BIN)/python -m pip install --require-hashes -r locks/gpu.txt

dicom: $(BIN)/.run ## what reads DICOM files, into .venv
	$(BIN)/python -m pip install --require-hashes -r locks/dicom.txt

mlflow: $(BIN)/.run ## what exports runs to MLflow, into .venv
	$(BIN)/python -m pip install --require-hashes -r locks/mlflow.txt

onnx: $(BIN)/.run ## what converts networks to ONNX, into .venv
	$(BIN)/python -m pip install --require-hashes -r locks/onnx.txt

tune: $(BIN)/.run ## what searches settings (`harness tune`), into .venv
	$(BIN)/python -m pip install --require-hashes -r locks/tune.txt

$(BIN)/.run: locks/run.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 14) else "Harness needs Python 3.11 to 3.13, and $(PYTHON) is %d.%d. Name another: make PYTHON=python3.12" % v)'
	@echo "Installing the harness into .venv, once (about 850 MB to download)."
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r locks/run.txt
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(BIN)/.dev: $(BIN)/.run locks/dev.txt
	@$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r locks/dev.txt
	@touch $@
