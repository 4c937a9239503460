/* grammar_match_test.c - random grammars against the recogniser, text by text and token by token.
 *
 * Every text up to a length: whole exactly when the recogniser says so; refused only when no whole
 * text begins like it; and what was not refused can be completed, by a text as short as any. */
#include "support/test.h"

#include "support/grammar_ast.h"
#include "support/vocab_build.h"
#include "text/grammar_int.h"

enum { LENGTH = 5, TEXTS = 364 /* 3^0 + ... + 3^5 */, GRAMMARS = 400 };

static char texts[TEXTS][LENGTH + 1];
static int length_of[TEXTS];
static bool whole[TEXTS];

static void list_texts(void) {
    int n = 1; /* the first is empty */
    for (int i = 0; n < TEXTS; i++) {
        for (int c = 0; c < AST_LETTERS; c++, n++) {
            memcpy(texts[n], texts[i], LENGTH);
            texts[n][length_of[i]] = (char)('a' + c);
            length_of[n] = length_of[i] + 1;
        }
    }
    assert_int_equal(n, TEXTS);
    assert_int_equal(length_of[TEXTS - 1], LENGTH);
}

static const char *spelled(const Ast *a) {
    static char room[64];
    snprintf(room, sizeof room, "grammar of seed %llu", (unsigned long long)a->seed);
    return room;
}

/* Bytes of the shortest whole text that begins with text t, HTH_MANY if none of the list does. */
static uint32_t shortest(int t) {
    uint32_t best = HTH_MANY;
    for (int i = 0; i < TEXTS; i++)
        if (whole[i] && length_of[i] >= length_of[t] && (uint32_t)length_of[i] < best &&
            memcmp(texts[i], texts[t], (size_t)length_of[t]) == 0)
            best = (uint32_t)length_of[i];
    return best;
}

static void completes(Ast *a, HthMatcher *m, int t, uint32_t best) {
    HthErr err;
    HthBuf out;
    hth_buf_init(&out, 4096);
    assert_ok(hth_buf_add(&out, texts[t], (size_t)length_of[t], &err), err);
    assert_ok(hth_matcher_finish(m, &out, &err), err);
    if (out.n > best || (best == HTH_MANY && out.n <= LENGTH))
        fail_msg("%s: '%s' is completed by '%s'", spelled(a), texts[t], out.p);
    if (out.n <= AST_TEXT_MAX && !ast_match(a, out.p, (int)out.n))
        fail_msg("%s: '%s' is completed by '%s', outside", spelled(a), texts[t], out.p);
    /* ... and the matcher agrees. */
    const HthStr rest = { out.p + length_of[t], out.n - (size_t)length_of[t] };
    assert_ok(hth_matcher_bytes(m, rest, &err), err);
    assert_true(hth_matcher_may_end(m));
    hth_buf_drop(&out);
}

static void every_text(Ast *a, HthMatcher *m) {
    HthErr err;
    for (int t = 0; t < TEXTS; t++) {
        hth_matcher_reset(m);
        const HthStr text = { texts[t], (size_t)length_of[t] };
        const HthStatus status = hth_matcher_bytes(m, text, &err);
        const uint32_t best = shortest(t);
        if (status == HTH_EINVAL) {
            if (best != HTH_MANY) fail_msg("%s: '%s' is refused", spelled(a), texts[t]);
            continue;
        }
        assert_ok(status, err);
        if (hth_matcher_may_end(m) != whole[t])
            fail_msg("%s: '%s' is%s whole", spelled(a), texts[t], whole[t] ? "" : " not");
        if (hth_matcher_must_end(m) && best != (uint32_t)length_of[t])
            fail_msg("%s: '%s' must end", spelled(a), texts[t]);
        completes(a, m, t, best);
    }
}

/* The mask against accept, token by token, and nothing moves when a token is refused. */
static void every_token(Ast *a, HthMatcher *m, HthMasks *masks, const HthVocab *v) {
    HthErr err;
    (void)masks;
    for (int t = 0; t < TEXTS && length_of[t] <= 3; t++) {
        const HthStr text = { texts[t], (size_t)length_of[t] };
        hth_matcher_reset(m);
        if (hth_matcher_bytes(m, text, &err) != HTH_OK) continue;
        const uint32_t *mask;
        assert_ok(hth_matcher_mask(m, &mask, &err), err);
        const bool end = hth_matcher_may_end(m);
        uint32_t copy[(VB_MAX + 31) / 32 + 1];
        memcpy(copy, mask, (hth_vocab_count(v) + 31) / 32 * sizeof *copy);
        for (uint32_t id = 0; id < hth_vocab_count(v); id++) {
            hth_matcher_reset(m);
            assert_ok(hth_matcher_bytes(m, text, &err), err);
            const HthStatus status = hth_matcher_accept(m, id, &err);
            const bool bit = copy[id / 32] >> id % 32 & 1;
            if (bit != (status == HTH_OK))
                fail_msg("%s: after '%s' the mask %s token %u", spelled(a), texts[t],
                         bit ? "allows" : "refuses", id);
            if (hth_vocab_is_end(v, id)) assert_int_equal(bit, end);
            if (status != HTH_OK) assert_int_equal(hth_matcher_may_end(m), end);
        }
    }
}

static size_t vocabulary(const char *tokens[VB_MAX], int32_t types[VB_MAX]) {
    static char room[40][4];
    static const char *extra[48];
    size_t n = 0;
    for (int t = 0; t < TEXTS && length_of[t] <= 3; t++) {
        if (length_of[t] < 2) continue;
        memcpy(room[n], texts[t], sizeof room[n]);
        extra[n] = room[n];
        n++;
    }
    extra[n++] = "<|im_end|>";
    extra[n++] = "<|x|>";
    extra[n] = NULL;
    n = vb_byte_level(tokens, extra);
    for (size_t i = 0; i < n; i++) types[i] = i + 2 >= n ? HTH_TOKEN_CONTROL : HTH_TOKEN_NORMAL;
    return n;
}

static void open_vocab(Vb *vb) {
    static const char *tokens[VB_MAX];
    static int32_t types[VB_MAX];
    static Gb g;
    HthErr err;
    const VbSpec spec = { .model = "gpt2",
                          .pre = "default",
                          .tokens = tokens,
                          .token_n = vocabulary(tokens, types),
                          .types = types,
                          .merges = (const char *const[]){ "a b", NULL } };
    vb_write(&g, &spec);
    assert_ok(vb_open(vb, &g, &err), err);
}

static void random_grammars(void **state) {
    (void)state;
    static Ast a;
    Vb vb;
    HthErr err;
    HthMasks *masks = NULL;
    uint32_t opened = 0, empty = 0, refused = 0;
    open_vocab(&vb);
    assert_ok(hth_masks_open(&masks, vb.v, hth_vocab_count(vb.v) + 40, &err), err);
    for (uint64_t seed = 0; seed < GRAMMARS; seed++) {
        HthIr *ir = NULL;
        HthGrammar *g = NULL;
        HthMatcher *m = NULL;
        ast_random(&a, seed);
        assert_ok(hth_ir_open(&ir, &err), err);
        const HthNode root = ast_ir(&a, ir);
        const HthStatus status = hth_grammar_open(&g, ir, root, &err);
        hth_ir_close(&ir);
        for (int t = 0; t < TEXTS; t++) whole[t] = ast_match(&a, texts[t], length_of[t]);
        if (status != HTH_OK) {
            assert_int_equal(status, HTH_EINVAL);
            for (int t = 0; t < TEXTS && strstr(err.text, "no text"); t++)
                if (whole[t]) fail_msg("%s: %s", spelled(&a), err.text);
            empty++;
            continue;
        }
        opened++;
        assert_ok(hth_matcher_open(&m, g, masks, &err), err);
        every_text(&a, m);
        if (seed % 4 == 0) every_token(&a, m, masks, vb.v);
        for (int t = 0; t < TEXTS; t++) refused += !whole[t];
        hth_matcher_close(&m);
        hth_grammar_close(&g);
    }
    print_message("%u grammars, %u without a text, %u texts outside\n", opened, empty, refused);
    assert_true(opened > GRAMMARS / 2 && empty > 5 && refused > 1000);
    hth_masks_close(&masks);
    vb_close(&vb);
}

/* Masks are kept by these hashes: equal grammars share them, those of two owners do not. */
static void owners(void **state) {
    (void)state;
    static const uint64_t owner[] = { 1, 1, 2 };
    HthGrammar *g[HTH_COUNT(owner)] = { NULL };
    uint64_t before[2];
    HthErr err;
    for (size_t i = 0; i < HTH_COUNT(owner); i++) {
        HthIr *ir = NULL;
        HthNode root;
        assert_ok(hth_ir_open(&ir, &err), err);
        assert_ok(hth_gbnf(ir, HTH_STR("root ::= [a-z ]+ \"!\""), &root, &err), err);
        assert_ok(hth_grammar_open(&g[i], ir, root, &err), err);
        hth_ir_close(&ir);
        assert_true(g[i]->proc[0].leaf);
        if (i) assert_memory_equal(before, g[i]->hash, sizeof before);
        memcpy(before, g[i]->hash, sizeof before);
    }
    for (size_t i = 0; i < HTH_COUNT(owner); i++) hth_grammar_own(g[i], owner[i]);
    assert_memory_equal(g[0]->hash, g[1]->hash, sizeof before);
    assert_memory_equal(g[0]->proc[0].hash, g[1]->proc[0].hash, sizeof before);
    assert_memory_not_equal(g[0]->hash, before, sizeof before);
    assert_memory_not_equal(g[0]->hash, g[2]->hash, sizeof before);
    assert_memory_not_equal(g[0]->proc[0].hash, g[2]->proc[0].hash, sizeof before);
    for (size_t i = 0; i < HTH_COUNT(owner); i++) hth_grammar_close(&g[i]);
}

int main(void) {
    list_texts();
    const struct CMUnitTest tests[] = { cmocka_unit_test(random_grammars),
                                        cmocka_unit_test(owners) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
