# SPDX-License-Identifier: Apache-2.0
"""Where functions begin and end in C++ and Python; for tidy.py."""

import ast
import re

import tree

TYPE = re.compile(r"(template\s*<.*>\s*)?(typedef\s+)?(class|struct|union|enum)\b", re.DOTALL)
LAMBDA = re.compile(r"\[[^\[\]]*\]\s*(<[^{}]*>\s*)?(\([^{}]*\)\s*)?"
                    r"(mutable\b\s*|constexpr\b\s*|noexcept\b\s*|->[^{}]*)*$")
INITIALIZERS = re.compile(r"\)\s*(noexcept\s*(\([^()]*\))?\s*)?:(?!:)")
BEFORE = re.compile(r"\s*(public|protected|private)\s*:(?!:)"
                    r"|\s*[A-Z][A-Z0-9_]*\s*\([^()]*\)(?=\s+\w)")
AFTER_PARAMETERS = re.compile(r"\b(const|noexcept|override|final|mutable|try)$")


def kind(head, enclosing):
    """What a brace opens, given the text before it: function, scope, data or member."""
    if LAMBDA.search(head):
        return "function"
    if enclosing == "data":
        return "data"
    if TYPE.match(head) and not re.search(r"\)\s*(const|noexcept|override|final)?$", head):
        return "scope"
    if (INITIALIZERS.search(head) and re.search(r"[\w>]$", head)
            and not AFTER_PARAMETERS.search(head)):
        return "member"
    if re.search(r"(?<![=!<>])=(?!=)", bare(head)) and "operator" not in head:
        return "data"
    return "function" if "(" in head else "data" if is_variable(head) else "scope"


def is_variable(head):
    return bool(head) and not re.match(r"(inline\s+)?namespace\b|extern\b", head)


def bare(head):
    """Without parentheses and template parameters."""
    pattern = r"\([^()]*\)|<[^<>]*>" if head.startswith("template") else r"\([^()]*\)"
    while re.search(pattern, head):
        head = re.sub(pattern, "", head)
    return head


class Scan:
    """One pass over C++ code without comments, literals and directives."""

    def __init__(self, text):
        self.code = tree.only_code(text)
        self.found = []     # (first line, last line)
        self.open = []      # (kind, offset where what it belongs to begins)
        self.begin = 0      # where the statement at hand begins
        self.balanced = True

    def head(self, end):
        """The statement before a brace, without labels and calls of macros that precede it."""
        text = self.code[self.begin:end]
        while BEFORE.match(text):
            self.begin += BEFORE.match(text).end()
            text = self.code[self.begin:end]
        self.begin += len(text) - len(text.lstrip())
        return text.strip()

    def opened(self, at):
        inside = [k for k, _ in self.open]
        if "function" in inside:
            self.open.append(("block", at))
            return
        head = self.head(at)
        what = kind(head, inside[-1] if inside else "scope")
        lambda_in_data = what == "function" and inside and inside[-1] == "data"
        self.open.append((what, at if lambda_in_data else self.begin))
        if what != "member":
            self.begin = at + 1

    def closed(self, at):
        if not self.open:
            self.balanced = False
            return
        what, begin = self.open.pop()
        if what == "function":
            self.found.append((self.line(begin), self.line(at)))
        if what not in ("member", "block"):
            self.begin = at + 1

    def line(self, offset):
        return self.code.count("\n", 0, offset) + 1

    def run(self):
        depth = 0
        for match in re.finditer(r"[{}();]", self.code):
            mark = match.group()
            depth += (mark == "(") - (mark == ")")
            if mark == "{":
                self.opened(match.start())
            elif mark == "}":
                self.closed(match.start())
            elif mark == ";" and depth == 0 and not any(k == "function" for k, _ in self.open):
                self.begin = match.end()
        self.balanced = self.balanced and not self.open
        return self


def in_cpp(text):
    """([(first line, last line)] of the outermost functions and lambdas, whether braces match)."""
    scan = Scan(text).run()
    return scan.found, scan.balanced


def in_python(text):
    """The same of Python."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [(min([n.lineno, *(d.lineno for d in n.decorator_list)]), n.end_lineno)
            for n in ast.walk(ast.parse(text)) if isinstance(n, kinds)], True
