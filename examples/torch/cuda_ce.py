# SPDX-License-Identifier: Apache-2.0
"""PyTorch's own cross-entropy on a CUDA device, forward and by autograd; `compiled` by
torch.compile, where PyTorch is new enough to have it:

    xentcheck verify --python examples/torch/cuda_ce.py:eager --dialect pytorch

What torch.compile starts programs for is done while the file is loaded, since later a kernel may
start none: for the types below, not for every option. Not tried on hardware yet."""

import torch
import torch.nn.functional as F

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


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

    functions.append(compiled)
    for kind in DTYPES.values() if torch.cuda.is_available() else ():
        for n, v in ((1, 1), (1, 7), (3, 1), (3, 7), (5, 64), (4, 5000)):
            x = torch.zeros(n, v, dtype=kind, device="cuda", requires_grad=True)
            y = torch.zeros(n, dtype=torch.int64, device="cuda")
            plain(x, y).sum().backward()
            with torch.no_grad():
                plain(x, y)

for function in functions:
    function.device = "cuda"
    function.dialect = "pytorch"
    function.dtypes = set(DTYPES)
