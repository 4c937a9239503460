/* run.h - the jobs of one exchange under way, and what has come of them; private to answer*.c.
 *
 * Thread: made on a prep thread, then the loop thread's alone (as a source, http.h). */
#ifndef HTH_SERVE_RUN_H
#define HTH_SERVE_RUN_H

#include "base/arena.h"
#include "serve/answer.h"
#include "serve/ask.h"
#include "serve/scribe.h"

enum {
    HTH_RUN_JOBS_MAX = 16, /* of one exchange at once; the others follow */
    HTH_RUN_TEXT_MAX = 1 << 28,
    HTH_RUN_OUT_SOFT = 1 << 16 /* a stream that has so many bytes to send waits for the client */
};

typedef struct HthRun HthRun;
typedef struct HthRunReceipts HthRunReceipts;

typedef struct HthRunCall {
    char id[HTH_CALL_ID_SIZE];
    HthBuf name, args;
} HthRunCall;

/* One answer, or one vector. */
typedef struct HthRunOne {
    HthRun *run;
    uint32_t index;
    HthPrompted prompt; /* dropped when submitted */
    uint32_t prompt_from; /* whose prompt it shares; its own index if it has one */
    HthJob *job; /* NULL: not yet, or done with */
    HthReply *reply; /* NULL: the text is words and nothing else */
    HthBuf text, thinking;
    HthBuf raw; /* as the model said it, where a receipt is wanted */
    HthIds ids; /* drawn, where the API tells them */
    HthRunCall *calls;
    size_t call_count;
    HthWord *words; /* all, when log-probabilities are wanted; texts and tops in run->arena */
    size_t word_count, word_cap, words_sent;
    HthJobDone done; /* when ended */
    HthBuf stop; /* the text that ended it */
    float *vector;
    uint32_t vector_count, thinking_words;
    bool ended, closed_by_grammar;
    uint64_t seed;
} HthRunOne;

struct HthRun {
    HthHouse *house;
    HthX *x;
    HthAsk ask;
    HthWho who;
    HthLease lease;
    HthChosen chosen;
    HthFace *face;
    const HthGrammar *grammar; /* lent by the house; NULL: free */
    HthArena *arena;
    HthRunOne *ones;
    uint32_t cut; /* tokens that were left out, as the ask allowed */
    size_t count, next, running; /* next: the first not yet submitted */
    HthBuf *out; /* of the call of `more` under way */
    HthBuf finishes; /* that a stream's answers have ended: told when the log has it */
    HthErr err; /* why a part could not be passed on */
    HthRunReceipts *receipts; /* NULL: none are wanted */
    HthKept *kept; /* what the conversation keeps, on its way to the disk; NULL: not yet */
    char id[33];
    uint64_t began_ns;
    bool begun, failed;
};

/* A request that hth_auth_begin has counted; closing the run ends it. */
HTH_MUST_CHECK HthStatus hth_run_open(HthRun **out, HthHouse *house, HthX *x, const HthWho *who,
                                      HthErr *err);
/* Makes room for count answers. */
HTH_MUST_CHECK HthStatus hth_run_ones(HthRun *run, size_t count, HthErr *err);
void hth_run_close(HthRun **run); /* ends what runs, gives the lease back */

/* ---- one answer (run_one.c) ------------------------------------------------------------------ */

HTH_MUST_CHECK HthStatus hth_run_submit(HthRunOne *one, HthErr *err); /* EAGAIN: later */
/* Reads what the job has said, passing it on to the face. */
HTH_MUST_CHECK HthStatus hth_run_drain(HthRunOne *one, HthErr *err);
/* The finished answer as the face wants it; calls[call_count] is lent by the run's arena. */
HTH_MUST_CHECK HthStatus hth_run_answer(HthRunOne *one, HthAnswerOut *out, HthErr *err);
HthUsage hth_run_usage(const HthRun *run); /* of all answers */
HthUsage hth_run_one_usage(const HthRunOne *one);

/* ---- kept conversations (run_state.c) ---------------------------------------------------- */

/* Puts what an earlier response kept before the ask's messages. */
HTH_MUST_CHECK HthStatus hth_run_go_on(HthRun *run, bool *missing, HthErr *err);
/* If the ask wants it kept: HTH_OK when it is, or need not be; EAGAIN: x is woken when it is. */
HTH_MUST_CHECK HthStatus hth_run_keep(HthRun *run, HthErr *err);
bool hth_run_keeps(const HthRun *run);
HthStr hth_run_state_id(HthStr id); /* what the store knows a response by */

/* ---- the audit log (run_evidence.c) ------------------------------------------------------ */

/* Any failure: the run must not go on. */
HTH_MUST_CHECK HthStatus hth_run_accept(HthRun *run, HthErr *err);
/* All answers have ended: HTH_OK when the log says so on disk; EAGAIN: x is woken when it does. */
HTH_MUST_CHECK HthStatus hth_run_record(HthRun *run, HthErr *err);
void hth_run_record_rest(HthRun *run); /* of a run that is closed before its end */

/* ---- receipts (run_receipt.c) ------------------------------------------------------------ */

/* If the request wants them (the header X-Hearth-Receipt, or `receipt` in its body). ENOTSUP: this
 * request has none. After the lease; a model's first one reads all of its file. */
HTH_MUST_CHECK HthStatus hth_run_want_receipts(HthRun *run, bool by_body, HthErr *err);
/* Once the ends are recorded: into a stream, before it says that it ends; or into the whole answer
 * that begins at `from`. Without receipts nothing. */
HTH_MUST_CHECK HthStatus hth_run_receipts_stream(HthRun *run, HthBuf *out, HthErr *err);
HTH_MUST_CHECK HthStatus hth_run_receipts_whole(HthRun *run, size_t from, HthBuf *out, HthErr *err);
void hth_run_receipts_close(HthRun *run);

/* ---- the source (run_source.c) --------------------------------------------------------------- */

/* Submits as many jobs as one exchange may have at once. EAGAIN: the queue takes none at all. */
HTH_MUST_CHECK HthStatus hth_run_submit_due(HthRun *run, HthErr *err);
/* Leaves the run to x; it closes itself. */
void hth_run_attach(HthRun *run);

#endif
