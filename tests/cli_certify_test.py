#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`xentcheck certify-exp` as a user meets it. cli_certify_test.py PROGRAM [TEST]"""
import json
import math
import re
import unittest

from cli_test import Cli

EVERY = ["--every", "99991"]
# Where multiplications and additions round apart, nothing is certified.
UNDECIDED = 4


class Certify(Cli):
    def setUp(self):
        super().setUp()
        p = self.run_program("certify-exp", "-k", "scalar/safe", "--every", "1000000000", rc=None)
        if p.returncode == UNDECIDED:
            self.assertIn("nothing is certified here: ", p.stdout)
            self.skipTest(p.stdout)

    def row(self, folder="out"):
        results = json.loads((self.cwd / folder / "results.json").read_text())
        return results["exponentials"][0]


class Sampled(Certify):
    def test_says_that_it_certifies_nothing(self):
        p = self.run_program("certify-exp", "-k", "scalar/*", "-k", "highway/*", *EVERY, rc=0)
        self.assertIn("one of 99991, certifies nothing", p.stdout)
        self.assertNotIn("every one", p.stdout)
        self.assertNotIn("b.exp_rel", p.stdout)
        self.assertIn("binary64", p.stdout)

    def test_a_wrong_exponential_fails_with_its_witness(self):
        p = self.run_program("certify-exp", "-k", "mutant/ln2-without-low-part", *EVERY, "--out",
                             "out", "--md", "--html", "--junit", rc=1)
        row = self.row()
        worst = row["maxima"][0]
        self.assertEqual(row["verdict"], "fail")
        x, y = (float.fromhex(worst[k]) for k in ("argument", "result"))
        error = abs(y / math.exp(x) - 1) * 2**24
        self.assertAlmostEqual(worst["low"], error, delta=2**-26)
        self.assertGreater(error, row["declared_rel"])
        said = " ".join(p.stdout.split())
        self.assertIn(f"where the budget has 2 u at x = {worst['argument']} (0x", said)
        for name in ("report.md", "index.html", "junit.xml"):
            self.assertIn(worst["argument"], (self.cwd / "out" / name).read_text())

    def test_the_threads_change_nothing(self):
        rows = []
        for jobs in "13":
            self.run_program("certify-exp", "-k", "scalar/safe", *EVERY, "--jobs", jobs, "--out",
                             jobs, rc=0)
            rows.append(self.row(jobs))
        self.assertEqual(*rows)

    def test_kernels_without_one_are_skipped(self):
        p = self.run_program("certify-exp", "-k", "mutant/zeros", *EVERY, rc=5)
        self.assertIn("mutant/zeros shows no exponential of its own", " ".join(p.stdout.split()))
        p = self.run_program("certify-exp", "-k", "nothing/*", rc=5)
        self.assertIn("no kernel matches nothing/*", p.stdout)

    def test_wrong_use(self):
        self.refused("certify-exp", "-k", "scalar/saef", says=["scalar/saef", "scalar/safe"])
        self.refused("certify-exp", "--every", "0", says="--every 0")
        (self.cwd / "file").write_text("")
        self.refused("certify-exp", *EVERY, "--out", "file/x", says="file/x")


class Whole(Certify):
    """Every argument: the figures that the kernels' budgets rest on."""

    KERNELS = "highway/safe/avx3", "highway/safe/avx2", "highway/safe/neon"

    def certified(self, kernel):
        p = self.run_program("certify-exp", "-k", kernel, "--out", "out", rc=0)
        row = self.row()
        self.assertEqual((row["every"], row["verdict"]), (1, "pass"))
        self.assertIn("b.exp_rel = ", p.stdout)
        return row

    def test_highway(self):
        here = self.run_program("list", "kernels", "highway/*", rc=0).stdout
        kernel = next(k for k in self.KERNELS if re.search(rf"(?m)^{k}\n +product", here))
        row = self.certified(kernel)
        self.assertEqual(row["inputs"], 0x7f800001)
        for end in ("low", "high"):
            self.assertAlmostEqual(row["maxima"][0][end], 1.4937333, delta=1e-7)
        self.assertEqual(row["maxima"][0]["argument"], "-0x1.78e2fcp+2")
        self.assertEqual(row["facts"], ["exp(0) = 1", "exp(-inf) = 0", "NaN stays NaN", "monotone",
                                        "0 below -0x1.9fe368p+6"])


class All(Whole):
    """What takes minutes."""

    def test_every_product(self):
        shown = self.run_program("list", "kernels", rc=0).stdout
        for kernel in re.findall(r"(?m)^(\S+)\n +product", shown):
            with self.subTest(kernel):
                row = self.certified(kernel)
                self.assertEqual(row["inputs"] > 0x80000000, kernel.startswith("scalar/"))


if __name__ == "__main__":
    unittest.main()
