// SPDX-License-Identifier: Apache-2.0
#include "impl/cuda/contract.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>

#include "impl/row_formulas.h"

namespace xent::cuda {
namespace {

constexpr RungText kRungs[] = {
    {Rung::safe, Form::maximum, "safe", "a block a row, below its maximum, three passes"},
    {Rung::online, Form::running_maximum, "online",
     "a block a row, each leaf below its own maximum, one pass and the gradient"},
    {Rung::warp, Form::target, "warp",
     "a warp a row of at most 4096, in registers, relative to the target's logit"},
    {Rung::block, Form::target, "block",
     "a block a row, relative to the target's logit, one pass and the gradient"},
    {Rung::split, Form::target, "split",
     "a warp a leaf of any row, sums merged in order, relative to the target's logit"},
    {Rung::cluster, Form::target, "cluster",
     "a cluster of blocks a row, copied once to shared memory, relative to the target's logit"},
    {Rung::automatic, Form::target, "auto", "warp, block or split, by what is asked"},
};

/// The option that no rung takes, as a problem writes it.
std::optional<std::string> beyond_cuda(const Problem& p) {
  if (p.dialect != "math") return "dialect=" + p.dialect;
  if (!operation(p.op)) return "op=" + std::string(name(p.op));
  if (!element(p.dtype)) return "dtype=" + std::string(name(p.dtype));
  if (!element(p.output_dtype())) return "out=" + std::string(name(p.output_dtype()));
  if (p.accumulate && *p.accumulate != DType::f32) {
    return "acc=" + std::string(name(*p.accumulate));
  }
  if (p.dir == Dir::hvp) return "dir=hvp";
  if (p.layout == Layout::bct) return "layout=bct";
  return std::nullopt;
}

}  // namespace

std::span<const RungText> rungs() { return kRungs; }

std::optional<Operation> operation(Op op) {
  switch (op) {
    case Op::ce: return Operation::ce;
    case Op::lse: return Operation::lse;
    case Op::nll: return Operation::nll;
    case Op::entropy: return Operation::entropy;
    case Op::cross_entropy: return Operation::cross_entropy;
    case Op::kl: return Operation::kl;
    default: return std::nullopt;
  }
}

std::optional<Element> element(DType d) {
  switch (d) {
    case DType::f32: return Element::f32;
    case DType::bf16: return Element::bf16;
    case DType::f16: return Element::f16;
    default: return std::nullopt;
  }
}

DeviceCall call_of(const Problem& p) {
  DeviceCall c;
  c.n = p.n;
  c.v = p.v;
  c.t = p.t;
  c.stride = p.row_stride();
  c.ignore = p.ignore_index.value_or(0);
  c.has_ignore = p.ignore_index.has_value();
  c.smoothing = static_cast<float>(p.smoothing);
  c.scale = static_cast<float>(p.scale);
  c.softcap = static_cast<float>(p.softcap);
  c.z_loss = static_cast<float>(p.z_loss);
  c.denominator = static_cast<float>(p.denominator_value);
  c.in = element(p.dtype).value_or(Element::f32);
  c.grad_type = c.loss_type = element(p.output_dtype()).value_or(Element::f32);
  c.weight.type = c.upstream.type = c.in;
  c.op = operation(p.op).value_or(Operation::ce);
  c.reduce = static_cast<Reduce>(p.reduction);
  c.divide = static_cast<Divide>(p.denominator);
  c.unit = static_cast<Scale>(p.unit);
  c.shift = p.shift;
  c.upstream_per_row = p.upstream == Upstream::row;
  return c;
}

static_assert(static_cast<int>(Reduction::mean) == static_cast<int>(Reduce::mean) &&
              static_cast<int>(Denominator::sequence) == static_cast<int>(Divide::sequence) &&
              static_cast<int>(Denominator::number) == static_cast<int>(Divide::number) &&
              static_cast<int>(Unit::perplexity) == static_cast<int>(Scale::perplexity));

Support takes(Rung rung, const Problem& p) {
  if (const auto why = meaningless(p)) return Support::no(*why);
  if (const auto option = beyond_cuda(p)) return Support::no("does not take " + *option);
  DeviceCall c = call_of(p);
  float there = 0;  // refusal looks at what is null
  if (p.wants_grad()) c.grad = &there;
  if (has_vector_targets(p)) c.target = &there;
  const char* const why = refusal(rung, c);
  return why == nullptr ? Support::yes() : Support::no(std::string("does not take ") + why);
}

ErrorBudget budget_of(Rung rung, const Problem& p) {
  const auto text = std::find_if(std::begin(kRungs), std::end(kRungs),
                                 [&](const RungText& t) { return t.rung == rung; });
  return device_budget(p, text->form);
}

Promises promises_of(Rung) { return accurate_promises(); }

}  // namespace xent::cuda
