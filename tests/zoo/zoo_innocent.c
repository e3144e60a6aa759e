/* SPDX-License-Identifier: Apache-2.0 */
/* What libraries do by design. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/zoo/zoo.h"

#define HABIT(name) static void name(const xentcheck_problem* p, const xentcheck_tensors* x)
#define UNUSED (void)p, (void)x

static void* idle(void* unused) {
  for (;;) pause();
  return unused;
}
HABIT(keeps_threads) {
  static int begun;
  pthread_t thread;
  UNUSED;
  for (; begun < 2; ++begun) pthread_create(&thread, NULL, idle, NULL);
}
HABIT(reads_file) {
  char text[16];
  UNUSED;
  const int fd = open("/etc/hostname", O_RDONLY);
  if (fd < 0) return;
  if (read(fd, text, sizeof text) < 0) text[0] = 0;
  close(fd);
}
/* As a first call does that loads what it needs. */
HABIT(reads_many_files) {
  UNUSED;
  for (int i = 0; i < 200; ++i) {
    const int fd = open("/etc/hostname", O_RDONLY);
    if (fd >= 0) close(fd);
  }
}
HABIT(names_no_file) {
  const char* volatile nothing = NULL;
  UNUSED;
  if (open(nothing, O_RDONLY) != -1 || errno != EFAULT) abort();
  if (open((const char*)16, O_RDONLY) != -1 || errno != EFAULT) abort();
  if (unlink(nothing) != -1 || errno != EFAULT) abort();
}
HABIT(maps_code) {
  static void* code;
  UNUSED;
  if (code) return;
  code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
HABIT(writes_own_file) {
  char name[512];
  UNUSED;
  snprintf(name, sizeof name, "%s/cache", getenv("TMPDIR"));
  FILE* const f = fopen(name, "w");
  if (!f) abort();
  fputs("kept", f);
  fclose(f);
  if (unlink(name) != 0) abort();
}
HABIT(writes_null) {
  UNUSED;
  const int fd = open("/dev/null", O_WRONLY);
  if (fd < 0 || write(fd, "x", 1) != 1) abort();
  close(fd);
}
HABIT(makes_folders) {
  UNUSED;
  if (mkdir("/tmp", 0777) == 0) abort();
  if (mkdir(getenv("TMPDIR"), 0777) == 0) abort();
}
HABIT(names_threads) {
  pthread_t thread;
  UNUSED;
  if (pthread_create(&thread, NULL, idle, NULL) != 0) abort();
  if (pthread_setname_np(thread, "zoo") != 0) abort();
  pthread_cancel(thread);
  pthread_join(thread, NULL);
}
/* As the C library does for names of users. */
HABIT(asks_locally) {
  UNUSED;
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd >= 0) close(fd);
}
static volatile sig_atomic_t signals;
static void count(int signal) { signals += signal == SIGUSR1; }
HABIT(signals_itself) {
  UNUSED;
  signal(SIGUSR1, count);
  kill(getpid(), SIGUSR1);
  raise(SIGUSR1);
  if (syscall(SYS_tkill, syscall(SYS_gettid), SIGUSR1) != 0) abort();
}
HABIT(reserves_memory) {
  UNUSED;
  void* const much = malloc((size_t)2 << 30);
  if (!much) abort();
  *(volatile char*)much = 1;
  free(much);
}

const animal innocents[] = {{"keeps-threads", keeps_threads, 0, 0},
                            {"reads-file", reads_file, 0, 0},
                            {"reads-many-files", reads_many_files, 0, 0},
                            {"names-no-file", names_no_file, 0, 0},
                            {"maps-code", maps_code, 0, 0},
                            {"writes-own-file", writes_own_file, 0, 0},
                            {"writes-null", writes_null, 0, 0},
                            {"makes-folders", makes_folders, 0, 0},
                            {"names-threads", names_threads, 0, 0},
                            {"asks-locally", asks_locally, 0, 0},
                            {"signals-itself", signals_itself, 0, 0},
                            {"reserves-memory", reserves_memory, 0, 0},
                            {0, 0, 0, 0}};
