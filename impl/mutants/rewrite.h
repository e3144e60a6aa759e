// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "impl/mutants/mutants.h"
#include "impl/scalar/safe.h"

// What the mutants that misread an option are written with.
namespace xent {

/// A mutant of every operation that may read its input again after it has written the gradient.
inline HostKernel option_mutant(std::string name, std::string summary,
                                std::vector<std::string> killed_by) {
  HostKernel k = mutant(std::move(name), std::move(summary), std::move(killed_by));
  k.promises.in_place = false;
  k.ops = every_op();
  return k;
}

template <class T>
void safe(const RowView<T>& w) {
  safe_body(w, SafeFormula{});
}

/// Changes every loss and every element of the gradient.
template <class T, class Change>
void for_each_output(const RowView<T>& w, Change change) {
  const std::int64_t losses = w.reduction == Reduction::none ? w.n : 1;
  for (std::int64_t i = 0; w.loss != nullptr && i < losses; ++i) change(w.loss[i]);
  for (std::int64_t r = 0; w.grad != nullptr && r < w.n; ++r) {
    for (std::int64_t j = 0; j < w.v; ++j) change(w.grad_row(r)[j]);
  }
}

/// scalar/safe on a problem that `rewrite` has changed.
template <class Rewrite>
Kernel rewritten(HostKernel k, Rewrite rewrite) {
  return with_body(std::move(k), [rewrite]<class T>(RowView<T> w) {
    rewrite(w);
    safe(w);
  });
}

/// Losses by one reading of the problem, gradients by another.
template <class T, class Rewrite>
void gradient_of(RowView<T> w, Rewrite rewrite) {
  RowView<T> losses = w;
  losses.grad = nullptr;
  if (w.loss != nullptr) safe(losses);
  w.loss = nullptr;
  rewrite(w);
  if (w.grad != nullptr) safe(w);
}

/// softmax of every row, contiguous [n, v].
template <class T>
std::vector<T> probabilities(RowView<T> w) {
  std::vector<T> p(static_cast<std::size_t>(w.n * w.stride));
  w.op = Op::lse;
  w.dir = Dir::bwd;
  w.reduction = Reduction::none;
  w.label = nullptr;
  w.target = w.weight = w.upstream = nullptr;
  w.unit = Unit::nats;
  w.shift = false;
  w.loss = nullptr;
  w.grad = p.data();
  safe(w);
  return p;
}

/// Rows without an index target, or of class indices that are not ignored.
template <class T>
std::int64_t valid_rows(const RowView<T>& w) {
  std::int64_t valid = 0;
  for (std::int64_t r = 0; r < w.n; ++r) valid += w.ignored(r) ? 0 : 1;
  return valid;
}

template <class T>
void divide_by(RowView<T>& w, std::int64_t rows) {
  w.denominator = Denominator::number;
  w.denominator_value = static_cast<T>(rows);
}

/// The plain index loss of rows, the only one that some mutants spoil.
template <class T>
bool plain_rows(const RowView<T>& w) {
  return w.op == Op::ce && w.label != nullptr && w.reduction == Reduction::none &&
         w.loss != nullptr && w.unit == Unit::nats;
}

}  // namespace xent
