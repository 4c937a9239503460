/* hash.c - see hash.h.
 *
 * GnuTLS hashes (it knows SHA-3 and the processor's SHA instructions); libsodium does the rest.
 *
 * Thread: any. */
#include "crypt/hash.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_fault.h"
#include "base/mem.h"
#include "crypt/sodium.h"

enum { CHUNK_BYTES = 1 << 20, B64_MAX = 1 << 30 };

static const gnutls_digest_algorithm_t kinds[] = {
    [HTH_SHA256] = GNUTLS_DIG_SHA256,
    [HTH_SHA3_256] = GNUTLS_DIG_SHA3_256,
};

/* GnuTLS takes lengths in size_t, and never a NULL. */
void hth_hash(HthHashKind kind, const void *bytes, size_t n, uint8_t out[HTH_HASH_BYTES]) {
    const int rc = gnutls_hash_fast(kinds[kind], n ? bytes : "", n, out);
    HTH_ASSERT(rc == 0); /* works on the stack: nothing can be missing */
}

HthStatus hth_hash_begin(HthHash *h, HthHashKind kind, HthErr *err) {
    gnutls_hash_hd_t handle = NULL;
    const int rc = gnutls_hash_init(&handle, kinds[kind]);
    HTH_REQUIRE(rc == 0, err, HTH_ENOMEM, "out of memory for a digest");
    h->handle = handle;
    return HTH_OK;
}

void hth_hash_add(HthHash *h, const void *bytes, size_t n) {
    if (!n) return;
    const int rc = gnutls_hash(h->handle, bytes, n);
    HTH_ASSERT(rc == 0);
}

void hth_hash_end(HthHash *h, uint8_t out[HTH_HASH_BYTES]) {
    HTH_ASSERT(h->handle || !out);
    uint8_t ignored[HTH_HASH_BYTES];
    if (h->handle) gnutls_hash_deinit(h->handle, out ? out : ignored);
    h->handle = NULL;
}

static HthStatus feed(HthHash *h, int fd, const char *name, uint64_t total, uint8_t *chunk,
                      HthHashProgress progress, void *payload, HthErr *err) {
    for (uint64_t at = 0;;) {
        const ssize_t n = hth_file_fault() ? -1 : pread(fd, chunk, CHUNK_BYTES, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        HTH_REQUIRE(n >= 0, err, HTH_EIO, "cannot read %s: %s", name, strerror(errno));
        HTH_REQUIRE(n > 0 || at == total, err, HTH_EFORMAT,
                    "%s became shorter while it was read; is somebody writing it?", name);
        if (!n) return HTH_OK;
        HTH_REQUIRE((uint64_t)n <= total - at, err, HTH_EFORMAT,
                    "%s became longer while it was read; is somebody writing it?", name);
        hth_hash_add(h, chunk, (size_t)n);
        at += (uint64_t)n;
        HTH_REQUIRE(!progress || progress(payload, at, total), err, HTH_ECANCELED,
                    "the digest of %s was given up", name);
    }
}

HthStatus hth_hash_add_fd(HthHash *h, int fd, const char *name, HthHashProgress progress,
                          void *payload, HthErr *err) {
    struct stat st;
    HTH_REQUIRE(!fstat(fd, &st), err, HTH_EIO, "cannot examine %s: %s", name, strerror(errno));
    HTH_REQUIRE(S_ISREG(st.st_mode), err, HTH_EINVAL, "%s is not a regular file", name);
    uint8_t *chunk = hth_calloc(1, CHUNK_BYTES);
    HTH_REQUIRE(chunk, err, HTH_ENOMEM, "out of memory for the digest of %s", name);
    const HthStatus status = feed(h, fd, name, (uint64_t)st.st_size, chunk, progress, payload, err);
    hth_free(chunk);
    return status;
}

HthStatus hth_hash_fd(HthHashKind kind, int fd, const char *name, HthHashProgress progress,
                      void *payload, uint8_t out[HTH_HASH_BYTES], HthErr *err) {
    HthHash h = { 0 };
    HTH_TRY(hth_hash_begin(&h, kind, err));
    const HthStatus status = hth_hash_add_fd(&h, fd, name, progress, payload, err);
    hth_hash_end(&h, status == HTH_OK ? out : NULL);
    return status;
}

void hth_random(void *out, size_t n) {
    hth_sodium_ready();
    randombytes_buf(out, n);
}

bool hth_secret_equal(const void *a, const void *b, size_t n) {
    return sodium_memcmp(a, b, n) == 0;
}

void hth_hex(char *out, const void *bytes, size_t n) {
    sodium_bin2hex(out, 2 * n + 1, bytes, n);
}

static int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hth_unhex(void *out, size_t n, HthStr text) {
    if (text.n % 2 || text.n / 2 != n) return false;
    for (size_t i = 0; i < text.n; i++)
        if (digit(text.p[i]) < 0) return false;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)out)[i] = (uint8_t)(digit(text.p[2 * i]) << 4 | digit(text.p[2 * i + 1]));
    return true;
}

static const int forms[] = {
    [HTH_BASE64] = sodium_base64_VARIANT_ORIGINAL,
    [HTH_BASE64_URL] = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
};

HthStatus hth_base64(HthBuf *out, HthBase64 form, const void *bytes, size_t n, HthErr *err) {
    HTH_REQUIRE(n <= B64_MAX, err, HTH_ELIMIT, "%zu bytes are too many for base64", n);
    const size_t room = sodium_base64_encoded_len(n, forms[form]); /* with NUL */
    HTH_TRY(hth_buf_reserve(out, room - 1, err));
    sodium_bin2base64(out->p + out->n, room, n ? bytes : (const uint8_t *)"", n, forms[form]);
    out->n += room - 1;
    return HTH_OK;
}

bool hth_sodium_unbase(uint8_t *out, size_t room, const char *text, size_t n, int variant,
                       size_t *got) {
    const char *end = NULL;
    for (size_t i = 0; i < n; i++)
        if ((uint8_t)text[i] >= 0x80) return false;
    return sodium_base642bin(out, room, text, n, NULL, got, &end, variant) == 0 && end == text + n;
}

HthStatus hth_unbase64(HthBuf *out, HthBase64 form, HthStr text, HthErr *err) {
    size_t digits = text.n;
    while (digits && text.p[digits - 1] == '=') digits--;
    const size_t room = digits / 4 * 3 + digits % 4 * 3 / 4;
    HTH_TRY(hth_buf_reserve(out, room, err));
    size_t n = 0;
    const bool whole =
        hth_sodium_unbase((uint8_t *)out->p + out->n, room, text.p, text.n, forms[form], &n);
    if (whole) out->n += n;
    out->p[out->n] = '\0';
    HTH_REQUIRE(whole, err, HTH_EINVAL, "the text is not base64%s",
                form == HTH_BASE64_URL ? " as URLs have it (- and _, no =)" : "");
    return HTH_OK;
}
