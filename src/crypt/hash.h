/* hash.h - digests, random bytes and their spellings: thin faces over GnuTLS and libsodium.
 *
 * SHA-256 is what others call a model's digest; SHA3-256 is hearth's own.  Nothing here keeps keys.
 *
 * Thread: any; one HthHash belongs to one thread at a time. */
#ifndef HTH_CRYPT_HASH_H
#define HTH_CRYPT_HASH_H

#include "base/buf.h"

enum { HTH_HASH_BYTES = 32, HTH_HASH_HEX = 64 /* without NUL */ };
typedef enum HthHashKind { HTH_SHA256, HTH_SHA3_256 } HthHashKind;

/* The digest of n bytes. bytes may be NULL when n is 0. */
void hth_hash(HthHashKind kind, const void *bytes, size_t n, uint8_t out[HTH_HASH_BYTES]);

/* The same, piece by piece. */
typedef struct HthHash {
    void *handle; /* private; NULL: not begun, or ended */
} HthHash;
HTH_MUST_CHECK HthStatus hth_hash_begin(HthHash *h, HthHashKind kind, HthErr *err); /* ENOMEM */
void hth_hash_add(HthHash *h, const void *bytes, size_t n);
/* out NULL: forget it. Fine on a zeroed one with out NULL; ready for another begin. */
void hth_hash_end(HthHash *h, uint8_t out[HTH_HASH_BYTES]);

/* Called now and then with the bytes read so far; false: stop, HTH_ECANCELED. */
typedef bool (*HthHashProgress)(void *payload, uint64_t done_bytes, uint64_t total_bytes);
/* Of an open regular file from its beginning to its end; its position is left alone. `name` is for
 * errors. progress may be NULL. EIO, ENOMEM, ECANCELED; EFORMAT: its length changed meanwhile. */
HTH_MUST_CHECK HthStatus hth_hash_fd(HthHashKind kind, int fd, const char *name,
                                     HthHashProgress progress, void *payload,
                                     uint8_t out[HTH_HASH_BYTES], HthErr *err);
/* The same as one more piece of a digest under way. */
HTH_MUST_CHECK HthStatus hth_hash_add_fd(HthHash *h, int fd, const char *name,
                                         HthHashProgress progress, void *payload, HthErr *err);

/* Unpredictable bytes from the system. Aborts only if the kernel has none to give. */
void hth_random(void *out, size_t n);
/* In a time that does not depend on where they differ. */
bool hth_secret_equal(const void *a, const void *b, size_t n);

/* out: 2 * n characters and a NUL, lower case. */
void hth_hex(char *out, const void *bytes, size_t n);
/* Exactly 2 * n hexadecimal digits, any case; false (out untouched) on anything else. */
bool hth_unhex(void *out, size_t n, HthStr text);

typedef enum HthBase64 {
    HTH_BASE64, /* + / and = at the end */
    HTH_BASE64_URL /* - _ and no = */
} HthBase64;
/* Append to out. ENOMEM, ELIMIT. */
HTH_MUST_CHECK HthStatus hth_base64(HthBuf *out, HthBase64 form, const void *bytes, size_t n,
                                    HthErr *err);
/* Strict: EINVAL on a character, padding or leftover bits that the form does not have. */
HTH_MUST_CHECK HthStatus hth_unbase64(HthBuf *out, HthBase64 form, HthStr text, HthErr *err);

#endif
