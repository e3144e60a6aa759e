// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "reports/fields.h"
#include "reports/parts.h"
#include "reports/reports.h"
#include "reports/text.h"

namespace xent::report {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kSchema = 1;
constexpr std::array kVerdicts = {Verdict::pass, Verdict::fail, Verdict::inconclusive,
                                  Verdict::skip, Verdict::error};

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
template <class T>
struct IsMap : std::false_type {};
template <class T>
struct IsMap<std::map<std::string, T>> : std::true_type {};

Json from_double(double x) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x > 0 ? "inf" : "-inf";
  return x;
}

template <class T>
Json to_value(const T& x);

struct Writer {
  Json object = Json::object();
  template <class T>
  void operator()(const char* key, const T& x) {
    object[key] = to_value(x);
  }
  template <class T>
  void later(const char* key, const T& x) {
    (*this)(key, x);
  }
};

template <class T>
Json to_value(const T& x) {
  if constexpr (std::same_as<T, double>) {
    return from_double(x);
  } else if constexpr (std::same_as<T, Verdict> || std::same_as<T, ClaimVerdict>) {
    return std::string(name(x));
  } else if constexpr (std::integral<T> || std::same_as<T, std::string>) {
    return x;
  } else if constexpr (IsOptional<T>::value) {
    return x ? to_value(*x) : Json(nullptr);
  } else if constexpr (IsVector<T>::value) {
    Json out = Json::array();
    for (const auto& item : x) out.push_back(to_value(item));
    return out;
  } else if constexpr (IsMap<T>::value) {
    Json out = Json::object();
    for (const auto& [key, item] : x) out[key] = to_value(item);
    return out;
  } else {
    Writer writer;
    describe(writer, x);
    return writer.object;
  }
}

[[noreturn]] void reject(const std::string& path, std::string_view what) {
  throw UsageError(fmt::format("results: {} {}; expected a results.json of schema {}",
                               path.empty() ? "the text" : path, what, kSchema));
}

[[noreturn]] void reject_type(const std::string& path, std::string_view wanted, const Json& got) {
  reject(path, fmt::format("must be {}, not {}", wanted, got.type_name()));
}

double read_double(const Json& json, const std::string& path) {
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) {
    const auto& text = json.get_ref<const std::string&>();
    if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
    if (text == "inf") return std::numeric_limits<double>::infinity();
    if (text == "-inf") return -std::numeric_limits<double>::infinity();
  }
  reject_type(path, R"(a number, "nan", "inf" or "-inf")", json);
}

template <std::integral T>
T read_integer(const Json& json, const std::string& path) {
  if (!json.is_number_integer()) reject_type(path, "a whole number", json);
  const bool fits = json.is_number_unsigned() ? std::in_range<T>(json.get<std::uint64_t>())
                                              : std::in_range<T>(json.get<std::int64_t>());
  if (!fits) reject(path, "is out of range");
  return json.get<T>();
}

/// One of the values, by its name.
template <class T>
T read_name(const Json& json, const T* begin, const T* end, const std::string& path) {
  if (!json.is_string()) reject_type(path, "a verdict", json);
  std::string names;
  for (const T* v = begin; v != end; ++v) {
    if (json.get_ref<const std::string&>() == name(*v)) return *v;
    names += (names.empty() ? "" : ", ") + std::string(name(*v));
  }
  reject(path, "must be one of " + names);
}

template <class T>
void read_value(const Json& json, T& x, const std::string& path);

struct Reader {
  const Json& object;
  const std::string& path;
  template <class T>
  void operator()(const char* key, T& x) {
    const std::string at = path.empty() ? key : path + "." + key;
    const auto found = object.find(key);
    if (found != object.end()) {
      read_value(*found, x, at);
    } else if constexpr (IsOptional<T>::value) {
      x.reset();
    } else {
      reject(at, "is missing");
    }
  }
  template <class T>
  void later(const char* key, T& x) {
    if (object.contains(key)) (*this)(key, x);
  }
};

template <class T>
void read_vector(const Json& json, std::vector<T>& x, const std::string& path) {
  if (!json.is_array()) reject_type(path, "an array", json);
  x.clear();
  for (std::size_t i = 0; i < json.size(); ++i) {
    read_value(json[i], x.emplace_back(), fmt::format("{}[{}]", path, i));
  }
}

template <class T>
void read_map(const Json& json, std::map<std::string, T>& x, const std::string& path) {
  if (!json.is_object()) reject_type(path, "an object", json);
  x.clear();
  for (const auto& [key, item] : json.items()) {
    read_value(item, x[key], fmt::format("{}.{}", path, clean_text(first_line(key))));
  }
}

template <class T>
void read_value(const Json& json, T& x, const std::string& path) {
  if constexpr (std::same_as<T, double>) {
    x = read_double(json, path);
  } else if constexpr (std::same_as<T, Verdict>) {
    x = read_name(json, std::begin(kVerdicts), std::end(kVerdicts), path);
  } else if constexpr (std::same_as<T, ClaimVerdict>) {
    x = read_name(json, std::begin(kClaimVerdicts), std::end(kClaimVerdicts), path);
  } else if constexpr (std::same_as<T, bool>) {
    if (!json.is_boolean()) reject_type(path, "true or false", json);
    x = json.get<bool>();
  } else if constexpr (std::integral<T>) {
    x = read_integer<T>(json, path);
  } else if constexpr (std::same_as<T, std::string>) {
    if (!json.is_string()) reject_type(path, "a string", json);
    x = json.get<std::string>();
  } else if constexpr (IsOptional<T>::value) {
    x.reset();
    if (!json.is_null()) read_value(json, x.emplace(), path);
  } else if constexpr (IsVector<T>::value) {
    read_vector(json, x, path);
  } else if constexpr (IsMap<T>::value) {
    read_map(json, x, path);
  } else {
    if (!json.is_object()) reject_type(path, "an object", json);
    Reader reader{json, path};
    describe(reader, x);
  }
}

/// The library's own words without its tag, in one short line.
std::string explain(std::string_view what) {
  if (const auto tag = what.find("] "); tag != std::string_view::npos) what.remove_prefix(tag + 2);
  return clean_text(first_line(what.substr(0, 160)));
}

Json parse(std::string_view text) {
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::exception& e) {
    throw UsageError(fmt::format("results: malformed JSON: {}", explain(e.what())));
  }
}

Results read_results(std::string_view text) {
  const Json json = parse(text);
  if (!json.is_object()) reject("", fmt::format("is of type {}, not an object", json.type_name()));
  if (!json.contains("schema")) reject("schema", "is missing");
  const int schema = read_integer<int>(json["schema"], "schema");
  if (schema != kSchema) {
    throw UsageError(fmt::format("results: schema {} is not known here, only schema {}: read it "
                                 "with the version of xentcheck that wrote it",
                                 schema, kSchema));
  }
  Results results;
  read_value(json, results, "");
  return results;
}

}  // namespace

std::string json_text(const Results& results, int indent) {
  return to_value(results).dump(indent, ' ', false, Json::error_handler_t::replace);
}

Results read_json(std::string_view text) { return read_results(text); }

}  // namespace xent::report

namespace xent {


std::string to_json(const Results& results) { return report::json_text(results, 2) + "\n"; }

Results from_json(std::string_view text) { return report::read_json(text); }

}  // namespace xent
