// SPDX-License-Identifier: Apache-2.0
#include "impl/process/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

namespace xent::process {
namespace {

[[noreturn]] void no_memory(const char* what, std::size_t bytes) {
  throw std::runtime_error(std::string(what) + " of " + std::to_string(bytes) +
                           " bytes: " + std::strerror(errno));
}

Descriptor pages(std::size_t bytes) {
  Descriptor fd(memfd_create("xentcheck", MFD_CLOEXEC));
  if (!fd || ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) no_memory("memory file", bytes);
  return fd;
}

}  // namespace

Mapping::Mapping(int fd, std::size_t offset, std::size_t bytes, bool shared) : bytes_(bytes) {
  const int flags = shared ? MAP_SHARED | MAP_POPULATE : MAP_PRIVATE;
  void* const at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, fd,
                        static_cast<off_t>(offset));
  if (at == MAP_FAILED) no_memory("mapping", bytes);
  data_ = static_cast<std::byte*>(at);
}

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Mapping::~Mapping() {
  if (data_ != nullptr) munmap(data_, bytes_);
}

Memory::Memory(std::size_t bytes)
    : bytes_(whole_pages(std::max<std::size_t>(bytes, 1))), fd_(pages(bytes_)) {
  if (bytes_ <= kWindow) all_ = Mapping(fd_.get(), 0, bytes_);
}

void Memory::write(std::size_t at, std::span<const std::byte> from) {
  if (mapped()) {
    std::memcpy(all_.data() + at, from.data(), from.size());
    return;
  }
  while (!from.empty()) {
    const ssize_t n = pwrite(fd_.get(), from.data(), from.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) no_memory("memory", from.size());
    from = from.subspan(static_cast<std::size_t>(n));
    at += static_cast<std::size_t>(n);
  }
}

Memory::View Memory::view(std::size_t at, std::size_t size) const {
  View v;
  if (mapped()) {
    v.bytes_ = {all_.data() + at, size};
  } else if (size > 0) {
    const std::size_t first = at / kPage * kPage;
    v.mapping_ = Mapping(fd_.get(), first, at + size - first);
    v.bytes_ = {v.mapping_.data() + (at - first), size};
  }
  return v;
}

Bytes Memory::hand_out(std::size_t at, std::size_t size) const {
  const std::size_t first = at / kPage * kPage;
  auto mapping = std::make_shared<Mapping>(fd_.get(), first, at + size - first, false);
  std::byte* const data = mapping->data() + (at - first);
  return Bytes(std::shared_ptr<std::byte[]>(std::move(mapping), data), size);
}

}  // namespace xent::process
