/* oracle_test.c - the engine against the readable double precision forward pass, on random tiny
 * models of every variant.
 *
 * Float weights must agree to rounding.  Quantised weights are multiplied with 8-bit activations:
 * against an oracle that rounds its activations the same way the engine must agree but for the rare
 * value that rounds the other way; against exact activations the error is bounded.
 *
 * Thread: one. */
#include "support/test.h"

#include <math.h>

#include "hearth/hearth.h"
#include "support/tiny.h"

#include "../../oracle/oracle.c"

enum { N_MAX = 160 };

/* Differences relative to the spread of the oracle's logits: root mean square, largest, median. */
typedef struct Diff {
    double rms, max, median;
} Diff;

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static Diff compare(const Tiny *c, uint32_t n, const char *kv, bool q8) {
    HthErr err = { 0 };
    HthBuf file;
    tiny_build(&file, c);
    HthGguf *g = NULL;
    HthModel *m = NULL;
    HthSession *s = NULL;
    uint32_t ids[N_MAX];
    for (uint32_t i = 0; i < n; i++) ids[i] = tiny_id(c, 1, i);
    size_t count = (size_t)n * c->vocab;
    double *want = hth_calloc(count, sizeof *want);
    float *got = hth_calloc(count, sizeof *got);
    assert_ok(hth_gguf_open_mem(&g, file.p, file.n, "tiny", &err), err);
    assert_ok(hth_oracle_logits(g, ids, n, q8, want, &err), err);
    assert_ok(hth_model_open_mem(&m, file.p, file.n, "tiny", &err), err);
    assert_ok(hth_session_open(&s, m, &(HthSessionCfg){ .ctx = N_MAX, .kv = kv }, &err), err);
    assert_ok(hth_session_eval_all(s, ids, n, got, &err), err);
    double ss = 0, dd = 0, max = 0;
    for (size_t i = 0; i < count; i++) {
        double d = fabs((double)got[i] - want[i]);
        assert_true(isfinite(want[i]) && isfinite(got[i]));
        ss += want[i] * want[i];
        dd += d * d;
        max = fmax(max, d);
        want[i] = d;
    }
    qsort(want, count, sizeof *want, ascending);
    double spread = sqrt(ss / (double)count), median = want[count / 2] / spread;
    assert_true(spread > 0.1); /* a dead model would agree with anything */
    hth_session_close(&s);
    hth_model_close(&m);
    hth_gguf_close(&g);
    hth_free(want);
    hth_free(got);
    hth_buf_drop(&file);
    return (Diff){ sqrt(dd / (double)count) / spread, max / spread, median };
}

#define BASE .layers = 2, .embd = 96, .heads = 6, .ff = 160, .vocab = 70, .ctx = 256, .seed = 7
#define GQA  BASE, .kv_heads = 2
static const struct {
    const char *what;
    Tiny c;
} variants[] = {
    { "llama", { GQA, .arch = "llama" } },
    { "llama, no kv key", { BASE, .arch = "llama" } },
    { "llama, one kv head", { BASE, .arch = "llama", .kv_heads = 1 } },
    { "llama, tied", { GQA, .arch = "llama", .tied = true } },
    { "llama, attention biases", { GQA, .arch = "llama", .bias = true } },
    { "llama, all biases", { GQA, .arch = "llama", .bias = true, .ffn_bias = true } },
    { "llama, scales", { GQA, .arch = "llama", .bias = true, .ffn_bias = true, .scales = true } },
    { "llama, heads of 24", { GQA, .arch = "llama", .head_dim = 24 } },
    { "llama, heads of 10", { GQA, .arch = "llama", .head_dim = 10 } },
    { "llama, heads of 256", { GQA, .arch = "llama", .head_dim = 256 } },
    { "llama, partial rotation", { GQA, .arch = "llama", .head_dim = 32, .rot = 12 } },
    { "llama 3 factors", { GQA, .arch = "llama", .factors = true, .base = 500000 } },
    { "llama, linear", { GQA, .arch = "llama", .scaling = "linear", .factor = 4 } },
    { "llama, old key", { GQA, .arch = "llama", .factor = 2.5f, .old_factor_key = true } },
    { "llama, none", { GQA, .arch = "llama", .scaling = "none", .factor = 4 } },
    { "llama, yarn",
      { GQA, .arch = "llama", .scaling = "yarn", .factor = 4, .ctx_orig = 64, .head_dim = 32 } },
    { "llama, yarn, factors",
      { GQA, .arch = "llama", .scaling = "yarn", .factor = 8, .ctx_orig = 32, .factors = true } },
    { "llama, attn factor", { GQA, .arch = "llama", .attn_factor = 1.3f } },
    { "llama, arrays", { GQA, .arch = "llama", .arrays = true } },
    { "llama, F16", { GQA, .arch = "llama", .fmt = "F16", .norm_fmt = "F16" } },
    { "llama, BF16", { GQA, .arch = "llama", .fmt = "BF16", .norm_fmt = "BF16" } },
    { "qwen2", { GQA, .arch = "qwen2", .bias = true } },
    { "qwen2, tied, yarn",
      { GQA, .arch = "qwen2", .bias = true, .tied = true, .scaling = "yarn", .factor = 4,
        .ctx_orig = 128, .base = 1e6f } },
    { "qwen2, scales", { GQA, .arch = "qwen2", .bias = true, .scales = true } },
    { "qwen2, factors are llama's", { GQA, .arch = "qwen2", .factors = true } },
    { "qwen3", { GQA, .arch = "qwen3", .head_dim = 32 } },
    { "qwen3, tied", { GQA, .arch = "qwen3", .head_dim = 64, .tied = true } },
    { "qwen3, scales", { GQA, .arch = "qwen3", .head_dim = 32, .scales = true } },
    { "qwen3, yarn, attn factor",
      { GQA, .arch = "qwen3", .head_dim = 64, .scaling = "yarn", .factor = 4, .ctx_orig = 64,
        .attn_factor = 0.9f, .base = 1e6f } },
    { "llama, experts", { GQA, .arch = "llama", .experts = 6, .used = 2 } },
    { "llama, experts, scales", { GQA, .arch = "llama", .experts = 3, .used = 1, .scales = true } },
    { "qwen3moe", { GQA, .arch = "qwen3moe", .head_dim = 32, .experts = 9, .used = 4 } },
    { "deepseek2", { BASE, .arch = "deepseek2" } },
    { "deepseek2, whole queries", { BASE, .arch = "deepseek2", .whole_q = true, .dense = 1 } },
    { "deepseek2, sigmoid, bias",
      { BASE, .arch = "deepseek2", .experts = 11, .used = 3, .gate = 2, .choice = true,
        .gate_norm = true, .gate_scale = 2.5f } },
    { "deepseek2, yarn",
      { BASE, .arch = "deepseek2", .scaling = "yarn", .factor = 8, .ctx_orig = 32 } },
};

static void float_weights(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(variants); i++) {
        Diff d = compare(&variants[i].c, 130, NULL, false);
        print_message("%-28s rms %.1e max %.1e\n", variants[i].what, d.rms, d.max);
        if (d.max > 2e-4) fail_msg("%s: off by %g", variants[i].what, d.max);
    }
}

/* A cache of halves costs about 2^-12 per value, no more. */
static void half_cache(void **state) {
    (void)state;
    Diff d = compare(&variants[0].c, 130, "f16", false);
    assert_true(d.rms < 2e-3);
    assert_true(d.rms > 0.0); /* it must really be in use */
}

static void quantised_weights(void **state) {
    (void)state;
    /* Q4_K and Q5_K round the sums that go with their minimums too: 2^-15, amplified downstream */
    static const struct {
        const char *name;
        double median_max;
    } fmts[] = {
        { "Q8_0", 1e-5 }, { "Q4_0", 1e-5 }, { "Q4_K", 1e-2 }, { "Q5_K", 1e-2 }, { "Q6_K", 1e-5 },
    };
    for (size_t i = 0; i < HTH_COUNT(fmts); i++) {
        Tiny c = { .arch = i % 2 ? "qwen3" : "llama", .layers = 2, .embd = 256, .heads = 4 };
        c.kv_heads = 2;
        c.ff = 512;
        c.vocab = 90;
        c.ctx = 256;
        c.seed = 11 + i;
        c.fmt = fmts[i].name;
        Diff real = compare(&c, 70, NULL, false);
        c.layers = 1; /* deeper, one value rounded the other way soon moves many */
        Diff same = compare(&c, 20, "f32", true);
        print_message("%-28s median %.1e rms %.1e; exact activations: rms %.1e\n", fmts[i].name,
                      same.median, same.rms, real.rms);
        if (same.median > fmts[i].median_max) fail_msg("%s: median %g", fmts[i].name, same.median);
        if (real.rms > 0.05) fail_msg("%s: rms %g of exact activations", fmts[i].name, real.rms);
    }
}

/* Random corners of the space, so that a new combination is tried on purpose. */
static void random_shapes(void **state) {
    (void)state;
    static const char *const archs[] = { "llama", "qwen2", "qwen3" };
    static const char *const scalings[] = { NULL, "none", "linear", "yarn" };
    for (uint64_t i = 0; i < 24; i++) {
        uint32_t r[4], q[4];
        hth_rng_block(99, 0, i, r);
        hth_rng_block(99, 1, i, q);
        Tiny c = { .arch = archs[r[0] % 3], .layers = 1 + r[1] % 3, .vocab = 33 + r[2] % 60 };
        c.kv_heads = 1 + r[3] % 3;
        c.heads = c.kv_heads * (1 + q[0] % 4);
        c.head_dim = 2 * (1 + q[1] % 40);
        c.embd = 8 * (2 + q[2] % 20);
        c.ff = 1 + q[3] % 200;
        c.ctx = 256;
        c.seed = i;
        c.tied = r[0] & 256;
        c.bias = r[0] & 512;
        c.ffn_bias = (r[0] & 1024) && c.arch[0] == 'l';
        c.scales = r[0] & 2048;
        c.factors = (r[0] & 4096) && c.arch[0] == 'l';
        c.scaling = scalings[r[1] >> 8 & 3];
        c.factor = 1.0f + (float)(r[2] >> 8 & 7);
        c.ctx_orig = 16u << (r[3] >> 8 & 3);
        c.base = r[1] & 4096 ? 10000.0f : 500000.0f;
        Diff d = compare(&c, 100, NULL, false);
        if (d.max > 5e-4) fail_msg("shape %d (%s): off by %g", (int)i, c.arch, d.max);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(float_weights),
        cmocka_unit_test(half_cache),
        cmocka_unit_test(quantised_weights),
        cmocka_unit_test(random_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
