// SPDX-License-Identifier: Apache-2.0
#include "impl/host_invocation.h"

#include <memory>
#include <utility>

#include "core/error.h"
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

}  // namespace

HostInvocation::HostInvocation(const TestCase& c, const BindOptions& options, HostBodies bodies)
    : problem_(c.problem),
      working_(working_dtype(c.problem)),
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

StagedTensor HostInvocation::make_matrix(const char* name, DType dtype, std::size_t offset) const {
  const Problem& p = problem_;
  const std::int64_t t = p.layout == Layout::bct ? p.t : 0;
  return {StagedTensor::Spec{name, dtype, working_, p.n, p.v, p.row_stride(), false, t}, offset};
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

template <class T>
RowView<T> HostInvocation::view() {
  const Problem& p = problem_;
  RowView<T> w;
  w.op = p.op;
  w.dir = p.dir;
  w.reduction = p.reduction;
  w.denominator = p.denominator;
  w.unit = p.unit;
  w.n = p.n;
  w.v = p.v;
  w.t = p.t;
  w.stride = p.row_stride();
  w.shift = p.shift;
  w.ignore = p.ignore_index;
  w.smoothing = static_cast<T>(p.smoothing);
  w.scale = static_cast<T>(p.scale);
  w.softcap = static_cast<T>(p.softcap);
  w.z_loss = static_cast<T>(p.z_loss);
  w.denominator_value = static_cast<T>(p.denominator_value);
  const auto memory = [](auto& in) {
    return in ? reinterpret_cast<const T*>(in->memory.data()) : nullptr;
  };
  w.input = memory(input_);
  if (target_ && target_->original.dtype == DType::i64) {
    w.label = reinterpret_cast<const std::int64_t*>(target_->memory.data());
  } else {
    w.target = memory(target_);
  }
  w.weight = memory(weight_);
  w.direction = memory(direction_);
  w.upstream = memory(upstream_);
  w.upstream_per_row = p.upstream == Upstream::row;
  if (loss_) w.loss = reinterpret_cast<T*>(loss_->data());
  if (grad_) w.grad = reinterpret_cast<T*>(grad_->data());
  if (in_place_) w.grad = reinterpret_cast<T*>(input_->memory.data());
  return w;
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
    if (working_ == DType::f32) {
      bodies_.f32(view<float>());
    } else {
      bodies_.f64(view<double>());
    }
  });
}

std::int64_t HostInvocation::operations() {
  const std::int64_t before = counted_operations;
  run([this] {
    if (working_ == DType::f32) {
      bodies_.counted_f32(view<Counted<float>>());
    } else {
      bodies_.counted_f64(view<Counted<double>>());
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
  kernel.killed_by = std::move(spec.killed_by);
  kernel.supports = [name = spec.name, ops = spec.ops, refuses = std::move(spec.refuses)](
                        const Problem& p) { return host_support(p, name, ops, refuses); };
  const HostBodies bodies{std::move(spec.f32), std::move(spec.f64), std::move(spec.counted_f32),
                          std::move(spec.counted_f64)};
  kernel.bind = [kernel, bodies](const TestCase& c, const BindOptions& o) {
    require_bindable(kernel, c.problem, o);
    return std::make_unique<HostInvocation>(c, o, bodies);
  };
  if (bodies.counted_f32 && bodies.counted_f64) {
    kernel.operations = [kernel, bodies](const TestCase& c) {
      require_bindable(kernel, c.problem, {});
      return HostInvocation(c, {}, bodies).operations();
    };
  }
  return kernel;
}

}  // namespace xent
