// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error_budget.h"
#include "core/problem.h"
#include "core/promises.h"
#include "core/tensor.h"
#include "core/test_case.h"

namespace xent {

enum class Role : std::uint8_t { product, example_of_failure, mutant, peer };
std::string_view name(Role);

/// Whether a kernel can take a problem, and if not, why (the reason of a skip).
struct Support {
  bool ok = true;
  std::string reason;
  static Support yes() { return {}; }
  static Support no(std::string why) { return {false, std::move(why)}; }
  explicit operator bool() const { return ok; }
};

/// What a kernel wrote. Absent tensors were not asked for.
struct Output {
  Tensor loss;  ///< [N] or [1], of problem.output_dtype()
  Tensor grad;  ///< [N, V]
  bool operator==(const Output&) const = default;
};

/// A fact about a run that breaks no promise: `dtype.changed`, `process.threads-kept`.
struct Remark {
  std::string id;       ///< dotted kebab case
  std::string message;  ///< "loss came back as f64, asked for f32"
  bool operator==(const Remark&) const = default;
};

/// What a run did besides its output, each in tensor terms: "logits[3,1] changed",
/// "4 bytes past the end of grad".
struct Faults {
  std::vector<std::string> inputs_changed;
  std::vector<std::string> written_outside;
  /// What a kernel must not do to its process or to the world: "left flush-to-zero on", "opened
  /// /etc/x for writing", "grad[3,1] written after wait".
  std::vector<std::string> misconduct;
  std::string raised;  ///< text of an exception, error code, crash or hang; empty: none
  std::vector<Remark> remarks;  ///< no faults
  bool none() const {
    return inputs_changed.empty() && written_outside.empty() && misconduct.empty() &&
           raised.empty();
  }
};

/// Where a kernel finds its data.
struct BindOptions {
  /// Buffers start this many elements after a 4096-byte boundary, times 1 for the input, 2 for
  /// the targets, 3 for the upstream gradient, 4 for the loss, 5 for the gradient.
  std::size_t offset_elements = 0;
  /// The gradient is the logits' own memory (kernels that promise in-place only).
  bool in_place = false;
  int threads = 1;
  /// Milliseconds after wait during which outputs are watched (kernels in a process of their own).
  int watch_ms = 0;
  /// To be timed: one placement and one call a launch (kernels in a process of their own).
  bool timed = false;
  /// Other data where the case bound before lay, if the sizes are the same: a kernel that remembers
  /// addresses is misled. In this process, always. With `timed`: each call at one place.
  bool same_place = false;
  bool operator==(const BindOptions&) const = default;
};

/// One kernel on one case, with its memory. `launch` is the only timed call.
class Invocation {
 public:
  virtual ~Invocation() = default;
  /// Restores the inputs and fills outputs, workspace and guard zones with signalling NaN.
  virtual void reset() = 0;
  virtual void launch() = 0;  ///< may return before the work is done
  virtual void wait() {}
  virtual Output output() const = 0;  ///< after wait
  virtual Faults faults() const = 0;  ///< after wait
  /// Seconds of each of `calls` calls of launch and wait, by the clock of the process that the
  /// kernel runs in. Output and faults are the last call's. Needs no reset before.
  virtual std::vector<double> time(int calls);
};

/// The binary32 exponential that a kernel computes with, shown so that it can be tried on every
/// argument there is.
struct Exponential {
  /// y[i] = exp^(x[i]); any number of elements; callable from several threads at once.
  std::function<void(std::span<const float> x, std::span<float> y)> compute;
  bool positive = false;  ///< the kernel calls it above 0, too
};

/// A call's memory where the caller has it, aligned to its elements; null where the problem has or
/// asks for none. Matrices have Problem::row_stride().
struct CallMemory {
  const void* input = nullptr;
  const void* target = nullptr;
  const void* weight = nullptr;
  const void* direction = nullptr;
  const void* upstream = nullptr;
  void* loss = nullptr;
  void* grad = nullptr;
};

/// A kernel's code on memory that the caller has, without guards or copies of matrices. Empty: the
/// kernel has no such call.
struct DirectCall {
  /// Of a supported problem: whether its matrices are of types and a layout that the code works in.
  std::function<bool(const Problem&)> takes;
  /// Of a problem that it takes, on at most `threads` threads; callable from several at once.
  /// Vectors (weight, upstream, loss) are of f64 where the kernel computes in f64 (dtype or acc),
  /// else of f32, whatever the problem's types.
  std::function<void(const Problem&, const CallMemory&, int threads)> call;
};

/// Operations of a kernel's inner loops on vector arithmetic ports, those of all passes together:
/// `per_vector` for each vector of `logits` logits. Counted in the machine code.
struct VectorWork {
  double per_vector = 0;
  double logits = 0;
};

/// An implementation under test, as a value.
struct Kernel {
  std::string name;  ///< backend/algorithm[/isa]
  Role role = Role::product;
  std::string summary;
  Promises promises;
  std::string dialect = "math";
  /// Where it comes from if it is not built in: a library's or Python file's name and version. Such
  /// a kernel runs in a process of its own.
  std::string origin = {};
  std::function<Support(const Problem&)> supports;
  std::function<ErrorBudget(const Problem&)> budget;
  std::function<std::unique_ptr<Invocation>(const TestCase&, const BindOptions&)> bind;
  /// Arithmetic operations and calls of exp, log and the like that one launch executes, counted by
  /// running the same code on a counting number type; empty: unknown.
  std::function<std::int64_t(const TestCase&)> operations = {};
  Exponential exponential = {};  ///< without `compute`: the kernel shows none
  /// Of a supported problem; empty: unknown.
  std::function<VectorWork(const Problem&, bool in_place)> uops_per_vector = {};
  /// Of a kernel that chooses: the way it would take, `streams, 8 page streams`.
  std::function<std::string(const Problem&)> path = {};
  DirectCall direct = {};
  /// Why its time would say nothing here; empty: it may be timed.
  std::string untimed = {};
  /// Names of properties of which a mutant must violate at least one; empty for the others.
  std::vector<std::string> killed_by;
};

struct RunRecord {
  Output output;
  Faults faults;
};

/// bind, reset, launch, wait. An exception becomes Faults::raised; GivenUp alone comes through.
RunRecord run(const Kernel&, const TestCase&, const BindOptions& = {});

/// A full name matches whatever its role is; a pattern with * (crosses '/') or ? means products
/// only; `role:mutant`, `role:*` match by role. Keeps the table's order.
std::vector<Kernel> select(const std::vector<Kernel>& all, std::string_view pattern);
bool glob_match(std::string_view pattern, std::string_view text);

/// Bytes of signalling NaN of the type: what outputs hold before a run.
double poison_value();
bool is_poison(const Tensor&, std::int64_t i);
void poison(Tensor&);

}  // namespace xent
