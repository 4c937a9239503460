/* sched.c - see sched.h: the events, and the rows of a step.
 *
 * queue.c knows whose turn it is, place.c who has pages; here they meet, once a step: what is over
 * ends, who may comes in, every answer gets its row, prompts share the rest.
 *
 * Thread: engine. */
#include "sched/state.h"

#include "base/mem.h"

enum { RUNNING_MAX = 1 << 14, QUEUE_MAX = 1 << 24, RETRY_MAX_S = 600 };

/* ---- opening -------------------------------------------------------------------------------- */

static HthStatus open_parts(HthSched *s, HthErr *err) {
    const HthSchedCfg *c = &s->cfg;
    s->due = hth_calloc(c->running_max, sizeof *s->due);
    s->rows = hth_calloc(c->running_max, sizeof *s->rows);
    s->late = hth_calloc(s->req_max, sizeof *s->late);
    HTH_REQUIRE(s->due && s->rows && s->late, err, HTH_ENOMEM, "no memory for a scheduler");
    HTH_TRY(hth_queue_open(s, err));
    return hth_place_open(s, err);
}

HthStatus hth_sched_open(HthSched **out, const HthSchedCfg *cfg, HthErr *err) {
    HTH_REQUIRE(
        cfg->running_max > 0 && cfg->running_max <= RUNNING_MAX && cfg->queue_max > 0 &&
            cfg->queue_max <= QUEUE_MAX && cfg->queue_user_max > 0 && cfg->rows_max > 0 &&
            cfg->ctx_max > 0 && cfg->page_len == HTH_PAGE_LEN &&
            (!cfg->whole || (cfg->rows_max >= cfg->ctx_max &&
                             (cfg->prompt_rows_max == 0 || cfg->prompt_rows_max >= cfg->ctx_max))),
        err, HTH_EINVAL,
        "%u timelines of %u tokens, %u rows a step, pages of %u tokens and a queue of %u "
        "(%u of one user) make no sense",
        cfg->running_max, cfg->ctx_max, cfg->rows_max, cfg->page_len, cfg->queue_max,
        cfg->queue_user_max);
    HthSched *s = hth_calloc(1, sizeof *s);
    HTH_REQUIRE(s, err, HTH_ENOMEM, "no memory for a scheduler");
    s->cfg = *cfg;
    if (s->cfg.prompt_rows_max == 0) s->cfg.prompt_rows_max = cfg->rows_max;
    s->req_max = s->user_max = cfg->queue_max + cfg->running_max;
    s->page_max = hth_sched_pages(s, cfg->ctx_max);
    s->slack = (uint64_t)cfg->running_max * cfg->ctx_max;
    s->deadline_min_ns = UINT64_MAX;
    const HthStatus st = open_parts(s, err);
    if (st != HTH_OK)
        hth_sched_close(&s);
    else
        *out = s;
    return st;
}

void hth_sched_close(HthSched **sched) {
    HthSched *s = *sched;
    if (!s) return;
    hth_place_close(s);
    hth_queue_close(s);
    hth_free(s->due);
    hth_free(s->rows);
    hth_free(s->late);
    hth_free(s);
    *sched = NULL;
}

uint64_t hth_sched_bytes(const HthSchedCfg *cfg) {
    const HthSched *s = NULL;
    const uint32_t reqs = cfg->queue_max + cfg->running_max;
    const uint32_t pages = (cfg->ctx_max + cfg->page_len - 1) / cfg->page_len;
    return sizeof *s + cfg->running_max * (sizeof *s->due + sizeof *s->rows) +
           reqs * sizeof *s->late + hth_queue_bytes(reqs) +
           hth_place_bytes(&cfg->layout, cfg->running_max, pages);
}

/* ---- events --------------------------------------------------------------------------------- */

/* The rows that were handed out are computed now; whole pages of prompts are there for others. */
static void settle(HthSched *s) {
    if (s->row_parts == 0) return;
    s->row_parts = 0;
    for (uint32_t k = 0; k < s->run_count; k++) {
        HthReq *r = &s->req[s->run[k]];
        const uint32_t given = r->given;
        r->computed += given;
        r->given = 0;
        if (given > 0 && r->computed / s->cfg.page_len > (r->computed - given) / s->cfg.page_len)
            hth_place_share(s, s->run[k]);
    }
}

static void release(HthSched *s, uint32_t i) {
    const HthReqState state = s->req[i].state;
    if (state == HTH_REQ_RUNNING) {
        hth_place_keep(s, i);
        hth_place_leave(s, i);
    } else {
        hth_queue_leave(s, i);
    }
    hth_queue_forget(s, i);
}

uint32_t hth_sched_retry_after_s(const HthSched *s) {
    const uint64_t ns = s->end_ns * (1 + s->waiting / 8);
    const uint64_t seconds = ns / 1000000000 + 1;
    return seconds < RETRY_MAX_S ? (uint32_t)seconds : RETRY_MAX_S;
}

static HthStatus check(const HthSched *s, const HthTicket *t, HthErr *err) {
    HTH_ASSERT(t->id != 0 && t->n > 0 && hth_queue_find(s, t->id) == 0);
    HTH_REQUIRE(t->priority >= -100 && t->priority <= 100, err, HTH_EINVAL,
                "priority %d: the lowest is -100, the highest 100", t->priority);
    HTH_REQUIRE(t->ctx <= s->cfg.ctx_max, err, HTH_ELIMIT,
                "a context of %u tokens was asked for, and at most %u are served", t->ctx,
                s->cfg.ctx_max);
    HTH_REQUIRE(t->n <= t->ctx, err, HTH_ELIMIT,
                "the prompt has %u tokens and the context %u; send less or ask for a longer "
                "context",
                t->n, t->ctx);
    const uint32_t pages = hth_sched_pages(s, t->ctx), all = hth_pages_count(s->cfg.pages);
    HTH_REQUIRE(pages <= all, err, HTH_ELIMIT,
                "a context of %u tokens takes %u cache pages and there are %u; ask for a shorter "
                "context",
                t->ctx, pages, all);
    const uint32_t away = s->waiting + s->back_count, mine = hth_queue_away(s, t->user);
    HTH_REQUIRE(away < s->cfg.queue_max, err, HTH_EAGAIN,
                "%u requests are waiting, and no more can; try again in about %u s", away,
                hth_sched_retry_after_s(s));
    HTH_REQUIRE(mine < s->cfg.queue_user_max, err, HTH_EAGAIN,
                "%u requests of this user are waiting, and no more can; try again in about %u s",
                mine, hth_sched_retry_after_s(s));
    return HTH_OK;
}

HthStatus hth_sched_arrive(HthSched *s, const HthTicket *t, uint64_t now_ns, HthErr *err) {
    settle(s);
    const HthStatus st = check(s, t, err);
    if (st != HTH_OK) {
        s->stats.refused++;
        return st;
    }
    if (now_ns > s->now_ns) s->now_ns = now_ns;
    if (s->waiting + s->back_count + s->run_count == 0) s->rate_at_ns = s->now_ns;
    hth_queue_add(s, t);
    s->stats.arrived++;
    return HTH_OK;
}

void hth_sched_cancel(HthSched *s, uint64_t id) {
    settle(s);
    const uint32_t i = hth_queue_find(s, id);
    if (i == 0) return;
    release(s, i);
    s->stats.cancelled++;
}

void hth_sched_end(HthSched *s, uint64_t id) {
    settle(s);
    const uint32_t i = hth_queue_find(s, id);
    if (i == 0) return;
    release(s, i);
    s->stats.ended++;
}

void hth_sched_pause(HthSched *s, uint64_t id, bool paused) {
    settle(s);
    const uint32_t i = hth_queue_find(s, id);
    if (i == 0 || s->req[i].paused == paused) return;
    s->req[i].paused = paused;
    s->req[i].paused_ns = s->now_ns;
    s->stats.paused += paused ? 1 : UINT32_MAX;
}

void hth_sched_token(HthSched *s, uint64_t id) {
    settle(s);
    const uint32_t i = hth_queue_find(s, id);
    if (i == 0) return;
    HthReq *r = &s->req[i];
    HTH_ASSERT(r->state != HTH_REQ_WAITING && !r->t.all_rows && r->len < r->t.ctx);
    HTH_ASSERT(r->state == HTH_REQ_BACK || hth_sched_left(r) == 0);
    r->len++;
}

/* ---- the step: what is over, and who comes in ----------------------------------------------- */

static void end_late(HthSched *s) {
    if (s->now_ns < s->deadline_min_ns) return;
    s->deadline_min_ns = UINT64_MAX;
    for (uint32_t i = 1; i <= s->req_max; i++) {
        if (s->deadline_ns[i] <= s->now_ns) {
            s->late[s->late_count++] = s->req[i].t.id;
            release(s, i);
            s->stats.late++;
        } else if (s->deadline_ns[i] < s->deadline_min_ns) {
            s->deadline_min_ns = s->deadline_ns[i];
        }
    }
}

/* How often something ends, while there is something to do. */
static void take_rate(HthSched *s) {
    const uint64_t ended = s->stats.ended + s->stats.cancelled + s->stats.late;
    const uint64_t ns = s->now_ns - s->rate_at_ns;
    if (ended == s->ended_seen || ns == 0) return;
    const uint64_t each = ns / (ended - s->ended_seen);
    s->end_ns = s->end_ns > 0 ? s->end_ns - s->end_ns / 8 + each / 8 : each;
    s->ended_seen = ended;
    s->rate_at_ns = s->now_ns;
}

/* One after another, in order, until there is no place or no page for whoever is next: who waits
 * behind is not let by, or a long prompt would wait for ever. */
static void let_in(HthSched *s) {
    while (s->waiting + s->back_count > 0) {
        const bool place = s->place_free_count > 0;
        if (!place && !hth_place_weakest(s, hth_queue_top(s))) return;
        const bool aged = place && s->since_aged >= HTH_SCHED_AGE_TURN - 1;
        const uint32_t i = hth_queue_next(s, aged);
        if (i == 0) return;
        const bool fresh = s->req[i].state == HTH_REQ_WAITING;
        if (!hth_place_admit(s, i)) return;
        if (aged)
            s->req[i].rank = HTH_SCHED_AGED;
        else if (fresh)
            hth_queue_turn(s, s->req[i].user);
        s->since_aged = aged ? 0 : s->since_aged + 1;
    }
}

/* ---- the step: rows ------------------------------------------------------------------------- */

static bool is_due(const HthReq *r) {
    return !r->paused && hth_sched_left(r) == 1;
}

static void give(HthSched *s, uint32_t i, uint32_t n) {
    HthReq *r = &s->req[i];
    s->rows[s->row_parts++] = (HthSchedRows){
        .id = r->t.id,
        .kv = hth_table_view(s->place[r->place]),
        .ids = r->t.ids + r->computed,
        .first = r->computed,
        .n = n,
        .wants = r->t.all_rows || n == hth_sched_left(r),
    };
    r->given = n;
    r->served_step = s->stats.steps;
    s->row_count += n;
    hth_place_spend(s, i, n);
    hth_queue_charge(s, r->user, n);
}

/* Fills `due`, those longest without a row first where not all can have one. */
static uint32_t collect_due(HthSched *s) {
    uint32_t count = 0;
    for (uint32_t k = 0; k < s->run_count; k++)
        if (is_due(&s->req[s->run[k]])) s->due[count++] = s->run[k];
    const uint32_t collected = count;
    count = 0;
    for (uint32_t d = 0; d < collected; d++) { /* to grow may set others back, and those go too */
        const HthReq *r = &s->req[s->due[d]];
        if (r->state == HTH_REQ_RUNNING) hth_place_grow(s, s->due[d], r->len);
    }
    for (uint32_t d = 0; d < collected; d++)
        if (s->req[s->due[d]].state == HTH_REQ_RUNNING) s->due[count++] = s->due[d];
    return count;
}

static void sort_by_served(HthSched *s, uint32_t count) {
    for (uint32_t d = 1; d < count; d++) {
        const uint32_t i = s->due[d];
        uint32_t at = d;
        for (; at > 0 && s->req[s->due[at - 1]].served_step > s->req[i].served_step; at--)
            s->due[at] = s->due[at - 1];
        s->due[at] = i;
    }
}

static void give_answers(HthSched *s) {
    const uint32_t count = collect_due(s), most = s->cfg.rows_max - hth_queue_reserve(s);
    if (count > most) sort_by_served(s, count);
    for (uint32_t d = 0; d < count && d < most; d++) give(s, s->due[d], 1);
    s->stats.decode_rows += s->row_count;
}

static bool by_age(const HthSched *s) {
    return s->stats.steps % HTH_SCHED_AGE_TURN == 0;
}

/* Whose prompt goes first; every so often simply the oldest. */
static bool prompt_first(const HthSched *s, const HthReq *a, const HthReq *b) {
    const uint64_t left = s->user[a->user].service, right = s->user[b->user].service;
    if (by_age(s)) return a->seq < b->seq;
    if (a->rank != b->rank) return a->rank > b->rank;
    return left != right ? left < right : a->seq < b->seq;
}

static uint32_t next_prompt(const HthSched *s) {
    uint32_t best = 0;
    for (uint32_t k = 0; k < s->run_count; k++) {
        const HthReq *r = &s->req[s->run[k]];
        if (!hth_sched_is_prompt(r) || r->served_step == s->stats.steps) continue;
        if (best == 0 || prompt_first(s, r, &s->req[best])) best = s->run[k];
    }
    return best;
}

static void give_prompts(HthSched *s) {
    const uint32_t answers = s->row_count, rows = s->cfg.rows_max - answers;
    const uint32_t most = answers + (rows < s->cfg.prompt_rows_max ? rows : s->cfg.prompt_rows_max);
    for (uint32_t i; s->row_count < most && (i = next_prompt(s)) != 0;) {
        HthReq *r = &s->req[i];
        hth_place_find(s, i);
        const uint32_t room = most - s->row_count, left = hth_sched_left(r);
        const uint32_t n = left < room ? left : room;
        r->served_step = s->stats.steps;
        const bool piece = n < left && n < HTH_SCHED_PIECE_MIN && s->row_count > answers;
        if (piece || (s->cfg.whole && n < left)) continue;
        if (!by_age(s)) hth_queue_turn(s, r->user);
        const bool grown = hth_place_grow(s, i, r->computed + n);
        HTH_ASSERT(grown); /* promised */
        give(s, i, n);
    }
    s->stats.prompt_rows += s->row_count - answers;
}

/* A reader that stands still gives way later on, if somebody waits then. */
static uint64_t wake_ns(const HthSched *s, bool moved) {
    if (s->row_parts > 0 || moved) return s->now_ns;
    uint64_t wake = s->deadline_min_ns;
    for (uint32_t k = 0; k < s->run_count && s->waiting + s->back_count > 0; k++) {
        const HthReq *r = &s->req[s->run[k]];
        const uint64_t ns = r->paused_ns + HTH_SCHED_GRACE_NS;
        if (r->paused && ns > s->now_ns && ns < wake) wake = ns;
    }
    return wake;
}

void hth_sched_step(HthSched *s, uint64_t now_ns, HthSchedStep *out) {
    settle(s);
    if (now_ns > s->now_ns) s->now_ns = now_ns;
    s->row_parts = s->row_count = s->late_count = 0;
    s->stats.steps++;
    const uint64_t preempted = s->stats.preempted;
    end_late(s);
    take_rate(s);
    let_in(s);
    give_answers(s);
    give_prompts(s);
    *out = (HthSchedStep){
        .rows = s->rows,
        .count = s->row_parts,
        .row_count = s->row_count,
        .late = s->late,
        .late_count = s->late_count,
        .wake_ns = wake_ns(s, s->stats.preempted != preempted),
    };
}

/* ---- looking in ----------------------------------------------------------------------------- */

HthSchedStats hth_sched_stats(const HthSched *s) {
    HthSchedStats stats = s->stats;
    stats.running = s->run_count;
    stats.waiting = s->waiting + s->back_count;
    stats.pages_free = hth_pages_free_count(s->cfg.pages);
    stats.pages_cached = s->cfg.prefix ? hth_prefix_pages(s->cfg.prefix) : 0;
    stats.page_count = hth_pages_count(s->cfg.pages);
    return stats;
}

uint32_t hth_sched_cached(const HthSched *s, uint64_t id) {
    const uint32_t i = hth_queue_find(s, id);
    return i ? s->req[i].cached : 0;
}
