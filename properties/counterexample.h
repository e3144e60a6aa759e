// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "properties/engine.h"
#include "properties/property.h"
#include "properties/recipe.h"
#include "properties/trial.h"

namespace xent {

/// A failing case on its way to a counterexample.
struct ToShrink {
  const Property* property;
  const Kernel* kernel;
  const RecipeSpace* space;
  CaseRecipe recipe;    ///< domain "file": the tensors are a user's
  TestCase test_case;   ///< then: those; otherwise made from the recipe; in the end the smallest
  Judgement judgement;  ///< of the recipe's case; in the end of the smallest
  std::string file;     ///< where it is saved, below VerifyOptions::out
  BudgetOf instead = {};  ///< set: it fails this budget and keeps to the kernel's own
  std::optional<Counterexample> found = {};
};

/// Shrinks each on options.jobs threads, recipe first, then tensors, or from a witness of the same
/// kernel that was found before, and saves them with their tensors as .npz. A hang is not made
/// smaller, nor what a kernel that was given up did, nor anything without options.shrink. Results
/// do not depend on the number of threads. Gives notes on what could not be saved.
std::vector<std::string> shrink_all(std::vector<ToShrink>&, const VerifyOptions&);

/// Saves a case of a kernel and a property as out/file, and its tensors beside it.
void save_witness(const TestCase&, const Kernel&, const std::string& property,
                  const std::string& file, const VerifyOptions&);

/// What to paste to see a saved case again.
std::string replay_line(const std::filesystem::path& file, const Kernel&, const VerifyOptions&);

/// The tensors in readable lines, long rows cut.
std::string describe_data(const TestCase&);

}  // namespace xent
