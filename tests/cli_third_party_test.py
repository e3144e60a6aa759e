#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Other people's kernels as a user brings them. cli_third_party_test.py PROGRAM COMPILER [TEST]"""
import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = pathlib.Path(sys.argv.pop(1)).resolve()
COMPILER = sys.argv.pop(1)
INCLUDE = pathlib.Path(__file__).resolve().parent.parent / "include"
QUICK = ["--cases", "2", "--property", "loss.accurate"]
PLAIN = ["--problem", "op=ce targets=index dtype=f32 dir=fwd,fwdbwd reduction=none"]

# The example of README.md, with a line where a vice goes.
C_KERNEL = """
#include <math.h>
#include <stdlib.h>
#include <unistd.h>
#include "xentcheck/kernel.h"
static int NAME(const float* x, const int64_t* y, int64_t n, int64_t v, float* loss, float* grad) {
  for (int64_t r = 0; r < n; ++r, x += v) {
    float m = x[0], s = 0;
    for (int64_t j = 1; j < v; ++j) m = x[j] > m ? x[j] : m;
    for (int64_t j = 0; j < v; ++j) s += expf(x[j] - m);
    if (loss) loss[r] = logf(s) - (x[y[r]] - m);
    for (int64_t j = 0; grad && j < v; ++j) grad[r * v + j] = expf(x[j] - m) / s - (j == y[r]);
  }
  VICE;
  return 0;
}
XENTCHECK_EXPORT_SIMPLE(NAME)
"""

# Shows its exponential, with a line where a vice goes.
EXP_KERNEL = """
#include <math.h>
#include <stdlib.h>
#include <stdexcept>
#include "xentcheck/kernel.h"
static int launch(void*, const xentcheck_problem*, const xentcheck_tensors*, void*,
                  xentcheck_message*) { return XENTCHECK_OK; }
static void exponential(const float* x, float* y, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (x[i] AT) VICE;
    y[i] = expf(x[i]);
  }
}
const xentcheck_library* xentcheck_plugin(uint32_t, uint32_t) {
  static xentcheck_kernel kernel{};
  static const xentcheck_kernel* const kernels[] = {&kernel};
  static const xentcheck_library library{sizeof library, XENTCHECK_ABI_MAJOR, XENTCHECK_ABI_MINOR,
                                         nullptr, 1, kernels};
  kernel.struct_size = sizeof kernel;
  kernel.name = "k";
  kernel.launch = launch;
  kernel.exponential = exponential;
  return &library;
}
"""

NUMPY_KERNEL = """
import numpy as np

def cross_entropy(logits, targets):
    print("noise")
    m = logits.max(axis=1, keepdims=True)
    e = np.exp(logits - m)
    s = e.sum(axis=1, keepdims=True)
    rows = np.arange(len(targets))
    loss = (np.log(s) + m)[:, 0] - logits[rows, targets]
    grad = e / s
    grad[rows, targets] -= 1
    return loss, grad
"""


class ThirdParty(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.cwd = pathlib.Path(folder.name)
        self.addCleanup(folder.cleanup)

    def run_program(self, *args, rc):
        p = subprocess.run([PROGRAM, *map(str, args)], cwd=self.cwd, capture_output=True, text=True)
        self.assertEqual(p.returncode, rc, f"{args}\n{p.stdout}\n{p.stderr}")
        return p

    def refused(self, *args, says):
        """Wrong use: exit 2 and exactly one line, which says what is wrong."""
        p = self.run_program(*args, rc=2)
        self.assertEqual(p.stderr.count("\n"), 1, p.stderr)
        for text in says if isinstance(says, (list, tuple)) else [says]:
            self.assertIn(text, p.stderr)

    def compiled(self, source, file):
        path = self.cwd / file
        path.parent.mkdir(exist_ok=True)
        (self.cwd / "k.cpp").write_text(source)
        subprocess.run([COMPILER, "-O1", "-shared", "-fPIC", f"-I{INCLUDE}", self.cwd / "k.cpp",
                        "-o", path], check=True)
        return file

    def library(self, file="libmy_ce.so", name="my_ce", vice=""):
        source = C_KERNEL.replace("VICE", vice).replace("NAME", name)
        return self.compiled(source, file)

    def results(self, folder="r"):
        return json.loads((self.cwd / folder / "results.json").read_text())

    def judged(self, folder="r"):
        return sorted({v["kernel"] for v in self.results(folder)["verdicts"] if v["cases"]})

    @staticmethod
    def session(leader):
        """Who of it is alive: kernels have process groups of their own."""
        alive = []
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                name, fields = stat.read_text().split("(", 1)[1].rsplit(")", 1)
            except OSError:
                continue
            if int(fields.split()[3]) == leader:
                alive.append(name)
        return alive

    def replay_lines(self, text):
        return [shlex.split(m)[1:] for m in re.findall(r"replay +(\S.*)", text)]


class Libraries(ThirdParty):
    def test_alone_and_beside_ours(self):
        self.library()
        p = self.run_program("verify", "--library", "./libmy_ce.so", *QUICK, "--out", "r", rc=0)
        self.assertIn("from libmy_ce.so", p.stdout)
        self.assertEqual(self.judged(), ["my_ce/my_ce"])
        self.run_program("verify", "--library", "libmy_ce.so", "--kernel", "scalar/safe", *QUICK,
                         *PLAIN, "--out", "r", rc=0)
        self.assertEqual(self.judged(), ["my_ce/my_ce", "scalar/safe"])
        self.run_program("verify", "--library", "libmy_ce.so", "--kernel", "my_ce/my_ce", *QUICK,
                         "--threads", "2", "--deadline", "5", "--memory", "1", "--out", "r", rc=0)
        self.assertEqual(self.judged(), ["my_ce/my_ce"])
        p = self.run_program("list", "kernels", "--library", "libmy_ce.so", *PLAIN, rc=0)
        self.assertIn("my_ce/my_ce", p.stdout)
        self.assertNotIn("scalar/safe", p.stdout)

    def test_a_counterexample_replays_as_pasted(self):
        self.library(vice="if (grad) grad[n * v] = 0")
        p = self.run_program("verify", "--library", "./libmy_ce.so", "--property", "grad.accurate",
                             "--property", "io.*", "--cases", "2", rc=1)
        self.assertIn("past the end of grad", p.stdout)
        lines = self.replay_lines(p.stdout)
        self.assertTrue(lines)
        for line in lines:
            self.assertIn("--library", line)
            self.assertIn("past the end of grad", self.run_program(*line, rc=1).stdout)
        case = lines[0][1]
        self.run_program("replay", case, "--library", "./libmy_ce.so", rc=1)
        self.refused("replay", case, says=["my_ce/my_ce", "--library"])
        # Another kernel on the same case; its name differs from the one in the file.
        self.library("libgood.so", "good")
        self.run_program("replay", case, "--library", "./libgood.so", rc=0)

    def test_a_crash_costs_its_own_verdict_only(self):
        self.library("libbad.so", "bad", vice="abort()")
        self.library("libgood.so", "good")
        p = self.run_program("verify", "--library", "libbad.so", "--library", "libgood.so", *QUICK,
                             "--out", "r", rc=1)
        self.assertIn("SIGABRT", p.stdout)
        verdicts = {v["kernel"]: v["verdict"] for v in self.results()["verdicts"]}
        self.assertEqual(verdicts, {"bad/bad": "fail", "good/good": "pass"})
        p = self.run_program("verify", "--library", "libbad.so", *QUICK, "--property",
                             "grad.accurate", rc=1)
        self.assertEqual(p.stdout.count("violates"), 1)
        self.assertIn("the same in grad.accurate", p.stdout)

    def test_what_it_writes_while_the_clock_runs_is_judged(self):
        often = "static int k; if (n == 24 && v == 1000 && ++k > 40 && loss) loss[0] = 0"
        self.library("libtired.so", "tired", vice=often)
        self.library("libgood.so", "good")
        p = self.run_program("bench", "--library", "libtired.so", "--library", "libgood.so",
                             "--kernel", "scalar/safe", *QUICK, "--out", "r", "--problem",
                             "op=ce dtype=f32 dir=fwd n=24 v=1000", rc=1)
        self.assertIn("FAIL tired/tired violates loss.accurate", p.stdout)
        self.assertIn("while the clock ran", p.stdout)
        timed = {t["kernel"]: t["verdict"] for t in self.results()["timings"]}
        self.assertEqual(timed, {"good/good": "pass", "scalar/safe": "pass"})

    def test_names_stay_apart(self):
        for file in ("a/libk.so", "b/libk.so", "libscalar.so"):
            self.library(file, "safe")
        p = self.run_program("list", "kernels", "--library", "a/libk.so", "--library", "b/libk.so",
                             "--library", "libscalar.so", rc=0)
        names = [line for line in p.stdout.split("\n") if line and line[0] != " "]
        self.assertEqual(names, ["a/k/safe", "b/k/safe", f"{self.cwd.name}/scalar/safe"])
        self.run_program("verify", "--library", "a/libk.so", "--kernel", "a/k/safe", *QUICK, rc=0)

    def test_globs(self):
        self.library()
        self.run_program("verify", "--library", "libmy_ce.so:my_*", *QUICK, rc=0)
        p = self.run_program("verify", "--library", "libmy_ce.so:other*", *QUICK, rc=5)
        self.assertIn("no kernel matches libmy_ce.so:other*", p.stdout)
        self.refused("verify", "--library", "libmy_ce.so:my_cf", says=["my_cf", "my_ce"])
        self.refused("verify", "--library", "libmy_ce.so", "--kernel", "my_ce/my_cf",
                     says="nearest: my_ce/my_ce")

    def test_its_exponential(self):
        full = INCLUDE.parent / "examples/c/full.c"
        subprocess.run([COMPILER, "-x", "c", "-O1", "-shared", "-fPIC", f"-I{INCLUDE}", full, "-o",
                        self.cwd / "libfull.so"], check=True)
        p = self.run_program("certify-exp", "--library", "libfull.so", "--every", "1000000", rc=0)
        self.assertRegex(p.stdout, r"pass full/\S+  x from -inf")

    def test_its_exponential_fails(self):
        vices = {"throw std::domain_error(\"below\")": "raised: threw below",
                 "abort()": "raised: crash: abort (SIGABRT)"}
        for i, (vice, says) in enumerate(vices.items()):
            for at in ("< -50", "!= x[i]"):  # on several threads; in the last question, of NaN
                with self.subTest(vice=vice, at=at):
                    file = f"libbad{i}{len(at)}.so"
                    self.compiled(EXP_KERNEL.replace("VICE", vice).replace("AT", at), file)
                    p = self.run_program("certify-exp", "--library", file, "--library",
                                         self.compiled(EXP_KERNEL.replace("AT", "> 0").replace(
                                             "VICE", "abort()"), "libgood.so"),
                                         "--every", "99991", "--jobs", "2", "--out", "r", rc=1)
                    self.assertEqual(p.stderr, "")
                    self.assertIn(says, p.stdout)
                    self.assertEqual([v["verdict"] for v in self.results()["verdicts"]],
                                     ["fail", "pass"])

    def test_what_is_no_kernel(self):
        self.refused("verify", "--library", "./none.so", says="none.so")
        (self.cwd / "text.so").write_text("not a library")
        self.refused("verify", "--library", "text.so", says="text.so")
        self.compiled("int other;", "libother.so")
        self.refused("verify", "--library", "libother.so", says="xentcheck_plugin")
        self.compiled(C_KERNEL.replace("VICE", "").replace("NAME", "f").replace(
            '#include "xentcheck/kernel.h"', '#include "xentcheck/kernel.h"\n'
            "#undef XENTCHECK_ABI_MAJOR\n#define XENTCHECK_ABI_MAJOR 7"), "libnew.so")
        self.refused("verify", "--library", "libnew.so", says=["libnew.so", "ABI"])
        whole = (self.cwd / self.library()).read_bytes()
        (self.cwd / "other.so").write_bytes(whole[:18] + b"\x08\x00" + whole[20:])  # MIPS
        self.refused("verify", "--library", "other.so", says="other.so")
        for option, value in (("--deadline", "0"), ("--memory", "much"), ("--threads", "0")):
            self.refused("verify", "--library", "libmy_ce.so", option, value, says=option)

    def test_interrupted_results_are_written(self):
        self.library(vice="usleep(200000)")
        p = subprocess.Popen([PROGRAM, "verify", "--library", "libmy_ce.so", "--out", "r"],
                             cwd=self.cwd, stdout=subprocess.PIPE, text=True,
                             start_new_session=True)
        self.assertIn("seed", p.stdout.readline())
        time.sleep(0.5)
        os.killpg(p.pid, signal.SIGINT)
        text = p.communicate()[0]
        self.assertIn(p.returncode, (1, 4), text)
        self.assertNotIn("SIGINT", text)
        self.assertTrue(any("interrupted" in note for note in self.results()["notes"]), text)
        self.assertEqual(self.session(p.pid), [])


class Python(ThirdParty):
    def test_a_function(self):
        (self.cwd / "mine.py").write_text(NUMPY_KERNEL)
        p = self.run_program("verify", "--python", "mine.py:cross_entropy", "--interpreter",
                             sys.executable, *QUICK, "--out", "r", rc=0)
        self.assertIn("from mine.py", p.stdout)
        self.assertNotIn("noise", p.stdout)
        self.assertEqual(self.judged(), ["mine/cross_entropy"])

    def test_each_is_asked_in_its_dialect(self):
        (self.cwd / "mine.py").write_text(NUMPY_KERNEL.replace("return loss,", "return loss + 1,") +
                                          "cross_entropy.dialect = 'onnx'\n")
        p = self.run_program("verify", "--python", "mine.py:cross_entropy", "--kernel",
                             "scalar/safe", *QUICK, *PLAIN, "--out", "r", rc=1)
        self.assertIn("dialect=onnx", p.stdout)
        rows = {v["kernel"]: v for v in self.results()["verdicts"]}
        self.assertEqual((rows["scalar/safe"]["verdict"], rows["mine/cross_entropy"]["verdict"]),
                         ("pass", "fail"))
        self.assertTrue((self.cwd / "r" / rows["mine/cross_entropy"]["counterexample"]["file"])
                        .is_file())
        for line in self.replay_lines(p.stdout):
            self.run_program(*line, rc=1)
        self.run_program("verify", "--python", "mine.py:cross_entropy", "--dialect", "pytorch",
                         *QUICK, rc=5)

    def test_what_is_no_function(self):
        (self.cwd / "mine.py").write_text(NUMPY_KERNEL)
        (self.cwd / "broken.py").write_text("def f(:\n")
        (self.cwd / "bare").write_text(f"#!/bin/sh\nexec {sys.executable} -S \"$@\"\n")
        (self.cwd / "bare").chmod(0o755)
        with_python = ["--interpreter", sys.executable]
        for file, says in (("none.py:f", "none.py"), ("mine.py", "FILE.py:FUNCTION"),
                           ("mine.py:cross_entrop", ["cross_entrop", "cross_entropy"]),
                           ("broken.py:f", ["broken.py", "1"])):
            self.refused("verify", "--python", file, *with_python, says=says)
        self.refused("verify", "--python", "mine.py:cross_entropy", "--interpreter", "no-python",
                     says="no-python")
        self.refused("verify", "--python", "mine.py:cross_entropy", "--interpreter", "./bare",
                     says="numpy")
        self.refused("verify", "--interpreter", "python3", says="--python")


class Readme(ThirdParty):
    def block(self, language):
        text = (INCLUDE.parent / "README.md").read_text()
        return re.search(f"```{language}\n(.*?)```", text, re.S)[1]

    def test_the_examples_work(self):
        self.compiled(self.block("c"), "libmy_ce.so")
        (self.cwd / "my_ce.py").write_text(self.block("python"))
        self.run_program("verify", "--library", "./libmy_ce.so", "--python",
                         "my_ce.py:cross_entropy", *QUICK, *PLAIN, "--out", "r", rc=0)
        self.assertEqual(self.judged(), ["my_ce/cross_entropy", "my_ce/my_ce"])


class Doctor(ThirdParty):
    def test_says_what_third_parties_find(self):
        text = self.run_program("doctor", rc=0).stdout
        self.assertIn("--library, --python", text)
        self.assertRegex(text, r"--interpreter \S+ 3\.\d+\.\d+")


if __name__ == "__main__":
    unittest.main()
