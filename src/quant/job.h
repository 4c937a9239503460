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
    uint32_t parts; /* of the input */
    uint64_t out_bytes;
    HthQuantDigest output;
} HthQuantJob;

/* Opens `in` and decides every tensor's type; the digests of `in` are for hth_quant_job_read. */
HTH_MUST_CHECK HthStatus hth_quant_job_open(HthQuantJob **out, const char *in,
                                            const HthQuantOpt *opt, HthErr *err);
/* Reads all of the input for its digests. */
HTH_MUST_CHECK HthStatus hth_quant_job_read(HthQuantJob *job, HthErr *err);
/* Makes every tensor, or takes it from part where that is known to be whole; fills the pieces and
 * output. part NULL: nothing is written. */
HTH_MUST_CHECK HthStatus hth_quant_job_run(HthQuantJob *job, HthPart *part, HthErr *err);
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
