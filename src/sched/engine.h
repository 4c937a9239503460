/* engine.h - one model at work for many: jobs in, words out.
 *
 * An engine is a thread that owns a model's pages, scheduler and workers.  Everybody else hands in
 * a job and reads its events; `wake` says when there are new ones.  A job's events wait in a ring
 * of its own: a reader that falls behind stops its own timeline and nobody else's.  After start the
 * engine thread allocates nothing for a token.
 *
 * What a job says depends on its model, ids, parameters and seed, and on nothing else: not on who
 * else is served, on caches, or on how often it was set back.
 *
 * Thread: any, unless it says otherwise; one thread at a time per job. */
#ifndef HTH_SCHED_ENGINE_H
#define HTH_SCHED_ENGINE_H

#include "hearth/hearth.h"
#include "run/memory.h"
#include "run/sample.h"
#include "sched/sched.h"
#include "text/grammar.h"
#include "text/think.h"

typedef struct HthEngine HthEngine;
typedef struct HthJob HthJob;

typedef struct HthEngineCfg {
    uint32_t ctx; /* longest timeline of any job; 0: the session's default */
    uint32_t parallel; /* jobs at once; 0: 8 */
    uint32_t threads; /* 0: all cores */
    uint32_t
        chunk; /* rows of a step for prompts; 0: 64, so that nobody's words wait long for one; of
                     * a model that does not fit in memory the session's default */
    const char *kv; /* as HthSessionCfg */
    uint64_t
        cache_bytes; /* pages beyond parallel * ctx are not made; fewer if this is less; 0: all */
    uint32_t queue_max, queue_user_max; /* 0: 512, 64 */
    bool no_pack, no_prefix;
    const HthAdapterUse *adapters; /* [adapter_count] opened for the model; they outlive the engine.
                                    * Jobs choose among them; the scales are theirs, too */
    uint32_t adapter_count;
} HthEngineCfg;

/* What an engine would take, to the byte, before it is started. */
typedef struct HthEnginePlan {
    uint32_t ctx, parallel, threads, chunk, page_count;
    uint32_t rows; /* of a step: chunk, and one for each job where they would take much of it */
    const char *kv;
    HthMemory memory; /* a waiting job takes some tens of kilobytes more */
    uint64_t total_bytes; /* hth_memory_total() */
    uint64_t passing_bytes; /* of the weights, those every step reads from the file; 0: they fit */
} HthEnginePlan;
HTH_MUST_CHECK HthStatus hth_engine_plan(HthEnginePlan *out, const HthModel *model,
                                         const HthEngineCfg *cfg, HthErr *err);
HTH_MUST_CHECK HthStatus hth_engine_open(HthEngine **out, const HthModel *model,
                                         const HthEngineCfg *cfg, HthErr *err); /* model borrowed */
/* Ends what runs (HTH_END_CLOSED), joins the thread, wipes, frees. Jobs stay readable until they
 * are closed; every one must be, before or after. */
void hth_engine_close(HthEngine **e);

typedef enum HthJobKind {
    HTH_JOB_WORDS, /* draw tokens */
    HTH_JOB_EMBED, /* a vector for the whole text */
    HTH_JOB_RANK, /* scores for a question and an answer in one text, of a model that ranks */
    HTH_JOB_SCORE /* log-probabilities of the prompt's own tokens, none drawn */
} HthJobKind;

enum { HTH_JOB_STOPS_MAX = 16, HTH_JOB_TOP_MAX = 20 };
typedef struct HthJobCfg {
    HthJobKind kind;
    const uint32_t *ids; /* prompt; copied, as everything here */
    uint32_t n;
    HthSampleParams params; /* seed set */
    HthStr stops[HTH_JOB_STOPS_MAX];
    uint32_t stop_count;
    const HthGrammar *grammar; /* borrowed until the job is closed; NULL: free text */
    HthThinkCfg think; /* a limit to reasoning; max 0: none. With marks that are control tokens,
                        * `specials` must be set */
    uint32_t predict_max; /* 0: until the model ends or the context is full */
    uint32_t ctx; /* 0: the engine's */
    bool logprobs; /* each token's, before any sampler stage but temperature 1 */
    uint32_t top; /* and of so many best beside it */
    bool ignore_end; /* go on where the model would end */
    bool specials; /* control tokens appear in the text as they are written */
    uint64_t tenant, user;
    int32_t priority; /* -100..100, higher first */
    uint64_t deadline_ns;
    bool no_prefix; /* neither takes nor leaves cached pages */
    const HthAdapterUse *adapters; /* [adapter_count] of the engine's, each once, in the order in
                                    * which they are added; 0: the model as it is */
    uint32_t adapter_count;
    /* On the engine thread: events are there. It must not block, and not call the engine or the
     * job: it passes the word on. Not called any more once hth_job_close has returned. NULL: the
     * reader looks by itself. */
    void (*wake)(void *payload);
    void *payload;
} HthJobCfg;

typedef enum HthEnd {
    HTH_END_STOP, /* the model ended, or a stop string, or the grammar was complete */
    HTH_END_LENGTH, /* predict_max */
    HTH_END_CONTEXT, /* ctx */
    HTH_END_CANCELED,
    HTH_END_LATE, /* deadline */
    HTH_END_CLOSED, /* the engine was closed */
    HTH_END_ERROR /* HthJobDone.err */
} HthEnd;

typedef struct HthTop {
    uint32_t id;
    float logprob;
} HthTop;
/* A token and the text that became certain with it. */
typedef struct HthWord {
    uint32_t id;
    HthStr text; /* borrowed until the next read; may be empty */
    float logprob; /* with logprobs */
    const HthTop *top; /* [top_count], best first */
    uint32_t top_count;
} HthWord;
typedef struct HthJobDone {
    HthEnd end;
    HthErr err;
    uint32_t prompt_count, cached_count, word_count; /* tokens */
    uint32_t stop; /* index of the stop string, or UINT32_MAX */
    HthStr tail; /* text that became certain at the end; borrowed until close */
    HthStr closing; /* with a grammar and END_LENGTH/CONTEXT: what makes the text a whole one */
    uint64_t queue_ns, prompt_ns, words_ns; /* waiting, until the first token, after it */
    const float *embedding; /* [embedding_count], EMBED; logprobs [n - 1], SCORE; scores, RANK */
    uint32_t embedding_count;
} HthJobDone;

/* EAGAIN: the queue is full, err says how long; ELIMIT: the prompt does not fit, with both
 * counts. *out is there before wake is called. */
HTH_MUST_CHECK HthStatus hth_engine_submit(HthEngine *e, const HthJobCfg *cfg, HthJob **out,
                                           HthErr *err);
/* 1: *word is the next one; 0: nothing now, wake will be called; -1: ended, *done is filled. */
int hth_job_read(HthJob *j, HthWord *word, HthJobDone *done);
void hth_job_cancel(HthJob *j); /* ends soon, as HTH_END_CANCELED unless it already has */
void hth_job_close(HthJob **j); /* cancels if it runs; wipes its text */

/* Durations by size: count[i] that took at most hth_hist_bounds_ns[i] and more than the bound
 * before, the last all that took more. */
enum { HTH_HIST_BOUNDS = 18, HTH_END_COUNT = HTH_END_ERROR + 1 };
extern const uint64_t hth_hist_bounds_ns[HTH_HIST_BOUNDS];
typedef struct HthHist {
    uint64_t count[HTH_HIST_BOUNDS + 1], sum_ns;
} HthHist;

typedef struct HthEngineStats {
    HthSchedStats sched;
    uint64_t busy_ns; /* in forward steps */
    uint64_t words, prompt_tokens; /* prompts of jobs that were started, cached tokens too */
    uint64_t cached_tokens; /* of these, found computed */
    uint64_t ended[HTH_END_COUNT]; /* jobs, by HthEnd */
    HthHist queue, first, between; /* waiting; from submit to the first word; from word to word */
    uint32_t jobs, waiting; /* not ended; of these, not begun */
    uint32_t retry_after_s; /* about when the queue will have a place */
    uint32_t pages_touched; /* pages of the cache that were ever in use at once */
} HthEngineStats;
HthEngineStats hth_engine_stats(HthEngine *e);
const HthModel *hth_engine_model(const HthEngine *e);
const HthEnginePlan *hth_engine_plan_of(const HthEngine *e);
/* Those it was opened with; NULL: none. */
const HthAdapterUse *hth_engine_adapters_of(const HthEngine *e, uint32_t *count);

#endif
