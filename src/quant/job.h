/* job.h - one quantisation under way: its plan, and the pass over the tensors that writing and
 * verifying share.  Private to quant.
 *
 * Thread: one owner. */
#ifndef HTH_QUANT_JOB_H
#define HTH_QUANT_JOB_H

#include "base/par.h"
#include "quant/part.h"
#include "quant/quantize.h"

/* Both digests of a run of bytes. */
typedef struct HthQuantDigest {
    uint64_t bytes;
    uint8_t sha256[HTH_HASH_BYTES], sha3[HTH_HASH_BYTES];
} HthQuantDigest;

typedef struct HthQuantTensor {
    const HthGgufTensor *from;
    const HthFmt *to;
    uint64_t at; /* in the output */
    size_t bytes, pad; /* zeros after it */
    HthPiece piece;
} HthQuantTensor;

typedef struct HthQuantJob {
    HthGguf *g;
    const HthQuantOpt *opt;
    HthPool *pool;
    HthBuf head; /* of the output, up to its first tensor */
    HthQuantTensor *tensors; /* [count] */
    size_t count;
    HthQuantDigest *inputs; /* [parts] */
    uint32_t parts;
    uint64_t out_bytes;
    HthQuantDigest output;
} HthQuantJob;

/* Opens `in`, reads it for its digests, and decides every tensor's type. */
HTH_MUST_CHECK HthStatus hth_quant_job_open(HthQuantJob **out, const char *in,
                                            const HthQuantOpt *opt, HthErr *err);
/* Makes every tensor, or takes it from part where that is known to be whole; fills the pieces and
 * output. part NULL: nothing is written. */
HTH_MUST_CHECK HthStatus hth_quant_job_run(HthQuantJob *job, HthPart *part, HthErr *err);
void hth_quant_job_close(HthQuantJob **job);
/* The digest that a journal of this job begins with. */
void hth_quant_job_plan(const HthQuantJob *job, uint8_t out[HTH_HASH_BYTES]);

/* log.c. NULL: out of memory. in, out: paths, of which the last names are kept. */
json_t *hth_quant_log(const HthQuantJob *job, const char *in, const char *out);
/* Tells the caller's progress; HTH_ECANCELED. */
HTH_MUST_CHECK HthStatus hth_quant_tell(const HthQuantOpt *opt, const char *phase, uint64_t done,
                                        uint64_t total, HthErr *err);

#endif
