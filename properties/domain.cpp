// SPDX-License-Identifier: Apache-2.0
#include "properties/domain.h"

#include <algorithm>
#include <initializer_list>
#include <string>

#include "core/error.h"
#include "core/text.h"
#include "properties/domain_build.h"

namespace xent {
namespace {

template <LogitRow fill>
TestCase logits(const Problem& problem, std::uint64_t seed) {
  return logit_case(problem, seed, fill);
}

template <ProbabilityRow fill>
TestCase pairs(const Problem& problem, std::uint64_t seed) {
  return pair_case(problem, seed, fill);
}

bool one_of(Op op, std::initializer_list<Op> ops) {
  return std::find(ops.begin(), ops.end(), op) != ops.end();
}

bool takes_softmax(const Problem& p) {
  return is_float(p.dtype) && one_of(p.op, {Op::ce, Op::lse, Op::mse_softmax});
}
bool takes_binary(const Problem& p) {
  return is_float(p.dtype) && one_of(p.op, {Op::bce_logits, Op::mse_sigmoid});
}
bool takes_logits(const Problem& p) { return takes_softmax(p) || takes_binary(p); }
/// Scaled, capped or squared, numbers at the format's limit leave it.
bool takes_any_size(const Problem& p) {
  return takes_logits(p) && p.scale == 1 && p.softcap == 0 && p.z_loss == 0;
}
/// exp(scale * -inf) is 0.
bool takes_masks(const Problem& p) { return takes_softmax(p) && p.scale > 0 && p.softcap == 0; }
bool takes_soft(const Problem& p) {
  return takes_softmax(p) && p.takes_targets() && p.targets == TargetKind::prob;
}
bool takes_logs(const Problem& p) { return is_float(p.dtype) && p.op == Op::nll; }
bool takes_chances(const Problem& p) { return is_float(p.dtype) && p.op == Op::bce_prob; }
bool takes_probabilities(const Problem& p) {
  return is_float(p.dtype) && one_of(p.op, {Op::entropy, Op::cross_entropy, Op::kl});
}
bool takes_pairs(const Problem& p) { return takes_probabilities(p) && has_vector_targets(p); }

bool several_logits(const Problem& p) { return takes_logits(p) && p.v >= 2; }
bool several_classes(const Problem& p) {
  return takes_softmax(p) && p.takes_targets() && p.v >= 2;
}
bool several_masks(const Problem& p) { return takes_masks(p) && p.v >= 2; }
bool several_masked_targets(const Problem& p) { return takes_masks(p) && several_classes(p); }
bool several_soft_masks(const Problem& p) { return takes_soft(p) && several_masks(p); }
bool several_logs(const Problem& p) { return takes_logs(p) && p.v >= 2; }
bool holds_grid(const Problem& p) { return takes_logits(p) && format(p.dtype).precision >= 11; }
bool iris_shape(const Problem& p) { return takes_softmax(p) && p.v == 3; }
bool worked_shape(const Problem& p) { return takes_softmax(p) && p.n == 3 && p.v == 5; }
bool holds_bits(const Problem& p) { return dyadic_bits(p.v) <= format(p.dtype).precision; }
bool holds_dyadic(const Problem& p) { return takes_probabilities(p) && holds_bits(p); }
bool holds_soft_dyadic(const Problem& p) { return takes_soft(p) && holds_bits(p); }
bool several_zeros(const Problem& p) {
  return takes_probabilities(p) && p.takes_targets() && p.v >= 2;
}
bool infinite_binary(const Problem& p) { return is_float(p.dtype) && p.op == Op::bce_logits; }

bool ignores(const Problem& p) { return has_labels(p) && (p.ignore_index || p.shift); }
bool weighs(const Problem& p) {
  return p.weights && one_of(p.op, {Op::ce, Op::nll, Op::bce_logits, Op::bce_prob});
}
bool can_void(const Problem& p) { return has_labels(p) && (p.ignore_index || weighs(p)); }
bool weighs_masks(const Problem& p) {
  return has_labels(p) && weighs(p) && p.op == Op::ce && several_masks(p);
}
bool caps(const Problem& p) { return takes_softmax(p) && p.softcap > 0; }
bool takes_specials(const Problem& p) { return takes_masks(p) && p.op != Op::mse_softmax; }

std::vector<Domain> logit_domains() {
  return {
      {"gaussian", "normal logits, standard deviation 1 to 8", takes_logits, logits<gaussian_row>},
      {"confident", "the target leads by a gap, losses down to the format's underflow",
       several_classes, logits<confident_row>},
      {"wrong", "the target trails by a gap", several_classes, logits<wrong_row>},
      {"offset", "a common offset of up to 10^30; every difference is exact", takes_any_size,
       logits<offset_row>},
      {"ties", "several maxima, up to all equal", several_logits, logits<ties_row>},
      {"masked", "-inf at random classes, never at the target", several_masks,
       logits<masked_row>},
      {"masked-target", "-inf at the target, and beside it: the loss is +inf",
       several_masked_targets, logits<masked_target_row>},
      {"extreme", "the format's limits, exp's thresholds, subnormals, signed zeros",
       takes_any_size, logits<extreme_row>},
      {"dyadic", "multiples of 1/16 within 8", takes_logits, logits<dyadic_row>},
      {"grid", "a grid on which integer shifts of up to 2^10 are exact", holds_grid,
       logits<grid_row>},
      {"integer-mass", "one value or -inf: every partial sum is an exact integer", takes_masks,
       logits<integer_mass_row>},
      {"spikes", "one class dominates, at block and lane boundaries", takes_masks,
       logits<spikes_row>},
      {"index-bit", "live where one bit of the class index has a given value", several_masks,
       logits<index_bit_row>},
      {"subnormal", "subnormal logits and zeros of both signs", takes_logits,
       logits<subnormal_row>},
      {"iris", "logits of a softmax regression on Fisher's iris table, rows in turn", iris_shape,
       logits<iris_row>},
      {"worked-example", "the documents' printed 3x5 logits, targets 2 0 0", worked_shape,
       logits<worked_example_row>},
  };
}

std::vector<Domain> probability_domains() {
  return {
      {"simplex", "positive, normalised by division, some zeros in p", takes_probabilities,
       pairs<simplex_row>},
      {"dyadic-simplex", "multiples of 2^-m that sum to exactly 1, some zeros in p", holds_dyadic,
       pairs<dyadic_simplex_row>},
      {"one-hot", "all of p on one class", takes_probabilities, pairs<one_hot_row>},
      {"near-equal", "q is p but for at most 3 ulps", takes_pairs, pairs<near_equal_row>},
      {"uniform", "1/V everywhere in q, and in p on every other row", takes_probabilities,
       pairs<uniform_row>},
      {"tiny", "one large entry, the others down to the subnormals", takes_probabilities,
       pairs<tiny_row>},
      {"disjoint-zero", "some q = 0 where p > 0: infinite", several_zeros,
       pairs<disjoint_zero_row>},
      {"unnormalised", "positive q and p whose sums are anything", takes_probabilities,
       pairs<unnormalised_row>},
      {"proportional", "q is p times a power of two", takes_pairs, pairs<proportional_row>},
  };
}

std::vector<Domain> vector_target_domains() {
  return {
      {"soft", "normal logits; targets normalised by division, some zeros", takes_soft,
       pairs<soft_row>},
      {"soft-dyadic", "normal logits; targets multiples of 2^-m that sum to exactly 1",
       holds_soft_dyadic, pairs<soft_dyadic_row>},
      {"soft-one-hot", "normal logits; all of the target on one class", takes_soft,
       pairs<soft_one_hot_row>},
      {"soft-unnormalised", "normal logits; targets whose sums are anything, 0 too", takes_soft,
       pairs<soft_unnormalised_row>},
      {"soft-masked", "-inf at classes without target mass", several_soft_masks,
       pairs<soft_masked_row>},
      {"soft-matched", "logits are logs of the targets: p is nearly y", takes_soft,
       pairs<soft_matched_row>},
      {"log-probabilities", "logs of positive normalised numbers", takes_logs,
       pairs<log_probabilities_row>},
      {"log-grid", "log-probabilities that are multiples of 1/16 in [-8, 0]", takes_logs,
       pairs<log_grid_row>},
      {"log-masked", "-inf at some classes without target mass", several_logs,
       pairs<log_masked_row>},
      {"log-extreme", "log-probabilities at the format's limits, zeros of both signs", takes_logs,
       pairs<log_extreme_row>},
  };
}

std::vector<Domain> binary_domains() {
  return {
      {"binary-hard", "normal logits, labels 0 and 1", takes_binary, pairs<binary_hard_row>},
      {"binary-soft", "normal logits, labels inside [0, 1], near the ends too", takes_binary,
       pairs<binary_soft_row>},
      {"binary-saturated", "logits up to the format's limit, hard labels right and wrong",
       takes_binary, pairs<binary_saturated_row>},
      {"binary-infinite", "some infinite logits, labels right and wrong", infinite_binary,
       pairs<binary_infinite_row>},
      {"chances", "probabilities inside (0, 1), labels hard and soft", takes_chances,
       pairs<chances_row>},
      {"chances-edge", "probabilities near 0 and 1, and 0 and 1 where the label is right",
       takes_chances, pairs<chances_edge_row>},
      {"chances-zero", "0 or 1 where the label says otherwise: infinite", takes_chances,
       pairs<chances_zero_row>},
  };
}

std::vector<Domain> option_domains() {
  return {
      {"ignored-garbage", "ignored rows full of NaN, infinities, or nothing but -inf", ignores,
       ignored_garbage_case},
      {"none-valid", "every row is ignored, or every weight is 0", can_void, none_valid_case},
      {"zero-weights", "about a third of the class weights are 0", weighs, zero_weights_case},
      {"zero-weight-masked", "-inf at targets of weight 0", weighs_masks,
       zero_weight_masked_case},
      {"uniform-weights", "every class weight is the same", weighs, uniform_weights_case},
      {"capped", "logits below, about and far beyond the softcap, some infinite", caps,
       logits<capped_row>},
      {"special-rows", "one row in two holds a NaN, a +inf or nothing but -inf", takes_specials,
       logits<special_row>},
  };
}

std::vector<Domain> make_domains() {
  std::vector<Domain> all;
  for (const auto& part : {logit_domains(), probability_domains(), vector_target_domains(),
                           binary_domains(), option_domains()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

}  // namespace

const std::vector<Domain>& all_domains() {
  static const std::vector<Domain> domains = make_domains();
  return domains;
}

const Domain& find_domain(std::string_view name) {
  const std::vector<Domain>& domains = all_domains();
  const auto found =
      std::find_if(domains.begin(), domains.end(), [&](const Domain& d) { return d.name == name; });
  if (found != domains.end()) return *found;
  std::vector<std::string> names;
  for (const Domain& domain : domains) names.emplace_back(domain.name);
  throw UsageError("no domain '" + std::string(name) + "'" + nearest_hint(name, names));
}

TestCase make_case(const Problem& problem, std::string_view domain, std::uint64_t seed) {
  const Domain& found = find_domain(domain);
  if (!found.fits(problem)) {
    throw UsageError("domain '" + std::string(domain) + "' (" + std::string(found.intent) +
                     ") does not fit the problem '" + to_text(problem) +
                     "'; choose another domain or change op, targets, n or v");
  }
  TestCase made = found.make(problem, seed);
  made.recipe = {std::string(domain), seed};
  fill_options(made, seed);
  return made;
}

}  // namespace xent
