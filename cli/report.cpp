// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/terminal.h"
#include "reports/reports.h"

namespace xent {

Exit report_command(const Options& o) {
  std::vector<Results> parts;
  for (const std::string& file : o.files) parts.push_back(load_results(file));
  Results r = merge(std::move(parts));
  r.strict |= o.strict;
  const Exit code = exit_code(r, o.strict);
  if (!o.markdown && !o.html && !o.junit && o.out.empty()) {
    print_claims(r);
    print_verdicts(r);
    print_failures(r);
    print_timings(r);
    print_tail(r, code);
    return code;
  }
  const std::filesystem::path out = o.out.empty() ? "." : o.out;
  const bool all = !o.markdown && !o.html && !o.junit;
  if (!o.out.empty()) write_file(out / "results.json", to_json(r));
  if (all || o.markdown) write_file(out / "report.md", to_markdown(r));
  if (all || o.junit) write_file(out / "junit.xml", to_junit(r));
  if (all || o.html) write_file(out / "index.html", to_html(r));
  fmt::print("written to {}\n", out.string());
  return code;
}

}  // namespace xent
