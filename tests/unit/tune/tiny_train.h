/* tiny_train.h - a corpus, a recipe and a work folder small enough for a test. */
#ifndef HTH_TEST_TINY_TRAIN_H
#define HTH_TEST_TINY_TRAIN_H

#include "support/test.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "support/folder.h"
#include "tune/train.h"

enum { TINY_PATH = 256 };

typedef struct Tiny {
    char dir[TINY_PATH], recipe[TINY_PATH], work[TINY_PATH], valid[TINY_PATH], out[TINY_PATH];
    HthTrainCfg cfg;
} Tiny;

static const char TINY_RECIPE[] =
    "{\"name\":\"tiny\",\"arch\":\"llama\",\"description\":\"for tests\",\"license\":\"cc0-1.0\","
    "\"seed\":5,\"shape\":{\"n_vocab\":320,\"n_layer\":2,\"n_embd\":32,\"n_head\":2,"
    "\"n_head_kv\":1,\"n_ff\":64,\"n_ctx_train\":32,\"rope_base\":10000,\"norm_eps\":1e-5},"
    "\"train\":{\"steps\":24,\"warmup\":3,\"batch_tokens\":256,\"rows\":128,\"lr\":0.01,"
    "\"lr_end\":0.001,\"beta1\":0.9,\"beta2\":0.95,\"eps\":1e-8,\"decay\":0.1,\"clip\":1.0},"
    "\"drop\":[\"forbidden\"],"
    "\"sources\":{\"text\":{\"files\":\"text*.txt\",\"form\":\"text\",\"bytes_max\":2000},"
    "\"talk\":{\"files\":\"./talk.jsonl\",\"form\":\"chat\",\"bytes_max\":500}},"
    "\"phases\":[{\"name\":\"main\",\"seq\":32,\"share\":0.75,\"mix\":{\"text\":1,\"talk\":0.5}},"
    "{\"name\":\"chat\",\"seq\":16,\"share\":0.25,\"mix\":{\"talk\":2.5}}]}";

static inline void tiny_write(const char *path, const char *text, size_t n) {
    HthErr err;
    assert_int_equal(hth_file_write(path, text, n, 0644, &err), HTH_OK);
}

static inline void tiny_path(char *out, const char *dir, const char *name) {
    assert_true(snprintf(out, TINY_PATH, "%s/%s", dir, name) < TINY_PATH);
}

/* Sentences of a small grammar, so that there is something to learn. */
static inline void tiny_text(HthBuf *b, uint64_t stream, uint32_t docs) {
    static const char *const who[] = { "The cat", "A small dog", "My friend", "The old king" };
    static const char *const does[] = { "likes", "sees", "wants", "finds" };
    static const char *const what[] = { "the red ball", "some bread", "a house", "the river" };
    for (uint32_t i = 0; i < docs * 4; i++) {
        HthErr err;
        uint32_t r = hth_rng_u32(8, stream, i);
        assert_int_equal(hth_buf_printf(b, &err, "%s %s %s.%s", who[r % 4], does[r / 4 % 4],
                                        what[r / 16 % 4], i % 4 == 3 ? "\n\n" : "\n"),
                         HTH_OK);
    }
}

static inline void tiny_open(Tiny *t) {
    char path[TINY_PATH];
    HthBuf b;
    *t = (Tiny){ 0 };
    assert_int_equal(test_folder_make(NULL), 0);
    snprintf(t->dir, sizeof t->dir, "%s", test_folder);
    tiny_path(t->recipe, t->dir, "recipe.json");
    tiny_path(t->work, t->dir, "work");
    tiny_path(t->valid, t->dir, "valid.txt");
    tiny_path(t->out, t->dir, "out.gguf");
    tiny_write(t->recipe, TINY_RECIPE, strlen(TINY_RECIPE));
    hth_buf_init(&b, 1 << 24);
    tiny_text(&b, 1, 300);
    tiny_path(path, t->dir, "text1.txt");
    tiny_write(path, b.p, b.n);
    hth_buf_clear(&b);
    tiny_text(&b, 2, 20);
    tiny_write(t->valid, b.p, b.n);
    hth_buf_clear(&b);
    for (uint32_t i = 0; i < 200; i++) {
        HthErr err;
        assert_int_equal(hth_buf_printf(&b, &err,
                                        "{\"instruction\":\"Say %u\",\"output\":\"I say %u.\"}\n",
                                        i % 9, i % 9),
                         HTH_OK);
    }
    tiny_path(path, t->dir, "talk.jsonl");
    tiny_write(path, b.p, b.n);
    hth_buf_drop(&b);
    t->cfg = (HthTrainCfg){ .recipe = t->recipe,
                            .corpus = t->dir,
                            .work = t->work,
                            .valid = t->valid,
                            .threads = 1,
                            .valid_every = 8 };
}

/* Tokenizer and data too. */
static inline void tiny_prepare(Tiny *t) {
    HthErr err = { 0 };
    tiny_open(t);
    HthStatus status = hth_train_tokenizer(&t->cfg, &err);
    if (status == HTH_OK) status = hth_train_prepare(&t->cfg, &err);
    if (status != HTH_OK) fail_msg("%s", err.text);
}

static inline void tiny_close(Tiny *t) {
    assert_string_equal(t->dir, test_folder);
    assert_int_equal(test_folder_drop(NULL), 0);
}

/* The bytes of work/name; drop the buffer. */
static inline void tiny_read(const Tiny *t, const char *name, HthBuf *out) {
    char path[TINY_PATH];
    HthErr err;
    tiny_path(path, t->work, name);
    hth_buf_init(out, 1 << 26);
    assert_int_equal(hth_file_read(out, path, &err), HTH_OK);
}

static inline void tiny_remove(const Tiny *t, const char *name) {
    char path[TINY_PATH];
    tiny_path(path, t->work, name);
    unlink(path);
}

#endif
