/* watch.c - what the products of a step read, shown to whoever measures it (exec.h).
 *
 * Thread: the caller of the pool. */
#include "op/step.h"

/* Rows of tokens for the experts they chose. */
static void chosen(const HthStep *s, const HthInst *in) {
    const uint32_t used = s->prog->router.n_used;
    for (uint32_t r = 0; r < s->rows; r++) {
        for (uint32_t k = 0; k < used; k++) {
            const uint32_t place = s->place[(size_t)r * used + k];
            uint32_t low = 0, high = s->actives; /* the last active one that begins by there */
            while (high - low > 1) {
                const uint32_t mid = low + (high - low) / 2;
                if (s->first[s->active[mid]] <= place)
                    low = mid;
                else
                    high = mid;
            }
            s->see(s->see_ctx, in->w, s->active[low], hth_step_row(s, in->a_at, in->a_width, r));
        }
    }
}

/* Rows that lie expert by expert. */
static void placed(const HthStep *s, const HthInst *in) {
    const uint32_t used = s->prog->router.n_used, width = hth_row_stride(in->w->cols);
    for (uint32_t i = 0; i < s->actives; i++) {
        const uint32_t e = s->active[i];
        for (uint32_t p = s->first[e]; p < s->first[e + 1]; p++)
            s->see(s->see_ctx, in->w, e,
                   hth_step_row(s, in->a_at, in->a_width, p / used) + (size_t)(p % used) * width);
    }
}

static void heads(const HthStep *s, const HthInst *in) {
    const uint32_t from = in->a_width / in->w->count;
    for (uint32_t r = 0; r < s->rows; r++)
        for (uint32_t h = 0; h < in->w->count; h++)
            s->see(s->see_ctx, in->w, h,
                   hth_step_row(s, in->a_at, in->a_width, r) + (size_t)h * from);
}

void hth_step_watch(const HthStep *s, const HthInst *in) {
    switch (in->op) {
    case HTH_OP_LINEAR:
        for (uint32_t r = 0; r < s->rows; r++)
            s->see(s->see_ctx, in->w, 0, hth_step_row(s, in->a_at, in->a_width, r));
        break;
    case HTH_OP_EXPERTS: chosen(s, in); break;
    case HTH_OP_EXPERTS_EACH: placed(s, in); break;
    case HTH_OP_HEADS: heads(s, in); break;
    default: break;
    }
}
