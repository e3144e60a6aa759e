// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "include/xentcheck/kernel.h"

/// What the judge's process (the parent) and a kernel's process (the host) say to each other. Both
/// are built from this tree and never meet another version.
///
/// The host inherits three descriptors: a socket (SOCK_SEQPACKET), the Control page (memfd), a log
/// (memfd, its stdout and stderr). Requests and replies are a Header and a body in one packet;
/// every request but `map` is answered, in order. A call's tensors live in memfds that come along
/// with `map`, at addresses that the parent chooses within a region that the host reserves: the
/// parent alone knows what is where, so it can say where a fault happened.
namespace xent::process {

constexpr int kSocket = 3, kControl = 4, kLog = 5;
constexpr std::size_t kMaxPacket = 64 * 1024;
constexpr std::uint64_t kRegionBytes = std::uint64_t{1} << 40;  ///< reserved, not used: 1 TiB

enum class Kind : std::uint32_t {
  hello,        ///< host -> parent, unasked: code, text; Hello. Text: why nothing can be served, or
                ///< lines of words between tabs: `library VERSION`, then for each kernel in order
                ///< `kernel NAME SUMMARY DIALECT DEVICE ACCURACY PROMISES BUDGET EXPONENTIAL`, the
                ///< last ones as numbers (EXPONENTIAL: 0 none, 1 up to 0, 2 of any argument)
  supports,     ///< Ask -> code, text
  budget,       ///< Ask -> code; xentcheck_budget
  open,         ///< Ask -> code, text; Opened
  map,          ///< Range[count], with one memfd; no reply, faults are told by the next one
  call,         ///< Call, Buffers[count], Range[protects] -> code, text; double seconds[count]
  close,        ///< handle -> code
  exponential,  ///< Exponent -> code
  quit,         ///< -> nothing; the process ends
};

struct Header {
  Kind kind = Kind::quit;
  std::uint32_t handle = 0;  ///< of an opened kernel; supports, budget, open: the kernel's index
  std::int32_t code = 0;     ///< of replies: XENTCHECK_OK, ...
  std::uint32_t text = 0;    ///< bytes of text at the start of the body
};

struct Hello {
  std::uint64_t region = 0;     ///< address of the reserved region
  std::uint32_t sandboxed = 0;  ///< system calls are filtered
  std::uint32_t remarks = 0;    ///< bits: kLoadChangedControlBits
};
constexpr std::uint32_t kLoadChangedControlBits = 1;

/// A problem; `problem.text` and `problem.dialect` are offsets into the text after it.
struct Ask {
  xentcheck_problem problem;
  std::int32_t threads = 1;
  std::uint32_t text_bytes = 0;
};

struct Opened {
  std::uint64_t workspace_bytes = 0;
  std::int32_t prepared_pid = 0;
};

/// Pages of the region. `offset` is into the memfd of the packet; without pages: reserved again.
struct Range {
  std::uint64_t address = 0;
  std::uint64_t bytes = 0;  ///< whole pages
  std::uint64_t offset = 0;
  std::uint32_t access = 0;  ///< PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE
  std::uint32_t pages = 1;   ///< 0: nothing behind it
};

/// Addresses, in the order of xentcheck_tensors.
struct Buffers {
  std::uint64_t input = 0, target = 0, weight = 0, direction = 0, upstream = 0;
  std::uint64_t loss = 0, grad = 0, workspace = 0;
};

struct Call {
  std::uint32_t count = 1;     ///< calls, one after the other, each with its own Buffers
  std::uint32_t protects = 0;  ///< Ranges that become `access` after the last wait
  std::uint32_t watch_ms = 0;  ///< then wait so long before the reply
  std::uint32_t quiet = 0;     ///< timed: no look at control bits between the calls
};

struct Exponent {
  std::uint64_t x = 0, y = 0, count = 0;  ///< addresses of float arrays
};

/// What a host was doing when something happened.
enum class Phase : std::uint32_t {
  loading, idle, preparing, calling, waiting, after_wait, closing, warming_up
};

enum class IncidentKind : std::uint32_t {
  none,           ///< just being written
  write_open,     ///< text: path
  file_changed,   ///< removed, renamed, made, truncated; text: path
  socket,
  exec,           ///< text: path
  fork,
  signal,         ///< a: pid, b: signal
  other_call,     ///< a: number of the system call; text: its name
  input_written,  ///< a: address; the page was made writable and the kernel went on
  zone_written,   ///< a: address as if the zone around a tensor on a device were here
  control_bits,   ///< a: before, b: after
  read_open,      ///< text: path; during calls only
  remark,         ///< text: id, blank, message: a finding of the host itself
  overflow,       ///< more incidents than there is room for
};

struct Incident {
  IncidentKind kind = IncidentKind::none;  ///< written last
  Phase phase = Phase::idle;
  std::uint64_t a = 0, b = 0;
  char text[128] = {};  ///< cut where it is longer, always ended
};

/// Written by the host, from signal handlers too: plain words, counts last.
struct Control {
  volatile std::uint32_t phase;   ///< Phase
  volatile std::uint32_t signal;  ///< of a crash; 0: none
  volatile std::int32_t code;     ///< si_code
  volatile std::uint32_t writing;  ///< the access that failed was a write
  volatile std::uint64_t address;  ///< si_addr
  volatile std::uint64_t stack_pointer;
  volatile std::uint64_t data_limit;  ///< bytes of private memory that it may have; 0: any
  volatile std::uint64_t data_bytes;  ///< and had when it crashed
  volatile std::uint32_t incidents;  ///< number of `incident` that are filled
  Incident incident[96];
};
static_assert(sizeof(Control) <= 16 * 4096);

}  // namespace xent::process
