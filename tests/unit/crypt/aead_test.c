/* aead_test.c - Wycheproof's answers for both ciphers, RFC 4231 for HMAC, every byte flipped. */
#include "support/test.h"
#include "support/wycheproof.h"

#include "base/rng.h"
#include "crypt/aead.h"

static HthAead kind;
static size_t nonce_bytes, tried;

static void one_sealed(const json_t *group, const json_t *test) {
    if ((size_t)json_integer_value(json_object_get(group, "ivSize")) != nonce_bytes * 8) {
        assert_string_equal(vector_result(test), "invalid"); /* nonces have one length here */
        return;
    }
    const Hexed key = vector_hex(test, "key"), nonce = vector_hex(test, "iv"),
                aad = vector_hex(test, "aad"), msg = vector_hex(test, "msg"),
                ct = vector_hex(test, "ct"), tag = vector_hex(test, "tag");
    assert_int_equal(key.n, HTH_AEAD_KEY_BYTES);
    assert_int_equal(nonce.n, nonce_bytes);
    const size_t whole = ct.n + tag.n;
    uint8_t *sealed = hth_calloc(whole + 1, 1), *text = hth_calloc(msg.n + 1, 1);
    memcpy(sealed, ct.p, ct.n);
    memcpy(sealed + ct.n, tag.p, tag.n);
    const bool valid = strcmp(vector_result(test), "valid") == 0;
    assert_int_equal(hth_unseal(kind, text, sealed, whole, aad.p, aad.n, nonce.p, key.p), valid);
    if (valid) assert_memory_equal(text, msg.p, msg.n);
    hth_free(text);
    text = hth_calloc(whole + 1, 1);
    memcpy(text, msg.p, msg.n); /* in place */
    hth_seal(kind, text, text, msg.n, aad.p, aad.n, nonce.p, key.p);
    assert_int_equal(memcmp(text, sealed, whole) == 0, valid);
    tried++;
    Hexed all[] = { key, nonce, aad, msg, ct, tag };
    for (size_t i = 0; i < HTH_COUNT(all); i++) hth_free(all[i].p);
    hth_free(text);
    hth_free(sealed);
}

static void wycheproof_xchacha(void **state) {
    (void)state;
    char path[512];
    TEST_DATA_OR_SKIP(path, "vectors/wycheproof/xchacha20_poly1305_test.json");
    kind = HTH_XCHACHA, nonce_bytes = HTH_XCHACHA_NONCE_BYTES, tried = 0;
    assert_int_equal(vectors_each(path, one_sealed), 315);
    assert_true(tried > 250);
}

static void wycheproof_chacha(void **state) {
    (void)state;
    char path[512];
    TEST_DATA_OR_SKIP(path, "vectors/wycheproof/chacha20_poly1305_test.json");
    kind = HTH_CHACHA, nonce_bytes = HTH_CHACHA_NONCE_BYTES, tried = 0;
    assert_int_equal(vectors_each(path, one_sealed), 325);
    assert_true(tried > 250);
}

/* RFC 8439, 2.8.2: here without the data folder. */
static void published(void **state) {
    (void)state;
    static const char text[] =
        "Ladies and Gentlemen of the class of '99: If I could offer you only "
        "one tip for the future, sunscreen would be it.";
    enum { N = sizeof text - 1 };
    uint8_t key[32], nonce[12], aad[12], tag[16], out[N + 16];
    for (int i = 0; i < 32; i++) key[i] = (uint8_t)(0x80 + i);
    assert_true(hth_unhex(nonce, 12, HTH_STR("070000004041424344454647")));
    assert_true(hth_unhex(aad, 12, HTH_STR("50515253c0c1c2c3c4c5c6c7")));
    assert_true(hth_unhex(tag, 16, HTH_STR("1ae10b594f09e26a7e902ecbd0600691")));
    hth_seal(HTH_CHACHA, out, text, N, aad, sizeof aad, nonce, key);
    assert_memory_equal(out + N, tag, 16);
    assert_true(hth_unseal(HTH_CHACHA, out, out, sizeof out, aad, sizeof aad, nonce, key));
    assert_memory_equal(out, text, N);
}

/* One bit anywhere - text, tag, nonce, aad, key - and nothing comes out. */
static void mutations(void **state) {
    (void)state;
    enum { N = 100 };
    uint8_t key[32], nonce[24], aad[9], text[N], sealed[N + 16], out[N];
    hth_random(key, sizeof key);
    hth_random(nonce, sizeof nonce);
    hth_random(aad, sizeof aad);
    hth_random(text, sizeof text);
    static const uint8_t zero[N];
    hth_seal(HTH_XCHACHA, sealed, text, N, aad, sizeof aad, nonce, key);
    assert_true(hth_unseal(HTH_XCHACHA, out, sealed, sizeof sealed, aad, sizeof aad, nonce, key));
    assert_memory_equal(out, text, N);
    const struct {
        uint8_t *p;
        size_t n;
    } parts[] = { { sealed, sizeof sealed }, { nonce, 24 }, { aad, sizeof aad }, { key, 32 } };
    for (size_t i = 0; i < HTH_COUNT(parts); i++) {
        for (size_t bit = 0; bit < parts[i].n * 8; bit++) {
            parts[i].p[bit / 8] ^= (uint8_t)(1U << bit % 8);
            memset(out, 7, sizeof out);
            assert_false(
                hth_unseal(HTH_XCHACHA, out, sealed, sizeof sealed, aad, sizeof aad, nonce, key));
            assert_memory_equal(out, zero, N);
            parts[i].p[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
    }
    for (size_t n = 0; n < sizeof sealed; n++)
        assert_false(hth_unseal(HTH_XCHACHA, out, sealed, n, aad, sizeof aad, nonce, key));
    assert_false(
        hth_unseal(HTH_XCHACHA, out, sealed, sizeof sealed, aad, sizeof aad - 1, nonce, key));
}

/* RFC 4231, cases 1, 2, 6: a short key, a shorter one, one longer than a block. */
static void hmac(void **state) {
    (void)state;
    static const struct {
        const char *key_hex, *text, *want;
        size_t key_n;
    } rows[] = {
        { "0b", "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
          20 },
        { NULL, "what do ya want for nothing?",
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", 4 },
        { "aa", "Test Using Larger Than Block-Size Key - Hash Key First",
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", 131 },
    };
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        uint8_t key[131], got[32], want[32], byte = 0;
        if (rows[i].key_hex) assert_true(hth_unhex(&byte, 1, hth_str(rows[i].key_hex)));
        memset(key, byte, sizeof key);
        if (!rows[i].key_hex) memcpy(key, "Jefe", 4);
        assert_true(hth_unhex(want, 32, hth_str(rows[i].want)));
        hth_hmac_sha256(got, key, rows[i].key_n, rows[i].text, strlen(rows[i].text));
        assert_memory_equal(got, want, 32);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wycheproof_xchacha),
        cmocka_unit_test(wycheproof_chacha),
        cmocka_unit_test(published),
        cmocka_unit_test(mutations),
        cmocka_unit_test(hmac),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
