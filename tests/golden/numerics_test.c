/* numerics_test.c - the numerics version is a promise: under its name, logits keep their bits.
 *
 * One small model per weight format that has an encoder, and long texts for every cache type.  A
 * checksum that differs while the model's own still fits means that some logit of some model has
 * changed: either mend that, or raise hth_numerics(), write the new sums down here, and say so in
 * CHANGELOG.md.  That tiers, threads and chunks agree is bits_test.c's affair; here the best tier
 * computes.
 *
 * Thread: one, and the sessions' own. */
#include "support/test.h"

#include "base/sum.h"
#include "hearth/hearth.h"
#include "model/model.h"
#include "support/tiny.h"

static const char frozen[] = "hearth-n1";

typedef struct Case {
    const char *fmt, *arch, *kv; /* kv NULL: as the model likes */
    uint32_t n; /* tokens */
    uint64_t model, logits; /* checksums */
} Case;

/* clang-format off */
static const Case cases[] = {
    { "F32", "llama", NULL, 130, 0xb148733b5d863563, 0x690b69a97f295d4d },
    { "F16", "qwen2", NULL, 130, 0xfab7f0df773f9364, 0x099581c1cbfbb08a },
    { "BF16", "qwen3", NULL, 130, 0xad17504df1f33d63, 0x3cf218e64b6f6f1e },
    { "Q8_0", "llama", NULL, 130, 0x939a53b2a35075de, 0xd56670165edd8a30 },
    { "Q4_0", "qwen2", NULL, 130, 0x93e6a6d4bfc98241, 0x48c3719d92d1ac74 },
    { "Q4_1", "qwen3", NULL, 130, 0x7b6cfc4f3ba30ce0, 0xa6184f8980126955 },
    { "Q5_0", "llama", NULL, 130, 0x77976192e772722c, 0xa1910b5aea65fd6f },
    { "Q5_1", "qwen2", NULL, 130, 0x6028f709e4739b6b, 0xc4def4b41d45089d },
    { "Q4_K", "qwen2", NULL, 130, 0x287b3a04ae4e3ac6, 0x3467c0a75515e09a },
    { "Q5_K", "qwen3", NULL, 130, 0x0a94d927b5f46a23, 0x2d3af3dbe8c2f5c6 },
    { "Q6_K", "llama", NULL, 130, 0x3e9fe4a6b3c6bf1b, 0xb960fd29a2e58ea5 },
    { "IQ4_NL", "qwen2", NULL, 130, 0xf59806a44d243add, 0x1d5fbc7d899c76db },
    { "IQ4_XS", "qwen3", NULL, 130, 0x3a24161f329ce738, 0x3e3748c6993b1537 },
    { "MXFP4", "llama", NULL, 130, 0xf1a72595e7cd0c21, 0xdfa792c6c38fe6d3 },
    { "Q8_0", "qwen3", "f32", 1100, 0xdc696c43b81b1b81, 0x8e3e2ebd21822f75 },
    { "Q8_0", "llama", "f16", 1100, 0x939a53b2a35075de, 0xad3639ff6be3696b },
    { "Q8_0", "qwen2", "q8_0", 1100, 0x58b46898322903aa, 0x91029ba4f5a88776 },
    { "Q8_0", "qwen3", "q4_0", 1100, 0xdc696c43b81b1b81, 0x2646d995573ea981 },
};
/* clang-format on */

static Tiny tiny(const Case *c) {
    Tiny t = { .arch = c->arch, .layers = 2, .embd = 256, .heads = 4, .kv_heads = 2, .ff = 256 };
    t.vocab = 77;
    t.ctx = 2048;
    t.fmt = c->fmt;
    t.seed = 7;
    t.bias = strcmp(c->arch, "qwen2") == 0;
    t.tied = strcmp(c->arch, "qwen3") == 0;
    t.factors = strcmp(c->arch, "llama") == 0;
    if (t.bias) { /* and YaRN */
        t.scaling = "yarn";
        t.factor = 4;
        t.ctx_orig = 512;
    }
    return t;
}

static uint64_t logits_sum(const HthModel *m, const Tiny *t, const Case *c) {
    HthErr err = { 0 };
    HthSession *s = NULL;
    HthSessionCfg cfg = { .ctx = c->n, .threads = 2, .kv = c->kv };
    assert_ok(hth_session_open(&s, m, &cfg, &err), err);
    uint32_t *ids = hth_calloc(c->n, sizeof *ids);
    float *out = hth_calloc((size_t)c->n * t->vocab, sizeof *out);
    assert_true(ids && out);
    for (uint32_t i = 0; i < c->n; i++) ids[i] = tiny_id(t, 6, i);
    assert_ok(hth_session_eval_all(s, ids, c->n, out, &err), err);
    uint64_t sum = hth_sum64(0, out, (size_t)c->n * t->vocab * sizeof *out);
    hth_session_close(&s);
    hth_free(ids);
    hth_free(out);
    return sum;
}

static void logits_keep_their_bits(void **state) {
    (void)state;
    int changed = 0;
    assert_string_equal(hth_numerics(), frozen);
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        const Case *c = &cases[i];
        Tiny t = tiny(c);
        HthErr err = { 0 };
        HthBuf file;
        HthModel *m = NULL;
        tiny_build(&file, &t);
        uint64_t model = hth_sum64(0, file.p, file.n);
        assert_ok(hth_model_open_mem(&m, file.p, file.n, "tiny", &err), err);
        uint64_t logits = logits_sum(m, &t, c);
        if (model != c->model || logits != c->logits) {
            changed++;
            print_message("%s %s %s: %s\n    0x%016llx, 0x%016llx\n", c->fmt, c->arch,
                          c->kv ? c->kv : "", model != c->model ? "another model" : "other logits",
                          (unsigned long long)model, (unsigned long long)logits);
        }
        hth_model_close(&m);
        hth_buf_drop(&file);
    }
    assert_int_equal(changed, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(logits_keep_their_bits) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
