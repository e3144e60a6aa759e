# SPDX-License-Identifier: Apache-2.0
"""xentcheck/kernel.h and serve.h for ctypes: the same names and orders of fields."""

import ctypes
from ctypes import (CFUNCTYPE, POINTER, Structure, c_char_p, c_double, c_int, c_int32, c_int64,
                    c_size_t, c_uint32, c_uint64, c_void_p)

ABI = (0, 2)
OK, FAILED, UNSUPPORTED, UNAVAILABLE = 0, 1, 2, 3
POLICY_PYTHON, POLICY_GPU = 1, 2
OPS = ("ce", "bce-logits", "bce-prob", "entropy", "cross-entropy", "kl", "lse", "nll",
       "mse-softmax", "mse-sigmoid")
DIRS = ("fwd", "bwd", "fwdbwd", "hvp")
LAYOUTS = ("nc", "bct", "btv")
TARGETS = ("index", "prob")
REDUCTIONS = ("none", "sum", "mean")
DENOMINATORS = ("valid", "rows", "sequence", "number")
UPSTREAMS = ("one", "scalar", "row")
UNITS = ("nats", "bits", "perplexity")
DTYPES = ("f32", "f64", "f16", "bf16")
PROMISES = ("repeatable", "batch-invariant", "alignment-invariant", "thread-invariant",
            "shift-exact", "sign-exact", "in-place")
ACCURACIES = ("standard", "relative")


def utf8(text):
    return text.encode("utf-8", "replace")


class Problem(Structure):
    _fields_ = [("struct_size", c_size_t), ("text", c_char_p), ("dialect", c_char_p),
                ("op", c_int32), ("dir", c_int32), ("n", c_int64), ("v", c_int64), ("t", c_int64),
                ("stride", c_int64), ("layout", c_int32), ("targets", c_int32),
                ("reduction", c_int32), ("denominator", c_int32), ("denominator_value", c_double),
                ("ignore_index", c_int64), ("has_ignore_index", c_int32), ("shift", c_int32),
                ("weights", c_int32), ("upstream", c_int32), ("smoothing", c_double),
                ("z_loss", c_double), ("softcap", c_double), ("scale", c_double),
                ("dtype", c_int32), ("accumulate", c_int32), ("output", c_int32),
                ("unit", c_int32)]


class Tensors(Structure):
    _fields_ = [("struct_size", c_size_t)] + [
        (name, c_void_p) for name in ("input", "target", "weight", "direction", "upstream", "loss",
                                      "grad", "workspace")]


class Message(Structure):
    _fields_ = [("struct_size", c_size_t), ("text", c_void_p), ("size", c_size_t)]

    def write(self, text):
        """As much as there is room for, no letter by half."""
        data = utf8(text)[:max(0, self.size - 1)].decode("utf-8", "ignore").encode() + b"\0"
        ctypes.memmove(self.text, data, min(len(data), self.size))


Supports = CFUNCTYPE(c_int, POINTER(Problem), POINTER(Message))
Prepare = CFUNCTYPE(c_int, POINTER(Problem), c_int32, POINTER(c_void_p), POINTER(Message))
Launch = CFUNCTYPE(c_int, c_void_p, POINTER(Problem), POINTER(Tensors), c_void_p, POINTER(Message))
Release = CFUNCTYPE(None, c_void_p)
Around = CFUNCTYPE(c_int, c_void_p, POINTER(Problem), POINTER(Tensors), POINTER(Message))


class Kernel(Structure):
    _fields_ = [("struct_size", c_size_t), ("name", c_char_p), ("summary", c_char_p),
                ("dialect", c_char_p), ("device", c_int32), ("accuracy", c_int32),
                ("promises", c_uint64), ("supports", Supports), ("budget", c_void_p),
                ("prepare", Prepare), ("workspace_bytes", c_void_p), ("launch", Launch),
                ("wait", c_void_p), ("release", Release), ("exponential", c_void_p),
                ("exponential_positive", c_int32)]


class Library(Structure):
    _fields_ = [("struct_size", c_size_t), ("abi_major", c_uint32), ("abi_minor", c_uint32),
                ("version", c_char_p), ("count", c_size_t), ("kernels", POINTER(POINTER(Kernel)))]


class Hooks(Structure):
    _fields_ = [("stage", Around), ("collect", Around)]


def host(path):
    """The host library, with the types of its functions."""
    library = ctypes.CDLL(path)
    library.xentcheck_host_start.argtypes = [c_int, c_uint64]
    library.xentcheck_host_start.restype = None
    library.xentcheck_host_warm_up.argtypes = []
    library.xentcheck_host_warm_up.restype = None
    library.xentcheck_host_serve.argtypes = [POINTER(Library), POINTER(Hooks)]
    library.xentcheck_host_refuse.argtypes = [c_int, c_char_p]
    library.xentcheck_host_remark.argtypes = [c_char_p, c_char_p]
    library.xentcheck_host_remark.restype = None
    return library
