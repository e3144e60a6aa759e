#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""npz_numpy.py NPZ_COPY: numpy reads what we write and we read what numpy writes, bit by bit."""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np

TYPES = ("<f8", "<f4", "<f2", "<i8", "<i4", "<u2")
SHAPES = ((1,), (5,), (2, 3), (0, 4), (2, 3, 4), ())


def copy(program, source, target):
    return subprocess.run([program, source, target], capture_output=True, text=True)


def check_round_trip(program, folder):
    noise = np.random.default_rng(1)
    arrays = {}
    for dtype in TYPES:
        for shape in SHAPES:
            size = int(np.prod(shape)) * np.dtype(dtype).itemsize
            array = np.frombuffer(noise.bytes(size), dtype=dtype).reshape(shape)
            arrays[f"{dtype[1:]}_{'x'.join(map(str, shape))}"] = array
    np.savez(folder / "in.npz", **arrays)
    result = copy(program, folder / "in.npz", folder / "out.npz")
    assert result.returncode == 0, result.stderr
    with np.load(folder / "out.npz") as copied:
        assert set(copied.files) == set(arrays)
        for name, array in arrays.items():
            assert copied[name].dtype == array.dtype, name
            assert copied[name].shape == (array.shape or (1,)), name
            assert copied[name].tobytes() == array.tobytes(), name


def check_refused(program, folder):
    good = np.zeros((2, 3), dtype="<f4")
    cases = {
        "np.savez": lambda path: np.savez_compressed(path, logits=good),
        "big-endian": lambda path: np.savez(path, logits=good.astype(">f4")),
        "Fortran": lambda path: np.savez(path, logits=np.asfortranarray(good)),
        "Python objects": lambda path: np.savez(path, logits=np.array([None, 1], dtype=object)),
        "not one of": lambda path: np.savez(path, logits=good.astype("c8")),
        "structured": lambda path: np.savez(path, logits=np.zeros(2, dtype=[("a", "<f4")])),
        "not a zip archive": lambda path: path.write_bytes(b"logits"),
    }
    for expected, save in cases.items():
        path = folder / "bad.npz"
        save(path)
        result = copy(program, path, folder / "never.npz")
        assert result.returncode == 2, (expected, result)
        assert expected in result.stderr, (expected, result.stderr)
        assert result.stderr.count("\n") == 1, result.stderr
    assert not (folder / "never.npz").exists()


def main():
    with tempfile.TemporaryDirectory() as folder:
        check_round_trip(sys.argv[1], pathlib.Path(folder))
        check_refused(sys.argv[1], pathlib.Path(folder))


if __name__ == "__main__":
    main()
