// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/kernel.h"
#include "impl/host_bodies.h"
#include "impl/row_view.h"
#include "impl/staging.h"

namespace xent {

/// One case in guarded memory, in the type and layout that the problem asks for; bodies see rows of
/// working_dtype (staging.h), a native one the matrices themselves. Matrices have
/// Problem::row_stride(); poison fills everything that the case does not define, so a read outside
/// shows as NaN and a write outside as a fault.
class HostInvocation final : public Invocation {
 public:
  HostInvocation(const TestCase&, const BindOptions&, HostBodies);

  void reset() override;
  void launch() override;
  Output output() const override;
  Faults faults() const override;

  /// Operations of one launch, by the counting bodies.
  std::int64_t operations();

 private:
  struct Input {
    StagedTensor memory;
    Tensor original;
  };
  /// What the body has matrices of this type in.
  DType matrix_type(DType) const;
  std::optional<Input> make_input(const char* name, const Tensor&, std::size_t offset) const;
  StagedTensor make_matrix(const char* name, DType, std::size_t offset) const;
  template <class Body>
  void run(const Body&);
  CallMemory memory();

  Problem problem_;
  DType working_;
  int threads_ = 1;
  bool in_place_ = false;
  std::string misconduct_;  ///< of the last launch
  HostBodies bodies_;
  std::optional<Input> input_;
  std::optional<Input> target_;
  std::optional<Input> weight_;
  std::optional<Input> direction_;
  std::optional<Input> upstream_;
  std::optional<StagedTensor> loss_;
  std::optional<StagedTensor> grad_;  ///< absent when the gradient overwrites the input
};

/// The option that a kernel does not take, as a problem writes it, or nothing.
using Refusal = std::function<std::optional<std::string>(const Problem&)>;

/// What makes a kernel of bodies.
struct HostKernel {
  std::string name;
  Role role = Role::product;
  std::string summary;
  Promises promises;
  std::vector<Op> ops;  ///< that the bodies compute
  Refusal refuses;      ///< what else of core/OPTIONS.md the bodies leave out; empty: nothing
  std::function<ErrorBudget(const Problem&)> budget;
  HostBody<float> f32;
  HostBody<double> f64;
  HostBody<Counted<float>> counted_f32 = {};  ///< both or none: Kernel::operations
  HostBody<Counted<double>> counted_f64 = {};
  std::function<void(const NativeView&)> native = {};     ///< see HostBodies
  std::function<bool(const Problem&)> takes_native = {};  ///< of it
  std::function<std::string(const Problem&)> path = {};  ///< Kernel::path
  std::function<VectorWork(const Problem&, bool in_place)> uops_per_vector = {};  ///< Kernel's
  Exponential exponential = {};  ///< of the f32 body
  std::string untimed = {};      ///< Kernel's
  std::vector<std::string> killed_by;

  /// `body` takes a RowView of any number type.
  template <class Body>
  void set_bodies(Body body) {
    f32 = body;
    f64 = body;
    counted_f32 = body;
    counted_f64 = body;
  }
};

/// Binding a problem that the kernel does not support, or in place without that promise or with a
/// gradient of another type than the input, throws UsageError.
Kernel make_kernel(HostKernel);

/// What host kernels take of the operations in `ops`: everything that has a meaning, in dialect
/// math, accumulated in f32 or f64 and not below the input's type. The reason of a refusal names
/// the first option that is in the way.
Support host_support(const Problem&, const std::string& kernel, const std::vector<Op>& ops,
                     const Refusal& refuses = {});

std::vector<Op> every_op();

/// For kernels of ce and lse with class indices alone: f32 and f64, rows of any stride, reductions
/// over all rows; lse forward only. The first option beyond that.
std::optional<std::string> beyond_plain(const Problem&);

}  // namespace xent
