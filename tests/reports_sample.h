// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/results.h"

namespace xent {

/// Results of an invented run, as large and varied as a real one: 15 kernels of which two cannot
/// run and two are expected to fail, 14 properties, a skip, a vacuous property on an expected
/// failure, a slow and a failed timing, limits, findings, notes. All numbers are made up.
Results sample_results();

/// The same run gone wrong: a failing product with a counterexample, a vacuous property, an
/// inconclusive one, an error, and an expected failure that broke nothing.
Results sample_failure();

/// A run of the ledger: a claim of every verdict, in every group, with figures and plots (lines,
/// points, both logarithmic axes, a point that cannot be drawn).
Results sample_claims();

/// Texts that break careless writers: markup, control characters, table bars, fences, CDATA ends.
Results sample_hostile();

}  // namespace xent
