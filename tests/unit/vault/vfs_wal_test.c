/* vfs_wal_test.c - a sealed database when the power goes at any write, and when a byte of its log
 * changes. */
#include "support/test.h"

#include "support/folder.h"
#include "support/vfs_log.h"
#include "vault/chats_db.h"
#include "vault/vfs.h"

static const uint8_t key[] = "a key of a test, 32 bytes long...";
static const char what[] = "the file of a test";

typedef struct Db {
    HthVfs *v;
    sqlite3 *db;
} Db;

static int sql(sqlite3 *db, const char *text) {
    return sqlite3_exec(db, text, NULL, NULL, NULL);
}

static HthStatus db_open(Db *out, const char *under, bool reader) {
    const HthVfsCfg cfg = { .path = test_path("x.db"), .what = what, .under = under, .key = key };
    *out = (Db){ 0 };
    HTH_TRY(hth_vfs_open(&out->v, &cfg, NULL));
    if (sqlite3_open_v2(cfg.path, &out->db, SQLITE_OPEN_READWRITE, hth_vfs_name(out->v)))
        return HTH_EIO;
    if (reader) return sql(out->db, "PRAGMA synchronous=OFF") ? HTH_EIO : HTH_OK;
    return sql(out->db, "PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;"
                        "PRAGMA temp_store=MEMORY; PRAGMA cache_size=8")
               ? HTH_EIO
               : HTH_OK;
}

static void db_close(Db *d) {
    sqlite3_close(d->db);
    hth_vfs_close(&d->v);
}

static bool give_up_some; /* transactions, after they were spilled into the log */

/* Transaction i leaves i in `last`, and rows whose contents follow from it. */
static bool transact(sqlite3 *db, int i) {
    char text[400];
    if (give_up_some && i % 5 == 2) {
        snprintf(text, sizeof text,
                 "BEGIN IMMEDIATE; INSERT INTO t VALUES (%d, 0, zeroblob(90000));"
                 "UPDATE t SET i = -1; ROLLBACK",
                 1000 + i);
        if (sql(db, text) != SQLITE_OK) return false;
    }
    snprintf(text, sizeof text,
             "BEGIN IMMEDIATE; UPDATE last SET i = %d;"
             "INSERT OR REPLACE INTO t VALUES (%d, %d, zeroblob(%d)), (%d, %d, 'short');"
             "DELETE FROM t WHERE k = %d; UPDATE t SET i = %d WHERE k = 3; COMMIT",
             i, i % 7, i, 300 + i * 977 % 30000, 7 + i % 3, i, (i + 4) % 7, i);
    return sql(db, text) == SQLITE_OK;
}

typedef struct Sum {
    int i; /* of `last`; -1: the file says that it is damaged */
    char rows[2000];
} Sum;

static int add_row(void *payload, int n, char **cells, char **names) {
    Sum *s = payload;
    (void)n, (void)names;
    const size_t at = strlen(s->rows);
    snprintf(s->rows + at, sizeof s->rows - at, "%s", cells[0]);
    return 0;
}

static Sum state_now(sqlite3 *db) {
    Sum s = { .i = -1 };
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_prepare_v2(db, "SELECT i FROM last", -1, &q, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(q);
    if (rc == SQLITE_ROW) s.i = sqlite3_column_int(q, 0);
    sqlite3_finalize(q);
    if (rc == SQLITE_ROW)
        rc = sqlite3_exec(db, "SELECT k || ':' || i || ':' || length(b) || ' ' FROM t ORDER BY k",
                          add_row, &s, NULL);
    Sum check = { .i = 0 };
    if (rc == SQLITE_OK) rc = sqlite3_exec(db, "PRAGMA integrity_check", add_row, &check, NULL);
    if (rc == SQLITE_OK && !strcmp(check.rows, "ok")) return s;
    if (rc != SQLITE_CORRUPT) fail_msg("rc %d: %s", rc, check.rows);
    return (Sum){ .i = -1 };
}

static Sum state_of_file(void) {
    Db d;
    Sum s = { .i = -1 };
    const HthStatus status = db_open(&d, NULL, true);
    if (status == HTH_OK) s = state_now(d.db);
    db_close(&d);
    return s;
}

enum { TRANSACTIONS = 30 };
static Sum after[TRANSACTIONS + 1];

static void begin(Db *d, const char *under, bool checkpoints) {
    assert_int_equal(db_open(d, under, false), HTH_OK);
    assert_int_equal(sql(d->db, "CREATE TABLE last (i); INSERT INTO last VALUES (0);"
                                "CREATE TABLE t (k INTEGER PRIMARY KEY, i, b);"
                                "PRAGMA wal_checkpoint(TRUNCATE)"),
                     SQLITE_OK);
    assert_int_equal(
        sql(d->db, checkpoints ? "PRAGMA wal_autocheckpoint=20" : "PRAGMA wal_autocheckpoint=0"),
        SQLITE_OK);
    after[0] = state_now(d->db);
}

/* ---- power cuts ------------------------------------------------------------------------------ */

static void power_cuts(void **state) {
    (void)state;
    Db d;
    give_up_some = true;
    begin(&d, "log", true);
    disk_begin("x.db");
    for (int i = 1; i <= TRANSACTIONS; i++) {
        assert_true(transact(d.db, i));
        disk_acked = i;
        after[i] = state_now(d.db);
        assert_int_equal(after[i].i, i);
        if (i == 17) assert_int_equal(sql(d.db, "PRAGMA wal_checkpoint(TRUNCATE)"), SQLITE_OK);
    }
    db_close(&d);
    disk_on = give_up_some = false;
    assert_true(disk_count > 300);
    size_t behind = 0;
    for (size_t event = 0; event <= disk_count; event += 1 + event % 3) {
        for (uint64_t seed = 0; seed < 2; seed++) {
            const int acked = disk_at("x.db", event, seed ? event + 1 : 0);
            const Sum s = state_of_file();
            if (s.i < acked || s.i > acked + 1)
                fail_msg("event %zu, seed %d: %d, acknowledged %d", event, (int)seed, s.i, acked);
            assert_string_equal(s.rows, after[s.i].rows);
            behind += s.i == acked;
        }
    }
    assert_true(behind > 100);
}

/* ---- changed bytes --------------------------------------------------------------------------- */

static HthBuf file, wal;

static void put_file(const char *name, const HthBuf *b, size_t n) {
    FILE *f = fopen(test_path(name), "w");
    if (!f || fwrite(b->p, 1, n, f) != n || fclose(f)) fail_msg("cannot write");
}

static Sum with_log(size_t n) {
    put_file("x.db", &file, file.n);
    put_file("x.db-wal", &wal, n);
    unlink(test_path("x.db-shm"));
    return state_of_file();
}

static void crashed_log(size_t *commits, int count) {
    Db d;
    begin(&d, NULL, false);
    test_load(&file, test_path("x.db"));
    for (int i = 1; i <= count; i++) {
        struct stat st;
        assert_true(transact(d.db, i));
        after[i] = state_now(d.db);
        assert_int_equal(stat(test_path("x.db-wal"), &st), 0);
        commits[i] = (size_t)st.st_size;
    }
    test_load(&wal, test_path("x.db-wal"));
    db_close(&d);
}

/* One byte of the log changes: damage, unless it is of the last transaction, which may look as if
 * it had never been whole. Never anything else. */
static void changed_bytes(void **state) {
    (void)state;
    size_t commits[8] = { 0 };
    int damaged = 0, dropped = 0;
    crashed_log(commits, 6);
    assert_int_equal(with_log(wal.n).i, 6);
    for (uint32_t round = 0; round < 700; round++) {
        const size_t frames = (wal.n - 32) / 4120;
        const size_t frame = 32 + hth_rng_below(5, 0, round, (uint32_t)frames) * 4120;
        const size_t at = round < 32  ? round
                          : round % 3 ? frame + hth_rng_below(5, 1, round, 24)
                                      : frame + hth_rng_below(5, 2, round, 4120);
        const uint8_t by = (uint8_t)(1U << hth_rng_below(5, 3, round, 8));
        wal.p[at] = (char)(wal.p[at] ^ by);
        const Sum s = with_log(wal.n);
        wal.p[at] = (char)(wal.p[at] ^ by);
        if (s.i == -1) {
            damaged++;
        } else if (at >= commits[5] && s.i == 5) {
            assert_string_equal(s.rows, after[5].rows);
            dropped++;
        } else {
            fail_msg("byte %zu of %zu changed: state %d (the last begins at %zu)", at, wal.n, s.i,
                     commits[5]);
        }
    }
    assert_true(damaged > 400 && dropped > 5);
    hth_buf_drop(&file);
    hth_buf_drop(&wal);
}

/* Cut off anywhere: what was committed before, whole. */
static void cut_off(void **state) {
    (void)state;
    size_t commits[8] = { 0 };
    crashed_log(commits, 6);
    for (size_t n = 0; n <= wal.n; n += 1 + hth_rng_below(6, 0, (uint32_t)n, 1500)) {
        int want = 0;
        while (want < 6 && commits[want + 1] <= n) want++;
        const Sum s = with_log(n);
        assert_int_equal(s.i, want);
        assert_string_equal(s.rows, after[want].rows);
    }
    hth_buf_drop(&file);
    hth_buf_drop(&wal);
}

/* A frame put where another was, with SQLite's own sums made right again, is no frame of ours: the
 * sums have no key, the seal has. */
static void moved_frames(void **state) {
    (void)state;
    size_t commits[8] = { 0 };
    crashed_log(commits, 6);
    const size_t frames = (wal.n - 32) / 4120;
    for (size_t i = 0; i + 1 < frames; i++) {
        static char kept[4120];
        char *a = wal.p + 32 + i * 4120;
        memcpy(kept, a, 4120);
        memcpy(a, a + 4120, 4120);
        const Sum s = with_log(wal.n);
        if (s.i != -1 && !(32 + i * 4120 >= commits[5] && s.i == 5))
            fail_msg("frame %zu: state %d", i, s.i);
        memcpy(a, kept, 4120);
    }
    hth_buf_drop(&file);
    hth_buf_drop(&wal);
}

int main(void) {
    hth_sqlite_use_mem();
    if (!disk_register()) return 1;
#define IN_FOLDER(t) cmocka_unit_test_setup_teardown(t, test_folder_make, test_folder_drop)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(power_cuts),
        IN_FOLDER(changed_bytes),
        IN_FOLDER(cut_off),
        IN_FOLDER(moved_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
