/* kdf_test.c - HKDF by Wycheproof and RFC 5869, scrypt by RFC 7914, Argon2id by two other programs;
 * refusals, and no memory. */
#include "support/test.h"
#include "support/wycheproof.h"

#include <sys/resource.h>
#include <sys/wait.h>

#include "crypt/kdf.h"

static void one_derived(const json_t *group, const json_t *test) {
    (void)group;
    const Hexed key = vector_hex(test, "ikm"), salt = vector_hex(test, "salt"),
                info = vector_hex(test, "info"), want = vector_hex(test, "okm");
    const size_t n = (size_t)json_integer_value(json_object_get(test, "size"));
    if (strcmp(vector_result(test), "valid") == 0) {
        uint8_t *got = hth_calloc(n + 1, 1);
        assert_int_equal(n, want.n);
        hth_hkdf(got, n, key.p, key.n, salt.p, salt.n, (HthStr){ (char *)info.p, info.n });
        assert_memory_equal(got, want.p, n);
        hth_free(got);
    } else {
        assert_true(n > 8160); /* a caller's mistake here, not an error */
    }
    hth_free(key.p);
    hth_free(salt.p);
    hth_free(info.p);
    hth_free(want.p);
}

static void wycheproof_hkdf(void **state) {
    (void)state;
    char path[512];
    TEST_DATA_OR_SKIP(path, "vectors/wycheproof/hkdf_sha256_test.json");
    assert_int_equal(vectors_each(path, one_derived), 86);
}

/* RFC 5869, A.3: no salt, no info. */
static void published_hkdf(void **state) {
    (void)state;
    uint8_t key[22], got[42], want[42];
    memset(key, 0x0b, sizeof key);
    assert_true(hth_unhex(want, 42,
                          HTH_STR("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d"
                                  "2d9d201395faa4b61a96c8")));
    hth_hkdf(got, 42, key, sizeof key, NULL, 0, HTH_STR(""));
    assert_memory_equal(got, want, 42);
    hth_hkdf(got, 0, key, sizeof key, NULL, 0, HTH_STR(""));
}

/* The command `argon2` of Debian (libargon2 20171227) and Python's cryptography 48 agree on these:
 * salt "0123456789abcdef", one lane. */
static void argon2id_answers(void **state) {
    (void)state;
    static const struct {
        HthArgon cost;
        const char *pass, *want;
    } rows[] = {
        { { 1, 64 },
          "pass word",
          "51696aece7e27e10f387297305c8b6e2d8e515805bafbdfd76a1b316b3a52df0" },
        { { 3, 256 },
          "pass word",
          "54fb4356a0ab3a1ef469d94edf97ef5aa024438eff5a520db4532011930ff68e" },
        { { 2, 65536 },
          "pass word",
          "1c3d3c1025e108adef22856b7d467004c1401b7b5c600fdfffa5f78dcb0d17a6" },
        { { 1, 8 },
          "",
          "6364a2ad8b499737e08b9e2ca1cda4cbabab975ed82fb586ee7b8e4adefa1ae4f423791f095e5c85fa7151be"
          "c07d7daa18dc0a091e8d762f02a4f148ed4043b3" },
    };
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        uint8_t got[64], want[64];
        const size_t n = strlen(rows[i].want) / 2;
        HthErr err;
        assert_true(hth_unhex(want, n, hth_str(rows[i].want)));
        assert_ok(hth_argon2id(got, n, hth_str(rows[i].pass), (const uint8_t *)"0123456789abcdef",
                               rows[i].cost, &err),
                  err);
        assert_memory_equal(got, want, n);
    }
}

/* RFC 7914, section 12 (its first 32 bytes), and Python's hashlib for an empty passphrase. */
static void scrypt_answers(void **state) {
    (void)state;
    uint8_t got[32], want[32];
    HthErr err;
    assert_true(hth_unhex(want, 32,
                          HTH_STR("7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543"
                                  "f6545da1f2")));
    assert_ok(hth_scrypt(got, HTH_STR("pleaseletmein"), "SodiumChloride", 14, 14, &err), err);
    assert_memory_equal(got, want, 32);
    assert_true(hth_unhex(want, 32,
                          HTH_STR("e2b1883717d879f495cb7d86aa1eb8697e724978e8fc819881b007"
                                  "fbba2cf86b")));
    assert_ok(hth_scrypt(got, HTH_STR(""), NULL, 0, 4, &err), err);
    assert_memory_equal(got, want, 32);
}

static void refusals(void **state) {
    (void)state;
    uint8_t out[32] = { 0 };
    HthErr err;
    assert_status(hth_scrypt(out, HTH_STR("x"), "s", 1, 23, &err), HTH_ELIMIT, err);
    assert_status(hth_scrypt(out, HTH_STR("x"), "s", 1, 0, &err), HTH_EINVAL, err);
    static const uint8_t salt[HTH_ARGON_SALT_BYTES];
    assert_status(hth_argon2id(out, 32, HTH_STR("x"), salt, (HthArgon){ 0, 64 }, &err), HTH_EINVAL,
                  err);
    assert_status(hth_argon2id(out, 32, HTH_STR("x"), salt, (HthArgon){ 1, 7 }, &err), HTH_EINVAL,
                  err);
}

/* In a child whose address space cannot grow by what they want. */
static int starved(void) {
    static const uint8_t salt[HTH_ARGON_SALT_BYTES];
    uint8_t out[32];
    HthErr err = { 0 };
    const struct rlimit little = { 64 << 20, 64 << 20 };
    if (setrlimit(RLIMIT_AS, &little)) return 1;
    if (hth_argon2id(out, 32, HTH_STR("x"), salt, (HthArgon){ 1, 1 << 20 }, &err) != HTH_ENOMEM)
        return 2;
    if (!strstr(err.text, "1024 MiB")) return 3;
    if (hth_scrypt(out, HTH_STR("x"), "s", 1, 20, &err) != HTH_ENOMEM) return 4;
    return strstr(err.text, "1024 MiB") ? 0 : 5;
}

static void no_memory(void **state) {
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    print_message("skipped: AddressSanitizer wants more address space than that\n");
    skip();
#endif
    const pid_t child = fork();
    if (!child) _exit(starved());
    int how = -1;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_int_equal(how, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wycheproof_hkdf),  cmocka_unit_test(published_hkdf),
        cmocka_unit_test(argon2id_answers), cmocka_unit_test(scrypt_answers),
        cmocka_unit_test(refusals),         cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
