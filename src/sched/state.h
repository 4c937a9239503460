/* state.h - what the scheduler remembers: requests, users, places.  Private to src/sched.
 *
 * Everything is an array sized when the scheduler opens; who is where is said by indices.  Index 0
 * of requests and of users is nobody, so that zeroed memory is an empty state.
 *
 * Thread: engine. */
#ifndef HTH_SCHED_STATE_H
#define HTH_SCHED_STATE_H

#include "sched/sched.h"

enum {
    HTH_SCHED_AGED = 101, /* rank above every priority: came in by age, stays until it ends */
    HTH_SCHED_AGE_TURN = 16, /* one admission, one step of prompts in so many goes by age alone */
    HTH_SCHED_PIECE_MIN = 16 /* rows: a smaller piece of a prompt waits for the next step */
};
#define HTH_SCHED_GRACE_NS UINT64_C(1000000000) /* a reader may stand still for so long */

typedef enum HthReqState {
    HTH_REQ_NONE,
    HTH_REQ_WAITING,
    HTH_REQ_RUNNING,
    HTH_REQ_BACK
} HthReqState;

/* A request. WAITING: has nothing yet. RUNNING: has a place (pages). BACK: was set back, has
 * nothing again but what the prefix tree keeps. */
typedef struct HthReq {
    HthTicket t;
    uint64_t seq; /* order of arrival */
    uint64_t paused_ns, served_step, keeps_seen;
    HthReqState state;
    bool paused, counted; /* counted: its first run has ended, cached rows are news no more */
    int32_t rank; /* priority, or HTH_SCHED_AGED */
    uint32_t user, place;
    uint32_t len, computed, given; /* tokens known; positions computed; rows in the step at work */
    uint32_t promised; /* pages that it will find */
    uint32_t pending; /* rows of the user's `pending` that are this one's */
    uint32_t cached;
    uint32_t next, prev; /* in its user's queue; next also chains free ones */
    uint32_t older, younger; /* in the queue of all by arrival */
    uint32_t chain; /* in the bucket of ids */
} HthReq;

typedef struct HthUser {
    uint64_t id;
    uint64_t service; /* rows, virtual */
    uint64_t pending; /* rows of prompts that have a place and are not computed */
    uint32_t requests, waiting, placed; /* in all; in the queue; running */
    uint32_t first, last; /* the queue: higher priority first, then by arrival */
    uint32_t chain;
    uint32_t at; /* its place in HthSched.lined */
} HthUser;

/* Numbers to indices: chains through entries, as many buckets as entries. */
typedef struct HthIds {
    uint32_t *bucket;
    uint32_t mask;
    uint64_t seed;
} HthIds;

struct HthSched {
    HthSchedCfg cfg;
    uint64_t now_ns, seq, keeps;
    uint64_t slack; /* rows a user may be ahead or behind; the rest is forgotten */
    uint64_t service; /* virtual time: what a newcomer starts with */
    uint64_t deadline_min_ns; /* no deadline is earlier */
    uint64_t ended_seen, rate_at_ns, end_ns; /* for the estimate: a request ends every end_ns */
    uint32_t since_aged; /* admissions since the last one by age */
    uint32_t req_max, user_max, page_max; /* page_max: of a timeline */

    HthReq *req; /* [req_max + 1] */
    HthUser *user; /* [user_max + 1] */
    uint64_t *deadline_ns; /* [req_max + 1]; UINT64_MAX: none */
    HthIds req_ids, user_ids;
    uint32_t req_free, user_free; /* chained */
    uint32_t oldest, youngest; /* the queue by arrival */
    uint32_t *lined; /* [user_max] users with somebody in the queue, in no order */
    uint32_t lined_count;
    uint32_t *waiting_at; /* [201] waiting requests by priority */
    uint32_t waiting; /* in the queue; those set back are not */

    uint32_t *run; /* [running_max] */
    uint32_t *back; /* [req_max] set back */
    uint32_t run_count, back_count;
    HthTable **place; /* [running_max] */
    uint32_t *place_free; /* a stack */
    uint32_t place_free_count;
    uint32_t promised; /* pages, of all; as many are free or spare */
    HthPage *found; /* [page_max] scratch */

    uint32_t *due; /* [running_max] scratch */
    HthSchedRows *rows; /* [running_max] */
    uint64_t *late; /* [req_max] */
    uint32_t row_parts, row_count, late_count;
    HthSchedStats stats;
};

static inline uint32_t hth_sched_pages(const HthSched *s, uint32_t len) {
    return len / s->cfg.page_len + (len % s->cfg.page_len != 0);
}
static inline uint32_t hth_sched_left(const HthReq *r) {
    return r->len - r->computed;
}

static inline bool hth_sched_is_prompt(const HthReq *r) {
    return !r->paused && hth_sched_left(r) > 1;
}

/* ---- queue.c: who is known, who waits, whose turn it is -------------------------------------- */

HTH_MUST_CHECK HthStatus hth_queue_open(HthSched *s, HthErr *err);
void hth_queue_close(HthSched *s);
uint64_t hth_queue_bytes(uint32_t req_max); /* what open takes */
uint32_t hth_queue_find(const HthSched *s, uint64_t id); /* 0: unknown */
uint32_t hth_queue_user(const HthSched *s, uint64_t id); /* 0: unknown */
uint32_t hth_queue_add(HthSched *s, const HthTicket *t); /* there is room */
void hth_queue_leave(HthSched *s, uint32_t i); /* from the queue, or from those set back */
void hth_queue_back(HthSched *s, uint32_t i); /* to those set back */
void hth_queue_forget(HthSched *s, uint32_t i); /* is in no list any more */
uint32_t hth_queue_next(const HthSched *s, bool by_age); /* who should run next; 0: nobody */
int32_t hth_queue_top(const HthSched *s); /* highest rank that waits; INT32_MIN */
uint32_t hth_queue_away(const HthSched *s, uint64_t user); /* this one's, without a place */
uint32_t hth_queue_reserve(const HthSched *s); /* rows of a step that are kept for prompts */
void hth_queue_charge(HthSched *s, uint32_t user, uint32_t rows);
void hth_queue_turn(HthSched *s, uint32_t user); /* it is this one's turn: time goes on */

/* ---- place.c: pages and places --------------------------------------------------------------- */

HTH_MUST_CHECK HthStatus hth_place_open(HthSched *s, HthErr *err);
void hth_place_close(HthSched *s);
uint64_t hth_place_bytes(const HthKvLayout *layout, uint32_t running_max,
                         uint32_t page_max); /* what open takes */
/* Its whole pages go to the prefix tree; it stays, and reads those that were there before. */
void hth_place_share(HthSched *s, uint32_t i);
void hth_place_keep(HthSched *s, uint32_t i); /* the same for one that leaves */
void hth_place_find(HthSched *s, uint32_t i); /* and from it what others have computed since */
uint32_t hth_place_weakest(const HthSched *s, int32_t below); /* who gives way to that rank; 0 */
void hth_place_leave(HthSched *s, uint32_t i); /* pages and place */
void hth_place_spend(HthSched *s, uint32_t i,
                     uint32_t rows); /* rows are given, no longer pending */
/* Gives a place and promises pages for all tokens and some more; false: not now. */
bool hth_place_admit(HthSched *s, uint32_t i);
/* Pages for its first `len` positions; false: there are none for it, and it was set back. */
bool hth_place_grow(HthSched *s, uint32_t i, uint32_t len);
void hth_place_set_back(HthSched *s, uint32_t i);

#endif
