// SPDX-License-Identifier: Apache-2.0
// Mutants that compute as scalar/safe does, then spoil what they write.
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "impl/mutants/rewrite.h"

namespace xent {

Kernel mutant_nan_writer() {
  return with_body(mutant("nan-writer", "every output NaN, as 0 * -inf left it in optax@f6e8ebb0",
                          {"loss.accurate", "grad.accurate"}),
                   []<class T>(const RowView<T>& w) {
                     for_each_output(w, [](T& x) { x = std::numeric_limits<T>::quiet_NaN(); });
                   });
}

Kernel mutant_zeros() {
  return with_body(mutant("zeros", "every output 0, as the gradient of microsoft/DirectML#740",
                          {"loss.accurate", "grad.accurate"}),
                   []<class T>(const RowView<T>& w) { for_each_output(w, [](T& x) { x = 0; }); });
}

Kernel mutant_writes_nothing() {
  return with_body(mutant("writes-nothing", "returns at once, as the rows of pytorch#20406",
                          {"io.every-output-written", "loss.accurate"}),
                   []<class T>(const RowView<T>&) {});
}

Kernel mutant_last_element_unwritten() {
  return with_body(mutant("last-element-unwritten",
                          "the gradient's tail is left as it was, as in ROCm/hip-ep#624",
                          {"io.every-output-written", "grad.accurate"}),
                   []<class T>(const RowView<T>& w) {
                     if (w.grad == nullptr || w.n == 0) return safe(w);
                     T* const last = w.grad_row(w.n - 1) + (w.v - 1);
                     std::byte before[sizeof(T)];
                     std::memcpy(before, last, sizeof(T));
                     safe(w);
                     std::memcpy(last, before, sizeof(T));
                   });
}

Kernel mutant_loss_past_end() {
  return with_body(mutant("loss-past-end",
                          "a reduced loss is written one element too far as well; cf. "
                          "linkedin/Liger-Kernel#588",
                          {"loss.accurate", "io.every-output-written"}),
                   []<class T>(const RowView<T>& w) {
                     safe(w);
                     if (w.loss != nullptr && w.reduction != Reduction::none) w.loss[1] = w.loss[0];
                   });
}

Kernel mutant_unrepeatable() {
  return with_body(
      mutant("unrepeatable", "every other run is one ulp off, as atomic sums are (pytorch#17350)",
             {"run.repeatable"}),
      []<class T>(const RowView<T>& w) {
        static std::atomic<std::uint64_t> calls{0};
        safe(w);
        if (++calls % 2 != 0) return;
        for_each_output(w, [](T& x) { x = std::nextafter(x, std::numeric_limits<T>::max()); });
      });
}

Kernel mutant_gradient_sign_flipped() {
  return with_body(
      mutant("gradient-sign-flipped", "y - p for p - y: not negated, as in allenai/OLMo@ed9250b3",
             {"grad.signs", "grad.accurate"}),
      []<class T>(const RowView<T>& w) {
        safe(w);
        for (std::int64_t r = 0; w.grad != nullptr && r < w.n; ++r) {
          for (std::int64_t j = 0; j < w.v; ++j) w.grad_row(r)[j] *= -1;
        }
      });
}

Kernel mutant_log2_in_kl() {
  return with_body(
      mutant("log2-in-kl", "the divergence in bits, the entropies in nats, as in pytorch#181645",
             {"info.decomposition"}),
      []<class T>(const RowView<T>& w) {
        safe(w);
        if (w.op != Op::kl) return;
        for_each_output(w, [](T& x) { x /= static_cast<T>(0x1.62e42fefa39efp-1); });
      });
}

}  // namespace xent
