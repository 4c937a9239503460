/* grammar_finish_test.c - members: which may come, which must, and the shortest end from anywhere;
 * no allocation once warm; memory that runs out at any moment. */
#include "support/test.h"

#include "support/vocab_build.h"
#include "text/grammar.h"

enum { MANY = 300 };

static HthNode text(HthIr *ir, const char *s) {
    return hth_ir_bytes(ir, hth_str(s));
}

/* {a1x, b22, ...}: n members of one letter or "mI:" each, the odd ones required. */
static HthNode object(HthIr *ir, size_t n, bool extra, uint32_t min, uint32_t max) {
    static HthMember named[MANY];
    char key[16];
    HthByteDfa any = { .state_count = 3, .class_count = 2 };
    any.class_of['q'] = 1;
    uint32_t next[6] = { 0, 0, 0, 2, 0, 2 };
    uint8_t accept[3] = { 0, 0, 1 };
    any.next = next;
    any.accept = accept;
    const HthNode values[2] = { text(ir, "1"), text(ir, "333") };
    const HthNode either = hth_ir_alt(ir, values, 2);
    for (size_t i = 0; i < n; i++) {
        snprintf(key, sizeof key, "m%zu:", i);
        named[i] = (HthMember){ text(ir, key), i % 3 ? either : text(ir, "22"), i % 2 };
    }
    const HthNode extra_key[2] = { hth_ir_dfa(ir, &any), text(ir, ":") };
    const HthMembers m = { .named = named,
                           .named_count = n,
                           .extra_key = extra ? hth_ir_seq(ir, extra_key, 2) : HTH_NODE_NONE,
                           .extra_value = either,
                           .separator = text(ir, ","),
                           .min = min,
                           .max = max };
    const HthNode all[3] = { text(ir, "{"), hth_ir_members(ir, &m), text(ir, "}") };
    return hth_ir_seq(ir, all, 3);
}

typedef struct Case {
    HthGrammar *g;
    HthMatcher *m;
} Case;

static HthStatus open_case(Case *c, HthMasks *masks, size_t n, bool extra, uint32_t min,
                           uint32_t max, HthErr *err) {
    HthIr *ir = NULL;
    *c = (Case){ 0 };
    HTH_TRY(hth_ir_open(&ir, err));
    const HthNode root = object(ir, n, extra, min, max);
    HthStatus status = hth_grammar_open(&c->g, ir, root, err);
    hth_ir_close(&ir);
    if (status == HTH_OK) status = hth_matcher_open(&c->m, c->g, masks, err);
    if (status != HTH_OK) hth_grammar_close(&c->g);
    return status;
}

static void close_case(Case *c) {
    hth_matcher_close(&c->m);
    hth_grammar_close(&c->g);
}

static void ends(Case *c, const char *begun, const char *want) {
    HthErr err;
    HthBuf out;
    hth_buf_init(&out, 1 << 20);
    hth_matcher_reset(c->m);
    const HthStatus status = hth_matcher_bytes(c->m, hth_str(begun), &err);
    if (!want) {
        assert_status(status, HTH_EINVAL, err);
        return;
    }
    assert_ok(status, err);
    assert_ok(hth_matcher_finish(c->m, &out, &err), err);
    assert_string_equal(hth_buf_str(&out).p, want);
    assert_ok(hth_matcher_finish(c->m, &out, &err), err); /* nothing moved */
    assert_int_equal(out.n, 2 * strlen(want));
    hth_buf_drop(&out);
}

static void required_and_counted(void **state) {
    (void)state;
    Case c;
    HthErr err;
    assert_ok(open_case(&c, NULL, 4, true, 0, HTH_MANY, &err), err);
    ends(&c, "", "{m1:1,m3:22}");
    ends(&c, "{m3:2", "2,m1:1}");
    ends(&c, "{m", "1:1,m3:22}");
    ends(&c, "{m1:1,m3:22", "}");
    ends(&c, "{m1:1,m3:22}", "");
    ends(&c, "{m1:1,m3:22,", "q:1}");
    ends(&c, "{qqq", ":1,m1:1,m3:22}");
    ends(&c, "{q:1,q:1,q:1,m0:22,", "m1:1,m3:22}");
    ends(&c, "{m1:1,m1", NULL); /* twice */
    ends(&c, "{m4", NULL);
    ends(&c, "{m1:1}", NULL); /* m3 is missing */
    close_case(&c);
    assert_ok(open_case(&c, NULL, 4, false, 3, 3, &err), err);
    ends(&c, "", "{m1:1,m3:22,m2:1}");
    ends(&c, "{m0:22", ",m1:1,m3:22}");
    ends(&c, "{m0:22,m2", NULL); /* then m1 and m3 would not fit */
    ends(&c, "{m1:1,m3:22,m0:22,", NULL);
    close_case(&c);
    assert_status(open_case(&c, NULL, 4, false, 5, HTH_MANY, &err), HTH_EINVAL, err);
    assert_status(open_case(&c, NULL, 4, false, 0, 1, &err), HTH_EINVAL, err);
    assert_ok(open_case(&c, NULL, 1, true, 5, HTH_MANY, &err), err);
    ends(&c, "{", "q:1,q:1,q:1,q:1,q:1}");
    close_case(&c);
}

/* Hundreds of members in an order that no grammar lists. */
static void many_members(void **state) {
    (void)state;
    Case c;
    HthErr err;
    HthBuf all, rest;
    hth_buf_init(&all, 1 << 20);
    hth_buf_init(&rest, 1 << 20);
    assert_ok(open_case(&c, NULL, MANY, false, 0, HTH_MANY, &err), err);
    for (uint32_t i = 0; i < MANY; i += 2) {
        const uint32_t at = (i + 1) * 7 % MANY; /* each odd one once, disordered */
        assert_ok(hth_buf_printf(&all, &err, "%cm%u:%s", i ? ',' : '{', at, at % 3 ? "1" : "22"),
                  err);
        hth_matcher_reset(c.m);
        assert_ok(hth_matcher_bytes(c.m, hth_buf_str(&all), &err), err);
        hth_buf_clear(&rest);
        assert_ok(hth_matcher_finish(c.m, &rest, &err), err);
        uint32_t left = 0;
        for (size_t k = 0; k < rest.n; k++) left += rest.p[k] == 'm';
        assert_int_equal(left, MANY / 2 - i / 2 - 1);
        assert_ok(hth_matcher_bytes(c.m, hth_buf_str(&rest), &err), err);
        assert_true(hth_matcher_must_end(c.m));
    }
    close_case(&c);
    hth_buf_drop(&all);
    hth_buf_drop(&rest);
}

static void open_vocab(Vb *vb) {
    static const char *tokens[VB_MAX];
    static Gb g;
    HthErr err;
    static const char *const extra[] = {
        "m1", ":1", ",m3", ":22}", "{m", "q:", "<|im_end|>", NULL
    };
    const size_t n = vb_byte_level(tokens, extra);
    const VbSpec spec = { .model = "gpt2",
                          .pre = "default",
                          .tokens = tokens,
                          .token_n = n,
                          .ids = { { "eos_token_id", (uint32_t)n - 1 },
                                   { "bos_token_id", (uint32_t)n - 1 } }, /* else a comma */
                          .merges = (const char *const[]){ "a b", NULL } };
    vb_write(&g, &spec);
    assert_ok(vb_open(vb, &g, &err), err);
}

static HthMasks *g_masks;
static HthVocab *g_v;

/* A walk that takes the first token allowed, from a place that moves. */
static HthStatus walk(Case *c, HthErr *err) {
    const uint32_t n = hth_vocab_count(g_v);
    hth_matcher_reset(c->m);
    for (uint32_t step = 0; step < 60 && !hth_matcher_must_end(c->m); step++) {
        const uint32_t *mask;
        HTH_TRY(hth_matcher_mask(c->m, &mask, err));
        uint32_t id = step * 37 % n;
        for (uint32_t i = 0;
             i <= n && !(mask[id / 32] >> id % 32 & 1 && !hth_vocab_is_end(g_v, id)); i++) {
            assert_int_not_equal(i, n); /* a dead end */
            id = (id + 1) % n;
        }
        HTH_TRY(hth_matcher_accept(c->m, id, err));
    }
    return HTH_OK;
}

static void nothing_allocated(void **state) {
    (void)state;
    Case c;
    HthErr err;
    Vb vb;
    open_vocab(&vb);
    g_v = vb.v;
    assert_ok(hth_masks_open(&g_masks, vb.v, hth_vocab_count(vb.v), &err), err);
    assert_ok(open_case(&c, g_masks, 6, true, 2, 9, &err), err);
    for (int i = 0; i < 3; i++) assert_ok(walk(&c, &err), err);
    const uint64_t calls = hth_mem_calls();
    for (int i = 0; i < 3; i++) assert_ok(walk(&c, &err), err);
    assert_int_equal(hth_mem_calls(), calls);
    close_case(&c);
    /* What is known of this grammar is there for the next who comes with it. */
    assert_ok(open_case(&c, g_masks, 6, true, 2, 9, &err), err);
    close_case(&c);
    hth_masks_close(&g_masks);
    vb_close(&vb);
}

static HthStatus whole_way(void *ctx) {
    Case c = { 0 };
    HthErr err;
    HthBuf out;
    hth_buf_init(&out, 1 << 12);
    g_v = ctx;
    HthStatus status = hth_masks_open(&g_masks, g_v, hth_vocab_count(g_v) + 100, &err);
    if (status == HTH_OK) status = open_case(&c, g_masks, 5, true, 2, 7, &err);
    if (status == HTH_OK) status = walk(&c, &err);
    if (status == HTH_OK) hth_matcher_reset(c.m);
    if (status == HTH_OK) status = hth_matcher_finish(c.m, &out, &err);
    close_case(&c);
    hth_masks_close(&g_masks);
    hth_buf_drop(&out);
    return status;
}

static void exhaustion(void **state) {
    (void)state;
    Vb vb;
    open_vocab(&vb);
    assert_true(test_torture(whole_way, vb.v, 20000) > 80);
    vb_close(&vb);
}

/* A token of bytes that text never has must not spell a control token's name. */
static void names_are_not_spelled(void **state) {
    (void)state;
    static const char *tokens[VB_MAX];
    static int32_t types[VB_MAX];
    static Gb g;
    static const char *const extra[] = { "<x>", "<x>", "ab", NULL };
    HthErr err;
    Vb vb;
    const size_t n = vb_byte_level(tokens, extra);
    for (size_t i = 0; i < n; i++) types[i] = i == n - 3 ? HTH_TOKEN_CONTROL : HTH_TOKEN_NORMAL;
    const VbSpec spec = { .model = "gpt2",
                          .pre = "default",
                          .tokens = tokens,
                          .token_n = n,
                          .types = types,
                          .ids = { { "eos_token_id", 0 }, { "bos_token_id", 0 } },
                          .merges = (const char *const[]){ "a b", NULL } };
    vb_write(&g, &spec);
    assert_ok(vb_open(&vb, &g, &err), err);
    assert_ok(hth_masks_open(&g_masks, vb.v, (uint32_t)n, &err), err);
    HthIr *ir = NULL;
    Case c = { 0 };
    assert_ok(hth_ir_open(&ir, &err), err);
    assert_ok(hth_grammar_open(&c.g, ir, text(ir, "\xff<x>ab"), &err), err);
    hth_ir_close(&ir);
    assert_ok(hth_matcher_open(&c.m, c.g, g_masks, &err), err);
    const uint32_t *mask;
    assert_ok(hth_matcher_mask(c.m, &mask, &err), err);
    uint32_t allowed = 0;
    for (uint32_t id = 0; id < n; id++) allowed += mask[id / 32] >> id % 32 & 1;
    assert_int_equal(allowed, 1);
    assert_true(mask[(n - 3) / 32] >> (n - 3) % 32 & 1);
    for (uint32_t id = 0; id < n; id++)
        if (id != n - 3) assert_status(hth_matcher_accept(c.m, id, &err), HTH_EINVAL, err);
    assert_ok(hth_matcher_accept(c.m, (uint32_t)n - 3, &err), err);
    assert_status(hth_matcher_accept(c.m, (uint32_t)n + 5, &err), HTH_EINVAL, err);
    assert_ok(hth_matcher_accept(c.m, (uint32_t)n - 1, &err), err);
    assert_true(hth_matcher_must_end(c.m));
    close_case(&c);
    hth_masks_close(&g_masks);
    vb_close(&vb);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(required_and_counted),  cmocka_unit_test(many_members),
        cmocka_unit_test(nothing_allocated),     cmocka_unit_test(exhaustion),
        cmocka_unit_test(names_are_not_spelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
