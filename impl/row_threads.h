// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace xent {

/// A body without its type.
struct RowPieces {
  void* body;
  void (*call)(void* body, std::int64_t first, std::int64_t last);
};

void for_rows(std::int64_t rows, int threads, std::int64_t grain, RowPieces);

/// body(first, last) on at most `threads` threads, the caller's among them: every row below `rows`
/// is in one piece, and pieces begin at multiples of `grain`. Returns when all are done; what the
/// first piece that threw has thrown is thrown again. The threads are kept by the process, parked
/// between calls, and round as the caller does. Callable from anywhere, also from a body: a call
/// that finds them busy does all rows itself, as one piece. Who wants bits that do not depend on
/// that writes a number for each row, and adds them up afterwards.
template <class Body>
void for_rows(std::int64_t rows, int threads, Body&& body, std::int64_t grain = 1) {
  using B = std::remove_reference_t<Body>;
  for_rows(rows, threads, grain,
           RowPieces{const_cast<void*>(static_cast<const void*>(std::addressof(body))),
                     [](void* b, std::int64_t first, std::int64_t last) {
                       (*static_cast<B*>(b))(first, last);
                     }});
}

}  // namespace xent
