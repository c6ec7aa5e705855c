#!/usr/bin/env bash
# The rules that keep one source right on two devices and the rooms apart, as searches. Each finding is one line,
# "file:line: rule: text"; any finding fails. tests/lint_test.sh plants one violation of each.
#   tests/lint.sh [ROOT]
cd "${1:-$(dirname "$0")/..}" || exit 1

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
find cuda data host models profiling tests -type f \
    \( -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' \) | sort >"$scratch/sources"
# Every line of every source as "file:line:text", without its comment, to be searched by the rules below.
xargs awk '{ text = $0; sub(/\/\/.*/, "", text); print FILENAME ":" FNR ":" text }' <"$scratch/sources" >"$scratch/code"

findings=0
# report RULE: what comes in as "file:line:text" are findings.
report() {
    local found
    found=$(sed -E "s|^([^:]*:[0-9]+):[[:space:]]*|\1: $1: |")
    [ -z "$found" ] && return
    echo "$found"
    findings=$((findings + $(echo "$found" | wc -l)))
}
# code FILES PATTERN: lines of code that match, in files that match. except FILES: but not in these.
code() { grep -E "^($1)[^:]*:[0-9]+:.*($2)" "$scratch/code"; }
except() { grep -vE "^($1)"; }
sources=".*"

# --- kernels ---------------------------------------------------------------------------------------------------------

report "launch only through launch(), cuda/device/launch.cuh" < <(code "$sources" '<<<' | except 'cuda/device/launch\.cuh:|tests/consumer/')

report "warp intrinsics only in cuda/device/" < <(
    code "$sources" '\b__(shfl|ballot|reduce|any|all|match|activemask|syncwarp)[a-z_]*\b' | except 'cuda/device/|tests/device/')

# Sums, minima and bits of integers come out the same in any order (cpu_device.h refuses floats); the rest does not.
report "atomics whose result depends on the order only in cuda/device/" < <(
    code "$sources" '\batomic(CAS|Exch|Inc|Dec|Sub)[a-z_]*[[:space:]]*\(|"(red|atom)\.[^"]*\.[bv]?f' |
        except 'cuda/device/|tests/device/')
report "atomics only in kernels" < <(code 'data/|host/|models/' '\batomic(Add|Min|Max|And|Or|Xor)\b')

cuda_syntax='\b(threadIdx|blockIdx|blockDim|gridDim|__global__|__device__|__shared__|__syncthreads[a-z_]*|__launch_bounds__)\b'
report "CUDA syntax only in .cu and .cuh" < <(
    code '[^:]*\.(h|cpp)' "$cuda_syntax" | except 'cuda/device/|tests/device/|tests/kernel/philox_curand_test\.cpp')
report "no kernels in this room" < <(grep -E '^(host|models|data)/.*\.(cu|cuh)$' "$scratch/sources" | sed 's/$/:1:/')
report "a plain header or source includes a .cuh" < <(
    code '[^:]*\.(h|cpp)' '#include "[^"]*\.cuh"' | except 'cuda/device/|tests/')

report "a kernel includes its own group, cuda/ops/<group>.h" < <(code 'cuda/[^:]*' '#include "cuda/ops\.h"')

report "fast-math would remove the checks for NaN" < <(
    find . -name CMakeLists.txt -not -path './build/*' -not -path './.git/*' | sed 's|^\./||' |
        xargs grep -nHE 'fast[-_]math' CMakePresets.json 2>/dev/null)
report "random bits come from cuda/philox.cuh alone" < <(
    code 'cuda/|data/|host/|models/' 'std::(mt19937|minstd_rand|random_device|default_random_engine)|\bs?rand\(|\bcurand_init\b')
report "threads come from cuda/device/cpu_pool.h" < <(code 'cuda/|data/|host/|models/' '<omp\.h>|#pragma omp parallel')

# --- rooms -----------------------------------------------------------------------------------------------------------

# room DIRECTORY MAY: quoted includes are written from the root, and only from what this room may include.
room() {
    report "$1 may not include this" < <(grep -E "^$1[^:]*:[0-9]+:[[:space:]]*#[[:space:]]*include[[:space:]]+\"" "$scratch/code" |
        grep -vE "include[[:space:]]+\"($2)")
}
room cuda/ 'cuda/'
room data/ 'cuda/|data/'
room models/ 'cuda/|models/'
room host/files/ 'data/|host/files/'
room host/show/ 'cuda/|data/|host/files/|host/show/|host/(log|mean)\.h'
room host/core/ 'cuda/|data/(error|files)\.h|models/|host/core/|host/files/|host/show/progress\.h|host/log\.h'
room host/evaluate/ 'cuda/|data/|models/|host/core/|host/evaluate/|host/mean\.h'
room host/experiment/ 'cuda/|data/|models/|host/(core|evaluate|experiment|files|show)/|host/(log|mean)\.h'
room host/latents/ 'cuda/|data/|models/|host/(core|evaluate|experiment|latents|show)/|host/log\.h'
room host/ 'cuda/|data/|models/|host/'
room tests/ 'cuda/|data/|models/|host/|tests/|warpvae/'
room profiling/ 'cuda/|data/|models/|host/|profiling/'

# door NAME HEADERS FILES: a library's headers are included by one file, which must match FILES. Tests may look behind it.
door() {
    local inside
    inside=$(code 'cuda/|data/|host/|models/' "#[[:space:]]*include[[:space:]]+[<\"]($2)")
    report "$1 has another door" < <(echo "$inside" | grep -vE "^($3):" | grep .)
    inside=$(echo "$inside" | cut -d: -f1 | sort -u | grep .)
    [ "$(echo "$inside" | wc -l)" -le 1 ] && return
    report "$1 has more than one door" < <(echo "$inside" | sed 's/$/:1:/')
}
door "the command line library" 'CLI/' 'host/experiment/command_line\.cpp'
door "the TOML library" 'toml\+\+' 'host/files/config_file\.cpp'
door "the JSON library" 'nlohmann/' 'host/files/json\.h'
door "the log library" 'spdlog/' 'host/[a-z_]+\.(h|cpp)'
door "the PNG library" 'stb_image' 'data/png\.cpp'
door "libpng" 'png\.h>' 'data/png\.cpp'
door "the JPEG library" 'jpeglib\.h' 'data/jpeg\.cpp'
door "the zip library" 'zip\.h>' 'data/[a-z_]+\.cpp'
door "the GIF library" 'gif_lib' 'host/show/animation\.cpp'
door "the compression library" 'zlib\.h' 'data/[a-z_]+\.cpp'
door "the MATLAB file library" 'matio' 'data/[a-z_]+\.cpp'
door "the download library" 'curl/' 'data/[a-z_]+\.cpp'
door "MPI" 'mpi\.h' 'host/core/shares\.cpp'
door "oneDNN" 'dnnl' 'cuda/onednn_cpu\.h'
door "Eigen" 'Eigen/' 'cuda/eigen_cpu\.cpp'
door "the GPU's BLAS" 'cublas' 'cuda/[a-z_]+\.cpp'
door "the GPU's LAPACK" 'cusolver' 'cuda/[a-z_]+\.cpp'
door "cuDNN" 'cudnn' 'cuda/[a-z_]+\.cpp'
door "Random123" 'Random123/' 'cuda/philox\.cuh'
door "cuRAND" 'curand' 'cuda/philox\.cuh'
door "NVTX" 'nvtx3/' 'cuda/device/[a-z_]+\.cpp'

# --- text ------------------------------------------------------------------------------------------------------------

report "no file over 600 lines, in host/ over 450" < <(xargs wc -l <"$scratch/sources" |
    awk '$2 != "total" && $1 > ($2 ~ /^host\// ? 450 : 600) { print $2 ":" $1 ":" }')
# clang-format leaves comments as they are.
report "no comment beyond column 120" < <(xargs grep -nHE '^.{121,}' <"$scratch/sources" | grep -E ':[0-9]+:.*//')
report "no include guard" < <(
    grep -E '\.(h|cuh)$' "$scratch/sources" | xargs grep -L '^#pragma once' | sed 's/$/:1:/')
# Everything that a clone holds; the lint itself has to spell out what it looks for.
text_files() {
    find . -type f -not -path './.git/*' -not -path './build/*' -not -path './runs/*' -not -path '*/__pycache__/*' \
        -not -name 'lint*.sh' -size -400k "$@" | sed 's|^\./||' | sort
}
version=$(sed -n 's/^project(warpvae VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt 2>/dev/null)
report "the newest version here is not CMakeLists.txt's" < <([ -z "$version" ] ||
    grep -nHm1 '^## \[[0-9]' CHANGELOG.md /dev/null | grep -vF "## [$version]")
report "docs/kernels.py" < <([ ! -e docs/kernels.py ] || python3 docs/kernels.py --check 2>&1 | sed 's|^|docs/kernels.md:1: |')
report "docs/papers.py" < <([ ! -e docs/papers.py ] || python3 docs/papers.py --check 2>&1)
report "unfinished" < <(text_files -not -name '*.md' | xargs grep -InwE 'TODO|FIXME|XXX|HACK')
report "a path of somebody's machine" < <(text_files | xargs grep -InE '/(home|root|Users)/[A-Za-z0-9_.-]' | grep -v '/home/somebody')

if command -v clang-format >/dev/null; then
    # Its own lines are "file:line:column: error: code should be clang-formatted"; one for each file is enough.
    report "not as clang-format has it (make format)" < <(
        xargs clang-format --dry-run -Werror --ferror-limit=1 <"$scratch/sources" 2>&1 |
            sed -nE 's/^([^: ]+):([0-9]+):[0-9]+: error:.*/\1:\2:/p' | sort -u -t: -k1,1)
else
    echo "clang-format is not installed: the format is not checked"
fi

if [ "$findings" -gt 0 ]; then
    echo "lint: $findings findings"
    exit 1
fi
echo "lint: $(wc -l <"$scratch/sources") files, nothing found"
