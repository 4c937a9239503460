/* collect_test.c - an importance matrix made: the same bytes for any threads, after any
 * interruption; numbers that are what went through the matrices. */
#include "support/test.h"

#include <dirent.h>
#include <math.h>
#include <sys/stat.h>

#include "base/file.h"
#include "gguf/gguf_write.h"
#include "model/model.h"
#include "quant/collect.h"
#include "quant/imatrix.h"
#include "run/session.h"
#include "support/folder.h"
#include "support/tiny.h"

enum { VOCAB = 40, CHUNK = 16 };

static char model_path[96], out[96], part[128];
static const char text[] =
    "abcdefghijklmnopqrstuvwxyz the quick brown fox jumps over a lazy dog and "
    "what not, over and over again until the end of all of it";

static const Tiny tiny = { .arch = "qwen3moe",
                           .layers = 2,
                           .embd = 32,
                           .heads = 4,
                           .kv_heads = 2,
                           .head_dim = 8,
                           .ff = 32,
                           .vocab = VOCAB,
                           .ctx = 64,
                           .experts = 5,
                           .used = 2,
                           .seed = 4 };

/* The tiny model with a vocabulary of letters. */
static void write_model(const Tiny *t) {
    HthErr err = { 0 };
    HthBuf file;
    HthGguf *g = NULL;
    HthGgufOut *o = NULL;
    char names[VOCAB][8];
    HthStr tokens[VOCAB];
    float scores[VOCAB];
    int32_t types[VOCAB];
    for (int i = 0; i < VOCAB; i++) {
        if (i < 3)
            snprintf(names[i], sizeof names[i], "%s", i == 0 ? "<unk>" : i == 1 ? "<s>" : "</s>");
        else if (i == 3)
            snprintf(names[i], sizeof names[i], "\xe2\x96\x81"); /* a blank */
        else
            snprintf(names[i], sizeof names[i], "%c", i < 30 ? 'a' + i - 4 : '0' + i - 30);
        tokens[i] = hth_str(names[i]);
        scores[i] = (float)-i;
        types[i] = i == 0 ? 2 : i < 3 ? 3 : 1;
    }
    tiny_build(&file, t);
    assert_ok(hth_gguf_open_mem(&g, file.p, file.n, "tiny", &err), err);
    assert_ok(hth_gguf_out_open(&o, model_path, &err), err);
    for (size_t i = 0; i < hth_gguf_kv_count(g); i++)
        assert_ok(hth_gguf_out_kv(o, hth_gguf_kv_at(g, i), &err), err);
    assert_ok(hth_gguf_out_str(o, "tokenizer.ggml.model", HTH_STR("llama"), &err), err);
    assert_ok(hth_gguf_out_strs(o, "tokenizer.ggml.tokens", tokens, VOCAB, &err), err);
    assert_ok(hth_gguf_out_f32s(o, "tokenizer.ggml.scores", scores, VOCAB, &err), err);
    assert_ok(hth_gguf_out_i32s(o, "tokenizer.ggml.token_type", types, VOCAB, &err), err);
    assert_ok(hth_gguf_out_u32(o, "tokenizer.ggml.bos_token_id", 1, &err), err);
    assert_ok(hth_gguf_out_u32(o, "tokenizer.ggml.eos_token_id", 2, &err), err);
    for (size_t i = 0; i < hth_gguf_tensor_count(g); i++) {
        const HthGgufTensor *w = hth_gguf_tensor_at(g, i);
        assert_ok(hth_gguf_out_tensor(o, w->name, w->fmt, w->n_dims, w->ne, &err), err);
    }
    for (size_t i = 0; i < hth_gguf_tensor_count(g); i++) {
        const HthGgufTensor *w = hth_gguf_tensor_at(g, i);
        assert_ok(hth_gguf_out_data(o, w->data, w->bytes, &err), err);
    }
    assert_ok(hth_gguf_out_commit(&o, &err), err);
    hth_gguf_close(&g);
    hth_buf_drop(&file);
}

static HthModel *opened(void) {
    HthErr err = { 0 };
    HthModel *m = NULL;
    assert_ok(hth_model_open(&m, model_path, &err), err);
    return m;
}

static HthStatus collect(const HthModel *m, const HthCollectOpt *opt, json_t **said, HthErr *err) {
    json_t *got = NULL;
    HTH_TRY(hth_imatrix_collect(&got, m, HTH_STR(text), out, opt, err));
    if (said != NULL)
        *said = got;
    else
        json_decref(got);
    return HTH_OK;
}

static HthBuf read_out(void) {
    HthErr err = { 0 };
    HthBuf b;
    hth_buf_init(&b, 1 << 20);
    assert_ok(hth_file_read(&b, out, &err), err);
    return b;
}

/* Sums of one tensor, made another way. */
typedef struct Sums {
    const HthWeight *w;
    double sums[5][32], rows[5];
} Sums;

static void see(void *ctx, const HthWeight *w, uint32_t which, const float *row) {
    Sums *s = ctx;
    if (w != s->w) return;
    for (int i = 0; i < 32; i++) s->sums[which][i] += (double)row[i] * row[i];
    s->rows[which]++;
}

/* The text by hand, in one piece of each chunk. */
static void by_hand(const HthModel *m, Sums *s) {
    HthErr err = { 0 };
    HthIds ids;
    HthSession *session = NULL;
    const HthProgram *p = hth_model_program(m);
    for (uint32_t i = 0; i < p->count; i++)
        if (p->inst[i].op == HTH_OP_EXPERTS_EACH && p->inst[i].layer == 1) s->w = p->inst[i].w;
    assert_non_null(s->w);
    hth_ids_init(&ids, 1000);
    assert_ok(hth_vocab_encode(hth_model_vocab(m), HTH_STR(text), 0, &ids, &err), err);
    assert_ok(hth_session_open(&session, m, &(HthSessionCfg){ .ctx = CHUNK, .threads = 1 }, &err),
              err);
    for (size_t at = 0; at < ids.n; at += CHUNK - 1) {
        uint32_t chunk[CHUNK] = { 1 };
        const size_t n = ids.n - at < CHUNK - 1 ? ids.n - at : CHUNK - 1;
        memcpy(chunk + 1, ids.p + at, n * sizeof *chunk);
        hth_session_rewind(session, 0);
        assert_ok(hth_session_observe(session, chunk, n + 1, see, s, &err), err);
    }
    hth_session_close(&session);
    hth_ids_drop(&ids);
}

static void numbers_are_true(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthModel *m = opened();
    HthGguf *g = NULL;
    HthImatrix *im = NULL;
    json_t *said = NULL;
    static Sums s;
    const HthCollectOpt opt = { .text_name = "words", .chunk = CHUNK, .threads = 2 };
    assert_ok(collect(m, &opt, &said, &err), err);
    by_hand(m, &s);
    assert_ok(hth_gguf_open(&g, out, &err), err);
    const HthGgufTensor *t = hth_gguf_tensor(g, HTH_STR("blk.1.ffn_down_exps.weight.in_sum2"));
    const HthGgufTensor *c = hth_gguf_tensor(g, HTH_STR("blk.1.ffn_down_exps.weight.counts"));
    assert_non_null(t);
    assert_non_null(c);
    assert_true(t->ne[0] == 32 && t->ne[1] == 5 && c->ne[0] == 1 && c->ne[1] == 5);
    double idle = 0;
    for (int e = 0; e < 5; e++) {
        float rows, sums[32];
        memcpy(&rows, c->data + 4 * e, 4);
        memcpy(sums, t->data + 128 * e, 128);
        assert_true(rows == s.rows[e]);
        idle += rows == 0;
        for (int i = 0; i < 32; i++) assert_true(sums[i] == (float)s.sums[e][i]);
    }
    /* 4 of attention, a router and 3 of the experts a layer, and the output. */
    assert_int_equal(json_integer_value(json_object_get(said, "tensors")), 2 * 8 + 1);
    assert_true(json_integer_value(json_object_get(said, "matrices_never_used")) >= idle);
    assert_ok(hth_imatrix_open(&im, out, &err), err);
    assert_int_equal(hth_imatrix_count(im), 17);
    hth_imatrix_close(&im);
    hth_gguf_close(&g);
    json_decref(said);
    hth_model_close(&m);
}

static int stop_after; /* chunks of tokens told */

static int stop(const char *phase, uint64_t done, uint64_t total) {
    (void)done;
    (void)total;
    return strcmp(phase, "measuring") == 0 && --stop_after == 0;
}

static void nothing_changes_the_bytes(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthModel *m = opened();
    HthCollectOpt opt = { .text_name = "words", .chunk = CHUNK, .threads = 1 };
    assert_ok(collect(m, &opt, NULL, &err), err);
    HthBuf first = read_out();
    opt.threads = 3;
    for (int after = 1; after <= 5; after += 2) {
        json_t *said = NULL;
        unlink(out);
        opt.progress = stop;
        stop_after = after;
        assert_status(collect(m, &opt, NULL, &err), HTH_ECANCELED, err);
        assert_int_equal(access(out, F_OK), -1);
        assert_int_equal(access(part, F_OK), 0);
        opt.progress = NULL;
        assert_ok(collect(m, &opt, &said, &err), err);
        assert_int_equal(json_integer_value(json_object_get(said, "chunks_resumed")), after);
        HthBuf again = read_out();
        assert_true(first.n == again.n && memcmp(first.p, again.p, first.n) == 0);
        assert_int_equal(access(part, F_OK), -1);
        hth_buf_drop(&again);
        json_decref(said);
    }
    hth_buf_drop(&first);
    hth_model_close(&m);
}

/* A part with any byte changed, or of another plan, is not continued. */
static void a_part_is_not_trusted(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthModel *m = opened();
    HthCollectOpt opt = { .text_name = "words", .chunk = CHUNK, .threads = 1 };
    assert_ok(collect(m, &opt, NULL, &err), err);
    HthBuf first = read_out(), saved;
    opt.progress = stop;
    stop_after = 2;
    assert_status(collect(m, &opt, NULL, &err), HTH_ECANCELED, err);
    opt.progress = NULL;
    hth_buf_init(&saved, 1 << 20);
    assert_ok(hth_file_read(&saved, part, &err), err);
    for (uint64_t i = 0; i < 25; i++) {
        char *bytes = (char *)saved.p;
        const size_t at = hth_rng_below(7, 1, i, (uint32_t)saved.n);
        bytes[at] = (char)(bytes[at] ^ 0x10);
        assert_ok(hth_file_write(part, saved.p, saved.n, 0644, &err), err);
        bytes[at] = (char)(bytes[at] ^ 0x10);
        assert_ok(collect(m, &opt, NULL, &err), err);
        HthBuf again = read_out();
        assert_true(first.n == again.n && memcmp(first.p, again.p, first.n) == 0);
        hth_buf_drop(&again);
    }
    assert_ok(hth_file_write(part, saved.p, saved.n, 0644, &err), err);
    json_t *said = NULL;
    opt.chunk = CHUNK / 2;
    assert_ok(collect(m, &opt, &said, &err), err);
    assert_int_equal(json_integer_value(json_object_get(said, "chunks_resumed")), 0);
    json_decref(said);
    hth_buf_drop(&saved);
    hth_buf_drop(&first);
    hth_model_close(&m);
}

static void refusals(void **state) {
    (void)state;
    HthErr err = { 0 };
    json_t *said = NULL;
    HthModel *m = opened();
    const HthCollectOpt opt = { .chunk = CHUNK, .threads = 1 };
    assert_status(hth_imatrix_collect(&said, m, HTH_STR(""), out, &opt, &err), HTH_EINVAL, err);
    assert_status(hth_imatrix_collect(&said, m, HTH_STR(text), "/nowhere/x", &opt, &err), HTH_EIO,
                  err);
    hth_model_close(&m);
    HthBuf file;
    tiny_build(&file, &tiny);
    assert_ok(hth_model_open_mem(&m, file.p, file.n, "tiny", &err), err);
    assert_int_not_equal(hth_imatrix_collect(&said, m, HTH_STR(text), out, &opt, &err), HTH_OK);
    assert_non_null(strstr(err.text, "tokenizer"));
    hth_model_close(&m);
    hth_buf_drop(&file);
    assert_null(said);
}

static HthStatus tortured(void *ctx) {
    const HthCollectOpt opt = {
        .text_name = "words", .chunk = CHUNK, .chunks_max = 2, .threads = 1
    };
    return collect(ctx, &opt, NULL, NULL);
}

static void memory_may_fail(void **state) {
    (void)state;
    HthModel *m = opened();
    assert_true(test_torture(tortured, m, 3000) > 20);
    hth_model_close(&m);
}

static int set_up(void **state) {
    if (test_folder_make(state)) return -1;
    snprintf(model_path, sizeof model_path, "%s/m.gguf", test_folder);
    snprintf(out, sizeof out, "%s/im.gguf", test_folder);
    snprintf(part, sizeof part, "%s.part", out);
    hth_json_init();
    write_model(&tiny);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_true),      cmocka_unit_test(nothing_changes_the_bytes),
        cmocka_unit_test(a_part_is_not_trusted), cmocka_unit_test(refusals),
        cmocka_unit_test(memory_may_fail),
    };
    return cmocka_run_group_tests(tests, set_up, test_folder_drop);
}
