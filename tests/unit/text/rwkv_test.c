/* rwkv_test.c - escapes and greedy longest match. */
#include "support/test.h"
#include "support/vocab_build.h"

#include "text/vocab_int.h"

static Gb gguf;
static const char *const tokens[] = { "<s>",   "a",    "ab", "abc",       "\\n",
                                      "\\xff", "\\\\", "b",  "\\xe4\\xb8" };

static void unescapes(void **state) {
    (void)state;
    static const HthStr cases[][2] = {
        { HTH_STR("a\\nb"), HTH_STR("a\nb") },  { HTH_STR("\\x00\\xFf"), HTH_STR("\0\xFF") },
        { HTH_STR("\\\\\\'"), HTH_STR("\\'") }, { HTH_STR("\\t\\r"), HTH_STR("\t\r") },
        { HTH_STR("end\\"), HTH_STR("end\\") }, { HTH_STR("\\xZZ"), HTH_STR("xZZ") },
        { HTH_STR("\\x4"), HTH_STR("x4") },     { HTH_STR(""), HTH_STR("") },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        char out[32];
        size_t n = hth_rwkv_unescape(cases[i][0], out);
        assert_true(hth_str_eq((HthStr){ out, n }, cases[i][1]));
    }
}

static void longest_first(void **state) {
    (void)state;
    VbSpec spec = { .model = "rwkv",
                    .tokens = tokens,
                    .token_n = HTH_COUNT(tokens),
                    .ids = { { "unknown_token_id", 0 } } };
    Vb vb;
    HthErr err;
    vb_write(&gguf, &spec);
    assert_ok(vb_open(&vb, &gguf, &err), err);
    assert_string_equal(hth_vocab_family(vb.v), "rwkv");
    assert_encodes(vb.v, "abcab", HTH_ENCODE_BOS_EOS, "3 2");
    assert_encodes(vb.v, "aba\n\\b\xFF", 0, "2 1 4 6 7 5");
    assert_encodes(vb.v, "z", 0, "0");
    assert_round_trip(vb.v, "ab\n\xFF\xE4\xB8", 6, 0);
    vb_close(&vb);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unescapes),
        cmocka_unit_test(longest_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
