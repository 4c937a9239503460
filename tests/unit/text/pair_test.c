/* pair_test.c - a question and an answer in one text: which tokens stand around them, by family and
 * by what the file says.
 *
 * Thread: one. */
#include "support/test.h"
#include "support/vocab_build.h"

#define M "\xE2\x96\x81"

static Gb gguf;

static const char *const words[] = { "[PAD]",   "[UNK]",   "[CLS]", "[SEP]",
                                     M "hello", M "world", M "[",   "sep" };
static const int32_t types[] = { 3, 3, 3, 3, 1, 1, 1, 1 };

static void assert_pair(const HthVocab *v, const char *first, const char *second,
                        const char *want) {
    HthErr err = { 0 };
    HthIds ids;
    char got[256] = "";
    size_t n = 0;
    hth_ids_init(&ids, 100);
    assert_ok(hth_vocab_encode_pair(v, hth_str(first), hth_str(second), &ids, &err), err);
    for (size_t i = 0; i < ids.n; i++)
        n += (size_t)snprintf(got + n, sizeof got - n, "%s%u", i ? " " : "", ids.p[i]);
    assert_string_equal(got, want);
    hth_ids_drop(&ids);
}

/* flags: add_eos_token, add_sep_token; -1: the file does not say. */
static void check(int eos, int sep, const char *want) {
    Vb vb;
    HthErr err = { 0 };
    size_t n = 0;
    VbSpec spec = {
        .model = "bert",
        .tokens = words,
        .token_n = HTH_COUNT(words),
        .types = types,
        .ids = { { "bos_token_id", 2 }, { "seperator_token_id", 3 }, { "unknown_token_id", 1 } }
    };
    if (eos >= 0) spec.flags[n].key = "add_eos_token", spec.flags[n++].value = eos;
    if (sep >= 0) spec.flags[n].key = "add_sep_token", spec.flags[n++].value = sep;
    vb_write(&gguf, &spec);
    assert_ok(vb_open(&vb, &gguf, &err), err);
    assert_pair(vb.v, "hello", "world world", want);
    vb_close(&vb);
}

static void as_the_file_says(void **state) {
    (void)state;
    check(-1, -1, "2 4 3 5 5"); /* what the reference makes of files that say nothing */
    check(1, 0, "2 4 3 5 5 3"); /* [CLS] question [SEP] answer [SEP] */
    check(1, -1, "2 4 3 3 5 5 3"); /* as RoBERTa has it */
    check(0, 0, "2 4 5 5");
}

static void with_an_end_of_its_own(void **state) {
    (void)state;
    static const char *const tokens[] = { "<unk>", "<s>", "</s>", M "a", M "b" };
    static const float scores[] = { 0, 0, 0, -1, -1 };
    static const int32_t kinds[] = { 2, 3, 3, 1, 1 };
    Vb vb;
    HthErr err = { 0 };
    const VbSpec spec = { .model = "llama",
                          .tokens = tokens,
                          .token_n = HTH_COUNT(tokens),
                          .scores = scores,
                          .types = kinds,
                          .ids = { { "bos_token_id", 1 }, { "eos_token_id", 2 } },
                          .flags = { { "add_bos_token", true }, { "add_eos_token", true } } };
    vb_write(&gguf, &spec);
    assert_ok(vb_open(&vb, &gguf, &err), err);
    assert_pair(vb.v, "a", "b a", "1 3 2 4 3 2");
    vb_close(&vb);
}

/* What is typed is text: it cannot end the question. */
static void control_tokens_are_not_read(void **state) {
    (void)state;
    Vb vb;
    HthErr err = { 0 };
    HthIds ids;
    const VbSpec spec = {
        .model = "bert",
        .tokens = words,
        .token_n = HTH_COUNT(words),
        .types = types,
        .ids = { { "bos_token_id", 2 }, { "seperator_token_id", 3 }, { "unknown_token_id", 1 } }
    };
    vb_write(&gguf, &spec);
    assert_ok(vb_open(&vb, &gguf, &err), err);
    hth_ids_init(&ids, 100);
    const HthStr typed = HTH_STR("hello [SEP] hello");
    assert_ok(hth_vocab_encode_pair(vb.v, typed, HTH_STR("world"), &ids, &err), err);
    uint32_t separators = 0;
    for (size_t i = 0; i < ids.n; i++) separators += ids.p[i] == 3;
    assert_int_equal(separators, 1);
    hth_ids_drop(&ids);
    hth_ids_init(&ids, 3); /* all or nothing */
    assert_ok(hth_ids_add(&ids, 9, &err), err);
    assert_status(hth_vocab_encode_pair(vb.v, typed, typed, &ids, &err), HTH_ELIMIT, err);
    assert_int_equal(ids.n, 1);
    hth_ids_drop(&ids);
    vb_close(&vb);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_the_file_says),
        cmocka_unit_test(with_an_end_of_its_own),
        cmocka_unit_test(control_tokens_are_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
