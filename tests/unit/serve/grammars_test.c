/* grammars_test.c - what is kept, for how long, and that a lent one stays. */
#include "serve/grammars.h"

#include "base/thread.h"
#include "support/test.h"

static HthErr err;

static HthGrammarKey key(uint32_t i) {
    HthGrammarKey k = { { 0 } };
    memcpy(k.bytes + 7, &i, sizeof i);
    return k;
}

/* The larger n, the larger the grammar. */
static HthStatus make(uint32_t n, HthGrammar **out, HthErr *e) {
    HthIr *ir = NULL;
    HTH_TRY(hth_ir_open(&ir, e));
    const HthNode one = hth_ir_bytes(ir, HTH_STR("ab"));
    const HthStatus st = hth_grammar_open(out, ir, hth_ir_repeat(ir, one, n, n), e);
    hth_ir_close(&ir);
    return st;
}

static HthStatus put(HthGrammars *c, uint32_t k, uint32_t n, const HthGrammar **out, HthErr *e) {
    HthGrammar *g = NULL;
    const HthGrammarKey at = key(k);
    HTH_TRY(make(n, &g, e));
    const HthStatus st = hth_grammars_put(c, &at, &g, out, e);
    assert_null(g);
    return st;
}

static void put_and_give(HthGrammars *c, uint32_t k, uint32_t n) {
    const HthGrammar *g = NULL;
    assert_ok(put(c, k, n, &g, &err), err);
    hth_grammars_give(c, &g);
    assert_null(g);
}

static bool has(HthGrammars *c, uint32_t k) {
    const HthGrammarKey at = key(k);
    const HthGrammar *g = hth_grammars_take(c, &at);
    const bool yes = g != NULL;
    hth_grammars_give(c, &g);
    return yes;
}

static void the_longest_unused_goes(void **state) {
    (void)state;
    HthGrammars *c = NULL;
    assert_ok(hth_grammars_open(&c, 1 << 24, 3, &err), err);
    for (uint32_t i = 0; i < 3; i++) put_and_give(c, i, 2);
    assert_true(has(c, 0)); /* 1 is the oldest now */
    put_and_give(c, 3, 2);
    assert_false(has(c, 1));
    assert_true(has(c, 0) && has(c, 2) && has(c, 3));
    const HthGrammarsStat stat = hth_grammars_stat(c);
    assert_int_equal(stat.count, 3);
    assert_int_equal(stat.lent, 0);
    assert_int_equal(stat.hits, 4);
    assert_int_equal(stat.misses, 1);
    hth_grammars_close(&c);
}

static void the_first_of_a_key_stays(void **state) {
    (void)state;
    HthGrammars *c = NULL;
    const HthGrammar *a = NULL, *b = NULL;
    assert_ok(hth_grammars_open(&c, 1 << 24, 3, &err), err);
    assert_ok(put(c, 5, 2, &a, &err), err);
    assert_ok(put(c, 5, 2, &b, &err), err);
    assert_ptr_equal(a, b);
    assert_int_equal(hth_grammars_stat(c).lent, 2);
    assert_int_equal(hth_grammars_stat(c).count, 1);
    hth_grammars_give(c, &a);
    hth_grammars_give(c, &b);
    hth_grammars_close(&c);
}

static void bytes_are_bounded(void **state) {
    (void)state;
    HthGrammars *c = NULL;
    HthGrammar *g = NULL;
    assert_ok(make(50, &g, &err), err);
    const size_t one = hth_grammar_bytes(g);
    hth_grammar_close(&g);
    assert_true(one > sizeof(void *) * 50);
    assert_ok(hth_grammars_open(&c, 5 * one, 1000, &err), err);
    for (uint32_t i = 0; i < 40; i++) {
        put_and_give(c, i, 50);
        assert_true(hth_grammars_stat(c).bytes <= 5 * one);
    }
    assert_int_equal(hth_grammars_stat(c).count, 5);
    for (uint32_t i = 0; i < 40; i++) assert_int_equal(has(c, i), i >= 35);
    put_and_give(c, 100, 1000); /* alone more than a quarter: the others stay */
    assert_false(has(c, 100));
    for (uint32_t i = 35; i < 40; i++) assert_true(has(c, i));
    hth_grammars_close(&c);
}

static void what_is_lent_stays(void **state) {
    (void)state;
    HthGrammars *c = NULL;
    const HthGrammar *lent[6] = { NULL }, *huge = NULL;
    HthMatcher *m = NULL;
    assert_ok(hth_grammars_open(&c, 1 << 20, 2, &err), err);
    for (uint32_t i = 0; i < HTH_COUNT(lent); i++) assert_ok(put(c, i, i + 1, &lent[i], &err), err);
    assert_ok(put(c, 9, 20000, &huge, &err), err);
    assert_int_equal(hth_grammars_stat(c).count, 7);
    for (uint32_t i = 0; i < HTH_COUNT(lent); i++) { /* each is the one it was */
        const HthGrammarKey at = key(i);
        const HthGrammar *again = hth_grammars_take(c, &at);
        assert_ptr_equal(again, lent[i]);
        hth_grammars_give(c, &again);
        assert_ok(hth_matcher_open(&m, lent[i], NULL, &err), err);
        for (uint32_t k = 0; k <= i; k++) {
            assert_false(hth_matcher_may_end(m));
            assert_ok(hth_matcher_bytes(m, HTH_STR("ab"), &err), err);
        }
        assert_true(hth_matcher_must_end(m));
        hth_matcher_close(&m);
    }
    hth_grammars_give(c, &huge);
    for (uint32_t i = 0; i < HTH_COUNT(lent); i++) hth_grammars_give(c, &lent[i]);
    hth_grammars_give(c, &lent[0]); /* none: fine */
    assert_int_equal(hth_grammars_stat(c).count, 2);
    assert_false(has(c, 9));
    hth_grammars_close(&c);
    hth_grammars_close(&c);
}

/* ---- threads ---- */
enum { THREADS = 4, TURNS = 400, KEYS = 7 };

static void *the_grammars;

static void take_and_put(void *payload) {
    const uint32_t seed = *(const uint32_t *)payload;
    HthGrammars *c = the_grammars;
    HthErr e;
    for (uint32_t i = 0; i < TURNS; i++) {
        const uint32_t n = (i * 5 + seed * 3) % KEYS + 1;
        const HthGrammarKey at = key(n);
        const HthGrammar *g = hth_grammars_take(c, &at);
        HthMatcher *m = NULL;
        if (!g) HTH_ASSERT(put(c, n, n, &g, &e) == HTH_OK);
        HTH_ASSERT(hth_matcher_open(&m, g, NULL, &e) == HTH_OK);
        for (uint32_t k = 0; k < n; k++)
            HTH_ASSERT(hth_matcher_bytes(m, HTH_STR("ab"), &e) == HTH_OK);
        HTH_ASSERT(hth_matcher_must_end(m));
        hth_matcher_close(&m);
        hth_grammars_give(c, &g);
    }
}

static void many_threads(void **state) {
    (void)state;
    HthThread *thread[THREADS];
    uint32_t seed[THREADS];
    HthGrammars *c = NULL;
    assert_ok(hth_grammars_open(&c, 1 << 20, 3, &err), err);
    the_grammars = c;
    for (uint32_t i = 0; i < THREADS; i++) {
        seed[i] = i;
        assert_ok(hth_thread_open(&thread[i], take_and_put, &seed[i], &err), err);
    }
    for (uint32_t i = 0; i < THREADS; i++) hth_thread_join(&thread[i]);
    const HthGrammarsStat stat = hth_grammars_stat(c);
    assert_int_equal(stat.lent, 0);
    assert_int_equal(stat.hits + stat.misses, THREADS * TURNS);
    assert_true(stat.count <= 3 && stat.misses >= KEYS);
    hth_grammars_close(&c);
}

static HthStatus once(void *ctx) {
    (void)ctx;
    HthGrammars *c = NULL;
    const HthGrammar *g = NULL;
    HthErr e;
    HTH_TRY(hth_grammars_open(&c, 1 << 20, 3, &e));
    const HthStatus st = put(c, 1, 3, &g, &e);
    hth_grammars_give(c, &g);
    hth_grammars_close(&c);
    return st;
}

static void survives_no_memory(void **state) {
    (void)state;
    assert_true(test_torture(once, NULL, 1000) > 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_unused_goes),
        cmocka_unit_test(the_first_of_a_key_stays),
        cmocka_unit_test(bytes_are_bounded),
        cmocka_unit_test(what_is_lent_stays),
        cmocka_unit_test(many_threads),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
