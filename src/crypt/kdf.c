/* kdf.c - see kdf.h.
 *
 * Thread: any. */
#include "crypt/kdf.h"

#include <gnutls/crypto.h>
#include <sodium.h>

#include "crypt/secret.h"
#include "crypt/sodium.h"

enum { HASH_BYTES = 32, HKDF_MAX = 255 * HASH_BYTES, SCRYPT_LOG_MAX = 22, SCRYPT_R = 8 };

/* RFC 9106's second recommendation, in one lane: a fifth of a second and 64 MiB for each guess. */
const HthArgon hth_argon_default = { .passes = 3, .memory_kib = 64 << 10 };

static gnutls_datum_t datum(const void *p, size_t n) {
    return (gnutls_datum_t){ (unsigned char *)(uintptr_t)(n ? p : ""), (unsigned)n };
}

void hth_hkdf(uint8_t *out, size_t n, const void *key, size_t key_n, const void *salt,
              size_t salt_n, HthStr info) {
    HTH_ASSERT(n <= HKDF_MAX && key_n <= UINT32_MAX && salt_n <= UINT32_MAX &&
               info.n <= UINT32_MAX);
    uint8_t middle[HASH_BYTES];
    const gnutls_datum_t k = datum(key, key_n), s = datum(salt, salt_n);
    int rc = gnutls_hkdf_extract(GNUTLS_MAC_SHA256, &k, &s, middle);
    HTH_ASSERT(rc == 0);
    const gnutls_datum_t m = datum(middle, sizeof middle), i = datum(info.p, info.n);
    rc = n ? gnutls_hkdf_expand(GNUTLS_MAC_SHA256, &m, &i, out, n) : 0;
    HTH_ASSERT(rc == 0);
    hth_secret_wipe(middle, sizeof middle);
}

HthStatus hth_argon2id(uint8_t *out, size_t n, HthStr passphrase,
                       const uint8_t salt[HTH_ARGON_SALT_BYTES], HthArgon cost, HthErr *err) {
    hth_sodium_ready();
    HTH_ASSERT(n >= crypto_pwhash_argon2id_BYTES_MIN && n <= UINT32_MAX);
    HTH_REQUIRE(passphrase.n <= UINT32_MAX, err, HTH_ELIMIT, "the passphrase is too long");
    HTH_REQUIRE(cost.passes >= crypto_pwhash_argon2id_OPSLIMIT_MIN &&
                    cost.memory_kib >= crypto_pwhash_argon2id_MEMLIMIT_MIN / 1024,
                err, HTH_EINVAL, "Argon2id wants at least one pass over 8 KiB");
    const int rc = crypto_pwhash_argon2id(out, n, passphrase.n ? passphrase.p : "", passphrase.n,
                                          salt, cost.passes, (size_t)cost.memory_kib * 1024,
                                          crypto_pwhash_argon2id_ALG_ARGON2ID13);
    HTH_REQUIRE(rc == 0, err, HTH_ENOMEM,
                "out of memory for a key from a passphrase (%u MiB are needed for a moment)",
                cost.memory_kib / 1024);
    return HTH_OK;
}

HthStatus hth_scrypt(uint8_t out[32], HthStr passphrase, const void *salt, size_t salt_n,
                     unsigned log_n, HthErr *err) {
    hth_sodium_ready();
    HTH_REQUIRE(log_n > 0, err, HTH_EINVAL, "scrypt wants a work factor of at least 1");
    HTH_REQUIRE(log_n <= SCRYPT_LOG_MAX, err, HTH_ELIMIT,
                "scrypt with work factor %u is refused: %d (4 GiB of memory) is the most", log_n,
                SCRYPT_LOG_MAX);
    const int rc = crypto_pwhash_scryptsalsa208sha256_ll(
        (const uint8_t *)(passphrase.n ? passphrase.p : ""), passphrase.n,
        salt_n ? salt : (const uint8_t *)"", salt_n, UINT64_C(1) << log_n, SCRYPT_R, 1, out, 32);
    HTH_REQUIRE(rc == 0, err, HTH_ENOMEM,
                "out of memory for a key from a passphrase (%u MiB are needed for a moment)",
                log_n < 10 ? 1 : 1U << (log_n - 10));
    return HTH_OK;
}
