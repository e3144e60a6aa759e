// SPDX-License-Identifier: Apache-2.0
#include "reports/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "reports/text.h"

namespace xent::report {
namespace {

constexpr double kWidth = 720, kLeft = 70, kRight = 44, kBottom = 52, kArea = 270;
constexpr double kLegendRow = 21, kLetter = 7.3, kSample = 34;
constexpr std::size_t kStyles = 6;

bool drawable(const Plot& p, double x, double y) {
  return std::isfinite(x) && std::isfinite(y) && (!p.log_x || x > 0) && (!p.log_y || y > 0);
}

std::size_t letters(std::string_view s) {
  return static_cast<std::size_t>(
      std::count_if(s.begin(), s.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

/// The least of 1, 2, 5, 10, ... that is not below x.
double round_step(double x) {
  const double power = std::pow(10.0, std::floor(std::log10(x)));
  for (const double step : {1.0, 2.0, 5.0}) {
    if (step * power >= x * (1 - 1e-9)) return step * power;
  }
  return 10 * power;
}

void linear_ticks(Axis& a) {
  const double step = round_step((a.high - a.low) / 6);
  const double first = std::floor(a.low / step), last = std::ceil(a.high / step);
  a.low = first * step;
  a.high = last * step;
  for (double k = first; k <= last + 0.5; ++k) a.ticks.push_back(k * step);
}

/// 1, 2 and 5 of each decade around the values, for less than two decades.
void fine_log_ticks(Axis& a) {
  std::vector<double> all;
  const double first = std::floor(std::log10(a.low));
  for (double k = first - 1; k <= first + 3; ++k) {
    for (const double m : {1.0, 2.0, 5.0}) all.push_back(m * std::pow(10.0, k));
  }
  const auto begin = std::upper_bound(all.begin(), all.end(), a.low) - 1;
  const auto end = std::lower_bound(begin + 1, all.end(), a.high) + 1;
  a.ticks.assign(begin, end);
  a.low = a.ticks.front();
  a.high = a.ticks.back();
}

void log_ticks(Axis& a) {
  const double decades = std::log10(a.high) - std::log10(a.low);
  if (decades < 2) return fine_log_ticks(a);
  const double every = std::max(1.0, std::ceil(decades / 7));
  const double first = std::floor(std::log10(a.low) / every) * every;
  const double last = std::ceil(std::log10(a.high) / every) * every;
  for (double k = first; k <= last + 0.5; k += every) {
    // Powers that doubles hold with all their digits.
    a.ticks.push_back(std::pow(10.0, std::clamp(k, -307.0, 308.0)));
  }
  a.low = a.ticks.front();
  a.high = a.ticks.back();
}

std::string superscript(int n) {
  constexpr std::array<std::string_view, 10> digits = {"⁰", "¹", "²", "³", "⁴",
                                                       "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string out = n < 0 ? "⁻" : "";
  for (const char c : fmt::format("{}", std::abs(n))) {
    out += digits[static_cast<std::size_t>(c - '0')];
  }
  return out;
}

/// Where things stand on the drawing.
struct Frame {
  Axis x, y;
  double top = 0;

  double across(double v) const { return kLeft + x.place(v) * (kWidth - kLeft - kRight); }
  double down(double v) const { return top + (1 - y.place(v)) * kArea; }
};

std::string text_at(double x, double y, std::string_view style, std::string_view text) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"{}\">{}</text>\n", x, y, style,
                     escape_markup(text));
}

std::string axes(const Plot& p, const Frame& f) {
  std::string out;
  const double right = kWidth - kRight, bottom = f.top + kArea;
  for (const double t : f.y.ticks) {
    const double y = f.down(t);
    out += fmt::format("<path class=\"grid\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>\n", kLeft, y, right);
    out += text_at(kLeft - 8, y + 4.5, "left", tick_text(f.y, t));
  }
  for (const double t : f.x.ticks) {
    const double x = f.across(t);
    out += fmt::format("<path class=\"grid\" d=\"M{:.1f} {:.1f}V{:.1f}\"/>\n", x, f.top, bottom);
    out += text_at(x, bottom + 18, "mid", tick_text(f.x, t));
  }
  out += fmt::format("<path class=\"axis\" d=\"M{0:.1f} {1:.1f}V{2:.1f}H{3:.1f}\"/>\n", kLeft,
                     f.top, bottom, right);
  out += text_at((kLeft + right) / 2, bottom + 42, "mid name", p.x_label);
  out += fmt::format("<text transform=\"translate(15 {:.1f}) rotate(-90)\" class=\"mid name\">{}"
                     "</text>\n", f.top + kArea / 2, escape_markup(p.y_label));
  return out;
}

std::string mark_at(double x, double y, std::size_t style) {
  const auto shape = [&](std::string_view path) {
    return fmt::format(
        "<path class=\"point s{}\" transform=\"translate({:.1f} {:.1f})\" d=\"{}\"/>", style + 1, x,
        y, path);
  };
  constexpr std::array<std::string_view, 3> shapes = {
      "M-3.4-3.4H3.4V3.4H-3.4Z", "M0-4.6L4.4 3.4H-4.4Z", "M0-4.8L4.8 0L0 4.8L-4.8 0Z"};
  if (style % 4 == 0) {
    return fmt::format("<circle class=\"point s{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.6\"/>",
                       style + 1, x, y);
  }
  return shape(shapes[style % 4 - 1]);
}

std::string series(const Plot& p, const Series& s, const Frame& f, std::size_t style) {
  std::string path, marks;
  bool pen_down = false;
  for (std::size_t i = 0; i < std::min(s.x.size(), s.y.size()); ++i) {
    if (!drawable(p, s.x[i], s.y[i])) {
      pen_down = false;
      continue;
    }
    const double x = f.across(s.x[i]), y = f.down(s.y[i]);
    if (s.marks) marks += mark_at(x, y, style) + "\n";
    else path += fmt::format("{}{:.1f} {:.1f}", pen_down ? "L" : "M", x, y);
    pen_down = true;
  }
  if (!path.empty()) path = fmt::format("<path class=\"line s{}\" d=\"{}\"/>\n", style + 1, path);
  return path + marks;
}

/// Samples and names in rows; `height` says how much room they took.
std::string legend(const Plot& p, double& height) {
  std::string out;
  double x = kLeft, y = 14;
  for (std::size_t i = 0; i < p.series.size(); ++i) {
    const double width = kSample + kLetter * static_cast<double>(letters(p.series[i].name)) + 20;
    if (x > kLeft && x + width > kWidth) {
      x = kLeft;
      y += kLegendRow;
    }
    const std::size_t style = i % kStyles;
    out += p.series[i].marks
               ? mark_at(x + 13, y - 4.5, style)
               : fmt::format("<path class=\"line s{}\" d=\"M{:.1f} {:.1f}h26\"/>", style + 1, x,
                             y - 4.5);
    out += text_at(x + kSample, y, "start", p.series[i].name);
    x += width;
  }
  height = p.series.empty() ? 10 : y + 14;
  return out;
}

}  // namespace

double Axis::place(double v) const {
  if (log) return (std::log(v) - std::log(low)) / (std::log(high) - std::log(low));
  return (v - low) / (high - low);
}

Axis make_axis(const std::vector<double>& values, bool log) {
  Axis a;
  a.log = log;
  if (values.empty()) {
    a.low = log ? 1 : 0;
    a.high = log ? 10 : 1;
  } else {
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    a.low = *least;
    a.high = *most;
  }
  if (!(a.low < a.high)) {
    const double reach = a.low == 0 ? 1 : std::fabs(a.low) / 2;
    a.low = log ? a.low / 2 : a.low - reach;
    a.high = log ? a.high * 2 : a.high + reach;
  }
  log ? log_ticks(a) : linear_ticks(a);
  return a;
}

std::string tick_text(const Axis& a, double t) {
  if (!a.log) {
    const double reach = std::max(std::fabs(a.low), std::fabs(a.high));
    const double near = std::fabs(t) < reach * 1e-9 ? 0 : t;
    std::string out = fmt::format("{:.6g}", near);
    if (out.starts_with('-')) out = "−" + out.substr(1);
    return out;
  }
  const double power = std::log10(t);
  const bool whole = std::fabs(power - std::round(power)) < 1e-9;
  const bool plain = a.low >= 1e-4 && a.high <= 1e5;
  if (plain || !whole) return fmt::format("{:.6g}", t);
  return "10" + superscript(static_cast<int>(std::lround(power)));
}

std::string plot_svg(const Plot& p) {
  std::vector<double> xs, ys;
  for (const Series& s : p.series) {
    for (std::size_t i = 0; i < std::min(s.x.size(), s.y.size()); ++i) {
      if (!drawable(p, s.x[i], s.y[i])) continue;
      xs.push_back(s.x[i]);
      ys.push_back(s.y[i]);
    }
  }
  if (xs.empty()) return "";
  Frame f{make_axis(xs, p.log_x), make_axis(ys, p.log_y), 0};
  const std::string names = legend(p, f.top);
  std::string out = fmt::format(
      "<svg class=\"plot\" viewBox=\"0 0 {} {:.0f}\" role=\"img\" aria-label=\"{}\">\n", kWidth,
      f.top + kArea + kBottom, escape_attribute(p.title));
  out += names + axes(p, f);
  for (std::size_t i = 0; i < p.series.size(); ++i) out += series(p, p.series[i], f, i % kStyles);
  return out + "</svg>\n";
}

}  // namespace xent::report
