// SPDX-License-Identifier: Apache-2.0
#include "impl/process/host/library.h"

#include <dlfcn.h>
#include <elf.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <set>
#include <utility>

namespace xent::process {
namespace {

/// The first version's fields end here; a struct that is shorter is none of ours.
constexpr std::size_t kLeastKernel = offsetof(xentcheck_kernel, launch) + sizeof(void*);
constexpr std::size_t kLeastLibrary = offsetof(xentcheck_library, kernels) + sizeof(void*);

/// As much of a struct as both sides know.
template <class T>
T known_part(const T& theirs) {
  T ours{};
  std::memcpy(&ours, &theirs, std::min(theirs.struct_size, sizeof(T)));
  return ours;
}

std::string version_text(std::uint32_t major, std::uint32_t minor) {
  return std::to_string(major) + "." + std::to_string(minor);
}

const std::string kOurs = version_text(XENTCHECK_ABI_MAJOR, XENTCHECK_ABI_MINOR);

bool is_name(const char* name) {
  if (name == nullptr || *name == '\0') return false;
  return std::all_of(name, name + std::strlen(name), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::strchr("-_./", c) != nullptr;
  });
}

xentcheck_kernel read_kernel(const xentcheck_kernel* theirs, std::size_t i) {
  const std::string which = "kernel " + std::to_string(i);
  if (theirs == nullptr) throw Refusal{which + " is NULL"};
  if (theirs->struct_size < kLeastKernel) {
    throw Refusal{which + " has struct_size " + std::to_string(theirs->struct_size) +
                  ", less than any version: set it to sizeof(xentcheck_kernel)"};
  }
  const xentcheck_kernel k = known_part(*theirs);
  if (!is_name(k.name)) {
    throw Refusal{which + " has no proper name: letters, digits, '-', '_', '.', '/'"};
  }
  if (k.launch == nullptr) throw Refusal{"kernel " + std::string(k.name) + " has no launch"};
  return k;
}

/// Why the file is not for this machine, if its first bytes tell.
std::string foreign_machine(const char* file) {
  const std::string kAnother = "a library for another machine (";
  Elf64_Ehdr head{};
  std::FILE* const f = std::fopen(file, "rb");
  if (f == nullptr) return {};
  const std::size_t n = std::fread(&head, 1, sizeof head, f);
  std::fclose(f);
  if (n < sizeof head || std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) {
    return "not a shared library (no ELF file)";
  }
#if defined(__x86_64__)
  constexpr int kMachine = EM_X86_64;
#elif defined(__aarch64__)
  constexpr int kMachine = EM_AARCH64;
#else
  const int kMachine = head.e_machine;
#endif
  if (head.e_ident[EI_CLASS] == ELFCLASS64 && head.e_machine == kMachine) return {};
  static constexpr std::pair<int, const char*> machines[] = {
      {EM_X86_64, "x86-64"}, {EM_AARCH64, "AArch64"}, {EM_386, "x86 of 32 bits"},
      {EM_ARM, "Arm of 32 bits"}, {EM_RISCV, "RISC-V"}, {EM_PPC64, "POWER"}, {EM_S390, "S/390"}};
  for (const auto& [machine, name] : machines) {
    if (machine == head.e_machine) return kAnother + std::string(name) + ")";
  }
  return kAnother + "ELF machine " + std::to_string(head.e_machine) + ")";
}

/// A word of the hello: no tabs, no line ends.
std::string word(const char* text) {
  std::string w = text == nullptr ? "" : text;
  for (char& c : w) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return w;
}

int exponential(const xentcheck_kernel& k) {
  if (k.exponential == nullptr) return 0;
  return k.exponential_positive != 0 ? 2 : 1;
}

}  // namespace

Plugin read_library(const xentcheck_library* theirs) {
  if (theirs == nullptr) throw Refusal{"does not speak ABI " + kOurs + " of this program"};
  if (theirs->struct_size < kLeastLibrary) {
    throw Refusal{"its xentcheck_library has struct_size " + std::to_string(theirs->struct_size) +
                  ", less than any version: set it to sizeof(xentcheck_library)"};
  }
  const xentcheck_library l = known_part(*theirs);
  if (l.abi_major != XENTCHECK_ABI_MAJOR) {
    throw Refusal{"speaks ABI " + version_text(l.abi_major, l.abi_minor) + ", this program " +
                  kOurs + ": compile it with this version's xentcheck/kernel.h"};
  }
  if (l.count == 0 || l.kernels == nullptr) throw Refusal{"brings no kernels"};
  Plugin plugin{word(l.version), {}};
  std::set<std::string> names;
  for (std::size_t i = 0; i < l.count; ++i) {
    plugin.kernels.push_back(read_kernel(l.kernels[i], i));
    const std::string name = plugin.kernels.back().name;
    if (!names.insert(name).second) throw Refusal{"brings two kernels named " + name};
  }
  return plugin;
}

const xentcheck_library* load_library(const char* file) {
  if (const std::string why = foreign_machine(file); !why.empty()) throw Refusal{why};
  void* const library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* const why = dlerror();
    throw Refusal{"cannot be loaded: " + word(why == nullptr ? "unknown reason" : why)};
  }
  void* const symbol = dlsym(library, "xentcheck_plugin");
  if (symbol == nullptr) {
    throw Refusal{"exports no xentcheck_plugin: see XENTCHECK_EXPORT_SIMPLE in xentcheck/kernel.h"};
  }
  const auto plugin = reinterpret_cast<xentcheck_plugin_function*>(symbol);
  return plugin(XENTCHECK_ABI_MAJOR, XENTCHECK_ABI_MINOR);
}

std::string describe(const Plugin& plugin) {
  std::string text = "library\t" + plugin.version + "\n";
  for (const xentcheck_kernel& k : plugin.kernels) {
    text += "kernel\t" + word(k.name) + "\t" + word(k.summary) + "\t" + word(k.dialect);
    for (const std::uint64_t number :
         {static_cast<std::uint64_t>(k.device), static_cast<std::uint64_t>(k.accuracy), k.promises,
          static_cast<std::uint64_t>(k.budget != nullptr),
          static_cast<std::uint64_t>(exponential(k))}) {
      text.append("\t").append(std::to_string(number));
    }
    text += "\n";
  }
  return text;
}

}  // namespace xent::process
