# warpvae: `make help` lists what there is. The work is CMake's (CMakePresets.json); this file picks the device, installs
# what a build needs, and keeps the output short.

# DEVICE=cpu or cuda overrides the choice: cuda where a GPU answers and nvcc is there to build for it.
NVCC := $(firstword $(shell command -v nvcc) $(wildcard $(CUDA_PATH)/bin/nvcc /usr/local/cuda/bin/nvcc))
GPU := $(shell nvidia-smi -L 2>/dev/null | grep -c '^GPU')
ifneq ($(filter-out 0,$(GPU)),)
  ifneq ($(NVCC),)
    DEVICE ?= cuda
  else
    DEVICE ?= cpu
    note = @echo "A GPU answers, but nvcc is not installed: building for the CPU."
  endif
else
  DEVICE ?= cpu
endif
ifeq ($(filter $(DEVICE),cpu cuda),)
  $(error DEVICE=$(DEVICE) is neither cpu nor cuda)
endif
ifeq ($(DEVICE),cuda)
  export CUDACXX ?= $(NVCC)
endif

BUILD := build/$(DEVICE)
PREFIX ?= /usr/local
# What `make run` runs; real MNIST where it can be had, else the glyphs drawn here (--dataset auto says which).
RUN_COMMAND ?= invariance report --quick --dataset auto --overwrite --out runs/quick

# Compiled once, found again: in a fresh clone, or after `make clean`.
ifneq ($(shell command -v ccache),)
  LAUNCHER := -DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_CUDA_COMPILER_LAUNCHER=ccache
  export CCACHE_SLOPPINESS ?= pch_defines,time_macros
endif

.PHONY: help build run reproduce test check fuzz soak bench install docs format clean dependencies
help:
	@echo "make run       train, evaluate and write a report, in a few minutes: $(RUN_COMMAND)"
	@echo "make reproduce GRID=quick MINUTES= OUT=runs/reproduce: every table, figure and statement of the four papers (quick: 20 minutes)"
	@echo "make build     compile everything into $(BUILD)"
	@echo "make test      make build, then all tests on the device at hand"
	@echo "make check     the long checks, half an hour: sanitizers, lanes in three orders, fuzzers, nvcc, lint, format"
	@echo "make fuzz      SECONDS=60: so long every reader of files gets damaged files, under libFuzzer"
	@echo "make soak      MINUTES=5 SEED=1: runs killed, or on full disks, and resumed end with the same weights"
	@echo "make bench     measure and write a table into profiling/results/"
	@echo "make install   PREFIX=$(PREFIX): programs, the kernel library, its headers and CMake package"
	@echo "make docs      write docs/kernels.md from the headers, the papers' pages from recorded results"
	@echo "make format    clang-format on every source file"
	@echo "make clean     remove build/"
	@echo "DEVICE=$(DEVICE) (cpu or cuda)"

dependencies:
	@cmake/install_dependencies.sh

$(BUILD)/build.ninja: | dependencies
	$(note)
	@echo "Configuring for $(DEVICE)"
	@mkdir -p $(BUILD)
	@cmake --preset $(DEVICE) $(LAUNCHER) >$(BUILD)/configure.log 2>&1 || { cat $(BUILD)/configure.log; rm -f $@; exit 1; }

build: $(BUILD)/build.ninja
	@cmake --build $(BUILD)

run: $(BUILD)/build.ninja
	@cmake --build $(BUILD) --target $(firstword $(RUN_COMMAND))
	@$(BUILD)/bin/$(RUN_COMMAND)

# GRID=quick (some 20 minutes on two cores) or paper (the papers' epochs and seeds); again with the same OUT it goes on.
reproduce: $(BUILD)/build.ninja
	@cmake --build $(BUILD) --target programs
	@host/reproduce.sh $(BUILD)/bin "$(or $(GRID),quick)" "$(or $(OUT),runs/reproduce)" $(MINUTES)

test: build
	@ctest --test-dir $(BUILD) -j$(shell nproc) --output-on-failure --no-tests=error

check: build
	@cmake/install_dependencies.sh check
	@tests/check.sh

fuzz:
	@cmake/install_dependencies.sh fuzz
	@tests/fuzz.sh $(or $(SECONDS),60)

soak: build
	@tests/soak.sh $(BUILD)

bench: build
	@profiling/run_benchmarks.sh $(BUILD)

install: build
	@cmake --install $(BUILD) --prefix $(PREFIX) >$(BUILD)/install.log || { tail -3 $(BUILD)/install.log; exit 1; }
	@echo "Installed into $(PREFIX)"

docs:
	@python3 docs/kernels.py
	@python3 docs/papers.py

format:
	@cmake/install_dependencies.sh check
	@find cuda data host models profiling tests -name '*.h' -o -name '*.cuh' -o -name '*.cu' -o -name '*.cpp' | xargs clang-format -i

clean:
	@rm -rf build
