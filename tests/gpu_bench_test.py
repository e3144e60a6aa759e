#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gpu_bench_test.py BUILD: bench/gpu.sh as far as it goes without a GPU, and bench/gpu/bench.py on
a driver that has none (tests/abi/fake_cuda.c). What a device does is not shown here."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
CACHE = 4096  # of the driver without a device
PLUGIN = BUILD / "tests" / "abi" / "cuda.so"


def run(*command, rc=0, **environment):
    p = subprocess.run([str(word) for word in command], env=os.environ | environment,
                       capture_output=True, text=True, check=False)
    assert rc in (None, p.returncode), f"exit {p.returncode}, not {rc}: {p.stdout}{p.stderr}"
    return p.stdout + p.stderr


class Script(unittest.TestCase):
    SCRIPT = ROOT / "bench" / "gpu.sh"

    def test_a_dry_run_prints_every_step_and_does_none(self):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "out"
            said = run(self.SCRIPT, "--dry-run", "--out", out)
            self.assertFalse(out.exists())
        steps = [line for line in said.splitlines() if line.startswith("+ ")]
        self.assertEqual(len(steps), len(said.splitlines()))
        for part in ("XENTCHECK_CUDA=ON", "cmake --build", "verify --memory 0 --kernel cuda/*",
                     "--tool memcheck", "--tool racecheck", "--tool initcheck", "cuda_ce.py:eager",
                     "cuda_ce.py:compiled", "liger_ce.py", "bench.py"):
            self.assertTrue(any(part in step for step in steps), part)

    def test_in_place_is_timed_where_it_is_asked_for(self):
        for words, timed in (([], "fwd fused"), (["--in-place"], "fwd fused in-place")):
            steps = run(self.SCRIPT, "--dry-run", *words).splitlines()
            benches = [step for step in steps if "bench.py" in step]
            self.assertEqual(len(benches), 4)  # the sanitizer's tools, and the benchmark
            for step in benches:
                self.assertIn(f"--modes {timed} --", step)

    def test_libraries_may_lie_in_a_prefix(self):
        said = run(self.SCRIPT, "--dry-run", DEPS_PREFIX="/deps")
        self.assertIn("-DCMAKE_PREFIX_PATH=/deps", said)

    @unittest.skipUnless(shutil.which("shellcheck"), "no shellcheck here")
    def test_shellcheck_finds_nothing(self):
        self.assertEqual(run("shellcheck", self.SCRIPT), "")

    def test_wrong_use_is_one_line(self):
        for words in (["--fast"], ["--out"]):
            self.assertEqual(run(self.SCRIPT, *words, rc=2).count("\n"), 1)

    def test_without_a_gpu_it_says_so_in_one_line(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("bash", "dirname", "cat"):
                (pathlib.Path(folder) / name).symlink_to(f"/bin/{name}" if pathlib.Path(
                    f"/bin/{name}").exists() else f"/usr/bin/{name}")
            said = run(self.SCRIPT, rc=2, PATH=folder)
        self.assertEqual(said.count("\n"), 1)
        self.assertIn("nvidia-smi", said)


@unittest.skipUnless(PLUGIN.exists(), "no plugin on fibers: hosts have no sanitizers")
class Program(unittest.TestCase):
    """What the program says of the kernels on a device, which here are fibers."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.hosts = pathlib.Path(folder.name)
        for file in ("xentcheck-host", "libxentcheck_host.so"):
            (self.hosts / file).symlink_to(BUILD / file)
        (self.hosts / "cuda.so").symlink_to(PLUGIN)

    def xentcheck(self, *words, rc=0, **environment):
        driver = str(PLUGIN.parent / "driver")
        return run(BUILD / "xentcheck", *words, rc=rc, XENTCHECK_HOSTS=str(self.hosts),
                   **{"LD_LIBRARY_PATH": driver} | environment)

    def test_kernels_on_a_device_are_kernels_like_others(self):
        self.assertIn("ok   cuda/auto\n", self.xentcheck("doctor"))
        self.assertIn("on a CUDA device", self.xentcheck("list", "kernels", "cuda/safe"))
        said = self.xentcheck("verify", "--kernel", "cuda/warp", "--property", "loss.accurate",
                              "--cases", "1")
        self.assertIn("pass  cuda/warp", said)

    def test_without_a_device_they_are_skipped_with_the_reason(self):
        why = "CUDA_ERROR_NO_DEVICE"
        none = {"FAKE_CUDA": "no device"}
        self.assertIn(why, self.xentcheck("doctor", **none))
        self.assertIn("skip: ", self.xentcheck("list", "kernels", "cuda/*", **none))
        for name in ("cuda/*", "cuda/safe"):
            self.assertIn(why, self.xentcheck("verify", "--kernel", name, rc=5, **none))
        for command in (["verify", "--property", "loss.accurate", "--cases", "1"],
                        ["certify-exp", "--every", "1000000"]):
            said = self.xentcheck(*command, "--kernel", "cuda/safe", "--kernel", "scalar/safe",
                                  **none)
            self.assertIn("note: --kernel cuda/safe: ", said)
            self.assertIn(why, said)
        said = self.xentcheck("verify", "--kernel", "cuda/atuo", rc=2, **none)
        self.assertIn("unknown kernel 'cuda/atuo'; nearest: cuda/auto", said)
        self.assertIn(why, self.xentcheck("certify-exp", "--library", self.hosts / "cuda.so:auto",
                                          rc=5, **none))

    def test_without_a_driver_or_a_build_too(self):
        said = self.xentcheck("list", "kernels", "cuda/*", LD_LIBRARY_PATH="")
        self.assertTrue("libcuda.so.1" in said or "cuda/auto" in said, said)
        (self.hosts / "cuda.so").unlink()
        self.assertIn("skip: ", self.xentcheck("list", "kernels", "cuda/*"))
        self.assertIn("skip cuda/*: ", self.xentcheck("verify", "--kernel", "cuda/auto", rc=5))
        said = self.xentcheck("verify", "--kernel", "cuda/spilt", rc=2)
        self.assertIn("nearest: cuda/split", said)
        self.assertEqual(said.count("\n"), 1)

    def test_the_host_s_clock_times_no_device(self):
        said = self.xentcheck("bench", "--kernel", "cuda/warp", "--problem",
                              "op=ce n=2 v=5 dir=fwd", "--cases", "1", rc=None)
        self.assertIn("cuda/warp: not timed", said)


class Bench(unittest.TestCase):
    def bench(self, *words, rc=0, **environment):
        abi = BUILD / "tests" / "abi"
        return run(sys.executable, "-B", ROOT / "bench" / "gpu" / "bench.py", "--library",
                   abi / "device.so", "--limits", abi / "fake_limits.so", "--abi", BUILD,
                   "--dtypes", "f32", "--peers", "", *words, rc=rc,
                   LD_LIBRARY_PATH=str(abi / "driver"), **environment)

    def test_every_kernel_and_limit_is_timed(self):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder)
            judged = out / "judged.json"
            judged.write_text(json.dumps({"verdicts": [
                {"kernel": "device/rows", "verdict": "pass"},
                {"kernel": "device/scribbles", "verdict": "pass"},
                {"kernel": "device/scribbles", "verdict": "fail"}]}), encoding="utf-8")
            self.bench("--kernel", "device/rows", "--kernel", "device/scribbles", "--shapes",
                       "3x5 200x40", "--samples", "3", "--verdicts", judged, "--out", out)
            result = json.loads((out / "gpu.json").read_text(encoding="utf-8"))
            text = (out / "gpu.md").read_text(encoding="utf-8")
        names = {(r["shape"], r["mode"], r["name"]) for r in result["rows"]}
        for shape in ("3x5", "200x40"):
            for mode, limit in (("fwd", "read/1"), ("fused", "change/1"), ("fused", "copy/0")):
                self.assertIn((shape, mode, limit), names)
                self.assertIn((shape, mode, "device/rows"), names)
        verdicts = {r["name"]: r["verdict"] for r in result["rows"]}
        self.assertEqual(verdicts["device/rows"], "pass")
        self.assertEqual(verdicts["device/scribbles"], "fail")
        self.assertIsNone(verdicts["launch"])
        self.assertEqual({len(r["seconds"]["samples"]) for r in result["rows"]}, {3})
        self.assertIn("## 200x40 f32 fused", text)
        self.assertIn("| device/rows | pass |", text)

    def test_small_shapes_have_sets_beyond_the_cache(self):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder)
            self.bench("--kernel", "device/rows", "--shapes", "3x5", "--modes", "fwd", "--samples",
                       "1", "--out", out)
            rows = json.loads((out / "gpu.json").read_text(encoding="utf-8"))["rows"]
        for r in rows:
            self.assertEqual(r["calls"] % -(-3 * CACHE // r["bytes"]), 0)

    def test_in_place_beside_its_own_limit(self):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder)
            self.bench("--kernel", "device/rows", "--kernel", "device/twin", "--kernel",
                       "device/scribbles", "--shapes", "3x5 200x40", "--modes", "in-place",
                       "--samples", "3", "--out", out)
            result = json.loads((out / "gpu.json").read_text(encoding="utf-8"))
            text = (out / "gpu.md").read_text(encoding="utf-8")
        names = {r["name"] for r in result["rows"]}
        self.assertEqual(names, {"launch", "change/0", "change/1", "device/rows", "device/twin"})
        self.assertEqual(result["notes"],
                         [f"device/scribbles {shape} f32 in-place: left out, does not promise "
                          "in-place" for shape in ("200x40", "3x5")])
        for r in result["rows"]:
            n, v = map(int, r["shape"].split("x"))
            self.assertEqual(r["calls"] % -(-3 * CACHE // (4 * n * v + 12 * n)), 0)
            self.assertEqual(r["bytes"], 8 * n * v + 12 * n)
        self.assertIn("## 200x40 f32 in-place", text)
        self.assertRegex(text, r"\| device/rows \| not judged \|.*%")

    def test_a_kernel_that_does_not_take_a_shape_is_left_out_and_named(self):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder)
            self.bench("--kernel", "device/rows", "--shapes", "3x11", "--modes", "fwd",
                       "--samples", "1", "--out", out)
            result = json.loads((out / "gpu.json").read_text(encoding="utf-8"))
        self.assertNotIn("device/rows", {r["name"] for r in result["rows"]})
        self.assertEqual(result["notes"],
                         ["device/rows 3x11 f32 fwd: left out, takes no rows of eleven"])

    def test_an_error_of_the_device_is_one_line(self):
        said = self.bench("--kernel", "device/breaks", "--shapes", "3x5", "--out", "unused", rc=2)
        self.assertIn("\nbench.py: ", said)
        self.assertIn("CUDA_ERROR_ILLEGAL_ADDRESS", said)

    def test_without_a_device_it_is_one_line(self):
        said = self.bench("--out", "unused", rc=2, FAKE_CUDA="no device")
        self.assertEqual(said.count("\n"), 1)
        self.assertIn("CUDA_ERROR_NO_DEVICE", said)

    def test_a_sanitized_run_calls_each_kernel(self):
        said = self.bench("--sanitize", "--kernel", "device/rows", "--shapes", "3x5")
        self.assertIn("1 kernels, 2 shapes", said)
        said = self.bench("--sanitize", "--kernel", "device/scribbles", "--shapes", "3x5",
                          "--modes", "in-place")
        self.assertIn("device/scribbles 3x5 f32 in-place: left out", said)


if __name__ == "__main__":
    unittest.main()
