/* plan_test.c - register places: random programs, checked by brute force.
 *
 * Thread: one. */
#include "support/test.h"

#include "base/rng.h"
#include "op/plan.h"

enum { COUNT = 60 };

static HthFmt q8 = { .name = "Q", .act = HTH_ACT_Q8, .block_len = 32 };
static HthFmt f32 = { .name = "F", .act = HTH_ACT_F32, .block_len = 1 };

typedef struct Made {
    HthProgram p;
    HthInst inst[COUNT];
    HthWeight w[COUNT];
} Made;

/* A random but well-formed program: every register is set before it is read. */
static void make(Made *m, uint64_t seed) {
    uint32_t width[HTH_R_COUNT] = { 0 };
    memset(m, 0, sizeof *m);
    m->p.inst = m->inst;
    m->p.n_head = m->p.n_head_kv = 1;
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t r[4];
        hth_rng_block(seed, 0, i, r);
        HthInst *in = &m->inst[m->p.count++];
        HthReg a = (HthReg)(1 + r[0] % 7), b = (HthReg)(1 + r[1] % 7), dst = (HthReg)(1 + r[2] % 7);
        in->w = &m->w[i];
        m->w[i].fmt = r[3] % 2 ? &q8 : &f32;
        in->op = HTH_OP_EMBED;
        in->dst = dst;
        in->dst_width = 32 * (1 + r[3] % 9);
        if (i > 3 && width[a]) {
            static const HthOpCode ops[] = { HTH_OP_LINEAR, HTH_OP_RMSNORM, HTH_OP_ROPE };
            in->op = ops[r[3] >> 8 & 1 ? 0 : 1 + (r[3] >> 9 & 1)];
            if (width[b] == width[a] && (r[3] >> 10 & 1)) in->op = HTH_OP_ADD;
            in->a = a;
            in->a_width = width[a];
            if (in->op == HTH_OP_ADD) in->b = b, in->b_width = width[b];
            if (in->op != HTH_OP_LINEAR) in->dst_width = width[a];
        }
        width[dst] = in->dst_width;
    }
    m->p.wanted = COUNT / 2;
}

static bool overlap(uint32_t a, uint32_t an, uint32_t b, uint32_t bn) {
    return a < b + bn && b < a + an;
}

/* Replays the program over memory where each float remembers who wrote it. */
static void check(const Made *m) {
    uint32_t *owner = hth_calloc(m->p.row_floats + 1, sizeof *owner);
    uint32_t now[HTH_R_COUNT] = { 0 };
    for (uint32_t i = 0; i < m->p.count; i++) {
        const HthInst *in = &m->inst[i];
        const HthReg regs[2] = { in->a, in->b };
        const uint32_t at[2] = { in->a_at, in->b_at }, width[2] = { in->a_width, in->b_width };
        for (int k = 0; k < hth_op_info(in->op)->reads; k++)
            for (uint32_t f = 0; f < width[k]; f++)
                assert_int_equal(owner[at[k] + f], now[regs[k]]); /* the value meant, intact */
        uint32_t stride = hth_row_stride(in->dst_width);
        assert_true(in->dst_at % 16 == 0 && in->dst_at + stride <= m->p.row_floats);
        if (!hth_op_info(in->op)->in_place && in->op != HTH_OP_EMBED)
            assert_false(overlap(in->dst_at, stride, in->a_at, hth_row_stride(in->a_width)));
        if (in->op == HTH_OP_ADD && in->dst_at != in->b_at)
            assert_false(overlap(in->dst_at, stride, in->b_at, stride));
        now[in->dst] = i + 1;
        for (uint32_t f = 0; f < stride; f++) owner[in->dst_at + f] = i + 1;
        if (in->group > 1) {
            assert_true(in->op == HTH_OP_LINEAR && in[1].op == HTH_OP_LINEAR);
            assert_int_equal(in[1].a_value, in->a_value);
            assert_int_equal(in[1].group, in->group - 1);
            assert_int_not_equal(i + 1, m->p.wanted);
            for (uint32_t g = 1; g < in->group; g++) /* written at the same time */
                assert_false(
                    overlap(in->dst_at, stride, in[g].dst_at, hth_row_stride(in[g].dst_width)));
        }
        if (in->op == HTH_OP_LINEAR && in->w->fmt == &q8)
            assert_true(m->p.act_bytes >= hth_act_bytes(HTH_ACT_Q8, in->a_width));
    }
    hth_free(owner);
}

/* What is read from `wanted` on but was written before must be listed, and nothing twice. */
static void check_kept(const Made *m) {
    uint32_t now[HTH_R_COUNT] = { 0 }, listed = 0;
    bool counted[COUNT] = { false };
    for (uint32_t i = 0; i < m->p.count; i++) {
        const HthInst *in = &m->inst[i];
        const HthReg regs[2] = { in->a, in->b };
        for (int k = 0; i >= m->p.wanted && k < hth_op_info(in->op)->reads; k++) {
            uint32_t def = now[regs[k]] - 1, found = 0;
            if (def >= m->p.wanted) continue;
            for (uint32_t j = 0; j < m->p.keep_count; j++)
                found += m->p.keep[j].at == m->inst[def].dst_at &&
                         m->p.keep[j].size == hth_row_stride(m->inst[def].dst_width);
            assert_int_equal(found, 1);
            listed += !counted[def];
            counted[def] = true;
        }
        now[in->dst] = i + 1;
    }
    assert_true(m->p.keep_count >= listed);
}

static void random_programs(void **state) {
    (void)state;
    static Made m;
    HthErr err = { 0 };
    uint64_t grouped = 0;
    for (uint64_t seed = 0; seed < 400; seed++) {
        make(&m, seed);
        assert_ok(hth_plan_registers(&m.p, &err), err);
        check(&m);
        check_kept(&m);
        for (uint32_t i = 0; i < COUNT; i++) grouped += m.inst[i].group > 1;
    }
    assert_true(grouped > 100); /* the property above was really tried */
}

static void scratch_is_exact_and_bounded(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthProgram p = { .n_head = 8, .n_head_kv = 2, .head_dim_v = 16, .n_rot = 8, .ropes = 1 };
    p.row_floats = 64;
    p.act_bytes = 128;
    p.head_dim = 24;
    HthScratch s;
    assert_ok(hth_plan_scratch(&s, &p, 10, 3, 2, &err), err);
    assert_int_equal(s.act_at, 10 * 64 * 4);
    assert_int_equal(s.rope_at, s.act_at + 10 * 128);
    assert_int_equal(s.part_at, s.rope_at + 10 * 8 * 4);
    assert_int_equal(s.part_bytes, (hth_attend_part_bytes(&p) + 63) / 64 * 64);
    assert_int_equal(s.bytes, s.part_at + 2 * s.part_bytes); /* one run: nothing to merge */
    HthScratch t;
    assert_ok(hth_plan_scratch(&t, &p, 10, 2 * HTH_RUN_PAGES, 2, &err), err);
    assert_int_equal(t.split_at, s.bytes); /* m, l and o of 8 rows, 8 heads, 2 runs */
    assert_int_equal(t.bytes, t.split_at + 8 * 8 * 2 * (16 + 2) * 4);
    assert_ok(hth_plan_scratch(&t, &p, 10, 2 * HTH_RUN_PAGES, 1, &err), err);
    assert_int_equal(t.bytes, t.split_at); /* one thread takes the runs in turn */
    p.row_floats = UINT32_MAX;
    p.act_bytes = UINT32_MAX;
    p.head_dim_v = UINT32_MAX;
    s.bytes = 5;
    assert_status(hth_plan_scratch(&s, &p, UINT32_MAX, UINT32_MAX, 256, &err), HTH_ELIMIT, err);
    assert_int_equal(s.bytes, 5);
}

static HthStatus body(void *ctx) {
    return hth_plan_registers(&((Made *)ctx)->p, NULL);
}

static void survives_no_memory(void **state) {
    (void)state;
    static Made m;
    make(&m, 3);
    assert_int_equal(test_torture(body, &m, 5), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_programs),
        cmocka_unit_test(scratch_is_exact_and_bounded),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
