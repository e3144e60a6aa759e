// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "properties/claims.h"

namespace xent {

/// A line of the ledger. `properties` are ids between blanks.
struct LedgerEntry {
  std::string_view id;
  std::string_view document;
  std::string_view formula;
  std::string_view statement;
  std::string_view properties;
  Study study = nullptr;
};

// The groups, A to F, each in a file of its own.
std::span<const LedgerEntry> ledger_of_information();
std::span<const LedgerEntry> ledger_of_losses();
std::span<const LedgerEntry> ledger_of_statistics();
std::span<const LedgerEntry> ledger_of_gradients();
std::span<const LedgerEntry> ledger_of_sequences();
std::span<const LedgerEntry> ledger_of_errors();

}  // namespace xent
