// SPDX-License-Identifier: Apache-2.0
#include "properties/property.h"

namespace xent {

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
    for (const auto part : {loss_properties, gradient_properties, information_properties,
                            behaviour_properties}) {
      for (Property& p : part()) table.push_back(std::move(p));
    }
    return table;
  }();
  return all;
}

}  // namespace xent
