// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/results.h"

namespace xent::report {

/// Timings of one problem: those that passed by rising median, then the others.
struct SpeedGroup {
  std::string problem;
  std::vector<const Timing*> timings;
  const Timing* fastest = nullptr;  ///< of those that passed
};
std::vector<SpeedGroup> speed_groups(const Results&);

/// Speed as a share of the measured limit; none where no limit was measured.
std::optional<double> limit_share(const Timing&);
/// The least time of its vector operations as a share of its time; none where it declares none.
std::optional<double> arithmetic_share(const Timing&);
/// "23.4 GB/s", "4.95 vectors/ns".
std::string limit_rate(const Limit&);
/// "highway/fused, in place": the placement where it is not the usual one.
std::string speed_name(const Timing&);
/// "1 thread, caches warm: the same data at the same place in each call".
std::string protocol(const SpeedGroup&);

/// A kernel that others are compared with, and the column that it is.
struct PeerColumn {
  char letter = 'a';
  std::string kernel;
  std::string origin;
};
/// Peers that were timed, in the order of Results::kernels; at most 26.
std::vector<PeerColumn> peer_columns(const Results&);
/// "a onednn_ce/logsoftmax (oneDNN 2.6.3)".
std::string peer_text(const PeerColumn&);

/// The peer's timing that one is compared with: its gradient at the same place if it has that, else
/// out of place. None where it was not timed on the problem.
const Timing* rival(const SpeedGroup&, const Timing&, const std::string& peer);
/// How many times as long it takes.
std::optional<double> times_faster(const SpeedGroup&, const Timing&, const std::string& peer);
/// The quickest rival, verified or not.
const Timing* best_rival(const SpeedGroup&, const Timing&, const std::vector<PeerColumn>&);
/// "3.14", or "–" where there is nothing to compare with.
std::string times_text(std::optional<double>);

/// The fastest of our own on a problem, for each placement.
struct SpeedSummary {
  const SpeedGroup* group = nullptr;
  const Timing* timing = nullptr;
};
/// Verified products that are built in; points into the groups.
std::vector<SpeedSummary> speed_summary(const Results&, const std::vector<SpeedGroup>&);

}  // namespace xent::report
