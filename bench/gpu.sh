#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds, verifies, sanitizes and times the CUDA kernels on this machine's GPU, beside the device's
# own limits and the peers of a Python. Unproven on hardware until a result of it is published.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
usage="usage: bench/gpu.sh [--dry-run] [--quick] [--in-place] [--out FOLDER] [--build FOLDER] \
[--python PYTHON]"
help="$usage
  --dry-run  print the steps, run none
  --quick    two shapes, few samples, a reduced set of properties: some minutes
  --in-place time the gradient over the logits as well, beside the limit of that
  --out      where results and report go (out/gpu)
  --build    the build folder (build/gpu)
  --python   whose PyTorch and Triton kernels are the peers (python3)
Environment: DEPS_PREFIX, a prefix with include/ and lib/ for libraries that the machine lacks."

fail() {
  echo "bench/gpu.sh: $1" >&2
  exit 2
}

dry=no
quick=no
modes="fwd fused"
out=out/gpu
build=build/gpu
python=python3
while [[ $# -gt 0 ]]; do
  case $1 in
    --dry-run) dry=yes ;;
    --quick) quick=yes ;;
    --in-place) modes="fwd fused in-place" ;;
    --out | --build | --python)
      [[ $# -ge 2 ]] || fail "$1 needs a word; $usage"
      case $1 in --out) out=$2 ;; --build) build=$2 ;; *) python=$2 ;; esac
      shift
      ;;
    -h | --help) echo "$help" && exit 0 ;;
    *) fail "unknown option '$1'; $usage" ;;
  esac
  shift
done

require() {
  [[ $dry == yes ]] || command -v "$1" > /dev/null || fail "$2"
}
require nvidia-smi "no nvidia-smi in PATH: this needs a machine with an NVIDIA GPU and its driver"
require "${CUDACXX:-nvcc}" "no nvcc in PATH: install CUDA 12 or newer, or name nvcc in CUDACXX"
require cmake "no cmake in PATH: install cmake 3.25 or newer"
require "$python" "no $python: name a Python 3 by --python"
[[ $dry == yes ]] || nvidia-smi -L | grep -q GPU || fail "nvidia-smi lists no GPU"

# Prints a step's command, and runs it.
step() {
  echo "+ $*"
  [[ $dry == yes ]] || "$@"
}

# The same of a step whose failure is a result: remembered, not the end.
failed=()
result() {
  local name=$1
  shift
  echo "+ $*"
  [[ $dry == yes ]] && return
  "$@" > "$out/$name.txt" 2>&1 || failed+=("$name (exit $?): $out/$name.txt")
  tail -n 3 "$out/$name.txt"
}

# A peer may fail: its verdict stands in the report.
peer_result() {
  result "$@"
  failed=("${failed[@]:0:$ours}")
}

configure=(cmake -S "$here" -B "$build" -DCMAKE_BUILD_TYPE=Release -DXENTCHECK_CUDA=ON)
if [[ -n ${DEPS_PREFIX:-} ]]; then
  configure+=("-DCMAKE_PREFIX_PATH=$DEPS_PREFIX")
  export PKG_CONFIG_PATH="$DEPS_PREFIX/lib/pkgconfig:$DEPS_PREFIX/share/pkgconfig"
  export CPATH="$DEPS_PREFIX/include${CPATH:+:$CPATH}"
  export LIBRARY_PATH="$DEPS_PREFIX/lib${LIBRARY_PATH:+:$LIBRARY_PATH}"
  export LD_LIBRARY_PATH="$DEPS_PREFIX/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
fi
targets=(xentcheck xentcheck-host xentcheck_cuda xentcheck_cuda_limits)
xentcheck=$build/xentcheck

# What CUDA reserves counts as memory of a kernel's process.
verify=("$xentcheck" verify --memory 0)
shapes=()
sanitized="1x1 3x7 5x257 2x2049 3x4099 2x50257"
if [[ $quick == yes ]]; then
  verify+=(--cases 3)
  shapes=(--shapes "32768x1024 8192x50257" --samples 9)
  sanitized="3x7 2x2049"
fi
bench=("$python" "$here/bench/gpu/bench.py" --library "$build/cuda.so"
  --limits "$build/cuda_limits.so" --abi "$build" --modes "$modes")

[[ $dry == yes ]] || mkdir -p "$out"
step "${configure[@]}"
step cmake --build "$build" --parallel --target "${targets[@]}"
step "$xentcheck" list kernels 'cuda/*'

result verify "${verify[@]}" --kernel 'cuda/*' --out "$out/verify" --md --html --junit
result certify "$xentcheck" certify-exp --kernel 'cuda/auto'
peers=("$here/examples/torch/cuda_ce.py:eager" "$here/examples/torch/cuda_ce.py:compiled"
  "$here/examples/pypi/liger_ce.py:cross_entropy")
ours=${#failed[@]}
for peer in "${peers[@]}"; do
  name=${peer##*/}
  name=${name/.py:/-}
  peer_result "verify-$name" "${verify[@]}" --python "$peer" --interpreter "$python" \
    --dialect pytorch --problem 'dtype=f32,bf16' --cases 10 --out "$out/verify-$name" --md
done

if command -v compute-sanitizer > /dev/null || [[ $dry == yes ]]; then
  for tool in memcheck racecheck initcheck; do
    result "$tool" compute-sanitizer --tool "$tool" --error-exitcode 1 "${bench[@]}" --sanitize \
      --shapes "$sanitized" --dtypes "f32 bf16 f16"
  done
else
  failed+=("compute-sanitizer: not in PATH, so memory, races and initialisation went unchecked")
fi

verdicts=()
for file in "$out"/verify*/results.json; do
  [[ -f $file ]] && verdicts+=(--verdicts "$file")
done
step "${bench[@]}" "${shapes[@]}" "${verdicts[@]}" --out "$out"

[[ $dry == yes ]] && exit 0
echo "bench/gpu.sh: the report is $out/gpu.md"
[[ ${#failed[@]} -eq 0 ]] || { printf 'not well: %s\n' "${failed[@]}" && exit 1; }
