// SPDX-License-Identifier: Apache-2.0
#include "impl/process/host/serve.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "impl/control_bits.h"
#include "impl/process/host/region.h"
#include "impl/process/host/sandbox.h"
#include "impl/process/host/session.h"
#include "impl/process/host/signals.h"
#include "impl/process/host/state.h"

namespace xent::process {
namespace {

int policy = XENTCHECK_POLICY_C;
std::uint64_t region = 0;
bool sandboxed = false;
std::uint32_t bits_at_start = 0;

void limit(__rlimit_resource what, std::uint64_t most) {
  rlimit now{};
  getrlimit(what, &now);
  now.rlim_cur = std::min<rlim_t>(most, now.rlim_cur);
  now.rlim_max = now.rlim_cur;
  setrlimit(what, &now);
}

bool send(const Header& header, const std::string& text, std::span<const std::byte> body) {
  std::array<iovec, 3> pieces{iovec{const_cast<Header*>(&header), sizeof header},
                              iovec{const_cast<char*>(text.data()), text.size()},
                              iovec{const_cast<std::byte*>(body.data()), body.size()}};
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  ssize_t n = 0;
  do n = sendmsg(kSocket, &message, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  return n >= 0;
}

/// Bodies without text are never cut.
constexpr std::size_t kMostText = kMaxPacket - 8192;

bool send(Kind kind, const Response& a) {
  const std::string text = a.text.substr(0, kMostText - std::min(a.body.size(), kMostText));
  return send({kind, a.handle, a.code, static_cast<std::uint32_t>(text.size())}, text, a.body);
}

/// A request, with the file that may come along. Less than a header: the parent is gone.
struct Packet {
  alignas(16) std::array<std::byte, kMaxPacket> bytes;
  std::size_t size = 0;
  int file = -1;

  bool receive() {
    iovec piece{bytes.data(), bytes.size()};
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> extra{};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = extra.data();
    message.msg_controllen = extra.size();
    ssize_t n = 0;
    do n = recvmsg(kSocket, &message, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    size = n > 0 ? static_cast<std::size_t>(n) : 0;
    file = -1;
    const cmsghdr* const c = CMSG_FIRSTHDR(&message);
    if (c != nullptr && c->cmsg_type == SCM_RIGHTS) std::memcpy(&file, CMSG_DATA(c), sizeof file);
    return size >= sizeof(Header);
  }
};

/// The first range that the system refused is told with the next answer.
std::string map_trouble;

void map_all(Body body, int file) {
  Range r;
  while (body.take(&r)) {
    if (!map(r, file) && map_trouble.empty()) {
      map_trouble = std::string("memory of a case could not be mapped: ") + std::strerror(errno);
    }
  }
  if (file >= 0) close(file);
}

Response answer(Session& session, const Header& h, Body body) {
  if (!map_trouble.empty() && h.kind == Kind::call) {
    return {XENTCHECK_FAILED, 0, std::exchange(map_trouble, {}), {}};
  }
  switch (h.kind) {
    case Kind::supports: return session.supports(h.handle, body);
    case Kind::budget: return session.budget(h.handle, body);
    case Kind::open: return session.open(h.handle, body);
    case Kind::call: return session.call(h.handle, body);
    case Kind::close: return session.close(h.handle);
    case Kind::exponential: return session.exponential(h.handle, body);
    default: return {XENTCHECK_FAILED, 0, "a request that this host does not know", {}};
  }
}

/// What a kernel throws does not end the process.
Response guarded(Session& session, const Header& h, Body body) {
  try {
    return answer(session, h, body);
  } catch (const std::exception& e) {
    set_phase(Phase::idle);
    return {XENTCHECK_FAILED, 0, std::string("threw ") + e.what(), {}};
  } catch (...) {
    set_phase(Phase::idle);
    return {XENTCHECK_FAILED, 0, "threw an exception that is no std::exception", {}};
  }
}

int serve_all(Session& session) {
  static Packet packet;
  while (packet.receive()) {
    Header h;
    std::memcpy(&h, packet.bytes.data(), sizeof h);
    const Body body({packet.bytes.data() + sizeof h, packet.size - sizeof h});
    if (h.kind == Kind::quit) return 0;
    if (h.kind == Kind::map) {
      map_all(body, packet.file);
    } else if (!send(h.kind, guarded(session, h, body))) {
      pause();  // the kernel has closed the socket; the parent says so and ends this process
    }
  }
  return 0;
}

/// Whether nobody holds the other end of the socket. (Process 1 is a parent like any other, in
/// containers.)
bool parent_is_gone() {
  char byte = 0;
  return recv(kSocket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void set_limits(std::uint64_t memory_bytes) {
  constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_STACK, 64 * kMiB);  // recursion without end is a stack overflow, not a hog
  limit(RLIMIT_FSIZE, 256 * kMiB);  // the log is memory: who prints for ever is not heard for ever
  if (memory_bytes != 0) limit(RLIMIT_DATA, memory_bytes);
  control().data_limit = memory_bytes;
}

bool hello(std::int32_t code, const std::string& text) {
  Hello h;
  h.region = region;
  h.sandboxed = sandboxed ? 1 : 0;
  if (control_bits() != bits_at_start) h.remarks |= kLoadChangedControlBits;
  set_control_bits(bits_at_start);
  const auto* const first = reinterpret_cast<const std::byte*>(&h);
  return send(Kind::hello, {code, 0, text, {first, first + sizeof h}});
}

}  // namespace
}  // namespace xent::process

using namespace xent::process;

void xentcheck_host_start(int policy_, std::uint64_t memory_bytes) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (parent_is_gone()) _exit(0);
  policy = policy_;
  bits_at_start = xent::control_bits();
  open_control();
  set_phase(Phase::loading);
  region = reserve_region();
  set_limits(memory_bytes);
  catch_signals();
  prepare_sandbox(policy == XENTCHECK_POLICY_GPU);
  if (policy == XENTCHECK_POLICY_C) sandboxed = filter_system_calls();
}

void xentcheck_host_warm_up() { set_phase(Phase::warming_up); }

int xentcheck_host_serve(const xentcheck_library* library, const xentcheck_hooks* hooks) {
  try {
    Plugin plugin = read_library(library);
    const std::string text = describe(plugin);
    if (text.size() + sizeof(Hello) > kMostText) {
      throw Refusal{"brings too many kernels for one library: " +
                    std::to_string(plugin.kernels.size())};
    }
    Session session(std::move(plugin), hooks);
    if (policy == XENTCHECK_POLICY_GPU) session.open_device();
    if (!sandboxed) sandboxed = filter_system_calls();
    if (!hello(XENTCHECK_OK, text)) return 1;
    set_phase(Phase::idle);
    return serve_all(session);
  } catch (const Refusal& refusal) {
    return xentcheck_host_refuse(XENTCHECK_FAILED, refusal.text.c_str());
  }
}

int xentcheck_host_refuse(int code, const char* text) {
  hello(code == XENTCHECK_OK ? XENTCHECK_FAILED : code, text);
  return 1;
}

void xentcheck_host_remark(const char* id, const char* message) {
  record(IncidentKind::remark, 0, 0, (std::string(id) + " " + message).c_str());
}
