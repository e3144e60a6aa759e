// SPDX-License-Identifier: Apache-2.0
#include "core/case_file.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/text.h"

namespace xent {
namespace {

static_assert(std::endian::native == std::endian::little, "raw tensors are little-endian");

constexpr std::int64_t kMostText = 4096;
constexpr std::string_view kMagic = "xentcase ";
constexpr std::string_view kVersion = "1";

std::uint64_t bits_of(const Tensor& tensor, std::int64_t i) {
  std::uint64_t bits = 0;
  const std::size_t bytes = size_of(tensor.dtype);
  std::memcpy(&bits, tensor.bytes.data() + static_cast<std::size_t>(i) * bytes, bytes);
  return bits;
}

void set_bits(Tensor& tensor, std::int64_t i, std::uint64_t bits) {
  const std::size_t bytes = size_of(tensor.dtype);
  std::memcpy(tensor.bytes.data() + static_cast<std::size_t>(i) * bytes, &bits, bytes);
}

std::string element_text(const Tensor& tensor, std::int64_t i) {
  if (!is_float(tensor.dtype)) return std::to_string(tensor.integer(i));
  const double value = tensor.at(i);
  if (std::isnan(value)) {
    return fmt::format("nan:{:0{}x}", bits_of(tensor, i), 2 * size_of(tensor.dtype));
  }
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::array<char, 40> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), std::abs(value),
                                 std::chars_format::hex);
  return (std::signbit(value) ? "-0x" : "0x") + std::string(digits.data(), end.ptr);
}

void write_tensor(std::string& text, std::string_view what, const Tensor& tensor) {
  if (tensor.shape.empty()) return;
  text += fmt::format("tensor {} {}", what, name(tensor.dtype));
  for (const std::int64_t extent : tensor.shape) text += fmt::format(" {}", extent);
  const std::int64_t count = tensor.size();
  if (count > kMostText) {
    text += " raw\n";
    text.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
    text += '\n';
    return;
  }
  text += " text\n";
  for (std::int64_t i = 0; i < count; ++i) {
    text += element_text(tensor, i);
    text += (i + 1) % tensor.shape.back() == 0 ? '\n' : ' ';
  }
}

bool is_one_line(std::string_view text) { return text.find_first_of("\r\n") == text.npos; }

std::optional<double> parse_number(std::string_view word, DType dtype) {
  const bool negative = !word.empty() && word.front() == '-';
  const std::string_view magnitude = word.substr(negative ? 1 : 0);
  if (magnitude == "inf") {
    const double inf = std::numeric_limits<double>::infinity();
    return negative ? -inf : inf;
  }
  const bool hexadecimal = magnitude.substr(0, 2) == "0x";
  const std::string_view digits = magnitude.substr(hexadecimal ? 2 : 0);
  if (digits.empty() || digits.find_first_of("-+nN") == 0) return std::nullopt;
  double value = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] =
      std::from_chars(digits.data(), end, value,
                      hexadecimal ? std::chars_format::hex : std::chars_format::general);
  if (error != std::errc{} || stop != end || !std::isfinite(value)) return std::nullopt;
  std::array<std::byte, 8> bytes{};
  store(bytes.data(), dtype, value);
  const double stored = load(bytes.data(), dtype);
  if (hexadecimal ? stored != value : !std::isfinite(stored)) return std::nullopt;
  return negative ? -value : value;
}

bool set_float(Tensor& tensor, std::int64_t i, std::string_view word) {
  if (word.substr(0, 4) == "nan:") {
    const auto bits = parse_hex(word.substr(4));
    if (!bits || word.size() != 4 + 2 * size_of(tensor.dtype)) return false;
    set_bits(tensor, i, *bits);
    return std::isnan(tensor.at(i));
  }
  const auto value = parse_number(word, tensor.dtype);
  if (value) tensor.set(i, *value);
  return value.has_value();
}

bool set_element(Tensor& tensor, std::int64_t i, std::string_view word) {
  if (is_float(tensor.dtype)) return set_float(tensor, i, word);
  const auto value = parse_integer(word);
  if (value) tensor.set_integer(i, *value);
  return value.has_value();
}

// Walks through the lines before the `end` line.
class Body {
 public:
  explicit Body(std::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty(); }

  [[noreturn]] void fail(const std::string& why) const {
    throw UsageError(one_line(fmt::format("case file, line {}: {}", line_number_, why)));
  }

  std::string_view line() {
    ++line_number_;
    if (rest_.empty()) fail("the file ends too early");
    const std::size_t end = rest_.find('\n');
    std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(std::min(rest_.size(), text.size() + 1));
    if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
    return text;
  }

  // The rest of the next line if it starts with this word.
  std::optional<std::string_view> optional(std::string_view word) {
    if (rest_.substr(0, word.size()) != word || rest_.substr(word.size(), 1) != " ") return {};
    const std::string_view value = line().substr(word.size() + 1);
    if (value.empty()) fail(fmt::format("'{}' without a value", word));
    return value;
  }

  std::string_view required(std::string_view word) {
    if (const auto value = optional(word)) return *value;
    ++line_number_;
    fail(fmt::format("expected '{} ...'", word));
  }

  std::string_view raw(std::size_t bytes) {
    if (rest_.size() < bytes + 1 || rest_[bytes] != '\n') {
      fail(fmt::format("{} raw bytes and a line end must follow", bytes));
    }
    const std::string_view data = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes + 1);
    return data;
  }

  std::size_t left() const { return rest_.size(); }

 private:
  std::string_view rest_;
  int line_number_ = 0;
};

struct TensorLine {
  std::string_view what;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  bool raw = false;
  std::size_t count = 1;
};

// Nothing is allocated for an element count that the rest of the file cannot hold.
TensorLine read_tensor_line(Body& body) {
  const std::vector<std::string_view> parts = words(body.required("tensor"));
  if (parts.size() < 4) body.fail("expected 'tensor NAME TYPE EXTENT... text|raw'");
  TensorLine line;
  line.what = parts[0];
  const auto dtype = parse_dtype(parts[1]);
  if (!dtype) body.fail(fmt::format("unknown element type '{}'", parts[1]));
  line.dtype = *dtype;
  if (parts.back() != "text" && parts.back() != "raw") {
    body.fail(fmt::format("'{}' is neither text nor raw", parts.back()));
  }
  line.raw = parts.back() == "raw";
  const std::size_t element_bytes = line.raw ? size_of(line.dtype) : 2;  // a digit and a blank
  const std::size_t most = body.left() / element_bytes;
  for (std::size_t i = 2; i + 1 < parts.size(); ++i) {
    const auto extent = parse_integer(parts[i]);
    if (!extent || *extent < 0) body.fail(fmt::format("bad extent '{}'", parts[i]));
    line.shape.push_back(*extent);
    const auto e = static_cast<std::size_t>(*extent);
    if (e != 0 && line.count > most / e) {
      body.fail(fmt::format("tensor {} does not fit into the rest of the file", line.what));
    }
    line.count *= e;
  }
  return line;
}

void read_text_elements(Body& body, std::string_view what, Tensor& tensor) {
  const std::int64_t count = tensor.size();
  for (std::int64_t i = 0; i < count;) {
    const std::vector<std::string_view> row = words(body.line());
    if (!row.empty() && row[0] == "tensor") {
      body.fail(fmt::format("tensor {} has {} elements, not {}", what, i, count));
    }
    for (const std::string_view word : row) {
      if (i == count) body.fail(fmt::format("tensor {} has more than {} elements", what, count));
      if (!set_element(tensor, i, word)) {
        body.fail(fmt::format("'{}' is not of type {}", word, name(tensor.dtype)));
      }
      ++i;
    }
  }
}

void read_tensor(Body& body, TestCase& c) {
  const TensorLine line = read_tensor_line(body);
  Tensor* const slot = line.what == "logits"     ? &c.input
                       : line.what == "targets"  ? &c.target
                       : line.what == "weight"   ? &c.weight
                       : line.what == "upstream" ? &c.upstream
                       : line.what == "direction" ? &c.direction
                                                 : nullptr;
  if (slot == nullptr) {
    body.fail(fmt::format("unknown tensor '{}'; known: logits targets weight upstream "
                          "direction", line.what));
  }
  if (!slot->shape.empty()) body.fail(fmt::format("tensor {} is given twice", line.what));
  *slot = Tensor(line.dtype, line.shape);
  if (!line.raw) {
    read_text_elements(body, line.what, *slot);
    return;
  }
  const std::string_view data = body.raw(slot->bytes.size());
  if (!data.empty()) std::memcpy(slot->bytes.data(), data.data(), data.size());
}

// Everything before the `end` line, its checksum tested.
std::string_view checked_body(std::string_view text) {
  std::string_view trimmed = text;
  if (!trimmed.empty() && trimmed.back() == '\n') trimmed.remove_suffix(1);
  const std::size_t start = trimmed.rfind('\n') + 1;  // npos + 1 = 0
  const std::string_view body = text.substr(0, start);
  const std::vector<std::string_view> last = words(trimmed.substr(start));
  if (last.size() != 2 || last[0] != "end") {
    throw UsageError("case file: the last line is not 'end ...': truncated, or something follows");
  }
  if (last[1] == "unchecked") return body;
  const std::string expected = fmt::format("fnv1a={:016x}", fnv1a(body));
  if (last[1] != expected) {
    throw UsageError(one_line(
        fmt::format("case file: damaged: its checksum is {}, the last line says '{}' "
                    "('end unchecked' accepts changes made by hand)",
                    expected, last[1])));
  }
  return body;
}

std::uint64_t read_seed(Body& body) {
  const std::string_view text = body.required("seed");
  const auto seed = text.substr(0, 2) == "0x" ? parse_hex(text.substr(2)) : std::nullopt;
  if (!seed) body.fail(fmt::format("seed '{}' is not of the form 0x1f", text));
  return *seed;
}

}  // namespace

std::string write_case(const CaseFile& file) {
  const TestCase& c = file.test_case;
  if (words(c.recipe.domain).size() != 1 || !is_one_line(c.recipe.domain) ||
      !is_one_line(file.kernel) || !is_one_line(file.property)) {
    throw UsageError("case file: domain, kernel and property must be one line, the domain a word");
  }
  std::string text = fmt::format("{}{}\nproblem {}\ndomain {}\nseed 0x{:x}\n", kMagic, kVersion,
                                 to_text(c.problem), c.recipe.domain, c.recipe.seed);
  if (!file.kernel.empty()) text += fmt::format("kernel {}\n", file.kernel);
  if (!file.property.empty()) text += fmt::format("property {}\n", file.property);
  write_tensor(text, "logits", c.input);
  write_tensor(text, "targets", c.target);
  write_tensor(text, "weight", c.weight);
  write_tensor(text, "upstream", c.upstream);
  write_tensor(text, "direction", c.direction);
  return text + fmt::format("end fnv1a={:016x}\n", fnv1a(text));
}

CaseFile read_case(std::string_view text) {
  if (text.substr(0, kMagic.size()) != kMagic) {
    throw UsageError("not a case file: it does not start with 'xentcase'");
  }
  Body version_line(text);
  const std::string_view version = version_line.line().substr(kMagic.size());
  if (version != kVersion) {
    throw UsageError(one_line(
        fmt::format("case file: version '{}' is not known, only {}", version, kVersion)));
  }
  Body body(checked_body(text));
  body.line();
  CaseFile file;
  file.test_case.problem = parse_problem(body.required("problem"));
  file.test_case.recipe.domain = body.required("domain");
  file.test_case.recipe.seed = read_seed(body);
  file.kernel = body.optional("kernel").value_or("");
  file.property = body.optional("property").value_or("");
  while (!body.done()) read_tensor(body, file.test_case);
  validate(file.test_case);
  return file;
}

void save_case(const std::filesystem::path& path, const CaseFile& file) {
  write_bytes(path, write_case(file));
}

CaseFile load_case(const std::filesystem::path& path) {
  const std::string text = read_bytes(path);
  try {
    return read_case(text);
  } catch (const UsageError& e) {
    throw UsageError(path.string() + ": " + e.what());
  }
}

}  // namespace xent
