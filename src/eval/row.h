/* row.h - one row of logits: what it says of the token that came, and of another model's row.
 *
 * In double, in the order of the vocabulary, so that a figure does not depend on who computed it.
 * A row is kept as 16 bits a token (docs/formats/logits.md).
 *
 * Thread: any. */
#ifndef HTH_EVAL_ROW_H
#define HTH_EVAL_ROW_H

#include <stdbool.h>

#include "base/err.h"

typedef struct HthEvalRow {
    double nats; /* -log p(token) */
    double kl; /* of the model from the base, nats; 0 without one */
    double base_nats;
    uint32_t top, base_top; /* the likeliest token, the first of equals */
} HthEvalRow;

/* token < vocab. False: a logit is not a finite number. *log_sum: what logits are less by as
 * log-probabilities. */
bool hth_eval_row(const float *logits, uint32_t vocab, uint32_t token, HthEvalRow *out,
                  double *log_sum);

/* Of -log p >= 0: the nearest square root in steps of 8 / 65535. So p near 1 is kept to 1e-8, and p
 * of e^-64 and below is one code. */
uint16_t hth_eval_code(double minus_log_p);
double hth_eval_decode(uint16_t code);
void hth_eval_encode_row(const float *logits, uint32_t vocab, double log_sum, uint16_t *codes);

typedef struct HthEvalCodes HthEvalCodes; /* what each code stands for; 1 MiB, immutable */
HTH_MUST_CHECK HthStatus hth_eval_codes_open(HthEvalCodes **out, HthErr *err);
void hth_eval_codes_close(HthEvalCodes **codes);
/* KL(base || model), nats: codes, little-endian as in the file, stand for the base's row, which is
 * made a distribution again (rounding took that from it); log_sum is of logits. Never below 0. */
double hth_eval_kl(const HthEvalCodes *c, const uint8_t *codes, const float *logits, uint32_t vocab,
                   double log_sum);

#endif
