// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xent {

/// At most `most` of the candidates, nearest in edit distance first; those that share too little
/// with the word (distance above half of the longer length) are left out.
std::vector<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates,
                                 std::size_t most = 3);

/// "; nearest: a, b" for the end of an error message, or nothing when no candidate is near.
std::string nearest_hint(std::string_view word, const std::vector<std::string>& candidates);

/// The text with control characters as '?', so that a message that quotes it stays one line.
std::string one_line(std::string_view text);

/// As a word of a POSIX shell: in single quotes if it holds more than the harmless characters.
std::string shell_word(std::string_view);

std::string join(const std::vector<std::string>&, std::string_view separator);

/// Parts between separators, empty ones included.
std::vector<std::string_view> split(std::string_view text, char separator);

/// Parts between blanks (space, tab, line end), never empty.
std::vector<std::string_view> words(std::string_view text);

/// The whole text as a number, independent of the locale; nothing when it is anything else.
std::optional<std::int64_t> parse_integer(std::string_view);
std::optional<double> parse_double(std::string_view);
std::optional<std::uint64_t> parse_hex(std::string_view);  ///< lower-case digits, no prefix

/// The shortest decimal text that parse_double gives back bit by bit (NaN: "nan").
std::string shortest(double);

/// A number known to be within [low, high]: as many decimals, at most nine, as both ends share when
/// rounded; both ends where they share none.
std::string certain_digits(double low, double high);

/// FNV-1a of the bytes, 64 bits; `state` continues an earlier one.
std::uint64_t fnv1a(std::string_view bytes, std::uint64_t state = 0xcbf29ce484222325u);

}  // namespace xent
