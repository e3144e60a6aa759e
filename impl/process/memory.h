// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "core/bytes.h"
#include "impl/process/descriptor.h"

namespace xent::process {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kWindow = std::size_t{1} << 20;  ///< what is larger is not kept mapped

constexpr std::size_t whole_pages(std::size_t bytes) {
  return (bytes + kPage - 1) / kPage * kPage;
}

/// Part of a file in this process's address space. Throws std::runtime_error if there is no room.
class Mapping {
 public:
  Mapping() = default;
  Mapping(int fd, std::size_t offset, std::size_t bytes, bool shared = true);
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();
  std::byte* data() const { return data_; }
  std::size_t size() const { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// Pages that a kernel's process maps (a memfd). Up to kWindow bytes are mapped here too, for good;
/// of more this process holds a part at a time, so that large tensors are not in it twice.
class Memory {
 public:
  explicit Memory(std::size_t bytes);  ///< rounded up to pages, zeros

  int fd() const { return fd_.get(); }
  std::size_t size() const { return bytes_; }
  bool mapped() const { return all_.data() != nullptr; }

  void write(std::size_t at, std::span<const std::byte>);
  /// The bytes [at, at + size), for as long as the View lives.
  class View {
   public:
    std::span<std::byte> bytes() const { return bytes_; }

   private:
    friend class Memory;
    Mapping mapping_;
    std::span<std::byte> bytes_;
  };
  View view(std::size_t at, std::size_t size) const;
  /// The bytes as a value that keeps these pages: they must not be written any more.
  Bytes hand_out(std::size_t at, std::size_t size) const;

 private:
  std::size_t bytes_;
  Descriptor fd_;
  Mapping all_;
};

}  // namespace xent::process
