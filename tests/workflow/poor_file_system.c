/* A library for LD_PRELOAD that makes every file system a poor one: it has no locks, and fsync takes half a second.

   For every call that was refused or delayed, the name of the function is appended to the file $POOR_FILE_SYSTEM_LOG. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void record(const char *line) {
  const char *path = getenv("POOR_FILE_SYSTEM_LOG");
  int file = path ? open(path, O_WRONLY | O_CREAT | O_APPEND, 0644) : -1;
  if (file >= 0 && write(file, line, strlen(line)) >= 0) close(file);
}

static int refuse(const char *line) {
  record(line);
  errno = ENOSYS;
  return -1;
}

int flock(int file, int operation) { return refuse("flock\n"); }

int lockf(int file, int command, off_t length) { return refuse("lockf\n"); }

static int locking_fcntl(const char *name, int file, int command, void *argument) {
  switch (command) {
    case F_SETLK: case F_SETLKW: case F_GETLK: case F_OFD_SETLK: case F_OFD_SETLKW: case F_OFD_GETLK:
      return refuse("fcntl\n");
  }
  return ((int (*)(int, int, ...))dlsym(RTLD_NEXT, name))(file, command, argument);
}

int fcntl(int file, int command, ...) {
  va_list rest;
  va_start(rest, command);
  void *argument = va_arg(rest, void *);
  va_end(rest);
  return locking_fcntl("fcntl", file, command, argument);
}

int fcntl64(int file, int command, ...) {
  va_list rest;
  va_start(rest, command);
  void *argument = va_arg(rest, void *);
  va_end(rest);
  return locking_fcntl("fcntl64", file, command, argument);
}

static int slow_sync(const char *name, int file) {
  record("fsync\n");
  usleep(500000);
  return ((int (*)(int))dlsym(RTLD_NEXT, name))(file);
}

int fsync(int file) { return slow_sync("fsync", file); }

int fdatasync(int file) { return slow_sync("fdatasync", file); }
