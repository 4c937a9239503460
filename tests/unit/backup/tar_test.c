/* tar_test.c - heads of an archive: as they are written, and nothing else. */
#include "support/test.h"

#include "backup/tar.h"

static void there_and_back(void **state) {
    (void)state;
    static const uint64_t sizes[] = {
        0, 1, 511, 512, (UINT64_C(1) << 33) - 1, UINT64_C(1) << 33, INT64_MAX
    };
    char name[HTH_TAR_NAME_MAX + 1];
    size_t fine = 0;
    for (size_t n = 1; n <= HTH_TAR_NAME_MAX; n++)
        for (size_t s = 0; s < HTH_COUNT(sizes); s++) {
            uint8_t block[HTH_TAR_BLOCK];
            HthTarHead head;
            HthErr err = { 0 };
            for (size_t i = 0; i < n; i++) name[i] = i % 50 == 49 && i + 1 < n ? '/' : 'a';
            name[n] = 0;
            if (!hth_tar_name_ok(hth_str(name))) continue; /* no slash to split it at */
            fine++;
            assert_ok(hth_tar_print(block, hth_str(name), sizes[s], 1234567890, &err), err);
            assert_ok(hth_tar_parse(&head, block, &err), err);
            assert_false(head.end);
            assert_string_equal(head.name, name);
            assert_true(head.bytes == sizes[s]);
        }
    assert_true(fine > 240 * HTH_COUNT(sizes));
    assert_int_equal(hth_tar_padding(0), 0);
    assert_int_equal(hth_tar_padding(1), 511);
    assert_int_equal(hth_tar_padding(512), 0);
}

static void names(void **state) {
    (void)state;
    static const char *const bad[] = { "",     "/",     "/a",   "a/",     "a//b",
                                       ".",    "..",    "../a", "a/../b", "a/.",
                                       "a\nb", "a\x7f", "\xff", "a/..",   "./a" };
    for (size_t i = 0; i < HTH_COUNT(bad); i++)
        if (hth_tar_name_ok(hth_str(bad[i]))) fail_msg("name %zu", i);
    assert_false(hth_tar_name_ok((HthStr){ "a\0b", 3 }));
    assert_true(hth_tar_name_ok(HTH_STR("state/chats.db")));
    assert_true(hth_tar_name_ok(HTH_STR("models/\xc3\xa4 b.gguf")));
    char name[260];
    memset(name, 'a', sizeof name);
    assert_true(hth_tar_name_ok((HthStr){ name, 100 }));
    assert_false(hth_tar_name_ok((HthStr){ name, 101 })); /* no slash to split it at */
}

/* Every bit of a head but those of its time: an error, or at least not the same. */
static void every_bit(void **state) {
    (void)state;
    uint8_t block[HTH_TAR_BLOCK];
    HthErr err = { 0 };
    assert_ok(hth_tar_print(block, HTH_STR("state/audit/log"), 4711, 1, &err), err);
    for (unsigned i = 0; i < 8 * HTH_TAR_BLOCK; i++) {
        HthTarHead head;
        block[i / 8] ^= (uint8_t)(1U << i % 8);
        assert_status(hth_tar_parse(&head, block, &err), HTH_EFORMAT, err);
        block[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    HthTarHead head;
    memset(block, 0, sizeof block);
    assert_ok(hth_tar_parse(&head, block, &err), err);
    assert_true(head.end);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(there_and_back), cmocka_unit_test(names),
                                        cmocka_unit_test(every_bit) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
