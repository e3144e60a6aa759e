// SPDX-License-Identifier: Apache-2.0
#include "impl/process/incidents.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "core/text.h"
#include "impl/control_bits.h"

namespace xent::process {
namespace {

std::string misconduct(const Incident& i, const std::string& text) {
  switch (i.kind) {
    case IncidentKind::write_open: return "opened " + text + " for writing";
    case IncidentKind::file_changed: return "made, removed or changed " + text;
    case IncidentKind::socket: return "opened a socket";
    case IncidentKind::exec: return "started the program " + text;
    case IncidentKind::fork: return "started a process";
    case IncidentKind::signal:
      return "sent signal " + std::to_string(i.b) + " to process " + std::to_string(i.a);
    case IncidentKind::other_call: return "called " + text + ", which kernels may not";
    case IncidentKind::control_bits:
      return control_bits_changed(static_cast<std::uint32_t>(i.a),
                                  static_cast<std::uint32_t>(i.b));
    case IncidentKind::overflow: return "did more of this than there is room for";
    case IncidentKind::none:
    case IncidentKind::input_written:
    case IncidentKind::zone_written:
    case IncidentKind::read_open:
    case IncidentKind::remark: break;
  }
  return "";
}

std::string when(Phase phase) {
  switch (phase) {
    case Phase::loading: return " while it was loaded";
    case Phase::warming_up: return " in its warm-up";
    case Phase::preparing: return " in prepare";
    case Phase::closing: return " in release";
    case Phase::after_wait: return " after wait";
    case Phase::idle: return " between two calls";
    case Phase::calling:
    case Phase::waiting: break;
  }
  return "";
}

void add_remark(Faults& faults, std::string id, std::string message) {
  Remark remark{std::move(id), std::move(message)};
  const auto& all = faults.remarks;
  const bool known = std::any_of(all.begin(), all.end(),
                                 [&](const Remark& r) { return r.id == remark.id; });
  if (!known) faults.remarks.push_back(std::move(remark));
}

}  // namespace

void add_incidents(Faults& faults, const std::vector<Incident>& incidents, Arena* arena) {
  for (const Incident& i : incidents) {
    const std::string text = one_line({i.text, strnlen(i.text, sizeof i.text)});
    if (i.kind == IncidentKind::input_written) {
      if (arena != nullptr) arena->input_written(i.a);
    } else if (i.kind == IncidentKind::zone_written) {
      if (arena != nullptr) arena->zone_written(i.a);
    } else if (i.kind == IncidentKind::read_open) {
      add_remark(faults, "process.files-read", "opened " + text + " in a call");
    } else if (i.kind == IncidentKind::remark) {
      const std::size_t blank = std::min(text.find(' '), text.size());
      add_remark(faults, text.substr(0, blank), text.substr(std::min(blank + 1, text.size())));
    } else {
      std::string line = misconduct(i, text) + when(i.phase);
      auto& all = faults.misconduct;
      if (std::find(all.begin(), all.end(), line) == all.end()) all.push_back(std::move(line));
    }
  }
}

void add_habits(Faults& faults, const Worker::Habits& habits) {
  if (habits.threads > 0) {
    add_remark(faults, "process.threads-kept",
               "keeps " + std::to_string(habits.threads) + " threads after wait");
  }
  if (habits.executable > 0) {
    add_remark(faults, "process.executable-mappings",
               "has " + std::to_string(habits.executable) + " executable mappings without a file");
  }
}

}  // namespace xent::process
