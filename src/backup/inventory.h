/* inventory.h - what a backup says of itself: its objects, their digests, the log; signed.
 *
 * It is the archive's last file, a DSSE envelope around JSON, by the key that signs the audit log.
 * docs/formats/backup.md has the members.
 *
 * Thread: one at a time. */
#ifndef HTH_BACKUP_INVENTORY_H
#define HTH_BACKUP_INVENTORY_H

#include "audit/folder.h"
#include "base/json.h"
#include "crypt/sign.h"

#define HTH_INVENTORY_NAME "manifest.json"
#define HTH_INVENTORY_TYPE "application/vnd.hearth.backup+json"
enum { HTH_INVENTORY_MAX = 32 << 20, HTH_BACKUP_OBJECTS_MAX = 65536 };

/* The digest of one object, made while it goes by. */
typedef struct HthObject {
    HthHash hash[2]; /* SHA-256, SHA3-256 */
    uint64_t bytes;
} HthObject;
HTH_MUST_CHECK HthStatus hth_object_begin(HthObject *o, HthErr *err);
void hth_object_add(HthObject *o, const void *bytes, size_t n);
void hth_object_drop(HthObject *o); /* fine on a zeroed one, and after the end */
/* Appends the object to a list; ends it. ELIMIT: too many; ENOMEM. */
HTH_MUST_CHECK HthStatus hth_object_end(HthObject *o, HthStr name, json_t *list, HthErr *err);

/* The log up to here. */
typedef struct HthLogEnd {
    uint64_t entries, bytes; /* of whole records */
    uint8_t root[HTH_AUDIT_TREES][HTH_HASH_BYTES];
} HthLogEnd;
/* Of a log that was just opened: of its first `most` entries, or as many as there are. */
void hth_log_end(HthLogEnd *out, const HthAuditReader *r, uint64_t most);

/* Would the log in folder `audit`, as it is now, be taken back?  It is signed by `vkey`, nothing in
 * it is damaged, and its checkpoints are of it; an end that was torn may be.  EFORMAT, EIO. */
HTH_MUST_CHECK HthStatus hth_log_holds(const char *audit, const HthVkey *vkey, HthErr *err);

typedef struct HthInventory {
    int64_t made_s;
    HthLogEnd log;
    HthVkey vkey; /* who signed */
    json_t *objects; /* owned */
} HthInventory;
void hth_inventory_drop(HthInventory *m); /* fine on a zeroed one */
/* Appends the envelope. */
HTH_MUST_CHECK HthStatus hth_inventory_print(HthBuf *out, const HthInventory *m,
                                             const HthSigner *signer, HthErr *err);
/* Signed by `vkey`; EDENIED when by another. m is the caller's to drop on HTH_OK. */
HTH_MUST_CHECK HthStatus hth_inventory_read(HthInventory *m, HthStr text, const HthVkey *vkey,
                                            HthErr *err);

#endif
