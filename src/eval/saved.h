/* saved.h - a model's logits in a file: written while they are computed, read beside another model.
 *
 * 16 bits a token of the vocabulary, each segment with a checksum (docs/formats/logits.md).  Files
 * are of one machine's making but may come from anywhere: all of it is checked.
 *
 * Thread: one owner; hth_eval_base_row from many. */
#ifndef HTH_EVAL_SAVED_H
#define HTH_EVAL_SAVED_H

#include "crypt/hash.h"
#include "eval/plan.h"
#include "eval/row.h"

typedef struct HthEvalSavedHead {
    uint32_t vocab;
    uint64_t rows, segments;
    uint8_t plan[HTH_HASH_BYTES], model[HTH_HASH_BYTES];
} HthEvalSavedHead;

/* Bytes of one row: nats (8), likeliest token (4), its own token (4), codes; a multiple of 8. */
size_t hth_eval_saved_row(uint32_t vocab);
/* Fills bytes[hth_eval_saved_row(vocab)] from a row of logits. */
void hth_eval_saved_fill(uint8_t *bytes, const HthEvalRow *row, uint32_t token, const float *logits,
                         uint32_t vocab, double log_sum);

/* ---- writing: PATH.part, which becomes PATH ---- */

typedef struct HthEvalSave HthEvalSave;

HTH_MUST_CHECK HthStatus hth_eval_save_open(HthEvalSave **out, const char *path,
                                            const HthEvalSavedHead *head, HthErr *err);
void hth_eval_save_close(HthEvalSave **s); /* PATH.part stays */
/* The rows of a segment in blocks; *sum is what hth_eval_save_has wants to hear later. */
HTH_MUST_CHECK HthStatus hth_eval_save_begin(HthEvalSave *s, const HthEvalPlan *plan,
                                             size_t segment, HthErr *err);
HTH_MUST_CHECK HthStatus hth_eval_save_add(HthEvalSave *s, const uint8_t *rows, size_t n,
                                           HthErr *err);
HTH_MUST_CHECK HthStatus hth_eval_save_end(HthEvalSave *s, uint64_t *sum, HthErr *err);
/* Is this segment in PATH.part as it was written? ENOMEM, EIO. */
HTH_MUST_CHECK HthStatus hth_eval_save_has(HthEvalSave *s, const HthEvalPlan *plan, size_t segment,
                                           uint64_t sum, bool *out, HthErr *err);
HTH_MUST_CHECK HthStatus hth_eval_save_commit(HthEvalSave *s, HthErr *err);

/* ---- reading ---- */

typedef struct HthEvalBase HthEvalBase;

/* Over bytes the caller keeps; `name` is for errors. EFORMAT. */
HTH_MUST_CHECK HthStatus hth_eval_base_over(HthEvalBase **out, HthStr bytes, const char *name,
                                            HthErr *err);
HTH_MUST_CHECK HthStatus hth_eval_base_open(HthEvalBase **out, const char *path, HthErr *err);
void hth_eval_base_close(HthEvalBase **b);
const HthEvalSavedHead *hth_eval_base_head(const HthEvalBase *b);
/* EFORMAT: these are not the logits of this plan and vocabulary. */
HTH_MUST_CHECK HthStatus hth_eval_base_fits(const HthEvalBase *b, const HthEvalPlan *plan,
                                            uint32_t vocab, HthErr *err);
/* Before the rows of a segment are asked for: is it whole? */
HTH_MUST_CHECK HthStatus hth_eval_base_check(HthEvalBase *b, const HthEvalPlan *plan,
                                             size_t segment, HthErr *err);
void hth_eval_base_let_go(HthEvalBase *b, const HthEvalPlan *plan, size_t segment);
/* The k-th row of a checked segment; *codes is lent. */
void hth_eval_base_row(const HthEvalBase *b, const HthEvalPlan *plan, size_t segment, uint32_t k,
                       double *nats, uint32_t *top, const uint8_t **codes);

#endif
