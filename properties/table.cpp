// SPDX-License-Identifier: Apache-2.0
#include <string_view>

#include "properties/ordinary.h"
#include "properties/property.h"

namespace xent {
namespace {

/// Those that say something of one call at a time, whatever the data: the oracle knows the answers.
bool takes_any_data(std::string_view id) {
  return id == "loss.extreme-logits" || id.ends_with(".accurate") || id.starts_with("io.") ||
         id.starts_with("run.");
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
                            behaviour_properties}) {
      for (Property& p : part()) {
        const bool any = takes_any_data(p.id);
        table.push_back(any ? std::move(p) : of_ordinary_rows(std::move(p)));
      }
    }
    return table;
  }();
  return all;
}

}  // namespace xent
