/* age_header.c - see age_int.h: the header of an age file: who can open it, and its MAC.
 *
 *   age-encryption.org/v1
 *   -> X25519 SHARE            a stanza: its kind and arguments
 *   BODY                       base64 in lines of 64 columns, the last one shorter
 *   --- MAC
 *
 * Thread: any. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "crypt/aead.h"
#include "crypt/age_int.h"
#include "crypt/hash.h"
#include "crypt/kdf.h"
#include "crypt/secret.h"
#include "crypt/sign.h"

enum {
    SALT = 16,
    WRAPPED = HTH_AGE_FILE_KEY + HTH_AEAD_TAG_BYTES,
    ARGS_MAX = 64,
    MAC_TEXT = 43 /* base64 of 32 bytes */
};
#define X25519_INFO "age-encryption.org/v1/X25519"
#define SCRYPT_INFO "age-encryption.org/v1/scrypt"
static const char version[] = "age-encryption.org/v1\n";
static const uint8_t no_nonce[HTH_CHACHA_NONCE_BYTES];

/* ---- keys that wrap the file key ------------------------------------------------------------- */

/* false: the shared secret is zero. */
static bool x25519_key(uint8_t out[32], const uint8_t secret[32], const uint8_t point[32],
                       const uint8_t share[32], const uint8_t recipient[32]) {
    uint8_t shared[32], salt[64];
    const bool ok = hth_x25519(shared, secret, point);
    memcpy(salt, share, 32);
    memcpy(salt + 32, recipient, 32);
    if (ok) hth_hkdf(out, 32, shared, 32, salt, sizeof salt, HTH_STR(X25519_INFO));
    hth_secret_wipe(shared, sizeof shared);
    return ok;
}

static HthStatus scrypt_key(uint8_t out[32], HthStr passphrase, const uint8_t salt[SALT],
                            unsigned work, HthErr *err) {
    uint8_t all[sizeof SCRYPT_INFO - 1 + SALT];
    memcpy(all, SCRYPT_INFO, sizeof SCRYPT_INFO - 1);
    memcpy(all + sizeof SCRYPT_INFO - 1, salt, SALT);
    return hth_scrypt(out, passphrase, all, sizeof all, work, err);
}

static void mac_of(uint8_t out[32], const uint8_t *file_key, const void *bytes, size_t n) {
    uint8_t key[32];
    hth_hkdf(key, sizeof key, file_key, HTH_AGE_FILE_KEY, NULL, 0, HTH_STR("header"));
    hth_hmac_sha256(out, key, sizeof key, bytes, n);
    hth_secret_wipe(key, sizeof key);
}

/* ---- writing --------------------------------------------------------------------------------- */

static HthStatus add_base(HthBuf *out, const void *bytes, size_t n, HthErr *err) {
    char text[HTH_AGE_LINE + 1];
    HTH_ASSERT(n <= HTH_AGE_LINE / 4 * 3 - 1);
    sodium_bin2base64(text, sizeof text, bytes, n, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
    return hth_buf_printf(out, err, "%s\n", text);
}

static HthStatus add_wrapped(HthBuf *out, const uint8_t key[32], const uint8_t *file_key,
                             HthErr *err) {
    uint8_t sealed[WRAPPED];
    hth_seal(HTH_CHACHA, sealed, file_key, HTH_AGE_FILE_KEY, NULL, 0, no_nonce, key);
    return add_base(out, sealed, sizeof sealed, err);
}

static HthStatus add_x25519(HthBuf *out, const uint8_t recipient[32], const uint8_t *file_key,
                            HthErr *err) {
    uint8_t secret[32], share[32], key[32];
    hth_random(secret, sizeof secret);
    hth_x25519_base(share, secret);
    const bool ok = x25519_key(key, secret, recipient, share, recipient);
    hth_secret_wipe(secret, sizeof secret);
    HTH_REQUIRE(ok, err, HTH_EINVAL, "a recipient of age is no key: everybody could open it");
    HthStatus status = hth_buf_printf(out, err, "-> X25519 ");
    if (status == HTH_OK) status = add_base(out, share, sizeof share, err);
    if (status == HTH_OK) status = add_wrapped(out, key, file_key, err);
    hth_secret_wipe(key, sizeof key);
    return status;
}

static HthStatus add_scrypt(HthBuf *out, const HthAgeTo *to, const uint8_t *file_key, HthErr *err) {
    uint8_t salt[SALT], key[32];
    char text[32];
    const unsigned work = to->work ? to->work : HTH_AGE_WORK;
    hth_random(salt, sizeof salt);
    HTH_TRY(scrypt_key(key, to->passphrase, salt, work, err));
    sodium_bin2base64(text, sizeof text, salt, sizeof salt,
                      sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
    HthStatus status = hth_buf_printf(out, err, "-> scrypt %s %u\n", text, work);
    if (status == HTH_OK) status = add_wrapped(out, key, file_key, err);
    hth_secret_wipe(key, sizeof key);
    return status;
}

HthStatus hth_age_header_print(HthBuf *out, const HthAgeTo *to,
                               const uint8_t file_key[HTH_AGE_FILE_KEY], HthErr *err) {
    uint8_t mac[32];
    const size_t from = out->n;
    HTH_REQUIRE(to->count <= HTH_AGE_KEYS_MAX && (to->count || to->passphrase.n), err, HTH_EINVAL,
                "an age file is for 1 to %d recipients, or for a passphrase", HTH_AGE_KEYS_MAX);
    HTH_TRY(hth_buf_add(out, version, sizeof version - 1, err));
    for (size_t i = 0; i < to->count; i++)
        HTH_TRY(add_x25519(out, to->recipients[i], file_key, err));
    if (!to->count) HTH_TRY(add_scrypt(out, to, file_key, err));
    HTH_TRY(hth_buf_add(out, "---", 3, err));
    mac_of(mac, file_key, out->p + from, out->n - from);
    HTH_TRY(hth_buf_add(out, " ", 1, err));
    return add_base(out, mac, sizeof mac, err);
}

/* ---- reading --------------------------------------------------------------------------------- */

#define HEADER "the header of the age file "

typedef struct Stanza {
    HthStr arg[ARGS_MAX];
    size_t args;
    uint8_t body[WRAPPED]; /* the first of it */
    size_t body_n;
} Stanza;

typedef struct Reader {
    HthAgeBytes *b;
    const HthAgeFrom *from;
    HthBuf text; /* the header as it came */
    uint8_t *file_key; /* once it is open */
    bool open, passphrase; /* passphrase: there is a stanza for one */
    size_t stanzas;
} Reader;

/* The next line, without its newline, borrowed from r->text until the next one is read. */
static HthStatus next_line(Reader *r, HthStr *out, HthErr *err) {
    const size_t from = r->text.n;
    for (;;) {
        char c;
        size_t n;
        HTH_TRY(hth_age_bytes(r->b, &c, 1, &n, err));
        HTH_REQUIRE(n == 1, err, HTH_EFORMAT, HEADER "is cut: this is not a whole file of age");
        HTH_REQUIRE(r->text.n < HTH_AGE_HEADER_MAX, err, HTH_EFORMAT, HEADER "is too long");
        HTH_TRY(hth_buf_add_char(&r->text, c, err));
        /* a file of another kind is seen before a line of it is */
        if (r->text.n <= sizeof version - 1)
            HTH_REQUIRE(c == version[r->text.n - 1], err, HTH_EFORMAT,
                        HEADER "is not that of version 1");
        if (c == '\n') break;
    }
    *out = (HthStr){ r->text.p + from, r->text.n - from - 1 };
    return HTH_OK;
}

/* Words of visible ASCII with one blank between them. */
static HthStatus split(Stanza *s, HthStr line, HthErr *err) {
    size_t from = 3; /* "-> " */
    for (size_t i = from; i <= line.n; i++) {
        if (i < line.n && line.p[i] != ' ') {
            HTH_REQUIRE(line.p[i] >= 33 && line.p[i] <= 126, err, HTH_EFORMAT,
                        HEADER "has a stanza with other characters than it may have");
            continue;
        }
        HTH_REQUIRE(i > from && s->args < ARGS_MAX, err, HTH_EFORMAT,
                    HEADER "has a stanza with an empty argument, or with more than %d", ARGS_MAX);
        s->arg[s->args++] = hth_str_sub(line, from, i - from);
        from = i + 1;
    }
    return HTH_OK;
}

static HthStatus read_body(Reader *r, Stanza *s, HthErr *err) {
    HthStr line;
    do {
        uint8_t bytes[HTH_AGE_LINE];
        HTH_TRY(next_line(r, &line, err));
        const size_t n = line.n * 3 / 4;
        HTH_REQUIRE(line.n <= HTH_AGE_LINE && hth_age_unbase(bytes, n, line), err, HTH_EFORMAT,
                    HEADER "has a stanza that is damaged");
        for (size_t i = 0; i < n; i++, s->body_n++)
            if (s->body_n < sizeof s->body) s->body[s->body_n] = bytes[i];
    } while (line.n == HTH_AGE_LINE);
    return HTH_OK;
}

/* Keeps the file key if the stanza gives it. */
static void unwrap(Reader *r, const Stanza *s, const uint8_t key[32]) {
    if (!r->open)
        r->open = hth_unseal(HTH_CHACHA, r->file_key, s->body, WRAPPED, NULL, 0, no_nonce, key);
}

static HthStatus read_x25519(Reader *r, const Stanza *s, HthErr *err) {
    uint8_t share[32], mine[32], key[32];
    HTH_REQUIRE(s->args == 2 && hth_age_unbase(share, 32, s->arg[1]) && s->body_n == WRAPPED, err,
                HTH_EFORMAT, HEADER "has a stanza for a key that is damaged");
    for (size_t i = 0; i < r->from->count && !r->open; i++) {
        const uint8_t *secret = r->from->identities[i];
        hth_x25519_base(mine, secret);
        HTH_REQUIRE(x25519_key(key, secret, share, share, mine), err, HTH_EFORMAT,
                    HEADER "has a stanza with a share of small order");
        unwrap(r, s, key);
    }
    hth_secret_wipe(key, sizeof key);
    return HTH_OK;
}

static HthStatus read_scrypt(Reader *r, const Stanza *s, HthErr *err) {
    uint8_t salt[SALT], key[32];
    uint64_t work = 0;
    HTH_REQUIRE(s->args == 3 && hth_age_unbase(salt, SALT, s->arg[1]) && s->body_n == WRAPPED &&
                    s->arg[2].p[0] >= '1' && s->arg[2].p[0] <= '9' && hth_str_u64(s->arg[2], &work),
                err, HTH_EFORMAT, HEADER "has a stanza for a passphrase that is damaged");
    HTH_REQUIRE(work <= HTH_AGE_WORK_MAX, err, HTH_EFORMAT,
                HEADER "asks for scrypt with a work factor of %llu; %d (4 GiB of memory) is the "
                       "most",
                (unsigned long long)work, HTH_AGE_WORK_MAX);
    r->passphrase = true;
    if (!r->from->passphrase.n) return HTH_OK;
    HTH_TRY(scrypt_key(key, r->from->passphrase, salt, (unsigned)work, err));
    unwrap(r, s, key);
    hth_secret_wipe(key, sizeof key);
    return HTH_OK;
}

static HthStatus read_stanza(Reader *r, HthStr first, HthErr *err) {
    static const struct {
        const char *name;
        HthStatus (*read)(Reader *r, const Stanza *s, HthErr *err);
    } kinds[] = { { "X25519", read_x25519 }, { "scrypt", read_scrypt } };
    Stanza s = { .args = 0 };
    char room[512]; /* reading the body moves r->text */
    HTH_REQUIRE(first.n <= sizeof room, err, HTH_EFORMAT, HEADER "has a line that is too long");
    memcpy(room, first.p, first.n);
    HTH_TRY(split(&s, (HthStr){ room, first.n }, err));
    HTH_TRY(read_body(r, &s, err));
    r->stanzas++;
    for (size_t i = 0; i < HTH_COUNT(kinds); i++)
        if (hth_str_eq(s.arg[0], hth_str(kinds[i].name))) {
            /* seen before a key is made from the passphrase */
            HTH_REQUIRE(!(i == 1 && r->stanzas > 1), err, HTH_EFORMAT,
                        HEADER "has a stanza for a passphrase beside others");
            HTH_TRY(kinds[i].read(r, &s, err));
        }
    HTH_REQUIRE(!r->passphrase || r->stanzas == 1, err, HTH_EFORMAT,
                HEADER "has a stanza for a passphrase beside others");
    return HTH_OK;
}

static HthStatus read_all(Reader *r, HthErr *err) {
    uint8_t mac[32], want[32];
    HthStr line;
    HTH_TRY(next_line(r, &line, err)); /* it was compared while it came */
    for (;;) {
        HTH_TRY(next_line(r, &line, err));
        if (!hth_str_starts(line, HTH_STR("-> "))) break;
        HTH_TRY(read_stanza(r, line, err));
    }
    HTH_REQUIRE(hth_str_starts(line, HTH_STR("--- ")) &&
                    hth_age_unbase(mac, sizeof mac, hth_str_sub(line, 4, SIZE_MAX)),
                err, HTH_EFORMAT, HEADER "has a line that is neither a stanza nor its end");
    HTH_REQUIRE(r->open, err, HTH_EDENIED,
                r->passphrase ? "the passphrase does not open it"
                              : "no identity opens it: it was sealed for other keys");
    mac_of(want, r->file_key, r->text.p, r->text.n - 1 - MAC_TEXT - 1);
    HTH_REQUIRE(hth_secret_equal(mac, want, sizeof mac), err, HTH_EFORMAT,
                HEADER "was changed: its MAC is another");
    return HTH_OK;
}

HthStatus hth_age_header_read(HthAgeBytes *b, const HthAgeFrom *from,
                              uint8_t file_key[HTH_AGE_FILE_KEY], HthErr *err) {
    Reader r = { .b = b, .from = from, .file_key = file_key };
    hth_buf_init(&r.text, HTH_AGE_HEADER_MAX);
    const HthStatus status = read_all(&r, err);
    hth_buf_drop(&r.text);
    return status;
}
