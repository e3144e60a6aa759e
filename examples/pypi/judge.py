#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Judges published kernels: judge.py PROGRAM FOLDER [--only NAME]... [OPTIONS OF VERIFY]

FOLDER/NAME is the environment that NAME.txt describes, made with pip where it is missing (gigabytes
for torch); FOLDER/NAME.out holds the report. What cannot be installed is skipped, with the reason.
"""
import argparse
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
KERNELS = {
    "torch": HERE.parent / "torch" / "cross_entropy.py",
    "optax": HERE / "optax_ce.py",
    "liger": HERE / "liger_ce.py",
    "flash_attn": HERE / "flash_attn_ce.py",
}
# Without its CUDA extension, which nothing here needs; only then does it install without a GPU.
FLASH = ["--no-deps", "--no-build-isolation", "flash-attn==2.8.3.post2"]


def pip(python, *words):
    """What went wrong, or None."""
    env = os.environ | {"FLASH_ATTENTION_SKIP_CUDA_BUILD": "TRUE"}
    p = subprocess.run([python, "-m", "pip", "install", "--quiet", *words], env=env,
                       stderr=subprocess.PIPE, text=True)
    last = (p.stderr.strip().splitlines() or ["pip says nothing"])[-1]
    return None if p.returncode == 0 else last


def environment(folder, name):
    """(its interpreter, why it cannot be had)."""
    python = folder / name / "bin" / "python"
    done = folder / name / "installed"
    if done.exists():
        return python, None
    subprocess.run([sys.executable, "-m", "venv", folder / name], check=True)
    wrong = pip(python, "-r", HERE / f"{name}.txt")
    if name == "flash_attn" and not wrong:
        wrong = pip(python, *FLASH)
    if not wrong:
        done.touch()
    return python, wrong


def judged(program, folder, name, options):
    """The exit code of verify, or None where there was nothing to run."""
    python, wrong = environment(folder, name)
    if wrong:
        print(f"skipped {name}: {wrong}")
        return None
    command = [program, "verify", "--python", f"{KERNELS[name]}:cross_entropy", "--interpreter",
               python, "--out", folder / f"{name}.out", "--md", *options]
    print("+", *command, flush=True)
    return subprocess.run(command).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--only", action="append", choices=KERNELS)
    args, options = parser.parse_known_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    codes = [judged(args.program, args.folder, name, options) for name in args.only or KERNELS]
    # A kernel that fails is a result; only a run that could not be made is an error.
    sys.exit(max((c for c in codes if c in (2, 3)), default=0))


if __name__ == "__main__":
    main()
