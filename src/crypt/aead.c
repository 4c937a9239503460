/* aead.c - see aead.h.
 *
 * Thread: any. */
#include "crypt/aead.h"

#include <sodium.h>
#include <string.h>

#include "crypt/sodium.h"

_Static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == HTH_XCHACHA_NONCE_BYTES, "nonce");
_Static_assert(crypto_aead_chacha20poly1305_ietf_NPUBBYTES == HTH_CHACHA_NONCE_BYTES, "nonce");
_Static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == HTH_AEAD_TAG_BYTES, "tag");
_Static_assert(crypto_aead_chacha20poly1305_ietf_ABYTES == HTH_AEAD_TAG_BYTES, "tag");

typedef unsigned long long Long; /* libsodium's lengths */
typedef unsigned char Byte;

static const struct {
    int (*seal)(Byte *, Long *, const Byte *, Long, const Byte *, Long, const Byte *, const Byte *,
                const Byte *);
    int (*unseal)(Byte *, Long *, Byte *, const Byte *, Long, const Byte *, Long, const Byte *,
                  const Byte *);
} kinds[] = {
    [HTH_XCHACHA] = { crypto_aead_xchacha20poly1305_ietf_encrypt,
                      crypto_aead_xchacha20poly1305_ietf_decrypt },
    [HTH_CHACHA] = { crypto_aead_chacha20poly1305_ietf_encrypt,
                     crypto_aead_chacha20poly1305_ietf_decrypt },
};

void hth_seal(HthAead kind, uint8_t *out, const void *text, size_t n, const void *aad, size_t aad_n,
              const uint8_t *nonce, const uint8_t key[HTH_AEAD_KEY_BYTES]) {
    hth_sodium_ready();
    const int rc = kinds[kind].seal(out, NULL, text, n, aad, aad_n, NULL, nonce, key);
    HTH_ASSERT(rc == 0);
}

bool hth_unseal(HthAead kind, uint8_t *out, const void *sealed, size_t n, const void *aad,
                size_t aad_n, const uint8_t *nonce, const uint8_t key[HTH_AEAD_KEY_BYTES]) {
    hth_sodium_ready();
    if (n < HTH_AEAD_TAG_BYTES) return false;
    if (kinds[kind].unseal(out, NULL, NULL, sealed, n, aad, aad_n, nonce, key) == 0) return true;
    if (n > HTH_AEAD_TAG_BYTES) memset(out, 0, n - HTH_AEAD_TAG_BYTES);
    return false;
}

void hth_hmac_sha256(uint8_t out[32], const void *key, size_t key_n, const void *bytes, size_t n) {
    crypto_auth_hmacsha256_state state;
    hth_sodium_ready();
    crypto_auth_hmacsha256_init(&state, key_n ? key : (const Byte *)"", key_n);
    crypto_auth_hmacsha256_update(&state, n ? bytes : (const Byte *)"", n);
    crypto_auth_hmacsha256_final(&state, out);
    sodium_memzero(&state, sizeof state);
}
