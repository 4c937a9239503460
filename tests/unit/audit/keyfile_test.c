/* keyfile_test.c - keys made once, whole, for their owner alone; lists of those to trust. */
#include "support/test.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "audit/keyfile.h"
#include "support/folder.h"

static HthErr err;
static const HthStr name = { "keys.test", 9 };

static HthStatus open_key(const char *file, HthStr as, HthVkey *v) {
    HthSigner *s = NULL;
    const HthStatus st = hth_keyfile_open(&s, v, test_path(file), as, &err);
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

static void every_byte(void **state) {
    (void)state;
    HthVkey v, other;
    HthBuf text;
    assert_ok(open_key("d.key", name, &v), err);
    test_load(&text, test_path("d.key"));
    for (size_t i = 0; i < text.n; i++) {
        for (int bit = 0; bit < 8; bit++) {
            if (i + 1 == text.n) continue; /* the newline is not part of the key */
            text.p[i] ^= (char)(1 << bit);
            assert_ok(hth_file_write(test_path("d.key"), text.p, text.n, 0600, &err), err);
            assert_status(open_key("d.key", name, &other), HTH_EFORMAT, err);
            text.p[i] ^= (char)(1 << bit);
        }
    }
    for (size_t n = 0; n + 1 < text.n; n++) {
        assert_ok(hth_file_write(test_path("d.key"), text.p, n, 0600, &err), err);
        assert_status(open_key("d.key", name, &other), HTH_EFORMAT, err);
    }
    hth_buf_drop(&text);
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
        if (hth_keyfile_open(&s, &v, test_path("race.key"), name, &err) != HTH_OK) _exit(1);
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

static void out_of_memory(void **state) {
    (void)state;
    assert_true(test_torture(make_one, NULL, 500) > 1);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_once),
        cmocka_unit_test(only_its_owners),
        cmocka_unit_test(every_byte),
        cmocka_unit_test(a_race),
        cmocka_unit_test(lists),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(input_and_output_fail),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_drop);
}
