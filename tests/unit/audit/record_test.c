/* record_test.c - the checksum's published answers, records whole, cut, damaged; what outlives. */
#include "support/test.h"

#include "audit/record.h"
#include "base/rng.h"

/* RFC 3720, appendix B.4, and the usual check value. */
static void published_sums(void **state) {
    (void)state;
    uint8_t b[48];
    assert_int_equal(hth_crc32c(0, "123456789", 9), 0xe3069283);
    memset(b, 0, 32);
    assert_int_equal(hth_crc32c(0, b, 32), 0x8a9136aa);
    memset(b, 0xff, 32);
    assert_int_equal(hth_crc32c(0, b, 32), 0x62a8ab43);
    for (unsigned i = 0; i < 32; i++) b[i] = (uint8_t)i;
    assert_int_equal(hth_crc32c(0, b, 32), 0x46dd794e);
    for (unsigned i = 0; i < 32; i++) b[i] = (uint8_t)(31 - i);
    assert_int_equal(hth_crc32c(0, b, 32), 0x113fdb5c);
}

/* In pieces as in one, bit by bit as by table or instruction. */
static void sums(void **state) {
    (void)state;
    uint8_t b[300];
    for (unsigned i = 0; i < sizeof b; i++) b[i] = (uint8_t)hth_rng_u32(1, 2, i);
    for (size_t n = 0; n <= sizeof b; n++) {
        uint32_t c = ~0u;
        for (size_t i = 0; i < n; i++) {
            c ^= b[i];
            for (int k = 0; k < 8; k++) c = c >> 1 ^ (c & 1 ? 0x82f63b78u : 0);
        }
        assert_int_equal(hth_crc32c(0, b, n), ~c);
        assert_int_equal(hth_crc32c(hth_crc32c(0, b, n / 3), b + n / 3, n - n / 3), ~c);
    }
}

static void whole_cut_damaged(void **state) {
    (void)state;
    static uint8_t file[4096], copy[4096];
    const HthRecord r = { 7, 5, HTH_STR("an entry"), HTH_STR("what is sealed") };
    HthRecord got;
    const size_t n = hth_record_bytes(&r);
    assert_int_equal(n, 32 + 8 + 14);
    hth_record_put(file, &r);
    assert_int_equal(hth_record_get(&got, file, n + 100), n);
    assert_int_equal(got.index, 7);
    assert_int_equal(got.synced, 5);
    assert_true(hth_str_eq(got.entry, r.entry) && hth_str_eq(got.sealed, r.sealed));
    for (size_t k = 0; k < n; k++) assert_int_equal(hth_record_get(&got, file, k), 0);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        memcpy(copy, file, n);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(hth_record_get(&got, copy, n + 100), 0);
    }
    const HthRecord none = { 0 };
    hth_record_put(file, &none);
    assert_int_equal(hth_record_get(&got, file, sizeof file), 32);
}

/* A record says what was on disk when it was written. */
static void outlives(void **state) {
    (void)state;
    static uint8_t file[4096];
    HthRecord r = { 10, 8, HTH_STR("hRec in an entry"), { 0 } };
    memset(file, 'h', sizeof file);
    hth_record_put(file + 333, &r);
    assert_true(hth_record_outlives(file, sizeof file, 7)); /* 7 was there when 10 was written */
    assert_false(
        hth_record_outlives(file, sizeof file, 8)); /* of the same batch: both may be torn */
    assert_false(hth_record_outlives(file, sizeof file, 10));
    assert_false(hth_record_outlives(file, 333 + 47, 7));
    assert_false(hth_record_outlives(file, 10, 7));
}

/* A file made to be looked at for hours: at every 32 bytes begins what could be a long record, and
 * is none.  No torn end looks so. */
static void made_to_last(void **state) {
    (void)state;
    enum { BYTES = 1 << 20, LONG = BYTES / 2 };
    static uint8_t file[BYTES];
    for (unsigned later = 0; later < 2; later++) {
        const HthRecord head = { later ? 100 : 7, later ? 50 : 7, { 0 }, { 0 } };
        for (size_t at = 0; at < BYTES; at += HTH_RECORD_HEAD) {
            hth_record_put(file + at, &head);
            for (unsigned i = 0; i < 4; i++) file[at + 8 + i] = (uint8_t)(LONG >> 8 * i);
        }
        /* what says that it was written before entry 7 was on disk tells nothing, whole or not */
        assert_int_equal(hth_record_outlives(file, BYTES, 7), later);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_sums),    cmocka_unit_test(sums),
        cmocka_unit_test(whole_cut_damaged), cmocka_unit_test(outlives),
        cmocka_unit_test(made_to_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
