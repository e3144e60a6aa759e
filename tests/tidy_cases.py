# SPDX-License-Identifier: Apache-2.0
"""Files that tidy.py must report, each for one reason, and files that it must let pass."""

LICENSED = "SPDX-License-" + "Identifier: Apache-2.0\n"
CPP = "// " + LICENSED
HASH = "# " + LICENSED
BODY = "  ++i;\n" * 60
SHORT = "  ++i;\n" * 58


def cpp(text):
    return {"a.cpp": CPP + text}


def bad_form():
    """[(files, words of the violation)]"""
    return [
        (cpp("int x;\t\n".replace("\t", "") + "\tint y;\n"), "a.cpp:3: a tab"),
        (cpp("int x; \n"), "a.cpp:2: blanks"),
        (cpp("int x;\r\n"), "blanks"),
        (cpp("int x;"), "newline"),
        (cpp("int x;\n\n"), "newline"),
        (cpp("// " + "TO" + "DO: later\n"), "unfinished"),
        (cpp("// FIX" + "ME\n"), "unfinished"),
        ({"a.json": '{"a": "' + "X" * 3 + '"}\n'}, "unfinished"),
        (cpp("// " + "x" * 98 + "\n"), "a.cpp:2: 101 columns"),
        ({"a.md": "x" * 101 + "\n"}, "columns"),
        ({"a.md": "```\n```\n" + "x" * 101 + "\n"}, "a.md:3: 101 columns"),
        (cpp("int x;\n" * 400), "401 lines"),
        ({"a.csv": "1\n" * 401}, "401 lines"),
        ({"a.json": '{"a": "/ho' + 'me/me/x"}\n'}, "absolute path"),
        ({"a.md": "in /wo" + "rk/x\n"}, "absolute path"),
        ({"a.md": "in '/ro" + "ot/x'\n"}, "absolute path"),
        ({"reports/README.md": "x\n", "reports/published/a.json": '{"a": "/ho' + 'me/me/x"}\n'},
         "absolute path"),
        ({"a.md": "\ufffd\n"}, "not UTF-8"),
        ({"a.json": ""}, "newline"),
        ({"core/a.json": "{}\n"}, "core/README.md: missing"),
    ]


def bad_licence():
    return [
        ({"a.h": "int x;\n"}, "SPDX"),
        ({"a.h": "\n" + CPP}, "SPDX"),
        ({"a.h": CPP + CPP}, "SPDX"),
        ({"a.h": CPP.replace("Apache-2.0", "MIT")}, "SPDX"),
        ({"a.py": "x = 1\n"}, "SPDX"),
        ({"a.sh": "#!/bin/sh\necho\n"}, "SPDX"),
        ({"run": "#!/usr/bin/env bash\necho\n"}, "SPDX"),
        ({"CMakeLists.txt": "project(x)\n"}, "SPDX"),
        ({"a.cmake": "set(x)\n"}, "SPDX"),
    ]


def bad_cmake():
    lines = ["target_compile_options(x PRIVATE -march=" + "native)", "set(F -ffast" + "-math)",
             "file(GLOB s *.cpp)", "file( GLOB_RECURSE s *.cpp)", "FILE(glob s *.cpp)",
             "add_compile_options(-Wall)", "include_directories(core)", "link_libraries(m)",
             "set(CMAKE_CXX_FLAGS -Wall)"]
    return [({"CMakeLists.txt": HASH + line + "\n"}, "CMakeLists.txt:2: ") for line in lines] + [
        ({"CMakePresets.json": '{"CMAKE_CXX_FLAGS": "-march=' + 'native"}\n'}, "machine only")]


def bad_functions():
    long = "a function of 62 lines"
    heads = ["int f() {", "namespace a::b { int f() {", "struct S { int f() const noexcept {",
             "class S { public: S() : a{1}, b_(2) {", "TEST(A, B) {", "auto x = [&](int i) {",
             "const T t[] = {{1, [] {", "bool S::operator==(const S& s) const {",
             "template <class T = int> auto f(T i) -> T {", "int f(int a = 1) {",
             "struct S f(struct T t) {", 'extern "C" { int f(void) {', "int f() try {",
             "enum class E { a, b }; int f() {", "int x{1}; int f() {",
             "T t{1, [](int i) mutable -> int {"]
    cases = [(cpp(head + "\n" + BODY + "}" * (head.count("{") - head.count("}")) + ";\n"), long)
             for head in heads]
    return cases + [
        (cpp("int f() {\n  auto g = [] {\n" + SHORT + "  };\n}\n"), "a function of 62 lines"),
        (cpp("int f(int a,\n      int b) {\n" + SHORT + "}\n"), "a.cpp:2: a function of 61 lines"),
        (cpp('int f() {\n  g("}", \'}\', R"(}}\n)", 1\'0); // }\n' + SHORT + "}\n"), long),
        (cpp("int f() {\n#if A\n  if (a) {\n#else\n  if (b) {\n#endif\n}\n}\n"), "braces"),
        (cpp("}\n"), "braces"),
        ({"a.py": HASH + "def f(i):\n" + "    i += 1\n" * 60}, "a.py:2: a function of 61 lines"),
        ({"a.py": HASH + "class A:\n  @b\n  def f(i):\n" + "    i += 1\n" * 59}, "of 61 lines"),
    ]


def bad():
    return bad_form() + bad_licence() + bad_cmake() + bad_functions()


def good():
    """[files] in order."""
    scope = "int f() {\n" + SHORT + "}\n\n"
    return [
        cpp("int f() {\n" + SHORT + "}\nint g() {\n" + SHORT + "}\n"),
        cpp("HWY_DIAGNOSTICS(push)\nnamespace a {\n" + scope * 3 + "}\n"),
        cpp("namespace a {\n" + scope * 3 + "}  // namespace a\n"),
        cpp("class A : public B<int(int)> {\n public:\n" + "  int f() { return 1; }\n" * 70
            + "};\n"),
        cpp("struct alignas(64) A {\n" + "  int a = f(1);\n" * 70 + "};\n"),
        cpp("enum class E : int {\n" + "  a,\n" * 70 + "};\n"),
        cpp("const T kTable[] = {\n" + "  {f(1), [](int i) { return i; }},\n" * 70 + "};\n"),
        cpp("const std::vector<T> kTable{\n" + "  {1, 2},\n" * 70 + "};\n"),
        cpp('const char* kPage = R"(\n' + "{ int f() {\n" * 70 + ')";\n'),
        cpp("#define F(x) \\\n  int x() { \\\n    return 1;\n" + "int a = 1;\n" * 70),
        cpp("A::A() : a_{1}, b_{2} {\n" + SHORT + "}\n"),
        {"a.py": HASH + "class A:\n" + "  def f(i):\n    return i\n\n" * 40 + "  x = 1\n"},
        {"run": "#!/usr/bin/env bash\n" + HASH + "mktemp -d a.XXXXXX\n"},
        {"CMakeLists.txt": HASH + "target_include_directories(a PRIVATE b)  # never file(GLOB\n"
                                  "set(CMAKE_CXX_STANDARD 20)\n"},
        {"a.md": "| " + "x" * 101 + " |\n```\n" + "x" * 101 + "\n```\n"},
        {"a.md": "a/root/b, ./root/x, /usr/x, /works/x\n"},
        {"a.csv": ("x" * 100 + "\n") * 400},
        {"LICENSE": "\n\t" + "x" * 200},
        {"core/README.md": "core\n", "core/a.json": "{}\n", ".ci/a.json": "{}\n"},
    ]
