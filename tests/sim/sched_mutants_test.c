/* sched_mutants_test.c - does the simulator see mistakes?
 *
 * The scheduler is compiled here once more, with a seam at each call between its parts; a mutant is
 * one planted mistake behind a seam.
 *
 * Each runs in a process of its own, for an assertion of ours is a way to be caught as well.
 *
 * Thread: one. */
#include "support/test.h"

#include <signal.h>
#include <sys/wait.h>

#include "sched/state.h"

typedef enum Mutant {
    NONE,
    TENANT_DROPPED,
    KEPT_TOO_LONG,
    MATCHED_ALL,
    READER_FORGOTTEN,
    ADOPTED_ASKEW,
    TWINS_KEPT,
    PAGES_LEAKED,
    NOT_WIPED,
    PROMISE_BROKEN,
    ANSWER_FORGOTTEN,
    FAIRNESS_OFF,
    AGEING_OFF,
    DEADLINE_LATE,
    BUDGET_EXCEEDED,
    PAUSE_IGNORED,
    RESERVE_GONE,
    PROMPTS_WIDE,
    STALLED_STAY,
    STALLED_UNCOUNTED,
    MUTANTS
} Mutant;

static const char *const mutant_names[MUTANTS] = {
    [NONE] = "nothing planted",
    [TENANT_DROPPED] = "prefixes are found without the tenant",
    [KEPT_TOO_LONG] = "a page that is not whole is kept",
    [MATCHED_ALL] = "nothing is left to compute",
    [READER_FORGOTTEN] = "a page is kept without a reader",
    [ADOPTED_ASKEW] = "found pages stand one page off",
    [TWINS_KEPT] = "the same page is kept twice",
    [PAGES_LEAKED] = "who leaves keeps a page",
    [NOT_WIPED] = "freed pages are not wiped",
    [PROMISE_BROKEN] = "more pages are promised than are free",
    [ANSWER_FORGOTTEN] = "who is set back loses a word",
    [FAIRNESS_OFF] = "service is not counted",
    [AGEING_OFF] = "age does not count",
    [DEADLINE_LATE] = "deadlines are a tenth of a second late",
    [BUDGET_EXCEEDED] = "a row more than a step may have",
    [PAUSE_IGNORED] = "a reader that stands still gets rows",
    [RESERVE_GONE] = "prompts get what answers leave",
    [PROMPTS_WIDE] = "prompts take all of a step",
    [STALLED_STAY] = "a reader that stands still keeps its place",
    [STALLED_UNCOUNTED] = "who is set back is not counted as its user's",
};

static Mutant planted;

/* ---- the seams ------------------------------------------------------------------------------ */

static uint32_t seam_match(HthPrefix *p, uint64_t tenant, const uint32_t *ids, size_t n,
                           HthPage *out, uint32_t out_max) {
    if (planted == TENANT_DROPPED) tenant = 0;
    if (planted == MATCHED_ALL) n += HTH_PAGE_LEN, out_max++;
    return hth_prefix_match(p, tenant, ids, n, out, out_max);
}

static uint32_t seam_keep(HthPrefix *p, uint64_t tenant, const uint32_t *ids, const HthPage *pages,
                          uint32_t page_count) {
    if (planted == TENANT_DROPPED) tenant = 0;
    if (planted == KEPT_TOO_LONG && pages[page_count].id != 0) page_count++;
    const uint32_t twins = hth_prefix_keep(p, tenant, ids, pages, page_count);
    return planted == TWINS_KEPT ? 0 : twins;
}

static void seam_share(HthPages *pages, HthPage page) {
    static uint32_t times;
    if (planted == READER_FORGOTTEN && ++times % 100 == 0) return;
    hth_pages_share(pages, page);
}

static void seam_adopt(HthTable *table, uint32_t at, const HthPage *pages, uint32_t count) {
    HthPage askew[64];
    for (uint32_t i = 0; i < count; i++) askew[i] = pages[(i + 1) % count];
    hth_table_adopt(table, at, planted == ADOPTED_ASKEW ? askew : pages, count);
}

static void seam_trim(HthTable *table, size_t count) {
    if (planted == PAGES_LEAKED && hth_table_pages(table) > 1) count = HTH_PAGE_LEN;
    hth_table_trim(table, count);
}

static void seam_zero(void *p, size_t bytes) {
    if (planted != NOT_WIPED) hth_zero(p, bytes);
}

static uint32_t seam_free_count(const HthPages *pages) {
    return hth_pages_free_count(pages) + (planted == PROMISE_BROKEN);
}

static void seam_back(HthSched *s, uint32_t i) {
    if (planted == ANSWER_FORGOTTEN && s->req[i].len > s->req[i].t.n) s->req[i].len--;
    hth_queue_back(s, i);
}

static void seam_charge(HthSched *s, uint32_t user, uint32_t rows) {
    if (planted != FAIRNESS_OFF) hth_queue_charge(s, user, rows);
}

static uint32_t seam_next(const HthSched *s, bool by_age) {
    return hth_queue_next(s, by_age && planted != AGEING_OFF);
}

static uint32_t seam_add(HthSched *s, const HthTicket *t) {
    HthTicket late = *t;
    if (planted == DEADLINE_LATE && t->deadline_ns > 0) late.deadline_ns += 100000000;
    return hth_queue_add(s, &late);
}

static uint32_t seam_reserve(const HthSched *s) {
    return planted == RESERVE_GONE ? 0 : hth_queue_reserve(s);
}

static uint32_t seam_away(const HthSched *s, uint64_t user) {
    const uint32_t u = hth_queue_user(s, user);
    return planted == STALLED_UNCOUNTED && u ? s->user[u].waiting : hth_queue_away(s, user);
}

static void seam_pause(HthSched *s, uint64_t id, bool paused) {
    if (planted != PAUSE_IGNORED) hth_sched_pause(s, id, paused);
}

/* ---- the scheduler, once more --------------------------------------------------------------- */

#define hth_zero seam_zero
#define check    pages_check
#include "kv/pages.c"
#undef check
#undef hth_zero
#define hth_pages_share seam_share
#include "kv/prefix.c"
#undef hth_pages_share
#include "sched/queue.c"
#undef HTH_SCHED_GRACE_NS
#define HTH_SCHED_GRACE_NS   (planted == STALLED_STAY ? UINT64_MAX / 2 : UINT64_C(1000000000))
#define hth_prefix_match     seam_match
#define hth_prefix_keep      seam_keep
#define hth_table_adopt      seam_adopt
#define hth_table_trim       seam_trim
#define hth_pages_free_count seam_free_count
#define hth_queue_back       seam_back
#include "sched/place.c"
#undef hth_pages_free_count
#undef hth_prefix_match
#undef hth_prefix_keep
#define hth_queue_charge  seam_charge
#define hth_queue_next    seam_next
#define hth_queue_add     seam_add
#define hth_queue_reserve seam_reserve
#define hth_queue_away    seam_away
#include "sched/sched.c"
#undef HTH_SCHED_GRACE_NS
#define HTH_SCHED_GRACE_NS UINT64_C(1000000000)
#define hth_sched_pause    seam_pause
#include "sim/sim.h"

enum { EPISODE = 10000, SEEDS = 150, CALM_SEEDS = 20 };

/* In the child: 0 if all went well, 1 if the simulator saw it (and says what it saw). */
static int hunt(Mutant mutant, uint64_t seeds) {
    planted = mutant;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        Sim m;
        const SimShape shape = sim_shape(seed);
        if (sim_open(&m, &shape, seed, NULL) != HTH_OK) return 0;
        if (mutant == BUDGET_EXCEEDED) m.s->cfg.rows_max++;
        if (mutant == PROMPTS_WIDE) m.s->cfg.prompt_rows_max = m.s->cfg.rows_max;
        const bool well = sim_run(&m, EPISODE);
        if (!well) printf("  %s: %s (seed %d)\n", mutant_names[mutant], m.wrong, (int)seed);
        fflush(stdout);
        if (well) sim_close(&m);
        if (!well) return 1;
    }
    return 0;
}

static bool caught(Mutant mutant, uint64_t seeds) {
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (mutant != NONE && !freopen("/dev/null", "w", stderr)) _exit(0);
        signal(SIGABRT, SIG_DFL);
        _exit(hunt(mutant, seeds));
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) printf("  %s: stopped by an assertion\n", mutant_names[mutant]);
    return status != 0;
}

static void every_mistake_is_seen(void **state) {
    (void)state;
    fflush(stdout);
    assert_false(caught(NONE, CALM_SEEDS));
    for (int mutant = NONE + 1; mutant < MUTANTS; mutant++)
        if (!caught((Mutant)mutant, SEEDS)) fail_msg("not seen: %s", mutant_names[mutant]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mistake_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
