/* sodium.h - libsodium, made ready once.  For files of this floor only.
 *
 * sodium_init picks the fast variants for this processor; without it the plain ones would run, and
 * the guarded heap has no canary yet.
 *
 * Thread: any. */
#ifndef HTH_CRYPT_SODIUM_H
#define HTH_CRYPT_SODIUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void hth_sodium_ready(void);
/* Strict base64, of one of libsodium's variants, all of the text: libsodium itself takes some bytes
 * of 0x80 and more for digits. */
bool hth_sodium_unbase(uint8_t *out, size_t room, const char *text, size_t n, int variant,
                       size_t *got);

#endif
