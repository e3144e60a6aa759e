// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <string>

#include "reports/claims.h"
#include "reports/markdown_table.h"
#include "reports/parts.h"
#include "reports/text.h"

namespace xent::report {
namespace {

std::string table(const ClaimGroup& g) {
  MarkdownTable table("<^<<", {"claim", "", "verdict", "why"});
  for (const ClaimRow* c : g.rows) {
    const ClaimText t = text(c->verdict);
    table.add({code_span(c->id), std::string(t.symbol), std::string(t.word),
               escape_markdown(claim_line(*c))});
  }
  return fmt::format("### {}. {}\n\n{}: {}.\n\n{}", escape_markdown(g.letter), g.title,
                     g.rows.size(), claim_counts(g.rows), table.text());
}

/// Claims that have more to say than a line: figures, a witness, a contradiction.
std::string details(const ClaimRow& c) {
  const ClaimText t = text(c.verdict);
  std::string out = fmt::format("#### {} {}: {}\n\n", t.symbol, code_span(c.id), t.badge);
  if (c.document != "(ours)") out += fmt::format("> {}\n\n", escape_markdown(c.document));
  out += escape_markdown(c.statement) + "\n\n";
  for (const Figure& f : c.figures) {
    out += fmt::format("- {}: {}\n", escape_markdown(f.label), escape_markdown(figure_text(f)));
  }
  if (!c.figures.empty()) out += "\n";
  if (!c.reason.empty()) out += escape_markdown(c.reason) + "\n\n";
  return c.witness.empty() ? out : out + code_block(c.witness) + "\n";
}

}  // namespace

std::string markdown_claims(const Results& r) {
  if (r.claims.empty()) return {};
  std::string out = fmt::format(
      "## The ledger\n\nWhat two documents on cross-entropy say, sentence by sentence. {} claims: "
      "{}.\n\n", r.claims.size(), claim_counts(all_claims(r)));
  for (const ClaimGroup& g : claim_groups(r)) {
    out += table(g);
    for (const ClaimRow* c : g.rows) {
      const bool more = !c->figures.empty() || !c->witness.empty() || is_failure(c->verdict);
      if (more) out += details(*c);
    }
  }
  return out;
}

}  // namespace xent::report
