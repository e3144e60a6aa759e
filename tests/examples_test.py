#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Judges the kernels of examples/ that were built. examples_test.py PROGRAM BUILD_FOLDER NAME

Exit 77 where the library that NAME needs was not there when this was built."""
import json
import pathlib
import subprocess
import sys
import tempfile

PROGRAM, BUILD = (pathlib.Path(p).resolve() for p in sys.argv[1:3])
NAME = sys.argv[3]

# Library, its kernels, the properties that they pass at least (None: all that they take).
GOOD_MANNERS = {"io.inputs-untouched", "io.every-output-written", "run.repeatable",
                "run.well-behaved"}
EXAMPLES = {
    "c": [
        ("examples/c/libtemplate.so", {"template/cross_entropy": None}),
        ("examples/c/libfive_lines.so", {"five_lines/my_ce": None}),
        ("examples/c/libfull.so", {"full/two-pass": None}),
    ],
    "eigen": [
        ("peers/libeigen_ce.so", {"eigen_ce/logsumexp": GOOD_MANNERS,
                                  "eigen_ce/softmax": GOOD_MANNERS | {"loss.accurate"}}),
    ],
    "onednn": [
        ("peers/libonednn_ce.so", {"onednn_ce/logsoftmax": GOOD_MANNERS,
                                   "onednn_ce/softmax": GOOD_MANNERS | {"io.in-place"}}),
    ],
}
NEEDS = {"eigen": "Eigen 3.4 (libeigen3-dev)", "onednn": "oneDNN (libdnnl-dev)"}
PROPERTIES = ("loss.accurate", "grad.accurate", "options.*", "io.*", "run.*")


def run(library, folder):
    """The program's end, and its verdicts: {kernel: {property: verdict}}."""
    command = [PROGRAM, "verify", "--library", library, "--cases", "3", "--out", folder]
    command += [f"--property={name}" for name in PROPERTIES]
    p = subprocess.run(command, capture_output=True, text=True)
    if p.returncode not in (0, 1):
        sys.exit(f"{library}: exit {p.returncode}\n{p.stdout}\n{p.stderr}")
    verdicts = {}
    for v in json.loads((pathlib.Path(folder) / "results.json").read_text())["verdicts"]:
        verdicts.setdefault(v["kernel"], {})[v["property"]] = v["verdict"]
    return p, verdicts


def faults(library, expected):
    """What is not as examples/README.md says."""
    with tempfile.TemporaryDirectory() as folder:
        p, verdicts = run(BUILD / library, folder)
    for kernel, must in expected.items():
        own = {name: v for name, v in verdicts.get(kernel, {}).items() if v != "skip"}
        wrong = {name for name in must or own if own.get(name) != "pass"}
        if wrong or not own:
            yield f"{kernel}: {sorted(wrong)} not passed\n{p.stdout}"


def main():
    if NAME in NEEDS and not all((BUILD / library).exists() for library, _ in EXAMPLES[NAME]):
        print(f"skipped: examples/{NAME} was not built, for want of {NEEDS[NAME]}")
        sys.exit(77)
    wrong = [f for library, expected in EXAMPLES[NAME] for f in faults(library, expected)]
    print("\n".join(wrong) or f"examples/{NAME}: as examples/README.md says")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
