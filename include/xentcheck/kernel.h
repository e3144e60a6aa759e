/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XENTCHECK_KERNEL_H
#define XENTCHECK_KERNEL_H

/* The C ABI of xentcheck: a shared library that exports `xentcheck_plugin` brings cross-entropy
 * kernels to be verified and timed. C11 or C++11, and nothing but this header.
 *
 *   int my_ce(const float* logits, const int64_t* labels, int64_t n, int64_t v, float* loss,
 *             float* grad);
 *   XENTCHECK_EXPORT_SIMPLE(my_ce)
 *
 *   cc -shared -fPIC my_ce.c -o libmy_ce.so && xentcheck verify --library ./libmy_ce.so
 *
 * Compatibility. Every struct begins with `struct_size`: the number of bytes that its author knew,
 * sizeof. A side reads no field beyond the other's struct_size; what is missing has its default, 0
 * or NULL, which never changes the meaning of what is there. Fields are only ever appended, values
 * of enumerations only ever added; then the minor version grows. A change of meaning makes a new
 * major version, and libraries of another major version are refused. While the major version is 0 a
 * minor version may break, and then says so here.
 *
 * Calls come from one thread at a time, in a process of the library's own; kernels may have threads
 * of their own. That process may read files and map code; it may not write outside its folder for
 * temporary files (TMPDIR), open sockets, start processes or signal others: that is reported as a
 * failure. */

#include <stddef.h>
#include <stdint.h>

#define XENTCHECK_ABI_MAJOR 0
#define XENTCHECK_ABI_MINOR 2

#if defined(_WIN32)
#define XENTCHECK_EXPORT_ATTRIBUTE __declspec(dllexport)
#else
#define XENTCHECK_EXPORT_ATTRIBUTE __attribute__((visibility("default")))
#endif
#ifdef __cplusplus
#define XENTCHECK_EXPORT extern "C" XENTCHECK_EXPORT_ATTRIBUTE
extern "C" {
#else
#define XENTCHECK_EXPORT XENTCHECK_EXPORT_ATTRIBUTE
#endif

/* What is computed of a row; formulas and gradients of every operation and option: core/OPTIONS.md
 * of xentcheck. */
enum {
  XENTCHECK_OP_CE = 0,            /* softmax cross-entropy of logits */
  XENTCHECK_OP_BCE_LOGITS = 1,    /* binary, class by class */
  XENTCHECK_OP_BCE_PROB = 2,
  XENTCHECK_OP_ENTROPY = 3,       /* H(p), p = input */
  XENTCHECK_OP_CROSS_ENTROPY = 4, /* H(p, q), q = input, p = target */
  XENTCHECK_OP_KL = 5,            /* KL(p || q), q = input, p = target */
  XENTCHECK_OP_LSE = 6,
  XENTCHECK_OP_NLL = 7,           /* of log-probabilities */
  XENTCHECK_OP_MSE_SOFTMAX = 8,
  XENTCHECK_OP_MSE_SIGMOID = 9
};
enum {
  XENTCHECK_DIR_FWD = 0,
  XENTCHECK_DIR_BWD = 1,
  XENTCHECK_DIR_FWDBWD = 2,
  XENTCHECK_DIR_HVP = 3 /* grad holds the Hessian times direction */
};
enum { XENTCHECK_TARGETS_INDEX = 0, XENTCHECK_TARGETS_PROB = 1 };
enum { XENTCHECK_REDUCTION_NONE = 0, XENTCHECK_REDUCTION_SUM = 1, XENTCHECK_REDUCTION_MEAN = 2 };
/* What a mean divides by: rows that are not ignored (their weights' sum), N, each sequence's own
 * count, denominator_value. */
enum {
  XENTCHECK_DENOMINATOR_VALID = 0,
  XENTCHECK_DENOMINATOR_ROWS = 1,
  XENTCHECK_DENOMINATOR_SEQUENCE = 2,
  XENTCHECK_DENOMINATOR_NUMBER = 3
};
enum { XENTCHECK_UPSTREAM_ONE = 0, XENTCHECK_UPSTREAM_SCALAR = 1, XENTCHECK_UPSTREAM_ROW = 2 };
enum { XENTCHECK_LAYOUT_NC = 0, XENTCHECK_LAYOUT_BCT = 1, XENTCHECK_LAYOUT_BTV = 2 };
enum { XENTCHECK_UNIT_NATS = 0, XENTCHECK_UNIT_BITS = 1, XENTCHECK_UNIT_PERPLEXITY = 2 };
enum {
  XENTCHECK_DTYPE_DEFAULT = -1, /* accumulate: the kernel chooses */
  XENTCHECK_DTYPE_F32 = 0,
  XENTCHECK_DTYPE_F64 = 1,
  XENTCHECK_DTYPE_F16 = 2,
  XENTCHECK_DTYPE_BF16 = 3
};

/* What to compute, without data. */
typedef struct xentcheck_problem {
  size_t struct_size;
  const char* text;    /* the same in xentcheck's grammar: `op=ce n=4 v=10 dtype=f32 dir=fwd` */
  const char* dialect; /* answers to edge questions: "math", "pytorch", ... */
  int32_t op;
  int32_t dir;
  int64_t n; /* rows, >= 0 */
  int64_t v; /* classes, >= 1 */
  int64_t t; /* positions in a sequence, divides n; 1: no sequences */
  int64_t stride; /* elements from row to row of input, vector target, direction and grad; >= v
                     (layout bct: v, and rows are not contiguous) */
  int32_t layout;
  int32_t targets;
  int32_t reduction;
  int32_t denominator;
  double denominator_value;
  int64_t ignore_index; /* only where has_ignore_index */
  int32_t has_ignore_index;
  int32_t shift;   /* position k is scored by the label at k + 1 */
  int32_t weights; /* class weights are given */
  int32_t upstream;
  double smoothing; /* label smoothing in [0, 1]; 0: off */
  double z_loss;    /* adds z_loss * lse^2; 0: off */
  double softcap;   /* logits become softcap * tanh(x / softcap); 0: off */
  double scale;     /* logits are multiplied by it first; 1: off */
  int32_t dtype;      /* of input, vector target, weight, direction, upstream */
  int32_t accumulate; /* asked of the kernel's arithmetic */
  int32_t output;     /* of loss and grad; never DEFAULT */
  int32_t unit;
} xentcheck_problem;

/* One call's memory: on the kernel's device, aligned to its element type alone. NULL where the
 * problem has or asks for none. Nothing outside these arrays may be read or written; inputs may not
 * be written, and row padding belongs to nobody. Where the kernel promises in-place, grad may be
 * input itself. */
typedef struct xentcheck_tensors {
  size_t struct_size;
  const void* input;     /* [N, V] logits, log-probabilities or probabilities */
  const void* target;    /* int64_t [N] class indices, or [N, V] of dtype */
  const void* weight;    /* [V] */
  const void* direction; /* [N, V], dir=hvp */
  const void* upstream;  /* [1] or [N] */
  void* loss;            /* [N], or [1] with a reduction */
  void* grad;            /* [N, V] */
  void* workspace;       /* workspace_bytes, aligned to 64; holds rubbish */
} xentcheck_tensors;

/* Return codes. From supports and prepare UNSUPPORTED and UNAVAILABLE make a skip, with the text as
 * its reason. Any other number, and from launch and wait any but OK, is a failure with the text. */
enum {
  XENTCHECK_OK = 0,
  XENTCHECK_FAILED = 1,
  XENTCHECK_UNSUPPORTED = 2, /* this problem: a choice of the kernel */
  XENTCHECK_UNAVAILABLE = 3, /* no such device, driver or instruction set on this machine */
  XENTCHECK_OUT_OF_MEMORY = 4
};

/* Text for people: at most `size` bytes, zero at the end (snprintf does it). */
typedef struct xentcheck_message {
  size_t struct_size;
  char* text;
  size_t size;
} xentcheck_message;

enum { XENTCHECK_DEVICE_CPU = 0, XENTCHECK_DEVICE_CUDA = 1 };

/* Promises: bits. Without one the same property is judged within the error bounds. */
enum {
  XENTCHECK_REPEATABLE = 1 << 0,          /* same bytes, same address modulo 4096: same bits */
  XENTCHECK_BATCH_INVARIANT = 1 << 1,     /* a row's result depends on no other row, nor on N */
  XENTCHECK_ALIGNMENT_INVARIANT = 1 << 2, /* nor on the address */
  XENTCHECK_THREAD_INVARIANT = 1 << 3,    /* nor on the number of threads */
  XENTCHECK_SHIFT_EXACT = 1 << 4, /* exact shifts of the logits leave the loss bits alone */
  XENTCHECK_SIGN_EXACT = 1 << 5,  /* signs and |gradient| <= 1 hold exactly */
  XENTCHECK_IN_PLACE = 1 << 6     /* the gradient may overwrite the logits */
};

/* How accuracy is judged. STANDARD: accumulation in float (double for double) in any order, lse
 * minus logit, naive target gradient. RELATIVE: the same with the accurate target forms. DECLARED:
 * by the kernel's own error budget. */
enum { XENTCHECK_STANDARD = 0, XENTCHECK_RELATIVE = 1, XENTCHECK_DECLARED = 2 };

enum {
  XENTCHECK_SUM_ANY = 0,
  XENTCHECK_SUM_SEQUENTIAL = 1,
  XENTCHECK_SUM_LANES = 2,
  XENTCHECK_SUM_BLOCKED = 3, /* runs of `block`, then run totals, in each of `lanes` */
  XENTCHECK_SUM_PAIRWISE = 4, /* runs of `block`, then a tree of totals, in each of `lanes` */
  XENTCHECK_SUM_COMPENSATED = 5,
  /* leaves of `lanes` * `block` elements, each `lanes` runs and a tree; of their totals number i
   * mod 32 in order, then a tree of these 32 */
  XENTCHECK_SUM_LEAVES = 6
};
/* With m = max, s = sum exp(z - m), t = s without the target: any; (m - z_y) + log s;
 * (m + log s) - z_y; log1p(t / e_y) where y is a maximum, else as SHIFTED. */
enum {
  XENTCHECK_LOSS_ANY = 0,
  XENTCHECK_LOSS_SHIFTED = 1,
  XENTCHECK_LOSS_LSE = 2,
  XENTCHECK_LOSS_ACCURATE = 3
};
enum {
  XENTCHECK_GRAD_ANY = 0,
  XENTCHECK_GRAD_QUOTIENT = 1,   /* e_j / s */
  XENTCHECK_GRAD_DIFFERENCE = 2, /* exp(z_j - lse) */
  XENTCHECK_GRAD_SHIFTED = 3     /* exp((z_j - m) - log s) */
};
enum {
  XENTCHECK_TARGET_ANY = 0,
  XENTCHECK_TARGET_NAIVE = 1,   /* p_y - 1 */
  XENTCHECK_TARGET_ACCURATE = 2 /* -t / s */
};
enum {
  XENTCHECK_KL_ANY = 0,
  XENTCHECK_KL_DIFFERENCE = 1, /* p (log p - log q) */
  XENTCHECK_KL_QUOTIENT = 2,   /* p log(p / q) */
  XENTCHECK_KL_ACCURATE = 3    /* p log1p((p - q) / q) where p / q is in [1/2, 2] */
};

/* What is subtracted before the exponential. TARGET, of ce with one class as target and without
 * smoothing: the target's logit z_y, while S = sum over j != y of exp(z_j - z_y) is above 0 and
 * below shift_limit as computed; y is skipped in the sum, the loss is log1p(S), the gradient
 * e_j / (1 + S) or e_j times a rounded reciprocal, the target's -S / (1 + S). Other rows: the
 * maximum. */
enum { XENTCHECK_SHIFT_MAXIMUM = 0, XENTCHECK_SHIFT_TARGET = 1 };

/* What a kernel's arithmetic may do, in units of u, the unit roundoff of `accumulate`: a bound for
 * each output follows from it. Begin with XENTCHECK_BUDGET. */
typedef struct xentcheck_budget {
  size_t struct_size;
  double exp_rel, exp_arg; /* |exp^(d) / exp(d) - 1| <= (exp_rel + exp_arg |d|) u */
  double log_rel, log_abs; /* |log^(s) - log s| <= (log_rel |log s| + log_abs) u */
  double tanh_rel;         /* relative, of tanh (softcap) */
  int32_t sum, rows;       /* order of a row's sum, and of a sum over rows */
  int64_t lanes, block;
  int32_t online; /* running maximum: a rescale at each step in the worst case */
  int32_t loss, grad, target, kl;
  int32_t accumulate, output; /* dtypes */
  int32_t flush_to_zero;
  double exp_cutoff; /* the least argument for which exp is not replaced by 0; none: -HUGE_VAL */
  int32_t shift;
  double shift_limit; /* of XENTCHECK_SHIFT_TARGET, >= 2 */
} xentcheck_budget;

/* One kernel. Functions that may be NULL say so. */
typedef struct xentcheck_kernel {
  size_t struct_size;
  const char* name;    /* algorithm[/isa]: letters, digits, '-', '_', '.', '/' */
  const char* summary; /* one line, or NULL */
  const char* dialect; /* whose edge answers the kernel gives; NULL: those of whatever is asked */
  int32_t device;
  int32_t accuracy;
  uint64_t promises;
  /* NULL: every problem. Without side effects. */
  int (*supports)(const xentcheck_problem*, xentcheck_message*);
  /* With accuracy DECLARED; else NULL. The struct comes with defaults filled in. */
  int (*budget)(const xentcheck_problem*, xentcheck_budget*);
  /* Not timed: plans, compiles, allocates. NULL: nothing to prepare. `threads` >= 1. The problem
   * lives until release. */
  int (*prepare)(const xentcheck_problem*, int32_t threads, void** state, xentcheck_message*);
  /* After prepare; NULL: none. */
  size_t (*workspace_bytes)(void* state);
  /* The timed call; may return before the work is done. `stream` is the device's, NULL on the CPU.
   * Called any number of times, each with other memory. */
  int (*launch)(void* state, const xentcheck_problem*, const xentcheck_tensors*, void* stream,
                xentcheck_message*);
  /* Waits for the work of the stream; NULL: launch has done it. */
  int (*wait)(void* state, void* stream, xentcheck_message*);
  void (*release)(void* state); /* NULL: nothing to release */
  /* The binary32 exponential that the kernel computes with, y[i] = exp^(x[i]), so that it can be
   * tried on every argument there is; NULL: not shown. */
  void (*exponential)(const float* x, float* y, size_t count);
  int32_t exponential_positive; /* the kernel calls it above 0, too */
} xentcheck_kernel;

typedef struct xentcheck_library {
  size_t struct_size;
  uint32_t abi_major, abi_minor; /* XENTCHECK_ABI_MAJOR, XENTCHECK_ABI_MINOR */
  const char* version;           /* of the library; or NULL */
  size_t count;
  const xentcheck_kernel* const* kernels;
} xentcheck_library;

/* What the library exports, in static memory. A library that cannot serve the caller's major
 * version returns NULL. */
typedef const xentcheck_library* xentcheck_plugin_function(uint32_t major, uint32_t minor);
XENTCHECK_EXPORT const xentcheck_library* xentcheck_plugin(uint32_t major, uint32_t minor);

#ifdef __cplusplus
}
#endif

/* Problems that a plain function of contiguous float rows and class indices can take: losses of
 * each row, gradients, or both. */
static inline int xentcheck_is_simple(const xentcheck_problem* p) {
  return p->op == XENTCHECK_OP_CE && p->dtype == XENTCHECK_DTYPE_F32 &&
         p->output == XENTCHECK_DTYPE_F32 && p->accumulate != XENTCHECK_DTYPE_F64 &&
         p->dir != XENTCHECK_DIR_HVP && p->targets == XENTCHECK_TARGETS_INDEX &&
         p->layout == XENTCHECK_LAYOUT_NC && p->stride == p->v &&
         p->reduction == XENTCHECK_REDUCTION_NONE && p->upstream == XENTCHECK_UPSTREAM_ONE &&
         p->unit == XENTCHECK_UNIT_NATS && !p->has_ignore_index && !p->shift && !p->weights &&
         p->smoothing == 0 && p->z_loss == 0 && p->softcap == 0 && p->scale == 1;
}

/* Makes a library of one function, `int function(const float* logits, const int64_t* labels,
 * int64_t n, int64_t v, float* loss, float* grad)`: logits [n, v], labels [n], loss [n], grad
 * [n, v]; loss or grad is NULL where it is not asked for; returns 0, or an error. Once in a
 * library. */
#define XENTCHECK_EXPORT_SIMPLE(function)                                                          \
  static int xentcheck_supports_simple(const xentcheck_problem* p, xentcheck_message* m) {         \
    static const char why[] = "takes plain float rows with class indices only";                    \
    size_t i = 0;                                                                                  \
    if (xentcheck_is_simple(p)) return XENTCHECK_OK;                                               \
    for (; i + 1 < m->size && why[i] != '\0'; ++i) m->text[i] = why[i];                            \
    if (m->size > 0) m->text[i] = '\0';                                                            \
    return XENTCHECK_UNSUPPORTED;                                                                  \
  }                                                                                                \
  static int xentcheck_launch_simple(void* state, const xentcheck_problem* p,                      \
                                     const xentcheck_tensors* x, void* stream,                     \
                                     xentcheck_message* m) {                                       \
    (void)state, (void)stream, (void)m;                                                            \
    return function((const float*)x->input, (const int64_t*)x->target, p->n, p->v,                 \
                    (float*)x->loss, (float*)x->grad);                                             \
  }                                                                                                \
  XENTCHECK_EXPORT const xentcheck_library* xentcheck_plugin(uint32_t major, uint32_t minor) {     \
    static const xentcheck_kernel kernel = {                                                       \
        sizeof(xentcheck_kernel), #function, NULL, NULL, XENTCHECK_DEVICE_CPU, XENTCHECK_STANDARD, \
        0, xentcheck_supports_simple, NULL, NULL, NULL, xentcheck_launch_simple, NULL, NULL, NULL, \
        0};                                                                                        \
    static const xentcheck_kernel* const kernels[] = {&kernel};                                    \
    static const xentcheck_library library = {                                                     \
        sizeof(xentcheck_library), XENTCHECK_ABI_MAJOR, XENTCHECK_ABI_MINOR, NULL, 1, kernels};    \
    (void)minor;                                                                                   \
    return major == XENTCHECK_ABI_MAJOR ? &library : NULL;                                         \
  }

#endif
