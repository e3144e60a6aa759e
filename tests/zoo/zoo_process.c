/* SPDX-License-Identifier: Apache-2.0 */
/* What a kernel must not do to its process, to others and to the file system. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/zoo/zoo.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#define VICE(name) static void name(const xentcheck_problem* p, const xentcheck_tensors* x)
#define UNUSED (void)p, (void)x

VICE(aborts) { UNUSED; abort(); }
VICE(divides_by_zero) { UNUSED; raise(SIGFPE); }
VICE(exits) { UNUSED; exit(0); }
VICE(exits_at_once) { UNUSED; _exit(0); }

static int deep(const volatile char* above, int64_t left) {
  volatile char frame[4096];
  frame[0] = above[0];
  return left == 0 ? 0 : deep(frame, left - 1) + frame[0];
}
VICE(overflows_stack) {
  const char c = 1;
  UNUSED;
  deep(&c, INT64_MAX);
}
static volatile int* volatile nowhere = (volatile int*)16;
VICE(reads_null) {
  UNUSED;
  (void)*nowhere;
}
VICE(loops) {
  UNUSED;
  for (volatile uint64_t i = 0;; ++i) {
  }
}
VICE(waits) {
  UNUSED;
  for (;;) pause();
}
VICE(forks) {
  UNUSED;
  const pid_t child = fork();
  if (child == 0) _exit(0);
  if (child > 0) waitpid(child, NULL, 0);
}
VICE(vforks) {
  UNUSED;
  const pid_t child = vfork();
  if (child == 0) _exit(0);
}
VICE(executes) {
  char* const words[] = {"true", NULL};
  UNUSED;
  execv("/bin/true", words);
}
VICE(connects) {
  UNUSED;
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd >= 0) close(fd);
}
VICE(writes_file) {
  UNUSED;
  FILE* const f = fopen("zoo-was-here", "w");
  if (f) fclose(f);
}
VICE(removes_file) {
  UNUSED;
  unlink("/etc/zoo-never-was");
}
VICE(moves_file) {
  char name[512];
  UNUSED;
  snprintf(name, sizeof name, "%s/moved", getenv("TMPDIR"));
  rename("zoo-keeps-this", name);
}
VICE(climbs_out) {
  char name[512];
  UNUSED;
  snprintf(name, sizeof name, "%s/..", getenv("TMPDIR"));
  chmod(name, 0700);
}
VICE(reads_judge) {
  char name[64];
  UNUSED;
  snprintf(name, sizeof name, "/proc/%d/mem", (int)getppid());
  const int fd = open(name, O_RDONLY);
  if (fd >= 0) close(fd);
}
VICE(closes_files) {
  UNUSED;
  for (int fd = 3; fd < 16; ++fd) close(fd);
}
VICE(kills_parent) {
  UNUSED;
  kill(getppid(), SIGKILL);
}
VICE(allocates) {
  UNUSED;
  for (;;) memset(malloc(64 << 20), 1, 64 << 20);
}
VICE(floods_stdout) {
  UNUSED;
  for (int i = 0; i < 1000; ++i) puts("\x01\x02 garbage \xff");
  fflush(stdout);
}
VICE(floods_for_ever) {
  static char much[1 << 20];
  UNUSED;
  while (write(STDOUT_FILENO, much, sizeof much) >= 0) {
  }
}
VICE(flushes_to_zero) {
  UNUSED;
#if defined(__x86_64__)
  _mm_setcsr(_mm_getcsr() | 0x8040);
#endif
}

static float* late_grad;
static void* write_late(void* unused) {
  const struct timespec nap = {0, 5000000};
  nanosleep(&nap, NULL);
  late_grad[0] = 7;
  return unused;
}
VICE(writes_late) {
  pthread_t thread;
  if (x->grad == NULL || p->n == 0) return;
  late_grad = x->grad;
  if (pthread_create(&thread, NULL, write_late, NULL) == 0) pthread_detach(thread);
}

static void endure(int signal) { (void)signal; }
VICE(catches_crashes) {
  signal(SIGSEGV, endure);
  signal(SIGABRT, endure);
  UNUSED;
  abort();
}
VICE(raises_fault) { UNUSED; raise(SIGSEGV); }
static void* die(void* unused) {
  *nowhere = 1;
  return unused;
}
VICE(dies_in_a_thread) {
  pthread_t thread;
  UNUSED;
  if (pthread_create(&thread, NULL, die, NULL) == 0) pthread_join(thread, NULL);
}
static sigjmp_buf before_fault;
static void escape(int signal) { siglongjmp(before_fault, signal); }
VICE(hides_faults) {
  signal(SIGSEGV, escape);
  if (sigsetjmp(before_fault, 1) == 0) (void)((const volatile float*)x->input)[p->n * p->v + 4096];
}
VICE(spawns_a_shell) {
  UNUSED;
  if (system("true") != 0) return;
}

const animal breakers[] = {{"aborts", aborts, 0, 0},
                           {"traps", divides_by_zero, 0, 0},
                           {"exits", exits, 0, 0},
                           {"exits-at-once", exits_at_once, 0, 0},
                           {"overflows-stack", overflows_stack, 0, 0},
                           {"reads-null", reads_null, 0, 0},
                           {"loops", loops, 0, 0},
                           {"waits", waits, 0, 0},
                           {"forks", forks, 0, 0},
                           {"vforks", vforks, 0, 0},
                           {"moves-file", moves_file, 0, 0},
                           {"climbs-out", climbs_out, 0, 0},
                           {"reads-judge", reads_judge, 0, 0},
                           {"closes-files", closes_files, 0, 0},
                           {"raises-fault", raises_fault, 0, 0},
                           {"dies-in-a-thread", dies_in_a_thread, 0, 0},
                           {"hides-faults", hides_faults, 0, 0},
                           {"floods-for-ever", floods_for_ever, 0, 0},
                           {"executes", executes, 0, 0},
                           {"connects", connects, 0, 0},
                           {"writes-file", writes_file, 0, 0},
                           {"removes-file", removes_file, 0, 0},
                           {"kills-parent", kills_parent, 0, 0},
                           {"allocates", allocates, 0, 0},
                           {"floods-stdout", floods_stdout, 0, 0},
                           {"flushes-to-zero", 0, flushes_to_zero, 0},
                           {"writes-late", 0, writes_late, 0},
                           {"catches-crashes", catches_crashes, 0, 0},
                           {"spawns-a-shell", spawns_a_shell, 0, 0},
                           {0, 0, 0, 0}};
