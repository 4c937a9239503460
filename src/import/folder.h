/* folder.h - the folder of a model: files in it by their plain names, and nothing else.
 *
 * A name is letters, digits, '.', '_' and '-'; what it leads to, links followed, lies in the
 * folder.  Errors name the file, never what is in it.  Private to import.
 *
 * Thread: any; the folder must not change meanwhile. */
#ifndef HTH_IMPORT_FOLDER_H
#define HTH_IMPORT_FOLDER_H

#include <limits.h>

#include "base/json.h"

typedef struct HthImportFolder {
    char path[PATH_MAX]; /* links followed */
    char name[NAME_MAX + 1]; /* its own; "model" where it has none */
} HthImportFolder;

/* EINVAL: it is no folder; EIO. */
HTH_MUST_CHECK HthStatus hth_import_folder(HthImportFolder *out, const char *path, HthErr *err);
/* The path of a file; *there false, and an empty path, where there is none. EDENIED: the name is no
 * plain name, or leads out of the folder. */
HTH_MUST_CHECK HthStatus hth_import_path(const HthImportFolder *f, HthStr name, char out[PATH_MAX],
                                         bool *there, HthErr *err);
/* Appends the file, up to the buffer's ceiling. */
HTH_MUST_CHECK HthStatus hth_import_text(const HthImportFolder *f, const char *name, HthBuf *out,
                                         bool *there, HthErr *err);
/* *out: the object in it, the caller's reference; NULL where there is no such file. EFORMAT,
 * ELIMIT (more than bytes_max), EIO, ENOMEM. */
HTH_MUST_CHECK HthStatus hth_import_json(const HthImportFolder *f, const char *name,
                                         size_t bytes_max, json_t **out, HthErr *err);

/* A folder in it, by a plain name; *there false where there is none. EDENIED as of files. */
HTH_MUST_CHECK HthStatus hth_import_inner(HthImportFolder *out, const HthImportFolder *f,
                                          HthStr name, bool *there, HthErr *err);

/* May a file be written there? A file of the folder is replaced by none, but by a GGUF file; what
 * is there, with force only. EINVAL. */
HTH_MUST_CHECK HthStatus hth_import_out(const HthImportFolder *f, const char *out, bool force,
                                        HthErr *err);

enum { HTH_IMPORT_SHOWN_MAX = 100 };
/* A name out of a file, fit to be printed: one line of ASCII, the doubtful replaced by '?'. */
void hth_import_shown(HthStr s, char out[HTH_IMPORT_SHOWN_MAX]);

#endif
