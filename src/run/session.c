/* session.c - one timeline: tokens appended, taken back, or made equal to a wanted sequence.
 *
 * All memory is taken when the session opens; evaluating allocates nothing.
 *
 * Thread: one at a time per session; it is the caller of the session's pool. */
#include <string.h>

#include "base/mem.h"
#include "model/adapter.h"
#include "model/model.h"
#include "run/plan.h"
#include "run/pool.h"
#include "run/session.h"
#include "run/step.h"

struct HthSession {
    const HthModel *model; /* borrowed */
    HthRunPlan plan;
    HthPool *pool;
    HthPages *pages;
    HthTable *table;
    HthExec *exec;
    HthPaging *paging; /* NULL: all weights stay in memory */
    HthRows *rows;
    HthAdapterSet adapters; /* count 0: none */
    uint32_t *ids; /* [ctx], count in use */
    size_t count;
    int (*progress)(void *payload, size_t done, size_t total);
    void *payload;
};

enum { PACK_RUNS = 16 }; /* steps in which weights become panels: each takes a little longer */

static HthStatus open_parts(HthSession *s, bool pack, HthErr *err) {
    const HthRunPlan *p = &s->plan;
    const HthPagesCfg cfg = hth_table_pool(&p->layout, p->page_count);
    HTH_TRY(hth_pool_open(&s->pool, p->threads, err));
    HTH_TRY(hth_pages_open(&s->pages, &cfg, err));
    HTH_TRY(hth_table_open(&s->table, s->pages, &p->layout, p->page_count, err));
    HTH_TRY(hth_exec_open(&s->exec, hth_model_program(s->model), hth_kern_pick(), s->pool, p->chunk,
                          p->page_count, err));
    if (pack) hth_exec_pack(s->exec, hth_model_pack_bytes(s->model) / PACK_RUNS + 1);
    if (s->adapters.count > 0) HTH_TRY(hth_exec_adapters(s->exec, p->adapt_width, err));
    if (p->paging.window > 0) {
        HTH_TRY(hth_paging_open(&s->paging, hth_model_program(s->model), hth_model_files(s->model),
                                &p->paging, err));
        hth_exec_paging(s->exec, s->paging);
    }
    HTH_TRY(hth_rows_open(&s->rows, p->chunk, err));
    s->ids = hth_calloc(p->ctx, sizeof *s->ids);
    HTH_REQUIRE(s->ids, err, HTH_ENOMEM, "no memory for a timeline of %u tokens", p->ctx);
    return HTH_OK;
}

HthStatus hth_session_open(HthSession **out, const HthModel *model, const HthSessionCfg *cfg,
                           HthErr *err) {
    HthRunPlan plan;
    HTH_TRY(hth_run_plan(&plan, model, cfg, err));
    HthSession *s = hth_calloc(1, sizeof *s);
    HTH_REQUIRE(s, err, HTH_ENOMEM, "no memory for a session");
    s->model = model;
    s->plan = plan;
    if (cfg) {
        s->progress = cfg->progress;
        s->payload = cfg->payload;
    }
    HthStatus st = HTH_OK;
    if (cfg && cfg->adapter_count > 0)
        st = hth_adapter_set(&s->adapters, model, cfg->adapters, cfg->adapter_count, err);
    if (st == HTH_OK) st = open_parts(s, !cfg || !cfg->no_pack, err);
    if (st != HTH_OK)
        hth_session_close(&s);
    else
        *out = s;
    return st;
}

void hth_session_close(HthSession **session) {
    HthSession *s = *session;
    if (!s) return;
    hth_rows_close(&s->rows);
    hth_exec_close(&s->exec);
    hth_paging_close(&s->paging);
    hth_table_close(&s->table);
    hth_pages_close(&s->pages);
    hth_pool_close(&s->pool);
    if (s->ids) hth_zero(s->ids, s->plan.ctx * sizeof *s->ids);
    hth_free(s->ids);
    hth_free(s);
    *session = NULL;
}

static HthStatus check_ids(const HthSession *s, const uint32_t *ids, size_t n, size_t room,
                           HthErr *err) {
    uint32_t n_vocab = hth_model_vocab_count(s->model);
    HTH_REQUIRE(n > 0, err, HTH_EINVAL, "no tokens to evaluate");
    HTH_REQUIRE(n <= room, err, HTH_ELIMIT,
                "%zu tokens do not fit: the context is %u and %zu are free; nothing was computed",
                n, s->plan.ctx, room);
    for (size_t i = 0; i < n; i++)
        HTH_REQUIRE(ids[i] < n_vocab, err, HTH_EINVAL,
                    "token %zu of %zu is id %u; the model has %u", i + 1, n, ids[i], n_vocab);
    return HTH_OK;
}

static void begin_rows(HthSession *s) {
    hth_rows_clear(s->rows);
    if (s->adapters.count > 0) hth_rows_adapt(s->rows, &s->adapters);
}

/* Room is checked; computes chunk after chunk.  want applies to the whole of ids. */
static HthStatus run(HthSession *s, const uint32_t *ids, size_t n, HthWant want, float *logits,
                     HthErr *err) {
    size_t n_vocab = hth_model_vocab_count(s->model);
    HTH_TRY(hth_table_grow(s->table, s->count + n, err));
    for (size_t done = 0; done < n;) {
        uint32_t len = n - done < s->plan.chunk ? (uint32_t)(n - done) : s->plan.chunk;
        bool last = done + len == n;
        begin_rows(s);
        hth_rows_add(s->rows, hth_table_view(s->table), ids + done, len, (uint32_t)s->count,
                     want == HTH_WANT_LAST && !last ? HTH_WANT_NONE : want);
        hth_rows_run(s->rows, s->exec, logits);
        memmove(s->ids + s->count, ids + done, len * sizeof *ids); /* ids may be our own */
        s->count += len;
        done += len;
        if (want == HTH_WANT_ALL) logits += len * n_vocab;
        if (last || !s->progress || s->progress(s->payload, done, n) == 0) continue;
        hth_table_trim(s->table, s->count);
        return HTH_FAIL(err, HTH_ECANCELED, "stopped after %zu of %zu tokens", done, n);
    }
    return HTH_OK;
}

/* Takes back what is beyond count; where the model must begin before count (a state cannot be
 * undone) computes up to there again. */
static void shrink(HthSession *s, size_t count) {
    if (count >= s->count) return;
    const size_t rest = hth_table_rest(s->table, count);
    hth_table_trim(s->table, rest);
    s->count = rest;
    if (rest == count) return;
    int (*progress)(void *payload, size_t done, size_t total) = s->progress;
    s->progress = NULL; /* nobody asked for this */
    const HthStatus st = run(s, s->ids + rest, count - rest, HTH_WANT_NONE, NULL, NULL);
    HTH_ASSERT(st == HTH_OK); /* there was room for it */
    s->progress = progress;
}

HthStatus hth_session_eval(HthSession *s, const uint32_t *ids, size_t n, float *logits,
                           HthErr *err) {
    HTH_TRY(hth_model_speaks(s->model, err));
    HTH_TRY(check_ids(s, ids, n, s->plan.ctx - s->count, err));
    return run(s, ids, n, logits ? HTH_WANT_LAST : HTH_WANT_NONE, logits, err);
}

HthStatus hth_session_eval_all(HthSession *s, const uint32_t *ids, size_t n, float *logits,
                               HthErr *err) {
    HTH_TRY(hth_model_speaks(s->model, err));
    HTH_REQUIRE(logits, err, HTH_EINVAL,
                "all logits were asked for, but there is nowhere to put "
                "them");
    HTH_TRY(check_ids(s, ids, n, s->plan.ctx - s->count, err));
    return run(s, ids, n, HTH_WANT_ALL, logits, err);
}

/* Computes ids chunk by chunk; rows: what the last product would read of each, [n][n_embd], or
 * where NULL nobody's. */
static HthStatus run_hidden(HthSession *s, const uint32_t *ids, size_t n, float *rows,
                            HthErr *err) {
    const size_t n_embd = hth_model_program(s->model)->n_embd;
    HTH_TRY(check_ids(s, ids, n, s->plan.ctx - s->count, err));
    HTH_REQUIRE(s->count == 0 || !hth_model_program(s->model)->whole, err, HTH_EINVAL,
                "this model reads texts whole: nothing can be added to one");
    HTH_TRY(hth_table_grow(s->table, s->count + n, err));
    float *hidden = rows ? rows : hth_calloc(s->plan.chunk, n_embd * sizeof *hidden);
    HTH_REQUIRE(hidden, err, HTH_ENOMEM, "no memory for %u rows", s->plan.chunk);
    for (size_t done = 0; done < n;) {
        const uint32_t len = n - done < s->plan.chunk ? (uint32_t)(n - done) : s->plan.chunk;
        begin_rows(s);
        hth_rows_add(s->rows, hth_table_view(s->table), ids + done, len, (uint32_t)s->count,
                     HTH_WANT_ALL);
        hth_rows_run_hidden(s->rows, s->exec, rows ? rows + done * n_embd : hidden);
        memmove(s->ids + s->count, ids + done, len * sizeof *ids); /* ids may be our own */
        s->count += len;
        done += len;
    }
    if (!rows) hth_free(hidden);
    return HTH_OK;
}

HthStatus hth_session_observe(HthSession *s, const uint32_t *ids, size_t n, HthSeeFn *see,
                              void *ctx, HthErr *err) {
    const bool ranks = hth_model_shape(s->model)->pooling == HTH_POOL_RANK;
    const uint32_t width = hth_program_out(hth_model_program(s->model));
    float *scores = ranks ? hth_calloc(width, sizeof *scores) : NULL;
    HTH_REQUIRE(scores || !ranks, err, HTH_ENOMEM, "no memory for %u scores", width);
    hth_exec_watch(s->exec, see, ctx);
    const HthStatus st =
        ranks ? hth_session_vector(s, ids, n, scores, err) : run_hidden(s, ids, n, NULL, err);
    hth_exec_watch(s->exec, NULL, NULL);
    hth_free(scores);
    return st;
}

HthStatus hth_session_rows(HthSession *s, const uint32_t *ids, size_t n, float *rows, HthErr *err) {
    HTH_TRY(check_ids(s, ids, n, s->plan.ctx, err));
    hth_session_rewind(s, 0);
    return run_hidden(s, ids, n, rows, err);
}

HthStatus hth_session_vector(HthSession *s, const uint32_t *ids, size_t n, float *out,
                             HthErr *err) {
    const uint32_t n_embd = hth_model_program(s->model)->n_embd;
    const HthPooling how = hth_pooling_of(s->model);
    float *rows = hth_calloc(n + 1, n_embd * sizeof *rows);
    double *sum = hth_calloc(n_embd, sizeof *sum);
    HthStatus st = HTH_OK;
    if (!rows || !sum) st = HTH_FAIL(err, HTH_ENOMEM, "no memory for a text of %zu rows", n);
    if (st == HTH_OK) st = hth_session_rows(s, ids, n, rows, err);
    if (st == HTH_OK) {
        for (size_t i = 0; i < n; i++) hth_pool_row(how, sum, rows + i * n_embd, n_embd, i == 0);
        if (hth_model_shape(s->model)->pooling == HTH_POOL_RANK) {
            hth_pool_mean(how, sum, n, rows, n_embd);
            const HthAdapterSet *set = s->adapters.count > 0 ? &s->adapters : NULL;
            hth_exec_head(s->exec, rows, 1, &set, out);
        } else {
            hth_pool_unit(sum, out, n_embd);
        }
    }
    if (rows) hth_zero(rows, (n + 1) * n_embd * sizeof *rows);
    if (sum) hth_zero(sum, n_embd * sizeof *sum);
    hth_free(rows);
    hth_free(sum);
    return st;
}

HthStatus hth_session_sync(HthSession *s, const uint32_t *ids, size_t n, float *logits,
                           HthErr *err) {
    HTH_TRY(hth_model_speaks(s->model, err));
    HTH_TRY(check_ids(s, ids, n, s->plan.ctx, err));
    size_t same = 0;
    while (same < s->count && same < n && s->ids[same] == ids[same]) same++;
    if (same == n) same--; /* the last token's logits are wanted */
    size_t before = s->count;
    shrink(s, same); /* the old ids stay until the new ones are read: they may be the same memory */
    HthStatus st =
        run(s, ids + same, n - same, logits ? HTH_WANT_LAST : HTH_WANT_NONE, logits, err);
    if (s->count < before) hth_zero(s->ids + s->count, (before - s->count) * sizeof *s->ids);
    return st;
}

void hth_session_rewind(HthSession *s, size_t count) {
    size_t before = s->count;
    shrink(s, count);
    hth_zero(s->ids + s->count, (before - s->count) * sizeof *s->ids);
}

size_t hth_session_count(const HthSession *s) {
    return s->count;
}

size_t hth_session_ctx(const HthSession *s) {
    return s->plan.ctx;
}

const uint32_t *hth_session_ids(const HthSession *s) {
    return s->ids;
}

void hth_session_weights(const HthSession *s, uint64_t *total, uint64_t *passing) {
    *total = s->plan.paging.total;
    *passing = s->plan.paging.total - s->plan.paging.kept;
}

const HthModel *hth_session_model(const HthSession *s) {
    return s->model;
}
