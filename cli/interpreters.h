// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace xent {

struct Interpreter {
  std::string path;
  std::string version;                ///< empty: it does not run
  std::vector<std::string> packages;  ///< "numpy 1.24.2": those that kernels are written with
  std::vector<std::string> missing;
  bool has_numpy() const;
};

/// The Pythons that --interpreter may mean here: an active environment's, the system's, PATH's.
/// Nothing is imported; one that does not answer within seconds is said not to run.
std::vector<Interpreter> interpreters();

/// The first of them that has numpy, python3 if none has: what runs --python without --interpreter.
std::string usual_interpreter();

}  // namespace xent
