/* The few calls of WASI that the C library makes, answered here: the module imports none of them.
 * A call that is missing shows as an import of `wasi_snapshot_preview1`, which the build refuses. */
#include "engine.h"
#include <errno.h>
#include <wasi/api.h>

/* The C library's own names; pointers are numbers in them. */
#define WASI(name) __imported_wasi_snapshot_preview1_##name
#define MEMORY(type, address) ((type *)(uintptr_t)(address))

int32_t WASI(clock_time_get)(int32_t clock, int64_t precision, int32_t time) {
  /* Clocks all tell the run's time. */
  (void)clock, (void)precision;
  *MEMORY(uint64_t, time) = engine_now() * 1000000;
  return __WASI_ERRNO_SUCCESS;
}

/* What the C library prints, a failed assertion for one, is a line in the run's log. */
int32_t WASI(fd_write)(int32_t fd, int32_t parts, int32_t count, int32_t written) {
  if (fd != 1 && fd != 2) return __WASI_ERRNO_BADF;
  const __wasi_ciovec_t *part = MEMORY(const __wasi_ciovec_t, parts);
  size_t total = 0;
  for (int32_t i = 0; i < count; i++) {
    size_t length = part[i].buf_len;
    total += length;
    if (length && part[i].buf[length - 1] == '\n') length--;
    if (length)
      engine_log(fd == 1 ? PAWL_WORKFLOW_LOG_LEVEL_INFO : PAWL_WORKFLOW_LOG_LEVEL_ERROR, (const char *)part[i].buf, length);
  }
  *MEMORY(size_t, written) = total;
  return __WASI_ERRNO_SUCCESS;
}

/* There are no files. */
/* The C library's `close` itself: zig's has an import of its own. */
int close(int fd) { (void)fd; errno = EBADF; return -1; }
int32_t WASI(fd_fdstat_get)(int32_t fd, int32_t stat) { (void)fd, (void)stat; return __WASI_ERRNO_BADF; }
int32_t WASI(fd_seek)(int32_t fd, int64_t offset, int32_t whence, int32_t at) {
  (void)fd, (void)offset, (void)whence, (void)at;
  return __WASI_ERRNO_SPIPE;
}
