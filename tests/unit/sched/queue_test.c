/* queue_test.c - whose turn it is, against a list that is searched from end to end.
 *
 * Thread: one. */
#include "support/test.h"

#include "base/rng.h"
#include "sched/state.h"

enum { QUEUE = 24, BACK = 6, USERS = 5, ROUNDS = 4000 };

typedef struct Draw {
    uint64_t seed, at;
} Draw;

static uint32_t below(Draw *d, uint32_t n) {
    return hth_rng_below(d->seed, 1, d->at++, n);
}

static HthStatus open_queue(HthSched *s, HthErr *err) {
    *s = (HthSched){ .cfg = { .queue_max = QUEUE, .running_max = 2 } };
    s->req_max = s->user_max = QUEUE + BACK;
    s->deadline_min_ns = UINT64_MAX;
    s->slack = 1000;
    return hth_queue_open(s, err);
}

/* ---- the second opinion --------------------------------------------------------------------- */

static uint64_t service_of(const HthSched *s, const HthReq *r) {
    return s->user[r->user].service + s->user[r->user].pending;
}

/* Is a's turn before b's? Both wait, or both were set back, or one of each. */
static bool before(const HthSched *s, const HthReq *a, const HthReq *b, bool by_age) {
    const bool back[2] = { a->state == HTH_REQ_BACK, b->state == HTH_REQ_BACK };
    if (by_age) return a->seq < b->seq;
    if (a->rank != b->rank) return a->rank > b->rank;
    if (back[0] != back[1]) return back[0];
    if (!back[0] && a->user != b->user && service_of(s, a) != service_of(s, b))
        return service_of(s, a) < service_of(s, b);
    return a->seq < b->seq;
}

static uint32_t search(const HthSched *s, bool by_age, int32_t *top) {
    uint32_t best = 0;
    *top = INT32_MIN;
    for (uint32_t i = 1; i <= s->req_max; i++) {
        const HthReq *r = &s->req[i];
        const bool begun = r->state == HTH_REQ_BACK;
        if (!begun && r->state != HTH_REQ_WAITING) continue;
        if (!(begun && r->paused) && r->rank > *top) *top = r->rank;
        if (!r->paused && (best == 0 || before(s, r, &s->req[best], by_age))) best = i;
    }
    return best;
}

/* ---- random lives --------------------------------------------------------------------------- */

static uint32_t pick(const HthSched *s, Draw *d, HthReqState state) {
    const uint32_t from = below(d, s->req_max);
    for (uint32_t k = 0; k < s->req_max; k++) {
        const uint32_t i = 1 + (from + k) % s->req_max;
        if (s->req[i].state == state) return i;
    }
    return 0;
}

static void arrive(HthSched *s, Draw *d, uint64_t id) {
    if (s->waiting == QUEUE) return;
    HthTicket t = { .id = id, .user = 900 + below(d, USERS), .n = 1 + below(d, 9) };
    t.priority = below(d, 3) == 0 ? (int32_t)below(d, 201) - 100 : 0;
    const uint32_t i = hth_queue_add(s, &t);
    assert_int_equal(hth_queue_find(s, id), i);
    assert_int_equal(hth_queue_user(s, t.user), s->req[i].user);
    const HthUser *u = &s->user[s->req[i].user];
    assert_true(u->service >= s->service || u->waiting > 1 || u->pending > 0);
    s->req[i].paused = below(d, 12) == 0;
    s->stats.paused += s->req[i].paused;
}

static void set_back(HthSched *s, Draw *d) {
    const uint32_t i = pick(s, d, HTH_REQ_WAITING);
    if (i == 0 || s->back_count == BACK) return;
    hth_queue_leave(s, i);
    hth_queue_back(s, i);
    if (below(d, 4) == 0) s->req[i].rank = HTH_SCHED_AGED;
}

static void leave(HthSched *s, Draw *d, HthReqState state) {
    const uint32_t i = pick(s, d, state);
    if (i == 0) return;
    const uint64_t id = s->req[i].t.id;
    hth_queue_leave(s, i);
    hth_queue_forget(s, i);
    assert_int_equal(hth_queue_find(s, id), 0);
}

static void serve(HthSched *s, Draw *d) {
    const uint32_t u = hth_queue_user(s, 900 + below(d, USERS));
    if (u == 0) return;
    if (below(d, 2)) s->user[u].pending = below(d, 50);
    hth_queue_charge(s, u, below(d, 400));
    assert_true(s->user[u].service <= s->service + s->slack);
    if (below(d, 3) > 0) return;
    const uint64_t clock = s->service;
    hth_queue_turn(s, u);
    assert_true(s->service >= clock && s->service >= s->user[u].service);
    assert_true(s->user[u].service + s->slack >= clock);
}

static void turns_are_as_searched(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        HthErr err = { 0 };
        HthSched s;
        Draw d = { .seed = seed };
        assert_ok(open_queue(&s, &err), err);
        for (uint64_t k = 1; k <= ROUNDS; k++) {
            const uint32_t what = below(&d, 10);
            if (what < 4) arrive(&s, &d, k);
            if (what == 4) set_back(&s, &d);
            if (what == 5) leave(&s, &d, HTH_REQ_WAITING);
            if (what == 6) leave(&s, &d, HTH_REQ_BACK);
            if (what > 6) serve(&s, &d);
            int32_t top;
            assert_int_equal(hth_queue_next(&s, true), search(&s, true, &top));
            assert_int_equal(hth_queue_next(&s, false), search(&s, false, &top));
            assert_int_equal(hth_queue_top(&s), top);
        }
        while (s.waiting > 0) leave(&s, &d, HTH_REQ_WAITING);
        while (s.back_count > 0) leave(&s, &d, HTH_REQ_BACK);
        for (uint32_t u = 0; u < USERS; u++) assert_int_equal(hth_queue_user(&s, 900 + u), 0);
        assert_int_equal(s.stats.paused, 0);
        hth_queue_close(&s);
    }
}

static HthStatus body(void *ctx) {
    (void)ctx;
    HthSched s;
    const HthStatus st = open_queue(&s, NULL);
    hth_queue_close(&s);
    return st;
}

static void survives_no_memory(void **state) {
    (void)state;
    assert_true(test_torture(body, NULL, 20) >= 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_are_as_searched),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
