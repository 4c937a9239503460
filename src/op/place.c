/* place.c - dst = a + a row of a matrix: the one that belongs to the token's position, or the
 * first, for texts whose tokens are all of one type.
 *
 * Thread: forks over rows. */
#include "op/step.h"

typedef struct Ctx {
    const HthStep *s;
    const HthInst *in;
} Ctx;

static void row(void *ctx, uint32_t r, uint32_t worker) {
    enum { PIECE = 256 }; /* whole blocks of every format */
    (void)worker;
    const Ctx *c = ctx;
    const HthWeight *w = c->in->w;
    const uint32_t place = c->in->op == HTH_OP_TYPE ? 0 : c->s->batch->pos[r];
    const uint8_t *blocks = w->data + (size_t)place * w->row_bytes;
    float *y = hth_step_row(c->s, c->in->dst_at, c->in->dst_width, r), at[PIECE];
    const float *x = hth_step_row(c->s, c->in->a_at, c->in->a_width, r);
    HTH_ASSERT(place < w->rows); /* the session's context was bounded */
    for (uint32_t i = 0; i < w->cols; i += PIECE) {
        const uint32_t n = w->cols - i < PIECE ? w->cols - i : PIECE;
        w->fmt->dequant(blocks + hth_fmt_row_bytes(w->fmt, i), at, n);
        c->s->kern->add(y + i, x + i, at, n);
    }
}

uint32_t hth_op_place(HthStep *s, const HthInst *inst) {
    hth_step_rows(s, inst->dst_width, row, &(Ctx){ s, inst });
    return 1;
}
