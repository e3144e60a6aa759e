// SPDX-License-Identifier: Apache-2.0
// The built-in kernels as a library of include/xentcheck/kernel.h: to be timed in a process of the
// same kind as a stranger's.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/kernel.h"
#include "impl/host_bodies.h"
#include "impl/registry.h"
#include "include/xentcheck/kernel.h"

namespace xent {
namespace {

/// A kernel on a problem, as text has it.
struct Prepared {
  const Kernel* kernel;
  Problem problem;
  int threads;
};

const std::vector<Kernel>& kernels() {
  static const std::vector<Kernel> all = builtin_kernels();
  return all;
}

int complain(xentcheck_message* m, int code, const std::string& text) {
  std::snprintf(m->text, m->size, "%s", text.c_str());
  return code;
}

int prepare(std::size_t index, const xentcheck_problem* p, int threads, void** state,
            xentcheck_message* m) {
  try {
    const Kernel& k = kernels().at(index);
    auto prepared = std::make_unique<Prepared>(Prepared{&k, parse_problem(p->text), threads});
    if (const Support s = k.supports(prepared->problem); !s) {
      return complain(m, XENTCHECK_UNSUPPORTED, s.reason);
    }
    if (!k.direct.takes(prepared->problem)) {
      return complain(m, XENTCHECK_UNSUPPORTED, "needs memory of its own for this type or layout");
    }
    *state = prepared.release();
    return XENTCHECK_OK;
  } catch (const std::exception& e) {
    return complain(m, XENTCHECK_FAILED, e.what());
  }
}

int launch(void* state, const xentcheck_problem*, const xentcheck_tensors* x, void*,
           xentcheck_message* m) {
  const auto& one = *static_cast<const Prepared*>(state);
  const CallMemory memory{x->input, x->target, x->weight, x->direction, x->upstream, x->loss,
                          x->grad};
  try {
    call_with_own_vectors(one.kernel->direct, one.problem, memory, one.threads);
    return XENTCHECK_OK;
  } catch (const std::exception& e) {
    return complain(m, XENTCHECK_FAILED, e.what());
  }
}

void release(void* state) { delete static_cast<Prepared*>(state); }

/// `prepare` gets no user data: a function for each kernel.
constexpr std::size_t kMost = 320;
using PrepareFunction = int (*)(const xentcheck_problem*, std::int32_t, void**,
                                xentcheck_message*);
template <std::size_t I>
int prepare_one(const xentcheck_problem* p, std::int32_t threads, void** state,
                xentcheck_message* m) {
  return prepare(I, p, threads, state, m);
}
template <std::size_t... I>
constexpr std::array<PrepareFunction, sizeof...(I)> prepares(std::index_sequence<I...>) {
  return {prepare_one<I>...};
}
constexpr auto kPrepares = prepares(std::make_index_sequence<kMost>());

/// Everything that the library says, in static memory.
struct Exported {
  std::vector<xentcheck_kernel> kernels;
  std::vector<const xentcheck_kernel*> pointers;
  xentcheck_library library{};

  Exported() {
    for (std::size_t i = 0; i < xent::kernels().size() && i < kMost; ++i) {
      const Kernel& k = xent::kernels()[i];
      if (!k.direct.call) continue;
      xentcheck_kernel out{};
      out.struct_size = sizeof out;
      out.name = k.name.c_str();
      out.summary = k.summary.c_str();
      out.promises = k.promises.in_place ? XENTCHECK_IN_PLACE : 0;
      out.prepare = kPrepares[i];
      out.launch = launch;
      out.release = release;
      kernels.push_back(out);
    }
    for (const xentcheck_kernel& k : kernels) pointers.push_back(&k);
    library = {sizeof library, XENTCHECK_ABI_MAJOR, XENTCHECK_ABI_MINOR, nullptr,
               pointers.size(), pointers.data()};
  }
};

}  // namespace
}  // namespace xent

const xentcheck_library* xentcheck_plugin(std::uint32_t major, std::uint32_t) {
  static const xent::Exported exported;
  return major == XENTCHECK_ABI_MAJOR ? &exported.library : nullptr;
}
