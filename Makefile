PYTHON ?= python3
VENV ?= .venv
DEMO_VENV ?= .venv-demo
PEER_VENV ?= .venv-peers
PEER_MODELS ?= models/waste-mobilenetv2-int8.tflite
## Photos that training never saw: the shipped network's test part.
TRASHNET_TEST = --data ../shared/data/trashnet --split-csv models/waste-mobilenetv2-int8.test.csv
BIN = $(VENV)/bin

.PHONY: demo test check lint fast install firmware recipe-tables bench-fuzz bench-overhead bench-startup \
	bench-augmentation bench-input bench-pipeline bench-peers bench-edge bench-endurance bench-ping bench-trigger bench-camera bench-photos \
	bench-training-memory bench-quantization bench-conversion conversion-table \
	soak clean

## The device's main job with nothing plugged in: installs the edge extra only, no TensorFlow.
demo: $(DEMO_VENV)/.installed
	$(DEMO_VENV)/bin/sorter-run --camera sim: --port sim: --model models/fruit-demo-int8.tflite \
		--objects 20 --journal $(DEMO_VENV)/demo.db

$(DEMO_VENV)/.installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(DEMO_VENV)
	$(DEMO_VENV)/bin/pip install --quiet --editable ".[edge]"
	touch $@

install: $(VENV)/.installed

$(VENV)/.installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable ".[edge,dashboard,train-cpu,dev]"
	touch $@

## All tests. Those that need ../shared or a program that is not here are skipped with the reason.
test: install
	$(BIN)/pytest

## The fast tests: nothing is trained or converted.
fast: install
	$(BIN)/pytest -m "not slow"

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

## The arm's firmware for an Arduino Uno: edge/firmware/build/uno.hex (needs gcc-avr and avr-libc).
firmware:
	$(MAKE) -C edge/firmware uno

bench-fuzz: install
	$(BIN)/python -m sorter.benchmarks.fuzz --lines 1000000 --json reports/fuzz.json

bench-ping: install
	$(BIN)/python -m sorter.benchmarks.ping --json reports/ping.json

bench-trigger: install
	$(BIN)/python -m sorter.benchmarks.trigger --json reports/trigger.json

bench-camera: install
	$(BIN)/python -m sorter.benchmarks.camera --json reports/camera.json

bench-overhead: install
	$(BIN)/python -m sorter.benchmarks.overhead models/waste-mobilenetv2-int8.tflite \
		--data ../shared/data/trashnet --json reports/overhead.json

## The same networks through other libraries, in environments of their own: MediaPipe brings an OpenCV that would
## overwrite this toolkit's, so it is installed without what it asks for, and that by name; it loads the TensorFlow that
## tf2onnx needs if that lies beside it; tflite-runtime needs NumPy 1.
bench-peers: $(PEER_VENV)/.installed $(PEER_VENV)-onnx/.installed $(PEER_VENV)-old/.installed
	SORTER_TF2ONNX_PYTHON=$(PEER_VENV)-onnx/bin/python SORTER_TFLITE_RUNTIME_PYTHON=$(PEER_VENV)-old/bin/python \
		$(PEER_VENV)/bin/python -m sorter.benchmarks.peers $(PEER_MODELS) $(TRASHNET_TEST) --out reports/peers

$(PEER_VENV)/.installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(PEER_VENV)
	$(PEER_VENV)/bin/pip install --quiet --editable ".[edge]" onnxruntime
	$(PEER_VENV)/bin/pip install --quiet --no-deps mediapipe
	$(PEER_VENV)/bin/pip install --quiet absl-py certifi matplotlib sounddevice
	touch $@

$(PEER_VENV)-onnx/.installed: setup.cfg
	$(PYTHON) -m venv $(PEER_VENV)-onnx
	$(PEER_VENV)-onnx/bin/pip install --quiet tf2onnx tensorflow-cpu
	touch $@

$(PEER_VENV)-old/.installed: setup.cfg
	$(PYTHON) -m venv $(PEER_VENV)-old
	$(PEER_VENV)-old/bin/pip install --quiet --editable . "numpy<2" "opencv-python-headless<4.12"
	$(PEER_VENV)-old/bin/pip install --quiet tflite-runtime || echo "tflite-runtime has no wheel for this Python; its row says so."
	touch $@

bench-startup: install
	$(BIN)/python -m sorter.benchmarks.startup --json reports/startup.json

bench-augmentation: install
	$(BIN)/python -m sorter.benchmarks.augmentation --json reports/augmentation.json

## Training input from photos on the disk: the toolkit's, and the two ways that Keras has.
bench-input: install
	$(BIN)/python -m sorter.benchmarks.input_pipelines ../shared/data/trashnet --json reports/input_pipelines.json

## The whole way, from photos on a belt to the arm: belts that stop for each object, and belts that never do.
bench-pipeline: install
	$(BIN)/sorter-bench pipeline waste-mobilenetv2-int8 $(TRASHNET_TEST) --out reports/pipeline
	$(BIN)/sorter-bench pipeline waste-mobilenetv2-int8 $(TRASHNET_TEST) --out reports/pipeline-moving --belt moving

## Memory of a training on 2,500, 10,000 and 20,000 photos; some 10 minutes.
bench-training-memory: install
	$(BIN)/python -m sorter.benchmarks.training_memory --json reports/training_memory.json

## The tables in docs/recipes.md, computed from the recipes.
recipe-tables: install
	$(BIN)/python -m sorter.trainer.recipe_table docs/recipes.md

bench-photos: install
	$(BIN)/python -m sorter.benchmarks.photos ../shared/data/trashnet --json reports/photos.json

## What int8 costs runs/trashnet, and a version of it that int8 spoils; train it first.
bench-quantization: install
	$(BIN)/python -m sorter.benchmarks.quantization runs/trashnet=../shared/data/trashnet \
		--hard-case runs/trashnet --out reports/quantization.json

bench-edge: install
	$(BIN)/python -m sorter.benchmarks.edge --json reports/edge.json

## Time and memory of a conversion beside TensorFlow's converter alone: make bench-conversion RUN=runs/waste
bench-conversion: install
	$(BIN)/python -m sorter.benchmarks.conversion $(RUN) --data ../shared/data/trashnet --json reports/conversion.json

## Which networks convert to which formats; an hour or so.
conversion-table: install
	$(BIN)/python -m sorter.benchmarks.conversion_table docs/conversion.md --json reports/conversion_table.json

## Eight hours of sorting compressed into some 15 minutes: memory and journal.
bench-endurance: install
	$(BIN)/python -m sorter.benchmarks.endurance --objects 20000 --json reports/endurance.json

## Ten thousand objects while everything fails; about half an hour.
soak: install
	$(BIN)/python -m sorter.benchmarks.soak --objects 10000 --kills 100 --seed 1 --json reports/soak.json

clean:
	rm -rf $(VENV) $(DEMO_VENV) $(PEER_VENV) edge/firmware/build build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
