/* scribe_test.c - rows are on the disk when somebody is told so, and also when nobody waits. */
#include "support/test.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <time.h>

#include "serve/scribe.h"
#include "support/folder.h"

static HthChats *open_chats(void) {
    HthChats *c = NULL;
    HthErr err;
    const HthChatsCfg cfg = { .path = test_path("chats.db"), .chat_bytes_max = 1000 };
    assert_ok(hth_chats_open(&c, &cfg, &err), err);
    return c;
}

static _Atomic int woken;

static void wake(void *payload) {
    (void)payload;
    woken++;
}

static void sleep_ms(int ms) {
    const struct timespec t = { 0, (long)ms * 1000000 };
    nanosleep(&t, NULL);
}

static HthKept *put(HthScribe *s, uint64_t user, const char *id, const char *text) {
    HthErr err;
    HthKept *p = NULL;
    HthRow row = { .user = user, .expires_ms = INT64_MAX, .wake = wake };
    snprintf(row.id, sizeof row.id, "%s", id);
    hth_buf_init(&row.text, 1 << 20);
    assert_ok(hth_buf_add_str(&row.text, hth_str(text), &err), err);
    assert_ok(hth_scribe_put(s, &row, &p, &err), err);
    return p;
}

static HthStatus wait_for(const HthKept *p, HthErr *err) {
    HthStatus st;
    while ((st = hth_kept_look(p, err)) == HTH_EAGAIN) sleep_ms(1);
    return st;
}

/* What is in the file, as another connection sees it; "" when there is none. */
static const char *stored(uint64_t user, const char *id) {
    static char text[2048];
    HthChats *c = open_chats();
    HthErr err;
    HthBuf b;
    bool there = false;
    hth_buf_init(&b, sizeof text - 1);
    assert_ok(hth_responses_get(c, user, hth_str(id), 1, &b, &there, &err), err);
    snprintf(text, sizeof text, "%s", there ? b.p : "");
    hth_buf_drop(&b);
    hth_chats_close(&c);
    return text;
}

static void durable_when_told(void **state) {
    (void)state;
    HthChats *c = open_chats();
    HthScribe *s = NULL;
    HthErr err;
    assert_ok(hth_scribe_open(&s, c, 0, &err), err);
    woken = 0;
    HthKept *p = put(s, 1, "a", "what was said");
    assert_ok(wait_for(p, &err), err);
    assert_string_equal(stored(1, "a"), "what was said");
    assert_string_equal(stored(2, "a"), "");
    assert_int_equal(woken, 1);
    hth_kept_leave(&p);
    assert_null(p);
    hth_kept_leave(&p);
    hth_scribe_close(&s);
    hth_chats_close(&c);
}

/* A row that cannot be written says why, and those after it are written. */
static void failures(void **state) {
    (void)state;
    HthChats *c = open_chats();
    HthScribe *s = NULL;
    HthErr err;
    char longer[1100];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    assert_ok(hth_scribe_open(&s, c, 0, &err), err);
    HthKept *bad = put(s, 1, "long", longer), *good = put(s, 1, "short", "fine");
    assert_status(wait_for(bad, &err), HTH_ELIMIT, err);
    assert_non_null(strstr(err.text, "1000"));
    assert_ok(wait_for(good, &err), err);
    assert_string_equal(stored(1, "long"), "");
    assert_string_equal(stored(1, "short"), "fine");
    hth_kept_leave(&bad);
    hth_kept_leave(&good);
    hth_scribe_close(&s);
    hth_chats_close(&c);
}

/* While another program writes, rows wait: nobody who puts one does. Whoever leaves is not woken,
 * and his row is written; close writes what waits. */
static void left_alone(void **state) {
    enum { ROWS = 12, MAX = 4 };
    (void)state;
    HthChats *c = open_chats();
    HthScribe *s = NULL;
    HthErr err;
    HthKept *rows[ROWS];
    sqlite3 *other = NULL;
    char id[16];
    assert_ok(hth_scribe_open(&s, c, MAX, &err), err);
    assert_int_equal(sqlite3_open(test_path("chats.db"), &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    woken = 0;
    for (int i = 0; i < ROWS; i++) {
        if (i <= MAX) assert_ok(hth_scribe_keeps_up(s, &err), err);
        snprintf(id, sizeof id, "left-%d", i);
        rows[i] = put(s, 7, id, id);
        assert_status(hth_kept_look(rows[i], &err), HTH_EAGAIN, err);
    }
    assert_status(hth_scribe_keeps_up(s, &err), HTH_EAGAIN, err);
    for (int i = 0; i < ROWS; i++)
        if (i % 3) hth_kept_leave(&rows[i]);
    assert_int_equal(woken, 0);
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    for (int i = 0; i < ROWS; i += 3) {
        assert_ok(wait_for(rows[i], &err), err);
        hth_kept_leave(&rows[i]);
    }
    assert_int_equal(woken, ROWS / 3);
    HthKept *last = put(s, 7, "last", "the last");
    hth_kept_leave(&last);
    hth_scribe_close(&s);
    hth_chats_close(&c);
    for (int i = 0; i < ROWS; i++) {
        snprintf(id, sizeof id, "left-%d", i);
        assert_string_equal(stored(7, id), id);
    }
    assert_string_equal(stored(7, "last"), "the last");
}

static HthChats *torture_chats;

static HthStatus open_and_put(void *ctx) {
    HthScribe *s = NULL;
    HthKept *p = NULL;
    HthErr err = { 0 };
    HthRow row = { .user = 1, .expires_ms = INT64_MAX, .wake = wake }; /* no id: refused */
    (void)ctx;
    HTH_TRY(hth_scribe_open(&s, torture_chats, 0, &err));
    hth_buf_init(&row.text, 100);
    HthStatus st = hth_buf_add_str(&row.text, HTH_STR("text"), &err);
    if (st == HTH_OK) st = hth_scribe_put(s, &row, &p, &err);
    if (st != HTH_OK) hth_buf_drop(&row.text);
    if (st == HTH_OK) st = wait_for(p, &err);
    hth_kept_leave(&p);
    hth_scribe_close(&s);
    return st == HTH_EINVAL ? HTH_OK : st;
}

static void without_memory(void **state) {
    (void)state;
    torture_chats = open_chats();
    assert_true(test_torture(open_and_put, NULL, 1000) > 3);
    hth_chats_close(&torture_chats);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(durable_when_told, test_folder_make, test_folder_drop),
        cmocka_unit_test_setup_teardown(failures, test_folder_make, test_folder_drop),
        cmocka_unit_test_setup_teardown(left_alone, test_folder_make, test_folder_drop),
        cmocka_unit_test_setup_teardown(without_memory, test_folder_make, test_folder_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
