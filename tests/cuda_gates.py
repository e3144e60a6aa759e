#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""cuda_gates.py NVCC ROOT TABLE: compiles the shipped CUDA sources for each architecture and holds
them to what can be known without a GPU: no warning, no register in memory, no stack beyond what is
meant. Prints and writes a table of registers, shared memory and spills. 77: there is no nvcc."""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

SKIP = 77
SOURCES = ["impl/cuda/device.cu"]
ARCHITECTURES = {"sm_80", "sm_90"}
# As cmake/cuda.cmake has them: PTX for what is newer.
FLAGS = ["-gencode=arch=compute_80,code=sm_80", "-gencode=arch=compute_90,code=[compute_90,sm_90]",
         "-std=c++20", "-O3", "-fmad=false", "-Xcompiler=-Wall,-Wextra", "--Werror=all-warnings",
         "-Xptxas=-v"]

FUNCTION = re.compile(r"Compiling entry function '([^']+)' for '(sm_\w+)'")
FRAME = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"Used (\d+) registers")
SHARED = re.compile(r"(\d+) bytes smem")


def parse(text):
    """[{name, arch, stack, stores, loads, registers, shared}] of what `ptxas -v` says."""
    kernels = []
    for line in text.splitlines():
        if match := FUNCTION.search(line):
            kernels.append({"name": match[1], "arch": match[2], "stack": 0, "stores": 0,
                            "loads": 0, "registers": None, "shared": 0})
        elif kernels and kernels[-1]["registers"] is None:
            if match := FRAME.search(line):
                kernels[-1].update(zip(("stack", "stores", "loads"), map(int, match.groups())))
            elif match := USED.search(line):
                kernels[-1]["registers"] = int(match[1])
                kernels[-1]["shared"] = int(found[1]) if (found := SHARED.search(line)) else 0
    return kernels


def faults(kernels):
    for k in kernels:
        if k["registers"] is None:
            yield f"{k['name']} for {k['arch']}: ptxas does not say its registers"
        if k["stores"] or k["loads"]:
            yield (f"{k['name']} for {k['arch']} spills {k['stores']} bytes and loads "
                   f"{k['loads']} of them")
        elif k["stack"]:
            yield f"{k['name']} for {k['arch']} has {k['stack']} bytes of local memory"


def warnings(text):
    """Lines with warnings or errors."""
    return [line for line in text.splitlines()
            if re.search(r"\b(warning|error|fatal)\b", line, re.I)]


def demangled(names):
    try:
        run = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True,
                             check=True)
        return run.stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        return names


def shorter(name):
    """Without namespaces, casts and parameters."""
    name = re.sub(r"\(xent::cuda::\w+\)", "", name.replace("(anonymous namespace)::", ""))
    name = re.sub(r"\((?:int|bool|unsigned \w+)\)", "", name.replace("xent::cuda::", ""))
    return re.sub(r"\([^()]*\)$", "", name.removeprefix("void "))


def table(kernels):
    names = [shorter(n) for n in demangled([k["name"] for k in kernels])]
    rows = [("kernel", "arch", "registers", "shared", "stack", "spilled", "reloaded")]
    rows += [(n, k["arch"], k["registers"], k["shared"], k["stack"], k["stores"], k["loads"])
             for n, k in sorted(zip(names, kernels), key=lambda pair: (pair[0], pair[1]["arch"]))]
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip()
                     for row in rows) + "\n"


def compiled(nvcc, root, source):
    """Exit code and all that is said."""
    with tempfile.TemporaryDirectory() as folder:
        command = [nvcc, *FLAGS, f"-I{root}", "-c", str(root / source), "-o",
                   str(pathlib.Path(folder) / "out.o")]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        return run.returncode, run.stdout + run.stderr


def gate(nvcc, root, table_file):
    kernels, wrong = [], []
    for source in SOURCES:
        code, text = compiled(nvcc, root, source)
        found = parse(text)
        kernels += found
        for missing in sorted(ARCHITECTURES - {k["arch"] for k in found}):
            wrong.append(f"{source}: ptxas speaks of no kernel for {missing}")
        said = warnings(text)
        wrong += [f"{source}: {line}" for line in said]
        if code != 0 and not said:
            wrong.append(f"{source}: nvcc exits with {code}")
    wrong += faults(kernels)
    text = table(kernels)
    print(text, end="")
    table_file.write_text(text, encoding="utf-8")
    print(f"{len(kernels)} kernels, {len(wrong)} faults; the table is {table_file}")
    print("\n".join(wrong))
    return 1 if wrong else 0


class SelfTest(unittest.TestCase):
    CLEAN = """ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_Z4rowsPf' for 'sm_90'
ptxas info    : Function properties for _Z4rowsPf
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 40 registers, used 1 barriers, 512 bytes smem, 368 bytes cmem[0]
ptxas info    : Compile time = 3.1 ms
"""

    def test_what_ptxas_says_is_read(self):
        self.assertEqual(parse(self.CLEAN), [{
            "name": "_Z4rowsPf", "arch": "sm_90", "stack": 0, "stores": 0, "loads": 0,
            "registers": 40, "shared": 512}])
        self.assertEqual(list(faults(parse(self.CLEAN))), [])
        self.assertIn("rows", table(parse(self.CLEAN)))

    def test_a_planted_spill_is_seen(self):
        spilled = self.CLEAN.replace("0 bytes spill stores, 0", "224 bytes spill stores, 232")
        self.assertEqual(list(faults(parse(self.CLEAN + spilled))),
                         ["_Z4rowsPf for sm_90 spills 224 bytes and loads 232 of them"])

    def test_an_array_in_local_memory_is_seen(self):
        stack = self.CLEAN.replace("0 bytes stack", "16 bytes stack")
        self.assertEqual(list(faults(parse(stack))),
                         ["_Z4rowsPf for sm_90 has 16 bytes of local memory"])

    def test_a_kernel_without_a_figure_is_seen(self):
        cut = self.CLEAN[:self.CLEAN.index("ptxas info    : Used")]
        self.assertEqual(len(list(faults(parse(cut)))), 1)

    def test_a_warning_is_seen(self):
        said = "ptxas warning : Registers are spilled to local memory in function '_Z4rowsPf'\n"
        self.assertEqual(warnings(self.CLEAN + said), [said.strip()])
        self.assertEqual(warnings(self.CLEAN), [])

    def test_a_compiler_is_asked(self):
        with tempfile.TemporaryDirectory() as folder:
            nvcc = pathlib.Path(folder) / "nvcc"
            both = self.CLEAN + self.CLEAN.replace("sm_90", "sm_80")
            spilled = both.replace("0 bytes spill stores", "8 bytes spill stores", 1)
            for text, exit_code, code in ((both, 0, 0), (self.CLEAN, 0, 1), (spilled, 0, 1),
                                          (both, 3, 1), (both + "error: no\n", 0, 1)):
                nvcc.write_text(f"#!/bin/sh\ncat <<'END'\n{text}END\nexit {exit_code}\n",
                                encoding="utf-8")
                nvcc.chmod(0o755)
                root = pathlib.Path(folder)
                self.assertEqual(gate(str(nvcc), root, root / "table.txt"), code, text)


def main():
    if sys.argv[1:] == ["--self-test"]:
        unittest.main(argv=sys.argv[:1])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nvcc")
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("table", type=pathlib.Path)
    args = parser.parse_args()
    if not pathlib.Path(args.nvcc).is_file():
        print("skipped: there is no nvcc; with one, from CUDA 12 on, in PATH, configure again")
        return SKIP
    return gate(args.nvcc, args.root, args.table)


if __name__ == "__main__":
    sys.exit(main())
