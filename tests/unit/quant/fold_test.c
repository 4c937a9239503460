/* fold_test.c - columns scaled and their norm against them: in floats the same logits to the bit;
 * rounded, better where it matters; and types chosen by measuring.
 *
 * A model that has loud columns: the norms of some are large, so that rounding them matters. */
#include "support/test.h"

#include <math.h>
#include <sys/stat.h>

#include "base/file.h"
#include "gguf/gguf_write.h"
#include "hearth/hearth.h"
#include "quant/job.h"
#include "support/folder.h"
#include "support/tiny.h"

enum { VOCAB = 40, EMBD = 256, ROWS = 12 };

static char in[96], out[96], im[96], log_path[128];

static const Tiny dense = { .arch = "llama",
                            .layers = 2,
                            .embd = EMBD,
                            .heads = 4,
                            .kv_heads = 2,
                            .ff = 256,
                            .vocab = VOCAB,
                            .ctx = 64,
                            .seed = 3 };
static const Tiny mixed = { .arch = "qwen3moe",
                            .layers = 2,
                            .embd = EMBD,
                            .heads = 4,
                            .kv_heads = 2,
                            .head_dim = 64,
                            .ff = 256,
                            .vocab = VOCAB,
                            .ctx = 64,
                            .experts = 3,
                            .used = 2,
                            .seed = 4 };
static const Tiny tied = { .arch = "llama",
                           .layers = 1,
                           .embd = EMBD,
                           .heads = 4,
                           .kv_heads = 2,
                           .ff = 256,
                           .vocab = VOCAB,
                           .ctx = 64,
                           .seed = 5,
                           .tied = true };

/* Little to measure. */
static const Tiny small = { .arch = "llama",
                            .layers = 1,
                            .embd = EMBD,
                            .heads = 4,
                            .kv_heads = 4,
                            .head_dim = 8,
                            .ff = 32,
                            .vocab = 4,
                            .ctx = 64,
                            .seed = 3 };

static bool is_loud(uint64_t column) {
    return column % 29 == 3;
}

/* The tiny model, with loud columns in its norms, and an importance matrix that says so. */
static void write_files(const Tiny *t) {
    HthErr err = { 0 };
    HthBuf file;
    HthGguf *g = NULL;
    HthGgufOut *o = NULL, *p = NULL;
    float loud[EMBD], sums[EMBD], rows = 1;
    for (uint64_t i = 0; i < EMBD; i++) {
        loud[i] = is_loud(i) ? 24.0f : 1.0f;
        sums[i] = loud[i] * loud[i];
    }
    tiny_build(&file, t);
    assert_ok(hth_gguf_open_mem(&g, file.p, file.n, "tiny", &err), err);
    assert_ok(hth_gguf_out_open(&o, in, &err), err);
    assert_ok(hth_gguf_out_open(&p, im, &err), err);
    assert_ok(hth_gguf_out_str(p, "general.type", HTH_STR("imatrix"), &err), err);
    for (size_t i = 0; i < hth_gguf_kv_count(g); i++)
        assert_ok(hth_gguf_out_kv(o, hth_gguf_kv_at(g, i), &err), err);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < hth_gguf_tensor_count(g); i++) {
            const HthGgufTensor *w = hth_gguf_tensor_at(g, i);
            char name[2][128];
            snprintf(name[0], 128, "%.*s.in_sum2", (int)w->name.n, w->name.p);
            snprintf(name[1], 128, "%.*s.counts", (int)w->name.n, w->name.p);
            const bool norm = w->n_dims == 1 && w->ne[0] == EMBD;
            const bool reader = w->n_dims == 2 && w->ne[0] == EMBD;
            if (pass == 0) {
                assert_ok(hth_gguf_out_tensor(o, w->name, w->fmt, w->n_dims, w->ne, &err), err);
                if (!reader) continue;
                assert_ok(hth_gguf_out_tensor(p, hth_str(name[0]), w->fmt, 2,
                                              (uint64_t[]){ EMBD, 1 }, &err),
                          err);
                assert_ok(
                    hth_gguf_out_tensor(p, hth_str(name[1]), w->fmt, 2, (uint64_t[]){ 1, 1 }, &err),
                    err);
                continue;
            }
            assert_ok(hth_gguf_out_data(o, norm ? (const void *)loud : w->data, w->bytes, &err),
                      err);
            if (!reader) continue;
            assert_ok(hth_gguf_out_data(p, sums, sizeof sums, &err), err);
            assert_ok(hth_gguf_out_data(p, &rows, sizeof rows, &err), err);
        }
    }
    assert_ok(hth_gguf_out_commit(&o, &err), err);
    assert_ok(hth_gguf_out_commit(&p, &err), err);
    hth_gguf_close(&g);
    hth_buf_drop(&file);
}

static void logits_of(const Tiny *t, const char *path, float *to) {
    HthErr err = { 0 };
    HthModel *m = NULL;
    HthSession *s = NULL;
    uint32_t ids[ROWS];
    for (uint64_t i = 0; i < ROWS; i++) ids[i] = tiny_id(t, 1, i);
    assert_ok(hth_model_open(&m, path, &err), err);
    assert_ok(hth_session_open(&s, m, &(HthSessionCfg){ .ctx = ROWS, .threads = 1 }, &err), err);
    assert_ok(hth_session_eval_all(s, ids, ROWS, to, &err), err);
    hth_session_close(&s);
    hth_model_close(&m);
}

/* The job's tensors as it would scale them, not rounded. */
static void write_scaled(const HthQuantJob *job) {
    HthErr err = { 0 };
    HthGgufOut *o = NULL;
    assert_ok(hth_gguf_out_open(&o, out, &err), err);
    for (size_t i = 0; i < hth_gguf_kv_count(job->g); i++)
        assert_ok(hth_gguf_out_kv(o, hth_gguf_kv_at(job->g, i), &err), err);
    for (size_t i = 0; i < job->count; i++) {
        const HthGgufTensor *w = job->tensors[i].from;
        assert_ok(hth_gguf_out_tensor(o, w->name, w->fmt, w->n_dims, w->ne, &err), err);
    }
    for (size_t i = 0; i < job->count; i++) {
        const HthGgufTensor *w = job->tensors[i].from;
        float row[1024];
        assert_true(w->fmt->id == 0 && w->ne[0] <= 1024);
        for (uint64_t r = 0; r < w->ne[1] * w->ne[2] * w->ne[3]; r++) {
            hth_quant_row(&job->tensors[i], r, row);
            assert_ok(hth_gguf_out_data(o, row, w->ne[0] * sizeof *row, &err), err);
        }
    }
    assert_ok(hth_gguf_out_commit(&o, &err), err);
}

static HthQuantOpt options(const char *mix, bool awq) {
    return (HthQuantOpt){ .mix = hth_mix_find(mix), .imatrix = im, .awq = awq, .threads = 2 };
}

static void the_same_function(void **state) {
    (void)state;
    static float before[ROWS * VOCAB], after[ROWS * VOCAB];
    static const Tiny *const models[] = { &dense, &mixed, &tied };
    static const size_t folds[] = { 5, 5, 2 }; /* two a layer, and the output's unless tied */
    for (size_t i = 0; i < HTH_COUNT(models); i++) {
        HthErr err = { 0 };
        HthQuantJob *job = NULL;
        const HthQuantOpt opt = options("Q3_K_S", true);
        size_t scaled = 0;
        write_files(models[i]);
        assert_ok(hth_quant_job_open(&job, in, &opt, &err), err);
        assert_ok(hth_quant_job_choose(job, &err), err);
        assert_int_equal(job->fold_count, folds[i]);
        for (size_t k = 0; k < job->fold_count; k++) {
            const HthQuantFold *f = &job->folds[k];
            assert_true(f->after <= f->before);
            scaled += f->alpha > 0 && f->after < f->before;
        }
        assert_true(scaled > 0);
        write_scaled(job);
        hth_quant_job_close(&job);
        logits_of(models[i], in, before);
        logits_of(models[i], out, after);
        assert_memory_equal(before, after, sizeof before);
    }
}

static double distance(const float *a, const float *b) {
    double sum = 0;
    for (int i = 0; i < ROWS * VOCAB; i++) sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return sum;
}

/* What it was done for: logits nearer to those of the model that was not rounded. */
static void rounded_better(void **state) {
    (void)state;
    HthErr err = { 0 };
    static float want[ROWS * VOCAB], got[2][ROWS * VOCAB];
    write_files(&dense);
    logits_of(&dense, in, want);
    for (int awq = 0; awq < 2; awq++) {
        json_t *log = NULL;
        HthQuantOpt opt = options("Q3_K_S", awq == 1);
        if (awq == 0) opt.imatrix = NULL;
        assert_ok(hth_quantize(&log, in, out, &opt, &err), err);
        assert_int_equal(json_array_size(json_object_get(log, "awq")), awq ? 5 : 0);
        json_decref(log);
        logits_of(&dense, out, got[awq]);
        assert_ok(hth_quantize_verify(log_path, NULL, NULL, NULL, 1, NULL, &err), err);
    }
    assert_true(distance(got[1], want) < distance(got[0], want));
    const HthQuantOpt bare = { .mix = hth_mix_find("Q3_K_S"), .awq = true, .threads = 1 };
    json_t *log = NULL;
    assert_status(hth_quantize(&log, in, out, &bare, &err), HTH_EINVAL, err);
}

static uint64_t size_of(const char *path) {
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (uint64_t)st.st_size;
}

/* The log's errors of what was chosen: root of the mean square. */
static double error_of(const json_t *log) {
    double sum = 0;
    size_t i, n = 0;
    const json_t *t;
    json_array_foreach(json_object_get(log, "tensors"), i, t) {
        const json_t *tried = json_object_get(t, "measured");
        const double e =
            json_real_value(json_object_get(tried, json_string_value(json_object_get(t, "to"))));
        if (json_object_size(tried) < 2) continue; /* a norm */
        sum += e * e;
        n++;
    }
    return sqrt(sum / (double)n);
}

/* Never more bytes than asked for, and more bytes are never worse. */
static void as_good_as_fits(void **state) {
    (void)state;
    HthErr err = { 0 };
    double last = 1;
    uint64_t spent = 0;
    write_files(&small);
    const uint64_t whole = size_of(in);
    for (int k = 5; k <= 13; k += 4) {
        json_t *log = NULL;
        HthQuantOpt opt = { .best.bytes = whole * (uint64_t)k / 32, .imatrix = im, .threads = 2 };
        assert_ok(hth_quantize(&log, in, out, &opt, &err), err);
        const double error = error_of(log);
        assert_true(size_of(out) <= opt.best.bytes && size_of(out) >= spent);
        assert_true(error < last);
        last = error;
        spent = size_of(out);
        json_decref(log);
        if (k == 9) assert_ok(hth_quantize_verify(log_path, NULL, NULL, NULL, 1, NULL, &err), err);
    }
    json_t *log = NULL;
    HthQuantOpt opt = { .best.bytes = whole / 64, .threads = 1 };
    assert_status(hth_quantize(&log, in, out, &opt, &err), HTH_EINVAL, err);
    assert_non_null(strstr(err.text, "smallest"));
    opt.best = (HthQuantAuto){ .bytes = whole + 64 };
    assert_ok(hth_quantize(&log, in, out, &opt, &err), err);
    assert_true(error_of(log) == 0); /* it may stay as it is */
    json_decref(log);
}

static void as_small_as_it_may(void **state) {
    (void)state;
    HthErr err = { 0 };
    uint64_t last = 0;
    write_files(&small);
    for (int k = 0; k < 3; k++) {
        json_t *log = NULL;
        const double limit[] = { 0.2, 0.05, 0.006 };
        HthQuantOpt opt = { .best.error = limit[k], .imatrix = im, .threads = 1 };
        assert_ok(hth_quantize(&log, in, out, &opt, &err), err);
        assert_true(error_of(log) <= limit[k] * (1 + 1e-9));
        assert_true(error_of(log) > limit[k] / 4); /* and not at any price */
        assert_true(size_of(out) > last);
        last = size_of(out);
        json_decref(log);
    }
}

static HthStatus tortured(void *ctx) {
    (void)ctx;
    json_t *log = NULL;
    /* A rule for all: what is tortured is memory, not arithmetic. */
    const HthQuantRule rule = { "*", hth_fmt_by_name("Q4_0") };
    const HthQuantOpt opt = {
        .best.error = 0.5, .rules = &rule, .rule_count = 1, .imatrix = im, .awq = true, .threads = 1
    };
    const HthStatus st = hth_quantize(&log, in, out, &opt, NULL);
    json_decref(log);
    return st;
}

static void memory_may_fail(void **state) {
    (void)state;
    write_files(&small);
    assert_true(test_torture(tortured, NULL, 100000) > 50);
}

static int set_up(void **state) {
    if (test_folder_make(state)) return -1;
    snprintf(in, sizeof in, "%s/in.gguf", test_folder);
    snprintf(out, sizeof out, "%s/out.gguf", test_folder);
    snprintf(im, sizeof im, "%s/im.gguf", test_folder);
    snprintf(log_path, sizeof log_path, "%s.quantlog.json", out);
    hth_json_init();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_function), cmocka_unit_test(rounded_better),
        cmocka_unit_test(as_good_as_fits),   cmocka_unit_test(as_small_as_it_may),
        cmocka_unit_test(memory_may_fail),
    };
    return cmocka_run_group_tests(tests, set_up, test_folder_drop);
}
