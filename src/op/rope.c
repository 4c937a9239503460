/* rope.c - rotates each head by its token's position.
 *
 * Thread: forks over rows. */
#include <string.h>

#include "op/step.h"

typedef struct Ctx {
    const HthStep *s;
    const HthInst *in;
} Ctx;

static float *table_of(const HthStep *s, uint32_t rope, uint32_t row) {
    return s->rope + ((size_t)rope * s->rows_max + row) * hth_rope_most(s->prog);
}

static void table(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const HthStep *s = ctx;
    const HthProgram *p = s->prog;
    for (uint32_t k = 0; k < p->ropes; k++)
        hth_rope_table(table_of(s, k, r), p->rope_freq[k], hth_rope_dims(p, k), s->batch->pos[r],
                       p->rope_mscale[k]);
}

void hth_step_rope_tables(HthStep *s) {
    enum { FLOATS_PER_SINCOS = 16 }; /* a pair costs about this many plain float operations */
    hth_step_rows(s, s->prog->ropes * hth_rope_most(s->prog) * FLOATS_PER_SINCOS, table, s);
}

static void row(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    const HthInst *in = c->in;
    const HthProgram *p = c->s->prog;
    float *y = hth_step_row(c->s, in->dst_at, in->dst_width, r);
    const float *x = hth_step_row(c->s, in->a_at, in->a_width, r);
    if (y != x) memcpy(y, x, (size_t)in->a_width * sizeof *y);
    const uint32_t dim = hth_heads_of(p, in).dim, n_rot = hth_rope_dims(p, in->rope);
    for (uint32_t at = p->rope_at; at < in->a_width; at += dim)
        c->s->kern->rope(y + at, table_of(c->s, in->rope, r), n_rot, p->rope_neox);
}

uint32_t hth_op_rope(HthStep *s, const HthInst *inst) {
    hth_step_rows(s, inst->a_width, row, &(Ctx){ s, inst });
    return 1;
}
