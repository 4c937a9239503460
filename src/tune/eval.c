/* eval.c - bits per byte and minimal pairs of a model file. See train.h.
 *
 * Sequences wait in a list until a pass is full; padding after a sequence asks for nothing and,
 * attention being causal, changes nothing. */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "tune/start.h"
#include "tune/train.h"

enum { ROWS = 2048, LINE_BYTES_MAX = 1 << 20, SEQ_MIN = 32 };
static const size_t FILE_BYTES_MAX = (size_t)1 << 30;

struct HthEval {
    HthModel *model;
    HthPool *pool;
    HthNet *net;
    const HthVocab *vocab;
    uint32_t ctx;
    uint32_t *ids, *targets; /* [ROWS] */
    float *nll; /* [ROWS] */
};

static HthStatus open_all(HthEval *e, const char *model, uint32_t threads, HthErr *err) {
    HTH_TRY(hth_model_open(&e->model, model, err));
    e->vocab = hth_model_vocab(e->model);
    HTH_REQUIRE(e->vocab, err, HTH_EFORMAT, "%s carries no tokenizer", model);
    HTH_REQUIRE(hth_vocab_bos(e->vocab) != HTH_TOKEN_NONE, err, HTH_ENOTSUP,
                "%s names no token that begins a text", model);
    const HthGguf *g = hth_model_gguf(e->model);
    HTH_REQUIRE(!hth_gguf_tensor(g, HTH_STR("output.weight")) &&
                    !hth_gguf_tensor(g, HTH_STR("rope_freqs.weight")) &&
                    !hth_gguf_tensor(g, HTH_STR("blk.0.attn_q.bias")),
                err, HTH_ENOTSUP,
                "only models as the trainer makes them can be evaluated: tied "
                "output, no biases, plain rope");
    e->ctx = hth_model_ctx_train(e->model);
    if (e->ctx > ROWS) e->ctx = ROWS;
    e->ctx = e->ctx / SEQ_MIN * SEQ_MIN;
    HTH_REQUIRE(e->ctx >= SEQ_MIN, err, HTH_ENOTSUP, "%s has a context below %d", model, SEQ_MIN);
    HTH_TRY(hth_pool_open(&e->pool, threads, err));
    HTH_TRY(hth_net_open(&e->net,
                         &(HthNetCfg){ .arch = hth_model_arch(e->model),
                                       .shape = hth_model_shape(e->model),
                                       .rows = ROWS,
                                       .seq = e->ctx,
                                       .pool = e->pool },
                         err));
    e->ids = hth_calloc(ROWS, sizeof *e->ids);
    e->targets = hth_calloc(ROWS, sizeof *e->targets);
    e->nll = hth_calloc(ROWS, sizeof *e->nll);
    HTH_REQUIRE(e->ids && e->targets && e->nll, err, HTH_ENOMEM, "no memory for a batch");
    return hth_start_weights(e->net, e->model, err);
}

HthStatus hth_eval_open(HthEval **out, const char *model, uint32_t threads, HthErr *err) {
    HthEval *e = hth_calloc(1, sizeof *e);
    HTH_REQUIRE(e, err, HTH_ENOMEM, "no memory for an evaluation");
    HthStatus status = open_all(e, model, threads, err);
    if (status != HTH_OK) {
        hth_eval_close(&e);
        return status;
    }
    *out = e;
    return HTH_OK;
}

void hth_eval_close(HthEval **eval) {
    HthEval *e = *eval;
    if (!e) return;
    hth_net_close(&e->net);
    hth_pool_close(&e->pool);
    hth_model_close(&e->model);
    hth_free(e->ids);
    hth_free(e->targets);
    hth_free(e->nll);
    hth_free(e);
    *eval = NULL;
}

/* ---- scoring ---- */

typedef struct Span { /* tokens [at, at + n); those from `from` on are asked for */
    size_t at;
    uint32_t n, from;
    double nats; /* out */
} Span;

/* Scores spans of at most seq + 1 tokens, as many at a time as fit. */
static void score(HthEval *e, const uint32_t *tokens, Span *spans, size_t count, uint32_t seq) {
    const uint32_t batch = ROWS / seq;
    for (size_t first = 0; first < count; first += batch) {
        const uint32_t live = count - first < batch ? (uint32_t)(count - first) : batch;
        memset(e->ids, 0, ROWS * sizeof *e->ids);
        memset(e->targets, 0xff, ROWS * sizeof *e->targets); /* HTH_NO_TARGET */
        for (uint32_t i = 0; i < live; i++) {
            const Span *s = &spans[first + i];
            HTH_ASSERT(s->n >= 1 && s->n <= seq + 1);
            memcpy(e->ids + i * seq, tokens + s->at, (s->n - 1) * sizeof *tokens);
            for (uint32_t j = s->from > 0 ? s->from : 1; j < s->n; j++)
                e->targets[i * seq + j - 1] = tokens[s->at + j];
        }
        hth_net_pass(
            e->net,
            &(HthNetPass){
                .t = live * seq, .seq = seq, .ids = e->ids, .targets = e->targets, .nll = e->nll });
        for (uint32_t i = 0; i < live; i++) {
            double nats = 0;
            for (uint32_t j = 0; j < seq; j++) nats += (double)e->nll[i * seq + j];
            spans[first + i].nats = nats;
        }
    }
}

/* BOS, then the text's tokens. */
static HthStatus encode(const HthEval *e, HthStr text, HthIds *ids, HthErr *err) {
    HTH_TRY(hth_ids_add(ids, hth_vocab_bos(e->vocab), err));
    return hth_vocab_encode(e->vocab, text, 0, ids, err);
}

/* ---- bits per byte ---- */

typedef struct Text {
    HthIds ids;
    Span *spans;
    size_t n, cap;
    uint64_t bytes;
} Text;

static HthStatus add_span(Text *t, Span s, HthErr *err) {
    if (t->n == t->cap) {
        const size_t cap = t->cap ? t->cap * 2 : 256;
        Span *spans = hth_realloc(t->spans, cap, sizeof *spans);
        HTH_REQUIRE(spans, err, HTH_ENOMEM, "no memory for %zu sequences", cap);
        t->spans = spans;
        t->cap = cap;
    }
    t->spans[t->n++] = s;
    return HTH_OK;
}

/* A document: windows of a context that overlap by half, each token asked for once. */
static HthStatus add_doc(const HthEval *e, Text *t, HthStr doc, HthErr *err) {
    const size_t first = t->ids.n;
    HTH_TRY(encode(e, doc, &t->ids, err));
    const size_t end = t->ids.n;
    t->bytes += doc.n;
    size_t asked = first + 1; /* the first token that was not asked for yet */
    for (size_t at = first; asked < end; at += e->ctx / 2) {
        const size_t n = end - at < e->ctx + 1 ? end - at : e->ctx + 1;
        HTH_TRY(add_span(t, (Span){ at, (uint32_t)n, (uint32_t)(asked - at), 0 }, err));
        asked = at + n;
    }
    return HTH_OK;
}

/* Blank lines end documents; a document keeps its own line ends. */
static HthStatus add_text(const HthEval *e, Text *t, HthStr text, HthErr *err) {
    while (text.n) {
        size_t n = hth_str_find(text, HTH_STR("\n\n"));
        HthStr doc = hth_str_sub(text, 0, n == SIZE_MAX ? text.n : n + 1);
        text = hth_str_sub(text, n == SIZE_MAX ? text.n : n + 2, text.n);
        if (hth_str_trim(doc).n) HTH_TRY(add_doc(e, t, doc, err));
    }
    return HTH_OK;
}

HthStatus hth_eval_text(HthEval *e, const char *path, HthEvalText *out, HthErr *err) {
    Text t = { 0 };
    HthBuf text;
    hth_buf_init(&text, FILE_BYTES_MAX);
    hth_ids_init(&t.ids, FILE_BYTES_MAX);
    HthStatus status = hth_file_read(&text, path, err);
    if (status == HTH_OK) status = add_text(e, &t, hth_buf_str(&text), err);
    if (status == HTH_OK && !t.n) status = HTH_FAIL(err, HTH_EINVAL, "%s holds no text", path);
    if (status == HTH_OK) {
        HthEvalText r = { .bytes = t.bytes };
        score(e, t.ids.p, t.spans, t.n, e->ctx);
        for (size_t i = 0; i < t.n; i++) {
            r.nats += t.spans[i].nats;
            r.tokens += t.spans[i].n - t.spans[i].from;
        }
        r.bits_per_byte = r.nats / 0.69314718055994531 / (double)r.bytes;
        *out = r;
    }
    hth_free(t.spans);
    hth_ids_drop(&t.ids);
    hth_buf_drop(&text);
    return status;
}

/* ---- minimal pairs ---- */

static HthStatus add_sentence(const HthEval *e, Text *t, const json_t *o, const char *key,
                              uint32_t *longest, HthErr *err) {
    const char *s = json_string_value(json_object_get(o, key));
    HTH_REQUIRE(s && *s, err, HTH_EFORMAT, "a line of the pairs has no %s", key);
    const size_t at = t->ids.n;
    HTH_TRY(encode(e, hth_str(s), &t->ids, err));
    const uint32_t n = (uint32_t)(t->ids.n - at);
    HTH_REQUIRE(n <= e->ctx + 1, err, HTH_ELIMIT, "a sentence is longer than the model's context");
    if (n > *longest) *longest = n;
    return add_span(t, (Span){ at, n, 1, 0 }, err);
}

static HthStatus add_pairs(const HthEval *e, Text *t, HthStr rest, uint32_t pairs_max,
                           uint32_t *longest, HthErr *err) {
    while (rest.n && (!pairs_max || t->n < 2 * (size_t)pairs_max)) {
        size_t n = hth_str_find(rest, HTH_STR("\n"));
        HthStr line = hth_str_trim(hth_str_sub(rest, 0, n));
        rest = hth_str_sub(rest, n == SIZE_MAX ? rest.n : n + 1, rest.n);
        if (!line.n) continue;
        json_t *o = NULL;
        HTH_TRY(hth_json_parse(&o, line, LINE_BYTES_MAX, err));
        HthStatus status = add_sentence(e, t, o, "sentence_good", longest, err);
        if (status == HTH_OK) status = add_sentence(e, t, o, "sentence_bad", longest, err);
        json_decref(o);
        HTH_TRY(status);
    }
    return HTH_OK;
}

HthStatus hth_eval_pairs(HthEval *e, const char *path, uint32_t pairs_max, HthEvalPairs *out,
                         HthErr *err) {
    Text t = { 0 };
    HthBuf text;
    uint32_t longest = 0, seq = SEQ_MIN;
    hth_buf_init(&text, FILE_BYTES_MAX);
    hth_ids_init(&t.ids, FILE_BYTES_MAX);
    HthStatus status = hth_file_read(&text, path, err);
    if (status == HTH_OK) status = add_pairs(e, &t, hth_buf_str(&text), pairs_max, &longest, err);
    if (status == HTH_OK) {
        HthEvalPairs r = { .pairs = t.n / 2 };
        while (seq + 1 < longest) seq += SEQ_MIN;
        score(e, t.ids.p, t.spans, t.n, seq);
        for (size_t i = 0; i + 1 < t.n; i += 2) r.right += t.spans[i].nats < t.spans[i + 1].nats;
        *out = r;
    }
    hth_free(t.spans);
    hth_ids_drop(&t.ids);
    hth_buf_drop(&text);
    return status;
}
