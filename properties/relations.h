// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "properties/evaluation.h"

namespace xent {

// Sums and orders of outputs, and cases made of other numbers than the given one's.

/// A number that no kernel computes.
Value known(double, const std::string& what = "");
Value known(const Enclosure&, const std::string& what);

// The arithmetic is binary64; its own roundings are part of the bound. Whatever holds an infinity,
// or a number that may overflow its format, has no exact value.
Value operator+(const Value&, const Value&);
Value operator-(const Value&, const Value&);
Value operator*(const Enclosure&, const Value&);

/// Two names of one number: the enclosures meet, the kernel agrees within the bounds.
void check_equal(Judgement&, const Value& a, const Value& b, const std::string& what);

enum class Order : std::uint8_t { weak, strict };

/// less <= more: of the enclosures always; of the kernel within the bounds, and strictly where the
/// exact gap exceeds them. Strict: exactly equal is a failure too.
void check_order(Judgement&, const Value& less, const Value& more, Order, const std::string& what);

/// The kernel tells a and b apart where the exact gap exceeds the bounds; true if it did exceed.
bool check_differ(Judgement&, const Value& a, const Value& b, const std::string& what);

bool certainly_positive(const Enclosure&);
Enclosure product(const Enclosure&, const Enclosure&);
Enclosure log_of_two();
/// P log(P / Q) of exact P, Q > 0; the KL divergence of the two masses.
Enclosure mass_term(const Enclosure& P, const Enclosure& Q);
/// The exact sum of a row of a [N, V] tensor.
Enclosure mass(const Tensor&, std::int64_t row, std::int64_t v);

/// The problem of another op: types and unit stay, every other option is off; contiguous rows.
Problem plain(const Problem& like, Op, TargetKind, Dir = Dir::fwd);

/// The kernel takes a problem that only a part of a theorem needs; else that part is left out.
bool part_is_supported(const Trial&, const Problem&, Judgement&);

/// Tensors of zeros for a problem; n and v as given.
TestCase blank(const Problem&, const Recipe&, std::int64_t n, std::int64_t v);

/// Each row one event, V = 1: op=cross-entropy of it is its self-information.
TestCase events(const TestCase& like, const std::vector<double>& probabilities, Dir = Dir::fwd);
Problem event_problem(const Problem& like, Dir = Dir::fwd);

/// Values of a row of a [N, V] tensor; storing is false if the type cannot hold one exactly.
std::vector<double> row_of(const Tensor&, std::int64_t row, std::int64_t v);
bool store_row(Tensor&, std::int64_t row, const std::vector<double>&);

}  // namespace xent
