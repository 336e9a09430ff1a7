# Two commands do all the set-up: `make demo` runs the main job, `make test` passes the tests.
PYTHON ?= python3
ARTICLE ?= data/articles/sample.txt
OUT ?= demo

PY := .venv/bin/python
INSTALLED := .venv/installed
DATASET := data/built/demo
DEMO_DATA := configs/data/demo.yaml

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo dataset test lint clean

help:  ## list every target
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: models/demo/evaluation/test/metrics.json  ## dataset, training, evaluation, stances of ARTICLE=path: tables and a page
	@$(PY) -m partystance predict "$(ARTICLE)" --model models/demo \
		--out $(OUT)/stances.csv --out $(OUT)/stances.parquet --out $(OUT)/stances.html
	@echo
	@cat models/demo/evaluation/test/table.txt
	@echo
	@echo "dataset     $(DATASET)/README.md"
	@echo "model       models/demo/README.md"
	@echo "evaluation  models/demo/evaluation/test/report.html"
	@echo "stances     $(OUT)/stances.csv  $(OUT)/stances.parquet  $(OUT)/stances.html"

dataset: $(INSTALLED)  ## build the demo dataset from the shipped articles and labels
	@$(PY) data/build_dataset.py $(DEMO_DATA)

# The builder leaves files alone that would come out the same, so their age tells whether to train again.
$(DATASET)/train.parquet: dataset

models/%/manifest.json: configs/train/%.yaml $(DATASET)/train.parquet
	@$(PY) train/finetune.py $<

models/demo/evaluation/test/metrics.json: models/demo/manifest.json models/demo-blind/manifest.json
	@$(PY) train/evaluate_model.py models/demo --split test --final --compare models/demo-blind

test: $(INSTALLED)  ## run the test suite
	@$(PY) -m pytest

lint: $(INSTALLED)  ## check style and types
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/pyright

clean:  ## remove what the demo made; the installation stays
	rm -rf $(DATASET) models/demo models/demo-blind $(OUT)

# torch first: the constraint keeps the rest from pulling another build of it.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "partystance needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[train,clean,crowd,llm,dev]'
	@touch $@
