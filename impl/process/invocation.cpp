// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <utility>

#include "core/error.h"
#include "core/text.h"
#include "impl/process/arena.h"
#include "impl/process/foreign_kernel.h"
#include "impl/process/incidents.h"

namespace xent::process {
namespace {

constexpr std::size_t kRingBytes = std::size_t{256} << 20;
constexpr std::size_t kRing = 64;  ///< copies of a case that is timed, at most
constexpr std::size_t kOnePlacement = std::size_t{256} << 20;  ///< larger cases have only one
constexpr std::size_t kCallsAtOnce = 512;

/// Bytes of all tensors; and whether they all are whole pages, so that both placements are one.
struct Sizes {
  std::size_t bytes = 0;
  bool whole = true;
};

Sizes sizes(const Shapes& shapes) {
  Sizes s;
  for (const auto& shape : shapes) {
    if (!shape) continue;
    s.bytes += shape->extent();
    s.whole &= shape->extent() % kPage == 0;
  }
  return s;
}

std::vector<Placement> placements(const Shapes& shapes, const BindOptions& o) {
  const Sizes s = sizes(shapes);
  const Placement at_start{false, o.offset_elements}, at_end{true, 0};
  if (o.timed || o.offset_elements != 0 || s.whole) return {at_start};
  // Who remembers one address alone is misled only where there is one.
  if (o.same_place || s.bytes > kOnePlacement) return {at_end};
  return {at_start, at_end};
}

/// Which placement's output counts: as good as random, and the same each time.
std::size_t choice(const TestCase& c, std::size_t copies) {
  const std::span<const std::byte> input(c.input.bytes.begin(), c.input.bytes.end());
  const auto some = input.first(std::min<std::size_t>(256, input.size()));
  const std::string_view text(reinterpret_cast<const char*>(some.data()), some.size());
  return fnv1a(text, fnv1a(to_text(c.problem))) / 7 % copies;
}

void require_bindable(ForeignKernel& kernel, const Problem& p, const BindOptions& o) {
  const std::string& name = kernel.described().name;
  if (const Support s = kernel.supports(p); !s) throw UsageError(s.reason);
  if (!o.in_place) return;
  if (!kernel.described().promises.in_place) {
    throw UsageError(name + " does not promise in-place: bind it with a gradient of its own");
  }
  if (p.wants_grad() && p.output_dtype() != p.dtype) {
    throw UsageError("in place, the gradient has the type of the input: out=" +
                     std::string(xent::name(p.output_dtype())) + " needs memory of its own");
  }
}

class ForeignInvocation final : public Invocation {
 public:
  ForeignInvocation(std::shared_ptr<ForeignKernel> kernel, const TestCase& c,
                    const BindOptions& options)
      : kernel_(std::move(kernel)), case_(c), options_(options) {
    require_bindable(*kernel_, c.problem, options);
    attempt([this] { open(); });
  }
  ~ForeignInvocation() override { close(); }
  ForeignInvocation(const ForeignInvocation&) = delete;
  ForeignInvocation& operator=(const ForeignInvocation&) = delete;

  void reset() override {
    attempt([this] {
      revive();
      const auto lock = opened_.worker->lock();
      ring_.reset();
      arena_->reset();
      used_ = false;
      mapped_ = true;
    });
  }
  void launch() override;
  Output output() const override {
    return ring_ ? ring_->output(last_of_ring_) : arena_->output(chosen_);
  }
  Faults faults() const override;
  std::vector<double> time(int calls) override;

 private:
  template <class F>
  void attempt(F f);
  void open();
  void close();
  void revive();
  void ready();
  void call();
  std::vector<double> run(Arena&, std::size_t first, std::size_t count, bool timed);
  void collect(Arena*);
  bool too_late(const Death&);

  std::shared_ptr<ForeignKernel> kernel_;
  TestCase case_;
  BindOptions options_;
  ForeignKernel::Opened opened_;
  std::unique_ptr<Arena> arena_;
  std::unique_ptr<Arena> ring_;  ///< of calls that were timed; none: launch came after them
  Faults prepared_;  ///< of prepare, and of earlier calls that ended the process
  Faults faults_;    ///< of the last launch, without what the arena knows
  std::size_t chosen_ = 0, last_of_ring_ = 0;  ///< copies whose output counts
  std::size_t ring_next_ = 0;                  ///< the copy that has not been called for longest
  bool mapped_ = false, used_ = false;
};

/// A write of an earlier call that comes now is that call's misconduct and ends the process: what
/// was to be done is done again in a new one.
template <class F>
void ForeignInvocation::attempt(F f) {
  try {
    return f();
  } catch (const Death& death) {
    if (!too_late(death)) throw;
  }
  revive();
  f();
}

bool ForeignInvocation::too_late(const Death& death) {
  if (death.late.empty()) return false;
  prepared_.misconduct.push_back(death.late + " written after wait");
  return death.late.ends_with("earlier call") || death.phase != Phase::after_wait;
}

void ForeignInvocation::open() {
  ring_.reset();
  arena_.reset();
  mapped_ = false;
  opened_ = kernel_->open(case_.problem, options_.threads);
  add_incidents(prepared_, opened_.worker->loading(), nullptr);
  if ((opened_.worker->hello().remarks & kLoadChangedControlBits) != 0) {
    prepared_.remarks.push_back({"process.load-changes-control-bits",
                                 "loading it changes how the thread rounds or flushes to zero"});
  }
  if (opened_.worker->hello().sandboxed == 0) {
    prepared_.remarks.push_back({"process.not-filtered",
                                 "its system calls are not filtered here: files, sockets and "
                                 "processes go unseen"});
  }
  collect(nullptr);
  const Shapes shapes =
      shapes_of(case_.problem, options_.in_place, opened_.workspace_bytes);
  const std::vector<Placement> where = placements(shapes, options_);
  chosen_ = choice(case_, where.size());
  arena_ = std::make_unique<Arena>(opened_.worker, case_, shapes, where, options_.same_place);
}

void ForeignInvocation::close() {
  if (!opened_.worker || !opened_.worker->alive()) return;
  try {
    const auto lock = opened_.worker->lock();
    ring_.reset();
    arena_.reset();
    opened_.worker->tell(Kind::close, opened_.handle, {});
  } catch (const std::exception&) {  // whoever asks next hears of it
  }
}

void ForeignInvocation::revive() {
  if (!opened_.worker || !opened_.worker->alive()) open();
}

void ForeignInvocation::ready() {
  revive();
  if (!mapped_ || arena_->handed_out()) reset();
  if (!used_ || options_.timed) return;
  const auto lock = opened_.worker->lock();
  arena_->reopen();
}

void ForeignInvocation::launch() {
  faults_ = {};
  try {
    attempt([this] {
      ready();
      call();
    });
  } catch (const Death& death) {
    if (death.late.empty()) faults_.raised = death.what();
  }
}

void ForeignInvocation::call() {
  used_ = true;
  kernel_->counted([&] {
    const auto lock = opened_.worker->lock();
    ring_.reset();
    opened_.worker->before_call(kernel_->index());
    try {
      run(*arena_, 0, arena_->copies(), options_.timed);
    } catch (const Death&) {
      collect(arena_.get());
      throw;
    }
    collect(arena_.get());
    if (const auto habits = opened_.worker->sample(kernel_->index())) add_habits(faults_, *habits);
  });
}

void ForeignInvocation::collect(Arena* arena) {
  const std::vector<Incident> all = opened_.worker->incidents();
  if (!all.empty()) add_incidents(arena == nullptr ? prepared_ : faults_, all, arena);
}

std::vector<double> ForeignInvocation::run(Arena& arena, std::size_t first, std::size_t count,
                                           bool timed) {
  Call c;
  c.count = static_cast<std::uint32_t>(count);
  c.watch_ms = timed ? 0 : static_cast<std::uint32_t>(options_.watch_ms);
  c.quiet = timed ? 1 : 0;
  std::array<Buffers, kCallsAtOnce> buffers;
  for (std::size_t i = 0; i < count; ++i) buffers[i] = arena.buffers((first + i) % arena.copies());
  std::span<const Range> protects;
  if (!timed) protects = arena.protects();
  c.protects = static_cast<std::uint32_t>(protects.size());
  const std::span<const std::byte> body[] = {
      part(c), part(std::span<const Buffers>(buffers.data(), count)), part(protects)};
  const Reply reply = opened_.worker->ask(Kind::call, opened_.handle, body,
                                          kernel_->deadline(case_.problem, count));
  if (reply.code != XENTCHECK_OK) faults_.raised = complaint(reply.code, reply.text);
  std::vector<double> durations(std::min(count, reply.body.size() / sizeof(double)));
  std::memcpy(durations.data(), reply.body.data(), durations.size() * sizeof(double));
  return durations;
}

std::vector<double> ForeignInvocation::time(int calls) {
  const auto wanted = static_cast<std::size_t>(std::max(calls, 0));
  faults_ = {};
  revive();
  const Shapes shapes = shapes_of(case_.problem, options_.in_place, opened_.workspace_bytes);
  const std::size_t fit = kRingBytes / std::max<std::size_t>(1, sizes(shapes).bytes);
  const std::size_t copies =
      options_.same_place ? 1 : std::clamp<std::size_t>(std::min(fit, wanted), 2, kRing);
  // A gradient over the logits: these are put back before each call.
  const std::size_t at_once = options_.in_place ? copies : kCallsAtOnce;
  return kernel_->counted([&] {
    const auto lock = opened_.worker->lock();
    if (!ring_ || ring_->copies() < copies || ring_->handed_out()) {
      const std::vector<Placement> where(copies, Placement{false, options_.offset_elements});
      ring_ = std::make_unique<Arena>(opened_.worker, case_, shapes, where);
      ring_->reset();
      ring_next_ = 0;
      run(*ring_, 0, copies, true);  // pages are there and caches warm when the clock starts
    }
    std::vector<double> seconds;
    while (seconds.size() < wanted && faults_.raised.empty()) {
      const std::size_t now = std::min(at_once, wanted - seconds.size());
      // What these calls do not write is not there from calls before.
      if (seconds.empty() || options_.in_place) ring_->spoil(ring_next_, now);
      const std::vector<double> some = run(*ring_, ring_next_, now, true);
      if (some.size() < now) break;
      seconds.insert(seconds.end(), some.begin(), some.end());
      last_of_ring_ = (ring_next_ + now - 1) % ring_->copies();
      ring_next_ = (ring_next_ + now) % ring_->copies();
    }
    collect(ring_.get());
    return seconds;
  });
}

Faults ForeignInvocation::faults() const {
  Faults all = prepared_;
  for (const std::string& line : faults_.misconduct) all.misconduct.push_back(line);
  for (const Remark& remark : faults_.remarks) all.remarks.push_back(remark);
  all.raised = faults_.raised;
  if (arena_ || ring_) (ring_ ? *ring_ : *arena_).inspect(all);
  return all;
}

}  // namespace

std::unique_ptr<Invocation> invoke(std::shared_ptr<ForeignKernel> kernel, const TestCase& c,
                                   const BindOptions& options) {
  return std::make_unique<ForeignInvocation>(std::move(kernel), c, options);
}

}  // namespace xent::process
