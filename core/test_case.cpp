// SPDX-License-Identifier: Apache-2.0
#include "core/test_case.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/text.h"

namespace xent {
namespace {

using Shape = std::vector<std::int64_t>;

std::string shape_text(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

void require_tensor(std::string_view what, const Tensor& tensor, DType dtype, const Shape& shape) {
  if (tensor.shape.empty()) {
    throw UsageError(fmt::format("test case: {} missing; the problem asks for {} {}", what,
                                 name(dtype), shape_text(shape)));
  }
  if (tensor.dtype != dtype || tensor.shape != shape) {
    throw UsageError(fmt::format("test case: {} {} {}, the problem asks for {} {}", what,
                                 name(tensor.dtype), shape_text(tensor.shape), name(dtype),
                                 shape_text(shape)));
  }
  if (tensor.bytes.size() != Tensor(dtype, shape).bytes.size()) {
    throw UsageError(fmt::format("test case: {} with the wrong number of bytes", what));
  }
}

void require_absent(std::string_view what, const Tensor& tensor) {
  if (tensor.shape.empty() && tensor.bytes.empty()) return;
  throw UsageError(fmt::format("test case: {} given, but the problem takes none", what));
}

void validate_labels(const TestCase& c) {
  const Problem& p = c.problem;
  for (std::int64_t row = 0; row < p.n; ++row) {
    const std::int64_t label = c.label(row);
    if (label >= 0 && label < p.v) continue;
    if (p.ignore_index && label == *p.ignore_index) continue;
    const bool hint = label < 0 && !p.ignore_index;
    throw UsageError(fmt::format(
        "test case: targets[{}] = {} is outside [0, {}){}", row, label, p.v,
        hint ? fmt::format("; ignore={} if it marks ignored rows", label) : std::string()));
  }
}

std::string_view bytes_of(const Tensor& tensor) {
  return {reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()};
}

// Copies element blocks: `block` elements from source[index[i]] to the i-th block.
void gather(Tensor& to, const Tensor& from, const Shape& index, std::int64_t block,
            std::int64_t to_start = 0, std::int64_t from_start = 0) {
  const std::size_t bytes = static_cast<std::size_t>(block) * size_of(from.dtype);
  const auto offset = [&](std::int64_t start, std::int64_t i) {
    return static_cast<std::size_t>(start) * size_of(from.dtype) +
           static_cast<std::size_t>(i) * bytes;
  };
  for (std::size_t i = 0; i < index.size() && bytes > 0; ++i) {
    std::memcpy(to.bytes.data() + offset(to_start, static_cast<std::int64_t>(i)),
                from.bytes.data() + offset(from_start, index[i]), bytes);
  }
}

Tensor pick_rows(const Tensor& tensor, const Shape& rows) {
  if (tensor.shape.empty()) return tensor;
  Shape shape = tensor.shape;
  shape[0] = static_cast<std::int64_t>(rows.size());
  std::int64_t block = 1;
  for (std::size_t i = 1; i < shape.size(); ++i) block *= shape[i];
  Tensor result(tensor.dtype, shape);
  gather(result, tensor, rows, block);
  return result;
}

Tensor pick_columns(const Tensor& tensor, const Shape& columns) {
  if (tensor.shape.empty()) return tensor;
  Shape shape = tensor.shape;
  const std::int64_t before = shape.back();
  const auto after = static_cast<std::int64_t>(columns.size());
  shape.back() = after;
  Tensor result(tensor.dtype, shape);
  const std::int64_t rows = shape.size() == 1 ? 1 : shape[0];
  for (std::int64_t row = 0; row < rows; ++row) {
    gather(result, tensor, columns, 1, row * after, row * before);
  }
  return result;
}

void check_indices(const Shape& indices, std::int64_t count, std::string_view what) {
  for (const std::int64_t i : indices) {
    if (i < 0 || i >= count) throw std::out_of_range(fmt::format("{}: {} of {}", what, i, count));
  }
}

// An ignore index that is itself a class follows its class; when the class goes, it becomes -1,
// which no class can be.
void renumber(TestCase& c, const Shape& classes) {
  constexpr std::int64_t kIgnored = -1;
  const std::optional<std::int64_t> ignored = c.problem.ignore_index;
  const auto position = [&](std::int64_t label) {
    const auto at = std::find(classes.begin(), classes.end(), label);
    return at == classes.end() ? kIgnored : static_cast<std::int64_t>(at - classes.begin());
  };
  const bool ignored_is_class = ignored && *ignored >= 0;
  if (ignored_is_class) c.problem.ignore_index = position(*ignored);
  for (std::int64_t row = 0; row < c.problem.n; ++row) {
    const std::int64_t label = c.label(row);
    const bool is_ignored = ignored && label == *ignored;
    if (is_ignored && !ignored_is_class) continue;
    const std::int64_t renamed = position(label);
    if (renamed == kIgnored && !is_ignored) {
      throw UsageError(fmt::format("keep_classes: target class {} of row {} is not kept", label,
                                   row));
    }
    c.target.set_integer(row, renamed);
  }
}

}  // namespace

bool has_vector_targets(const Problem& problem) {
  switch (problem.op) {
    case Op::bce_logits:
    case Op::bce_prob:
    case Op::mse_sigmoid:
    case Op::kl: return true;
    case Op::entropy:
    case Op::lse: return false;
    case Op::ce:
    case Op::nll:
    case Op::mse_softmax:
    case Op::cross_entropy: break;
  }
  return problem.targets == TargetKind::prob;
}

void validate(const TestCase& c) {
  const Problem& p = c.problem;
  validate(p);
  require_tensor("logits", c.input, p.dtype, {p.n, p.v});
  if (!p.takes_targets()) {
    require_absent("targets", c.target);
  } else if (has_vector_targets(p)) {
    require_tensor("targets", c.target, p.dtype, {p.n, p.v});
  } else {
    require_tensor("targets", c.target, DType::i64, {p.n});
    validate_labels(c);
  }
  if (p.weights) {
    require_tensor("weight", c.weight, p.dtype, {p.v});
  } else {
    require_absent("weight", c.weight);
  }
  if (p.dir == Dir::hvp) {
    require_tensor("direction", c.direction, p.dtype, {p.n, p.v});
  } else {
    require_absent("direction", c.direction);
  }
  if (p.upstream == Upstream::one) {
    require_absent("upstream", c.upstream);
  } else {
    require_tensor("upstream", c.upstream, p.dtype, {p.upstream == Upstream::row ? p.n : 1});
  }
}

std::uint64_t content_hash(const TestCase& c) {
  std::uint64_t state = fnv1a(to_text(c.problem));
  for (const Tensor* tensor : {&c.input, &c.target, &c.weight, &c.upstream, &c.direction}) {
    if (tensor == &c.direction && tensor->shape.empty()) continue;
    state = fnv1a(fmt::format("\n{} {}\n", name(tensor->dtype), shape_text(tensor->shape)), state);
    state = fnv1a(bytes_of(*tensor), state);
  }
  return state;
}

std::optional<std::int64_t> TestCase::scored_class(std::int64_t row) const {
  if (problem.shift && row % problem.t == problem.t - 1) return std::nullopt;
  const std::int64_t y = label(problem.shift ? row + 1 : row);
  if (problem.ignore_index && y == *problem.ignore_index) return std::nullopt;
  return y;
}

TestCase unshifted(const TestCase& c) {
  if (!c.problem.shift) return c;
  TestCase result = c;
  result.problem.shift = false;
  if (!result.problem.ignore_index) result.problem.ignore_index = -100;
  for (std::int64_t row = 0; row < c.problem.n; ++row) {
    result.target.set_integer(row, c.scored_class(row).value_or(*result.problem.ignore_index));
  }
  return result;
}

TestCase keep_rows(const TestCase& given, const std::vector<std::int64_t>& rows) {
  check_indices(rows, given.problem.n, "keep_rows");
  const TestCase c = unshifted(given);
  TestCase result = c;
  result.problem.n = static_cast<std::int64_t>(rows.size());
  if (result.problem.n % result.problem.t != 0) result.problem.t = 1;
  result.input = pick_rows(c.input, rows);
  result.target = pick_rows(c.target, rows);
  result.direction = pick_rows(c.direction, rows);
  if (c.problem.upstream == Upstream::row) result.upstream = pick_rows(c.upstream, rows);
  return result;
}

TestCase keep_classes(const TestCase& c, const std::vector<std::int64_t>& classes) {
  check_indices(classes, c.problem.v, "keep_classes");
  TestCase result = c;
  result.problem.v = static_cast<std::int64_t>(classes.size());
  result.input = pick_columns(c.input, classes);
  result.weight = pick_columns(c.weight, classes);
  result.direction = pick_columns(c.direction, classes);
  if (has_vector_targets(c.problem)) {
    result.target = pick_columns(c.target, classes);
  } else if (c.problem.takes_targets()) {
    renumber(result, classes);
  }
  return result;
}

}  // namespace xent
