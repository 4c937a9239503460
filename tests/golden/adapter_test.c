/* adapter_test.c - LoRA adapters: what they add is what merging them would, and the bits are the
 * same on every tier, on any number of threads, in any chunks, in any company.
 *
 * The merged model is W + scale * alpha/rank * B A, computed in doubles and rounded to F32.
 *
 * Thread: one, and the sessions' own. */
#include "support/test.h"

#include "hearth/hearth.h"
#include "model/adapter.h"
#include "run/step.h"
#include "support/tiny_adapter.h"

enum { N = 70 }; /* over a page border */

static const char *const archs[] = {
    "llama",    "qwen2",      "qwen3",         "granite",  "olmo2",    "smollm3",   "starcoder2",
    "phi3",     "gemma2",     "gemma3",        "qwen3moe", "gpt-oss",  "deepseek2", "olmoe",
    "qwen2moe", "granitemoe", "glm4moe",       "qwen35",   "mistral3", "exaone4",   "glm4",
    "cohere2",  "falcon",     "gptneox",       "gpt2",     "phi2",     "stablelm",  "internlm2",
    "ernie4_5", "minicpm",    "hunyuan-dense", "seed_oss", "nemotron", "qwen35moe", "qwen3next",
    "lfm2",     "mamba2",     "granitehybrid"
};

typedef struct World {
    Tiny c;
    HthBuf file, lora, merged;
    HthModel *m, *whole;
    HthAdapter *a;
    uint32_t ids[N];
} World;

/* Does some instruction multiply with this tensor, or look its rows up for tokens? */
static bool may(void *ctx, const HthGgufTensor *t) {
    const HthProgram *p = hth_model_program(ctx);
    for (uint32_t i = 0; i < p->count; i++) {
        const HthInst *in = &p->inst[i];
        const bool product = in->op == HTH_OP_LINEAR || in->op == HTH_OP_EMBED ||
                             in->op == HTH_OP_EXPERTS || in->op == HTH_OP_EXPERTS_EACH;
        if (product && in->w->data >= t->data && in->w->data < t->data + t->bytes) return true;
    }
    return false;
}

static Tiny tiny(const char *arch, const char *fmt) {
    Tiny c = { .arch = arch, .layers = 4, .embd = 64, .heads = 4, .kv_heads = 2, .ff = 96 };
    c.vocab = 77;
    c.ctx = 256;
    c.fmt = fmt;
    c.seed = 31;
    c.bias = strcmp(arch, "qwen2") == 0;
    c.scales = strcmp(arch, "llama") == 0;
    c.fused = strcmp(arch, "phi3") == 0;
    if (tiny_is(&c, "olmo2 phi3 gemma2 gemma3 gpt-oss cohere2")) c.window = 19;
    return c;
}

static World *begin(const Tiny *c, const TinyAdapter *a, bool merge) {
    HthErr err = { 0 };
    World *w = hth_calloc(1, sizeof *w);
    assert_non_null(w);
    w->c = *c;
    tiny_build(&w->file, c);
    assert_ok(hth_model_open_mem(&w->m, w->file.p, w->file.n, "tiny", &err), err);
    tiny_adapter(&w->lora, hth_model_gguf(w->m), a, may, w->m);
    assert_ok(hth_adapter_open_mem(&w->a, w->m, w->lora.p, w->lora.n, "lora", &err), err);
    for (uint32_t i = 0; i < N; i++) w->ids[i] = tiny_id(c, 1, i);
    if (!merge) return w;
    tiny_build(&w->merged, c);
    tiny_merge(&w->merged, &w->lora, 1.0);
    assert_ok(hth_model_open_mem(&w->whole, w->merged.p, w->merged.n, "merged", &err), err);
    return w;
}

static void end(World *w) {
    hth_adapter_close(&w->a);
    hth_model_close(&w->m);
    hth_model_close(&w->whole);
    hth_buf_drop(&w->file);
    hth_buf_drop(&w->lora);
    hth_buf_drop(&w->merged);
    hth_free(w);
}

typedef struct Way {
    const char *isa;
    uint32_t threads, chunk;
} Way;

/* Logits of all positions; the caller frees. */
static float *run(const World *w, const HthModel *m, const HthAdapterUse *uses, uint32_t count,
                  const Way *way) {
    HthErr err = { 0 };
    HthSession *s = NULL;
    const HthSessionCfg cfg = { .ctx = N,
                                .threads = way->threads,
                                .chunk = way->chunk,
                                .adapters = uses,
                                .adapter_count = count };
    assert_ok(hth_kern_force(way->isa, &err), err);
    assert_ok(hth_session_open(&s, m, &cfg, &err), err);
    float *out = hth_calloc((size_t)N * w->c.vocab, sizeof *out);
    assert_non_null(out);
    assert_ok(hth_session_eval_all(s, w->ids, N, out, &err), err);
    hth_session_close(&s);
    assert_ok(hth_kern_force(NULL, &err), err);
    return out;
}

static double apart(const World *w, const float *a, const float *b) {
    double most = 0;
    for (size_t i = 0; i < (size_t)N * w->c.vocab; i++)
        if (!(fabs((double)a[i] - (double)b[i]) <= most)) most = fabs((double)a[i] - (double)b[i]);
    return most;
}

static const Way plain = { "c", 1, N };
static const TinyAdapter ordinary = { .rank = 5, .alpha = 7.5f, .spread = 0.3, .seed = 3 };

/* Every tier, with other threads and chunks each time. */
static uint32_t same_bits(const World *w, const HthAdapterUse *uses, uint32_t n,
                          const float *want) {
    static const Way ways[] = { { NULL, 2, 1 }, { NULL, 3, 7 }, { NULL, 2, 64 }, { NULL, 1, N } };
    uint32_t count = 0;
    for (size_t k = 0; hth_kern_at(k); k++)
        for (size_t i = 0; hth_kern_runs_here(hth_kern_at(k)) && i < HTH_COUNT(ways); i++) {
            if (k == 0 ? i != 1 : (i + k) % 2) continue; /* in turn; tier "c" is slow */
            Way way = ways[i];
            way.isa = hth_kern_at(k)->name;
            float *got = run(w, w->m, uses, n, &way);
            if (memcmp(want, got, (size_t)N * w->c.vocab * sizeof *got) != 0)
                fail_msg("%s: tier %s, %u threads, chunks of %u differ", w->c.arch, way.isa,
                         way.threads, way.chunk);
            hth_free(got);
            count++;
        }
    return count;
}

/* Their gates round to binary16, as the reference does: a last bit becomes a larger one. */
#define GELU "starcoder2 gemma2 gemma3 falcon gptneox gpt2 phi2"

/* Floats only: nothing is rounded that a merged model would round otherwise. */
static void every_architecture(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(archs); i++) {
        const Tiny c = tiny(archs[i], "F32");
        World *w = begin(&c, &ordinary, true);
        const HthAdapterUse use = { w->a, 1.0f };
        float *base = run(w, w->m, NULL, 0, &plain), *got = run(w, w->m, &use, 1, &plain);
        float *want = run(w, w->whole, NULL, 0, &plain);
        const double off = apart(w, got, want), change = apart(w, got, base);
        const uint32_t ways = same_bits(w, &use, 1, got);
        print_message("%-14s %2u matrices: %.1e off, %.2g changed, %u ways\n", c.arch,
                      hth_adapter_facts(w->a).matrices, off, change, ways);
        assert_true(off < (tiny_is(&c, GELU) ? 1e-3 : 2e-6 * (1 + change)) && change > 0.05);
        hth_free(base);
        hth_free(got);
        hth_free(want);
        end(w);
    }
}

/* On quantised weights, with formats and ranks of every kind. */
static void every_kind(void **state) {
    (void)state;
    static const struct {
        const char *arch, *fmt, *lora;
        uint32_t rank;
    } kinds[] = {
        { "llama", "Q8_0", "F16", 1 },   { "qwen3", "Q4_K", "BF16", 16 },
        { "phi3", "Q6_K", "F32", 33 },   { "qwen3moe", "Q8_0", "F16", 64 },
        { "qwen2", "Q4_0", "Q8_0", 32 }, { "deepseek2", "F16", "F16", 17 },
    };
    for (size_t i = 0; i < HTH_COUNT(kinds); i++) {
        Tiny c = tiny(kinds[i].arch, kinds[i].fmt);
        TinyAdapter a = ordinary;
        c.embd = c.ff = 256;
        a.rank = kinds[i].rank;
        a.fmt = kinds[i].lora;
        World *w = begin(&c, &a, false);
        const HthAdapterUse use = { w->a, -0.5f };
        float *base = run(w, w->m, NULL, 0, &plain), *got = run(w, w->m, &use, 1, &plain);
        assert_true(apart(w, base, got) > 0.01);
        assert_int_equal(hth_adapter_facts(w->a).rank_max, a.rank);
        (void)same_bits(w, &use, 1, got);
        hth_free(base);
        hth_free(got);
        end(w);
    }
}

/* Scale 0 is the model itself; two adapters are their sum, and their order is part of the bits. */
static void sets(void **state) {
    (void)state;
    HthErr err = { 0 };
    const Tiny c = tiny("qwen3", "F32");
    TinyAdapter other = ordinary;
    other.seed = 77;
    other.rank = 3;
    other.only = "attn_";
    World *w = begin(&c, &ordinary, true);
    HthBuf file;
    HthAdapter *b = NULL;
    HthModel *both = NULL;
    tiny_adapter(&file, hth_model_gguf(w->m), &other, may, w->m);
    assert_ok(hth_adapter_open_mem(&b, w->m, file.p, file.n, "other", &err), err);
    tiny_merge(&w->merged, &file, -0.75);
    assert_ok(hth_model_open_mem(&both, w->merged.p, w->merged.n, "both", &err), err);
    const HthAdapterUse uses[] = { { w->a, 1.0f }, { b, -0.75f } }, none = { w->a, 0.0f };
    const HthAdapterUse off[] = { { w->a, 1.0f }, { b, 0.0f } };
    float *base = run(w, w->m, NULL, 0, &plain), *zero = run(w, w->m, &none, 1, &plain);
    float *one = run(w, w->m, uses, 1, &plain), *same = run(w, w->m, off, 2, &plain);
    float *two = run(w, w->m, uses, 2, &plain), *want = run(w, both, NULL, 0, &plain);
    assert_memory_equal(base, zero, (size_t)N * c.vocab * sizeof *base);
    assert_memory_equal(one, same, (size_t)N * c.vocab * sizeof *base);
    assert_true(apart(w, one, two) > 0.01 && apart(w, two, want) < 1e-5);
    (void)same_bits(w, uses, 2, two);
    float *all[] = { base, zero, one, same, two, want };
    for (size_t i = 0; i < HTH_COUNT(all); i++) hth_free(all[i]);
    hth_model_close(&both);
    hth_adapter_close(&b);
    hth_buf_drop(&file);
    end(w);
}

typedef struct Timeline {
    HthTable *table;
    uint32_t ids[N], count;
    const HthAdapterSet *set;
} Timeline;

/* Some of each timeline, whose logits are all wanted, or the last; n, first: those that are. */
static void add_rows(HthRows *rows, Timeline t[3], uint64_t step, uint32_t n[3], uint32_t first[3],
                     const HthAdapterSet *of[60]) {
    HthErr err = { 0 };
    const bool every = step % 2 == 1;
    hth_rows_clear(rows);
    for (uint32_t k = 0, at = 0; k < 3; k++) {
        n[k] = hth_rng_below(3, k, step, 21);
        if (n[k] > N - t[k].count) n[k] = N - t[k].count;
        if (n[k] == 0) continue;
        assert_ok(hth_table_grow(t[k].table, t[k].count + n[k], &err), err);
        hth_rows_adapt(rows, t[k].set);
        hth_rows_add(rows, hth_table_view(t[k].table), t[k].ids + t[k].count, n[k], t[k].count,
                     every ? HTH_WANT_ALL : HTH_WANT_LAST);
        first[k] = every ? t[k].count : t[k].count + n[k] - 1;
        t[k].count += n[k];
        if (!every) n[k] = 1;
        for (uint32_t i = 0; i < n[k]; i++) of[at++] = t[k].set;
    }
}

/* Three timelines in one step, one without adapters, two with different ones: each has the bits it
 * has alone. */
static void in_company(void **state) {
    HthErr err = { 0 };
    const Tiny c = tiny(*state, "Q8_0");
    World *w = begin(&c, &ordinary, false);
    HthPages *pages = NULL;
    HthExec *exec = NULL;
    HthRows *rows = NULL;
    HthPool *pool = NULL;
    HthKvLayout layout;
    size_t bytes, width;
    Timeline t[3] = { { 0 } };
    const HthAdapterUse uses[] = { { w->a, 1.0f }, { w->a, -2.0f } };
    HthAdapterSet set[2];
    for (size_t i = 0; i < 2; i++)
        assert_ok(hth_adapter_set(&set[i], w->m, &uses[i], 1, &err), err);
    hth_adapter_cost(w->m, uses, 1, &bytes, &width);
    assert_ok(hth_program_layout(&layout, hth_model_program(w->m), HTH_KV_F16, false, &err), err);
    const HthPagesCfg cfg = hth_table_pool(&layout, 6);
    assert_ok(hth_pool_open(&pool, 2, &err), err);
    assert_ok(hth_pages_open(&pages, &cfg, &err), err);
    assert_ok(hth_exec_open(&exec, hth_model_program(w->m), hth_kern_pick(), pool, 60, 2, &err),
              err);
    assert_ok(hth_exec_adapters(exec, width, &err), err);
    assert_ok(hth_rows_open(&rows, 60, &err), err);
    float *want[3], *got = hth_calloc((size_t)60 * c.vocab, sizeof *got);
    float *hidden = hth_calloc((size_t)60 * c.embd, sizeof *hidden);
    for (uint32_t k = 0; k < 3; k++) {
        for (uint32_t i = 0; i < N; i++) w->ids[i] = t[k].ids[i] = tiny_id(&c, 2 + k, i);
        want[k] = run(w, w->m, k ? &uses[k - 1] : NULL, k > 0, &plain);
        t[k].set = k ? &set[k - 1] : NULL;
        assert_ok(hth_table_open(&t[k].table, pages, &layout, 2, &err), err);
    }
    for (uint64_t step = 0; t[0].count < N || t[1].count < N || t[2].count < N; step++) {
        uint32_t n[3], first[3] = { 0 };
        const HthAdapterSet *of[60] = { 0 };
        add_rows(rows, t, step, n, first, of);
        const uint32_t all = n[0] + n[1] + n[2];
        if (all == 0) continue;
        if (step % 3 == 0) { /* as an engine does: up to the output, and then that */
            hth_rows_run_hidden(rows, exec, hidden);
            hth_exec_head(exec, hidden, all, of, got);
        } else {
            hth_rows_run(rows, exec, got);
        }
        for (uint32_t k = 0, at = 0; k < 3; at += n[k++])
            assert_floats_same(want[k] + (size_t)first[k] * c.vocab, got + (size_t)at * c.vocab,
                               (size_t)n[k] * c.vocab);
    }
    for (uint32_t k = 0; k < 3; k++) {
        hth_table_close(&t[k].table);
        hth_free(want[k]);
    }
    hth_rows_close(&rows);
    hth_exec_close(&exec);
    hth_pages_close(&pages);
    hth_pool_close(&pool);
    hth_free(got);
    hth_free(hidden);
    end(w);
}

int main(void) {
#define COMPANY(arch)                                                                              \
    { "in_company " arch, in_company, NULL, NULL, (void *)(uintptr_t)arch }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_architecture),
        cmocka_unit_test(every_kind),
        cmocka_unit_test(sets),
        COMPANY("llama"),
        COMPANY("qwen3moe"),
        COMPANY("phi3"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
