/* grad_attend.c - causal attention with grouped heads, forward and backward. See grad.h.
 *
 * One item of work is one KV head of one sequence with all its query heads, so that dk and dv are
 * summed by one worker in one order.  Query rows go in blocks; a block sees only the keys up to its
 * last row.  Scores are not kept: the way back computes them again from the log-sum-exp. */
#include <math.h>

#include "op/grad_in.h"

typedef struct Attend {
    HthGrad *g;
    const HthGradAttend *s;
    const float *q, *k, *v, *o_in, *d_o;
    float *o, *lse, *dq, *dk, *dv;
} Attend;

/* Where one item's heads lie. */
typedef struct Part {
    size_t row; /* first token of the sequence */
    uint32_t kv; /* KV head */
    uint32_t ldq, ldk; /* floats from one token to the next */
} Part;

static Part part_of(const HthGradAttend *s, uint32_t item) {
    return (Part){ .row = (size_t)(item / s->heads_kv) * s->seq,
                   .kv = item % s->heads_kv,
                   .ldq = s->heads * s->head_dim,
                   .ldk = s->heads_kv * s->head_dim };
}

/* Row of scores -> probabilities over the first `seen` of n; the rest becomes 0. Returns the
 * log-sum-exp of the scaled scores. */
HTH_CLONES static float softmax_row(float *p, uint32_t seen, uint32_t n, float scale) {
    float max = p[0];
    for (uint32_t i = 1; i < seen; i++) max = p[i] > max ? p[i] : max;
    const float top = max * scale;
    HthV total = { 0 };
    uint32_t i = 0;
    for (; i + HTH_VL <= seen; i += HTH_VL) {
        HthV e = *hth_vc(p + i) * scale - top;
        hth_v_exp(&e);
        *hth_vp(p + i) = e;
        total += e;
    }
    if (i < seen) { /* the last, partial vector */
        HthV e = { 0 };
        for (uint32_t j = i; j < seen; j++) e[j - i] = p[j] * scale - top;
        hth_v_exp(&e);
        for (uint32_t j = seen - i; j < HTH_VL; j++) e[j] = 0;
        for (uint32_t j = i; j < seen; j++) p[j] = e[j - i];
        total += e;
    }
    const float sum = hth_v_sum(&total), inv = 1.0f / sum;
    for (i = 0; i + HTH_VL <= seen; i += HTH_VL) *hth_vp(p + i) *= inv;
    for (; i < seen; i++) p[i] *= inv;
    for (i = seen; i < n; i++) p[i] = 0;
    return top + logf(sum);
}

/* The same probabilities again, from the kept log-sum-exp. */
HTH_CLONES static void prob_row(float *p, uint32_t seen, uint32_t n, float scale, float lse) {
    uint32_t i = 0;
    for (; i + HTH_VL <= seen; i += HTH_VL) {
        HthV e = *hth_vc(p + i) * scale - lse;
        hth_v_exp(&e);
        *hth_vp(p + i) = e;
    }
    if (i < seen) {
        HthV e = { 0 };
        for (uint32_t j = i; j < seen; j++) e[j - i] = p[j] * scale - lse;
        hth_v_exp(&e);
        for (uint32_t j = i; j < seen; j++) p[j] = e[j - i];
    }
    for (i = seen; i < n; i++) p[i] = 0;
}

/* dp -> ds = p * (dp - dot(do, o)) * scale */
HTH_CLONES static void score_grad_row(const float *p, float *dp, uint32_t n, float dot,
                                      float scale) {
    uint32_t i = 0;
    for (; i + HTH_VL <= n; i += HTH_VL)
        *hth_vp(dp + i) = *hth_vc(p + i) * (*hth_vc(dp + i) - dot) * scale;
    for (; i < n; i++) dp[i] = p[i] * (dp[i] - dot) * scale;
}

HTH_CLONES static float dot_row(const float *a, const float *b, uint32_t n) {
    HthV sum = { 0 };
    for (uint32_t i = 0; i < n; i += HTH_VL) sum += *hth_vc(a + i) * *hth_vc(b + i);
    return hth_v_sum(&sum);
}

static void forward(void *ctx, uint32_t item, uint32_t worker) {
    const Attend *a = ctx;
    const HthGradAttend *s = a->s;
    const Part at = part_of(s, item);
    const uint32_t hd = s->head_dim, group = s->heads / s->heads_kv;
    HthSgemm *gemm = a->g->solo[worker];
    float *p = a->g->attend + (size_t)worker * 2 * HTH_GRAD_QUERIES * a->g->size.seq;
    const float *k = a->k + at.row * at.ldk + at.kv * hd, *v = a->v + at.row * at.ldk + at.kv * hd;
    for (uint32_t h = at.kv * group; h < (at.kv + 1) * group; h++) {
        for (uint32_t i = 0; i < s->seq; i += HTH_GRAD_QUERIES) {
            const uint32_t m = hth_grad_span(s->seq, HTH_GRAD_QUERIES, i / HTH_GRAD_QUERIES);
            const uint32_t keys = i + m;
            const size_t q0 = (at.row + i) * at.ldq + h * hd;
            hth_sgemm(gemm, false, true, m, keys, hd, a->q + q0, at.ldq, k, at.ldk, p, keys, false);
            for (uint32_t r = 0; r < m; r++)
                a->lse[(size_t)h * s->t + at.row + i + r] =
                    softmax_row(p + (size_t)r * keys, i + r + 1, keys, s->scale);
            hth_sgemm(gemm, false, false, m, hd, keys, p, keys, v, at.ldk, a->o + q0, at.ldq,
                      false);
        }
    }
}

/* One block of query rows of one head. */
static void block_bwd(const Attend *a, const Part *at, uint32_t h, uint32_t i, uint32_t worker) {
    const HthGradAttend *s = a->s;
    const uint32_t hd = s->head_dim;
    const uint32_t m = hth_grad_span(s->seq, HTH_GRAD_QUERIES, i / HTH_GRAD_QUERIES), keys = i + m;
    HthSgemm *gemm = a->g->solo[worker];
    float *p = a->g->attend + (size_t)worker * 2 * HTH_GRAD_QUERIES * a->g->size.seq;
    float *dp = p + (size_t)HTH_GRAD_QUERIES * a->g->size.seq;
    const size_t q0 = (at->row + i) * at->ldq + h * hd, k0 = at->row * at->ldk + at->kv * hd;
    const float *k = a->k + k0, *v = a->v + k0, *d_o = a->d_o + q0;
    hth_sgemm(gemm, false, true, m, keys, hd, a->q + q0, at->ldq, k, at->ldk, p, keys, false);
    hth_sgemm(gemm, false, true, m, keys, hd, d_o, at->ldq, v, at->ldk, dp, keys, false);
    for (uint32_t r = 0; r < m; r++) {
        float *pr = p + (size_t)r * keys;
        prob_row(pr, i + r + 1, keys, s->scale, a->lse[(size_t)h * s->t + at->row + i + r]);
        const float dot =
            dot_row(d_o + (size_t)r * at->ldq, a->o_in + q0 + (size_t)r * at->ldq, hd);
        score_grad_row(pr, dp + (size_t)r * keys, keys, dot, s->scale);
    }
    hth_sgemm(gemm, true, false, keys, hd, m, p, keys, d_o, at->ldq, a->dv + k0, at->ldk, true);
    hth_sgemm(gemm, false, false, m, hd, keys, dp, keys, k, at->ldk, a->dq + q0, at->ldq, false);
    hth_sgemm(gemm, true, false, keys, hd, m, dp, keys, a->q + q0, at->ldq, a->dk + k0, at->ldk,
              true);
}

static void backward(void *ctx, uint32_t item, uint32_t worker) {
    const Attend *a = ctx;
    const HthGradAttend *s = a->s;
    const Part at = part_of(s, item);
    const uint32_t hd = s->head_dim, group = s->heads / s->heads_kv;
    for (uint32_t i = 0; i < s->seq; i++) {
        memset(a->dk + (at.row + i) * at.ldk + at.kv * hd, 0, sizeof(float) * hd);
        memset(a->dv + (at.row + i) * at.ldk + at.kv * hd, 0, sizeof(float) * hd);
    }
    for (uint32_t h = at.kv * group; h < (at.kv + 1) * group; h++)
        for (uint32_t i = 0; i < s->seq; i += HTH_GRAD_QUERIES) block_bwd(a, &at, h, i, worker);
}

static void check(const HthGrad *g, const HthGradAttend *s) {
    HTH_ASSERT(s->seq > 0 && s->seq <= g->size.seq && s->t % s->seq == 0);
    HTH_ASSERT(s->heads_kv > 0 && s->heads % s->heads_kv == 0 && s->head_dim % HTH_VL == 0);
}

void hth_grad_attend(HthGrad *g, const HthGradAttend *s, const float *q, const float *k,
                     const float *v, float *o, float *lse) {
    check(g, s);
    Attend a = { .g = g, .s = s, .q = q, .k = k, .v = v, .o = o, .lse = lse };
    hth_par_run(g->pool, s->t / s->seq * s->heads_kv, forward, &a);
}

void hth_grad_attend_bwd(HthGrad *g, const HthGradAttend *s, const float *q, const float *k,
                         const float *v, const float *o, const float *lse, const float *d_o,
                         float *dq, float *dk, float *dv) {
    check(g, s);
    /* lse is only read here; one struct serves both directions. */
    Attend a = {
        .g = g, .s = s, .q = q, .k = k, .v = v, .o_in = o, .d_o = d_o, .dq = dq, .dk = dk, .dv = dv
    };
    memcpy(&a.lse, &lse, sizeof lse);
    hth_par_run(g->pool, s->t / s->seq * s->heads_kv, backward, &a);
}
