#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The program as a user meets it: exit codes, one-line errors, files. cli_test.py PROGRAM [TEST]"""
import json
import os
import pathlib
import re
import resource
import shlex
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

import numpy as np

PROGRAM = pathlib.Path(sys.argv.pop(1)).resolve()
QUICK = ["--cases", "1"]


class Cli(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.cwd = pathlib.Path(self._folder.name)
        self.addCleanup(self._folder.cleanup)

    def run_program(self, *args, rc):
        p = subprocess.run([PROGRAM, *map(str, args)], cwd=self.cwd, capture_output=True, text=True)
        if rc is not None:
            self.assertEqual(p.returncode, rc, f"{args}\n{p.stdout}\n{p.stderr}")
        return p

    def refused(self, *args, says):
        """Wrong use: exit 2 and exactly one line, which says what is wrong."""
        p = self.run_program(*args, rc=2)
        self.assertEqual(p.stderr.count("\n"), 1, p.stderr)
        for text in says if isinstance(says, (list, tuple)) else [says]:
            self.assertIn(text, p.stderr)
        self.assertNotIn("internal error", p.stderr)

    def npz(self, name="t.npz", *, compressed=False, **arrays):
        path = self.cwd / name
        (np.savez_compressed if compressed else np.savez)(path, **arrays)
        return path


class Verdicts(Cli):
    def test_naive_fails_with_a_counterexample_that_replays(self):
        p = self.run_program("verify", "--kernel", "scalar/naive", "--property", "loss.*", rc=1)
        self.assertIn("loss.extreme-logits", p.stdout)
        block = p.stdout.split("violates loss.extreme-logits")[1]
        classes = int(re.search(r"problem op=ce n=1 v=(\d+)", block)[1])
        self.assertLessEqual(classes, 2)
        line = re.search(r"replay +\S*xentcheck (replay .*)", block)[1].split()
        replay = self.run_program(*line, rc=1)
        self.assertIn("fail: ", replay.stdout)
        self.assertIn("exact", replay.stdout)

    def replay_lines(self, text):
        return [shlex.split(m)[1:] for m in re.findall(r"replay +(\S.*)", text)]

    def test_replay_lines_can_be_pasted(self):
        p = self.run_program("verify", "--kernel", "scalar/naive", "--property", "loss.shift*",
                             "--promise", "shift-exact", "--out", "a b's", *QUICK, rc=1)
        lines = self.replay_lines(p.stdout)
        self.assertTrue(lines)
        for line in lines:
            self.run_program(*line, rc=1)

    def test_nowhere_to_save_loses_no_verdict(self):
        (self.cwd / "out").write_text("")
        p = self.run_program("verify", "--kernel", "scalar/naive", "--property",
                             "loss.extreme-logits", *QUICK, rc=1)
        self.assertIn("violates loss.extreme-logits", p.stdout)
        self.assertIn("note: counterexample of scalar/naive", p.stdout)

    def test_a_budget_that_cuts_is_not_a_pass(self):
        p = self.run_program("verify", "--kernel", "scalar/safe", "--budget", "0.000001", rc=4)
        self.assertIn("not judged", p.stdout)

    def test_narrow_choices_fail_no_right_kernel(self):
        for problem in ("v=1", "n=1 v=2", "n=4 v=33 reduction=mean"):
            self.run_program("verify", "--kernel", "scalar/safe", "--problem", problem, *QUICK,
                             rc=0)
        # The sum over no row is 0; a mean over none is left open.
        for problem, rc in (("n=0", 0), ("n=0 reduction=mean denominator=valid", 5)):
            self.run_program("verify", "--kernel", "scalar/safe", "--problem", problem, *QUICK,
                             rc=rc)

    def test_a_right_kernel_passes_the_counterexample(self):
        self.run_program("verify", "--kernel", "scalar/naive", "--property", "loss.extreme-logits",
                         rc=1)
        self.run_program("replay", "out/counterexamples/1.case", "--kernel", "scalar/safe", rc=0)

    def test_products_pass_and_power_is_shown(self):
        # highway/auto runs what the other rungs consist of.
        p = self.run_program("verify", "--kernel", "scalar/*", "--kernel", "highway/auto/*",
                             *QUICK, rc=0)
        self.assertNotIn("scalar/naive", p.stdout)
        self.assertIn("power", p.stdout)
        self.assertRegex(p.stdout, r"loss\.accurate +pass +\d+ +\d+ +[\d.e-]+ +[01]\.\d\d")
        self.assertRegex(p.stdout, r"\n\d+ passed, 0 failed")

    def test_the_seed_is_printed_first_and_decides(self):
        args = ["verify", "--kernel", "scalar/safe", "--property", "loss.accurate", *QUICK]
        first = self.run_program(*args, "--seed", "abc", "--out", "a", rc=0)
        self.assertTrue(first.stdout.startswith("seed abc"))
        self.run_program(*args, "--seed", "abc", "--out", "b", "--jobs", "1", rc=0)
        rows = [json.loads((self.cwd / d / "results.json").read_text())["verdicts"] for d in "ab"]
        self.assertEqual(*rows)

    def test_nothing_judged_is_not_a_pass(self):
        p = self.run_program("verify", "--kernel", "nothing/*", rc=5)
        self.assertIn("no kernel matches nothing/*", p.stdout)
        p = self.run_program("verify", "--kernel", "cuda/*", rc=5)
        self.assertIn("skip cuda/", p.stdout)
        self.run_program("verify", "--property", "nothing.*", rc=5)
        p = self.run_program("verify", "--kernel", "highway/*", "--problem",
                             "op=ce dtype=f32 dialect=pytorch", *QUICK, rc=5)
        self.assertIn("dialect=pytorch is not supported", p.stdout)

    def test_a_choice_that_nothing_meets_is_said_beside_others(self):
        p = self.run_program("verify", "-k", "nothing*", "-k", "scalar/safe", *QUICK, "--out", "o",
                             rc=0)
        self.assertIn("note: --kernel nothing*: no kernel matches", p.stdout)
        notes = json.loads((self.cwd / "o" / "results.json").read_text())["notes"]
        self.assertIn("--kernel nothing*: no kernel matches", notes)

    def test_real_inputs(self):
        for domain in ("worked-example", "iris"):
            p = self.run_program("verify", "--kernel", "scalar/safe", "--domain", domain, *QUICK,
                                 rc=0)
            self.assertNotIn("0 passed", p.stdout)


class CaseFiles(Cli):
    def case(self):
        self.run_program("verify", "--kernel", "scalar/naive", "--property", "loss.extreme-logits",
                         "--problem", "op=ce targets=index", rc=1)
        return self.cwd / "out/counterexamples/1.case"

    def test_damage(self):
        good = self.case().read_bytes()
        bad = self.cwd / "bad.case"
        for label, data in {
            "truncated": good[: len(good) // 2],
            "corrupted": good.replace(b"seed", b"sead", 1),
            "a flipped digit": good.replace(b"n=1", b"n=2", 1),
            "empty": b"",
            "something else": b"\x7fELF\0\0\0",
        }.items():
            with self.subTest(label):
                bad.write_bytes(data)
                self.refused("replay", bad, says="bad.case")
        self.refused("replay", "missing.case", says="missing.case")

    def test_target_out_of_range(self):
        text = self.case().read_text()
        body = re.sub(r"(tensor targets i64 1 text\n)\d+", r"\g<1>7", text)
        self.assertNotEqual(body, text)
        body = re.sub(r"end .*", "end unchecked", body)
        (self.cwd / "t.case").write_text(body)
        self.refused("replay", "t.case", says=["7", "0"])


class Tensors(Cli):
    def verify(self, path, *more, rc):
        return self.run_program("verify", "--kernel", "scalar/safe", "--tensors", path, *more,
                                rc=rc)

    def test_good(self):
        rng = np.random.default_rng(1)
        for dtype in (np.float32, np.float64):
            path = self.npz(logits=rng.normal(0, 4, (5, 11)).astype(dtype), targets=np.arange(5))
            self.assertRegex(self.verify(path, rc=0).stdout, r"\n\d+ passed, 0 failed")

    def rows_of(self, folder):
        text = (self.cwd / folder / "results.json").read_text()
        return {v["property"]: v for v in json.loads(text)["verdicts"]}

    def captured(self, n, v, name="t.npz"):
        rng = np.random.default_rng(2)
        return self.npz(name, logits=4 * rng.standard_normal((n, v), dtype=np.float32),
                        targets=rng.integers(0, v, n))

    def test_accuracy_is_judged_on_every_row_and_theorems_on_some(self):
        path = self.captured(200, 1000)
        p = self.verify(path, "--property", "loss.accurate", "--property", "grad.accurate",
                        "--property", "loss.permutation", "--problem", "dir=fwdbwd reduction=none",
                        "--out", "t", rc=0)
        self.assertIn("accuracy is judged on all 200 rows, the other theorems on 64", p.stdout)
        rows = self.rows_of("t")
        self.assertEqual((rows["loss.accurate"]["cases"], rows["loss.accurate"]["checks"]),
                         (1, 200))
        self.assertEqual((rows["grad.accurate"]["cases"], rows["grad.accurate"]["checks"]),
                         (1, 200 + 200 * 1000))

    def test_a_wrong_row_is_found_wherever_it_is(self):
        # The last in the order of gaps: not among those that theorems are tried on.
        logits = np.zeros((300, 5), np.float32)
        logits[:, 0] = 10
        logits[299] = 88.9
        path = self.npz(logits=logits, targets=np.zeros(300, np.int64))
        p = self.run_program("verify", "--kernel", "scalar/naive", "--tensors", path, "--property",
                             "loss.accurate", "--problem", "dir=fwd reduction=none", rc=1)
        self.assertIn("n=1", p.stdout)

    def test_threads_change_nothing(self):
        path = self.captured(40, 4099)
        found = []
        for jobs in (1, 3):
            self.verify(path, "--property", "grad.accurate", "--property", "loss.accurate",
                        "--jobs", jobs, "--out", f"j{jobs}", rc=0)
            found.append(self.rows_of(f"j{jobs}"))
        self.assertEqual(*found)

    def test_a_failure_is_shrunk_from_the_tensors(self):
        logits = np.full((3, 4), 1.0, np.float32)
        logits[1, 2] = 200
        path = self.npz(logits=logits, targets=np.array([0, 1, 2]))
        p = self.run_program("verify", "--kernel", "scalar/naive", "--tensors", path, "--property",
                             "loss.accurate", rc=1)
        self.assertIn("n=1", p.stdout)

    def test_a_right_kernel_survives_any_data(self):
        rng = np.random.default_rng(3)
        base = rng.normal(size=(4, 6)).astype(np.float32)
        y = np.array([0, 1, 2, 3])
        rows = {"nan": np.nan, "plus": np.inf, "minus": -np.inf, "huge": 3e38, "tiny": 1e-45}
        for label, value in rows.items():
            for where in (np.s_[1, 1], np.s_[1, 4], np.s_[1, :]):
                with self.subTest(label, where=where):
                    x = base.copy()
                    x[where] = value
                    self.verify(self.npz(logits=x, targets=y), rc=0)
        self.verify(self.npz(logits=np.zeros((70, 3), np.float32),
                             targets=np.zeros(70, np.int64)), rc=0)
        self.verify(self.npz(logits=np.zeros((2, 1), np.float32), targets=np.array([0, 0])), rc=0)
        sure = base.copy()
        sure[np.arange(4), y] = 200
        self.verify(self.npz(logits=sure, targets=y), rc=0)

    def test_refused(self):
        x = np.zeros((2, 3), np.float32)
        y = np.array([0, 1])
        bad = {
            "dtype": (dict(logits=x.astype(np.int32), targets=y), "logits"),
            "complex": (dict(logits=x.astype(np.complex64), targets=y), "logits"),
            "shape": (dict(logits=x, targets=np.array([0, 1, 2])), "targets"),
            "rank": (dict(logits=x[0], targets=y), "logits"),
            "range": (dict(logits=x, targets=np.array([0, 3])), "3"),
            "negative": (dict(logits=x, targets=np.array([0, -1])), "-1"),
            "missing": (dict(logits=x), "targets"),
            "order": (dict(logits=np.asfortranarray(x), targets=y), "logits"),
            "endian": (dict(logits=x.astype(">f4"), targets=y), "logits"),
        }
        for label, (arrays, says) in bad.items():
            with self.subTest(label):
                self.refused("verify", "--tensors", self.npz(**arrays), says=["t.npz", says])
        self.refused("verify", "--tensors", self.npz(compressed=True, logits=x, targets=y),
                     says=["t.npz", "savez"])
        (self.cwd / "x.npz").write_bytes(b"not a zip")
        self.refused("verify", "--tensors", "x.npz", says="x.npz")
        whole = self.npz(logits=x, targets=y).read_bytes()
        (self.cwd / "cut.npz").write_bytes(whole[: len(whole) // 2])
        self.refused("verify", "--tensors", "cut.npz", says="cut.npz")


class Reports(Cli):
    def test_run_writes_everything(self):
        p = self.run_program("run", "--kernel", "scalar/safe", "--kernel", "scalar/naive",
                             "--problem", "op=ce dtype=f32 dir=fwdbwd n=8 v=10", *QUICK,
                             "--out", "r", rc=0)
        self.assertIn("expected to fail", p.stdout)
        results = json.loads((self.cwd / "r/results.json").read_text())
        self.assertEqual(results["schema"], 1)
        self.assertTrue(results["command"].endswith(" --out r"), results["command"])
        self.assertTrue(any(t["kernel"] == "scalar/safe" for t in results["timings"]))
        self.assertFalse(any(t["kernel"] == "scalar/naive" for t in results["timings"]))
        xml.etree.ElementTree.parse(self.cwd / "r/junit.xml")
        for name in ("report.md", "index.html"):
            self.assertIn("scalar/safe", (self.cwd / "r" / name).read_text())

    def test_report_renders_and_merges_shards(self):
        for i in (1, 2):
            self.run_program("verify", "--kernel", "scalar/safe", "--property", "loss.accurate",
                             "--shard", f"{i}/2", "--out", f"s{i}", rc=0)
        parts = [json.loads((self.cwd / f"s{i}/results.json").read_text()) for i in (1, 2)]
        self.run_program("report", "s1/results.json", "s2/results.json", "--out", "m", rc=0)
        merged = json.loads((self.cwd / "m/results.json").read_text())
        self.assertEqual(merged["verdicts"][0]["cases"],
                         sum(p["verdicts"][0]["cases"] for p in parts))
        self.refused("report", "missing.json", says="missing.json")
        (self.cwd / "bad.json").write_text("{")
        self.refused("report", "bad.json", says="bad.json")

    def test_lists_and_doctor(self):
        for what in ("kernels", "properties", "claims", "domains", "mutants", "dialects"):
            self.assertGreater(len(self.run_program("list", what, rc=0).stdout), 100)
        self.run_program("list", "kernels", "nothing*", rc=5)
        text = self.run_program("list", "kernels", "scalar/safe", "--problem",
                                "op=kl smoothing=0.1", rc=0)
        self.assertIn("skip", text.stdout)
        text = self.run_program("list", "kernels", "scalar/referenced", "--problem",
                                "v=10 smoothing=0,0.1", rc=0).stdout
        self.assertEqual(re.findall(r"; by (\w+ pass)", " ".join(text.split())),
                         ["one pass", "two pass"])
        self.assertIn("scalar/safe", self.run_program("doctor", rc=0).stdout)


class Selftest(Cli):
    def test_prints_who_kills_whom(self):
        text = self.run_program("selftest", "-k", "zeros", "-k", "kl-*", "--property",
                                "loss.accurate", "--property", "grad.accurate", rc=0).stdout
        self.assertRegex(text, r"(?m)^zeros +xx$")
        self.assertRegex(text, r"(?m)^kl-backward-alone +\.x$")
        self.assertRegex(text, r"  1 loss.accurate \(\d+ killed\)")
        self.assertIn("4 of 4 mutants die", text)

    def test_a_survivor_is_a_failure(self):
        p = self.run_program("selftest", "-k", "kl-backward-alone", "--property", "loss.penalty",
                             rc=1)
        self.assertIn("SURVIVOR mutant/kl-backward-alone survives every property", p.stdout)

    def test_an_unknown_mutant_is_wrong_use(self):
        self.refused("selftest", "-k", "mutant/zeroes", says=["no mutant matches", "mutant/zeros"])


class Memory(Cli):
    """Under a limit that a sanitizer could not live with."""

    def test_a_bench_without_memory_loses_no_verdict(self):
        limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        p = subprocess.run(
            [PROGRAM, "bench", "--kernel", "scalar/safe", "--property", "*.accurate", *QUICK,
             "--problem", "op=ce n=4000000 v=1000", "--out", "b"],
            cwd=self.cwd, capture_output=True, text=True, preexec_fn=limit)
        self.assertEqual(p.returncode, 3, p.stdout + p.stderr)
        self.assertIn("the bench stopped", p.stdout)
        results = json.loads((self.cwd / "b/results.json").read_text())
        self.assertEqual({v["verdict"] for v in results["verdicts"]}, {"pass"})

    def peak_bytes(self, rows):
        """Of judging so many captured rows of 128256 classes, every one."""
        v = 128256
        # In a process of its own: the peak of this one would be inherited.
        make = ("import numpy as np; r = np.random.default_rng(5); np.savez('t.npz', "
                f"logits=4 * r.standard_normal(({rows}, {v}), dtype=np.float32), "
                f"targets=r.integers(0, {v}, {rows}))")
        subprocess.run([sys.executable, "-c", make], cwd=self.cwd, check=True)
        p = subprocess.Popen(
            [PROGRAM, "verify", "--kernel", "scalar/safe", "--tensors", "t.npz", "--property",
             "grad.accurate", "--problem", "dir=fwdbwd reduction=none", "--out", "w"],
            cwd=self.cwd, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(p.returncode, 0)
        (row,) = json.loads((self.cwd / "w/results.json").read_text())["verdicts"]
        self.assertEqual((row["verdict"], row["checks"]), ("pass", rows + rows * v))
        return usage.ru_maxrss * 1024

    def test_a_captured_file_of_real_width_is_held_four_times(self):
        # The case, the kernel's guarded input and gradient, its output; and what the oracle needs.
        rows = 256
        grown = self.peak_bytes(rows) - self.peak_bytes(1)
        self.assertLess(grown, 4 * (4 * rows * 128256) + (64 << 20))


if __name__ == "__main__":
    unittest.main()
