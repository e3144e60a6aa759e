// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace xent::process {

/// Whose memory an address of a kernel's process is.
struct Place {
  std::string text;     ///< "4 bytes past the end of grad", "logits[3,1]", "row padding of ..."
  bool inside = false;  ///< it is a byte of a tensor
  bool output = false;  ///< of a tensor that kernels write
  bool earlier = false;  ///< of a call that is over, whose addresses are gone
};

/// Gives names to what lies in a span of addresses.
class Namer {
 public:
  virtual ~Namer() = default;
  virtual Place place(std::uint64_t offset) const = 0;  ///< bytes from the span's start
};

/// The region of one host: who has which addresses, and who had.
class Addresses {
 public:
  void use(std::uint64_t first, std::uint64_t bytes) {
    start_ = next_ = first;
    end_ = first + bytes;
    home_ = end_ - bytes / 4;
  }

  /// Fresh addresses; those of long ago come round again when the region is used up.
  std::uint64_t take(std::uint64_t bytes, std::shared_ptr<const Namer>);
  /// Those that the last one had who asked for this; fresh ones if he still has them.
  std::uint64_t take_again(std::uint64_t bytes, std::shared_ptr<const Namer>);
  void give_back(std::uint64_t first);
  std::optional<Place> place(std::uint64_t address) const;

 private:
  struct Span {
    std::uint64_t first = 0, bytes = 0;
    std::shared_ptr<const Namer> namer;
    bool holds(std::uint64_t a) const { return a >= first && a - first < bytes; }
  };
  static constexpr std::size_t kRemembered = 512;  ///< spans that were given back
  std::uint64_t start_ = 0, next_ = 0, end_ = 0;
  std::uint64_t home_ = 0;  ///< from here on only take_again takes
  std::map<std::uint64_t, Span> live_;
  std::deque<Span> past_;
};

}  // namespace xent::process
