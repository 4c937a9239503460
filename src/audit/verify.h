/* verify.h - does the log hold?  And what can be shown of it to others.
 *
 * Readers need no key and no lock: they may look while somebody writes.
 *
 * Thread: any; verifying uses a second one. */
#ifndef HTH_AUDIT_VERIFY_H
#define HTH_AUDIT_VERIFY_H

#include "audit/folder.h"
#include "audit/proof.h"
#include "audit/tile.h"

typedef struct HthAuditReport {
    uint64_t entries, bytes; /* of whole records, and of the file up to there */
    uint64_t in_flight; /* bytes after them, while somebody writes */
    uint64_t checkpoints; /* in the log */
    uint64_t
        signed_entries[HTH_AUDIT_TREES]; /* that the signed checkpoint covers; 0: there is none */
    uint64_t pinned; /* entries that the largest pinned checkpoint covers */
    uint8_t root[HTH_AUDIT_TREES][HTH_HASH_BYTES]; /* of all entries */
    HthTilesReport tiles[HTH_AUDIT_TREES];
    char origin[HTH_VKEY_NAME_MAX + 1];
} HthAuditReport;

enum { HTH_PINS_MAX = 64 };

/* Every record, both trees, both checkpoints, every tile, what is sealed, and that the log is what
 * each of `pins` (paths of checkpoints kept elsewhere) was once.  HTH_OK: all of it holds; EFORMAT:
 * the first thing that does not, and where; EIO, ENOMEM. */
HTH_MUST_CHECK HthStatus hth_audit_verify(HthAuditReport *out, const char *folder,
                                          const char *const *pins, size_t pin_count, HthErr *err);

/* Entry `index`, borrowed from r, which is opened here and is the caller's to close. EINVAL: there
 * is none such. */
HTH_MUST_CHECK HthStatus hth_audit_find(HthAuditReader *r, HthRecord *out, const char *folder,
                                        uint64_t index, HthErr *err);
/* Appends a .tlog-proof of entry `index`, from the tiles and the signed checkpoint of one tree.
 * extra is the entry itself.  EINVAL: no such entry, or no checkpoint covers it yet. */
HTH_MUST_CHECK HthStatus hth_audit_prove(HthBuf *out, const char *folder, HthHashKind kind,
                                         uint64_t index, HthErr *err);
/* The same of an entry that is at hand: the log is not read for it. */
HTH_MUST_CHECK HthStatus hth_audit_prove_entry(HthBuf *out, const char *folder, HthHashKind kind,
                                               uint64_t index, HthStr entry, HthErr *err);
/* Writes both trees into folder `to`, as c2sp.org/tlog-tiles has them served: checkpoint, tiles and
 * bundles of entries, and the file vkey.  Everything is verified first. *out may be NULL. */
HTH_MUST_CHECK HthStatus hth_audit_export(HthAuditReport *out, const char *folder, const char *to,
                                          HthErr *err);

#endif
