// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "core/results.h"

namespace xent {

/// JSON is the stored form: exact doubles (shortest round trip), NaN and infinities as the strings
/// "nan", "inf", "-inf". Reading gives an equal value back; throws UsageError in one line on
/// malformed input or another schema.
std::string to_json(const Results&);
Results from_json(std::string_view);

std::string to_markdown(const Results&);
std::string to_junit(const Results&);
/// One self-contained page: no script needed to read it, light and dark.
std::string to_html(const Results&);

/// Reads a results.json; UsageError names the file.
Results load_results(const std::filesystem::path&);
/// Creates the folders on the way; UsageError names the path if it cannot be written.
void write_file(const std::filesystem::path&, std::string_view text);

}  // namespace xent
