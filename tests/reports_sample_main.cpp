// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <exception>
#include <filesystem>

#include "reports/reports.h"
#include "tests/reports_sample.h"

/// reports_sample FOLDER: writes every report of every sample into FOLDER/NAME.
int main(int argc, char** argv) try {
  if (argc != 2) {
    std::fputs("usage: reports_sample FOLDER\n", stderr);
    return 2;
  }
  const auto save = [&](const char* name, const xent::Results& results) {
    const std::filesystem::path folder = std::filesystem::path(argv[1]) / name;
    xent::write_file(folder / "results.json", xent::to_json(results));
    xent::write_file(folder / "report.md", xent::to_markdown(results));
    xent::write_file(folder / "junit.xml", xent::to_junit(results));
    xent::write_file(folder / "index.html", xent::to_html(results));
  };
  save("passed", xent::sample_results());
  save("failed", xent::sample_failure());
  save("claims", xent::sample_claims());
  save("hostile", xent::sample_hostile());
  save("empty", xent::Results{});
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "reports_sample: %s\n", e.what());
  return 3;
}
