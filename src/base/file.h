/* file.h - mapping, reading and durable writing of files.
 *
 * Errors name the path as the caller gave it and say what the system said.
 *
 * Thread: any. */
#ifndef HTH_BASE_FILE_H
#define HTH_BASE_FILE_H

#include "base/buf.h"

typedef struct HthFileMap {
    const uint8_t *data; /* read-only; NULL for an empty file */
    size_t n;
    void *handle; /* private */
    int fd; /* private; of the file, while there is a handle */
} HthFileMap;

/* Maps a regular file read-only, shared. EIO: cannot open; EINVAL: not a regular file. */
HTH_MUST_CHECK HthStatus hth_file_map(HthFileMap *out, const char *path, HthErr *err);
/* The whole pages of [p, p + n), mapped bytes, are not needed for now: their memory is given up,
 * here and in the system's cache unless somebody else uses them. They read the same. Advice. */
void hth_file_let_go(const HthFileMap *map, const uint8_t *p, size_t n);
void hth_file_unmap(HthFileMap *map); /* zeroes *map; fine on a zeroed one */

/* Appends the whole file ("-": standard input) to buf, whose ceiling applies (ELIMIT). */
HTH_MUST_CHECK HthStatus hth_file_read(HthBuf *buf, const char *path, HthErr *err);

/* Is something of that name there (a link that leads nowhere, too)?  EIO where the system does not
 * say: who would make a new file where none is has to know, and not guess. */
HTH_MUST_CHECK HthStatus hth_file_there(bool *out, const char *path, HthErr *err);

/* Temporary file beside path, written, fsynced, renamed over path, directory fsynced: a reader
 * sees the old bytes or the new, never a part.  mode as for open(2), e.g. 0644. */
HTH_MUST_CHECK HthStatus hth_file_write(const char *path, const void *bytes, size_t n, int mode,
                                        HthErr *err);

/* Makes what was made, renamed or removed in a folder durable.  File systems that cannot sync a
 * folder are passed over.  shown: what the error names.  EIO. */
HTH_MUST_CHECK HthStatus hth_file_sync_folder(const char *folder, const char *shown, HthErr *err);
/* The same for the folder that `path` is in. EIO; ELIMIT: PATH_MAX bytes or more. */
HTH_MUST_CHECK HthStatus hth_file_sync_beside(const char *path, HthErr *err);

/* As hth_file_write, for content produced piece by piece.  Opening clears what writers of the same
 * path that were killed have left beside it; hth_file_write, which is for little things often, does
 * not. */
typedef struct HthFileOut HthFileOut;
HTH_MUST_CHECK HthStatus hth_file_out_open(HthFileOut **out, const char *path, int mode,
                                           HthErr *err);
HTH_MUST_CHECK HthStatus hth_file_out_add(HthFileOut *f, const void *bytes, size_t n, HthErr *err);
/* Durable and visible on HTH_OK; frees and sets NULL either way (on failure the old file stays). */
HTH_MUST_CHECK HthStatus hth_file_out_commit(HthFileOut **f, HthErr *err);
void hth_file_out_abort(HthFileOut **f); /* removes the temporary file; sets NULL */

/* Before anything is written: EIO where the file system has no room for so many bytes more. One
 * that does not say has it, as has what is no regular file. fd: on it; shown: a path to name. */
HTH_MUST_CHECK HthStatus hth_file_out_room(const HthFileOut *f, uint64_t bytes, HthErr *err);
HTH_MUST_CHECK HthStatus hth_file_room(int fd, const char *shown, uint64_t bytes, HthErr *err);

/* Removes from folder what writers that were killed have left there for targets (names) that `ours`
 * takes.  Never what somebody is writing, nor other users' files.  What cannot be removed stays. */
typedef bool (*HthFileOursFn)(const void *payload, HthStr target);
void hth_file_clear_left(const char *folder, HthFileOursFn ours, const void *payload);

/* Tests: the nth system call on a file from now (open, map, read, write, sync, rename) and all
 * later ones, or that one alone, fail with EIO; 0 switches off. */
void hth_file_fail_after(uint64_t nth);
void hth_file_fail_once(uint64_t nth);
/* Tests: the process is killed (SIGKILL) where it would do the nth of them; 0 switches off. */
void hth_file_kill_at(uint64_t nth);

#endif
