/* models_choose.c - see models_choose.h.
 *
 * Thread: any. */
#include "sched/models_choose.h"

static uint64_t plus(uint64_t a, uint64_t b) {
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t minus(uint64_t a, uint64_t b) {
    return a > b ? a - b : 0;
}

/* What there would be with some models gone. */
typedef struct Scene {
    uint64_t room; /* bytes that can be had and are not promised */
    uint64_t held; /* bytes of all plans */
    uint32_t count;
} Scene;

/* Below the ceiling: what was taken counts, too. */
static bool below(const HthModelsRoom *r, const HthModelWant *w, uint64_t held) {
    const uint64_t need = plus(w->weight_bytes, plus(w->own_bytes, w->taken_bytes));
    return r->memory_max == 0 || need <= minus(r->memory_max, held);
}

static bool fits(const Scene *s, const HthModelsRoom *r, const HthModelWant *w) {
    return plus(w->weight_bytes, w->own_bytes) <= s->room && below(r, w, s->held) &&
           (r->models_max == 0 || s->count < r->models_max);
}

static bool idle(const HthModelUse *u) {
    return u->references == 0 && !u->pinned && !u->moving;
}

/* The longest unused; of equals the first. */
static uint32_t oldest(const HthModelUse *uses, uint32_t n) {
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < n; i++)
        if (idle(&uses[i]) && (best == UINT32_MAX || uses[i].used_ns < uses[best].used_ns))
            best = i;
    return best;
}

HthModelsChoice hth_models_choose(const HthModelUse *uses, uint32_t n, const HthModelsRoom *r,
                                  const HthModelWant *want) {
    const uint64_t need = plus(want->weight_bytes, want->own_bytes);
    const uint64_t all = r->available ? r->available : UINT64_MAX;
    Scene now = { 0, 0, n }, bare = { 0, 0, 0 }; /* bare: without whatever could go */
    uint64_t promised = 0, stays = 0,
             given = 0; /* by all; by those that stay; what the others took */
    bool moving = false;
    for (uint32_t i = 0; i < n; i++) {
        const HthModelUse *u = &uses[i];
        moving = moving || u->moving || (u->references > 0 && !u->pinned);
        promised = plus(promised, u->claimed);
        now.held = plus(now.held, u->bytes);
        if (idle(u)) {
            given = plus(given, minus(u->bytes, u->claimed));
        } else {
            stays = plus(stays, u->claimed);
            bare.held = plus(bare.held, u->bytes);
            bare.count++;
        }
    }
    now.room = r->available ? minus(all, promised) : all;
    bare.room = r->available ? minus(plus(all, given), stays) : all;
    HthModelsChoice c = { .verdict = HTH_MODELS_LOAD, .need = need, .room = bare.room };
    const uint64_t under = minus(r->memory_max, plus(bare.held, want->taken_bytes));
    if (r->memory_max && under < bare.room) c.room = under;
    if (fits(&now, r, want)) return c;
    c.victim = oldest(uses, n);
    c.verdict = HTH_MODELS_UNLOAD;
    if (fits(&bare, r, want)) return c;
    /* Alone, weights that do not fit pass through (op/paging.h); a stated ceiling stands. */
    if (bare.count == 0 && below(r, want, 0) && want->own_bytes <= bare.room) {
        if (n == 0) c.verdict = HTH_MODELS_LOAD;
        return c;
    }
    c.verdict = moving ? HTH_MODELS_BUSY : HTH_MODELS_REFUSE;
    c.by_count = r->models_max != 0 && bare.count >= r->models_max;
    return c;
}

uint32_t hth_models_due(const HthModelUse *uses, uint32_t n, uint64_t now_ns, uint64_t *next_ns) {
    uint32_t best = UINT32_MAX;
    *next_ns = UINT64_MAX;
    for (uint32_t i = 0; i < n; i++) {
        if (!idle(&uses[i])) continue;
        if (uses[i].expires_ns > now_ns) {
            if (uses[i].expires_ns < *next_ns) *next_ns = uses[i].expires_ns;
        } else if (best == UINT32_MAX || uses[i].expires_ns < uses[best].expires_ns) {
            best = i;
        }
    }
    return best;
}
