/* ca_test.c - an authority of one's own: GnuTLS's own verification and openssl's, and all that must
 * not be taken: expired, revoked, foreign, for another host or purpose, beyond its names. */
#include "crypt/ca.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>

#include "support/test.h"

#include "support/folder.h"

enum { DAY = 86400 };
static const char *const lan[] = { "box.lan", "192.168.1.5" };

static int64_t now(void) {
    return (int64_t)time(NULL);
}

static HthStatus issue_at(const char *ca, const char *name, const char *host, uint32_t days,
                          int64_t now_s, HthErr *err) {
    const HthCaIssue i = { .kind = host ? HTH_CA_SERVER : HTH_CA_CLIENT,
                           .name = hth_str(name),
                           .hosts = &host,
                           .host_count = host != NULL,
                           .days = days,
                           .now_s = now_s };
    return hth_ca_issue(ca, &i, err);
}

static HthStatus issue(const char *name, const char *host, HthErr *err) {
    return issue_at(test_path("ca"), name, host, 0, now(), err);
}

static void make_ca(void) {
    HthErr err = { 0 };
    assert_ok(hth_ca_init(test_path("ca"), HTH_STR("Box"), lan, 2, now(), &err), err);
}

static void load(HthBuf *out, const char *file) {
    char name[64];
    snprintf(name, sizeof name, "ca/%s", file);
    test_load(out, test_path(name));
}

static HthErr last;
static HthCaSeen seen;
static HthCaFault fault;
static HthStatus check_in(const char *ca, const char *file, HthCaKind kind, const char *host) {
    HthCaTrust *t = NULL;
    HthBuf cert;
    HthErr err = { 0 };
    assert_ok(hth_ca_trust_open(&t, test_path(ca), &err), err);
    load(&cert, file);
    const HthStatus st = hth_ca_check(t, hth_buf_str(&cert), kind, host, &seen, &fault, &last);
    hth_buf_drop(&cert);
    hth_ca_trust_close(&t);
    return st;
}
static HthStatus check(const char *file, HthCaKind kind, const char *host) {
    return check_in("ca", file, kind, host);
}

static void vouched_for(void **state) {
    (void)state;
    HthErr err = { 0 };
    make_ca();
    assert_status(hth_ca_init(test_path("ca"), HTH_STR("Box"), NULL, 0, now(), &err), HTH_EINVAL,
                  err);
    assert_ok(issue("server", "box.lan", &err), err);
    assert_ok(issue("inner", "gpu.box.lan", &err), err); /* below a name of its own */
    assert_ok(issue("home", "localhost", &err), err);
    assert_ok(issue("number", "192.168.1.5", &err), err);
    assert_ok(issue("six", "::1", &err), err);
    assert_ok(issue("alice", NULL, &err), err);
    assert_int_equal(check("server.crt", HTH_CA_SERVER, "box.lan"), HTH_OK);
    assert_string_equal(seen.name, "server");
    assert_int_equal(check("server.crt", HTH_CA_SERVER, NULL), HTH_OK);
    assert_int_equal(check("inner.crt", HTH_CA_SERVER, "gpu.box.lan"), HTH_OK);
    assert_int_equal(check("home.crt", HTH_CA_SERVER, "localhost"), HTH_OK);
    assert_int_equal(check("number.crt", HTH_CA_SERVER, "192.168.1.5"), HTH_OK);
    assert_int_equal(check("six.crt", HTH_CA_SERVER, "::1"), HTH_OK);
    assert_int_equal(check("alice.crt", HTH_CA_CLIENT, NULL), HTH_OK);
    assert_string_equal(seen.name, "alice");
    static const char *const files[] = { "ca.crt", "ca.key",     "crl.pem",    "index.json",
                                         "lock",   "server.crt", "server.key", "alice.key" };
    for (size_t i = 0; i < HTH_COUNT(files); i++) {
        char name[64];
        struct stat s;
        snprintf(name, sizeof name, "ca/%s", files[i]);
        assert_int_equal(stat(test_path(name), &s), 0);
        assert_int_equal(s.st_mode & 0777, 0600);
    }
    HthCaEntry *all = NULL;
    uint32_t n = 0;
    assert_ok(hth_ca_list(test_path("ca"), &all, &n, &err), err);
    assert_int_equal(n, 6);
    assert_string_equal(all[5].name, "alice");
    assert_int_equal(all[5].kind, HTH_CA_CLIENT);
    assert_int_equal(all[5].expires_s - all[5].created_s, (int64_t)HTH_CA_CERT_DAYS * DAY);
    assert_int_equal(all[5].revoked_s, 0);
    assert_string_equal(seen.serial, all[5].serial); /* alice's was looked at last */
    assert_true(seen.expires_s == all[5].expires_s);
    assert_int_equal(fault, HTH_CA_GOOD);
    hth_free(all);
    HthBuf text;
    hth_buf_init(&text, 1 << 16);
    assert_ok(hth_ca_show(test_path("ca"), HTH_STR("ca"), &text, &err), err);
    assert_non_null(strstr(text.p, "box.lan"));
    assert_non_null(strstr(text.p, "SECP256R1"));
    assert_status(hth_ca_show(test_path("ca"), HTH_STR("../x"), &text, &err), HTH_EINVAL, err);
    hth_buf_drop(&text);
}

static void not_vouched_for(void **state) {
    (void)state;
    HthErr err = { 0 };
    make_ca();
    assert_ok(issue("server", "box.lan", &err), err);
    assert_ok(issue("alice", NULL, &err), err);
    assert_int_equal(check("server.crt", HTH_CA_SERVER, "other.lan"), HTH_EDENIED);
    assert_non_null(strstr(last.text, "another host"));
    assert_int_equal(fault, HTH_CA_UNFIT);
    assert_int_equal(check("server.crt", HTH_CA_SERVER, "192.168.1.5"), HTH_EDENIED);
    assert_int_equal(check("server.crt", HTH_CA_CLIENT, NULL), HTH_EDENIED);
    assert_non_null(strstr(last.text, "another purpose"));
    assert_int_equal(fault, HTH_CA_UNFIT);
    assert_int_equal(check("alice.crt", HTH_CA_SERVER, NULL), HTH_EDENIED);
    assert_int_equal(check("alice.crt", HTH_CA_SERVER, "box.lan"), HTH_EDENIED);
    assert_int_equal(check("ca.key", HTH_CA_CLIENT, NULL), HTH_EDENIED);
    assert_int_equal(fault, HTH_CA_BROKEN);
    /* Past its time. */
    assert_status(issue_at(test_path("ca"), "old", NULL, 10, now() - 20 * DAY, &err), HTH_EINVAL,
                  err); /* it would not be taken: not made */
    assert_ok(issue_at(test_path("ca"), "bob", NULL, 0, now(), &err), err);
    assert_ok(hth_ca_revoke(test_path("ca"), HTH_STR("bob"), now(), &err), err);
    assert_status(hth_ca_revoke(test_path("ca"), HTH_STR("bob"), now(), &err), HTH_EINVAL, err);
    assert_status(hth_ca_revoke(test_path("ca"), HTH_STR("none"), now(), &err), HTH_EINVAL, err);
    assert_int_equal(check("bob.crt", HTH_CA_CLIENT, NULL), HTH_EDENIED);
    assert_non_null(strstr(last.text, "revoked"));
    assert_int_equal(fault, HTH_CA_REVOKED);
    assert_int_equal(check("alice.crt", HTH_CA_CLIENT, NULL), HTH_OK);
    assert_ok(issue("bob", NULL, &err), err); /* a new one of that name is another one */
    assert_int_equal(check("bob.crt", HTH_CA_CLIENT, NULL), HTH_OK);
    assert_status(issue("bob", NULL, &err), HTH_EINVAL, err);
    /* Of another authority of the same name. */
    assert_ok(hth_ca_init(test_path("ca2"), HTH_STR("Box"), lan, 2, now(), &err), err);
    assert_int_equal(check_in("ca2", "alice.crt", HTH_CA_CLIENT, NULL), HTH_EDENIED);
    assert_int_equal(fault, HTH_CA_FOREIGN);
    assert_int_equal(check_in("ca2", "server.crt", HTH_CA_SERVER, "box.lan"), HTH_EDENIED);
    assert_int_equal(check_in("ca2", "ca.crt", HTH_CA_CLIENT, NULL), HTH_EDENIED);
}

/* An authority that ended: what it issued ends with it. */
static void past_its_time(void **state) {
    (void)state;
    HthErr err = { 0 };
    const int64_t then = now() - (int64_t)HTH_CA_DAYS * DAY + 3; /* a few seconds are left */
    assert_ok(hth_ca_init(test_path("ca"), HTH_STR("Box"), lan, 2, then, &err), err);
    assert_ok(issue("alice", NULL, &err), err);
    HthCaEntry *all = NULL;
    uint32_t n = 0;
    assert_ok(hth_ca_list(test_path("ca"), &all, &n, &err), err);
    assert_true(all[0].expires_s == then + (int64_t)HTH_CA_DAYS * DAY);
    HthCaTrust *t = NULL, *late = NULL;
    HthBuf cert;
    assert_ok(hth_ca_trust_open(&t, test_path("ca"), &err), err); /* while it is still good */
    while (now() <= all[0].expires_s) usleep(50000);
    hth_free(all);
    load(&cert, "alice.crt");
    assert_status(hth_ca_check(t, hth_buf_str(&cert), HTH_CA_CLIENT, NULL, &seen, &fault, &err),
                  HTH_EDENIED, err);
    assert_non_null(strstr(err.text, "past its time"));
    assert_int_equal(fault, HTH_CA_EXPIRED);
    hth_buf_drop(&cert);
    hth_ca_trust_close(&t);
    assert_status(hth_ca_trust_open(&late, test_path("ca"), &err), HTH_EDENIED, err);
    assert_status(issue("bob", NULL, &err), HTH_EINVAL, err);
}

static void what_is_refused(void **state) {
    static const char *const bad_names[] = { "", "ca", ".a", "../x", "a b", "a/b" };
    static const char *const bad_hosts[] = { "*.lan", "a..b", "-a.lan",   "a-.lan",   "a:1",
                                             "a b",   "",     "http://a", "1.2.3.4/8" };
    static const char *const foreign[] = { "example.com", "lan",         "abox.lan", "box.lan.evil",
                                           "8.8.8.8",     "192.168.1.6", "::2",      "128.0.0.1" };
    (void)state;
    HthErr err = { 0 };
    assert_status(issue("a", NULL, &err), HTH_EIO, err); /* no authority yet */
    make_ca();
    for (size_t i = 0; i < HTH_COUNT(bad_names); i++)
        assert_status(issue(bad_names[i], NULL, &err), HTH_EINVAL, err);
    for (size_t i = 0; i < HTH_COUNT(bad_hosts); i++)
        assert_status(issue("s", bad_hosts[i], &err), HTH_EINVAL, err);
    for (size_t i = 0; i < HTH_COUNT(foreign); i++)
        assert_status(issue("s", foreign[i], &err), HTH_EINVAL, err);
    assert_ok(issue("s", "127.9.9.9", &err), err);
    assert_status(issue_at(test_path("ca"), "x", NULL, 398, now(), &err), HTH_EINVAL, err);
    const HthCaIssue server_of_nothing = { .kind = HTH_CA_SERVER,
                                           .name = HTH_STR("x"),
                                           .now_s = now() };
    assert_status(hth_ca_issue(test_path("ca"), &server_of_nothing, &err), HTH_EINVAL, err);
    HthCaEntry *all = NULL;
    uint32_t n = 0;
    assert_ok(hth_ca_list(test_path("ca"), &all, &n, &err), err);
    assert_int_equal(n, 1); /* what was refused left nothing */
    hth_free(all);
    static const char *const indexes[] = {
        "",
        "{}",
        "[]",
        "{\"version\": 2, \"certificates\": []}",
        "{\"version\": 1, \"certificates\": [1]}",
        "{\"version\": 1, \"certificates\": [{\"name\": \"../x\", \"kind\": \"client\", "
        "\"serial\": "
        "\"00112233445566778899aabbccddeeff\", \"created\": 1, \"expires\": 2, \"revoked\": 0}]}",
        "{\"version\": 1, \"certificates\": [{\"name\": \"x\", \"kind\": \"root\", \"serial\": "
        "\"00112233445566778899aabbccddeeff\", \"created\": 1, \"expires\": 2, \"revoked\": 0}]}",
        "{\"version\": 1, \"certificates\": [{\"name\": \"x\", \"kind\": \"client\", \"serial\": "
        "\"0011\", \"created\": 1, \"expires\": 2, \"revoked\": 0}]}",
    };
    for (size_t i = 0; i < HTH_COUNT(indexes); i++) {
        test_put("ca/index.json", indexes[i]);
        if (hth_ca_list(test_path("ca"), &all, &n, &err) != HTH_EFORMAT) fail_msg("%s", indexes[i]);
    }
    test_put("ca/crl.pem", "nothing");
    HthCaTrust *t = NULL; /* a list of the revoked that cannot be read: nobody is trusted */
    assert_status(hth_ca_trust_open(&t, test_path("ca"), &err), HTH_EFORMAT, err);
    assert_int_equal(mkdir(test_path("open"), 0755), 0);
    assert_status(hth_ca_init(test_path("open"), HTH_STR("x"), NULL, 0, now(), &err), HTH_EDENIED,
                  err);
}

/* One bit of a certificate is another: it is no certificate any more, or the signature fails. */
static void every_bit(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthCaTrust *t = NULL;
    HthBuf pem;
    make_ca();
    assert_ok(issue("alice", NULL, &err), err);
    assert_ok(hth_ca_trust_open(&t, test_path("ca"), &err), err);
    load(&pem, "alice.crt");
    assert_ok(hth_ca_check(t, hth_buf_str(&pem), HTH_CA_CLIENT, NULL, &seen, &fault, &err), err);
    const char *end = strstr(pem.p, "-----END");
    assert_non_null(end);
    uint32_t tried = 0;
    for (char *c = strchr(pem.p, '\n') + 1; c + 4 < end; c++) { /* not the padding */
        if (*c == '\n') continue;
        const char kept = *c;
        *c = kept == 'A' ? 'B' : 'A';
        if (hth_ca_check(t, hth_buf_str(&pem), HTH_CA_CLIENT, NULL, &seen, &fault, &err) == HTH_OK)
            fail_msg("character %td may be another", c - pem.p);
        *c = kept;
        tried++;
    }
    assert_true(tried > 400);
    hth_buf_drop(&pem);
    hth_ca_trust_close(&t);
}

/* ---- openssl --------------------------------------------------------------------------------- */

/* openssl with these words, in the authority's folder; its exit status. -1: it is not here. */
static int openssl(const char *words) {
    char text[512], *argv[32] = { NULL };
    size_t n = 0;
    int status = 0;
    snprintf(text, sizeof text, "openssl %s", words);
    for (char *p = text; p && n < HTH_COUNT(argv) - 1; p = strchr(p, ' ')) {
        if (*p == ' ') *p++ = '\0';
        argv[n++] = p;
    }
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        const int null = open("/dev/null", O_RDWR);
        for (int fd = 0; fd < 3; fd++) (void)!dup2(null, fd);
        if (!chdir(test_path("ca"))) execvp(argv[0], argv);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) != 127 ? WEXITSTATUS(status) : -1;
}

static int verify(const char *words) {
    char text[400];
    snprintf(text, sizeof text, "verify -x509_strict -crl_check -CAfile ca.crt -CRLfile crl.pem %s",
             words);
    return openssl(text);
}

static void as_openssl_has_it(void **state) {
    (void)state;
    HthErr err = { 0 };
    make_ca();
    if (openssl("version")) {
        print_message("skipped: openssl is not here\n");
        skip();
    }
    assert_ok(issue("server", "box.lan", &err), err);
    assert_ok(issue("alice", NULL, &err), err);
    assert_int_equal(verify("-purpose sslserver -verify_hostname box.lan server.crt"), 0);
    assert_int_not_equal(verify("-purpose sslserver -verify_hostname b.lan server.crt"), 0);
    assert_int_equal(verify("-purpose sslclient alice.crt"), 0);
    assert_int_not_equal(verify("-purpose sslserver alice.crt"), 0);
    assert_int_not_equal(verify("-purpose sslclient server.crt"), 0);
    assert_ok(hth_ca_revoke(test_path("ca"), HTH_STR("alice"), now(), &err), err);
    assert_int_not_equal(verify("-purpose sslclient alice.crt"), 0);
    assert_int_equal(verify("-purpose sslserver server.crt"), 0);
    assert_int_equal(openssl("pkey -in server.key -check -noout"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(vouched_for, test_folder_make, test_folder_drop),
        cmocka_unit_test_setup_teardown(not_vouched_for, test_folder_make, test_folder_drop),
        cmocka_unit_test_setup_teardown(past_its_time, test_folder_make, test_folder_drop),
        cmocka_unit_test_setup_teardown(what_is_refused, test_folder_make, test_folder_drop),
        cmocka_unit_test_setup_teardown(every_bit, test_folder_make, test_folder_drop),
        cmocka_unit_test_setup_teardown(as_openssl_has_it, test_folder_make, test_folder_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
