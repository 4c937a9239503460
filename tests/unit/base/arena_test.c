/* arena_test.c - takes are zeroed, aligned and apart; the ceiling holds; memory is kept. */
#include "support/test.h"

#include "base/arena.h"
#include "base/rng.h"

#define TAKES 400

static void random_takes_stay_apart(void **state) {
    (void)state;
    HthArena *arena = NULL;
    assert_int_equal(hth_arena_open(&arena, (size_t)8 << 20, NULL), HTH_OK);
    uint8_t *at[TAKES];
    size_t size[TAKES];
    for (int round = 0; round < 5; round++) {
        size_t sum = 0;
        for (uint32_t i = 0; i < TAKES; i++) {
            size[i] = hth_rng_below(1, (uint64_t)round, i, i % 50 == 0 ? 100000 : 600);
            at[i] = hth_arena_take(arena, size[i], 1);
            assert_non_null(at[i]);
            assert_int_equal((uintptr_t)at[i] % 16, 0);
            for (size_t k = 0; k < size[i]; k++) assert_int_equal(at[i][k], 0);
            memset(at[i], (int)(i + 1), size[i]);
            sum += size[i];
        }
        for (uint32_t i = 0; i < TAKES; i++)
            for (size_t k = 0; k < size[i]; k++) assert_int_equal(at[i][k], (uint8_t)(i + 1));
        assert_true(hth_arena_used(arena) >= sum);
        assert_true(hth_arena_high_water(arena) >= hth_arena_used(arena));
        hth_arena_reset(arena);
        assert_int_equal(hth_arena_used(arena), 0);
    }
    hth_arena_close(&arena);
    assert_null(arena);
    hth_arena_close(&arena);
}

static void ceiling_holds(void **state) {
    (void)state;
    HthArena *arena = NULL;
    assert_int_equal(hth_arena_open(&arena, 1000, NULL), HTH_OK);
    assert_null(hth_arena_take(arena, 1001, 1));
    assert_non_null(hth_arena_take(arena, 500, 1));
    assert_null(hth_arena_take(arena, 600, 1));
    assert_non_null(hth_arena_take(arena, 300, 1)); /* a refusal spends nothing */
    hth_arena_close(&arena);

    assert_int_equal(hth_arena_open(&arena, 0, NULL), HTH_OK);
    assert_null(hth_arena_take(arena, 1, 1));
    assert_null(hth_arena_copy(arena, "x", 1));
    hth_arena_close(&arena);

    assert_int_equal(hth_arena_open(&arena, SIZE_MAX, NULL), HTH_OK);
    assert_null(hth_arena_take(arena, SIZE_MAX, 2));
    assert_null(hth_arena_take(arena, SIZE_MAX, 1));
    assert_null(hth_arena_take(arena, SIZE_MAX - 64, 1));
    assert_non_null(hth_arena_take(arena, 1, 1));
    hth_arena_close(&arena);
}

static void reset_keeps_memory(void **state) {
    (void)state;
    HthArena *arena = NULL;
    assert_int_equal(hth_arena_open(&arena, (size_t)1 << 20, NULL), HTH_OK);
    for (int round = 0; round < 3; round++) {
        const uint64_t calls = hth_mem_calls();
        for (int i = 0; i < 30; i++) assert_non_null(hth_arena_take(arena, 10000, 1));
        if (round)
            assert_int_equal(hth_mem_calls(), calls); /* the same again costs no allocation */
        hth_arena_reset(arena);
    }
    /* Kept blocks make room for one that needs nearly the whole ceiling. */
    assert_non_null(hth_arena_take(arena, 1000000, 1));
    hth_arena_close(&arena);
}

static void copies(void **state) {
    (void)state;
    HthArena *arena = NULL;
    assert_int_equal(hth_arena_open(&arena, 100000, NULL), HTH_OK);
    const char *s = hth_arena_copy(arena, "a\0bc", 4);
    assert_memory_equal(s, "a\0bc", 5);
    assert_string_equal(hth_arena_copy(arena, NULL, 0), "");
    assert_true(hth_arena_take(arena, 0, 0) != hth_arena_take(arena, 0, 0));
    hth_arena_close(&arena);
}

static void exhaustion(void **state) {
    (void)state;
    const uint64_t live = hth_mem_live();
    HthArena *arena = NULL;
    HthErr err;
    hth_mem_fail_after(1);
    assert_int_equal(hth_arena_open(&arena, 100, &err), HTH_ENOMEM);
    assert_null(arena);
    hth_mem_fail_after(2);
    assert_int_equal(hth_arena_open(&arena, 100, &err), HTH_OK);
    assert_null(hth_arena_take(arena, 10, 1));
    hth_mem_fail_after(0);
    assert_non_null(hth_arena_take(arena, 10, 1));
    hth_arena_close(&arena);
    assert_int_equal(hth_mem_live(), live);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_takes_stay_apart),
        cmocka_unit_test(ceiling_holds),
        cmocka_unit_test(reset_keeps_memory),
        cmocka_unit_test(copies),
        cmocka_unit_test(exhaustion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
