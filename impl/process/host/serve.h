// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "include/xentcheck/kernel.h"

/// The host's side of protocol.h, in C linkage because the Python host calls it too. Standard
/// library and system only: what runs beside a stranger's kernel holds nothing of the judge.

#ifdef __cplusplus
extern "C" {
#endif

/// Around the timed launch of a kernel that is not C: `stage` makes the callee's views of a call's
/// memory, `collect` stores what it returned. Not timed. Codes and text as launch.
typedef struct xentcheck_hooks {
  int (*stage)(void* state, const xentcheck_problem*, const xentcheck_tensors*,
               xentcheck_message*);
  int (*collect)(void* state, const xentcheck_problem*, const xentcheck_tensors*,
                 xentcheck_message*);
} xentcheck_hooks;

/// What the process may do. c: filtered from before the library is loaded; python: from `serve` on,
/// when the interpreter has imported and called what it wants to; gpu: as python, device files may
/// be opened.
enum { XENTCHECK_POLICY_C = 0, XENTCHECK_POLICY_PYTHON = 1, XENTCHECK_POLICY_GPU = 2 };

/// First of all: dies with the parent, reserves the region, limits (no core files; data segment of
/// `memory_bytes` unless 0), signal handlers, and with policy c the filter.
void xentcheck_host_start(int policy, uint64_t memory_bytes);

/// While it is loaded: from here to `serve` programs may be waited for.
void xentcheck_host_warm_up(void);

/// Says hello and serves until the parent has had enough; returns the process's exit code.
int xentcheck_host_serve(const xentcheck_library* library, const xentcheck_hooks* hooks);

/// Says hello with an error and returns the exit code.
int xentcheck_host_refuse(int code, const char* text);

/// Any time during a call: a fact for the findings, id in dotted kebab case. Sent with the reply.
void xentcheck_host_remark(const char* id, const char* message);

#ifdef __cplusplus
}
#endif
