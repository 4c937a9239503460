/* sched_world.h - a pool, a tree and a scheduler, and a step at a time, for unit tests.
 *
 * Thread: one. */
#ifndef HTH_TESTS_SCHED_WORLD_H
#define HTH_TESTS_SCHED_WORLD_H

#include "support/test.h"

#include "sched/sched.h"

enum { PAGE = HTH_PAGE_LEN, PROMPT_MAX = 40 * PAGE, TICKETS = 256, WORD = 7 };

static uint32_t world_words[2 * PROMPT_MAX]; /* what prompts are cut from */
static uint32_t world_ids[TICKETS][PROMPT_MAX]; /* by id: a prompt, then nothing but WORD */

typedef struct World {
    HthPages *pages;
    HthPrefix *prefix;
    HthSched *s;
    HthSchedStep step;
    uint64_t now;
} World;

static inline HthStatus world_open(World *w, uint32_t pages, const HthSchedCfg *with, HthErr *err) {
    HthSchedCfg cfg = *with;
    *w = (World){ 0 };
    HTH_TRY(hth_kv_layout(&cfg.layout, HTH_KV_F32, 1, 1, 1, 1, err));
    HTH_TRY(hth_pages_open(
        &w->pages, &(HthPagesCfg){ .page_count = pages, .page_bytes = cfg.layout.page_bytes },
        err));
    HTH_TRY(hth_prefix_open(&w->prefix, w->pages, PAGE, pages, err));
    cfg.pages = w->pages;
    cfg.prefix = w->prefix;
    cfg.page_len = PAGE;
    for (uint32_t i = 0; i < HTH_COUNT(world_words); i++) world_words[i] = i;
    return hth_sched_open(&w->s, &cfg, err);
}

static inline void world_close(World *w) {
    hth_sched_close(&w->s);
    hth_prefix_close(&w->prefix);
    hth_pages_close(&w->pages);
}

static const HthSchedCfg usual = {
    .running_max = 4, .queue_max = 16, .queue_user_max = 8, .rows_max = 128, .ctx_max = PROMPT_MAX
};

static inline void open_usual(World *w, uint32_t pages) {
    HthErr err = { 0 };
    assert_ok(world_open(w, pages, &usual, &err), err);
}

static inline HthStatus arrive(World *w, HthTicket t, HthErr *err) {
    if (!t.ids) {
        uint32_t *ids = world_ids[t.id % TICKETS];
        for (uint32_t i = 0; i < PROMPT_MAX; i++) ids[i] = i < t.n ? world_words[i] : WORD;
        t.ids = ids;
    }
    if (!t.ctx) t.ctx = PROMPT_MAX;
    return hth_sched_arrive(w->s, &t, w->now, err);
}

static inline void arrive_ok(World *w, HthTicket t) {
    HthErr err = { 0 };
    assert_ok(arrive(w, t, &err), err);
}

static inline void step(World *w) {
    hth_sched_step(w->s, w->now, &w->step);
}

/* A word for every part that wants one. */
static inline void draw(World *w) {
    for (uint32_t k = 0; k < w->step.count; k++)
        if (w->step.rows[k].wants) hth_sched_token(w->s, w->step.rows[k].id);
}

static inline const HthSchedRows *part(const World *w, uint64_t id) {
    for (uint32_t k = 0; k < w->step.count; k++)
        if (w->step.rows[k].id == id) return &w->step.rows[k];
    return NULL;
}

static inline uint32_t rows_of(const World *w, uint64_t id) {
    return part(w, id) ? part(w, id)->n : 0;
}

#endif
