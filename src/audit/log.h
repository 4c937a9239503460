/* log.h - the audit log: entries go in, and come back acknowledged when they are on disk.
 *
 * A folder holds it: `log` (records, appended only), `sha3/` and `sha256/` (a tree each: tiles and
 * a signed checkpoint), `key` (0600), `vkey`.  One thread, the scribe, writes: it takes what waits,
 * writes it in one piece, syncs once, then tells everybody.  When the disk refuses, the log fails
 * closed: what was not acknowledged is told so, and nothing more is taken.
 *
 * At open everything is read and hashed again: a log that is shorter than its checkpoint, or whose
 * entries give another root, is not written to.  A torn tail, which nobody was told is on disk, is
 * cut off, and an entry says so.
 *
 * Thread: any thread appends; open and close belong to one. */
#ifndef HTH_AUDIT_LOG_H
#define HTH_AUDIT_LOG_H

#include <sys/types.h>

#include "audit/note.h"

typedef struct HthAudit HthAudit;

/* How the scribe reaches the log file; tests put their own there. */
typedef struct HthAuditDisk {
    ssize_t (*write)(void *payload, int fd, const void *bytes, size_t n, off_t at);
    int (*sync)(void *payload, int fd);
    int (*cut)(void *payload, int fd, off_t bytes);
    void *payload;
} HthAuditDisk;

typedef struct HthAuditCfg { /* 0: what is right for most */
    uint32_t checkpoint_entries; /* sign after so many (4,096) */
    uint32_t checkpoint_ms; /* or so long after the first that is not signed for (10,000) */
    size_t queue_bytes; /* waiting at most (64 MiB) */
    const HthAuditDisk *disk; /* borrowed; NULL: the system */
    /* What `key` is sealed with (keyfile.h), HTH_KEY_SIGNER of the keyring: 32 bytes, read by
     * hth_audit_open alone.  NULL: it lies there plain. */
    const uint8_t *key;
} HthAuditCfg;

/* folder is made (0700) where it is not.  EAGAIN: another process writes this log; EDENIED: the key
 * may be read by others, or cfg->key does not open it; EFORMAT: the log is damaged or was cut, and
 * where; EIO, ENOMEM. */
HTH_MUST_CHECK HthStatus hth_audit_open(HthAudit **out, const char *folder, const HthAuditCfg *cfg,
                                        HthErr *err);

/* On the scribe's thread, in order of index: on disk (HTH_OK), or never will be. Do not wait in it
 * and do not call the log from it. */
typedef void (*HthAuditDone)(void *payload, HthStatus status, uint64_t index);

/* entry: from hth_entry_write; sealed: what lies beside it, may be empty; both copied.  done may be
 * NULL.  Never waits.  On HTH_OK done will be called, once.  EAGAIN: too much waits already; EIO:
 * the log has failed before; ENOMEM; EINVAL: entry is empty or too long. */
HTH_MUST_CHECK HthStatus hth_audit_append(HthAudit *a, HthStr entry, HthStr sealed,
                                          HthAuditDone done, void *payload, HthErr *err);
/* The same, and waits until it is on disk.  *index_out may be NULL. */
HTH_MUST_CHECK HthStatus hth_audit_append_wait(HthAudit *a, HthStr entry, HthStr sealed,
                                               uint64_t *index_out, HthErr *err);
/* Signs what is there, and waits for it. Nothing new: nothing to do. */
HTH_MUST_CHECK HthStatus hth_audit_checkpoint(HthAudit *a, HthErr *err);
/* Writes what waits, signs, closes, sets NULL.  err says what could not be done. */
HthStatus hth_audit_close(HthAudit **a, HthErr *err);

uint64_t hth_audit_size(HthAudit *a); /* entries on disk */

#endif
