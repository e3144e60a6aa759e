// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "impl/process/host/cuda_driver.h"
#include "impl/process/protocol.h"

namespace xent::process {

/// The memory of the first CUDA device (CUDA_VISIBLE_DEVICES chooses), as a mirror of the pages
/// that the judge maps: each tensor's whole pages, poison and all, at the same offset from a
/// boundary of 4096 bytes, between zones of poison. What the judge looks for in pages it so finds
/// of the device, too. A read outside a tensor is not seen, but finds signalling NaN;
/// compute-sanitizer sees it.
class Device {
 public:
  /// Starts the driver. "", or why there is no device, as one line; also later.
  const std::string& open();
  bool is_open() const { return opened_ && trouble_.empty(); }

  /// Before calls with these tensors: their pages on the device. False: `failure` says why.
  bool upload(const std::vector<Buffers>&);
  /// The same tensors on the device.
  Buffers there(const Buffers&) const;
  /// The stream to launch on, which waits for no other. Null before open.
  void* stream() const { return stream_; }
  /// After them: pages that may be written come back, those of inputs are compared, zones too;
  /// what is wrong is noted (IncidentKind). The device's memory is kept for the next call.
  bool download();
  /// Instead of download, where upload failed.
  void forget();
  const std::string& failure() const { return failure_; }

 private:
  struct Block {
    std::uint64_t address = 0;
    std::size_t bytes = 0;
  };
  struct Mirror {
    Range pages;  ///< here
    Block block;
    std::uint64_t first = 0;  ///< of the pages, there
  };
  bool good(int code, const char* what);
  bool add(std::uint64_t address);
  Block take(std::size_t bytes);
  std::uint64_t moved(std::uint64_t address) const;
  bool bring_back(const Mirror&);
  bool check_zone(const Mirror&, std::uint64_t from, std::uint64_t to);

  CudaDriver driver_;
  void* stream_ = nullptr;
  bool opened_ = false;
  std::string trouble_, failure_;
  std::map<std::uint64_t, Mirror> mirrors_;  ///< of the calls at hand, by address here
  std::vector<Block> spare_;
};

}  // namespace xent::process
