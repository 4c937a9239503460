/* backup.h - the state folder as it is at one moment, as one stream that age and tar can open.
 *
 * Inside age a tar archive: databases copied by SQLite while others use them (sealed as they are),
 * the audit log up to a whole entry, the keyring last, then a signed list of all of it
 * (inventory.h).  docs/formats/backup.md.
 *
 * What was acknowledged before hth_backup_write was called is in it.
 *
 * Thread: one at a time. */
#ifndef HTH_BACKUP_BACKUP_H
#define HTH_BACKUP_BACKUP_H

#include "crypt/age.h"
#include "crypt/sign.h"
#include "vault/keyring.h"

typedef struct HthBackupCfg {
    const char *state; /* the state folder */
    const char *models; /* the store's own folder: settings and manifests go in; NULL: none */
    bool model_files; /* and the model files themselves */
    HthKeyring *ring; /* of the state folder */
    HthAgeTo to; /* its sink gets the stream */
    bool (*progress)(void *payload, uint64_t bytes); /* false: stop, ECANCELED. NULL: none */
    void *payload;
} HthBackupCfg;

typedef struct HthBackupReport {
    uint64_t files, bytes; /* before tar and age */
    uint64_t log_entries;
    int64_t made_s;
} HthBackupReport;

/* EIO, ENOMEM, ECANCELED; EFORMAT: what is there is damaged; what the sink says. */
HTH_MUST_CHECK HthStatus hth_backup_write(HthBackupReport *out, const HthBackupCfg *cfg,
                                          HthErr *err);

/* Names in the archive. */
#define HTH_BACKUP_STATE  "state/"
#define HTH_BACKUP_MODELS "models/"
#define HTH_BACKUP_WORK   "backup-work" /* a folder in the state folder, while one is made */

#endif
