#!/usr/bin/env bash
# The Debian packages that a build needs (add `check` for those of `make check` and `make format`, `fuzz` for those of
# `make fuzz`). Nothing happens when all are there. As root the missing ones are installed; on a terminal the user is
# asked; else the line to run is printed and the build stops.
set -euo pipefail

packages=(cmake ninja-build g++ pkg-config libeigen3-dev libcli11-dev libtomlplusplus-dev nlohmann-json3-dev libspdlog-dev libstb-dev
          librandom123-dev zlib1g-dev libcurl4-openssl-dev libmatio-dev libpng-dev libjpeg-dev libzip-dev libgif-dev libdnnl-dev libgtest-dev gnuplot-nox fonts-dejavu-core)
if [[ ${1:-} == check ]]; then packages+=(clang-format python3); fi
if [[ ${1:-} == fuzz ]]; then packages+=(clang libclang-rt-dev); fi

if ! command -v dpkg-query >/dev/null; then
    echo "This is not a Debian system; if the build misses something, these are the packages' names there:"
    echo "  ${packages[*]}"
    exit 0
fi

missing=()
for package in "${packages[@]}"; do
    status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
    [[ $status == "install ok installed" ]] || missing+=("$package")
done
if [[ ${#missing[@]} -eq 0 ]]; then exit 0; fi

install=(apt-get install -y --no-install-recommends "${missing[@]}")
if [[ $(id -u) -eq 0 ]]; then
    echo "Installing ${missing[*]}"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    if ! { apt-get update && DEBIAN_FRONTEND=noninteractive "${install[@]}"; } >"$log" 2>&1; then
        tail -20 "$log" >&2
        echo "error: apt-get could not install ${missing[*]}; run: ${install[*]}" >&2
        exit 1
    fi
elif [[ -t 0 && -t 1 ]] && command -v sudo >/dev/null; then
    echo "These packages are missing: ${missing[*]}"
    read -r -p "Install them with sudo apt-get? [Y/n] " answer
    [[ -z $answer || $answer == [Yy]* ]] || { echo "error: run: sudo ${install[*]}" >&2; exit 1; }
    sudo apt-get update && sudo "${install[@]}"
else
    echo "error: packages are missing; run: sudo ${install[*]}" >&2
    exit 1
fi
