// SPDX-License-Identifier: Apache-2.0
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "impl/process/foreign_kernel.h"
#include "impl/process/layout.h"

namespace xent::process {
namespace {

constexpr std::size_t kMost = kWindow / sizeof(float) / 4;  ///< arguments of one question

/// Two arrays in a kernel's process.
class Arrays {
 public:
  Arrays(Worker& worker, std::size_t count) : worker_(worker) {
    const auto floats = static_cast<std::int64_t>(count);
    Shapes shapes;
    shapes[0] = Shape{"x", DType::f32, 1, floats, floats, 0, true, false, true};
    shapes[1] = Shape{"y", DType::f32, 1, floats, floats, 0, true, true, false};
    layout_ = std::make_shared<ArenaLayout>(shapes, std::vector<Placement>{{true, 0}});
    memory_ = worker.memory(layout_->memories()[0]);
    first_ = worker.addresses().take(layout_->bytes(), layout_);
    std::vector<Range> ranges;
    for (const ArenaLayout::Piece& p : layout_->pieces()) {
      const std::uint32_t access = p.shape.written ? PROT_READ | PROT_WRITE : PROT_READ;
      ranges.push_back({first_ + p.at, p.bytes, p.memory_at, access, 1});
    }
    worker.tell(Kind::map, 0, part(std::span<const Range>(ranges)), memory_->fd());
  }
  ~Arrays() {
    try {
      const Range all{first_, layout_->bytes(), 0, PROT_NONE, 0};
      if (worker_.alive()) worker_.tell(Kind::map, 0, part(all));
    } catch (const std::exception&) {  // it died: its addresses went with it
    }
    worker_.addresses().give_back(first_);
    worker_.put_away(std::move(memory_));
  }
  Arrays(const Arrays&) = delete;
  Arrays& operator=(const Arrays&) = delete;

  std::uint64_t address(std::size_t i) const {
    return first_ + layout_->pieces()[i].at + layout_->pieces()[i].front;
  }
  Memory::View view(std::size_t i, std::size_t count) const {
    const ArenaLayout::Piece& p = layout_->pieces()[i];
    return memory_->view(p.memory_at + p.front, count * sizeof(float));
  }

 private:
  Worker& worker_;
  std::shared_ptr<const ArenaLayout> layout_;
  std::shared_ptr<Memory> memory_;
  std::uint64_t first_ = 0;
};

}  // namespace

void exponential(ForeignKernel& foreign, std::span<const float> x, std::span<float> y) {
  if (x.empty()) return;
  foreign.counted([&] {
    const std::shared_ptr<Worker> worker = foreign.pool().worker();
    const auto lock = worker->lock();
    const Arrays arrays(*worker, std::min(x.size(), kMost));
    for (std::size_t at = 0; at < x.size(); at += kMost) {
      const std::size_t count = std::min(kMost, x.size() - at);
      std::memcpy(arrays.view(0, count).bytes().data(), x.data() + at, count * sizeof(float));
      const Exponent e{arrays.address(0), arrays.address(1), count};
      const std::span<const std::byte> body[] = {part(e)};
      const double seconds = foreign.pool().limits().cpu_seconds;
      const Reply r = worker->ask(Kind::exponential, foreign.index(), body, seconds);
      if (r.code != XENTCHECK_OK) throw std::runtime_error(complaint(r.code, r.text));
      std::memcpy(y.data() + at, arrays.view(1, count).bytes().data(), count * sizeof(float));
    }
  });
}

}  // namespace xent::process
