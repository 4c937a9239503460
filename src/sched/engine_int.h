/* engine_int.h - what the engine's files share: the engine, a job, and who may touch which part.
 *
 * Thread: each field says: [any] never changes; [gate] inside engine->gate; [engine] the engine's
 * thread, or nobody's while it does not run; [reader] whoever reads the job. */
#ifndef HTH_SCHED_ENGINE_INT_H
#define HTH_SCHED_ENGINE_INT_H

#include <stdatomic.h>

#include "base/ring.h"
#include "base/thread.h"
#include "model/adapter.h"
#include "run/plan.h"
#include "run/pool.h"
#include "run/step.h"
#include "sched/engine.h"
#include "text/stream.h"

/* A plan with what only the engine needs of it. */
typedef struct HthEngineRoom {
    HthEnginePlan plan;
    HthRunPlan run; /* of one timeline of ctx tokens */
    HthScratch scratch;
    HthPagingPlan paging;
    HthSchedCfg sched; /* without its pages */
    uint32_t queue_max, queue_user_max;
    uint32_t rows_max; /* of a step */
    uint32_t head_rows; /* of logits at a time */
} HthEngineRoom;
HTH_MUST_CHECK HthStatus hth_engine_room(HthEngineRoom *out, const HthModel *model,
                                         const HthEngineCfg *cfg, HthErr *err);

/* A row of a step whose outcome is wanted. */
typedef struct HthWanted {
    HthJob *job;
    uint32_t pos;
} HthWanted;

/* A tenant with a set of adapters: its pages hold other numbers than those of any other set. */
enum { HTH_REALMS = 256 };
typedef struct HthRealm {
    uint64_t tenant;
    uint64_t id; /* whose pages they are in the prefix tree; never given twice; 0: free */
    uint64_t used; /* when it was last asked for */
    HthAdapterSet set;
} HthRealm;

struct HthEngine {
    /* [any] */
    const HthModel *model;
    const HthVocab *vocab; /* NULL: no text */
    HthEngineRoom room;
    uint32_t parallel, n_vocab, n_embd;
    size_t piece_max; /* longest text of a token */
    HthPooling pooling; /* which rows of a text count: MEAN, CLS or LAST */
    bool ranks, speaks; /* scores are made of them; there are next words */
    const HthAdapterParts *adapters[HTH_ADAPTERS_MAX]; /* that jobs may have */
    const HthAdapterUse *adapter_uses; /* borrowed: the same, as they came */
    uint32_t adapter_count;
    HthGate *gate;
    /* [gate] */
    HthJob *inbox, **inbox_end; /* jobs with something to tell the engine */
    HthJob *live; /* not ended */
    uint32_t waiting; /* of these, without a row yet */
    uint32_t refs; /* the opener's, and each job's */
    bool closing;
    HthMasks *masks; /* opened for the first grammar */
    HthEngineStats stats; /* after the last step */
    /* [engine] */
    HthThread *thread;
    HthPool *pool;
    HthPages *pages;
    HthPrefix *prefix;
    HthSched *sched;
    HthExec *exec;
    HthPaging *paging;
    HthRows *rows;
    float *hidden; /* [rows_max][n_embd] */
    float *logits; /* [head_rows][n_vocab], behind hidden in one block; where it speaks */
    HthWanted *wanted; /* [rows_max] */
    HthJob **texts; /* [parallel]: to be embedded or scored, complete after this step */
    HthSampleRoom **draw; /* [threads] */
    HthRealm *realms; /* [HTH_REALMS]; NULL, as below: there are no adapters */
    const HthAdapterSet **sets; /* [rows_max] of the rows that are drawn from */
    uint64_t realm_last, realm_time;
    HthEngineStats now; /* copied to stats */
    uint64_t wake_ns; /* nothing to do before, unless the inbox says so */
};

/* A word in a ring: then top[top_count], then the text. */
typedef struct HthWordRecord {
    uint32_t id;
    float logprob;
    uint32_t top_count, text_n;
    HthTop top[];
} HthWordRecord;

struct HthJob {
    /* [any] */
    HthEngine *engine;
    HthJobKind kind;
    uint32_t n, ctx, predict_max, top;
    bool logprobs, ignore_end, no_prefix;
    uint64_t tenant, user, deadline_ns, began_ns;
    int32_t priority;
    HthAdapterSet set; /* count 0: no adapters */
    void (*wake)(void *payload);
    void *payload;
    HthRing *ring; /* written by the engine */
    size_t record_max;
    char *strings; /* DRY's breakers; [strings_n] */
    size_t strings_n;
    /* [gate] */
    HthJob *next_in; /* of the inbox */
    HthJob *next, **self; /* of live */
    HthMatcher *matcher; /* NULL: free text */
    bool posted, closed, cancel, held; /* held: the engine knows it */
    bool waits; /* counted in engine->waiting */
    /* both */
    _Atomic bool stalled; /* its ring was full: the reader says when there is room again */
    _Atomic bool ended; /* done is filled */
    /* [engine], from ended on [reader] */
    HthJobDone done;
    HthBuf tail; /* done.tail, then done.closing */
    float *vector; /* [vector_n]: done.embedding */
    uint32_t vector_n;
    /* [engine] */
    uint32_t *ids; /* [rows + 1]: prompt, then words; the last has no row */
    uint32_t rows, count;
    bool arrived, started, paused;
    bool told; /* this pass of the inbox: was `cancel` set? */
    bool gone; /* this step: nobody wants it any more */
    HthSampler *sampler;
    HthStream *stream;
    HthThink *think; /* NULL: reasoning has no limit */
    uint32_t forced; /* this step: what is drawn whatever the row says; HTH_TOKEN_NONE */
    HthBuf text; /* of one word */
    double *sum; /* [n_embd]: pooling */
    uint32_t seen; /* rows added up */
    uint64_t start_ns, first_ns, last_ns;
    uint32_t drawn;
    HthStatus status; /* of the draw; err has its sentence */
    HthErr err;
    double log_sum; /* of the row's exponentials */
    HthTop best[HTH_JOB_TOP_MAX];
    uint32_t best_count;
    /* [reader] */
    bool lent; /* a record of the ring */
};

/* Its rows become one vector, or scores. */
static inline bool hth_job_pools(const HthJob *j) {
    return j->kind == HTH_JOB_EMBED || j->kind == HTH_JOB_RANK;
}

/* engine_job.c: takes all a job needs; it is nobody's yet. */
HTH_MUST_CHECK HthStatus hth_job_open(HthJob **out, HthEngine *e, const HthJobCfg *cfg,
                                      HthErr *err);
void hth_job_free(HthJob *j); /* wipes; the engine does not know it (any more) */
void hth_engine_post(HthJob *j); /* in the gate: there is something to see */
void hth_engine_unref(HthEngine *e);

/* engine_step.c: one step of rows. */
void hth_engine_run(HthEngine *e, const HthSchedStep *step);
/* Ends a job: text that is left, times, memory; wakes its reader. It may be gone afterwards. */
void hth_engine_end(HthEngine *e, HthJob *j, HthEnd end);
void hth_engine_fail(HthEngine *e, HthJob *j, const HthErr *err); /* the same with HTH_END_ERROR */

/* engine_draw.c: words and scores from rows of hidden values; [n] at most head_rows. */
void hth_engine_draw(HthEngine *e, const HthWanted *w, uint32_t n, const float *hidden);
/* engine_realm.c: adapters of jobs. */
HTH_MUST_CHECK HthStatus hth_engine_adapters(HthEngine *e, const HthEngineCfg *cfg, HthErr *err);
void hth_engine_adapters_close(HthEngine *e);
/* EINVAL: one is not the engine's, or has another mistake (hth_adapter_set). */
HTH_MUST_CHECK HthStatus hth_job_adapters(HthJob *j, const HthJobCfg *cfg, HthErr *err);
/* The number under which the prefix tree keeps this job's pages. */
uint64_t hth_engine_realm(HthEngine *e, const HthJob *j);
/* Of the n rows w: each one's set; NULL: none has any. */
const HthAdapterSet *const *hth_engine_sets(HthEngine *e, const HthWanted *w, uint32_t n);

/* engine_embed.c: one row of a text; at the end its vector. */
void hth_engine_embed(HthEngine *e, HthJob *j, uint32_t pos, const float *hidden);
void hth_engine_embedded(const HthEngine *e, HthJob *j);

/* engine_stats.c: in the gate, the figures of now become everybody's. */
void hth_engine_publish(HthEngine *e);
void hth_hist_add(HthHist *h, uint64_t ns);

#endif
