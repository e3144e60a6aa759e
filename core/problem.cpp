// SPDX-License-Identifier: Apache-2.0
#include "core/problem.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <initializer_list>
#include <limits>

#include "core/dialect.h"
#include "core/error.h"
#include "core/test_case.h"
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

namespace {

using Reason = std::optional<std::string>;

bool one_of(Op op, std::initializer_list<Op> ops) {
  return std::find(ops.begin(), ops.end(), op) != ops.end();
}

std::string with_op(std::string_view option, Op op) {
  return fmt::format("{} with op={}", option, name(op));
}

/// Options that exist for some operations only.
Reason foreign_option(const Problem& p) {
  const bool classes = one_of(p.op, {Op::ce, Op::nll});
  const bool binary = one_of(p.op, {Op::bce_logits, Op::bce_prob, Op::mse_sigmoid});
  const bool softmax = one_of(p.op, {Op::ce, Op::lse});
  const bool mse = one_of(p.op, {Op::mse_softmax, Op::mse_sigmoid});
  if (p.smoothing != 0 && !classes) return with_op("smoothing", p.op);
  if (p.weights && !classes && !(binary && !mse)) return with_op("weights", p.op);
  if (p.z_loss != 0 && p.op != Op::ce) return with_op("zloss", p.op);
  if (p.softcap != 0 && !softmax) return with_op("softcap", p.op);
  if (p.scale != 1 && !softmax) return with_op("scale", p.op);
  if (p.targets == TargetKind::prob && !p.takes_targets()) return with_op("targets=prob", p.op);
  if (p.unit != Unit::nats && mse) return with_op(fmt::format("unit={}", name(p.unit)), p.op);
  if (p.dir == Dir::hvp && p.op != Op::ce) return with_op("dir=hvp", p.op);
  return std::nullopt;
}

/// Options that exclude one another.
Reason contradiction(const Problem& p) {
  const bool index = p.takes_targets() && !has_vector_targets(p);
  if (p.ignore_index && !index) return "ignore without class indices";
  if (p.shift && !index) return "shift without class indices";
  if (p.stride != 0 && p.layout == Layout::bct) return "stride with layout=bct";
  if (p.dir == Dir::hvp && p.softcap != 0) return "dir=hvp with softcap";
  if (p.denominator != Denominator::valid && !p.is_mean()) {
    return fmt::format("denominator without reduction=mean");
  }
  if (p.upstream == Upstream::row && p.reduction != Reduction::none) {
    return fmt::format("upstream=row with reduction={}", name(p.reduction));
  }
  if (p.unit == Unit::perplexity &&
      (!p.is_mean() || p.dir != Dir::fwd || p.z_loss != 0 || !one_of(p.op, {Op::ce, Op::nll}))) {
    return "unit=perplexity is of a mean of ce or nll, dir=fwd, without zloss";
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> meaningless(const Problem& p) {
  const Reason foreign = foreign_option(p);
  return foreign ? foreign : contradiction(p);
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
    case Op::mse_softmax: return "mse-softmax";
    case Op::mse_sigmoid: return "mse-sigmoid";
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

std::string_view name(Unit unit) {
  switch (unit) {
    case Unit::nats: return "nats";
    case Unit::bits: return "bits";
    case Unit::perplexity: return "perplexity";
  }
  return "unknown";
}

}  // namespace xent
