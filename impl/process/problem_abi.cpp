// SPDX-License-Identifier: Apache-2.0
#include "impl/process/problem_abi.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include "core/error.h"
#include "core/test_case.h"
#include "core/text.h"

namespace xent::process {
namespace {

std::int32_t dtype(DType d) {
  switch (d) {
    case DType::f32: return XENTCHECK_DTYPE_F32;
    case DType::f64: return XENTCHECK_DTYPE_F64;
    case DType::f16: return XENTCHECK_DTYPE_F16;
    case DType::bf16: return XENTCHECK_DTYPE_BF16;
    default: return XENTCHECK_DTYPE_DEFAULT;
  }
}

std::int32_t op(Op o) {
  switch (o) {
    case Op::ce: return XENTCHECK_OP_CE;
    case Op::bce_logits: return XENTCHECK_OP_BCE_LOGITS;
    case Op::bce_prob: return XENTCHECK_OP_BCE_PROB;
    case Op::entropy: return XENTCHECK_OP_ENTROPY;
    case Op::cross_entropy: return XENTCHECK_OP_CROSS_ENTROPY;
    case Op::kl: return XENTCHECK_OP_KL;
    case Op::lse: return XENTCHECK_OP_LSE;
    case Op::nll: return XENTCHECK_OP_NLL;
    case Op::mse_softmax: return XENTCHECK_OP_MSE_SOFTMAX;
    case Op::mse_sigmoid: return XENTCHECK_OP_MSE_SIGMOID;
  }
  return -1;
}

// The other enumerations count in the same order on both sides.
static_assert(static_cast<int>(Dir::hvp) == XENTCHECK_DIR_HVP &&
              static_cast<int>(TargetKind::prob) == XENTCHECK_TARGETS_PROB &&
              static_cast<int>(Reduction::mean) == XENTCHECK_REDUCTION_MEAN &&
              static_cast<int>(Denominator::number) == XENTCHECK_DENOMINATOR_NUMBER &&
              static_cast<int>(Upstream::row) == XENTCHECK_UPSTREAM_ROW &&
              static_cast<int>(Layout::btv) == XENTCHECK_LAYOUT_BTV &&
              static_cast<int>(Unit::perplexity) == XENTCHECK_UNIT_PERPLEXITY);
static_assert(static_cast<int>(SumOrder::leaves) == XENTCHECK_SUM_LEAVES &&
              static_cast<int>(LossForm::accurate) == XENTCHECK_LOSS_ACCURATE &&
              static_cast<int>(GradForm::shifted) == XENTCHECK_GRAD_SHIFTED &&
              static_cast<int>(TargetForm::accurate) == XENTCHECK_TARGET_ACCURATE &&
              static_cast<int>(KlForm::accurate) == XENTCHECK_KL_ACCURATE &&
              static_cast<int>(Shift::target) == XENTCHECK_SHIFT_TARGET);

/// A field of a budget in its range, or a complaint that names it.
template <class T>
T in_range(const char* field, T x, T least, T most) {
  if (x >= least && x <= most) return x;
  throw UsageError(std::string("its error budget has ") + field + " = " +
                   shortest(static_cast<double>(x)) + ": it must be from " +
                   shortest(static_cast<double>(least)) + " to " +
                   shortest(static_cast<double>(most)));
}

template <class E>
E form(const char* field, std::int32_t x, E last) {
  return static_cast<E>(in_range(field, x, 0, static_cast<std::int32_t>(last)));
}

double units(const char* field, double x) { return in_range(field, x, 0.0, 1e300); }

DType dtype_of(const char* field, std::int32_t x) {
  switch (in_range<std::int32_t>(field, x, XENTCHECK_DTYPE_F32, XENTCHECK_DTYPE_BF16)) {
    case XENTCHECK_DTYPE_F64: return DType::f64;
    case XENTCHECK_DTYPE_F16: return DType::f16;
    case XENTCHECK_DTYPE_BF16: return DType::bf16;
    default: return DType::f32;
  }
}

void set_options(xentcheck_problem& x, const Problem& p) {
  x.reduction = static_cast<std::int32_t>(p.reduction);
  x.denominator = static_cast<std::int32_t>(p.denominator);
  x.denominator_value = p.denominator_value;
  x.ignore_index = p.ignore_index.value_or(0);
  x.has_ignore_index = p.ignore_index ? 1 : 0;
  x.shift = p.shift ? 1 : 0;
  x.weights = p.weights ? 1 : 0;
  x.upstream = static_cast<std::int32_t>(p.upstream);
  x.smoothing = p.smoothing;
  x.z_loss = p.z_loss;
  x.softcap = p.softcap;
  x.scale = p.scale;
  x.dtype = dtype(p.dtype);
  x.accumulate = p.accumulate ? dtype(*p.accumulate) : XENTCHECK_DTYPE_DEFAULT;
  x.output = dtype(p.output_dtype());
  x.unit = static_cast<std::int32_t>(p.unit);
}

}  // namespace

AbiProblem to_abi(const Problem& p, int threads) {
  AbiProblem a{{}, to_text(p) + '\0' + p.dialect + '\0'};
  xentcheck_problem& x = a.ask.problem;
  x.struct_size = sizeof x;
  x.text = nullptr;
  x.dialect = reinterpret_cast<const char*>(a.text.find('\0') + 1);
  x.op = op(p.op);
  x.dir = static_cast<std::int32_t>(p.dir);
  x.n = p.n;
  x.v = p.v;
  x.t = p.t;
  x.stride = p.row_stride();
  x.layout = static_cast<std::int32_t>(p.layout);
  x.targets = static_cast<std::int32_t>(has_vector_targets(p) ? TargetKind::prob : p.targets);
  set_options(x, p);
  a.ask.threads = threads;
  a.ask.text_bytes = static_cast<std::uint32_t>(a.text.size());
  return a;
}

void to_abi(const ErrorBudget& b, xentcheck_budget* x) {
  x->exp_rel = b.exp_rel;
  x->exp_arg = b.exp_arg;
  x->log_rel = b.log_rel;
  x->log_abs = b.log_abs;
  x->tanh_rel = b.tanh_rel;
  x->sum = static_cast<std::int32_t>(b.order);
  x->rows = static_cast<std::int32_t>(b.rows);
  x->lanes = b.lanes;
  x->block = b.block;
  x->online = b.online ? 1 : 0;
  x->shift = static_cast<std::int32_t>(b.shift);
  x->shift_limit = b.shift_limit;
  x->loss = static_cast<std::int32_t>(b.loss);
  x->grad = static_cast<std::int32_t>(b.grad);
  x->target = static_cast<std::int32_t>(b.target);
  x->kl = static_cast<std::int32_t>(b.kl);
  x->accumulate = dtype(b.accumulate);
  x->output = dtype(b.output);
  x->flush_to_zero = b.flush_to_zero ? 1 : 0;
  x->exp_cutoff = b.exp_cutoff;
}

std::uint64_t to_abi(const Promises& p) {
  return (p.repeatable ? XENTCHECK_REPEATABLE : 0) |
         (p.batch_invariant ? XENTCHECK_BATCH_INVARIANT : 0) |
         (p.alignment_invariant ? XENTCHECK_ALIGNMENT_INVARIANT : 0) |
         (p.thread_invariant ? XENTCHECK_THREAD_INVARIANT : 0) |
         (p.shift_exact ? XENTCHECK_SHIFT_EXACT : 0) |
         (p.sign_exact ? XENTCHECK_SIGN_EXACT : 0) | (p.in_place ? XENTCHECK_IN_PLACE : 0);
}

ErrorBudget from_abi(const xentcheck_budget& x) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max() / 2;
  ErrorBudget b;
  b.exp_rel = units("exp_rel", x.exp_rel);
  b.exp_arg = units("exp_arg", x.exp_arg);
  b.log_rel = units("log_rel", x.log_rel);
  b.log_abs = units("log_abs", x.log_abs);
  b.tanh_rel = units("tanh_rel", x.tanh_rel);
  b.order = form("sum", x.sum, SumOrder::leaves);
  b.rows = form("rows", x.rows, SumOrder::leaves);
  b.lanes = in_range<std::int64_t>("lanes", x.lanes, 1, kMost);
  b.block = in_range<std::int64_t>("block", x.block, 1, kMost);
  b.online = x.online != 0;
  b.shift = form("shift", x.shift, Shift::target);
  b.shift_limit = in_range("shift_limit", x.shift_limit, 2.0, 3e38);
  b.loss = form("loss", x.loss, LossForm::accurate);
  b.grad = form("grad", x.grad, GradForm::shifted);
  b.target = form("target", x.target, TargetForm::accurate);
  b.kl = form("kl", x.kl, KlForm::accurate);
  b.accumulate = dtype_of("accumulate", x.accumulate);
  b.output = dtype_of("output", x.output);
  b.flush_to_zero = x.flush_to_zero != 0;
  b.exp_cutoff = in_range("exp_cutoff", x.exp_cutoff, -HUGE_VAL, 0.0);
  return b;
}

}  // namespace xent::process
