# SPDX-License-Identifier: Apache-2.0
"""PyTorch's own cross-entropy on a CUDA device, forward and by autograd; `compiled` by
torch.compile, where PyTorch is new enough to have it:

    xentcheck verify --python examples/torch/cuda_ce.py:eager --dialect pytorch

torch.compile starts programs, which a kernel may do in its warm-up alone: with the shapes below,
for which it makes code of its own. Not tried on hardware yet."""

import torch
import torch.nn.functional as F


def eager(logits, targets, *, weight=None, ignore_index=-100, label_smoothing=0.0,
          reduction="mean"):
    """torch.nn.functional.cross_entropy."""
    return F.cross_entropy(logits, targets, weight=weight, ignore_index=ignore_index,
                           label_smoothing=label_smoothing, reduction=reduction)


eager.targets = {"index", "prob"}
eager.layouts = {"nc", "bct"}
functions = [eager]

if hasattr(torch, "compile"):
    plain = torch.compile(lambda x, y: F.cross_entropy(x, y, reduction="none"), dynamic=True)

    def compiled(logits, targets):
        """The same without options."""
        return plain(logits, targets)

    compiled.warm_up = [(1, 1), (1, 7), (3, 1), (3, 7), (5, 64), (4, 5000)]
    functions.append(compiled)

for function in functions:
    function.device = "cuda"
    function.dialect = "pytorch"
    function.dtypes = {"f32", "bf16", "f16"}
