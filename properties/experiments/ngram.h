// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace xent {

/// A model of the next byte given the last `order` ones, by Witten and Bell's interpolation:
///   P_k(c | h) = (n(h c) + T(h) P_{k-1}(c | h')) / (n(h) + T(h)),
/// n counts of the training text, T(h) how many bytes were seen after h, h' the context without its
/// first byte, P_{-1} uniform. Bytes that the training text lacks share one class, the last.
class NGram {
 public:
  static constexpr int kHighestOrder = 3;

  explicit NGram(std::string_view training);

  std::int64_t classes() const { return classes_; }
  std::int64_t class_of(char byte) const {
    return class_[static_cast<unsigned char>(byte)];
  }
  /// P(. | what precedes `position` of the text), all positive. Order -1 is uniform.
  std::vector<double> probabilities(std::string_view text, std::size_t position, int order) const;

 private:
  struct Context {
    std::int64_t total = 0;
    std::map<std::int64_t, std::int64_t> next;  ///< class to count
  };
  const Context* find(std::string_view context) const;

  std::int64_t class_[256];
  std::int64_t classes_ = 0;
  std::map<std::string, Context, std::less<>> contexts_;
};

}  // namespace xent
