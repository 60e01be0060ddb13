# The three stages on a data set of your own; docs/pipeline.md tells of every step. Each goes on where it was.
# Variables are given on the command line of make alone: other programs set variables of such names for their own ends.
DATA :=
OUT := work/pipeline
# A trained nnU-Net; by default one is trained on the completely annotated cases.
TEACHER := $(OUT)/teacher/results/Dataset001_FLARE/nnUNetTrainer__nnUNetPlans__3d_fullres
# Section of the data list that is segmented, scored and reported.
SECTION := validation
# More knobs: of the network, for every step that has it, and of single steps.
NETWORK_ARGS :=
PRETRAIN_ARGS :=
TEACHER_ARGS :=
REFINE_ARGS :=
TRAIN_ARGS :=
EVALUATE_ARGS :=

.PHONY: pipeline pipeline-check pipeline-pretrain pipeline-teacher pipeline-refine pipeline-train pipeline-evaluate \
	pipeline-report

pipeline:
	$(MAKE) pipeline-check
	$(MAKE) pipeline-pretrain
	$(MAKE) pipeline-teacher
	$(MAKE) pipeline-refine
	$(MAKE) pipeline-train
	$(MAKE) pipeline-evaluate
	$(MAKE) pipeline-report

pipeline-check: $(INSTALLED)
	@test -d "$(DATA)" || { echo "DATA=$(DATA) is no folder; give make pipeline DATA=<folder with a datalist.json or in the FLARE-23 layout>"; exit 2; }
	test -f "$(DATA)/datalist.json" || $(BIN)/swinx data flare "$(DATA)"
	$(BIN)/swinx data check "$(DATA)/datalist.json" --out "$(OUT)/check"

pipeline-pretrain: $(INSTALLED)
	$(RUN) training --config_file bundles/ssl_smit/configs/train.json --dataset_dir "$(DATA)" \
		--datalist "$(DATA)/datalist.json" --output_dir "$(OUT)/pretrain" --checkpoint "$(OUT)/models/pretrained.pt" \
		$(NETWORK_ARGS) $(PRETRAIN_ARGS)

pipeline-teacher: $(INSTALLED)
	$(if $(filter file,$(origin TEACHER)),,test -f "$(TEACHER)/plans.json" || )$(RUN) training --config_file bundles/pseudolabel/configs/train.json \
		--dataset_dir "$(DATA)" --output_dir "$(OUT)/teacher" $(TEACHER_ARGS)

pipeline-refine: $(INSTALLED)
	$(RUN) refine --config_file bundles/pseudolabel/configs/refine.json --dataset_dir "$(DATA)" \
		--teacher_dir "$(TEACHER)" --output_dir "$(OUT)/refined" $(REFINE_ARGS)

pipeline-train: $(INSTALLED)
	$(RUN) training --config_file bundles/swinx_seg/configs/train.json --dataset_dir "$(OUT)/refined" \
		--pretrained "$(OUT)/models/pretrained.pt" --output_dir "$(OUT)/train" --checkpoint "$(OUT)/models/model.pt" \
		$(NETWORK_ARGS) $(TRAIN_ARGS)

pipeline-evaluate: $(INSTALLED)
	$(RUN) evaluate --config_file bundles/swinx_seg/configs/evaluate.json --dataset_dir "$(DATA)" \
		--checkpoint "$(OUT)/models/model.pt" --output_dir "$(OUT)/evaluation" --section "$(SECTION)" $(NETWORK_ARGS) $(EVALUATE_ARGS)

pipeline-report: $(INSTALLED)
	$(BIN)/swinx report --title "swinx pipeline" --scores "$(OUT)/evaluation" \
		--images "$(DATA)/datalist.json" --section "$(SECTION)" --prediction "$(OUT)/evaluation" --refinement "$(OUT)/refined" --training "$(OUT)/train" \
		--pretraining "$(OUT)/pretrain" --model "$(OUT)/models/model.pt" --out "$(OUT)/report.html"
