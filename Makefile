# Variables and targets are described by `make` alone; README.md has examples.
# Python to set up with; empty: the newest supported one that runs here.
PYTHON ?=
# What is meant for another Python would take packages from there, or keep this one from starting.
unexport PYTHONPATH PYTHONHOME PYTHONIOENCODING PYTHONSTARTUP PYTHONUSERBASE

# What was given on the command line.
override GIVEN := $(foreach v,$(.VARIABLES),$(if $(filter command,$(origin $(v))),$(v)))

# The folder of this file, with a / at its end; empty where make runs in it, as it need not (-f).
override ROOT := $(patsubst %Makefile,%,$(filter %Makefile,$(lastword $(MAKEFILE_LIST))))
ifneq ($(ROOT),)
ifeq ($(wildcard $(ROOT)set_up/find_python.sh),)
$(error make -f takes a Makefile in a folder without spaces in its name; expected make -C folder, not \
	-f $(MAKEFILE_LIST))
endif
endif
VENV := $(ROOT).venv

# A value is data, as it was given: make would run what $(shell ...) in it says, here or when it hands
# the value on to its children, also the value of a variable that is refused below. A line break in it
# would begin another line of a recipe.
override define LINE_BREAK


endef
override OF_MAKE := SHELL MAKE MAKEFLAGS MFLAGS MAKEOVERRIDES
override keep = $(if $(findstring $(LINE_BREAK),$(value $(1))),$(error $(1) has a line break; expected \
	one line))$(eval override export $(1) := $$(value $(1)))
$(foreach v,$(filter-out $(OF_MAKE),$(GIVEN)),$(if $(filter command,$(origin $(v))),$(call keep,$(v))))

override OPTIONS := ARCH ALPHA RES CLASSES WEIGHTS MODEL LOGITS SCALE OFFSET OUTPUTS DATA CALIB N_CALIB \
	N_EVAL METHODS RUNGS KEEP_FLOAT SCHEMES TRAIN TRAIN_LABELS STEPS SKIP_CORRUPT SPLIT DEVICE THREADS OUT
override EXPORT_OPTIONS := $(OPTIONS) FORMATS FILES
override TRAIN_OPTIONS := ARCH THREADS
override BENCH_OPTIONS := $(OPTIONS) FILE PLAN PRECISION TIME_LIMIT FILES RUNTIMES CORES STRICT \
	SUSTAINED PROFILE DRIFT EXPLAIN GOVERNOR WIDE
override GATE_OPTIONS := $(OPTIONS) FILE PLAN CORES JUNIT MARKDOWN
override SUMMARY_OPTIONS := $(OPTIONS) VS
override BASELINE_OPTIONS := $(OPTIONS) FILE PLAN CORES RUNS
override LIST_OPTIONS := LIMIT MODEL DEVICE KIND WIDE
override ANDROID_OPTIONS := NDK ABI LIBRARIES

# The variables that each target takes; all take those of the first line.
override EVERY_TARGET := DEBUG PYTHON VENV SHELL MAKE MAKEFLAGS MFLAGS MAKEOVERRIDES
override TAKES_export := $(EXPORT_OPTIONS)
override TAKES_distill := $(EXPORT_OPTIONS)
override TAKES_quantize := $(OPTIONS)
override TAKES_report := $(OPTIONS) FILE
override TAKES_summary := $(SUMMARY_OPTIONS)
override TAKES_bench := $(BENCH_OPTIONS)
override TAKES_baseline := $(BASELINE_OPTIONS)
override TAKES_gate := $(GATE_OPTIONS)
override TAKES_list := $(LIST_OPTIONS)
override TAKES_show := ID WIDE
override TAKES_compare := A B WIDE
override TAKES_device-clean := DEVICE
override TAKES_train := $(TRAIN_OPTIONS)
override TAKES_android := $(ANDROID_OPTIONS)
override TAKES_docs := SLOW
override TAKES_test := PYTEST
override TAKES_test-pi := PYTEST
override TAKES_test-fuzz := PYTEST
override TAKES_test-applications := PYTEST
override TAKES_test-runtimes := PYTEST
override TAKES_test-android := PYTEST

# A variable on the command line that no target takes is a slip of the pen, and one that this target
# does not take would be ignored: neither may pass. Variables of the environment, and of a make that
# called this one, may be meant for others.
override quoted = '$(subst ','\'',$(1))'
override TAKERS := $(foreach v,$(filter-out $(GIVEN),$(filter TAKES_%,$(.VARIABLES))),$(if $(filter \
	override,$(origin $(v))),$(v:TAKES_%=%)))
override KNOWN := $(sort $(EVERY_TARGET) $(foreach t,$(TAKERS),$(TAKES_$(t))))
ifeq ($(MAKELEVEL),0)
override TAKEN := $(EVERY_TARGET) $(foreach t,$(MAKECMDGOALS),$(TAKES_$(t)))
override UNKNOWN := $(firstword $(filter-out $(KNOWN),$(GIVEN)))
override NOT_TAKEN := $(firstword $(filter-out $(TAKEN),$(GIVEN)))
ifneq ($(UNKNOWN),)
$(error $(shell awk -v name=$(call quoted,$(UNKNOWN)) -v known=$(call quoted,$(KNOWN)) -f $(ROOT)set_up/unknown_variable.awk))
endif
ifneq ($(NOT_TAKEN),)
override TAKE_IT := $(strip $(foreach t,$(TAKERS),$(if $(filter $(NOT_TAKEN),$(TAKES_$(t))),$(t))))
$(error make $(or $(MAKECMDGOALS),help) does not take $(NOT_TAKEN); targets that do: $(TAKE_IT))
endif
endif

$(foreach v,$(filter-out $(OF_MAKE),$(KNOWN)),$(if $(filter environment,$(origin $(v))),$(call keep,$(v))))

RUN := $(call quoted,$(VENV)/bin/python)
READY := $(VENV)/ready
ABI ?= arm64-v8a

# Each variable that was given becomes --its-name 'its value', quoted for the shell.
flag = --$(shell echo $(1) | tr 'A-Z_' 'a-z-')
given = $(filter-out undefined default,$(origin $(1)))
positional = $(if $(call given,$(1)),$(call quoted,$($(1))))
arguments = $(foreach o,$(1),$(if $(call given,$(o)),$(call flag,$(o)) $(call quoted,$($(o)))))

.PHONY: help setup export distill quantize summary bench baseline gate list show compare device-clean \
	report train native android test test-pi test-android test-fuzz test-applications \
	test-runtimes lint format docs constraints clean distclean FORCE

help:
	@echo 'make export    a Keras model becomes float32, float16 and int8 files, TFLite and ONNX'
	@echo 'make distill   make export, and int8 is trained to answer as the float network; TRAIN=folder'
	@echo 'make quantize  the calibration report: the range and scale of every activation'
	@echo 'make summary   what each layer costs: parameters, MACs, bytes, memory; as a picture too'
	@echo 'make bench     latency, accuracy and drift from Keras of every exported file'
	@echo 'make gate      the files against the limits of gate.toml: accuracy, latency, size, ...'
	@echo 'make baseline  the times that make gate compares later files with'
	@echo 'make list      the newest measurements; LIMIT=20, and of one MODEL=v2-0.35-96-demo, DEVICE, KIND'
	@echo 'make show ID=12   everything about one measurement;  make compare A=12 B=13   two of them'
	@echo 'make device-clean DEVICE=pi4   removes what a bench left on a device'
	@echo 'make report    everything measured as one HTML file, results/report.html'
	@echo 'make train     the demo checkpoint of ARCH, from Fashion-MNIST'
	@echo 'make native    the native runner for this machine'
	@echo 'make android   the native runner for phones; NDK=/path/to/ndk ABI=arm64-v8a'
	@echo '               with LIBRARIES=folder of the .aar files of LiteRT and ONNX Runtime'
	@echo 'make test      every test;  make lint  ruff;  make docs  the outputs that the pages show'
	@echo 'make test-pi   the tests on an emulated Raspberry Pi;  make test-android  on an emulated'
	@echo '               phone; both want root;  make test-fuzz  broken jobs for the native runner'
	@echo 'make test-applications   whole networks of keras.applications, exported'
	@echo 'make test-runtimes   files in the oldest and the newest runtimes of each Python'
	@echo 'make clean     removes .venv and caches;  make distclean  artifacts/ and results/, too'
	@echo 'make constraints   the newest versions of all packages for the Python of .venv'
	@echo
	@echo 'ARCH=v2        v1 v1-quant-friendly v2 v3-large v3-small v3-large-minimalistic'
	@echo '               v3-small-minimalistic v4-conv-small v4-conv-medium xception squeezenet'
	@echo '               squeezenet1.0 shufflenet-v1 shufflenet-v2 resnext50: docs/models.md'
	@echo 'WEIGHTS=demo   demo (where there is such a checkpoint, random elsewhere), imagenet, random or'
	@echo '               a Keras weights file; ALPHA, RES and CLASSES default to what the weights have'
	@echo 'MODEL=         your own Keras, .tflite or .onnx model instead of ARCH; SCALE, OFFSET: its pixels;'
	@echo '               OUTPUTS=classes or values, where the model does not tell what it gives'
	@echo 'DATA=demo      images to evaluate on: a folder of class folders or an .npz with x and y'
	@echo 'CALIB=demo     images to calibrate on, different from DATA; N_CALIB=128, N_EVAL; your own'
	@echo '               MODEL or WEIGHTS want DATA or CALIB, and of one alone a part is set aside'
	@echo 'METHODS=auto   quantization methods, comma-separated; auto: until export.toml is met'
	@echo 'TRAIN=         images that METHODS=auto,distillation trains on (else CALIB); STEPS=256 of 16;'
	@echo '               TRAIN_LABELS=1: from their labels, not from the float network'
	@echo 'KEEP_FLOAT=    layers that stay float in the int8 files, comma-separated'
	@echo 'SCHEMES=       further files, comma-separated: int8-per-tensor int8-dynamic int16x8'
	@echo 'FORMATS= FILES=  what make export writes: FORMATS=tflite,onnx, FILES=int8.tflite,...'
	@echo 'LOGITS=1       leaves the final softmax out;  SKIP_CORRUPT=1 skips unreadable images'
	@echo 'SPLIT=1        channel groups that bottlenecks are computed in: less memory, more time'
	@echo 'DEVICE=host    this machine, or devices of devices.toml (devices.example.toml), comma-separated'
	@echo 'DEBUG=1        tracebacks, and what the libraries print'
	@echo 'THREADS=2      OUT=artifacts      PYTHON=  one to set up with: 3.11, 3.12 or 3.13'
	@echo
	@echo 'make bench:    PLAN=quick|default|thorough  PRECISION=2 (per cent)  TIME_LIMIT=5 (seconds)'
	@echo '               FILES=int8.tflite,...  RUNTIMES=litert,...  CORES=0,1  STRICT=1 fails on warnings'
	@echo '               FILE=net.tflite,net.onnx  files of anybody, as they are (gate and baseline, too)'
	@echo '               SUSTAINED=10 (minutes)  PROFILE=1 operators  DRIFT=1 matrix  EXPLAIN=1 layers'
	@echo '               GOVERNOR=performance while it measures, where sudo needs no password'
	@echo '               WIDE=1 every column of the tables, here and in make list, show and compare'
	@echo 'make summary:  DEVICE=host what bounds each layer there;  VS=v1 why ARCH is slower or faster'
	@echo 'make gate:     JUNIT=gate.xml  MARKDOWN=gate.md'

setup: $(READY)

$(READY): $(ROOT)pyproject.toml $(wildcard $(ROOT)constraints/*.txt)
	@python=$$(sh $(ROOT)set_up/find_python.sh $(call quoted,$(PYTHON))) && \
		"$$python" $(ROOT)set_up/install.py $(call quoted,$(VENV))

# One that was asked for may be another than the environment was made with.
ifneq ($(PYTHON),)
$(READY): FORCE
endif
FORCE:

# Commands run isolated (-I): neither PYTHONPATH nor a file of the user's own gets ahead of ours. A
# Ctrl-C while Python starts would be a traceback: where env can, it waits until they listen.
BLOCKED := $(shell env --block-signal=INT true 2>/dev/null && echo env --block-signal=INT)
START := $(BLOCKED) $(RUN) -I -m

export: $(READY)
	@$(START) export $(call arguments,$(EXPORT_OPTIONS))

# The methods that are given, or all, and then training.
override DISTILLED = $(or $(METHODS),$(RUNGS),auto),distillation
override OTHER_OPTIONS := $(filter-out METHODS RUNGS,$(EXPORT_OPTIONS))
distill: $(READY)
	@$(START) export $(call arguments,$(OTHER_OPTIONS)) --methods $(call quoted,$(DISTILLED))

quantize: $(READY)
	@$(START) quantize $(call arguments,$(OPTIONS))

summary: $(READY)
	@$(START) bench summary $(call arguments,$(SUMMARY_OPTIONS))

bench: $(READY)
	@$(START) bench run $(call arguments,$(BENCH_OPTIONS))

baseline: $(READY)
	@$(START) bench baseline $(call arguments,$(BASELINE_OPTIONS))

gate: $(READY)
	@$(START) bench gate $(call arguments,$(GATE_OPTIONS))

list: $(READY)
	@$(START) bench list $(call arguments,$(LIST_OPTIONS))

show: $(READY)
	@$(START) bench show $(call positional,ID) $(call arguments,WIDE)

compare: $(READY)
	@$(START) bench compare $(call positional,A) $(call positional,B) $(call arguments,WIDE)

device-clean: $(READY)
	@$(START) bench device-clean $(call arguments,DEVICE)

report: $(READY)
	@$(START) bench report $(call arguments,$(TAKES_report))

train: $(READY)
	@$(START) models.training $(call arguments,$(TRAIN_OPTIONS))

native: $(READY)
	@$(START) bench.devices.native

android: $(READY)
	@$(START) bench.devices.native $(call arguments,$(ANDROID_OPTIONS))

# Tests that compute, then those that wait, many of them at once. Where PYTEST chooses some, in one go.
HERE := not pi and not android and not fuzz and not applications and not runtimes
# Runs a command with the words of PYTEST, split at spaces and quotes, which no shell sees.
WORDS = printf '%s\n' $(call quoted,$(PYTEST)) | xargs
WAITING = $(shell grep -l 'pytest.mark.waits' tests/test_*.py)
# Two at a time share two cores: libraries that start a thread for each core wait for each other.
test test-android: export TF_NUM_INTRAOP_THREADS := 1
test test-android: export TF_NUM_INTEROP_THREADS := 1
test test-android: export OPENBLAS_NUM_THREADS := 1
test: $(READY)
ifdef PYTEST
	@$(WORDS) $(RUN) -m pytest -m '$(HERE)' -n 2 --dist loadfile
else
	@ended=0; \
	$(RUN) -m pytest -m '$(HERE) and not waits' -n 2 --dist loadfile --durations=20 || ended=1; \
	$(RUN) -m pytest -m '$(HERE) and waits' -n 8 --dist worksteal --durations=20 $(WAITING) || ended=1; \
	exit $$ended
endif

test-pi: $(READY)
	@sh tests/device_pi/install.sh
	@$(WORDS) $(RUN) -m pytest -m pi -rs --durations=20

test-fuzz: $(READY)
	@$(WORDS) $(RUN) -m pytest -m fuzz -rs tests/test_native_fuzz.py tests/test_fuzz.py

test-applications: $(READY)
	@$(WORDS) $(RUN) -m pytest -m applications -s --durations=0 tests/test_applications.py

# Files in older runtimes, for which Pythons from 3.9 on are looked for.
test-runtimes: $(READY)
	@$(WORDS) $(RUN) -m pytest -m runtimes -rs --durations=0 tests/test_older_runtimes.py

test-android: $(READY)
	@sh tests/device_android/install.sh
	@$(WORDS) $(RUN) -m pytest -m android -rs -n 2 --dist loadfile --durations=20

lint: $(READY)
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .

format: $(READY)
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .

docs: $(READY)
	@$(RUN) docs/regenerate.py $(call arguments,SLOW)

constraints: $(READY)
	@$(RUN) $(ROOT)set_up/pin.py

clean:
	rm -rf $(call quoted,$(VENV)) .cache .pytest_cache .ruff_cache
	@echo 'artifacts/ and results/ stay; make distclean removes them, too'

distclean: clean
	@for folder in artifacts results; do \
		if [ -e $$folder ]; then rm -rf $$folder && echo "removed $$folder/"; fi; \
	done
