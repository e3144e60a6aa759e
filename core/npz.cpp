// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "core/case_file.h"
#include "core/error.h"
#include "core/files.h"
#include "core/text.h"
#include "core/zip.h"

namespace xent {
namespace {

static_assert(std::endian::native == std::endian::little, "arrays are little-endian");

// The .npy format: magic, version, length of the header, a Python dictionary, the data.
constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::string_view kSuffix = ".npy";

constexpr std::array<std::pair<std::string_view, DType>, 6> kTypes{{{"<f8", DType::f64},
                                                                    {"<f4", DType::f32},
                                                                    {"<f2", DType::f16},
                                                                    {"<i8", DType::i64},
                                                                    {"<i4", DType::i32},
                                                                    {"<u2", DType::u16}}};

[[noreturn]] void refuse(std::string_view member, std::string_view why) {
  throw UsageError(one_line(fmt::format("array {}: {}", member, why)));
}

struct Header {
  std::string_view type;
  bool fortran = false;
  std::vector<std::int64_t> shape;
};

// The three entries of the dictionary literal that numpy writes; nothing else of Python.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, std::string_view member) : rest_(text), member_(member) {}

  Header parse() {
    Header header;
    std::array<bool, 3> seen{};
    expect('{');
    while (!accept('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr" && !std::exchange(seen[0], true)) {
        header.type = type();
      } else if (key == "fortran_order" && !std::exchange(seen[1], true)) {
        header.fortran = boolean();
      } else if (key == "shape" && !std::exchange(seen[2], true)) {
        header.shape = tuple();
      } else {
        refuse(member_, "its .npy header has an unexpected entry");
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip();
    const bool complete = std::find(seen.begin(), seen.end(), false) == seen.end();
    if (!complete || !rest_.empty()) refuse(member_, "its .npy header is incomplete");
    return header;
  }

 private:
  void skip() { rest_.remove_prefix(std::min(rest_.size(), rest_.find_first_not_of(" \n"))); }

  bool accept(char c) {
    skip();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void expect(char c) {
    if (!accept(c)) refuse(member_, fmt::format("its .npy header lacks a '{}'", c));
  }

  std::string_view take(std::size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }

  std::string_view quoted() {
    expect('\'');
    const std::size_t end = rest_.find('\'');
    if (end == std::string_view::npos) refuse(member_, "its .npy header has an open string");
    const std::string_view text = take(end);
    take(1);
    return text;
  }

  std::string_view type() {
    skip();
    if (!rest_.empty() && rest_.front() == '[') refuse(member_, "a structured type; save numbers");
    return quoted();
  }

  bool boolean() {
    skip();
    for (const std::string_view word : {std::string_view("True"), std::string_view("False")}) {
      if (rest_.substr(0, word.size()) == word) return take(word.size()) == "True";
    }
    refuse(member_, "its .npy header has a bad fortran_order");
  }

  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> extents;
    expect('(');
    while (!accept(')')) {
      skip();
      const auto extent =
          parse_integer(take(std::min(rest_.size(), rest_.find_first_not_of("0123456789"))));
      if (!extent) refuse(member_, "its .npy header has a bad shape");
      extents.push_back(*extent);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return extents;
  }

  std::string_view rest_;
  std::string_view member_;
};

DType element_type(std::string_view member, std::string_view type) {
  std::vector<std::string> known;
  for (const auto& [text, dtype] : kTypes) {
    if (text == type) return dtype;
    known.emplace_back(text);
  }
  const std::string_view kind = type.substr(0, 1);
  if (kind == ">") refuse(member, fmt::format("type {} is big-endian; save little-endian", type));
  if (type == "|O") refuse(member, "Python objects (type |O); save numbers");
  refuse(member, fmt::format("type '{}' is not one of {}", type, join(known, " ")));
}

// Header and data of a .npy file.
std::pair<std::string_view, std::string_view> split_npy(std::string_view member,
                                                        std::string_view bytes) {
  const std::size_t prefix = kMagic.size() + 2;
  if (bytes.size() < prefix + 2 || bytes.substr(0, kMagic.size()) != kMagic) {
    refuse(member, "not a .npy file, or a truncated one");
  }
  const auto at = [&](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i]));
  };
  const std::size_t version = at(kMagic.size());
  if (version < 1 || version > 3) refuse(member, fmt::format("unknown .npy version {}", version));
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  if (bytes.size() < prefix + length_bytes) refuse(member, "truncated");
  std::size_t length = 0;
  for (std::size_t i = length_bytes; i-- > 0;) length = length << 8 | at(prefix + i);
  const std::size_t start = prefix + length_bytes;
  if (length > bytes.size() - start) refuse(member, "truncated");
  return {bytes.substr(start, length), bytes.substr(start + length)};
}

Tensor read_npy(std::string_view member, std::string_view bytes) {
  const auto [text, data] = split_npy(member, bytes);
  Header header = HeaderParser(text, member).parse();
  const DType dtype = element_type(member, header.type);
  if (header.fortran) refuse(member, "in Fortran order; save np.ascontiguousarray of it");
  if (header.shape.empty()) header.shape = {1};
  const bool none = std::find(header.shape.begin(), header.shape.end(), 0) != header.shape.end();
  std::size_t count = none ? 0 : 1;
  for (const std::int64_t extent : header.shape) {
    if (none) break;
    const auto e = static_cast<std::size_t>(extent);
    if (count > data.size() / e) refuse(member, "its shape asks for more data than there are");
    count *= e;
  }
  if (count * size_of(dtype) != data.size()) {
    refuse(member, fmt::format("shape ({}) asks for {} bytes, there are {}",
                               fmt::join(header.shape, ", "), count * size_of(dtype),
                               data.size()));
  }
  Tensor tensor(dtype, header.shape);
  if (!data.empty()) std::memcpy(tensor.bytes.data(), data.data(), data.size());
  return tensor;
}

std::string_view type_text(DType dtype) {
  if (dtype == DType::bf16) return "<u2";
  for (const auto& [text, candidate] : kTypes) {
    if (candidate == dtype) return text;
  }
  throw std::logic_error("npz: a type without a numpy name");
}

std::string write_npy(const Tensor& tensor) {
  std::string header = fmt::format(
      "{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}", type_text(tensor.dtype),
      fmt::join(tensor.shape, ", "), tensor.shape.size() == 1 ? "," : "");
  constexpr std::size_t kAlignment = 64;  // of the data
  const std::size_t before = kMagic.size() + 4;
  header.append(kAlignment - 1 - (before + header.size()) % kAlignment, ' ');
  header += '\n';
  std::string bytes(kMagic);
  bytes += '\x01';
  bytes += '\0';
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  bytes.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
  return bytes;
}

}  // namespace

std::map<std::string, Tensor> read_npz(std::string_view archive) {
  std::map<std::string, Tensor> tensors;
  for (const ZipMember& member : read_zip(archive)) {
    const bool is_array = member.name.size() > kSuffix.size() && member.name.ends_with(kSuffix);
    if (!is_array) refuse(member.name, "not a .npy file");
    const std::string name = member.name.substr(0, member.name.size() - kSuffix.size());
    if (!tensors.emplace(name, read_npy(name, member.bytes)).second) refuse(name, "given twice");
  }
  return tensors;
}

std::map<std::string, Tensor> load_npz(const std::filesystem::path& path) {
  const std::string archive = read_bytes(path);
  try {
    return read_npz(archive);
  } catch (const UsageError& e) {
    throw UsageError(path.string() + ": " + e.what());
  }
}

void save_npz(const std::filesystem::path& path, const std::map<std::string, Tensor>& tensors) {
  std::vector<std::string> files;
  for (const auto& [name, tensor] : tensors) files.push_back(write_npy(tensor));
  std::vector<ZipMember> members;
  for (const auto& [name, tensor] : tensors) {
    if (tensor.shape.empty()) refuse(name, "absent; there is nothing to save");
    members.push_back({name + std::string(kSuffix), files[members.size()]});
  }
  write_bytes(path, write_zip(members));
}

}  // namespace xent
