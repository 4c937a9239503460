/* age_int.h - what the files of age share.  Private to this floor.
 *
 * Thread: see age.h. */
#ifndef HTH_CRYPT_AGE_INT_H
#define HTH_CRYPT_AGE_INT_H

#include "crypt/age.h"

enum {
    HTH_AGE_FILE_KEY = 16,
    HTH_AGE_NONCE = 16,
    HTH_AGE_HEADER_MAX = 64 << 10,
    HTH_AGE_LINE = 64, /* columns of base64 */
    HTH_AGE_SPACE_MAX = 1024 /* bytes of white space around armor */
};

/* Bytes from a source, with the armor taken off when there is any. */
typedef struct HthAgeBytes {
    HthAgeSource source;
    void *payload;
    uint8_t raw[4096]; /* as they come */
    size_t raw_at, raw_n;
    bool begun, armored, ended; /* ended: of the armor */
    bool last; /* a line that was not full has been */
    uint8_t line[HTH_AGE_LINE]; /* what a line of armor held */
    size_t line_at, line_n;
} HthAgeBytes;
/* At least one byte; *n 0: the end. EFORMAT. */
HTH_MUST_CHECK HthStatus hth_age_bytes(HthAgeBytes *b, void *out, size_t room, size_t *n,
                                       HthErr *err);

/* Appends the header of a stream. */
HTH_MUST_CHECK HthStatus hth_age_header_print(HthBuf *out, const HthAgeTo *to,
                                              const uint8_t file_key[HTH_AGE_FILE_KEY],
                                              HthErr *err);
/* Reads it, opens the file key, checks the MAC. */
HTH_MUST_CHECK HthStatus hth_age_header_read(HthAgeBytes *b, const HthAgeFrom *from,
                                             uint8_t file_key[HTH_AGE_FILE_KEY], HthErr *err);

/* Strict, without padding; false unless it is exactly n bytes. */
bool hth_age_unbase(uint8_t *out, size_t n, HthStr text);

#endif
