/* credential_test.c - the W3C's vectors of vc-di-eddsa, base58, mutations, a receipt as one. */
#include "support/test.h"

#include "audit/credential.h"
#include "audit/jcs.h"
#include "base/rng.h"
#include "support/receipt_sample.h"

enum { MAX = 1 << 22 };
static HthErr err;
#define VECTORS "vectors/eddsa-jcs-2022/TestVectors/"

static void load(HthBuf *out, const char *name) {
    char path[512], rel[256];
    snprintf(rel, sizeof rel, VECTORS "%s", name);
    assert_true(test_data_path(path, sizeof path, rel));
    test_load(out, path);
}

static json_t *load_json(const char *name) {
    HthBuf text;
    json_t *v = NULL;
    load(&text, name);
    assert_ok(hth_json_parse(&v, hth_buf_str(&text), MAX, &err), err);
    hth_buf_drop(&text);
    return v;
}

static void load_hex(uint8_t *out, size_t n, const char *name) {
    HthBuf text;
    load(&text, name);
    assert_true(hth_unhex(out, n, hth_str_trim(hth_buf_str(&text))));
    hth_buf_drop(&text);
}

static void assert_canonical(const json_t *v, const char *name) {
    HthBuf want, got;
    load(&want, name);
    hth_buf_init(&got, MAX);
    assert_ok(hth_jcs_write(&got, v, &err), err);
    assert_string_equal(got.p, want.p);
    hth_buf_drop(&want);
    hth_buf_drop(&got);
}

static HthSigner *signer_of(const json_t *pair) {
    uint8_t typed[34], pub[HTH_SIGN_PUBLIC_BYTES];
    HthSigner *s = NULL;
    const HthStr key = hth_json_text(pair, "privateKeyMultibase");
    assert_true(key.p[0] == 'z' && hth_unbase58(typed, 34, hth_str_sub(key, 1, SIZE_MAX)));
    assert_true(typed[0] == 0x80 && typed[1] == 0x26); /* ed25519-priv */
    assert_ok(hth_signer_open(&s, typed + 2, &err), err);
    assert_true(hth_unmultikey(pub, hth_json_text(pair, "publicKeyMultibase")));
    assert_memory_equal(pub, hth_signer_public(s), sizeof pub);
    char text[HTH_MULTIKEY_TEXT];
    hth_multikey(text, pub);
    assert_string_equal(text, hth_json_text(pair, "publicKeyMultibase").p);
    return s;
}

/* ---- eddsa-jcs-2022, step by step ----------------------------------------------------------- */

static void the_suite(void **state) {
    (void)state;
    char path[512];
    uint8_t pub[HTH_SIGN_PUBLIC_BYTES];
    TEST_DATA_OR_SKIP(path, VECTORS "eddsa-jcs-2022/signedJCS.json");
    json_t *pair = load_json("keyPair.json"), *document = load_json("unsigned.json");
    json_t *want = load_json("eddsa-jcs-2022/signedJCS.json");
    json_t *config = load_json("eddsa-jcs-2022/proofConfigJCS.json");
    HthSigner *s = signer_of(pair);
    assert_canonical(document, "eddsa-jcs-2022/canonDocJCS.txt");
    assert_canonical(config, "eddsa-jcs-2022/proofCanonJCS.txt");
    assert_ok(hth_credential_sign(document, s, "2023-02-24T23:36:38Z", &err), err);
    assert_true(json_equal(document, want));
    assert_ok(hth_credential_check(want, pub, &err), err);
    assert_memory_equal(pub, hth_signer_public(s), sizeof pub);
    assert_status(hth_credential_sign(document, s, "2023-02-24T23:36:38Z", &err), HTH_EINVAL, err);
    json_decref(pair);
    json_decref(document);
    json_decref(want);
    json_decref(config);
    hth_signer_close(&s);
}

/* What all suites of the vectors have in common: SHA-256 of what was made canonical, the two in a
 * row, their signature, its base58. */
static void hashes_and_signatures(void **state) {
    (void)state;
    static const struct {
        const char *folder, *tail;
    } sets[] = { { "eddsa-jcs-2022", "JCS" },
                 { "Ed25519Signature2020", "EdSig" },
                 { "eddsa-rdfc-2022", "DataInt" },
                 { "eddsa-rdfc-2022/employ", "DataInt" } };
    char path[512], name[128];
    TEST_DATA_OR_SKIP(path, VECTORS "keyPair.json");
    json_t *pair = load_json("keyPair.json");
    HthSigner *s = signer_of(pair);
    for (size_t i = 0; i < HTH_COUNT(sets); i++) {
        static const char *const parts[] = { "proof", "doc" };
        static const char *const canons[] = { "proofCanon", "canonDoc" };
        uint8_t combined[64], one[32], got[32], sig[64], made[64], back[64];
        HthBuf text;
        const char *f = sets[i].folder, *t = sets[i].tail;
        snprintf(name, sizeof name, "%s/combinedHash%s.txt", f, t);
        load_hex(combined, 64, name);
        for (size_t k = 0; k < 2; k++) {
            snprintf(name, sizeof name, "%s/%sHash%s.txt", f, parts[k], t);
            load_hex(one, 32, name);
            assert_memory_equal(one, combined + 32 * k, 32);
            snprintf(name, sizeof name, "%s/%s%s.txt", f, canons[k], t);
            load(&text, name);
            hth_hash(HTH_SHA256, text.p, text.n, got);
            assert_memory_equal(got, one, 32);
            hth_buf_drop(&text);
        }
        snprintf(name, sizeof name, "%s/sigHex%s.txt", f, t);
        load_hex(sig, 64, name);
        hth_sign(s, combined, 64, made);
        assert_memory_equal(made, sig, 64);
        assert_true(hth_sign_ok(hth_signer_public(s), combined, 64, sig));
        snprintf(name, sizeof name, "%s/sigBTC58%s.txt", f, t);
        load(&text, name);
        const HthStr b58 = hth_str_trim(hth_buf_str(&text));
        assert_true(b58.p[0] == 'z' && hth_unbase58(back, 64, hth_str_sub(b58, 1, SIZE_MAX)));
        assert_memory_equal(back, sig, 64);
        hth_buf_drop(&text);
    }
    json_decref(pair);
    hth_signer_close(&s);
}

/* Proofs of other suites, sets and chains of proofs are not what we check: refused, not guessed. */
static void other_suites(void **state) {
    (void)state;
    static const char *const names[] = {
        "unsigned.json",
        "employmentAuth.json",
        "Ed25519Signature2020/signedEdSig.json",
        "eddsa-rdfc-2022/signedDataInt.json",
        "eddsa-rdfc-2022/employ/signedDataInt.json",
        "proof-set-chain/signedProofSet1.json",
        "proof-set-chain/signedProofSet2.json",
        "proof-set-chain/signedProofChain1.json",
        "proof-set-chain/signedProofChain2.json",
    };
    char path[512];
    uint8_t pub[HTH_SIGN_PUBLIC_BYTES];
    TEST_DATA_OR_SKIP(path, VECTORS "unsigned.json");
    for (size_t i = 0; i < HTH_COUNT(names); i++) {
        json_t *v = load_json(names[i]);
        assert_status(hth_credential_check(v, pub, &err), HTH_EFORMAT, err);
        json_decref(v);
    }
    json_t *pairs = load_json("proof-set-chain/multiKeyPairs.json");
    const char *who;
    json_t *pair;
    json_object_foreach(pairs, who, pair) {
        HthSigner *s = signer_of(pair);
        hth_signer_close(&s);
    }
    json_decref(pairs);
}

/* ---- base58 --------------------------------------------------------------------------------- */

static void expect58(const char *bytes, size_t n, const char *want) {
    uint8_t back[HTH_BASE58_BYTES_MAX];
    HthBuf out;
    hth_buf_init(&out, MAX);
    assert_ok(hth_base58(&out, bytes, n, &err), err);
    assert_string_equal(hth_buf_str(&out).p, want);
    assert_true(hth_unbase58(back, n, hth_str(want)));
    assert_memory_equal(back, bytes, n);
    hth_buf_drop(&out);
}

/* draft-msporny-base58-03, section 5. */
static void base58(void **state) {
    (void)state;
    uint8_t out[8];
    expect58("Hello World!", 12, "2NEpo7TZRRrLZSi2U");
    expect58("The quick brown fox jumps over the lazy dog.", 44,
             "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z");
    expect58("\x00\x00\x28\x7f\xb4\xcd", 6, "11233QC4");
    expect58("", 0, "");
    static const char *const bad[] = { "1233QC4",  "111233QC4",    "0", "O", "I", "l",
                                       "11233QC!", "zzzzzzzzzzzz", "" };
    for (size_t i = 0; i < HTH_COUNT(bad); i++) assert_false(hth_unbase58(out, 6, hth_str(bad[i])));
    for (uint64_t i = 0; i < 2000; i++) {
        uint8_t bytes[40], back[40];
        HthBuf text;
        const size_t n = hth_rng_below(30, 60, i, 41);
        for (size_t k = 0; k < n; k++)
            bytes[k] = k < i % 4 ? 0 : (uint8_t)hth_rng_u32(30, 61, i * 64 + k);
        hth_buf_init(&text, 128);
        assert_ok(hth_base58(&text, bytes, n, &err), err);
        assert_true(hth_unbase58(back, n, hth_buf_str(&text)));
        assert_memory_equal(back, bytes, n);
        if (n > 0) assert_false(hth_unbase58(back, n - 1, hth_buf_str(&text)));
        hth_buf_drop(&text);
    }
}

/* ---- our own -------------------------------------------------------------------------------- */

static json_t *sample_credential(const HthSigner *s) {
    const HthDsseSigner by = { s, HTH_STR("a+01234567") };
    json_t *sampler = sample_sampler(), *v = NULL;
    const HthReceiptIn in = sample_receipt(sampler);
    HthBuf file;
    HthReceipt *r = NULL;
    hth_buf_init(&file, MAX);
    assert_ok(hth_receipt_make(&file, &in, &by, &err), err);
    assert_ok(hth_receipt_open(&r, hth_buf_str(&file), &err), err);
    assert_ok(hth_credential_json(&v, r, hth_signer_public(s), &err), err);
    assert_ok(hth_credential_sign(v, s, "2026-11-22T01:00:00Z", &err), err);
    hth_receipt_close(&r);
    hth_buf_drop(&file);
    json_decref(sampler);
    return v;
}

static void print(HthBuf *out, const json_t *v) {
    hth_buf_init(out, MAX);
    assert_ok(hth_jcs_write(out, v, &err), err);
    assert_ok(hth_buf_add_char(out, '\n', &err), err);
}

static HthStatus open_text(HthStr text, uint8_t pub[HTH_SIGN_PUBLIC_BYTES]) {
    json_t *v = NULL;
    const HthStatus st = hth_credential_open(&v, text, pub, &err);
    json_decref(v);
    return st;
}

/* Of a credential's file every byte binds: but for the key it names, no change gives a proof that
 * holds; and nothing can be put in or left out, between two values neither. */
static void mutations(void **state) {
    (void)state;
    uint8_t pub[HTH_SIGN_PUBLIC_BYTES];
    HthSigner *s = NULL;
    HthBuf text, other;
    assert_ok(hth_signer_open(&s, NULL, &err), err);
    json_t *v = sample_credential(s);
    print(&text, v);
    hth_buf_init(&other, MAX);
    assert_ok(open_text(hth_buf_str(&text), pub), err);
    assert_memory_equal(pub, hth_signer_public(s), sizeof pub);
    assert_null(strstr(text.p, "holder"));
    for (size_t at = 0; at < text.n; at++)
        for (int bit = 0; bit < 8; bit += 1 + (int)(at % 3)) {
            text.p[at] ^= (char)(1 << bit);
            if (open_text(hth_buf_str(&text), pub) == HTH_OK) fail_msg("byte %zu", at);
            text.p[at] ^= (char)(1 << bit);
        }
    for (size_t at = 0; at <= text.n; at++)
        for (int gone = 0; gone < 2; gone++) {
            if (gone && at == text.n) continue;
            hth_buf_clear(&other);
            assert_ok(hth_buf_add(&other, text.p, at, &err), err);
            if (!gone) assert_ok(hth_buf_add_char(&other, " \n\t\r"[at % 4], &err), err);
            assert_ok(hth_buf_add(&other, text.p + at + gone, text.n - at - (size_t)gone, &err),
                      err);
            if (open_text(hth_buf_str(&other), pub) == HTH_OK)
                fail_msg("byte %zu %s", at, gone ? "left out" : "put in");
        }
    json_decref(v);
    hth_buf_drop(&text);
    hth_buf_drop(&other);
    hth_signer_close(&s);
}

/* A good proof, by a key that says something else than hearth would of a receipt of its own. */
static void not_so_said(void **state) {
    (void)state;
    static const char *const rows[][3] = { /* object, member, value */
                                           { NULL, "issuer", "\"did:key:z6Mkh\"" },
                                           { NULL, "validFrom", "\"2026-11-23T01:00:00Z\"" },
                                           { NULL, "type", "[\"VerifiableCredential\"]" },
                                           { NULL, "@context", "\"x\"" },
                                           { NULL, "more", "1" },
                                           { NULL, "credentialSubject", "[]" },
                                           { "credentialSubject", "type", "\"Question\"" },
                                           { "credentialSubject", "digest", "{}" },
                                           { "credentialSubject", "more", "1" },
                                           { "receipt", "more", "1" },
                                           { "receipt", "time", "\"yesterday\"" },
                                           { "receipt", "cage", "\"yes\"" },
                                           { "receipt", "engine", "null" }
    };
    uint8_t pub[HTH_SIGN_PUBLIC_BYTES];
    HthSigner *s = NULL;
    HthBuf text;
    assert_ok(hth_signer_open(&s, NULL, &err), err);
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        json_t *v = sample_credential(s), *at = v, *value = NULL;
        if (rows[i][0]) at = json_object_get(v, "credentialSubject");
        if (rows[i][0] && !strcmp(rows[i][0], "receipt")) at = json_object_get(at, "receipt");
        assert_ok(hth_json_parse(&value, hth_str(rows[i][2]), 4096, &err), err);
        assert_int_equal(json_object_set_new(at, rows[i][1], value), 0);
        assert_int_equal(json_object_del(v, "proof"), 0);
        assert_ok(hth_credential_sign(v, s, "2026-11-22T01:00:00Z", &err), err);
        assert_ok(hth_credential_check(v, pub, &err), err); /* the proof itself is good */
        print(&text, v);
        if (open_text(hth_buf_str(&text), pub) != HTH_EFORMAT)
            fail_msg("%s %s: %s", rows[i][1], rows[i][2], hth_status_name(err.status));
        hth_buf_drop(&text);
        json_decref(v);
    }
    hth_signer_close(&s);
}

static HthStatus body(void *ctx) {
    uint8_t pub[HTH_SIGN_PUBLIC_BYTES];
    json_t *v = json_pack("{s:[s], s:{s:s}}", "@context", "x", "credentialSubject", "a", "b");
    if (!v) return HTH_ENOMEM;
    HthStatus st = hth_credential_sign(v, ctx, "2026-11-22T01:00:00Z", &err);
    if (st == HTH_OK) st = hth_credential_check(v, pub, &err);
    json_decref(v);
    return st;
}

static HthStatus open_body(void *file) {
    uint8_t pub[HTH_SIGN_PUBLIC_BYTES];
    return open_text(hth_buf_str(file), pub);
}

static void out_of_memory(void **state) {
    (void)state;
    HthSigner *s = NULL;
    hth_json_init();
    assert_ok(hth_signer_open(&s, NULL, &err), err);
    assert_true(test_torture(body, s, 500) > 20);
    HthBuf file;
    json_t *v = sample_credential(s);
    print(&file, v);
    assert_true(test_torture(open_body, &file, 1000) > 100);
    hth_buf_drop(&file);
    json_decref(v);
    hth_signer_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_suite),     cmocka_unit_test(hashes_and_signatures),
        cmocka_unit_test(other_suites),  cmocka_unit_test(base58),
        cmocka_unit_test(mutations),     cmocka_unit_test(not_so_said),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
