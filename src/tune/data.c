/* data.c - token files: writing, mapping, reading sequences; mixing a phase. See data.h. */
#include "tune/data.h"

#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "tune/docs.h"

enum { HEADER = 64 };
static const char MAGIC[8] = "HTHTOK01";

HthStatus hth_data_open(HthData *out, const char *path, HthErr *err) {
    HthData d = { 0 };
    HTH_TRY(hth_file_map(&d.map, path, err));
    const uint8_t *h = d.map.data;
    bool good = d.map.n >= HEADER && !memcmp(h, MAGIC, sizeof MAGIC);
    if (good) {
        d.vocab_digest = hth_le64(h + 8);
        d.n_vocab = hth_le32(h + 16);
        d.text_bytes = hth_le64(h + 24);
        d.n = hth_le64(h + 32);
        d.tokens = (const uint16_t *)(const void *)(h + HEADER);
        good = d.n >= 2 && d.n == (d.map.n - HEADER) / 2 && d.map.n % 2 == 0;
    }
    for (uint64_t i = 0; good && i < d.n; i++) good = d.tokens[i] < d.n_vocab;
    if (!good) {
        hth_file_unmap(&d.map);
        return HTH_FAIL(err, HTH_EFORMAT, "%s is not a whole token file", path);
    }
    *out = d;
    return HTH_OK;
}

void hth_data_close(HthData *d) {
    hth_file_unmap(&d->map);
    *d = (HthData){ 0 };
}

void hth_data_seq(const HthData *d, uint64_t index, uint32_t seq, uint32_t *ids,
                  uint32_t *targets) {
    uint64_t at = index % ((d->n + seq - 1) / seq) * seq;
    for (uint32_t i = 0; i < seq; i++) {
        ids[i] = d->tokens[at];
        at = at + 1 < d->n ? at + 1 : 0;
        targets[i] = d->tokens[at];
    }
}

static void put_u64(uint8_t *p, uint64_t v) {
    for (int i = 0; i < 8; i++) p[i] = (uint8_t)(v >> 8 * i);
}

HthStatus hth_data_write(const char *path, const HthBpe *bpe, const HthTokens *t,
                         uint64_t text_bytes, HthErr *err) {
    HTH_REQUIRE(t->n >= 2, err, HTH_EINVAL, "%s: no text to train on", path);
    uint8_t h[HEADER] = { 0 };
    memcpy(h, MAGIC, sizeof MAGIC);
    put_u64(h + 8, hth_bpe_digest(bpe));
    put_u64(h + 16, hth_bpe_vocab(bpe));
    put_u64(h + 24, text_bytes);
    put_u64(h + 32, t->n);
    HthFileOut *f = NULL;
    HTH_TRY(hth_file_out_open(&f, path, 0644, err));
    HthStatus status = hth_file_out_add(f, h, sizeof h, err);
    if (status == HTH_OK) status = hth_file_out_add(f, t->p, t->n * sizeof *t->p, err);
    if (status != HTH_OK) {
        hth_file_out_abort(&f);
        return status;
    }
    return hth_file_out_commit(&f, err);
}

/* ---- mixing ---- */

typedef struct Doc { /* tokens [at, at + n) */
    size_t at;
    uint32_t n;
} Doc;

typedef struct Mix {
    HthBpe *bpe;
    HthTokens tokens; /* in the order found */
    Doc *docs;
    size_t n, cap;
    uint64_t text_bytes;
    uint64_t seed, stream, index; /* which copies of a document to keep */
    uint32_t pass;
    double copies;
} Mix;

static HthStatus take_doc(void *ctx, HthStr text, HthErr *err) {
    Mix *m = ctx;
    const double u = hth_rng_f64(m->seed, m->stream, m->index++);
    if ((double)(m->pass + 1) > m->copies + u) return HTH_OK;
    if (m->n == m->cap) {
        const size_t cap = m->cap ? m->cap * 2 : 4096;
        Doc *docs = hth_realloc(m->docs, cap, sizeof *docs);
        HTH_REQUIRE(docs, err, HTH_ENOMEM, "no memory for %zu documents", cap);
        m->docs = docs;
        m->cap = cap;
    }
    const size_t at = m->tokens.n;
    HTH_TRY(hth_tokens_add(&m->tokens, (const uint16_t[]){ HTH_BPE_EOT }, 1, err));
    HTH_TRY(hth_bpe_own_encode(m->bpe, text, &m->tokens, err));
    m->docs[m->n++] = (Doc){ at, (uint32_t)(m->tokens.n - at) };
    m->text_bytes += text.n;
    return HTH_OK;
}

/* Fisher-Yates with the counter-based generator. */
static HthStatus shuffle(Mix *m, HthTokens *out, HthErr *err) {
    for (size_t i = m->n; i > 1; i--) {
        const size_t j = hth_rng_below(m->seed, m->stream, i, (uint32_t)i);
        const Doc other = m->docs[j];
        m->docs[j] = m->docs[i - 1];
        m->docs[i - 1] = other;
    }
    for (size_t i = 0; i < m->n; i++)
        HTH_TRY(hth_tokens_add(out, m->tokens.p + m->docs[i].at, m->docs[i].n, err));
    return HTH_OK;
}

static HthStatus mix_source(const HthRecipe *r, uint32_t phase, uint32_t source, const char *corpus,
                            Mix *m, HthErr *err) {
    m->copies = r->phases[phase].mix[source];
    m->stream = (uint64_t)phase << 32 | source;
    for (m->pass = 0; (double)m->pass < m->copies; m->pass++) {
        m->index = 0;
        HTH_TRY(hth_docs_each(r, &r->sources[source], corpus, take_doc, m, err));
    }
    return HTH_OK;
}

HthStatus hth_data_prepare(const HthRecipe *r, uint32_t phase, const char *corpus, HthBpe *bpe,
                           const char *path, HthErr *err) {
    Mix m = { .bpe = bpe, .seed = r->seed };
    HthTokens mixed = { 0 };
    HthStatus status = HTH_OK;
    for (uint32_t i = 0; status == HTH_OK && i < r->source_count; i++)
        status = mix_source(r, phase, i, corpus, &m, err);
    m.stream = (uint64_t)phase << 32 | 0xffffffffu;
    if (status == HTH_OK) status = shuffle(&m, &mixed, err);
    if (status == HTH_OK) status = hth_data_write(path, bpe, &mixed, m.text_bytes, err);
    hth_free(m.docs);
    hth_tokens_drop(&m.tokens);
    hth_tokens_drop(&mixed);
    return status;
}
