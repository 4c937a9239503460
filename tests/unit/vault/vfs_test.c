/* vfs_test.c - sealed databases: what can be done with them, whose they are, bytes that changed,
 * pages that moved, nothing plain on the disk; and plain ones becoming sealed. */
#include "support/test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/rng.h"
#include "support/folder.h"
#include "support/vfs_fault.h"
#include "vault/chats_db.h"
#include "vault/copy.h"
#include "vault/vfs.h"

static const uint8_t key_a[] = "a key of a test, 32 bytes long...", key_b[] =
                                                                        "another key, also 32 "
                                                                        "bytes long.";
static const char what[] = "the file of a test";

typedef struct Db {
    HthVfs *v;
    sqlite3 *db;
} Db;

static HthStatus db_try(Db *out, const char *name, const uint8_t *key, const char *under,
                        HthErr *err) {
    const HthVfsCfg cfg = { .path = test_path(name), .what = what, .under = under, .key = key };
    *out = (Db){ 0 };
    HTH_TRY(hth_vfs_open(&out->v, &cfg, err));
    const int rc = sqlite3_open_v2(cfg.path, &out->db, SQLITE_OPEN_READWRITE, hth_vfs_name(out->v));
    return rc == SQLITE_OK ? HTH_OK : hth_sqlite_failed(rc, what, err);
}

static void db_close(Db *d) {
    sqlite3_close(d->db);
    hth_vfs_close(&d->v);
}

static Db db_open(const char *name, const uint8_t *key) {
    Db d;
    HthErr err = { 0 };
    assert_ok(db_try(&d, name, key, NULL, &err), err);
    return d;
}

static int sql(sqlite3 *db, const char *text) {
    return sqlite3_exec(db, text, NULL, NULL, NULL);
}

/* The first column of the first row, or the error as "rc N". Good until the next call. */
static const char *answer(sqlite3 *db, const char *text) {
    static char out[64];
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(db, text, -1, &s, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        snprintf(out, sizeof out, "%s", (const char *)sqlite3_column_text(s, 0));
    else
        snprintf(out, sizeof out, "rc %d", rc);
    sqlite3_finalize(s);
    return out;
}

#define TABLES                                                                                     \
    "PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;"                                           \
    "CREATE TABLE t (i INTEGER PRIMARY KEY, text TEXT, b BLOB);"                                   \
    "CREATE VIRTUAL TABLE f USING fts5 (text);"
#define ROWS(from, to)                                                                             \
    "WITH RECURSIVE n (i) AS (SELECT " #from " UNION ALL SELECT i + 1 FROM n WHERE i < " #to ")"   \
    " INSERT INTO t SELECT i, 'canary' || i || 'yranac', randomblob(900) FROM n;"                  \
    "INSERT INTO f (rowid, text) SELECT i, text FROM t WHERE i >= " #from ";"

static void fill(sqlite3 *db) {
    assert_int_equal(sql(db, TABLES ROWS(1, 60)), SQLITE_OK);
}

static void expect_rows(sqlite3 *db, const char *count) {
    assert_string_equal(answer(db, "PRAGMA integrity_check"), "ok");
    assert_string_equal(answer(db, "SELECT count(*) FROM t WHERE text = 'canary' || i || 'yranac'"),
                        count);
    assert_string_equal(answer(db, "SELECT count(*) FROM f WHERE f MATCH 'canary7yranac'"), "1");
}

/* How often the words of ROWS are in a file. */
static size_t plain_in(const char *name) {
    HthBuf b;
    size_t n = 0;
    if (access(test_path(name), R_OK)) return 0;
    test_load(&b, test_path(name));
    for (const char *p = b.p; p && (p = memmem(p, b.n - (size_t)(p - b.p), "yranac", 6)); p++) n++;
    for (const char *p = b.p; p && (p = memmem(p, b.n - (size_t)(p - b.p), "canary", 6)); p++) n++;
    hth_buf_drop(&b);
    return n;
}

static void in_and_out(void **state) {
    (void)state;
    struct stat st;
    Db d = db_open("x.db", key_a);
    fill(d.db);
    expect_rows(d.db, "60");
    assert_int_equal(plain_in("x.db") + plain_in("x.db-wal") + plain_in("x.db-shm"), 0);
    assert_int_equal(stat(test_path("x.db"), &st) | (st.st_mode & 0777), 0600);
    assert_int_equal(stat(test_path("x.db-wal"), &st) | (st.st_mode & 0777), 0600);
    db_close(&d);
    assert_int_equal(plain_in("x.db"), 0);
    assert_int_not_equal(access(test_path("x.db-wal"), F_OK), 0);
    assert_int_not_equal(access(test_path("x.db-sealing"), F_OK), 0);
    d = db_open("x.db", key_a);
    expect_rows(d.db, "60");
    assert_string_equal(answer(d.db, "PRAGMA journal_mode"), "wal");
    assert_string_equal(answer(d.db, "PRAGMA page_size"), "4096");
    db_close(&d);

    sqlite3 *plain = NULL; /* the control: a plain one shows all of them */
    assert_int_equal(sqlite3_open(test_path("plain.db"), &plain), SQLITE_OK);
    fill(plain);
    sqlite3_close(plain);
    assert_true(plain_in("plain.db") >= 120);
}

static void vacuum_and_backup(void **state) {
    (void)state;
    Db d = db_open("x.db", key_a), to = db_open("y.db", key_b);
    fill(d.db);
    assert_int_equal(sql(d.db, "DELETE FROM t WHERE i > 30; DELETE FROM f WHERE rowid > 30;"
                               "PRAGMA temp_store=MEMORY; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)"),
                     SQLITE_OK);
    expect_rows(d.db, "30");
    sqlite3_backup *b = sqlite3_backup_init(to.db, "main", d.db, "main");
    assert_non_null(b);
    assert_int_equal(sqlite3_backup_step(b, -1), SQLITE_DONE);
    assert_int_equal(sqlite3_backup_finish(b), SQLITE_OK);
    db_close(&d);
    expect_rows(to.db, "30");
    db_close(&to);
    to = db_open("y.db", key_b);
    expect_rows(to.db, "30");
    /* a large statement under a savepoint, and one that is undone */
    assert_int_equal(sql(to.db, "PRAGMA cache_size=10; BEGIN;" ROWS(31, 3000) "ROLLBACK"),
                     SQLITE_OK);
    expect_rows(to.db, "30");
    assert_int_equal(sql(to.db, "BEGIN;" ROWS(31, 3000) "UPDATE t SET b = randomblob(950); COMMIT"),
                     SQLITE_OK);
    expect_rows(to.db, "3000");
    assert_int_equal(sql(to.db, "UPDATE OR ROLLBACK t SET i = 5 WHERE i > 4"), SQLITE_CONSTRAINT);
    assert_int_equal(plain_in("y.db") + plain_in("y.db-wal"), 0);
    expect_rows(to.db, "3000");
    db_close(&to);
}

/* Nothing that would lie on the disk as it is. */
static void no_other_files(void **state) {
    (void)state;
    Db d = db_open("x.db", key_a);
    fill(d.db);
    char attach[400];
    snprintf(attach, sizeof attach, "ATTACH '%s' AS other; CREATE TABLE other.t (i)",
             test_path("other.db"));
    assert_int_not_equal(sql(d.db, attach), SQLITE_OK);
    (void)sql(d.db, "DETACH other");
    assert_int_not_equal(sql(d.db, "PRAGMA journal_mode=DELETE"), SQLITE_OK);
    assert_int_not_equal(access(test_path("x.db-journal"), F_OK), 0);
    assert_string_equal(answer(d.db, "PRAGMA journal_mode"), "wal");
    assert_int_equal(sql(d.db, "UPDATE t SET b = ''"), SQLITE_OK);
    expect_rows(d.db, "60");
    db_close(&d);
}

static void whose(void **state) {
    (void)state;
    HthErr err = { 0 };
    Db d = db_open("x.db", key_a);
    fill(d.db);
    db_close(&d);
    const uint64_t before = test_folder_sum("-");
    assert_status(db_try(&d, "x.db", key_b, NULL, &err), HTH_EDENIED, err);
    assert_string_equal(err.text, "the file of a test was sealed with another key; is this the "
                                  "folder, and the keyring, that it belongs to?");
    assert_null(d.v);
    test_put("words.db",
             "This is not a database, but it is long enough to look like one, perhaps.");
    assert_status(db_try(&d, "words.db", key_a, NULL, &err), HTH_EFORMAT, err);
    assert_non_null(strstr(err.text, "name another place"));
    unlink(test_path("words.db"));
    assert_int_equal(mkdir(test_path("folder.db"), 0700), 0);
    assert_status(db_try(&d, "folder.db", key_a, NULL, &err), HTH_EIO, err);
    rmdir(test_path("folder.db"));
    assert_int_equal(symlink(test_path("x.db"), test_path("link.db")), 0);
    assert_status(db_try(&d, "link.db", key_a, NULL, &err), HTH_EIO, err);
    unlink(test_path("link.db"));
    assert_status(db_try(&d, "none/x.db", key_a, NULL, &err), HTH_EIO, err);
    assert_int_equal(test_folder_sum("-"), before);
    test_put("empty.db", "");
    d = db_open("empty.db", key_a); /* an empty file is one to be made */
    fill(d.db);
    db_close(&d);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static HthBuf image;

static void image_load(const char *name) {
    test_load(&image, test_path(name));
}

static void image_put(const char *name, size_t n) {
    const int fd = open(test_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, image.p, n), n);
    close(fd);
}

/* Opens a file and reads all its pages; EFORMAT is what a changed one must give. */
static HthStatus read_all(const char *name, HthErr *err) {
    Db d;
    sqlite3 *memory = NULL;
    HthStatus status = db_try(&d, name, key_a, NULL, err);
    if (status == HTH_OK) {
        assert_int_equal(sqlite3_open(":memory:", &memory), SQLITE_OK);
        sqlite3_backup *b = sqlite3_backup_init(memory, "main", d.db, "main");
        const int rc = b ? sqlite3_backup_step(b, -1) : sqlite3_errcode(memory);
        sqlite3_backup_finish(b);
        if (rc != SQLITE_DONE) status = hth_sqlite_failed(rc, what, err);
        sqlite3_close(memory);
    }
    db_close(&d);
    return status;
}

static void flipped(size_t at, uint8_t by) {
    HthErr err = { 0 };
    image.p[at] = (char)(image.p[at] ^ by);
    image_put("y.db", image.n);
    image.p[at] = (char)(image.p[at] ^ by);
    const HthStatus status = read_all("y.db", &err);
    if (status != HTH_EFORMAT)
        fail_msg("byte %zu changed: %s %s", at, hth_status_name(status), err.text);
}

/* Any byte of the head, any of the first and last 48 of a page, and others at random. */
static void one_byte(void **state) {
    (void)state;
    HthErr err = { 0 };
    Db d = db_open("x.db", key_a);
    fill(d.db);
    db_close(&d);
    image_load("x.db");
    assert_int_equal(image.n % 4096, 0);
    assert_true(image.n > 16 * 4096);
    image_put("y.db", image.n);
    assert_ok(read_all("y.db", &err), err);
    for (size_t at = 0; at < 130; at++)
        flipped(at, (uint8_t)(1 + hth_rng_below(1, 0, (uint32_t)at, 255)));
    for (size_t page = 0; page < image.n; page += 4096) {
        for (uint32_t i = 0; i < 12; i++) {
            const uint32_t where[] = { i * 4, 4095 - i * 4, hth_rng_below(2, page, i, 4096) };
            for (size_t k = 0; k < 3; k++)
                flipped(page + where[k], (uint8_t)(1U << hth_rng_below(3, page + k, i, 8)));
        }
    }
    for (size_t n = 1; n < image.n; n += 1500) { /* shorter */
        image_put("y.db", n);
        assert_status(read_all("y.db", &err), HTH_EFORMAT, err);
    }
    hth_buf_drop(&image);
}

/* Pages are bound to their place and their file. */
static void moved_pages(void **state) {
    (void)state;
    HthErr err = { 0 };
    static uint8_t page[4096];
    Db d = db_open("x.db", key_a);
    fill(d.db);
    db_close(&d);
    d = db_open("z.db", key_a);
    fill(d.db);
    db_close(&d);
    HthBuf other;
    test_load(&other, test_path("z.db"));
    image_load("x.db");
    for (size_t i = 1; i + 1 < image.n / 4096; i++) {
        char *a = image.p + i * 4096;
        memcpy(page, a, 4096);
        memcpy(a, a + 4096, 4096); /* the next one, here */
        image_put("y.db", image.n);
        assert_status(read_all("y.db", &err), HTH_EFORMAT, err);
        memcpy(a, other.p + i * 4096, 4096); /* the same of a file with the same key */
        image_put("y.db", image.n);
        assert_status(read_all("y.db", &err), HTH_EFORMAT, err);
        memset(a, 0, 4096);
        image_put("y.db", image.n);
        assert_status(read_all("y.db", &err), HTH_EFORMAT, err);
        memcpy(a, page, 4096);
    }
    image_put("y.db", image.n);
    assert_ok(read_all("y.db", &err), err);
    hth_buf_drop(&other);
    hth_buf_drop(&image);
}

/* ---- plain files ----------------------------------------------------------------------------- */

static sqlite3 *plain_open(void) {
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(test_path("p.db"), &db), SQLITE_OK);
    return db;
}

/* A plain one with free pages; log: its last rows are in its log only, as after a crash. */
static void make_plain(bool log) {
    sqlite3 *db = plain_open();
    assert_int_equal(
        sql(db, "PRAGMA journal_mode=WAL;" TABLES ROWS(
                    1, 40) "CREATE TABLE gone (b);"
                           "INSERT INTO gone VALUES (randomblob(20000)); DROP TABLE gone;"
                           "PRAGMA user_version=7; PRAGMA wal_checkpoint(TRUNCATE);" ROWS(41, 60)),
        SQLITE_OK);
    if (!log) {
        sqlite3_close(db);
        return;
    }
    HthBuf main, wal;
    test_load(&main, test_path("p.db"));
    test_load(&wal, test_path("p.db-wal"));
    sqlite3_close(db);
    image = main;
    image_put("p.db", image.n);
    image = wal;
    image_put("p.db-wal", image.n);
    hth_buf_drop(&main);
    hth_buf_drop(&wal);
}

static void expect_sealed(void) {
    static const char *const others[] = { "p.db-wal",     "p.db-shm",         "p.db-journal",
                                          "p.db-sealing", "p.db-sealing-wal", "p.db-sealing-shm" };
    for (size_t i = 0; i < HTH_COUNT(others); i++)
        assert_int_not_equal(access(test_path(others[i]), F_OK), 0);
    assert_int_equal(plain_in("p.db"), 0);
    Db d = db_open("p.db", key_a);
    expect_rows(d.db, "60");
    assert_string_equal(answer(d.db, "PRAGMA user_version"), "7");
    assert_string_equal(answer(d.db, "PRAGMA journal_mode"), "wal");
    db_close(&d);
}

static void plain_becomes_sealed(void **state) {
    (void)state;
    for (int log = 0; log < 2; log++) {
        HthErr err = { 0 };
        make_plain(log);
        assert_true(plain_in("p.db") >= 80);
        const int old = open(test_path("p.db"), O_RDONLY);
        test_put("p.db-sealing", "left from before");
        Db d = db_open("p.db", key_a);
        db_close(&d);
        expect_sealed();
        char byte = 1; /* the plain file's blocks, which no name leads to */
        struct stat st;
        assert_int_equal(fstat(old, &st), 0);
        assert_true(st.st_size > 4096);
        for (off_t at = 0; at < st.st_size; at += 997) {
            assert_int_equal(pread(old, &byte, 1, at), 1);
            assert_int_equal(byte, 0);
        }
        close(old);
        assert_ok(db_try(&d, "p.db", key_a, NULL, &err), err);
        db_close(&d);
        unlink(test_path("p.db"));
    }
}

static void plain_in_use(void **state) {
    (void)state;
    HthErr err = { 0 };
    Db d;
    make_plain(false);
    const pid_t child = fork(); /* another process: its locks are its own */
    if (!child) {
        sqlite3 *db = plain_open();
        (void)sql(db, "BEGIN; SELECT count(*) FROM t");
        test_put("ready", "");
        sleep(20);
        _exit(0);
    }
    while (access(test_path("ready"), F_OK)) usleep(1000);
    assert_status(db_try(&d, "p.db", key_a, NULL, &err), HTH_EAGAIN, err);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    sqlite3 *db = plain_open();
    expect_rows(db, "60");
    sqlite3_close(db);
    unlink(test_path("ready"));
    d = db_open("p.db", key_a);
    db_close(&d);
    expect_sealed();
}

/* After a failure there is the old file or the new one, whole; and it can be done again. */
static bool whole_and_again(void) {
    HthBuf b;
    test_load(&b, test_path("p.db"));
    const bool sealed = b.n > 16 && memcmp(b.p, "hearth sealed db", 16) == 0;
    if (!sealed) {
        assert_memory_equal(b.p, "SQLite format 3", 16);
        sqlite3 *db = plain_open();
        expect_rows(db, "60");
        sqlite3_close(db);
    }
    hth_buf_drop(&b);
    Db d = db_open("p.db", key_a);
    db_close(&d);
    expect_sealed();
    return sealed;
}

static void sealing_fails(void **state) {
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        uint64_t failed = 0;
        for (uint64_t nth = 1;; nth += 1 + nth / 12) {
            HthErr err = { 0 };
            Db d;
            make_plain(nth % 2);
            const uint64_t live = hth_mem_live(), calls = hth_mem_calls();
            if (kind == 0) hth_file_fail_after(nth);
            if (kind == 1) test_vfs_fail_after(nth);
            if (kind == 2) hth_mem_fail_after(nth);
            const HthStatus status = db_try(&d, "p.db", key_a, kind == 1 ? "fault" : NULL, &err);
            hth_file_fail_after(0);
            test_vfs_fail_after(0);
            hth_mem_fail_after(0);
            db_close(&d);
            assert_int_equal(hth_mem_live(), live);
            if (status != HTH_OK && status != (kind == 2 ? HTH_ENOMEM : HTH_EIO))
                fail_msg("kind %d, %d: %s %s", kind, (int)nth, hth_status_name(status), err.text);
            failed += status != HTH_OK;
            (void)whole_and_again();
            unlink(test_path("p.db"));
            if (status == HTH_OK && (kind != 2 || hth_mem_calls() - calls < nth)) break;
        }
        assert_true(failed >= 5);
    }
}

static void sealing_is_killed(void **state) {
    (void)state;
    int plain = 0, sealed = 0;
    for (uint32_t round = 0; round < 40; round++) {
        make_plain(round % 2);
        const pid_t child = fork();
        if (!child) {
            Db d;
            _exit(db_try(&d, "p.db", key_a, NULL, NULL));
        }
        usleep(hth_rng_below(4, 0, round, 1 + round * 1500));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        whole_and_again() ? sealed++ : plain++;
        unlink(test_path("p.db"));
    }
    assert_true(plain > 0);
}

/* Memory and files fail while a new one is made. */
static HthStatus make_new(void *unused) {
    (void)unused;
    Db d;
    HthErr err = { 0 };
    HthStatus status = db_try(&d, "new.db", key_a, NULL, &err);
    if (status == HTH_OK && sql(d.db, "SELECT * FROM sqlite_schema")) status = HTH_ENOMEM;
    db_close(&d);
    unlink(test_path("new.db"));
    return status;
}

static void making_fails(void **state) {
    (void)state;
    (void)make_new(NULL); /* SQLite keeps some things of its first time */
    uint64_t refused = 0;
    for (uint64_t nth = 1;; nth++) {
        const uint64_t live = hth_mem_live(), calls = hth_mem_calls();
        hth_mem_fail_after(nth);
        const HthStatus status = make_new(NULL);
        hth_mem_fail_after(0);
        assert_int_equal(hth_mem_live(), live);
        if (status != HTH_OK && status != HTH_ENOMEM) fail_msg("%d: %d", (int)nth, status);
        refused += status == HTH_ENOMEM;
        if (status == HTH_OK && hth_mem_calls() - calls < nth) break;
    }
    assert_true(refused > 10);
    for (uint64_t nth = 1;; nth++) {
        hth_file_fail_after(nth);
        const HthStatus status = make_new(NULL);
        hth_file_fail_after(0);
        assert_int_equal(test_entries("."), 0);
        if (status == HTH_OK) break;
        assert_int_equal(status, HTH_EIO);
        assert_true(nth < 30);
    }
}

/* SQLite closes a file whose log it could not write into it, and says nothing: a copy is whole, or
 * is none. */
static void copying_fails(void **state) {
    (void)state;
    sqlite3_vfs *system = sqlite3_vfs_find(NULL), *fault = sqlite3_vfs_find("fault");
    HthErr err = { 0 };
    Db d = db_open("a.db", key_a);
    fill(d.db);
    db_close(&d);
    assert_int_equal(sqlite3_vfs_register(fault, 1), SQLITE_OK);
    HthStatus status = HTH_EIO;
    for (uint64_t nth = 1; status != HTH_OK; nth++) {
        char from[400], to[400];
        snprintf(from, sizeof from, "%s", test_path("a.db"));
        snprintf(to, sizeof to, "%s", test_path("copy.db"));
        (void)unlink(to);
        (void)unlink(test_path("copy.db-wal"));
        (void)unlink(test_path("copy.db-shm"));
        test_vfs_fail_after(nth);
        status = hth_sealed_copy(from, to, key_a, what, &err);
        test_vfs_fail_after(0);
        assert_true(nth < 500);
    }
    assert_int_equal(sqlite3_vfs_register(system, 1), SQLITE_OK);
    assert_true(access(test_path("copy.db-wal"), F_OK) != 0);
    assert_ok(hth_sealed_check(test_path("copy.db"), key_a, what, &err), err);
    d = db_open("copy.db", key_a);
    expect_rows(d.db, "60");
    db_close(&d);
}

int main(void) {
    hth_sqlite_use_mem();
    if (!test_vfs_register()) return 1;
#define IN_FOLDER(t) cmocka_unit_test_setup_teardown(t, test_folder_make, test_folder_drop)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(in_and_out),        IN_FOLDER(vacuum_and_backup),
        IN_FOLDER(no_other_files),    IN_FOLDER(whose),
        IN_FOLDER(one_byte),          IN_FOLDER(moved_pages),
        IN_FOLDER(plain_in_use),      IN_FOLDER(plain_becomes_sealed),
        IN_FOLDER(sealing_fails),     IN_FOLDER(making_fails),
        IN_FOLDER(sealing_is_killed), IN_FOLDER(copying_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
