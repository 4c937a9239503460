/* bent.c - attention that bends its scores, with one planted fault each; see mutants.c.
 *
 * The truth written once more, plainly, so that each way to get a cap, a slope or a window wrong is
 * one line.  A page of any type is read value by value.
 *
 * Thread: main. */
#include "check/check.h"

#include <math.h>

#include "base/num.h"
#include "kern/fn/fn.h"
#include "kern/fn/more.h"

typedef enum Fault {
    NO_FAULT,
    CAP_LAST,
    CAP_DIVIDES,
    CAP_LIBM,
    SLOPE_UNFUSED,
    SLOPE_ONE_SIDED,
    SLOPE_OF_FIRST,
    AWAY_OF_FIRST,
    SKIP_ONE_MORE,
    SKIP_AFTER_MAX,
    SUM_IN_ONE_LANE
} Fault;

/* Value i of the key or value at position t. */
static float value_at(HthKvType type, const uint8_t *page, uint32_t n, uint32_t i, uint32_t t,
                      bool key) {
    const bool nibbles = type == HTH_KV_Q4_0;
    const uint32_t codes = nibbles ? n / 2 : n, at = nibbles ? i / 32 * 16 + i % 16 : i;
    const size_t c = key ? (size_t)at * HTH_PAGE_LEN + t : (size_t)t * codes + at;
    if (type == HTH_KV_F32) return hth_bits_f32(hth_le32(page + c * 4));
    if (type == HTH_KV_F16) return hth_f16_to_f32(hth_le16(page + c * 2));
    const size_t block = key ? (size_t)(i / 32) * HTH_PAGE_LEN + t : (size_t)t * (n / 32) + i / 32;
    const float d = hth_f16_to_f32(hth_le16(page + (size_t)codes * HTH_PAGE_LEN + block * 2));
    if (type == HTH_KV_Q8_0) return d * (float)(int8_t)page[c];
    return d * (float)((i % 32 < 16 ? page[c] & 15 : page[c] >> 4) - 8);
}

static float capped(float s, float cap, Fault fault) {
    if (cap == 0.0f) return s;
    if (fault == CAP_LIBM) return cap * tanhf(s / cap);
    if (fault == CAP_DIVIDES) return hth_softcap_one(s / cap * 0.5f, cap, 2.0f);
    return hth_softcap_one(s, cap, 1.0f / cap);
}

static float sloped(float s, const HthAttendBend *bend, uint32_t g, uint32_t t, Fault fault) {
    if (bend->slope == NULL) return s;
    const float slope = bend->slope[fault == SLOPE_OF_FIRST ? 0 : g];
    float d = (float)t - (float)bend->away[fault == AWAY_OF_FIRST ? 0 : g];
    if (d > 0.0f && fault != SLOPE_ONE_SIDED) d = -d;
    return fault == SLOPE_UNFUSED ? s + slope * d : fmaf(slope, d, s);
}

static bool hidden(const HthAttendBend *bend, uint32_t g, uint32_t t, Fault fault) {
    return bend->skip != NULL && t < bend->skip[g] + (fault == SKIP_ONE_MORE);
}

/* Scores of all positions into p; their maximum. */
static float scores(const HthAttendPage *a, const HthAttendBend *bend, uint32_t g, float *p,
                    Fault fault) {
    float m = -INFINITY;
    for (uint32_t t = 0; t < a->count[g]; t++) {
        float s = 0.0f;
        for (uint32_t i = 0; i < a->head_dim; i++)
            s = fmaf(a->q[(size_t)g * a->head_dim + i],
                     value_at(a->type, a->k, a->head_dim, i, t, true), s);
        if (fault == CAP_LAST)
            s = capped(sloped(s, bend, g, t, fault), bend->cap, fault);
        else
            s = sloped(capped(s, bend->cap, fault), bend, g, t, fault);
        if (fault == SKIP_AFTER_MAX) m = s > m ? s : m;
        if (hidden(bend, g, t, fault)) s = -INFINITY;
        m = s > m ? s : m;
        p[t] = s;
    }
    return m + 0.0f; /* -0 counts as +0 */
}

static void one_query(const HthAttendPage *a, const HthAttendBend *bend, uint32_t g, Fault fault) {
    float p[HTH_PAGE_LEN], lane[16] = { 0.0f }, c = 1.0f, m = scores(a, bend, g, p, fault);
    float *o = a->o + (size_t)g * a->head_dim_v;
    if (!a->first) {
        m = a->m[g] > m ? a->m[g] : m;
        c = m == a->m[g] ? 1.0f : hth_exp_c(a->m[g] - m);
    }
    for (uint32_t t = 0; t < a->count[g]; t++) {
        p[t] = hth_exp_c(p[t] - m);
        lane[fault == SUM_IN_ONE_LANE ? 0 : t % 16] += p[t];
    }
    const float sum = hth_tree16(lane);
    a->m[g] = m;
    a->l[g] = a->first ? sum : fmaf(a->l[g], c, sum);
    for (uint32_t d = 0; d < a->head_dim_v; d++) {
        float acc = a->first ? 0.0f : o[d] * c;
        for (uint32_t t = 0; t < a->count[g]; t++)
            acc = fmaf(p[t], value_at(a->type, a->v, a->head_dim_v, d, t, false), acc);
        o[d] = acc;
    }
}

#define BENT(name, fault)                                                                          \
    static void name(const HthAttendPage *a, const HthAttendBend *bend) {                          \
        for (uint32_t g = 0; g < a->queries; g++) one_query(a, bend, g, fault);                    \
    }
BENT(none, NO_FAULT)
BENT(cap_last, CAP_LAST)
BENT(cap_divides, CAP_DIVIDES)
BENT(cap_libm, CAP_LIBM)
BENT(slope_unfused, SLOPE_UNFUSED)
BENT(slope_one_sided, SLOPE_ONE_SIDED)
BENT(slope_of_first, SLOPE_OF_FIRST)
BENT(away_of_first, AWAY_OF_FIRST)
BENT(skip_one_more, SKIP_ONE_MORE)
BENT(skip_after_max, SKIP_AFTER_MAX)
BENT(sum_in_one_lane, SUM_IN_ONE_LANE)

const CheckBent check_bent[] = {
    { "bent scores, no fault: is the truth", none, true },
    { "cap after the slope", cap_last, false },
    { "cap by division", cap_divides, false },
    { "cap with the C library's tanh", cap_libm, false },
    { "slope not fused", slope_unfused, false },
    { "slope on one side only", slope_one_sided, false },
    { "one slope for all heads", slope_of_first, false },
    { "one distance for all queries", away_of_first, false },
    { "a window one position short", skip_one_more, false },
    { "hidden scores in the maximum", skip_after_max, false },
    { "bent weights summed in one lane", sum_in_one_lane, false },
    { NULL, NULL, false },
};
