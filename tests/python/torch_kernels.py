# SPDX-License-Identifier: Apache-2.0
"""Functions for process_python_test.cpp. Most is asked of one, so that PyTorch is imported once;
z_loss says what it does besides."""
import torch
import torch.nn.functional as F


def cross_entropy(logits, targets, *, weight=None, ignore_index=-100, label_smoothing=0.0,
                  reduction="mean", z_loss=0.0):
    loss = F.cross_entropy(logits, targets, weight=weight, ignore_index=ignore_index,
                           label_smoothing=label_smoothing, reduction=reduction)
    if z_loss == 1:  # the memory itself
        logits.detach()[1, 2] = 7
    if z_loss == 2:
        return loss.double()
    if z_loss == 3:
        return logits[:, 0], logits.detach()
    if z_loss == 4:
        return loss, torch.zeros(2, 3)
    return loss


cross_entropy.targets = {"index", "prob"}
cross_entropy.layouts = {"nc", "bct", "btv"}


def on_device(logits, targets):
    return F.cross_entropy(logits, targets, reduction="none")


on_device.device = "cuda"
on_device.warm_up = [(2, 3)]
