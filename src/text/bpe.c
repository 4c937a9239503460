/* bpe.c - byte-pair encoding with ranked merges, over byte-level characters or plain UTF-8.
 *
 * Merges are pairs of strings.  Every string that occurs in one has a number, its piece: the
 * token's id where it is a token, a number from the vocabulary's size up where it is not.  A merge
 * is then a pair of pieces that gives a rank, and a rank gives the joined piece.
 *
 * Thread: immutable after open; any. */
#include <string.h>

#include "base/mem.h"
#include "text/unicode.h"
#include "text/vocab_int.h"

struct HthBpe {
    HthMap *extra; /* strings of merges that are no tokens -> piece */
    uint32_t pieces; /* all of them, tokens first */
    HthMap64 *rank; /* left piece << 32 | right piece -> rank */
    uint32_t *joined; /* [rank] piece of the joined string, or HTH_TOKEN_NONE */
    uint32_t byte_piece[256]; /* byte-level: the piece of each byte's character */
};

static uint32_t piece_of(const HthVocab *v, const HthBpe *b, HthStr s) {
    uint32_t id = hth_map_get(v->map, s);
    return id != HTH_MAP_NONE ? id : hth_map_get(b->extra, s);
}

static HthStatus intern(const HthVocab *v, HthBpe *b, HthStr s, uint32_t *piece_out, HthErr *err) {
    *piece_out = piece_of(v, b, s);
    if (*piece_out != HTH_MAP_NONE) return HTH_OK;
    HTH_TRY(hth_map_put(b->extra, s, b->pieces, err));
    *piece_out = b->pieces++;
    return HTH_OK;
}

/* "left right", cut at the first space that is not the first byte; false without one. */
static bool cut_merge(HthStr line, HthStr *left, HthStr *right) {
    size_t at = line.n > 1 ? hth_str_find(hth_str_sub(line, 1, SIZE_MAX), HTH_STR(" ")) : SIZE_MAX;
    if (at == SIZE_MAX) return false;
    *left = hth_str_sub(line, 0, at + 1);
    *right = hth_str_sub(line, at + 2, SIZE_MAX);
    return true;
}

/* Merges on their way through the maps: what is asked of memory for one does not wait for the
 * others. A real vocabulary has 280 thousand. */
enum { BATCH = 16 };

typedef struct Batch {
    uint32_t n;
    uint32_t rank[BATCH];
    HthStr side[3 * BATCH]; /* of each: left, right, joined */
    uint32_t piece[3 * BATCH];
    size_t end[BATCH]; /* of the joined string in `both` */
    HthBuf both;
} Batch;

/* Merges first .. first + count as strings. */
static HthStatus gather(Batch *m, const HthGgufKv *kv, uint32_t first, uint32_t count,
                        HthErr *err) {
    m->n = 0;
    hth_buf_clear(&m->both);
    for (uint32_t i = first; i < first + count; i++) {
        HthStr *side = &m->side[3 * m->n];
        if (!cut_merge(hth_gguf_elem_str(kv, i), &side[0], &side[1])) continue;
        HTH_TRY(hth_buf_add_str(&m->both, side[0], err));
        HTH_TRY(hth_buf_add_str(&m->both, side[1], err));
        m->rank[m->n] = i;
        m->end[m->n++] = m->both.n;
    }
    for (uint32_t i = 0; i < m->n; i++) { /* only now: the buffer may have moved */
        size_t from = i ? m->end[i - 1] : 0;
        m->side[3 * i + 2] = hth_str_sub(hth_buf_str(&m->both), from, m->end[i] - from);
    }
    return HTH_OK;
}

static HthStatus read_batch(const HthVocab *v, HthBpe *b, Batch *m, HthErr *err) {
    uint64_t pair[BATCH];
    hth_map_get_many(v->map, m->side, 3 * m->n, m->piece);
    for (uint32_t i = 0; i < m->n; i++) {
        uint32_t *p = &m->piece[3 * i];
        for (int k = 0; k < 2; k++)
            if (p[k] == HTH_MAP_NONE)
                HTH_TRY(intern(v, b, m->side[3 * i + (uint32_t)k], &p[k], err));
        pair[i] = (uint64_t)p[0] << 32 | p[1];
        hth_map64_prefetch(b->rank, pair[i]);
        b->joined[m->rank[i]] = p[2];
    }
    for (uint32_t i = 0; i < m->n; i++) /* of equal pairs the first one counts */
        HTH_TRY(hth_map64_add(b->rank, pair[i], m->rank[i], err));
    return HTH_OK;
}

/* Joined strings that are no tokens may be sides of later merges. */
static HthStatus join_extra(HthBpe *b, Batch *m, const HthGgufKv *kv, uint32_t n, HthErr *err) {
    for (uint32_t i = 0; i < n && hth_map_count(b->extra) > 0; i++) {
        if (b->joined[i] != HTH_TOKEN_NONE) continue;
        HTH_TRY(gather(m, kv, i, 1, err));
        if (m->n > 0) b->joined[i] = hth_map_get(b->extra, m->side[2]);
    }
    return HTH_OK;
}

static HthStatus read_merges(const HthVocab *v, HthBpe *b, const HthGgufKv *kv, HthErr *err) {
    Batch m;
    HthStatus status = HTH_OK;
    uint32_t n = (uint32_t)kv->count;
    hth_buf_init(&m.both, SIZE_MAX / 2);
    memset(b->joined, 0xff, n * sizeof *b->joined); /* HTH_TOKEN_NONE */
    for (uint32_t i = 0; status == HTH_OK && i < n; i += BATCH) {
        status = gather(&m, kv, i, n - i < BATCH ? n - i : BATCH, err);
        if (status == HTH_OK) status = read_batch(v, b, &m, err);
    }
    if (status == HTH_OK) status = join_extra(b, &m, kv, n, err);
    hth_buf_drop(&m.both);
    return status;
}

HthStatus hth_bpe_open(HthVocab *v, const HthGguf *g, HthErr *err) {
    static const char KEY[] = "tokenizer.ggml.merges";
    const HthGgufKv *kv = NULL;
    /* kimi-k2's tokens are their own merges: its files have none. */
    bool needed = !hth_str_eq(v->pre_name, HTH_STR("kimi-k2"));
    if (needed || hth_gguf_find(g, KEY)) HTH_TRY(hth_gguf_arr(g, KEY, HTH_GGUF_STR, &kv, err));
    uint64_t n = kv ? kv->count : 0;
    HTH_REQUIRE(n <= INT32_MAX, err, HTH_EFORMAT, "%s has too many entries", KEY);
    HthBpe *b = v->bpe = hth_calloc(1, sizeof *b);
    HTH_REQUIRE(b, err, HTH_ENOMEM, "out of memory for the tokenizer");
    b->pieces = v->n;
    b->joined = hth_calloc(n ? n : 1, sizeof *b->joined);
    HTH_REQUIRE(b->joined, err, HTH_ENOMEM, "out of memory for the tokenizer");
    HTH_TRY(hth_map_open(&b->extra, 16, err));
    HTH_TRY(hth_map64_open(&b->rank, n, err));
    if (kv) HTH_TRY(read_merges(v, b, kv, err));
    for (unsigned byte = 0; byte < 256; byte++) {
        char c[4];
        size_t len = hth_byte_char((uint8_t)byte, c);
        b->byte_piece[byte] = piece_of(v, b, (HthStr){ c, len });
    }
    return hth_pretok_open(&v->pretok, v->pre, err);
}

void hth_bpe_close(HthBpe **b) {
    if (!*b) return;
    hth_map_close(&(*b)->extra);
    hth_map64_close(&(*b)->rank);
    hth_free((*b)->joined);
    hth_free(*b);
    *b = NULL;
}

static bool bond(const void *ctx, HthStr word, const HthSymbol *left, const HthSymbol *right,
                 HthBond *out) {
    const HthBpe *b = ctx;
    (void)word;
    if (left->piece == HTH_TOKEN_NONE || right->piece == HTH_TOKEN_NONE) return false;
    out->key = hth_map64_get(b->rank, (uint64_t)left->piece << 32 | right->piece);
    if (out->key == HTH_MAP_NONE) return false;
    out->piece = b->joined[out->key];
    return true;
}

/* A symbol that is no token: byte by byte, dropping what the vocabulary cannot say at all. */
static HthStatus emit_bytes(const HthVocab *v, HthStr s, HthIds *ids, HthErr *err) {
    bool raw = v->pre->flags & HTH_PRE_RAW;
    for (size_t i = 0; i < s.n; i++) {
        char c[4] = { s.p[i] };
        size_t n = raw ? 1 : hth_byte_char((uint8_t)s.p[i], c);
        for (size_t k = 0; k < n; k++) {
            uint32_t id = raw ? v->byte_id[(uint8_t)c[k]] : v->char_id[(uint8_t)c[k]];
            if (id != HTH_TOKEN_NONE) HTH_TRY(hth_ids_add(ids, id, err));
        }
    }
    return HTH_OK;
}

/* Scratch memory of one encode call. */
typedef struct Work {
    HthMerge merge;
    HthCuts cuts;
    HthBuf clean, word;
} Work;

/* The token that is this whole word, where the pre-tokenizer allows the short cut. */
static HthStatus whole_word(const HthVocab *v, HthStr word, Work *w, uint32_t *id, HthErr *err) {
    *id = HTH_TOKEN_NONE;
    bool raw = v->pre->flags & HTH_PRE_RAW, wanted = v->pre->flags & HTH_PRE_WHOLE;
    if (v->pre->flags & HTH_PRE_NEWLINES) wanted = word.p[0] == '\n';
    if (!wanted || word.n > v->token_max) return HTH_OK;
    if (raw) {
        *id = hth_map_get(v->map, word);
        return HTH_OK;
    }
    hth_buf_clear(&w->word);
    for (size_t i = 0; i < word.n; i++) {
        char c[4];
        HTH_TRY(hth_buf_add(&w->word, c, hth_byte_char((uint8_t)word.p[i], c), err));
    }
    *id = hth_map_get(v->map, hth_buf_str(&w->word));
    return HTH_OK;
}

static HthStatus encode_word(const HthVocab *v, HthStr word, Work *w, HthIds *ids, HthErr *err) {
    uint32_t id;
    HTH_TRY(whole_word(v, word, w, &id, err));
    if (id != HTH_TOKEN_NONE) return hth_ids_add(ids, id, err);
    hth_merge_clear(&w->merge);
    for (size_t i = 0; i < word.n;) {
        HthStr c = { word.p + i, 1 };
        uint32_t piece = v->bpe->byte_piece[(uint8_t)word.p[i]];
        if (v->pre->flags & HTH_PRE_RAW) {
            c = hth_str_sub(word, i, hth_uni_lead(word.p[i]));
            piece = piece_of(v, v->bpe, c);
        }
        HTH_TRY(hth_merge_add(&w->merge, c.n, piece, err));
        i += c.n;
    }
    HTH_TRY(hth_merge_run(&w->merge, word, bond, v->bpe, err));
    for (size_t i = 0; i < w->merge.n; i++) {
        const HthSymbol *s = &w->merge.sym[i];
        if (s->n == 0) continue;
        if (s->piece < v->n) {
            HTH_TRY(hth_ids_add(ids, s->piece, err));
        } else {
            HTH_TRY(emit_bytes(v, hth_str_sub(word, s->at, s->n), ids, err));
        }
    }
    return HTH_OK;
}

/* What the merges see instead of the text, where that differs. */
static HthStatus rewrite(const HthVocab *v, HthStr *text, Work *w, HthErr *err) {
    if (!hth_utf8_valid(*text)) {
        HTH_TRY(hth_uni_clean(*text, &w->clean, err));
        *text = hth_buf_str(&w->clean);
    }
    bool words = v->pre->flags & HTH_PRE_WORDS;
    if (!(v->pre->flags & HTH_PRE_RAW) || (words && !v->lower)) return HTH_OK;
    if (!words) HTH_TRY(hth_escape_spaces(*text, &w->word, err));
    while (words && text->n) {
        uint32_t cp;
        char c[4];
        *text = hth_str_sub(*text, hth_uni_decode(*text, &cp), SIZE_MAX);
        HTH_TRY(hth_buf_add(&w->word, c, hth_uni_encode(hth_uni_lower(cp), c), err));
    }
    *text = hth_buf_str(&w->word);
    return HTH_OK;
}

static bool begins_blank(HthStr word) {
    uint32_t cp;
    hth_uni_decode(word, &cp);
    return hth_uni_space(cp);
}

static HthStatus encode(const HthVocab *v, HthStr text, Work *w, HthIds *ids, HthErr *err) {
    HTH_TRY(rewrite(v, &text, w, err));
    HTH_REQUIRE(text.n < UINT32_MAX, err, HTH_ELIMIT, "the text is longer than 4 GiB");
    HTH_TRY(hth_pretok_split(v->pretok, text, &w->cuts, err));
    for (size_t i = 0, at = 0; i < w->cuts.n; at += w->cuts.p[i++]) {
        HthStr word = hth_str_sub(text, at, w->cuts.p[i]);
        if ((v->pre->flags & HTH_PRE_WORDS) && begins_blank(word)) continue;
        HTH_TRY(encode_word(v, word, w, ids, err));
    }
    return HTH_OK;
}

HthStatus hth_bpe_encode(const HthVocab *v, HthStr text, HthIds *ids, HthErr *err) {
    Work w = { 0 };
    hth_buf_init(&w.clean, SIZE_MAX / 2);
    hth_buf_init(&w.word, SIZE_MAX / 2);
    HthStatus status = encode(v, text, &w, ids, err);
    hth_merge_drop(&w.merge);
    hth_cuts_drop(&w.cuts);
    hth_buf_drop(&w.clean);
    hth_buf_drop(&w.word);
    return status;
}
