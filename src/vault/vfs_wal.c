/* vfs_wal.c - see vfs_int.h: the write-ahead log, sealed frame by frame.
 *
 * SQLite's log is a head (32 bytes) and frames: a head (24) and a page.  Heads stay as they are:
 * they hold no content, and SQLite's sums in them are over the plain page.  A page is bound to its
 * place, to its number and commit field, which are in the frame's head, and to the log's two salts,
 * which change whenever SQLite begins the log anew.
 *
 * Recovery.  SQLite takes frames up to the first whose sum is wrong; that is how a torn end looks,
 * and also a byte that was changed in the middle, behind which everything would be lost without a
 * word.  So every frame is marked with how many frames were durable when it was written, and when
 * SQLite begins to recover (it reads the log's head), the whole log is looked through here: a bad
 * frame that a later one knows to have been durable is damage.
 *
 * Thread: the connection's; while SQLite recovers it keeps everybody else away. */
#include <string.h>

#include "base/log.h"
#include "crypt/secret.h"
#include "vault/bytes.h"
#include "vault/vfs_int.h"

enum { SALTS_AT = 16, SALTS = 8, SUMS_AT = 24, MAGIC = 0x377f0682, VERSION = 3007000 };

static int real_read(sqlite3_file *real, void *out, int n, sqlite3_int64 at) {
    return real->pMethods->xRead(real, out, n, at);
}

static HthPageWhere where_of(const HthVfs *v, uint64_t frame, const uint8_t head[8],
                             const uint8_t salts[SALTS]) {
    HthPageWhere w = { .bytes = { 'W' }, .n = sizeof w.bytes };
    uint8_t *p = w.bytes + 1;
    memcpy(p, v->id, HTH_SEALED_ID);
    hth_put_le64(p + HTH_SEALED_ID, frame);
    memcpy(p + HTH_SEALED_ID + 8, head, 8);
    memcpy(p + HTH_SEALED_ID + 16, salts, SALTS);
    return w;
}

static sqlite3_int64 frame_at(uint64_t frame) {
    return HTH_WAL_HEAD + (sqlite3_int64)frame * HTH_FRAME_BYTES;
}

/* ---- SQLite's sums --------------------------------------------------------------------------- */

typedef struct Sums {
    uint32_t a, b;
    bool big; /* the log says in which order words are summed */
} Sums;

static void sum(Sums *s, const uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i += 8) {
        s->a += (s->big ? hth_be32(p + i) : hth_le32(p + i)) + s->b;
        s->b += (s->big ? hth_be32(p + i + 4) : hth_le32(p + i + 4)) + s->a;
    }
}

static bool sums_are(const Sums *s, const uint8_t *p) {
    return s->a == hth_be32(p) && s->b == hth_be32(p + 4);
}

static bool head_is_sound(const uint8_t head[HTH_WAL_HEAD], Sums *out) {
    *out = (Sums){ .big = hth_be32(head) & 1 };
    sum(out, head, SUMS_AT);
    return (hth_be32(head) & ~1U) == MAGIC && hth_be32(head + 4) == VERSION &&
           hth_be32(head + 8) == HTH_PAGE_BYTES && sums_are(out, head + SUMS_AT);
}

/* ---- looking the log through ----------------------------------------------------------------- */

typedef struct Walk {
    const HthVfs *v;
    sqlite3_file *real;
    uint8_t head[HTH_WAL_HEAD], frame[HTH_FRAME_BYTES];
    Sums sums;
    uint64_t count, at;
    bool genuine; /* the frame at `at`: sealed by us for this place in this log */
    uint32_t mark; /* and what it says */
} Walk;

static int next_frame(Walk *w, const uint8_t *salts) {
    const int rc = real_read(w->real, w->frame, HTH_FRAME_BYTES, frame_at(w->at));
    if (rc != SQLITE_OK) return rc;
    const HthPageWhere where = where_of(w->v, w->at, w->frame, salts);
    w->mark = hth_le32(w->frame + HTH_FRAME_BYTES - 4);
    w->genuine = hth_page_unseal(w->v, w->frame + HTH_FRAME_HEAD, &where);
    return SQLITE_OK;
}

/* Would SQLite take it as the next one? */
static bool is_next(Walk *w) {
    if (!w->genuine || memcmp(w->frame + 8, w->head + SALTS_AT, SALTS) != 0) return false;
    sum(&w->sums, w->frame, 8);
    sum(&w->sums, w->frame + HTH_FRAME_HEAD, HTH_PAGE_BYTES);
    return sums_are(&w->sums, w->frame + 16);
}

static int damaged(const HthVfs *v, uint64_t frame) {
    hth_log(HTH_LOG_ERROR,
            "the log of %s is not as it was written: damaged, or changed (frame %llu)", v->what,
            (unsigned long long)frame);
    return SQLITE_CORRUPT;
}

/* Behind the first frame that SQLite would not take: does one know that it was durable? */
static int look_behind(Walk *w) {
    const uint64_t first = w->at;
    const bool ours = w->genuine || !memcmp(w->frame + 8, w->head + SALTS_AT, SALTS);
    for (w->at++; w->at < w->count; w->at++) {
        const int rc = next_frame(w, w->head + SALTS_AT);
        if (rc != SQLITE_OK) return rc;
        if (w->genuine && w->mark > first) return damaged(w->v, first);
    }
    if (ours)
        hth_log(HTH_LOG_WARN, "the last change of %s is not whole and is left out (a power cut?)",
                w->v->what);
    return SQLITE_OK;
}

static int walk(Walk *w) {
    sqlite3_int64 size = 0;
    int rc = w->real->pMethods->xFileSize(w->real, &size);
    if (rc != SQLITE_OK || size < frame_at(1)) return rc;
    w->count = (uint64_t)(size - HTH_WAL_HEAD) / HTH_FRAME_BYTES;
    rc = real_read(w->real, w->head, sizeof w->head, 0);
    if (rc != SQLITE_OK) return rc;
    const bool sound = head_is_sound(w->head, &w->sums);
    for (; w->at < w->count; w->at++) {
        /* without a head: is there a frame that says itself what its log was? */
        uint8_t own[SALTS];
        rc = real_read(w->real, own, SALTS, frame_at(w->at) + 8);
        if (rc == SQLITE_OK) rc = next_frame(w, sound ? w->head + SALTS_AT : own);
        if (rc != SQLITE_OK) return rc;
        if (!sound) return w->genuine ? damaged(w->v, 0) : SQLITE_OK;
        if (!is_next(w)) return look_behind(w);
    }
    return SQLITE_OK;
}

static int look_through(const HthVfs *v, sqlite3_file *real) {
    Walk w = { .v = v, .real = real };
    const int rc = walk(&w);
    hth_secret_wipe(&w, sizeof w);
    return rc;
}

/* ---- reading and writing --------------------------------------------------------------------- */

static int read_frame(const HthWal *w, uint8_t *out, int skip, uint64_t frame) {
    uint8_t whole[HTH_FRAME_BYTES], salts[SALTS];
    int rc = real_read(w->real, whole, HTH_FRAME_BYTES, frame_at(frame));
    if (rc == SQLITE_OK) rc = real_read(w->real, salts, SALTS, SALTS_AT);
    if (rc != SQLITE_OK) return rc;
    const HthPageWhere where = where_of(w->v, frame, whole, salts);
    if (!hth_page_unseal(w->v, whole + HTH_FRAME_HEAD, &where)) {
        if (!w->recovering) return damaged(w->v, frame);
        memset(whole, 0, sizeof whole); /* the end, for SQLite: a frame of another log */
    }
    memcpy(out, whole + skip, (size_t)(HTH_FRAME_BYTES - skip));
    hth_secret_wipe(whole, sizeof whole);
    return SQLITE_OK;
}

int hth_wal_read(HthWal *w, void *out, int n, sqlite3_int64 at) {
    if (at < HTH_WAL_HEAD) {
        if (at + n > HTH_WAL_HEAD) return SQLITE_IOERR_READ;
        w->recovering = at == 0 && n == HTH_WAL_HEAD;
        const int rc = w->recovering ? look_through(w->v, w->real) : SQLITE_OK;
        return rc == SQLITE_OK ? real_read(w->real, out, n, at) : rc;
    }
    const uint64_t frame = (uint64_t)(at - HTH_WAL_HEAD) / HTH_FRAME_BYTES;
    const int skip = (int)(at - frame_at(frame));
    if (skip + n <= HTH_FRAME_HEAD) return real_read(w->real, out, n, at);
    if (skip + n != HTH_FRAME_BYTES || (skip != 0 && skip != HTH_FRAME_HEAD))
        return SQLITE_IOERR_READ;
    if (skip) w->recovering = false; /* a page is wanted: the log has been taken as it is */
    const int rc = read_frame(w, out, skip, frame);
    if (rc != SQLITE_OK) memset(out, 0, (size_t)n);
    return rc;
}

static int write_head(HthWal *w, const void *p, int n, sqlite3_int64 at) {
    if (at + n > HTH_WAL_HEAD) return SQLITE_IOERR_WRITE;
    w->committed = w->durable = 0;
    return w->real->pMethods->xWrite(w->real, p, n, at);
}

int hth_wal_write(HthWal *w, const void *p, int n, sqlite3_int64 at) {
    uint8_t out[HTH_PAGE_BYTES], head[8], salts[SALTS];
    w->recovering = false;
    if (at < HTH_WAL_HEAD) return write_head(w, p, n, at);
    const uint64_t frame = (uint64_t)(at - HTH_WAL_HEAD) / HTH_FRAME_BYTES;
    const sqlite3_int64 skip = at - frame_at(frame);
    if (skip + n <= HTH_FRAME_HEAD) return w->real->pMethods->xWrite(w->real, p, n, at);
    if (skip != HTH_FRAME_HEAD || n != HTH_PAGE_BYTES || !hth_page_reserve_is_zero(p))
        return SQLITE_IOERR_WRITE;
    int rc = real_read(w->real, head, sizeof head, frame_at(frame));
    if (rc == SQLITE_OK) rc = real_read(w->real, salts, SALTS, SALTS_AT);
    if (rc != SQLITE_OK) return rc;
    const HthPageWhere where = where_of(w->v, frame, head, salts);
    hth_page_seal(w->v, out, p, &where, &w->durable);
    rc = w->real->pMethods->xWrite(w->real, out, n, at);
    if (rc == SQLITE_OK && hth_be32(head + 4)) w->committed = (uint32_t)frame + 1;
    return rc;
}

void hth_wal_synced(HthWal *w) {
    w->durable = w->committed;
}
