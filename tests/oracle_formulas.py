# SPDX-License-Identifier: Apache-2.0
"""The formulas of core/OPTIONS.md in mpmath: no shift by a maximum, no form chosen against
cancellation, and derivatives by dual numbers from the loss alone."""

import functools
import math

import mpmath
from mpmath import mpf

INFINITY = mpf("inf")
UNDEFINED = "undefined"


class Dual:
    """a + b d with d^2 = 0; a and b may be duals themselves."""

    def __init__(self, a, b):
        self.a, self.b = a, b

    def __add__(self, o):
        return Dual(self.a + o.a, self.b + o.b) if isinstance(o, Dual) else Dual(self.a + o, self.b)

    def __mul__(self, o):
        if not isinstance(o, Dual):
            return Dual(self.a * o, self.b * o)
        return Dual(self.a * o.a, self.a * o.b + self.b * o.a)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self):
        return Dual(-self.a, -self.b)

    def __sub__(self, o):
        return self + -o

    def __rsub__(self, o):
        return -self + o

    def inverse(self):
        i = self.a.inverse() if isinstance(self.a, Dual) else 1 / self.a
        return Dual(i, -(self.b * i * i))

    def __truediv__(self, o):
        return self * (o.inverse() if isinstance(o, Dual) else 1 / o)

    def __rtruediv__(self, o):
        return self.inverse() * o


def exp(x):
    if not isinstance(x, Dual):
        return mpf(0) if x == -INFINITY else mpmath.exp(x)
    e = exp(x.a)
    return Dual(e, e * x.b)


def log(x):
    return Dual(log(x.a), x.b / x.a) if isinstance(x, Dual) else mpmath.log(x)


def value(x):
    return value(x.a) if isinstance(x, Dual) else x


def sigma(x):
    if abs(value(x)) == INFINITY:
        return mpf(1 if value(x) > 0 else 0)
    return 1 / (1 + exp(-x))


class Case:
    """One case of the dump; numbers are exact."""

    def __init__(self, problem):
        self.problem = problem
        self.op = problem["op"]
        self.n, self.v = int(problem["n"]), int(problem["v"])
        self.t = int(problem.get("t", 1))
        self.reduction = problem.get("reduction", "none")
        self.tensors = {}

    def option(self, key, default=0):
        return mpf(float(self.problem.get(key, default)))

    def vector_targets(self):
        return (self.op in ("bce-logits", "bce-prob", "mse-sigmoid", "kl")
                or self.problem.get("targets") == "prob" and self.op not in ("entropy", "lse"))

    def index_targets(self):
        return self.op not in ("entropy", "lse") and not self.vector_targets()

    def row(self, tensor, r):
        return self.tensors[tensor][r * self.v:(r + 1) * self.v]

    def weights(self):
        return self.tensors.get("weight", [mpf(1)] * self.v)

    def upstream(self, r):
        values = self.tensors.get("upstream", [mpf(1)])
        return values[r if self.problem.get("upstream") == "row" else 0]

    def label(self, r):
        """None: the row is ignored."""
        if self.problem.get("shift") == "on":
            if r % self.t == self.t - 1:
                return None
            r += 1
        y = self.tensors["target"][r]
        return None if str(y) == self.problem.get("ignore") else y

    def counts(self, r):
        return not self.index_targets() or self.label(r) is not None

    def targets(self, r):
        if self.vector_targets():
            return self.row("target", r)
        return [mpf(j == self.label(r)) for j in range(self.v)]

    @functools.cached_property
    def unit(self):
        return mpmath.log(2) if self.problem.get("unit") == "bits" else mpf(1)

    def transformed(self, x):
        z = self.option("scale", 1)
        cap = self.option("softcap")
        if not cap:
            return x * z
        if abs(value(x)) == INFINITY:
            return cap if (value(x) > 0) == (z > 0) else -cap
        e = exp(x * (2 * z / cap))
        return (e - 1) / (e + 1) * cap

    def mass(self, r):
        eps, w, y = self.option("smoothing"), self.weights(), self.targets(r)
        return [w_j * ((1 - eps) * y_j + eps / self.v) for w_j, y_j in zip(w, y)]

    def finite_part(self, r, x):
        """A row's loss in nats without its infinite terms."""
        op = self.op
        if op == "nll":
            return -sum(a * x_j for a, x_j in zip(self.mass(r), x) if abs(value(x_j)) != INFINITY)
        if op == "entropy":
            return -sum(p * log(p) for p in x if value(p))
        if op in ("cross-entropy", "kl"):
            pairs = [(p, q) for p, q in zip(self.targets(r), x) if p and value(q)]
            return sum(p * ((log(p) if op == "kl" else 0) - log(q)) for p, q in pairs)
        if op.startswith("bce"):
            return sum(self.binary(op, *wyx) for wyx in zip(self.weights(), self.targets(r), x))
        if op == "mse-sigmoid":
            return sum((sigma(x_j) - y) * (sigma(x_j) - y) for y, x_j in zip(self.targets(r), x))
        return self.softmax_part(r, x)

    def binary(self, op, w, y, x):
        terms = mpf(0)
        if op == "bce-prob":
            right, wrong = x, 1 - x
        elif abs(value(x)) == INFINITY:
            return terms
        else:
            right, wrong = sigma(x), sigma(-x)
        for mass, p in ((w * y, right), (w * (1 - y), wrong)):
            if mass and value(p):
                terms = terms - mass * log(p)
        return terms

    def softmax_part(self, r, x):
        z = [self.transformed(x_j) for x_j in x]
        total = sum(exp(z_j) for z_j in z)
        if self.op == "mse-softmax":
            errors = [exp(z_j) / total - y for y, z_j in zip(self.targets(r), z)]
            return sum(d * d for d in errors)
        lse = log(total)
        if self.op == "lse":
            return lse
        mass = self.mass(r)
        live = sum(a * z_j for a, z_j in zip(mass, z) if value(z_j) != -INFINITY)
        return sum(mass) * lse - live + self.option("zloss") * lse * lse

    def infinite_masses(self, r):
        """The factors, not 0, of the row's infinite terms."""
        x, y, w = self.row("input", r), self.targets_or_none(r), self.weights()
        if self.op in ("ce", "nll"):
            z = [self.transformed(x_j) for x_j in x] if self.op == "ce" else x
            found = [a for a, z_j in zip(self.mass(r), z) if z_j == -INFINITY]
        elif self.op in ("cross-entropy", "kl"):
            found = [p for p, q in zip(y, x) if not q]
        elif self.op == "bce-logits":
            found = [w_j * (1 - y_j if x_j > 0 else y_j)
                     for w_j, y_j, x_j in zip(w, y, x) if abs(x_j) == INFINITY]
        elif self.op == "bce-prob":
            found = [w_j * y_j for w_j, y_j, x_j in zip(w, y, x) if x_j == 0]
            found += [w_j * (1 - y_j) for w_j, y_j, x_j in zip(w, y, x) if x_j == 1]
        else:
            found = []
        return [m for m in found if m]

    def targets_or_none(self, r):
        return None if self.op in ("entropy", "lse") else self.targets(r)

    def row_loss(self, r):
        """In nats; +inf, or UNDEFINED for infinities that are not all +inf."""
        if not self.counts(r):
            return mpf(0)
        infinite = self.infinite_masses(r)
        if infinite:
            return INFINITY if min(infinite) > 0 else UNDEFINED
        return self.finite_part(r, self.row("input", r))

    def divisor(self, r):
        """D, times the number of sequences that count, of a row that counts."""
        kind = self.problem.get("denominator", "valid")
        group = range(self.n)
        sequences = 1
        if kind == "sequence":
            group = range(r // self.t * self.t, r // self.t * self.t + self.t)
            heads = range(0, self.n, self.t)
            sequences = sum(any(self.counts(k) for k in range(h, h + self.t)) for h in heads)
        if kind == "rows":
            return mpf(self.n)
        if kind not in ("valid", "sequence"):
            return mpf(float(kind))
        valid = [k for k in group if self.counts(k)]
        if self.index_targets() and "weight" in self.tensors:
            return sum((self.weights()[self.label(k)] for k in valid), mpf(0)) * sequences
        return mpf(len(valid)) * sequences

    def empty_mean(self):
        if self.reduction != "mean" or self.problem.get("denominator", "valid") not in (
                "valid", "sequence"):
            return False
        counting = [r for r in range(self.n) if self.counts(r)]
        return not counting or any(not self.divisor(r) for r in counting)

    def reduced(self, losses):
        """Of losses in nats."""
        if self.empty_mean() or UNDEFINED in losses:
            return UNDEFINED
        mean = self.reduction == "mean"
        scaled = [x / self.divisor(r) if mean else x
                  for r, x in enumerate(losses) if self.counts(r)]
        if any(abs(x) == INFINITY for x in losses):
            positive = not mean or all(self.divisor(r) > 0
                                       for r in range(self.n) if self.counts(r))
            return INFINITY if positive else UNDEFINED
        total = sum(scaled, mpf(0))
        return mpmath.exp(total) if self.problem.get("unit") == "perplexity" else total / self.unit

    def factor(self, r):
        return self.upstream(r) / self.unit / (self.divisor(r) if self.reduction == "mean" else 1)

    def undefined_gradient(self, r):
        """Rows without a derivative in the dialect `math`."""
        x, op = self.row("input", r), self.op
        infinite = self.infinite_masses(r)
        if self.empty_mean() or infinite and min(infinite) < 0:
            return True
        if op == "entropy":
            return 0 in x
        if op == "cross-entropy" and self.index_targets():
            return x[self.label(r)] == 0
        if op == "bce-prob":
            return 0 in x or 1 in x
        return op in ("cross-entropy", "kl") and 0 in x

    def gradient(self, r):
        """Of one row, V numbers."""
        if not self.counts(r):
            return [mpf(0)] * self.v
        if self.undefined_gradient(r):
            return [UNDEFINED] * self.v
        x = self.row("input", r)
        hvp = self.problem.get("dir") == "hvp"
        direction = self.row("direction", r) if hvp else [mpf(0)] * self.v
        return [self.factor(r) * self.derivative(r, x, j, direction if hvp else None)
                for j in range(self.v)]

    def derivative(self, r, x, j, direction):
        if abs(x[j]) == INFINITY:
            return mpf(0) if direction else self.derivative_at_infinity(r, j)
        if direction is None:
            moved = [Dual(x_k, mpf(1)) if k == j else x_k for k, x_k in enumerate(x)]
            loss = self.finite_part(r, moved)
            return loss.b if isinstance(loss, Dual) else mpf(0)
        moved = [x_k if abs(x_k) == INFINITY else
                 Dual(Dual(x_k, mpf(k == j)), Dual(direction[k], mpf(0)))
                 for k, x_k in enumerate(x)]
        return self.finite_part(r, moved).b.b

    def derivative_at_infinity(self, r, j):
        x = self.row("input", r)[j]
        if self.op == "ce" and not self.option("softcap"):
            return -self.mass(r)[j] * self.option("scale", 1)
        if self.op == "nll":
            return -self.mass(r)[j]
        if self.op == "bce-logits":
            return self.weights()[j] * ((1 if x > 0 else 0) - self.targets(r)[j])
        return mpf(0)

    def largest_exponent(self):
        """Bits that any factor may add."""
        numbers = [abs(x) for values in self.tensors.values() for x in values
                   if x and mpmath.isfinite(x)] + [mpf(1)]
        bits = max(int(mpmath.log(x, 2)) for x in numbers)
        if self.op in ("cross-entropy", "kl", "entropy", "bce-prob"):
            bits += max(-int(mpmath.log(x, 2)) for x in numbers)
        return max(bits, 0) + math.ceil(math.log2(self.n * self.v + 1)) + 64
