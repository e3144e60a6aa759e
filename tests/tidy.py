#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of form that a text can be checked for."""

import re

import functions
import tree

FUNCTION_LINES = 60
FILE_LINES = 400
COLUMNS = 100

# Nobody edits these, so no rule looks at them.
EXEMPT = {"LICENSE"}

# The words are put together so that this file passes its own rules.
SPDX = "SPDX-License-" + "Identifier:"
SPDX_LINE = re.compile(r"(//|#|/\*) " + SPDX + r" Apache-2\.0( \*/)?")
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3]) + r")\b")
MACHINE_PATH = re.compile(r"(?<![\w.}])/(" + "|".join(["home", "root", "work"]) + ")/")

CMAKE_NEVER = {
    r"-march=native|-mcpu=native": "a build for this machine only",
    r"-ffast-math|-Ofast|-funsafe-math-optimizations": "arithmetic that no bound describes",
    r"\bfile\s*\(\s*GLOB": "a glob; list the sources",
    r"\b(add_compile_options|add_compile_definitions|add_definitions|add_link_options"
    r"|include_directories|link_directories|link_libraries)\s*\(": "a global; set it on a target",
    r"\bset\s*\(\s*CMAKE_\w+_FLAGS": "global flags; set them on a target",
}


def is_cmake(path):
    return path.endswith(("CMakeLists.txt", ".cmake", "CMakePresets.json"))


def is_shell(path, text):
    return path.endswith((".sh", ".bash")) or bool(re.match(r"#!.*\b(ba)?sh\b", text))


def bears_spdx(path, text):
    kinds = (*tree.CPP, ".py", ".cmake", "CMakeLists.txt")
    return path.endswith(kinds) or is_shell(path, text)


def is_result(path):
    """What the program wrote: as long and wide as it is."""
    return path.startswith("reports/published/") and path.endswith(".json")


def too_wide(path, lines):
    """Lines beyond the columns; in Markdown not those of tables and pasted output."""
    if is_result(path):
        return
    fenced = False
    for number, line in enumerate(lines, 1):
        if path.endswith(".md"):
            fenced ^= line.lstrip().startswith("```")
            if fenced or line.lstrip().startswith("|"):
                continue
        if len(line) > COLUMNS:
            yield number, f"{len(line)} columns; at most {COLUMNS}"


def line_faults(path, lines):
    for number, line in enumerate(lines, 1):
        if "\t" in line:
            yield number, "a tab"
        if line != line.rstrip():
            yield number, "blanks at the end of the line"
        if UNFINISHED.search(line):
            yield number, f"unfinished: {UNFINISHED.search(line).group()}"
        if MACHINE_PATH.search(line):
            yield number, "an absolute path of one machine"
        if "\ufffd" in line:
            yield number, "not UTF-8"
    yield from too_wide(path, lines)


def spdx_faults(path, text, lines):
    marked = [i for i, line in enumerate(lines) if SPDX in line]
    if not bears_spdx(path, text):
        return
    first = 1 if text.startswith("#!") else 0
    if marked != [first] or not SPDX_LINE.fullmatch(lines[first]):
        yield first + 1, "here must stand the one SPDX line, Apache-2.0"


def cmake_faults(path, lines):
    for number, line in enumerate(lines if is_cmake(path) else [], 1):
        code = line if path.endswith(".json") else line.split("#")[0]
        for pattern, why in CMAKE_NEVER.items():
            match = re.search(pattern, code, re.IGNORECASE)
            if match:
                yield number, f"{match.group()}: {why}"


def function_faults(path, text):
    found, balanced = [], True
    if path.endswith(tree.CPP):
        found, balanced = functions.in_cpp(text)
    elif path.endswith(".py"):
        found, balanced = functions.in_python(text)
    for first, last in found:
        if last - first + 1 > FUNCTION_LINES:
            yield first, f"a function of {last - first + 1} lines; at most {FUNCTION_LINES}"
    if not balanced:
        yield 1, "braces that do not match, so no function is measured"


def file_faults(path, text):
    lines = text.splitlines()
    yield from line_faults(path, text.split("\n"))
    yield from spdx_faults(path, text, lines)
    yield from cmake_faults(path, lines)
    yield from function_faults(path, text)
    if len(lines) > FILE_LINES and not is_result(path):
        yield len(lines), f"{len(lines)} lines; at most {FILE_LINES}"
    if not text.endswith("\n") or text.endswith("\n\n"):
        yield max(len(lines), 1), "must end with one newline"


def check(files):
    """Violations, one line each, of {path: text}."""
    violations = [f"{path}:{line}: {what}" for path in sorted(files) if path not in EXEMPT
                  for line, what in file_faults(path, files[path])]
    folders = sorted({path.split("/")[0] for path in files if "/" in path and path[0] != "."})
    return violations + [f"{folder}/README.md: missing" for folder in folders
                         if f"{folder}/README.md" not in files]


def self_test():
    """What check() gets wrong on fabricated files."""
    import tidy_cases
    return tree.failed_cases(check, tidy_cases.bad(), tidy_cases.good())


if __name__ == "__main__":
    tree.main("tidy.py", check, self_test)
