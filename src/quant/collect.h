/* collect.h - an importance matrix made: a text goes through a model, and each column of each
 * matrix is measured.
 *
 * The same model, text, chunk and numerics give the same bytes, whatever the threads and however
 * often it was interrupted.  While it works there is OUT.part, from which a later call continues.
 *
 * Thread: the caller's; it starts others and ends them. */
#ifndef HTH_QUANT_COLLECT_H
#define HTH_QUANT_COLLECT_H

#include "base/json.h"
#include "hearth/hearth.h"
#include "quant/quantize.h"

enum { HTH_COLLECT_CHUNK = 512, HTH_COLLECT_CHUNK_MAX = 1 << 16 /* tokens */ };

typedef struct HthCollectOpt {
    const char *text_name; /* of the text, for the file's metadata */
    uint32_t chunk; /* tokens that see each other; 0: HTH_COLLECT_CHUNK */
    uint32_t chunks_max; /* 0: all of the text */
    uint32_t threads; /* 0: one per core */
    HthQuantProgress *progress; /* "reading" bytes, "measuring" tokens; may be NULL */
} HthCollectOpt;

/* *said_out: what was done, for a person or a program; the caller's reference.  EINVAL: the text is
 * empty, or OUT cannot be a file; ENOTSUP: the model has no tokenizer; EFORMAT: activations are not
 * finite; ELIMIT, EIO, ENOMEM, ECANCELED. */
HTH_MUST_CHECK HthStatus hth_imatrix_collect(json_t **said_out, const HthModel *model, HthStr text,
                                             const char *out, const HthCollectOpt *opt,
                                             HthErr *err);

#endif
