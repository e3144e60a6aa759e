#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""core_dtype_numpy.py DTYPE_DUMP: our conversions of binary16 and bfloat16 against numpy's binary16
and, for bfloat16, against the upper half of a binary32, rounded to even by integer addition."""

import subprocess
import sys

import numpy as np

HALVES = np.arange(65536, dtype=np.uint32)


def from_float32_bits(bits):
    with np.errstate(invalid="ignore"):  # signalling NaNs are among them
        return bits.astype(np.uint32).view(np.float32).astype(np.float64)


def dump(program, what, doubles=None):
    given = None if doubles is None else np.ascontiguousarray(doubles).tobytes()
    return subprocess.run([program, what], input=given, check=True, capture_output=True).stdout


def same(ours, theirs):
    """Bit by bit, but one NaN is as good as another."""
    return (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))


def check_widening(program):
    f16, bf16 = np.frombuffer(dump(program, "widen"), dtype=np.float64).reshape(2, 65536)
    for ours, theirs in ((f16, HALVES.astype(np.uint16).view(np.float16).astype(np.float64)),
                         (bf16, from_float32_bits(HALVES << 16))):
        assert same(ours, theirs).all()
        assert (np.signbit(ours) == np.signbit(theirs))[~np.isnan(theirs)].all()


def narrowed(program, doubles):
    pairs = np.frombuffer(dump(program, "narrow", doubles), dtype=np.uint16).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def check_f16(program):
    """All values, all midpoints and their neighbours, and random doubles of every size."""
    finite = HALVES[HALVES < 0x7c00].astype(np.uint16).view(np.float16).astype(np.float64)
    middle = np.append((finite[:-1] + finite[1:]) / 2, 65520.0)
    noise = np.random.default_rng(3)
    scattered = noise.standard_normal(200000) * 2.0 ** noise.integers(-40, 20, 200000)
    every = np.concatenate([finite, middle, np.nextafter(middle, 0), np.nextafter(middle, 1e9),
                            scattered, [np.inf, 1e300, 5e-324]])
    for doubles in (every, -every):
        with np.errstate(over="ignore"):
            theirs = doubles.astype(np.float16).view(np.uint16)
        ours = narrowed(program, doubles)[0]
        assert (ours == theirs).all(), doubles[ours != theirs][:5]


def check_bf16(program):
    """Every upper half with lower halves around 0, the middle and 2^16."""
    for low in (0, 1, 0x7fff, 0x8000, 0x8001, 0xffff):
        bits = (HALVES << 16) | low
        number = (bits & 0x7fffffff) <= 0x7f800000
        bits = bits[number]
        theirs = ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
        ours = narrowed(program, from_float32_bits(bits))[1]
        assert (ours == theirs).all(), bits[ours != theirs][:5]


def main():
    program = sys.argv[1]
    check_widening(program)
    check_f16(program)
    check_bf16(program)
    assert np.isnan(np.frombuffer(
        narrowed(program, np.array([np.nan]))[0].tobytes(), dtype=np.float16)).all()


if __name__ == "__main__":
    main()
