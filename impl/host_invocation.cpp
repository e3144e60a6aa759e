// SPDX-License-Identifier: Apache-2.0
#include "impl/host_invocation.h"

#include <memory>
#include <utility>

#include "core/error.h"

namespace xent {
namespace {

const char* input_name(Op op) {
  switch (op) {
    case Op::ce:
    case Op::lse:
    case Op::bce_logits:
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

GuardedBuffer::Shape vector_shape(const char* name, DType dtype, std::int64_t size) {
  return {name, dtype, 1, size, size, true};
}

}  // namespace

HostInvocation::HostInvocation(const TestCase& c, const BindOptions& options, HostBody<float> f32,
                               HostBody<double> f64)
    : problem_(c.problem),
      in_place_(options.in_place && c.problem.wants_grad()),
      f32_(std::move(f32)),
      f64_(std::move(f64)) {
  const std::size_t offset = options.offset_elements;
  input_ = make_input(in_place_ ? "grad" : input_name(problem_.op), c.input, offset);
  target_ = make_input("targets", c.target, 2 * offset);
  upstream_ = make_input("upstream", c.upstream, 3 * offset);
  const DType out = problem_.output_dtype();
  if (problem_.wants_loss()) {
    loss_.emplace(vector_shape("loss", out, problem_.loss_size()), 4 * offset);
  }
  if (problem_.wants_grad() && !in_place_) {
    grad_.emplace(GuardedBuffer::Shape{"grad", out, problem_.n, problem_.v, problem_.row_stride()},
                  5 * offset);
  }
  reset();
}

std::optional<HostInvocation::Input> HostInvocation::make_input(const char* name,
                                                                const Tensor& tensor,
                                                                std::size_t offset) const {
  if (tensor.shape.empty()) return std::nullopt;
  const bool matrix = tensor.shape.size() == 2;
  const GuardedBuffer::Shape shape =
      matrix
          ? GuardedBuffer::Shape{name, tensor.dtype, problem_.n, problem_.v, problem_.row_stride()}
          : vector_shape(name, tensor.dtype, tensor.size());
  return Input{GuardedBuffer(shape, offset), tensor};
}

void HostInvocation::reset() {
  for (auto* in : {&input_, &target_, &upstream_}) {
    if (!*in) continue;
    (*in)->buffer.poison();
    (*in)->buffer.write((*in)->original);
  }
  if (loss_) loss_->poison();
  if (grad_) grad_->poison();
}

template <class T>
RowView<T> HostInvocation::view() {
  RowView<T> w;
  w.op = problem_.op;
  w.reduction = problem_.reduction;
  w.n = problem_.n;
  w.v = problem_.v;
  w.stride = problem_.row_stride();
  w.input = reinterpret_cast<const T*>(input_->buffer.data());
  if (target_ && target_->original.dtype == DType::i64) {
    w.label = reinterpret_cast<const std::int64_t*>(target_->buffer.data());
  } else if (target_) {
    w.target = reinterpret_cast<const T*>(target_->buffer.data());
  }
  if (upstream_) w.upstream = reinterpret_cast<const T*>(upstream_->buffer.data());
  w.upstream_per_row = problem_.upstream == Upstream::row;
  if (loss_) w.loss = reinterpret_cast<T*>(loss_->data());
  if (grad_) w.grad = reinterpret_cast<T*>(grad_->data());
  if (in_place_) w.grad = reinterpret_cast<T*>(input_->buffer.data());
  return w;
}

void HostInvocation::launch() {
  if (problem_.dtype == DType::f32) {
    f32_(view<float>());
  } else {
    f64_(view<double>());
  }
}

Output HostInvocation::output() const {
  Output out;
  if (loss_) out.loss = loss_->read({problem_.loss_size()});
  if (grad_) out.grad = grad_->read({problem_.n, problem_.v});
  if (in_place_) out.grad = input_->buffer.read({problem_.n, problem_.v});
  return out;
}

Faults HostInvocation::faults() const {
  Faults faults;
  for (const auto* in : {&input_, &target_, &upstream_}) {
    if (!*in) continue;
    append(faults.written_outside, (*in)->buffer.writes_outside());
    if (in == &input_ && in_place_) continue;
    append(faults.inputs_changed, (*in)->buffer.changes((*in)->original));
  }
  if (loss_) append(faults.written_outside, loss_->writes_outside());
  if (grad_) append(faults.written_outside, grad_->writes_outside());
  return faults;
}

Kernel make_kernel(HostKernel spec) {
  Kernel kernel;
  kernel.name = spec.name;
  kernel.role = spec.role;
  kernel.summary = std::move(spec.summary);
  kernel.promises = spec.promises;
  kernel.budget = std::move(spec.budget);
  kernel.killed_by = std::move(spec.killed_by);
  kernel.supports = [name = spec.name, ops = spec.ops](const Problem& p) {
    return host_support(p, name, ops);
  };
  kernel.bind = [supports = kernel.supports, in_place = spec.promises.in_place, name = spec.name,
                 f32 = std::move(spec.f32), f64 = std::move(spec.f64)](
                    const TestCase& c, const BindOptions& o) -> std::unique_ptr<Invocation> {
    if (const Support s = supports(c.problem); !s) throw UsageError(s.reason);
    if (o.in_place && !in_place) {
      throw UsageError(name + " does not promise in-place: bind it with a gradient of its own");
    }
    return std::make_unique<HostInvocation>(c, o, f32, f64);
  };
  return kernel;
}

}  // namespace xent
