/* stream.c - see stream.h.
 *
 * Bytes go through two gates.  The first lets whole UTF-8 characters pass and turns what cannot
 * become one into U+FFFD.  The second holds back the longest tail that begins a stop string; each
 * stop is followed by its own Knuth-Morris-Pratt automaton, so a byte costs O(stops) in total,
 * however the stops overlap.  The text ends where the first stop is complete; of several complete
 * at the same byte the longest counts.  Neither gate sees token boundaries.
 *
 * Thread: one owner. */
#include "text/stream.h"

#include <string.h>

#include "base/mem.h"
#include "text/vocab_int.h"

typedef struct Stop {
    char *text; /* [n] owned */
    uint32_t *border; /* [n] longest proper border of text[0..i] */
    size_t n;
    size_t matched; /* how much of it the text ends with */
} Stop;

struct HthStream {
    const HthVocab *vocab;
    Stop *stops;
    size_t stop_count, stopped;
    HthBuf piece; /* bytes not yet through the first gate: an unfinished character at most */
    HthBuf held; /* text behind the second gate */
    bool at_start, specials;
};

static HthStatus copy_stop(Stop *stop, HthStr text, HthErr *err) {
    HTH_REQUIRE(text.n > 0, err, HTH_EINVAL, "a stop string is empty");
    HTH_REQUIRE(text.n < UINT32_MAX, err, HTH_ELIMIT, "a stop string is too long");
    HTH_REQUIRE(hth_utf8_valid(text), err, HTH_EINVAL, "a stop string is not valid UTF-8");
    stop->text = hth_calloc(text.n, 1);
    stop->border = hth_calloc(text.n, sizeof *stop->border);
    HTH_REQUIRE(stop->text && stop->border, err, HTH_ENOMEM, "out of memory for a stop string");
    memcpy(stop->text, text.p, text.n);
    stop->n = text.n;
    uint32_t k = 0;
    for (size_t i = 1; i < text.n; i++) {
        while (k > 0 && text.p[k] != text.p[i]) k = stop->border[k - 1];
        if (text.p[k] == text.p[i]) k++;
        stop->border[i] = k;
    }
    return HTH_OK;
}

/* A broken byte becomes the three of U+FFFD; an unfinished character is three bytes at most. */
static size_t grown(size_t piece_max) {
    return 3 * (piece_max + 3);
}

size_t hth_stream_out_max(const HthStream *s, size_t piece_max) {
    size_t longest = 0;
    for (size_t i = 0; i < s->stop_count; i++)
        if (s->stops[i].n > longest) longest = s->stops[i].n;
    return longest + grown(piece_max);
}

static HthStatus reserve(HthStream *s, size_t piece_max, HthErr *err) {
    HTH_REQUIRE(piece_max < SIZE_MAX / 16, err, HTH_ELIMIT, "tokens of %zu bytes are too long",
                piece_max);
    HTH_TRY(hth_buf_reserve(&s->piece, piece_max + 3, err));
    return hth_buf_reserve(&s->held, hth_stream_out_max(s, piece_max), err);
}

HthStatus hth_stream_open(HthStream **out, const HthVocab *v, const HthStr *stops,
                          size_t stop_count, HthErr *err) {
    HthStreamCfg cfg = { .stops = stops, .stop_count = stop_count };
    return hth_stream_open_cfg(out, v, &cfg, err);
}

HthStatus hth_stream_open_cfg(HthStream **out, const HthVocab *v, const HthStreamCfg *cfg,
                              HthErr *err) {
    const size_t stop_count = cfg->stop_count;
    HthStatus status = HTH_OK;
    HthStream *s = hth_calloc(1, sizeof *s);
    HTH_REQUIRE(s, err, HTH_ENOMEM, "out of memory for the output stream");
    s->vocab = v;
    s->stopped = SIZE_MAX;
    s->at_start = true;
    s->specials = cfg->specials;
    hth_buf_init(&s->piece, SIZE_MAX / 2);
    hth_buf_init(&s->held, SIZE_MAX / 2);
    s->stops = hth_calloc(stop_count ? stop_count : 1, sizeof *s->stops);
    if (!s->stops) status = HTH_FAIL(err, HTH_ENOMEM, "out of memory for the stop strings");
    for (size_t i = 0; status == HTH_OK && i < stop_count; i++) {
        s->stop_count++;
        status = copy_stop(&s->stops[i], cfg->stops[i], err);
    }
    if (status == HTH_OK && cfg->piece_max) status = reserve(s, cfg->piece_max, err);
    if (status != HTH_OK) {
        hth_stream_close(&s);
        return status;
    }
    *out = s;
    return HTH_OK;
}

static void wipe(HthBuf *b) {
    if (b->p) hth_zero(b->p, b->cap);
    hth_buf_drop(b);
}

void hth_stream_close(HthStream **stream) {
    HthStream *s = *stream;
    if (!s) return;
    for (size_t i = 0; i < s->stop_count; i++) {
        if (s->stops[i].text) hth_zero(s->stops[i].text, s->stops[i].n);
        hth_free(s->stops[i].text);
        hth_free(s->stops[i].border);
    }
    hth_free(s->stops);
    wipe(&s->piece);
    wipe(&s->held);
    hth_free(s);
    *stream = NULL;
}

/* Bytes at the start of s, which begins no valid character, that one U+FFFD stands for: the longest
 * beginning of a character (Unicode 15, 3.9, maximal subpart).  0: s may yet become one. */
static size_t broken(HthStr s, bool final) {
    uint8_t lead = (uint8_t)s.p[0];
    size_t want = lead >= 0xC2 && lead <= 0xDF   ? 2
                  : lead >= 0xE0 && lead <= 0xEF ? 3
                  : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                 : 1;
    uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    for (size_t i = 1; i < want; i++) {
        if (i == s.n) return final ? i : 0;
        uint8_t c = (uint8_t)s.p[i];
        if (c < low || c > high) return i;
        low = 0x80;
        high = 0xBF;
    }
    return 1;
}

/* The first gate. */
static HthStatus pass_characters(HthStream *s, bool final, HthErr *err) {
    HthStr rest = hth_buf_str(&s->piece);
    while (rest.n) {
        size_t n = hth_utf8_whole(rest);
        HTH_TRY(hth_buf_add(&s->held, rest.p, n, err));
        rest = hth_str_sub(rest, n, SIZE_MAX);
        if (rest.n == 0) break;
        n = broken(rest, final);
        if (n == 0) break;
        HTH_TRY(hth_buf_add(&s->held, "\xEF\xBF\xBD", 3, err));
        rest = hth_str_sub(rest, n, SIZE_MAX);
    }
    if (rest.n) memmove(s->piece.p, rest.p, rest.n);
    s->piece.n = rest.n;
    return HTH_OK;
}

/* Follows one byte; true when the stop is complete. */
static bool follow(Stop *stop, char c) {
    size_t k = stop->matched;
    while (k > 0 && stop->text[k] != c) k = stop->border[k - 1];
    if (stop->text[k] == c) k++;
    stop->matched = k;
    return k == stop->n;
}

/* The second gate: held[from..] is new. */
static HthStatus pass_stops(HthStream *s, size_t from, HthBuf *out, HthErr *err) {
    size_t hold = 0;
    for (size_t i = from; i < s->held.n && s->stopped == SIZE_MAX; i++) {
        size_t longest = 0;
        hold = 0;
        for (size_t k = 0; k < s->stop_count; k++) {
            Stop *stop = &s->stops[k];
            if (follow(stop, s->held.p[i]) && stop->n > longest) {
                longest = stop->n;
                s->stopped = k;
            }
            if (stop->matched > hold) hold = stop->matched;
        }
        if (s->stopped != SIZE_MAX) s->held.n = i + 1 - longest;
    }
    if (s->stopped != SIZE_MAX) hold = 0;
    if (from == s->held.n && s->stopped == SIZE_MAX) return HTH_OK;
    size_t certain = s->held.n - hold;
    HTH_TRY(hth_buf_add(out, s->held.p, certain, err));
    if (hold) memmove(s->held.p, s->held.p + certain, hold);
    s->held.n = hold;
    return HTH_OK;
}

HthStatus hth_stream_put(HthStream *s, uint32_t id, HthBuf *out, HthErr *err) {
    if (s->stopped != SIZE_MAX) return HTH_OK;
    size_t from = s->held.n;
    HTH_TRY(hth_piece_spaced(s->vocab, id, s->specials, &s->at_start, &s->piece, err));
    HTH_TRY(pass_characters(s, false, err));
    return pass_stops(s, from, out, err);
}

HthStatus hth_stream_end(HthStream *s, HthBuf *out, HthErr *err) {
    if (s->stopped != SIZE_MAX) return HTH_OK;
    size_t from = s->held.n;
    HTH_TRY(pass_characters(s, true, err));
    HTH_TRY(pass_stops(s, from, out, err));
    HTH_TRY(hth_buf_add(out, s->held.p, s->held.n, err));
    s->held.n = 0;
    return HTH_OK;
}

HthStatus hth_stream_finish(HthStream *s, HthStr closing, HthBuf *out, size_t *held_n,
                            HthErr *err) {
    *held_n = 0;
    if (s->stopped != SIZE_MAX) return HTH_OK;
    const size_t held = s->held.n, before = out->n;
    HTH_TRY(hth_buf_add_str(&s->piece, closing, err));
    HTH_TRY(pass_characters(s, true, err));
    HthStatus st = hth_buf_add(out, s->held.p, s->held.n, err);
    if (st != HTH_OK) return st;
    s->held.n = 0;
    *held_n = held < out->n - before ? held : out->n - before;
    return HTH_OK;
}

size_t hth_stream_stopped(const HthStream *s) {
    return s->stopped;
}
