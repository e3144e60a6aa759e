// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "core/claim.h"

namespace xent::report {

/// An SVG element 720 wide that scales down with the page and takes its colours from the page's
/// variables. Series differ in dashes and shapes too, not in colour alone. Points that are not
/// finite, or not positive on a logarithmic axis, are left out and break the line; without a point
/// to draw the text is empty.
std::string plot_svg(const Plot&);

/// One axis: limits that enclose the values, and where its ticks stand.
struct Axis {
  bool log = false;
  double low = 0;
  double high = 1;
  std::vector<double> ticks;  ///< 2 to 9 of them

  /// 0 at `low`, 1 at `high`.
  double place(double x) const;
};
/// Of finite values, positive ones if log; none: 0 to 1.
Axis make_axis(const std::vector<double>& values, bool log);
/// "0.25", "1500", "10⁻³" as the axis needs them.
std::string tick_text(const Axis&, double tick);

}  // namespace xent::report
