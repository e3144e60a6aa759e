#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom: reads every #include of the project and compares it with three tables."""

import re

import tree

# Folder -> project folders or headers that it may include besides its own.
MAY_INCLUDE = {
    "core": [],
    "include": [],
    "impl": ["core", "include"],
    "oracle": ["core"],
    "properties": ["oracle", "core"],
    # process_bench measures the processes of kernels themselves.
    "bench": ["properties", "oracle", "core", "impl/process/foreign.h"],
    "reports": ["core"],
    "cli": ["core", "include", "impl", "oracle", "properties", "bench", "reports"],
    "tests": ["core", "include", "impl", "oracle", "properties", "bench", "reports", "cli"],
    "examples": ["include"],
}

# Header prefix -> patterns (regular expressions from the root) of the files that may include it.
# The longest prefix that matches decides; a header that none matches must be standard C or C++.
ANY_CPP = r"(core|impl|oracle|properties|bench|reports|cli|tests)/.*\.cpp"
POSIX_USERS = r"(impl|bench|cli|tests|examples)/"
PACKAGES = {
    "rapidcheck": r"properties/recipe\.cpp",
    "CLI/": r"cli/[^/]*\.cpp",
    "boost/multiprecision/": r"(oracle/|bench/oracle\.cpp)",
    "boost/math/": r"properties/",
    "boost/context/": r"impl/",
    "mpfi": r"oracle/",
    "mpfr": r"(oracle/|tests/oracle_)",
    "gmp": r"oracle/",
    "hwy/": r"(impl/|oracle/|bench/limits/|tests/impl_(lines|missing))",
    "hwy/contrib/": r"(impl|bench/limits)/",
    "benchmark/": r"bench/",
    "nlohmann/": r"reports/",
    "fmt/": ANY_CPP,
    "gtest/": r"tests/",
    "gmock/": r"tests/",
    "dlpack/": r"(include|impl)/",
    "Eigen/": r"examples/",
    "dnnl": r"examples/",
    "oneapi/dnnl/": r"examples/",
    "cuda": r"(impl/cuda|bench/limits)/",
    "cub/": r"impl/cuda/",
    "cooperative_groups": r"impl/cuda/",
    "sanitizer/": r"impl/cuda/host_shim/",
    "mpi.h": r"impl/mpi/",
    "seccomp.h": r"impl/process/",
    "immintrin.h": r"(impl|bench)/",
    "xmmintrin.h": r"(impl|bench|tests/zoo)/",
    "cpuid.h": r"(impl|bench)/",
    "sys/": POSIX_USERS,
    "linux/": POSIX_USERS,
    **dict.fromkeys("""dlfcn.h fcntl.h poll.h pthread.h sched.h spawn.h ucontext.h
                    unistd.h elf.h""".split(), POSIX_USERS),
}

# Header prefix -> how many files may include it.
AT_MOST_FILES = {"CLI/": 1, "rapidcheck": 1}

STANDARD_C = set("""assert.h complex.h ctype.h errno.h fenv.h float.h inttypes.h iso646.h limits.h
    locale.h math.h setjmp.h signal.h stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h stdint.h
    stdio.h stdlib.h stdnoreturn.h string.h tgmath.h threads.h time.h uchar.h wchar.h
    wctype.h""".split())
STANDARD_CPP = re.compile(r"[a-z][a-z0-9_]*")

# The second form is the file that Highway includes again for each instruction set.
INCLUDE = re.compile(
    r"^[ \t]*#[ \t]*(?:include(?:_next)?|define[ \t]+HWY_TARGET_INCLUDE)\b[ \t]*(.*?)[ \t]*$", re.M)


def includes(text):
    """[(line, operand)] of the file's includes."""
    code = tree.without_comments(text)
    return [(code.count("\n", 0, m.start()) + 1, m.group(1)) for m in INCLUDE.finditer(code)]


def package_of(header):
    """The longest prefix of PACKAGES that the header begins with, or None."""
    return max((p for p in PACKAGES if header.startswith(p)), key=len, default=None)


def project_header(header):
    """The header's path from the root if its first folder is one of ours, else None."""
    if header.startswith("xentcheck/"):
        header = "include/" + header
    return header if header.split("/")[0] in MAY_INCLUDE and "/" in header else None


def may_include(path, header):
    """Whether the table lets the file include the project's header."""
    own = path.split("/")[0]
    return any(header == entry or header.startswith(entry + "/")
               for entry in [own, *MAY_INCLUDE[own]])


def fault(path, operand):
    """What is wrong with one include, or None."""
    header = operand[1:-1]
    if not re.fullmatch(r'"[^"]+"|<[^>]+>', operand):
        return f"include of '{operand}', which is not a header's name"
    if ".." in header.split("/"):
        return f"{header}: includes are written from the root"
    ours = project_header(header)
    if ours:
        allowed = ", ".join(MAY_INCLUDE[path.split("/")[0]]) or "only itself"
        return None if may_include(path, ours) else f"may not include {header} (may: {allowed})"
    package = package_of(header)
    if package:
        pattern = PACKAGES[package]
        return None if re.match(pattern, path) else f"may not include {header} (may: {pattern})"
    if header in STANDARD_C or STANDARD_CPP.fullmatch(header):
        return None
    return f"{header}: neither ours from the root, nor standard, nor in the table of packages"


def crowds(users):
    """Packages that more files include than may."""
    return [f"{files[-1]}: {package} in more than {AT_MOST_FILES[package]} file: {', '.join(files)}"
            for package, files in users.items()
            if len(files) > AT_MOST_FILES[package]]


def check(files):
    """Violations, one line each, of {path: text}."""
    violations = []
    users = {package: [] for package in AT_MOST_FILES}
    for path in sorted(p for p in files if p.endswith(tree.CPP)):
        if "/" not in path or path.split("/")[0] not in MAY_INCLUDE:
            violations.append(f"{path}: lies in no folder of the table of layers")
            continue
        found = includes(files[path])
        for line, operand in found:
            wrong = fault(path, operand)
            if wrong:
                violations.append(f"{path}:{line}: {wrong}")
        for package, list_of in users.items():
            if any(package_of(operand[1:-1]) == package for _, operand in found):
                list_of.append(path)
    return violations + crowds(users)


# Written out, not derived from the tables above: an error in one of them must show here.
MATRIX = """
    who \\ whom   core include impl oracle properties bench reports cli tests examples
    core         yes  -       -    -      -          -     -       -   -     -
    include      -    yes     -    -      -          -     -       -   -     -
    impl         yes  yes     yes  -      -          -     -       -   -     -
    oracle       yes  -       -    yes    -          -     -       -   -     -
    properties   yes  -       -    yes    yes        -     -       -   -     -
    bench        yes  -       -    yes    yes        yes   -       -   -     -
    reports      yes  -       -    -      -          -     yes     -   -     -
    cli          yes  yes     yes  yes    yes        yes   yes     yes -     -
    tests        yes  yes     yes  yes    yes        yes   yes     yes yes   -
    examples     -    yes     -    -      -          -     -       -   -     yes
"""

FORBIDDEN = """
    core/a.cpp <boost/optional.hpp> <hwy/highway.h> <gtest/gtest.h> <immintrin.h> <xmmintrin.h>
    core/a.cpp MACRO <vendor/thing.h> <dlfcn.h> <fcntl.h> <poll.h> <pthread.h> <sched.h> <spawn.h>
    core/a.cpp <ucontext.h> <unistd.h> <sys/mman.h> <linux/perf_event.h> <cpuid.h> "problem.h"
    core/a.h <fmt/core.h> <dlpack/dlpack.h>
    include/xentcheck/k.h <sys/mman.h> <fmt/core.h>
    impl/scalar/a.cpp <cuda_runtime.h> <cub/cub.cuh> <cooperative_groups.h> <mpi.h> <seccomp.h>
    impl/a.cpp <boost/multiprecision/mpfi.hpp> <boost/math/distributions.hpp> <mpfr.h> <mpfi.h>
    impl/a.cpp <gmp.h> <rapidcheck.h> "../oracle/judge.h" "registry.h" "xentcheck.h"
    oracle/a.cpp <hwy/contrib/math/math-inl.h> <boost/math/distributions.hpp> <unistd.h>
    properties/a.cpp <rapidcheck.h> <mpfi.h> <boost/context/fiber.hpp> <unistd.h>
    properties/shrink.cpp <rapidcheck/gen/Numeric.h>
    bench/a.cpp <hwy/highway.h> <nlohmann/json.hpp>
    reports/a.h <fmt/format.h>
    reports/a.cpp <unistd.h>
    cli/a.cpp <nlohmann/json.hpp> <benchmark/benchmark.h> <rapidcheck.h> <gmock/gmock.h>
    cli/sub/a.cpp <CLI/CLI.hpp>
    tests/a.cpp <nlohmann/json.hpp> <CLI/CLI.hpp> <hwy/highway.h>
    examples/a.cpp <fmt/core.h>
    src/a.cpp <vector>
"""

ALLOWED = """
    core/a.cpp <fmt/core.h> <math.h>
    core/a.h <vector>
    include/xentcheck/k.h <stdint.h> <dlpack/dlpack.h>
    impl/a.cpp "xentcheck/k.h" <boost/context/fiber.hpp> <ucontext.h> <immintrin.h> <xmmintrin.h>
    impl/a.cpp <sys/mman.h> <linux/perf_event.h> <pthread.h> <sched.h> <cpuid.h>
    impl/highway/a.cpp "hwy/foreach_target.h" "hwy/contrib/math/math-inl.h"
    impl/cuda/a.cu <cuda_runtime.h> <cub/cub.cuh> <cooperative_groups.h>
    impl/mpi/a.cpp <mpi.h>
    impl/process/a.cpp <seccomp.h> <dlfcn.h> <fcntl.h> <poll.h> <spawn.h>
    oracle/a.cpp <mpfi.h> <mpfr.h> <gmp.h> <hwy/highway.h>
    oracle/a.h <boost/multiprecision/mpfi.hpp>
    properties/recipe.cpp <rapidcheck.h>
    properties/a.cpp <boost/math/distributions.hpp>
    bench/a.cpp <benchmark/benchmark.h>
    bench/limits/a.cpp <hwy/highway.h>
    reports/a.cpp <nlohmann/json.hpp>
    cli/main.cpp <CLI/CLI.hpp> <unistd.h>
    tests/oracle_test.cpp <gtest/gtest.h> <gmock/gmock.h>
    tests/impl_lines_test.cpp <hwy/foreach_target.h>
    examples/a.c <xentcheck/k.h> <stdint.h>
"""


def matrix(wanted):
    """A file for each pair of folders with the word in MATRIX."""
    head, *rows = [line.split() for line in MATRIX.strip().split("\n")]
    return [{f"{row[0]}/a.cpp": f'\n#include "{whom}/b.h"\n'} for row in rows
            for whom, word in zip(head[3:], row[1:]) if word == wanted]


def samples(table):
    """A file for each header of the table, whose lines are a path and headers."""
    rows = [line.split() for line in table.strip().split("\n")]
    return [{path: f"\n#include {operand}\n"} for path, *operands in rows for operand in operands]


def self_test():
    """What check() gets wrong on fabricated files."""
    bad = [(files, f"{path}:2: " if path[:4] != "src/" else path)
           for files in samples(FORBIDDEN) + matrix("-") for path in files]
    bad += [
        ({"cli/a.cpp": "#include <CLI/CLI.hpp>\n", "cli/b.cpp": "#include <CLI/App.hpp>\n"},
         "in more than 1 file"),
        ({"impl/a.cpp": '  #  define HWY_TARGET_INCLUDE "oracle/a.cpp"\n'}, "impl/a.cpp:1: "),
        ({"impl/a.cpp": '/* one\n */ int i;\n#include/**/"oracle/a.h" // x\n'}, "impl/a.cpp:3: "),
        ({"impl/a.cu": '#include "oracle/a.h"\n'}, "may not include"),
        ({"impl/a-inl.h": '#include "oracle/a.h"\n'}, "may not include"),
    ]
    good = samples(ALLOWED) + matrix("yes") + [
        {"impl/a.cpp": '// #include "oracle/a.h"\n/*\n#include "oracle/b.h"\n*/\n'},
        {"impl/a.md": '#include "oracle/a.h"\n'},
    ]
    return tree.failed_cases(check, bad, good)


if __name__ == "__main__":
    tree.main("layers.py", check, self_test)
