// SPDX-License-Identifier: Apache-2.0
#include "impl/process/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "impl/process/poison.h"

namespace xent::process {
namespace {

constexpr std::uint32_t kReadWrite = PROT_READ | PROT_WRITE;

}  // namespace

Arena::Arena(std::shared_ptr<Worker> worker, TestCase c, const Shapes& shapes,
             const std::vector<Placement>& copies, bool same_place)
    : worker_(std::move(worker)),
      case_(std::move(c)),
      layout_(std::make_shared<ArenaLayout>(shapes, copies)),
      memories_(layout_->memories().size()),
      handed_out_(memories_.size()),
      clean_(layout_->pieces().size()),
      same_place_(same_place) {}

Arena::~Arena() {
  try {
    if (first_ != 0 && worker_->alive()) {
      const Range all{first_, layout_->bytes(), 0, PROT_NONE, 0};
      worker_->tell(Kind::map, 0, part(all));
    }
  } catch (const std::exception&) {  // it died: its addresses went with it
  }
  worker_->addresses().give_back(first_);
  if (memories_[0]) worker_->put_away(std::move(memories_[0]));
}

void Arena::reset() {
  for (std::size_t i = 0; i < memories_.size(); ++i) {
    if (memories_[i] && !handed_out_[i]) continue;
    memories_[i] = worker_->memory(layout_->memories()[i]);
    handed_out_[i] = false;
  }
  const std::vector<Piece>& pieces = layout_->pieces();
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (clean_[i]) continue;
    fill(pieces[i]);
    clean_[i] = !pieces[i].shape.written;
  }
  touched_.clear();
  beyond_.clear();
  map();
}

void Arena::fill(const Piece& p) {
  const Poison poison(p.shape.dtype);
  Memory& memory = *memories_[p.memory];
  const Tensor* const data = p.shape.read ? tensor_of(case_, p.slot) : nullptr;
  const bool covered = data != nullptr && p.shape.contiguous();
  const std::pair<std::size_t, std::size_t> poisoned[] = {
      {0, covered ? p.front : p.bytes}, {covered ? p.back() : p.bytes, p.bytes}};
  for (const auto& [from, to] : poisoned) {
    for (std::size_t at = from; at < to; at += kWindow) {
      const Memory::View view = memory.view(p.memory_at + at, std::min(kWindow, to - at));
      poison.fill(view.bytes(), at);
    }
  }
  if (data != nullptr) write_input(p, *data);
}

void Arena::write_input(const Piece& p, const Tensor& tensor) {
  if (tensor.empty()) return;
  Memory& memory = *memories_[p.memory];
  const std::span<const std::byte> from(tensor.bytes.begin(), tensor.bytes.end());
  const std::size_t first = p.memory_at + p.front;
  if (p.shape.contiguous()) return memory.write(first, from);
  const Memory::View view = memory.view(first, p.shape.extent());
  for_runs(p.shape, [&](std::size_t at, std::size_t in_tensor, std::size_t size) {
    std::memcpy(view.bytes().data() + at, from.data() + in_tensor, size);
  });
}

Range Arena::range(const Piece& p, std::uint32_t access) const {
  return {first_ + p.at, p.bytes, p.memory_at, access, access == PROT_NONE ? 0u : 1u};
}

void Arena::map() {
  std::vector<std::vector<Range>> ranges(memories_.size());
  if (first_ != 0) {
    ranges[0].push_back({first_, layout_->bytes(), 0, PROT_NONE, 0});
    worker_->addresses().give_back(first_);
  }
  Addresses& all = worker_->addresses();
  first_ = same_place_ ? all.take_again(layout_->bytes(), layout_)
                       : all.take(layout_->bytes(), layout_);
  protects_.clear();
  for (const Piece& p : layout_->pieces()) {
    ranges[p.memory].push_back(range(p, p.shape.written ? kReadWrite : PROT_READ));
    if (!p.shape.written) continue;
    protects_.push_back(range(p, p.slot == Slot::workspace ? PROT_NONE : PROT_READ));
  }
  for (std::size_t i = 0; i < memories_.size(); ++i) map_memory(i, std::move(ranges[i]));
}

void Arena::map_memory(std::size_t memory, std::vector<Range> ranges) {
  constexpr std::size_t kMost = (kMaxPacket - sizeof(Header)) / sizeof(Range);
  std::span<const Range> rest(ranges);
  while (!rest.empty()) {
    const auto now = rest.first(std::min(kMost, rest.size()));
    worker_->tell(Kind::map, 0, part(now), memories_[memory]->fd());
    rest = rest.subspan(now.size());
  }
}

void Arena::spoil(std::size_t first, std::size_t count) {
  for (std::size_t i = 0; i < std::min(count, copies()); ++i) {
    const std::size_t copy = (first + i) % copies();
    for (const Slot slot : {Slot::loss, Slot::grad}) {
      if (const Piece* const p = layout_->piece(copy, slot)) fill(*p);
    }
    const Piece* const input = layout_->piece(copy, Slot::input);
    if (input != nullptr && input->shape.written) fill(*input);
  }
}

void Arena::reopen() {
  std::vector<std::vector<Range>> ranges(memories_.size());
  for (const Piece& p : layout_->pieces()) {
    if (p.shape.written) ranges[p.memory].push_back(range(p, kReadWrite));
  }
  for (std::size_t i = 0; i < memories_.size(); ++i) map_memory(i, std::move(ranges[i]));
}

Buffers Arena::buffers(std::size_t copy) const {
  const auto address = [&](Slot slot) -> std::uint64_t {
    const Piece* const p = layout_->piece(copy, slot);
    return p == nullptr ? 0 : first_ + p->at + p->front;
  };
  Buffers b{address(Slot::input),    address(Slot::target), address(Slot::weight),
            address(Slot::direction), address(Slot::upstream), address(Slot::loss),
            address(Slot::grad),     address(Slot::workspace)};
  const Piece* const input = layout_->piece(copy, Slot::input);
  if (input->shape.written) b.grad = b.input;
  return b;
}

Tensor Arena::read(const Piece& p, std::vector<std::int64_t> shape) {
  Tensor tensor;
  tensor.dtype = p.shape.dtype;
  tensor.shape = std::move(shape);
  const std::size_t first = p.memory_at + p.front;
  if (p.memory != 0 && p.shape.contiguous()) {
    handed_out_[p.memory] = true;
    tensor.bytes = memories_[p.memory]->hand_out(first, p.shape.extent());
    return tensor;
  }
  tensor = Tensor(tensor.dtype, std::move(tensor.shape));
  if (tensor.empty()) return tensor;
  const Memory::View view = memories_[p.memory]->view(first, p.shape.extent());
  std::byte* const to = tensor.bytes.data();
  for_runs(p.shape, [&](std::size_t at, std::size_t in_tensor, std::size_t size) {
    std::memcpy(to + in_tensor, view.bytes().data() + at, size);
  });
  return tensor;
}

Output Arena::output(std::size_t copy) {
  const Problem& problem = case_.problem;
  Output out;
  if (const Piece* const p = layout_->piece(copy, Slot::loss)) {
    out.loss = read(*p, {problem.loss_size()});
  }
  const Piece* grad = layout_->piece(copy, Slot::grad);
  const Piece* const input = layout_->piece(copy, Slot::input);
  if (grad == nullptr && input->shape.written) grad = input;
  if (grad != nullptr) out.grad = read(*grad, {problem.n, problem.v});
  return out;
}

}  // namespace xent::process
