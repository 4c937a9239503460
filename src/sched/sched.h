/* sched.h - who runs next: a pure state machine over one model's pages.
 *
 * (state, now, events) -> rows of the next step.  No thread, no clock, no model: the engine runs
 * the rows and tells what came of them; the simulator (tests/sim) does the same with a model of one
 * line and years of arrivals.  All memory is taken by open.
 *
 * A step holds at most rows_max rows.  Every running request that is due has its one row (decode);
 * what is left, but never more than prompt_rows_max, is given to prompts in pieces (chunked
 * prefill), so that nobody's words wait longer than a step for somebody's document.  Prompts keep a
 * quarter of the step even where answers alone would fill it; answers then take turns.  A second
 * prompt's piece of under 16 rows waits for the next step, unless it is all that is left of that
 * prompt.  With `whole` a prompt that does not fit in what is left of a step waits for the next,
 * in which it may be the first.
 *
 * Order: higher priority first; then those that were set back; then the user who has had the least
 * service (rows, and those of prompts already let in) - so one user's hundred requests cost another
 * user nothing.  A user who comes starts with the service of whoever's turn it was last, and what a
 * user is ahead or behind by more than running_max * ctx_max rows is forgotten.  Whoever is next is
 * waited for: nobody is let by because there are pages for less.  A higher priority takes a place
 * from a lower one.
 *
 * Age: of sixteen places given one goes to the oldest request, whatever its priority and its user;
 * it then keeps its place to the end.  In one step of sixteen the oldest prompt goes first.  So a
 * request with m others before it is let in within 16 (m + 1) turns.
 *
 * Pages: prefixes that the tenant has computed before, or is computing now, are shared page by page
 * (kv/prefix.h).  A request is let in when there are pages for all its tokens and one more.  When
 * an answer finds no page, cached prefixes go first, then the youngest request of the lowest
 * priority is set back, paused ones before others: its whole pages stay as cached ones as long as
 * they can, and what is lost - of prompt and answer so far - is computed again later, to the same
 * bits.  A paused request keeps its place for a second when somebody waits for it; without a place
 * it holds nothing but its part of the queue, which is its user's.  With all_rows a request is
 * never set back: its rows come once.
 *
 * Thread: engine. */
#ifndef HTH_SCHED_SCHED_H
#define HTH_SCHED_SCHED_H

#include "kv/prefix.h"
#include "kv/table.h"

typedef struct HthSched HthSched;

typedef struct HthSchedCfg {
    HthPages *pages; /* borrowed, as all below */
    HthPrefix *prefix; /* NULL: prefixes are not shared */
    HthKvLayout layout;
    uint32_t page_len; /* positions of a page */
    uint32_t running_max; /* timelines at once */
    uint32_t queue_max; /* requests without a place, set back ones too, all users; more is EAGAIN */
    uint32_t queue_user_max; /* and of one user */
    uint32_t rows_max; /* of a step */
    uint32_t prompt_rows_max; /* of them for prompts; 0: all */
    uint32_t ctx_max; /* longest timeline */
    bool whole; /* prompts are never cut: a step holds the longest (encoders) */
} HthSchedCfg;

typedef struct HthTicket {
    uint64_t id; /* the caller's, not in use, not 0 */
    uint64_t tenant; /* whose cache it may share */
    uint64_t user; /* whose share of the machine it takes */
    int32_t priority; /* higher runs first; -100..100 */
    uint64_t deadline_ns; /* ended as late when not finished by then; 0: none */
    const uint32_t *ids; /* [ctx] the prompt, n >= 1, and behind it each token drawn, which stands
                          * there before it is told of; borrowed until the request has ended */
    uint32_t n;
    uint32_t ctx; /* most rows of this request; a token drawn from the last of them has none of its
                   * own. Pages are taken as it grows */
    bool all_rows; /* every row's output is wanted (embeddings, scoring): nothing is drawn */
    bool no_prefix; /* neither takes nor leaves cached pages */
} HthTicket;

/* ---- events --------------------------------------------------------------------------------- */

/* EAGAIN: the queue (or this user's part of it) is full; ELIMIT: the prompt does not fit in its
 * ctx, or could never have pages enough, with both counts in the sentence. */
HTH_MUST_CHECK HthStatus hth_sched_arrive(HthSched *s, const HthTicket *t, uint64_t now_ns,
                                          HthErr *err);
/* The client left, or asked to stop: its pages are free when this returns. Unknown ids are fine. */
void hth_sched_cancel(HthSched *s, uint64_t id);
/* A reader that does not keep up: its timeline keeps its place and gets no rows. */
void hth_sched_pause(HthSched *s, uint64_t id, bool paused);
/* After a step, before the next: a token was drawn from the request's last row and stands in its
 * ids. It is the next row to compute; there is one, or the request was to be ended. */
void hth_sched_token(HthSched *s, uint64_t id);
/* The answer is complete: the pages leave, but for what the tenant's prefix tree keeps. */
void hth_sched_end(HthSched *s, uint64_t id);

/* ---- the step ------------------------------------------------------------------------------- */

typedef struct HthSchedRows {
    uint64_t id;
    const HthKvView *kv; /* has pages for these rows */
    const uint32_t *ids; /* [n], borrowed until the next call */
    uint32_t first, n; /* positions first .. first + n - 1; what is before is computed or found */
    bool
        wants; /* the last row's logits are wanted: a token will be drawn (all_rows: every row's) */
} HthSchedRows;
typedef struct HthSchedStep {
    const HthSchedRows *rows; /* at most running_max parts, rows_max rows in all */
    uint32_t count, row_count;
    const uint64_t *late; /* whose deadline has passed: ended by the scheduler itself */
    uint32_t late_count;
    uint64_t wake_ns; /* nothing to do before then unless an event comes; UINT64_MAX: never */
} HthSchedStep;

/* The rows of the next step; they count as computed when the next call comes. */
void hth_sched_step(HthSched *s, uint64_t now_ns, HthSchedStep *out);

/* ---- looking in ----------------------------------------------------------------------------- */

typedef struct HthSchedStats {
    uint32_t running, waiting, paused;
    uint64_t arrived, ended, cancelled, late, refused, preempted; /* since open */
    uint64_t prompt_rows, cached_rows, decode_rows, steps; /* cached: found in the prefix tree */
    uint32_t pages_free, pages_cached, page_count;
} HthSchedStats;
HthSchedStats hth_sched_stats(const HthSched *s);
/* Tokens of this request's prompt that were found computed; 0 for an unknown one. */
uint32_t hth_sched_cached(const HthSched *s, uint64_t id);

/* What to tell those whom EAGAIN turned away: 1..600. */
uint32_t hth_sched_retry_after_s(const HthSched *s);

HTH_MUST_CHECK HthStatus hth_sched_open(HthSched **out, const HthSchedCfg *cfg, HthErr *err);
/* What open takes for requests, users and lists of pages; pages and prefix need not be there. */
uint64_t hth_sched_bytes(const HthSchedCfg *cfg);
void hth_sched_close(HthSched **s);

#endif
