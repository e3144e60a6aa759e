#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Installs the program, moves it, and uses it as a stranger would.

install_test.py CMAKE BUILD_FOLDER"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(sys.argv.pop()).resolve()
CMAKE = sys.argv.pop()
SOURCE = pathlib.Path(__file__).resolve().parent.parent
QUICK = ["--property", "loss.accurate", "--cases", "2"]


def readme_project():
    """The lines that cmake/README.md tells users to write, as a whole project."""
    snippet = re.search(r"```cmake\n(.*?)```", (SOURCE / "cmake/README.md").read_text(), re.S)[1]
    snippet = snippet.replace("verify ", " ".join(["verify", *QUICK, ""]))
    head = "cmake_minimum_required(VERSION 3.20)\nproject(consumer LANGUAGES C)\nenable_testing()\n"
    return head + snippet + "target_link_libraries(my_ce PRIVATE m)\n"


# The gradient of two equal logits, and a class that is none.
CALLED_FROM_C = """
#include <stdio.h>
#include "xentcheck/kernels.h"
int main(void) {
  const float logits[] = {3, 3, 3, 3};
  const int64_t targets[] = {0, 2};
  float grad[4];
  xentcheck_ce_options o = XENTCHECK_CE_OPTIONS;
  if (xentcheck_ce(logits, targets, 1, 2, NULL, grad, &o) != XENTCHECK_CE_OK) return 1;
  printf("%g %g\\n", (double)grad[0], (double)grad[1]);
  if (xentcheck_ce(logits, targets, 2, 2, NULL, grad, &o) != XENTCHECK_CE_WRONG_ARGUMENT) return 2;
  puts(xentcheck_ce_error());
  return 0;
}
"""


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.top = pathlib.Path(cls.folder.name)
        cls.done(CMAKE, "--install", BUILD, "--prefix", cls.top / "first")
        cls.prefix = (cls.top / "first").rename(cls.top / "moved")
        cls.program = cls.prefix / "bin/xentcheck"

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def done(cls, *command, rc=0):
        """Its output; an AssertionError unless it ends as it should."""
        p = subprocess.run([*map(str, command)], cwd=cls.top, capture_output=True, text=True)
        assert p.returncode == rc, f"{command}: {p.returncode}\n{p.stdout}\n{p.stderr}"
        return p.stdout + p.stderr

    def configured(self, name, *options, rc=0):
        build = self.top / f"{name}-build"
        return build, self.done(CMAKE, "-S", self.top / name, "-B", build,
                                f"-DCMAKE_PREFIX_PATH={self.prefix}", *options, rc=rc)

    def test_what_is_there(self):
        found = {str(p.relative_to(self.prefix)) for p in self.prefix.rglob("*") if p.is_file()}
        wanted = {"bin/xentcheck", "include/xentcheck/kernel.h", "share/doc/xentcheck/LICENSE",
                  "libexec/xentcheck/xentcheck-host", "libexec/xentcheck/libxentcheck_host.so",
                  "libexec/xentcheck/xentcheck_host.py", "libexec/xentcheck/xentcheck_builtin.so"}
        self.assertLessEqual(wanted, found)
        self.assertEqual([p for p in found if "__pycache__" in p], [])
        headers = {p for p in found if p.endswith((".h", ".hpp"))}
        self.assertEqual(headers, {"include/xentcheck/kernel.h", "include/xentcheck/kernels.h",
                                   "include/xentcheck/kernels.hpp"})

    def test_nothing_knows_where_it_was_built(self):
        texts = [p for p in self.prefix.rglob("*") if p.suffix in (".cmake", ".py", ".h", ".hpp")]
        self.assertGreater(len(texts), 2)
        for path in texts:
            for place in (SOURCE, BUILD, self.top):
                self.assertNotIn(str(place), path.read_text(), path)

    def test_a_project_of_the_readme(self):
        (self.top / "readme").mkdir()
        (self.top / "readme/CMakeLists.txt").write_text(readme_project())
        shutil.copy(SOURCE / "examples/c/template.c", self.top / "readme/my_ce.c")
        build, _ = self.configured("readme")
        self.done(CMAKE, "--build", build)
        says = self.done(self.program, "verify", "--library", build / "libmy_ce.so", *QUICK)
        self.assertRegex(says, r"pass +my_ce/cross_entropy")
        self.assertIn("100% tests passed, 0 tests failed out of 1",
                      self.done(CMAKE, "--build", build, "--target", "test"))

    def test_an_example_that_was_copied(self):
        shutil.copytree(SOURCE / "examples/c", self.top / "c")
        build, _ = self.configured("c")
        self.done(CMAKE, "--build", build)
        for name in ("template", "five_lines", "full"):
            says = self.done(self.program, "verify", "--library", build / f"lib{name}.so", *QUICK)
            self.assertRegex(says, rf"pass +{name}/")

    def test_a_program_that_trains_with_our_kernels(self):
        shutil.copytree(SOURCE / "examples/train", self.top / "train")
        build, _ = self.configured("train")
        self.done(CMAKE, "--build", build)
        steps = [line.split() for line in self.done(build / "train").splitlines()]
        losses = [float(line[3]) for line in steps]
        self.assertGreater(len(losses), 2)
        self.assertEqual(losses, sorted(losses, reverse=True))
        self.assertEqual([steps[0][5], steps[-1][5]], ["100", "300"], "all classes are learnt")

    def test_our_kernels_from_c(self):
        (self.top / "called").mkdir()
        (self.top / "called/main.c").write_text(CALLED_FROM_C)
        (self.top / "called/CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.20)\nproject(called LANGUAGES C CXX)\n"
            "set(CMAKE_C_STANDARD 11)\nset(CMAKE_C_EXTENSIONS OFF)\n"
            "find_package(xentcheck REQUIRED COMPONENTS kernels)\nadd_executable(called main.c)\n"
            "target_compile_options(called PRIVATE -Wall -Wextra -Wpedantic -Werror)\n"
            "target_link_libraries(called PRIVATE xentcheck::kernels)\n")
        build, _ = self.configured("called")
        self.done(CMAKE, "--build", build)
        self.assertEqual(self.done(build / "called").splitlines(),
                         ["-0.5 0.5", "xentcheck_ce: targets[1] is 2: a class is from 0 to 1"])

    def test_a_python_function(self):
        shutil.copy(SOURCE / "examples/numpy/cross_entropy.py", self.top / "my_ce.py")
        says = self.done(self.program, "verify", "--python", "my_ce.py:cross_entropy", *QUICK)
        self.assertRegex(says, r"pass +my_ce/cross_entropy")

    def test_another_version_is_refused(self):
        (self.top / "newer").mkdir()
        (self.top / "newer/CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.20)\nproject(p LANGUAGES NONE)\n"
            "find_package(xentcheck 9.0 REQUIRED)\n")
        _, says = self.configured("newer", rc=1)
        self.assertIn('compatible with requested version "9.0"', " ".join(says.split()))


if __name__ == "__main__":
    unittest.main()
