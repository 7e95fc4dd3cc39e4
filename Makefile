PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: build test test-all test-aarch64 demo bench format clean

build: $(BIN)/pytest
	$(BIN)/python setup.py -q build_ext --inplace

$(BIN)/pytest:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check setuptools wheel -e ".[test,events,monitor]"

test: build
	$(BIN)/python -m pytest

test-all:
	.ci/interpreters test

test-aarch64:
	.ci/aarch64 test

demo: build
	$(BIN)/python examples/tour.py

bench:
	$(PYTHON) tests/bench/run.py --write docs/benchmarks.rst

format:
	clang-format-14 -i $$(git ls-files 'src/*.c' 'src/*.h' 'tests/native/*.c')

clean:
	rm -rf build dist *.egg-info greencore/*.so
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
