/* log_int.h - what the files of the log share.  See log.h.
 *
 * Thread: fields above the line belong to the scribe (and to open and close, when it does not run),
 * those below to who is inside the gate. */
#ifndef HTH_AUDIT_LOG_INT_H
#define HTH_AUDIT_LOG_INT_H

#include <limits.h>

#include "audit/entry.h"
#include "audit/folder.h"
#include "audit/log.h"
#include "audit/record.h"
#include "audit/tile.h"
#include "base/thread.h"

enum {
    HTH_BATCH_BYTES = 1 << 20, /* in one write, if a single record is not longer */
    HTH_BATCH_ENTRIES = 4096
};

typedef struct HthPending {
    struct HthPending *next;
    HthAuditDone done;
    void *payload;
    size_t entry_n, sealed_n;
    char bytes[]; /* entry, sealed */
} HthPending;

struct HthAudit {
    HthAuditCfg cfg;
    HthAuditDisk disk;
    char folder[HTH_AUDIT_FOLDER_MAX];
    int fd, lock_fd;
    uint64_t at; /* bytes of the log file */
    HthTiles *tiles[HTH_AUDIT_TREES];
    HthVkey vkey[HTH_AUDIT_TREES];
    HthSigner *signer;
    HthBuf batch;
    uint64_t signed_size; /* of the last checkpoint */
    uint64_t unsigned_ns; /* since when there is more than that; 0: there is not */
    HthThread *thread;
    /* ------------------------------------------------------------------------------------------ */
    HthGate *gate;
    HthPending *first, **last;
    size_t waiting_bytes;
    uint64_t size; /* entries on disk */
    uint64_t queued, taken; /* entries, ever */
    uint64_t sign_asked, sign_done; /* turns of hth_audit_checkpoint */
    uint64_t sign_after; /* so many were taken */
    bool stop;
    HthErr failed; /* status HTH_OK: it has not */
};

/* Writes one batch, syncs, acknowledges, hashes.  The list is freed. Scribe only. */
HthStatus hth_audit_write(HthAudit *a, HthPending *list, HthErr *err);
/* The same for an entry of the log's own. */
HthStatus hth_audit_say(HthAudit *a, const HthEntry *e, HthErr *err);
/* Signs the tree as it is, if there is anything new. Scribe only. */
HthStatus hth_audit_sign(HthAudit *a, HthErr *err);
/* Keys, records, trees, repair: everything before the first append. */
HthStatus hth_audit_load(HthAudit *a, HthErr *err);
/* Bytes to the file, and synced.  EIO. */
HthStatus hth_audit_put(HthAudit *a, const uint8_t *bytes, size_t n, HthErr *err);
void hth_audit_scribe(void *audit); /* the thread */

#endif
