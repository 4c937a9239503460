/* keep_test.c - which backups are kept, and that nothing else is ever removed. */
#include "support/test.h"

#include "support/folder.h"

#include "backup/keep.h"

enum { DAY = 86400, HOUR = 3600 };

static void choose(HthShelved *all, size_t n, const HthKeepRule *rule, int64_t now_s) {
    HthErr err = { 0 };
    assert_ok(hth_keep_choose(all, n, rule, now_s, &err), err);
}

static void rules(void **state) {
    (void)state;
    HthKeepRule r;
    HthErr err = { 0 };
    assert_ok(hth_keep_parse(&r, HTH_STR("daily=7,weekly=4,monthly=6"), &err), err);
    assert_true(r.daily == 7 && r.weekly == 4 && r.monthly == 6);
    assert_ok(hth_keep_parse(&r, HTH_STR("monthly=1"), &err), err);
    assert_true(r.daily == 0 && r.weekly == 0 && r.monthly == 1 && r.days == 0);
    assert_ok(hth_keep_parse(&r, HTH_STR(HTH_KEEP_RULE), &err), err);
    assert_true(r.daily && r.weekly && r.monthly && r.days == 180);
    static const char *const bad[] = { "",           "daily",     "daily=",  "daily=-1",
                                       "daily=1001", "yearly=1",  "daily=0", "daily=1;",
                                       "daily=1 ",   "daily=1,x", "days=9" };
    for (size_t i = 0; i < HTH_COUNT(bad); i++)
        assert_status(hth_keep_parse(&r, hth_str(bad[i]), &err), HTH_EINVAL, err);
}

/* Four a day for 400 days, newest first. */
static void choosing(void **state) {
    (void)state;
    enum { N = 1600 };
    HthShelved *all = hth_calloc(N, sizeof *all);
    assert_non_null(all);
    const int64_t now = 1795378800; /* 2026-11-22 20:20, a Sunday */
    for (size_t i = 0; i < N; i++) all[i].made_s = now - (int64_t)i * 6 * HOUR;
    const HthKeepRule rule = { .daily = 7, .weekly = 4, .monthly = 6 };
    choose(all, N, &rule, now);
    size_t kept = 0, oldest = 0;
    for (size_t i = 0; i < N; i++)
        if (!all[i].go) {
            kept++;
            oldest = i;
        }
    assert_false(all[0].go);
    /* 7 days; 4 weeks, of which the newest is among the days, and perhaps the one before; 6 months,
     * of which the newest is among the days */
    assert_true(kept >= 7 + 2 + 5 && kept <= 7 + 3 + 5);
    assert_true(all[oldest].made_s < now - 120 * DAY && all[oldest].made_s > now - 200 * DAY);
    for (size_t i = 0; i < 7; i++) { /* the newest of each of the last seven days stays */
        size_t k = 0;
        const int64_t day = now / DAY - (int64_t)i;
        while (all[k].made_s / DAY != day) k++;
        assert_false(all[k].go);
        assert_true(all[k + 1].go);
    }
    hth_free(all);
}

/* One a year: six months have one, but nothing stays that is older than it may be. */
static void not_too_old(void **state) {
    (void)state;
    HthShelved all[4] = { 0 };
    HthKeepRule rule = { .monthly = 6, .days = 365 };
    for (int i = 0; i < 4; i++) all[i].made_s = 1795306800 - (int64_t)i * 365 * DAY;
    choose(all, 4, &rule, 1795306800);
    assert_true(!all[0].go && !all[1].go && all[2].go && all[3].go);
    rule.days = 364;
    choose(all, 4, &rule, 1795306800);
    assert_true(!all[0].go && all[1].go && all[2].go && all[3].go);
    rule.days = 0;
    choose(all, 4, &rule, 1795306800);
    assert_true(!all[1].go && !all[2].go && !all[3].go);
    choose(all, 0, &rule, 1795306800);
}

/* The clock ran ahead when one was made, or is behind now: the one just written is not the newest
 * by its name, and must not go, nor any other. */
static void wrong_clocks(void **state) {
    (void)state;
    const HthKeepRule rule = { .daily = 1, .days = 180 };
    const int64_t now = 1795306800;
    const int64_t made[][3] = { { now + 30000 * (int64_t)DAY, now, now - DAY },
                                { now + 1, now, now - DAY } };
    for (size_t i = 0; i < HTH_COUNT(made); i++) {
        HthShelved all[3] = { 0 };
        HthErr err = { 0 };
        for (size_t k = 0; k < 3; k++) all[k] = (HthShelved){ .made_s = made[i][k], .go = true };
        assert_status(hth_keep_choose(all, 3, &rule, now, &err), HTH_EINVAL, err);
        assert_false(all[0].go || all[1].go || all[2].go);
        choose(all + 1, 2, &rule, now);
        assert_true(!all[1].go && all[2].go);
    }
}

/* The second one takes the file, and the row with it. */
static void within_a_second(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthShelved *all = NULL;
    size_t n = 0;
    char name[2][HTH_SHELF_NAME];
    for (int i = 0; i < 2; i++) hth_shelf_name(name[i], 1795306800 - i * DAY);
    test_put(name[1], "of the day before");
    assert_ok(hth_shelf_add(test_folder, name[1], &err), err);
    for (int i = 0; i < 3; i++) {
        test_put(name[0], i == 1 ? "another" : "one");
        assert_ok(hth_shelf_add(test_folder, name[0], &err), err);
    }
    assert_ok(hth_shelf_list(&all, &n, test_folder, &err), err);
    assert_int_equal(n, 2);
    const HthKeepRule rule = { .daily = 1 };
    choose(all, n, &rule, 1795306800);
    assert_ok(hth_shelf_remove(test_folder, all, n, &err), err);
    assert_true(access(test_path(name[0]), F_OK) == 0 && access(test_path(name[1]), F_OK) != 0);
    hth_shelf_drop(&all);
}

static void a_folder(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthShelved *all = NULL;
    size_t n = 0;
    char name[4][HTH_SHELF_NAME];
    for (int i = 0; i < 4; i++) {
        hth_shelf_name(name[i], 1795306800 - i * DAY);
        test_put(name[i], i == 2 ? "two" : "some bytes");
        if (i != 3) assert_ok(hth_shelf_add(test_folder, name[i], &err), err);
    }
    test_put("hearth.txt", "not ours");
    test_put(name[2], "changed since");
    const HthKeepRule rule = { .daily = 1 };
    assert_ok(hth_shelf_list(&all, &n, test_folder, &err), err);
    assert_int_equal(n, 3); /* the fourth was not made here */
    choose(all, n, &rule, 1795306800);
    assert_true(!all[0].go && all[1].go && all[2].go);
    assert_ok(hth_shelf_remove(test_folder, all, n, &err), err);
    assert_true(access(test_path(name[0]), F_OK) == 0);
    assert_true(access(test_path(name[1]), F_OK) != 0);
    assert_true(access(test_path(name[2]), F_OK) == 0); /* not what was written: not ours to take */
    assert_true(access(test_path(name[3]), F_OK) == 0);
    assert_true(access(test_path("hearth.txt"), F_OK) == 0);
    hth_shelf_drop(&all);
    /* the newest is damaged: nothing goes */
    test_put(name[1], "some bytes");
    assert_ok(hth_shelf_add(test_folder, name[1], &err), err);
    test_put(name[0], "damaged");
    assert_ok(hth_shelf_list(&all, &n, test_folder, &err), err);
    choose(all, n, &rule, 1795306800);
    assert_status(hth_shelf_remove(test_folder, all, n, &err), HTH_EFORMAT, err);
    assert_true(access(test_path(name[1]), F_OK) == 0);
    hth_shelf_drop(&all);
    test_put("hearth-backups.json", "[{\"name\":\"../x\",\"bytes\":1,\"sha256\":\"\"}]");
    assert_status(hth_shelf_list(&all, &n, test_folder, &err), HTH_EFORMAT, err);
}

/* Of backups and the list of them, half written; of nothing else. */
static void what_killed_ones_left(void **state) {
    (void)state;
    static const char *const left[] = { "hearth-20261122T044500Z.age.0123abcd.tmp",
                                        "hearth-backups.json.00000000.tmp" };
    static const char *const others[] = { "hearth-20261122T044500Z.age", "hearth-backups.json",
                                          "hearth-20261132T044500Z.age.0123abcd.tmp",
                                          "letter.0123abcd.tmp" };
    for (size_t i = 0; i < HTH_COUNT(left); i++) test_put(left[i], "half");
    for (size_t i = 0; i < HTH_COUNT(others); i++) test_put(others[i], "[]");
    hth_shelf_clear_left(test_folder);
    assert_int_equal(test_entries(""), HTH_COUNT(others));
    for (size_t i = 0; i < HTH_COUNT(others); i++)
        assert_int_equal(access(test_path(others[i]), F_OK), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules),
        cmocka_unit_test(choosing),
        cmocka_unit_test(not_too_old),
        cmocka_unit_test(wrong_clocks),
        cmocka_unit_test_setup_teardown(within_a_second, test_folder_make, test_folder_drop),
        cmocka_unit_test_setup_teardown(what_killed_ones_left, test_folder_make, test_folder_drop),
        cmocka_unit_test_setup_teardown(a_folder, test_folder_make, test_folder_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
