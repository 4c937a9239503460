/* think_test.c - reasoning is counted, and ended when it is long enough; never anything else.
 *
 * Thread: one. */
#include "support/test.h"

#include "support/vocab_build.h"
#include "text/think.h"

enum { A = 64, LT = 27, SLASH = 14, OPEN = VB_BYTES, CLOSE, END };

static Gb file;
static Vb vb;

static int open_vocab(void **state) {
    (void)state;
    static const char *const extra[] = { "<think>", "</think>", "<|im_end|>", NULL };
    static const char *const merges[] = { NULL };
    static int32_t types[VB_MAX];
    const char *tokens[VB_MAX];
    HthErr err = { 0 };
    VbSpec spec = { .model = "gpt2",
                    .pre = "gpt-2",
                    .tokens = tokens,
                    .token_n = vb_byte_level(tokens, extra),
                    .types = types,
                    .merges = merges,
                    .ids = { { "eos_token_id", END } } };
    for (size_t i = 0; i < spec.token_n; i++) types[i] = i < VB_BYTES ? 1 : 3;
    vb_write(&file, &spec);
    return vb_open(&vb, &file, &err);
}

static int close_vocab(void **state) {
    (void)state;
    vb_close(&vb);
    return hth_mem_live() != 0;
}

static const HthThinkCfg usual = { .max = 3, .open = { "<think>", 7 }, .close = { "</think>", 8 } };

static HthThink *open_think(HthThinkCfg cfg) {
    HthErr err = { 0 };
    HthThink *t = NULL;
    assert_ok(hth_think_open(&t, &cfg, vb.v, &err), err);
    return t;
}

/* Puts tokens, a letter each: 1 opens, 2 closes, 3 is half a character, _ a blank. */
static void put(HthThink *t, const char *what) {
    for (; *what; what++) {
        const char one[2] = { *what == '_' ? ' ' : *what, 0 };
        switch (*what) {
        case '1': hth_think_put(t, OPEN, HTH_STR("<think>")); break;
        case '2': hth_think_put(t, CLOSE, HTH_STR("</think>")); break;
        case '3': hth_think_put(t, A, HTH_STR("")); break;
        default: hth_think_put(t, A, hth_str(one));
        }
    }
}

static void ends_at_its_limit(void **state) {
    (void)state;
    static const struct {
        const char *said;
        bool opened, anywhere, due;
    } cases[] = {
        { "", false, false, false },
        { "1ab", false, false, false },
        { "1ab2", false, false, false },
        { "1abb", false, false, true },
        { "1abba", false, false, true },
        { "1abb2", false, false, false },
        { "1abb2abbabba", false, false, false }, /* an answer may be long */
        { "__1abb", false, false, true }, /* blanks before it */
        { "a1abbbb", false, false, false }, /* behind a word it is a word */
        { "a1abbbb", false, true, true },
        { "1ab21abb", false, false, false },
        { "1ab21b", false, true, true }, /* counted together */
        { "abb", true, false, true },
        { "ab", true, false, false },
        { "ab2", true, false, false },
        { "ab2abb", true, false, false },
        { "<think>abb", false, false, true }, /* in several tokens */
        { "1ab</think>abb", false, false, false },
        { "1ab</thinkabb", false, false, true },
        { "1ab3", false, false, false }, /* not inside a character ... */
        { "1ab333", false, false, false },
        { "1ab33333", false, false, true }, /* ... that never ends */
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        HthThinkCfg cfg = usual;
        cfg.opened = cases[i].opened;
        cfg.anywhere = cases[i].anywhere;
        HthThink *t = open_think(cfg);
        put(t, cases[i].said);
        if ((hth_think_due(t) == CLOSE) != cases[i].due) fail_msg("case %zu", i);
        if (!cases[i].due) assert_int_equal(hth_think_due(t), HTH_TOKEN_NONE);
        if (cases[i].due) put(t, "2");
        assert_int_equal(hth_think_due(t), HTH_TOKEN_NONE);
        hth_think_close(&t);
        assert_null(t);
    }
}

/* A closing mark of several tokens is due one after another, from the beginning when something else
 * came between; whether its text is held back (as a stop string's beginning is) does not matter. */
static void marks_of_several_tokens(void **state) {
    (void)state;
    for (int held = 0; held < 2; held++) {
        const HthStr text[2] = { held ? HTH_STR("") : HTH_STR("<"),
                                 held ? HTH_STR("") : HTH_STR("/") };
        HthThinkCfg cfg = usual;
        cfg.opened = true;
        cfg.max = 1;
        cfg.close = HTH_STR("</");
        HthThink *t = open_think(cfg);
        assert_int_equal(hth_think_due(t), HTH_TOKEN_NONE);
        put(t, "a");
        assert_int_equal(hth_think_due(t), LT);
        put(t, "b"); /* a grammar did not allow it */
        assert_int_equal(hth_think_due(t), LT);
        hth_think_put(t, LT, text[0]);
        assert_int_equal(hth_think_due(t), SLASH);
        put(t, "b");
        assert_int_equal(hth_think_due(t), LT);
        hth_think_put(t, LT, text[0]);
        hth_think_put(t, SLASH, text[1]);
        assert_int_equal(hth_think_due(t), HTH_TOKEN_NONE);
        put(t, "abba");
        assert_int_equal(hth_think_due(t), HTH_TOKEN_NONE);
        hth_think_close(&t);
    }
}

static void nothing_to_limit(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthThink *t = NULL;
    char large[80];
    memset(large, '<', sizeof large);
    HthThinkCfg none[4] = { usual, usual, usual, usual };
    none[0].max = 0;
    none[1].close = HTH_STR("");
    none[2].open = HTH_STR(""); /* and the prompt has not opened it */
    none[3].close = HTH_STR("<|im_end|>"); /* would end the answer */
    for (size_t i = 0; i < HTH_COUNT(none); i++) assert_null(open_think(none[i]));
    HthThinkCfg cfg = usual;
    cfg.close = (HthStr){ large, sizeof large };
    assert_status(hth_think_open(&t, &cfg, vb.v, &err), HTH_ENOTSUP, err);
    assert_null(t);
    hth_think_close(&t);
}

static HthStatus body(void *ctx) {
    HthThink *t = NULL;
    const HthStatus st = hth_think_open(&t, ctx, vb.v, NULL);
    hth_think_close(&t);
    return st;
}

static void survives_no_memory(void **state) {
    (void)state;
    HthThinkCfg cfg = usual;
    assert_true(test_torture(body, &cfg, 20) >= 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_at_its_limit),
        cmocka_unit_test(marks_of_several_tokens),
        cmocka_unit_test(nothing_to_limit),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, open_vocab, close_vocab);
}
