// SPDX-License-Identifier: Apache-2.0
#include "impl/process/host/session.h"

#include <time.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

#include "impl/control_bits.h"
#include "impl/process/host/region.h"
#include "impl/process/host/signals.h"
#include "impl/process/host/state.h"

namespace xent::process {
namespace {

const std::uint32_t kDefaultBits =
#if defined(__SSE2__)
    0x1f80;
#else
    0;
#endif

Response refuse(std::string text) { return {XENTCHECK_FAILED, 0, std::move(text), {}}; }
Response broken() { return refuse("a request that this host does not understand"); }

/// Looks at the control bits around what a kernel does.
class Watch {
 public:
  Watch() { set_control_bits(kDefaultBits); }
  ~Watch() {
    const std::uint32_t now = control_bits();
    if (now == kDefaultBits) return;
    record(IncidentKind::control_bits, kDefaultBits, now, nullptr);
    set_control_bits(kDefaultBits);
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
};

/// In this phase while it lives, then idle.
class During {
 public:
  explicit During(Phase p) { set_phase(p); }
  ~During() { set_phase(Phase::idle); }
  During(const During&) = delete;
  During& operator=(const During&) = delete;
};

template <class T>
std::vector<std::byte> bytes_of(const T& x) {
  const auto* const at = reinterpret_cast<const std::byte*>(&x);
  return {at, at + sizeof x};
}

/// The defaults of core/error_budget.h.
xentcheck_budget default_budget(const xentcheck_problem& p) {
  xentcheck_budget b{};
  b.struct_size = sizeof b;
  b.exp_rel = b.log_rel = 1;
  b.tanh_rel = 4;
  b.lanes = b.block = 1;
  b.loss = XENTCHECK_LOSS_LSE;
  b.grad = XENTCHECK_GRAD_QUOTIENT;
  b.target = XENTCHECK_TARGET_NAIVE;
  b.kl = XENTCHECK_KL_DIFFERENCE;
  b.accumulate = p.dtype == XENTCHECK_DTYPE_F64 ? XENTCHECK_DTYPE_F64 : XENTCHECK_DTYPE_F32;
  b.output = p.output;
  b.exp_cutoff = -HUGE_VAL;
  b.shift_limit = 1e37;
  return b;
}

template <class T>
T* at(std::uint64_t address) {
  return reinterpret_cast<T*>(address);
}

xentcheck_tensors tensors_of(const Buffers& b) {
  xentcheck_tensors x{};
  x.struct_size = sizeof x;
  x.input = at<const void>(b.input);
  x.target = at<const void>(b.target);
  x.weight = at<const void>(b.weight);
  x.direction = at<const void>(b.direction);
  x.upstream = at<const void>(b.upstream);
  x.loss = at<void>(b.loss);
  x.grad = at<void>(b.grad);
  x.workspace = at<void>(b.workspace);
  return x;
}

bool on_device(const xentcheck_kernel& k) { return k.device == XENTCHECK_DEVICE_CUDA; }

/// After an error of the device nothing works in this process any more: the log's last line says
/// why it ends.
[[noreturn]] void end(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::fflush(nullptr);
  _exit(1);
}

void sleep_ms(std::uint32_t ms) {
  timespec left{static_cast<time_t>(ms / 1000), static_cast<long>(ms % 1000) * 1000000};
  while (nanosleep(&left, &left) != 0) {
  }
}

}  // namespace

bool Body::take_bytes(void* to, std::size_t bytes) {
  if (bytes > rest_.size()) return false;
  if (bytes > 0) std::memcpy(to, rest_.data(), bytes);
  rest_ = rest_.subspan(bytes);
  return true;
}

struct Session::Problem {
  Ask ask;
  std::vector<char> text;

  /// The texts' offsets become pointers.
  bool read(Body& body) {
    if (!body.take(&ask) || ask.text_bytes == 0) return false;
    text.resize(ask.text_bytes);
    if (!body.take(text.data(), text.size()) || text.back() != '\0') return false;
    for (const char** p : {&ask.problem.text, &ask.problem.dialect}) {
      const auto offset = reinterpret_cast<std::uintptr_t>(*p);
      if (offset >= text.size()) return false;
      *p = text.data() + offset;
    }
    return true;
  }
  const xentcheck_problem* get() const { return &ask.problem; }
};

struct Session::Message {
  std::array<char, 1024> text{};
  xentcheck_message message{sizeof(xentcheck_message), text.data(), text.size()};

  std::string str() const { return {text.data(), strnlen(text.data(), text.size())}; }
};

struct Session::Open {
  const xentcheck_kernel* kernel = nullptr;
  Problem problem;
  void* state = nullptr;
};

Session::Session(Plugin plugin, const xentcheck_hooks* hooks) : plugin_(std::move(plugin)) {
  if (hooks != nullptr) hooks_ = *hooks;
}

Session::~Session() = default;

void Session::open_device() {
  if (std::any_of(plugin_.kernels.begin(), plugin_.kernels.end(), on_device)) device_.open();
}

const xentcheck_kernel* Session::kernel(std::uint32_t index) const {
  return index < plugin_.kernels.size() ? &plugin_.kernels[index] : nullptr;
}

Response Session::supports(std::uint32_t index, Body body) {
  const xentcheck_kernel* const k = kernel(index);
  Problem problem;
  if (k == nullptr || !problem.read(body)) return broken();
  if (on_device(*k) && !device_.is_open()) return {XENTCHECK_UNAVAILABLE, 0, device_.open(), {}};
  if (k->supports == nullptr) return {};
  const During preparing(Phase::preparing);
  const Watch watch;
  Message m;
  const int code = k->supports(problem.get(), &m.message);
  return {code, 0, m.str(), {}};
}

Response Session::budget(std::uint32_t index, Body body) {
  const xentcheck_kernel* const k = kernel(index);
  Problem problem;
  if (k == nullptr || k->budget == nullptr || !problem.read(body)) return broken();
  const During preparing(Phase::preparing);
  const Watch watch;
  xentcheck_budget b = default_budget(problem.ask.problem);
  const int code = k->budget(problem.get(), &b);
  return {code, 0, {}, bytes_of(b)};
}

Response Session::open(std::uint32_t index, Body body) {
  auto one = std::make_unique<Open>();
  one->kernel = kernel(index);
  if (one->kernel == nullptr || !one->problem.read(body)) return broken();
  const xentcheck_kernel& k = *one->kernel;
  const During preparing(Phase::preparing);
  const Watch watch;
  Message m;
  if (k.prepare != nullptr) {
    const int code = k.prepare(one->problem.get(), one->problem.ask.threads, &one->state,
                               &m.message);
    if (code != XENTCHECK_OK) return {code, 0, m.str(), {}};
  }
  Opened opened;
  if (k.workspace_bytes != nullptr) opened.workspace_bytes = k.workspace_bytes(one->state);
  const std::uint32_t handle = next_++;
  open_[handle] = std::move(one);
  return {XENTCHECK_OK, handle, {}, bytes_of(opened)};
}

int Session::call_once(const Open& o, const Buffers& b, Message& m, double& seconds) {
  using Clock = std::chrono::steady_clock;
  const bool there = on_device(*o.kernel);
  const xentcheck_tensors x = tensors_of(there ? device_.there(b) : b);
  void* const stream = there ? device_.stream() : nullptr;
  const xentcheck_problem* const p = o.problem.get();
  int code = XENTCHECK_OK;
  if (hooks_.stage != nullptr) code = hooks_.stage(o.state, p, &x, &m.message);
  if (code != XENTCHECK_OK) return code;
  set_phase(Phase::calling);
  const Clock::time_point start = Clock::now();
  code = o.kernel->launch(o.state, p, &x, stream, &m.message);
  if (code == XENTCHECK_OK && o.kernel->wait != nullptr) {
    set_phase(Phase::waiting);
    code = o.kernel->wait(o.state, stream, &m.message);
  }
  seconds = std::chrono::duration<double>(Clock::now() - start).count();
  if (code == XENTCHECK_OK && hooks_.collect != nullptr) {
    code = hooks_.collect(o.state, p, &x, &m.message);
  }
  return code;
}

Response Session::call_all(const Open& o, const std::vector<Buffers>& calls, bool quiet,
                           std::vector<double>& seconds) {
  const bool there = on_device(*o.kernel);
  if (there && !device_.upload(calls)) {
    device_.forget();
    return {XENTCHECK_OUT_OF_MEMORY, 0, device_.failure(), {}};
  }
  Response a;
  Message m;
  {
    std::optional<Watch> watch;
    for (std::size_t i = 0; i < calls.size() && a.code == XENTCHECK_OK; ++i) {
      if (i == 0 || !quiet) watch.emplace();
      a.code = call_once(o, calls[i], m, seconds[i]);
      if (!quiet) watch.reset();
    }
  }
  a.text = m.str();
  if (there && !device_.download()) {
    end(a.text.empty() ? device_.failure() : a.text + " (" + device_.failure() + ")");
  }
  return a;
}

Response Session::call(std::uint32_t handle, Body body) {
  Call c;
  const auto found = open_.find(handle);
  if (found == open_.end() || !body.take(&c)) return broken();
  if (body.size() != c.count * sizeof(Buffers) + c.protects * sizeof(Range)) return broken();
  std::vector<Buffers> buffers(c.count);
  std::vector<Range> protects(c.protects);
  body.take(buffers.data(), buffers.size());
  body.take(protects.data(), protects.size());
  std::vector<double> seconds(c.count);
  const During calling(Phase::calling);
  Response a = call_all(*found->second, buffers, c.quiet != 0, seconds);
  set_phase(Phase::after_wait);
  for (const Range& r : protects) {
    if (!protect(r) && a.code == XENTCHECK_OK) a = refuse("pages could not be protected");
  }
  if (c.watch_ms != 0) sleep_ms(c.watch_ms);
  if (!still_catches_faults()) {
    record(IncidentKind::remark, 0, 0,
           "process.signal-handler handles SIGSEGV itself: accesses outside its tensors may go "
           "unseen");
  }
  const auto* const first = reinterpret_cast<const std::byte*>(seconds.data());
  a.body.assign(first, first + seconds.size() * sizeof(double));
  return a;
}

Response Session::close(std::uint32_t handle) {
  const auto found = open_.find(handle);
  if (found == open_.end()) return broken();
  const During closing(Phase::closing);
  const Watch watch;
  const Open& o = *found->second;
  if (o.kernel->release != nullptr) o.kernel->release(o.state);
  open_.erase(found);
  return {};
}

Response Session::exponential(std::uint32_t index, Body body) {
  const xentcheck_kernel* const k = kernel(index);
  Exponent e;
  if (k == nullptr || k->exponential == nullptr || !body.take(&e)) return broken();
  if (on_device(*k) && !device_.is_open()) return {XENTCHECK_UNAVAILABLE, 0, device_.open(), {}};
  const During calling(Phase::calling);
  const Watch watch;
  k->exponential(at<const float>(e.x), at<float>(e.y), e.count);
  return {};
}

}  // namespace xent::process
