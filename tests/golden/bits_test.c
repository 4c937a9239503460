/* bits_test.c - the contract of exact bits (docs/adr/0002): logits are a function of the model's
 * bytes and the token ids, and of nothing else.
 *
 * For every weight format and architecture: 1, 2 and 3 threads; prompt chunks of 1, 7, 64 and
 * whole; every kernel tier this machine runs; in company of another timeline or alone.  All are
 * compared by memcmp with tier "c", one thread, whole prompt.
 *
 * Thread: one, and the sessions' own. */
#include "support/test.h"

#include "hearth/hearth.h"
#include "model/model.h"
#include "run/step.h"
#include "support/tiny.h"

enum { N = 130 }; /* over two page borders */

typedef struct Way {
    const char *isa;
    uint32_t threads, chunk;
    const char *kv; /* NULL: as the model likes */
} Way;

/* Logits of all positions, computed one way; the caller frees. */
static float *run(const HthModel *m, const uint32_t *ids, uint32_t n, const Way *way) {
    HthErr err = { 0 };
    HthSession *s = NULL;
    HthSessionCfg cfg = { .ctx = n, .threads = way->threads, .chunk = way->chunk, .kv = way->kv };
    assert_ok(hth_kern_force(way->isa, &err), err);
    assert_ok(hth_session_open(&s, m, &cfg, &err), err);
    float *out = hth_calloc((size_t)n * hth_model_vocab_count(m), sizeof *out);
    assert_non_null(out);
    assert_ok(hth_session_eval_all(s, ids, n, out, &err), err);
    hth_session_close(&s);
    assert_ok(hth_kern_force(NULL, &err), err);
    return out;
}

/* every threads and chunk, and a selection that still has every threads and every chunk */
static const Way all_ways[] = {
    { NULL, 1, 1, NULL }, { NULL, 1, 7, NULL }, { NULL, 1, 64, NULL }, { NULL, 1, N, NULL },
    { NULL, 2, 1, NULL }, { NULL, 2, 7, NULL }, { NULL, 2, 64, NULL }, { NULL, 2, N, NULL },
};
static const Way some_ways[] = {
    { NULL, 2, 1, NULL }, { NULL, 3, 7, NULL }, { NULL, 2, 64, NULL }, { NULL, 1, N, NULL }
};

static uint32_t check_ways(const HthModel *m, const uint32_t *ids, uint32_t n, bool all,
                           const char *what) {
    size_t bytes = (size_t)n * hth_model_vocab_count(m) * sizeof(float);
    float *want = run(m, ids, n, &(Way){ "c", 1, N, NULL });
    uint32_t ways = 0;
    for (size_t k = 0; hth_kern_at(k); k++) {
        if (!hth_kern_runs_here(hth_kern_at(k))) continue;
        for (size_t i = 0; i < (all ? HTH_COUNT(all_ways) : HTH_COUNT(some_ways)); i++) {
            if (k == 0 && i % 3 != 2) continue; /* tier "c" is slow, and what all are held to */
            Way way = all ? all_ways[i] : some_ways[i];
            way.isa = hth_kern_at(k)->name;
            float *got = run(m, ids, n, &way);
            if (memcmp(want, got, bytes) != 0)
                fail_msg("%s: tier %s, %u threads, chunks of %u differ", what, way.isa, way.threads,
                         way.chunk);
            hth_free(got);
            ways++;
        }
    }
    hth_free(want);
    return ways;
}

static const char *const formats[] = { "F32",  "F16",  "BF16",   "Q8_0",   "Q4_0", "Q4_K",
                                       "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS", "MXFP4" };
static const char *const archs[] = {
    "llama",    "qwen2",      "qwen3",         "granite",  "olmo2",    "smollm3",   "starcoder2",
    "phi3",     "gemma2",     "gemma3",        "qwen3moe", "gpt-oss",  "deepseek2", "olmoe",
    "qwen2moe", "granitemoe", "glm4moe",       "qwen35",   "mistral3", "exaone4",   "glm4",
    "cohere2",  "falcon",     "gptneox",       "gpt2",     "phi2",     "stablelm",  "internlm2",
    "ernie4_5", "minicpm",    "hunyuan-dense", "seed_oss", "nemotron", "qwen35moe", "qwen3next",
    "lfm2",     "mamba2",     "granitehybrid", "bloom",    "mpt",      "llama4",    "gemma4"
};

static Tiny tiny(size_t format, size_t arch) {
    Tiny c = { .arch = archs[arch], .layers = 2, .embd = 256, .heads = 4, .kv_heads = 2 };
    c.ff = 256;
    c.vocab = 77;
    c.ctx = 256;
    c.fmt = formats[format % HTH_COUNT(formats)];
    c.seed = 100 + format;
    c.bias = arch == 1;
    c.tied = arch == 2;
    c.factors = arch == 0;
    c.fused = strcmp(c.arch, "phi3") == 0;
    c.every_key = tiny_is(&c, "llama4 mistral3");
    c.ctx_orig = strcmp(c.arch, "mistral3") == 0 ? 20 : 0;
    /* narrower than a page, a page and a bit, and not a multiple of anything */
    if (tiny_is(&c, "olmo2 phi3 gemma2 gemma3 gpt-oss cohere2 llama4 gemma4"))
        c.window = (uint32_t)(17 + 26 * (format % 3));
    return c;
}

static void every_format(void **state) {
    (void)state;
    for (size_t f = 0; f < HTH_COUNT(formats); f++) {
        Tiny c = tiny(f, f % HTH_COUNT(archs));
        HthErr err = { 0 };
        HthBuf file;
        HthModel *m = NULL;
        uint32_t ids[N];
        for (uint32_t i = 0; i < N; i++) ids[i] = tiny_id(&c, 1, i);
        tiny_build(&file, &c);
        assert_ok(hth_model_open_mem(&m, file.p, file.n, "tiny", &err), err);
        uint32_t ways = check_ways(m, ids, N, false, formats[f]);
        print_message("%-5s %-6s %u ways, same bits\n", formats[f], c.arch, ways);
        hth_model_close(&m);
        hth_buf_drop(&file);
    }
}

/* More layers than the longest pattern of windows and rotations has, with float products. */
static void every_architecture(void **state) {
    (void)state;
    for (size_t a = 0; a < HTH_COUNT(archs); a++) {
        Tiny c = tiny(a, a);
        HthErr err = { 0 };
        HthBuf file;
        HthModel *m = NULL;
        uint32_t ids[N];
        c.fmt = "F32";
        c.layers = 7;
        c.embd = 64;
        c.ff = 48;
        for (uint32_t i = 0; i < N; i++) ids[i] = tiny_id(&c, 1, i);
        tiny_build(&file, &c);
        assert_ok(hth_model_open_mem(&m, file.p, file.n, "tiny", &err), err);
        uint32_t ways = check_ways(m, ids, N, !tiny_experts(&c), c.arch);
        print_message("%-10s %u ways, same bits\n", c.arch, ways);
        hth_model_close(&m);
        hth_buf_drop(&file);
    }
}

/* Experts in every kind of format, chosen in every way. */
static void experts(void **state) {
    (void)state;
    static const char *const kinds[] = { "Q8_0", "Q4_K", "MXFP4", "F16" };
    const Tiny base = { .layers = 3, .embd = 256, .heads = 4, .kv_heads = 2, .ff = 256 };
    Tiny of[] = { base, base, base, base, base, base, base };
    of[0].arch = "llama", of[0].experts = 7, of[0].used = 1, of[0].scales = true;
    of[1].arch = "qwen3moe", of[1].experts = 3, of[1].used = 3; /* all of them */
    of[2].arch = "gpt-oss", of[2].experts = 9, of[2].used = 4, of[2].window = 17;
    of[3].arch = "deepseek2", of[3].experts = 8, of[3].used = 3, of[3].choice = true;
    of[3].gate = 2, of[3].groups = 4, of[3].groups_used = 2, of[3].gate_up = true;
    of[3].dense = 1, of[3].gate_norm = true, of[3].gate_scale = 2.5f;
    of[5].arch = "llama4", of[5].used = 3, of[5].every_key = true;
    of[6].arch = "gemma4", of[6].experts = 6, of[6].gate_up = true;
    of[4].arch = "deepseek2", of[4].whole_q = true, of[4].heads = 48; /* threads share them */
    for (size_t i = 0; i < HTH_COUNT(of); i++)
        for (size_t f = i % 2; f < HTH_COUNT(kinds); f += 2) { /* each the half of them */
            HthErr err = { 0 };
            HthBuf file;
            HthModel *m = NULL;
            uint32_t ids[N];
            Tiny c = of[i];
            c.vocab = 61;
            c.ctx = 256;
            c.fmt = f / 2 ? "F16" : "Q8_0";
            c.exp_fmt = kinds[f];
            c.seed = 500 + i;
            for (uint32_t k = 0; k < N; k++) ids[k] = tiny_id(&c, 1, k);
            tiny_build(&file, &c);
            assert_ok(hth_model_open_mem(&m, file.p, file.n, "tiny", &err), err);
            uint32_t ways = check_ways(m, ids, N, false, c.arch);
            print_message("%-10s %-6s %u ways, same bits\n", c.arch, kinds[f], ways);
            hth_model_close(&m);
            hth_buf_drop(&file);
        }
}

static void reference_models(void **state) {
    (void)state;
    static const char *const names[] = { "llama-dense",  "qwen2-dense", "qwen3-dense",
                                         "gemma3-dense", "gpt-oss-moe", "deepseek2-moe" };
    for (size_t i = 0; i < HTH_COUNT(names); i++) {
        char path[512], rel[64];
        HthErr err = { 0 };
        HthModel *m = NULL;
        uint32_t ids[128];
        snprintf(rel, sizeof rel, "archs/%s.gguf", names[i]);
        TEST_DATA_OR_SKIP(path, rel);
        assert_ok(hth_model_open(&m, path, &err), err);
        for (uint32_t k = 0; k < HTH_COUNT(ids); k++)
            ids[k] = hth_rng_below(5, i, k, hth_model_vocab_count(m));
        print_message("%-12s %u ways, same bits\n", names[i],
                      check_ways(m, ids, HTH_COUNT(ids), true, names[i]));
        hth_model_close(&m);
    }
}

/* Past two runs of pages, with every type of cache: blocks cut otherwise, runs apart or not. */
static void long_texts(void **state) {
    enum { LONG = 2 * HTH_RUN_PAGES * HTH_PAGE_LEN + 70 };
    static const Way ways[] = {
        { NULL, 1, 1, NULL },  { NULL, 2, 3, NULL },    { NULL, 3, 1, NULL },
        { NULL, 3, 64, NULL }, { NULL, 2, LONG, NULL }, { NULL, 1, 257, NULL },
    };
    static uint32_t ids[LONG];
    Tiny c = { .arch = *state, .layers = 1, .embd = 96, .heads = 3, .kv_heads = 1, .ff = 32 };
    if (strcmp(c.arch, "deepseek2") == 0) c.heads = 32;
    HthErr err = { 0 };
    HthBuf file;
    HthModel *m = NULL;
    c.vocab = 11;
    c.ctx = LONG;
    c.fmt = "F32";
    c.seed = 9;
    for (uint32_t i = 0; i < LONG; i++) ids[i] = tiny_id(&c, 4, i);
    tiny_build(&file, &c);
    assert_ok(hth_model_open_mem(&m, file.p, file.n, "tiny", &err), err);
    const bool llama = strcmp(c.arch, "llama") == 0; /* the others: one type of four */
    for (int type = llama ? 0 : HTH_KV_Q8_0; type < HTH_KV_COUNT; type += llama ? 1 : 4) {
        const char *kv = hth_kv_name((HthKvType)type);
        float *want = run(m, ids, LONG, &(Way){ "c", 1, 100, kv });
        for (size_t k = 0; hth_kern_at(k); k++)
            for (size_t i = 0; hth_kern_runs_here(hth_kern_at(k)) && i < HTH_COUNT(ways); i++) {
                if ((i + k + (size_t)type) % 3 != 0 || (k == 0 && i != 1)) continue; /* in turn */
                Way way = ways[i];
                way.isa = hth_kern_at(k)->name;
                way.kv = kv;
                float *got = run(m, ids, LONG, &way);
                if (memcmp(want, got, (size_t)LONG * c.vocab * sizeof *got) != 0)
                    fail_msg("%s: tier %s, %u threads, chunks of %u differ", kv, way.isa,
                             way.threads, way.chunk);
                hth_free(got);
            }
        hth_free(want);
    }
    hth_model_close(&m);
    hth_buf_drop(&file);
}

typedef struct Timeline { /* what a session owns, by hand, so that two can share a step */
    HthTable *table;
    uint32_t ids[N], count;
} Timeline;

/* Rows of two timelines in one step against each alone: a neighbour changes nothing. */
static void in_company(void **state) {
    Tiny c = *(const Tiny *)*state;
    HthErr err = { 0 };
    HthBuf file;
    HthModel *m = NULL;
    HthPages *pages = NULL;
    HthExec *exec = NULL;
    HthRows *rows = NULL;
    HthKvLayout layout;
    Timeline t[2] = { { 0 } };
    tiny_build(&file, &c);
    assert_ok(hth_model_open_mem(&m, file.p, file.n, "tiny", &err), err);
    assert_ok(hth_program_layout(&layout, hth_model_program(m), HTH_KV_F16, false, &err), err);
    const HthPagesCfg cfg = hth_table_pool(&layout, 8);
    assert_ok(hth_pages_open(&pages, &cfg, &err), err);
    assert_ok(hth_exec_open(&exec, hth_model_program(m), hth_kern_pick(), NULL, 32, 4, &err), err);
    assert_ok(hth_rows_open(&rows, 32, &err), err);
    float *want[2], *got = hth_calloc((size_t)32 * c.vocab, sizeof *got);
    for (uint32_t k = 0; k < 2; k++) {
        for (uint32_t i = 0; i < N; i++) t[k].ids[i] = tiny_id(&c, 2 + k, i);
        want[k] = run(m, t[k].ids, N, &(Way){ "c", 1, N, NULL });
        assert_ok(hth_table_open(&t[k].table, pages, &layout, 4, &err), err);
    }
    for (uint64_t step = 0; t[0].count < N || t[1].count < N; step++) {
        uint32_t n[2];
        hth_rows_clear(rows);
        for (uint32_t k = 0; k < 2; k++) {
            n[k] = hth_rng_below(3, k, step, 17);
            if (n[k] > N - t[k].count) n[k] = N - t[k].count;
            if (n[k] == 0) continue;
            assert_ok(hth_table_grow(t[k].table, t[k].count + n[k], &err), err);
            hth_rows_add(rows, hth_table_view(t[k].table), t[k].ids + t[k].count, n[k], t[k].count,
                         HTH_WANT_ALL);
        }
        if (n[0] + n[1] == 0) continue;
        hth_rows_run(rows, exec, got);
        for (uint32_t k = 0, at = 0; k < 2; k++) {
            assert_floats_same(want[k] + (size_t)t[k].count * c.vocab, got + (size_t)at * c.vocab,
                               (size_t)n[k] * c.vocab);
            t[k].count += n[k];
            at += n[k];
        }
    }
    for (uint32_t k = 0; k < 2; k++) {
        hth_table_close(&t[k].table);
        hth_free(want[k]);
    }
    assert_int_equal(hth_pages_free_count(pages), 8);
    hth_rows_close(&rows);
    hth_exec_close(&exec);
    hth_pages_close(&pages);
    hth_model_close(&m);
    hth_buf_drop(&file);
    hth_free(got);
}

int main(void) {
    Tiny company[] = { tiny(5, 2), tiny(3, 0), tiny(8, 12), tiny(3, 17) };
    company[1].experts = 9;
#define LONG_TEXTS(arch)                                                                           \
    { "long_texts " arch, long_texts, NULL, NULL, (void *)(uintptr_t)arch }
#define COMPANY(i)                                                                                 \
    { "in_company " #i, in_company, NULL, NULL, &company[i] }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format),
        cmocka_unit_test(every_architecture),
        cmocka_unit_test(reference_models),
        LONG_TEXTS("llama"),
        LONG_TEXTS("gpt-oss"),
        LONG_TEXTS("deepseek2"),
        COMPANY(0),
        COMPANY(1),
        COMPANY(2),
        COMPANY(3),
        LONG_TEXTS("qwen35"),
        LONG_TEXTS("bloom"),
        cmocka_unit_test(experts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
