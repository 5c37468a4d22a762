# Variables and targets are described by `make` alone; README.md has examples.
PYTHON ?= python3.11
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/ready

OPTIONS := ARCH ALPHA RES CLASSES WEIGHTS MODEL LOGITS SCALE OFFSET DATA CALIB N_CALIB N_EVAL \
	RUNGS KEEP_FLOAT SCHEMES SKIP_CORRUPT DEVICE THREADS OUT

# Each variable that was given becomes --its-name 'its value', quoted for the shell.
quoted = '$(subst ','\'',$(1))'
flag = --$(shell echo $(1) | tr 'A-Z_' 'a-z-')
given = $(filter-out undefined default,$(origin $(1)))
ARGUMENTS = $(foreach o,$(OPTIONS),$(if $(call given,$(o)),$(call flag,$(o)) $(call quoted,$($(o)))))

.PHONY: help setup export quantize bench gate report train test lint format clean

help:
	@echo 'make export    a Keras model becomes float32, float16 and int8 files, TFLite and ONNX'
	@echo 'make quantize  the calibration report: the range and scale of every activation'
	@echo 'make bench     latency, top-1 and agreement with Keras of every exported file'
	@echo 'make gate      int8 against float32 on the same images; fails above the limit in gate.toml'
	@echo 'make report    the newest measurements as a Markdown table'
	@echo 'make train     the demo checkpoint of ARCH, from Fashion-MNIST'
	@echo 'make test      every test;  make lint  ruff'
	@echo
	@echo 'ARCH=v2        v1 v2 v3-large v3-small v3-large-minimalistic v3-small-minimalistic'
	@echo 'WEIGHTS=demo   demo, imagenet, random or a Keras weights file; ALPHA, RES and CLASSES'
	@echo '               default to what the weights have'
	@echo 'MODEL=         your own Keras classifier instead of ARCH; SCALE and OFFSET: preprocessing'
	@echo 'DATA=demo      images to judge on: a folder of class folders or an .npz with x and y'
	@echo 'CALIB=demo     images to calibrate on, others than DATA; N_CALIB=128, N_EVAL'
	@echo 'RUNGS=auto     ways to int8: climbed until min_sqnr_db of gate.toml is reached'
	@echo 'KEEP_FLOAT=    layers that stay float in the int8 files, by commas'
	@echo 'SCHEMES=       further files, by commas: int8-per-tensor int8-dynamic int16x8'
	@echo 'LOGITS=1       leaves the final softmax out;  SKIP_CORRUPT=1 skips unreadable images'
	@echo 'DEVICE=host    THREADS=2    OUT=artifacts'

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { \
		echo 'error: $(PYTHON) is not there; install Python 3.11, or type make PYTHON=...' >&2; exit 2; }
	@echo 'setting up $(VENV) (about two minutes, the first time only)' >&2
	@$(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $(READY)

export: $(READY)
	@$(RUN) -m export $(ARGUMENTS)

quantize: $(READY)
	@$(RUN) -m quantize $(ARGUMENTS)

bench: $(READY)
	@$(RUN) -m bench run $(ARGUMENTS)

gate: $(READY)
	@$(RUN) -m bench gate $(ARGUMENTS)

report: $(READY)
	@$(RUN) -m bench report $(ARGUMENTS)

train: $(READY)
	@$(RUN) -m models.train $(foreach o,ARCH THREADS,$(if $(call given,$(o)),$(call flag,$(o)) $(call quoted,$($(o)))))

test: $(READY)
	@$(RUN) -m pytest -m '' -n 2 --dist loadfile $(PYTEST)

lint: $(READY)
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .

format: $(READY)
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .

clean:
	rm -rf $(VENV) .cache .pytest_cache .ruff_cache artifacts results
