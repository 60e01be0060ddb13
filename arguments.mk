# A variable on the command line of make that no file of make has ends it, with the nearest known name: make itself takes
# any name without a word. Included last. Variables of the environment that programs read may stand there, too.
KNOWN_VARIABLES := $(shell sed -nE 's/^(export +)?([A-Z_]+) *[:?]?=.*/\2/p' $(MAKEFILE_LIST))
FOR_PROGRAMS := SHELL MAKE% CUDA_% OMP_% MKL_% MLFLOW_% MONAI_% NCCL_% PYTHON% PIP_% TORCH% nnUNet_%
GIVEN_VARIABLES := $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
# Among the names for programs, one of ours that lacks the S at its end, or has one too many, is misspelt.
ALMOST_KNOWN := $(foreach name,$(KNOWN_VARIABLES),$(patsubst %S,%,$(filter %S,$(name))) $(name)S)
OF_PROGRAMS := $(filter-out $(ALMOST_KNOWN),$(filter $(FOR_PROGRAMS),$(GIVEN_VARIABLES)))
UNKNOWN_VARIABLES := $(filter-out $(KNOWN_VARIABLES) $(OF_PROGRAMS),$(GIVEN_VARIABLES))

ifneq ($(UNKNOWN_VARIABLES),)
NEAREST := import difflib, sys; \
	found = {name: difflib.get_close_matches(name.upper(), sys.argv[2].split(), 1) for name in sys.argv[1].split()}; \
	print(*(f"there is no variable {name}" + ("".join(f"; did you mean {near}?" for near in found[name]) or ".") for name in found))
$(error $(shell $(PYTHON) -c '$(NEAREST)' '$(UNKNOWN_VARIABLES)' '$(KNOWN_VARIABLES)') For the environment of \
	programs write NAME=value before make)
endif
