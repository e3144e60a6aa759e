// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "impl/host_invocation.h"

namespace xent {
namespace {

std::string pair(std::string_view key, std::string_view value) {
  return std::string(key) + "=" + std::string(value);
}

/// The first option that no host kernel takes, as it is written in a problem.
std::optional<std::string> unsupported_option(const Problem& p) {
  if (p.dialect != "math") return pair("dialect", p.dialect);
  if (p.accumulate == DType::f16 || p.accumulate == DType::bf16 ||
      (p.accumulate == DType::f32 && p.dtype == DType::f64)) {
    return pair("acc", name(*p.accumulate)) + " with " + pair("dtype", name(p.dtype));
  }
  return std::nullopt;
}

std::optional<std::string> beyond_plain_option(const Problem& p) {
  if (p.dtype != DType::f32 && p.dtype != DType::f64) return pair("dtype", name(p.dtype));
  if (p.output_dtype() != p.dtype) return pair("out", name(*p.output));
  if (p.accumulate.value_or(p.dtype) != p.dtype) return pair("acc", name(*p.accumulate));
  if (p.layout != Layout::nc) return pair("layout", name(p.layout));
  if (p.unit != Unit::nats) return pair("unit", name(p.unit));
  if (p.ignore_index) return "ignore";
  if (p.shift) return "shift";
  if (p.smoothing != 0) return "smoothing";
  if (p.weights) return "weights";
  if (p.z_loss != 0) return "zloss";
  if (p.softcap != 0) return "softcap";
  if (p.scale != 1) return "scale";
  return std::nullopt;
}

std::optional<std::string> beyond_plain_ce(const Problem& p) {
  if (p.dir == Dir::hvp) return "dir=hvp";
  if (p.targets != TargetKind::index) return pair("targets", name(p.targets));
  if (p.reduction == Reduction::mean && p.denominator == Denominator::sequence) {
    return "denominator=sequence";
  }
  if (p.reduction == Reduction::mean && p.denominator == Denominator::number) {
    return "denominator=number";
  }
  return std::nullopt;
}

std::optional<std::string> beyond_plain_lse(const Problem& p) {
  if (p.dir != Dir::fwd) return pair("dir", name(p.dir)) + " with " + pair("op", name(p.op));
  if (p.reduction != Reduction::none) {
    return pair("reduction", name(p.reduction)) + " with " + pair("op", name(p.op));
  }
  return std::nullopt;
}

}  // namespace

Support host_support(const Problem& p, const std::string& kernel, const std::vector<Op>& ops,
                     const Refusal& refuses) {
  if (auto why = meaningless(p)) return Support::no(std::move(*why));
  const auto refuse = [&kernel](const std::string& what) {
    return Support::no(what + " is not supported by " + kernel);
  };
  if (std::find(ops.begin(), ops.end(), p.op) == ops.end()) return refuse(pair("op", name(p.op)));
  if (const auto option = unsupported_option(p)) return refuse(*option);
  const auto option = refuses ? refuses(p) : std::nullopt;
  return option ? refuse(*option) : Support::yes();
}

std::vector<Op> every_op() {
  return {Op::ce,  Op::bce_logits, Op::bce_prob, Op::entropy,     Op::cross_entropy, Op::kl,
          Op::lse, Op::nll,        Op::mse_softmax, Op::mse_sigmoid};
}

std::optional<std::string> beyond_plain(const Problem& p) {
  if (const auto option = beyond_plain_option(p)) return option;
  return p.op == Op::ce ? beyond_plain_ce(p) : beyond_plain_lse(p);
}

}  // namespace xent
