#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Mutants of the oracle: its own tests must fail with any one fault planted, and pass without.

Not those of the canary, which compares stored bits: the tests must see that the numbers are wrong.

oracle_faults.py TESTS, where TESTS is the binary that takes --fault=N.
"""
import concurrent.futures
import re
import subprocess
import sys

LEAST = 12


def run(tests, fault):
    """Exit status and the first test that failed."""
    done = subprocess.run([tests, f"--fault={fault}", "--gtest_fail_fast", "--gtest_brief=1",
                           "--gtest_filter=-Canary.*"],
                          capture_output=True, text=True)
    failed = re.search(r"\[  FAILED  \] ([\w./]+)", done.stdout)
    return done.returncode, failed[1] if failed else done.stdout[-500:] + done.stderr[-500:]


def main():
    tests = sys.argv[1]
    listed = subprocess.run([tests, "--list-faults"], capture_output=True, text=True, check=True)
    faults = dict(line.split(" ", 1) for line in listed.stdout.splitlines())
    if len(faults) < LEAST:
        sys.exit(f"{len(faults)} faults, fewer than {LEAST}")
    status, output = run(tests, 0)
    if status == 77:
        sys.exit(77)
    if status != 0:
        sys.exit(f"without a fault: {output}")
    survivors = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda fault: run(tests, fault), faults)
        for (fault, name), (status, killer) in zip(faults.items(), results):
            killed = status == 1
            survivors += not killed
            print(f"{fault:>3} {name}: " + (f"killed by {killer}" if killed else
                                            f"SURVIVES (exit {status}) {killer}"))
    print(f"{len(faults) - survivors} of {len(faults)} killed")
    sys.exit(survivors > 0)


if __name__ == "__main__":
    main()
