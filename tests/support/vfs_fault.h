/* vfs_fault.h - an SQLite VFS whose nth write (or sync, or truncation) and all later ones fail.
 *
 * test_vfs_register() once; then the VFS is called "fault". test_vfs_fail_after(n), 0: off.
 *
 * Thread: the test's. */
#ifndef HTH_TESTS_SUPPORT_VFS_FAULT_H
#define HTH_TESTS_SUPPORT_VFS_FAULT_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static uint64_t test_vfs_calls, test_vfs_fail_at;
/* Tables of the system's VFS (one for databases, one for files that need no lock), and the same but
 * for what fails; `mine` comes first, so that a file's pointer to it finds the pair. */
typedef struct TestVfsPair {
    sqlite3_io_methods mine;
    const sqlite3_io_methods *real;
} TestVfsPair;
static TestVfsPair test_vfs_pairs[4];
static int (*test_vfs_real_open)(sqlite3_vfs *, const char *, sqlite3_file *, int, int *);

static inline bool test_vfs_fault(void) {
    test_vfs_calls++;
    return test_vfs_fail_at && test_vfs_calls >= test_vfs_fail_at;
}

static inline void test_vfs_fail_after(uint64_t nth) {
    test_vfs_fail_at = nth ? test_vfs_calls + nth : 0;
}

static inline const sqlite3_io_methods *test_vfs_real(const sqlite3_file *f) {
    return ((const TestVfsPair *)(const void *)f->pMethods)->real;
}

static inline int test_vfs_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at) {
    return test_vfs_fault() ? SQLITE_IOERR_WRITE : test_vfs_real(f)->xWrite(f, p, n, at);
}

static inline int test_vfs_sync(sqlite3_file *f, int flags) {
    return test_vfs_fault() ? SQLITE_IOERR_FSYNC : test_vfs_real(f)->xSync(f, flags);
}

static inline int test_vfs_truncate(sqlite3_file *f, sqlite3_int64 n) {
    return test_vfs_fault() ? SQLITE_IOERR_TRUNCATE : test_vfs_real(f)->xTruncate(f, n);
}

static inline int test_vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags,
                                int *out) {
    const int rc = test_vfs_real_open(vfs, name, f, flags, out);
    if (rc != SQLITE_OK || !f->pMethods) return rc;
    TestVfsPair *p = test_vfs_pairs;
    while (p < test_vfs_pairs + 4 && p->real && p->real != f->pMethods) p++;
    if (p == test_vfs_pairs + 4) abort();
    p->real = f->pMethods;
    p->mine = *f->pMethods;
    p->mine.xWrite = test_vfs_write;
    p->mine.xSync = test_vfs_sync;
    p->mine.xTruncate = test_vfs_truncate;
    f->pMethods = &p->mine;
    return rc;
}

static inline bool test_vfs_register(void) {
    static sqlite3_vfs vfs;
    const sqlite3_vfs *system = sqlite3_vfs_find(NULL);
    if (!system) return false;
    vfs = *system;
    vfs.zName = "fault";
    test_vfs_real_open = vfs.xOpen;
    vfs.xOpen = test_vfs_open;
    return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK;
}

#endif
