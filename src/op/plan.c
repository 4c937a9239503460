/* plan.c - see plan.h.  Linear scan: values are allocated first-fit in program order and freed
 * after their last reader; an in-place operation takes over the place of the operand that dies.
 *
 * Thread: any. */
#include "op/plan.h"

#include "base/mem.h"
#include "base/num.h"

typedef struct Value {
    uint32_t last; /* last instruction that reads it */
    uint32_t at, size; /* place, in floats per token */
} Value;

typedef struct Scan {
    HthProgram *prog;
    Value *values; /* value i is defined by instruction i */
    uint32_t (*reads)[3]; /* values read by each instruction: a, b, c */
    uint32_t live[HTH_R_COUNT * 2]; /* values that have a place */
    uint32_t live_count;
    uint64_t top; /* floats per token used so far */
} Scan;

static void find_lifetimes(Scan *s) {
    uint32_t now[HTH_R_COUNT];
    for (uint32_t r = 0; r < HTH_R_COUNT; r++) now[r] = HTH_AT_NONE;
    for (uint32_t i = 0; i < s->prog->count; i++) {
        const HthInst *in = &s->prog->inst[i];
        const HthReg regs[3] = { in->a, in->b, in->c };
        for (uint32_t k = 0; k < 3; k++) {
            s->reads[i][k] = HTH_AT_NONE;
            if (k >= hth_op_info(in->op)->reads) continue;
            uint32_t v = now[regs[k]];
            HTH_ASSERT(v != HTH_AT_NONE); /* an architecture table reads a register never set */
            s->values[v].last = i;
            s->reads[i][k] = v;
        }
        s->values[i].last = i;
        s->values[i].size = hth_row_stride(in->dst_width);
        now[in->dst] = i;
    }
}

static bool same_group(const Scan *s, uint32_t i) {
    const HthProgram *p = s->prog;
    const HthOpCode op = p->inst[i].op;
    if (i + 1 >= p->count || i + 1 == p->wanted || p->inst[i + 1].op != op) return false;
    if (s->reads[i][0] != s->reads[i + 1][0]) return false;
    const bool experts = op == HTH_OP_EXPERTS || op == HTH_OP_EXPERTS_EACH;
    return op == HTH_OP_LINEAR || (experts && s->reads[i][1] == s->reads[i + 1][1]);
}

/* q, k, v (and gate, up, of experts too) read one value: they become one parallel section, so what
 * they write must live, and lie apart, until its end. */
static void find_groups(Scan *s) {
    HthProgram *p = s->prog;
    for (uint32_t i = p->count; i-- > 0;) {
        HthInst *in = &p->inst[i];
        in->group = same_group(s, i) ? in[1].group + 1 : 1;
        uint32_t end = i + in->group - 1;
        if (s->values[i].last < end) s->values[i].last = end;
    }
}

static void drop_dead(Scan *s, uint32_t i) {
    uint32_t kept = 0;
    for (uint32_t k = 0; k < s->live_count; k++)
        if (s->values[s->live[k]].last >= i) s->live[kept++] = s->live[k];
    s->live_count = kept;
}

/* Lowest place of `size` floats clear of every live value. */
static uint64_t first_fit(const Scan *s, uint32_t size) {
    uint64_t at = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (uint32_t k = 0; k < s->live_count; k++) {
            const Value *v = &s->values[s->live[k]];
            if (at < (uint64_t)v->at + v->size && v->at < at + size) {
                at = (uint64_t)v->at + v->size;
                moved = true;
            }
        }
    }
    return at;
}

static bool takes_over(const Scan *s, uint32_t i) {
    const HthInst *in = &s->prog->inst[i];
    uint32_t a = s->reads[i][0];
    return hth_op_info(in->op)->in_place && a != HTH_AT_NONE && s->values[a].last == i &&
           s->values[a].size == s->values[i].size;
}

static HthStatus place(Scan *s, uint32_t i, HthErr *err) {
    HthInst *in = &s->prog->inst[i];
    drop_dead(s, i);
    uint32_t *at[3] = { &in->a_at, &in->b_at, &in->c_at };
    for (uint32_t k = 0; k < 3; k++)
        *at[k] = s->reads[i][k] == HTH_AT_NONE ? HTH_AT_NONE : s->values[s->reads[i][k]].at;
    in->a_value = s->reads[i][0];
    in->dst_at = HTH_AT_NONE;
    if (in->dst == HTH_R_LOGITS) return HTH_OK; /* written straight to the caller */
    Value *v = &s->values[i];
    if (takes_over(s, i)) {
        v->at = in->a_at;
    } else {
        uint64_t where = first_fit(s, v->size);
        HTH_REQUIRE(where + v->size <= INT32_MAX, err, HTH_ELIMIT,
                    "one token of this model needs more than 2^31 values of scratch");
        v->at = (uint32_t)where;
    }
    if (v->at + (uint64_t)v->size > s->top) s->top = v->at + (uint64_t)v->size;
    in->dst_at = v->at;
    HTH_ASSERT(s->live_count < HTH_COUNT(s->live));
    s->live[s->live_count++] = i;
    return HTH_OK;
}

static void find_kept(Scan *s) {
    HthProgram *p = s->prog;
    p->keep_count = 0;
    for (uint32_t i = 0; i < p->wanted; i++) {
        const Value *v = &s->values[i];
        if (v->last < p->wanted) continue;
        HTH_ASSERT(p->keep_count < HTH_COUNT(p->keep));
        p->keep[p->keep_count].at = v->at;
        p->keep[p->keep_count++].size = v->size;
    }
}

size_t hth_act_stride(const HthWeight *w) {
    return w->fmt->act == HTH_ACT_F32 ? hth_row_stride(w->cols) * sizeof(float)
                                      : hth_act_bytes(w->fmt->act, w->cols);
}

/* Of a token: one row for a product, which reads floats where they are; one for each matrix that
 * experts or heads multiply it with, gathered. */
static size_t act_bytes(const HthProgram *p, const HthInst *in) {
    switch (in->op) {
    case HTH_OP_LINEAR:
        return in->w->fmt->act == HTH_ACT_F32 ? 0 : hth_act_bytes(in->w->fmt->act, in->a_width);
    case HTH_OP_EXPERTS:
    case HTH_OP_EXPERTS_EACH: return p->router.n_used * hth_act_stride(in->w);
    case HTH_OP_HEADS: return in->w->count * hth_act_stride(in->w);
    default: return 0;
    }
}

static HthStatus largest_act(HthProgram *p, HthErr *err) {
    size_t most = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        const size_t bytes = act_bytes(p, &p->inst[i]);
        if (bytes > most) most = bytes;
    }
    HTH_REQUIRE(most <= UINT32_MAX, err, HTH_ELIMIT,
                "the rows of this model's experts are too long");
    p->act_bytes = (uint32_t)most;
    return HTH_OK;
}

HthStatus hth_plan_registers(HthProgram *prog, HthErr *err) {
    HthStatus st = HTH_OK;
    Scan s = { .prog = prog };
    s.values = hth_calloc(prog->count, sizeof *s.values);
    s.reads = hth_calloc(prog->count, sizeof *s.reads);
    if (!s.values || !s.reads) {
        st = HTH_FAIL(err, HTH_ENOMEM, "no memory to plan the model");
        goto out;
    }
    find_lifetimes(&s);
    find_groups(&s);
    for (uint32_t i = 0; i < prog->count && st == HTH_OK; i++) st = place(&s, i, err);
    if (st != HTH_OK) goto out;
    prog->row_floats = (uint32_t)s.top;
    st = largest_act(prog, err);
    if (st == HTH_OK) find_kept(&s);
out:
    hth_free(s.values);
    hth_free(s.reads);
    return st;
}

/* Adds count * size bytes, rounded up to a cache line; true on overflow. */
static bool grow(size_t *total, size_t count, size_t size) {
    size_t bytes;
    if (hth_mul_over(count, size, &bytes) || hth_add_over(bytes, 63, &bytes)) return true;
    return hth_add_over(*total, bytes & ~(size_t)63, total);
}

HthStatus hth_plan_scratch(HthScratch *out, const HthProgram *p, uint32_t rows, uint32_t pages,
                           uint32_t threads, HthErr *err) {
    HthScratch s = { 0 };
    size_t part = 0, runs = ((size_t)pages + HTH_RUN_PAGES - 1) / HTH_RUN_PAGES;
    size_t split_rows = rows < HTH_ATTEND_SPLIT_ROWS ? rows : HTH_ATTEND_SPLIT_ROWS;
    const size_t route = p->router.n_expert ? hth_route_work(&p->router) * sizeof(float) : 0;
    const size_t own = hth_attend_part_bytes(p);
    const uint32_t own_v = p->window_heads.dim_v,
                   dim_v = own_v > p->head_dim_v ? own_v : p->head_dim_v;
    bool over = grow(&part, 1, own > route ? own : route);
    s.part_bytes = part;
    over = over || grow(&s.bytes, (size_t)rows * p->row_floats, sizeof(float));
    s.act_at = s.bytes;
    over = over || grow(&s.bytes, rows, p->act_bytes);
    s.rope_at = s.bytes;
    over = over || grow(&s.bytes, (size_t)rows * hth_rope_most(p) * p->ropes, sizeof(float));
    s.part_at = s.bytes;
    over = over || grow(&s.bytes, threads, part);
    s.place_at = s.bytes; /* then the first place of each expert, two more, and who is active */
    if (p->router.n_expert)
        over = over || grow(&s.bytes, (size_t)rows * p->router.n_used + 2 * p->router.n_expert + 2,
                            sizeof(uint32_t));
    s.split_at = s.bytes; /* m, l and o of each run of each query */
    if (threads > 1 && runs > 1)
        over = over || grow(&s.bytes, split_rows * p->n_head * runs, ((size_t)dim_v + 2) * 4);
    HTH_REQUIRE(!over, err, HTH_ELIMIT, "scratch for %u tokens per step does not fit in memory",
                rows);
    *out = s;
    return HTH_OK;
}
