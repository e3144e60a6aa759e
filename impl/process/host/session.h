// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "impl/process/host/device.h"
#include "impl/process/host/library.h"
#include "impl/process/host/serve.h"
#include "impl/process/protocol.h"

namespace xent::process {

/// One answer: head and body of a packet.
struct Response {
  std::int32_t code = XENTCHECK_OK;
  std::uint32_t handle = 0;
  std::string text;
  std::vector<std::byte> body;
};

/// The bytes of a request, taken from the front.
class Body {
 public:
  explicit Body(std::span<const std::byte> bytes) : rest_(bytes) {}
  /// False if there are not as many left.
  template <class T>
  bool take(T* to, std::size_t count = 1) {
    return take_bytes(to, count * sizeof(T));
  }
  std::size_t size() const { return rest_.size(); }

 private:
  bool take_bytes(void* to, std::size_t bytes);
  std::span<const std::byte> rest_;
};

/// The kernels of a plugin, and those of them that are open.
class Session {
 public:
  Session(Plugin plugin, const xentcheck_hooks* hooks);
  ~Session();

  /// If a kernel computes on one: needs files that the filter refuses later.
  void open_device();

  Response supports(std::uint32_t kernel, Body);
  Response budget(std::uint32_t kernel, Body);
  Response open(std::uint32_t kernel, Body);
  Response call(std::uint32_t handle, Body);
  Response close(std::uint32_t handle);
  Response exponential(std::uint32_t kernel, Body);

 private:
  struct Problem;
  struct Open;
  struct Message;
  const xentcheck_kernel* kernel(std::uint32_t index) const;
  int call_once(const Open&, const Buffers&, Message&, double& seconds);
  Response call_all(const Open&, const std::vector<Buffers>&, bool quiet,
                    std::vector<double>& seconds);

  Plugin plugin_;
  xentcheck_hooks hooks_{};
  Device device_;
  std::map<std::uint32_t, std::unique_ptr<Open>> open_;
  std::uint32_t next_ = 1;
};

}  // namespace xent::process
