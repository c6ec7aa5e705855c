#!/usr/bin/env bash
# What `make install` installs for people: programs that run from there, and completion where bash, zsh and fish look for
# it. (The library: tests/consumer/check.sh.)
#   tests/programs/install_test.sh BUILD
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "install: $1" >&2; exit 1; }

cmake --install "$1" --prefix "$scratch" >"$scratch/log" 2>&1 || { tail -5 "$scratch/log" >&2; fail "failed"; }
export PATH=$scratch/bin:$PATH
for program in invariance spatial equivae geometry dataset; do
    [[ $("$scratch/bin/$program" --version) == warpvae* ]] || fail "$program does not run from where it was installed"
    bash=$scratch/share/bash-completion/completions/$program
    zsh=$scratch/share/zsh/site-functions/_$program
    fish=$scratch/share/fish/vendor_completions.d/$program.fish
    for shell in bash zsh fish; do
        [[ -s ${!shell} ]] || fail "no completion of $program for $shell"
        if command -v "$shell" >/dev/null; then
            "$shell" -n "${!shell}" || fail "$shell does not read its completion of $program"
        fi
    done
    grep -q "^#compdef $program$" "$zsh" || fail "zsh does not see whose completion it is"
    offered=$(bash -c '. "$1"; COMP_WORDS=("$2" --vers) COMP_CWORD=1; "_$2"; echo "${COMPREPLY[*]}"' - "$bash" "$program")
    [[ $offered == --version ]] || fail "bash offers \"$offered\" for $program --vers"
done
