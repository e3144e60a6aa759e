# SPDX-License-Identifier: Apache-2.0
"""What can be enqueued on a benchmark's tensors: kernels of a library of xentcheck/kernel.h, and
the limits of bench/limits/cuda.cu."""

import array
import ctypes
import fnmatch
from ctypes import POINTER, byref, c_int, c_size_t, c_uint32, c_uint64, c_void_p

import xentcheck_abi as abi

CUDA = 1  # XENTCHECK_DEVICE_CUDA
DTYPES = {"f32": 0, "f16": 2, "bf16": 3}
DIRS = {"fwd": 0, "fused": 2, "in-place": 2}
DIR_NAMES = {"fwd": "fwd", "fused": "fwdbwd", "in-place": "fwdbwd"}
IN_PLACE = 1 << abi.PROMISES.index("in-place")
MESSAGE = 1024

WorkspaceBytes = ctypes.CFUNCTYPE(c_size_t, c_void_p)
Plugin = ctypes.CFUNCTYPE(POINTER(abi.Library), c_uint32, c_uint32)


class Refusal(Exception):
    """Why a kernel does not take a problem, or what it failed with."""


def problem_of(shape):
    """The plain problem of a shape: class indices, losses of each row."""
    text = (f"op=ce n={shape.n} v={shape.v} dtype={shape.dtype} "
            f"dir={DIR_NAMES[shape.mode]}").encode()
    dtype = DTYPES[shape.dtype]
    return abi.Problem(struct_size=ctypes.sizeof(abi.Problem), text=text, dialect=b"math",
                       dir=DIRS[shape.mode], n=shape.n, v=shape.v, t=1, stride=shape.v, scale=1,
                       dtype=dtype, accumulate=-1, output=dtype)


class Message:
    def __init__(self):
        self.buffer = ctypes.create_string_buffer(MESSAGE)
        self.struct = abi.Message(ctypes.sizeof(abi.Message),
                                  ctypes.cast(self.buffer, c_void_p), MESSAGE)

    def require(self, code):
        if code != 0:
            raise Refusal(self.buffer.value.decode(errors="replace") or f"returned {code}")


class Kernel:
    """One kernel of a library, prepared for a problem by `bind`."""

    def __init__(self, struct, name):
        self.struct, self.name = struct, name

    def bind(self, shape, driver):
        return Bound(self.struct, shape, driver)


class Bound:
    def __init__(self, kernel, shape, driver):
        self.kernel, self.driver = kernel, driver
        self.problem, self.state, self.workspace = problem_of(shape), c_void_p(), 0
        message = Message()
        if shape.in_place and not kernel.promises & IN_PLACE:
            raise Refusal("does not promise in-place")
        if kernel.supports:
            message.require(kernel.supports(byref(self.problem), byref(message.struct)))
        if kernel.prepare:
            message.require(kernel.prepare(byref(self.problem), 1, byref(self.state),
                                           byref(message.struct)))
        if kernel.workspace_bytes:
            size = WorkspaceBytes(kernel.workspace_bytes)(self.state)
            self.workspace = driver.allocate(size) if size else 0

    def enqueue(self, tensors):
        x = abi.Tensors(struct_size=ctypes.sizeof(abi.Tensors), input=tensors.logits,
                        target=tensors.targets, loss=tensors.loss, grad=tensors.grad or None,
                        workspace=self.workspace or None)
        message = Message()
        message.require(self.kernel.launch(self.state, byref(self.problem), byref(x),
                                           self.driver.stream, byref(message.struct)))

    def close(self):
        if self.kernel.release:
            self.kernel.release(self.state)
        if self.workspace:
            self.driver.free(self.workspace)


def library(path, patterns):
    """The kernels for CUDA of a library whose `stem/name` matches one of the patterns."""
    loaded = ctypes.CDLL(str(path))
    listed = Plugin(("xentcheck_plugin", loaded))(*abi.ABI)
    stem = path.stem.removeprefix("lib")
    kernels = []
    for i in range(listed.contents.count):
        struct = listed.contents.kernels[i].contents
        name = f"{stem}/{struct.name.decode()}"
        if struct.device == CUDA and any(fnmatch.fnmatch(name, p) for p in patterns):
            kernels.append(Kernel(struct, name))
    return kernels


class Limits:
    """Reading, changing in place and copying as fast as plain loops can, and an empty kernel."""

    def __init__(self, path, driver):
        self.library, self.driver = ctypes.CDLL(str(path)), driver
        self.patterns = self.library.xentcheck_limit_patterns()

    def call(self, name, *arguments):
        code = getattr(self.library, name)(*arguments, c_void_p(self.driver.stream))
        if code != 0:
            raise Refusal(f"{name}: CUDA error {code}")

    def fill(self, address, count, dtype, seed):
        self.call("xentcheck_limit_fill", c_uint64(address), c_size_t(count),
                  c_int(DTYPES[dtype]), c_uint64(seed))

    def jobs(self, shape):
        """{name: enqueue(tensors)}: the limit of a mode is the fastest of its patterns."""
        size = shape.matrix_bytes // 16 * 16
        jobs = {"launch": lambda tensors: self.call("xentcheck_limit_launch")}
        for i in range(self.patterns):
            if shape.mode == "fwd":
                jobs[f"read/{i}"] = lambda t, i=i: self.call(
                    "xentcheck_limit_read", c_int(i), c_uint64(t.logits), c_uint64(t.loss),
                    c_size_t(size))
                continue
            jobs[f"change/{i}"] = lambda t, i=i: self.call(
                "xentcheck_limit_change", c_int(i), c_uint64(t.grad), c_uint64(t.grad),
                c_size_t(size))
            if not shape.in_place:
                jobs[f"copy/{i}"] = lambda t, i=i: self.call(
                    "xentcheck_limit_change", c_int(i), c_uint64(t.logits), c_uint64(t.grad),
                    c_size_t(size))
        return jobs


def targets(n, v):
    """Class indices that every run has alike."""
    return array.array("q", ((i * 2654435761 + 12345) % v for i in range(n)))
