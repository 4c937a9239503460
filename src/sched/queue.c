/* queue.c - who is known, who waits, and whose turn it is.
 *
 * A user's requests wait in a queue of the user's own, higher priority first; all of them wait in
 * the queue by arrival too.  Whose turn it is: the highest priority; within it whoever was set
 * back; then the user with the least service, counting the rows of prompts that already have a
 * place.  Every HTH_SCHED_AGE_TURN-th turn is the oldest request's, whatever else holds: so nobody
 * waits for ever.
 *
 * Thread: engine. */
#include "sched/state.h"

#include "base/mem.h"
#include "base/rng.h"

enum { PRIORITY_MAX = 100, PRIORITIES = 2 * PRIORITY_MAX + 1 };

static uint32_t buckets_for(uint32_t count) {
    uint32_t n = 16;
    while (n < count && n < 1u << 30) n *= 2;
    return n;
}

static HthStatus ids_open(HthIds *ids, uint32_t count, HthErr *err) {
    const uint32_t n = buckets_for(count);
    ids->bucket = hth_calloc(n, sizeof *ids->bucket);
    HTH_REQUIRE(ids->bucket, err, HTH_ENOMEM, "no memory for %u requests", count);
    ids->mask = n - 1;
    ids->seed = hth_rng_entropy();
    return HTH_OK;
}

static uint32_t *bucket_of(const HthIds *ids, uint64_t id) {
    uint64_t h = (id ^ ids->seed) * UINT64_C(0x9E3779B97F4A7C15);
    h = (h ^ h >> 32) * UINT64_C(0xD6E8FEB86659FD93);
    return &ids->bucket[(h ^ h >> 32) & ids->mask];
}

HthStatus hth_queue_open(HthSched *s, HthErr *err) {
    s->req = hth_calloc((size_t)s->req_max + 1, sizeof *s->req);
    s->user = hth_calloc((size_t)s->user_max + 1, sizeof *s->user);
    s->deadline_ns = hth_calloc((size_t)s->req_max + 1, sizeof *s->deadline_ns);
    s->lined = hth_calloc(s->user_max, sizeof *s->lined);
    s->waiting_at = hth_calloc(PRIORITIES, sizeof *s->waiting_at);
    s->back = hth_calloc(s->req_max, sizeof *s->back);
    HTH_REQUIRE(s->req && s->user && s->deadline_ns && s->lined && s->waiting_at && s->back, err,
                HTH_ENOMEM, "no memory for a queue of %u requests", s->cfg.queue_max);
    HTH_TRY(ids_open(&s->req_ids, s->req_max, err));
    HTH_TRY(ids_open(&s->user_ids, s->user_max, err));
    for (uint32_t i = s->req_max; i >= 1; i--) {
        s->req[i].next = s->req_free;
        s->req_free = i;
    }
    for (uint32_t i = s->user_max; i >= 1; i--) {
        s->user[i].chain = s->user_free;
        s->user_free = i;
    }
    for (uint32_t i = 0; i <= s->req_max; i++) s->deadline_ns[i] = UINT64_MAX;
    return HTH_OK;
}

uint64_t hth_queue_bytes(uint32_t req_max) {
    const HthSched *s = NULL;
    const uint64_t each = sizeof *s->req + sizeof *s->user + sizeof *s->deadline_ns +
                          sizeof *s->lined + sizeof *s->back;
    return req_max * each + PRIORITIES * sizeof *s->waiting_at +
           2 * (uint64_t)buckets_for(req_max) * sizeof *s->req_ids.bucket;
}

void hth_queue_close(HthSched *s) {
    hth_free(s->req);
    hth_free(s->user);
    hth_free(s->deadline_ns);
    hth_free(s->lined);
    hth_free(s->waiting_at);
    hth_free(s->back);
    hth_free(s->req_ids.bucket);
    hth_free(s->user_ids.bucket);
}

uint32_t hth_queue_find(const HthSched *s, uint64_t id) {
    uint32_t i = *bucket_of(&s->req_ids, id);
    while (i && s->req[i].t.id != id) i = s->req[i].chain;
    return i;
}

uint32_t hth_queue_user(const HthSched *s, uint64_t id) {
    uint32_t u = *bucket_of(&s->user_ids, id);
    while (u && s->user[u].id != id) u = s->user[u].chain;
    return u;
}

/* ---- users ---------------------------------------------------------------------------------- */

static uint64_t more(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

static uint32_t user_of(HthSched *s, uint64_t id) {
    uint32_t u = hth_queue_user(s, id);
    if (u == 0) {
        u = s->user_free;
        HTH_ASSERT(u != 0);
        s->user_free = s->user[u].chain;
        uint32_t *bucket = bucket_of(&s->user_ids, id);
        s->user[u] = (HthUser){ .id = id, .chain = *bucket };
        *bucket = u;
    }
    /* Who has asked for nothing has saved nothing up. */
    HthUser *user = &s->user[u];
    if (user->waiting == 0 && user->pending == 0) user->service = more(user->service, s->service);
    return u;
}

static void user_drop(HthSched *s, uint32_t u) {
    uint32_t *at = bucket_of(&s->user_ids, s->user[u].id);
    while (*at != u) at = &s->user[*at].chain;
    *at = s->user[u].chain;
    s->user[u] = (HthUser){ .chain = s->user_free };
    s->user_free = u;
}

uint32_t hth_queue_away(const HthSched *s, uint64_t user) {
    const uint32_t u = hth_queue_user(s, user);
    return u ? s->user[u].requests - s->user[u].placed : 0;
}

void hth_queue_charge(HthSched *s, uint32_t user, uint32_t rows) {
    HthUser *u = &s->user[user];
    u->service += rows;
    if (u->service > s->service + s->slack) u->service = s->service + s->slack;
}

void hth_queue_turn(HthSched *s, uint32_t user) {
    HthUser *u = &s->user[user];
    if (u->service + s->slack < s->service) u->service = s->service - s->slack;
    s->service = more(s->service, u->service);
}

/* ---- the queues ----------------------------------------------------------------------------- */

static void user_enqueue(HthSched *s, uint32_t i) {
    HthReq *r = &s->req[i];
    HthUser *u = &s->user[r->user];
    uint32_t after = u->last; /* nearly always: one user, one priority */
    while (after && s->req[after].t.priority < r->t.priority) after = s->req[after].prev;
    r->prev = after;
    r->next = after ? s->req[after].next : u->first;
    if (r->next)
        s->req[r->next].prev = i;
    else
        u->last = i;
    if (after)
        s->req[after].next = i;
    else
        u->first = i;
    if (u->waiting++ > 0) return;
    u->at = s->lined_count;
    s->lined[s->lined_count++] = r->user;
}

static void user_dequeue(HthSched *s, uint32_t i) {
    HthReq *r = &s->req[i];
    HthUser *u = &s->user[r->user];
    if (r->prev)
        s->req[r->prev].next = r->next;
    else
        u->first = r->next;
    if (r->next)
        s->req[r->next].prev = r->prev;
    else
        u->last = r->prev;
    r->next = r->prev = 0;
    if (--u->waiting > 0) return;
    const uint32_t moved = s->lined[--s->lined_count];
    s->lined[u->at] = moved;
    s->user[moved].at = u->at;
}

uint32_t hth_queue_add(HthSched *s, const HthTicket *t) {
    const uint32_t user = user_of(s, t->user), i = s->req_free;
    HTH_ASSERT(i != 0);
    HthReq *r = &s->req[i];
    uint32_t *bucket = bucket_of(&s->req_ids, t->id);
    s->req_free = r->next;
    *r = (HthReq){ .t = *t, .seq = ++s->seq, .state = HTH_REQ_WAITING, .rank = t->priority };
    r->user = user;
    r->len = t->n;
    r->chain = *bucket;
    *bucket = i;
    s->user[user].requests++;
    user_enqueue(s, i);
    r->older = s->youngest;
    if (s->youngest)
        s->req[s->youngest].younger = i;
    else
        s->oldest = i;
    s->youngest = i;
    s->waiting_at[t->priority + PRIORITY_MAX]++;
    s->waiting++;
    if (t->deadline_ns > 0) {
        s->deadline_ns[i] = t->deadline_ns;
        if (t->deadline_ns < s->deadline_min_ns) s->deadline_min_ns = t->deadline_ns;
    }
    return i;
}

static void leave_back(HthSched *s, uint32_t i) {
    uint32_t at = 0;
    while (s->back[at] != i) at++;
    s->back_count--;
    for (; at < s->back_count; at++) s->back[at] = s->back[at + 1];
}

void hth_queue_leave(HthSched *s, uint32_t i) {
    HthReq *r = &s->req[i];
    if (r->state == HTH_REQ_BACK) {
        leave_back(s, i);
        return;
    }
    HTH_ASSERT(r->state == HTH_REQ_WAITING);
    user_dequeue(s, i);
    if (r->older)
        s->req[r->older].younger = r->younger;
    else
        s->oldest = r->younger;
    if (r->younger)
        s->req[r->younger].older = r->older;
    else
        s->youngest = r->older;
    r->older = r->younger = 0;
    s->waiting_at[r->t.priority + PRIORITY_MAX]--;
    s->waiting--;
}

void hth_queue_back(HthSched *s, uint32_t i) {
    HTH_ASSERT(s->back_count < s->req_max);
    s->back[s->back_count++] = i;
    s->req[i].state = HTH_REQ_BACK;
}

void hth_queue_forget(HthSched *s, uint32_t i) {
    HthReq *r = &s->req[i];
    const uint32_t user = r->user;
    uint32_t *at = bucket_of(&s->req_ids, r->t.id);
    while (*at != i) at = &s->req[*at].chain;
    *at = r->chain;
    if (r->paused) s->stats.paused--;
    *r = (HthReq){ .next = s->req_free };
    s->req_free = i;
    s->deadline_ns[i] = UINT64_MAX;
    if (--s->user[user].requests == 0) user_drop(s, user);
}

/* ---- whose turn ----------------------------------------------------------------------------- */

int32_t hth_queue_top(const HthSched *s) {
    int32_t top = INT32_MIN;
    for (uint32_t b = 0; b < s->back_count; b++) {
        const HthReq *r = &s->req[s->back[b]];
        if (!r->paused && r->rank > top) top = r->rank;
    }
    for (int32_t p = PRIORITIES - 1; p >= 0 && p - PRIORITY_MAX > top; p--)
        if (s->waiting_at[p] > 0) top = p - PRIORITY_MAX;
    return top;
}

/* Of those set back: the highest rank, then the oldest; by age: the oldest. */
static uint32_t next_back(const HthSched *s, bool by_age) {
    uint32_t best = 0;
    for (uint32_t b = 0; b < s->back_count; b++) {
        const HthReq *r = &s->req[s->back[b]], *than = &s->req[best];
        if (r->paused) continue;
        const bool older = best == 0 || r->seq < than->seq;
        const bool higher = best && r->rank > than->rank, lower = best && r->rank < than->rank;
        if (by_age ? older : higher || (older && !lower)) best = s->back[b];
    }
    return best;
}

/* A user's first that wants to run. */
static uint32_t first_of(const HthSched *s, const HthUser *u) {
    uint32_t i = u->first;
    while (i && s->req[i].paused) i = s->req[i].next;
    return i;
}

static uint32_t next_waiting(const HthSched *s) {
    uint32_t best = 0;
    uint64_t least = 0;
    for (uint32_t l = 0; l < s->lined_count; l++) {
        const HthUser *u = &s->user[s->lined[l]];
        const uint32_t i = first_of(s, u);
        if (i == 0) continue;
        const HthReq *r = &s->req[i], *than = &s->req[best];
        const uint64_t service = u->service + u->pending;
        bool better = best == 0 || r->t.priority > than->t.priority;
        if (!better && r->t.priority == than->t.priority)
            better = service < least || (service == least && r->seq < than->seq);
        if (!better) continue;
        best = i;
        least = service;
    }
    return best;
}

static uint32_t oldest_waiting(const HthSched *s) {
    uint32_t i = s->oldest;
    while (i && s->req[i].paused) i = s->req[i].younger;
    return i;
}

uint32_t hth_queue_next(const HthSched *s, bool by_age) {
    const uint32_t back = next_back(s, by_age);
    const uint32_t fresh = by_age ? oldest_waiting(s) : next_waiting(s);
    if (!back || !fresh) return back ? back : fresh;
    if (by_age) return s->req[back].seq < s->req[fresh].seq ? back : fresh;
    return s->req[back].rank >= s->req[fresh].rank ? back : fresh;
}

/* ---- rows of a step ------------------------------------------------------------------------- */

/* So that prompts go on however many answers there are. */
uint32_t hth_queue_reserve(const HthSched *s) {
    const uint32_t most = s->cfg.rows_max;
    bool any = false;
    for (uint32_t k = 0; k < s->run_count && !any; k++)
        any = hth_sched_is_prompt(&s->req[s->run[k]]);
    if (!any) return 0;
    if (most == 1) return s->stats.steps % 2;
    const uint32_t quarter = most / 4 > HTH_SCHED_PIECE_MIN ? most / 4 : HTH_SCHED_PIECE_MIN;
    return quarter < most / 2 ? quarter : most / 2;
}
