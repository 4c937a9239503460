/* sign_test.c - Wycheproof and CCTV for Ed25519, Wycheproof for X25519, RFC 8032 and 7748. */
#include "support/test.h"
#include "support/wycheproof.h"

#include "crypt/sign.h"

static void one_signature(const json_t *group, const json_t *test) {
    const Hexed pub = vector_hex(json_object_get(group, "publicKey"), "pk"),
                msg = vector_hex(test, "msg"), sig = vector_hex(test, "sig");
    assert_int_equal(pub.n, HTH_SIGN_PUBLIC_BYTES);
    const bool valid = strcmp(vector_result(test), "valid") == 0;
    if (sig.n == HTH_SIGNATURE_BYTES)
        assert_int_equal(hth_sign_ok(pub.p, msg.p, msg.n, sig.p), valid);
    else
        assert_false(valid);
    hth_free(pub.p);
    hth_free(msg.p);
    hth_free(sig.p);
}

static void wycheproof_ed25519(void **state) {
    (void)state;
    char path[512];
    TEST_DATA_OR_SKIP(path, "vectors/wycheproof/ed25519_test.json");
    assert_int_equal(vectors_each(path, one_signature), 151);
}

/* CCTV's corner cases: exactly those that are of small order, not canonical, or hold only after
 * multiplication by the cofactor are refused. */
static void cctv_ed25519(void **state) {
    (void)state;
    static const char *const refused[] = { "low_order_A", "low_order_R", "non_canonical_A",
                                           "non_canonical_R", "low_order_residue" };
    char path[512];
    TEST_DATA_OR_SKIP(path, "vectors/cctv_ed25519/ed25519vectors.json");
    json_t *root = vectors_load(path), *test;
    size_t i, good = 0;
    json_array_foreach(root, i, test) {
        const Hexed pub = vector_hex(test, "key"), sig = vector_hex(test, "sig");
        const char *msg = json_string_value(json_object_get(test, "msg"));
        bool want = true;
        for (size_t k = 0; k < HTH_COUNT(refused); k++)
            if (vector_has_flag(test, refused[k])) want = false;
        if (hth_sign_ok(pub.p, msg, strlen(msg), sig.p) != want)
            fail_msg("case %zu: wanted %d", i, want);
        good += want;
        hth_free(pub.p);
        hth_free(sig.p);
    }
    json_decref(root);
    assert_int_equal(i, 914);
    assert_true(good > 0);
}

static size_t zeros;

static void one_exchange(const json_t *group, const json_t *test) {
    (void)group;
    const Hexed point = vector_hex(test, "public"), scalar = vector_hex(test, "private"),
                want = vector_hex(test, "shared");
    uint8_t got[32] = { 0 };
    static const uint8_t zero[32];
    const bool is_zero = memcmp(want.p, zero, 32) == 0;
    assert_int_equal(hth_x25519(got, scalar.p, point.p), !is_zero);
    if (!is_zero) assert_memory_equal(got, want.p, 32);
    zeros += is_zero;
    hth_free(point.p);
    hth_free(scalar.p);
    hth_free(want.p);
}

static void wycheproof_x25519(void **state) {
    (void)state;
    char path[512];
    TEST_DATA_OR_SKIP(path, "vectors/wycheproof/x25519_test.json");
    zeros = 0;
    assert_int_equal(vectors_each(path, one_exchange), 518);
    assert_true(zeros > 0);
}

/* RFC 8032, 7.1, tests 1 and 3. */
static void published_signatures(void **state) {
    (void)state;
    static const struct {
        const char *seed, *pub, *msg, *sig;
    } rows[] = {
        { "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
          "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
          "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e3970"
          "1c"
          "f9b46bd25bf5f0595bbe24655141438e7a100b" },
        { "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
          "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
          "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760"
          "9"
          "84dc6594a7c15e9716ed28dc027beceea1ec40a" },
    };
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        uint8_t seed[32], pub[32], msg[2] = { 0 }, want[64], got[64];
        const size_t n = strlen(rows[i].msg) / 2;
        HthSigner *s = NULL;
        HthErr err;
        assert_true(hth_unhex(seed, 32, hth_str(rows[i].seed)));
        assert_true(hth_unhex(pub, 32, hth_str(rows[i].pub)));
        assert_true(hth_unhex(msg, n, hth_str(rows[i].msg)));
        assert_true(hth_unhex(want, 64, hth_str(rows[i].sig)));
        assert_ok(hth_signer_open(&s, seed, &err), err);
        assert_memory_equal(hth_signer_public(s), pub, 32);
        assert_memory_equal(hth_signer_seed(s), seed, 32);
        hth_sign(s, msg, n, got);
        assert_memory_equal(got, want, 64);
        assert_true(hth_sign_ok(pub, msg, n, got));
        for (size_t bit = 0; bit < 512; bit++) {
            got[bit / 8] ^= (uint8_t)(1U << bit % 8);
            assert_false(hth_sign_ok(pub, msg, n, got));
            got[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        hth_signer_close(&s);
        assert_null(s);
        hth_signer_close(&s);
    }
}

static void new_signers(void **state) {
    (void)state;
    HthSigner *a = NULL, *b = NULL;
    HthErr err;
    uint8_t sig[64];
    assert_ok(hth_signer_open(&a, NULL, &err), err);
    assert_ok(hth_signer_open(&b, NULL, &err), err);
    assert_memory_not_equal(hth_signer_public(a), hth_signer_public(b), 32);
    hth_sign(a, NULL, 0, sig);
    assert_true(hth_sign_ok(hth_signer_public(a), NULL, 0, sig));
    assert_false(hth_sign_ok(hth_signer_public(b), NULL, 0, sig));
    hth_signer_close(&a);
    hth_signer_close(&b);
    hth_mem_fail_after(1);
    assert_status(hth_signer_open(&a, NULL, &err), HTH_ENOMEM, err);
    hth_mem_fail_after(0);
    assert_null(a);
}

/* RFC 7748, 6.1: Bob's side. */
static void published_exchange(void **state) {
    (void)state;
    static const char *const hex[] = {
        "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", /* his scalar */
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f", /* his point */
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a", /* Alice's point */
        "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742", /* what they share */
    };
    uint8_t v[4][32], got[32];
    for (size_t i = 0; i < 4; i++) assert_true(hth_unhex(v[i], 32, hth_str(hex[i])));
    hth_x25519_base(got, v[0]);
    assert_memory_equal(got, v[1], 32);
    assert_true(hth_x25519(got, v[0], v[2]));
    assert_memory_equal(got, v[3], 32);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wycheproof_ed25519), cmocka_unit_test(cctv_ed25519),
        cmocka_unit_test(wycheproof_x25519),  cmocka_unit_test(published_signatures),
        cmocka_unit_test(new_signers),        cmocka_unit_test(published_exchange),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
