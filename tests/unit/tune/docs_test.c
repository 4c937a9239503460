/* docs_test.c - files into documents: every form, what is cut, what is left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "tune/docs.h"

typedef struct Got {
    HthBuf all; /* documents, each followed by "#\n" */
    uint32_t n;
} Got;

static HthStatus collect(void *ctx, HthStr doc, HthErr *err) {
    Got *g = ctx;
    g->n++;
    HTH_TRY(hth_buf_add_str(&g->all, doc, err));
    return hth_buf_add_str(&g->all, HTH_STR("#\n"), err);
}

static HthStatus parse(HthDocForm form, uint32_t bytes_max, const char *text, Got *g) {
    json_t *drop = json_pack("[s]", "forbidden");
    const HthRecipe r = { .drop = drop };
    const HthSource s = { .name = "test", .form = form, .bytes_max = bytes_max };
    HthErr err;
    hth_buf_init(&g->all, 1 << 20);
    g->n = 0;
    HthStatus status = hth_docs_parse(&r, &s, hth_str(text), collect, g, &err);
    json_decref(drop);
    return status;
}

static void expect(HthDocForm form, uint32_t bytes_max, const char *text, const char *want) {
    Got g;
    assert_int_equal(parse(form, bytes_max, text, &g), HTH_OK);
    assert_string_equal(g.all.p ? g.all.p : "", want);
    hth_buf_drop(&g.all);
}

#define LONG                                                                                       \
    "This line is long enough that a document holding it alone is kept: eighty bytes or so."

static void text(void **state) {
    (void)state;
    expect(HTH_DOC_TEXT, 1000, LONG "\nSecond.\n\n\nshort\n\n" LONG,
           LONG "\nSecond.\n#\n" LONG "\n#\n");
    expect(HTH_DOC_TEXT, 1000, LONG " forbidden\n\n" LONG "\r\n", LONG "\n#\n");
    expect(HTH_DOC_TEXT, 120, LONG "\n" LONG "\nx\n\n" LONG "\n", LONG "\n#\n" LONG "\n#\n");
    expect(HTH_DOC_TEXT, 1000, "", "");
    /* Mostly not ASCII, and not UTF-8 at all. */
    expect(HTH_DOC_TEXT, 1000, LONG "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\n",
           "");
    expect(HTH_DOC_TEXT, 1000, LONG "\xff\n", "");
}

#define U(t) "<|im_start|>user\n" t "<|im_end|>\n"
#define A(t) "<|im_start|>assistant\n" t "<|im_end|>\n"

static void dialogue(void **state) {
    (void)state;
    expect(HTH_DOC_DIALOGUE, 500, "A: Hi\nB: Hello\nA: Bye\n\nUser: q\nAssistant: a\n",
           U("Hi") A("Hello") "#\n" U("q") A("a") "#\n");
    /* An answer without a question goes; so does a summary. */
    expect(HTH_DOC_DIALOGUE, 500, "B: first\nA: x\nB: y\nSummary: z\n", U("x") A("y") "#\n");
    /* Past the ceiling a new document begins. */
    expect(HTH_DOC_DIALOGUE, 60, "A: one\nB: two\nA: three\nB: four\n",
           U("one") A("two") "#\n" U("three") A("four") "#\n");
}

static void chat(void **state) {
    (void)state;
    expect(HTH_DOC_CHAT, 500,
           "{\"instruction\":\"Do\",\"input\":\"it\",\"output\":\" done \"}\n\n"
           "{\"messages\":[{\"role\":\"user\",\"content\":\"m\"},"
           "{\"role\":\"assistant\",\"content\":\"n\"}]}\n"
           "{\"instruction\":\"forbidden\",\"output\":\"x\"}\n",
           U("Do\n\nit") A("done") "#\n" U("m") A("n") "#\n");
    expect(HTH_DOC_CHAT, 40, "{\"instruction\":\"too long for that\",\"output\":\"x\"}\n", "");
    Got g;
    assert_int_equal(parse(HTH_DOC_CHAT, 500, "{\"instruction\":\n", &g), HTH_EFORMAT);
    hth_buf_drop(&g.all);
    assert_int_equal(parse(HTH_DOC_CHAT, 500, "{\"messages\":[{\"content\":\"x\"}]}\n", &g),
                     HTH_EFORMAT);
    hth_buf_drop(&g.all);
}

static void pairs(void **state) {
    (void)state;
    expect(HTH_DOC_PAIRS, 500, "What?\tThat.\nno tab\nWho?\tMe.",
           U("What?") A("That.") "#\n" U("Who?") A("Me.") "#\n");
}

/* Any bytes: a status, never a crash. */
static void any_bytes(void **state) {
    (void)state;
    static const char *const bits[] = { "A: ",
                                        "B: ",
                                        "\n",
                                        "\n\n",
                                        "{\"messages\":[",
                                        "]}",
                                        "\t",
                                        "\xff",
                                        "\"instruction\":\"x\"",
                                        "{",
                                        "}",
                                        ",",
                                        "words ",
                                        "\r" };
    for (uint32_t i = 0; i < 800; i++) {
        HthBuf bytes;
        hth_buf_init(&bytes, 4096);
        for (uint32_t j = 0; j < hth_rng_below(1, i, 999, 20); j++) {
            const char *bit = bits[hth_rng_below(1, i, j, HTH_COUNT(bits))];
            assert_int_equal(hth_buf_add_str(&bytes, hth_str(bit), NULL), HTH_OK);
        }
        Got g;
        HthStatus status = parse((HthDocForm)(i % 4), 100, bytes.p ? bytes.p : "", &g);
        assert_true(status == HTH_OK || status == HTH_EFORMAT);
        hth_buf_drop(&g.all);
        hth_buf_drop(&bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(text), cmocka_unit_test(dialogue),
                                        cmocka_unit_test(chat), cmocka_unit_test(pairs),
                                        cmocka_unit_test(any_bytes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
