// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "impl/row_output.h"
#include "impl/row_threads.h"
#include "impl/row_view.h"

namespace xent {

/// rows(divisors, losses, first, last) on the view's threads, each row once: writes losses[r], in
/// nats, weighted, 0 where the row is ignored. They go to where they are asked for at once if
/// nothing comes after them, else through LossOutput when all are there.
template <class T, class Rows>
void for_losses(const RowView<T>& w, const Rows& rows) {
  const Divisors<T> divisors(w);
  const bool as_they_are = w.reduction == Reduction::none && w.unit == Unit::nats;
  thread_local std::vector<T> kept;
  if (!as_they_are || w.loss == nullptr) kept.resize(static_cast<std::size_t>(w.n));
  T* const losses = as_they_are && w.loss != nullptr ? w.loss : kept.data();
  for_rows(w.n, w.threads, [&](std::int64_t first, std::int64_t last) {
    rows(divisors, losses, first, last);
  });
  if (w.loss == nullptr || losses == w.loss) return;
  LossOutput<T> output(w, divisors);
  output.put_all(losses);
  output.finish();
}

}  // namespace xent
