# SPDX-License-Identifier: Apache-2.0
"""Functions with a habit or a vice each, for process_python_test.cpp."""
import ctypes
import os
import subprocess
import sys

import numpy as np


def losses(logits, targets):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(targets)), targets]


def gradients(logits, targets):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    grad = e / e.sum(axis=1, keepdims=True)
    grad[np.arange(len(targets)), targets] -= 1
    return grad


def right(logits, targets):
    """Losses and gradients."""
    return losses(logits, targets), gradients(logits, targets)


def loss_only(logits, targets):
    return losses(logits, targets)


def mean_only(logits, targets):
    return losses(logits, targets).mean()


def sum_only(logits, targets):
    return losses(logits, targets).sum()


def named(logits, targets):
    return {"grad": gradients(logits, targets), "loss": losses(logits, targets)}


def scaled_by_caller(logits, targets, *, grad_output=None):
    grad = gradients(logits, targets)
    return losses(logits, targets), grad if grad_output is None else grad * grad_output[..., None]


def insists(logits, targets, *, weight, ignore_index, label_smoothing):
    if weight is not None or ignore_index != -100 or label_smoothing != 0:
        raise ValueError("not what stands for nothing")
    return right(logits, targets)


def by_position(logits, targets, weight=None, ignore_index=-100, reduction="mean"):
    kept = targets != ignore_index
    rows = losses(logits, np.where(kept, targets, 0)) * kept
    w = np.ones_like(rows) if weight is None else weight[np.where(kept, targets, 0)]
    total = (rows * w).sum()
    return {"none": rows * w, "sum": total, "mean": total / (w * kept).sum()}[reduction]


def echo(logits, targets):
    """Its input as loss and gradient, bit by bit."""
    return logits[:, 0], logits


def echo_middle(logits, targets, *, reduction="none"):
    return logits[:, 0], logits


echo_middle.layouts = {"bct"}
echo_middle.targets = {"prob"}


def prints(logits, targets):
    print("{'loss': 0}" * 1000, flush=True)
    print("noise", file=sys.stderr)
    return right(logits, targets)


def wider(logits, targets):
    return losses(logits.astype(np.float64), targets), gradients(logits, targets)


def shapeless(logits, targets):
    return losses(logits, targets)[:-1], gradients(logits, targets)


def raises(logits, targets):
    raise ValueError("not\ntoday")


def calls_exit(logits, targets):
    sys.exit(3)


def ends(logits, targets):
    os._exit(0)


def crashes(logits, targets):
    ctypes.string_at(8)


def nothing(logits, targets):
    return None


def no_gradient(logits, targets):
    return losses(logits, targets), None


no_gradient.gradient = True


def three(logits, targets):
    return 1, 2, 3


def overwrites(logits, targets):
    result = right(logits, targets)
    logits -= 1
    return result


def scribbles(logits, targets):
    """At the address that the array tells."""
    result = right(logits, targets)
    ctypes.memset(logits[1:, 2:].ctypes.data, 1, 4)
    return result


def opens(logits, targets):
    try:
        open("python-was-here", "w")
    except OSError:
        pass
    return right(logits, targets)


answers = {}


def remembers(logits, targets):
    return answers.setdefault(logits.ctypes.data, right(logits, targets))


def own_memory(logits, targets):
    grad = gradients(logits, targets)
    loss = losses(logits, targets)
    logits[...] = grad
    return loss, logits


def picky(logits, targets):
    return right(logits, targets)


picky.promises = {"repeatable", "batch-invariant"}
picky.accuracy = "relative"
picky.dialect = "pytorch"
picky.supports = lambda problem: problem["v"] == "5" or "five classes alone"
own_memory.promises = "in-place"


def promises_much(logits, targets):
    return right(logits, targets)


promises_much.promises = {"repeatable", "always-right"}


def strange_type(logits, targets):
    return right(logits, targets)


strange_type.dtypes = {"f32", "f8"}


def needs(logits, targets, *, temperature):
    return right(logits, targets)


def of_another_world(logits, targets):
    return right(logits, targets)


of_another_world.framework = "tensorflow"


def entropy(p):
    return -(p * np.log(p)).sum(axis=1), -(np.log(p) + 1)


entropy.op = "entropy"


compiled = set()


def compiles(logits, targets):
    """Starts a program for each type and for one row, as compilers of kernels do."""
    key = logits.dtype, len(logits) == 1
    if key not in compiled:
        subprocess.run(["true"], check=True)
        compiled.add(key)
    return right(logits, targets)


def compiles_unasked(logits, targets):
    return compiles(logits, targets)


def compiles_later(logits, targets):
    return compiles(logits, targets)


def leaves_a_program(logits, targets):
    """That outlives the warm-up."""
    if not compiled:
        compiled.add(subprocess.Popen(["sleep", "1000"]).pid)
        os.environ["LEFT"] = str(max(compiled))
    return losses(logits, targets) * 0 + float(os.environ["LEFT"]), gradients(logits, targets)


def warms_up_in_vain(logits, targets):
    raise ValueError("no compiler")


def strange_warm_up(logits, targets):
    return right(logits, targets)


def compiles_long(logits, targets):
    """Waits for a program that computes for some seconds."""
    if not compiled:
        compiled.add("once")
        subprocess.run([sys.executable, "-c",
                        "import time\nwhile time.process_time() < 2.5: pass"], check=True)
    return right(logits, targets)


compiles.warm_up = [(1, 3), (2, 7)]
compiles_long.warm_up = compiles_later.warm_up = leaves_a_program.warm_up = [(2, 4)]
warms_up_in_vain.warm_up = [(2, 4)]
strange_warm_up.warm_up = [(2, 0)]
