# MONAI Label: a server that segments, learns and asks for scans from within 3D Slicer; docs/monai-label.md.
# It has an environment of its own, without swinx: a packed bundle brings that along.
LABEL_VENV ?= .venv-label
LABEL_PYTHON := $(LABEL_VENV)/bin/python
LABEL_INSTALLED := $(LABEL_VENV)/.installed
LABEL_REQUIREMENTS := apps/monai_label/requirements.txt apps/monai_label/requirements-no-deps.txt
# Given on the command line of make alone: shells and other programs set variables of such names for their own ends.
STUDIES :=
HOST := 127.0.0.1
PORT := 8000
LABEL_ARGS :=

.PHONY: install-label label-server test-apps

install-label: $(LABEL_INSTALLED)

$(LABEL_INSTALLED): $(LABEL_REQUIREMENTS) constraints.txt
	test -x $(LABEL_PYTHON) || $(PYTHON) -m venv $(LABEL_VENV)
	$(LABEL_PYTHON) -m pip install --quiet --no-compile $(PIP_ARGS) -c constraints.txt -r apps/monai_label/requirements.txt
	$(LABEL_PYTHON) -m pip install --quiet --no-compile $(PIP_ARGS) --no-deps -r apps/monai_label/requirements-no-deps.txt
	PYTHONPATH=apps/monai_label/site $(LABEL_PYTHON) -c "import monailabel.app"
	touch $@

label-server: $(LABEL_INSTALLED)
	$(LABEL_PYTHON) apps/monai_label/serve.py --bundle "$(BUNDLE)" --studies "$(STUDIES)" --host "$(HOST)" --port "$(PORT)" \
		$(LABEL_ARGS)

test-apps: $(INSTALLED) $(LABEL_INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/apps -m label
