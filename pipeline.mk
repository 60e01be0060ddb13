# The three stages on a data set of your own; docs/pipeline.md tells of every step. Each goes on where it was.
# Variables are given on the command line of make alone: other programs set variables of such names for their own ends.
DATA :=
OUT := work/pipeline
# A trained nnU-Net; by default one is trained on the completely annotated cases.
TEACHER := $(OUT)/teacher/results/Dataset001_FLARE/nnUNetTrainer__nnUNetPlans__3d_fullres
OWN_TEACHER = $(if $(filter file,$(origin TEACHER)),,$(TEACHER))
# Steps to leave out, for instance SKIP="pretrain teacher refine".
SKIP :=
# Without refinement nothing is asked of a teacher.
SKIPPED = $(SKIP) $(if $(filter refine,$(SKIP)),teacher)
# Section of the data list that is segmented, scored and reported.
SECTION := validation
# More settings: of the network, for every step that has it, and of single steps.
NETWORK_ARGS :=
PRETRAIN_ARGS :=
TEACHER_ARGS :=
REFINE_ARGS :=
TRAIN_ARGS :=
EVALUATE_ARGS :=

.PHONY: pipeline pipeline-check pipeline-pretrain pipeline-teacher pipeline-refine pipeline-train pipeline-evaluate \
	pipeline-report

PIPELINE_STEPS := check pretrain teacher refine train evaluate report
# pipeline-check writes the data list that the other steps use: with validation cases, whatever the list of DATA has.
LISTED := $(OUT)/data

pipeline:
	for step in $(filter-out $(filter-out check,$(SKIPPED)),$(PIPELINE_STEPS)); do $(MAKE) pipeline-$$step || exit; done

pipeline-check: $(INSTALLED)
	@test -d "$(DATA)" || { echo "DATA=$(DATA) is no folder; give make pipeline DATA=<folder with a datalist.json or in the FLARE-23 layout>"; exit 2; }
	test -f "$(DATA)/datalist.json" || $(BIN)/swinx data flare "$(DATA)"
	$(BIN)/swinx data pipeline "$(DATA)/datalist.json" --out "$(LISTED)/datalist.json" --section "$(SECTION)" --skip "$(SKIPPED)" \
		$(if $(OWN_TEACHER)$(filter teacher,$(SKIP)),--teacher "$(TEACHER)") --work "$(OUT)" \
		--pretrain_args='$(NETWORK_ARGS) $(PRETRAIN_ARGS)' --teacher_args='$(TEACHER_ARGS)' --refine_args='$(REFINE_ARGS)' \
		--train_args='$(NETWORK_ARGS) $(TRAIN_ARGS)' --evaluate_args='$(NETWORK_ARGS) $(EVALUATE_ARGS)'
	$(if $(filter check,$(SKIP)),,$(BIN)/swinx data check "$(DATA)/datalist.json" --out "$(OUT)/check")

pipeline-pretrain: $(INSTALLED)
	$(RUN) training --config_file bundles/ssl_smit/configs/train.json --dataset_dir "$(LISTED)" \
		--datalist "$(LISTED)/datalist.json" --output_dir "$(OUT)/pretrain" --checkpoint "$(OUT)/models/pretrained.pt" \
		$(NETWORK_ARGS) $(PRETRAIN_ARGS)

pipeline-teacher: $(INSTALLED)
	$(if $(OWN_TEACHER),test -f "$(TEACHER)/plans.json" || )$(RUN) training --config_file bundles/pseudolabel/configs/train.json \
		--dataset_dir "$(LISTED)" --output_dir "$(OUT)/teacher" $(TEACHER_ARGS)

pipeline-refine: $(INSTALLED)
	$(RUN) refine --config_file "['bundles/pseudolabel/configs/inference.json','bundles/pseudolabel/configs/refine.json']" --dataset_dir "$(LISTED)" \
		--teacher_dir "$(TEACHER)" --output_dir "$(OUT)/refined" $(REFINE_ARGS)

pipeline-train: $(INSTALLED)
	$(RUN) training --config_file bundles/swinx_seg/configs/train.json \
		--dataset_dir "$(if $(filter refine,$(SKIP)),$(LISTED),$(OUT)/refined)" \
		$(if $(filter pretrain,$(SKIP)),,--pretrained "$(OUT)/models/pretrained.pt") \
		--output_dir "$(OUT)/train" --checkpoint "$(OUT)/models/model.pt" $(NETWORK_ARGS) $(TRAIN_ARGS)

pipeline-evaluate: $(INSTALLED)
	$(RUN) evaluate --dataset_dir "$(LISTED)" \
		--config_file "['bundles/swinx_seg/configs/inference.json','bundles/swinx_seg/configs/evaluate.json']" \
		--checkpoint "$(OUT)/models/model.pt" --output_dir "$(OUT)/evaluation" --section "$(SECTION)" $(NETWORK_ARGS) $(EVALUATE_ARGS)

pipeline-report: $(INSTALLED)
	$(BIN)/swinx report --title "swinx pipeline" --scores "$(OUT)/evaluation" \
		--images "$(LISTED)/datalist.json" --section "$(SECTION)" --prediction "$(OUT)/evaluation" \
		$(if $(filter refine,$(SKIP)),,--refinement "$(OUT)/refined") --training "$(OUT)/train" \
		$(if $(filter pretrain,$(SKIP)),,--pretraining "$(OUT)/pretrain") --model "$(OUT)/models/model.pt" --out "$(OUT)/report.html"
