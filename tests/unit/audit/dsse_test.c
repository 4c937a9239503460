/* dsse_test.c - the protocol's own example, both base64s, hints that are only hints, mutations. */
#include "support/test.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>

#include "audit/dsse.h"
#include "audit/jcs.h"
#include "base/rng.h"
#include "crypt/hash.h"

enum { MAX = 1 << 20 };
static HthErr err;

/* ---- protocol.md, "Test Vectors" ------------------------------------------------------------ */

static const char example[] =
    "{\"payload\": \"aGVsbG8gd29ybGQ=\",\n"
    " \"payloadType\": \"http://example.com/HelloWorld\",\n"
    " \"signatures\": [{\"sig\": \"A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJ"
    "PcIAriEGAHTVeCUjW2JIZA==\"}]}";

static void pae_of_the_example(void **state) {
    (void)state;
    HthBuf pae;
    hth_buf_init(&pae, MAX);
    assert_ok(
        hth_dsse_pae(&pae, HTH_STR("http://example.com/HelloWorld"), HTH_STR("hello world"), &err),
        err);
    assert_string_equal(pae.p, "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    hth_buf_clear(&pae);
    assert_ok(hth_dsse_pae(&pae, HTH_STR(""), (HthStr){ "\0\xff", 2 }, &err), err);
    assert_int_equal(pae.n, strlen("DSSEv1 0  2 ") + 2);
    hth_buf_drop(&pae);
}

/* Its signature is ECDSA's, over what we say is to be signed: checked by GnuTLS. */
static void signature_of_the_example(void **state) {
    (void)state;
    /* X: 46950820868899156662930047687818585632848591499744589407958293238635476079160
     * Y:  5640078356564379163099075877009565129882514886557779369047442380624545832820 */
    static const char xy[2][HTH_HASH_HEX + 1] = {
        "67cd390f77aa359cb08c2235f652270493a9ed832b0abcc01f70954c0390d238",
        "0c782bd54e269125a44f4433aff1432ce94e12bca73aa67ac80cea12608ddf74"
    };
    uint8_t x[32], y[32], der[128];
    HthDsse e;
    HthBuf pae;
    assert_ok(hth_dsse_parse(&e, HTH_STR(example), MAX, &err), err);
    assert_true(hth_str_eq(hth_buf_str(&e.payload), HTH_STR("hello world")));
    assert_int_equal(e.sig_count, 1);
    assert_int_equal(e.sigs[0].keyid.n, 0);
    assert_int_equal(e.sigs[0].sig.n, 64);
    assert_true(hth_unhex(x, 32, hth_str(xy[0])) && hth_unhex(y, 32, hth_str(xy[1])));
    hth_buf_init(&pae, MAX);
    assert_ok(hth_dsse_pae(&pae, e.type, hth_buf_str(&e.payload), &err), err);
    gnutls_datum_t dx = { x, 32 }, dy = { y, 32 }, text = { (uint8_t *)pae.p, (unsigned)pae.n };
    gnutls_datum_t r = { (uint8_t *)(uintptr_t)e.sigs[0].sig.p, 32 };
    gnutls_datum_t s = { (uint8_t *)(uintptr_t)e.sigs[0].sig.p + 32, 32 }, sig = { der, 0 };
    gnutls_pubkey_t key;
    assert_int_equal(gnutls_pubkey_init(&key), 0);
    assert_int_equal(gnutls_pubkey_import_ecc_raw(key, GNUTLS_ECC_CURVE_SECP256R1, &dx, &dy), 0);
    assert_int_equal(gnutls_encode_rs_value(&sig, &r, &s), 0);
    assert_true(gnutls_pubkey_verify_data2(key, GNUTLS_SIGN_ECDSA_SHA256, 0, &text, &sig) >= 0);
    pae.p[0] ^= 1;
    assert_true(gnutls_pubkey_verify_data2(key, GNUTLS_SIGN_ECDSA_SHA256, 0, &text, &sig) < 0);
    gnutls_pubkey_deinit(key);
    gnutls_free(sig.data);
    hth_buf_drop(&pae);
    hth_dsse_drop(&e);
}

/* ---- our own -------------------------------------------------------------------------------- */

typedef struct Keys {
    HthSigner *signer[3];
    HthDsseKey key[3];
} Keys;

static void keys_open(Keys *k) {
    static const char *const ids[] = { "one", "two", "three" };
    for (uint8_t i = 0; i < 3; i++) {
        uint8_t seed[HTH_SEED_BYTES] = { i };
        k->signer[i] = NULL;
        assert_ok(hth_signer_open(&k->signer[i], seed, &err), err);
        k->key[i] = (HthDsseKey){ hth_str(ids[i]), hth_signer_public(k->signer[i]) };
    }
}

static void keys_close(Keys *k) {
    for (int i = 0; i < 3; i++) hth_signer_close(&k->signer[i]);
}

/* Signed by the first `count` keys, as text. */
static void envelope(HthBuf *out, const Keys *k, size_t count, bool with_ids) {
    HthDsseSigner signers[3];
    json_t *v = NULL;
    for (size_t i = 0; i < count; i++)
        signers[i] = (HthDsseSigner){ k->signer[i], with_ids ? k->key[i].id : (HthStr){ 0 } };
    assert_ok(
        hth_dsse_sign(&v, HTH_STR("text/x"), HTH_STR("what?>~ is said"), signers, count, &err),
        err);
    hth_buf_init(out, MAX);
    assert_ok(hth_jcs_write(out, v, &err), err);
    json_decref(v);
}

static HthStatus check(HthStr text, const HthDsseKey *keys, size_t count, uint32_t *by) {
    HthDsse e;
    HthStatus st = hth_dsse_parse(&e, text, MAX, &err);
    if (st == HTH_OK) st = hth_dsse_check(&e, keys, count, by, &err);
    hth_dsse_drop(&e);
    return st;
}

static void several_signatures(void **state) {
    (void)state;
    Keys k;
    HthBuf text;
    uint32_t by[HTH_DSSE_SIGNATURES_MAX];
    keys_open(&k);
    envelope(&text, &k, 2, true);
    assert_ok(check(hth_buf_str(&text), k.key, 3, by), err);
    assert_true(by[0] == 0 && by[1] == 1);
    assert_ok(check(hth_buf_str(&text), k.key + 1, 2, by), err); /* the first signer is unknown */
    assert_true(by[0] == HTH_DSSE_NOBODY && by[1] == 0);
    assert_status(check(hth_buf_str(&text), k.key + 2, 1, by), HTH_EDENIED, err);
    assert_status(check(hth_buf_str(&text), NULL, 0, by), HTH_EDENIED, err);
    hth_buf_drop(&text);
    keys_close(&k);
}

/* Without ids every key is tried; with a wrong one, too; with a known one that lies, refused. */
static void ids_are_hints(void **state) {
    (void)state;
    Keys k;
    HthBuf text;
    uint32_t by[HTH_DSSE_SIGNATURES_MAX];
    keys_open(&k);
    envelope(&text, &k, 1, false);
    assert_null(strstr(text.p, "keyid"));
    assert_ok(check(hth_buf_str(&text), k.key, 3, by), err);
    assert_int_equal(by[0], 0);
    hth_buf_drop(&text);
    envelope(&text, &k, 1, true);
    memcpy(strstr(text.p, "\"one\""), "\"uno\"", 5);
    assert_ok(check(hth_buf_str(&text), k.key, 3, by), err);
    assert_int_equal(by[0], 0);
    memcpy(strstr(text.p, "\"uno\""), "\"two\"", 5);
    assert_ok(check(hth_buf_str(&text), k.key, 3, by), err); /* the hint misleads, no more */
    assert_status(check(hth_buf_str(&text), k.key + 1, 2, by), HTH_EFORMAT, err);
    hth_buf_drop(&text);
    keys_close(&k);
}

static void both_base64s(void **state) {
    (void)state;
    Keys k;
    HthBuf text;
    uint32_t by[HTH_DSSE_SIGNATURES_MAX];
    keys_open(&k);
    envelope(&text, &k, 1, true);
    assert_non_null(strstr(text.p, "d2hhdD8+fiBpcyBzYWlk")); /* has a '+' */
    for (char *p = text.p; *p; p++) *p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
    for (char *p = strstr(text.p, "text_x"); p; p = NULL) p[4] = '/'; /* not this one */
    assert_ok(check(hth_buf_str(&text), k.key, 3, by), err);
    /* and the signature without its padding */
    char *pad = strstr(text.p, "==\"");
    assert_non_null(pad);
    memmove(pad, pad + 2, strlen(pad + 2) + 1);
    assert_ok(check(hth_str(text.p), k.key, 3, by), err);
    hth_buf_drop(&text);
    keys_close(&k);
}

static void not_envelopes(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "1",
        "{}",
        "{\"payload\":\"\",\"payloadType\":\"t\"}",
        "{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[]}",
        "{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[{}]}",
        "{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":1}]}",
        "{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"AA==\",\"keyid\":1}]}",
        "{\"payload\":\"\",\"payloadType\":\"\",\"signatures\":[{\"sig\":\"AA==\"}]}",
        "{\"payload\":\"A\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"AA==\"}]}",
        "{\"payload\":\"AB==\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"AA==\"}]}",
        "{\"payload\":\"+_+_\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"AA==\"}]}",
        "{\"payload\":\"AA=\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"AA==\"}]}",
        "{\"payload\":null,\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"AA==\"}]}",
        "{\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"AA==\"}]}",
    };
    uint32_t by[HTH_DSSE_SIGNATURES_MAX];
    for (size_t i = 0; i < HTH_COUNT(bad); i++)
        assert_status(check(hth_str(bad[i]), NULL, 0, by), HTH_EFORMAT, err);
    HthBuf many;
    hth_buf_init(&many, MAX);
    assert_ok(
        hth_buf_printf(&many, &err, "{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":["),
        err);
    for (int i = 0; i <= HTH_DSSE_SIGNATURES_MAX; i++)
        assert_ok(hth_buf_printf(&many, &err, "%s{\"sig\":\"AA==\"}", i ? "," : ""), err);
    assert_ok(hth_buf_printf(&many, &err, "]}"), err);
    assert_status(check(hth_buf_str(&many), NULL, 0, by), HTH_EFORMAT, err);
    hth_buf_drop(&many);
}

/* No change of payload, type or signature survives, whatever the hint says. */
static void mutations(void **state) {
    (void)state;
    Keys k;
    HthBuf text;
    uint32_t by[HTH_DSSE_SIGNATURES_MAX];
    keys_open(&k);
    envelope(&text, &k, 1, true);
    const char *id = strstr(text.p, "\"one\"");
    const size_t from = (size_t)(id - text.p) - strlen("\"keyid\":");
    const size_t to = (size_t)(id - text.p) + strlen("\"one\"");
    for (size_t i = 0; i < text.n; i++) {
        for (int bit = 0; bit < 8; bit++) {
            if (i >= from && i < to) continue; /* a hint */
            text.p[i] ^= (char)(1 << bit);
            assert_int_not_equal(check(hth_buf_str(&text), k.key, 3, by), HTH_OK);
            text.p[i] ^= (char)(1 << bit);
        }
    }
    assert_ok(check(hth_buf_str(&text), k.key, 3, by), err);
    hth_buf_drop(&text);
    keys_close(&k);
}

/* ---- failures ------------------------------------------------------------------------------- */

static HthStatus sign_and_check(void *ctx) {
    const Keys *k = ctx;
    const HthDsseSigner signer = { k->signer[0], k->key[0].id };
    json_t *v = NULL;
    HthBuf text;
    uint32_t by[HTH_DSSE_SIGNATURES_MAX];
    hth_buf_init(&text, MAX);
    HthStatus st = hth_dsse_sign(&v, HTH_STR("t"), HTH_STR("payload"), &signer, 1, &err);
    if (st == HTH_OK) st = hth_json_write(&text, v, 0, &err);
    if (st == HTH_OK) st = check(hth_buf_str(&text), k->key, 1, by);
    json_decref(v);
    hth_buf_drop(&text);
    return st;
}

static void out_of_memory(void **state) {
    (void)state;
    Keys k;
    keys_open(&k);
    hth_json_init();
    assert_true(test_torture(sign_and_check, &k, 500) > 20);
    keys_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pae_of_the_example), cmocka_unit_test(signature_of_the_example),
        cmocka_unit_test(several_signatures), cmocka_unit_test(ids_are_hints),
        cmocka_unit_test(both_base64s),       cmocka_unit_test(not_envelopes),
        cmocka_unit_test(mutations),          cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
