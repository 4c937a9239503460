/* partition.c - special tokens written out in the text: the text is cut at them before anything
 * else looks at it.
 *
 * The longest token wins over the whole text, then the next: not the leftmost.  One walk with a
 * trie finds which tokens occur at all and between which places; only those are searched for.
 *
 * Thread: any. */
#include <string.h>

#include "base/mem.h"
#include "text/vocab_int.h"

#define NONE UINT32_MAX

typedef struct Span { /* where occurrences of one token begin: first..last */
    size_t first, last;
    bool seen;
} Span;

static bool blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static HthStatus add(HthFragments *f, HthFragment fragment, uint32_t *index, HthErr *err) {
    if (f->n == f->cap) {
        size_t cap = f->cap ? f->cap * 2 : 16;
        HthFragment *p = hth_realloc(f->p, cap, sizeof *p);
        HTH_REQUIRE(p && cap < NONE, err, HTH_ENOMEM, "out of memory while tokenizing");
        f->p = p;
        f->cap = cap;
    }
    *index = (uint32_t)f->n;
    f->p[f->n++] = fragment;
    return HTH_OK;
}

/* What somebody wrote into marked text is no control token. */
static bool meant(const HthVocab *v, uint32_t id, const char *marks, size_t at) {
    if (!marks || !(v->attr[id] & (HTH_ATTR_CONTROL | HTH_ATTR_UNKNOWN))) return true;
    return memchr(marks + at, 1, v->text[id].n) == NULL;
}

/* Marks every special token that occurs; false if there is none. */
static bool survey(const HthVocab *v, HthStr text, bool all, const char *marks, Span *spans) {
    bool any = false;
    for (size_t i = 0; i < text.n; i++) {
        uint32_t node = HTH_TRIE_ROOT;
        for (size_t k = i; k < text.n; k++) {
            node = hth_trie_step(v->special_trie, node, text.p[k]);
            if (node == HTH_TRIE_NONE) break;
            uint32_t which = hth_trie_value(v->special_trie, node);
            if (which == HTH_TRIE_NONE) continue;
            unsigned attr = v->attr[v->special[which]];
            if (!all && (attr & (HTH_ATTR_CONTROL | HTH_ATTR_UNKNOWN))) continue;
            if (!meant(v, v->special[which], marks, i)) continue;
            if (!spans[which].seen) spans[which].first = i;
            spans[which].last = i;
            any = spans[which].seen = true;
        }
    }
    return any;
}

/* Where the token is meant first, its beginning in from..stop; SIZE_MAX: nowhere. */
static size_t find(const HthVocab *v, HthStr text, const char *marks, uint32_t id, size_t from,
                   size_t stop) {
    while (from < stop) {
        size_t hit = hth_str_find(hth_str_sub(text, from, stop - from), v->text[id]);
        if (hit == SIZE_MAX) break;
        if (meant(v, id, marks, from + hit)) return from + hit;
        from += hit + 1;
    }
    return SIZE_MAX;
}

/* Cuts plain fragment `at` at the first occurrence of a token; *rest is the plain fragment behind
 * it, NONE if the token does not occur or nothing is left. */
static HthStatus cut_once(const HthVocab *v, HthStr text, const char *marks, HthFragments *f,
                          uint32_t at, uint32_t id, const Span *span, uint32_t *rest, HthErr *err) {
    HthFragment whole = f->p[at];
    size_t end = whole.at + whole.n, from = whole.at;
    HthStr token = v->text[id];
    *rest = NONE;
    if (from < span->first) from = span->first;
    if (from >= end || whole.at > span->last) return HTH_OK;
    size_t stop = span->last + token.n < end ? span->last + token.n : end;
    size_t left = find(v, text, marks, id, from, stop), right = left + token.n;
    if (left == SIZE_MAX) return HTH_OK;
    size_t left_end = left;
    if (v->attr[id] & HTH_ATTR_LSTRIP) {
        while (left_end > whole.at && blank(text.p[left_end - 1])) left_end--;
    }
    if (v->attr[id] & HTH_ATTR_RSTRIP) {
        while (right < end && blank(text.p[right])) right++;
    }
    uint32_t next = whole.next, token_at = at;
    if (right < end) {
        HTH_TRY(add(f, (HthFragment){ right, end - right, HTH_TOKEN_NONE, next }, &next, err));
        *rest = next;
    }
    HthFragment special = { left, token.n, id, next };
    if (left_end > whole.at) {
        HTH_TRY(add(f, special, &token_at, err));
        f->p[at].n = left_end - whole.at;
        f->p[at].next = token_at;
    } else {
        f->p[at] = special;
    }
    return HTH_OK;
}

HthStatus hth_partition(const HthVocab *v, HthStr text, bool all, const char *marks,
                        HthFragments *out, HthErr *err) {
    uint32_t head;
    HthStatus status = HTH_OK;
    out->n = 0;
    if (text.n == 0) return HTH_OK;
    HTH_TRY(add(out, (HthFragment){ 0, text.n, HTH_TOKEN_NONE, NONE }, &head, err));
    if (v->special_n == 0) return HTH_OK;
    Span *spans = hth_calloc(v->special_n, sizeof *spans);
    HTH_REQUIRE(spans, err, HTH_ENOMEM, "out of memory while tokenizing");
    bool any = survey(v, text, all, marks, spans);
    for (uint32_t i = 0; any && status == HTH_OK && i < v->special_n; i++) {
        if (!spans[i].seen) continue;
        for (uint32_t at = 0; status == HTH_OK && at != NONE;) {
            uint32_t rest = NONE, next = out->p[at].next;
            if (out->p[at].token == HTH_TOKEN_NONE) {
                status = cut_once(v, text, marks, out, at, v->special[i], &spans[i], &rest, err);
            }
            at = rest != NONE ? rest : next;
        }
    }
    hth_free(spans);
    return status;
}
