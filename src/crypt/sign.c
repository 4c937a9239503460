/* sign.c - see sign.h.
 *
 * libsodium compares the bytes of R with what S, A and the message give (no cofactor), and refuses
 * an S that is not reduced, an A that is not canonical, and A or R of small order.
 *
 * Thread: any. */
#include "crypt/sign.h"

#include <sodium.h>
#include <string.h>

#include "crypt/hash.h"
#include "crypt/secret.h"
#include "crypt/sodium.h"

struct HthSigner {
    uint8_t seed[HTH_SEED_BYTES];
    uint8_t pub[HTH_SIGN_PUBLIC_BYTES];
    uint8_t secret[crypto_sign_SECRETKEYBYTES]; /* libsodium's: seed and public key */
};

_Static_assert(crypto_sign_SEEDBYTES == HTH_SEED_BYTES, "seed");
_Static_assert(crypto_sign_PUBLICKEYBYTES == HTH_SIGN_PUBLIC_BYTES, "public key");
_Static_assert(crypto_sign_BYTES == HTH_SIGNATURE_BYTES, "signature");

HthStatus hth_signer_open(HthSigner **out, const uint8_t seed[HTH_SEED_BYTES], HthErr *err) {
    void *piece = NULL;
    HTH_TRY(hth_secret_alloc(&piece, sizeof(HthSigner), err));
    HthSigner *s = piece;
    if (seed)
        memcpy(s->seed, seed, sizeof s->seed);
    else
        hth_random(s->seed, sizeof s->seed);
    const int rc = crypto_sign_seed_keypair(s->pub, s->secret, s->seed);
    HTH_ASSERT(rc == 0);
    *out = s;
    return HTH_OK;
}

void hth_signer_close(HthSigner **s) {
    hth_secret_free(*s);
    *s = NULL;
}

const uint8_t *hth_signer_public(const HthSigner *s) {
    return s->pub;
}

const uint8_t *hth_signer_seed(const HthSigner *s) {
    return s->seed;
}

void hth_sign(const HthSigner *s, const void *bytes, size_t n, uint8_t out[HTH_SIGNATURE_BYTES]) {
    const int rc = crypto_sign_detached(out, NULL, n ? bytes : "", n, s->secret);
    HTH_ASSERT(rc == 0);
}

bool hth_sign_ok(const uint8_t pub[HTH_SIGN_PUBLIC_BYTES], const void *bytes, size_t n,
                 const uint8_t signature[HTH_SIGNATURE_BYTES]) {
    hth_sodium_ready();
    return crypto_sign_verify_detached(signature, n ? bytes : "", n, pub) == 0;
}

bool hth_x25519(uint8_t out[32], const uint8_t scalar[32], const uint8_t point[32]) {
    hth_sodium_ready();
    return crypto_scalarmult_curve25519(out, scalar, point) == 0;
}

void hth_x25519_base(uint8_t out[32], const uint8_t scalar[32]) {
    hth_sodium_ready();
    const int rc = crypto_scalarmult_curve25519_base(out, scalar);
    HTH_ASSERT(rc == 0);
}
