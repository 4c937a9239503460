/* exec.c - see exec.h.
 *
 * Thread: the caller of the pool. */
#include "op/exec.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "op/step.h"

struct HthExec {
    HthStep step;
    uint8_t *block; /* owned */
    HthScratch scratch;
    uint32_t threads;
    uint64_t *ns; /* borrowed; NULL: nobody asks */
    size_t pack; /* bytes per run */
    bool ran;
    uint8_t *adapt; /* owned: for rows with adapters; NULL: there are none */
    size_t adapt_bytes;
    const HthAdapterSet **adapters; /* [rows_max] in adapt */
};

static HthOpFn *const fns[HTH_OP_COUNT] = {
    [HTH_OP_EMBED] = hth_op_embed,
    [HTH_OP_RMSNORM] = hth_op_rmsnorm,
    [HTH_OP_LINEAR] = hth_op_linear,
    [HTH_OP_HEADNORM] = hth_op_headnorm,
    [HTH_OP_ROPE] = hth_op_rope,
    [HTH_OP_ATTEND] = hth_op_attend,
    [HTH_OP_SWIGLU] = hth_op_swiglu,
    [HTH_OP_ADD] = hth_op_add,
    [HTH_OP_LAYERNORM] = hth_op_layernorm,
    [HTH_OP_GEGLU] = hth_op_geglu,
    [HTH_OP_GELU] = hth_op_gelu,
    [HTH_OP_SCALE] = hth_op_scale,
    [HTH_OP_ROUTE] = hth_op_route,
    [HTH_OP_EXPERTS] = hth_op_experts,
    [HTH_OP_GATE] = hth_op_gate,
    [HTH_OP_HEADS] = hth_op_heads,
    [HTH_OP_FIRSTNORM] = hth_op_firstnorm,
    [HTH_OP_ATTEND_SINKS] = hth_op_attend,
    [HTH_OP_SWIGLU_CLAMPED] = hth_op_swiglu_clamped,
    [HTH_OP_EXPERTS_SUM] = hth_op_experts_sum,
    [HTH_OP_PLACE] = hth_op_place,
    [HTH_OP_MEAN_HEADNORM] = hth_op_mean_headnorm,
    [HTH_OP_RELU2] = hth_op_relu2,
    [HTH_OP_HALF_1] = hth_op_half,
    [HTH_OP_HALF_2] = hth_op_half,
    [HTH_OP_SILU] = hth_op_silu,
    [HTH_OP_CONV] = hth_op_conv,
    [HTH_OP_DELTA] = hth_op_delta,
    [HTH_OP_SCAN] = hth_op_delta,
    [HTH_OP_MUL] = hth_op_mul,
    [HTH_OP_CLAMP] = hth_op_clamp,
    [HTH_OP_ATTEND_BEFORE] = hth_op_attend,
    [HTH_OP_LAYER_PART] = hth_op_half,
    [HTH_OP_WEIGH] = hth_op_weigh,
    [HTH_OP_UNIT_HEADNORM] = hth_op_unit_headnorm,
    [HTH_OP_TEMPER] = hth_op_temper,
    [HTH_OP_EXPERTS_SPREAD] = hth_op_experts_spread,
    [HTH_OP_EXPERTS_ADD] = hth_op_experts_sum,
    [HTH_OP_EXPERTS_EACH] = hth_op_experts_each,
    [HTH_OP_TYPE] = hth_op_place,
    [HTH_OP_COPY] = hth_op_copy,
    [HTH_OP_TANH] = hth_op_tanh,
    [HTH_OP_SOFTMAX] = hth_op_softmax,
};

HthStatus hth_exec_open(HthExec **out, const HthProgram *prog, const HthKern *kern, HthPool *pool,
                        uint32_t rows_max, uint32_t pages_max, HthErr *err) {
    HthStatus st = HTH_OK;
    HthExec *e = hth_calloc(1, sizeof *e);
    HTH_REQUIRE(e, err, HTH_ENOMEM, "no memory for the executor");
    e->threads = hth_pool_threads(pool);
    st = hth_plan_scratch(&e->scratch, prog, rows_max, pages_max, e->threads, err);
    if (st != HTH_OK) goto out;
    e->block = hth_pages_calloc(e->scratch.bytes, 1);
    if (!e->block) {
        st = HTH_FAIL(err, HTH_ENOMEM, "no memory for %zu bytes of scratch", e->scratch.bytes);
        goto out;
    }
    e->step = (HthStep){ .prog = prog, .kern = kern, .pool = pool, .rows_max = rows_max };
    e->step.regs = (float *)(void *)(e->block + e->scratch.regs_at);
    e->step.act = e->block + e->scratch.act_at;
    e->step.rope = (float *)(void *)(e->block + e->scratch.rope_at);
    e->step.part = e->block + e->scratch.part_at;
    e->step.part_bytes = e->scratch.part_bytes;
    e->step.place = (uint32_t *)(void *)(e->block + e->scratch.place_at);
    e->step.first = e->step.place + (size_t)rows_max * prog->router.n_used;
    e->step.active = e->step.first + prog->router.n_expert + 2;
    e->step.split = (float *)(void *)(e->block + e->scratch.split_at);
    *out = e;
    e = NULL;
out:
    hth_exec_close(&e);
    return st;
}

/* Sums first: they are read as vectors. */
HthStatus hth_exec_adapters(HthExec *e, size_t width, HthErr *err) {
    HthStep *s = &e->step;
    size_t bytes;
    HTH_ASSERT(!e->adapt && width % 16 == 0);
    HTH_TRY(hth_adapters_room(&bytes, s->prog, width, s->rows_max, err));
    e->adapt = hth_pages_calloc(bytes, 1);
    HTH_REQUIRE(e->adapt, err, HTH_ENOMEM, "no memory for %zu bytes of adapters' sums", bytes);
    e->adapt_bytes = bytes;
    s->adapt = (float *)(void *)e->adapt;
    s->adapt_width = width;
    e->adapters = (const HthAdapterSet **)(void *)(s->adapt + width * s->rows_max);
    s->placed = e->adapters + s->rows_max;
    return HTH_OK;
}

void hth_exec_pack(HthExec *exec, size_t bytes_per_run) {
    exec->pack = bytes_per_run;
}

void hth_exec_paging(HthExec *exec, HthPaging *paging) {
    exec->step.paging = paging;
}

void hth_exec_watch(HthExec *exec, HthSeeFn *see, void *ctx) {
    exec->step.see = see;
    exec->step.see_ctx = ctx;
}

void hth_exec_close(HthExec **exec) {
    HthExec *e = *exec;
    if (!e) return;
    if (e->block) hth_zero(e->block, e->scratch.bytes);
    hth_pages_give(e->block, e->scratch.bytes, 1);
    if (e->adapt) hth_zero(e->adapt, e->adapt_bytes);
    hth_pages_give(e->adapt, e->adapt_bytes, 1);
    hth_free(e);
    *exec = NULL;
}

void hth_step_rows(const HthStep *s, uint32_t width, HthParFn *fn, void *ctx) {
    enum { WORTH_WAKING = 1 << 15 }; /* floats */
    HthPool *pool = (size_t)s->rows * width >= WORTH_WAKING ? s->pool : NULL;
    hth_par_run(pool, s->rows, fn, ctx);
}

/* Keeps only the rows whose logits are wanted.  out ascends, so moving forward is safe. */
static void drop_unwanted(HthStep *s) {
    const HthBatch *b = s->batch;
    const HthProgram *p = s->prog;
    for (uint32_t k = 0; k < p->keep_count; k++) {
        uint32_t at = p->keep[k].at, size = p->keep[k].size;
        for (uint32_t i = 0; i < b->n_out; i++)
            if (b->out[i] != i)
                memcpy(hth_step_row(s, at, size, i), hth_step_row(s, at, size, b->out[i]),
                       size * sizeof(float));
    }
    for (uint32_t i = 0; s->adapters && i < b->n_out; i++) s->adapters[i] = s->adapters[b->out[i]];
    s->rows = b->n_out;
    s->act_value = HTH_AT_NONE;
}

/* Where no row has adapters nothing is asked later on. */
static void begin_adapters(HthExec *e, const HthAdapterSet *const *sets, uint32_t n) {
    bool any = false;
    for (uint32_t i = 0; sets && i < n; i++) any = any || sets[i];
    HTH_ASSERT(!any || e->adapt);
    e->step.adapters = any ? e->adapters : NULL;
    if (any) memcpy(e->adapters, sets, n * sizeof(*sets));
}

void hth_exec_clock(HthExec *e, uint64_t *ns) {
    e->ns = ns;
}

static void run_insts(HthExec *e, uint32_t from, uint32_t to) {
    HthStep *s = &e->step;
    const HthInst *inst = s->prog->inst;
    for (uint32_t i = from; i < to;) {
        const uint64_t began = e->ns ? hth_clock_ns() : 0;
        const uint32_t done = fns[inst[i].op](s, &inst[i]);
        for (uint32_t k = 0; s->see && k < done; k++) hth_step_watch(s, &inst[i + k]);
        if (e->ns) e->ns[i] += hth_clock_ns() - began;
        i += done;
    }
}

/* What gives the logits: the last instruction of nearly every program. */
static uint32_t head_of(const HthProgram *p) {
    HTH_ASSERT(p->count > p->wanted && p->inst[p->count - 1].dst == HTH_R_LOGITS);
    const uint32_t head = p->head ? p->head : p->count - 1;
    HTH_ASSERT(head >= p->wanted && head < p->count);
    return head;
}

void hth_exec_run(HthExec *e, const HthBatch *b) {
    HthStep *s = &e->step;
    const HthProgram *p = s->prog;
    HTH_ASSERT(b->n > 0 && b->n <= s->rows_max && b->n_out <= b->n);
    s->batch = b;
    s->rows = b->n;
    s->act_value = HTH_AT_NONE;
    s->pack_left = e->ran ? e->pack : 0;
    e->ran = true;
    begin_adapters(e, b->adapters, b->n);
    hth_step_rope_tables(s);
    run_insts(e, 0, p->wanted);
    if (b->n_out == 0) return;
    drop_unwanted(s);
    const uint32_t head = head_of(p);
    run_insts(e, p->wanted, head);
    const HthInst *in = &p->inst[head];
    for (uint32_t i = 0; b->hidden && i < b->n_out; i++)
        memcpy(b->hidden + (size_t)i * in->a_width, hth_step_row(s, in->a_at, in->a_width, i),
               in->a_width * sizeof(float));
    if (b->logits) run_insts(e, head, p->count);
    /* what makes scores reads the pooled row, not these */
    if (s->see && !b->logits && p->head == 0) hth_step_watch(s, in);
}

void hth_exec_head(HthExec *e, const float *hidden, uint32_t n,
                   const HthAdapterSet *const *adapters, float *logits) {
    HthStep *s = &e->step;
    const uint32_t head = head_of(s->prog);
    const HthInst *in = &s->prog->inst[head];
    const HthBatch b = { .n = n, .n_out = n, .logits = logits };
    HTH_ASSERT(n > 0 && n <= s->rows_max);
    for (uint32_t i = 0; i < n; i++)
        memcpy(hth_step_row(s, in->a_at, in->a_width, i), hidden + (size_t)i * in->a_width,
               in->a_width * sizeof(float));
    s->batch = &b;
    s->rows = n;
    s->act_value = HTH_AT_NONE;
    begin_adapters(e, adapters, n);
    run_insts(e, head, s->prog->count);
    s->batch = NULL;
}
