/* intake.h - a backup's stream taken apart: every file into a folder, or only looked at.
 *
 * Private to this floor.
 *
 * Thread: one at a time. */
#ifndef HTH_BACKUP_INTAKE_H
#define HTH_BACKUP_INTAKE_H

#include "backup/inventory.h"
#include "backup/restore.h"

typedef struct HthIntake {
    const HthRestoreCfg *cfg;
    const char *state, *models; /* where files go (0600, in folders 0700); NULL: nowhere */
    HthInventory list; /* after success: what was signed, and is there */
    HthRestoreReport report;
} HthIntake;

/* HTH_OK: the stream is whole, and every file in it is as it was signed. The list is to be dropped
 * either way. */
HTH_MUST_CHECK HthStatus hth_intake(HthIntake *in, HthErr *err);

#endif
