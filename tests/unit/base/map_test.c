/* map_test.c - both maps against a naive model, over random operations; exhaustion. */
#include "support/test.h"

#include "base/map.h"
#include "base/rng.h"

#define KEYS  700
#define STEPS 20000

static char names[KEYS][24];
static size_t lengths[KEYS];
static uint64_t numbers[KEYS];

/* Distinct keys, some empty or holding NUL, many sharing a prefix. */
static void make_keys(void) {
    for (uint32_t k = 1; k < KEYS; k++) {
        lengths[k] =
            (size_t)snprintf(names[k], sizeof names[k], "%s%u", k % 3 ? "shared-prefix-" : "", k);
        if (k % 5 == 0) lengths[k]++; /* the NUL too */
        numbers[k] = k % 4 == 0   ? (uint64_t)k << 32
                     : k % 4 == 1 ? k
                                  : hth_rng_u32(9, 9, k) | (uint64_t)k << 40;
    }
}

static void slices_like_a_model(void **state) {
    (void)state;
    static uint32_t model[KEYS];
    size_t count = 0;
    memset(model, 0xFF, sizeof model);
    HthMap *map = NULL;
    assert_int_equal(hth_map_open(&map, 0, NULL), HTH_OK);
    for (uint32_t i = 0; i < STEPS; i++) {
        const uint32_t k = hth_rng_below(1, 1, i, KEYS);
        const HthStr key = { names[k], lengths[k] };
        if (hth_rng_below(1, 2, i, 3)) {
            assert_int_equal(hth_map_get(map, key), model[k]);
            continue;
        }
        const uint32_t value = i % 100 ? hth_rng_u32(1, 3, i) >> 1 : UINT32_MAX - 1;
        assert_int_equal(hth_map_put(map, key, value, NULL), HTH_OK);
        count += model[k] == HTH_MAP_NONE;
        model[k] = value;
        assert_int_equal(hth_map_count(map), count);
    }
    for (uint32_t k = 0; k < KEYS; k++)
        assert_int_equal(hth_map_get(map, (HthStr){ names[k], lengths[k] }), model[k]);
    assert_int_equal(hth_map_get(map, HTH_STR("never put")), HTH_MAP_NONE);
    assert_true(count > KEYS / 2);
    hth_map_close(&map);
    assert_null(map);
    hth_map_close(&map);
}

static void many_and_add(void **state) {
    (void)state;
    HthMap *map = NULL;
    HthMap64 *map64 = NULL;
    static HthStr keys[KEYS];
    static uint32_t got[KEYS];
    assert_int_equal(hth_map_open(&map, 0, NULL), HTH_OK);
    assert_int_equal(hth_map64_open(&map64, 0, NULL), HTH_OK);
    for (uint32_t k = 0; k < KEYS; k++) {
        keys[k] = (HthStr){ names[k], lengths[k] };
        if (k % 3 == 0) continue; /* absent */
        for (uint32_t again = 0; again < 2; again++) { /* the second changes nothing */
            assert_int_equal(hth_map_add(map, keys[k], k + again, NULL), HTH_OK);
            assert_int_equal(hth_map64_add(map64, numbers[k], k + again, NULL), HTH_OK);
        }
    }
    assert_int_equal(hth_map_count(map), hth_map64_count(map64));
    for (size_t n = 0; n <= KEYS; n += n < 70 ? 1 : 90) {
        memset(got, 0xAA, sizeof got);
        hth_map_get_many(map, keys, n, got);
        for (uint32_t k = 0; k < n; k++) {
            hth_map_prefetch(map, keys[k]);
            hth_map64_prefetch(map64, numbers[k]);
            assert_int_equal(got[k], k % 3 == 0 ? HTH_MAP_NONE : k);
            assert_int_equal(hth_map_get(map, keys[k]), got[k]);
            assert_int_equal(hth_map64_get(map64, numbers[k]), got[k]);
        }
        if (n < KEYS) assert_int_equal(got[n], 0xAAAAAAAA);
    }
    hth_map_close(&map);
    hth_map64_close(&map64);
}

static void numbers_like_a_model(void **state) {
    (void)state;
    static uint32_t model[KEYS];
    size_t count = 0;
    memset(model, 0xFF, sizeof model);
    HthMap64 *map = NULL;
    assert_int_equal(hth_map64_open(&map, 10, NULL), HTH_OK);
    for (uint32_t i = 0; i < STEPS; i++) {
        const uint32_t k = hth_rng_below(2, 1, i, KEYS);
        if (hth_rng_below(2, 2, i, 3)) {
            assert_int_equal(hth_map64_get(map, numbers[k]), model[k]);
            continue;
        }
        const uint32_t value = hth_rng_u32(2, 3, i) >> 1;
        assert_int_equal(hth_map64_put(map, numbers[k], value, NULL), HTH_OK);
        count += model[k] == HTH_MAP_NONE;
        model[k] = value;
        assert_int_equal(hth_map64_count(map), count);
    }
    for (uint32_t k = 0; k < KEYS; k++) assert_int_equal(hth_map64_get(map, numbers[k]), model[k]);
    assert_int_equal(hth_map64_get(map, UINT64_MAX), HTH_MAP_NONE);
    hth_map64_close(&map);
    assert_null(map);
    hth_map64_close(&map);
}

static void expected_means_no_growth(void **state) {
    (void)state;
    HthMap64 *map = NULL;
    assert_int_equal(hth_map64_open(&map, 5000, NULL), HTH_OK);
    const uint64_t calls = hth_mem_calls();
    for (uint64_t k = 0; k < 5000; k++)
        assert_int_equal(hth_map64_put(map, k << 20, (uint32_t)k, NULL), HTH_OK);
    assert_int_equal(hth_mem_calls(), calls);
    hth_map64_close(&map);
}

static void too_many_is_no_memory(void **state) {
    (void)state;
    const uint64_t live = hth_mem_live();
    HthMap *map = NULL;
    HthMap64 *map64 = NULL;
    assert_int_equal(hth_map_open(&map, SIZE_MAX, NULL), HTH_ENOMEM);
    assert_int_equal(hth_map64_open(&map64, SIZE_MAX / 3, NULL), HTH_ENOMEM);
    assert_null(map), assert_null(map64);
    assert_int_equal(hth_mem_live(), live);
}

static HthStatus build_both(void *ctx) {
    (void)ctx;
    HthMap *map = NULL;
    HthMap64 *map64 = NULL;
    HthStatus status = hth_map_open(&map, 0, NULL);
    if (status == HTH_OK) status = hth_map64_open(&map64, 0, NULL);
    for (uint32_t k = 0; k < 100 && status == HTH_OK; k++) {
        status = hth_map_put(map, (HthStr){ names[k], lengths[k] }, k, NULL);
        if (status == HTH_OK) status = hth_map64_put(map64, k, k, NULL);
        const uint32_t whole = status == HTH_OK ? k + 1 : k; /* a failed put changes nothing */
        for (uint32_t j = 0; j < whole; j++) assert_int_equal(hth_map64_get(map64, j), j);
    }
    hth_map_close(&map);
    hth_map64_close(&map64);
    return status;
}

static void exhaustion(void **state) {
    (void)state;
    assert_true(test_torture(build_both, NULL, 100) >= 8);
}

int main(void) {
    make_keys();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_and_add),          cmocka_unit_test(slices_like_a_model),
        cmocka_unit_test(numbers_like_a_model),  cmocka_unit_test(expected_means_no_growth),
        cmocka_unit_test(too_many_is_no_memory), cmocka_unit_test(exhaustion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
