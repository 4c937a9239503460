/* run.c - segment by segment through the model: rows of logits become a few figures each.
 *
 * The model's own threads compute logits; a second pool, of as many, looks at the rows: one worker
 * to a row, so that no figure depends on how many there are.
 *
 * Thread: one owner, with a pool. */
#include "eval/run.h"

#include <string.h>

#include "base/mem.h"
#include "base/par.h"
#include "eval/own.h"
#include "eval/state.h"
#include "model/model.h"

enum { BLOCK_BYTES = 32 << 20, BLOCK_ROWS = 256 };

typedef struct Work {
    HthEvalRun *run;
    HthSession *session;
    HthPool *pool;
    HthEvalState *state; /* NULL: none */
    HthEvalSave *save; /* NULL: none */
    HthEvalCodes *codes; /* with a base */
    float *logits; /* [block][vocab] */
    uint8_t *bytes; /* [block][row_bytes], with save */
    size_t block, row_bytes;
    uint64_t done, total; /* tokens */
    /* The block at hand. */
    size_t segment;
    uint32_t from; /* its first row in the segment */
    bool *bad; /* [block]: not numbers */
} Work;

static HthStatus stopped(const HthEvalOpt *opt, HthErr *err) {
    return HTH_FAIL(err, HTH_ECANCELED, "stopped%s",
                    opt->state != NULL ? "; the same command continues" : "");
}

HthStatus hth_eval_tell(const HthEvalOpt *opt, const char *phase, uint64_t done, uint64_t total,
                        HthErr *err) {
    if (opt->progress == NULL || opt->progress(phase, done, total) == 0) return HTH_OK;
    return stopped(opt, err);
}

/* ---- a block of rows ---- */

static void look_at(void *ctx, uint32_t item, uint32_t worker) {
    Work *w = ctx;
    HthEvalRun *run = w->run;
    const HthEvalSegment *s = &run->plan.segments[w->segment];
    const float *logits = w->logits + (size_t)item * run->vocab;
    const uint32_t k = w->from + item, token = run->plan.ids.p[s->at + s->first + k];
    HthEvalRow *row = &run->rows[s->row + k];
    double log_sum;
    (void)worker;
    w->bad[item] = !hth_eval_row(logits, run->vocab, token, row, &log_sum);
    if (w->bad[item]) return;
    if (w->save != NULL)
        hth_eval_saved_fill(w->bytes + item * w->row_bytes, row, token, logits, run->vocab,
                            log_sum);
    if (run->base != NULL) {
        const uint8_t *codes;
        hth_eval_base_row(run->base, &run->plan, w->segment, k, &row->base_nats, &row->base_top,
                          &codes);
        row->kl = hth_eval_kl(w->codes, codes, logits, run->vocab, log_sum);
    }
}

static HthStatus compute_block(Work *w, uint32_t n, HthErr *err) {
    const HthEvalSegment *s = &w->run->plan.segments[w->segment];
    const uint32_t *ids = w->run->plan.ids.p + s->at;
    HTH_TRY(hth_session_eval_all(w->session, ids + s->first - 1 + w->from, n, w->logits, err));
    hth_par_run(w->pool, n, look_at, w);
    for (uint32_t i = 0; i < n; i++)
        HTH_REQUIRE(!w->bad[i], err, HTH_EFORMAT,
                    "the model computes what is not a number (segment %zu, token %u)", w->segment,
                    s->first + w->from + i);
    return w->save != NULL ? hth_eval_save_add(w->save, w->bytes, n, err) : HTH_OK;
}

/* ---- a segment ---- */

/* What the session has of this timeline stays; then up to the first row that is asked for. */
static HthStatus give_context(Work *w, HthErr *err) {
    const HthEvalSegment *s = &w->run->plan.segments[w->segment];
    const uint32_t *ids = w->run->plan.ids.p + s->at, *have = hth_session_ids(w->session);
    const size_t count = hth_session_count(w->session), need = s->first - 1;
    size_t keep = 0;
    while (keep < need && keep < count && have[keep] == ids[keep]) keep++;
    hth_session_rewind(w->session, keep);
    return keep < need ? hth_session_eval(w->session, ids + keep, need - keep, NULL, err) : HTH_OK;
}

static HthStatus compute(Work *w, size_t segment, uint64_t *saved, HthErr *err) {
    HthEvalRun *run = w->run;
    const uint32_t rows = hth_eval_scored(&run->plan.segments[segment]);
    w->segment = segment;
    if (run->base != NULL) HTH_TRY(hth_eval_base_check(run->base, &run->plan, segment, err));
    if (w->save != NULL) HTH_TRY(hth_eval_save_begin(w->save, &run->plan, segment, err));
    HTH_TRY(give_context(w, err));
    for (w->from = 0; w->from < rows;) {
        const uint32_t left = rows - w->from, n = left < w->block ? left : (uint32_t)w->block;
        HTH_TRY(compute_block(w, n, err));
        w->from += n;
    }
    if (run->base != NULL) hth_eval_base_let_go(run->base, &run->plan, segment);
    return w->save != NULL ? hth_eval_save_end(w->save, saved, err) : HTH_OK;
}

/* From the state, when that has it and the saved logits are there too. */
static HthStatus known(Work *w, size_t segment, bool *out, HthErr *err) {
    const HthEvalSegment *s = &w->run->plan.segments[segment];
    uint64_t saved = 0;
    *out = false;
    if (w->state == NULL) return HTH_OK;
    HTH_TRY(
        hth_eval_state_next(w->state, w->run->rows + s->row, hth_eval_scored(s), &saved, out, err));
    if (!*out || w->save == NULL) return HTH_OK;
    HTH_TRY(hth_eval_save_has(w->save, &w->run->plan, segment, saved, out, err));
    if (!*out) hth_eval_state_back(w->state, hth_eval_scored(s));
    return HTH_OK;
}

static HthStatus all_segments(Work *w, HthErr *err) {
    const HthEvalPlan *p = &w->run->plan;
    bool there = true;
    for (size_t i = 0; i < p->segment_count; i++) {
        const HthEvalSegment *s = &p->segments[i];
        uint64_t saved = 0;
        HTH_TRY(hth_eval_tell(w->run->opt, "evaluating", w->done, w->total, err));
        if (there) HTH_TRY(known(w, i, &there, err));
        if (!there) {
            HTH_TRY(compute(w, i, &saved, err));
            if (w->state != NULL)
                HTH_TRY(hth_eval_state_add(w->state, w->run->rows + s->row, hth_eval_scored(s),
                                           saved, err));
        }
        w->done += s->n;
    }
    return HTH_OK;
}

/* ---- opening ---- */

/* Between the chunks of a long segment. */
static int on_chunk(void *payload, size_t done, size_t total) {
    Work *w = payload;
    const HthEvalOpt *opt = w->run->opt;
    (void)total;
    return opt->progress != NULL && opt->progress("evaluating", w->done + done, w->total) != 0;
}

static void add_text(HthHash *h, const char *s) {
    hth_hash_add(h, s, strlen(s) + 1);
}

/* Everything that the rows depend on: a state of anything else is not continued. */
static HthStatus digest(const Work *w, uint8_t out[HTH_HASH_BYTES], HthErr *err) {
    const HthEvalRun *run = w->run;
    const char *kv = run->opt->session.kv;
    uint8_t number[8];
    HthHash h = { 0 };
    HTH_TRY(hth_hash_begin(&h, HTH_SHA256, err));
    add_text(&h, "hearth eval state 1");
    add_text(&h, hth_version());
    add_text(&h, hth_numerics());
    add_text(&h, kv != NULL ? kv : "");
    add_text(&h, run->opt->save != NULL ? "save" : "");
    hth_hash_add(&h, run->plan.digest, HTH_HASH_BYTES);
    hth_hash_add(&h, run->model_sha256, HTH_HASH_BYTES);
    if (run->base != NULL) hth_hash_add(&h, hth_eval_base_head(run->base)->model, HTH_HASH_BYTES);
    hth_own_put64(number, run->plan.rows);
    hth_hash_add(&h, number, sizeof number);
    hth_hash_end(&h, out);
    return HTH_OK;
}

static HthStatus open_files(Work *w, HthErr *err) {
    const HthEvalRun *run = w->run;
    uint8_t id[HTH_HASH_BYTES];
    HthEvalSavedHead head = { .vocab = run->vocab, .rows = run->plan.rows };
    head.segments = run->plan.segment_count;
    memcpy(head.plan, run->plan.digest, HTH_HASH_BYTES);
    memcpy(head.model, run->model_sha256, HTH_HASH_BYTES);
    HTH_TRY(digest(w, id, err));
    if (run->opt->save != NULL) HTH_TRY(hth_eval_save_open(&w->save, run->opt->save, &head, err));
    if (run->opt->state != NULL) HTH_TRY(hth_eval_state_open(&w->state, run->opt->state, id, err));
    return run->base != NULL ? hth_eval_codes_open(&w->codes, err) : HTH_OK;
}

static HthStatus open_work(Work *w, HthErr *err) {
    HthEvalRun *run = w->run;
    const size_t row = run->vocab * sizeof(float);
    w->block = BLOCK_BYTES / row;
    if (w->block < 1) w->block = 1;
    if (w->block > BLOCK_ROWS) w->block = BLOCK_ROWS;
    w->row_bytes = hth_eval_saved_row(run->vocab);
    for (size_t i = 0; i < run->plan.segment_count; i++) w->total += run->plan.segments[i].n;
    HTH_TRY(open_files(w, err));
    HthSessionCfg cfg = run->opt->session;
    cfg.ctx = run->plan.longest;
    cfg.progress = on_chunk;
    cfg.payload = w;
    HTH_TRY(hth_session_open(&w->session, run->model, &cfg, err));
    HTH_TRY(hth_pool_open(&w->pool, cfg.threads, err));
    w->logits = hth_calloc(w->block * run->vocab, sizeof *w->logits);
    w->bad = hth_calloc(w->block, sizeof *w->bad);
    if (w->save != NULL) w->bytes = hth_calloc(w->block, w->row_bytes);
    HTH_REQUIRE(w->logits && w->bad && (w->save == NULL || w->bytes), err, HTH_ENOMEM,
                "out of memory for %zu rows of logits", w->block);
    return HTH_OK;
}

HthStatus hth_eval_run(HthEvalRun *run, HthErr *err) {
    Work w = { .run = run };
    run->rows = hth_calloc(run->plan.rows, sizeof *run->rows);
    HTH_REQUIRE(run->rows != NULL, err, HTH_ENOMEM, "out of memory for %llu figures",
                (unsigned long long)run->plan.rows);
    HthStatus st = open_work(&w, err);
    if (st == HTH_OK) st = all_segments(&w, err);
    if (st == HTH_OK && w.save != NULL) st = hth_eval_save_commit(w.save, err);
    if (st == HTH_ECANCELED) st = stopped(run->opt, err); /* a session says it in other words */
    if (st == HTH_OK) hth_eval_state_remove(&w.state);
    hth_eval_state_close(&w.state);
    hth_eval_save_close(&w.save);
    hth_eval_codes_close(&w.codes);
    hth_session_close(&w.session);
    hth_pool_close(&w.pool);
    hth_free(w.logits);
    hth_free(w.bad);
    hth_free(w.bytes);
    return st;
}
