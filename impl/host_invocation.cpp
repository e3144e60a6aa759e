// SPDX-License-Identifier: Apache-2.0
#include "impl/host_invocation.h"

#include <memory>
#include <utility>

#include "core/error.h"
#include "impl/control_bits.h"
#include "impl/row_formulas.h"

namespace xent {
namespace {

const char* input_name(Op op) {
  switch (op) {
    case Op::ce:
    case Op::lse:
    case Op::bce_logits:
    case Op::mse_softmax:
    case Op::mse_sigmoid:
      return "logits";
    case Op::nll:
      return "log-probabilities";
    default:
      return "input";
  }
}

void append(std::vector<std::string>& to, std::vector<std::string> from) {
  for (std::string& line : from) to.push_back(std::move(line));
}

/// Puts the thread's control bits back, and says if that was needed.
class ControlBits {
 public:
  explicit ControlBits(std::string& changed) : changed_(changed) { changed_.clear(); }
  ~ControlBits() {
    const std::uint32_t after = control_bits();
    if (after == before_) return;
    set_control_bits(before_);
    changed_ = control_bits_changed(before_, after);
  }
  ControlBits(const ControlBits&) = delete;
  ControlBits& operator=(const ControlBits&) = delete;

 private:
  std::string& changed_;
  std::uint32_t before_ = control_bits();
};

}  // namespace

HostInvocation::HostInvocation(const TestCase& c, const BindOptions& options, HostBodies bodies)
    : problem_(c.problem),
      working_(working_dtype(c.problem)),
      threads_(options.threads),
      in_place_(options.in_place && c.problem.wants_grad()),
      bodies_(std::move(bodies)) {
  const std::size_t offset = options.offset_elements;
  input_ = make_input(in_place_ ? "grad" : input_name(problem_.op), c.input, offset);
  target_ = make_input("targets", c.target, 2 * offset);
  upstream_ = make_input("upstream", c.upstream, 3 * offset);
  weight_ = make_input("weights", c.weight, 6 * offset);
  direction_ = make_input("direction", c.direction, 7 * offset);
  const DType out = problem_.output_dtype();
  if (problem_.wants_loss()) {
    const std::int64_t size = problem_.loss_size();
    loss_.emplace(StagedTensor::Spec{"loss", out, working_, 1, size, size, true}, 4 * offset);
  }
  if (problem_.wants_grad() && !in_place_) grad_.emplace(make_matrix("grad", out, 5 * offset));
  reset();
}

DType HostInvocation::matrix_type(DType dtype) const {
  return is_native(bodies_, problem_) ? dtype : working_;
}

StagedTensor HostInvocation::make_matrix(const char* name, DType dtype, std::size_t offset) const {
  const Problem& p = problem_;
  const std::int64_t t = p.layout == Layout::bct ? p.t : 0;
  return {StagedTensor::Spec{name, dtype, matrix_type(dtype), p.n, p.v, p.row_stride(), false, t},
          offset};
}

std::optional<HostInvocation::Input> HostInvocation::make_input(const char* name,
                                                                const Tensor& tensor,
                                                                std::size_t offset) const {
  if (tensor.shape.empty()) return std::nullopt;
  if (tensor.shape.size() == 2) return Input{make_matrix(name, tensor.dtype, offset), tensor};
  const DType working = is_float(tensor.dtype) ? working_ : tensor.dtype;
  const std::int64_t size = tensor.size();
  return Input{{StagedTensor::Spec{name, tensor.dtype, working, 1, size, size, true}, offset},
               tensor};
}

void HostInvocation::reset() {
  for (auto* in : {&input_, &target_, &weight_, &direction_, &upstream_}) {
    if (*in) (*in)->memory.reset((*in)->original);
  }
  if (loss_) loss_->reset({});
  if (grad_) grad_->reset({});
}

CallMemory HostInvocation::memory() {
  const auto at = [](auto& in) -> void* { return in ? in->memory.data() : nullptr; };
  CallMemory m{at(input_), at(target_), at(weight_), at(direction_), at(upstream_), nullptr,
               nullptr};
  if (loss_) m.loss = loss_->data();
  if (grad_) m.grad = grad_->data();
  if (in_place_) m.grad = input_->memory.data();
  return m;
}

template <class Body>
void HostInvocation::run(const Body& body) {
  for (auto* in : {&input_, &target_, &weight_, &direction_, &upstream_}) {
    if (*in) (*in)->memory.load();
  }
  body();
  if (loss_) loss_->store();
  if (grad_) grad_->store();
  if (in_place_) input_->memory.store();
}

void HostInvocation::launch() {
  run([this] {
    const ControlBits restored(misconduct_);
    call_body(bodies_, problem_, memory(), threads_);
  });
}

std::int64_t HostInvocation::operations() {
  const std::int64_t before = counted_operations;
  run([this] {
    if (working_ == DType::f32) {
      bodies_.counted_f32(row_view<Counted<float>>(problem_, memory()));
    } else {
      bodies_.counted_f64(row_view<Counted<double>>(problem_, memory()));
    }
  });
  return counted_operations - before;
}

Output HostInvocation::output() const {
  Output out;
  if (loss_) out.loss = loss_->read({problem_.loss_size()});
  if (grad_) out.grad = grad_->read({problem_.n, problem_.v});
  if (in_place_) out.grad = input_->memory.read({problem_.n, problem_.v});
  return out;
}

Faults HostInvocation::faults() const {
  Faults faults;
  if (!misconduct_.empty()) faults.misconduct.push_back(misconduct_);
  for (const auto* in : {&input_, &target_, &weight_, &direction_, &upstream_}) {
    if (!*in) continue;
    append(faults.written_outside, (*in)->memory.writes_outside());
    if (in == &input_ && in_place_) continue;
    append(faults.inputs_changed, (*in)->memory.changes((*in)->original));
  }
  if (loss_) append(faults.written_outside, loss_->writes_outside());
  if (grad_) append(faults.written_outside, grad_->writes_outside());
  return faults;
}

namespace {

void require_bindable(const Kernel& kernel, const Problem& p, const BindOptions& o) {
  if (const Support s = kernel.supports(p); !s) throw UsageError(s.reason);
  if (!o.in_place) return;
  if (!kernel.promises.in_place) {
    throw UsageError(kernel.name +
                     " does not promise in-place: bind it with a gradient of its own");
  }
  if (p.wants_grad() && p.output_dtype() != p.dtype) {
    throw UsageError("in place, the gradient has the type of the input: out=" +
                     std::string(name(p.output_dtype())) + " needs memory of its own");
  }
}

}  // namespace

Kernel make_kernel(HostKernel spec) {
  Kernel kernel;
  kernel.name = spec.name;
  kernel.role = spec.role;
  kernel.summary = std::move(spec.summary);
  kernel.promises = spec.promises;
  kernel.budget = std::move(spec.budget);
  kernel.exponential = std::move(spec.exponential);
  kernel.path = std::move(spec.path);
  kernel.uops_per_vector = std::move(spec.uops_per_vector);
  kernel.untimed = std::move(spec.untimed);
  kernel.killed_by = std::move(spec.killed_by);
  kernel.supports = [name = spec.name, ops = spec.ops, refuses = std::move(spec.refuses)](
                        const Problem& p) { return host_support(p, name, ops, refuses); };
  const HostBodies bodies{std::move(spec.f32),         std::move(spec.f64),
                          std::move(spec.counted_f32), std::move(spec.counted_f64),
                          std::move(spec.native),      std::move(spec.takes_native)};
  kernel.bind = [kernel, bodies](const TestCase& c, const BindOptions& o) {
    require_bindable(kernel, c.problem, o);
    return std::make_unique<HostInvocation>(c, o, bodies);
  };
  kernel.direct = direct_call(bodies);
  if (bodies.counted_f32 && bodies.counted_f64) {
    HostBodies counting = bodies;
    counting.takes_native = {};
    kernel.operations = [kernel, counting](const TestCase& c) {
      require_bindable(kernel, c.problem, {});
      return HostInvocation(c, {}, counting).operations();
    };
  }
  return kernel;
}

}  // namespace xent
