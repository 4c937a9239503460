/* sodium.h - libsodium, made ready once.  For files of this floor only.
 *
 * sodium_init picks the fast variants for this processor; without it the plain ones would run, and
 * the guarded heap has no canary yet.
 *
 * Thread: any. */
#ifndef HTH_CRYPT_SODIUM_H
#define HTH_CRYPT_SODIUM_H

void hth_sodium_ready(void);

#endif
