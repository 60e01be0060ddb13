# The documentation as a site, in an environment of its own: it reads the sources and imports none of them.
DOCS_VENV ?= .venv-docs
DOCS_PYTHON := $(DOCS_VENV)/bin/python
DOCS_INSTALLED := $(DOCS_VENV)/.installed

# No advertisement for another generator in the log.
export NO_MKDOCS_2_WARNING := 1

.PHONY: docs docs-serve

$(DOCS_INSTALLED): pyproject.toml constraints.txt
	test -x $(DOCS_PYTHON) || $(PYTHON) -m venv $(DOCS_VENV)
	$(DOCS_PYTHON) -m pip install --quiet $(PIP_ARGS) "pip>=25.1"  # for --group
	$(DOCS_PYTHON) -m pip install --quiet $(PIP_ARGS) -c constraints.txt --group docs
	touch $@

docs: $(DOCS_INSTALLED)
	$(DOCS_PYTHON) -m mkdocs build --strict --quiet
	@echo "Documentation: build/site/index.html"

docs-serve: $(DOCS_INSTALLED)
	$(DOCS_PYTHON) -m mkdocs serve
