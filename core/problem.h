// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/dtype.h"

namespace xent {

/// What is computed of a row. ce: softmax cross-entropy of logits; nll: of log-probabilities;
/// bce_*: binary, class by class; lse: log-sum-exp; entropy H(p), cross_entropy H(p,q), kl
/// KL(p||q) of probability vectors, where the target tensor holds p and the input tensor holds q
/// (for entropy the input tensor holds p; with index targets cross_entropy is the self-information
/// -log q_y); mse_*: squared error of softmax or sigmoid, for contrast. Formulas: core/OPTIONS.md.
enum class Op : std::uint8_t {
  ce, bce_logits, bce_prob, entropy, cross_entropy, kl, lse, nll, mse_softmax, mse_sigmoid
};

/// fwd: loss; bwd: gradient with respect to the input; fwdbwd: both; hvp: Hessian-vector product.
enum class Dir : std::uint8_t { fwd, bwd, fwdbwd, hvp };

enum class TargetKind : std::uint8_t { index, prob };
enum class Reduction : std::uint8_t { none, sum, mean };

/// What a mean divides by. valid: the rows that are not ignored (with class weights: the sum of
/// their targets' weights); rows: N; sequence: each sequence's own count, then the number of
/// sequences; number: Problem::denominator_value.
enum class Denominator : std::uint8_t { valid, rows, sequence, number };

/// The gradient that arrives from above: 1, one number, or one number for each row.
enum class Upstream : std::uint8_t { one, scalar, row };

/// nc: [N, V]; bct: [B, V, T]; btv: [B, T, V]; always N = B * T rows.
enum class Layout : std::uint8_t { nc, bct, btv };

/// Of loss and gradient; perplexity: the loss is exp of the mean in nats.
enum class Unit : std::uint8_t { nats, bits, perplexity };

/// What to compute, without data. The meaning of every field, with formula and gradient, is in
/// core/OPTIONS.md. A kernel may support less: such a problem is skipped with a reason.
struct Problem {
  Op op = Op::ce;
  Dir dir = Dir::fwd;
  std::int64_t n = 1;  ///< rows, >= 0
  std::int64_t v = 2;  ///< classes, >= 1
  Layout layout = Layout::nc;
  std::int64_t t = 1;       ///< positions in a sequence; divides n
  bool shift = false;       ///< position k is scored by the label at k + 1; the last by none
  std::int64_t stride = 0;  ///< elements from row to row in memory; 0: rows are contiguous
  TargetKind targets = TargetKind::index;
  Reduction reduction = Reduction::none;
  Denominator denominator = Denominator::valid;
  double denominator_value = 0;               ///< > 0 when denominator is number
  std::optional<std::int64_t> ignore_index;   ///< target that marks an ignored row
  double smoothing = 0;                       ///< label smoothing epsilon in [0, 1]
  bool weights = false;                       ///< class weights [V]
  double z_loss = 0;                          ///< adds z_loss * lse^2; 0: off
  double softcap = 0;                         ///< logits become cap * tanh(x / cap); 0: off
  double scale = 1;                           ///< logits are multiplied by it first
  Upstream upstream = Upstream::one;
  DType dtype = DType::f32;                   ///< of the input tensor
  std::optional<DType> accumulate;            ///< asked of the kernel; unset: the kernel chooses
  std::optional<DType> output;                ///< of loss and gradient; unset: as the input
  std::string dialect = "math";
  Unit unit = Unit::nats;

  DType output_dtype() const { return output.value_or(dtype); }
  std::int64_t row_stride() const { return stride == 0 ? v : stride; }
  bool wants_loss() const { return dir == Dir::fwd || dir == Dir::fwdbwd; }
  bool wants_grad() const { return dir != Dir::fwd; }
  bool is_mean() const { return reduction == Reduction::mean; }
  bool takes_targets() const { return op != Op::entropy && op != Op::lse; }
  std::int64_t loss_size() const { return reduction == Reduction::none ? n : 1; }

  bool operator==(const Problem&) const = default;
};

/// Throws UsageError unless the fields agree: n >= 0, v >= 1, N * row stride addressable, t
/// divides n, options in their ranges, a dialect that exists. The parsers call it.
void validate(const Problem&);

/// Why the options do not go together (`smoothing with op=kl`), or nothing. Such a problem is valid
/// text without a meaning: every kernel skips it, for this reason.
std::optional<std::string> meaningless(const Problem&);

/// One line, defaults left out but for op, n, v, dtype and dir; parse_problem gives it back.
std::string to_text(const Problem&);

/// `key=value` words between blanks. Throws UsageError with the offending word.
Problem parse_problem(std::string_view text);

/// The same grammar with lists and ranges: `v=10,100:130:10,50257` is 10, 100, 110, 120, 130,
/// 50257; several of them give the cross product, the last key fastest. `base` fills what the
/// text does not name.
std::vector<Problem> parse_problems(std::string_view text, const Problem& base = {});

/// Letters, digits, '-' and '_' only; for file names, never parsed.
std::string slug(const Problem&);

/// Keys of the grammar with one line on each, in the order of to_text.
struct ProblemKey {
  std::string_view key;
  std::string_view help;
};
std::vector<ProblemKey> problem_keys();

std::string_view name(Op);
std::string_view name(Dir);
std::string_view name(TargetKind);
std::string_view name(Reduction);
std::string_view name(Denominator);
std::string_view name(Upstream);
std::string_view name(Layout);
std::string_view name(Unit);

}  // namespace xent
