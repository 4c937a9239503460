/* keyfile_test.c - keys made once, whole, for their owner alone; lists of those to trust. */
#include "support/test.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "audit/keyfile.h"
#include "crypt/aead.h"
#include "support/folder.h"

static HthErr err;
static const HthStr name = { "keys.test", 9 };

static const uint8_t *seal; /* what open_key has from a keyring */
static const uint8_t keys_of[2][HTH_AEAD_KEY_BYTES] = { "one keyring", "another" };

static HthStatus open_key(const char *file, HthStr as, HthVkey *v) {
    HthSigner *s = NULL;
    const HthStatus st = hth_keyfile_open(&s, v, test_path(file), as, seal, &err);
    if (st == HTH_OK) assert_memory_equal(hth_signer_public(s), v->key, sizeof v->key);
    hth_signer_close(&s);
    return st;
}

static void made_once(void **state) {
    (void)state;
    HthVkey a, b;
    struct stat st;
    char id[HTH_KEY_ID_TEXT], want[HTH_KEY_ID_TEXT];
    assert_status(open_key("a.key", (HthStr){ 0 }, &a), HTH_EINVAL, err);
    assert_ok(open_key("a.key", name, &a), err);
    assert_int_equal(stat(test_path("a.key"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_ok(open_key("a.key", (HthStr){ 0 }, &b), err);
    assert_memory_equal(&a, &b, sizeof a);
    assert_ok(open_key("a.key", HTH_STR("other"), &b), err); /* it keeps its name */
    assert_string_equal(b.name, "keys.test");
    hth_vkey_id(id, &a);
    snprintf(want, sizeof want, "keys.test+%08x", a.id);
    assert_string_equal(id, want);
    assert_ok(open_key("b.key", name, &b), err);
    assert_memory_not_equal(a.key, b.key, sizeof a.key);
    assert_int_equal(test_entries("."), 2); /* no other files are left */
}

static void only_its_owners(void **state) {
    (void)state;
    HthVkey v;
    assert_ok(open_key("c.key", name, &v), err);
    for (unsigned mode = 0; mode < 0100; mode++) {
        assert_int_equal(chmod(test_path("c.key"), 0600 | mode), 0);
        assert_status(open_key("c.key", name, &v), mode ? HTH_EDENIED : HTH_OK, err);
    }
    assert_int_equal(chmod(test_path("c.key"), 0600), 0);
    assert_int_equal(symlink(test_path("c.key"), test_path("link.key")), 0);
    assert_status(open_key("link.key", name, &v), HTH_EIO, err);
    assert_int_equal(mkdir(test_path("folder.key"), 0700), 0);
    assert_status(open_key("folder.key", name, &v), HTH_EFORMAT, err);
    assert_status(open_key("nowhere/x.key", name, &v), HTH_EIO, err);
}

/* No byte changed and no length but its own gives a key. */
static void every_byte_of(const char *file, const HthVkey *v, const uint8_t *with) {
    HthVkey other;
    HthBuf text;
    seal = with;
    test_load(&text, test_path(file));
    for (size_t i = 0; i < text.n; i++) {
        for (int bit = 0; bit < 8; bit++) {
            if (i + 1 == text.n) continue; /* the newline is not part of the key */
            text.p[i] ^= (char)(1 << bit);
            assert_ok(hth_file_write(test_path(file), text.p, text.n, 0600, &err), err);
            const HthStatus st = open_key(file, name, &other);
            assert_true(st == HTH_EFORMAT || (seal && st == HTH_EDENIED));
            text.p[i] ^= (char)(1 << bit);
        }
    }
    for (size_t n = 0; n + 1 < text.n; n++) {
        assert_ok(hth_file_write(test_path(file), text.p, n, 0600, &err), err);
        assert_status(open_key(file, name, &other), HTH_EFORMAT, err);
    }
    assert_ok(hth_file_write(test_path(file), text.p, text.n, 0600, &err), err);
    assert_ok(open_key(file, name, &other), err);
    assert_memory_equal(v, &other, sizeof other);
    hth_buf_drop(&text);
    seal = NULL;
}

static void every_byte(void **state) {
    (void)state;
    HthVkey v;
    assert_ok(open_key("d.key", name, &v), err);
    every_byte_of("d.key", &v, NULL);
}

static bool holds(const char *file, const char *text) {
    HthBuf bytes;
    test_load(&bytes, test_path(file));
    const bool there = memmem(bytes.p, bytes.n, text, strlen(text)) != NULL;
    hth_buf_drop(&bytes);
    return there;
}

static void sealed(void **state) {
    (void)state;
    HthVkey a, b;
    struct stat st;
    seal = keys_of[0];
    assert_ok(open_key("s.key", name, &a), err);
    assert_true(holds("s.key", "SEALED+KEY+keys.test+"));
    assert_int_equal(stat(test_path("s.key"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_ok(open_key("s.key", (HthStr){ 0 }, &b), err);
    assert_memory_equal(&a, &b, sizeof a);
    seal = keys_of[1];
    assert_status(open_key("s.key", name, &b), HTH_EDENIED, err);
    assert_non_null(strstr(err.text, "another keyring"));
    seal = NULL;
    assert_status(open_key("s.key", name, &b), HTH_EDENIED, err);
    assert_non_null(strstr(err.text, "was not opened"));
    every_byte_of("s.key", &a, keys_of[0]);
    assert_string_equal(hth_keyfile_look(test_path("s.key")), "sealed");
    assert_string_equal(hth_keyfile_look(test_path("a.key")), "plain");
    assert_string_equal(hth_keyfile_look(test_path("no.key")), "none");
    test_put("odd.key", "PRIVATE KEY");
    assert_string_equal(hth_keyfile_look(test_path("odd.key")), "not a key");
    assert_string_equal(hth_keyfile_look(test_folder), "not a key");
}

/* The same key afterwards; the plain bytes are on the disk under no name. */
static void taken_over(void **state) {
    (void)state;
    HthVkey a, b;
    char was[512];
    seal = NULL;
    assert_ok(open_key("t.key", name, &a), err);
    const int fd = open(test_path("t.key"), O_RDONLY);
    const ssize_t n = pread(fd, was, sizeof was, 0);
    assert_true(n > 70 && memcmp(was, "PRIVATE+KEY+", 12) == 0);
    const int before = test_entries(".");
    seal = keys_of[0];
    assert_ok(open_key("t.key", name, &b), err);
    assert_memory_equal(&a, &b, sizeof a);
    assert_true(holds("t.key", "SEALED+KEY+keys.test+"));
    assert_int_equal(test_entries("."), before);
    assert_int_equal(pread(fd, was, sizeof was, 0), n); /* the file of before */
    for (ssize_t i = 0; i < n; i++) assert_int_equal(was[i], 0);
    close(fd);
    assert_ok(open_key("t.key", name, &b), err);
    assert_memory_equal(&a, &b, sizeof a);
    seal = NULL;
}

/* Another key's sealed seed under this one's name does not pass. */
static void exchanged(void **state) {
    (void)state;
    HthVkey v;
    HthBuf a, b;
    seal = keys_of[0];
    assert_ok(open_key("u.key", name, &v), err);
    assert_ok(open_key("v.key", name, &v), err);
    test_load(&a, test_path("u.key"));
    test_load(&b, test_path("v.key"));
    const size_t front = strlen("SEALED+KEY+keys.test+01234567+");
    assert_int_equal(a.n, b.n);
    memcpy(b.p + front, a.p + front, a.n - front);
    assert_ok(hth_file_write(test_path("v.key"), b.p, b.n, 0600, &err), err);
    assert_status(open_key("v.key", name, &v), HTH_EDENIED, err);
    hth_buf_drop(&a);
    hth_buf_drop(&b);
    seal = NULL;
}

/* Eight who all find nothing end up with one key. */
static void a_race(void **state) {
    (void)state;
    int pipe_fd[2], status;
    uint32_t first = 0, id;
    assert_int_equal(pipe(pipe_fd), 0);
    for (int i = 0; i < 8; i++) {
        const pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid) continue;
        HthVkey v = { 0 };
        HthSigner *s = NULL;
        if (hth_keyfile_open(&s, &v, test_path("race.key"), name, seal, &err) != HTH_OK) _exit(1);
        _exit(write(pipe_fd[1], &v.id, sizeof v.id) != sizeof v.id);
    }
    for (int i = 0; i < 8; i++) {
        assert_true(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
        assert_int_equal(read(pipe_fd[0], &id, sizeof id), sizeof id);
        if (i == 0) first = id;
        assert_int_equal(id, first);
    }
    close(pipe_fd[0]);
    close(pipe_fd[1]);
}

static void lists(void **state) {
    (void)state;
    HthVkey a, b, *keys = NULL;
    size_t count = 9;
    HthBuf text;
    assert_ok(open_key("e.key", name, &a), err);
    assert_ok(open_key("f.key", HTH_STR("second"), &b), err);
    hth_buf_init(&text, 1 << 16);
    assert_ok(hth_vkeys_parse(&keys, &count, HTH_STR(""), &err), err);
    assert_int_equal(count, 0);
    hth_free(keys);
    assert_ok(hth_buf_printf(&text, &err, "# mine\n\n  "), err);
    assert_ok(hth_vkey_print(&text, &a, &err), err);
    assert_ok(hth_buf_printf(&text, &err, "\t\r\n"), err);
    assert_ok(hth_vkey_print(&text, &b, &err), err);
    assert_ok(hth_vkeys_parse(&keys, &count, hth_buf_str(&text), &err), err);
    assert_int_equal(count, 2);
    assert_true(keys[0].id == a.id && keys[1].id == b.id);
    hth_free(keys);
    text.p[text.n - 3] ^= 1;
    assert_status(hth_vkeys_parse(&keys, &count, hth_buf_str(&text), &err), HTH_EFORMAT, err);
    assert_non_null(strstr(err.text, "line 4"));
    hth_buf_drop(&text);
}

/* ---- failures ------------------------------------------------------------------------------- */

static HthStatus make_one(void *ctx) {
    HthVkey v;
    (void)ctx;
    (void)unlink(test_path("g.key"));
    return open_key("g.key", name, &v);
}

static HthStatus take_over_one(void *ctx) {
    HthVkey v;
    const HthBuf *plain = ctx;
    HTH_TRY(hth_file_write(test_path("g.key"), plain->p, plain->n, 0600, &err));
    return open_key("g.key", name, &v);
}

static void out_of_memory(void **state) {
    (void)state;
    HthBuf plain;
    assert_true(test_torture(make_one, NULL, 500) > 1);
    test_load(&plain, test_path("g.key"));
    seal = keys_of[0];
    assert_true(test_torture(make_one, NULL, 500) > 1);
    assert_true(test_torture(take_over_one, &plain, 500) > 2);
    seal = NULL;
    hth_buf_drop(&plain);
}

/* Whatever fails, there is no key or a whole one, and nothing else. */
static void input_and_output_fail(void **state) {
    (void)state;
    HthStatus st = HTH_EIO;
    HthVkey v;
    const int before = test_entries(".");
    for (uint64_t nth = 1; st != HTH_OK; nth++) {
        assert_true(nth < 100);
        (void)unlink(test_path("h.key"));
        hth_file_fail_after(nth);
        st = open_key("h.key", name, &v);
        hth_file_fail_after(0);
        assert_true(st == HTH_OK || st == HTH_EIO);
        if (access(test_path("h.key"), F_OK) == 0) {
            assert_ok(open_key("h.key", (HthStr){ 0 }, &v), err);
            assert_int_equal(test_entries("."), before + 1);
        } else {
            assert_int_equal(test_entries("."), before);
        }
    }
}

/* A key that is taken over is there, plain or sealed, whatever fails; what is left over goes. */
static void taking_over_fails(void **state) {
    (void)state;
    HthStatus st = HTH_EIO;
    HthVkey a, b;
    HthBuf plain;
    assert_ok(open_key("i.key", name, &a), err);
    test_load(&plain, test_path("i.key"));
    const int before = test_entries(".");
    for (uint64_t nth = 1; st != HTH_OK; nth++) {
        assert_true(nth < 200);
        assert_ok(hth_file_write(test_path("i.key"), plain.p, plain.n, 0600, &err), err);
        seal = keys_of[0];
        hth_file_fail_after(nth);
        st = open_key("i.key", name, &b);
        hth_file_fail_after(0);
        assert_true(st == HTH_OK || st == HTH_EIO);
        assert_ok(open_key("i.key", (HthStr){ 0 }, &b), err);
        assert_memory_equal(&a, &b, sizeof a);
        assert_true(holds("i.key", "SEALED+KEY+"));
        assert_int_equal(test_entries("."), before);
    }
    seal = NULL;
    hth_buf_drop(&plain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_once),
        cmocka_unit_test(only_its_owners),
        cmocka_unit_test(every_byte),
        cmocka_unit_test(sealed),
        cmocka_unit_test(taken_over),
        cmocka_unit_test(exchanged),
        cmocka_unit_test(a_race),
        cmocka_unit_test(lists),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(input_and_output_fail),
        cmocka_unit_test(taking_over_fails),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_drop);
}
