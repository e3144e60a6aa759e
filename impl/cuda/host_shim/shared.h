// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstring>
#include <type_traits>

#include "impl/cuda/host_shim/scheduler.h"

namespace xent::cuda {

/// An element of shared memory. Only in expressions: `auto x = totals[i]` would read later, so what
/// has a name can neither be read nor written.
template <class T>
class SharedElement {
 public:
  SharedElement(shim::SharedArray& array, std::ptrdiff_t at) : array_(&array), at_(at) {}
  SharedElement(const SharedElement&) = delete;

  operator T() && { return load(); }
  T operator=(const T& x) && {
    store(x);
    return x;
  }
  T operator=(SharedElement&& x) && {
    const T value = x.load();
    store(value);
    return value;
  }
  T operator+=(const T& x) && {
    const T sum = load() + x;
    store(sum);
    return sum;
  }

 private:
  T load() const {
    shim::Scheduler::here().maybe_switch();
    array_->check_read(at_, sizeof(T));
    T value;
    std::memcpy(&value, array_->data() + at_, sizeof(T));
    return value;
  }
  void store(const T& x) const {
    shim::Scheduler::here().maybe_switch();
    const shim::Scheduler& s = shim::Scheduler::here();
    array_->check_write(at_, sizeof(T), shim::access_at(s.now(), shim::who(s.thread())));
    std::memcpy(array_->data() + at_, &x, sizeof(T));
  }
  shim::SharedArray* array_;
  std::ptrdiff_t at_;
};

/// What a T* into shared memory is on the device.
template <class T>
class SharedPointer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  SharedPointer() = default;
  explicit SharedPointer(shim::SharedArray& array, std::ptrdiff_t at = 0)
      : array_(&array), at_(at) {}

  SharedElement<T> operator[](std::ptrdiff_t i) const {
    return {*array_, at_ + i * static_cast<std::ptrdiff_t>(sizeof(T))};
  }
  SharedElement<T> operator*() const { return (*this)[0]; }
  SharedPointer operator+(std::ptrdiff_t i) const {
    return SharedPointer(*array_, at_ + i * static_cast<std::ptrdiff_t>(sizeof(T)));
  }
  SharedPointer operator-(std::ptrdiff_t i) const { return *this + -i; }
  bool operator==(const SharedPointer&) const = default;

  shim::SharedArray& array() const { return *array_; }
  std::ptrdiff_t at() const { return at_; }

 private:
  shim::SharedArray* array_ = nullptr;
  std::ptrdiff_t at_ = 0;  ///< bytes
};

/// An array that a block shares: XENT_SHARED(float, totals, 32).
template <class T, std::size_t N>
class Shared : public SharedPointer<T> {
 public:
  Shared(const void* tag, const char* name)
      : SharedPointer<T>(shim::Scheduler::here().thread().block->shared.array(
            tag, name, N * sizeof(T), sizeof(T) < 4 ? sizeof(T) : sizeof(T) % 4 == 0 ? 4 : 1)) {}
};

/// reinterpret_cast<U*> of shared memory.
template <class U, class T>
SharedPointer<U> shared_cast(const SharedPointer<T>& p) {
  return SharedPointer<U>(p.array(), p.at());
}

/// The same place in the shared memory of another block of the cluster.
template <class T>
SharedPointer<T> map_shared_rank(const SharedPointer<T>& p, unsigned rank) {
  shim::Block& block = shim::Scheduler::here().block_of_rank(rank);
  return SharedPointer<T>(block.shared.same(p.array()), p.at());
}

namespace shim {
template <class T>
SharedPointer<T> dynamic_shared() {
  return SharedPointer<T>(Scheduler::here().thread().block->shared.dynamic());
}
}  // namespace shim

}  // namespace xent::cuda

#define XENT_SHARED(type, name, count)      \
  static char name##_declaration;           \
  const ::xent::cuda::Shared<type, (count)> name(&name##_declaration, #name)
#define XENT_DYNAMIC_SHARED(type, name) \
  const ::xent::cuda::SharedPointer<type> name = ::xent::cuda::shim::dynamic_shared<type>()
