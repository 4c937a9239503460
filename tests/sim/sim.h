/* sim.h - clients, a fake model and a clock around one scheduler; and what must hold at any time.
 *
 * An episode is a world drawn from its seed: sizes, who comes how often, with what, who leaves,
 * who reads slowly.  It runs for a number of events, then nobody comes any more and everything
 * must end.  What does not hold is a sentence in Sim.wrong; the same seed says it again.
 *
 * The promises checked, beside the words themselves:
 *   pages      every page's readers are the tables and the tree, nobody else; promised ones exist
 *   rows       in budget, in order, on pages of their own; a page with other readers is not written
 *   tenants    every page a timeline reads was written for its tenant (no_prefix: by itself)
 *   waiting    an answer misses few steps in a row; prompts get their share of every step; a
 *              request has ended when the machine has done AGE_TURN * (those before it + places +
 *              1) times the longest timeline
 *   readers    who stands still holds up nobody who reads for more than a second, and holds no
 *              more of the queue than is its user's
 *   fairness   while a user waits, no other gets FAIR times (places * longest timeline) rows more
 *              than it, but for what came in by age (sched.h)
 *   idleness   before wake_ns and without events nothing happens
 *
 * Thread: one. */
#ifndef HTH_TESTS_SIM_SIM_H
#define HTH_TESTS_SIM_SIM_H

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "sched/state.h"
#include "sim/fake.h"

enum { SIM_USERS = 8, SIM_TENANTS = 4, SIM_PLACES = 40, SIM_FAIR = 2, SIM_IDLE_MAX = 4000 };

typedef struct SimShape {
    uint32_t running_max, rows_max, ctx_max, page_count, queue_max, queue_user_max;
    uint32_t prompt_rows_max;
    uint32_t tenants, users; /* a user belongs to tenant (user % tenants) */
    uint32_t load; /* arrivals in a thousand steps */
    uint32_t prompt_mean, answer_mean;
    uint32_t cancel, pause, late; /* in a thousand steps; arrivals with a deadline in a thousand */
    bool prefix, priorities, fair; /* fair: fairness is checked */
    bool flood; /* a stream of high priority that never ends */
    bool stall; /* users 0 and 1 of four stop reading when they have begun, for a long time */
} SimShape;

typedef struct SimReq {
    uint64_t id; /* 0: not in use */
    HthTicket t;
    uint32_t *ids; /* [ctx_max] prompt and answer so far */
    uint32_t len, target, drawn; /* tokens; words wanted, had */
    uint32_t scored; /* rows seen, all_rows */
    uint32_t missed; /* steps in a row without its row, up to missed_step */
    uint64_t missed_step;
    uint32_t before; /* requests that were there when it came */
    uint64_t rows_at; /* rows the machine had done when it came, or was last paused */
    uint64_t resume_step;
    bool paused, served, served_once; /* served: in this step */
    FakeSolo solo;
} SimReq;

typedef struct SimTalk { /* a user's conversation so far */
    uint32_t *ids; /* [ctx_max] */
    uint32_t len;
} SimTalk;

typedef struct Sim {
    SimShape shape;
    HthPages *pages;
    HthPrefix *prefix;
    HthSched *s;
    uint64_t seed, rng, now_ns, events, steps, rows_done, serial, digest, admitted;
    SimReq *req; /* [req_max] */
    uint32_t req_max, live, burst, idle;
    uint64_t moved_ns; /* when rows were last given, or nobody wanted any */
    uint32_t *ids; /* all of the above's */
    SimTalk talk[SIM_USERS];
    uint64_t *owner; /* [page_count] whose text the page holds */
    uint32_t *readers; /* [page_count] scratch */
    const uint8_t *page_base;
    size_t page_stride;
    uint64_t user_rows[SIM_USERS];
    bool user_waits[SIM_USERS];
    uint64_t since[SIM_USERS][SIM_USERS], since_admitted[SIM_USERS];
    uint64_t words, completed; /* of all ended in peace */
    double starved, unfair; /* the worst seen, as parts of what is allowed */
    char wrong[200]; /* empty: all is well */
} Sim;

static inline void sim_wrong(Sim *m, const char *fmt, ...) HTH_PRINTF(2, 3);
static inline void sim_wrong(Sim *m, const char *fmt, ...) {
    if (m->wrong[0]) return;
    va_list args;
    va_start(args, fmt);
    vsnprintf(m->wrong, sizeof m->wrong, fmt, args);
    va_end(args);
}
#define SIM_MUST(m, cond, ...)                                                                     \
    do {                                                                                           \
        if (!(cond)) sim_wrong((m), __VA_ARGS__);                                                  \
    } while (0)

static inline uint64_t sim_random(Sim *m) {
    m->rng += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = m->rng;
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}
static inline uint32_t sim_below(Sim *m, uint32_t n) {
    return (uint32_t)((sim_random(m) >> 32) * n >> 32);
}
static inline bool sim_chance(Sim *m, uint32_t in_thousand) {
    return sim_below(m, 1000) < in_thousand;
}
/* Mostly around the mean, now and then many times that. */
static inline uint32_t sim_heavy(Sim *m, uint32_t mean, uint32_t most) {
    uint32_t n = 1 + sim_below(m, mean);
    while (n < most && sim_chance(m, 200)) n *= 2;
    return n < most ? n : most;
}

/* ---- opening and closing -------------------------------------------------------------------- */

static inline HthStatus sim_open(Sim *m, const SimShape *shape, uint64_t seed, HthErr *err) {
    *m = (Sim){ .shape = *shape, .seed = seed, .rng = seed, .now_ns = 1 };
    HthSchedCfg cfg = { .page_len = HTH_PAGE_LEN,
                        .running_max = shape->running_max,
                        .queue_max = shape->queue_max,
                        .queue_user_max = shape->queue_user_max,
                        .rows_max = shape->rows_max,
                        .prompt_rows_max = shape->prompt_rows_max,
                        .ctx_max = shape->ctx_max };
    HTH_TRY(hth_kv_layout(&cfg.layout, HTH_KV_F32, 1, 1, 1, 1, err));
    const size_t bytes = cfg.layout.page_bytes;
    HTH_TRY(hth_pages_open(
        &m->pages, &(HthPagesCfg){ .page_count = shape->page_count, .page_bytes = bytes }, err));
    if (shape->prefix)
        HTH_TRY(hth_prefix_open(&m->prefix, m->pages, HTH_PAGE_LEN, shape->page_count, err));
    cfg.pages = m->pages;
    cfg.prefix = m->prefix;
    HTH_TRY(hth_sched_open(&m->s, &cfg, err));
    m->req_max = shape->queue_max + shape->running_max;
    m->req = hth_calloc(m->req_max, sizeof *m->req);
    m->ids = hth_calloc((size_t)(m->req_max + SIM_USERS) * shape->ctx_max, sizeof *m->ids);
    m->owner = hth_calloc(shape->page_count, sizeof *m->owner);
    m->readers = hth_calloc(shape->page_count, sizeof *m->readers);
    HTH_REQUIRE(m->req && m->ids && m->owner && m->readers, err, HTH_ENOMEM, "no memory");
    for (uint32_t i = 0; i < m->req_max; i++) m->req[i].ids = m->ids + (size_t)i * shape->ctx_max;
    for (uint32_t u = 0; u < SIM_USERS; u++)
        m->talk[u].ids = m->ids + (size_t)(m->req_max + u) * shape->ctx_max;
    HthPage page;
    HTH_TRY(hth_pages_take(m->pages, 1, &page, err));
    m->page_stride = (bytes + 63) & ~(size_t)63;
    m->page_base = (uint8_t *)hth_pages_data(m->pages, page) - (page.id - 1) * m->page_stride;
    hth_pages_drop(m->pages, page);
    return HTH_OK;
}

static inline void sim_close(Sim *m) {
    hth_sched_close(&m->s);
    hth_prefix_close(&m->prefix);
    hth_pages_close(&m->pages);
    hth_free(m->req);
    hth_free(m->ids);
    hth_free(m->owner);
    hth_free(m->readers);
}

/* ---- clients -------------------------------------------------------------------------------- */

static inline SimReq *sim_find(Sim *m, uint64_t id) {
    SimReq *r = &m->req[id % m->req_max];
    return r->id == id ? r : NULL;
}

static inline void sim_forget(Sim *m, SimReq *r) {
    r->id = 0;
    m->live--;
}

/* A prompt: the system prompt that all tenants happen to share, or what this user said before, and
 * something new; or whole pages of what was said before, and nothing new. */
static inline uint32_t sim_prompt(Sim *m, uint32_t *ids, uint32_t user, uint32_t most) {
    const SimTalk *talk = &m->talk[user];
    uint32_t n = 0;
    if (talk->len > 0 && talk->len < most && sim_chance(m, 400)) {
        memcpy(ids, talk->ids, talk->len * sizeof *ids);
        n = talk->len;
        if (n >= HTH_PAGE_LEN && sim_chance(m, 200)) return n - n % HTH_PAGE_LEN;
    } else if (sim_chance(m, 700)) {
        const uint32_t shared = sim_heavy(m, 3 * HTH_PAGE_LEN, most);
        for (; n < shared; n++) ids[n] = n % 97;
    }
    const uint32_t more = sim_heavy(m, m->shape.prompt_mean, most - (n < most ? n : most - 1));
    for (uint32_t i = 0; i < more && n < most; i++) ids[n++] = 1000 + sim_below(m, 50);
    return n;
}

static inline void sim_arrive(Sim *m, uint32_t user, int32_t priority) {
    uint32_t slot = 0;
    while (slot < m->req_max && m->req[slot].id != 0) slot++;
    if (slot == m->req_max) return;
    SimReq *r = &m->req[slot];
    uint32_t *ids = r->ids;
    *r = (SimReq){ .ids = ids, .before = m->live, .rows_at = m->rows_done };
    r->id = ++m->serial * m->req_max + slot;
    HthTicket *t = &r->t;
    *t = (HthTicket){ .id = r->id, .user = 70 + user, .priority = priority, .ids = ids };
    t->tenant = user % m->shape.tenants;
    t->ctx = 2 + sim_below(m, m->shape.ctx_max - 1);
    t->all_rows = sim_chance(m, 30);
    t->no_prefix = sim_chance(m, 50);
    t->n = sim_prompt(m, ids, user, t->ctx);
    if (sim_chance(m, m->shape.late))
        t->deadline_ns = m->now_ns + (uint64_t)sim_below(m, 2000) * 1000000 + 1;
    r->len = t->n;
    r->target = sim_heavy(m, m->shape.answer_mean, m->shape.ctx_max);
    HthErr err = { 0 };
    const HthSchedStats stats = hth_sched_stats(m->s);
    const HthStatus st = hth_sched_arrive(m->s, t, m->now_ns, &err);
    const bool fits = t->n <= t->ctx;
    m->events++;
    if (st == HTH_OK) {
        SIM_MUST(m, fits, "a prompt without room was let in");
        m->live++;
        return;
    }
    r->id = 0;
    if (st == HTH_ELIMIT) SIM_MUST(m, !fits, "refused for no reason: %s", err.text);
    if (st == HTH_EAGAIN)
        SIM_MUST(m, stats.waiting >= m->shape.queue_user_max, "turned away from an empty queue");
    SIM_MUST(m, st == HTH_ELIMIT || st == HTH_EAGAIN, "strange refusal: %s", err.text);
}

static inline void sim_cancel(Sim *m, SimReq *r) {
    hth_sched_cancel(m->s, r->id);
    sim_forget(m, r);
    m->events++;
}

static inline void sim_pause(Sim *m, SimReq *r, bool paused) {
    hth_sched_pause(m->s, r->id, paused);
    r->paused = paused;
    r->missed = 0;
    r->resume_step = m->steps + (m->shape.stall ? 4000 : sim_heavy(m, 20, 400));
    r->rows_at = m->rows_done;
    m->events++;
}

static inline void sim_clients(Sim *m, bool arrivals) {
    const SimShape *h = &m->shape;
    if (arrivals && m->burst == 0 && sim_chance(m, 5)) m->burst = sim_heavy(m, 20, 300);
    uint32_t come = 0;
    for (uint32_t load = arrivals ? h->load : 0; load > 0; load -= load < 1000 ? load : 1000)
        come += sim_chance(m, load < 1000 ? load : 1000);
    if (m->burst > 0) {
        m->burst--;
        come++;
    }
    for (uint32_t c = 0; c < come && arrivals; c++) {
        /* user 0 has as many requests as all others together */
        const uint32_t user = sim_chance(m, 500) ? 0 : sim_below(m, h->users);
        const int32_t priority = h->priorities ? (int32_t)sim_below(m, 3) - 1 : 0;
        sim_arrive(m, user, h->flood ? (user == 0 ? 9 : 0) : priority);
    }
    SimReq *any = &m->req[sim_below(m, m->req_max)];
    if (sim_chance(m, h->cancel) && any->id) sim_cancel(m, any);
    any = &m->req[sim_below(m, m->req_max)];
    if (sim_chance(m, h->pause) && any->id && !any->paused && !any->t.all_rows)
        sim_pause(m, any, true);
    for (uint32_t i = 0; (h->pause > 0 || h->stall) && i < m->req_max; i++) {
        SimReq *r = &m->req[i];
        if (!r->id) continue;
        if (r->paused && (r->resume_step <= m->steps || !arrivals))
            sim_pause(m, r, false);
        else if (h->stall && arrivals && r->drawn > 0 && !r->paused && r->t.user < 72)
            sim_pause(m, r, true);
    }
}

/* ---- the machine ---------------------------------------------------------------------------- */

static inline void sim_own(Sim *m, const SimReq *r, const HthSchedRows *part) {
    const uint64_t owner = r->t.no_prefix || r->t.all_rows ? r->id : r->t.tenant + 1;
    const uint32_t end = part->first + part->n;
    for (uint32_t k = 0; k * HTH_PAGE_LEN < end; k++) {
        const uint8_t *data = part->kv->pages[k];
        if (!data) {
            sim_wrong(m, "rows without a page");
            return;
        }
        const uint32_t page = (uint32_t)((size_t)(data - m->page_base) / m->page_stride);
        if (k * HTH_PAGE_LEN >= part->first) m->owner[page] = owner;
        SIM_MUST(m, m->owner[page] == owner, "a page of somebody else's text");
        if ((k + 1) * HTH_PAGE_LEN > part->first)
            SIM_MUST(m, hth_pages_readers(m->pages, (HthPage){ page + 1 }) == 1,
                     "a page with other readers is written");
    }
}

static inline void sim_compute(Sim *m, SimReq *r, const HthSchedRows *part) {
    sim_own(m, r, part);
    if (m->wrong[0]) return;
    uint64_t content = part->first > 0 ? fake_read(part->kv, part->first - 1) : 0;
    for (uint32_t k = 0; k < part->n; k++) {
        const uint32_t pos = part->first + k;
        SIM_MUST(m, part->ids[k] == r->ids[pos], "another token than was said");
        SIM_MUST(m, fake_read(part->kv, pos) == 0, "a position that was not wiped");
        content = fake_content(content, part->ids[k]);
        fake_write(part->kv, pos, content);
    }
    m->digest = fake_mix(m->digest, fake_mix(part->id, (uint64_t)part->first << 32 | part->n));
    m->user_rows[r->t.user - 70] += part->n;
    m->rows_done += part->n;
}

static inline void sim_ended(Sim *m, SimReq *r) {
    SimTalk *talk = &m->talk[r->t.user - 70];
    m->completed++;
    m->words += r->drawn;
    talk->len = r->len;
    memcpy(talk->ids, r->ids, r->len * sizeof *talk->ids);
    sim_forget(m, r);
}

static inline void sim_score(Sim *m, SimReq *r, const HthSchedRows *part) {
    SIM_MUST(m, part->first == r->scored && part->wants,
             "rows that are scored come in order, once");
    r->scored += part->n;
    if (r->scored < r->t.n) return;
    hth_sched_end(m->s, r->id);
    m->events++;
    sim_ended(m, r);
}

/* A word, checked against what is said alone. Now and then the client leaves right now. */
static inline void sim_draw(Sim *m, SimReq *r, const HthSchedRows *part) {
    const uint32_t word = fake_draw(part->kv, r->len);
    SIM_MUST(m, word == fake_solo(&r->solo, r->ids, r->len), "another word than alone");
    if (sim_chance(m, m->shape.cancel / 8)) {
        sim_cancel(m, r);
        return;
    }
    r->drawn++;
    m->events++;
    if (r->drawn < r->target && r->len < r->t.ctx) {
        r->ids[r->len++] = word;
        hth_sched_token(m->s, r->id);
        return;
    }
    hth_sched_end(m->s, r->id);
    sim_ended(m, r);
}

/* ---- what must hold ------------------------------------------------------------------------- */

static inline void sim_check_over(Sim *m, const HthSchedStep *step) {
    for (uint32_t e = 0; e < step->late_count; e++) {
        SimReq *r = sim_find(m, step->late[e]);
        if (!r) {
            sim_wrong(m, "somebody ended who was not there");
            return;
        }
        m->events++;
        SIM_MUST(m, r->t.deadline_ns > 0 && r->t.deadline_ns <= m->now_ns, "late too early");
        sim_forget(m, r);
    }
}

static inline void sim_check_parts(Sim *m, const HthSchedStep *step) {
    uint32_t rows = 0;
    SIM_MUST(m, step->count <= m->shape.running_max && step->row_count <= m->shape.rows_max,
             "a step of %u parts, %u rows", step->count, step->row_count);
    for (uint32_t k = 0; k < step->count; k++) {
        const HthSchedRows *part = &step->rows[k];
        SimReq *r = sim_find(m, part->id);
        if (!r) {
            sim_wrong(m, "rows for nobody");
            return;
        }
        const uint32_t end = part->first + part->n;
        SIM_MUST(m, !r->paused && !r->served, "rows for a reader that stands still, or twice");
        SIM_MUST(m, part->n > 0 && end <= r->len, "rows past the end");
        SIM_MUST(m, part->wants == (end == r->len || r->t.all_rows), "wants at the wrong place");
        SIM_MUST(m, r->t.deadline_ns == 0 || r->t.deadline_ns > m->now_ns, "rows for a late one");
        m->admitted += !r->served_once;
        r->served = r->served_once = true;
        r->missed = 0;
        rows += part->n;
    }
    SIM_MUST(m, rows == step->row_count, "%u rows counted as %u", rows, step->row_count);
}

/* Whoever reads a page of the tree reads all before it there: or spare pages could not be had. */
static inline void sim_check_prefixes(Sim *m) {
    const HthSched *s = m->s;
    for (uint32_t k = 0; k < s->run_count; k++) {
        const HthTable *table = s->place[s->req[s->run[k]].place];
        const HthPage *page = hth_table_list(table);
        bool shared = true;
        for (uint32_t p = 0; p < hth_table_pages(table); p++) {
            const bool here = hth_pages_readers(m->pages, page[p]) > m->readers[page[p].id - 1];
            SIM_MUST(m, shared || !here, "a page of the tree without the one before it");
            shared = here;
        }
    }
}

/* Every page's readers are known. */
static inline void sim_check_pages(Sim *m) {
    const HthSched *s = m->s;
    const uint32_t count = m->shape.page_count;
    uint32_t promised = 0, in_tree = 0, unused = 0, spare = 0;
    memset(m->readers, 0, count * sizeof *m->readers);
    for (uint32_t k = 0; k < s->run_count; k++) {
        const HthReq *r = &s->req[s->run[k]];
        const HthPage *page = hth_table_list(s->place[r->place]);
        const uint32_t pages = hth_table_pages(s->place[r->place]);
        SIM_MUST(m, pages >= hth_sched_pages(s, r->computed + r->given), "computed without pages");
        for (uint32_t p = 0; p < pages; p++) m->readers[page[p].id - 1]++;
        promised += r->promised;
    }
    for (uint32_t p = 0; p < count; p++) {
        const uint32_t all = hth_pages_readers(m->pages, (HthPage){ p + 1 });
        SIM_MUST(m, all == m->readers[p] || all == m->readers[p] + 1, "a page with odd readers");
        in_tree += all - m->readers[p];
        unused += all == 0;
        spare += all == 1 && m->readers[p] == 0;
    }
    SIM_MUST(m, in_tree == (m->prefix ? hth_prefix_pages(m->prefix) : 0), "pages leak");
    SIM_MUST(m, unused == hth_pages_free_count(m->pages), "free pages are miscounted");
    SIM_MUST(m, spare == hth_pages_spare_count(m->pages), "spare pages are miscounted");
    SIM_MUST(m, promised == s->promised && promised <= unused + spare,
             "%u pages promised, %u free, %u spare", promised, unused, spare);
    sim_check_prefixes(m);
}

/* Before anything is computed: prompts that have a place get their share of the step between them,
 * but for a piece too small to be worth it, and no more than they may have. */
static inline void sim_check_prompts(Sim *m, uint64_t had) {
    const HthSched *s = m->s;
    const uint32_t most = m->shape.rows_max, cap = m->shape.prompt_rows_max;
    uint32_t left = 0;
    for (uint32_t k = 0; k < s->run_count; k++)
        if (hth_sched_is_prompt(&s->req[s->run[k]])) left += hth_sched_left(&s->req[s->run[k]]);
    SIM_MUST(m, cap == 0 || had <= cap, "%u rows for prompts, and %u are allowed", (unsigned)had,
             cap);
    uint32_t share = most / 4 > 16 ? most / 4 : 16;
    if (share > most / 2) share = most / 2;
    if (cap > 0 && share > cap) share = cap;
    if (most == 1) share = s->stats.steps % 2; /* in turns with the answers */
    if (share > left) share = left;
    const uint32_t lost = share > 1 ? HTH_SCHED_PIECE_MIN - 1 : 0;
    SIM_MUST(m, had + lost >= share && (had > 0 || share == 0),
             "prompts had %u rows of a step, and %u are theirs", (unsigned)had, share);
}

/* Who reads does not wait for who does not. */
static inline void sim_check_readers(Sim *m, const HthSchedStep *step) {
    uint32_t of_user[SIM_USERS] = { 0 };
    bool wanted = false;
    if (step->row_count > 0) m->moved_ns = m->now_ns;
    if (step->row_count > 0 && m->steps % 32 != 0) return;
    for (uint32_t i = 0; i < m->req_max; i++) {
        const SimReq *r = &m->req[i];
        if (!r->id) continue;
        wanted = wanted || !r->paused;
        const uint64_t u = r->t.user - 70;
        SIM_MUST(m, ++of_user[u] <= m->shape.queue_user_max + m->shape.running_max,
                 "user %u has more than its part of the queue", (unsigned)u);
    }
    if (!wanted) m->moved_ns = m->now_ns;
    SIM_MUST(m, m->now_ns - m->moved_ns <= 2 * HTH_SCHED_GRACE_NS,
             "who reads waits for readers that stand still");
}

static inline void sim_check_waiting(Sim *m) {
    const HthSched *s = m->s;
    const uint32_t half = m->shape.rows_max > 1 ? m->shape.rows_max / 2 : 1;
    const uint32_t misses = 2 + 2 * ((m->shape.running_max + half - 1) / half);
    for (uint32_t k = 0; k < s->run_count; k++) {
        const HthReq *q = &s->req[s->run[k]];
        SimReq *r = sim_find(m, q->t.id);
        if (!r || r->paused || r->served || hth_sched_left(q) != 1) continue;
        if (r->missed_step + 1 != m->steps) r->missed = 0; /* was set back in between */
        r->missed_step = m->steps;
        SIM_MUST(m, ++r->missed <= misses, "an answer stands still for %u steps", r->missed);
    }
    for (uint32_t i = 0; i < m->req_max; i++) m->req[i].served = false;
    if (m->steps % 32 != 0) return;
    for (uint32_t i = 0; i < m->req_max; i++) {
        const SimReq *r = &m->req[i];
        if (!r->id || r->paused) continue;
        const uint64_t turns =
            HTH_SCHED_AGE_TURN * (r->before + m->shape.running_max + UINT64_C(1));
        const uint64_t rows = m->rows_done - r->rows_at, most = turns * m->shape.ctx_max;
        if ((double)rows > m->starved * (double)most) m->starved = (double)rows / (double)most;
        SIM_MUST(m, rows <= most, "a request starves: %u before it, %llu rows since", r->before,
                 (unsigned long long)rows);
    }
}

/* While user u waits, the others' rows since are counted from where it began to wait. */
static inline void sim_check_fair(Sim *m) {
    bool waits[SIM_USERS] = { false };
    const HthSched *s = m->s;
    for (uint32_t l = 0; l < s->lined_count; l++) waits[s->user[s->lined[l]].id - 70] = true;
    const uint64_t most = (uint64_t)m->shape.running_max * m->shape.ctx_max * SIM_FAIR;
    for (uint32_t u = 0; u < m->shape.users; u++) {
        if (waits[u] && !m->user_waits[u]) {
            memcpy(m->since[u], m->user_rows, sizeof m->user_rows);
            m->since_admitted[u] = m->admitted;
        }
        m->user_waits[u] = waits[u];
        const uint64_t own = m->user_rows[u] - m->since[u][u];
        const uint64_t aged = (m->admitted - m->since_admitted[u]) / HTH_SCHED_AGE_TURN + 1;
        for (uint32_t v = 0; waits[u] && v < m->shape.users; v++) {
            const uint64_t rows = m->user_rows[v] - m->since[u][v];
            const uint64_t allowed = most + aged * m->shape.ctx_max;
            const double part = ((double)rows - (double)own) / (double)allowed;
            if (part > m->unfair) m->unfair = part;
            SIM_MUST(m, rows <= own + allowed,
                     "user %u had %llu rows while user %u waited with %llu", v,
                     (unsigned long long)rows, u, (unsigned long long)own);
        }
    }
}

/* ---- running -------------------------------------------------------------------------------- */

/* Nothing to do until wake_ns: asked before that, there is nothing. At once: somebody gave way. */
static inline void sim_idle(Sim *m, const HthSchedStep *step) {
    const uint64_t wake = step->wake_ns, later = m->now_ns + 20000000;
    SIM_MUST(m, ++m->idle < SIM_IDLE_MAX, "%u requests are there and nothing moves", m->live);
    if (wake <= m->now_ns) return;
    if (later < wake) {
        HthSchedStep again;
        m->now_ns = later;
        hth_sched_step(m->s, later, &again);
        SIM_MUST(m, again.count == 0 && again.late_count == 0, "woke before its time");
    } else {
        m->now_ns = wake;
    }
}

static inline void sim_step(Sim *m) {
    HthSchedStep step;
    const uint64_t preempted = m->live == 1 ? hth_sched_stats(m->s).preempted : UINT64_MAX;
    m->steps++;
    m->events++;
    m->now_ns += 1 + sim_below(m, 20000000);
    const uint64_t prompt_rows = m->s->stats.prompt_rows;
    hth_sched_step(m->s, m->now_ns, &step);
    SIM_MUST(m, preempted == UINT64_MAX || preempted == hth_sched_stats(m->s).preempted,
             "somebody alone is set back");
    sim_check_over(m, &step);
    sim_check_parts(m, &step);
    sim_check_prompts(m, m->s->stats.prompt_rows - prompt_rows);
    sim_check_readers(m, &step);
    sim_check_pages(m);
    for (uint32_t k = 0; k < step.count && !m->wrong[0]; k++)
        sim_compute(m, sim_find(m, step.rows[k].id), &step.rows[k]);
    sim_check_waiting(m);
    if (m->shape.fair) sim_check_fair(m);
    if (step.count > 0)
        m->idle = 0;
    else if (m->live > 0)
        sim_idle(m, &step);
    /* events end what the step has lent; what they need is copied */
    HthSchedRows part[SIM_PLACES];
    HTH_ASSERT(step.count <= SIM_PLACES);
    memcpy(part, step.rows, step.count * sizeof part[0]);
    for (uint32_t k = 0; k < step.count && !m->wrong[0]; k++) {
        SimReq *r = sim_find(m, part[k].id);
        if (r->t.all_rows)
            sim_score(m, r, &part[k]);
        else if (part[k].wants)
            sim_draw(m, r, &part[k]);
    }
}

/* When everything has ended there is nothing but the tree, and nothing written outside of it. */
static inline void sim_check_end(Sim *m) {
    const HthSchedStats stats = hth_sched_stats(m->s);
    SIM_MUST(m, stats.running == 0 && stats.waiting == 0 && stats.paused == 0, "somebody is left");
    SIM_MUST(m, m->s->lined_count == 0 && m->s->oldest == 0, "a queue without requests");
    SIM_MUST(m, stats.pages_free + stats.pages_cached == stats.page_count, "pages are lost");
    SIM_MUST(m, stats.arrived == stats.ended + stats.cancelled + stats.late, "requests are lost");
    if (m->prefix) hth_prefix_evict(m->prefix, stats.page_count);
    SIM_MUST(m, hth_pages_free_count(m->pages) == stats.page_count, "the tree does not let go");
    for (size_t i = 0; i < stats.page_count * m->page_stride; i++)
        SIM_MUST(m, m->page_base[i] == 0, "text is left in a free page");
}

/* One world for so many events, then until all is over. False: m->wrong says why. */
static inline bool sim_run(Sim *m, uint64_t events) {
    const uint64_t calls = hth_mem_calls();
    while (m->events < events && !m->wrong[0]) {
        sim_clients(m, true);
        sim_step(m);
    }
    while (m->live > 0 && !m->wrong[0]) {
        sim_clients(m, false);
        sim_step(m);
    }
    SIM_MUST(m, hth_mem_calls() == calls, "memory was asked for while running");
    if (!m->wrong[0]) sim_check_end(m);
    return !m->wrong[0];
}

/* ---- worlds --------------------------------------------------------------------------------- */

/* A shape drawn from a seed: tiny and large steps, short and ample pools, and sometimes the special
 * cases in which fairness and starvation show. */
static inline SimShape sim_shape(uint64_t seed) {
    Sim draw = { .rng = fake_mix(seed, 77) };
    static const uint32_t rows[] = { 1, 3, 16, 48, 64, 160 };
    SimShape h = { .running_max = 1 + sim_below(&draw, 10),
                   .rows_max = rows[sim_below(&draw, HTH_COUNT(rows))],
                   .ctx_max = HTH_PAGE_LEN * (1 + sim_below(&draw, 8)) - sim_below(&draw, 30) };
    const uint32_t pages = (h.ctx_max + HTH_PAGE_LEN - 1) / HTH_PAGE_LEN;
    h.page_count = pages + sim_below(&draw, pages * h.running_max);
    if (sim_chance(&draw, 50)) h.running_max = SIM_PLACES;
    if (sim_chance(&draw, 300)) h.prompt_rows_max = 1 + sim_below(&draw, h.rows_max);
    h.queue_max = 4 + sim_below(&draw, sim_chance(&draw, 100) ? 800 : 60);
    h.queue_user_max = 1 + sim_below(&draw, h.queue_max);
    h.tenants = 1 + sim_below(&draw, SIM_TENANTS);
    h.users = 1 + sim_below(&draw, SIM_USERS);
    h.prompt_mean = 1 + sim_below(&draw, sim_chance(&draw, 500) ? 20 : h.ctx_max / 2);
    h.answer_mean = 1 + sim_below(&draw, h.ctx_max / 2);
    h.load = 1 + h.running_max * (300 + sim_below(&draw, 1500)) / (h.answer_mean + 4);
    h.cancel = sim_below(&draw, 100);
    h.pause = sim_chance(&draw, 500) ? sim_below(&draw, 150) : 0;
    h.late = sim_chance(&draw, 500) ? sim_below(&draw, 300) : 0;
    h.prefix = sim_chance(&draw, 850);
    h.priorities = sim_chance(&draw, 400);
    h.flood = sim_chance(&draw, 100);
    h.fair = sim_chance(&draw, 300);
    if (h.flood) { /* more of the highest priority than the machine can do */
        h.running_max = 1 + h.running_max % 2;
        h.ctx_max = 100;
        h.prompt_mean = 60;
        h.load = 3000;
        h.users = 3; /* none of them can fill the queue */
        h.queue_user_max = 1 + h.queue_max / 4;
        h.cancel = h.late = 0;
    }
    if (h.fair || h.flood) { /* nobody waits for a page or for a reader */
        h.page_count = 2 * (h.ctx_max / HTH_PAGE_LEN + 1) * (h.running_max + 1);
        h.pause = 0;
        h.priorities = false;
    }
    if (!h.fair && !h.flood && sim_chance(&draw, 100)) { /* half of all readers stand still */
        h.stall = true;
        h.users = 4;
        h.late = 0;
        h.queue_max = 40 + 10 * h.running_max;
        h.queue_user_max = h.queue_max / 4;
    }
    if (h.fair) { /* nobody jumps the queue */
        h.flood = false;
        h.queue_user_max = h.queue_max;
        h.load *= 3;
    }
    return h;
}

#endif
