#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times kernels on a CUDA device beside the device's own limits and the peers of this Python:
events around graphs of calls on rotated tensors, all in one interleaved run a shape. Started by
bench/gpu.sh, which judges first. Unproven on hardware."""

import argparse
import json
import pathlib
import random
import subprocess
import sys

import driver as cuda
import report

TIMED_BYTES = 3  # tensor sets together are at least so many times the second-level cache
SAMPLE_SECONDS = 4e-3  # of one replay of a graph, at least
MOST_CALLS = 512

SHAPES = ("32768x256 32768x1024 16384x4096 8192x32000 8192x50257 8192x128256 8192x151936 "
          "4096x262144 16x128256 1x262144")
SIZES = {"f32": 4, "bf16": 2, "f16": 2}


class Shape:
    def __init__(self, text, dtype, mode):
        self.n, self.v = map(int, text.split("x"))
        self.text, self.dtype, self.mode = text, dtype, mode
        self.matrix_bytes = self.n * self.v * SIZES[dtype]
        self.loss_bytes = self.n * SIZES[dtype]

    @property
    def in_place(self):
        return self.mode == "in-place"

    @property
    def least_bytes(self):
        """What a call reads and writes."""
        matrices = 1 if self.mode == "fwd" else 2
        return matrices * self.matrix_bytes + 8 * self.n + self.loss_bytes

    @property
    def memory_bytes(self):
        """What one set of tensors takes."""
        return self.least_bytes - (self.matrix_bytes if self.in_place else 0)

    def __str__(self):
        return f"{self.text} {self.dtype} {self.mode}"


class Tensors:
    """One set, on the device; fresh numbers are put in by `fill`."""

    def __init__(self, shape, seed, driver, limits, targets):
        self.shape, self.seed, self.driver, self.limits = shape, seed, driver, limits
        self.logits = driver.allocate(shape.matrix_bytes)
        own = driver.allocate(shape.matrix_bytes) if shape.mode == "fused" else 0
        self.grad = self.logits if shape.in_place else own
        self.loss = driver.allocate(shape.loss_bytes)
        self.targets = driver.allocate(8 * shape.n)
        driver.upload(self.targets, targets)
        self.fill()

    def fill(self):
        count = self.shape.n * self.shape.v
        self.limits.fill(self.logits, count, self.shape.dtype, self.seed)
        if self.grad != self.logits and self.grad:
            self.limits.fill(self.grad, count, self.shape.dtype, self.seed + 1)
        self.driver.synchronize()

    def losses(self):
        kind = {"f32": "I"}.get(self.shape.dtype, "H")
        return self.driver.download(self.loss, kind, self.shape.n).tobytes()

    def close(self):
        for address in {self.logits, self.grad, self.loss, self.targets}:
            if address:
                self.driver.free(address)


class Job:
    """Something that is timed: `make(calls)` gives a function that enqueues so many calls. `once`
    enqueues one, on the first set."""

    def __init__(self, name, make, close=lambda: None, before=lambda: None, once=None):
        self.name, self.make, self.close, self.before = name, make, close, before
        self.once = once
        self.samples, self.run, self.calls = [], None, 0


def captured(enqueue, sets, driver):
    def make(calls):
        enqueue(sets[0])  # loads the code, which a graph cannot
        driver.synchronize()
        return driver.graph(lambda: [enqueue(sets[i % len(sets)]) for i in range(calls)])
    return make


def prepare(job, sets, driver):
    """Chooses the calls of a sample: each set as often as the others."""
    job.run = job.make(len(sets))
    job.run()
    seconds = max(driver.timed(job.run), 1e-7)
    rounds = min(max(1, round(SAMPLE_SECONDS / seconds)), max(1, MOST_CALLS // len(sets)))
    job.calls = rounds * len(sets)
    if rounds > 1:
        job.run.close()
        job.run = job.make(job.calls)
        driver.timed(job.run)


def refill(sets):
    """Of a sample of calls that overwrite logits, the first of each set finds them."""
    return lambda: [s.fill() for s in sets]


def our_jobs(shape, sets, kernels, driver, notes):
    from kernels import Refusal
    for kernel in kernels:
        try:
            bound = kernel.bind(shape, driver)
            yield Job(kernel.name, captured(bound.enqueue, sets, driver), bound.close,
                      refill(sets) if shape.in_place else lambda: None,
                      lambda bound=bound: bound.enqueue(sets[0]))
        except Refusal as e:
            notes.append(f"{kernel.name} {shape}: left out, {e}")


def peer_jobs(shape, sets, names, driver, notes):
    import peers
    for name in names:
        why = peers.why_none(name)
        if why:
            notes.append(f"{name}: left out, {why}")
            continue
        if shape.in_place and name not in peers.DESTROYS:
            notes.append(f"{name} {shape}: left out, gives its gradient out of place")
            continue
        before = refill(sets) if name in peers.DESTROYS else lambda: None
        yield Job(name, lambda calls, name=name: peers.Peer(name, shape, sets, calls, driver),
                  before, before)


def time_jobs(jobs, sets, samples, driver, notes):
    """In random order again and again. A job that raises is left out, with its reason."""
    ready = []
    for job in jobs:
        try:
            job.before()
            prepare(job, sets, driver)
            ready.append(job)
        except Exception as e:  # a peer may raise anything
            notes.append(f"{job.name} {sets[0].shape}: left out, {type(e).__name__}: "
                         + " ".join(str(e).split())[:200])
            job.close()
    shuffle = random.Random(5)
    for _ in range(samples):
        shuffle.shuffle(ready)
        for job in ready:
            job.before()
            job.samples.append(driver.timed(job.run) / job.calls)
    return ready


def compare(jobs, ours, sets, driver, notes):
    """The losses of each kernel of ours on the first set: what differs has a note."""
    known = None
    for job in sorted((j for j in jobs if j.name in ours), key=lambda j: j.name):
        sets[0].fill()
        job.once()
        driver.synchronize()
        losses = sets[0].losses()
        known = known or (job.name, losses)
        if losses != known[1]:
            notes.append(f"{job.name} {sets[0].shape}: other losses than {known[0]}")


def quantile(values, q):
    ordered = sorted(values)
    place = q * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def row(shape, job, verdicts):
    is_limit = job.name.split("/")[0] in ("read", "change", "copy", "launch")
    return {"shape": shape.text, "dtype": shape.dtype, "mode": shape.mode, "name": job.name,
            "limit": is_limit, "bytes": shape.least_bytes, "calls": job.calls,
            "verdict": None if is_limit else verdicts.get(job.name, "not judged"),
            "seconds": {"median": quantile(job.samples, 0.5), "p10": quantile(job.samples, 0.1),
                        "p90": quantile(job.samples, 0.9), "samples": job.samples}}


def bench_shape(shape, args, kernels, limits, driver, verdicts, notes):
    from kernels import targets
    l2 = max(driver.attribute(cuda.L2_BYTES), 1)
    count = max(1, -(-TIMED_BYTES * l2 // shape.memory_bytes))
    one = shape.memory_bytes + shape.matrix_bytes  # a peer's own gradient
    if count * one > driver.free_bytes():
        notes.append(f"{shape}: left out, the device has too little memory free")
        return []
    labels = targets(shape.n, shape.v)
    sets = [Tensors(shape, 1000 * (i + 1), driver, limits, labels) for i in range(count)]
    jobs = [Job(name, captured(enqueue, sets, driver))
            for name, enqueue in limits.jobs(shape).items()]
    jobs += our_jobs(shape, sets, kernels, driver, notes)
    jobs += peer_jobs(shape, sets, args.peers, driver, notes)
    timed = time_jobs(jobs, sets, args.samples, driver, notes)
    compare(timed, {k.name for k in kernels}, sets, driver, notes)
    rows = [row(shape, job, verdicts) for job in timed]
    for job in timed:
        job.run.close()
        job.close()
    for tensors in sets:
        tensors.close()
    return rows


def verdicts_of(files):
    """{kernel: "pass" or the worst verdict} of results.json of `xentcheck verify`."""
    order = ["fail", "inconclusive", "pass"]
    worst = {}
    for file in files:
        for v in json.loads(pathlib.Path(file).read_text(encoding="utf-8"))["verdicts"]:
            if v["verdict"] not in order:
                continue
            known = worst.get(v["kernel"], "pass")
            worst[v["kernel"]] = min(known, v["verdict"], key=order.index)
    return {PEER_NAMES.get(name, name): verdict for name, verdict in worst.items()}


# What judges call the peers (examples/torch/cuda.py, examples/pypi/liger_ce.py).
PEER_NAMES = {"cuda_ce/eager": "torch/eager", "cuda_ce/compiled": "torch/compiled",
              "liger_ce/cross_entropy": "liger/triton"}


def clocks():
    query = "clocks.sm,clocks.mem,temperature.gpu,power.draw,clocks_throttle_reasons.active"
    try:
        run = subprocess.run(["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"],
                             capture_output=True, text=True, check=True)
        return run.stdout.splitlines()[0].strip()
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "unknown"


def machine(driver):
    bits, khz = driver.attribute(cuda.BUS_BITS), driver.attribute(cuda.MEMORY_KHZ)
    return {"gpu": driver.name(), "driver": driver.version(),
            "l2_bytes": driver.attribute(cuda.L2_BYTES),
            "multiprocessors": driver.attribute(cuda.MULTIPROCESSORS),
            "capability": f"{driver.attribute(cuda.MAJOR)}.{driver.attribute(cuda.MINOR)}",
            "bus_bits": bits, "memory_khz": khz,
            "peak_bytes_per_second": 2 * khz * 1e3 * bits / 8, "clocks_before": clocks()}


def sanitize(shapes, kernels, limits, driver, notes):
    """Each kernel once on each shape, tensors of exactly their size: for compute-sanitizer."""
    from kernels import Refusal, targets
    for shape in shapes:
        tensors = Tensors(shape, 1, driver, limits, targets(shape.n, shape.v))
        for kernel in kernels:
            try:
                bound = kernel.bind(shape, driver)
                bound.enqueue(tensors)
                driver.synchronize()
                tensors.losses()
                bound.close()
            except Refusal as e:
                notes.append(f"{kernel.name} {shape}: left out, {e}")
        tensors.close()
    print(f"{len(kernels)} kernels, {len(shapes)} shapes")
    print("\n".join(notes))


def arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--library", type=pathlib.Path, action="append", required=True)
    p.add_argument("--limits", type=pathlib.Path, required=True)
    p.add_argument("--abi", type=pathlib.Path, required=True, help="where xentcheck_abi.py lies")
    p.add_argument("--kernel", action="append", help="globs; default: all")
    p.add_argument("--shapes", default=SHAPES, help="NxV between blanks")
    p.add_argument("--dtypes", default="bf16 f32")
    p.add_argument("--modes", default="fwd fused", help="of fwd, fused and in-place")
    p.add_argument("--peers", default="torch/eager torch/compiled liger/triton")
    p.add_argument("--samples", type=int, default=31)
    p.add_argument("--verdicts", action="append", default=[], help="results.json of the judging")
    p.add_argument("--sanitize", action="store_true", help="run each kernel once, time nothing")
    p.add_argument("--out", type=pathlib.Path)
    args = p.parse_args()
    args.peers, args.kernel = args.peers.split(), args.kernel or ["*"]
    if not args.sanitize and args.out is None:
        p.error("--out says where the results go")
    return args


def main():
    args = arguments()
    sys.path.insert(0, str(args.abi))  # before `kernels` is imported
    import kernels as enqueued
    try:
        driver = cuda.Driver()
        limits = enqueued.Limits(args.limits, driver)
        kernels = [k for path in args.library for k in enqueued.library(path, args.kernel)]
        shapes = [Shape(text, dtype, mode) for text in args.shapes.split()
                  for dtype in args.dtypes.split() for mode in args.modes.split()]
        notes, rows = [], []
        if args.sanitize:
            sanitize(shapes, kernels, limits, driver, notes)
            return 0
        result = {"machine": machine(driver), "rows": rows, "notes": notes}
        verdicts = verdicts_of(args.verdicts)
        for shape in shapes:
            print(shape, flush=True)
            rows += bench_shape(shape, args, kernels, limits, driver, verdicts, notes)
        result["machine"]["clocks_after"] = clocks()
        result["notes"] = sorted(set(notes))
        report.write(args.out, result)
    except cuda.DriverError as e:
        print(f"bench.py: {e}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
