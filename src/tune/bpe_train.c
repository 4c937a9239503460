/* bpe_train.c - counting words and learning merges. See bpe.h.
 *
 * All distinct words lie one after another in one array of symbols, each ended by END.  A dense
 * table counts every adjacent pair; each row remembers its best.  A merge is one pass that rewrites
 * the words containing the pair and adjusts the counts of exactly those words. */
#include <string.h>

#include "base/mem.h"
#include "tune/bpe.h"

enum { END = 0xffff, WORD_BYTES_MAX = 64 };
static const size_t TEXT_BYTES_MAX = (size_t)1 << 32;

struct HthBpeCount {
    HthSplit *split;
    HthArena *texts;
    HthMap *index; /* word -> position in words */
    HthStr *words;
    uint32_t *counts;
    size_t n, cap;
};

HthStatus hth_bpe_count_open(HthBpeCount **out, HthErr *err) {
    HthBpeCount *c = hth_calloc(1, sizeof *c);
    HTH_REQUIRE(c, err, HTH_ENOMEM, "no memory to count words");
    HthStatus status = hth_split_open(&c->split, err);
    if (status == HTH_OK) status = hth_arena_open(&c->texts, TEXT_BYTES_MAX, err);
    if (status == HTH_OK) status = hth_map_open(&c->index, 1 << 16, err);
    if (status != HTH_OK) {
        hth_bpe_count_close(&c);
        return status;
    }
    *out = c;
    return HTH_OK;
}

void hth_bpe_count_close(HthBpeCount **c) {
    if (!*c) return;
    hth_split_close(&(*c)->split);
    hth_map_close(&(*c)->index);
    hth_arena_close(&(*c)->texts);
    hth_free((*c)->words);
    hth_free((*c)->counts);
    hth_free(*c);
    *c = NULL;
}

static HthStatus grow(HthBpeCount *c, HthErr *err) {
    if (c->n < c->cap) return HTH_OK;
    const size_t cap = c->cap ? c->cap * 2 : 4096;
    HthStr *words = hth_realloc(c->words, cap, sizeof *words);
    if (words) c->words = words;
    uint32_t *counts = words ? hth_realloc(c->counts, cap, sizeof *counts) : NULL;
    HTH_REQUIRE(counts, err, HTH_ENOMEM, "no memory for %zu distinct words", cap);
    c->counts = counts;
    c->cap = cap;
    return HTH_OK;
}

static HthStatus count_word(HthBpeCount *c, HthStr word, HthErr *err) {
    uint32_t at = hth_map_get(c->index, word);
    if (at != HTH_MAP_NONE) {
        if (c->counts[at] < UINT32_MAX / 64) c->counts[at]++;
        return HTH_OK;
    }
    HTH_TRY(grow(c, err));
    char *copy = hth_arena_copy(c->texts, word.p, word.n);
    HTH_REQUIRE(copy, err, HTH_ENOMEM, "no memory for another distinct word");
    HTH_TRY(hth_map_put(c->index, (HthStr){ copy, word.n }, (uint32_t)c->n, err));
    c->words[c->n] = (HthStr){ copy, word.n };
    c->counts[c->n++] = 1;
    return HTH_OK;
}

static HthStatus count_plain(HthBpeCount *c, HthStr text, HthErr *err) {
    HthStr word;
    for (size_t at = 0; hth_split_next(c->split, text, &at, &word);)
        if (word.n > 1 && word.n <= WORD_BYTES_MAX) HTH_TRY(count_word(c, word, err));
    return HTH_OK;
}

HthStatus hth_bpe_count_add(HthBpeCount *c, HthStr text, HthErr *err) {
    size_t from = 0, n;
    uint16_t id;
    for (size_t at = 0; at < text.n;) {
        if (!hth_bpe_special(text, at, &id, &n)) {
            at++;
            continue;
        }
        HTH_TRY(count_plain(c, hth_str_sub(text, from, at - from), err));
        from = at += n;
    }
    return count_plain(c, hth_str_sub(text, from, text.n), err);
}

/* ---- merges ---- */

typedef struct Learn {
    uint32_t n_vocab; /* final */
    uint16_t *sym; /* words, each ended by END */
    size_t n_sym;
    uint32_t *count; /* [words], in the order of sym */
    uint32_t *pair; /* [n_vocab][n_vocab] */
    uint32_t *row_best; /* [n_vocab] highest count in the row */
    uint16_t *row_arg; /* [n_vocab] its column, the lowest on ties */
    uint8_t *dirty; /* [n_vocab] row_best is stale */
    HthArena *arena; /* the texts of the tokens made */
    HthStr *text; /* [n_vocab], byte and merged tokens */
    HthMap *known; /* text -> id: two ways to spell one token would be two tokens of one name */
    HthMap64 *banned; /* pairs that would spell a known token again */
    uint16_t (*merges)[2];
    uint32_t n_merges;
} Learn;

static void learn_drop(Learn *l) {
    hth_free(l->sym);
    hth_free(l->count);
    hth_free(l->pair);
    hth_free(l->row_best);
    hth_free(l->row_arg);
    hth_free(l->dirty);
    hth_free(l->merges);
    hth_free(l->text);
    hth_map_close(&l->known);
    hth_map64_close(&l->banned);
    hth_arena_close(&l->arena);
}

/* Adds delta to the count of every pair of one word (delta may be "minus" modulo 2^32). */
static void tally(Learn *l, const uint16_t *word, size_t n, uint32_t delta) {
    for (size_t i = 0; i + 1 < n; i++) {
        l->pair[(size_t)word[i] * l->n_vocab + word[i + 1]] += delta;
        l->dirty[word[i]] = 1;
    }
}

static HthStatus open_texts(Learn *l, HthErr *err) {
    l->text = hth_calloc(l->n_vocab, sizeof *l->text);
    HTH_REQUIRE(l->text, err, HTH_ENOMEM, "no memory for %u token texts", l->n_vocab);
    HTH_TRY(hth_arena_open(&l->arena, TEXT_BYTES_MAX, err));
    HTH_TRY(hth_map_open(&l->known, l->n_vocab, err));
    HTH_TRY(hth_map64_open(&l->banned, 64, err));
    for (uint32_t i = 0; i < 256; i++) {
        const char byte = (char)i;
        char *p = hth_arena_copy(l->arena, &byte, 1);
        HTH_REQUIRE(p, err, HTH_ENOMEM, "no memory for the byte tokens");
        l->text[HTH_BPE_BYTES + i] = (HthStr){ p, 1 };
    }
    return HTH_OK;
}

static HthStatus learn_open(Learn *l, const HthBpeCount *c, HthErr *err) {
    HTH_TRY(open_texts(l, err));
    size_t total = 0, kept = 0;
    for (size_t i = 0; i < c->n; i++) total += c->words[i].n + 1;
    const size_t v = l->n_vocab;
    l->sym = hth_calloc(total + 1, sizeof *l->sym);
    l->count = hth_calloc(c->n + 1, sizeof *l->count);
    l->pair = hth_calloc(v * v, sizeof *l->pair);
    l->row_best = hth_calloc(v, sizeof *l->row_best);
    l->row_arg = hth_calloc(v, sizeof *l->row_arg);
    l->dirty = hth_calloc(v, 1);
    l->merges = hth_calloc(v, sizeof *l->merges);
    HTH_REQUIRE(l->sym && l->count && l->pair && l->row_best && l->row_arg && l->dirty && l->merges,
                err, HTH_ENOMEM, "no memory to learn %u tokens from %zu words", l->n_vocab, c->n);
    for (size_t i = 0; i < c->n; i++) {
        if (c->counts[i] < 2) continue; /* a word seen once teaches nothing */
        uint16_t *word = l->sym + l->n_sym;
        for (size_t j = 0; j < c->words[i].n; j++)
            word[j] = (uint16_t)(HTH_BPE_BYTES + (uint8_t)c->words[i].p[j]);
        tally(l, word, c->words[i].n, c->counts[i]);
        l->count[kept++] = c->counts[i];
        l->n_sym += c->words[i].n;
        l->sym[l->n_sym++] = END;
    }
    return HTH_OK;
}

static void refresh_rows(Learn *l, uint32_t known) {
    for (uint32_t a = 0; a < known; a++) {
        if (!l->dirty[a]) continue;
        const uint32_t *row = l->pair + (size_t)a * l->n_vocab;
        uint32_t best = 0, arg = 0;
        for (uint32_t b = 0; b < known; b++)
            if (row[b] > best && hth_map64_get(l->banned, (uint64_t)a << 16 | b) == HTH_MAP_NONE)
                best = row[b], arg = b;
        l->row_best[a] = best;
        l->row_arg[a] = (uint16_t)arg;
        l->dirty[a] = 0;
    }
}

/* Replaces a b by id in one word, in place; returns the new length. */
static size_t join(uint16_t *word, size_t n, uint16_t a, uint16_t b, uint16_t id) {
    size_t w = 0;
    for (size_t r = 0; r < n; r++) {
        bool hit = word[r] == a && r + 1 < n && word[r + 1] == b;
        word[w++] = hit ? id : word[r];
        r += hit;
    }
    return w;
}

/* One pass: every word with the pair is rewritten; the array closes up as it goes. */
static void merge(Learn *l, uint16_t a, uint16_t b, uint16_t id) {
    size_t w = 0, words = 0;
    for (size_t r = 0; r < l->n_sym; words++) {
        size_t n = 0;
        bool hit = false;
        for (; l->sym[r + n] != END; n++) hit |= l->sym[r + n] == a && l->sym[r + n + 1] == b;
        size_t kept = n;
        if (hit) {
            tally(l, l->sym + r, n, 0u - l->count[words]);
            kept = join(l->sym + r, n, a, b, id);
            tally(l, l->sym + r, kept, l->count[words]);
        }
        if (w != r) memmove(l->sym + w, l->sym + r, kept * sizeof *l->sym);
        l->sym[w + kept] = END;
        w += kept + 1;
        r += n + 1;
    }
    l->n_sym = w;
}

/* Names token id = a b.  When that text is a token already: *new_out is false, the pair banned. */
static HthStatus name_token(Learn *l, uint32_t a, uint32_t b, uint32_t id, bool *new_out,
                            HthErr *err) {
    HthStr left = l->text[a], right = l->text[b];
    char *p = hth_arena_take(l->arena, left.n + right.n, 1);
    HTH_REQUIRE(p, err, HTH_ENOMEM, "no memory for the text of token %u", id);
    memcpy(p, left.p, left.n);
    memcpy(p + left.n, right.p, right.n);
    HthStr text = { p, left.n + right.n };
    *new_out = hth_map_get(l->known, text) == HTH_MAP_NONE;
    if (!*new_out) {
        l->dirty[a] = 1;
        return hth_map64_put(l->banned, (uint64_t)a << 16 | b, 1, err);
    }
    l->text[id] = text;
    return hth_map_put(l->known, text, id, err);
}

static HthStatus learn(Learn *l, HthErr *err) {
    for (uint32_t id = HTH_BPE_MERGES; id < l->n_vocab;) {
        refresh_rows(l, id);
        uint32_t best = 0, a = 0;
        for (uint32_t i = 0; i < id; i++)
            if (l->row_best[i] > best) best = l->row_best[i], a = i;
        HTH_REQUIRE(best > 1, err, HTH_ELIMIT,
                    "the text holds enough pairs for %u tokens only, %u wanted", id, l->n_vocab);
        const uint16_t b = l->row_arg[a];
        bool is_new = false;
        HTH_TRY(name_token(l, a, b, id, &is_new, err));
        if (!is_new) continue;
        l->merges[l->n_merges][0] = (uint16_t)a;
        l->merges[l->n_merges++][1] = b;
        merge(l, (uint16_t)a, b, (uint16_t)id++);
    }
    return HTH_OK;
}

HthStatus hth_bpe_train(HthBpe **out, const HthBpeCount *c, uint32_t n_vocab, HthErr *err) {
    HTH_REQUIRE(n_vocab > HTH_BPE_MERGES && n_vocab <= HTH_BPE_VOCAB_MAX, err, HTH_EINVAL,
                "a vocabulary of %u: choose %d to %d", n_vocab, HTH_BPE_MERGES + 1,
                HTH_BPE_VOCAB_MAX);
    Learn l = { .n_vocab = n_vocab };
    HthStatus status = learn_open(&l, c, err);
    if (status == HTH_OK) status = learn(&l, err);
    if (status == HTH_OK)
        status = hth_bpe_make(out, (const uint16_t(*)[2])l.merges, l.n_merges, err);
    learn_drop(&l);
    return status;
}
