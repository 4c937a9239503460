/* attend.c - stores the batch's keys and values, then attends: page by page, merged in page order.
 *
 * The split at page boundaries is part of the numerics: it depends on positions only, never on
 * threads or on how the prompt was cut into steps.
 *
 * Thread: forks over (a few rows, KV head). */
#include <string.h>

#include "op/step.h"

typedef struct Ctx {
    const HthStep *s;
    const HthInst *in;
    uint32_t group; /* query heads per KV head */
    float scale;
} Ctx;

static void store(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    const HthStep *s = c->s;
    const HthProgram *p = s->prog;
    const HthKvView *kv = s->batch->kv[r];
    const float *k = hth_step_row(s, c->in->b_at, c->in->b_width, r);
    const float *v = hth_step_row(s, c->in->c_at, c->in->c_width, r);
    uint32_t pos = s->batch->pos[r], layer = c->in->layer;
    for (uint32_t h = 0; h < p->n_head_kv; h++) {
        s->kern->kv_store(kv->layout.type, k + (size_t)h * p->head_dim, p->head_dim,
                          hth_kv_k(kv, layer, h, pos));
        s->kern->kv_store(kv->layout.type, v + (size_t)h * p->head_dim_v, p->head_dim_v,
                          hth_kv_v(kv, layer, h, pos));
    }
}

/* Up to four neighbouring rows of one timeline, and one KV head. */
typedef struct Block {
    const Ctx *c;
    const HthKvView *kv;
    uint32_t row, rows, first, head; /* first: position of the first row */
    uint32_t pages; /* of the last row */
    const float *q; /* [rows * group][head_dim] */
    float *page_m, *page_l, *page_o; /* [rows * group], o: [][head_dim_v] */
    float *m, *l, *o; /* the same of every page: [rows * group][pages], o: [][][head_dim_v] */
} Block;

static void block_open(Block *b, const Ctx *c, uint32_t row, uint32_t rows, uint32_t head,
                       uint32_t worker) {
    const HthStep *s = c->s;
    const HthProgram *p = s->prog;
    uint32_t heads = rows * c->group;
    *b = (Block){ .c = c, .kv = s->batch->kv[row], .row = row, .rows = rows, .head = head };
    b->first = s->batch->pos[row];
    b->pages = (b->first + rows - 1) / HTH_PAGE_LEN + 1;
    float *q = (float *)(void *)(s->part + (size_t)worker * s->part_bytes);
    b->page_m = q + (size_t)heads * p->head_dim;
    b->page_l = b->page_m + heads;
    b->page_o = b->page_l + heads;
    b->m = b->page_o + (size_t)heads * p->head_dim_v;
    b->l = b->m + (size_t)heads * b->pages;
    b->o = b->l + (size_t)heads * b->pages;
    size_t floats = (size_t)c->group * p->head_dim; /* of one row */
    for (uint32_t r = 0; r < rows; r++) {
        b->q = hth_step_row(s, c->in->a_at, c->in->a_width, row + r) + head * floats;
        if (rows > 1) memcpy(q + r * floats, b->q, floats * sizeof *q);
    }
    if (rows > 1) b->q = q;
}

/* Queries of rows from `row` on against the first count positions of a page. */
static void attend_page(const Block *b, uint32_t page, uint32_t row, uint32_t rows,
                        uint32_t count) {
    const HthStep *s = b->c->s;
    const HthProgram *p = s->prog;
    uint32_t g = b->c->group, dv = p->head_dim_v;
    HthAttendPage a = { .group = rows * g, .head_dim = p->head_dim, .head_dim_v = dv };
    a.q = b->q + (size_t)row * g * p->head_dim;
    a.count = count;
    a.scale = b->c->scale;
    a.type = b->kv->layout.type;
    a.k = hth_kv_k(b->kv, b->c->in->layer, b->head, page * HTH_PAGE_LEN);
    a.v = hth_kv_v(b->kv, b->c->in->layer, b->head, page * HTH_PAGE_LEN);
    a.k_stride = b->kv->layout.k_row;
    a.v_stride = b->kv->layout.v_row;
    a.m = b->page_m;
    a.l = b->page_l;
    a.o = b->page_o;
    s->kern->attend_page(&a);
    for (uint32_t i = 0; i < rows * g; i++) {
        size_t at = (size_t)(row * g + i) * b->pages + page;
        b->m[at] = a.m[i];
        b->l[at] = a.l[i];
        memcpy(b->o + at * dv, a.o + (size_t)i * dv, dv * sizeof *a.o);
    }
}

/* Pages that every row sees whole are read once for all rows; the last ones row by row. */
static void block_run(const Block *b) {
    const HthStep *s = b->c->s;
    uint32_t g = b->c->group, dv = s->prog->head_dim_v, whole = (b->first + 1) / HTH_PAGE_LEN;
    for (uint32_t i = 0; i < whole; i++) attend_page(b, i, 0, b->rows, HTH_PAGE_LEN);
    for (uint32_t r = 0; r < b->rows; r++) {
        uint32_t seen = b->first + r + 1, pages = (seen - 1) / HTH_PAGE_LEN + 1;
        for (uint32_t i = whole; i < pages; i++) {
            uint32_t left = seen - i * HTH_PAGE_LEN;
            attend_page(b, i, r, 1, left < HTH_PAGE_LEN ? left : HTH_PAGE_LEN);
        }
        float *out = hth_step_row(s, b->c->in->dst_at, b->c->in->dst_width, b->row + r) +
                     (size_t)b->head * g * dv;
        for (uint32_t q = 0; q < g; q++) {
            size_t at = (size_t)(r * g + q) * b->pages;
            s->kern->attend_merge(out + (size_t)q * dv, b->m + at, b->l + at, b->o + at * dv, pages,
                                  dv);
        }
    }
}

static bool neighbours(const HthBatch *b, uint32_t row, uint32_t rows) {
    for (uint32_t r = row + 1; r < row + rows; r++)
        if (b->kv[r] != b->kv[row] || b->pos[r] != b->pos[row] + (r - row)) return false;
    return true;
}

static void attend(void *ctx, uint32_t item, uint32_t worker) {
    const Ctx *c = ctx;
    const HthStep *s = c->s;
    uint32_t step = hth_attend_rows(c->group), heads = s->prog->n_head_kv;
    uint32_t row = item / heads * step, rows = s->rows - row < step ? s->rows - row : step;
    bool together = neighbours(s->batch, row, rows);
    for (uint32_t r = row; r < row + rows; r += together ? rows : 1) {
        Block b;
        block_open(&b, c, r, together ? rows : 1, item % heads, worker);
        block_run(&b);
    }
}

uint32_t hth_op_attend(HthStep *s, const HthInst *inst) {
    const HthProgram *p = s->prog;
    Ctx c = { .s = s, .in = inst, .group = p->n_head / p->n_head_kv, .scale = p->attn_scale };
    uint32_t step = hth_attend_rows(c.group);
    hth_step_rows(s, inst->b_width + inst->c_width, store, &c);
    hth_par_run(s->pool, (s->rows + step - 1) / step * p->n_head_kv, attend, &c);
    return 1;
}
