#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""dialect_list.py XENTCHECK DIALECT_DUMP: `xentcheck list dialects` as a user reads it, in 80, 100
and 40 columns; its cells against the table that dialect_dump prints."""

import os
import re
import subprocess
import sys

SHORT = {"zero": "0", "plus-inf": "+inf", "nan": "NaN", "undefined": "?", "absent": "-"}
DIALECTS = ["math", "pytorch", "onnx", "optax"]


def listing(program, columns, *glob, code=0):
    environment = dict(os.environ, COLUMNS=str(columns), NO_COLOR="1")
    done = subprocess.run([program, "list", "dialects", *glob], capture_output=True, text=True,
                          env=environment)
    assert done.returncode == code, done
    too_long = [line for line in done.stdout.splitlines() if len(line) > columns]
    assert not too_long, too_long
    return done.stdout


def answers(dump):
    text = subprocess.run([dump, "table"], check=True, capture_output=True, text=True).stdout
    return {words[1]: words[2:] for words in map(str.split, text.splitlines())
            if words[0] == "answer"}


def rows_of(text):
    """{question: cells} of the table; cells are two or more blanks apart, or one column wide."""
    lines = text.split("\n\n")[0].splitlines()
    return {line[:27].strip(): [line[at:at + 13].strip() for at in range(27, len(line), 13)]
            for line in lines[1:]}, lines[0]


def check_table(program, dump, columns):
    rows, head = rows_of(listing(program, columns))
    assert head.split()[-4:] == DIALECTS, head
    expected = answers(dump)
    assert list(rows) == list(expected), set(rows) ^ set(expected)
    for question, (loss, grad) in expected.items():
        words = [SHORT.get(loss, loss), SHORT.get(grad, grad)]
        cell = words[0] if words[0] == words[1] else " / ".join(words)
        assert len(rows[question]) == 4 and all(rows[question]), rows[question]
        assert rows[question][1] == cell, (question, rows[question], cell)


def check_blocks(program, dump):
    text = listing(program, 40).split("choices")[0]
    for question in answers(dump):
        block = re.search(rf"^{question}\n((?:    .*\n)+)", text, re.M)
        assert [line.split()[0] for line in block[1].splitlines()] == DIALECTS, question


def check_one(program, dump):
    text = listing(program, 80, "pytorch")
    rows, head = rows_of(text)
    assert head.split()[-1] == "pytorch" and all(len(cells) == 1 for cells in rows.values())
    for question in answers(dump):
        assert re.search(rf"^{question}\n    \S.*\n    \S", text, re.M), question
    assert rows_of(listing(program, 80, "o*"))[1].split()[-2:] == ["onnx", "optax"]
    assert listing(program, 80, "torch*", code=5) == "nothing matches torch*\n"


def main(program, dump):
    check_table(program, dump, 80)
    check_table(program, dump, 100)
    check_blocks(program, dump)
    check_one(program, dump)


if __name__ == "__main__":
    main(*sys.argv[1:])
