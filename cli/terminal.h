// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "core/results.h"
#include "properties/engine.h"

namespace xent {

/// A status line on stderr, rewritten in place at most five times a second; silent unless stderr
/// is a terminal and CI is unset.
class ProgressLine {
 public:
  ~ProgressLine() { clear(); }
  void show(const Progress&);
  void show(const std::string& text);
  void clear();

 private:
  double last_ = 0;
  bool shown_ = false;
};

/// Colours for stdout, or plain text (not a terminal, NO_COLOR).
std::string good(std::string_view);
std::string bad(std::string_view);
std::string dim(std::string_view);
std::string bold(std::string_view);

/// Columns of the terminal, or of COLUMNS; at least 40, 100 if neither says.
int terminal_width();

/// `text` indented by `indent` blanks, lines broken between words at the terminal's width.
std::string wrapped(std::string_view text, int indent);

// What verify and bench say on stdout.
void print_head(const Results&, std::size_t kernels);
/// The ledger: id, verdict and evidence, a line each; what is a failure in full.
void print_claims(const Results&);
void print_verdicts(const Results&);
void print_failures(const Results&);
void print_timings(const Results&);
void print_tail(const Results&, Exit);

}  // namespace xent
