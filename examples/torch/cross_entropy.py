# SPDX-License-Identifier: Apache-2.0
"""PyTorch's own cross-entropy, forward and by autograd:

    xentcheck verify --python examples/torch/cross_entropy.py:cross_entropy --dialect pytorch
"""

import torch.nn.functional as F


def cross_entropy(logits, targets, *, weight=None, ignore_index=-100, label_smoothing=0.0,
                  reduction="mean"):
    """torch.nn.functional.cross_entropy."""
    return F.cross_entropy(logits, targets, weight=weight, ignore_index=ignore_index,
                           label_smoothing=label_smoothing, reduction=reduction)


cross_entropy.targets = {"index", "prob"}
cross_entropy.layouts = {"nc", "bct"}
