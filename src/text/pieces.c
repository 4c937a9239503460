/* pieces.c - token texts and the bytes they stand for: the byte-level alphabet, escaped spaces,
 * <0xHH> tokens, and decoding.
 *
 * Thread: any. */
#include <string.h>

#include "text/unicode.h"
#include "text/vocab_int.h"

#define SPACE_MARK "\xE2\x96\x81" /* U+2581 */

/* Printable Latin-1 stands for itself; the 68 other bytes take U+0100, U+0101, ... in order. */
static bool printable(unsigned byte) {
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

size_t hth_byte_char(uint8_t byte, char out[4]) {
    uint32_t cp = byte;
    if (!printable(byte)) {
        cp = 0x100;
        for (unsigned b = 0; b < byte; b++) cp += !printable(b);
    }
    return hth_utf8_encode(cp, out);
}

int hth_char_byte(uint32_t cp) {
    if (cp < 0x100) return printable(cp) ? (int)cp : -1;
    unsigned left = cp - 0x100;
    for (unsigned b = 0; b < 256; b++) {
        if (!printable(b) && left-- == 0) return (int)b;
    }
    return -1;
}

HthStatus hth_escape_spaces(HthStr text, HthBuf *out, HthErr *err) {
    for (size_t i = 0; i < text.n;) {
        const char *space = memchr(text.p + i, ' ', text.n - i);
        size_t end = space ? (size_t)(space - text.p) : text.n;
        HTH_TRY(hth_buf_add(out, text.p + i, end - i, err));
        if (space) HTH_TRY(hth_buf_add(out, SPACE_MARK, 3, err));
        i = end + 1;
    }
    return HTH_OK;
}

HthStatus hth_unescape_spaces(HthStr text, HthBuf *out, HthErr *err) {
    for (size_t i = 0; i < text.n;) {
        HthStr rest = hth_str_sub(text, i, SIZE_MAX);
        size_t mark = hth_str_find(rest, HTH_STR(SPACE_MARK));
        size_t n = mark == SIZE_MAX ? rest.n : mark;
        HTH_TRY(hth_buf_add(out, rest.p, n, err));
        if (mark != SIZE_MAX) HTH_TRY(hth_buf_add_char(out, ' ', err));
        i += n + 3;
    }
    return HTH_OK;
}

static int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

int hth_byte_token(HthStr t) {
    if (t.n != 6 || !hth_str_starts(t, HTH_STR("<0x")) || t.p[5] != '>') return -1;
    int high = hex(t.p[3]), low = hex(t.p[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* A byte-level token's text is made of the alphabet's characters; any other character (added tokens
 * in plain text) stands for itself. */
static HthStatus add_byte_level(HthStr text, HthBuf *out, HthErr *err) {
    while (text.n) {
        uint32_t cp;
        size_t n = hth_uni_decode(text, &cp);
        int byte = hth_char_byte(cp);
        if (byte >= 0) {
            HTH_TRY(hth_buf_add_char(out, (char)byte, err));
        } else {
            HTH_TRY(hth_buf_add(out, text.p, n, err));
        }
        text = hth_str_sub(text, n, SIZE_MAX);
    }
    return HTH_OK;
}

static HthStatus add_rwkv(HthStr text, HthBuf *out, HthErr *err) {
    HTH_TRY(hth_buf_reserve(out, text.n, err));
    out->n += hth_rwkv_unescape(text, out->p + out->n);
    out->p[out->n] = 0;
    return HTH_OK;
}

HthStatus hth_vocab_piece(const HthVocab *v, uint32_t id, bool show_special, HthBuf *out,
                          HthErr *err) {
    HTH_REQUIRE(id < v->n, err, HTH_EINVAL, "token %u does not exist (the vocabulary has %u)", id,
                v->n);
    unsigned attr = v->attr[id];
    HthStr text = v->text[id];
    if (attr & (HTH_ATTR_CONTROL | HTH_ATTR_UNKNOWN)) {
        return show_special ? hth_buf_add_str(out, text, err) : HTH_OK;
    }
    if (v->family == HTH_FAMILY_RWKV) return add_rwkv(text, out, err);
    if (attr & HTH_ATTR_USER) return hth_buf_add_str(out, text, err);
    int byte = attr & HTH_ATTR_BYTE ? hth_byte_token(text) : -1;
    if (byte >= 0) return hth_buf_add_char(out, (char)byte, err);
    if (!(attr & (HTH_ATTR_NORMAL | HTH_ATTR_BYTE))) return HTH_OK;
    if (v->family == HTH_FAMILY_BPE && !(v->pre->flags & HTH_PRE_RAW)) {
        return add_byte_level(text, out, err);
    }
    return hth_unescape_spaces(text, out, err);
}

/* Encoding puts a space before a stretch of text; decoding takes it away again: at the start, and
 * after every special token that is shown. */
HthStatus hth_piece_spaced(const HthVocab *v, uint32_t id, bool show_special, bool *at_start,
                           HthBuf *out, HthErr *err) {
    size_t before = out->n;
    HTH_TRY(hth_vocab_piece(v, id, show_special, out, err));
    if (out->n == before) return HTH_OK;
    bool special = v->attr[id] & (HTH_ATTR_CONTROL | HTH_ATTR_UNKNOWN);
    bool strips = v->family == HTH_FAMILY_WPM || v->family == HTH_FAMILY_UGM ||
                  (v->family == HTH_FAMILY_SPM && v->add_space);
    if (*at_start && strips && !special && out->p[before] == ' ') {
        memmove(out->p + before, out->p + before + 1, out->n - before);
        out->n--;
    }
    *at_start = special;
    return HTH_OK;
}

HthStatus hth_vocab_decode(const HthVocab *v, const uint32_t *ids, size_t n, bool show_special,
                           HthBuf *out, HthErr *err) {
    size_t before = out->n;
    bool at_start = true;
    for (size_t i = 0; i < n; i++) {
        HthStatus status = hth_piece_spaced(v, ids[i], show_special, &at_start, out, err);
        if (status != HTH_OK) {
            out->n = before; /* a failed call leaves the buffer as it was */
            if (out->p) out->p[before] = 0;
            return status;
        }
    }
    return HTH_OK;
}
