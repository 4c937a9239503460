/* age_armor.c - see age_int.h: the bytes of an age file, with its armor (PEM, strictly) taken off.
 *
 * A line holds 64 columns; only the last may hold fewer.  Lines end in LF or CRLF.  White space is
 * allowed before and after, and nowhere else.
 *
 * Thread: one at a time. */
#include <sodium.h>
#include <string.h>

#include "crypt/age_int.h"
#include "crypt/sodium.h"

static const char begin[] = "-----BEGIN AGE ENCRYPTED FILE-----";
static const char end[] = "-----END AGE ENCRYPTED FILE-----";

static HthStatus fill(HthAgeBytes *b, HthErr *err) {
    if (b->raw_at < b->raw_n) return HTH_OK;
    b->raw_at = b->raw_n = 0;
    return b->source(b->payload, b->raw, sizeof b->raw, &b->raw_n, err);
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* One line without its end, at most HTH_AGE_LINE + 1 characters of it; *ended: there was an end. */
static HthStatus line(HthAgeBytes *b, char out[HTH_AGE_LINE + 2], size_t *n, bool *ended,
                      HthErr *err) {
    *n = 0;
    *ended = false;
    while (!*ended) {
        HTH_TRY(fill(b, err));
        if (b->raw_at == b->raw_n) break;
        const char c = (char)b->raw[b->raw_at++];
        if (c == '\n')
            *ended = true;
        else if (*n <= HTH_AGE_LINE + 1)
            out[(*n)++] = c;
        else
            return HTH_FAIL(err, HTH_EFORMAT,
                            "the armor of the age file has a line that is too "
                            "long");
    }
    if (*ended && *n && out[*n - 1] == '\r') (*n)--;
    return HTH_OK;
}

static bool line_is(const char *p, size_t n, const char *want) {
    return n == strlen(want) && memcmp(p, want, n) == 0;
}

/* The first line of the armor; white space before it. */
static HthStatus open_armor(HthAgeBytes *b, HthErr *err) {
    char text[HTH_AGE_LINE + 2];
    size_t n, space = 0;
    bool ended;
    for (;;) {
        HTH_TRY(line(b, text, &n, &ended, err));
        size_t blank = 0;
        while (blank < n && is_space(text[blank])) blank++;
        if (blank < n || !ended) break;
        space += n + 1;
        HTH_REQUIRE(space <= HTH_AGE_SPACE_MAX, err, HTH_EFORMAT,
                    "not an age file: neither its header nor its armor is there");
    }
    HTH_REQUIRE(ended && line_is(text, n, begin), err, HTH_EFORMAT,
                "not an age file: neither its header nor its armor is there");
    return HTH_OK;
}

/* Nothing but white space may follow. */
static HthStatus close_armor(HthAgeBytes *b, HthErr *err) {
    for (size_t space = 0;; space++) {
        HTH_TRY(fill(b, err));
        if (b->raw_at == b->raw_n) break;
        HTH_REQUIRE(is_space((char)b->raw[b->raw_at++]) && space < HTH_AGE_SPACE_MAX, err,
                    HTH_EFORMAT, "something follows the armor of the age file");
    }
    b->ended = true;
    return HTH_OK;
}

static HthStatus next_line(HthAgeBytes *b, HthErr *err) {
    char text[HTH_AGE_LINE + 2];
    size_t n;
    bool ended;
    HTH_TRY(line(b, text, &n, &ended, err));
    if (line_is(text, n, end)) return close_armor(b, err);
    HTH_REQUIRE(ended, err, HTH_EFORMAT, "the armor of the age file has no end: it was cut");
    size_t bytes = 0;
    HTH_REQUIRE(!b->last && n > 0 && n <= HTH_AGE_LINE &&
                    hth_sodium_unbase(b->line, sizeof b->line, text, n,
                                      sodium_base64_VARIANT_ORIGINAL, &bytes) &&
                    bytes > 0,
                err, HTH_EFORMAT, "the armor of the age file is damaged");
    b->last = bytes < HTH_AGE_LINE / 4 * 3;
    b->line_at = 0;
    b->line_n = bytes;
    return HTH_OK;
}

HthStatus hth_age_bytes(HthAgeBytes *b, void *out, size_t room, size_t *n, HthErr *err) {
    *n = 0;
    if (!b->begun) {
        HTH_TRY(fill(b, err));
        b->armored = b->raw_at < b->raw_n && b->raw[b->raw_at] != 'a'; /* age-encryption.org/ */
        if (b->armored) HTH_TRY(open_armor(b, err));
        b->begun = true;
    }
    if (b->armored && !b->ended && b->line_at == b->line_n) HTH_TRY(next_line(b, err));
    if (!b->armored) HTH_TRY(fill(b, err));
    const uint8_t *from = b->armored ? b->line + b->line_at : b->raw + b->raw_at;
    const size_t there = b->armored ? b->line_n - b->line_at : b->raw_n - b->raw_at;
    if (b->armored && b->ended) return HTH_OK;
    *n = there < room ? there : room;
    memcpy(out, from, *n);
    if (b->armored)
        b->line_at += *n;
    else
        b->raw_at += *n;
    return HTH_OK;
}

bool hth_age_unbase(uint8_t *out, size_t n, HthStr text) {
    uint8_t room[HTH_AGE_LINE];
    size_t got = 0;
    if (n > HTH_AGE_LINE / 4 * 3 || text.n != (n * 4 + 2) / 3) return false;
    if (!hth_sodium_unbase(room, sizeof room, text.p, text.n,
                           sodium_base64_VARIANT_ORIGINAL_NO_PADDING, &got) ||
        got != n)
        return false;
    memcpy(out, room, n);
    return true;
}
