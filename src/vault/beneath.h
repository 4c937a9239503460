/* beneath.h - opening files that lie beneath a folder, and nothing else.
 *
 * Private to this floor.
 *
 * Thread: any. */
#ifndef HTH_VAULT_BENEATH_H
#define HTH_VAULT_BENEATH_H

#include <sys/types.h>

#include "base/err.h"

/* As openat(2) with O_CLOEXEC, but whatever is on the way, links and ".." included, the file lies
 * beneath the folder; otherwise -1 with errno EXDEV, ELOOP or ENOTDIR. Links that stay beneath are
 * followed where the system can tell (openat2), and refused where it cannot. */
int hth_beneath_open(int folder, const char *path, int flags, mode_t mode);
/* The same without openat2: no links at all. */
int hth_beneath_walk(int folder, const char *path, int flags, mode_t mode);
/* The same as hth_beneath_open, and no links at all: for what is written. */
int hth_beneath_open_nolinks(int folder, const char *path, int flags, mode_t mode);
/* Makes the folders of path ("a/b/") that are not there, mode 0700. 0, or -1 with errno. */
int hth_beneath_mkdirs(int folder, const char *path);

#endif
