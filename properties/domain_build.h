// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/test_case.h"
#include "properties/domain_rows.h"

// From rows to cases; shared by the files of the domains, not for others.
namespace xent {

/// Streams of a case's generator.
enum Use : std::uint64_t {
  kSeed, kRows, kTargets, kUpstream, kWeights, kChoice, kElement, kDirection, kLabels
};

RowPlan plan_row(const Problem&, std::uint64_t seed, std::int64_t row);

/// Input and target from rows of logits, class indices, vector targets or binary labels as the
/// problem asks. With shift, the class a row aims at is the label after it.
TestCase logit_case(const Problem&, std::uint64_t seed, LogitRow);

/// From rows of two vectors: the input and the target, or a class with mass in it.
TestCase pair_case(const Problem&, std::uint64_t seed, ProbabilityRow);

/// The everyday input of the problem's op.
TestCase ordinary_case(const Problem&, std::uint64_t seed);

TestCase ignored_garbage_case(const Problem&, std::uint64_t seed);
TestCase none_valid_case(const Problem&, std::uint64_t seed);
TestCase zero_weights_case(const Problem&, std::uint64_t seed);
TestCase zero_weight_masked_case(const Problem&, std::uint64_t seed);
TestCase uniform_weights_case(const Problem&, std::uint64_t seed);

/// Upstream, class weights unless the domain made its own, direction, ignored labels.
void fill_options(TestCase&, std::uint64_t seed);

/// One row in `of` is ignored.
void ignore_rows(TestCase&, const Random&, std::int64_t of);

/// Class indices stand for the targets.
bool has_labels(const Problem&);
bool is_binary(Op);

}  // namespace xent
