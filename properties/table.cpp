// SPDX-License-Identifier: Apache-2.0
#include <string_view>
#include <utility>

#include "properties/ordinary.h"
#include "properties/property.h"
#include "properties/ways.h"

namespace xent {
namespace {

/// Those that say something of one call at a time, whatever the data: the oracle knows the answers.
bool takes_any_data(std::string_view id) {
  return id == "loss.extreme-logits" || id.ends_with(".accurate") || id.starts_with("io.") ||
         id.starts_with("run.");
}

/// Of those that say something of one call at a time, what they are about must be the kernel's own.
unsigned ways_of(std::string_view id) {
  if (id == "row.independence") return kDirection | kLossAlone;
  if (id == "loss.extreme-logits") return kDirection | kLossAlone | kRows;
  if (takes_any_data(id)) return 0;
  if (id == "options.upstream") return kEveryWay & ~kLossAlone;
  if (id == "loss.multiclass") return kEveryWay & ~(kOneHot | kMixture);
  if (id == "info.units") return kEveryWay & ~kUnit;
  if (id == "loss.worked-example" || id == "stat.ce-is-nll") return kEveryWay | kOwnMean;
  if (id == "lm.seq2seq") return kEveryWay | kLayout;
  if (id == "stat.canonical-link" || id == "lm.perplexity") return kEveryWay | kByOracle;
  const bool beside_mse = id == "grad.no-saturation" || id == "grad.ce-vs-mse-size";
  if (beside_mse) return (kEveryWay & ~kLossAlone) | kByOracle;
  return id.starts_with("grad.") ? kEveryWay & ~kLossAlone : kEveryWay;
}

/// The check, with other words allowed.
Property in_other_words(Property p) {
  p.ways = ways_of(p.id);
  p.check = [ways = p.ways, check = std::move(p.check)](Trial& t) {
    t.ways = ways;
    return check(t);
  };
  return p;
}

}  // namespace

std::string_view name(Substitute s) {
  switch (s) {
    case Substitute::zeros: return "zeros";
    case Substitute::constant: return "constant";
    case Substitute::untouched: return "untouched";
    case Substitute::previous: return "previous";
  }
  return "";
}

const std::vector<Property>& all_properties() {
  static const std::vector<Property> all = [] {
    std::vector<Property> table;
    for (const auto part : {loss_properties, binary_loss_properties, target_properties,
                            penalty_properties, layout_properties, information_properties,
                            entropy_properties, coding_properties, divergence_properties,
                            minimiser_properties,
                            gradient_properties, gradient_step_properties,
                            gradient_mse_properties, statistics_properties,
                            sequence_properties, trick_properties, option_properties,
                            behaviour_properties, history_properties}) {
      for (Property& p : part()) {
        const bool any = takes_any_data(p.id);
        table.push_back(in_other_words(any ? std::move(p) : of_ordinary_rows(std::move(p))));
      }
    }
    return table;
  }();
  return all;
}

}  // namespace xent
