/* folder.h - the folder of a log as a reader sees it: names, keys, checkpoints, records in order.
 *
 * Thread: any; an HthAuditReader belongs to one at a time. */
#ifndef HTH_AUDIT_FOLDER_H
#define HTH_AUDIT_FOLDER_H

#include <limits.h>

#include "audit/note.h"
#include "audit/record.h"
#include "base/file.h"

enum {
    HTH_AUDIT_TREES = 2,
    HTH_AUDIT_FOLDER_MAX = PATH_MAX - 256 /* bytes: leaves room for the names in it */
};

/* The trees of a log, the first one hearth's own; each lies in a folder of its name, and signs as
 * ORIGIN or ORIGIN/sha3. */
typedef struct HthAuditTree {
    HthHashKind kind;
    const char *folder; /* "sha3", "sha256" */
    const char *suffix; /* of the origin: "/sha3", "" */
} HthAuditTree;
extern const HthAuditTree hth_audit_trees[HTH_AUDIT_TREES];
unsigned hth_audit_tree_of(HthHashKind kind); /* its place in that table */

/* folder/name, or folder/tree/name when tree is not NULL. EINVAL: too long. */
HTH_MUST_CHECK HthStatus hth_audit_path(char out[PATH_MAX], const char *folder, const char *tree,
                                        const char *name, HthErr *err);
bool hth_audit_there(const char *path); /* something is */

/* Both keys from the file `vkey`, in the order of the table. EIO, EFORMAT. */
HTH_MUST_CHECK HthStatus hth_audit_read_vkeys(HthVkey out[HTH_AUDIT_TREES], const char *folder,
                                              HthErr *err);
/* Reads and checks a tree's checkpoint; *there_out false: there is none.  c->origin: in note. */
HTH_MUST_CHECK HthStatus hth_audit_read_checkpoint(HthCheckpoint *c, bool *there_out, HthBuf *note,
                                                   const char *folder, unsigned tree,
                                                   const HthVkey *v, HthErr *err);

typedef struct HthAuditReader {
    HthFileMap map;
    size_t at; /* of the next record */
    uint64_t next, synced; /* its index; of the record before */
} HthAuditReader;
/* EIO; EFORMAT: not a log. */
HTH_MUST_CHECK HthStatus hth_audit_reader_open(HthAuditReader *r, const char *folder, HthErr *err);
void hth_audit_reader_close(HthAuditReader *r);
/* The next record, borrowed from the map; false: no whole record of the right index stands at
 * r->at, which is the end where it is map.n. */
bool hth_audit_next(HthAuditReader *r, HthRecord *out);

/* An "entry checkpoint" among the records, cheap to ask. */
bool hth_audit_is_checkpoint(HthStr entry);

#endif
