#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the proofs of the oracle's first two tiers: oracle/proof prints the constants of
oracle/simd/constants.h, bit for bit; from that header's numbers sollya and gappa bound truncation
and rounding, and what they print implies the claims of oracle/simd/claims.h as L20, L21 and L22 add
them up. --self-test: each changed constant and claim is seen. --write: writes the header."""

import math
import pathlib
import re
import subprocess
import sys
from fractions import Fraction as F
ROOT = pathlib.Path(__file__).resolve().parent.parent
PROOF = ROOT / "oracle" / "proof"
CONSTANTS = ROOT / "oracle" / "simd" / "constants.h"
CLAIMS = ROOT / "oracle" / "simd" / "claims.h"

U = F(1, 2**53)
UU = U * U

# Put together, so that this file holds one such line.
HEAD = "// SPDX-License-" + """Identifier: Apache-2.0
#pragma once

// Printed by oracle/proof/constants.sollya, written by tests/oracle_proof.py --write, which also
// checks it: each value bit for bit.
namespace xent::constants {
"""
MEANING = {
    "kLog2E": "1 / ln 2",
    "kLn2": "ln 2 in two parts",
    "kExp1": "e^r = 1 + r + r^2 (kExp1[0] + kExp1[1] r + ...) on |r| <= 0.34658",
    "kLog1": "2 atanh s = 2 s + 2 s z (kLog1[0] + kLog1[1] z + ...), z = s^2 <= 0.0401",
    "kStep": "ln 2 / 128 in three parts",
    "kPerStep": "128 / ln 2",
    "kTaylor": "1 / j!, j = 3, ..., 10",
    "kTaylorLo": "the rest of the first three",
    "kPower": "2^(i / 128), i = 0, ..., 127",
    "kPowerLo": "the rest of each",
}


def run(tool, text):
    """What the tool prints for this script."""
    done = subprocess.run([tool], input=text, capture_output=True, text=True, timeout=300)
    if done.returncode != 0 or "error" in (done.stdout + done.stderr).lower():
        sys.exit(f"oracle_proof.py: {tool}:\n{done.stdout}{done.stderr}")
    return done.stdout


def printed_constants():
    """{name: [words]} in the order of printing."""
    found = {}
    for line in run("sollya", (PROOF / "constants.sollya").read_text()).splitlines():
        name, word = line.split()
        found.setdefault(name, []).append(word)
    return found


def array_lines(words):
    line = "   "
    for i, word in enumerate(words):
        word = f" {word}" + ("," if i + 1 < len(words) else "};")
        if len(line + word) > 100:
            yield line
            line = "   "
        line += word
    yield line


def header(constants):
    lines = [HEAD]
    for name, words in constants.items():
        align = "alignas(64) " if len(words) == 128 else ""
        lines.append(f"/// {MEANING[name]}")
        if len(words) == 1:
            lines.append(f"inline constexpr double {name} = {words[0]};")
        else:
            lines.append(f"{align}inline constexpr double {name}[{len(words)}] = {{")
            lines += array_lines(words)
    return "\n".join(lines) + "\n\n}  // namespace xent::constants\n"


def constants_of(text):
    """{name: [words]} of the header."""
    arrays = re.findall(r"double (k\w+)(?:\[\d+\])? = (\{[^}]*\}|[^;]*);", text)
    return {name: re.findall(r"-?0x[0-9a-f.]+p-?\d+|\b0\b", body) for name, body in arrays}


def claims_of(text):
    """{name: value} of the claims, exactly."""
    found = {}
    for name, product in re.findall(r"double (\w+) = ([^;]+);", text):
        value = F(1)
        for factor in product.split("*"):
            factor = factor.strip()
            value *= (found[factor] if factor in found else
                      F(float.fromhex(factor)) if "x" in factor else F(factor))
        found[name] = value
    return found


def sollya_bounds(constants):
    lists = [f"{name} = [|{', '.join(words)}|];" for name, words in constants.items()]
    out = run("sollya", "\n".join(lists) + "\n" + (PROOF / "bounds.sollya").read_text())
    return {name: F(word) for name, word in (line.split() for line in out.splitlines())}


def gappa_bounds(constants, name):
    """The greatest absolute value of each enclosure that gappa finds, in order."""
    script = re.sub(r"\b(k[A-Z]\w*)\[(\d+)\]", lambda m: constants[m[1]][int(m[2])],
                    (PROOF / name).read_text())
    done = subprocess.run(["gappa"], input=script, capture_output=True, text=True, timeout=300)
    ends = re.findall(r" in \[([^ \],]+)(?: \{[^}]*\})?, ([^ \],]+)(?: \{[^}]*\})?\]",
                      done.stdout + done.stderr)
    if done.returncode != 0 or not ends:
        sys.exit(f"oracle_proof.py: gappa on {name}:\n{done.stdout}{done.stderr}")
    return [max(abs(dyadic(end)) for end in pair) for pair in ends]


def dyadic(word):
    mantissa, _, exponent = word.partition("b")
    return int(mantissa) * F(2) ** int(exponent or 0)


def compound(*errors):
    product = F(1)
    for error in errors:
        product *= 1 + error
    return product - 1


def slope(error, near, r):
    """s such that error <= near (1 + s |e^r - 1|)."""
    return (F("1.0014") * error / near - 1) / (F("0.998") * r)


def proved(sollya, gappa, claims):
    """{claim: what is proved of it}, as L20, L21 and L22 add it up."""
    (exp1, q), (log1,), (half, _, table) = gappa
    reduction1 = F(1, 2**55) + 1017 * sollya["ln2.both"]
    reduction1 *= 1 + reduction1
    # t = r + r^2 q, of which r^2 q is at most 0.184; then 2^k t + (2^k - 1), worst for k = -1.
    t = compound(U, F("0.184") * compound(U, q))
    at_k = (t * F("0.4143") + (sollya["exp1.polynomial"] + reduction1) * F("1.4143")) / 2
    # s = f / (2 + f) has two roundings, which 2 atanh s enlarges by at most 1 / (1 - z); f may
    # have one, which log(1 + f) enlarges by at most 1.16.
    log = compound(compound(U, U) * F("1.0418"), log1, U, sollya["log1.polynomial"],
                   F("1.16") * U)
    # Roundings of t = r + r (r M2) relative to r, but for those of M2, which grow with r.
    core = F("3.06") * UU
    outer = {r: core + r * half + sollya["expm1_2.polynomial"] for r in (F("0.0015"), F("0.00273"))}
    t2 = F("0.00274") * outer[F("0.00273")] + F(1, 2**112)
    # What errs in proportion to the table.
    product = F("0.02") * UU + t2 + sollya["exp2.table"]
    return {
        "kLn2": sollya["ln2.both"],
        "kExp1": compound(sollya["exp1.polynomial"], exp1, reduction1),
        "kExpm1": max(compound(t, sollya["expm1_1.polynomial"]), U + at_k / F("0.2928")),
        "kLog1": log,
        "kExp2": compound(table, sollya["exp2.table"], t2, sollya["exp2.polynomial"]),
        "kExpm1Near": F("1.0014") * (core + sollya["expm1_2.inner"]),
        "kExpm1Slope": max(slope(e, claims["kExpm1Near"], r) for r, e in outer.items()),
        "kExpm1Table": (F("2.06") * UU + product) * F("1.65") + UU / 2,
        "kExpm1Log": F("1.003") * (F("2.06") * UU + product) + UU / 2 / F("0.74"),
    }


def differences(constants, printed):
    """Constants of the header that are not what sollya prints, a line each."""
    if list(constants) != list(printed):
        return [f"names: {' '.join(constants)}; printed: {' '.join(printed)}"]
    wrong = []
    for name, words in printed.items():
        ours = [float.fromhex(word) for word in constants[name]]
        theirs = [float.fromhex(word) for word in words]
        wrong += [f"{name}[{i}] = {a.hex()}, printed {b.hex()}"
                  for i, (a, b) in enumerate(zip(ours, theirs)) if a != b]
        if len(ours) != len(theirs):
            wrong.append(f"{name} has {len(ours)} numbers, {len(theirs)} are printed")
    return wrong


def false_claims(sollya, gappa, claims):
    """Claims that are not proved, or three times what is."""
    wrong = []
    for name, value in proved(sollya, gappa, claims).items():
        claim = claims[name]
        if not value <= claim:
            wrong.append(f"{name} claims {float(claim)}, proved is {float(value)}")
        if claim > 3 * value:
            wrong.append(f"{name} claims {float(claim)}, three times {float(value)}")
    return wrong


def bounds(constants):
    names = ("exp1.g", "log1.g", "exp2.g")
    return sollya_bounds(constants), [gappa_bounds(constants, name) for name in names]


def check():
    constants = constants_of(CONSTANTS.read_text())
    claims = claims_of(CLAIMS.read_text())
    sollya, gappa = bounds(constants)
    for name, value in proved(sollya, gappa, claims).items():
        unit = {"kExp1": U, "kExpm1": U, "kLog1": U, "kExpm1Slope": 1}.get(name, UU)
        print(f"{name}: proved {float(value / unit):.4f}, claimed {float(claims[name] / unit):.4f}")
    return differences(constants, printed_constants()) + false_claims(sollya, gappa, claims)


def flipped(word):
    """The next double."""
    return math.nextafter(float.fromhex(word), math.inf).hex()


def self_test():
    constants = constants_of(CONSTANTS.read_text())
    claims = claims_of(CLAIMS.read_text())
    missed = []
    for name, words in constants.items():
        for i, word in enumerate(words):
            text = header({**constants, name: words[:i] + [flipped(word)] + words[i + 1:]})
            if len(differences(constants_of(text), constants)) != 1:
                missed.append(f"{name}[{i}] changed")
    sollya, gappa = bounds(constants)
    for name, value in proved(sollya, gappa, claims).items():
        if not false_claims(sollya, gappa, {**claims, name: value * F("0.999")}):
            missed.append(f"{name} claimed below what is proved")
    # A bit that the comparison of constants would not see, if both sides had it.
    for name, index, bits in (("kExp1", 2, 33), ("kTaylor", 0, 48), ("kPowerLo", 77, 3)):
        words = list(constants[name])
        words[index] = (float.fromhex(words[index]) * (1 + 2.0**-bits)).hex()
        wrong = {**constants, name: words}
        if not false_claims(sollya_bounds(wrong), gappa, claims):
            missed.append(f"{name}[{index}] off by 2^-{bits}")
    return missed


def main():
    if "--write" in sys.argv:
        CONSTANTS.write_text(header(printed_constants()))
        return
    wrong = self_test() if "--self-test" in sys.argv else check()
    if wrong:
        sys.exit("\n".join(["oracle_proof.py:", *wrong]))


if __name__ == "__main__":
    main()
