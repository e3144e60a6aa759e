# SPDX-License-Identifier: Apache-2.0
"""What else is installed beside this Python: PyTorch's cross-entropy, eager and compiled, and
Liger-Kernel's in Triton. Each is enqueued on the benchmark's own tensors and stream, in a graph of
PyTorch's. Unproven on hardware."""

import importlib.util

LOSSES = {}


def peer(name):
    def add(make):
        LOSSES[name] = make
        return make
    return add


@peer("torch/eager")
def eager():
    import torch
    return lambda x, y: torch.nn.functional.cross_entropy(x, y, reduction="none")


@peer("torch/compiled")
def compiled():
    import torch
    return torch.compile(eager(), dynamic=False)


@peer("liger/triton")
def liger():
    from liger_kernel.ops.cross_entropy import LigerCrossEntropyFunction

    def loss(x, y):
        return LigerCrossEntropyFunction.apply(x, y, None, -100, 0.0, 0.0, "none", None)[0]
    return loss


# It writes the gradient over its logits in forward already. They are put back before each sample,
# not before each call of one: later calls move the same bytes with other numbers in them.
DESTROYS = {"liger/triton"}


def why_none(name):
    """Why a peer cannot be timed here, or None."""
    package = {"torch": "torch", "liger": "liger_kernel"}[name.split("/")[0]]
    for needed in ("torch", package):
        if importlib.util.find_spec(needed) is None:
            return f"this Python has no {needed}"
    import torch
    return None if torch.cuda.is_available() else "its PyTorch finds no CUDA device"


class Address:
    """Memory of the device for torch.as_tensor."""

    def __init__(self, address, shape, kind):
        self.__cuda_array_interface__ = {"shape": shape, "typestr": kind, "version": 3,
                                         "data": (address, False)}


def tensor(address, shape, dtype):
    import torch
    kinds = {"f32": ("<f4", torch.float32), "bf16": ("<i2", torch.bfloat16),
             "f16": ("<i2", torch.float16), "i64": ("<i8", torch.int64)}
    text, kind = kinds[dtype]
    return torch.as_tensor(Address(address, shape, text), device="cuda").view(kind)


class Peer:
    """Graphs of calls on each of the tensor sets."""

    def __init__(self, name, shape, sets, calls, driver):
        import torch
        self.torch, self.loss = torch, LOSSES[name]()
        self.fused = shape.mode != "fwd"
        self.stream = torch.cuda.ExternalStream(driver.stream)
        self.sets = [(tensor(s.logits, (shape.n, shape.v), shape.dtype),
                      tensor(s.targets, (shape.n,), "i64")) for s in sets]
        self.results = [None] * len(sets)
        with torch.cuda.stream(self.stream):
            for _ in range(3):
                self.call(0)
        driver.synchronize()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, stream=self.stream):
            for i in range(calls):
                self.call(i % len(sets))

    def call(self, i):
        x, y = self.sets[i]
        if self.fused:
            x = x.detach().requires_grad_()
            loss = self.loss(x, y)
            grad, = self.torch.autograd.grad(loss, x, self.torch.ones_like(loss))
            self.results[i] = loss.detach(), grad
        else:
            with self.torch.no_grad():
                self.results[i] = self.loss(x, y), None

    def __call__(self):
        with self.torch.cuda.stream(self.stream):
            self.graph.replay()

    def close(self):
        self.graph, self.results, self.sets = None, None, None
        self.torch.cuda.empty_cache()
