/* adapter_test.c - LoRA adapters against a model: what fits, what is refused and how it is said.
 *
 * With HEARTH_SEEDS=FOLDER each file is left there, as a seed for adapter_fuzz.
 *
 * Thread: one. */
#include "support/test.h"

#include "model/adapter.h"
#include "op/exec.h"
#include "support/folder.h"
#include "support/tiny_adapter.h"

static const TinyAdapter good = { .rank = 3, .alpha = 6, .spread = 0.5, .seed = 9 };

typedef struct World {
    HthBuf file;
    HthModel *m;
} World;

static World open_world(const Tiny *c) {
    HthErr err = { 0 };
    World w = { 0 };
    tiny_build(&w.file, c);
    assert_ok(hth_model_open_mem(&w.m, w.file.p, w.file.n, "tiny", &err), err);
    return w;
}

static void close_world(World *w) {
    hth_model_close(&w->m);
    hth_buf_drop(&w->file);
}

/* Matrices of layers, of experts too. */
static bool may(void *ctx, const HthGgufTensor *t) {
    (void)ctx;
    return t->n_dims >= 2 && hth_str_starts(t->name, HTH_STR("blk."));
}

static bool may_all(void *ctx, const HthGgufTensor *t) {
    (void)ctx;
    return t->n_dims >= 2;
}

/* The fuzzer's first byte is which model it is for. */
static void leave_seed(const HthBuf *file, const char *name) {
    char path[512];
    HthErr err = { 0 };
    HthBuf seed;
    const char *folder = getenv("HEARTH_SEEDS");
    if (!folder || !*folder) return;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    hth_buf_init(&seed, TINY_MAX);
    assert_ok(hth_buf_add_char(&seed, strncmp(name, "experts", 7) == 0, &err), err);
    assert_ok(hth_buf_add(&seed, file->p, file->n, &err), err);
    assert_ok(hth_file_write(path, seed.p, seed.n, 0644, &err), err);
    hth_buf_drop(&seed);
}

/* The same, of the matrix that the tables spoil. */
static void leave_small(const HthModel *m, TinyAdapter a, const char *name) {
    HthBuf file;
    if (!a.only) a.only = "attn_q";
    tiny_adapter(&file, hth_model_gguf(m), &a, may, NULL);
    leave_seed(&file, name);
    hth_buf_drop(&file);
}

static void facts(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w = open_world(&tiny_adapted);
    HthAdapter *a = NULL;
    HthBuf file;
    tiny_adapter(&file, hth_model_gguf(w.m), &good, may, NULL);
    leave_small(w.m, good, "llama");
    assert_ok(hth_adapter_open_mem(&a, w.m, file.p, file.n, "good", &err), err);
    const HthAdapterFacts f = hth_adapter_facts(a);
    assert_int_equal(f.matrices, 2 * 7);
    assert_int_equal(f.rank_min, 3);
    assert_int_equal(f.rank_max, 3);
    assert_true(f.alpha == 6.0f);
    const HthAdapterParts *parts = hth_adapter_parts(a);
    const HthProgram *p = hth_model_program(w.m);
    uint32_t changed = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        const HthAdapterPart *part = &parts->part[i];
        if (part->rank == 0) continue;
        changed++;
        assert_true(part->rank == 3 && part->factor == 2.0f);
        assert_true(p->inst[i].op == HTH_OP_LINEAR && p->inst[i].dst != HTH_R_LOGITS);
        for (uint32_t k = 0; k < 3 * 16; k++) /* a block is filled up with zeros */
            if (p->inst[i].w->rows % 16 == 8)
                assert_true(k % 16 < 8 || part->b[p->inst[i].w->rows / 16 * 48 + k] == 0);
    }
    assert_int_equal(changed, 14);
    /* the floats of all A and B, and the table */
    size_t floats = 0;
    for (uint32_t i = 0; i < p->count; i++)
        if (parts->part[i].rank)
            floats += 3 * p->inst[i].w->cols + hth_adapter_panels(p->inst[i].w->rows, 3);
    const size_t least = floats * 4 + p->count * sizeof *parts->part;
    assert_in_range(hth_adapter_bytes(a), least, least + 16 * 64);
    hth_adapter_close(&a);
    hth_adapter_close(&a);
    hth_buf_drop(&file);
    close_world(&w);
}

#define OF(r, x, ...)                                                                              \
    (TinyAdapter) {                                                                                \
        .rank = r, .alpha = x, .spread = 0.5, .seed = 9, __VA_ARGS__                               \
    }
#define WITH(...) OF(3, 6, __VA_ARGS__)
#define Q         "blk.1.attn_q.weight"
#define EXP       "blk.1.ffn_down_exps.weight"

static const struct {
    const char *name;
    TinyAdapter a;
    HthStatus status;
    const char *says;
} bad[] = {
    { "no-type", WITH(.skip = "general.type"), HTH_EFORMAT, "no adapter" },
    { "no-kind", WITH(.skip = "adapter.type"), HTH_EFORMAT, "no adapter" },
    { "model", WITH(.type = "model"), HTH_ENOTSUP, "general.type" },
    { "vector", WITH(.kind = "control_vector"), HTH_ENOTSUP, "adapter.type" },
    { "alora", WITH(.extra = "adapter.alora.invocation_tokens"), HTH_ENOTSUP, "aLoRA" },
    { "no-arch", WITH(.skip = "general.architecture"), HTH_EFORMAT, "general.architecture" },
    { "arch", WITH(.arch = "qwen2"), HTH_EINVAL, "another architecture" },
    { "no-alpha", WITH(.skip = "adapter.lora.alpha"), HTH_EFORMAT, "adapter.lora.alpha" },
    { "alpha", OF(3, INFINITY, .skip = NULL), HTH_EFORMAT, "adapter.lora.alpha" },
    { "no-a", WITH(.skip = Q ".lora_a"), HTH_EFORMAT, "has lora_b, but not lora_a" },
    { "no-b", WITH(.skip = Q ".lora_b"), HTH_EFORMAT, "has lora_a, but not lora_b" },
    { "cols", WITH(.wrong = Q ".lora_a", .wrong_dim = 0), HTH_EFORMAT, "lora_a is 33 x 3" },
    { "rows", WITH(.wrong = Q ".lora_b", .wrong_dim = 1), HTH_EFORMAT, "lora_b is 3 x 33" },
    { "ranks", WITH(.wrong = Q ".lora_b", .wrong_dim = 0), HTH_EFORMAT, "lora_b is 4 x 32" },
    { "dims", WITH(.wrong = Q ".lora_a", .wrong_dim = 2), HTH_EFORMAT, "lora_a is 32 x 3 x 2" },
    { "nan-a", WITH(.nan = Q ".lora_a"), HTH_EFORMAT, "value 48" },
    { "nan-b", WITH(.nan = Q ".lora_b"), HTH_EFORMAT, "value 48" },
    { "layer", WITH(.rename = Q ".lora_a", .to = "blk.2.attn_q.weight.lora_a"), HTH_EFORMAT,
      "has lora_b" },
    { "stray", WITH(.rename = Q ".lora_a", .to = "x"), HTH_EFORMAT, "lora_b" },
    { "dora", WITH(.only = "attn_q", .rename = Q ".lora_b", .to = Q ".lora_magnitude"), HTH_EFORMAT,
      "lora_b" },
    { "empty", WITH(.only = "nothing"), HTH_EFORMAT, "no matrices" },
    { "rank", OF(4097, 6, .only = "attn_k"), HTH_ELIMIT, "4097" },
};

static void refusals(void **state) {
    (void)state;
    World w = open_world(&tiny_adapted);
    for (size_t i = 0; i < HTH_COUNT(bad); i++) {
        HthErr err = { 0 };
        HthBuf file;
        HthAdapter *a = NULL;
        const uint64_t live = hth_mem_live();
        tiny_adapter(&file, hth_model_gguf(w.m), &bad[i].a, may, NULL);
        if (bad[i].a.rank < 100) leave_small(w.m, bad[i].a, bad[i].name);
        const HthStatus st = hth_adapter_open_mem(&a, w.m, file.p, file.n, "bad", &err);
        if (st != bad[i].status || !strstr(err.text, bad[i].says))
            fail_msg("%s: %s: %s", bad[i].name, hth_status_name(st), err.text);
        assert_null(a);
        hth_buf_drop(&file);
        assert_int_equal(hth_mem_live(), live);
    }
    close_world(&w);
}

/* Tensors the model has, and hearth does not multiply with rows; those it has not. */
static void what_has_no_effect(void **state) {
    (void)state;
    HthErr err = { 0 };
    Tiny latent = tiny_adapted;
    latent.arch = "deepseek2";
    World w = open_world(&latent);
    HthBuf file;
    HthAdapter *a = NULL;
    tiny_adapter(&file, hth_model_gguf(w.m), &good, may, NULL); /* matrices of heads too */
    assert_status(hth_adapter_open_mem(&a, w.m, file.p, file.n, "heads", &err), HTH_ENOTSUP, err);
    assert_non_null(strstr(err.text, "cannot adapt this tensor"));
    hth_buf_drop(&file);
    close_world(&w);
    /* of a model with more layers */
    Tiny deeper = tiny_adapted;
    deeper.layers = 3;
    World v = open_world(&deeper);
    w = open_world(&tiny_adapted);
    tiny_adapter(&file, hth_model_gguf(v.m), &good, may, NULL);
    assert_status(hth_adapter_open_mem(&a, w.m, file.p, file.n, "deep", &err), HTH_EINVAL, err);
    assert_non_null(strstr(err.text, "blk.2."));
    assert_non_null(strstr(err.text, "no such matrix"));
    close_world(&v);
    /* a file that is no adapter, and a model's */
    assert_status(hth_adapter_open_mem(&a, w.m, w.file.p, w.file.n, "model", &err), HTH_EFORMAT,
                  err);
    assert_status(hth_adapter_open_mem(&a, w.m, file.p, file.n - 100, "cut", &err), HTH_EFORMAT,
                  err);
    assert_status(hth_adapter_open(&a, w.m, "/no/such/file.gguf", &err), HTH_EIO, err);
    HthModel *m = NULL;
    assert_status(hth_model_open_mem(&m, file.p, file.n, "adapter", &err), HTH_EINVAL, err);
    assert_non_null(strstr(err.text, "--lora"));
    assert_null(a);
    assert_null(m);
    hth_buf_drop(&file);
    close_world(&w);
}

/* Matrices of experts have a third dimension, in both. */
static void experts(void **state) {
    (void)state;
    Tiny c = tiny_adapted;
    c.arch = "qwen3moe";
    World w = open_world(&c);
    for (int wrong = 0; wrong < 3; wrong++) {
        HthErr err = { 0 };
        HthBuf file;
        HthAdapter *a = NULL;
        TinyAdapter t = good;
        if (wrong) t.wrong = wrong == 1 ? EXP ".lora_a" : EXP ".lora_b";
        t.wrong_dim = 2;
        t.only = "ffn_down_exps";
        tiny_adapter(&file, hth_model_gguf(w.m), &t, may, NULL);
        leave_seed(&file, wrong == 0 ? "experts" : wrong == 1 ? "experts-a" : "experts-b");
        const HthStatus st = hth_adapter_open_mem(&a, w.m, file.p, file.n, "experts", &err);
        assert_int_equal(st, wrong ? HTH_EFORMAT : HTH_OK);
        assert_true(!wrong || strstr(err.text, "x 6"));
        if (!wrong) assert_int_equal(hth_adapter_facts(a).matrices, 2);
        hth_adapter_close(&a);
        hth_buf_drop(&file);
    }
    close_world(&w);
}

/* Where the output is the embedding's matrix each is changed under its own name. */
static void tied(void **state) {
    (void)state;
    HthErr err = { 0 };
    Tiny c = tiny_adapted;
    c.tied = true;
    World w = open_world(&c);
    HthBuf file;
    HthAdapter *a = NULL;
    TinyAdapter only = good;
    only.only = "token_embd";
    tiny_adapter(&file, hth_model_gguf(w.m), &only, may_all, NULL);
    leave_seed(&file, "embedding");
    assert_ok(hth_adapter_open_mem(&a, w.m, file.p, file.n, "embd", &err), err);
    const HthProgram *p = hth_model_program(w.m);
    for (uint32_t i = 0; i < p->count; i++)
        assert_int_equal(hth_adapter_parts(a)->part[i].rank, p->inst[i].op == HTH_OP_EMBED ? 3 : 0);
    hth_adapter_close(&a);
    hth_buf_drop(&file);
    close_world(&w);
}

static void sets(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w = open_world(&tiny_adapted), v = open_world(&tiny_adapted);
    HthBuf file;
    HthAdapter *a = NULL, *b = NULL;
    HthAdapterSet set = { .count = 99 };
    HthAdapterUse uses[HTH_ADAPTERS_MAX + 1];
    tiny_adapter(&file, hth_model_gguf(w.m), &good, may, NULL);
    assert_ok(hth_adapter_open_mem(&a, w.m, file.p, file.n, "a", &err), err);
    assert_ok(hth_adapter_open_mem(&b, w.m, file.p, file.n, "b", &err), err);
    for (size_t i = 0; i < HTH_COUNT(uses); i++) uses[i] = (HthAdapterUse){ a, 1 };
    assert_status(hth_adapter_set(&set, w.m, uses, HTH_COUNT(uses), &err), HTH_ELIMIT, err);
    assert_status(hth_adapter_set(&set, w.m, uses, 2, &err), HTH_EINVAL, err);
    assert_non_null(strstr(err.text, "twice"));
    assert_status(hth_adapter_set(&set, v.m, uses, 1, &err), HTH_EINVAL, err);
    assert_non_null(strstr(err.text, "another model"));
    uses[1] = (HthAdapterUse){ b, NAN };
    assert_status(hth_adapter_set(&set, w.m, uses, 2, &err), HTH_EINVAL, err);
    assert_int_equal(set.count, 99); /* untouched */
    uses[0].scale = 0;
    uses[1].scale = -2;
    assert_ok(hth_adapter_set(&set, w.m, uses, 2, &err), err);
    assert_true(set.count == 1 && set.use[0].parts == hth_adapter_parts(b) &&
                set.use[0].scale == -2);
    hth_adapter_close(&a);
    hth_adapter_close(&b);
    hth_buf_drop(&file);
    close_world(&w);
    close_world(&v);
}

typedef struct Torture {
    const World *w;
    const HthBuf *file;
} Torture;

static HthStatus body(void *ctx) {
    const Torture *t = ctx;
    HthErr err = { 0 };
    HthAdapter *a = NULL;
    const HthStatus st = hth_adapter_open_mem(&a, t->w->m, t->file->p, t->file->n, "t", &err);
    hth_adapter_close(&a);
    return st;
}

static void torture(void **state) {
    (void)state;
    HthBuf file;
    World w = open_world(&tiny_adapted);
    tiny_adapter(&file, hth_model_gguf(w.m), &good, may, NULL);
    Torture t = { &w, &file };
    assert_true(test_torture(body, &t, 1000) >= 10);
    assert_true(test_torture_once(body, &t, 1000) >= 10);
    hth_buf_drop(&file);
    close_world(&w);
}

/* Its parts are those of the same file, opened at once. */
static void assert_same_as_opened(const HthAdapter *a, const HthModel *m, const HthBuf *file) {
    HthErr err = { 0 };
    HthAdapter *b = NULL;
    assert_ok(hth_adapter_open_mem(&b, m, file->p, file->n, "b", &err), err);
    const HthAdapterFacts fa = hth_adapter_facts(a), fb = hth_adapter_facts(b);
    assert_int_equal(fa.matrices, fb.matrices);
    assert_int_equal(fa.rank_max, fb.rank_max);
    assert_int_equal(fa.rank_min, fb.rank_min);
    const HthAdapterParts *pa = hth_adapter_parts(a), *pb = hth_adapter_parts(b);
    assert_ptr_equal(pa->prog, pb->prog);
    for (uint32_t i = 0; i < pa->prog->count; i++) {
        assert_int_equal(pa->part[i].rank, pb->part[i].rank);
        if (!pa->part[i].rank) continue;
        assert_float_equal(pa->part[i].factor, pb->part[i].factor, 0);
        assert_memory_equal(pa->part[i].a, pb->part[i].a, pa->part[i].rank * sizeof(float));
        assert_memory_equal(pa->part[i].b, pb->part[i].b, pa->part[i].rank * sizeof(float));
    }
    hth_adapter_close(&b);
}

/* What an adapter will hold is known before it is held; what could not be opened has no size. */
static void need(void **state) {
    (void)state;
    HthErr err = { 0 };
    World w = open_world(&tiny_adapted);
    HthBuf file;
    size_t bytes = 0;
    for (uint32_t rank = 1; rank <= 40; rank += 13) {
        HthAdapter *a = NULL;
        TinyAdapter one = good;
        one.rank = rank;
        tiny_adapter(&file, hth_model_gguf(w.m), &one, may_all, NULL);
        assert_ok(hth_file_write(test_path("a.gguf"), file.p, file.n, 0600, &err), err);
        assert_ok(hth_adapter_begin(&a, &bytes, w.m, test_path("a.gguf"), NULL, &err), err);
        assert_true(hth_adapter_bytes(a) < bytes);
        HthAdapterSet set;
        const HthAdapterUse use = { a, 1 };
        assert_status(hth_adapter_set(&set, w.m, &use, 1, &err), HTH_EINVAL, err); /* not yet */
        assert_int_equal(unlink(test_path("a.gguf")), 0); /* it is open, and not opened again */
        assert_ok(hth_adapter_finish(a, w.m, &err), err);
        assert_in_range(hth_adapter_bytes(a), bytes,
                        bytes + 16 * 64); /* gaps, in a checked build */
        assert_same_as_opened(a, w.m, &file);
        hth_adapter_close(&a);
        hth_buf_drop(&file);
    }
    TinyAdapter other = good;
    other.wrong = "blk.0.attn_q.weight.lora_b";
    tiny_adapter(&file, hth_model_gguf(w.m), &other, may, NULL);
    assert_ok(hth_file_write(test_path("a.gguf"), file.p, file.n, 0600, &err), err);
    bytes = 7;
    HthAdapter *none = NULL;
    assert_status(hth_adapter_begin(&none, &bytes, w.m, test_path("a.gguf"), NULL, &err),
                  HTH_EFORMAT, err);
    assert_status(hth_adapter_begin(&none, &bytes, w.m, test_path("none.gguf"), NULL, &err),
                  HTH_EIO, err);
    assert_int_equal(bytes, 7);
    assert_null(none);
    hth_buf_drop(&file);
    close_world(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(need, test_folder_make, test_folder_drop),
        cmocka_unit_test(facts),
        cmocka_unit_test(refusals),
        cmocka_unit_test(what_has_no_effect),
        cmocka_unit_test(tied),
        cmocka_unit_test(experts),
        cmocka_unit_test(sets),
        cmocka_unit_test(torture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
