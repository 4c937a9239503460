/* maskbench.c - what token masks cost: walks through the languages of many grammars.
 *
 * Usage: maskbench [-w WALKS] [-t TOKENS] VOCAB.gguf FILE...
 * A file is GBNF (.gbnf), a JSON Schema (.json), or a schema per line (.jsonl).  A walk draws
 * tokens as a model might, common ones often, among those allowed, until the text may end.  Prints
 * times of compiling, of masks and of accepting: of all walks, and of every grammar's first walk
 * (nothing kept yet of that grammar), in processor time.  Not a test: run by hand. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "gguf/gguf.h"
#include "text/grammar.h"
#include "text/schema.h"

typedef struct Times {
    double *us;
    size_t n, cap;
} Times;
typedef struct Bench {
    HthVocab *v;
    HthMasks *masks;
    uint32_t walks, tokens, grammars, refused;
    bool loud;
    Times compile, mask, first, accept;
    uint64_t draws;
} Bench;

static void die(const char *what, const HthErr *err) {
    fprintf(stderr, "maskbench: %s: %s\n", what, err->text);
    exit(1);
}

/* Of this thread's processor time: others may be using the machine. */
static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double since(uint64_t from) {
    return (double)(now_ns() - from) / 1e3;
}

static void note(Times *t, double us) {
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 1024;
        t->us = hth_realloc(t->us, t->cap, sizeof *t->us);
        HTH_ASSERT(t->us);
    }
    t->us[t->n++] = us;
}

static int by_time(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void show(const char *name, Times *t) {
    double sum = 0;
    if (t->n == 0) return;
    qsort(t->us, t->n, sizeof *t->us, by_time);
    for (size_t i = 0; i < t->n; i++) sum += t->us[i];
    printf("%-12s %8zu  mean %8.1f  median %8.1f  p90 %8.1f  p99 %8.1f  max %8.1f us\n", name, t->n,
           sum / (double)t->n, t->us[t->n / 2], t->us[t->n * 9 / 10], t->us[t->n * 99 / 100],
           t->us[t->n - 1]);
}

static bool allowed(const uint32_t *mask, uint32_t id) {
    return mask[id / 32] >> id % 32 & 1;
}

/* Tokens are numbered by how common they are, more or less: draw their logarithm. */
static uint32_t draw(Bench *b, const uint32_t *mask) {
    const uint32_t n = hth_vocab_count(b->v);
    for (int i = 0; i < 64; i++) {
        const uint32_t id = (uint32_t)exp(hth_rng_f64(3, 0, b->draws++) * log((double)n));
        if (id < n && allowed(mask, id)) return id;
    }
    const uint32_t from = hth_rng_below(3, 1, b->draws++, n);
    for (uint32_t i = 0; i < n; i++)
        if (allowed(mask, (from + i) % n)) return (from + i) % n;
    return HTH_TOKEN_NONE;
}

static void walk(Bench *b, HthMatcher *m, Times *masks, const char *name) {
    HthErr err;
    hth_matcher_reset(m);
    for (uint32_t i = 0; i < b->tokens && !hth_matcher_must_end(m); i++) {
        const uint32_t *mask;
        uint64_t from = now_ns();
        if (hth_matcher_mask(m, &mask, &err) != HTH_OK) die(name, &err);
        note(masks, since(from));
        if (b->loud && masks->us[masks->n - 1] > 400)
            printf("%s: token %u: %.0f us\n", name, i, masks->us[masks->n - 1]);
        if (hth_matcher_may_end(m) && hth_rng_below(3, 2, b->draws++, 4) == 0) return;
        uint32_t id = draw(b, mask);
        while (id != HTH_TOKEN_NONE && hth_vocab_is_end(b->v, id)) id = draw(b, mask);
        if (id == HTH_TOKEN_NONE) return;
        from = now_ns();
        if (hth_matcher_accept(m, id, &err) != HTH_OK) die(name, &err);
        note(&b->accept, since(from));
    }
}

static void grammar(Bench *b, HthStr source, bool schema, const char *name) {
    HthErr err;
    HthIr *ir = NULL;
    HthGrammar *g = NULL;
    HthMatcher *m = NULL;
    HthNode root;
    json_t *json = NULL;
    if (hth_ir_open(&ir, &err) != HTH_OK) die(name, &err);
    HthStatus status = schema ? hth_json_parse(&json, source, source.n, &err) : HTH_OK;
    const uint64_t from = now_ns();
    if (status == HTH_OK)
        status = schema
                     ? hth_schema(ir, json, (HthSchemaOpt){ .space = HTH_SPACE_ONE }, &root, &err)
                     : hth_gbnf(ir, source, &root, &err);
    if (status == HTH_OK) status = hth_grammar_open(&g, ir, root, &err);
    json_decref(json);
    hth_ir_close(&ir);
    if (status != HTH_OK) {
        printf("%s: %s\n", name, err.text);
        b->refused++;
        return;
    }
    note(&b->compile, since(from));
    if (b->loud) printf("%s: compiled in %.0f us\n", name, b->compile.us[b->compile.n - 1]);
    if (hth_matcher_open(&m, g, b->masks, &err) != HTH_OK) die(name, &err);
    b->grammars++;
    walk(b, m, &b->first, name);
    for (uint32_t w = 1; w < b->walks; w++) walk(b, m, &b->mask, name);
    hth_matcher_close(&m);
    hth_grammar_close(&g);
}

static void file(Bench *b, const char *path) {
    HthErr err;
    HthBuf text;
    hth_buf_init(&text, 64 << 20);
    if (hth_file_read(&text, path, &err) != HTH_OK) die(path, &err);
    HthStr rest = hth_buf_str(&text);
    const HthStr name = hth_str(path);
    const bool lines = hth_str_ends(name, HTH_STR(".jsonl"));
    const bool gbnf = hth_str_ends(name, HTH_STR(".gbnf"));
    for (uint32_t line = 1; rest.n; line++) {
        const size_t end = lines ? hth_str_find(rest, HTH_STR("\n")) : SIZE_MAX;
        const HthStr one = hth_str_sub(rest, 0, end);
        char where[512];
        snprintf(where, sizeof where, lines ? "%s:%u" : "%s", path, line);
        if (hth_str_trim(one).n) grammar(b, one, !gbnf, where);
        rest = end == SIZE_MAX ? HTH_STR("") : hth_str_sub(rest, end + 1, SIZE_MAX);
    }
    hth_buf_drop(&text);
}

int main(int argc, char **argv) {
    HthErr err;
    HthGguf *gguf = NULL;
    Bench b = { .walks = 4, .tokens = 300 };
    int at = 1;
    for (; at < argc && argv[at][0] == '-'; at++) {
        uint64_t n = 0;
        b.loud |= argv[at][1] == 'v';
        if (argv[at][1] == 'v') continue;
        if (at + 1 < argc && hth_str_u64(hth_str(argv[at + 1]), &n) && argv[at][1] == 'w')
            b.walks = (uint32_t)n;
        else if (n && argv[at][1] == 't')
            b.tokens = (uint32_t)n;
        at++;
    }
    if (argc - at < 2) {
        fprintf(stderr, "usage: maskbench [-v] [-w WALKS] [-t TOKENS] VOCAB.gguf FILE...\n");
        return 2;
    }
    if (hth_gguf_open(&gguf, argv[at], &err) != HTH_OK) die(argv[at], &err);
    if (hth_vocab_open(&b.v, gguf, &err) != HTH_OK) die(argv[at], &err);
    const uint64_t from = now_ns();
    if (hth_masks_open(&b.masks, b.v, hth_vocab_count(b.v), &err) != HTH_OK) die(argv[at], &err);
    printf("%u tokens made ready in %.1f ms\n", hth_vocab_count(b.v), since(from) / 1e3);
    for (int i = at + 1; i < argc; i++) file(&b, argv[i]);
    printf("%u grammars, %u refused\n", b.grammars, b.refused);
    show("compile", &b.compile);
    show("mask, first", &b.first);
    show("mask, again", &b.mask);
    show("accept", &b.accept);
    Times *all = &b.first;
    for (size_t i = 0; i < b.mask.n; i++) note(all, b.mask.us[i]);
    show("mask, all", all);
    hth_masks_close(&b.masks);
    hth_vocab_close(&b.v);
    hth_gguf_close(&gguf);
    return 0;
}
