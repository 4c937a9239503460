/* kdf.h - keys from keys and keys from passphrases: thin faces over GnuTLS and libsodium.
 *
 * Thread: any.  Argon2id and scrypt take as much memory as they are told, for seconds. */
#ifndef HTH_CRYPT_KDF_H
#define HTH_CRYPT_KDF_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* HKDF-SHA-256 (RFC 5869).  salt may be empty.  n <= 8160. */
void hth_hkdf(uint8_t *out, size_t n, const void *key, size_t key_n, const void *salt,
              size_t salt_n, HthStr info);

/* Argon2id (RFC 9106), one lane.  ENOMEM. */
enum { HTH_ARGON_SALT_BYTES = 16 };
typedef struct HthArgon {
    uint32_t passes, memory_kib;
} HthArgon;
extern const HthArgon hth_argon_default; /* what new keys and passwords get */
HTH_MUST_CHECK HthStatus hth_argon2id(uint8_t *out, size_t n, HthStr passphrase,
                                      const uint8_t salt[HTH_ARGON_SALT_BYTES], HthArgon cost,
                                      HthErr *err);
/* scrypt (RFC 7914) with r = 8, p = 1, N = 1 << log_n.  ELIMIT: log_n over 22; ENOMEM. */
HTH_MUST_CHECK HthStatus hth_scrypt(uint8_t out[32], HthStr passphrase, const void *salt,
                                    size_t salt_n, unsigned log_n, HthErr *err);

#endif
