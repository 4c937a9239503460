/* credential.c - see credential.h. */
#include "audit/credential.h"

#include <stdio.h>
#include <string.h>

#include "audit/jcs.h"
#include "audit/receipt_int.h"

enum { TEXT_MAX = 1 << 24, CODEC = 2, DID_TEXT = 2 * HTH_MULTIKEY_TEXT + 16 };
static const uint8_t ed25519_pub[CODEC] = { 0xed, 0x01 }; /* multicodec, as a varint */
static const char suite[] = "eddsa-jcs-2022";

/* ---- spellings ------------------------------------------------------------------------------ */

static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/* Digits, most significant first; how many. */
static size_t to_digits(uint8_t digits[2 * HTH_BASE58_BYTES_MAX], const uint8_t *bytes, size_t n) {
    size_t count = 0, zeros = 0;
    while (zeros < n && bytes[zeros] == 0) zeros++;
    for (size_t i = zeros; i < n; i++) { /* digits = 256 * digits + byte, least first */
        unsigned carry = bytes[i];
        for (size_t k = 0; k < count || carry > 0; k++) {
            if (k == count) digits[count++] = 0;
            carry += 256u * digits[k];
            digits[k] = (uint8_t)(carry % 58);
            carry /= 58;
        }
    }
    for (size_t i = 0; i < zeros; i++) digits[count++] = 0;
    for (size_t a = 0, b = count; a + 1 < b; a++) {
        const uint8_t d = digits[a];
        digits[a] = digits[--b];
        digits[b] = d;
    }
    return count;
}

HthStatus hth_base58(HthBuf *out, const void *bytes, size_t n, HthErr *err) {
    uint8_t digits[2 * HTH_BASE58_BYTES_MAX];
    HTH_ASSERT(n <= HTH_BASE58_BYTES_MAX);
    const size_t count = to_digits(digits, bytes, n);
    HTH_TRY(hth_buf_reserve(out, count, err));
    for (size_t i = 0; i < count; i++) HTH_TRY(hth_buf_add_char(out, alphabet[digits[i]], err));
    return HTH_OK;
}

bool hth_unbase58(void *out, size_t n, HthStr text) {
    uint8_t bytes[HTH_BASE58_BYTES_MAX] = { 0 }, digits[2 * HTH_BASE58_BYTES_MAX];
    HTH_ASSERT(n <= HTH_BASE58_BYTES_MAX);
    if (text.n > 2 * n) return false; /* however long it is: 1.4 digits a byte */
    for (size_t i = 0; i < text.n; i++) {
        const char *at = text.p[i] ? strchr(alphabet, text.p[i]) : NULL;
        unsigned carry = at ? (unsigned)(at - alphabet) : 0;
        for (size_t k = n; k > 0 && at; k--) {
            carry += 58u * bytes[k - 1];
            bytes[k - 1] = (uint8_t)carry;
            carry >>= 8;
        }
        if (!at || carry > 0) return false;
    }
    /* One spelling for one value: as many leading ones as there are leading zeros. */
    if (to_digits(digits, bytes, n) != text.n) return false;
    memcpy(out, bytes, n);
    return true;
}

void hth_multikey(char out[HTH_MULTIKEY_TEXT], const uint8_t pub[HTH_SIGN_PUBLIC_BYTES]) {
    uint8_t typed[CODEC + HTH_SIGN_PUBLIC_BYTES], digits[2 * HTH_BASE58_BYTES_MAX];
    memcpy(typed, ed25519_pub, CODEC);
    memcpy(typed + CODEC, pub, HTH_SIGN_PUBLIC_BYTES);
    const size_t count = to_digits(digits, typed, sizeof typed);
    HTH_ASSERT(count + 2 <= HTH_MULTIKEY_TEXT);
    out[0] = 'z';
    for (size_t i = 0; i < count; i++) out[i + 1] = alphabet[digits[i]];
    out[count + 1] = '\0';
}

bool hth_unmultikey(uint8_t pub[HTH_SIGN_PUBLIC_BYTES], HthStr text) {
    uint8_t typed[CODEC + HTH_SIGN_PUBLIC_BYTES];
    if (text.n == 0 || text.p[0] != 'z' ||
        !hth_unbase58(typed, sizeof typed, hth_str_sub(text, 1, SIZE_MAX)) ||
        memcmp(typed, ed25519_pub, CODEC) != 0)
        return false;
    memcpy(pub, typed + CODEC, HTH_SIGN_PUBLIC_BYTES);
    return true;
}

/* ---- proofs --------------------------------------------------------------------------------- */

/* did:key:z6Mk...#z6Mk... */
static void method_of(char out[DID_TEXT], const uint8_t pub[HTH_SIGN_PUBLIC_BYTES]) {
    char key[HTH_MULTIKEY_TEXT];
    hth_multikey(key, pub);
    snprintf(out, DID_TEXT, "did:key:%s#%s", key, key);
}

static HthStatus hash_of(uint8_t out[HTH_HASH_BYTES], const json_t *value, HthErr *err) {
    HthBuf text;
    hth_buf_init(&text, TEXT_MAX);
    const HthStatus st = hth_jcs_write(&text, value, err);
    if (st == HTH_OK) hth_hash(HTH_SHA256, text.p, text.n, out);
    hth_buf_drop(&text);
    return st;
}

/* What is signed: SHA-256 of the proof without its value, then SHA-256 of the document without its
 * proof. */
static HthStatus hash_data(uint8_t out[2 * HTH_HASH_BYTES], const json_t *config,
                           const json_t *document, HthErr *err) {
    json_t *bare = json_copy((json_t *)(uintptr_t)document); /* shallow; the copy is changed */
    HTH_REQUIRE(bare, err, HTH_ENOMEM, "out of memory for a credential");
    (void)json_object_del(bare, "proof");
    HthStatus st = hash_of(out, config, err);
    if (st == HTH_OK) st = hash_of(out + HTH_HASH_BYTES, bare, err);
    json_decref(bare);
    return st;
}

static json_t *config_of(const json_t *document, const HthSigner *signer, const char *created) {
    char method[DID_TEXT];
    method_of(method, hth_signer_public(signer));
    json_t *config = json_pack("{s:s, s:s, s:s, s:s, s:s}", "type", "DataIntegrityProof",
                               "cryptosuite", suite, "created", created, "verificationMethod",
                               method, "proofPurpose", "assertionMethod");
    json_t *context = json_object_get(document, "@context");
    if (config && context && json_object_set(config, "@context", context) != 0) {
        json_decref(config);
        return NULL;
    }
    return config;
}

static HthStatus add_value(json_t *config, const uint8_t signature[HTH_SIGNATURE_BYTES],
                           HthErr *err) {
    HthBuf value;
    hth_buf_init(&value, 256);
    HthStatus st = hth_buf_add_char(&value, 'z', err);
    if (st == HTH_OK) st = hth_base58(&value, signature, HTH_SIGNATURE_BYTES, err);
    if (st == HTH_OK && json_object_set_new(config, "proofValue", json_string(value.p)) != 0)
        st = HTH_FAIL(err, HTH_ENOMEM, "out of memory for a credential");
    hth_buf_drop(&value);
    return st;
}

HthStatus hth_credential_sign(json_t *document, const HthSigner *signer, const char *created,
                              HthErr *err) {
    uint8_t data[2 * HTH_HASH_BYTES], signature[HTH_SIGNATURE_BYTES];
    hth_json_init();
    HTH_REQUIRE(json_is_object(document) && !json_object_get(document, "proof"), err, HTH_EINVAL,
                "a credential to be signed is an object without a proof");
    json_t *config = config_of(document, signer, created);
    HTH_REQUIRE(config, err, HTH_ENOMEM, "out of memory for a credential");
    HthStatus st = hash_data(data, config, document, err);
    if (st == HTH_OK) {
        hth_sign(signer, data, sizeof data, signature);
        st = add_value(config, signature, err);
    }
    if (st == HTH_OK && json_object_set(document, "proof", config) != 0)
        st = HTH_FAIL(err, HTH_ENOMEM, "out of memory for a credential");
    json_decref(config);
    return st;
}

/* The key of a method that is did:key, named twice. */
static bool key_of(uint8_t pub[HTH_SIGN_PUBLIC_BYTES], HthStr method) {
    static const char head[] = "did:key:";
    char want[DID_TEXT];
    const size_t hash = hth_str_find(method, HTH_STR("#"));
    if (!hth_str_starts(method, hth_str(head)) || hash == SIZE_MAX ||
        !hth_unmultikey(pub, hth_str_sub(method, sizeof head - 1, hash - (sizeof head - 1))))
        return false;
    method_of(want, pub);
    return hth_str_eq(method, hth_str(want));
}

static bool same_member(const json_t *a, const json_t *b, const char *name) {
    const json_t *x = json_object_get(a, name), *y = json_object_get(b, name);
    return (!x && !y) || (x && y && json_equal(x, y));
}

HthStatus hth_credential_check(const json_t *document, uint8_t pub[HTH_SIGN_PUBLIC_BYTES],
                               HthErr *err) {
    static const struct {
        const char *name, *text;
    } wanted[] = { { "type", "DataIntegrityProof" },
                   { "cryptosuite", suite },
                   { "proofPurpose", "assertionMethod" } };
    const json_t *proof = json_object_get(document, "proof");
    uint8_t data[2 * HTH_HASH_BYTES], signature[HTH_SIGNATURE_BYTES], key[HTH_SIGN_PUBLIC_BYTES];
    HTH_REQUIRE(json_is_object(proof), err, HTH_EFORMAT, "this is not a document with one proof");
    for (size_t i = 0; i < HTH_COUNT(wanted); i++)
        HTH_REQUIRE(hth_str_eq(hth_json_text(proof, wanted[i].name), hth_str(wanted[i].text)), err,
                    HTH_EFORMAT, "the proof's %s is not %s", wanted[i].name, wanted[i].text);
    const HthStr value = hth_json_text(proof, "proofValue");
    HTH_REQUIRE(key_of(key, hth_json_text(proof, "verificationMethod")), err, HTH_EFORMAT,
                "the proof's verificationMethod is not an Ed25519 did:key");
    HTH_REQUIRE(value.n > 0 && value.p[0] == 'z' &&
                    hth_unbase58(signature, sizeof signature, hth_str_sub(value, 1, SIZE_MAX)),
                err, HTH_EFORMAT, "the proof's proofValue is not a signature in base58");
    HTH_REQUIRE(same_member(proof, document, "@context"), err, HTH_EFORMAT,
                "the proof is over other contexts than the document's");
    json_t *config = json_copy((json_t *)(uintptr_t)proof); /* shallow; the copy is changed */
    HTH_REQUIRE(config, err, HTH_ENOMEM, "out of memory for a credential");
    (void)json_object_del(config, "proofValue");
    const HthStatus st = hash_data(data, config, document, err);
    json_decref(config);
    HTH_REQUIRE(st != HTH_EINVAL, err, HTH_EFORMAT, "the document has no canonical form");
    HTH_TRY(st);
    HTH_REQUIRE(hth_sign_ok(key, data, sizeof data, signature), err, HTH_EFORMAT,
                "the proof does not hold: the document was changed after signing");
    memcpy(pub, key, sizeof key);
    return HTH_OK;
}

/* ---- receipts ------------------------------------------------------------------------------- */

HthStatus hth_credential_json(json_t **out, const HthReceipt *r,
                              const uint8_t pub[HTH_SIGN_PUBLIC_BYTES], HthErr *err) {
    char did[DID_TEXT];
    json_t *predicate = json_object_get(r->statement, "predicate");
    method_of(did, pub);
    *strchr(did, '#') = '\0';
    json_t *v =
        json_pack("{s:[s, {s:s}], s:[s, s], s:s, s:s, s:{s:s, s:o, s:O}}", "@context",
                  "https://www.w3.org/ns/credentials/v2", "@vocab", HTH_RECEIPT_TYPE "#", "type",
                  "VerifiableCredential", "HearthReceipt", "issuer", did, "validFrom",
                  hth_json_text(predicate, "time").p, "credentialSubject", "type", "Answer",
                  "digest", hth_digests_json(&r->facts.text), "receipt", predicate);
    HTH_REQUIRE(v, err, HTH_ENOMEM, "out of memory for a credential");
    *out = v;
    return HTH_OK;
}

/* The receipt's facts as the document tells them, if they could stand in a receipt so. */
static HthStatus facts_of(HthReceipt *out, const json_t *document, HthErr *err) {
    const json_t *subject = json_object_get(document, "credentialSubject");
    json_t *predicate = json_object_get(subject, "receipt");
    HthDigests text;
    HTH_REQUIRE(json_is_object(predicate) &&
                    hth_digests_read(&text, json_object_get(subject, "digest")),
                err, HTH_EFORMAT, "the credential does not hold a receipt of hearth");
    HTH_TRY(hth_statement_json(&out->statement, "answer", &text, HTH_RECEIPT_TYPE,
                               json_incref(predicate), err));
    return hth_receipt_facts(&out->facts, out->statement, err);
}

/* Everything but the proof's own members follows from the facts and the key: written again, it is
 * the same.  So the issuer is the key, and nothing stands beside what a receipt says. */
static HthStatus same_again(const json_t *document, const uint8_t pub[HTH_SIGN_PUBLIC_BYTES],
                            HthErr *err) {
    HthReceipt r = { 0 };
    HthBuf statement, again;
    json_t *want = NULL;
    hth_buf_init(&statement, TEXT_MAX);
    hth_buf_init(&again, TEXT_MAX);
    HthStatus st = facts_of(&r, document, err);
    if (st == HTH_OK) st = hth_receipt_statement(&again, &r.facts, err);
    if (st == HTH_OK) st = hth_jcs_write(&statement, r.statement, err);
    bool same = st == HTH_OK && hth_str_eq(hth_buf_str(&statement), hth_buf_str(&again));
    if (same) st = hth_credential_json(&want, &r, pub, err);
    if (want && json_object_set(want, "proof", json_object_get(document, "proof")) != 0)
        st = HTH_FAIL(err, HTH_ENOMEM, "out of memory for a credential");
    same = same && json_equal(want, document);
    if (st == HTH_OK && !same)
        st = HTH_FAIL(err, HTH_EFORMAT,
                      "the credential is not as hearth writes it for its receipt and its key: it "
                      "was made by another program, or names another issuer");
    hth_buf_drop(&statement);
    hth_buf_drop(&again);
    json_decref(r.statement);
    json_decref(want);
    return st;
}

HthStatus hth_credential_open(json_t **out, HthStr file, uint8_t pub[HTH_SIGN_PUBLIC_BYTES],
                              HthErr *err) {
    json_t *v = NULL;
    uint8_t key[HTH_SIGN_PUBLIC_BYTES];
    HTH_REQUIRE(file.n && file.p[file.n - 1] == '\n', err, HTH_EFORMAT,
                "a credential is one line and its newline");
    HTH_TRY(hth_jcs_parse(&v, hth_str_sub(file, 0, file.n - 1), TEXT_MAX, err));
    HthStatus st = hth_credential_check(v, key, err);
    if (st == HTH_OK) st = same_again(v, key, err);
    if (st == HTH_OK) {
        memcpy(pub, key, sizeof key);
        *out = v;
    } else {
        json_decref(v);
    }
    return st;
}
