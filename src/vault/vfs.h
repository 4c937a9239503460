/* vfs.h - an SQLite file that is sealed: every page of it and every frame of its log.
 *
 * What lies on the disk is docs/formats/vault.md.  A page that is not what was written under this
 * key, in this file, at this place is an error (EFORMAT), never content.  What this cannot see: an
 * old page of the same place put back, or the whole file with its log as they once were.
 *
 * One HthVfs is for one file, and for as many connections to it as one wants.  Open it before and
 * close it after them.  One per file and process: closing any other descriptor of the file would
 * let go of SQLite's locks (POSIX).
 *
 * Thread: any; connections as SQLite says. */
#ifndef HTH_VAULT_VFS_H
#define HTH_VAULT_VFS_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/err.h"

enum { HTH_VFS_KEY_BYTES = 32 };
typedef struct HthVfs HthVfs;

typedef struct HthVfsCfg {
    const char *path; /* the file; its folder must exist */
    const char *what; /* what it is, for sentences: "the file of conversations"; must stay */
    const char *under; /* the SQLite VFS that does the work; NULL: the system's */
    const uint8_t *key; /* [HTH_VFS_KEY_BYTES]; copied to secret memory */
} HthVfsCfg;

/* A file that is not there is made (0600, in WAL mode); one that is not sealed becomes so, with a
 * line in the log: a new file beside it, made durable, renamed over it; the old one's blocks are
 * overwritten.  At any moment there is the old file or the new.
 * EDENIED: another key's; EFORMAT: damaged, or not such a file, or of a newer hearth; EAGAIN:
 * somebody else has the plain file open; EIO; ENOMEM; ELIMIT (secret.h). */
HTH_MUST_CHECK HthStatus hth_vfs_open(HthVfs **out, const HthVfsCfg *cfg, HthErr *err);
const char *hth_vfs_name(const HthVfs *v); /* for sqlite3_open_v2 */
void hth_vfs_close(HthVfs **v); /* after the last connection */

/* SQLite's word as ours, with a sentence about `what`. rc is not SQLITE_OK. */
HthStatus hth_sqlite_failed(int rc, const char *what, HthErr *err);
/* All of one file into another, in one step: one reading transaction, which no writer waits for. */
HTH_MUST_CHECK HthStatus hth_sqlite_copy(sqlite3 *to, sqlite3 *from, const char *what, HthErr *err);
/* Whether SQLite finds nothing wrong with any page. */
HTH_MUST_CHECK HthStatus hth_sqlite_sound(sqlite3 *db, const char *what, bool *sound, HthErr *err);

#endif
