/* ugm.c - the unigram language model of T5: normalise, then the most probable cut (Viterbi).
 *
 * tokenizer.ggml.precompiled_charsmap, little-endian:
 *
 *   OFFSET     SIZE   WHAT
 *   0          4      bytes of the double array, T
 *   4          T      T/4 units of the double array
 *   4+T        rest   replacement strings, each ended by NUL
 *
 *   a unit: bits 0-7 and 31 label (bit 31 set: the rest is the offset of a replacement),
 *           bit 8 "a string ends here", bits 10-30 base, shifted left by 8 more if bit 9 is set
 *
 * The step from unit i along byte c goes to base(i) ^ i ^ c and holds if the label there is c.
 *
 * Thread: immutable after open; any. */
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "text/unicode.h"
#include "text/vocab_int.h"

#define REPLACEMENT HTH_STR("\xEF\xBF\xBD")

struct HthUgm {
    HthTrie *tokens; /* what Viterbi may choose from */
    HthTrie *user; /* USER tokens: their text is not normalised */
    bool has_user;
    const uint8_t *units; /* [unit_n] little-endian words, unaligned; NULL: no charsmap */
    size_t unit_n;
    HthStr strings;
    double unk_score;
};

static HthStatus read_charsmap(HthUgm *u, const HthGguf *g, HthErr *err) {
    static const char KEY[] = "tokenizer.ggml.precompiled_charsmap";
    const HthGgufKv *kv = hth_gguf_find(g, KEY);
    if (!kv) return HTH_OK;
    HTH_REQUIRE(kv->type == HTH_GGUF_ARR && (kv->elem == HTH_GGUF_U8 || kv->elem == HTH_GGUF_I8),
                err, HTH_EFORMAT, "%s is not an array of bytes", KEY);
    if (kv->count == 0) return HTH_OK;
    HTH_REQUIRE(kv->count >= 4, err, HTH_EFORMAT, "%s is cut short", KEY);
    uint64_t table = hth_le32(kv->data);
    HTH_REQUIRE(table < kv->count - 4, err, HTH_EFORMAT, "%s is cut short", KEY);
    u->units = kv->data + 4;
    u->unit_n = table / 4;
    u->strings = (HthStr){ (const char *)kv->data + 4 + table, kv->count - 4 - table };
    return HTH_OK;
}

HthStatus hth_ugm_open(HthVocab *v, const HthGguf *g, HthErr *err) {
    HthUgm *u = v->ugm = hth_calloc(1, sizeof *u);
    HTH_REQUIRE(u, err, HTH_ENOMEM, "out of memory for the tokenizer");
    HTH_REQUIRE(v->unk != HTH_TOKEN_NONE, err, HTH_EFORMAT, "the vocabulary has no unknown token");
    HTH_TRY(hth_trie_open(&u->tokens, err));
    HTH_TRY(hth_trie_open(&u->user, err));
    float lowest = 3.402823466e38f;
    for (uint32_t id = 0; id < v->n; id++) {
        unsigned attr = v->attr[id];
        if ((attr & HTH_ATTR_NORMAL) && v->score[id] < lowest) lowest = v->score[id];
        if (attr & (HTH_ATTR_NORMAL | HTH_ATTR_USER | HTH_ATTR_UNUSED)) {
            HTH_TRY(hth_trie_put(u->tokens, v->text[id], id, err));
        }
        if (attr & HTH_ATTR_USER) {
            HTH_TRY(hth_trie_put(u->user, v->text[id], id, err));
            u->has_user = true;
        }
    }
    u->unk_score = (double)(lowest - 10.0f);
    return read_charsmap(u, g, err);
}

void hth_ugm_close(HthUgm **u) {
    if (!*u) return;
    hth_trie_close(&(*u)->tokens);
    hth_trie_close(&(*u)->user);
    hth_free(*u);
    *u = NULL;
}

static HthStatus unit_at(const HthUgm *u, size_t i, uint32_t *unit, HthErr *err) {
    HTH_REQUIRE(i < u->unit_n, err, HTH_EFORMAT,
                "the vocabulary's table of characters points outside itself");
    *unit = hth_le32(u->units + 4 * i);
    return HTH_OK;
}

static uint32_t base_of(uint32_t unit) {
    return (unit >> 10) << ((unit & (1u << 9)) >> 6);
}

/* The longest stretch of s the charsmap replaces: bytes eaten (0: none) and the replacement. */
static HthStatus replaced(const HthUgm *u, HthStr s, size_t *eaten, HthStr *with, HthErr *err) {
    uint32_t unit;
    uint64_t offset = 0;
    *eaten = 0;
    HTH_TRY(unit_at(u, 0, &unit, err));
    uint32_t node = base_of(unit);
    for (size_t i = 0; i < s.n && s.p[i]; i++) {
        uint8_t c = (uint8_t)s.p[i];
        node ^= c;
        HTH_TRY(unit_at(u, node, &unit, err));
        if ((unit & 0x800000FFu) != c) break;
        node ^= base_of(unit);
        if (unit >> 8 & 1) {
            HTH_TRY(unit_at(u, node, &unit, err));
            *eaten = i + 1;
            offset = unit & 0x7FFFFFFFu;
        }
    }
    if (*eaten == 0) return HTH_OK;
    HTH_REQUIRE(offset < u->strings.n, err, HTH_EFORMAT,
                "the vocabulary's table of characters points outside itself");
    HthStr rest = hth_str_sub(u->strings, offset, SIZE_MAX);
    const char *end = memchr(rest.p, 0, rest.n);
    HTH_REQUIRE(end, err, HTH_EFORMAT, "the vocabulary's table of characters is cut short");
    *with = (HthStr){ rest.p, (size_t)(end - rest.p) };
    return HTH_OK;
}

/* Bytes at the start of s that walk into a USER token, even one that is not completed. */
static size_t user_prefix(const HthUgm *u, HthStr s) {
    uint32_t node = HTH_TRIE_ROOT;
    size_t n = 0;
    while (u->has_user && n < s.n) {
        node = hth_trie_step(u->user, node, s.p[n]);
        if (node == HTH_TRIE_NONE) break;
        n++;
    }
    return n;
}

/* What the first characters of s turn into: bytes eaten, at least 1, and the text instead. */
static HthStatus next_part(const HthUgm *u, HthStr s, size_t *eaten, HthStr *with, HthErr *err) {
    *eaten = user_prefix(u, s);
    if (*eaten == 0) {
        if (u->unit_n) HTH_TRY(replaced(u, s, eaten, with, err));
        if (*eaten) return HTH_OK;
        uint32_t cp;
        *eaten = hth_uni_decode(s, &cp);
        if (*eaten == 1 && cp == 0xFFFD) {
            *with = REPLACEMENT;
            return HTH_OK;
        }
    }
    *with = hth_str_sub(s, 0, *eaten);
    return HTH_OK;
}

static HthStatus normalise(const HthVocab *v, HthStr text, HthBuf *out, HthErr *err) {
    bool started = false, in_word = false;
    while (text.n) {
        size_t eaten = 0;
        HthStr part = { NULL, 0 };
        HTH_TRY(next_part(v->ugm, text, &eaten, &part, err));
        for (size_t i = 0; i < part.n; i++) {
            bool space = part.p[i] == ' ';
            if (!space && !in_word && (v->merge_spaces || (v->add_space && !started))) {
                HTH_TRY(hth_escape_spaces(HTH_STR(" "), out, err));
                started = true;
            }
            in_word = !space;
            if (!space) HTH_TRY(hth_buf_add_char(out, part.p[i], err));
            if (space && !v->merge_spaces) HTH_TRY(hth_escape_spaces(HTH_STR(" "), out, err));
        }
        text = hth_str_sub(text, eaten, SIZE_MAX);
    }
    return HTH_OK;
}

/* The best way to cut the text so far, by where it ends. */
typedef struct Step {
    double score;
    uint32_t token;
    uint32_t from; /* where the last token begins */
} Step;

static void offer(Step *at, double score, uint32_t token, uint32_t from) {
    if (score > at->score) *at = (Step){ score, token, from };
}

/* steps: [s.n + 1] */
static void viterbi(const HthVocab *v, HthStr s, Step *steps) {
    const HthUgm *u = v->ugm;
    for (size_t i = 0; i <= s.n; i++) steps[i] = (Step){ -1.7976931348623157e308, v->unk, 0 };
    steps[0].score = 0;
    for (size_t i = 0, len; i < s.n; i += len) {
        double here = steps[i].score;
        bool whole = false;
        uint32_t node = HTH_TRIE_ROOT;
        len = hth_str_sub(s, i, hth_uni_lead(s.p[i])).n;
        for (size_t end = i; end < s.n;) {
            node = hth_trie_step(u->tokens, node, s.p[end++]);
            if (node == HTH_TRIE_NONE) break;
            uint32_t id = hth_trie_value(u->tokens, node);
            if (id == HTH_TRIE_NONE) continue;
            whole = whole || end - i == len;
            double score = v->attr[id] & HTH_ATTR_USER ? 0.0 : (double)v->score[id];
            offer(&steps[end], here + score, id, (uint32_t)i);
        }
        if (!whole) offer(&steps[i + len], here + u->unk_score, v->unk, (uint32_t)i);
    }
}

/* Reads the path back to front; neighbouring unknowns become one. */
static HthStatus emit(const HthVocab *v, const Step *steps, size_t n, HthIds *ids, HthErr *err) {
    size_t first = ids->n;
    uint32_t last = HTH_TOKEN_NONE;
    for (size_t at = n; at > 0; at = steps[at].from) {
        uint32_t id = steps[at].token;
        if (id != v->unk || last != v->unk) HTH_TRY(hth_ids_add(ids, id, err));
        last = id;
    }
    for (size_t a = first, b = ids->n; a + 1 < b; a++) {
        uint32_t swap = ids->p[a];
        ids->p[a] = ids->p[--b];
        ids->p[b] = swap;
    }
    return HTH_OK;
}

HthStatus hth_ugm_encode(const HthVocab *v, HthStr text, HthIds *ids, HthErr *err) {
    HthBuf plain;
    Step *steps = NULL;
    hth_buf_init(&plain, UINT32_MAX - 1);
    HthStatus status = normalise(v, text, &plain, err);
    if (status != HTH_OK || plain.n == 0) goto out;
    steps = hth_calloc(plain.n + 1, sizeof *steps);
    if (!steps) {
        status = HTH_FAIL(err, HTH_ENOMEM, "out of memory while tokenizing");
        goto out;
    }
    viterbi(v, hth_buf_str(&plain), steps);
    status = emit(v, steps, plain.n, ids, err);
out:
    hth_free(steps);
    hth_buf_drop(&plain);
    return status;
}
