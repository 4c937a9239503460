/* job.h - one quantisation under way: its plan, and the pass over the tensors that writing and
 * verifying share.  Private to quant.
 *
 * Thread: one owner. */
#ifndef HTH_QUANT_JOB_H
#define HTH_QUANT_JOB_H

#include "base/num.h"
#include "base/par.h"
#include "quant/imatrix.h"
#include "quant/part.h"
#include "quant/quantize.h"

/* Both digests of a run of bytes. */
typedef struct HthQuantDigest {
    uint64_t bytes;
    uint8_t sha256[HTH_HASH_BYTES], sha3[HTH_HASH_BYTES];
} HthQuantDigest;

/* What a tensor costs as a type, and what that does to what it gives. */
typedef struct HthQuantTried {
    const HthFmt *fmt;
    double error; /* squared, relative (probe.c) */
    uint64_t bytes; /* in the file */
} HthQuantTried;
enum { HTH_QUANT_TRIED_MAX = 16 };

typedef struct HthQuantTensor {
    const HthGgufTensor *from;
    const HthFmt *to;
    uint64_t at; /* in the output */
    size_t bytes, pad; /* zeros after it */
    HthPiece piece;
    bool weighed; /* the importance matrix speaks of it */
    const int8_t *shift; /* [ne[0]] column i is times 2^(sign * shift[i]); NULL: as it is */
    int sign; /* 1, or -1: the norm whose columns these are */
    HthQuantTried *tried; /* [tried_count], bytes ascending; what was chosen among */
    uint32_t tried_count;
} HthQuantTensor;

/* A norm and the matrices that read it, scaled against each other. */
typedef struct HthQuantFold {
    size_t norm; /* which tensor */
    int8_t *shift; /* [its length]; owned */
    uint32_t alpha; /* eighths: scales are (mean square)^(alpha / 16) */
    double before, after; /* squared relative errors of its matrices, added */
} HthQuantFold;

typedef struct HthQuantJob {
    HthGguf *g;
    const HthQuantOpt *opt;
    HthPool *pool;
    HthBuf head; /* of the output, up to its first tensor */
    HthQuantTensor *tensors; /* [count] */
    size_t count;
    HthQuantDigest *inputs; /* [parts] */
    uint32_t parts; /* of the input */
    HthQuantTried *tried; /* all tensors'; NULL: types were not measured */
    HthQuantFold *folds; /* [fold_count] */
    size_t fold_count;
    HthImatrix *im; /* NULL: all columns count the same */
    HthQuantDigest im_digest;
    uint64_t out_bytes;
    HthQuantDigest output;
} HthQuantJob;

/* Opens `in`; the digests of `in` are for hth_quant_job_read. */
HTH_MUST_CHECK HthStatus hth_quant_job_open(HthQuantJob **out, const char *in,
                                            const HthQuantOpt *opt, HthErr *err);
/* Decides every tensor's type, measuring if it must, and makes the output's head. */
HTH_MUST_CHECK HthStatus hth_quant_job_choose(HthQuantJob *job, HthErr *err);
/* Reads all of the input for its digests. */
HTH_MUST_CHECK HthStatus hth_quant_job_read(HthQuantJob *job, HthErr *err);
/* Makes every tensor, or takes it from part where that is known to be whole; fills the pieces and
 * output. part NULL: nothing is written. */
HTH_MUST_CHECK HthStatus hth_quant_job_run(HthQuantJob *job, HthPart *part, HthErr *err);
/* What each weight of a row counts, for each of a tensor's matrices: [matrices][ne[0]], the
 * caller's; NULL: all the same. */
HTH_MUST_CHECK HthStatus hth_quant_importance(const HthQuantJob *job, const HthQuantTensor *q,
                                              float **out, HthErr *err);
static inline float hth_quant_pow2(int n) { /* -126 to 127 */
    return hth_bits_f32((uint32_t)(n + 127) << 23);
}
/* Row number `row` in floats, its columns scaled as they will be. */
void hth_quant_row(const HthQuantTensor *q, uint64_t row, float *out);

/* probe.c. What a tensor gives, made of each of n types, is off by: the sum of what each column's
 * squared error counts, relative to the same sum of its weights; by a few rows from all over it. */
HTH_MUST_CHECK HthStatus hth_quant_probe(const HthQuantJob *job, const HthQuantTensor *q,
                                         const HthFmt *const *fmts, size_t n, double *errors,
                                         HthErr *err);
/* auto.c. Types by opt->best, for tensors whose `to` is NULL; over: bytes of all that is no data of
 * a tensor. */
HTH_MUST_CHECK HthStatus hth_quant_best(HthQuantJob *job, uint64_t over, uint32_t align,
                                        HthErr *err);
/* fold.c. Scales for the norms where that helps; types are known. */
HTH_MUST_CHECK HthStatus hth_quant_fold(HthQuantJob *job, HthErr *err);
/* job.c. The place of a tensor in the job; count: it is not there. */
size_t hth_quant_place(const HthQuantJob *job, HthStr name);

void hth_quant_job_close(HthQuantJob **job);
/* The digest that a journal of this job begins with. */
void hth_quant_job_plan(const HthQuantJob *job, uint8_t out[HTH_HASH_BYTES]);

/* log.c. NULL: out of memory. out: a path, of which the last name is kept. */
json_t *hth_quant_log(const HthQuantJob *job, const char *out);

/* verify.c. What a log claims was done, and how to do it again. */
typedef struct HthQuantClaim {
    json_t *log;
    HthQuantRule rules[HTH_QUANT_RULES_MAX]; /* strings of the log */
    HthQuantOpt opt; /* mix, rules, again */
} HthQuantClaim;
/* From any text, into a zeroed *c; EFORMAT, ELIMIT, ENOMEM. The caller drops c->log either way. */
HTH_MUST_CHECK HthStatus hth_quant_claim(HthQuantClaim *c, HthStr text, HthErr *err);
/* Tells the caller's progress; HTH_ECANCELED. */
HTH_MUST_CHECK HthStatus hth_quant_tell(const HthQuantOpt *opt, const char *phase, uint64_t done,
                                        uint64_t total, HthErr *err);

#endif
