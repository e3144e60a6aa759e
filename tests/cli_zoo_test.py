#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Libraries with a vice as a user meets them. cli_zoo_test.py PROGRAM LIBRARY [TEST]"""
import glob
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = pathlib.Path(sys.argv.pop(1)).resolve()
LIBRARY = pathlib.Path(sys.argv.pop(1)).resolve()
ASKED = ["loss.accurate", "io.every-output-written", "io.inputs-untouched", "run.well-behaved"]
# Who crashes fails whatever it is asked; other misconduct costs one verdict.
EXPECTED = {
    "zoo/aborts": set(ASKED),
    "zoo/connects": {"run.well-behaved"},
    "zoo/exits": set(ASKED),
    "zoo/flushes-to-zero": {"run.well-behaved"},
    "zoo/kills-parent": {"run.well-behaved"},
    "zoo/keeps-threads": set(),
    "zoo/leaves-last-out": {"io.every-output-written"},
    "zoo/reads-past-logits": set(ASKED),
    "zoo/signals-itself": set(),
    "zoo/writes-file": {"run.well-behaved"},
}


def shared_memory():
    return set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()


class Zoo(unittest.TestCase):
    def test_each_vice_costs_its_own_verdicts_and_nothing_is_left(self):
        with tempfile.TemporaryDirectory() as folder:
            own = pathlib.Path(folder)
            (own / "tmp").mkdir()
            before = shared_memory()
            command = [PROGRAM, "verify", "--library", LIBRARY, "--cases", "2", "--out", "r"]
            command += [a for name in EXPECTED for a in ("--kernel", name)]
            command += [a for name in ASKED for a in ("--property", name)]
            p = subprocess.run(command, cwd=own, capture_output=True, text=True,
                               env={**os.environ, "TMPDIR": str(own / "tmp")})
            self.assertEqual(p.returncode, 1, p.stdout + p.stderr)
            self.assertEqual(self.failures(own / "r"), EXPECTED)
            self.assertEqual(os.listdir(own / "tmp"), [])
            self.assertEqual(sorted(os.listdir(own)), ["r", "tmp"])
            self.assertFalse([n for n in shared_memory() - before if "zoo" in n])

    def test_what_a_killed_judge_leaves_is_removed_by_the_next_one(self):
        with tempfile.TemporaryDirectory() as folder:
            command = [PROGRAM, "verify", "--library", LIBRARY, "--cases", "1",
                       "--property", "loss.accurate", "--kernel"]
            own = os.path.join(folder, "tmp")
            os.mkdir(own)
            env = {**os.environ, "TMPDIR": own}
            judge = subprocess.Popen([*command, "zoo/waits"], env=env, cwd=folder,
                                     stdout=subprocess.DEVNULL)
            while not glob.glob(own + "/xentcheck-*/.made*") and judge.poll() is None:
                time.sleep(0.01)
            judge.kill()
            judge.wait()
            self.assertTrue(os.listdir(own))
            subprocess.run([*command, "zoo/signals-itself"], env=env, cwd=folder, check=True,
                           capture_output=True)
            self.assertEqual(os.listdir(own), [])

    def failures(self, report):
        rows = json.loads((report / "results.json").read_text())["verdicts"]
        judged = {r["kernel"] for r in rows}
        return {k: {r["property"] for r in rows if r["kernel"] == k and r["verdict"] == "fail"}
                for k in judged}


if __name__ == "__main__":
    unittest.main()
