/* quantize.h - a model with fewer bits: GGUF in, GGUF and its quantisation log out.
 *
 * Tensor by tensor, rows in parallel; of a model only the rows at hand are in memory.  The bytes do
 * not depend on threads, tiers or interruptions.  While it works there are OUT.part and
 * OUT.part.log, from which a later call with the same input and options continues; at the end
 * OUT.part becomes OUT and OUT.quantlog.json is written beside it (docs/formats/quantlog.md).
 *
 * Thread: the caller's; it starts others and ends them. */
#ifndef HTH_QUANT_QUANTIZE_H
#define HTH_QUANT_QUANTIZE_H

#include "base/json.h"
#include "quant/mix.h"

/* Of the tensors that are quantised at all (hth_mix_touches), those whose name fits a shell's
 * pattern (* ? [...]) get this type: the first rule that fits. */
typedef struct HthQuantRule {
    const char *pattern;
    const HthFmt *fmt;
} HthQuantRule;
enum { HTH_QUANT_RULES_MAX = 256, HTH_QUANT_PATTERN_MAX = 127 /* bytes */ };

/* Now and then; phase is "reading", "measuring", "quantising" or "comparing". Not 0: stop,
 * HTH_ECANCELED. */
typedef int HthQuantProgress(const char *phase, uint64_t done_bytes, uint64_t total_bytes);

/* Types chosen by measuring: as good as fits into so many bytes, or as small as the error allows.
 * An error is that of what a matrix gives, relative to it: the root of the mean, over matrices, of
 * its square. */
typedef struct HthQuantAuto {
    uint64_t bytes; /* of OUT; 0: no limit */
    double error; /* above 0; 0: no limit.  One of the two is given, or neither: not asked for */
} HthQuantAuto;

typedef struct HthQuantOpt {
    const HthMix *mix; /* NULL: best tells */
    HthQuantAuto best;
    const HthQuantRule *rules; /* [rule_count] */
    size_t rule_count;
    bool again; /* weights that are quantised already may be, once more */
    const char *imatrix; /* path: columns that matter more are rounded better; NULL: none */
    bool awq; /* with imatrix: columns that matter more are scaled up, their norm down (fold.h) */
    uint32_t threads; /* 0: one per core */
    HthQuantProgress *progress; /* may be NULL */
} HthQuantOpt;

/* *log_out: what the log says; the caller's reference. EINVAL: an option does not fit the model, or
 * OUT cannot be that file; EFORMAT: not a model file, or a weight that is not a finite number or
 * too large for its type; ENOTSUP: a type that is not written; ELIMIT: a row is too long; EAGAIN:
 * another process is writing OUT; EIO (there is no room, for one), ENOMEM, ECANCELED. */
HTH_MUST_CHECK HthStatus hth_quantize(json_t **log_out, const char *in, const char *out,
                                      const HthQuantOpt *opt, HthErr *err);

/* Does it all again, writing nothing, and compares: the input's digests, the output's, every
 * tensor's, every figure. in, out, imatrix NULL: the names in the log, in the log's folder. EFORMAT
 * says what differs first. */
HTH_MUST_CHECK HthStatus hth_quantize_verify(const char *log, const char *in, const char *out,
                                             const char *imatrix, uint32_t threads,
                                             HthQuantProgress *progress, HthErr *err);

#endif
