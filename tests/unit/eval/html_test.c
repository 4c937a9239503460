/* html_test.c - a report as a page: whole, closed in itself; no word in it is markup. */
#include "support/test.h"

#include "eval/eval.h"

#define BOUND(v) "{\"value\":" #v ",\"low\":" #v ",\"high\":" #v "}"
#define FIGURES                                                                                    \
    "\"tokens\":10,\"bytes\":20,\"windows\":2,\"perplexity\":" BOUND(                              \
        7.5) ",\"bits_per_byte\":" BOUND(1.25) ",\"top1\":" BOUND(0.5) ",\"nats_per_"              \
                                                                       "token\":" BOUND(2)
#define BASE                                                                                       \
    ",\"kl\":{\"value\":0.1,\"low\":0,\"high\":0.2,\"median\":0.01,\"p99\":1,\"max\":2},"          \
    "\"same_top\":" BOUND(0.9) ",\"flips\":" BOUND(0.01) ",\"perplexity_ratio\":" BOUND(1.01)

static const char REPORT[] =
    "{\"format\":\"hearth eval 1\",\"tool\":{\"version\":\"0\",\"numerics\":\"n\"},"
    "\"model\":{\"name\":\"<script>alert(1)</script>.gguf\",\"sha256\":\"ab\"},"
    "\"base\":{\"sha256\":\"cd\"},\"task\":\"text\","
    "\"inputs\":[{\"file\":\"a&b\\\"c.txt\",\"bytes\":3,\"sha256\":\"ef\"}],"
    "\"options\":{\"ctx\":8,\"group\":\"</p>\"},"
    "\"total\":{" FIGURES BASE "},\"groups\":[{\"name\":\"<b>x\"," FIGURES BASE "},"
    "{\"name\":\"\xc3\xa4\xc3\xb6\"," FIGURES BASE "}],"
    "\"fairness\":{\"figure\":\"bits_per_byte\",\"worst\":{\"group\":\"<b>x\",\"gap\":" BOUND(
        0.5) ",\"share_of_resamples\":1}},"
             "\"plots\":{\"along\":[{\"nats\":1,\"base_nats\":2},{\"nats\":3,\"base_nats\":2}],"
             "\"kl\":{\"per_decade\":1,\"lowest_exponent\":-2,\"counts\":[1,5,0]}}}";

static HthStatus draw(HthBuf *page, const char *text, HthErr *err) {
    json_t *report = NULL;
    hth_buf_init(page, 1 << 20);
    HTH_TRY(hth_json_parse(&report, hth_str(text), 1 << 20, err));
    const HthStatus st = hth_eval_html(page, report, err);
    json_decref(report);
    return st;
}

static size_t times(const char *text, const char *what) {
    size_t n = 0;
    for (; (text = strstr(text, what)) != NULL; text += strlen(what)) n++;
    return n;
}

static void a_page(void **state) {
    HthBuf page;
    HthErr err = { 0 };
    (void)state;
    assert_ok(draw(&page, REPORT, &err), err);
    assert_int_equal(times(page.p, "<svg "), 3);
    assert_int_equal(times(page.p, "<desc "), 3);
    assert_int_equal(times(page.p, "role=\"img\""), 3);
    assert_int_equal(times(page.p, "<table"), times(page.p, "</table>"));
    assert_non_null(strstr(page.p, "prefers-color-scheme:dark"));
    assert_non_null(strstr(page.p, "default-src 'none'"));
    /* The only address is that of a name space. */
    assert_int_equal(times(page.p, "://"), times(page.p, "\"http://www.w3.org/"));
    assert_null(strstr(page.p, "<script"));
    assert_null(strstr(page.p, "src="));
    assert_null(strstr(page.p, "href"));
    hth_buf_drop(&page);
}

static void words_are_words(void **state) {
    HthBuf page;
    HthErr err = { 0 };
    (void)state;
    assert_ok(draw(&page, REPORT, &err), err);
    assert_null(strstr(page.p, "<b>"));
    assert_non_null(strstr(page.p, "&lt;b&gt;x"));
    assert_non_null(strstr(page.p, "&lt;script&gt;alert(1)&lt;/script&gt;.gguf"));
    assert_non_null(strstr(page.p, "a&amp;b&quot;c.txt"));
    assert_non_null(strstr(page.p, "group=&lt;/p&gt;"));
    assert_non_null(strstr(page.p, "\xc3\xa4\xc3\xb6"));
    hth_buf_drop(&page);
}

static void little_is_enough(void **state) {
    static const char *const some[] = {
        "{\"format\":\"hearth eval 1\"}",
        "{\"format\":\"hearth eval 1\",\"task\":\"choice\",\"groups\":[{},{}],\"base\":{}}",
        "{\"format\":\"hearth eval 1\",\"plots\":{\"along\":[1,2,3],\"kl\":{\"counts\":[]}}}",
    };
    HthBuf page;
    HthErr err = { 0 };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(some); i++) {
        assert_ok(draw(&page, some[i], &err), err);
        assert_non_null(strstr(page.p, "</html>"));
        assert_null(strstr(page.p, "nan"));
        assert_null(strstr(page.p, "inf"));
        hth_buf_drop(&page);
    }
    assert_status(draw(&page, "{\"format\":\"other\"}", &err), HTH_EFORMAT, err);
    hth_buf_drop(&page);
}

static HthStatus body(void *ctx) {
    HthBuf page;
    HthErr err = { 0 };
    hth_buf_init(&page, 1 << 20);
    const HthStatus st = hth_eval_html(&page, ctx, &err);
    hth_buf_drop(&page);
    return st;
}

static void out_of_memory(void **state) {
    json_t *report = NULL;
    HthErr err = { 0 };
    (void)state;
    assert_ok(hth_json_parse(&report, hth_str(REPORT), 1 << 20, &err), err);
    assert_true(test_torture(body, report, 100) > 1);
    json_decref(report);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page),
        cmocka_unit_test(words_are_words),
        cmocka_unit_test(little_is_enough),
        cmocka_unit_test(out_of_memory),
    };
    hth_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
