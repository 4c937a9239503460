/* vocab_test.c - the handle: limits, atomic failure, exhaustion in every family. */
#include "support/test.h"
#include "support/vocab_build.h"

#include "base/par.h"

static Gb gguf;
static const char *const words[] = { "<unk>", "<s>", "</s>", "a", "b", "ab" };
static const char *const merges[] = { "a b", "c d", NULL };

static void ids_have_a_ceiling(void **state) {
    (void)state;
    HthErr err;
    HthIds ids;
    hth_ids_init(&ids, 100);
    for (uint32_t i = 0; i < 100; i++) assert_ok(hth_ids_add(&ids, i, &err), err);
    assert_status(hth_ids_add(&ids, 100, &err), HTH_ELIMIT, err);
    assert_int_equal(ids.n, 100);
    for (uint32_t i = 0; i < 100; i++) assert_int_equal(ids.p[i], i);
    hth_ids_drop(&ids);
    assert_null(ids.p);
    assert_ok(hth_ids_add(&ids, 1, &err), err); /* usable again */
    hth_ids_drop(&ids);
}

static void nothing_is_cut_silently(void **state) {
    (void)state;
    HthErr err;
    HthIds ids;
    Vb vb;
    vb_write(&gguf, &(VbSpec){ .model = "llama",
                               .tokens = words,
                               .token_n = 6,
                               .flags = { { "add_space_prefix", false } } });
    assert_ok(vb_open(&vb, &gguf, &err), err);
    hth_ids_init(&ids, 4);
    assert_ok(hth_ids_add(&ids, 77, &err), err);
    assert_status(hth_vocab_encode(vb.v, HTH_STR("aaab"), 0, &ids, &err), HTH_OK, err);
    assert_int_equal(ids.n, 4);
    ids.n = 1;
    assert_status(hth_vocab_encode(vb.v, HTH_STR("aaaaa"), 0, &ids, &err), HTH_ELIMIT, err);
    assert_int_equal(ids.n, 1); /* what was there stays, nothing is added */
    assert_int_equal(ids.p[0], 77);
    hth_ids_drop(&ids);
    vb_close(&vb);
}

static void small_questions(void **state) {
    (void)state;
    HthErr err;
    Vb vb;
    vb_write(&gguf, &(VbSpec){ .model = "llama", .tokens = words, .token_n = 6 });
    assert_ok(vb_open(&vb, &gguf, &err), err);
    assert_true(hth_str_eq(hth_vocab_text(vb.v, 5), HTH_STR("ab")));
    assert_int_equal(hth_vocab_text(vb.v, 6).n, 0);
    assert_int_equal(hth_vocab_find(vb.v, HTH_STR("ab")), 5);
    assert_int_equal(hth_vocab_find(vb.v, HTH_STR("abc")), HTH_TOKEN_NONE);
    assert_int_equal(hth_vocab_kind(vb.v, 6), HTH_TOKEN_UNUSED);
    assert_int_equal(hth_vocab_kind(vb.v, 3), HTH_TOKEN_NORMAL);
    vb_close(&vb);
    HthVocab *none = NULL;
    hth_vocab_close(&none);
}

/* ---- many threads, one vocabulary ---- */
enum { ITEMS = 64 };
static const char *const lines[] = { "ab</s>b caf\xC3\xA9", "aab 12 ab", "<s>\n\n b\xFF", "" };

typedef struct Shared {
    const HthVocab *v;
    char got[ITEMS][256];
} Shared;

static void encode_item(void *ctx, uint32_t item, uint32_t worker) {
    Shared *s = ctx;
    const char *line = lines[item % HTH_COUNT(lines)];
    (void)worker;
    vb_ids(s->v, line, strlen(line), item % 4, s->got[item], sizeof s->got[item]);
}

static void many_threads(void **state) {
    (void)state;
    static Shared alone, together;
    static const char *list[VB_MAX];
    VbSpec spec = { .model = "gpt2", .pre = "deepseek-v3", .tokens = list, .merges = merges };
    HthPool *pool = NULL;
    HthErr err;
    Vb vb;
    spec.token_n = vb_byte_level(list, (const char *const[]){ "ab", "</s>", NULL });
    vb_write(&gguf, &spec);
    assert_ok(vb_open(&vb, &gguf, &err), err);
    assert_ok(hth_pool_open(&pool, 4, &err), err);
    alone.v = together.v = vb.v;
    hth_par_run(NULL, ITEMS, encode_item, &alone);
    for (int round = 0; round < 20; round++) {
        hth_par_run(pool, ITEMS, encode_item, &together);
        for (size_t i = 0; i < ITEMS; i++) assert_string_equal(together.got[i], alone.got[i]);
    }
    assert_string_not_equal(alone.got[1], alone.got[0]);
    hth_pool_close(&pool);
    vb_close(&vb);
}

static HthStatus open_and_encode(void *ctx) {
    Vb vb = { 0 };
    HthIds ids;
    HthErr err;
    (void)ctx;
    HthStatus status = vb_open(&vb, &gguf, &err);
    if (status != HTH_OK) return status;
    hth_ids_init(&ids, 1000);
    status = hth_vocab_encode(vb.v,
                              HTH_STR("ab</s>b \xC3\xA9\xFF"
                                      "a<s>ab"),
                              HTH_ENCODE_SPECIAL | HTH_ENCODE_BOS_EOS, &ids, &err);
    HthBuf out;
    hth_buf_init(&out, 1000);
    if (status == HTH_OK) status = hth_vocab_decode(vb.v, ids.p, ids.n, true, &out, &err);
    hth_buf_drop(&out);
    hth_ids_drop(&ids);
    vb_close(&vb);
    return status;
}

static void exhaustion(void **state) {
    (void)state;
    static const char *const models[] = { "llama", "gpt2", "gemma4", "bert", "t5", "rwkv" };
    static const int32_t types[] = { 2, 3, 3, 1, 1, 1 };
    for (size_t i = 0; i < HTH_COUNT(models); i++) {
        VbSpec spec = { .model = models[i],
                        .tokens = words,
                        .token_n = 6,
                        .merges = merges,
                        .types = types,
                        .ids = { { "bos_token_id", 1 },
                                 { "eos_token_id", 2 },
                                 { "unknown_token_id", 0 },
                                 { "seperator_token_id", 2 } } };
        vb_write(&gguf, &spec);
        assert_true(test_torture(open_and_encode, NULL, 2000) > 10);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_have_a_ceiling), cmocka_unit_test(nothing_is_cut_silently),
        cmocka_unit_test(small_questions),    cmocka_unit_test(many_threads),
        cmocka_unit_test(exhaustion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
