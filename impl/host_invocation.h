// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/kernel.h"
#include "impl/guarded_buffer.h"
#include "impl/row_view.h"

namespace xent {

/// A kernel that runs in this process, on this thread: reads and writes the view's arrays.
template <class T>
using HostBody = std::function<void(const RowView<T>&)>;

/// One case in guarded memory. The input, the target probabilities and the gradient have
/// Problem::row_stride(); poison fills everything that the case does not define, so a read outside
/// shows as NaN and a write outside as a fault.
class HostInvocation final : public Invocation {
 public:
  HostInvocation(const TestCase&, const BindOptions&, HostBody<float>, HostBody<double>);

  void reset() override;
  void launch() override;
  Output output() const override;
  Faults faults() const override;

 private:
  struct Input {
    GuardedBuffer buffer;
    Tensor original;
  };
  std::optional<Input> make_input(const char* name, const Tensor&, std::size_t offset) const;
  template <class T>
  RowView<T> view();

  Problem problem_;
  bool in_place_ = false;
  HostBody<float> f32_;
  HostBody<double> f64_;
  std::optional<Input> input_;
  std::optional<Input> target_;
  std::optional<Input> upstream_;
  std::optional<GuardedBuffer> loss_;
  std::optional<GuardedBuffer> grad_;  ///< absent when the gradient overwrites the input
};

/// What makes a kernel of two bodies.
struct HostKernel {
  std::string name;
  Role role = Role::product;
  std::string summary;
  Promises promises;
  std::vector<Op> ops;  ///< that the bodies compute; see host_support
  std::function<ErrorBudget(const Problem&)> budget;
  HostBody<float> f32;
  HostBody<double> f64;
  std::vector<std::string> killed_by;
};

/// Binding a problem that the kernel does not support, or in place without that promise, throws
/// UsageError.
Kernel make_kernel(HostKernel);

/// What host kernels take of the operations in `ops`: ce forward and backward with index targets,
/// lse, entropy, cross-entropy and kl forward; f32 and f64, rows of any stride. The reason of a
/// refusal names the first option that is in the way.
Support host_support(const Problem&, const std::string& kernel, const std::vector<Op>& ops);

}  // namespace xent
