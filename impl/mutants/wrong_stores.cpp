// SPDX-License-Identifier: Apache-2.0
// Mutants of the kernel's last step: rows in a pipeline, narrow stores, several threads.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "impl/mutants/reference.h"
#include "impl/mutants/rewrite.h"

namespace xent {
namespace {

/// Computes all, then puts back the bytes that the gradient's elements of row r in [from(v), v)
/// held before, of the rows that `chosen` takes.
template <class T, class Chosen, class From>
void leave_unwritten(const RowView<T>& w, Chosen chosen, From from) {
  std::vector<std::vector<std::byte>> before;
  const std::int64_t first = from(w.v);
  const auto bytes = static_cast<std::size_t>(w.v - first) * sizeof(T);
  for (std::int64_t r = 0; w.grad != nullptr && r < w.n; ++r) {
    const auto* const held = reinterpret_cast<const std::byte*>(w.grad_row(r) + first);
    before.emplace_back(held, held + bytes);
  }
  safe(w);
  for (std::int64_t r = 0; w.grad != nullptr && r < w.n; ++r) {
    if (!chosen(r)) continue;
    std::memcpy(w.grad_row(r) + first, before[static_cast<std::size_t>(r)].data(), bytes);
  }
}

/// The gradients are divided by the sum of the row before, the losses by none.
template <class T>
struct SumOfRowBefore : TwoPass<SafeFormula> {
  RowSums<T> right;
  bool any = false;

  RowSums<T> sums(const T* z, std::int64_t v, std::int64_t y, T* e) {
    const RowSums<T> before = right;
    right = TwoPass<SafeFormula>::sums(z, v, y, e);
    RowSums<T> taken = right;
    if (any) taken.s = before.s;
    any = true;
    return taken;
  }
  T loss(const RowSums<T>&) { return accurate_loss(right); }
};

/// The target's logit is read for every class, and is its own exp(0) from there on.
template <class Formula>
struct ReferenceReread : ByTarget<Formula> {
  using ByTarget<Formula>::ByTarget;
  template <class T>
  RowSums<T> sums(const T* z, std::int64_t v, std::int64_t y, T* e) {
    RowSums<T> row = ByTarget<Formula>::sums(z, v, y, static_cast<T*>(nullptr));
    const bool by_reference = y >= 0 && row.m == z[y] && row.e_y == T(1);
    if (!by_reference || e == nullptr) return ByTarget<Formula>::sums(z, v, y, e);
    for (std::int64_t j = 0; j < v; ++j) e[j] = Formula::term(z[j], z[y]);
    return row;
  }
};

/// Of outputs in bfloat16 alone.
HostKernel bf16_mutant(std::string name, std::string summary, std::vector<std::string> killed_by) {
  HostKernel k = mutant(std::move(name), std::move(summary), std::move(killed_by));
  k.refuses = [](const Problem& p) -> std::optional<std::string> {
    if (p.output_dtype() == DType::bf16) return std::nullopt;
    return "out=" + std::string(xent::name(p.output_dtype()));
  };
  return k;
}

/// The bfloat16 with the leading bits of x.
template <class T>
T truncated(T x) {
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(x));
  return std::bit_cast<float>(bits & 0xffff0000U);
}

/// A part of the sum for each thread.
template <class T>
T sum_by_threads(const std::vector<T>& losses, std::int64_t threads) {
  const auto n = static_cast<std::int64_t>(losses.size());
  const std::int64_t share = (n + threads - 1) / threads;
  T total = 0;
  for (std::int64_t first = 0; first < n; first += share) {
    BlockedSum<T> part;
    for (std::int64_t r = first; r < std::min(n, first + share); ++r) {
      part.add(r - first, losses[static_cast<std::size_t>(r)]);
    }
    total += part.value();
  }
  return total;
}

}  // namespace

Kernel mutant_sum_of_row_before() {
  HostKernel k = mutant("sum-of-row-before",
                        "a pipeline one row late: gradients divided by the row before's sum",
                        {"grad.accurate", "row.independence"});
  return with_body(std::move(k),
                   []<class T>(const RowView<T>& w) { scalar_body(w, SumOfRowBefore<T>{}); });
}

Kernel mutant_last_row_unwritten() {
  return with_body(
      mutant("last-row-unwritten",
             "a pipeline that is not drained: the last row's gradient is not written",
             {"io.every-output-written", "grad.accurate"}),
      []<class T>(const RowView<T>& w) {
        leave_unwritten(
            w, [&](std::int64_t r) { return r == w.n - 1; }, [](std::int64_t) { return 0; });
      });
}

Kernel mutant_last_line_unwritten() {
  return with_body(
      mutant("last-line-unwritten",
             "stores past the caches by whole lines of 64 bytes: the rest of a row is left out",
             {"io.every-output-written", "grad.accurate"}),
      []<class T>(const RowView<T>& w) {
        leave_unwritten(
            w, [](std::int64_t) { return true; },
            [](std::int64_t v) { return v < kLanes<T> ? 0 : v / kLanes<T> * kLanes<T>; });
      });
}

Kernel mutant_reference_reread() {
  HostKernel k = reference_mutant("reference-reread",
                                  "the target's logit is read for every class, from memory that "
                                  "holds its gradient in place",
                                  {"io.in-place"});
  return with_body(std::move(k), []<class T>(const RowView<T>& w) {
    scalar_body(w, ReferenceReread<ReferencedFormula>({}, has_reference(w)));
  });
}

Kernel mutant_bf16_truncated() {
  return with_body(bf16_mutant("bf16-truncated",
                               "stores drop the low bits instead of rounding, as Highway 1.0.3's "
                               "DemoteTo does",
                               {"loss.accurate", "grad.accurate"}),
                   []<class T>(const RowView<T>& w) {
                     safe(w);
                     for_each_output(w, [](T& x) { x = truncated(x); });
                   });
}

Kernel mutant_bf16_target_in_a_word() {
  return with_body(
      bf16_mutant("bf16-target-in-a-word",
                  "the target's gradient is put right by a word of 4 bytes, read before its "
                  "neighbour was written",
                  {"io.every-output-written", "grad.accurate"}),
      []<class T>(const RowView<T>& w) {
        std::vector<std::byte> before;
        const auto neighbour = [&](std::int64_t r) -> T* {
          const std::int64_t y = w.label == nullptr ? -1 : w.scored_class(r);
          return y < 0 || (y ^ 1) >= w.v || w.grad == nullptr ? nullptr : w.grad_row(r) + (y ^ 1);
        };
        for (std::int64_t r = 0; r < w.n; ++r) {
          const auto* const held = reinterpret_cast<const std::byte*>(neighbour(r));
          if (held != nullptr) before.insert(before.end(), held, held + sizeof(T));
        }
        safe(w);
        const std::byte* from = before.data();
        for (std::int64_t r = 0; r < w.n; ++r) {
          T* const to = neighbour(r);
          if (to != nullptr) std::memcpy(to, from, sizeof(T)), from += sizeof(T);
        }
      });
}

Kernel mutant_rows_of_no_thread() {
  return with_body(mutant("rows-of-no-thread",
                          "every thread takes n / threads rows, and nobody the rest",
                          {"run.threads"}),
                   []<class T>(RowView<T> w) {
                     w.n = w.n / w.t / w.threads * w.threads * w.t;
                     safe(w);
                   });
}

Kernel mutant_sum_by_threads() {
  return with_body(
      mutant("sum-by-threads",
             "a mean adds up the threads' own sums, so that its bits tell how many there were",
             {"run.threads"}),
      []<class T>(const RowView<T>& w) {
        const bool sums = w.reduction != Reduction::none && w.unit == Unit::nats &&
                          w.denominator != Denominator::sequence && w.loss != nullptr;
        if (w.threads == 1 || !sums || w.n == 0) return safe(w);
        std::vector<T> losses(static_cast<std::size_t>(w.n));
        RowView<T> rows = w;
        rows.reduction = Reduction::none;
        rows.upstream = nullptr;
        rows.grad = nullptr;
        rows.loss = losses.data();
        safe(rows);
        safe(w);
        w.loss[0] = sum_by_threads(losses, w.threads) / Divisors<T>(w).whole();
      });
}

}  // namespace xent
