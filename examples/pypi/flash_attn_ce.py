# SPDX-License-Identifier: Apache-2.0
"""flash-attention's Triton cross-entropy; without a GPU by Triton's interpreter.

The package imports its CUDA extension, so the one file is loaded by itself: see flash_attn.txt.
xentcheck verify --python flash_attn_ce.py:cross_entropy --interpreter PYTHON
"""
import contextlib
import importlib.metadata
import importlib.util
import os

import torch

if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")
    torch.cuda.device = contextlib.nullcontext  # it selects the device of the logits


def loaded(distribution, end):
    path = next(p.locate() for p in importlib.metadata.files(distribution) if str(p).endswith(end))
    spec = importlib.util.spec_from_file_location("flash_attn_cross_entropy", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ops = loaded("flash-attn", "ops/triton/cross_entropy.py")


def cross_entropy(logits, targets, *, ignore_index=None, label_smoothing=0.0, z_loss=0.0,
                  scale=1.0):
    return ops.cross_entropy_loss(
        logits, targets, label_smoothing=label_smoothing, logit_scale=scale,
        lse_square_scale=z_loss, ignore_index=-100 if ignore_index is None else ignore_index)[0]


cross_entropy.framework = "torch"
cross_entropy.dialect = "pytorch"
# Triton's interpreter multiplies bf16 as if it were an integer.
cross_entropy.dtypes = {"f32", "f16", "bf16"} if torch.cuda.is_available() else {"f32", "f16"}
