/* linear.c - matrix products: dst = w * a, times the scale, plus the bias.
 *
 * A group of products of one value (q, k, v; gate, up) is one parallel section: its work items are
 * blocks of output rows, each with every column of the batch.  (Cutting the columns too, so that
 * their activations stay in the second-level cache, was 2 to 17 % slower: weights are then unpacked
 * once per cut.)  Where a matrix has panels (packed.h) its items multiply with those.  Activations
 * are quantised once per value, whoever asks first.
 *
 * Thread: forks over rows of activations, then over blocks of outputs. */
#include <string.h>

#include "base/room.h"
#include "kern/more.h"
#include "op/step.h"

enum { ITEM_ROWS_MIN = 32, ITEM_ROWS_MAX = 1024, ITEMS_PER_THREAD = 4, GROUP_MAX = 8 };

typedef struct Part { /* one product of the group */
    const HthInst *in;
    HthLinearFn *fn, *panel_fn;
    const uint8_t *panels; /* of the rows that fill panels; NULL: none */
    uint8_t *pack; /* where this step makes them; NULL: it does not */
    const void *x;
    size_t x_stride;
    float *y;
    size_t ldy;
    uint32_t first_item;
} Part;

typedef struct Ctx {
    const HthStep *s;
    uint32_t item_rows, parts;
    Part part[GROUP_MAX];
} Ctx;

typedef struct QuantCtx {
    const HthStep *s;
    const HthInst *in;
} QuantCtx;

static void quantise_row(void *ctx, uint32_t r, uint32_t worker) {
    (void)worker;
    const QuantCtx *c = ctx;
    const HthInst *in = c->in;
    void *out = c->s->act + (size_t)r * c->s->act_stride;
    c->s->kern->act_q8(hth_step_row(c->s, in->a_at, in->a_width, r), in->a_width, out);
}

static void quantise(HthStep *s, const HthInst *in) {
    if (s->act_value == in->a_value) return;
    s->act_stride = hth_act_bytes(HTH_ACT_Q8, in->a_width);
    hth_step_rows(s, in->a_width * 2, quantise_row, &(QuantCtx){ s, in });
    s->act_value = in->a_value;
}

static void scale(const HthWeight *w, float *col, uint32_t rows) {
    for (uint32_t r = 0; r < rows; r++) col[r] *= *w->scale;
}

/* Logits of models that scale or bound them. */
static void finish_logits(const HthStep *s, float *y, size_t ldy, uint32_t rows) {
    const HthProgram *p = s->prog;
    for (uint32_t c = 0; c < s->rows; c++) {
        float *col = y + c * ldy;
        for (uint32_t r = 0; p->logit_scale != 0.0f && r < rows; r++) col[r] *= p->logit_scale;
        if (p->logit_cap != 0.0f) hth_kern_more(s->kern)->softcap(col, col, rows, p->logit_cap);
    }
}

void hth_step_scale(const HthWeight *w, float *y, size_t ldy, uint32_t rows, uint32_t cols) {
    for (uint32_t c = 0; w->scale && !w->scale_last && c < cols; c++) scale(w, y + c * ldy, rows);
}

void hth_step_finish(const HthWeight *w, float *y, size_t ldy, uint32_t r0, uint32_t rows,
                     uint32_t cols) {
    for (uint32_t c = 0; c < cols; c++) {
        float *col = y + c * ldy;
        if (w->bias)
            for (uint32_t r = 0; r < rows; r++) col[r] += w->bias[r0 + r];
        if (w->scale && w->scale_last) scale(w, col, rows);
    }
}

/* Rows r0.. of a matrix that is packed while it is multiplied. */
static void pack_rows(const HthWeight *w, uint8_t *to, uint32_t r0, uint32_t rows) {
    for (uint32_t r = r0; r < r0 + rows; r += HTH_PANEL_ROWS)
        hth_panel_pack(w->fmt, w->data + r * w->row_bytes, w->row_bytes, to + r * w->row_bytes);
}

static void item(void *ctx, uint32_t i, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    uint32_t k = c->parts - 1;
    while (c->part[k].first_item > i) k--;
    const Part *p = &c->part[k];
    const HthWeight *w = p->in->w;
    uint32_t r0 = (i - p->first_item) * c->item_rows;
    uint32_t rows = w->rows - r0 < c->item_rows ? w->rows - r0 : c->item_rows;
    const size_t at = (size_t)r0 * w->row_bytes;
    if (c->s->paging) hth_paging_at(c->s->paging, p->in, at, rows * w->row_bytes);
    const uint8_t *panels = p->pack ? p->pack : p->panels;
    uint32_t whole = panels ? hth_packed_rows(rows) : 0;
    if (p->pack) pack_rows(w, p->pack, r0, whole);
    if (whole)
        p->panel_fn(panels + at, w->row_bytes, whole, w->cols, p->x, p->x_stride, c->s->rows,
                    p->y + r0, p->ldy);
    if (rows > whole)
        p->fn(w->data + at + whole * w->row_bytes, w->row_bytes, rows - whole, w->cols, p->x,
              p->x_stride, c->s->rows, p->y + r0 + whole, p->ldy);
    hth_step_scale(w, p->y + r0, p->ldy, rows, c->s->rows);
    if (c->s->adapters)
        hth_step_adapt(c->s, c->part[0].in, k, &(HthAdaptAt){ r0, rows, 0, c->s->rows, 0 },
                       p->y + r0, p->ldy);
    hth_step_finish(w, p->y + r0, p->ldy, r0, rows, c->s->rows);
    if (p->in->dst == HTH_R_LOGITS) finish_logits(c->s, p->y + r0, p->ldy, rows);
}

/* Panels if they are there; room for them if this step shall make them. */
static void find_panels(HthStep *s, const HthWeight *w, Part *p) {
    HthPacked *k = w->packed;
    p->panels = k ? atomic_load_explicit(&k->panels, memory_order_acquire) : NULL;
    p->pack = NULL;
    p->panel_fn = s->kern->linear_panels[hth_fmt_index(w->fmt)];
    size_t bytes = w->row_bytes * hth_packed_rows(w->rows);
    if (!k || !k->room || p->panels || s->pack_left == 0) return;
    if (atomic_exchange(&k->taken, true)) return;
    p->pack = k->room;
    s->pack_left -= bytes < s->pack_left ? bytes : s->pack_left; /* one large one may exceed it */
}

/* After the product: everybody may use what was packed. */
static void publish(const HthWeight *w, const Part *p) {
    if (!p->pack) return;
    atomic_store_explicit(&w->packed->panels, p->pack, memory_order_release);
    if (w->packed->forget) hth_room_forget(w->data, w->row_bytes * hth_packed_rows(w->rows));
}

static void prepare(HthStep *s, const HthInst *in, Part *p) {
    p->in = in;
    find_panels(s, in->w, p);
    p->fn = s->kern->linear[hth_fmt_index(in->w->fmt)];
    if (in->w->fmt->act == HTH_ACT_F32) {
        p->x = hth_step_row(s, in->a_at, in->a_width, 0);
        p->x_stride = (size_t)hth_row_stride(in->a_width) * sizeof(float);
    } else {
        quantise(s, in);
        p->x = s->act;
        p->x_stride = s->act_stride;
    }
    if (in->dst == HTH_R_LOGITS) {
        p->y = s->batch->logits;
        p->ldy = in->dst_width;
    } else {
        p->y = hth_step_row(s, in->dst_at, in->dst_width, 0);
        p->ldy = hth_row_stride(in->dst_width);
    }
}

void hth_step_act(const HthStep *s, const HthWeight *w, const float *x, uint8_t *to) {
    if (w->fmt->act == HTH_ACT_F32)
        memcpy(to, x, w->cols * sizeof *x);
    else
        s->kern->act_q8(x, w->cols, (void *)to);
}

uint32_t hth_step_item_rows(const HthStep *s, uint64_t all) {
    uint64_t share = all / ((uint64_t)hth_pool_threads(s->pool) * ITEMS_PER_THREAD);
    if (share < ITEM_ROWS_MIN) return ITEM_ROWS_MIN;
    return share > ITEM_ROWS_MAX ? ITEM_ROWS_MAX : (uint32_t)(share / 32 * 32);
}

uint32_t hth_op_linear(HthStep *s, const HthInst *inst) {
    Ctx c = { .s = s };
    c.parts = inst->group < GROUP_MAX ? inst->group : GROUP_MAX;
    uint64_t all = 0;
    for (uint32_t k = 0; k < c.parts; k++) {
        prepare(s, &inst[k], &c.part[k]);
        all += inst[k].w->rows;
    }
    c.item_rows = hth_step_item_rows(s, all);
    uint32_t items = 0;
    for (uint32_t k = 0; k < c.parts; k++) {
        c.part[k].first_item = items;
        items += (inst[k].w->rows + c.item_rows - 1) / c.item_rows;
    }
    if (s->adapters) hth_step_adapt_begin(s, inst, c.parts);
    hth_par_run(s->pool, items, item, &c);
    for (uint32_t k = 0; k < c.parts; k++) publish(inst[k].w, &c.part[k]);
    return c.parts;
}
