// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace xent::cuda::shim {

struct Block;
struct Thread;

/// Counts what orders threads: barriers of any kind, __syncwarp, the start of a cluster.
using Moment = std::uint64_t;

/// Who and when, in one number: a thread of the cluster, or what a CopyBarrier's copies write.
/// 0: never.
using Access = std::uint64_t;

inline constexpr Moment kNever = (Moment{1} << 48) - 1;  ///< of a copy that is in flight

Access access_at(Moment, unsigned who);
inline Moment moment_of(Access a) { return a >> 16; }
inline unsigned who_of(Access a) { return static_cast<unsigned>(a & 0xffff); }
unsigned who(const Thread&);
/// Of the copies of CopyBarrier i of the cluster.
unsigned who_copies(unsigned i);

/// For each thread of the cluster, then each CopyBarrier: what it did before this moment is known
/// to be done. Shorter: 0.
using Knowledge = std::vector<Moment>;
void learn(Knowledge& mine, const Knowledge& other);
void learn(Knowledge& mine, unsigned who, Moment before);

/// Whether barriers let the thread rely on the access being done.
bool is_ordered(Access, const Thread&);

/// All that the thread may rely on in other blocks, once it arrives somewhere.
void tell(const Thread&, Moment now, Knowledge& to);

/// "thread 7 of block 1", "a copy"; the block if it is another than that thread's.
std::string name_of(unsigned who, const Thread& to);

}  // namespace xent::cuda::shim
