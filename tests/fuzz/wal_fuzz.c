/* wal_fuzz.c - a sealed database's log as somebody else left it: looked through, read, written. */
#include <string.h>

#include "base/log.h"
#include "vault/vfs_int.h"

typedef struct Memory {
    sqlite3_file base;
    const uint8_t *p;
    size_t n;
} Memory;

static int m_read(sqlite3_file *f, void *out, int n, sqlite3_int64 at) {
    const Memory *m = (const Memory *)(void *)f;
    const size_t have = (size_t)at < m->n ? m->n - (size_t)at : 0;
    const size_t take = have < (size_t)n ? have : (size_t)n;
    memset(out, 0, (size_t)n);
    if (take) memcpy(out, m->p + at, take);
    return take == (size_t)n ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int m_size(sqlite3_file *f, sqlite3_int64 *out) {
    *out = (sqlite3_int64)((const Memory *)(void *)f)->n;
    return SQLITE_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const sqlite3_io_methods methods = { .iVersion = 1,
                                                .xRead = m_read,
                                                .xFileSize = m_size };
    static uint8_t key[32], frame[HTH_FRAME_BYTES], head[HTH_WAL_HEAD];
    static HthVfs v = { .what = "a file", .key = key };
    Memory m = { { &methods }, data, n };
    HthWal w = { .v = &v, .real = &m.base };
    hth_log_level(HTH_LOG_ERROR);
    for (int round = 0; round < 2; round++) {
        const int rc = hth_wal_read(&w, head, sizeof head, 0);
        if (rc != SQLITE_OK && rc != SQLITE_CORRUPT && rc != SQLITE_IOERR_SHORT_READ)
            __builtin_trap();
        for (sqlite3_int64 at = HTH_WAL_HEAD; (size_t)at < n; at += HTH_FRAME_BYTES) {
            (void)!hth_wal_read(&w, frame, HTH_FRAME_BYTES, at);
            (void)!hth_wal_read(&w, frame, HTH_PAGE_BYTES, at + HTH_FRAME_HEAD);
        }
    }
    return 0;
}
