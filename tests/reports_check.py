#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""reports_check.py PROGRAM: the sample reports are well formed, complete and self-contained.

PROGRAM is reports_sample. `--self-test` shows that each check rejects what it must."""

import html.parser
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

VOID = {"meta", "link", "br", "hr", "img", "input", "wbr", "col", "base", "source"}
LOADS = {"src", "href", "srcset", "data", "poster", "action", "xlink:href"}


class Page(html.parser.HTMLParser):
    """Balanced tags, no resource from elsewhere, one id each, links that lead somewhere."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.faults, self.open, self.ids, self.links, self.results = [], [], [], [], None
        self.style = ""
        self.feed(text)
        self.close()
        self.faults += [f"<{tag}> is never closed" for tag in self.open]
        self.faults += [f"id {i} twice" for i in set(self.ids) if self.ids.count(i) > 1]
        self.faults += [f"no element #{i}" for i in self.links if i not in self.ids]
        if re.search(r"@import|url\s*\(", self.style):
            self.faults.append("the style sheet loads something")
        if self.results is None:
            self.faults.append("the results are not embedded")

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name.startswith("on"):
                self.faults.append(f"script in {name}")
            if name in LOADS and not value.startswith("#"):
                self.faults.append(f"<{tag} {name}={value}> leads out of the page")
            elif name == "href":
                self.links.append(value[1:])
        if tag == "link" or (tag == "script" and ("type", "application/json") not in attrs):
            self.faults.append(f"<{tag}> is not self-contained")

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.faults.append(f"</{tag}> closes <{self.open[-1] if self.open else ''}>")
        else:
            self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.results = json.loads(data)
        if self.open and self.open[-1] == "style":
            self.style += data


def junit_faults(text):
    faults = []
    root = xml.etree.ElementTree.fromstring(text)
    for level in [root] + root.findall("testsuite"):
        cases = list(level.iter("testcase"))
        found = {
            "tests": len(cases),
            "failures": sum(c.find("failure") is not None for c in cases),
            "errors": sum(c.find("error") is not None for c in cases),
            "skipped": sum(c.find("skipped") is not None for c in cases),
        }
        for what, count in found.items():
            if int(level.get(what)) != count:
                faults.append(f"{level.get('name')}: {what} is {level.get(what)}, not {count}")
    for case in root.iter("testcase"):
        if not case.get("name") or not case.get("classname"):
            faults.append("a test case without a name")
    return faults


def table_faults(text):
    """Every row of a Markdown table has as many cells as its head."""
    faults, width, fence = [], None, None
    for number, line in enumerate(text.split("\n"), 1):
        mark = re.fullmatch(r"(`{3,})[^`]*", line)
        if mark and (fence is None or line == fence):
            fence = None if fence else mark.group(1)
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") and not fence else None
        if cells is not None and width is not None and cells != width:
            faults.append(f"line {number}: {cells - 1} cells, not {width - 1}")
        width = cells
    return faults + (["a fence is never closed"] if fence else [])


def control_faults(text):
    found = re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]", text)
    return [f"control character {found.group()!r}"] if found else []


def folder_faults(folder):
    read = {f.name: f.read_text(encoding="utf-8") for f in folder.iterdir()}
    results = json.loads(read["results.json"])
    page = Page(read["index.html"])
    faults = page.faults + junit_faults(read["junit.xml"].encode()) + table_faults(
        read["report.md"])
    if page.results != results:
        faults.append("the embedded results are not results.json")
    for name in ["index.html", "junit.xml", "report.md"]:
        faults += [f"{name}: {f}" for f in control_faults(read[name])]
    return [f"{folder.name}: {f}" for f in faults]


def check(program):
    with tempfile.TemporaryDirectory() as place:
        subprocess.run([program, place], check=True)
        folders = sorted(pathlib.Path(place).iterdir())
        return [f for folder in folders for f in folder_faults(folder)], len(folders)


def self_test():
    good = "<p id=a><a href='#a'>x</a><svg><rect/></svg></p><script type='application/json'>{}"
    good += "</script>"
    suite = "<testsuites tests='1' failures='0' errors='0' skipped='0'><testcase {} name='a'/>"
    suite += "</testsuites>"
    assert not Page(good).faults, Page(good).faults
    assert not junit_faults(suite.format("classname='k'"))
    assert not table_faults("| a | b\\| |\n|--|--|\n| `c` | d |\n")
    for bad in ["<b>", "</i>", "<img src='https://a/b.png'>", "<link rel=x href='#a'>",
                "<p id=a></p>", "<a href='#b'></a>", "<script>1</script>", "<p onclick='f()'></p>",
                "<style>a { background: url(x) }</style>"]:
        assert Page(good + bad).faults, bad
    assert Page("<p></p>").faults
    assert junit_faults(suite.format(""))
    assert junit_faults(suite.format("classname='k'").replace("failures='0'", "failures='1'"))
    assert table_faults("| a |\n|--|\n| c | d |\n") and table_faults("```\n")
    assert control_faults("\x1b") and not control_faults("a\n\tb")


def main(argument):
    if argument == "--self-test":
        self_test()
        return 0
    faults, folders = check(argument)
    print("\n".join(faults) if faults else f"reports of {folders} samples are well formed")
    return 1 if faults or folders < 4 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
