/* shred.h - files whose old contents are not to be found afterwards.
 *
 * Blocks are overwritten once and made durable.  A disk that writes elsewhere (flash) or a file
 * system that does (copy on write) may keep the old ones all the same; what must not be found even
 * then has to be sealed with a key that is not on that disk.
 *
 * Thread: any; one writer per file: with its folder locked. */
#ifndef HTH_BASE_SHRED_H
#define HTH_BASE_SHRED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Waits until nobody else has the folder locked; closing *fd unlocks it. what: for sentences.
 * EIO. */
HTH_MUST_CHECK HthStatus hth_folder_lock(int *fd, const char *folder, const char *what,
                                         HthErr *err);

/* All bytes of an open file become zero. false: not all could be. */
bool hth_shred_fd(int fd);
/* The file's bytes become zero, then it is removed. One that is not there is fine. EIO. */
HTH_MUST_CHECK HthStatus hth_shred_file(const char *path, HthErr *err);
/* As hth_file_write with mode 0600, and the file that was there is shredded.  In between it is
 * there as path with "-old" behind it; hth_shred_left_over, called before the file is used, ends
 * what a crash left. */
HTH_MUST_CHECK HthStatus hth_shred_replace(const char *path, const void *bytes, size_t n,
                                           HthErr *err);
HTH_MUST_CHECK HthStatus hth_shred_left_over(const char *path, HthErr *err);

#endif
