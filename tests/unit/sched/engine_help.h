/* engine_help.h - jobs for the engine's tests: one said alone the plain way, and many read to the
 * end.
 *
 * Include after support/test.h and support/tiny.h.
 *
 * Thread: the test's. */
#ifndef HTH_TESTS_UNIT_SCHED_ENGINE_HELP_H
#define HTH_TESTS_UNIT_SCHED_ENGINE_HELP_H

#include "base/clock.h"
#include "base/thread.h"
#include "model/model.h"
#include "sched/engine.h"

enum { SAID_MAX = 1024, SAID_TEXT = 1 << 14, TOGETHER_MAX = 64 };

/* What one job said. */
typedef struct Said {
    uint32_t ids[SAID_MAX], count;
    float logprob[SAID_MAX];
    char text[SAID_TEXT]; /* words, tail and closing */
    size_t n;
    HthJobDone done; /* its borrowed parts are gone with the job */
    float *vector; /* [done.embedding_count], free with hth_free */
} Said;

/* Rings when any of its jobs has something to say. */
typedef struct Bell {
    HthGate *gate;
    uint64_t rung;
} Bell;

static inline void bell_open(Bell *b) {
    HthErr err;
    *b = (Bell){ 0 };
    assert_ok(hth_gate_open(&b->gate, &err), err);
}

static inline void bell_wake(void *payload) {
    Bell *b = payload;
    hth_gate_enter(b->gate);
    b->rung++;
    hth_gate_ring(b->gate);
    hth_gate_leave(b->gate);
}

/* Sleeps until it has rung more often than `seen`; returns how often. */
static inline uint64_t bell_wait(Bell *b, uint64_t seen) {
    hth_gate_enter(b->gate);
    while (b->rung == seen) hth_gate_wait(b->gate, UINT64_MAX);
    seen = b->rung;
    hth_gate_leave(b->gate);
    return seen;
}

static inline void said_text(Said *s, HthStr text) {
    HTH_ASSERT(s->n + text.n < SAID_TEXT);
    if (text.n) memcpy(s->text + s->n, text.p, text.n);
    s->n += text.n;
    s->text[s->n] = 0;
}

/* Reads what is there; true when the job has ended. */
static inline bool said_read(Said *s, HthJob *j) {
    HthWord w;
    HthJobDone d;
    for (;;) {
        const int r = hth_job_read(j, &w, &d);
        if (r == 0) return false;
        if (r < 0) break;
        HTH_ASSERT(s->count < SAID_MAX);
        s->logprob[s->count] = w.logprob;
        s->ids[s->count++] = w.id;
        said_text(s, w.text);
    }
    said_text(s, d.tail);
    said_text(s, d.closing);
    s->done = d;
    if (d.embedding_count && !s->vector) {
        s->vector = hth_calloc(d.embedding_count, sizeof *s->vector);
        HTH_ASSERT(s->vector);
        memcpy(s->vector, d.embedding, d.embedding_count * sizeof *s->vector);
    }
    return true;
}

/* One job to its end. */
static inline void said_all(Said *s, HthEngine *e, HthJobCfg cfg) {
    HthErr err = { 0 };
    HthJob *j = NULL;
    Bell bell;
    bell_open(&bell);
    memset(s, 0, sizeof *s);
    cfg.wake = bell_wake;
    cfg.payload = &bell;
    assert_ok(hth_engine_submit(e, &cfg, &j, &err), err);
    for (uint64_t seen = 0; !said_read(s, j);) seen = bell_wait(&bell, seen);
    hth_job_close(&j);
    hth_gate_close(&bell.gate);
}

/* At most TOGETHER_MAX at once on one engine, each read to its end. */
static inline void said_together(HthEngine *e, const HthJobCfg *cfgs, uint32_t count, Said *said) {
    HthErr err = { 0 };
    HthJob *jobs[TOGETHER_MAX];
    Bell bell;
    uint32_t open = count;
    bell_open(&bell);
    for (uint32_t i = 0; i < count; i++) {
        HthJobCfg c = cfgs[i];
        memset(&said[i], 0, sizeof said[i]);
        c.wake = bell_wake;
        c.payload = &bell;
        assert_ok(hth_engine_submit(e, &c, &jobs[i], &err), err);
    }
    for (uint64_t seen = 0; open; seen = open ? bell_wait(&bell, seen) : seen)
        for (uint32_t i = 0; i < count; i++) {
            if (!jobs[i] || !said_read(&said[i], jobs[i])) continue;
            if (said[i].done.end == HTH_END_ERROR) fail_msg("%s", said[i].done.err.text);
            hth_job_close(&jobs[i]);
            open--;
        }
    hth_gate_close(&bell.gate);
}

/* The plain way: a session of its own, as `hearth run` goes (cli/answer.c). */
static inline void said_plainly(Said *s, const HthModel *m, const HthJobCfg *c, uint32_t ctx,
                                const char *kv) {
    HthErr err = { 0 };
    HthSession *session = NULL;
    HthSampler *sampler = NULL;
    const uint32_t n_vocab = hth_model_vocab_count(m);
    const HthVocab *v = hth_model_vocab(m);
    float *row = hth_calloc(n_vocab, sizeof *row);
    memset(s, 0, sizeof *s);
    assert_non_null(row);
    const HthSessionCfg cfg = { .ctx = ctx,
                                .threads = 1,
                                .kv = kv,
                                .adapters = c->adapters,
                                .adapter_count = c->adapter_count };
    assert_ok(hth_session_open(&session, m, &cfg, &err), err);
    assert_ok(hth_sampler_open(&sampler, &c->params, n_vocab, v, &err), err);
    assert_ok(hth_session_eval(session, c->ids, c->n, row, &err), err);
    for (;;) {
        uint32_t id;
        const size_t count = hth_session_count(session);
        assert_ok(hth_sampler_next(sampler, row, hth_session_ids(session), count, &id, &err), err);
        s->done.end = HTH_END_STOP;
        if (v && hth_vocab_is_end(v, id) && !c->ignore_end) break;
        s->ids[s->count++] = id;
        s->done.end = HTH_END_LENGTH;
        if (c->predict_max && s->count >= c->predict_max) break;
        s->done.end = HTH_END_CONTEXT;
        if (count >= ctx) break;
        assert_ok(hth_session_eval(session, &id, 1, row, &err), err);
    }
    hth_sampler_close(&sampler);
    hth_session_close(&session);
    hth_free(row);
}

static inline void assert_said_same(const Said *a, const Said *b, const char *what) {
    for (uint32_t i = 0; i < a->count && i < b->count; i++)
        if (a->ids[i] != b->ids[i])
            fail_msg("%s: word %u is %u against %u", what, i, a->ids[i], b->ids[i]);
    if (a->count != b->count || a->done.end != b->done.end)
        fail_msg("%s: %u words and end %d against %u and %d", what, a->count, (int)a->done.end,
                 b->count, (int)b->done.end);
}

#endif
