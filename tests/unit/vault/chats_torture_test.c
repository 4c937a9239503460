/* chats_torture_test.c - conversations when memory and disk fail, and when the program is killed.
 *
 * What was acknowledged is there afterwards; what was not is there whole or not at all. */
#include "support/test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/rng.h"
#include "support/folder.h"
#include "support/vfs_fault.h"
#include "vault/chats.h"
#include "vault/chats_db.h"

static const uint8_t *key; /* NULL: plain; everything is done twice */

static HthStatus open_chats(HthChats **out) {
    const HthChatsCfg cfg = { .path = test_path("chats.db"), .vfs = "fault", .key = key };
    return hth_chats_open(out, &cfg, NULL);
}

static HthChats *chats(void) {
    HthChats *c = NULL;
    assert_int_equal(open_chats(&c), HTH_OK);
    return c;
}

static HthStatus put(HthChats *c, const char *id, const char *content) {
    bool conflict;
    json_t *chat = json_pack("{s:s, s:s, s:[{s:s, s:s, s:s}]}", "id", id, "title", "title",
                             "messages", "id", "m1", "role", "user", "content", content);
    const HthStatus status =
        chat ? hth_chats_put(c, 1, hth_str(id), chat, -1, 1, NULL, &conflict, NULL) : HTH_ENOMEM;
    json_decref(chat);
    return status;
}

/* The content's first letter; '-': there is none. And the search agrees. */
static char state_of(HthChats *c, const char *id) {
    HthErr err;
    HthBuf b;
    bool there = false;
    hth_buf_init(&b, 1 << 20);
    assert_ok(hth_chats_get(c, 1, hth_str(id), &b, &there, &err), err);
    const char *content = there ? strstr(b.p, "\"content\":\"") : NULL;
    const char out = content ? content[11] : '-';
    hth_buf_clear(&b);
    char word[16] = "nothing", want[40];
    if (content) snprintf(word, sizeof word, "%s", out == 'o' ? "oldword" : "newword");
    assert_ok(hth_chats_list(c, 1, hth_str(word), 0, 1000, &b, &err), err);
    snprintf(want, sizeof want, "\"id\":\"%s\"", id);
    assert_int_equal(strstr(b.p, want) != NULL, content != NULL);
    hth_buf_drop(&b);
    return out;
}

static void whole_file_is_sound(HthChats *c) {
    sqlite3_stmt *s = NULL;
    assert_int_equal(sqlite3_prepare_v2(c->db.db, "PRAGMA integrity_check", -1, &s, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(s, 0), "ok");
    sqlite3_finalize(s);
    assert_int_equal(sqlite3_exec(c->db.db, "INSERT INTO words (words) VALUES ('integrity-check')",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
}

static HthStatus old_to_new(HthChats *c) {
    bool there;
    HTH_TRY(put(c, "x", "newword and others"));
    HTH_TRY(put(c, "y", "newword"));
    return hth_chats_delete(c, 1, HTH_STR("z"), &there, NULL);
}

static void disk_fails(void **state) {
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        HthChats *c = chats();
        assert_int_equal(put(c, "x", "oldword, longer than what comes after it"), HTH_OK);
        assert_int_equal(put(c, "z", "oldword"), HTH_OK);
        test_vfs_fail_after(nth);
        const HthStatus status = old_to_new(c);
        test_vfs_fail_after(0);
        if (status != HTH_OK && status != HTH_EIO) fail_msg("call %d: %d", (int)nth, status);
        for (int round = 0; round < 2; round++) { /* with what is in memory, and opened again */
            const char x = state_of(c, "x"), z = state_of(c, "z");
            if (status == HTH_OK) assert_true(x == 'n' && z == '-');
            assert_true(x == 'o' || x == 'n');
            assert_true(z == 'o' || z == '-');
            if (z == '-') assert_int_equal(x, 'n');
            whole_file_is_sound(c);
            hth_chats_close(&c);
            c = chats();
        }
        hth_chats_close(&c);
        if (status == HTH_OK) {
            assert_true(nth > 5);
            return;
        }
    }
}

static HthStatus whole_round(void) {
    HthChats *c = NULL;
    HthBuf b;
    bool there;
    hth_buf_init(&b, 1 << 20);
    HTH_TRY(open_chats(&c));
    HthStatus status = old_to_new(c);
    if (status == HTH_OK) status = hth_chats_get(c, 1, HTH_STR("x"), &b, &there, NULL);
    hth_buf_clear(&b);
    if (status == HTH_OK) status = hth_chats_list(c, 1, HTH_STR("word"), 0, 0, &b, NULL);
    if (status == HTH_OK)
        status = hth_responses_put(c, 1, HTH_STR("r"), HTH_STR("text"), 1, 2, NULL);
    if (status == HTH_OK) status = hth_chats_delete(c, 1, HTH_STR("x"), &there, NULL);
    hth_buf_drop(&b);
    hth_chats_close(&c);
    return status;
}

/* SQLite may do without some memory (its caches): success is then right too. */
static void memory_runs_out(void **state) {
    (void)state;
    HthChats *c = chats();
    assert_int_equal(put(c, "x", "oldword"), HTH_OK);
    assert_int_equal(put(c, "z", "oldword"), HTH_OK);
    hth_chats_close(&c);
    const uint64_t live = hth_mem_live();
    uint64_t refused = 0;
    for (uint64_t nth = 1; nth < 20000; nth += 1 + nth / 40) {
        const uint64_t calls = hth_mem_calls();
        hth_mem_fail_after(nth);
        const HthStatus status = whole_round();
        hth_mem_fail_after(0);
        if (status != HTH_OK && status != HTH_ENOMEM)
            fail_msg("allocation %d: %d", (int)nth, status);
        assert_int_equal(hth_mem_live(), live);
        refused += status == HTH_ENOMEM;
        c = chats();
        whole_file_is_sound(c);
        hth_chats_close(&c);
        if (status == HTH_OK && hth_mem_calls() - calls < nth) break;
    }
    assert_true(refused > 20);
}

/* A child tells through a pipe what was acknowledged, and is killed. */
static void killed(void **state) {
    (void)state;
    for (uint64_t round = 0; round < 15; round++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        const pid_t pid = fork();
        if (pid == 0) {
            HthChats *c = chats();
            for (int32_t i = 0;; i++) {
                char id[16];
                snprintf(id, sizeof id, "k%d", (int)i);
                if (put(c, id, "newword") != HTH_OK) _exit(1);
                if (write(ends[1], &i, sizeof i) != sizeof i) _exit(2);
            }
        }
        close(ends[1]);
        usleep(3000 + hth_rng_below(round, 0, 0, 30000));
        kill(pid, SIGKILL);
        int rc;
        int32_t last = -1, i;
        while (read(ends[0], &i, sizeof i) == sizeof i) last = i;
        close(ends[0]);
        assert_int_equal(waitpid(pid, &rc, 0), pid);
        assert_true(WIFSIGNALED(rc));
        HthChats *c = chats();
        whole_file_is_sound(c);
        for (i = 0; i <= last; i++) {
            char id[16];
            snprintf(id, sizeof id, "k%d", (int)i);
            assert_int_equal(state_of(c, id), 'n');
        }
        assert_int_equal(hth_chats_delete_all(c, 1, NULL), HTH_OK);
        hth_chats_close(&c);
    }
}

static HthChats *shared;
static void *work(void *arg) {
    const uint64_t me = (uint64_t)(uintptr_t)arg;
    HthBuf b;
    hth_buf_init(&b, 1 << 20);
    for (uint64_t i = 0; i < 60; i++) {
        char id[16];
        bool there = false, conflict;
        snprintf(id, sizeof id, "t%d", (int)(i % 5));
        json_t *chat = json_pack("{s:s, s:[{s:s, s:s, s:s}]}", "id", id, "messages", "id", "1",
                                 "role", "user", "content", me % 2 ? "odd" : "even");
        HTH_ASSERT(hth_chats_put(shared, me, hth_str(id), chat, -1, 1, NULL, &conflict, NULL) ==
                   HTH_OK);
        json_decref(chat);
        hth_buf_clear(&b);
        HTH_ASSERT(hth_chats_get(shared, me, hth_str(id), &b, &there, NULL) == HTH_OK && there);
        HTH_ASSERT(strstr(b.p, me % 2 ? "odd" : "even"));
        hth_buf_clear(&b);
        HTH_ASSERT(hth_chats_list(shared, me, me % 2 ? HTH_STR("even") : HTH_STR("odd"), 0, 0, &b,
                                  NULL) == HTH_OK);
        HTH_ASSERT(strstr(b.p, "\"total\":0"));
        if (i % 7 == 0)
            HTH_ASSERT(hth_chats_delete(shared, me, hth_str(id), &there, NULL) == HTH_OK && there);
    }
    hth_buf_drop(&b);
    return NULL;
}

static void many_threads(void **state) {
    (void)state;
    pthread_t threads[4];
    shared = chats();
    for (uintptr_t i = 0; i < HTH_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    for (size_t i = 0; i < HTH_COUNT(threads); i++) pthread_join(threads[i], NULL);
    whole_file_is_sound(shared);
    hth_chats_close(&shared);
}

int main(void) {
    hth_json_init();
    hth_sqlite_use_mem();
    if (!test_vfs_register()) return 1;
#define IN_FOLDER(t) cmocka_unit_test_setup_teardown(t, test_folder_make, test_folder_drop)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(disk_fails),
        IN_FOLDER(memory_runs_out),
        IN_FOLDER(killed),
        IN_FOLDER(many_threads),
    };
    const int plain = cmocka_run_group_tests_name("plain", tests, NULL, NULL);
    key = (const uint8_t *)"a key of a test, 32 bytes, sealed";
    return plain + cmocka_run_group_tests_name("sealed", tests, NULL, NULL);
}
