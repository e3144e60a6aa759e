// SPDX-License-Identifier: Apache-2.0
#include "impl/host_bodies.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/dtype.h"
#include "impl/row_formulas.h"

namespace xent {
namespace {

constexpr std::size_t kAtOnce = 256;

/// step(i, k) for elements i to i + k of `size`.
template <class Step>
void in_steps(std::size_t size, Step step) {
  for (std::size_t i = 0; i < size; i += kAtOnce) step(i, std::min(kAtOnce, size - i));
}

template <class T>
std::vector<T> loaded(const void* from, DType dtype, std::int64_t size) {
  std::vector<T> to(static_cast<std::size_t>(size));
  std::array<double, kAtOnce> x;
  in_steps(to.size(), [&](std::size_t i, std::size_t k) {
    load(static_cast<const std::byte*>(from) + i * size_of(dtype), dtype, {x.data(), k});
    std::transform(x.data(), x.data() + k, to.data() + i, [](double a) { return T(a); });
  });
  return to;
}

template <class T>
void store(const std::vector<T>& from, void* to, DType dtype) {
  std::array<double, kAtOnce> x;
  in_steps(from.size(), [&](std::size_t i, std::size_t k) {
    std::copy_n(from.data() + i, k, x.data());
    store(static_cast<std::byte*>(to) + i * size_of(dtype), dtype, {x.data(), k});
  });
}

template <class T>
void call_with_vectors_of(const DirectCall& direct, const Problem& p, CallMemory m, int threads) {
  const DType working = working_dtype(p), out = p.output_dtype();
  std::vector<T> weight, upstream, loss;
  if (p.dtype != working && m.weight != nullptr) {
    weight = loaded<T>(m.weight, p.dtype, p.v);
    m.weight = weight.data();
  }
  if (p.dtype != working && m.upstream != nullptr) {
    upstream = loaded<T>(m.upstream, p.dtype, p.upstream == Upstream::row ? p.n : 1);
    m.upstream = upstream.data();
  }
  void* const theirs = m.loss;
  if (out != working && theirs != nullptr) {
    loss.resize(static_cast<std::size_t>(p.loss_size()));
    m.loss = loss.data();
  }
  direct.call(p, m, threads);
  if (m.loss != theirs) store(loss, theirs, out);
}

bool takes(const HostBodies& bodies, const Problem& p) {
  if (is_native(bodies, p)) return true;
  const DType working = working_dtype(p);
  return p.layout != Layout::bct && p.dtype == working &&
         (!p.wants_grad() || p.output_dtype() == working);
}

}  // namespace

bool is_native(const HostBodies& bodies, const Problem& p) {
  return bodies.native && bodies.takes_native && working_dtype(p) == DType::f32 &&
         p.layout != Layout::bct && p.dir != Dir::hvp && bodies.takes_native(p);
}

void call_body(const HostBodies& bodies, const Problem& p, const CallMemory& m, int threads) {
  if (is_native(bodies, p)) bodies.native(native_view(p, m, threads));
  else if (working_dtype(p) == DType::f32) bodies.f32(row_view<float>(p, m, threads));
  else bodies.f64(row_view<double>(p, m, threads));
}

DirectCall direct_call(HostBodies bodies) {
  DirectCall direct;
  direct.takes = [bodies](const Problem& p) { return takes(bodies, p); };
  direct.call = [bodies = std::move(bodies)](const Problem& p, const CallMemory& m, int threads) {
    call_body(bodies, p, m, threads);
  };
  return direct;
}

void call_with_own_vectors(const DirectCall& direct, const Problem& p, const CallMemory& m,
                           int threads) {
  if (working_dtype(p) == DType::f32) call_with_vectors_of<float>(direct, p, m, threads);
  else call_with_vectors_of<double>(direct, p, m, threads);
}

}  // namespace xent
