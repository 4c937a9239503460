/* vfs_log.h - an SQLite VFS that remembers every write, truncation and sync, so that a test can
 * have the disk as a power cut would leave it at any of them.
 *
 * disk_register() once; then the VFS is called "log".  disk_begin() takes what the folder holds now
 * (a file and its log) as durable.  disk_at(event, seed) writes what may be there when the power
 * goes right before that event: all that was synced, and of what was not each sector of 512 bytes
 * or not (seed 0: all of it, as when only the program is killed).
 *
 * Include after support/folder.h.  Thread: the test's. */
#ifndef HTH_TESTS_SUPPORT_VFS_LOG_H
#define HTH_TESTS_SUPPORT_VFS_LOG_H

#include <sqlite3.h>

#include "base/rng.h"

enum { DISK_FILES = 2, DISK_EVENTS = 20000, SECTOR = 512 };

typedef struct DiskEvent {
    char what; /* 'w'rite, 't'runcate, 's'ync */
    uint8_t file; /* 0: the database, 1: its log */
    int64_t at;
    int n;
    uint8_t *bytes;
    int acked; /* how many transactions had been acknowledged before it */
} DiskEvent;

static DiskEvent disk_events[DISK_EVENTS];
static size_t disk_count;
static int disk_acked; /* the test counts up */
static bool disk_on;
static struct {
    uint8_t *bytes;
    size_t n, room;
} disk_base[DISK_FILES], disk_now[DISK_FILES];

typedef struct DiskFile {
    sqlite3_file base;
    uint8_t file;
    sqlite3_io_methods methods;
    sqlite3_file *real;
} DiskFile;

static inline DiskFile *disk_file(sqlite3_file *f) {
    return (DiskFile *)(void *)f;
}

static inline void disk_note(const DiskFile *f, char what, const void *p, int n, int64_t at) {
    if (!disk_on) return;
    if (disk_count == DISK_EVENTS) fail_msg("too many events");
    DiskEvent *e = &disk_events[disk_count++];
    *e = (DiskEvent){ what, f->file, at, n, NULL, disk_acked };
    if (!p) return;
    e->bytes = hth_calloc(1, (size_t)n);
    memcpy(e->bytes, p, (size_t)n);
}

#define DISK_DOWN(name, params, args)                                                              \
    static inline int disk_##name params {                                                         \
        sqlite3_file *r = disk_file(f)->real;                                                      \
        return r->pMethods->name args;                                                             \
    }
DISK_DOWN(xClose, (sqlite3_file * f), (r))
DISK_DOWN(xRead, (sqlite3_file * f, void *p, int n, sqlite3_int64 at), (r, p, n, at))
DISK_DOWN(xFileSize, (sqlite3_file * f, sqlite3_int64 *out), (r, out))
DISK_DOWN(xLock, (sqlite3_file * f, int level), (r, level))
DISK_DOWN(xUnlock, (sqlite3_file * f, int level), (r, level))
DISK_DOWN(xCheckReservedLock, (sqlite3_file * f, int *out), (r, out))
DISK_DOWN(xFileControl, (sqlite3_file * f, int op, void *p), (r, op, p))
DISK_DOWN(xSectorSize, (sqlite3_file * f), (r))
DISK_DOWN(xDeviceCharacteristics, (sqlite3_file * f), (r))
DISK_DOWN(xShmMap, (sqlite3_file * f, int i, int n, int x, void volatile **out), (r, i, n, x, out))
DISK_DOWN(xShmLock, (sqlite3_file * f, int at, int n, int flags), (r, at, n, flags))
DISK_DOWN(xShmUnmap, (sqlite3_file * f, int x), (r, x))
static inline void disk_barrier(sqlite3_file *f) {
    disk_file(f)->real->pMethods->xShmBarrier(disk_file(f)->real);
}
static inline int disk_xWrite(sqlite3_file *f, const void *p, int n, sqlite3_int64 at) {
    disk_note(disk_file(f), 'w', p, n, at);
    return disk_file(f)->real->pMethods->xWrite(disk_file(f)->real, p, n, at);
}
static inline int disk_xTruncate(sqlite3_file *f, sqlite3_int64 at) {
    disk_note(disk_file(f), 't', NULL, 0, at);
    return disk_file(f)->real->pMethods->xTruncate(disk_file(f)->real, at);
}
static inline int disk_xSync(sqlite3_file *f, int flags) {
    disk_note(disk_file(f), 's', NULL, 0, 0);
    return disk_file(f)->real->pMethods->xSync(disk_file(f)->real, flags);
}

static inline int disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                            int *out) {
    static const sqlite3_io_methods methods = {
        .iVersion = 2,
        .xClose = disk_xClose,
        .xRead = disk_xRead,
        .xWrite = disk_xWrite,
        .xTruncate = disk_xTruncate,
        .xSync = disk_xSync,
        .xFileSize = disk_xFileSize,
        .xLock = disk_xLock,
        .xUnlock = disk_xUnlock,
        .xCheckReservedLock = disk_xCheckReservedLock,
        .xFileControl = disk_xFileControl,
        .xSectorSize = disk_xSectorSize,
        .xDeviceCharacteristics = disk_xDeviceCharacteristics,
        .xShmMap = disk_xShmMap,
        .xShmLock = disk_xShmLock,
        .xShmBarrier = disk_barrier,
        .xShmUnmap = disk_xShmUnmap,
    };
    sqlite3_vfs *system = vfs->pAppData;
    DiskFile *f = disk_file(file);
    f->real = (sqlite3_file *)(void *)(f + 1);
    f->file = flags & SQLITE_OPEN_WAL ? 1 : 0;
    const int rc = system->xOpen(system, name, f->real, flags, out);
    f->base.pMethods = f->real->pMethods ? &methods : NULL;
    return rc;
}

static inline bool disk_register(void) {
    static sqlite3_vfs vfs;
    sqlite3_vfs *system = sqlite3_vfs_find(NULL);
    if (!system) return false;
    vfs = *system; /* the functions that take names do not look at pAppData */
    vfs.zName = "log";
    vfs.iVersion = 2;
    vfs.pAppData = system;
    vfs.szOsFile = (int)sizeof(DiskFile) + system->szOsFile;
    vfs.xOpen = disk_open;
    return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK;
}

static inline const char *disk_path(const char *name, int file) {
    char wal[64];
    snprintf(wal, sizeof wal, "%s-wal", name);
    return test_path(file ? wal : name);
}

static inline void disk_begin(const char *name) {
    for (size_t i = 0; i < disk_count; i++) hth_free(disk_events[i].bytes);
    disk_count = 0, disk_acked = 0, disk_on = true;
    for (int i = 0; i < DISK_FILES; i++) {
        HthBuf b;
        hth_free(disk_base[i].bytes);
        memset(&disk_base[i], 0, sizeof disk_base[i]);
        if (access(disk_path(name, i), R_OK)) continue;
        test_load(&b, disk_path(name, i));
        disk_base[i].n = disk_base[i].room = b.n;
        disk_base[i].bytes = hth_calloc(1, b.n + 1);
        memcpy(disk_base[i].bytes, b.p ? b.p : "", b.n);
        hth_buf_drop(&b);
    }
}

static inline void disk_put(int file, const uint8_t *p, size_t n, size_t at) {
    if (at + n > disk_now[file].room) {
        disk_now[file].room = (at + n) * 2;
        disk_now[file].bytes = hth_realloc(disk_now[file].bytes, 1, disk_now[file].room);
    }
    if (at > disk_now[file].n)
        memset(disk_now[file].bytes + disk_now[file].n, 0, at - disk_now[file].n);
    memcpy(disk_now[file].bytes + at, p, n);
    if (at + n > disk_now[file].n) disk_now[file].n = at + n;
}

static inline void disk_do(size_t i, uint64_t seed) {
    const DiskEvent *e = &disk_events[i];
    if (e->what == 't') {
        if (seed && hth_rng_below(seed, 1, i, 2)) return;
        if ((size_t)e->at < disk_now[e->file].n) disk_now[e->file].n = (size_t)e->at;
    }
    if (e->what != 'w') return;
    for (int done = 0; done < e->n;) { /* sector by sector of the file */
        const int64_t at = e->at + done;
        int n = SECTOR - (int)(at % SECTOR);
        if (n > e->n - done) n = e->n - done;
        if (!seed || hth_rng_below(seed, 2 + i, (uint32_t)done, 2))
            disk_put(e->file, e->bytes + done, (size_t)n, (size_t)at);
        done += n;
    }
}

/* Writes both files as they may be right before the event; returns how many transactions had been
 * acknowledged by then. */
static inline int disk_at(const char *name, size_t event, uint64_t seed) {
    size_t synced[DISK_FILES] = { 0, 0 };
    for (int i = 0; i < DISK_FILES; i++) {
        hth_free(disk_now[i].bytes);
        memset(&disk_now[i], 0, sizeof disk_now[i]);
        if (disk_base[i].n) disk_put(i, disk_base[i].bytes, disk_base[i].n, 0);
    }
    for (size_t i = 0; i < event; i++)
        if (disk_events[i].what == 's') synced[disk_events[i].file] = i;
    for (size_t i = 0; i < event; i++) disk_do(i, i < synced[disk_events[i].file] ? 0 : seed);
    for (int i = 0; i < DISK_FILES; i++) {
        FILE *f = fopen(disk_path(name, i), "w");
        if (!f ||
            fwrite(disk_now[i].bytes ? disk_now[i].bytes : (uint8_t *)"", 1, disk_now[i].n, f) !=
                disk_now[i].n ||
            fclose(f))
            fail_msg("cannot write a disk");
    }
    char shm[64];
    snprintf(shm, sizeof shm, "%s-shm", name);
    unlink(test_path(shm));
    return event < disk_count ? disk_events[event].acked : disk_acked;
}

#endif
