// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace xent {

/// A table for classification: `n` rows of `d` numbers, row-major, and the class of each row.
struct Dataset {
  std::string name;
  std::int64_t n = 0;
  std::int64_t d = 0;
  std::vector<double> x;
  std::vector<std::int64_t> y;       ///< in [0, classes.size())
  std::vector<std::string> classes;  ///< in the order of their first row

  std::int64_t class_count() const { return static_cast<std::int64_t>(classes.size()); }
};

/// Numbers, then the class (any text) in the last column; the first line may be a header. Blank
/// lines count for nothing. Throws UsageError with one line that names the file, line and fault.
Dataset read_csv(const std::filesystem::path&);
Dataset parse_csv(std::string_view text, const std::string& name);

/// Fisher's table in centimetres.
Dataset iris_dataset();

/// The file, or Iris when the path is empty.
Dataset dataset_or_iris(const std::filesystem::path&);

/// The rows of these classes only, renumbered in the order given.
Dataset only_classes(const Dataset&, const std::vector<std::int64_t>& classes);

/// Each column less its mean, divided by its standard deviation (constant columns: by 1); a first
/// column of ones is added.
Dataset standardised(const Dataset&);

}  // namespace xent
