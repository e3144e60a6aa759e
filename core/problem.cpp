// SPDX-License-Identifier: Apache-2.0
#include "core/problem.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>

#include "core/dialect.h"
#include "core/error.h"
#include "core/text.h"

namespace xent {
namespace {

void require(bool holds, const std::string& message) {
  if (!holds) throw UsageError("problem: " + message);
}

void validate_shape(const Problem& p) {
  require(p.n >= 0, fmt::format("n={} is negative", p.n));
  require(p.v >= 1, fmt::format("v={} must be at least 1", p.v));
  require(p.stride == 0 || p.stride >= p.v,
          fmt::format("stride={} is less than v={}", p.stride, p.v));
  const std::int64_t most = std::numeric_limits<std::int64_t>::max() / 8 / p.row_stride();
  require(p.n <= most, fmt::format("n={} rows of {} elements overflow the address range", p.n,
                                   p.row_stride()));
  require(p.t >= 1 && p.n % p.t == 0, fmt::format("t={} must divide n={}", p.t, p.n));
}

void validate_options(const Problem& p) {
  const auto finite = [](std::string_view key, double value) {
    require(std::isfinite(value), fmt::format("{} must be finite", key));
  };
  finite("zloss", p.z_loss);
  finite("scale", p.scale);
  finite("softcap", p.softcap);
  finite("denominator", p.denominator_value);
  require(p.smoothing >= 0 && p.smoothing <= 1,
          fmt::format("smoothing={} must be in [0, 1]", shortest(p.smoothing)));
  require(p.z_loss >= 0, fmt::format("zloss={} is negative", shortest(p.z_loss)));
  require(p.softcap >= 0, fmt::format("softcap={} is negative", shortest(p.softcap)));
  require(p.scale != 0, "scale=0 forgets the logits");
  require(p.denominator != Denominator::number || p.denominator_value > 0,
          fmt::format("denominator={} must be above 0", shortest(p.denominator_value)));
  require(is_float(p.dtype) && is_float(p.accumulate.value_or(DType::f32)) &&
              is_float(p.output_dtype()),
          "dtype, acc and out must be float types");
  find_dialect(p.dialect);
}

}  // namespace

void validate(const Problem& problem) {
  validate_shape(problem);
  validate_options(problem);
}

std::string slug(const Problem& problem) {
  std::string text = to_text(problem);
  std::string result;
  for (const char c : text) {
    if (c == ' ') {
      result += '_';
    } else if (c == '=') {
      result += '-';
    } else if (c == '.') {
      result += 'p';
    } else if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_') {
      result += c;
    }
  }
  return result;
}

std::string_view name(Op op) {
  switch (op) {
    case Op::ce: return "ce";
    case Op::bce_logits: return "bce-logits";
    case Op::bce_prob: return "bce-prob";
    case Op::entropy: return "entropy";
    case Op::cross_entropy: return "cross-entropy";
    case Op::kl: return "kl";
    case Op::lse: return "lse";
    case Op::nll: return "nll";
  }
  return "unknown";
}

std::string_view name(Dir dir) {
  switch (dir) {
    case Dir::fwd: return "fwd";
    case Dir::bwd: return "bwd";
    case Dir::fwdbwd: return "fwdbwd";
    case Dir::hvp: return "hvp";
  }
  return "unknown";
}

std::string_view name(TargetKind kind) { return kind == TargetKind::index ? "index" : "prob"; }

std::string_view name(Reduction reduction) {
  switch (reduction) {
    case Reduction::none: return "none";
    case Reduction::sum: return "sum";
    case Reduction::mean: return "mean";
  }
  return "unknown";
}

std::string_view name(Denominator denominator) {
  switch (denominator) {
    case Denominator::valid: return "valid";
    case Denominator::rows: return "rows";
    case Denominator::sequence: return "sequence";
    case Denominator::number: return "number";
  }
  return "unknown";
}

std::string_view name(Upstream upstream) {
  switch (upstream) {
    case Upstream::one: return "one";
    case Upstream::scalar: return "scalar";
    case Upstream::row: return "row";
  }
  return "unknown";
}

std::string_view name(Layout layout) {
  switch (layout) {
    case Layout::nc: return "nc";
    case Layout::bct: return "bct";
    case Layout::btv: return "btv";
  }
  return "unknown";
}

std::string_view name(Unit unit) { return unit == Unit::nats ? "nats" : "bits"; }

}  // namespace xent
