#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks PyTorch itself: dialect_torch.py PATH_OF_DIALECT_DUMP.

dialect_dump prints the table of the dialect `pytorch`, one or more cases for each question, and
random ordinary cases, with what the oracle answers to each output: a kind (infinity, NaN), or an
interval hi + lo +- rad that contains the exact value, and a bound B.

Numbers are compared as fractions, without rounding: |torch - hi - lo| <= rad + B. B is the bound
of the error budget `standard` for the case (oracle/README.md): accumulation in any order with unit
roundoff u of the case's type, exp and log within a few u, any form of loss and gradient, half an
ulp of the output; to first order u times the sum over the operations of |operand| * its depth in
the sum. PyTorch's CPU kernels are of that class. Cases in f32 run in f64, too; composed cases
(formulas written out with autograd, in any form) only in f64, where the rounding of PyTorch is
2^-29 of what B allows.

Without PyTorch: exit code 77, or 1 where the variable CI is set."""

import collections
import math
import os
import subprocess
import sys

try:
    import torch
    import torch.nn.functional as F
except ImportError as error:
    print(f"PyTorch is missing: {error} (Debian: python3-torch)")
    sys.exit(1 if os.environ.get("CI") else 77)

from dialect_torch_case import error_over_bound, parse, self_test, unjudgeable
from dialect_torch_notes import check_choices, check_questions

LEAST_JUDGED = 250000
NO_CASE = {"target-out-of-range", "smoothing-out-of-range", "ignore-with-vector-targets"}


def in_layout(case, x):
    """[N, V] or [N] as PyTorch's functions take it: classes second."""
    if case.layout == "nc":
        return x
    sequences = case.n // case.t
    if x.dim() == 1:
        return x.reshape(sequences, case.t)
    moved = x.reshape(sequences, case.t, case.v).transpose(1, 2)
    return moved.contiguous() if case.layout == "bct" else moved


def class_loss(case, x, weight, reduction):
    """The functions that take class indices or probabilities."""
    options = {"weight": weight, "reduction": reduction}
    if case.ignore is not None:
        options["ignore_index"] = case.ignore
    target = in_layout(case, case.target(x.dtype))
    if case.op == "ce":
        options["label_smoothing"] = case.option("smoothing")
        return F.cross_entropy(in_layout(case, x), target, **options)
    if case.op == "cross-entropy":
        x = torch.log(x)
    return F.nll_loss(in_layout(case, x), target, **options)


def element_loss(case, x, weight, reduction):
    """The functions that take a number for each element: a mean over elements is 1 / V of ours."""
    target = case.target(x.dtype)
    if case.op == "bce-logits":
        return F.binary_cross_entropy_with_logits(x, target, weight, reduction=reduction)
    if case.op == "bce-prob":
        return F.binary_cross_entropy(x, target, weight, reduction=reduction)
    return F.kl_div(torch.log(x), target, reduction=reduction)


def reduced(rows, reduction):
    return {"none": lambda: rows, "sum": rows.sum, "mean": rows.mean}[reduction]()


def pytorch_loss(case, x):
    """(loss tensor, factor): factor times it, and times its gradient, is what we call the loss."""
    weight = case.weight(x.dtype)
    if case.op in ("ce", "nll", "cross-entropy"):
        return class_loss(case, x, weight, case.reduction).reshape(-1), 1
    if case.op in ("lse", "entropy"):
        rows = torch.logsumexp(x, 1) if case.op == "lse" else torch.special.entr(x).sum(1)
        return reduced(rows, case.reduction).reshape(-1), 1
    loss = element_loss(case, x, weight, case.reduction)
    if case.reduction == "none":
        return loss.sum(1), 1
    return loss.reshape(-1), case.v if case.reduction == "mean" else 1


def scored(case):
    """Labels after shift, and whether each row counts."""
    labels = case.labels()
    valid = torch.ones(case.n, dtype=torch.bool)
    if case.problem.get("shift") == "on":
        labels = labels.roll(-1)
        valid = torch.arange(case.n) % case.t != case.t - 1
    if case.ignore is not None:
        valid = valid & (labels != case.ignore)
    return torch.where(valid, labels, torch.zeros_like(labels)), valid


def squared_error(case, x):
    if case.op == "mse-sigmoid":
        return ((torch.sigmoid(x) - case.target(x.dtype)) ** 2).sum(1)
    y = case.target(x.dtype)
    if not case.vector_targets():
        y = F.one_hot(scored(case)[0], case.v).to(x.dtype)
    return ((torch.softmax(x, 1) - y) ** 2).sum(1)


def composed_rows(case, x):
    """(losses of rows, which of them count, weight of each in a mean)."""
    valid, share = torch.ones(case.n, dtype=torch.bool), torch.ones(case.n, dtype=x.dtype)
    if case.op.startswith("mse"):
        return squared_error(case, x), valid, share
    z = x * float(case.problem.get("scale", 1))
    if case.option("softcap"):
        z = case.option("softcap") * torch.tanh(z / case.option("softcap"))
    lse = torch.logsumexp(z, 1)
    if case.op == "lse":
        return lse, valid, share
    weight, target = case.weight(x.dtype), case.target(x.dtype)
    if not case.vector_targets():
        target, valid = scored(case)
        share = weight[target] if weight is not None else share
    rows = F.cross_entropy(z, target, weight, reduction="none",
                           label_smoothing=case.option("smoothing"))
    rows = rows + case.option("zloss") * lse ** 2
    return torch.where(valid, rows, torch.zeros_like(rows)), valid, share * valid


def composed_mean(case, rows, valid, share):
    denominator = case.problem.get("denominator", "valid")
    if denominator == "rows":
        return rows.sum() / case.n
    if denominator == "valid":
        return rows.sum() / share.sum()
    if denominator != "sequence":
        return rows.sum() / float(denominator)
    means = [r.sum() / s.sum() for r, s, ok in zip(rows.split(case.t), share.split(case.t),
                                                   valid.split(case.t)) if ok.any()]
    return sum(means) / len(means) if means else rows.sum() / share.sum()


def composed_loss(case, x):
    rows, valid, share = composed_rows(case, x)
    if case.reduction == "mean":
        rows = composed_mean(case, rows, valid, share)
    elif case.reduction == "sum":
        rows = rows.sum()
    unit = case.problem.get("unit")
    if unit == "perplexity":
        rows = torch.exp(rows)
    elif unit == "bits":
        rows = rows / math.log(2)
    return rows.reshape(-1), 1


def gradient(case, x, loss):
    """Of upstream times loss; with dir=hvp the gradient of gradient times direction."""
    upstream = torch.ones_like(loss)
    if "upstream" in case.tensors:
        given = torch.tensor(case.tensors["upstream"], dtype=x.dtype)
        upstream = given.expand_as(loss) if given.numel() == 1 else given
    hvp = case.problem["dir"] == "hvp"
    (grad,) = torch.autograd.grad(loss, x, upstream, create_graph=hvp)
    if hvp:
        direction = case.floats("direction", x.dtype, (case.n, case.v))
        (grad,) = torch.autograd.grad((grad * direction).sum(), x)
    return grad


def run(case, dtype):
    """{key: number} of all outputs, numbers as floats with the exact factor beside them."""
    x = case.floats("input", dtype, (case.n, case.v)).requires_grad_()
    loss, factor = (composed_loss if case.kind == "composed" else pytorch_loss)(case, x)
    outputs = {}
    if any(key[0] == "loss" for key in case.outputs):
        outputs = {("loss", i): (value, factor) for i, value in enumerate(loss.tolist())}
    if any(key[0] == "grad" for key in case.outputs):
        for r, row in enumerate(gradient(case, x, loss).tolist()):
            outputs.update({("grad", r, j): (value, factor) for j, value in enumerate(row)})
    return outputs


class Tally:
    """What was judged, what was not, and what was wrong."""

    def __init__(self):
        self.judged, self.unjudged = collections.Counter(), collections.Counter()
        self.kinds, self.wrong = collections.Counter(), []
        self.largest = collections.Counter()

    def output(self, case, key, words, value, factor, dtype):
        if unjudgeable(words):
            self.unjudged[case.kind] += 1
            return
        self.judged[case.kind] += 1
        self.kinds[words[0] if len(words) == 1 else "number"] += 1
        ratio = error_over_bound(words, value, factor, dtype)
        self.largest[case.kind, key[0]] = max(self.largest[case.kind, key[0]], ratio)
        if ratio > 1:
            self.wrong.append(f"{case.kind}: {case.text}: {key} is {value} * {factor}, "
                              f"error/bound {ratio:.3g}, the oracle says {' '.join(words)}")

    def case(self, case, dtype):
        outputs = run(case, dtype)
        if set(outputs) != set(case.outputs):
            self.wrong.append(f"{case.text}: other outputs than the oracle's")
            return
        for key, words in case.outputs.items():
            self.output(case, key, words, *outputs[key], dtype)

    def check(self, what, holds):
        self.judged["notes"] += 1
        if not holds:
            self.wrong.append(f"note: {what}")


def dtypes(case):
    if case.kind == "composed":
        return [torch.float64]
    native = {"f32": torch.float32, "f64": torch.float64}[case.problem["dtype"]]
    # In f64 an f32's overflow is none.
    twice = native == torch.float32 and case.kind != "loss-overflow"
    return [native, torch.float64] if twice else [native]


def main(dump):
    self_test()
    torch.set_num_threads(1)
    text = subprocess.run([dump], check=True, capture_output=True, text=True).stdout
    answers, topics, floor, cases = parse(text)
    tally = Tally()
    tally.check("the floor of logarithms", floor == -100)
    check_questions(tally)
    check_choices(tally, topics)
    posed = collections.Counter()
    for case in cases:
        if case.kind in answers:
            posed[case.kind] += 1
            if case.kind not in case.asked and case.kind != "loss-overflow":
                tally.wrong.append(f"{case.kind} is not asked by {case.text}: {case.asked}")
        for dtype in dtypes(case):
            tally.case(case, dtype)
    missing = set(answers) - set(posed) - NO_CASE
    if missing:
        tally.wrong.append(f"questions without a case: {', '.join(sorted(missing))}")
    judged = sum(tally.judged.values())
    print(f"torch {torch.__version__}: {len(cases)} cases, {judged} outputs judged "
          f"({dict(tally.kinds)}), not judged: {dict(tally.unjudged)}")
    for what in ("ordinary", "composed"):
        print(f"{what}: largest error/bound: loss {tally.largest[what, 'loss']:.3f}, "
              f"gradient {tally.largest[what, 'grad']:.3f}")
    for line in tally.wrong[:20]:
        print(line)
    if judged < LEAST_JUDGED:
        print(f"at least {LEAST_JUDGED} are expected")
    return 1 if tally.wrong or judged < LEAST_JUDGED else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
