/* Stands between a gateway and its disk and clock (LD_PRELOAD): writes down what was written and what was synced, fails
   on demand, forgets to sync on demand, and tells another time.

   FAULT_ROOT     only files below this folder are its business
   FAULT_TAPE     the file that everything is written down in (see tape.py); none: nothing is
   FAULT_CONTROL  a file of 64-bit numbers that the campaign changes while the gateway runs (see shim.py)

   A write is put on the tape after it happened and before its caller learns so; a sync when it begins and when it ends.
   So whatever followed from a call stands on the tape behind it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { CLOCK_NS, SYNC_PERMILLE, WRITE_PERMILLE, SHORT_PERMILLE, ERROR, SWALLOW, TARGET, INJECTED, DRAWN, SEED, CONTROLS };
enum { VAULT = 1, SQLITE = 2, FOLDER = 4, OTHER = 8 };
enum { OPEN = 1, WRITE, CUT, SYNC_BEGINS, SYNC_ENDS, RENAME, UNLINK, MKDIR, RMDIR, LINK };

static const char *root;
static size_t root_length;
static int tape = -1;
static int64_t nothing[CONTROLS];
static volatile int64_t *control = nothing;
static uint64_t spans;

struct record {
  uint32_t magic, kind;
  int64_t at_ns;
  uint64_t inode;
  int64_t offset, length;
  uint64_t span;
  uint32_t path, other;
};

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
  const char *path;
  root = getenv("FAULT_ROOT");
  root_length = root ? strlen(root) : 0;
  if ((path = getenv("FAULT_TAPE")) && *path)
    tape = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if ((path = getenv("FAULT_CONTROL")) && *path) {
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
      void *shared = mmap(NULL, sizeof nothing, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      if (shared != MAP_FAILED) control = shared;
      syscall(SYS_close, fd);
    }
  }
}

/* ---- whose file is it? */

static int is_ours(const char *path) {
  return root && !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

static int path_of(int fd, char *path) {
  char link[64];
  int kept = errno;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  errno = kept;
  if (length <= 0) return 0;
  path[length] = 0;
  return is_ours(path);
}

static int resolved(int folder, const char *name, char *path) {
  char base[PATH_MAX];
  if (name[0] == '/') {
    snprintf(path, PATH_MAX, "%s", name);
  } else {
    if (folder == AT_FDCWD) {
      if (!getcwd(base, sizeof base)) return 0;
    } else {
      char link[64];
      snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
      ssize_t length = readlink(link, base, sizeof base - 1);
      if (length <= 0) return 0;
      base[length] = 0;
    }
    if (snprintf(path, PATH_MAX, "%s/%s", base, name) >= PATH_MAX) return 0;
  }
  return is_ours(path);
}

static int class_of(int fd, const char *path) {
  struct stat state;
  if (strstr(path, "-shm")) return OTHER;
  if (!fstat(fd, &state) && S_ISDIR(state.st_mode)) return FOLDER;
  if (strstr(path + root_length, "/vault/")) return VAULT;
  if (strstr(path + root_length, ".sqlite")) return strstr(path, ".turn") ? OTHER : SQLITE;
  return OTHER;
}

/* ---- the tape */

static void note(int kind, int fd, int64_t offset, int64_t length, uint64_t span, const char *path, const char *other,
                 const struct iovec *data, int parts) {
  if (tape < 0) return;
  int kept = errno;
  struct stat state = {0};
  struct timespec now;
  if (fd >= 0) fstat(fd, &state);
  syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
  struct record record = {0x7461706e, kind, now.tv_sec * 1000000000LL + now.tv_nsec, state.st_ino, offset, length, span,
                          path ? strlen(path) : 0, other ? strlen(other) : 0};
  struct iovec all[IOV_MAX];
  int count = 0;
  all[count++] = (struct iovec){&record, sizeof record};
  if (path) all[count++] = (struct iovec){(void *)path, record.path};
  if (other) all[count++] = (struct iovec){(void *)other, record.other};
  int64_t left = kind == WRITE ? length : 0;
  for (int i = 0; i < parts && left > 0 && count < IOV_MAX; i++) {
    size_t taken = data[i].iov_len < (size_t)left ? data[i].iov_len : (size_t)left;
    if (taken) all[count++] = (struct iovec){data[i].iov_base, taken};
    left -= taken;
  }
  /* One call, so that the tapes of many threads and processes do not mix: the file is opened for appending. */
  ssize_t whole = sizeof record + record.path + record.other + (kind == WRITE ? length : 0);
  if (left > 0 || syscall(SYS_writev, tape, all, count) != whole) {
    static const char torn[] = "fault shim: the tape is torn\n";
    syscall(SYS_write, 2, torn, sizeof torn - 1);
    abort();
  }
  errno = kept;
}

/* ---- faults */

static int drawn(int64_t permille) {
  if (permille <= 0) return 0;
  uint64_t x = (uint64_t)control[SEED] + 0x9e3779b97f4a7c15ULL * (uint64_t)__sync_add_and_fetch(&control[DRAWN], 1);
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  x ^= x >> 31;
  return (int64_t)(x % 1000) < permille;
}

static int struck(int which, int class) {
  if (!(control[TARGET] & class) || !drawn(control[which])) return 0;
  __sync_add_and_fetch(&control[INJECTED], 1);
  return 1;
}

/* ---- opening */

static int opened(int folder, const char *name, int flags, mode_t mode) {
  int existed = 1;
  if (root && (flags & O_CREAT)) {
    int kept = errno;
    existed = !faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW);
    errno = kept;
  }
  int fd = syscall(SYS_openat, folder, name, flags, mode);
  char path[PATH_MAX];
  if (fd >= 0 && tape >= 0 && path_of(fd, path)) {
    note(OPEN, fd, flags, !existed, 0, path, NULL, NULL, 0);
    if ((flags & O_TRUNC) && existed) note(CUT, fd, 0, 0, 0, path, NULL, NULL, 0);
  }
  return fd;
}

#define OPENER(name, folder, ...) \
  int name(__VA_ARGS__, int flags, ...) { \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, int); va_end(more); } \
    return opened(folder, path, flags, mode); \
  }
OPENER(open, AT_FDCWD, const char *path)
OPENER(open64, AT_FDCWD, const char *path)
OPENER(openat, folder, int folder, const char *path)
OPENER(openat64, folder, int folder, const char *path)
int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }
int __open_2(const char *path, int flags) { return opened(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return opened(AT_FDCWD, path, flags, 0); }
int __openat_2(int folder, const char *path, int flags) { return opened(folder, path, flags, 0); }
int __openat64_2(int folder, const char *path, int flags) { return opened(folder, path, flags, 0); }

/* ---- writing */

static ssize_t written(int fd, const struct iovec *data, int parts, off_t offset) {
  char path[PATH_MAX];
  int positioned = offset >= 0;
  if (!root || fd == 2 || !path_of(fd, path))
    return positioned ? syscall(SYS_pwritev, fd, data, parts, offset, 0) : syscall(SYS_writev, fd, data, parts);
  int class = class_of(fd, path);
  if (struck(WRITE_PERMILLE, class)) { errno = control[ERROR]; return -1; }
  struct iovec half;
  if (parts > 0 && data[0].iov_len > 1 && struck(SHORT_PERMILLE, class)) {
    half = (struct iovec){data[0].iov_base, data[0].iov_len / 2};
    data = &half;
    parts = 1;
  }
  if (!positioned) {
    int flags = fcntl(fd, F_GETFL);
    struct stat state;
    offset = (flags & O_APPEND) && !fstat(fd, &state) ? state.st_size : lseek(fd, 0, SEEK_CUR);
  }
  ssize_t count = positioned ? syscall(SYS_pwritev, fd, data, parts, offset, 0) : syscall(SYS_writev, fd, data, parts);
  if (count > 0) note(WRITE, fd, offset, count, 0, path, NULL, data, parts);
  return count;
}

ssize_t write(int fd, const void *data, size_t length) {
  return written(fd, &(struct iovec){(void *)data, length}, 1, -1);
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
  return written(fd, &(struct iovec){(void *)data, length}, 1, offset);
}
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) { return pwrite(fd, data, length, offset); }
ssize_t writev(int fd, const struct iovec *data, int parts) { return written(fd, data, parts, -1); }
ssize_t pwritev(int fd, const struct iovec *data, int parts, off_t offset) { return written(fd, data, parts, offset); }
ssize_t pwritev64(int fd, const struct iovec *data, int parts, off64_t offset) { return written(fd, data, parts, offset); }
ssize_t pwritev2(int fd, const struct iovec *data, int parts, off_t offset, int flags) {
  (void)flags;
  return written(fd, data, parts, offset);
}
ssize_t pwritev64v2(int fd, const struct iovec *data, int parts, off64_t offset, int flags) {
  return pwritev2(fd, data, parts, offset, flags);
}

/* What copies inside the kernel would escape the tape: whoever is refused copies by hand. */
static int copies_into(int fd) {
  char path[PATH_MAX];
  return tape >= 0 && path_of(fd, path);
}
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t length, unsigned flags) {
  if (copies_into(out)) { errno = ENOSYS; return -1; }
  return syscall(SYS_copy_file_range, in, from, out, to, length, flags);
}
ssize_t sendfile(int out, int in, off_t *from, size_t length) {
  if (copies_into(out)) { errno = ENOTSOCK; return -1; }
  return syscall(SYS_sendfile, out, in, from, length);
}
ssize_t sendfile64(int out, int in, off64_t *from, size_t length) { return sendfile(out, in, from, length); }

int ftruncate(int fd, off_t length) {
  char path[PATH_MAX];
  int done = syscall(SYS_ftruncate, fd, length);
  if (!done && path_of(fd, path)) note(CUT, fd, length, 0, 0, path, NULL, NULL, 0);
  return done;
}
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }
int truncate(const char *name, off_t length) {
  int fd = open(name, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  int done = ftruncate(fd, length);
  close(fd);
  return done;
}
int truncate64(const char *name, off64_t length) { return truncate(name, length); }

/* ---- syncing */

static int synced(int fd, int call) {
  char path[PATH_MAX];
  if (!root || !path_of(fd, path)) return syscall(call, fd);
  int class = class_of(fd, path);
  if (control[SWALLOW] & class) { __sync_add_and_fetch(&control[INJECTED], 1); return 0; }
  uint64_t span = ((uint64_t)getpid() << 40) | __sync_add_and_fetch(&spans, 1);
  note(SYNC_BEGINS, fd, 0, 0, span, path, NULL, NULL, 0);
  if (struck(SYNC_PERMILLE, class)) {
    note(SYNC_ENDS, fd, control[ERROR], 0, span, path, NULL, NULL, 0);
    errno = control[ERROR];
    return -1;
  }
  int done = syscall(call, fd);
  note(SYNC_ENDS, fd, done ? errno : 0, 0, span, path, NULL, NULL, 0);
  return done;
}
int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

/* ---- names */

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
  char before[PATH_MAX], after[PATH_MAX];
  int ours = tape >= 0 && resolved(from_folder, from, before) + resolved(to_folder, to, after);
  int done = syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
  if (!done && ours) note(RENAME, -1, 0, 0, 0, before, after, NULL, 0);
  return done;
}
int renameat(int from_folder, const char *from, int to_folder, const char *to) {
  return renameat2(from_folder, from, to_folder, to, 0);
}
int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

int unlinkat(int folder, const char *name, int flags) {
  char path[PATH_MAX];
  int ours = tape >= 0 && resolved(folder, name, path);
  int done = syscall(SYS_unlinkat, folder, name, flags);
  if (!done && ours) note(flags & AT_REMOVEDIR ? RMDIR : UNLINK, -1, 0, 0, 0, path, NULL, NULL, 0);
  return done;
}
int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }
int remove(const char *name) {
  if (!unlink(name)) return 0;
  return errno == EISDIR ? rmdir(name) : -1;
}

int mkdirat(int folder, const char *name, mode_t mode) {
  char path[PATH_MAX];
  int done = syscall(SYS_mkdirat, folder, name, mode);
  if (!done && tape >= 0 && resolved(folder, name, path)) note(MKDIR, -1, 0, 0, 0, path, NULL, NULL, 0);
  return done;
}
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
  char before[PATH_MAX], after[PATH_MAX];
  int ours = tape >= 0 && resolved(from_folder, from, before) + resolved(to_folder, to, after);
  int done = syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
  if (!done && ours) note(LINK, -1, 0, 0, 0, before, after, NULL, 0);
  return done;
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

/* ---- the time of day */

int clock_gettime(clockid_t which, struct timespec *told) {
  REAL(int, clock_gettime, clockid_t, struct timespec *);
  int done = real ? real(which, told) : (int)syscall(SYS_clock_gettime, which, told);
  if (!done && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE) && control[CLOCK_NS]) {
    int64_t shifted = told->tv_sec * 1000000000LL + told->tv_nsec + control[CLOCK_NS];
    told->tv_sec = shifted / 1000000000LL;
    told->tv_nsec = shifted % 1000000000LL;
  }
  return done;
}
int gettimeofday(struct timeval *restrict told, void *restrict zone) {
  struct timespec now;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
  *told = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
  return 0;
}
time_t time(time_t *told) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (told) *told = now.tv_sec;
  return now.tv_sec;
}
