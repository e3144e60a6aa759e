// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "properties/ways.h"

namespace xent {

// Each way: the problems of its calls, none where it leads nowhere, and the calls of a case.

using Problems = std::vector<Problem>;

/// Elements one by one as the call's.
std::vector<Sum> same(std::int64_t size, std::size_t call = 0,
                      const Enclosure& factor = Enclosure::exact(1));
/// All of what was asked is the call's, times the factor.
Route itself(const TestCase& call, const Problem& asked,
             const Enclosure& factor = Enclosure::exact(1));

/// Both directions in one call; one direction a call; the losses alone.
Problems joined(const Problem&);
std::optional<Route> joined_calls(const TestCase&);
Problems split(const Problem&);
std::optional<Route> split_calls(const TestCase&);
Problems loss_alone(const Problem&);
std::optional<Route> loss_alone_calls(const TestCase&);

/// A call a row.
template <Reduction reduction>
Problems rows(const Problem&);
template <Reduction reduction>
std::optional<Route> rows_calls(const TestCase&);
/// A sum by a mean; a mean over a number or over all rows by the sum; the mean of the sequences'
/// means by a call a sequence; a sum or a mean that is ours.
Problems sum_by_mean(const Problem&);
std::optional<Route> sum_by_mean_calls(const TestCase&);
Problems counted_mean(const Problem&);
std::optional<Route> counted_mean_calls(const TestCase&);
Problems by_sequence(const Problem&);
std::optional<Route> by_sequence_calls(const TestCase&);
Problems own_mean(const Problem&);
std::optional<Route> own_mean_calls(const TestCase&);

/// Class indices as vectors; vectors as mixtures of class indices.
Problems one_hot(const Problem&);
std::optional<Route> one_hot_calls(const TestCase&);
Problems mixture(const Problem&);
std::optional<Route> mixture_calls(const TestCase&);

/// Sequences as rows; bits by nats.
Problems contiguous(const Problem&);
std::optional<Route> contiguous_calls(const TestCase&);
Problems nats(const Problem&);
std::optional<Route> nats_calls(const TestCase&);

/// Operations by cross-entropy of logits: H(p, q) = CE(log q; p) + P log Q, and so on. Logarithms
/// are rounded, which moves the calls' exact values by what the oracle knows.
Problems by_cross_entropy(const Problem&);
std::optional<Route> by_cross_entropy_calls(const TestCase&);

}  // namespace xent
