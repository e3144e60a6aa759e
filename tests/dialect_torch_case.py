# SPDX-License-Identifier: Apache-2.0
"""What dialect_dump prints, as cases, and the comparison of a number with the oracle's answer."""

import math
from fractions import Fraction

import torch

INF = float("inf")


class Case:
    """One case of the dump: problem (words), tensors (lists), asked, outputs {key: words}."""

    def __init__(self, kind, words):
        self.kind, self.text = kind, " ".join(words)
        self.problem = dict(word.split("=", 1) for word in words)
        self.tensors, self.asked, self.outputs = {}, [], {}
        p = self.problem
        self.op, self.n, self.v = p["op"], int(p["n"]), int(p["v"])
        self.t, self.layout = int(p.get("t", 1)), p.get("layout", "nc")
        self.reduction = p.get("reduction", "none")
        self.ignore = int(p["ignore"]) if "ignore" in p else None

    def option(self, key):
        return float(self.problem.get(key, 0))

    def floats(self, name, dtype, shape):
        return torch.tensor(self.tensors[name], dtype=dtype).reshape(shape)

    def labels(self):
        return torch.tensor([int(x) for x in self.tensors["target"]], dtype=torch.long)

    def vector_targets(self):
        return "target" in self.tensors and (
            self.problem.get("targets") == "prob" or self.op in ("bce-prob", "bce-logits", "kl"))

    def target(self, dtype):
        if self.vector_targets():
            return self.floats("target", dtype, (self.n, self.v))
        return self.labels() if "target" in self.tensors else None

    def weight(self, dtype):
        return self.floats("weight", dtype, (self.v,)) if "weight" in self.tensors else None


def parse(text):
    """(answers, topics, floor, cases) of the dump."""
    answers, topics, cases, floor = {}, [], [], None
    for line in text.splitlines():
        kind, *words = line.split()
        if kind == "floor":
            floor = float.fromhex(words[0])
        elif kind == "topic":
            topics.append(" ".join(words))
        elif kind == "answer":
            answers[words[0]] = tuple(words[1:])
        elif kind == "case":
            cases.append(Case(words[0], words[1:]))
        elif kind == "asked":
            cases[-1].asked.append(words[1])
        elif kind in ("loss", "grad"):
            indices = 1 if kind == "loss" else 2
            cases[-1].outputs[(kind, *map(int, words[:indices]))] = words[indices:]
        else:
            cases[-1].tensors[kind] = [float.fromhex(w) if "x" in w or not w.lstrip("-").isdigit()
                                       else int(w) for w in words]
    return answers, topics, floor, cases


def unjudgeable(words):
    """The dialect says nothing, or the budget bounds nothing."""
    return words == ["undefined"] or (len(words) == 4 and float.fromhex(words[3]) == INF)


# From here on to nearest gives infinity.
OVERFLOW = {torch.float32: Fraction(2) ** 128 - Fraction(2) ** 103,
            torch.float64: Fraction(2) ** 1024 - Fraction(2) ** 970}


def error_over_bound(words, value, factor, dtype=torch.float64):
    """Of an output with a number as its answer; 0 and infinity where that is a kind."""
    if len(words) == 1:
        expected = float(words[0])
        same = math.isnan(value) if math.isnan(expected) else value == expected
        return 0.0 if same else INF
    hi, lo, rad, bound = (Fraction(float.fromhex(w)) for w in words)
    if not math.isfinite(value):
        overflows = value == INF and hi + lo - rad >= OVERFLOW[dtype] * factor
        return 0.0 if overflows else INF
    error, allowed = abs(Fraction(value) * factor - hi - lo), rad + bound
    if allowed == 0:
        return INF if error else 0.0
    ratio = error / allowed
    return float(ratio) if ratio <= 1 else max(float(ratio), math.nextafter(1, 2))


def self_test():
    third = ["0x1.5555555555555p-2", "0x1p-56", "0x0p+0", "0x1p-50"]
    assert error_over_bound(third, 1 / 3, 1) < 1 < error_over_bound(third, 0.3333333, 1)
    assert error_over_bound(third, 1 / 9, 3) < 1 < error_over_bound(third, 1 / 9, 1)
    assert error_over_bound(third, float("nan"), 1) == INF
    assert error_over_bound(["nan"], 0.0, 1) == error_over_bound(["+inf"], -INF, 1) == INF
    assert error_over_bound(["+inf"], INF, 1) == error_over_bound(["nan"], INF - INF, 1) == 0
    large = ["0x1p+128", "0x0p+0", "0x0p+0", "0x1p+104"]
    assert error_over_bound(large, INF, 1, torch.float32) == 0
    assert error_over_bound(large, INF, 1) == error_over_bound(large, -INF, 1, torch.float32) == INF
    exact = ["0x1p+0", "0x0p+0", "0x0p+0", "0x0p+0"]
    assert error_over_bound(exact, 1.0, 1) == 0 and error_over_bound(exact, 1 + 1e-15, 1) == INF
