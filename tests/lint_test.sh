#!/usr/bin/env bash
# tests/lint.sh must find one planted violation of each kind, by file and rule, and nothing in a tree that keeps the rules.
lint=$(cd "$(dirname "$0")" && pwd)/lint.sh
tree=$(mktemp -d) || exit 1
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/cuda/device "$tree"/data "$tree"/host/core "$tree"/host/files "$tree"/host/experiment "$tree"/host/experiments "$tree"/models "$tree"/profiling \
    "$tree"/tests/device
failures=0 planted=0

put() { printf '%b\n' "$2" >"$tree/$1"; }
# plant RULE FILE TEXT [FILE TEXT]: with these files in the tree lint.sh fails and names the first, and the rule.
plant() {
    local rule=$1 first=$2 output
    put "$2" "$3"
    [ $# -gt 3 ] && put "$4" "$5"
    planted=$((planted + 1))
    if output=$("$lint" "$tree" 2>&1) || ! grep -qE "^$first:[0-9]+: $rule" <<<"$output"; then
        echo "NOT FOUND: $rule ($first)"
        echo "$output" | sed 's/^/    /'
        failures=$((failures + 1))
    fi
    rm -f "$tree/$2" "$tree/${4:-$2}"
}

# What the rules allow.
put cuda/device/launch.cuh '#pragma once\n// The only file with <<<>>>.\ninline void f() { kernel<<<1, 1>>>(); }'
put cuda/device/reduce.cuh '#pragma once\n#include "cuda/device/launch.cuh"\ninline int g() { return __shfl_xor_sync(~0u, 1, 1); }'
put cuda/op.cuh '#pragma once\n#include "cuda/device/reduce.cuh"\ninline int threads() { return blockDim.x + atomicAdd(p, 1); }'
put data/reader.cpp '// A comment may speak of threadIdx and <<<>>>.\n#include <zlib.h>\n\n#include "cuda/ops.h"'
put host/files/json.h '#pragma once\n#include <nlohmann/json.hpp>'
put host/experiments/one.cpp '#include "data/reader.h"\n#include "models/model.h"'
put host/experiment/command_line.cpp '#include <CLI/CLI.hpp>'
put models/model.h '#pragma once\n#include "cuda/ops.h"\n#include "models/parameters.h"'
if ! output=$("$lint" "$tree" 2>&1); then
    echo "FALSE ALARM:"
    echo "$output" | sed 's/^/    /'
    failures=$((failures + 1))
fi

plant "launch only through" cuda/x.cu 'void f() { kernel<<<1, 1>>>(); }'
plant "launch only through" tests/device/x_test.cu 'void f() { kernel<<<1, 1>>>(); }'
plant "warp intrinsics" cuda/x.cuh '#pragma once\ninline int f() { return __shfl_sync(~0u, 1, 0); }'
plant "warp intrinsics" cuda/x.cuh '#pragma once\ninline int f() { return __ballot_sync(~0u, 1); }'
plant "warp intrinsics" cuda/x.cuh '#pragma once\ninline int f() { return __reduce_add_sync(~0u, 1); }'
plant "atomics whose result" cuda/x.cuh '#pragma once\ninline int f(int* p) { return atomicCAS(p, 0, 1); }'
plant "atomics whose result" cuda/x.cuh '#pragma once\ninline void f(float* p) { asm("red.global.add.f32 [%0], %1;" ::"l"(p)); }'
plant "atomics only in kernels" host/x.cpp 'int f(int* p) { return atomicAdd(p, 1); }'
plant "CUDA syntax" cuda/x.h '#pragma once\n__global__ void kernel();'
plant "CUDA syntax" host/x.cpp 'int f() { return threadIdx.x; }'
plant "CUDA syntax" models/x.cpp 'void f() { __syncthreads(); }'
plant "no kernels in this room" models/x.cu 'void f();'
plant "no kernels in this room" host/x.cuh '#pragma once'
plant "a plain header or source" host/x.h '#pragma once\n#include "cuda/op.cuh"'
plant "a kernel includes its own group" cuda/x.cuh '#pragma once\n#include "cuda/ops.h"'
plant "a kernel includes its own group" cuda/x.cpp '#include "cuda/ops.h"'
plant "fast-math" cuda/CMakeLists.txt 'target_compile_options(x PRIVATE -ffast-math)'
plant "fast-math" CMakeLists.txt 'target_compile_options(x PRIVATE --use_fast_math)'
plant "random bits" models/x.cpp 'std::mt19937 engine;'
plant "random bits" data/x.cpp 'int f() { return rand(); }'
plant "threads come from" host/x.cpp '#pragma omp parallel for'
plant "cuda/ may not include" cuda/x.cu '#include "host/core/trainer.h"'
plant "cuda/ may not include" cuda/x.cu '#include "data/idx.h"'
plant "cuda/ may not include" cuda/x.cu '#include "op.cuh"'
plant "data/ may not include" data/x.cpp '#include "models/model.h"'
plant "data/ may not include" data/x.cpp '#include "host/files/json.h"'
plant "models/ may not include" models/x.cpp '#include "data/idx.h"'
plant "models/ may not include" models/x.cpp '#include "host/experiment/program.h"'
plant "models/ may not include" models/x.cpp '#include "host/core/trainer.h"'
plant "host/core/ may not include" host/core/x.cpp '#include "host/experiment/program.h"'
plant "host/experiment/ may not include" host/experiment/x.cpp '#include "host/experiments/invariance/table.h"'
plant "host/files/ may not include" host/files/x.cpp '#include "host/core/checkpoint.h"'
plant "host/ may not include" host/x.cpp '#include "tests/support/device_test.h"'
plant "the command line library has another door" cuda/x.cpp '#include <CLI/CLI.hpp>'
plant "the command line library has another door" host/x.cpp '#include <CLI/CLI.hpp>'
plant "the JSON library has another door" host/x.cpp '#include <nlohmann/json.hpp>'
plant "the log library has more than one door" host/x.cpp '#include <spdlog/spdlog.h>' host/y.cpp '#include <spdlog/spdlog.h>'
plant "the PNG library has another door" host/x.cpp '#include <stb_image_write.h>'
plant "the PNG library has another door" host/x.cpp '#include <stb_image.h>'
plant "libpng has another door" host/x.cpp '#include <png.h>'
plant "the JPEG library has another door" data/x.cpp '#include <jpeglib.h>'
plant "the zip library has more than one door" data/x.cpp '#include <zip.h>' data/y.cpp '#include <zip.h>'
plant "the compression library has more than one door" data/x.cpp '#include <zlib.h>'
plant "the MATLAB file library has another door" host/x.cpp '#include <matio.h>'
plant "the download library has another door" host/x.cpp '#include <curl/curl.h>'
plant "Eigen has another door" models/x.cpp '#include <Eigen/Core>'
plant "the GPU.s BLAS has more than one door" cuda/x.cpp '#include <cublas_v2.h>' cuda/y.cpp '#include <cublasLt.h>'
plant "the GPU.s LAPACK has another door" host/x.cpp '#include <cusolverDn.h>'
plant "cuDNN has another door" host/x.cpp '#include <cudnn.h>'
plant "Random123 has another door" cuda/x.cuh '#pragma once\n#include <Random123/philox.h>'
plant "cuRAND has another door" cuda/x.cuh '#pragma once\n#include <curand_kernel.h>'
plant "NVTX has another door" host/x.cpp '#include <nvtx3/nvtx3.hpp>'
plant "no file over 600 lines, in host/ over 450" data/x.cpp "$(yes 'int i();' | head -601)"
plant "no file over 600 lines, in host/ over 450" host/x.cpp "$(yes 'int i();' | head -451)"
plant "no comment beyond column 120" data/x.cpp "// $(printf 'a%.0s' {1..118})"
plant "no include guard" data/x.h 'int i();'
plant "unfinished" data/x.cpp '// TODO: the rest'
plant "unfinished" tests/x.sh 'echo  # FIXME'
plant "the newest version here" CHANGELOG.md '## [Unreleased]\n\n## [0.1.0] - 2026-11-26' CMakeLists.txt 'project(warpvae VERSION 0.2.0 LANGUAGES CXX)'
mkdir -p "$tree"/docs "$tree"/profiling/results "$tree"/cuda/ops
cp "$(dirname "$lint")/../docs/kernels.py" "$tree/docs"
echo header,case,share,floor,device,source >"$tree/profiling/results/shares.csv"
plant "docs/kernels.py: docs/kernels.md is not what the headers say" docs/kernels.md '# Of another time'
put cuda/ops/group.h '#pragma once\nStatus f(float* y, Stream stream);'
put cuda/f.cu 'Status f(float* y, Stream stream) {}'
plant "docs/kernels.py: cuda/f.cuh does not say its bytes" docs/kernels.md '' cuda/f.cuh '// F. Contract: block any; deterministic.\n#pragma once'
put cuda/ops/group.h '#pragma once\nStatus g(float* y, Stream stream);'
mkdir "$tree/profiling/bench_kernels"
plant "docs/kernels.py: group.h: g has no row in" docs/kernels.md '' profiling/bench_kernels/rows.cpp '// {"g (1)", 4, 0, g(y)},'
plant "docs/kernels.py: profiling/bench_kernels/rows.cpp: the row of g does not call it" docs/kernels.md '' profiling/bench_kernels/rows.cpp 'Row row{"g (1)", 4, 0};  // g(y)'
plant "docs/kernels.py: profiling/bench_kernels/rows.cpp: h is no launcher" docs/kernels.md '' profiling/bench_kernels/rows.cpp 'Row row{"h (1)", 4, 0, [] { return h(y); }};'
rmdir "$tree/profiling/bench_kernels"
plant "docs/kernels.py: group.h: g is defined nowhere" docs/kernels.md '' cuda/f.cuh '// F.\n#pragma once'
rm "$tree"/docs/kernels.py
cp "$(dirname "$lint")/../docs/papers.py" "$tree/docs"
mkdir "$tree/docs/papers"
put README.md '# A project'
echo '[]' >"$tree/profiling/results/statements.json"
put docs/papers/one.md '{{claims statements.json}}'
plant "docs/papers.py: not what the recorded results say" docs/one.md '* **C1 holds**'
rm -r "$tree"/docs "$tree"/cuda/ops "$tree"/cuda/f.cu
plant "a path of somebody" README.md 'Look into /home/jane/data.'
if command -v clang-format >/dev/null; then
    cp "$(dirname "$lint")/../.clang-format" "$tree"
    plant "not as clang-format" data/x.cpp 'int   f( ){return 1;}'
fi

[ "$failures" = 0 ] || { echo "lint_test: $failures of $planted planted violations are not found as they should be"; exit 1; }
echo "lint_test: all $planted planted violations are found"
