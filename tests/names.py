#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One definition rule: no two files define a type of the same name outside anonymous namespaces.

Compilers need not say so, and then one file's destructor runs on another file's objects.
"""
import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ("core", "impl", "oracle", "properties", "bench", "reports", "cli")
TYPE = re.compile(r"^(?:template <[^>]*>\n)?(?:struct|class|enum class) (?:alignas\(\w+\) )?(\w+)"
                  r"[^;{]*\{", re.M)


def without_anonymous(text):
    """The text with the bodies of anonymous namespaces cut out."""
    kept, at = [], 0
    while (start := text.find("namespace {", at)) >= 0:
        kept.append(text[at:start])
        depth, at = 0, start
        while at < len(text):
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
            if depth == 0 and text[at - 1] == "}":
                break
    return "".join(kept) + text[at:]


def clashes(files):
    """`files` maps paths to texts; yields (name, paths)."""
    where = collections.defaultdict(set)
    for path, text in files.items():
        for match in TYPE.finditer(without_anonymous(text)):
            where[match[1]].add(path)
    return sorted((name, sorted(paths)) for name, paths in where.items() if len(paths) > 1)


def self_test():
    shown = {"a.h": "struct Job {\n};\n", "b.cpp": "namespace {\nstruct Plan {\n};\n}\n"}
    assert clashes(shown | {"c.h": "struct Job {\n};\n"}) == [("Job", ["a.h", "c.h"])]
    assert clashes(shown | {"c.h": "struct Plan {\n};\nstruct Job;\n"}) == []
    assert clashes(shown | {"c.h": "namespace {\nstruct Job {\n};\n}  // namespace\n"}) == []
    print("names.py: the self-test passed")


def main():
    if "--self-test" in sys.argv:
        return self_test()
    files = {
        str(path.relative_to(ROOT)): path.read_text()
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".h", ".cpp")
    }
    # A nested type may be defined in the .cpp of its class under its full name.
    found = [c for c in clashes(files) if len({pathlib.Path(p).stem for p in c[1]}) > 1]
    for name, paths in found:
        print(f"{name}: defined in {', '.join(paths)}")
    if found:
        sys.exit(1)
    print("names.py: nothing to report")


if __name__ == "__main__":
    main()
