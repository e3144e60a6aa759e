# SPDX-License-Identifier: Apache-2.0
"""What the notes of the dialect `pytorch` say beyond the outputs of a case, asked of PyTorch:
kinds that the words of the table lack, calls that are refused, choices (core/dialect_pytorch.cpp).
"""

import math
import warnings

import torch
import torch.nn.functional as F

INF = float("inf")


def grad_of(function, *values):
    x = torch.tensor(values, requires_grad=True)
    (grad,) = torch.autograd.grad(function(x).sum(), x)
    return grad.tolist()


def refused(error, call):
    try:
        call()
    except error:
        return True
    return False


def check_questions(tally):
    z, y = torch.tensor([[1.0, 0.0, 2.0]]), torch.tensor([1])
    p = torch.tensor([[1.0, 0.0, 0.0]])
    kl = lambda q, p: F.kl_div(torch.log(q), torch.tensor(p), reduction="none")
    bce = lambda x, y: F.binary_cross_entropy(x, torch.tensor(y), reduction="none")
    one = lambda x, y: bce(torch.tensor([x]), [y]).item()
    logits = lambda x, y: F.binary_cross_entropy_with_logits(
        torch.tensor([x]), torch.tensor([y]), reduction="none").item()
    clamped = lambda x, y: (x - y) / max(x * (1 - x), 1e-12)
    # 1e-12 and the quotient are rounded to f32, each by at most 2^-24.
    near = lambda a, b: abs(a - b) <= 2.0 ** -22 * abs(b)
    checks = {
        "all-masked": math.isnan(F.cross_entropy(torch.tensor([[-INF, -INF]]), torch.tensor([0]))),
        "single-class": math.copysign(1, F.cross_entropy(
            torch.tensor([[5.0]]), torch.tensor([0]), reduction="none").item()) == -1,
        "zero-both": math.isnan(grad_of(lambda q: kl(q, [0.0, 1.0]), 0.0, 1.0)[0]),
        "zero-prob-model": grad_of(lambda q: kl(q, [0.5, 0.5]), 0.0, 1.0) == [-INF, -0.5],
        "negative-prob": torch.special.entr(torch.tensor(-1.0)).item() == -INF
        and grad_of(lambda q: kl(q, [-0.5, 1.5]), 0.5, 0.5) == [1.0, -3.0],
        "log-of-zero-right": [one(0.0, 0.0), one(1.0, 1.0)] == [0, 0]
        and grad_of(lambda x: bce(x, [0.0, 1.0]), 0.0, 1.0) == [0, 0],
        "log-of-zero-wrong": [one(0.0, 1.0), one(1.0, 0.0), one(0.0, 0.5)] == [100, 100, 50]
        and all(near(g, clamped(x, y)) for g, x, y in zip(
            grad_of(lambda x: bce(x, [1.0, 0.0]), 0.0, 1.0), (0.0, 1.0), (1.0, 0.0))),
        "infinite-wrong": logits(INF, 0.0) == INF and math.isnan(logits(-INF, 1.0)),
        "target-out-of-range": refused(IndexError, lambda: F.cross_entropy(z, y + 2))
        and refused(IndexError, lambda: F.cross_entropy(z, y - 2)),
        "smoothing-out-of-range": all(
            refused(RuntimeError, lambda: F.cross_entropy(z, t, label_smoothing=1.5))
            and F.cross_entropy(z, t, label_smoothing=-0.5) == F.cross_entropy(z, t)
            for t in (y, p)),
        "ignore-with-vector-targets": refused(
            RuntimeError, lambda: F.cross_entropy(z, p, ignore_index=1))
        and F.cross_entropy(z, p, ignore_index=-5) == F.cross_entropy(z, p),
    }
    for question, holds in checks.items():
        tally.check(question, bool(holds))


def without_warning(call):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return call()


JUDGED_BY_CASES = {"smoothing mass", "weighted mean", "smoothing x weights", "vector targets",
                   "vector targets, weighted mean", "ignore = a class"}


def check_choices(tally, topics):
    """One check for each topic that the ordinary cases do not judge."""
    p, q = torch.tensor([[0.5, 0.5]] * 2), torch.tensor([[0.25, 0.75]] * 2)
    z, weight = torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([2.0, -1.0, 1.0])
    none = torch.zeros(0, 3)
    labels = torch.zeros(0, dtype=torch.long)
    kl = lambda reduction: F.kl_div(torch.log(q), p, reduction=reduction).item()
    warnings.filterwarnings("ignore", message="reduction: 'mean' divides")
    kept = z.clone().requires_grad_()
    F.cross_entropy(kept, torch.tensor([0])).backward()
    by_label = lambda **options: F.cross_entropy(none, labels, **options)
    checks = {
        "log of bce-prob": F.binary_cross_entropy(torch.tensor(1e-45), torch.tensor(1.0)) == 100,
        "mean of kl": kl("batchmean") == 2 * kl("mean") == kl("sum") / 2,
        "mean of bce": F.binary_cross_entropy(q, p) * 4
        == F.binary_cross_entropy(q, p, reduction="sum"),
        "negative weights": F.cross_entropy(z, torch.tensor([1]), weight, reduction="sum")
        == -F.cross_entropy(z, torch.tensor([1]), reduction="sum"),
        "N = 0, sum or none": by_label(reduction="sum").item() == 0
        and math.copysign(1, F.cross_entropy(none, none, reduction="sum").item()) == -1
        and by_label(reduction="none").shape == (0,),
        "lse of -inf alone": torch.logsumexp(torch.tensor([-INF, -INF]), 0) == -INF,
        "z-loss": refused(TypeError, lambda: F.cross_entropy(z, labels, z_loss=0.1)),
        "softmax twice": without_warning(
            lambda: F.cross_entropy(torch.softmax(z, 1), torch.tensor([0]))) > 0,
        "in-place gradient": torch.equal(kept.detach(), z),
    }
    unchecked = set(topics) ^ set(checks) ^ JUDGED_BY_CASES
    if unchecked:
        tally.wrong.append(f"topics without a check, or checks without a topic: {unchecked}")
    for topic, holds in checks.items():
        tally.check(topic, bool(holds))
