/* content.c - see content.h.
 *
 * Thread: any. */
#include "audit/content.h"

#include <string.h>

#include "audit/record.h"
#include "base/mem.h"

enum { AAD_MAX = 256, NONCE = HTH_XCHACHA_NONCE_BYTES };
static const char label[] = "hearth audit content 1"; /* its zero byte too */

static const char *const names[] = { [HTH_CONTENT_NONE] = "none",
                                     [HTH_CONTENT_COMMIT] = "commit",
                                     [HTH_CONTENT_ENCRYPTED] = "encrypted" };

const char *hth_content_name(HthContent mode) {
    return names[mode];
}

bool hth_content_parse(HthContent *out, HthStr name) {
    for (size_t i = 0; i < HTH_COUNT(names); i++) {
        if (!hth_str_eq(name, hth_str(names[i]))) continue;
        *out = (HthContent)i;
        return true;
    }
    return false;
}

static size_t beside(char out[AAD_MAX], HthStr subject) {
    HTH_ASSERT(subject.n <= AAD_MAX - sizeof label);
    memcpy(out, label, sizeof label);
    memcpy(out + sizeof label, subject.p, subject.n);
    return sizeof label + subject.n;
}

HthStatus hth_content_put(HthEntry *e, HthBuf *sealed, HthContent mode, HthStr subject, HthStr text,
                          const HthContentKeys *keys, HthErr *err) {
    hth_entry_text(e, HTH_FIELD_CONTENT, hth_str(names[mode]));
    if (mode == HTH_CONTENT_NONE) return HTH_OK;
    uint8_t key[HTH_AEAD_KEY_BYTES], digest[HTH_HASH_BYTES];
    char aad[AAD_MAX];
    HTH_REQUIRE(text.n <= HTH_SEALED_MAX - HTH_CONTENT_OVER, err, HTH_ELIMIT,
                "a text for the log has %zu bytes, at most %d can be kept", text.n,
                HTH_SEALED_MAX - HTH_CONTENT_OVER);
    HTH_REQUIRE(subject.n && subject.n <= 128, err, HTH_EINVAL,
                "the name of a subject has 1 to 128 bytes");
    HTH_TRY(hth_buf_reserve(sealed, text.n + HTH_CONTENT_OVER, err));
    HTH_TRY(keys->key(keys->payload, subject, true, key, err));
    uint8_t *nonce = (uint8_t *)sealed->p + sealed->n, *salt = nonce + NONCE;
    hth_random(nonce, NONCE + HTH_CONTENT_SALT);
    if (text.n) memcpy(salt + HTH_CONTENT_SALT, text.p, text.n);
    hth_hash(HTH_SHA3_256, salt, HTH_CONTENT_SALT + text.n, digest);
    hth_entry_digest(e, HTH_FIELD_COMMIT, digest);
    const size_t kept = HTH_CONTENT_SALT + (mode == HTH_CONTENT_ENCRYPTED ? text.n : 0);
    hth_seal(HTH_XCHACHA, salt, salt, kept, aad, beside(aad, subject), nonce, key);
    hth_zero(key, sizeof key);
    const size_t all = NONCE + kept + HTH_AEAD_TAG_BYTES;
    if (mode == HTH_CONTENT_COMMIT && text.n > HTH_AEAD_TAG_BYTES) /* where the text was hashed */
        hth_zero(nonce + all, text.n - HTH_AEAD_TAG_BYTES);
    hth_hash(HTH_SHA3_256, nonce, all, digest);
    hth_entry_digest(e, HTH_FIELD_SEALED, digest);
    hth_entry_text(e, HTH_FIELD_SUBJECT, subject);
    sealed->n += all;
    sealed->p[sealed->n] = '\0';
    return HTH_OK;
}

HthStatus hth_content_check(const HthEntry *e, HthStr sealed, HthErr *err) {
    uint8_t digest[HTH_HASH_BYTES];
    hth_hash(HTH_SHA3_256, sealed.p, sealed.n, digest);
    const HthEntryValue *v = &e->v[HTH_FIELD_SEALED];
    HTH_REQUIRE(v->there ? memcmp(v->digest, digest, sizeof digest) == 0 : !sealed.n, err,
                HTH_EFORMAT, "what is sealed beside an entry is not what the entry says");
    return HTH_OK;
}

/* plain: salt and text, decrypted. */
static HthStatus unseal(uint8_t *plain, const HthEntry *e, HthStr sealed, HthStr subject,
                        const HthContentKeys *keys, HthErr *err) {
    uint8_t key[HTH_AEAD_KEY_BYTES], digest[HTH_HASH_BYTES];
    char aad[AAD_MAX];
    const size_t n = sealed.n - NONCE, text = sealed.n - HTH_CONTENT_OVER;
    const uint8_t *nonce = (const uint8_t *)sealed.p;
    HTH_TRY(keys->key(keys->payload, subject, false, key, err));
    const bool ok =
        hth_unseal(HTH_XCHACHA, plain, nonce + NONCE, n, aad, beside(aad, subject), nonce, key);
    hth_zero(key, sizeof key);
    HTH_REQUIRE(ok, err, HTH_EDENIED, "the key of this subject does not open what is sealed");
    hth_hash(HTH_SHA3_256, plain, HTH_CONTENT_SALT + text, digest);
    HTH_REQUIRE(memcmp(digest, e->v[HTH_FIELD_COMMIT].digest, sizeof digest) == 0, err, HTH_EFORMAT,
                "what was sealed is not what the entry commits to");
    return HTH_OK;
}

HthStatus hth_content_get(HthBuf *out, const HthEntry *e, HthStr sealed, const HthContentKeys *keys,
                          HthErr *err) {
    const HthStr subject = e->v[HTH_FIELD_SUBJECT].text, mode = e->v[HTH_FIELD_CONTENT].text;
    HTH_TRY(hth_content_check(e, sealed, err));
    HTH_REQUIRE(e->v[HTH_FIELD_CONTENT].there && hth_str_eq(mode, HTH_STR("encrypted")) &&
                    e->v[HTH_FIELD_SUBJECT].there && e->v[HTH_FIELD_COMMIT].there,
                err, HTH_EINVAL, "no text is kept with this entry");
    HTH_REQUIRE(sealed.n >= HTH_CONTENT_OVER, err, HTH_EFORMAT, "what is sealed is too short");
    const size_t text = sealed.n - HTH_CONTENT_OVER;
    uint8_t *plain = hth_calloc(1, HTH_CONTENT_SALT + text);
    HTH_REQUIRE(plain, err, HTH_ENOMEM, "no memory for a text of the log");
    HthStatus status = unseal(plain, e, sealed, subject, keys, err);
    if (status == HTH_OK) status = hth_buf_add(out, plain + HTH_CONTENT_SALT, text, err);
    hth_zero(plain, HTH_CONTENT_SALT + text);
    hth_free(plain);
    return status;
}
