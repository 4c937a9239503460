/* age.h - age v1 (age-encryption.org): one stream, sealed for keys or for a passphrase.
 *
 * What is written here opens with `age -d`; what age writes, armored or not, opens here.
 * Recipients are X25519 keys or one passphrase (scrypt); stanzas of other kinds are passed over.
 * Memory is bounded whatever comes: a header of at most 64 KiB, then chunks of 64 KiB.
 *
 * Thread: any; a stream belongs to one thread at a time. */
#ifndef HTH_CRYPT_AGE_H
#define HTH_CRYPT_AGE_H

#include "base/buf.h"

enum {
    HTH_AGE_KEY_BYTES = 32,
    HTH_AGE_KEYS_MAX = 64, /* recipients of a stream, identities that are tried */
    HTH_AGE_CHUNK = 64 << 10,
    HTH_AGE_WORK = 18, /* scrypt's log N for new streams: what age itself takes */
    HTH_AGE_WORK_MAX = 22
};

/* ---- keys ------------------------------------------------------------------------------------ */

/* "age1...": whom to seal for. EINVAL. */
HTH_MUST_CHECK HthStatus hth_age_recipient(uint8_t out[HTH_AGE_KEY_BYTES], HthStr text,
                                           HthErr *err);
/* "AGE-SECRET-KEY-1...": what opens. Wipe out. EINVAL. */
HTH_MUST_CHECK HthStatus hth_age_identity(uint8_t out[HTH_AGE_KEY_BYTES], HthStr text, HthErr *err);

/* Files of them: one a line; empty lines and lines that begin with # are passed over.  out:
 * [HTH_AGE_KEYS_MAX], *count more are written behind the first *count.  EINVAL names the line. */
HTH_MUST_CHECK HthStatus hth_age_recipients(uint8_t out[][HTH_AGE_KEY_BYTES], size_t *count,
                                            HthStr text, HthErr *err);
HTH_MUST_CHECK HthStatus hth_age_identities(uint8_t out[][HTH_AGE_KEY_BYTES], size_t *count,
                                            HthStr text, HthErr *err);

/* ---- writing --------------------------------------------------------------------------------- */

/* Takes n bytes, all of them. */
typedef HthStatus (*HthAgeSink)(void *payload, const void *bytes, size_t n, HthErr *err);

typedef struct HthAgeTo { /* borrowed while opening */
    const uint8_t (*recipients)[HTH_AGE_KEY_BYTES]; /* [count] */
    size_t count; /* 0: for the passphrase */
    HthStr passphrase;
    unsigned work; /* scrypt's log N; 0: HTH_AGE_WORK */
    HthAgeSink sink;
    void *payload; /* for sink, as long as the stream lives */
} HthAgeTo;

typedef struct HthAgeOut HthAgeOut;
/* Writes the header. EINVAL: nobody to seal for, or too many, or a key of small order; ENOMEM,
 * ELIMIT (secret.h); what sink says. */
HTH_MUST_CHECK HthStatus hth_age_out_open(HthAgeOut **out, const HthAgeTo *to, HthErr *err);
HTH_MUST_CHECK HthStatus hth_age_out_add(HthAgeOut *o, const void *bytes, size_t n, HthErr *err);
/* The last chunk. Frees, sets NULL always. */
HTH_MUST_CHECK HthStatus hth_age_out_end(HthAgeOut **o, HthErr *err);
void hth_age_out_abort(HthAgeOut **o); /* what is written so far never opens to its end */

/* ---- reading --------------------------------------------------------------------------------- */

/* At most room bytes; *n 0: the end. */
typedef HthStatus (*HthAgeSource)(void *payload, void *out, size_t room, size_t *n, HthErr *err);

typedef struct HthAgeFrom { /* borrowed while opening */
    const uint8_t (*identities)[HTH_AGE_KEY_BYTES]; /* [count] */
    size_t count;
    HthStr passphrase; /* empty: none */
    HthAgeSource source;
    void *payload; /* for source, as long as the stream lives */
} HthAgeFrom;

typedef struct HthAgeIn HthAgeIn;
/* Reads the header.  EFORMAT: not age, damaged or changed; EDENIED: none of the identities opens
 * it; ENOMEM, ELIMIT; what source says. */
HTH_MUST_CHECK HthStatus hth_age_in_open(HthAgeIn **out, const HthAgeFrom *from, HthErr *err);
/* At least one byte, at most room; *n 0: the end, and everything was as it was written.  What came
 * before an EFORMAT was written by somebody who had the key, but is not the whole. */
HTH_MUST_CHECK HthStatus hth_age_in_read(HthAgeIn *i, void *out, size_t room, size_t *n,
                                         HthErr *err);
void hth_age_in_close(HthAgeIn **i);

#endif
