/* schema_uri_test.c - the examples of RFC 3986, section 5.4, and references that are too long. */
#include "support/test.h"

#include "text/schema_int.h"

static HthErr err;

static void resolves(const char *base, const char *ref, const char *want) {
    HthBuf out;
    hth_buf_init(&out, 1 << 16);
    assert_ok(hth_s_uri(&out, hth_str(base), hth_str(ref), &err), err);
    if (!hth_str_eq(hth_buf_str(&out), hth_str(want)))
        fail_msg("%s and %s: %s, wanted %s", base, ref, hth_buf_str(&out).p, want);
    hth_buf_drop(&out);
}

static void the_examples_of_the_rfc(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        { "g:h", "g:h" },
        { "g", "http://a/b/c/g" },
        { "./g", "http://a/b/c/g" },
        { "g/", "http://a/b/c/g/" },
        { "/g", "http://a/g" },
        { "//g", "http://g" },
        { "?y", "http://a/b/c/d;p?y" },
        { "g?y", "http://a/b/c/g?y" },
        { "#s", "http://a/b/c/d;p?q#s" },
        { "g#s", "http://a/b/c/g#s" },
        { "g?y#s", "http://a/b/c/g?y#s" },
        { ";x", "http://a/b/c/;x" },
        { "g;x?y#s", "http://a/b/c/g;x?y#s" },
        { "", "http://a/b/c/d;p?q" },
        { ".", "http://a/b/c/" },
        { "./", "http://a/b/c/" },
        { "..", "http://a/b/" },
        { "../", "http://a/b/" },
        { "../g", "http://a/b/g" },
        { "../..", "http://a/" },
        { "../../", "http://a/" },
        { "../../g", "http://a/g" },
        { "../../../g", "http://a/g" },
        { "../../../../g", "http://a/g" },
        { "/./g", "http://a/g" },
        { "/../g", "http://a/g" },
        { "g.", "http://a/b/c/g." },
        { "..g", "http://a/b/c/..g" },
        { "./../g", "http://a/b/g" },
        { "./g/.", "http://a/b/c/g/" },
        { "g/./h", "http://a/b/c/g/h" },
        { "g/../h", "http://a/b/c/h" },
        { "g;x=1/../y", "http://a/b/c/y" },
        { "g?y/../x", "http://a/b/c/g?y/../x" },
        { "g#s/../x", "http://a/b/c/g#s/../x" },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++)
        resolves("http://a/b/c/d;p?q", cases[i][0], cases[i][1]);
}

static void other_bases(void **state) {
    (void)state;
    resolves("", "item.json#/x", "item.json#/x");
    resolves("http://a", "b", "http://a/b");
    resolves("urn:uuid:1234", "#/x", "urn:uuid:1234#/x");
    resolves("urn:uuid:1234", "", "urn:uuid:1234");
    resolves("tree", "#a", "tree#a");
}

static void a_ceiling_holds(void **state) {
    (void)state;
    HthBuf out;
    static char long_one[1 << 17];
    memset(long_one, 'a', sizeof long_one - 1);
    hth_buf_init(&out, 1 << 16);
    assert_status(hth_s_uri(&out, HTH_STR("http://a/"), hth_str(long_one), &err), HTH_ELIMIT, err);
    hth_buf_drop(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_rfc),
        cmocka_unit_test(other_bases),
        cmocka_unit_test(a_ceiling_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
