/* age.c - see age.h: the stream behind the header: chunks of 64 KiB, numbered, the last one marked.
 *
 * Thread: one at a time. */
#include "crypt/age.h"

#include <string.h>

#include "base/mem.h"
#include "crypt/aead.h"
#include "crypt/age_int.h"
#include "crypt/hash.h"
#include "crypt/kdf.h"
#include "crypt/secret.h"

enum { SEALED = HTH_AGE_CHUNK + HTH_AEAD_TAG_BYTES, LAST_AT = HTH_CHACHA_NONCE_BYTES - 1 };
#define CONTENT "the contents of the age file "

/* What both directions have: the key of the payload, and the number of the next chunk. */
typedef struct Chunks {
    uint8_t *key; /* [HTH_AEAD_KEY_BYTES], secret memory */
    uint64_t next;
} Chunks;

static HthStatus chunks_open(Chunks *c, HthErr *err) {
    void *key = NULL;
    HTH_TRY(hth_secret_alloc(&key, HTH_AEAD_KEY_BYTES, err));
    *c = (Chunks){ .key = key };
    return HTH_OK;
}

static void chunks_key(Chunks *c, const uint8_t *file_key, const uint8_t nonce[HTH_AGE_NONCE]) {
    hth_hkdf(c->key, HTH_AEAD_KEY_BYTES, file_key, HTH_AGE_FILE_KEY, nonce, HTH_AGE_NONCE,
             HTH_STR("payload"));
}

/* 11 bytes of counter, big-endian, and whether it is the last. */
static void chunk_nonce(Chunks *c, bool last, uint8_t out[HTH_CHACHA_NONCE_BYTES]) {
    memset(out, 0, HTH_CHACHA_NONCE_BYTES);
    for (unsigned i = 0; i < 8; i++) out[LAST_AT - 1 - i] = (uint8_t)(c->next >> 8 * i);
    out[LAST_AT] = last;
    c->next++;
}

/* ---- writing --------------------------------------------------------------------------------- */

struct HthAgeOut {
    HthAgeSink sink;
    void *payload;
    Chunks chunks;
    size_t n; /* in text */
    uint8_t text[SEALED]; /* sealed where it lies */
};

void hth_age_out_abort(HthAgeOut **o) {
    if (!*o) return;
    hth_secret_free((*o)->chunks.key);
    hth_zero((*o)->text, sizeof(*o)->text);
    hth_free(*o);
    *o = NULL;
}

static HthStatus begin(HthAgeOut *o, const HthAgeTo *to, HthBuf *header, HthErr *err) {
    uint8_t file_key[HTH_AGE_FILE_KEY], nonce[HTH_AGE_NONCE];
    HTH_TRY(chunks_open(&o->chunks, err));
    hth_random(file_key, sizeof file_key);
    hth_random(nonce, sizeof nonce);
    HthStatus status = hth_age_header_print(header, to, file_key, err);
    if (status == HTH_OK) status = hth_buf_add(header, nonce, sizeof nonce, err);
    chunks_key(&o->chunks, file_key, nonce);
    hth_secret_wipe(file_key, sizeof file_key);
    return status == HTH_OK ? o->sink(o->payload, header->p, header->n, err) : status;
}

HthStatus hth_age_out_open(HthAgeOut **out, const HthAgeTo *to, HthErr *err) {
    HthBuf header;
    HthAgeOut *o = hth_calloc(1, sizeof *o);
    HTH_REQUIRE(o, err, HTH_ENOMEM, "out of memory for an age file");
    o->sink = to->sink;
    o->payload = to->payload;
    hth_buf_init(&header, HTH_AGE_HEADER_MAX);
    const HthStatus status = begin(o, to, &header, err);
    hth_buf_drop(&header);
    if (status == HTH_OK)
        *out = o;
    else
        hth_age_out_abort(&o);
    return status;
}

static HthStatus send(HthAgeOut *o, bool last, HthErr *err) {
    uint8_t nonce[HTH_CHACHA_NONCE_BYTES];
    chunk_nonce(&o->chunks, last, nonce);
    hth_seal(HTH_CHACHA, o->text, o->text, o->n, NULL, 0, nonce, o->chunks.key);
    const size_t n = o->n + HTH_AEAD_TAG_BYTES;
    o->n = 0;
    return o->sink(o->payload, o->text, n, err);
}

HthStatus hth_age_out_add(HthAgeOut *o, const void *bytes, size_t n, HthErr *err) {
    const uint8_t *from = bytes;
    while (n) {
        if (o->n == HTH_AGE_CHUNK) HTH_TRY(send(o, false, err)); /* more comes: not the last */
        const size_t room = HTH_AGE_CHUNK - o->n, take = n < room ? n : room;
        memcpy(o->text + o->n, from, take);
        o->n += take;
        from += take;
        n -= take;
    }
    return HTH_OK;
}

HthStatus hth_age_out_end(HthAgeOut **o, HthErr *err) {
    const HthStatus status = send(*o, true, err);
    hth_age_out_abort(o);
    return status;
}

/* ---- reading --------------------------------------------------------------------------------- */

struct HthAgeIn {
    HthAgeBytes bytes;
    Chunks chunks;
    bool last; /* the last chunk is in text */
    HthStatus failed; /* and it stays so */
    size_t sealed_n; /* in sealed */
    uint8_t sealed[SEALED + 1]; /* a chunk, and a byte that tells whether another follows */
    size_t at, n; /* in text */
    uint8_t text[SEALED];
};

void hth_age_in_close(HthAgeIn **i) {
    if (!*i) return;
    hth_secret_free((*i)->chunks.key);
    hth_zero((*i)->text, sizeof(*i)->text);
    hth_free(*i);
    *i = NULL;
}

/* Until there are `want` bytes in i->sealed, or the end. */
static HthStatus gather(HthAgeIn *i, size_t want, HthErr *err) {
    while (i->sealed_n < want) {
        size_t n;
        HTH_TRY(hth_age_bytes(&i->bytes, i->sealed + i->sealed_n, want - i->sealed_n, &n, err));
        if (!n) break;
        i->sealed_n += n;
    }
    return HTH_OK;
}

static HthStatus enter(HthAgeIn *i, const HthAgeFrom *from, HthErr *err) {
    uint8_t file_key[HTH_AGE_FILE_KEY] = { 0 };
    HTH_TRY(chunks_open(&i->chunks, err));
    HthStatus status = hth_age_header_read(&i->bytes, from, file_key, err);
    if (status == HTH_OK) status = gather(i, HTH_AGE_NONCE, err);
    if (status == HTH_OK && i->sealed_n < HTH_AGE_NONCE)
        status = HTH_FAIL(err, HTH_EFORMAT,
                          "the header of the age file is all there is of it: it was cut");
    chunks_key(&i->chunks, file_key, i->sealed);
    i->sealed_n = 0;
    hth_secret_wipe(file_key, sizeof file_key);
    return status;
}

HthStatus hth_age_in_open(HthAgeIn **out, const HthAgeFrom *from, HthErr *err) {
    HthAgeIn *i = hth_calloc(1, sizeof *i);
    HTH_REQUIRE(i, err, HTH_ENOMEM, "out of memory for an age file");
    i->bytes.source = from->source;
    i->bytes.payload = from->payload;
    const HthStatus status = enter(i, from, err);
    if (status == HTH_OK)
        *out = i;
    else
        hth_age_in_close(&i);
    return status;
}

static HthStatus next_chunk(HthAgeIn *i, HthErr *err) {
    uint8_t nonce[HTH_CHACHA_NONCE_BYTES];
    HTH_TRY(gather(i, SEALED + 1, err));
    const bool last = i->sealed_n <= SEALED, first = i->chunks.next == 0;
    const size_t n = last ? i->sealed_n : SEALED;
    chunk_nonce(&i->chunks, last, nonce);
    HTH_REQUIRE(hth_unseal(HTH_CHACHA, i->text, i->sealed, n, NULL, 0, nonce, i->chunks.key), err,
                HTH_EFORMAT, CONTENT "are damaged, or were cut or changed, after %llu KiB",
                (unsigned long long)(i->chunks.next - 1) * (HTH_AGE_CHUNK / 1024));
    HTH_REQUIRE(n > HTH_AEAD_TAG_BYTES || first, err, HTH_EFORMAT,
                CONTENT "end in an empty chunk, which age does not write");
    i->at = 0;
    i->n = n - HTH_AEAD_TAG_BYTES;
    i->last = last;
    if (!last) i->sealed[0] = i->sealed[SEALED];
    i->sealed_n = !last;
    return HTH_OK;
}

HthStatus hth_age_in_read(HthAgeIn *i, void *out, size_t room, size_t *n, HthErr *err) {
    *n = 0;
    HTH_REQUIRE(i->failed == HTH_OK, err, i->failed, CONTENT "could not be read");
    if (i->at == i->n && !i->last) i->failed = next_chunk(i, err);
    if (i->failed != HTH_OK) return i->failed;
    *n = i->n - i->at < room ? i->n - i->at : room;
    memcpy(out, i->text + i->at, *n);
    i->at += *n;
    return HTH_OK;
}
