/* grad_flat.c - elementwise operations and rope, forward and backward. See grad.h.
 *
 * silu(a) = a * s with s = 1 / (1 + exp(-a)); its derivative is s * (1 + a * (1 - s)). */
#include "op/grad_in.h"

typedef struct Flat {
    size_t count;
    const float *a, *b, *dy;
    float *y, *da, *db;
    bool add_a, add_b;
} Flat;

HTH_INLINE void sigmoid(const HthV *a, HthV *s) {
    *s = -*a;
    hth_v_exp(s);
    *s = 1.0f / (*s + 1.0f);
}

HTH_CLONES static void swiglu(void *ctx, uint32_t item, uint32_t worker) {
    const Flat *f = ctx;
    (void)worker;
    const size_t at = (size_t)item * HTH_GRAD_FLAT;
    const size_t end = at + hth_grad_span(f->count, HTH_GRAD_FLAT, item);
    for (size_t i = at; i < end; i += HTH_VL) {
        HthV a = *hth_vc(f->a + i), s;
        sigmoid(&a, &s);
        *hth_vp(f->y + i) = a * s * *hth_vc(f->b + i);
    }
}

HTH_CLONES static void swiglu_bwd(void *ctx, uint32_t item, uint32_t worker) {
    const Flat *f = ctx;
    (void)worker;
    const size_t at = (size_t)item * HTH_GRAD_FLAT;
    const size_t end = at + hth_grad_span(f->count, HTH_GRAD_FLAT, item);
    for (size_t i = at; i < end; i += HTH_VL) {
        HthV a = *hth_vc(f->a + i), b = *hth_vc(f->b + i), d = *hth_vc(f->dy + i), s;
        sigmoid(&a, &s);
        HthV da = d * b * (s * (1.0f + a * (1.0f - s))), db = d * (a * s);
        if (f->add_a) da += *hth_vc(f->da + i);
        if (f->add_b) db += *hth_vc(f->db + i);
        *hth_vp(f->da + i) = da;
        *hth_vp(f->db + i) = db;
    }
}

HTH_CLONES static void sum(void *ctx, uint32_t item, uint32_t worker) {
    const Flat *f = ctx;
    (void)worker;
    const size_t at = (size_t)item * HTH_GRAD_FLAT;
    const size_t end = at + hth_grad_span(f->count, HTH_GRAD_FLAT, item);
    for (size_t i = at; i < end; i += HTH_VL)
        *hth_vp(f->y + i) = *hth_vc(f->a + i) + *hth_vc(f->b + i);
}

static void copy(void *ctx, uint32_t item, uint32_t worker) {
    const Flat *f = ctx;
    (void)worker;
    const size_t at = (size_t)item * HTH_GRAD_FLAT;
    memcpy(f->y + at, f->a + at, sizeof(float) * hth_grad_span(f->count, HTH_GRAD_FLAT, item));
}

static void run(HthGrad *g, HthParFn *fn, Flat *f) {
    HTH_ASSERT(f->count % HTH_VL == 0);
    hth_par_run(g->pool, hth_grad_items(f->count, HTH_GRAD_FLAT), fn, f);
}

void hth_grad_swiglu(HthGrad *g, size_t count, const float *a, const float *b, float *y) {
    run(g, swiglu, &(Flat){ .count = count, .a = a, .b = b, .y = y });
}

void hth_grad_swiglu_bwd(HthGrad *g, size_t count, const float *a, const float *b, const float *dy,
                         float *da, bool add_a, float *db, bool add_b) {
    run(g, swiglu_bwd,
        &(Flat){ .count = count,
                 .a = a,
                 .b = b,
                 .dy = dy,
                 .da = da,
                 .db = db,
                 .add_a = add_a,
                 .add_b = add_b });
}

void hth_grad_add(HthGrad *g, size_t count, const float *a, const float *b, float *y) {
    run(g, sum, &(Flat){ .count = count, .a = a, .b = b, .y = y });
}

void hth_grad_pass(HthGrad *g, size_t count, const float *dy, float *dx, bool add) {
    if (add)
        run(g, sum, &(Flat){ .count = count, .a = dx, .b = dy, .y = dx });
    else
        run(g, copy, &(Flat){ .count = count, .a = dy, .y = dx });
}

/* ---- rope ---- */

typedef struct Turn {
    const HthGradRope *rope;
    uint32_t t;
    float sign; /* -1 on the way back: the transposed rotation */
    const float *x;
    float *y;
    bool add;
} Turn;

/* One head: y (+)= R(position) x. */
static void turn_head(const Turn *u, const float *cs, const float *x, float *y) {
    const HthGradRope *r = u->rope;
    const uint32_t half = r->n_rot / 2, next = r->neox ? half : 1;
    for (uint32_t i = 0; i < half; i++) {
        const uint32_t at = r->neox ? i : 2 * i;
        const float c = cs[2 * i], s = cs[2 * i + 1] * u->sign;
        const float a = x[at] * c - x[at + next] * s, b = x[at] * s + x[at + next] * c;
        y[at] = u->add ? y[at] + a : a;
        y[at + next] = u->add ? y[at + next] + b : b;
    }
    for (uint32_t i = r->n_rot; i < r->head_dim; i++) y[i] = u->add ? y[i] + x[i] : x[i];
}

static void turn(void *ctx, uint32_t item, uint32_t worker) {
    const Turn *u = ctx;
    const HthGradRope *r = u->rope;
    (void)worker;
    const uint32_t rows = hth_grad_span(u->t, HTH_GRAD_ROWS, item);
    for (uint32_t i = 0; i < rows; i++) {
        const size_t row = (size_t)item * HTH_GRAD_ROWS + i, width = r->heads * r->head_dim;
        const float *cs = r->cs + row % r->seq * r->n_rot;
        for (uint32_t h = 0; h < r->heads; h++) {
            const size_t at = row * width + h * r->head_dim;
            turn_head(u, cs, u->x + at, u->y + at);
        }
    }
}

void hth_grad_rope(HthGrad *g, uint32_t t, const HthGradRope *rope, const float *x, float *y) {
    Turn u = { .rope = rope, .t = t, .sign = 1, .x = x, .y = y };
    hth_par_run(g->pool, hth_grad_items(t, HTH_GRAD_ROWS), turn, &u);
}

void hth_grad_rope_bwd(HthGrad *g, uint32_t t, const HthGradRope *rope, const float *dy, float *dx,
                       bool add) {
    Turn u = { .rope = rope, .t = t, .sign = -1, .x = dy, .y = dx, .add = add };
    hth_par_run(g->pool, hth_grad_items(t, HTH_GRAD_ROWS), turn, &u);
}
