# SPDX-License-Identifier: Apache-2.0
"""Liger-Kernel's Triton cross-entropy; without a GPU by Triton's interpreter.

pip install -r liger.txt; xentcheck verify --python liger_ce.py:cross_entropy --interpreter PYTHON
"""
import os

import torch

GPU = torch.cuda.is_available()
if not GPU:
    os.environ.setdefault("TRITON_INTERPRET", "1")

from liger_kernel.ops.cross_entropy import LigerCrossEntropyFunction


def cross_entropy(logits, targets, *, weight=None, ignore_index=None, label_smoothing=0.0,
                  z_loss=0.0, softcap=0.0, reduction="mean"):
    # It overwrites its logits with the gradient, by design: it gets a copy.
    return LigerCrossEntropyFunction.apply(
        logits.clone(), targets, weight, -100 if ignore_index is None else ignore_index, z_loss,
        label_smoothing, reduction, softcap or None)[0]


def supports(problem):
    """Scalars of the kernel are floats to the interpreter, which have no `.to` of Triton's."""
    lacks = not GPU and ("weights" in problem or "softcap" in problem)
    return "Triton's interpreter cannot run its weights and soft cap" if lacks else True


cross_entropy.framework = "torch"
cross_entropy.dialect = "pytorch"
cross_entropy.supports = supports
# The interpreter cuts bf16 off where a GPU rounds. f64 would be computed in f32.
cross_entropy.dtypes = {"f32", "f16", "bf16"} if GPU else {"f32", "f16"}
