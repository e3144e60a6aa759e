#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The bench from outside: what is timed, how it is called, what is said. No time is judged.

cli_bench_test.py PROGRAM"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM = pathlib.Path(sys.argv.pop(1)).resolve()
QUICK = ["--property", "*.accurate", "--cases", "1"]


class Bench(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.cwd = pathlib.Path(folder.name)

    def run_program(self, *args):
        return subprocess.run([PROGRAM, *args], cwd=self.cwd, capture_output=True, text=True)

    def bench(self, *args):
        """What is printed, and the results."""
        p = self.run_program("bench", *QUICK, "--out", "r", "--md", "--html", *args)
        self.assertEqual(p.returncode, 0, p.stdout + p.stderr)
        return p.stdout, json.loads((self.cwd / "r" / "results.json").read_text())

    def test_gradients_in_place_are_rows_of_their_own(self):
        out, r = self.bench("--kernel", "scalar/safe", "--in-place", "--threads", "2", "--problem",
                            "op=ce n=16 v=100 dtype=f32 dir=fwdbwd")
        rows = [(t["placement"], t["limit"], t["threads"], t["cache"]) for t in r["timings"]]
        self.assertEqual(rows, [("out of place", "copy", 2, "warm"),
                                ("in place", "read-write in place", 2, "warm")])
        self.assertIn("scalar/safe, in place", out)
        self.assertIn("2 threads; warm", out)
        self.assertEqual({x["threads"] for x in r["limits"]}, {2})
        for name in ("report.md", "index.html"):
            text = (self.cwd / "r" / name).read_text()
            for part in ("2 threads; warm", "in place", "of copy", "Fastest of ours"):
                self.assertIn(part, text, name)

    def test_the_preset_can_be_narrowed(self):
        _, r = self.bench("--kernel", "scalar/safe", "--shapes", "limits", "--problem",
                          "v=10 dir=fwd")
        self.assertEqual([t["problem"] for t in r["timings"]],
                         ["op=ce n=8192 v=10 dtype=f32 dir=fwd"])

    def test_what_says_nothing_by_its_time_is_not_timed(self):
        _, r = self.bench("--kernel", "cuda-shim/warp", "--kernel", "scalar/safe", "--problem",
                          "op=ce n=16 v=100 dtype=f32 dir=fwd")
        self.assertEqual([t["kernel"] for t in r["timings"]], ["scalar/safe"])
        self.assertIn("cuda-shim/warp: not timed, its threads are fibers, whose time says nothing "
                      "of a device", r["notes"])

    def test_wrong_use(self):
        for args, says in [(["--shapes", "limit"], "limits"),
                           (["--shapes", "limits", "--problem", "v=11"], "v=11"),
                           (["--threads", "0"], "--threads 0")]:
            p = self.run_program("bench", *args)
            self.assertEqual(p.returncode, 2, p.stdout)
            self.assertIn(says, p.stderr)
            self.assertEqual(p.stderr.count("\n"), 1)
            self.assertEqual(p.stdout, "")


if __name__ == "__main__":
    unittest.main()
