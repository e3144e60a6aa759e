// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "properties/engine.h"
#include "properties/property.h"
#include "properties/recipe.h"

namespace xent {

/// A failing case on its way to a counterexample.
struct ToShrink {
  const Property* property;
  const Kernel* kernel;
  const RecipeSpace* space;
  CaseRecipe recipe;    ///< domain "file": the tensors are a user's
  TestCase test_case;   ///< then: those; otherwise made from the recipe
  VerdictRow* row;      ///< its counterexample is filled
};

/// Shrinks each, recipe first, then tensors, on options.jobs threads, and saves them as
/// out/counterexamples/K.case, K from 1 in the order given, and their tensors as K.npz. Gives
/// notes on what could not be saved or shrunk.
std::vector<std::string> shrink_all(std::vector<ToShrink>&, const VerifyOptions&);

/// The tensors in readable lines, long rows cut.
std::string describe_data(const TestCase&);

}  // namespace xent
