/* restore.h - a backup read back: checked whole, then put in place at once.
 *
 * Everything is written beside the state folder, under its name with ".restoring" behind it,
 * checked there, made durable, and exchanged with the state folder in one step.  The folder that
 * was there stays, as NAME.before-TIME.  A crash leaves the old folder or the new one.
 *
 * What must not come back: the keys of subjects.  Where the folder that is replaced has a keyring
 * of the same root key, that keyring stays, with what was erased since; and its audit log stays if
 * it goes on from the backup's.  Otherwise the backup's are taken, and whoever the present log says
 * was erased is erased again.  Either way an entry `restored` says from which state.
 *
 * Thread: one at a time. */
#ifndef HTH_BACKUP_RESTORE_H
#define HTH_BACKUP_RESTORE_H

#include <limits.h>

#include "audit/note.h"
#include "crypt/age.h"
#include "vault/keyring.h"

/* The keyring in a folder, however it is to be opened. */
typedef HthStatus (*HthOpenRing)(void *payload, const char *folder, HthKeyring **out, HthErr *err);

typedef struct HthRestoreCfg {
    HthAgeFrom from;
    const char *state; /* the state folder; need not be there */
    const char *models; /* where models go: those that are not there yet; NULL: nowhere */
    const HthVkey *vkey; /* who must have signed; NULL: the log that is in the backup */
    HthOpenRing open;
    void *payload; /* for open and progress */
    bool (*progress)(void *payload, uint64_t bytes); /* false: stop, ECANCELED. NULL: none */
    bool dry; /* everything but the exchange; nothing is left behind */
} HthRestoreCfg;

typedef enum HthLogKept {
    HTH_LOG_BACKUPS, /* there was none */
    HTH_LOG_PRESENT, /* the present one goes on from the backup's */
    HTH_LOG_REPLACED /* the present one does not, or does not hold */
} HthLogKept;

typedef struct HthRestoreReport {
    int64_t made_s; /* the backup */
    uint64_t files, bytes;
    uint64_t log_entries; /* in the backup */
    HthLogKept log;
    bool ring_kept; /* the present keyring */
    uint64_t erased; /* subjects that were erased again */
    uint64_t models; /* files that were not there */
    char signer[HTH_VKEY_NAME_MAX + 1];
    char before[PATH_MAX]; /* where the old folder is now; empty: there was none */
} HthRestoreReport;

/* EAGAIN: a server uses the folder; EDENIED: no identity opens it, or another key signed;
 * EFORMAT: damaged; EINVAL: the folder belongs to another hearth; EIO, ENOMEM, ECANCELED. */
HTH_MUST_CHECK HthStatus hth_restore(HthRestoreReport *out, const HthRestoreCfg *cfg, HthErr *err);

/* Reads all of it and checks every digest and the signature; writes nothing.  state, models and
 * open are not used. */
HTH_MUST_CHECK HthStatus hth_backup_check(HthRestoreReport *out, const HthRestoreCfg *cfg,
                                          HthErr *err);

#endif
