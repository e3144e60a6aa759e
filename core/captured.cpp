// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "core/case_file.h"
#include "core/error.h"
#include "core/text.h"

namespace xent {
namespace {

using Shape = std::vector<std::int64_t>;

[[noreturn]] void refuse(std::string_view what, const std::string& why) {
  throw UsageError(fmt::format("tensors: {} {}", what, why));
}

std::string shape_text(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

void reject_unknown(const std::map<std::string, Tensor>& tensors) {
  const std::vector<std::string> known{"logits", "targets", "weight", "upstream", "direction"};
  for (const auto& [name, tensor] : tensors) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    throw UsageError(one_line(
        fmt::format("tensors: unknown array '{}'; known: {}", name, join(known, " "))));
  }
}

const Tensor* find(const std::map<std::string, Tensor>& tensors, const std::string& name) {
  const auto at = tensors.find(name);
  return at == tensors.end() ? nullptr : &at->second;
}

Tensor reshaped(Tensor tensor, Shape shape) {
  tensor.shape = std::move(shape);
  return tensor;
}

bool same_value(double a, double b) {
  return a == b || (std::isnan(a) && std::isnan(b));
}

// The same values in another float type; every one must be representable. uint16 is the carrier of
// bfloat16 bits.
Tensor as_floats(std::string_view what, const Tensor& tensor, DType dtype) {
  Tensor from = tensor;
  if (from.dtype == DType::u16 && dtype == DType::bf16) from.dtype = DType::bf16;
  if (from.dtype == dtype) return from;
  if (!is_float(from.dtype)) {
    refuse(what, fmt::format("of type {}; wanted {}", name(from.dtype), name(dtype)));
  }
  Tensor to(dtype, from.shape);
  for (std::int64_t i = 0; i < from.size(); ++i) {
    to.set(i, from.at(i));
    if (same_value(to.at(i), from.at(i))) continue;
    refuse(what, fmt::format("element {} = {} is no {} number; save it in the type of the logits",
                             i, shortest(from.at(i)), name(dtype)));
  }
  return to;
}

void take_logits(TestCase& c, const Tensor* logits) {
  if (logits == nullptr) refuse("logits", "missing");
  const Shape& shape = logits->shape;
  if (shape.size() != 2 && shape.size() != 3) {
    refuse("logits", fmt::format("of shape {}; wanted [N, V] or [B, T, V]", shape_text(shape)));
  }
  DType dtype = logits->dtype;
  if (dtype == DType::u16) {
    if (c.problem.dtype != DType::bf16) {
      refuse("logits", "of type u16; say dtype=bf16 if they are the bits of bfloat16");
    }
    dtype = DType::bf16;
  }
  if (!is_float(dtype)) refuse("logits", fmt::format("of type {}; wanted floats", name(dtype)));
  if (shape.back() < 1) refuse("logits", fmt::format("of shape {}: no class", shape_text(shape)));
  const bool sequences = shape.size() == 3;
  c.problem.dtype = dtype;
  c.problem.v = shape.back();
  c.problem.n = sequences ? shape[0] * shape[1] : shape[0];
  const bool by_sequence = c.problem.denominator == Denominator::sequence || c.problem.shift;
  if (sequences && by_sequence && shape[1] > 0) {
    c.problem.t = shape[1];
  }
  c.input = reshaped(as_floats("logits", *logits, dtype), {c.problem.n, c.problem.v});
}

void take_targets(TestCase& c, const Tensor* targets, const Shape& logits_shape) {
  Problem& p = c.problem;
  if (!p.takes_targets()) return;
  if (targets == nullptr) refuse("targets", "missing");
  const Shape row_shape(logits_shape.begin(), logits_shape.end() - 1);
  const bool per_class = targets->shape == logits_shape || targets->shape == c.input.shape;
  const bool per_row = targets->shape == row_shape || targets->shape == Shape{p.n};
  const bool floats = is_float(targets->dtype) ||
                      (targets->dtype == DType::u16 && p.dtype == DType::bf16 && per_class);
  if (per_class && floats) {
    p.targets = TargetKind::prob;
    c.target = reshaped(as_floats("targets", *targets, p.dtype), c.input.shape);
    return;
  }
  p.targets = TargetKind::index;
  if (has_vector_targets(p) || !per_row || floats) {
    refuse("targets", fmt::format("{} {}; wanted {}floats {}", name(targets->dtype),
                                  shape_text(targets->shape),
                                  has_vector_targets(p) ? std::string()
                                                        : fmt::format("integers [{}] or ", p.n),
                                  shape_text(c.input.shape)));
  }
  c.target = Tensor(DType::i64, {p.n});
  for (std::int64_t i = 0; i < p.n; ++i) c.target.set_integer(i, targets->integer(i));
}

void take_weight(TestCase& c, const Tensor* weight) {
  c.problem.weights = weight != nullptr;
  if (weight != nullptr) c.weight = as_floats("weight", *weight, c.problem.dtype);
}

void take_upstream(TestCase& c, const Tensor* upstream, const Shape& logits_shape) {
  if (upstream == nullptr) {
    c.problem.upstream = Upstream::one;
    return;
  }
  const Shape row_shape(logits_shape.begin(), logits_shape.end() - 1);
  const bool per_row = upstream->shape == row_shape || upstream->shape == Shape{c.problem.n};
  const bool scalar = upstream->shape == Shape{1} &&
                      (!per_row || c.problem.upstream == Upstream::scalar);
  if (!per_row && !scalar) {
    refuse("upstream", fmt::format("of shape {}; wanted [{}] or [1]", shape_text(upstream->shape),
                                   c.problem.n));
  }
  c.problem.upstream = scalar ? Upstream::scalar : Upstream::row;
  c.upstream = reshaped(as_floats("upstream", *upstream, c.problem.dtype),
                        {scalar ? 1 : c.problem.n});
}

void take_direction(TestCase& c, const Tensor* direction, const Shape& logits_shape) {
  if (c.problem.dir != Dir::hvp) {
    if (direction != nullptr) refuse("direction", "given; say dir=hvp, or leave it out");
    return;
  }
  if (direction == nullptr) refuse("direction", "missing; dir=hvp multiplies the Hessian with it");
  if (direction->shape != logits_shape && direction->shape != c.input.shape) {
    refuse("direction", fmt::format("of shape {}; wanted that of the logits",
                                    shape_text(direction->shape)));
  }
  c.direction = reshaped(as_floats("direction", *direction, c.problem.dtype), c.input.shape);
}

}  // namespace

TestCase case_from_tensors(const std::map<std::string, Tensor>& tensors, const Problem& base) {
  reject_unknown(tensors);
  TestCase c;
  c.problem = base;
  const Tensor* const logits = find(tensors, "logits");
  take_logits(c, logits);
  take_targets(c, find(tensors, "targets"), logits->shape);
  take_weight(c, find(tensors, "weight"));
  take_upstream(c, find(tensors, "upstream"), logits->shape);
  take_direction(c, find(tensors, "direction"), logits->shape);
  validate(c);
  return c;
}

std::map<std::string, Tensor> tensors_of(const TestCase& c) {
  std::map<std::string, Tensor> tensors{{"logits", c.input}};
  if (!c.target.empty()) tensors["targets"] = c.target;
  if (!c.weight.empty()) tensors["weight"] = c.weight;
  if (!c.upstream.empty()) tensors["upstream"] = c.upstream;
  if (!c.direction.empty()) tensors["direction"] = c.direction;
  return tensors;
}

}  // namespace xent
