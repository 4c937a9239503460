/* import.h - a model as its makers publish it (a folder with config.json, safetensors and a
 * tokenizer) to one GGUF file.
 *
 * What the folder says and a GGUF file or hearth cannot is refused with a sentence that names it;
 * what is left out without changing answers is told.  Weights are read in place, a few rows at a
 * time; the file is there whole or not at all.  The same folder gives the same bytes.
 *
 * Thread: the caller's. */
#ifndef HTH_IMPORT_IMPORT_H
#define HTH_IMPORT_IMPORT_H

#include "base/json.h"
#include "kern/kern.h"

/* Now and then; not 0: stop, HTH_ECANCELED. */
typedef int HthImportProgress(uint64_t done_bytes, uint64_t total_bytes);

typedef struct HthImportOpt {
    const HthFmt *to; /* F32, F16 or BF16: what matrices become; NULL: what they are */
    const char *name; /* general.name; NULL: the folder's */
    bool force; /* a file that is there may be replaced */
    HthImportProgress *progress; /* may be NULL */
} HthImportOpt;

/* *said_out: what was made of it (an object: output, name, bytes, family, architecture,
 * context_length, parameters, tensors by type, files, tokenizer, notes), the caller's reference.
 * EFORMAT, ENOTSUP: the folder's model cannot be imported; EDENIED: a name leads out of the folder;
 * EINVAL: `out` is there already, or a file of the model; EIO, ELIMIT, ENOMEM, ECANCELED. */
HTH_MUST_CHECK HthStatus hth_import(json_t **said_out, const char *folder, const char *out,
                                    const HthImportOpt *opt, HthErr *err);

#endif
