/* grammar_alike_test.c - states that are said to be alike, against reading the bytes. */
#include "support/test.h"

#include "base/rng.h"
#include "text/grammar_int.h"

static const uint32_t layer_bytes[] = HTH_LAYER_BYTES;

static HthGrammar *grammar(const char *source) {
    HthErr err;
    HthIr *ir = NULL;
    HthGrammar *g = NULL;
    HthNode root;
    assert_ok(hth_ir_open(&ir, &err), err);
    assert_ok(hth_gbnf(ir, hth_str(source), &root, &err), err);
    assert_ok(hth_grammar_open(&g, ir, root, &err), err);
    hth_ir_close(&ir);
    assert_non_null(g->alike);
    return g;
}

static uint32_t fellow(const HthGrammar *g, uint32_t layer, uint32_t state) {
    return g->alike[(size_t)layer * g->state_n + state];
}

static uint32_t fellows(const HthGrammar *g, uint32_t layer) {
    uint32_t n = 0;
    for (uint32_t s = 0; s < g->state_n; s++) n += fellow(g, layer, s) == s;
    return n;
}

/* A counted text has a kind of state for each of the last characters, one for those before, and its
 * ends: 8 bytes see 8 characters ahead. */
static void far_from_the_end(void **state) {
    (void)state;
    HthGrammar *g = grammar("root ::= \"<\" [a-z]{0,60} \">\"");
    assert_int_equal(g->state_n, 1 + 61 + 1);
    /* "<", 0 to 60 letters left of which 8 or more are alike, the end */
    assert_int_equal(fellows(g, 0), 1 + 1 + 8 + 1);
    assert_int_equal(fellows(g, 1), 1 + 1 + 16 + 1);
    assert_int_equal(fellows(g, HTH_LAYER_ODD), fellows(g, 1));
    hth_grammar_close(&g);
}

/* Where reading the bytes leads, or HTH_NONE. */
static uint32_t after(const HthGrammar *g, uint32_t at, const uint8_t *bytes, uint32_t n) {
    for (uint32_t i = 0; i < n && at != HTH_NONE; i++) {
        const HthEdge *e = hth_edge_find(g, &g->state[at], bytes[i]);
        at = e ? e->to : HTH_NONE;
    }
    return at;
}

/* Bytes that lead somewhere from this state, as many as there are up to n. */
static uint32_t read_on(const HthGrammar *g, uint32_t at, uint64_t seed, uint8_t *bytes,
                        uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        const HthState *st = &g->state[at];
        if (st->edge_n == 0) return i;
        const HthEdge *e = &g->edge[st->edge + hth_rng_below(seed, at, 2 * i, st->edge_n)];
        bytes[i] = (uint8_t)(e->lo + hth_rng_below(seed, at, 2 * i + 1, e->hi - e->lo + 1u));
        at = e->to;
    }
    return n;
}

static void same(const HthGrammar *g, uint32_t a, uint32_t b, const uint8_t *bytes, uint32_t n) {
    for (uint32_t i = 0; i <= n; i++) {
        const uint32_t x = after(g, a, bytes, i), y = after(g, b, bytes, i);
        assert_int_equal(x == HTH_NONE, y == HTH_NONE);
        if (x == HTH_NONE) continue;
        assert_int_equal(g->state[x].accept, g->state[y].accept);
        assert_int_equal(g->state[x].edge_n > 0, g->state[y].edge_n > 0);
    }
}

static void nothing_short_tells(void **state) {
    (void)state;
    static const char *const sources[] = {
        "root ::= \"<\" [a-z]{1,90} \">\" [\\u0400-\\u04ff ]{2,40} \"!\"{0,30}",
        "root ::= ([a-c]{3} \"x\"){1,20} | [b-d]{1,50} | \"abcabcabcabcabcabcabcabc\"",
        "root ::= ([0-9]{1,3} \".\"){15} [0-9]{1,3} | .{0,60} \"=\"",
    };
    uint32_t shared = 0;
    for (size_t i = 0; i < HTH_COUNT(sources); i++) {
        HthGrammar *g = grammar(sources[i]);
        for (uint32_t s = 0; s < g->state_n; s++) {
            uint8_t bytes[16];
            for (uint32_t l = 0; l < HTH_COUNT(layer_bytes); l++) {
                const uint32_t other = fellow(g, l, s);
                assert_int_equal(fellow(g, l, other), other);
                assert_true(other <= s && g->state[s].owner == g->state[other].owner);
                shared += other != s;
                for (uint64_t seed = 0; seed < 20 && other != s; seed++) {
                    const uint32_t from = seed % 2 ? s : other;
                    const uint32_t n = read_on(g, from, seed, bytes, layer_bytes[l]);
                    same(g, s, other, bytes, n);
                }
            }
        }
        hth_grammar_close(&g);
    }
    assert_true(shared > 100);
}

/* What a call goes back to counts, and which call it is. */
static void calls(void **state) {
    (void)state;
    HthGrammar *g =
        grammar("root ::= \"a\" e \"x\" | \"b\" e \"y\" | \"c\" e \"x\" | \"d\" f \"x\"\n"
                "e ::= \"(\" e \")\" | \"1\"\nf ::= \"(\" f \")\" | \"2\"");
    uint32_t at[4];
    for (uint32_t i = 0; i < 4; i++) {
        const uint8_t byte = (uint8_t)('a' + i);
        at[i] = after(g, g->proc[0].start, &byte, 1);
        assert_true(at[i] != HTH_NONE && g->state[at[i]].call_n == 1);
    }
    assert_int_equal(fellow(g, 0, at[0]), fellow(g, 0, at[2]));
    assert_int_not_equal(fellow(g, 0, at[0]), fellow(g, 0, at[1]));
    assert_int_not_equal(fellow(g, 0, at[0]), fellow(g, 0, at[3]));
    hth_grammar_close(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(far_from_the_end),
        cmocka_unit_test(nothing_short_tells),
        cmocka_unit_test(calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
