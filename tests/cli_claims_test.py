#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`xentcheck claims` as a user meets it. cli_claims_test.py PROGRAM [TEST]"""
import json
import os
import subprocess
import unittest
import xml.etree.ElementTree

from cli_test import PROGRAM, QUICK, Cli

KERNEL = ["--kernel", "scalar/safe"]
CHEAP = ["info.gibbs", "grad.signs", "wrong.sign", "wrong.softmax-then-log"]


class Claims(Cli):
    def results(self, folder="out"):
        return json.loads((self.cwd / folder / "results.json").read_text())

    def test_list_shows_the_ledger(self):
        p = self.run_program("list", "claims", rc=0)
        ids = [line for line in p.stdout.splitlines() if not line.startswith(" ")]
        self.assertEqual(len(ids), 72)
        self.assertEqual(len(set(ids)), 72)
        p = self.run_program("list", "claims", "wrong.s*", rc=0)
        self.assertIn("wrong.softmax-then-log", p.stdout)
        self.assertNotIn("info.", p.stdout)
        self.run_program("list", "claims", "nothing.*", rc=5)

    def test_the_table_fits_80_columns(self):
        p = subprocess.run([PROGRAM, "claims", *CHEAP, *KERNEL, *QUICK], cwd=self.cwd,
                           capture_output=True, text=True, env={**os.environ, "COLUMNS": "80"})
        self.assertEqual(p.returncode, 0, p.stdout + p.stderr)
        self.assertTrue(p.stdout.startswith("seed 5eed"))
        for line in p.stdout.splitlines():
            self.assertLessEqual(len(line), 80, line)
        self.assertRegex(p.stdout, r"info\.gibbs +tested +\d+ cases")
        self.assertRegex(p.stdout, r"wrong\.sign +refuted +z = \(0, 0\)")
        self.assertIn("4 claims: 2 tested, 2 refuted", p.stdout)

    def test_every_report_names_the_claims(self):
        self.run_program("claims", *CHEAP, *KERNEL, *QUICK, "--out", "out", "--md", "--html",
                         "--junit", rc=0)
        claims = self.results()["claims"]
        self.assertEqual([c["id"] for c in claims], CHEAP)
        self.assertTrue(all(c["kernels"] == ["scalar/safe"] for c in claims))
        suite = xml.etree.ElementTree.parse(self.cwd / "out/junit.xml").find("testsuite")
        self.assertEqual([c.get("name") for c in suite], CHEAP)
        for name in ("report.md", "index.html"):
            text = (self.cwd / "out" / name).read_text()
            for c in claims:
                self.assertIn(c["id"], text)
        again = self.run_program("report", "out/results.json", rc=0)
        self.assertIn("4 claims: 2 tested, 2 refuted", again.stdout)
        self.run_program("report", "out/results.json", "--html", "--out", "again", rc=0)
        self.assertEqual((self.cwd / "out/index.html").read_text(),
                         (self.cwd / "again/index.html").read_text())

    def test_the_seed_decides_and_threads_do_not(self):
        for folder, jobs in (("a", 1), ("b", 2)):
            self.run_program("claims", *CHEAP, *KERNEL, *QUICK, "--seed", "abc", "--jobs", jobs,
                             "--out", folder, rc=0)
        self.assertEqual(self.results("a")["claims"], self.results("b")["claims"])

    def test_a_contradiction_fails_with_its_witness(self):
        p = self.run_program("claims", "loss.extreme-logits", "--kernel", "scalar/naive", "--out",
                             "out", "--junit", rc=1)
        self.assertIn("contradicted loss.extreme-logits", p.stdout)
        self.assertIn("scalar/naive breaks loss.extreme-logits", p.stdout)
        claim = self.results()["claims"][0]
        self.assertEqual(claim["verdict"], "contradicted")
        self.assertIn("op=", claim["witness"])
        self.assertIn('<failure type="contradicted"', (self.cwd / "out/junit.xml").read_text())

    def test_no_evidence_fails(self):
        p = self.run_program("claims", "loss.accurate", *KERNEL, "--budget", "0.000001", rc=1)
        self.assertIn("no-evidence", p.stdout)

    def test_nothing_chosen_is_not_a_pass(self):
        p = self.run_program("claims", "nothing.*", *KERNEL, rc=5)
        self.assertIn("no claim matches nothing.*", p.stdout)
        self.run_program("claims", "--kernel", "nothing/*", rc=5)

    def test_wrong_use(self):
        self.refused("claims", "info.gibs", says=["info.gibs", "info.gibbs"])
        self.refused("claims", "--profile", "smok", says="smoke")
        self.refused("claims", "--data", "no.csv", says=["--data no.csv", "no such file"])
        self.refused("claims", "--text", ".", says=["--text .", "not a file"])
        self.refused("verify", "--data", "no.csv", says="--data")
        self.refused("run", "--text", "no.txt", says="--text")
        self.refused("claims", "--property", "loss.accurate", says="--property")

    def test_bad_data_and_text(self):
        (self.cwd / "bad.csv").write_text("a,b\n1,x,2\n")
        self.refused("claims", "train.faster-than-mse", *KERNEL, "--data", "bad.csv",
                     says="bad.csv")
        (self.cwd / "bad.txt").write_text("a")
        self.refused("claims", "lm.perplexity", *KERNEL, *QUICK, "--text", "bad.txt",
                     says="bad.txt")


if __name__ == "__main__":
    unittest.main()
