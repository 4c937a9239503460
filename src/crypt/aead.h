/* aead.h - sealing with a key: XChaCha20-Poly1305 and ChaCha20-Poly1305 (RFC 8439); HMAC-SHA-256.
 *
 * Thin faces over libsodium.  XCHACHA takes random nonces of 24 bytes and is what hearth stores
 * with; CHACHA has counters as nonces and is there for formats that say so (age).
 *
 * Thread: any. */
#ifndef HTH_CRYPT_AEAD_H
#define HTH_CRYPT_AEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum { HTH_AEAD_KEY_BYTES = 32, HTH_AEAD_TAG_BYTES = 16 };
typedef enum HthAead { HTH_XCHACHA, HTH_CHACHA } HthAead;
enum { HTH_XCHACHA_NONCE_BYTES = 24, HTH_CHACHA_NONCE_BYTES = 12 };

/* out: n + HTH_AEAD_TAG_BYTES bytes; may be text itself.  aad may be NULL when aad_n is 0. */
void hth_seal(HthAead kind, uint8_t *out, const void *text, size_t n, const void *aad, size_t aad_n,
              const uint8_t *nonce, const uint8_t key[HTH_AEAD_KEY_BYTES]);
/* n counts the tag.  out: n - HTH_AEAD_TAG_BYTES bytes; may be sealed itself.  false: not what was
 * sealed under this key, nonce and aad (or n too short); out is then zero. */
bool hth_unseal(HthAead kind, uint8_t *out, const void *sealed, size_t n, const void *aad,
                size_t aad_n, const uint8_t *nonce, const uint8_t key[HTH_AEAD_KEY_BYTES]);

void hth_hmac_sha256(uint8_t out[32], const void *key, size_t key_n, const void *bytes, size_t n);

#endif
