/* grammar_words.c - a vocabulary's spellings, in order, as a trie laid out in a row.
 *
 * Thread: a trie is immutable once open, any; masks have one owner. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/grammar_int.h"

#define SPELLINGS_MAX ((size_t)256 << 20)

int hth_word_cmp(const void *a, const void *b) {
    const HthWord *x = a, *y = b;
    const uint32_t n = x->n < y->n ? x->n : y->n;
    const int c = n ? memcmp(x->p, y->p, n) : 0;
    if (c) return c;
    if (x->n != y->n) return x->n < y->n ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static uint32_t shared(const HthWord *a, const HthWord *b) {
    uint32_t n = 0;
    while (n < a->n && n < b->n && a->p[n] == b->p[n]) n++;
    return n;
}

void hth_byte_groups(uint32_t of[256]) {
    static const char *const groups[] = { "abcdef",     "ghijklmnopqrstuvwxyz",
                                          "ABCDEF",     "GHIJKLMNOPQRSTUVWXYZ",
                                          "0123456789", " ",
                                          "\"",         "\\",
                                          "\n",         "\t\r",
                                          "_",          "-",
                                          ".",          ",",
                                          ":",          "{}",
                                          "[]",         "()",
                                          "/",          "'",
                                          "+*=<>",      "!#$%&;?@^`|~" };
    for (uint32_t b = 0; b < 256; b++)
        of[b] = b < 0x80 ? 1u << HTH_COUNT(groups) : HTH_GROUPS_OTHER;
    for (size_t g = 0; g < HTH_COUNT(groups); g++)
        for (const char *p = groups[g]; *p; p++) of[(uint8_t)*p] = 1u << g;
}

/* Bytes of the character at p, of which n are there; 0: it is none, not even cut short. */
static uint32_t char_at(const uint8_t *p, uint32_t n) {
    static const struct {
        uint8_t first, last, lo, hi, bytes; /* lead bytes, what may come second */
    } forms[] = { { 0x00, 0x7F, 0, 0, 1 },       { 0xC2, 0xDF, 0x80, 0xBF, 2 },
                  { 0xE0, 0xE0, 0xA0, 0xBF, 3 }, { 0xE1, 0xEC, 0x80, 0xBF, 3 },
                  { 0xED, 0xED, 0x80, 0x9F, 3 }, { 0xEE, 0xEF, 0x80, 0xBF, 3 },
                  { 0xF0, 0xF0, 0x90, 0xBF, 4 }, { 0xF1, 0xF3, 0x80, 0xBF, 4 },
                  { 0xF4, 0xF4, 0x80, 0x8F, 4 } };
    for (size_t f = 0; f < HTH_COUNT(forms); f++) {
        if (*p < forms[f].first || *p > forms[f].last) continue;
        const uint32_t bytes = forms[f].bytes < n ? forms[f].bytes : n;
        if (bytes > 1 && (p[1] < forms[f].lo || p[1] > forms[f].hi)) return 0;
        for (uint32_t i = 2; i < bytes; i++)
            if ((p[i] & 0xC0) != 0x80) return 0;
        return bytes;
    }
    return 0;
}

/* Tells the nodes of a word, path[0..n), what they hold from there on. */
static void add_runs(HthRowTrie *t, const HthWord *word, const uint32_t *path,
                     const uint32_t *group_of) {
    uint8_t chars[HTH_WORD_MAX + 4] = { 0 };
    uint32_t groups = 0;
    bool cut[HTH_WORD_MAX + 4] = { false };
    for (uint32_t i = word->n; i-- > 0;) {
        const uint32_t bytes = char_at(word->p + i, word->n - i);
        cut[i] = bytes == 0 || cut[i + bytes];
        const uint8_t rest = chars[i + (bytes ? bytes : 1)];
        chars[i] = rest == HTH_CHARS_MANY ? rest : (uint8_t)(rest + 1);
        groups |= group_of[word->p[i]];
        HthRowNode *node = &t->node[path[i]];
        node->groups |= groups | (cut[i] ? HTH_GROUP_CUT : 0);
        if (chars[i] > node->chars) node->chars = chars[i];
    }
}

HthStatus hth_row_trie_open(HthRowTrie *t, const HthWord *words, uint32_t n, bool runs,
                            HthErr *err) {
    uint32_t open[HTH_WORD_MAX + 1], group_of[256], depth = 0, nodes = 0;
    *t = (HthRowTrie){ 0 };
    if (runs) hth_byte_groups(group_of);
    for (uint32_t i = 0; i < n; i++) {
        HTH_ASSERT(words[i].n <= HTH_WORD_MAX);
        nodes += words[i].n - (i ? shared(&words[i - 1], &words[i]) : 0);
    }
    t->node = hth_calloc((size_t)nodes + 1, sizeof *t->node);
    t->id = hth_calloc((size_t)n + 1, sizeof *t->id);
    if (!t->node || !t->id) {
        hth_row_trie_close(t);
        return HTH_FAIL(err, HTH_ENOMEM, "out of memory for %u tokens", n);
    }
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t same = i ? shared(&words[i - 1], &words[i]) : 0;
        while (depth > same) t->node[open[--depth]].skip = t->node_n;
        while (depth < words[i].n) {
            t->node[t->node_n] = (HthRowNode){ .word = i,
                                               .depth = (uint16_t)(depth + 1),
                                               .byte = words[i].p[depth] };
            open[depth++] = t->node_n++;
        }
        if (runs) add_runs(t, &words[i], open, group_of);
        t->id[t->id_n++] = words[i].id;
    }
    while (depth) t->node[open[--depth]].skip = t->node_n;
    t->node[t->node_n].word = n;
    return HTH_OK;
}

void hth_row_trie_close(HthRowTrie *t) {
    hth_free(t->node);
    hth_free(t->id);
    hth_free(t->all);
    *t = (HthRowTrie){ 0 };
}

/* Text never holds these bytes; 0xFF begins a control token's name. A token of such bytes, as there
 * are where every byte has one, must not pass for the name of another. */
static bool is_text(const char *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        if ((uint8_t)p[i] >= 0xF8) return false;
    return true;
}

static HthStatus spell(HthMasks *m, HthBuf *all, uint32_t id, HthErr *err) {
    const size_t from = all->n;
    m->at[id] = (uint32_t)from;
    if (hth_vocab_is_end(m->v, id)) {
        m->ends[m->ends_n++] = id;
        return HTH_OK;
    }
    if (hth_vocab_kind(m->v, id) == HTH_TOKEN_CONTROL) {
        HTH_TRY(hth_buf_add_char(all, '\xff', err));
        HTH_TRY(hth_buf_add_str(all, hth_vocab_text(m->v, id), err));
        if (all->n == from + 1) all->n = from;
    } else {
        HTH_TRY(hth_vocab_piece(m->v, id, false, all, err));
        if (all->n > from && !is_text(all->p + from, all->n - from)) all->n = from;
    }
    if (all->n - from > HTH_WORD_MAX) all->n = from;
    return HTH_OK;
}

/* Nothing that JSON escapes, and whole characters: inside a string any of these is as good as
 * another, and whole branches of them are settled at once. */
static bool is_plain(const uint8_t *p, uint32_t n) {
    for (uint32_t i = 0, bytes; i < n; i += bytes) {
        bytes = char_at(p + i, n - i);
        if (bytes == 0 || p[i] < 0x20 || p[i] == '"' || p[i] == '\\') return false;
        if (p[i] >= 0xC2 && bytes < 2u + (p[i] >= 0xE0) + (p[i] >= 0xF0)) return false;
    }
    return true;
}

static uint32_t layer_of(const uint8_t *p, uint32_t n) {
    static const uint32_t most[HTH_LAYERS - 1] = HTH_LAYER_BYTES;
    if (n > most[HTH_LAYER_ODD]) return HTH_LAYERS - 1;
    if (!is_plain(p, n)) return HTH_LAYER_ODD;
    return n <= most[0] ? 0 : 1;
}

/* words: room for all. */
static HthStatus open_layer(HthMasks *m, uint32_t layer, HthWord *words, HthErr *err) {
    uint32_t n = 0;
    for (uint32_t id = 0; id < hth_vocab_count(m->v); id++) {
        const HthWord word = { m->bytes + m->at[id], m->at[id + 1] - m->at[id], id };
        if (word.n && layer_of(word.p, word.n) == layer) words[n++] = word;
    }
    if (n) qsort(words, n, sizeof *words, hth_word_cmp);
    HthRowTrie *t = &m->trie[layer];
    HTH_TRY(hth_row_trie_open(t, words, n, true, err));
    t->all = hth_calloc((size_t)m->words + 1, sizeof *t->all);
    HTH_REQUIRE(t->all, err, HTH_ENOMEM, "out of memory for token masks");
    for (uint32_t i = 0; i < n; i++) t->all[words[i].id / 32] |= 1u << words[i].id % 32;
    return HTH_OK;
}

static HthStatus fill(HthMasks *m, HthBuf *all, HthErr *err) {
    const uint32_t n = hth_vocab_count(m->v);
    for (uint32_t id = 0; id < n; id++) {
        if (hth_vocab_is_end(m->v, id)) m->ends_n++;
    }
    m->ends = hth_calloc((size_t)m->ends_n + 1, sizeof *m->ends);
    m->at = hth_calloc((size_t)m->ids_count + 1, sizeof *m->at);
    HthWord *words = hth_calloc((size_t)n + 1, sizeof *words);
    HthStatus status = HTH_OK;
    if (!m->ends || !m->at || !words)
        status = HTH_FAIL(err, HTH_ENOMEM, "out of memory for %u tokens", n);
    m->ends_n = 0;
    for (uint32_t id = 0; status == HTH_OK && id < n; id++) status = spell(m, all, id, err);
    for (uint32_t id = n; status == HTH_OK && id <= m->ids_count; id++)
        m->at[id] = (uint32_t)all->n;
    m->bytes = (uint8_t *)all->p; /* ours from here on */
    for (uint32_t l = 0; status == HTH_OK && l < HTH_LAYERS; l++)
        status = open_layer(m, l, words, err);
    hth_free(words);
    return status;
}

HthStatus hth_masks_open(HthMasks **out, const HthVocab *v, uint32_t ids_count, HthErr *err) {
    HTH_REQUIRE(ids_count >= hth_vocab_count(v) && ids_count < UINT32_MAX - 64, err, HTH_EINVAL,
                "the model has %u rows of logits and the vocabulary %u tokens", ids_count,
                hth_vocab_count(v));
    HthMasks *m = hth_calloc(1, sizeof *m);
    HTH_REQUIRE(m, err, HTH_ENOMEM, "out of memory for token masks");
    m->v = v;
    m->ids_count = ids_count;
    m->words = (ids_count + 31) / 32;
    HthBuf all;
    hth_buf_init(&all, SPELLINGS_MAX);
    m->bits = hth_calloc((size_t)m->words + 1, sizeof *m->bits);
    m->few = hth_calloc((size_t)m->words + 1, sizeof *m->few);
    HthStatus status = m->bits && m->few
                           ? fill(m, &all, err)
                           : HTH_FAIL(err, HTH_ENOMEM, "out of memory for token masks");
    if (m->bytes != (uint8_t *)all.p) hth_buf_drop(&all);
    if (status != HTH_OK) {
        hth_masks_close(&m);
        return status;
    }
    *out = m;
    return HTH_OK;
}

void hth_masks_close(HthMasks **m) {
    if (!*m) return;
    hth_places_close(*m);
    hth_rel_close(&(*m)->rel);
    for (uint32_t l = 0; l < HTH_LAYERS; l++) hth_row_trie_close(&(*m)->trie[l]);
    hth_free((*m)->bytes);
    hth_free((*m)->at);
    hth_free((*m)->ends);
    hth_free((*m)->bits);
    hth_free((*m)->few);
    hth_free(*m);
    *m = NULL;
}
