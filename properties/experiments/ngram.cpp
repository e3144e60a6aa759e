// SPDX-License-Identifier: Apache-2.0
#include "properties/experiments/ngram.h"

#include <algorithm>

namespace xent {

NGram::NGram(std::string_view training) {
  bool seen[256] = {};
  for (const char c : training) seen[static_cast<unsigned char>(c)] = true;
  const std::int64_t known = std::count(std::begin(seen), std::end(seen), true);
  for (std::size_t b = 0; b < 256; ++b) class_[b] = seen[b] ? classes_++ : known;
  ++classes_;
  for (std::size_t i = 0; i < training.size(); ++i) {
    for (std::size_t k = 0; k <= std::min<std::size_t>(i, kHighestOrder); ++k) {
      Context& c = contexts_[std::string(training.substr(i - k, k))];
      ++c.total;
      ++c.next[class_of(training[i])];
    }
  }
}

const NGram::Context* NGram::find(std::string_view context) const {
  const auto at = contexts_.find(context);
  return at == contexts_.end() ? nullptr : &at->second;
}

std::vector<double> NGram::probabilities(std::string_view text, std::size_t position,
                                         int order) const {
  std::vector<double> p(static_cast<std::size_t>(classes_), 1.0 / static_cast<double>(classes_));
  for (int k = 0; k <= order && static_cast<std::size_t>(k) <= position; ++k) {
    const auto length = static_cast<std::size_t>(k);
    const Context* c = find(text.substr(position - length, length));
    if (c == nullptr) break;
    const auto kinds = static_cast<double>(c->next.size());
    const double all = static_cast<double>(c->total) + kinds;
    for (double& x : p) x *= kinds / all;
    for (const auto& [next, count] : c->next) {
      p[static_cast<std::size_t>(next)] += static_cast<double>(count) / all;
    }
  }
  return p;
}

}  // namespace xent
