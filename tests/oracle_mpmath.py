#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recomputes what oracle_dump prints with mpmath, without any shift by a maximum, and tests that
each exact value is in its enclosure, and not in the enclosure moved by three radii:
oracle_mpmath.py PATH_OF_ORACLE_DUMP."""

import collections
import subprocess
import sys

import mpmath
from mpmath import mpf

LEAST_CHECKS = 3000
GREATEST = mpf(2) ** 1024 - mpf(2) ** 971
NONE = mpf("-inf")


def number(word):
    return mpf(float.fromhex(word))


def rows_of(values, problem):
    v = int(problem["v"])
    return [values[i:i + v] for i in range(0, len(values), v)]


def working_bits(values):
    """1500 bits below a unit, so that 400 are left of the least double, 2^-1074."""
    largest = max([abs(x) for x in values if mpmath.isfinite(x)] + [mpf(1)])
    return 1500 + int(mpmath.log(largest, 2)) + 1


def exp(x):
    return mpf(0) if x == NONE else mpmath.exp(x)


def softmax_values(case):
    """{words: exact value} for one case of op ce."""
    problem, exact, losses = case["problem"], {}, []
    mean = problem.get("reduction") == "mean"
    upstream = case.get("upstream", [mpf(1)])[0]
    for r, z in enumerate(rows_of(case["input"], problem)):
        y = case["target"][r]
        total = sum(exp(x) for x in z)
        lse = mpmath.log(total)
        exact["lse", r] = lse
        losses.append(mpf("inf") if z[y] == NONE else lse - z[y])
        for j, x in enumerate(z):
            p = exp(x) / total
            exact["p", r, j] = p
            exact["g", r, j] = (p - 1 if j == y else p) * upstream
            if mean:
                exact["g", r, j] /= int(problem["n"])
    return exact, losses


def entropy(p):
    return -sum(x * mpmath.log(x) for x in p if x)


def cross_entropy(p, q):
    return -sum(x * mpmath.log(y) for x, y in zip(p, q) if x)


def exact_values(case):
    problem = case["problem"]
    if problem["op"] == "ce":
        exact, losses = softmax_values(case)
        reduction = problem.get("reduction", "none")
        if reduction != "none":
            total = sum(losses)
            losses = [total / len(losses) if reduction == "mean" else total]
    elif problem["op"] == "entropy":
        exact, losses = {}, [entropy(case["input"])]
    elif problem["op"] == "cross-entropy":
        exact, losses = {}, [cross_entropy(case["target"], case["input"])]
    else:
        p, q = case["target"], case["input"]
        exact, losses = {}, [cross_entropy(p, q) - entropy(p)]
    exact.update({("loss", i): x for i, x in enumerate(losses)})
    return exact


def wrong_enclosure(exact, words, slack):
    """What is wrong with an enclosure of the exact value, known to within slack; or None."""
    if words == ["+inf"]:
        return None if exact > GREATEST else "is no overflow"
    high, low, radius = map(number, words)
    if abs(exact - high - low) > radius + slack:
        return "is not in"
    # Moved by three radii, or by 1 where there is none, it must leave the value outside.
    if abs(exact - high - low - (3 * radius or 1)) <= radius + slack:
        return "cannot be told from its neighbours in"
    return None


def check_case(case):
    """(checks, violations) of one case."""
    values = case["input"] + case.get("upstream", [])
    mpmath.mp.prec = working_bits(values)
    exact = exact_values(case)
    slack = mpmath.ldexp(1, -1400)
    wrong = []
    for key, words in case["enclosures"].items():
        fault = wrong_enclosure(exact[key], words, slack)
        if fault:
            value = mpmath.nstr(exact[key], 40)
            wrong.append(f"{case['text']}: {key} = {value} {fault} {' '.join(words)}")
    return len(case["enclosures"]), wrong


def parse(text):
    cases = []
    for line in text.splitlines():
        kind, *words = line.split()
        if kind == "case":
            problem = dict(word.split("=") for word in words)
            cases.append({"problem": problem, "enclosures": {}, "text": " ".join(words)})
        elif kind == "target" and cases[-1]["problem"]["op"] == "ce":
            cases[-1][kind] = [int(w) for w in words]
        elif kind in ("input", "target", "upstream"):
            cases[-1][kind] = [number(w) for w in words]
        else:
            indices = 2 if kind in "pg" else 1
            key = (kind, *map(int, words[:indices]))
            cases[-1]["enclosures"][key] = words[indices:]
    return cases


def main(dump):
    text = subprocess.run([dump], check=True, capture_output=True, text=True).stdout
    checks, violations = 0, []
    kinds = collections.Counter()
    for case in parse(text):
        count, wrong = check_case(case)
        checks += count
        violations += wrong
        kinds[case["problem"]["op"]] += count
    print(f"{checks} enclosures checked ({dict(kinds)}), {len(violations)} violations")
    for line in violations[:10]:
        print(line)
    if checks < LEAST_CHECKS:
        print(f"at least {LEAST_CHECKS} are expected")
    return 1 if violations or checks < LEAST_CHECKS else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
