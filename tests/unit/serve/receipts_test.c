/* receipts_test.c - parameters to text and back to the bit; digests of a model's parts. */
#include "support/test.h"

#include <math.h>

#include "base/rng.h"
#include "serve/receipts.h"

static HthErr err;

static HthStatus set(void *payload, const char *name, HthStr value, HthErr *e) {
    static char kept[1 << 16]; /* breakers are borrowed */
    static size_t n;
    if (n + value.n > sizeof kept) n = 0;
    memcpy(kept + n, value.p, value.n);
    const HthStr copy = { kept + n, value.n };
    n += value.n;
    return hth_sample_set(payload, name, copy, e);
}

static void assert_same(const HthSampleParams *p, const HthSampleParams *q) {
    assert_memory_equal(&p->temperature, &q->temperature,
                        offsetof(HthSampleParams, dry_breakers) -
                            offsetof(HthSampleParams, temperature));
    assert_int_equal(p->dry_breaker_count, q->dry_breaker_count);
    for (uint32_t i = 0; i < p->dry_breaker_count; i++)
        assert_true(hth_str_eq(p->dry_breakers[i], q->dry_breakers[i]));
    assert_true(p->xtc_probability == q->xtc_probability && p->xtc_threshold == q->xtc_threshold);
    assert_true(p->mirostat == q->mirostat && p->mirostat_tau == q->mirostat_tau);
    assert_true(p->mirostat_eta == q->mirostat_eta && p->min_keep == q->min_keep);
    assert_int_equal(p->logit_bias_count, q->logit_bias_count);
    for (uint32_t i = 0; i < p->logit_bias_count; i++)
        assert_true(p->logit_bias[i].id == q->logit_bias[i].id &&
                    p->logit_bias[i].bias == q->logit_bias[i].bias);
    assert_int_equal(p->chain_count, q->chain_count);
    assert_memory_equal(p->chain, q->chain, p->chain_count * sizeof p->chain[0]);
}

static void there_and_back(const HthSampleParams *p) {
    static HthSampleParams q;
    json_t *v = NULL;
    assert_ok(hth_receipt_sampler(&v, p, &err), err);
    assert_null(json_object_get(v, "seed"));
    hth_sample_defaults(&q);
    assert_ok(hth_receipt_sampler_each(v, set, &q, &err), err);
    assert_same(p, &q);
    json_decref(v);
}

static float some(uint64_t i, uint32_t field, float max) {
    return max * (float)hth_rng_f64(30, field, i);
}

/* Floats of any bits survive, and breakers of any characters. */
static void to_the_bit(void **state) {
    (void)state;
    static HthSampleParams p;
    hth_sample_defaults(&p);
    there_and_back(&p);
    for (uint64_t i = 0; i < 300; i++) {
        char text[8][HTH_DRY_BREAKER_BYTES_MAX];
        hth_sample_defaults(&p);
        p.temperature = some(i, 1, 2);
        p.top_p = some(i, 2, 1);
        p.min_p = some(i, 3, 1);
        p.typical_p = some(i, 4, 1);
        p.repeat_penalty = 1 + some(i, 5, 1);
        p.dry_multiplier = some(i, 6, 2);
        p.xtc_probability = some(i, 7, 1);
        p.mirostat_tau = some(i, 8, 10);
        p.top_k = hth_rng_below(30, 9, i, 1000000000);
        p.repeat_last_n = (int32_t)hth_rng_below(30, 10, i, INT32_MAX) - 1;
        p.chain_count = hth_rng_below(30, 11, i, 9);
        p.logit_bias_count = hth_rng_below(30, 12, i, 4);
        for (uint32_t k = 0; k < p.logit_bias_count; k++) {
            p.logit_bias[k].id = hth_rng_u32(30, 13 + k, i) >> 1;
            p.logit_bias[k].bias = k == 1 ? -INFINITY : some(i, 20 + k, 100) - 50;
        }
        p.dry_breaker_count = hth_rng_below(30, 30, i, 9);
        for (uint32_t k = 0; k < p.dry_breaker_count; k++) {
            const size_t n = 1 + hth_rng_below(30, 31 + k, i, HTH_DRY_BREAKER_BYTES_MAX);
            for (size_t c = 0; c < n; c++)
                text[k][c] = (char)(1 + hth_rng_below(30, 50 + k, i * 64 + c, 127));
            p.dry_breakers[k] = (HthStr){ text[k], n };
        }
        there_and_back(&p);
    }
}

static void not_ours(void **state) {
    (void)state;
    static const char *const bad[] = { "x",       "\"x",      "\"x\"y",    "\"x\" ",
                                       "\"\\q\"", "\"\\x1\"", "\"\\xzz\"", "\"a\"  \"b\"",
                                       "\"\\\"",  "\"\"",     " \"x\"" };
    static HthSampleParams p;
    hth_json_init();
    for (size_t i = 0; i < HTH_COUNT(bad); i++) {
        json_t *v = json_pack("{s:s}", "dry_sequence_breaker", bad[i]);
        hth_sample_defaults(&p);
        const HthStatus st = hth_receipt_sampler_each(v, set, &p, &err);
        if (st != HTH_EFORMAT && st != HTH_EINVAL) fail_msg("taken: %s", bad[i]);
        json_decref(v);
    }
    json_t *v = json_pack("{s:s}", "no_such", "1");
    assert_status(hth_receipt_sampler_each(v, set, &p, &err), HTH_EINVAL, err);
    json_decref(v);
}

static void a_breaker_that_is_not_text(void **state) {
    (void)state;
    static HthSampleParams p;
    json_t *v = NULL;
    hth_sample_defaults(&p);
    p.dry_breakers[0] = HTH_STR("\xff");
    assert_status(hth_receipt_sampler(&v, &p, &err), HTH_EINVAL, err);
    assert_null(v);
}

static HthStatus body(void *ctx) {
    static HthSampleParams q;
    json_t *v = NULL;
    HthStatus st = hth_receipt_sampler(&v, ctx, &err);
    if (st == HTH_OK) st = hth_receipt_sampler_each(v, set, &q, &err);
    json_decref(v);
    return st;
}

static void out_of_memory(void **state) {
    (void)state;
    static HthSampleParams p;
    hth_sample_defaults(&p);
    hth_json_init();
    assert_true(test_torture(body, &p, 500) > 20);
}

/* ---- models --------------------------------------------------------------------------------- */

static HthReceiptFacts facts_of(HthStr file, const char *chat_template) {
    HthReceiptFacts f = { 0 };
    HthGguf *g = NULL;
    assert_ok(hth_gguf_open_mem(&g, file.p, file.n, "a model", &err), err);
    assert_ok(hth_receipt_model(&f, g, hth_str(chat_template), NULL, NULL, &err), err);
    hth_gguf_close(&g);
    return f;
}

/* The offset of an entry's value in the file. */
static size_t value_at(HthStr file, const char *key) {
    HthGguf *g = NULL;
    assert_ok(hth_gguf_open_mem(&g, file.p, file.n, "a model", &err), err);
    const HthGgufKv *kv = hth_gguf_find(g, key);
    assert_non_null(kv);
    const size_t at = (size_t)((const char *)kv->data - file.p);
    hth_gguf_close(&g);
    return at;
}

static bool stop_at_once(void *payload, uint64_t done, uint64_t total) {
    (void)payload;
    assert_true(done > 0 && done <= total);
    return false;
}

/* The file's digest is that of all its bytes, the tokenizer's that of its entries and no others. */
static void models(void **state) {
    (void)state;
    char path[512];
    HthBuf file;
    HthDigests d;
    test_src_path(path, sizeof path, "models/ember/ember.gguf");
    if (access(path, R_OK) != 0) skip();
    test_load(&file, path);
    const HthReceiptFacts f = facts_of(hth_buf_str(&file), "{{ x }}");
    hth_digests(&d, file.p, file.n);
    assert_true(hth_digests_eq(&d, &f.model) && f.model_bytes == file.n);
    hth_digests(&d, "{{ x }}", 7);
    assert_true(hth_digests_eq(&d, &f.chat_template));
    static const struct {
        const char *key;
        size_t skip;
        bool same;
    } rows[] = {
        { "tokenizer.ggml.tokens", 8, false }, /* the first byte of the first token */
        { "tokenizer.ggml.bos_token_id", 0, false },
        { "tokenizer.chat_template", 8, true },
        { "general.name", 8, true },
    };
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        char *at = file.p + value_at(hth_buf_str(&file), rows[i].key) + rows[i].skip;
        *at ^= 1;
        const HthReceiptFacts other = facts_of(hth_buf_str(&file), "");
        *at ^= 1;
        assert_false(hth_digests_eq(&other.model, &f.model));
        assert_int_equal(hth_digests_eq(&other.tokenizer, &f.tokenizer), rows[i].same);
        assert_true(hth_receipt_zero(&other.chat_template));
    }
    HthReceiptFacts none = { 0 };
    HthGguf *g = NULL;
    assert_ok(hth_gguf_open_mem(&g, file.p, file.n, "a model", &err), err);
    assert_status(hth_receipt_model(&none, g, HTH_STR(""), stop_at_once, NULL, &err), HTH_ECANCELED,
                  err);
    hth_gguf_close(&g);
    hth_buf_drop(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(to_the_bit),
        cmocka_unit_test(not_ours),
        cmocka_unit_test(a_breaker_that_is_not_text),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
