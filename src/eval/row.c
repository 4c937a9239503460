/* row.c - see row.h.
 *
 * Thread: any. */
#include "eval/row.h"

#include <math.h>

#include "base/mem.h"
#include "base/num.h"

#define STEP (8.0 / 65535.0)
enum { CODES = 65536 };

bool hth_eval_row(const float *logits, uint32_t vocab, uint32_t token, HthEvalRow *out,
                  double *log_sum) {
    uint32_t top = 0;
    bool finite = true;
    double sum = 0;
    HTH_ASSERT(token < vocab);
    for (uint32_t i = 0; i < vocab; i++) {
        finite &= isfinite(logits[i]) != 0;
        if (logits[i] > logits[top]) top = i;
    }
    if (!finite) return false;
    for (uint32_t i = 0; i < vocab; i++) sum += exp((double)logits[i] - (double)logits[top]);
    *log_sum = (double)logits[top] + log(sum);
    const double nats = *log_sum - (double)logits[token];
    *out = (HthEvalRow){ .nats = nats > 0 ? nats : 0, .top = top };
    return true;
}

uint16_t hth_eval_code(double x) {
    if (!(x > 0)) return 0;
    const double code = rint(sqrt(x) / STEP);
    return code < CODES - 1 ? (uint16_t)code : CODES - 1;
}

double hth_eval_decode(uint16_t code) {
    const double root = code * STEP;
    return root * root;
}

void hth_eval_encode_row(const float *logits, uint32_t vocab, double log_sum, uint16_t *codes) {
    for (uint32_t i = 0; i < vocab; i++) {
        const uint16_t code = hth_eval_code(log_sum - (double)logits[i]);
        const uint8_t bytes[2] = { (uint8_t)code, (uint8_t)(code >> 8) };
        memcpy(&codes[i], bytes, sizeof bytes);
    }
}

/* ---- the other way ---- */

struct HthEvalCodes {
    double x[CODES], p[CODES]; /* -log p, p */
};

HthStatus hth_eval_codes_open(HthEvalCodes **out, HthErr *err) {
    HthEvalCodes *c = hth_calloc(1, sizeof *c);
    HTH_REQUIRE(c != NULL, err, HTH_ENOMEM, "out of memory for a table of probabilities");
    for (uint32_t i = 0; i < CODES; i++) {
        c->x[i] = hth_eval_decode((uint16_t)i);
        c->p[i] = i < CODES - 1 ? exp(-c->x[i]) : 0; /* the last one: as good as never */
    }
    *out = c;
    return HTH_OK;
}

void hth_eval_codes_close(HthEvalCodes **codes) {
    hth_free(*codes);
    *codes = NULL;
}

double hth_eval_kl(const HthEvalCodes *c, const uint8_t *codes, const float *logits, uint32_t vocab,
                   double log_sum) {
    double p_sum = 0, sum = 0;
    for (uint32_t i = 0; i < vocab; i++) {
        const uint16_t code = hth_le16(codes + 2 * (size_t)i);
        const double p = c->p[code];
        p_sum += p;
        sum += p * ((log_sum - (double)logits[i]) - c->x[code]);
    }
    /* sum p/P (log p/P - log q), P = p_sum. A row of nothing but the last code is no distribution
     * that hearth writes; it says nothing. */
    if (!(p_sum > 0)) return 0;
    const double kl = sum / p_sum - log(p_sum);
    return kl > 0 ? kl : 0;
}
