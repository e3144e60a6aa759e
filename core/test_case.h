// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/problem.h"
#include "core/tensor.h"

namespace xent {

/// Where a case's data came from: (problem, domain, seed) gives the same case on every machine.
/// `domain` is "file" for captured tensors and "shrunk" for a counterexample made smaller.
struct Recipe {
  std::string domain = "file";
  std::uint64_t seed = 0;
  bool operator==(const Recipe&) const = default;
};

/// A problem with its data. Tensors are contiguous whatever Problem::stride and layout say; those
/// take effect when a kernel is bound.
struct TestCase {
  Problem problem;
  Recipe recipe;
  Tensor input;     ///< [N, V] logits, log-probabilities or probabilities, of problem.dtype
  Tensor target;    ///< [N] i64 class indices, or [N, V] probabilities; absent if the op has none
  Tensor weight;    ///< [V] class weights of problem.dtype; absent unless problem.weights
  Tensor direction;  ///< [N, V] of problem.dtype: what dir=hvp multiplies; absent otherwise
  Tensor upstream;  ///< [N] or [1] of problem.dtype; absent if problem.upstream is one

  double logit(std::int64_t row, std::int64_t j) const {
    return input.at(row * problem.v + j);
  }
  /// The label stored at a row, whatever shift and ignore_index make of it.
  std::int64_t label(std::int64_t row) const { return target.integer(row); }
  /// The class that scores a row of class indices; nothing where the row is ignored: its label is
  /// ignore_index, or with shift it is the last position of its sequence.
  std::optional<std::int64_t> scored_class(std::int64_t row) const;
  double weight_of(std::int64_t j) const { return problem.weights ? weight.at(j) : 1.0; }
  /// The factor of a row's gradient that arrives from above.
  double upstream_of(std::int64_t row) const {
    if (problem.upstream == Upstream::one) return 1.0;
    return upstream.at(problem.upstream == Upstream::row ? row : 0);
  }

  bool operator==(const TestCase&) const = default;
};

/// The target tensor is [N, V] of problem.dtype instead of [N] i64: probabilities for ce and nll
/// and the other ops with targets=prob, labels for bce-* and mse-sigmoid, p for kl.
bool has_vector_targets(const Problem&);

/// Throws UsageError unless every tensor has the shape and type that the problem asks for and
/// every class index is in [0, V) or equals ignore_index.
void validate(const TestCase&);

/// FNV-1a over problem text and tensor bytes: identifies a case in caches and golden tests.
std::uint64_t content_hash(const TestCase&);

/// The same losses without shift: each row carries the class that scores it, or ignore_index.
TestCase unshifted(const TestCase&);

/// The case with only these rows / classes, in this order. `keep_classes` must hold each kept
/// row's target class; class indices are renumbered. keep_rows undoes shift.
TestCase keep_rows(const TestCase&, const std::vector<std::int64_t>& rows);
TestCase keep_classes(const TestCase&, const std::vector<std::int64_t>& classes);

}  // namespace xent
