#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what the build, the program and the tests need on Debian 12 or newer and its relatives.
# Says and does nothing when nothing is missing; never removes a package.
set -euo pipefail

build=(g++ cmake ninja-build pkg-config)
libraries=(libboost-dev libboost-context-dev libmpfr-dev libmpfi-dev libgmp-dev libhwy-dev
  librapidcheck-dev libbenchmark-dev libgtest-dev libcli11-dev libfmt-dev nlohmann-json3-dev
  libseccomp-dev)
python=(python3 python3-numpy python3-mpmath python3-torch)
# The tests check the oracle's proofs with these.
proofs=(gappa sollya)
# Third parties that the tests judge (examples/).
examples=(libdnnl-dev libeigen3-dev)
# Only nightly and developers need these.
extra=(clang-19 clang-format chromium)

usage="usage: ./install-deps.sh [--all] [--list]"
help="$usage
  --all   also what only nightly and developers need
  --list  print the packages, install nothing"

fail() {
  echo "install-deps.sh: $2" >&2
  exit "$1"
}

packages=("${build[@]}" "${libraries[@]}" "${python[@]}" "${proofs[@]}" "${examples[@]}")
list=no
for option in "$@"; do
  case $option in
    --all) packages+=("${extra[@]}") ;;
    --list) list=yes ;;
    -h | --help) echo "$help" && exit 0 ;;
    *) fail 2 "unknown option '$option'; $usage" ;;
  esac
done

if [[ $list == yes ]]; then
  printf '%s\n' "${packages[@]}"
  exit 0
fi

command -v apt-get > /dev/null && command -v dpkg-query > /dev/null ||
  fail 1 "needs apt; elsewhere install the equivalents of what --list prints"

# A package that dpkg has never heard of makes dpkg-query fail, but the others are printed.
format='${Package} ${db:Status-Status}\n'
installed=$(dpkg-query -W -f "$format" "${packages[@]}" 2> /dev/null || true)
missing=()
for package in "${packages[@]}"; do
  grep -qxF "$package installed" <<< "$installed" || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  command -v sudo > /dev/null ||
    fail 1 "neither root nor sudo; as root, install: ${missing[*]}"
  as_root=(sudo)
fi

apt_get() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 \
    -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@"
}

echo "install-deps.sh: installing ${missing[*]}"
apt_get update || echo "install-deps.sh: apt-get update failed; using the lists at hand" >&2
apt_get install -y --no-install-recommends --no-remove "${missing[@]}" ||
  fail 1 "apt-get could not install, without removing any package: ${missing[*]} (see above)"
