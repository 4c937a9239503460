/* swap.h - a folder made beside another, and exchanged with it in one step.
 *
 * Private to this floor.
 *
 * Thread: one at a time. */
#ifndef HTH_BACKUP_SWAP_H
#define HTH_BACKUP_SWAP_H

#include <limits.h>

#include "base/str.h"

typedef struct HthSwap {
    char path[PATH_MAX], stage[PATH_MAX], parent[PATH_MAX]; /* links followed */
    int lock; /* the parent, while this lasts; -1: not begun */
    bool there; /* something is at path */
} HthSwap;

/* Makes an empty folder (0700) beside path, which ends in ".restoring".  What a crash left there is
 * put away first: an unfinished one goes, an old folder that was exchanged is NAME.before-TIME from
 * then on.  path need not be there; one that is no folder is EINVAL.  EAGAIN: another restore is
 * under way. */
HTH_MUST_CHECK HthStatus hth_swap_begin(HthSwap *s, const char *path, HthErr *err);
/* Makes all of it durable and puts it in place of path; before: where the old folder is now, empty
 * when there was none.  On failure the old one is where it was. ENOTSUP: this file system cannot
 * exchange folders. */
HTH_MUST_CHECK HthStatus hth_swap_commit(HthSwap *s, char before[PATH_MAX], HthErr *err);
void hth_swap_end(HthSwap *s); /* removes what was not committed; fine on one not begun */

/* Everything below a folder, and the folder. Files named `subjects` or `keyring.key` are shredded:
 * their old bytes are keys. */
void hth_remove_tree(const char *path);
/* Makes everything below a folder durable, and the folder: these files, not what else waits to be
 * written on their file system. EIO. */
HTH_MUST_CHECK HthStatus hth_sync_tree(const char *path, HthErr *err);
/* A file's copy, made durable by hth_swap_commit; one that is not there has none. */
HTH_MUST_CHECK HthStatus hth_copy_file(const char *from, const char *to, HthErr *err);
/* Nobody else has a database or the log of this state folder open: *lock keeps the log's lock (-1:
 * there is no log), for the caller to close. EAGAIN: a server runs. */
HTH_MUST_CHECK HthStatus hth_state_idle(const char *state, int *lock, HthErr *err);

#endif
