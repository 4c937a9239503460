/* models_choose_test.c - which model goes and which may come: cases by hand, and properties.
 *
 * Thread: one. */
#include "support/test.h"

#include "base/rng.h"
#include "sched/models_choose.h"

enum { SEED = 31 };

static HthModelUse use(uint64_t bytes, uint64_t used_ns) {
    return (HthModelUse){
        .bytes = bytes, .claimed = bytes, .used_ns = used_ns, .expires_ns = UINT64_MAX
    };
}

static void by_hand(void **state) {
    (void)state;
    HthModelUse u[3] = { use(4, 30), use(6, 10), use(2, 20) };
    HthModelsRoom room = { .available = 20 };
    HthModelWant want = { 6, 2, 0 };
    HthModelsChoice c = hth_models_choose(u, 3, &room, &want); /* 20 - 12 promised */
    assert_int_equal(c.verdict, HTH_MODELS_LOAD);
    room.available = 19;
    c = hth_models_choose(u, 3, &room, &want);
    assert_int_equal(c.verdict, HTH_MODELS_UNLOAD);
    assert_int_equal(c.victim, 1); /* the longest unused */
    u[1].references = 1;
    c = hth_models_choose(u, 3, &room, &want);
    assert_int_equal(c.verdict, HTH_MODELS_UNLOAD);
    assert_int_equal(c.victim, 2);
    u[0].pinned = u[2].pinned = true;
    c = hth_models_choose(u, 3, &room, &want);
    assert_int_equal(c.verdict, HTH_MODELS_BUSY);
    u[1].references = 0;
    u[1].pinned = true;
    c = hth_models_choose(u, 3, &room, &want);
    assert_int_equal(c.verdict, HTH_MODELS_REFUSE);
    assert_int_equal(c.need, 8);
    assert_int_equal(c.room, 7);
    assert_false(c.by_count);
    u[1].references = 2; /* in use, but pinned: it would not go when idle either */
    assert_int_equal(hth_models_choose(u, 3, &room, &want).verdict, HTH_MODELS_REFUSE);
    u[0].moving = true;
    assert_int_equal(hth_models_choose(u, 3, &room, &want).verdict, HTH_MODELS_BUSY);
    room.available = 0; /* the system does not say */
    assert_int_equal(hth_models_choose(u, 3, &room, &want).verdict, HTH_MODELS_LOAD);
}

static void ceilings(void **state) {
    (void)state;
    HthModelUse u[2] = { use(4, 2), use(6, 1) };
    HthModelsRoom room = { .available = 1000, .memory_max = 15 };
    HthModelWant want = { 5, 0, 0 };
    assert_int_equal(hth_models_choose(u, 2, &room, &want).verdict, HTH_MODELS_LOAD);
    want.weight_bytes = 6;
    assert_int_equal(hth_models_choose(u, 2, &room, &want).victim, 1);
    want.weight_bytes = 16; /* never, however much is unloaded */
    assert_int_equal(hth_models_choose(u, 2, &room, &want).verdict, HTH_MODELS_REFUSE);
    assert_int_equal(hth_models_choose(u, 0, &room, &want).verdict, HTH_MODELS_REFUSE);
    room = (HthModelsRoom){ .available = 1000, .models_max = 2 };
    HthModelsChoice c = hth_models_choose(u, 2, &room, &want);
    assert_int_equal(c.verdict, HTH_MODELS_UNLOAD);
    assert_int_equal(c.victim, 1);
    u[0].pinned = u[1].pinned = true;
    c = hth_models_choose(u, 2, &room, &want);
    assert_int_equal(c.verdict, HTH_MODELS_REFUSE);
    assert_true(c.by_count);
}

/* What a model has taken already counts below the ceiling, and is not taken once more. */
static void taken(void **state) {
    (void)state;
    HthModelUse u[2] = { use(4, 2), use(6, 1) };
    HthModelsRoom room = { .available = 13, .memory_max = 15 };
    HthModelWant want = { 2, 1, 2 };
    assert_int_equal(hth_models_choose(u, 2, &room, &want).verdict, HTH_MODELS_LOAD);
    want.taken_bytes = 3;
    assert_int_equal(hth_models_choose(u, 2, &room, &want).verdict, HTH_MODELS_UNLOAD);
    assert_int_equal(hth_models_choose(u, 1, &room, &want).verdict, HTH_MODELS_LOAD);
    want.taken_bytes = 13; /* never, however much is unloaded */
    const HthModelsChoice c = hth_models_choose(u, 2, &room, &want);
    assert_int_equal(c.verdict, HTH_MODELS_REFUSE);
    assert_int_equal(c.need, 3);
    assert_int_equal(c.room, 2);
    assert_int_equal(hth_models_choose(u, 0, &room, &want).verdict, HTH_MODELS_REFUSE);
}

/* A model larger than memory may come when it is alone: its weights pass through. */
static void larger_than_memory(void **state) {
    (void)state;
    HthModelUse u[1] = { use(4, 2) };
    HthModelsRoom room = { .available = 50 };
    HthModelWant want = { 100, 10, 0 };
    assert_int_equal(hth_models_choose(u, 0, &room, &want).verdict, HTH_MODELS_LOAD);
    assert_int_equal(hth_models_choose(u, 1, &room, &want).verdict, HTH_MODELS_UNLOAD);
    u[0].pinned = true;
    assert_int_equal(hth_models_choose(u, 1, &room, &want).verdict, HTH_MODELS_REFUSE);
    want.own_bytes = 51; /* what it writes cannot pass through */
    assert_int_equal(hth_models_choose(u, 0, &room, &want).verdict, HTH_MODELS_REFUSE);
}

static void due(void **state) {
    (void)state;
    HthModelUse u[3] = { use(1, 1), use(1, 1), use(1, 1) };
    uint64_t next;
    assert_int_equal(hth_models_due(u, 3, 1000, &next), UINT32_MAX);
    assert_true(next == UINT64_MAX);
    u[0].expires_ns = 900;
    u[1].expires_ns = 800;
    u[2].expires_ns = 1500;
    assert_int_equal(hth_models_due(u, 3, 1000, &next), 1);
    assert_int_equal(next, 1500);
    u[1].references = 1;
    assert_int_equal(hth_models_due(u, 3, 1000, &next), 0);
    u[0].pinned = true;
    assert_int_equal(hth_models_due(u, 3, 1000, &next), UINT32_MAX);
    u[2].moving = true;
    assert_int_equal(hth_models_due(u, 3, 2000, &next), UINT32_MAX);
    assert_true(next == UINT64_MAX);
}

static HthModelUse any_use(uint64_t world, uint32_t i) {
    const uint32_t r = hth_rng_u32(SEED, world, 100 + i);
    HthModelUse u =
        use(hth_rng_below(SEED, world, 200 + i, 100), hth_rng_below(SEED, world, 300 + i, 20));
    u.claimed = u.bytes ? hth_rng_below(SEED, world, 400 + i, (uint32_t)u.bytes + 1) : 0;
    u.references = r % 4 == 0;
    u.pinned = r / 4 % 5 == 0;
    u.moving = r / 32 % 7 == 0;
    return u;
}

/* As somebody would do it: unload what it says until it decides. `left` is what the system would
 * then call available. Checks every step; returns the last verdict. */
static HthModelsVerdict play(HthModelUse *u, uint32_t n, HthModelsRoom room, HthModelWant want) {
    const uint64_t need = want.own_bytes + want.weight_bytes;
    for (;;) {
        const HthModelsChoice c = hth_models_choose(u, n, &room, &want);
        uint64_t promised = 0, held = 0, idle_bytes = 0;
        uint32_t idle = 0;
        for (uint32_t i = 0; i < n; i++) {
            promised += u[i].claimed;
            held += u[i].bytes;
            if (u[i].references || u[i].pinned || u[i].moving) continue;
            idle++;
            idle_bytes += u[i].bytes;
        }
        assert_int_equal(c.need, need);
        if (c.verdict == HTH_MODELS_LOAD) { /* there is room, or it is alone */
            assert_true(!room.models_max || n < room.models_max);
            assert_true(!room.memory_max || held + need <= room.memory_max);
            assert_true(need + promised <= room.available ||
                        (n == 0 && want.own_bytes <= room.available));
        }
        if (c.verdict == HTH_MODELS_BUSY || c.verdict == HTH_MODELS_REFUSE) {
            /* even without all that is idle it would not fit */
            const bool fits = need + promised <= room.available + idle_bytes &&
                              (!room.memory_max || held - idle_bytes + need <= room.memory_max) &&
                              (!room.models_max || n - idle < room.models_max);
            assert_false(fits);
        }
        if (c.verdict != HTH_MODELS_UNLOAD) return c.verdict;
        assert_true(c.victim < n);
        const HthModelUse gone = u[c.victim];
        assert_true(!gone.references && !gone.pinned && !gone.moving);
        for (uint32_t i = 0; i < n; i++) /* nobody idle was unused for longer */
            assert_true(u[i].references || u[i].pinned || u[i].moving ||
                        u[i].used_ns >= gone.used_ns);
        room.available += gone.bytes - gone.claimed; /* what it had really taken */
        for (uint32_t i = c.victim; i + 1 < n; i++) u[i] = u[i + 1];
        n--;
    }
}

static void properties(void **state) {
    (void)state;
    uint32_t seen[4] = { 0 };
    for (uint64_t world = 0; world < 20000; world++) {
        HthModelUse u[6];
        const uint32_t n = hth_rng_below(SEED, world, 1, 7);
        for (uint32_t i = 0; i < n; i++) u[i] = any_use(world, i);
        const uint32_t r = hth_rng_u32(SEED, world, 2);
        const HthModelsRoom room = {
            .available = 1 + hth_rng_below(SEED, world, 3, 400),
            .memory_max = r % 3 ? 0 : 1 + hth_rng_below(SEED, world, 4, 300),
            .models_max = r / 4 % 3 ? 0 : 1 + hth_rng_below(SEED, world, 5, 6),
        };
        const HthModelWant want = { 1 + hth_rng_below(SEED, world, 6, 150),
                                    hth_rng_below(SEED, world, 7, 60), 0 };
        const HthModelsVerdict first = hth_models_choose(u, n, &room, &want).verdict;
        const HthModelsVerdict last = play(u, n, room, want);
        seen[first]++; /* nothing is unloaded in vain */
        assert_int_equal(last, first == HTH_MODELS_UNLOAD ? HTH_MODELS_LOAD : first);
    }
    for (int i = 0; i < 4; i++) assert_true(seen[i] > 500); /* the worlds are worth something */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand), cmocka_unit_test(ceilings),
        cmocka_unit_test(taken),   cmocka_unit_test(larger_than_memory),
        cmocka_unit_test(due),     cmocka_unit_test(properties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
