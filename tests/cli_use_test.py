#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Command lines that are wrong, and the help. cli_use_test.py PROGRAM"""
import os
import subprocess
import unittest

from cli_test import PROGRAM, QUICK, Cli


class WrongUse(Cli):
    def test_names(self):
        self.refused("verify", "--kernel", "scalar/saef", says=["scalar/saef", "scalar/safe"])
        self.refused("verify", "--property", "loss.acurate", says=["loss.acurate", "loss.accurate"])
        self.refused("verify", "--domain", "iriss", says=["iriss", "iris"])
        self.refused("verify", "--dialect", "maths", says="math")
        self.refused("verify", "--profile", "smok", says="smoke")
        self.refused("verify", "--problem", "dtyp=f32", says=["dtyp", "dtype"])
        self.refused("verify", "--problem", "op=cf", says="ce")
        self.refused("verify", "--promise", "fast", says="repeatable")
        self.refused("verify", "--frobnicate", says="unknown option '--frobnicate'")
        self.refused("verify", "x", "--kernle=y", says=["--kernle'", "nearest: --kernel"])
        self.refused("doctor", "everything", says=["everything", "xentcheck doctor --help"])
        for kind in ("property", "domain"):
            self.refused("verify", f"--{kind}", "zzz", says=f"zzz'; `xentcheck list {kind[:-1]}")
        self.refused("claims", "zzz", says="zzz'; `xentcheck list claims` shows all")
        self.refused("frobnicate", says="frobnicate")
        self.refused(says="--help")
        self.refused("list", "kernel", says="kernels")
        self.refused("list", says="list: give kernels, properties")
        self.refused("replay", says="replay: give a .case file")
        self.refused("report", says="report: give results.json")

    def test_numbers(self):
        self.refused("verify", "--shard", "3/2", says="I/N")
        self.refused("verify", "--budget", "soon", says="60s")
        self.refused("verify", "--seed", "xyz", says="hexadecimal")
        self.refused("verify", "--cases", "0", says="--cases 0")
        self.refused("verify", "--jobs", "100000", says="--jobs 100000")

    def test_later_versions(self):
        for command in ("hunt", "baseline"):
            self.refused(command, says=f"{command}: not in this version")

    def test_unwritable(self):
        (self.cwd / "file").write_text("")
        self.refused("verify", "--kernel", "scalar/safe", "--out", "file/x", *QUICK, says="file/x")

    def test_a_full_disk_behind_the_output_is_one_line(self):
        for args in (["--help"], ["list", "properties"], ["list", "domains", "iris"]):
            with open("/dev/full", "w", encoding="utf-8") as full:
                p = subprocess.run([PROGRAM, *args], stdout=full, stderr=subprocess.PIPE, text=True,
                                   check=False)
            self.assertEqual((p.returncode, p.stderr), (2, "xentcheck: cannot write to standard "
                                                        "output: No space left on device\n"))

    def test_help_keeps_to_the_terminal(self):
        for command in ("", "verify", "bench", "claims", "selftest", "certify-exp", "list",
                        "report", "replay", "doctor"):
            p = subprocess.run([PROGRAM, *command.split(), "--help"], stdout=subprocess.PIPE,
                               env=os.environ | {"COLUMNS": "60"}, text=True, check=True)
            self.assertLessEqual(max(map(len, p.stdout.splitlines())), 60, p.stdout)

    def test_help_and_version(self):
        self.assertIn("exit codes", self.run_program("--help", rc=0).stdout.lower())
        self.assertRegex(self.run_program("--version", rc=0).stdout, r"xentcheck \d+\.\d+")
        self.run_program("verify", "--help", rc=0)


if __name__ == "__main__":
    unittest.main()
