/* attend.c - stores the batch's keys and values, then attends: page by page inside a run of pages,
 * run by run, in order.
 *
 * Where pages and runs begin depends on positions only, never on threads or on how the prompt was
 * cut into steps, so neither does the result.  A block is some neighbouring rows of one timeline
 * and the query heads of one KV head: a page is read once for all of them.  Where there are few
 * blocks (one token far into a text) the runs of a block are items of their own, and are merged
 * afterwards by the same operations in the same order.
 *
 * Texts that are read whole see both ways: all of a text's rows are in the step, so that its keys
 * are stored before the first of them attends; where it ends is where its rows in the step do.
 *
 * Thread: forks over (rows, KV head) to store, over (block, and run where split) to attend. */
#include <math.h>
#include <string.h>

#include "kern/more.h"
#include "op/step.h"

enum {
    STORE_ROWS = 64, /* of one item; neighbours share cache lines of keys */
    RUN_LEN = HTH_RUN_PAGES * HTH_PAGE_LEN,
    ITEMS_PER_THREAD = 8,
    GROUP_MIN = 16, /* heads of a part: each reads the pages anew */
    WORTH_WAKING = 1 << 15, /* floats */
    FAR = 1 << 30, /* no context is longer */
};

typedef struct Ctx {
    const HthStep *s;
    const HthInst *in;
    HthHeads h; /* the instruction's */
    uint32_t group; /* query heads of an item: those of a KV head, or one of their equal parts */
    uint32_t parts; /* of a KV head's query heads; 1 unless there are many heads and few items */
    uint32_t block_rows, blocks; /* rows per block at most; ranges of that many rows */
    uint32_t runs; /* where split: of the longest timeline; 0: not split */
    uint32_t behind, ahead; /* how many positions before its own, after it, a row sees; FAR: all */
} Ctx;

/* ---- storing -------------------------------------------------------------------------------- */

static void store(void *ctx, uint32_t item, uint32_t worker) {
    const Ctx *c = ctx;
    const HthStep *s = c->s;
    uint32_t head = item % c->h.kv, row = item / c->h.kv * STORE_ROWS, layer = c->in->cache;
    uint32_t end = s->rows - row < STORE_ROWS ? s->rows : row + STORE_ROWS;
    uint8_t *code = s->part + (size_t)worker * s->part_bytes;
    for (uint32_t r = row; r < end; r++) {
        const HthKvView *kv = s->batch->kv[r];
        HthKvType type = kv->layout.type;
        uint32_t pos = s->batch->pos[r], t = pos % HTH_PAGE_LEN;
        const float *k = hth_step_row(s, c->in->b_at, c->in->b_width, r);
        const float *v = hth_step_row(s, c->in->c_at, c->in->c_width, r);
        s->kern->kv_store(type, k + (size_t)head * c->h.dim, c->h.dim, code);
        hth_kv_put_key(type, c->h.dim, code, hth_kv_keys(kv, layer, head, pos), t);
        s->kern->kv_store(type, v + (size_t)head * c->h.dim_v, c->h.dim_v, code);
        hth_kv_put_value(type, c->h.dim_v, code, hth_kv_values(kv, layer, head, pos), t);
    }
}

/* ---- one block ------------------------------------------------------------------------------ */

typedef struct Sums { /* of the queries of a block */
    float *m, *l; /* [queries] */
    float *o; /* [queries][head_dim_v] */
} Sums;

typedef struct Block {
    const Ctx *c;
    const HthKvView *kv;
    uint32_t row, rows, first; /* first: position of the first row */
    uint32_t end; /* of the timeline, as far as anybody sees it */
    uint32_t head, kv_head; /* head: of groups */
    float *q; /* [queries][head_dim], scaled; queries of the first row first */
    float *work;
    float *slope; /* [queries] */
    uint32_t *count, *skip; /* [queries] */
    int32_t *away; /* [queries] */
    Sums all, run;
} Block;

/* The longest lists of every part of a worker's memory; base NULL: only how many bytes. */
static size_t carve(Block *b, uint8_t *base, uint32_t queries, uint32_t dim, uint32_t dim_v) {
    size_t at = 0, n = queries, wide = n * dim_v;
    struct {
        float **to;
        size_t floats;
    } parts[] = {
        { &b->work, hth_attend_work(queries, dim, dim_v) },
        { &b->q, n * dim },
        { &b->all.o, wide },
        { &b->run.o, wide },
        { &b->all.m, n },
        { &b->all.l, n },
        { &b->run.m, n },
        { &b->run.l, n },
        { &b->slope, n },
    };
    for (size_t i = 0; i < HTH_COUNT(parts); i++) {
        if (base) *parts[i].to = (float *)(void *)(base + at);
        at += (parts[i].floats * sizeof(float) + 63) & ~(size_t)63;
    }
    if (base) b->count = (uint32_t *)(void *)(base + at);
    if (base) b->skip = b->count + n;
    if (base) b->away = (int32_t *)(b->skip + n);
    return at + 3 * n * sizeof *b->count;
}

static size_t part_bytes(const HthProgram *p, HthHeads h) {
    Block none;
    uint32_t group = p->n_head / h.kv;
    return carve(&none, NULL, hth_attend_rows(group) * group, h.dim, h.dim_v);
}

size_t hth_attend_part_bytes(const HthProgram *p) {
    const size_t most = part_bytes(p, hth_heads(p));
    const size_t own = p->window_heads.kv ? part_bytes(p, p->window_heads) : 0;
    return own > most ? own : most;
}

static void block_open(Block *b, const Ctx *c, uint32_t row, uint32_t rows, uint32_t head,
                       uint32_t worker) {
    const HthStep *s = c->s;
    const HthProgram *p = s->prog;
    size_t floats = (size_t)c->group * c->h.dim; /* of one row */
    *b = (Block){ .c = c, .kv = s->batch->kv[row], .row = row, .rows = rows, .head = head };
    b->kv_head = head / c->parts;
    b->first = s->batch->pos[row];
    b->end = b->first + rows;
    if (c->ahead > 0) b->end += hth_step_run(s, row + rows - 1) - 1;
    carve(b, s->part + (size_t)worker * s->part_bytes, rows * c->group, c->h.dim, c->h.dim_v);
    for (uint32_t r = 0; r < rows; r++) {
        const float *q = hth_step_row(s, c->in->a_at, c->in->a_width, row + r) + head * floats;
        for (size_t i = 0; i < floats; i++) b->q[r * floats + i] = q[i] * p->attn_scale;
    }
    for (uint32_t i = 0; p->slopes && i < rows * c->group; i++)
        b->slope[i] = p->slopes[head * c->group + i % c->group];
}

/* The first row of the block that sees position pos. */
static uint32_t first_seer(const Block *b, uint32_t pos) {
    const uint32_t sees = b->first + b->c->ahead;
    return pos > sees ? pos - sees : 0;
}

/* The first position that the row at position pos sees. */
static uint32_t seen_from(const Ctx *c, uint32_t pos) {
    const uint32_t window = c->in->window;
    if (window != 0 && c->in->chunked) return pos - pos % window;
    return pos > c->behind ? pos - c->behind : 0;
}

/* The position after the last one that it sees. */
static uint32_t seen_to(const Block *b, uint32_t pos) {
    const uint32_t to = pos + b->c->ahead + 1;
    return to < b->end ? to : b->end;
}

/* The row of the block after the last one that sees a position below end. */
static uint32_t last_seer(const Block *b, uint32_t end) {
    const uint32_t window = b->c->in->window;
    uint64_t to = (uint64_t)end + b->c->behind;
    if (window != 0 && b->c->in->chunked) /* all to the end of the chunk that has its last */
        to = ((uint64_t)end + window - 1) / window * window;
    return to < (uint64_t)b->first + b->rows ? (uint32_t)(to - b->first) : b->rows;
}

/* The queries that see the page take it into sums.  more: so does the page after it. */
static void page_run(const Block *b, uint32_t page, bool first, bool more, const Sums *sums) {
    const HthStep *s = b->c->s;
    const HthProgram *p = s->prog;
    uint32_t group = b->c->group, pos = page * HTH_PAGE_LEN, row = first_seer(b, pos);
    uint32_t from = row * group, to = last_seer(b, pos + HTH_PAGE_LEN) * group;
    HthAttendPage a = { .queries = to - from, .first = first };
    HthAttendBend bend = { .cap = p->attn_cap };
    if (p->slopes) bend.slope = b->slope; /* those of a row are those of all */
    bend.away = b->away;
    a.q = b->q + (size_t)from * b->c->h.dim;
    a.head_dim = b->c->h.dim;
    a.head_dim_v = b->c->h.dim_v;
    a.count = b->count;
    a.type = b->kv->layout.type;
    a.k = hth_kv_keys(b->kv, b->c->in->cache, b->kv_head, pos);
    a.v = hth_kv_values(b->kv, b->c->in->cache, b->kv_head, pos);
    if (more) {
        a.next_k = hth_kv_keys(b->kv, b->c->in->cache, b->kv_head, pos + HTH_PAGE_LEN);
        a.next_v = hth_kv_values(b->kv, b->c->in->cache, b->kv_head, pos + HTH_PAGE_LEN);
    }
    a.work = b->work;
    a.m = sums->m + from;
    a.l = sums->l + from;
    a.o = sums->o + (size_t)from * a.head_dim_v;
    for (uint32_t i = 0; i < a.queries; i++) {
        const uint32_t own = b->first + row + i / group, seen = seen_to(b, own) - pos;
        b->away[i] = (int32_t)own - (int32_t)pos;
        b->count[i] = seen < HTH_PAGE_LEN ? seen : HTH_PAGE_LEN;
        const uint32_t start = seen_from(b->c, own);
        b->skip[i] = start > pos ? start - pos : 0;
        if (b->skip[i] > 0) bend.skip = b->skip;
    }
    if (bend.skip || bend.slope || bend.cap != 0.0f)
        hth_kern_more(s->kern)->attend_bent(&a, &bend);
    else
        s->kern->attend_page(&a);
}

/* The position after the last one that any row of the block sees. */
static uint32_t reach(const Block *b) {
    return seen_to(b, b->first + b->rows - 1);
}

static void run_run(const Block *b, uint32_t run, const Sums *sums) {
    uint32_t end = (reach(b) - 1) / HTH_PAGE_LEN + 1, first = run * HTH_RUN_PAGES;
    if (end - first > HTH_RUN_PAGES) end = first + HTH_RUN_PAGES;
    for (uint32_t page = first; page < end; page++)
        page_run(b, page, page == first, page + 1 < end, sums);
}

/* The pages of a window are one run, begun with nothing: which page is a row's first depends on the
 * row. */
static void window_run(const Block *b) {
    const uint32_t queries = b->rows * b->c->group;
    for (uint32_t i = 0; i < queries; i++) {
        b->all.m[i] = -INFINITY;
        b->all.l[i] = 0.0f;
    }
    memset(b->all.o, 0, (size_t)queries * b->c->h.dim_v * sizeof *b->all.o);
    const uint32_t end = (reach(b) - 1) / HTH_PAGE_LEN + 1;
    for (uint32_t page = seen_from(b->c, b->first) / HTH_PAGE_LEN; page < end; page++)
        page_run(b, page, false, page + 1 < end, &b->all);
}

static float *result(const Ctx *c, uint32_t row, uint32_t head) {
    return hth_step_row(c->s, c->in->dst_at, c->in->dst_width, row) + (size_t)head * c->h.dim_v;
}

/* A sink is one more position at the end, whose value is zero: a run of its own. */
static void sink(const Ctx *c, uint32_t head, float *m, float *l, float *o) {
    static const float zeros[HTH_ATTEND_HEAD_MAX];
    if (!c->in->w) return;
    HTH_ASSERT(c->h.dim_v <= HTH_ATTEND_HEAD_MAX);
    c->s->kern->attend_merge(m, l, o, c->in->w->vec[head], 1.0f, zeros, c->h.dim_v);
}

static void finish(float *out, const float *o, float l, uint32_t n) {
    float inv = 1.0f / l;
    for (uint32_t d = 0; d < n; d++) out[d] = o[d] * inv;
}

/* Every run, merged as it comes. */
static void block_run(const Block *b) {
    const Ctx *c = b->c;
    uint32_t dv = c->h.dim_v, g = c->group, queries = b->rows * g;
    if (c->in->window)
        window_run(b);
    else
        run_run(b, 0, &b->all);
    for (uint32_t run = 1; !c->in->window && run * RUN_LEN < reach(b); run++) {
        run_run(b, run, &b->run);
        for (uint32_t i = first_seer(b, run * RUN_LEN) * g; i < queries; i++)
            c->s->kern->attend_merge(b->all.m + i, b->all.l + i, b->all.o + (size_t)i * dv,
                                     b->run.m[i], b->run.l[i], b->run.o + (size_t)i * dv, dv);
    }
    for (uint32_t i = 0; i < queries; i++) {
        const uint32_t head = b->head * g + i % g;
        sink(c, head, b->all.m + i, b->all.l + i, b->all.o + (size_t)i * dv);
        finish(result(c, b->row + i / g, head), b->all.o + (size_t)i * dv, b->all.l[i], dv);
    }
}

/* ---- runs as items -------------------------------------------------------------------------- */

/* Sums of a query's runs: m and l, [runs] each, then o, [runs][dim_v]. */
static float *split_of(const Ctx *c, uint32_t row, uint32_t head) {
    size_t floats = (size_t)c->runs * (c->h.dim_v + 2);
    return c->s->split + ((size_t)row * c->s->prog->n_head + head) * floats;
}

static void block_split(const Block *b, uint32_t run) {
    const Ctx *c = b->c;
    uint32_t dv = c->h.dim_v, g = c->group;
    if (run * RUN_LEN >= reach(b)) return;
    run_run(b, run, &b->run);
    for (uint32_t i = first_seer(b, run * RUN_LEN) * g; i < b->rows * g; i++) {
        float *to = split_of(c, b->row + i / g, b->head * g + i % g);
        to[run] = b->run.m[i];
        to[c->runs + run] = b->run.l[i];
        memcpy(to + 2 * c->runs + (size_t)run * dv, b->run.o + (size_t)i * dv, dv * sizeof *to);
    }
}

static void merge(void *ctx, uint32_t item, uint32_t worker) {
    (void)worker;
    const Ctx *c = ctx;
    uint32_t dv = c->h.dim_v, head = item % c->s->prog->n_head;
    uint32_t row = item / c->s->prog->n_head;
    float *m = split_of(c, row, head), *l = m + c->runs, *o = l + c->runs;
    for (uint32_t run = 1; run <= c->s->batch->pos[row] / RUN_LEN; run++)
        c->s->kern->attend_merge(m, l, o, m[run], l[run], o + (size_t)run * dv, dv);
    sink(c, head, m, l, o);
    finish(result(c, row, head), o, *l, dv);
}

/* ---- the operation -------------------------------------------------------------------------- */

static bool neighbours(const HthBatch *b, uint32_t row, uint32_t rows) {
    for (uint32_t r = row + 1; r < row + rows; r++)
        if (b->kv[r] != b->kv[row] || b->pos[r] != b->pos[row] + (r - row)) return false;
    return true;
}

/* Items count from the end of the batch: later rows see more, and should not be begun last. */
static void attend(void *ctx, uint32_t item, uint32_t worker) {
    const Ctx *c = ctx;
    const HthStep *s = c->s;
    uint32_t runs = c->runs ? c->runs : 1, run = item % runs;
    uint32_t heads = c->h.kv * c->parts;
    uint32_t head = item / runs % heads, range = c->blocks - 1 - item / runs / heads;
    uint32_t row = range * c->block_rows;
    uint32_t rows = s->rows - row < c->block_rows ? s->rows - row : c->block_rows;
    bool together = neighbours(s->batch, row, rows);
    for (uint32_t r = row; r < row + rows; r += together ? rows : 1) {
        Block b;
        block_open(&b, c, r, together ? rows : 1, head, worker);
        if (c->runs)
            block_split(&b, run);
        else
            block_run(&b);
    }
}

/* Blocks as large as the kernels like, smaller where threads would go without; then the heads of a
 * group in parts, then runs apart. */
static void divide(Ctx *c) {
    const HthStep *s = c->s;
    uint32_t want = hth_pool_threads(s->pool) * ITEMS_PER_THREAD, heads = c->h.kv;
    uint32_t rows = hth_attend_rows(c->group), last = 0;
    if (rows > s->rows) rows = s->rows;
    while (rows > 4 && (s->rows + rows - 1) / rows * heads < want) rows = (rows + 1) / 2;
    c->block_rows = rows;
    c->blocks = (s->rows + rows - 1) / rows;
    while (hth_pool_threads(s->pool) > 1 && c->blocks * heads < want && c->group % 2 == 0 &&
           c->group / 2 >= GROUP_MIN) {
        c->group /= 2;
        c->parts *= 2;
        heads *= 2;
    }
    for (uint32_t r = 0; r < s->rows; r++)
        if (s->batch->pos[r] > last) last = s->batch->pos[r];
    uint32_t runs = last / RUN_LEN + 1;
    bool split = c->in->window == 0 && c->ahead == 0 && s->rows <= HTH_ATTEND_SPLIT_ROWS &&
                 hth_pool_threads(s->pool) > 1;
    c->runs = split && runs > 1 && c->blocks * heads < want ? runs : 0;
}

uint32_t hth_op_attend(HthStep *s, const HthInst *inst) {
    const HthProgram *p = s->prog;
    Ctx c = { .s = s, .in = inst, .h = hth_heads_of(p, inst), .parts = 1, .behind = FAR };
    c.group = p->n_head / c.h.kv;
    if (p->whole) c.ahead = FAR;
    if (inst->window) c.behind = p->whole ? inst->window / 2 : inst->window - 1;
    if (inst->window && p->whole) c.ahead = inst->window / 2;
    size_t floats = (size_t)s->rows * (inst->b_width + inst->c_width);
    if (inst->op != HTH_OP_ATTEND_BEFORE)
        hth_par_run(floats >= WORTH_WAKING ? s->pool : NULL,
                    (s->rows + STORE_ROWS - 1) / STORE_ROWS * c.h.kv, store, &c);
    divide(&c);
    hth_par_run(s->pool, c.blocks * c.h.kv * c.parts * (c.runs ? c.runs : 1), attend, &c);
    if (c.runs) {
        floats = (size_t)s->rows * inst->dst_width * c.runs;
        hth_par_run(floats >= WORTH_WAKING ? s->pool : NULL, s->rows * p->n_head, merge, &c);
    }
    return 1;
}
