# Every target makes the virtual environment itself: Python 3.10 or newer and make are enough.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# More options for pip, for instance the index of PyTorch builds without CUDA.
PIP_ARGS ?=
# nnU-Net without its dependencies. The extra `dev` lists them, but for timm: only transformer networks use it, and it
# brings torchvision, whose wheel on PyPI cannot be imported beside a build of torch without CUDA.
NNUNET := nnunetv2 dynamic-network-architectures
# Threads that sleep at barriers instead of spinning: a training step then keeps its pace when the machine has other work.
export OMP_WAIT_POLICY ?= PASSIVE
# MONAI warns of every configuration that it may run code; here it is that of this repository.
export PYTHONWARNINGS ?= ignore:parsing config_file:UserWarning
# Files in alphabetical order: those of the bundles, with few tests of many seconds each, then are not the last.
PYTEST := pytest -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0
DEMO := work/demo
# Given on the command line of make alone, so that a variable of the environment does not choose what is packed.
BUNDLE := bundles/swinx_seg
WEIGHTS :=
BUNDLES := bundles/ssl_smit bundles/swinx_seg bundles/pseudolabel
DEMO_CONFIG = "['bundles/$(1)/configs/$(2).json','bundles/$(1)/configs/demo.json']"
DEMO_OVERLAY = "['bundles/$(1)/configs/inference.json','bundles/$(1)/configs/$(2).json','bundles/$(1)/configs/demo.json']"
RUN := $(BIN)/python -m monai.bundle run
DEMO_EPOCHS := 15
# Of make gpu-check.
MINUTES := 9
# Epochs of the training after make demo-more.
EPOCHS := 30
EVALUATE := "['bundles/swinx_seg/configs/inference.json','bundles/swinx_seg/configs/evaluate.json']"
DEMO_EVALUATE = $(RUN) evaluate --config_file $(EVALUATE) --dataset_dir $(DEMO)/data --section testing \
		--checkpoint $(DEMO)/models/model.pt --protocol standard --output_dir $(DEMO)/out --scores_dir $(DEMO)
DEMO_VERDICT = $(BIN)/swinx data verdict $(DEMO) --max_epochs $(DEMO_EPOCHS)

# glibc gives freed memory back at once, and PyTorch asks for it again in each step: keeping it makes steps faster and
# takes more memory.
export MALLOC_MMAP_THRESHOLD_ ?= 8589934592
export MALLOC_TRIM_THRESHOLD_ ?= 17179869184
export MALLOC_TOP_PAD_ ?= 268435456

.DEFAULT_GOAL := help
.PHONY: help install demo demo-more weights pack test all-tests test-fast gpu-check lint sync clean

help:
	@echo "make demo       fetch a real CT; pretrain, refine partial labels, train, segment, score, draw: see $(DEMO)"
	@echo "make demo-more  go on with the training of the demo, to EPOCHS=30 in all, and judge it again"
	@echo "make pipeline   DATA=<folder>: check, pretrain, refine, train, evaluate and report on data of your own"
	@echo "make weights    train a small network on generated patients; goes on where it was stopped"
	@echo "make pack       WEIGHTS=<file>: $(BUNDLE) with its weights as one zip that needs MONAI alone; BUNDLE=<folder> another"
	@echo "make label-server  BUNDLE=<zip> STUDIES=<folder>: serve a packed bundle to 3D Slicer by MONAI Label"
	@echo "make test-apps  the tests of MONAI Label, in an environment of their own"
	@echo "make test       all tests, linters and types"
	@echo "make test-fast  the tests that take less than 5 seconds each"
	@echo "make gpu-check  MINUTES=9: windows, whole cases, steps and tests on a GPU; writes benchmarks/results/gpu_*.json"
	@echo "make lint       ruff and mypy"
	@echo "make sync       copy the configuration files that the bundles share; write docs/refusals.md and docs/settings.md"
	@echo "make docs       the documentation as a site: build/site/index.html"
	@echo "make clean      remove what the demo made"

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) -c constraints.txt -e ".[dev]"
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) -c constraints.txt --no-deps $(NNUNET)
	touch $@

demo: $(INSTALLED)
	$(BIN)/swinx data example $(DEMO)/example
	$(BIN)/swinx segment $(DEMO)/example/example_ct.nii.gz $(DEMO)/first --model swinx_abdomen_small --preview
	@echo "Another patient, by the weights that come with swinx: $(DEMO)/first/example_ct.png"
	$(BIN)/swinx data demo --out $(DEMO)/data --cache $(DEMO)/cache
	$(RUN) training --config_file $(call DEMO_CONFIG,ssl_smit,train) --resume False
	rm -rf $(DEMO)/teacher
	$(RUN) training --config_file $(call DEMO_CONFIG,pseudolabel,train) --output_dir $(DEMO)/teacher
	$(RUN) refine --config_file $(call DEMO_OVERLAY,pseudolabel,refine)
	$(RUN) training --config_file $(call DEMO_CONFIG,swinx_seg,train) --resume False \
		--dataset_dir $(DEMO)/refined --pretrained $(DEMO)/models/pretrained.pt
	$(DEMO_EVALUATE)
	@echo
	@echo "Labels for the training, before and after refinement, against the complete truth that was kept from both:"
	@$(BIN)/swinx data refined --truth $(DEMO)/data/labelsTrFull --before $(DEMO)/data --after $(DEMO)/refined \
		--out $(DEMO)/refinement.csv
	@$(BIN)/swinx report --title "swinx demo" --scores $(DEMO) --images $(DEMO)/data/imagesTs \
		--reference $(DEMO)/data/labelsTs --prediction $(DEMO)/out --refinement $(DEMO)/refined \
		--training $(DEMO)/train --pretraining $(DEMO)/pretrain --model $(DEMO)/models/model.pt --out $(DEMO)/report.html
	@echo
	@echo "Report: $(DEMO)/report.html   History: mlflow.db, see docs/tracking.md"
	@echo "Scores: $(DEMO)/scores.csv   Pictures: $(DEMO)/overlays   Model: $(DEMO)/models/model.pt"
	@echo "Pretraining: $(DEMO)/pretrain, with pictures in $(DEMO)/pretrain/reconstructions"
	@echo "Refined labels: $(DEMO)/refined, by the teacher in $(DEMO)/teacher"
	@echo "All cases come from one patient's anatomy: this shows that the parts work together. It is no clinical model."
	@echo
	@$(DEMO_VERDICT)

# Goes on with the training of the demo, whether it was stopped or had too few epochs.
demo-more: $(INSTALLED)
	$(RUN) training --config_file $(call DEMO_CONFIG,swinx_seg,train) --max_epochs $(EPOCHS) \
		--dataset_dir $(DEMO)/refined --pretrained $(DEMO)/models/pretrained.pt
	$(DEMO_EVALUATE)
	@$(subst $(DEMO_EPOCHS),$(EPOCHS),$(DEMO_VERDICT))

# Trains on generated patients; goes on where it was stopped. Days on two cores.
weights: $(INSTALLED)
	$(RUN) training --config_file "['bundles/swinx_seg/configs/train.json','bundles/swinx_seg/configs/strong.json','bundles/swinx_seg/configs/weights.json']"

pack: $(INSTALLED)
	$(BIN)/swinx pack "$(BUNDLE)" --out dist $(if $(WEIGHTS),--weights "$(WEIGHTS)")

# Linters and types take one core for a minute: the tests begin meanwhile.
test: $(INSTALLED)
	@$(MAKE) --no-print-directory --jobs 2 lint all-tests

all-tests: $(INSTALLED)
	MAKEFLAGS= OMP_NUM_THREADS=1 $(BIN)/python -m $(PYTEST) -m "not gpu and not label"

test-fast: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m $(PYTEST) -m "not gpu and not label and not slow"

# From a bare checkout on a machine with a GPU: needs PyTorch and MONAI in PYTHON, and installs nothing.
gpu-check:
	$(PYTHON) benchmarks/gpu.py --minutes $(MINUTES)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

sync: $(INSTALLED)
	for bundle in $(BUNDLES); do cp plugins/swinx/shared_configs/* $$bundle/configs/ && cp LICENSE $$bundle/LICENSE; done
	$(BIN)/python -m swinx.rules.refusals_page > docs/refusals.md
	$(BIN)/python -m swinx.bundle.settings.settings_page > docs/settings.md

clean:
	rm -rf $(DEMO)

include pipeline.mk
include label.mk
include docs.mk
include arguments.mk
