/* panel_file.c - see panel_file.h.
 *
 * What a file must begin with is computed from the model, so that reading one is a comparison: no
 * number in it is ever trusted.
 *
 * Thread: opening: one owner; write, verify: any. */
#include "model/panel_file.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/room.h"
#include "base/sum.h"
#include "model/model_impl.h"

enum { VERSION = 1, ALIGN = 64, HEAD = 64, ENTRY = 32, SAMPLE = 256 };
enum {
    AT_SUM = 32
}; /* of the whole model: not known at open, stored and left out of comparisons */

static void put32(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> i * 8);
}
static void put64(uint8_t *p, uint64_t v) {
    for (int i = 0; i < 8; i++) p[i] = (uint8_t)(v >> i * 8);
}
static size_t aligned(size_t n) {
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}

HthStatus hth_panels_path(char *out, size_t n, const char *model, HthErr *err) {
    int len = snprintf(out, n, "%s.panels", model);
    HTH_REQUIRE(len > 0 && (size_t)len < n, err, HTH_ELIMIT, "the path of the model is too long");
    return HTH_OK;
}

/* Everything that a panel file of the model holds before the panels. */
typedef struct Plan {
    uint8_t *head; /* owned, head_n bytes */
    size_t head_n, count, file_n;
} Plan;

/* Samples of a matrix: enough to tell two fine-tunings of one model apart. */
static uint64_t sampled(const HthWeight *w) {
    size_t n = w->row_bytes * w->rows, piece = n < SAMPLE ? n : SAMPLE;
    uint64_t sum = hth_sum64(0, w->data, piece);
    sum = hth_sum64(sum, w->data + (n - piece) / 2, piece);
    return hth_sum64(sum, w->data + (n - piece), piece);
}

static HthStatus plan_open(Plan *out, const HthModel *m, HthErr *err) {
    size_t slots = (size_t)m->shape.n_layer * HTH_W_COUNT, bytes;
    Plan p = { .count = 0 };
    for (size_t i = 0; i < slots; i++) p.count += hth_model_packable(m, i, &bytes) != NULL;
    HTH_REQUIRE(p.count > 0, err, HTH_ENOTSUP, "none of the matrices of this model can be packed");
    p.head_n = HEAD + p.count * ENTRY;
    p.head = hth_calloc(1, p.head_n);
    HTH_REQUIRE(p.head, err, HTH_ENOMEM, "no memory for a table of %zu matrices", p.count);
    memcpy(p.head, "HTHPANEL", 8);
    put32(p.head + 8, VERSION);
    put32(p.head + 12, (uint32_t)p.count);
    put64(p.head + 16, hth_gguf_file_bytes(m->gguf));
    size_t at = aligned(p.head_n);
    uint8_t *entry = p.head + HEAD;
    for (size_t i = 0; i < slots; i++) {
        const HthWeight *w = hth_model_packable(m, i, &bytes);
        if (!w) continue;
        put32(entry, w->fmt->id);
        put32(entry + 4, w->rows);
        put64(entry + 8, w->row_bytes);
        put64(entry + 16, at);
        put64(entry + 24, sampled(w));
        entry += ENTRY;
        at += bytes;
    }
    p.file_n = at;
    put64(p.head + 24, at);
    *out = p;
    return HTH_OK;
}

static bool same_head(const Plan *p, const HthFileMap *map) {
    return map->n == p->file_n && memcmp(map->data, p->head, AT_SUM) == 0 &&
           memcmp(map->data + HEAD, p->head + HEAD, p->head_n - HEAD) == 0;
}

/* ---- opening -------------------------------------------------------------------------------- */

static HthStatus use(HthModel *m, const Plan *p, HthErr *err) {
    size_t slots = (size_t)m->shape.n_layer * HTH_W_COUNT, at = aligned(p->head_n), bytes;
    HthPacked *packed = hth_arena_take(m->arena, p->count, sizeof *packed);
    HTH_REQUIRE(packed, err, HTH_ENOMEM, "no memory to bind the model");
    for (size_t i = 0; i < slots; i++) {
        HthWeight *w = hth_model_packable(m, i, &bytes);
        if (!w) continue;
        atomic_store(&packed->panels, m->panels.data + at);
        w->packed = packed++;
        at += bytes;
    }
    return HTH_OK;
}

/* Where panels stand in for the rows, of those only samples are read, and 15 at the end. */
static void rows_aside(const HthModel *m, bool aside) {
    size_t bytes;
    for (size_t i = 0; i < (size_t)m->shape.n_layer * HTH_W_COUNT; i++) {
        const HthWeight *w = hth_model_packable(m, i, &bytes);
        if (w) hth_room_random(w->data, w->row_bytes * w->rows, aside);
    }
}

HthStatus hth_model_panels_open(HthModel *m, const char *path, bool *found, HthErr *err) {
    char name[4096];
    Plan p = { .head = NULL };
    *found = false;
    if (hth_panels_path(name, sizeof name, path, NULL) != HTH_OK) return HTH_OK;
    if (hth_file_map(&m->panels, name, NULL) != HTH_OK)
        return HTH_OK; /* as a rule: there is none */
    rows_aside(m, true);
    HthStatus st = plan_open(&p, m, err);
    if (st == HTH_ENOTSUP)
        st = HTH_OK;
    else if (st == HTH_OK && same_head(&p, &m->panels)) {
        st = use(m, &p, err);
        *found = st == HTH_OK;
    } else if (st == HTH_OK) {
        hth_log(HTH_LOG_WARN,
                "%s was not made from this model and is not used; hearth pack makes it anew", name);
    }
    if (!*found) {
        rows_aside(m, false);
        hth_file_unmap(&m->panels);
    }
    hth_free(p.head);
    return st;
}

/* ---- writing and proving -------------------------------------------------------------------- */

static uint64_t whole_sum(const HthModel *m) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < hth_gguf_part_count(m->gguf); i++) {
        HthStr part = hth_gguf_part(m->gguf, i);
        sum = hth_sum64(sum, part.p, part.n);
    }
    return sum;
}

/* Sixteen rows at a time: fn does what is to be done with them. */
typedef struct Walk {
    const HthModel *m;
    const Plan *plan;
    HthPanelProgress *progress;
    uint8_t *panel; /* owned; 16 of the longest rows */
    HthFileOut *out; /* writing */
    const uint8_t *in; /* proving: the mapped file */
} Walk;

static HthStatus one_panel(const Walk *k, const HthWeight *w, uint32_t r, size_t at, HthErr *err) {
    const uint8_t *rows = w->data + (size_t)r * w->row_bytes;
    size_t n = w->row_bytes * HTH_PANEL_ROWS;
    if (k->in) {
        hth_panel_unpack(w->fmt, k->in + at, w->row_bytes, k->panel);
        HTH_REQUIRE(memcmp(k->panel, rows, n) == 0, err, HTH_EFORMAT,
                    "the panels of %s differ from the model in rows %u to %u", w->name, r, r + 15);
        return HTH_OK;
    }
    hth_panel_pack(w->fmt, rows, w->row_bytes, k->panel);
    return hth_file_out_add(k->out, k->panel, n, err);
}

static HthStatus walk(const Walk *k, HthErr *err) {
    static const uint8_t zeros[ALIGN];
    size_t slots = (size_t)k->m->shape.n_layer * HTH_W_COUNT, at = aligned(k->plan->head_n), bytes;
    if (k->out) HTH_TRY(hth_file_out_add(k->out, zeros, at - k->plan->head_n, err));
    for (size_t i = 0; i < slots; i++) {
        const HthWeight *w = hth_model_packable(k->m, i, &bytes);
        if (!w) continue;
        size_t done = 0, step = w->row_bytes * HTH_PANEL_ROWS;
        for (uint32_t r = 0; r < hth_packed_rows(w->rows); r += HTH_PANEL_ROWS, done += step)
            HTH_TRY(one_panel(k, w, r, at + done, err));
        if (k->out) HTH_TRY(hth_file_out_add(k->out, zeros, bytes - done, err));
        at += bytes;
        HTH_REQUIRE(!k->progress || k->progress(at, k->plan->file_n) == 0, err, HTH_ECANCELED,
                    "stopped");
    }
    return HTH_OK;
}

static HthStatus walk_open(Walk *k, HthErr *err) {
    size_t longest = 0, bytes;
    for (size_t i = 0; i < (size_t)k->m->shape.n_layer * HTH_W_COUNT; i++) {
        const HthWeight *w = hth_model_packable(k->m, i, &bytes);
        if (w && w->row_bytes > longest) longest = w->row_bytes;
    }
    k->panel = hth_calloc(HTH_PANEL_ROWS, longest);
    HTH_REQUIRE(k->panel, err, HTH_ENOMEM, "no memory for 16 rows of %zu bytes", longest);
    return HTH_OK;
}

HthStatus hth_panels_write(const HthModel *m, const char *path, HthPanelProgress *progress,
                           HthErr *err) {
    Plan p;
    HTH_TRY(plan_open(&p, m, err));
    Walk k = { .m = m, .plan = &p, .progress = progress };
    HthStatus st = walk_open(&k, err);
    put64(p.head + AT_SUM, whole_sum(m));
    if (st == HTH_OK) st = hth_file_out_open(&k.out, path, 0644, err);
    if (st == HTH_OK) st = hth_file_out_add(k.out, p.head, p.head_n, err);
    if (st == HTH_OK) st = walk(&k, err);
    if (st == HTH_OK) st = hth_file_out_commit(&k.out, err);
    hth_file_out_abort(&k.out);
    hth_free(k.panel);
    hth_free(p.head);
    return st;
}

HthStatus hth_panels_verify(const HthModel *m, const char *path, HthPanelProgress *progress,
                            HthErr *err) {
    Plan p;
    HthFileMap map = { 0 };
    HTH_TRY(plan_open(&p, m, err));
    Walk k = { .m = m, .plan = &p, .progress = progress };
    put64(p.head + AT_SUM, whole_sum(m));
    HthStatus st = hth_file_map(&map, path, err);
    if (st == HTH_OK && (!same_head(&p, &map) || memcmp(map.data, p.head, HEAD) != 0))
        st = HTH_FAIL(err, HTH_EFORMAT, "%s was not made from this model", path);
    k.in = map.data;
    if (st == HTH_OK) st = walk_open(&k, err);
    if (st == HTH_OK) st = walk(&k, err);
    hth_file_unmap(&map);
    hth_free(k.panel);
    hth_free(p.head);
    return st;
}
