/* sign.h - Ed25519 (RFC 8032) signatures and X25519 (RFC 7748): thin faces over libsodium.
 *
 * Verification is strict: canonical S, no points of small order, canonical encodings; the same
 * answer for the same bytes everywhere.
 *
 * Thread: any. */
#ifndef HTH_CRYPT_SIGN_H
#define HTH_CRYPT_SIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum { HTH_SEED_BYTES = 32, HTH_SIGN_PUBLIC_BYTES = 32, HTH_SIGNATURE_BYTES = 64 };

/* A private key: its seed and what follows from it, in secret memory. */
typedef struct HthSigner HthSigner;
/* From a seed (copied; wipe yours), or NULL: a new one.  ENOMEM, ELIMIT (secret.h). */
HTH_MUST_CHECK HthStatus hth_signer_open(HthSigner **out, const uint8_t seed[HTH_SEED_BYTES],
                                         HthErr *err);
void hth_signer_close(HthSigner **s);
const uint8_t *hth_signer_public(const HthSigner *s); /* [HTH_SIGN_PUBLIC_BYTES], borrowed */
const uint8_t *hth_signer_seed(const HthSigner *s); /* to be stored encrypted; borrowed */
void hth_sign(const HthSigner *s, const void *bytes, size_t n, uint8_t out[HTH_SIGNATURE_BYTES]);
bool hth_sign_ok(const uint8_t pub[HTH_SIGN_PUBLIC_BYTES], const void *bytes, size_t n,
                 const uint8_t signature[HTH_SIGNATURE_BYTES]);

/* X25519: out = scalar * point.  false: the result is zero (a point of small order). */
bool hth_x25519(uint8_t out[32], const uint8_t scalar[32], const uint8_t point[32]);
void hth_x25519_base(uint8_t out[32], const uint8_t scalar[32]);

#endif
