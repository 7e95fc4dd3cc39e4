PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
ARGS ?=
CACHE = $(if $(GREENCORE_CACHE),$(GREENCORE_CACHE),.cache)

.PHONY: help docs lint build test test-stdlib test-dependents test-all test-aarch64 test-references test-sanitizers test-valgrind test-soak test-autobahn coverage fuzz analyze demo wheels tryouts release bench bench-versions format clean

# What Debian has to lend; an interpreter that is not Debian's brings its own headers, venv and tests.
SYSTEM = gcc libc6-dev make pkg-config libuv1-dev libc-ares-dev
TESTING = netbase openssl
PYTHON_NAME = $(notdir $(PYTHON))
ifneq ($(filter /usr/bin/$(PYTHON_NAME),$(shell command -v $(PYTHON) || echo /usr/bin/$(PYTHON_NAME))),)
SYSTEM += $(PYTHON_NAME)-dev $(PYTHON_NAME)-venv
TESTING += $(shell $(PYTHON) -c 'import sys; print("libpython%d.%d-testsuite" % sys.version_info[:2])')
endif

# What this file can do. Targets with (root) install Debian's packages or make Debian folders.
help:
	@echo 'make demo              build, and run a tour of examples'
	@echo 'make build             compile the extension in place'
	@echo 'make test              build, and run the suite; ARGS="..." goes to pytest'
	@echo 'make lint              ruff, mypy, pyright, the stubs, the floors, and the rules and format of the C files'
	@echo 'make docs              the documents as a site, into build/docs'
	@echo 'make format            put C and Python files in their format'
	@echo 'make test-stdlib       the standard library tests, patched'
	@echo 'make test-dependents   the tests of other packages, with real gevent and with greencore'
	@echo 'make test-references   ... test-sanitizers, test-valgrind: where errors with memory show'
	@echo 'make test-soak         ten minutes of everything at once'
	@echo 'make test-autobahn     the suite of others for WebSockets, with our server and client'
	@echo 'make test-all          the suite with CPython 3.10 to 3.15 (root)'
	@echo 'make test-aarch64      the suite on an emulated arm64 machine (root)'
	@echo 'make wheels            the sdist, and a wheel for each version and architecture, into dist/ (root)'
	@echo 'make tryouts           those wheels in bare Debian folders (root)'
	@echo 'make release           checks, wheels, tryouts: all of a release but the upload (root)'
	@echo 'make bench             beside gevent, asyncio, uvloop, Go; writes docs/benchmarks.rst and the plots'
	@echo 'make bench-versions    each CPython beside the others; writes docs/versions.rst (root)'
	@echo 'make coverage          lines and branches of C that the suite runs'
	@echo 'make fuzz              what parses, with random input'
	@echo 'make clean             remove what was built'

# What a reader of the code would object to. The format of the C files is one of the rules of test_source_rules.py.
FORMATTED = greencore _greencore_alias.py setup.py build_support release docs

lint: build $(VENV)/.lint-ready
	$(BIN)/ruff check $(FORMATTED) tests examples
	$(BIN)/ruff format --check $(FORMATTED)
	$(BIN)/mypy
	GREENCORE_ALIAS=0 $(BIN)/python -m mypy.stubtest greencore --mypy-config-file tests/data/stubtest.ini --ignore-disjoint-bases --ignore-missing-stub --allowlist tests/data/stubtest.txt
	$(BIN)/python -m pytest -q tests/test_source_rules.py tests/test_floors.py
	$(BIN)/python -m pytest -q -s tests/test_typing.py tests/typing/check.py tests/typing/check_installed.py

$(VENV)/.lint-ready: tests/lint.txt | $(VENV)/.tests-ready
	@! command -v dpkg-query >/dev/null || .ci/packages clang-format-14
	$(BIN)/python -m pip install -q --disable-pip-version-check -r tests/lint.txt
	touch $@

# The documents as a site; a warning is an error. The reference comes from the docstrings of what was built.
docs: build $(CACHE)/docs/.ready
	$(CACHE)/docs/bin/python -m sphinx -q -W --keep-going docs build/docs
	@echo build/docs/index.html

$(CACHE)/docs/.ready: docs/requirements.txt | build
	$(BIN)/python -m venv $(CACHE)/docs
	$(CACHE)/docs/bin/python -m pip install -q --disable-pip-version-check -r $<
	touch $@

build: $(VENV)/.ready
	$(BIN)/python setup.py -q build_ext --inplace

$(VENV)/.ready: pyproject.toml
	@! command -v dpkg-query >/dev/null || .ci/packages $(SYSTEM)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check 'setuptools>=77'
	touch $@

$(VENV)/.tests-ready: tests/requirements.txt tests/beside.txt | build
	@! command -v dpkg-query >/dev/null || .ci/packages $(TESTING)
	$(BIN)/python -m pip install -q --disable-pip-version-check -r tests/requirements.txt -r tests/beside.txt
	touch $@

# The suite, with this interpreter, in two processes; ARGS goes to pytest.
test: build $(VENV)/.tests-ready
	$(BIN)/python tests/run.py $(ARGS)

# The standard library's own tests, patched; PEER: an interpreter with real gevent, to compare with. With all versions,
# beside gevent, for docs/stdlib.rst: .ci/stdlib.
test-stdlib: build $(VENV)/.tests-ready
	$(BIN)/python tests/stdlib/run.py $(if $(PEER),--peer $(PEER)) $(ARGS)

# Other packages' own tests, with real gevent and with greencore; ARGS: see tests/dependents/run.py.
test-dependents: build
	$(BIN)/python tests/dependents/run.py $(ARGS)

# The suite with CPython 3.10 to 3.15, and on an emulated arm64 machine. These need root.
test-all:
	.ci/interpreters test

test-aarch64:
	.ci/aarch64 test $(ARGS)

# Tests where errors with memory show; see tests/memory/run.py.
test-references test-sanitizers test-valgrind: build $(VENV)/.tests-ready
	$(BIN)/python tests/memory/run.py $(@:test-%=%) $(ARGS)

# Ten minutes of everything at once: memory and descriptors stay flat.
test-soak: build $(VENV)/.tests-ready
	$(BIN)/python tests/memory/soak.py $(ARGS)

# Autobahn's suite for WebSockets, with our server and our client; see tests/websocket/autobahn.py, which needs a
# Python 2.7 for it: ARGS="--python2 PATH".
test-autobahn: build
	$(BIN)/python tests/websocket/autobahn.py $(ARGS)

# What of the C sources the tests run; see tests/coverage/run.py.
coverage: build
	$(BIN)/python tests/coverage/run.py $(ARGS)

# What parses is given made-up inputs for a minute; see tests/fuzz/run.py.
fuzz: build $(VENV)/.tests-ready
	@! command -v dpkg-query >/dev/null || .ci/packages clang libclang-rt-dev
	$(BIN)/python tests/fuzz/run.py $(ARGS)

# The C sources, read by gcc's analyzer, clang-tidy and cppcheck; ARGS names one of them.
analyze: build
	@! command -v dpkg-query >/dev/null || .ci/packages gcc clang-tidy-14 cppcheck
	$(BIN)/python tests/analyze/run.py $(ARGS)

demo: build
	$(BIN)/python examples/tour.py

# The sdist and a wheel for each version and architecture, into dist/; ARGS: such as 3.12 or 3.12-aarch64.
wheels: $(CACHE)/tools/.ready
	$(CACHE)/tools/bin/python release/wheels.py $(ARGS)

# Those wheels in bare Debian folders; needs root. ARGS: such as bookworm-3.11.
tryouts: $(CACHE)/tools/.ready
	$(CACHE)/tools/bin/python release/tryouts.py $(ARGS)

# All of a release but the upload; needs root, for the tryouts.
release: $(CACHE)/tools/.ready
	$(CACHE)/tools/bin/python release/check.py before
	rm -rf dist
	$(CACHE)/tools/bin/python release/wheels.py
	$(CACHE)/tools/bin/python release/tryouts.py
	$(CACHE)/tools/bin/python release/check.py after

$(CACHE)/tools/.ready: release/tools.txt
	$(PYTHON) -m venv $(CACHE)/tools
	$(CACHE)/tools/bin/python -m pip install -q --disable-pip-version-check -r $<
	touch $@

bench: build
	@! command -v dpkg-query >/dev/null || .ci/packages wrk libev-dev
	$(PYTHON) tests/bench/run.py --write docs/benchmarks.rst $(ARGS)
	$(PYTHON) tests/bench/plots.py

# Each CPython beside the others; needs root and valgrind.
bench-versions:
	$(PYTHON) tests/bench/versions.py --write docs/versions.rst $(ARGS)

format: $(VENV)/.lint-ready
	clang-format-14 -i $$(git ls-files 'src/*.c' 'src/*.h' 'tests/*.c')
	$(BIN)/ruff check --fix $(FORMATTED)
	$(BIN)/ruff format $(FORMATTED)

clean:
	rm -rf build dist *.egg-info greencore/*.so
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
