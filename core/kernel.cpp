// SPDX-License-Identifier: Apache-2.0
#include "core/kernel.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <exception>
#include <limits>
#include <stdexcept>

#include "core/error.h"
#include "core/text.h"

namespace xent {
namespace {

// Exponent all ones, quiet bit clear, fraction not 0; integers get the same odd-looking bits.
constexpr std::uint64_t poison_bits(DType dtype) {
  switch (dtype) {
    case DType::f64:
    case DType::i64: return 0x7ff4'a5a5'5a5a'a5a5u;
    case DType::f32:
    case DType::i32: return 0x7fa5'a5a5u;
    case DType::f16: return 0x7da5u;
    case DType::bf16:
    case DType::u16: return 0x7fa5u;
  }
  return 0;
}

bool has_wildcard(std::string_view pattern) {
  return pattern.find_first_of("*?") != std::string_view::npos;
}

RunRecord raised(std::string text) {
  RunRecord record;
  record.faults.raised = text.empty() ? "an exception without text" : std::move(text);
  return record;
}

}  // namespace

std::string_view name(Role role) {
  switch (role) {
    case Role::product: return "product";
    case Role::example_of_failure: return "example-of-failure";
    case Role::mutant: return "mutant";
    case Role::peer: return "peer";
  }
  return "unknown";
}

std::vector<double> Invocation::time(int calls) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> seconds;
  reset();
  for (int i = 0; i < calls; ++i) {
    const Clock::time_point start = Clock::now();
    launch();
    wait();
    seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
  return seconds;
}

RunRecord run(const Kernel& kernel, const TestCase& test_case, const BindOptions& options) {
  try {
    const std::unique_ptr<Invocation> invocation = kernel.bind(test_case, options);
    if (invocation == nullptr) return raised("bind returned no invocation");
    invocation->reset();
    invocation->launch();
    invocation->wait();
    return {invocation->output(), invocation->faults()};
  } catch (const GivenUp&) {
    throw;
  } catch (const std::exception& e) {
    return raised(e.what());
  } catch (...) {
    return raised("an exception that is no std::exception");
  }
}

std::vector<Kernel> select(const std::vector<Kernel>& all, std::string_view pattern) {
  constexpr std::string_view prefix = "role:";
  const bool by_role = pattern.substr(0, prefix.size()) == prefix;
  const bool products_only = !by_role && has_wildcard(pattern);
  std::vector<Kernel> chosen;
  for (const Kernel& kernel : all) {
    const bool matches = by_role ? glob_match(pattern.substr(prefix.size()), name(kernel.role))
                                 : glob_match(pattern, kernel.name);
    if (matches && (!products_only || kernel.role == Role::product)) chosen.push_back(kernel);
  }
  return chosen;
}

bool glob_match(std::string_view pattern, std::string_view text) {
  constexpr std::size_t none = std::string_view::npos;
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = none;  // where to go back to: the last *, and what it has swallowed so far
  std::size_t swallowed = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      swallowed = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != none) {
      p = star + 1;
      t = ++swallowed;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

double poison_value() { return std::bit_cast<double>(poison_bits(DType::f64)); }

bool is_poison(const Tensor& tensor, std::int64_t i) {
  const std::size_t bytes = size_of(tensor.dtype);
  const std::uint64_t bits = poison_bits(tensor.dtype);
  return std::memcmp(tensor.bytes.data() + static_cast<std::size_t>(i) * bytes, &bits, bytes) == 0;
}

void poison(Tensor& tensor) {
  const std::uint64_t bits = poison_bits(tensor.dtype);
  std::byte* const begin = tensor.bytes.data();
  const std::size_t size = tensor.bytes.size();
  std::size_t done = std::min(size, size_of(tensor.dtype));
  if (done > 0) std::memcpy(begin, &bits, done);
  for (; done < size; done *= 2) std::memcpy(begin + done, begin, std::min(done, size - done));
}

}  // namespace xent
