/* plan_test.c - windows that score every token once, items that begin where they differ. */
#include "support/test.h"
#include "support/folder.h"
#include "support/vocab_build.h"

#include "eval/plan.h"

/* A token to each byte, one for "ab", one to begin with. */
enum { BOS = 257 };
static Vb with, without; /* does a text begin with BOS? */

static void open_vocab(Vb *out, Gb *g, bool bos) {
    static const char *const extra[] = { "ab", "<s>", NULL }, *const merges[] = { "a b", NULL };
    const char *tokens[VB_MAX];
    HthErr err = { 0 };
    VbSpec s = { .model = "gpt2", .pre = "gpt-2", .tokens = tokens, .merges = merges };
    s.token_n = vb_byte_level(tokens, extra);
    s.ids[0].key = "bos_token_id";
    s.ids[0].value = BOS;
    s.flags[0].key = "add_bos_token";
    s.flags[0].value = bos;
    vb_write(g, &s);
    assert_ok(vb_open(out, g, &err), err);
}

static int make(void **state) {
    static Gb a, b; /* lent to the vocabularies */
    hth_json_init();
    open_vocab(&with, &a, true);
    open_vocab(&without, &b, false);
    return test_folder_make(state);
}

static int drop(void **state) {
    vb_close(&with);
    vb_close(&without);
    return test_folder_drop(state);
}

static HthEvalCut cut_of(const Vb *vb, uint32_t ctx, uint32_t stride) {
    return (HthEvalCut){ .vocab = vb->v, .ctx = ctx, .stride = stride };
}

/* The id of a byte. */
static uint32_t id_of(char c) {
    return hth_vocab_find(with.v, (HthStr){ &c, 1 });
}

/* ---- texts ---- */

/* Every token once, in order, after as many as there is room for. */
static void windows(const Vb *vb, uint32_t ctx, uint32_t stride, size_t n) {
    char text[200];
    HthEvalPlan p;
    HthErr err = { 0 };
    for (size_t i = 0; i < n; i++) text[i] = (char)('c' + i % 20);
    text[n] = '\0';
    test_put("t.txt", text);
    const bool bos = vb == &with;
    const HthEvalCut cut = cut_of(vb, ctx, stride);
    hth_eval_plan_init(&p);
    assert_ok(hth_eval_plan_text(&p, &cut, test_path("t.txt"), &err), err);
    assert_ok(hth_eval_plan_end(&p, &err), err);
    assert_int_equal(p.rows, bos ? n : n - 1);
    assert_int_equal(p.units[0].bytes, bos ? n : n - 1);
    size_t next = bos ? 0 : 1; /* the token that is to be scored next */
    uint64_t row = 0;
    for (size_t i = 0; i < p.segment_count; i++) {
        const HthEvalSegment *s = &p.segments[i];
        const uint32_t *ids = p.ids.p + s->at;
        assert_true(s->n <= ctx && s->first > 0 && s->first < s->n);
        assert_int_equal(s->row, row);
        if (bos) assert_int_equal(ids[0], BOS);
        if (i > 0) assert_int_equal(s->n, ctx); /* as much before it as there is room for */
        if (i > 0 && i + 1 < p.segment_count) assert_int_equal(hth_eval_scored(s), stride);
        for (uint32_t k = s->first; k < s->n; k++, next++)
            assert_int_equal(ids[k], id_of(text[next]));
        row += hth_eval_scored(s);
    }
    assert_int_equal(next, n);
    assert_string_equal(p.groups[0], "t");
    hth_eval_plan_drop(&p);
}

static void texts(void **state) {
    (void)state;
    for (size_t n = 2; n < 70; n++)
        for (uint32_t stride = 1; stride < 16; stride += 5) {
            windows(&with, 16, stride, n);
            windows(&without, 16, stride, n);
        }
}

static void lines_of_texts(void **state) {
    HthEvalPlan p;
    HthErr err = { 0 };
    HthEvalCut cut = cut_of(&with, 16, 8);
    (void)state;
    test_put("t.jsonl",
             "\xef\xbb\xbf{\"text\":\"hello\",\"l\":\"x\"}\r\n\n{\"text\":\"\",\"l\":\"y\"}\n"
             "{\"text\":\"hi\",\"l\":\"z\"}\n{\"text\":\"ho\",\"l\":\"x\"}");
    cut.group = "l";
    hth_eval_plan_init(&p);
    assert_ok(hth_eval_plan_text(&p, &cut, test_path("t.jsonl"), &err), err);
    assert_int_equal(p.unit_count, 3); /* nothing to score in an empty one */
    assert_int_equal(p.rows, 9);
    assert_int_equal(p.units[0].group, p.units[2].group);
    assert_string_equal(p.groups[p.units[1].group], "z");
    hth_eval_plan_drop(&p);
    cut.limit = 1;
    hth_eval_plan_init(&p);
    assert_ok(hth_eval_plan_text(&p, &cut, test_path("t.jsonl"), &err), err);
    assert_int_equal(p.rows, 5);
    hth_eval_plan_drop(&p);
}

/* ---- items ---- */

static void plan_items(HthEvalPlan *p, const Vb *vb, const char *lines) {
    HthErr err = { 0 };
    const HthEvalCut cut = cut_of(vb, 64, 1);
    test_put("c.jsonl", lines);
    hth_eval_plan_init(p);
    assert_ok(hth_eval_plan_choice(p, &cut, test_path("c.jsonl"), &err), err);
}

static void items(void **state) {
    HthEvalPlan p;
    (void)state;
    plan_items(&p, &with, "{\"ctx\":\"xy\",\"endings\":[\"p\",\"qrs\"],\"label\":1}\n");
    assert_int_equal(p.segment_count, 2);
    assert_string_equal(p.groups[0], "c"); /* the file's name, where lines name none */
    assert_int_equal(p.units[0].segments, 2);
    assert_int_equal(p.units[0].label, 1);
    assert_int_equal(p.segments[0].first, 3); /* BOS x y | space p */
    assert_int_equal(p.segments[0].n, 5);
    assert_int_equal(p.segments[1].n, 7);
    assert_int_equal(p.segments[1].own, 3);
    assert_int_equal(p.rows, 6);
    hth_eval_plan_drop(&p);
}

/* "xa" is given, and with "b" becomes x, ab: what is asked about begins with the ab. */
static void where_tokens_meet(void **state) {
    HthEvalPlan p;
    (void)state;
    plan_items(&p, &without,
               "{\"sentence\":\"x_b\",\"option1\":\"a\",\"option2\":\"c\",\"answer\":\"1\"}\n");
    assert_int_equal(p.segments[0].first, 1);
    assert_int_equal(p.segments[0].n, 2);
    assert_int_equal(p.ids.p[p.segments[0].at + 1], 256);
    assert_int_equal(p.segments[1].first, 2); /* another text is given: it has its own */
    assert_int_equal(p.segments[1].n, 3);
    hth_eval_plan_drop(&p);
}

static void nothing_given(void **state) {
    HthEvalPlan p;
    (void)state;
    plan_items(&p, &without, "{\"sentence_good\":\"pq\",\"sentence_bad\":\"r\"}\n");
    assert_int_equal(p.ids.p[0], BOS); /* needed, so it is taken */
    assert_int_equal(p.segments[0].first, 1);
    assert_int_equal(p.rows, 3);
    hth_eval_plan_drop(&p);
}

/* ---- what cannot be ---- */

static void refused(void **state) {
    static const struct {
        const char *text, *words;
        HthStatus st;
    } bad[] = {
        { "", "no line", HTH_EFORMAT },
        { "\n \n", "no line", HTH_EFORMAT },
        { "{\"sentence_good\":\"p\",\"sentence_bad\":\"r\"}\n\nZebra\n", "line 3", HTH_EFORMAT },
        { "{\"ctx\":\"0123456789012345678901234567890123456789012345678901234567890123456789\","
          "\"endings\":[\"p\",\"q\"],\"label\":0}\n",
          "line 1", HTH_ELIMIT },
    };
    HthEvalPlan p;
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(bad); i++) {
        HthErr err = { 0 };
        const HthEvalCut cut = cut_of(&with, 64, 1);
        test_put("c.jsonl", bad[i].text);
        hth_eval_plan_init(&p);
        assert_status(hth_eval_plan_choice(&p, &cut, test_path("c.jsonl"), &err), bad[i].st, err);
        if (strstr(err.text, bad[i].words) == NULL) fail_msg("%s", err.text);
        assert_null(strstr(err.text, "Zebra"));
        hth_eval_plan_drop(&p);
    }
    HthErr err = { 0 };
    HthEvalCut cut = cut_of(&with, 64, 1);
    test_put("t.txt", "");
    cut.limit = 3; /* of a text that has no lines */
    hth_eval_plan_init(&p);
    assert_status(hth_eval_plan_text(&p, &cut, test_path("t.txt"), &err), HTH_EINVAL, err);
    hth_eval_plan_drop(&p);
    cut.limit = 0;
    hth_eval_plan_init(&p);
    assert_ok(hth_eval_plan_text(&p, &cut, test_path("t.txt"), &err), err);
    assert_status(hth_eval_plan_end(&p, &err), HTH_EFORMAT, err);
    assert_status(hth_eval_plan_text(&p, &cut, test_path("none.txt"), &err), HTH_EIO, err);
    hth_eval_plan_drop(&p);
}

/* What is computed has the digest, not where it came from. */
static void digests(void **state) {
    uint8_t seen[4][HTH_HASH_BYTES];
    static const char *const lines[] = {
        "{\"sentence_good\":\"pq\",\"sentence_bad\":\"r\"}\n",
        "{\"sentence_bad\":\"r\",\"sentence_good\":\"pq\",\"other\":1}\n",
        "{\"sentence_good\":\"p\",\"sentence_bad\":\"qr\"}\n",
        "{\"ctx\":\"p\",\"endings\":[\"q\",\"r\"],\"label\":0}\n",
    };
    (void)state;
    for (int i = 0; i < 4; i++) {
        HthEvalPlan p;
        HthErr err = { 0 };
        plan_items(&p, &with, lines[i]);
        assert_ok(hth_eval_plan_end(&p, &err), err);
        memcpy(seen[i], p.digest, HTH_HASH_BYTES);
        hth_eval_plan_drop(&p);
    }
    assert_memory_equal(seen[0], seen[1], HTH_HASH_BYTES);
    assert_memory_not_equal(seen[0], seen[2], HTH_HASH_BYTES);
    assert_memory_not_equal(seen[0], seen[3], HTH_HASH_BYTES);
}

static HthStatus body(void *ctx) {
    HthEvalPlan p;
    HthErr err = { 0 };
    const HthEvalCut cut = cut_of(&without, 16, 5);
    (void)ctx;
    hth_eval_plan_init(&p);
    HthStatus st = hth_eval_plan_text(&p, &cut, test_path("t.jsonl"), &err);
    if (st == HTH_OK) st = hth_eval_plan_choice(&p, &cut, test_path("c.jsonl"), &err);
    if (st == HTH_OK) st = hth_eval_plan_end(&p, &err);
    hth_eval_plan_drop(&p);
    return st;
}

static void out_of_memory(void **state) {
    (void)state;
    test_put("t.jsonl", "{\"text\":\"hello\"}\n{\"text\":\"hi\"}");
    test_put("c.jsonl", "{\"sentence_good\":\"pq\",\"sentence_bad\":\"r\"}\n");
    assert_true(test_torture(body, NULL, 1000) > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),         cmocka_unit_test(lines_of_texts),
        cmocka_unit_test(items),         cmocka_unit_test(where_tokens_meet),
        cmocka_unit_test(nothing_given), cmocka_unit_test(refused),
        cmocka_unit_test(digests),       cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
