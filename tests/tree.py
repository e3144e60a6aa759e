# SPDX-License-Identifier: Apache-2.0
"""The project's files, and C++ text without what is not code; shared by layers.py and tidy.py."""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CPP = (".h", ".hpp", ".cpp", ".cc", ".c", ".cu", ".cuh", ".inc")
NOT_OURS = {"build", "out", "__pycache__"}
BINARY = (".npz", ".npy", ".png")


def paths(root):
    """Paths of tracked and of new, not ignored files; without git, of all outside NOT_OURS."""
    git = subprocess.run(
        ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True) if os.path.exists(os.path.join(root, ".git")) and has_git() else None
    if git and git.returncode == 0:
        return sorted(p for p in git.stdout.decode().split("\0")
                      if p and os.path.isfile(os.path.join(root, p)))
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [f for f in folders if f not in NOT_OURS and f != ".git"]
        found += [os.path.relpath(os.path.join(folder, f), root) for f in files if f != ".git"]
    return sorted(found)


def has_git():
    return any(os.access(os.path.join(p, "git"), os.X_OK) for p in os.get_exec_path())


def texts(root):
    """{path: text} of every file of the project that is not binary."""
    files = {}
    for path in paths(root):
        if not path.endswith(BINARY):
            with open(os.path.join(root, path), encoding="utf-8", errors="replace",
                      newline="") as file:
                files[path] = file.read()
    return files


NOT_CODE = re.compile(
    r"""(?P<comment>//(?:\\\n|[^\n])*|/\*.*?\*/)
      |(?P<raw>\b(?:u8|[uUL])?R"(?P<mark>[^()\\\s]*)\(.*?\)(?P=mark)")
      |(?P<string>(?:\b(?:u8|[uUL]))?"(?:\\.|[^"\\\n])*")
      |(?P<number>\b\d(?:'?[\w.])*)
      |(?P<char>(?:\b(?:u8|[uUL]))?'(?:\\.|[^'\\\n])+')""",
    re.DOTALL | re.VERBOSE)
DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.MULTILINE)


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def without_comments(text):
    """C++ text of the same lines, comments blanked."""
    return NOT_CODE.sub(
        lambda m: blank(m) if m.lastgroup == "comment" else m.group(), text)


def only_code(text):
    """C++ text of the same lines and columns; comments, literals and directives blanked."""
    text = NOT_CODE.sub(lambda m: m.group() if m.lastgroup == "number" else blank(m), text)
    return DIRECTIVE.sub(blank, text)


def main(name, check, self_test):
    """Prints a line for each violation; exit 1 if there is one, 2 on wrong use."""
    if sys.argv[1:] not in ([], ["--self-test"]):
        print(f"{name}: unknown argument; usage: {name} [--self-test]", file=sys.stderr)
        sys.exit(2)
    violations = self_test() if sys.argv[1:] else check_tree(check)
    print("\n".join(violations) if violations else f"{name}: nothing to report")
    sys.exit(1 if violations else 0)


def check_tree(check):
    files = texts(ROOT)
    sources = [p for p in files if p.endswith(CPP)]
    return check(files) if sources else [f"{ROOT}: no C++ source found here"]


def failed_cases(check, bad, good):
    """Self-test. bad: [(files, words of the one violation)]; good: [files] that are in order."""
    failures = []
    for files, words in bad:
        found = check(files)
        if len(found) != 1 or words not in found[0]:
            failures.append(f"self-test: {list(files)[0]}: expected one '{words}', got {found}")
    for files in good:
        failures += [f"self-test: {v}: reported, but it is in order" for v in check(files)]
    return failures
