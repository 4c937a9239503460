/* penalty_test.c - DRY with a vocabulary: where a repetition ends, breakers that span tokens,
 * tokens that hold a breaker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/vocab_build.h"

#include "base/rng.h"
#include "run/sample_impl.h"

static Gb gguf;
static Vb vb;
static uint32_t id_of[256], turn; /* a token per byte, and a control token */

static int setup(void **state) {
    static const char *const extra[] = { "<turn>", NULL };
    static const char *const merges[] = { NULL };
    static int32_t types[VB_MAX];
    const char *tokens[VB_MAX];
    VbSpec spec = { .model = "gpt2", .pre = "gpt-2", .tokens = tokens, .merges = merges };
    HthErr err;
    HthBuf out;
    (void)state;
    spec.token_n = vb_byte_level(tokens, extra);
    for (size_t i = 0; i < spec.token_n; i++) types[i] = HTH_TOKEN_NORMAL;
    turn = (uint32_t)spec.token_n - 1;
    types[turn] = HTH_TOKEN_CONTROL;
    spec.types = types;
    vb_write(&gguf, &spec);
    if (vb_open(&vb, &gguf, &err) != HTH_OK) return -1;
    for (uint32_t id = 0; id < 256; id++) {
        hth_buf_init(&out, 8);
        if (hth_vocab_piece(vb.v, id, false, &out, &err) != HTH_OK || out.n != 1) return -1;
        id_of[(uint8_t)out.p[0]] = id;
        hth_buf_drop(&out);
    }
    return 0;
}

static int teardown(void **state) {
    (void)state;
    vb_close(&vb);
    return 0;
}

static size_t ids_of(const char *text, uint32_t *ids) {
    size_t n = 0;
    for (; text[n] != '\0'; n++) ids[n] = text[n] == '\1' ? turn : id_of[(uint8_t)text[n]];
    return n;
}

static void params_for(HthSampleParams *p, const char *const *breakers) {
    hth_sample_defaults(p);
    p->dry_multiplier = 1.0f;
    p->dry_base = 2.0f;
    p->dry_allowed_length = 2;
    p->temperature = 1.0f;
    p->top_k = 0;
    p->top_p = 1.0f;
    for (size_t i = 0; breakers != NULL && breakers[i] != NULL; i++)
        assert_int_equal(hth_sample_set(p, "dry_sequence_breaker", hth_str(breakers[i]), NULL),
                         HTH_OK);
}

/* How much the letter c loses after the text, in doublings above the allowed length; -1 nothing. */
static int loss(const char *text, char c, const char *const *breakers) {
    static float logits[VB_MAX];
    uint32_t ids[512], out = 0;
    size_t n = ids_of(text, ids);
    HthSampleParams p;
    HthSampler *s = NULL;
    HthErr err = { 0 };
    params_for(&p, breakers);
    assert_int_equal(hth_sampler_open(&s, &p, hth_vocab_count(vb.v), vb.v, &err), HTH_OK);
    assert_int_equal(hth_sampler_next(s, logits, ids, n, &out, &err), HTH_OK);
    double l = 0.0;
    for (size_t i = 0; i < s->count; i++)
        if (s->cands[i].id == id_of[(uint8_t)c]) l = -s->cands[i].l;
    hth_sampler_close(&s);
    int k = -1;
    for (double step = 1.0; l > 0.9 * step; step *= 2.0) k++;
    return k;
}

static void test_breakers_end_a_repetition(void **state) {
    (void)state;
    static const char *const none[] = { "none", NULL };
    static const char *const pair[] = { "; ", NULL };
    static const char *const several[] = { "aab", "\n\n", NULL };
    static const struct {
        const char *text;
        char next;
        const char *const *breakers; /* NULL: the defaults */
        int want;
    } cases[] = {
        { "the cat. the ca", 't', none, 4 }, /* "the ca" was followed by t: length 6 */
        { "the cat. the ca", 'r', none, -1 },
        { "xcat. zca", 't', none, 0 },
        { "xcat. za", 't', none, -1 }, /* one letter is free */
        { "the\ncat. the\nca", 't', NULL, 0 }, /* the newline ends the run: only "ca" */
        { "the\ncat. the\nca", 't', none, 4 },
        { "say: it. say:", ' ', NULL, -1 }, /* the text ends with a breaker */
        { "a; bcd. a; bc", 'd', pair, 0 }, /* a breaker of two tokens */
        { "a;bcd. a;bc", 'd', pair, 2 }, /* half of it is none */
        { "ab\ncd\nab", '\n', NULL, -1 }, /* a breaker itself is never lowered */
        { "ab\ncd\nab", '\n', none, 0 },
        { "aaabxyz. aaabxy", 'z', several, 0 }, /* found although "aa" begins twice */
        { "\1hello. \1hell", 'o', none, 2 }, /* a turn marker ends a run too */
        { "ab", 'a', NULL, -1 },
        { "a", 'a', NULL, -1 },
        { "", 'a', NULL, -1 },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        int got = loss(cases[i].text, cases[i].next, cases[i].breakers);
        if (got != cases[i].want) fail_msg("case %zu: %d, not %d", i, got, cases[i].want);
    }
}

/* Letters after the last place where a breaker's text ends, found the simple way. */
static size_t naive_tail(const char *text, size_t n, const char *const *breakers) {
    for (size_t tail = 0; tail < n; tail++)
        for (size_t b = 0; breakers[b] != NULL; b++) {
            size_t k = strlen(breakers[b]), end = n - tail;
            if (end >= k && memcmp(text + end - k, breakers[b], k) == 0) return tail;
        }
    return n;
}

static void test_any_text_and_breakers(void **state) {
    (void)state;
    static const char *const sets[][4] = {
        { "ab", NULL }, { "aa", NULL }, { "aba", "bb", NULL }, { "abab", "c", NULL }
    };
    for (uint64_t seed = 0; seed < 400; seed++) {
        char text[101];
        size_t n = 2 + hth_rng_below(seed, 1, 0, 98);
        for (size_t i = 0; i < n; i++) text[i] = (char)('a' + hth_rng_below(seed, 2, i, 3));
        text[n] = '\0';
        const char *const *breakers = sets[seed % 4];
        size_t limit = naive_tail(text, n, breakers), best = 0;
        for (size_t e = 0; e + 1 < n; e++) {
            size_t len = 0;
            while (len < limit && len <= e && text[e - len] == text[n - 1 - len]) len++;
            if (text[e + 1] == 'b' && len > best) best = len;
        }
        int want = best >= 2 ? (int)best - 2 : -1;
        int got = loss(text, 'b', breakers);
        if (got != want) fail_msg("seed %d: %d, not %d", (int)seed, got, want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_breakers_end_a_repetition),
        cmocka_unit_test(test_any_text_and_breakers),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
