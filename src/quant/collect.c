/* collect.c - see collect.h.
 *
 * Sums are doubles, added in the order of the text; each is rounded once, at the end.  OUT.part
 * holds them as they are.
 *
 * Thread: one owner. */
#include "quant/collect.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "crypt/hash.h"
#include "gguf/gguf_write.h"
#include "model/model.h"
#include "run/session.h"

enum { IDS_MAX = 1 << 28, SAVE_EVERY_S = 60, F32 = 0, F64 = 28, NAME_ROOM = 256 };

typedef struct Entry {
    const HthWeight *w;
    const HthGgufTensor *t;
    double *sums; /* [count][cols] */
    double *rows; /* [count], whole numbers */
    uint64_t cols, count;
} Entry;

typedef struct Collect {
    const HthModel *model;
    const HthCollectOpt *opt;
    Entry *entries; /* [n], ascending w */
    size_t n;
    Entry **order; /* [n], as in the file */
    double *block; /* all sums, then rows */
    size_t doubles;
    HthIds ids;
    uint32_t chunk, body, chunks; /* body: tokens of the text in a chunk */
    uint32_t done, resumed; /* chunks */
    bool bos;
    uint32_t bos_id;
    char plan[HTH_HASH_HEX + 1], model_hex[HTH_HASH_HEX + 1], text_hex[HTH_HASH_HEX + 1];
    char out[PATH_MAX], part[PATH_MAX];
} Collect;

/* ---- what is measured ---- */

static bool is_product(const HthInst *in) {
    switch (in->op) {
    case HTH_OP_LINEAR:
    case HTH_OP_EXPERTS:
    case HTH_OP_EXPERTS_EACH:
    case HTH_OP_HEADS: return in->w->first_row == 0; /* others of a tensor read the same */
    default: return false;
    }
}

static const HthGgufTensor *tensor_of(const HthModel *m, const HthInst *in) {
    for (int slot = 1; slot < HTH_W_COUNT; slot++)
        if (hth_slot_name((HthSlot)slot) == in->w->name)
            return hth_model_weight(m, (HthSlot)slot, in->layer);
    return NULL;
}

static int by_weight(const void *a, const void *b) {
    const Entry *x = a, *y = b;
    return (x->w > y->w) - (x->w < y->w);
}

static int by_tensor(const void *a, const void *b) {
    const Entry *const *x = a, *const *y = b;
    return ((*x)->t > (*y)->t) - ((*x)->t < (*y)->t);
}

/* The program's matrices, each once. */
static HthStatus list_entries(Collect *c, HthErr *err) {
    const HthProgram *p = hth_model_program(c->model);
    c->entries = hth_calloc(p->count, sizeof *c->entries);
    HTH_REQUIRE(c->entries != NULL, err, HTH_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < p->count; i++) {
        if (!is_product(&p->inst[i])) continue;
        Entry *e = &c->entries[c->n];
        *e = (Entry){ .w = p->inst[i].w, .t = tensor_of(c->model, &p->inst[i]) };
        HTH_ASSERT(e->t != NULL);
        e->cols = e->w->cols;
        e->count = e->w->count > 0 ? e->w->count : 1;
        c->n++;
    }
    qsort(c->entries, c->n, sizeof *c->entries, by_weight);
    size_t kept = 0;
    for (size_t i = 0; i < c->n; i++)
        if (i == 0 || c->entries[i].w != c->entries[kept - 1].w) c->entries[kept++] = c->entries[i];
    c->n = kept;
    return HTH_OK;
}

static HthStatus make_room(Collect *c, HthErr *err) {
    size_t at = 0;
    HTH_TRY(list_entries(c, err));
    for (size_t i = 0; i < c->n; i++)
        c->doubles += (size_t)(c->entries[i].count * (c->entries[i].cols + 1));
    c->block = hth_calloc(c->doubles, sizeof *c->block);
    c->order = hth_calloc(c->n, sizeof *c->order);
    HTH_REQUIRE(c->block != NULL && c->order != NULL, err, HTH_ENOMEM,
                "no memory for %zu sums of squares", c->doubles);
    for (size_t i = 0; i < c->n; i++) {
        Entry *e = &c->entries[i];
        c->order[i] = e;
        e->sums = c->block + at;
        e->rows = e->sums + e->count * e->cols;
        at += (size_t)(e->count * (e->cols + 1));
    }
    qsort(c->order, c->n, sizeof *c->order, by_tensor); /* tensors lie in the file's order */
    return HTH_OK;
}

static void see(void *ctx, const HthWeight *w, uint32_t which, const float *row) {
    const Collect *c = ctx;
    const Entry key = { .w = w };
    const Entry *e = bsearch(&key, c->entries, c->n, sizeof key, by_weight);
    if (e == NULL) return;
    double *sums = e->sums + which * e->cols;
    for (uint64_t i = 0; i < e->cols; i++) sums[i] += (double)row[i] * row[i];
    e->rows[which] += 1;
}

/* ---- the text ---- */

static HthStatus read_text(Collect *c, HthStr text, HthErr *err) {
    const HthVocab *v = hth_model_vocab(c->model);
    uint8_t digest[HTH_HASH_BYTES];
    HTH_TRY(hth_model_vocab_status(c->model, err));
    HTH_TRY(hth_vocab_encode(v, text, 0, &c->ids, err));
    HTH_REQUIRE(c->ids.n > 0, err, HTH_EINVAL, "the text is empty");
    c->bos_id = hth_vocab_bos(v);
    c->bos = hth_vocab_add_bos(v) && c->bos_id != HTH_TOKEN_NONE;
    c->chunk = c->opt->chunk > 0 ? c->opt->chunk : HTH_COLLECT_CHUNK;
    c->body = c->chunk - (c->bos ? 1 : 0);
    const uint64_t chunks = (c->ids.n + c->body - 1) / c->body;
    c->chunks = chunks > UINT32_MAX ? UINT32_MAX : (uint32_t)chunks;
    if (c->opt->chunks_max > 0 && c->chunks > c->opt->chunks_max) c->chunks = c->opt->chunks_max;
    hth_hash(HTH_SHA256, text.p, text.n, digest);
    hth_hex(c->text_hex, digest, sizeof digest);
    return HTH_OK;
}

static HthStatus tell(const Collect *c, const char *phase, uint64_t done, uint64_t all,
                      HthErr *err) {
    HTH_REQUIRE(c->opt->progress == NULL || c->opt->progress(phase, done, all) == 0, err,
                HTH_ECANCELED, "stopped");
    return HTH_OK;
}

/* Model, text, chunks and numerics: what the sums depend on. */
static HthStatus make_plan(Collect *c, HthErr *err) {
    enum { STEP = 1 << 20 };
    const HthGguf *g = hth_model_gguf(c->model);
    const uint64_t all = hth_gguf_file_bytes(g);
    uint8_t digest[HTH_HASH_BYTES];
    char said[512];
    uint64_t done = 0;
    HthHash h = { 0 };
    HTH_TRY(hth_hash_begin(&h, HTH_SHA256, err));
    HthStatus st = HTH_OK;
    for (uint32_t i = 0; st == HTH_OK && i < hth_gguf_part_count(g); i++) {
        const HthStr bytes = hth_gguf_part(g, i);
        for (size_t at = 0; st == HTH_OK && at < bytes.n; at += STEP) {
            const size_t n = bytes.n - at < STEP ? bytes.n - at : STEP;
            hth_hash_add(&h, bytes.p + at, n);
            st = tell(c, "reading", done += n, all, err);
        }
    }
    hth_hash_end(&h, st == HTH_OK ? digest : NULL);
    HTH_TRY(st);
    hth_hex(c->model_hex, digest, sizeof digest);
    const int n = snprintf(said, sizeof said, "hearth imatrix 1 %s %s %u %u %s", c->model_hex,
                           c->text_hex, c->chunk, c->chunks, hth_numerics());
    HTH_ASSERT(n > 0 && n < (int)sizeof said);
    hth_hash(HTH_SHA256, said, (size_t)n, digest);
    hth_hex(c->plan, digest, sizeof digest);
    return HTH_OK;
}

/* ---- files ---- */

static void name_of(char out[NAME_ROOM], const Entry *e, const char *suffix) {
    snprintf(out, NAME_ROOM, "%.*s%s", (int)(e->t->name.n < 200 ? e->t->name.n : 200), e->t->name.p,
             suffix);
}

static void digest_of(const Collect *c, char hex[HTH_HASH_HEX + 1]) {
    uint8_t digest[HTH_HASH_BYTES];
    hth_hash(HTH_SHA256, c->block, c->doubles * sizeof *c->block, digest);
    hth_hex(hex, digest, sizeof digest);
}

static HthStatus put_metadata(const Collect *c, HthGgufOut *o, bool part, HthErr *err) {
    const HthStr text = hth_str(c->opt->text_name != NULL ? c->opt->text_name : "");
    char sums[HTH_HASH_HEX + 1];
    HTH_TRY(hth_gguf_out_str(o, "general.type", HTH_STR("imatrix"), err));
    HTH_TRY(hth_gguf_out_strs(o, "imatrix.datasets", &text, 1, err));
    HTH_TRY(hth_gguf_out_u32(o, "imatrix.chunk_count", c->done, err));
    HTH_TRY(hth_gguf_out_u32(o, "imatrix.chunk_size", c->chunk, err));
    HTH_TRY(hth_gguf_out_str(o, "hearth.model.sha256", hth_str(c->model_hex), err));
    HTH_TRY(hth_gguf_out_str(o, "hearth.text.sha256", hth_str(c->text_hex), err));
    HTH_TRY(hth_gguf_out_str(o, "hearth.numerics", hth_str(hth_numerics()), err));
    if (!part) return HTH_OK;
    digest_of(c, sums);
    HTH_TRY(hth_gguf_out_str(o, "hearth.plan", hth_str(c->plan), err));
    return hth_gguf_out_str(o, "hearth.sums", hth_str(sums), err);
}

static HthStatus put_numbers(HthGgufOut *o, const double *v, uint64_t n, bool part, HthErr *err) {
    enum { AT_ONCE = 1024 };
    const size_t size = part ? 8 : 4;
    uint8_t b[AT_ONCE * 8];
    for (uint64_t i = 0; i < n;) {
        size_t filled = 0;
        for (; i < n && filled < AT_ONCE * size; i++) {
            uint64_t bits;
            memcpy(&bits, &v[i], sizeof bits);
            if (!part) bits = hth_f32_bits((float)v[i]);
            for (size_t k = 0; k < size; k++) b[filled++] = (uint8_t)(bits >> (8 * k));
        }
        HTH_TRY(hth_gguf_out_data(o, b, filled, err));
    }
    return HTH_OK;
}

static HthStatus put_all(const Collect *c, HthGgufOut *o, bool part, HthErr *err) {
    const HthFmt *fmt = hth_fmt_by_id(part ? F64 : F32);
    char name[NAME_ROOM];
    HTH_TRY(put_metadata(c, o, part, err));
    for (size_t i = 0; i < c->n; i++) {
        const Entry *e = c->order[i];
        name_of(name, e, ".in_sum2");
        HTH_TRY(
            hth_gguf_out_tensor(o, hth_str(name), fmt, 2, (uint64_t[]){ e->cols, e->count }, err));
        name_of(name, e, ".counts");
        HTH_TRY(hth_gguf_out_tensor(o, hth_str(name), fmt, 2, (uint64_t[]){ 1, e->count }, err));
    }
    for (size_t i = 0; i < c->n; i++) {
        const Entry *e = c->order[i];
        HTH_TRY(put_numbers(o, e->sums, e->count * e->cols, part, err));
        HTH_TRY(put_numbers(o, e->rows, e->count, part, err));
    }
    return HTH_OK;
}

static HthStatus write_file(const Collect *c, bool part, HthErr *err) {
    HthGgufOut *o = NULL;
    HTH_TRY(hth_gguf_out_open(&o, part ? c->part : c->out, err));
    HthStatus st = put_all(c, o, part, err);
    if (st == HTH_OK) return hth_gguf_out_commit(&o, err);
    hth_gguf_out_abort(&o);
    return st;
}

static bool get_numbers(const HthGguf *g, const Entry *e, const char *suffix, uint64_t cols,
                        double *to) {
    char name[NAME_ROOM];
    name_of(name, e, suffix);
    const HthGgufTensor *t = hth_gguf_tensor(g, hth_str(name));
    if (t == NULL || t->fmt->id != F64 || t->ne[0] != cols || t->ne[1] != e->count) return false;
    for (uint64_t i = 0; i < cols * e->count; i++) {
        uint64_t bits = 0;
        for (int k = 0; k < 8; k++) bits |= (uint64_t)t->data[i * 8 + (uint64_t)k] << (8 * k);
        memcpy(&to[i], &bits, sizeof bits);
    }
    return t->ne[2] == 1 && t->ne[3] == 1;
}

/* Whether OUT.part is of this plan, whole and unharmed: then it counts. */
static bool take_part(Collect *c, const HthGguf *g) {
    HthStr plan, sums;
    char now[HTH_HASH_HEX + 1];
    uint32_t done;
    if (hth_gguf_str(g, "hearth.plan", &plan, NULL) != HTH_OK ||
        hth_gguf_str(g, "hearth.sums", &sums, NULL) != HTH_OK ||
        hth_gguf_u32(g, "imatrix.chunk_count", &done, NULL) != HTH_OK ||
        !hth_str_eq(plan, hth_str(c->plan)) || done > c->chunks)
        return false;
    for (size_t i = 0; i < c->n; i++)
        if (!get_numbers(g, &c->entries[i], ".in_sum2", c->entries[i].cols, c->entries[i].sums) ||
            !get_numbers(g, &c->entries[i], ".counts", 1, c->entries[i].rows))
            return false;
    digest_of(c, now);
    if (!hth_str_eq(sums, hth_str(now))) return false;
    c->done = c->resumed = done;
    return true;
}

static void resume(Collect *c) {
    HthGguf *g = NULL;
    if (access(c->part, R_OK) != 0 || hth_gguf_open(&g, c->part, NULL) != HTH_OK) return;
    if (!take_part(c, g)) memset(c->block, 0, c->doubles * sizeof *c->block);
    hth_gguf_close(&g);
}

/* ---- the work ---- */

static HthStatus check_finite(const Collect *c, HthErr *err) {
    for (size_t i = 0; i < c->n; i++) {
        const Entry *e = c->order[i];
        for (uint64_t k = 0; k < e->cols * e->count; k++)
            HTH_REQUIRE(isfinite((float)e->sums[k]), err, HTH_EFORMAT,
                        "what goes into '%.*s' is not finite: this model does not compute",
                        (int)e->t->name.n, e->t->name.p);
    }
    return HTH_OK;
}

static HthStatus one_chunk(Collect *c, HthSession *s, uint32_t *ids, HthErr *err) {
    const size_t from = (size_t)c->done * c->body;
    const size_t n = c->ids.n - from < c->body ? c->ids.n - from : c->body;
    const size_t head = c->bos ? 1 : 0;
    if (c->bos) ids[0] = c->bos_id;
    memcpy(ids + head, c->ids.p + from, n * sizeof *ids);
    hth_session_rewind(s, 0);
    HTH_TRY(hth_session_observe(s, ids, n + head, see, c, err));
    c->done++;
    return HTH_OK;
}

/* All chunks that are left; saved now and then, and when it is to stop. */
static HthStatus measure(Collect *c, HthErr *err) {
    const HthSessionCfg cfg = { .ctx = c->chunk, .threads = c->opt->threads };
    HthSession *s = NULL;
    uint64_t saved = hth_clock_ns();
    uint32_t *ids = hth_calloc(c->chunk, sizeof *ids);
    HthStatus st = ids != NULL ? hth_session_open(&s, c->model, &cfg, err)
                               : HTH_FAIL(err, HTH_ENOMEM, "out of memory");
    const uint64_t all =
        c->ids.n < (uint64_t)c->chunks * c->body ? c->ids.n : (uint64_t)c->chunks * c->body;
    while (st == HTH_OK && c->done < c->chunks) {
        st = one_chunk(c, s, ids, err);
        const uint64_t so_far = (uint64_t)c->done * c->body;
        if (st == HTH_OK) st = tell(c, "measuring", so_far < all ? so_far : all, all, err);
        const bool late = hth_clock_ns() - saved > (uint64_t)SAVE_EVERY_S * 1000000000u;
        if ((st != HTH_OK && st != HTH_ECANCELED) || (st == HTH_OK && !late)) continue;
        const HthStatus wrote = write_file(c, true, st == HTH_OK ? err : NULL);
        if (st == HTH_OK) st = wrote;
        saved = hth_clock_ns();
    }
    hth_session_close(&s);
    hth_free(ids);
    return st;
}

static json_t *said(const Collect *c) {
    uint64_t idle = 0;
    for (size_t i = 0; i < c->n; i++)
        for (uint64_t k = 0; k < c->entries[i].count; k++) idle += c->entries[i].rows[k] == 0;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:s, s:s}", "tensors", (json_int_t)c->n, "tokens",
                     (json_int_t)c->ids.n, "chunks", (json_int_t)c->chunks, "chunks_resumed",
                     (json_int_t)c->resumed, "matrices_never_used", (json_int_t)idle,
                     "model_sha256", c->model_hex, "text_sha256", c->text_hex);
}

static HthStatus work(Collect *c, HthStr text, json_t **said_out, HthErr *err) {
    HTH_TRY(read_text(c, text, err));
    HTH_TRY(make_room(c, err));
    HTH_TRY(make_plan(c, err));
    resume(c);
    HTH_TRY(measure(c, err));
    HTH_TRY(check_finite(c, err));
    json_t *report = said(c);
    HTH_REQUIRE(report != NULL, err, HTH_ENOMEM, "out of memory");
    const HthStatus st = write_file(c, false, err);
    if (st != HTH_OK) {
        json_decref(report);
        return st;
    }
    unlink(c->part);
    *said_out = report;
    return HTH_OK;
}

HthStatus hth_imatrix_collect(json_t **said_out, const HthModel *model, HthStr text,
                              const char *out, const HthCollectOpt *opt, HthErr *err) {
    HTH_REQUIRE(strlen(out) < PATH_MAX - 16, err, HTH_EINVAL, "the output's path is too long");
    HTH_ASSERT(opt->chunk <= HTH_COLLECT_CHUNK_MAX && opt->chunk != 1);
    Collect *c = hth_calloc(1, sizeof *c);
    HTH_REQUIRE(c != NULL, err, HTH_ENOMEM, "out of memory");
    c->model = model;
    c->opt = opt;
    hth_ids_init(&c->ids, IDS_MAX);
    snprintf(c->out, sizeof c->out, "%s", out);
    snprintf(c->part, sizeof c->part, "%.*s.part", PATH_MAX - 16, out);
    HthStatus st = work(c, text, said_out, err);
    hth_ids_drop(&c->ids);
    hth_free(c->entries);
    hth_free(c->order);
    hth_free(c->block);
    hth_free(c);
    if (st == HTH_ECANCELED)
        st = HTH_FAIL(err, st, "stopped; the same command continues where this one was");
    return st;
}
