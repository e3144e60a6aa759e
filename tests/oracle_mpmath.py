#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recomputes what oracle_dump prints with the formulas of oracle_formulas.py, and tests that each
exact value is in its enclosure, and not in the enclosure moved by three radii:
oracle_mpmath.py PATH_OF_ORACLE_DUMP."""

import collections
import subprocess
import sys

import mpmath
from mpmath import mpf

from oracle_formulas import INFINITY, UNDEFINED, Case, exp

LEAST_CHECKS = 20000
GREATEST = mpf(2) ** 1024 - mpf(2) ** 971
# The working precision leaves errors below the least double's: 2^-1074.
SLACK = mpmath.ldexp(1, -1400)


def number(word):
    return mpf(float.fromhex(word))


def exact_values(case):
    """{words: exact value}"""
    losses = [case.row_loss(r) for r in range(case.n)]
    exact = {("row", r): x / case.unit if x != UNDEFINED else x for r, x in enumerate(losses)}
    if case.reduction == "none":
        exact.update({("loss", r): exact["row", r] for r in range(case.n)})
    else:
        exact["loss", 0] = case.reduced(losses)
    for r in range(case.n):
        divided = case.reduction == "mean"
        exact["divisor", r] = case.divisor(r) if divided and case.counts(r) else mpf(not divided)
        softmax_values(case, r, exact)
        if case.problem.get("dir", "fwd") != "fwd":
            exact.update({("g", r, j): x for j, x in enumerate(case.gradient(r))})
    return exact


def softmax_values(case, r, exact):
    if case.op not in ("ce", "lse", "mse-softmax"):
        return
    z = [case.transformed(x) for x in case.row("input", r)]
    total = sum(exp(z_j) for z_j in z)
    exact["lse", r] = mpmath.log(total)
    for j, z_j in enumerate(z):
        exact["z", r, j] = z_j
        exact["p", r, j] = exp(z_j) / total


def wrong_enclosure(exact, words):
    """What is wrong with an enclosure of the exact value, known to within SLACK; or None."""
    if exact == UNDEFINED or words == [UNDEFINED]:
        return None if exact == UNDEFINED and words == [UNDEFINED] else "is not"
    if words == ["+inf"]:
        return None if exact > GREATEST else "is no overflow"
    if words == ["-inf"]:
        return None if exact < -GREATEST else "is no overflow"
    if words == ["nan"] or abs(exact) == INFINITY:
        return "is not"
    high, low, radius = map(number, words)
    if abs(exact - high - low) > radius + SLACK:
        return "is not in"
    # Moved by three radii, or by 1 where there is none, it must leave the value outside.
    if abs(exact - high - low - (3 * radius or 1)) <= radius + SLACK:
        return "cannot be told from its neighbours in"
    return None


def check_case(case):
    """What is wrong in one case."""
    mpmath.mp.prec = 1500 + 2 * case.largest_exponent()
    exact = exact_values(case)
    wrong = []
    for key, words in case.enclosures.items():
        fault = wrong_enclosure(exact[key], words)
        if fault:
            x = exact[key]
            text = x if x == UNDEFINED else mpmath.nstr(x, 40)
            wrong.append(f"{case.text}: {key} = {text} {fault} {' '.join(words)}")
    return wrong


def parse(text):
    cases = []
    for line in text.splitlines():
        kind, *words = line.split()
        if kind == "case":
            cases.append(Case(dict(word.split("=") for word in words)))
            cases[-1].text, cases[-1].enclosures = " ".join(words), {}
        elif kind == "target" and cases[-1].index_targets():
            cases[-1].tensors[kind] = [int(w) for w in words]
        elif kind in ("input", "target", "upstream", "weight", "direction"):
            cases[-1].tensors[kind] = [number(w) for w in words]
        else:
            indices = 2 if kind in "pgz" else 1
            key = (kind, *map(int, words[:indices]))
            cases[-1].enclosures[key] = words[indices:]
    return cases


def main(dump):
    text = subprocess.run([dump], check=True, capture_output=True, text=True).stdout
    violations, kinds = [], collections.Counter()
    for case in parse(text):
        violations += check_case(case)
        kinds[case.op] += len(case.enclosures)
    checks = sum(kinds.values())
    print(f"{checks} enclosures checked ({dict(kinds)}), {len(violations)} violations")
    for line in violations[:10]:
        print(line)
    if checks < LEAST_CHECKS:
        print(f"at least {LEAST_CHECKS} are expected")
    return 1 if violations or checks < LEAST_CHECKS else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
