/* merge_test.c - the heap's order of joins against a search of the whole chain before each join. */
#include "support/test.h"

#include "base/rng.h"
#include "text/merge.h"

enum { LEN = 40 };

/* Keys by the joined bytes; piece numbers carry the first byte along. */
static bool by_sum(const void *ctx, HthStr word, const HthSymbol *l, const HthSymbol *r,
                   HthBond *out) {
    const uint32_t *table = ctx;
    uint32_t sum = 0;
    (void)r;
    for (uint32_t i = 0; i < out->n; i++) sum = sum * 31 + (uint8_t)word.p[l->at + i];
    out->key = table[sum % 61];
    out->piece = (uint8_t)word.p[l->at];
    return out->key != 0 && out->n <= 6;
}

/* The plain way: the smallest key, leftmost, again and again. */
static size_t slow(const uint32_t *table, HthStr word, uint32_t *lengths) {
    HthSymbol s[LEN];
    size_t n = word.n;
    for (size_t i = 0; i < n; i++) s[i] = (HthSymbol){ .at = (uint32_t)i, .n = 1 };
    for (;;) {
        size_t best = SIZE_MAX;
        uint32_t key = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            HthBond bond = { .n = s[i].n + s[i + 1].n };
            if (!by_sum(table, word, &s[i], &s[i + 1], &bond)) continue;
            if (best == SIZE_MAX || bond.key < key) best = i, key = bond.key;
        }
        if (best == SIZE_MAX) break;
        s[best].n += s[best + 1].n;
        memmove(&s[best + 1], &s[best + 2], (n - best - 2) * sizeof s[0]);
        n--;
    }
    for (size_t i = 0; i < n; i++) lengths[i] = s[i].n;
    return n;
}

static void joins_in_order(void **state) {
    (void)state;
    HthMerge m = { 0 };
    for (uint32_t round = 0; round < 3000; round++) {
        char text[LEN];
        uint32_t table[61], want[LEN];
        HthStr word = { text, 1 + hth_rng_below(2, round, 0, LEN) };
        for (uint32_t i = 0; i < word.n; i++) text[i] = (char)hth_rng_below(3, round, i, 3);
        for (uint32_t i = 0; i < 61; i++) table[i] = hth_rng_below(4, round, i, 6);
        size_t n = slow(table, word, want), k = 0;
        hth_merge_clear(&m);
        for (size_t i = 0; i < word.n; i++) {
            assert_int_equal(hth_merge_add(&m, 1, (uint8_t)text[i], NULL), HTH_OK);
        }
        assert_int_equal(hth_merge_run(&m, word, by_sum, table, NULL), HTH_OK);
        for (size_t i = 0; i < m.n; i++) {
            if (m.sym[i].n == 0) continue;
            assert_true(k < n);
            assert_int_equal(m.sym[i].n, want[k++]);
            assert_int_equal(m.sym[i].piece, (uint8_t)text[m.sym[i].at]);
        }
        assert_int_equal(k, n);
    }
    hth_merge_drop(&m);
}

static void lengths_are_bounded(void **state) {
    (void)state;
    HthMerge m = { 0 };
    HthErr err;
    assert_ok(hth_merge_add(&m, UINT32_MAX - 20, 0, &err), err);
    assert_status(hth_merge_add(&m, 100, 0, &err), HTH_ELIMIT, err);
    assert_int_equal(m.n, 1);
    hth_merge_drop(&m);
}

static HthStatus grow(void *ctx) {
    static const char text[200];
    uint32_t table[61];
    HthMerge m = { 0 };
    (void)ctx;
    for (size_t i = 0; i < 61; i++) table[i] = 1;
    HthStatus status = HTH_OK;
    for (size_t i = 0; status == HTH_OK && i < sizeof text; i++) {
        status = hth_merge_add(&m, 1, 0, NULL);
    }
    if (status == HTH_OK) {
        status = hth_merge_run(&m, (HthStr){ text, sizeof text }, by_sum, table, NULL);
    }
    hth_merge_drop(&m);
    return status;
}

static void exhaustion(void **state) {
    (void)state;
    assert_true(test_torture(grow, NULL, 50) >= 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_in_order),
        cmocka_unit_test(lengths_are_bounded),
        cmocka_unit_test(exhaustion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
