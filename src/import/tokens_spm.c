/* tokens_spm.c - BPE that falls back on bytes: SentencePiece's, as a list of merges.
 *
 * A GGUF file has scores instead: of neighbours that form a token, those of the best score are
 * joined first.  That is the same where every way to cut a token in two tokens is a merge, and a
 * token's merges stand together in the list, as in every list made of scores; others are refused.
 *
 * One fault is known: the program that made lists of scores took the best score, 0, for none, and
 * left that token out.  Models were trained with it; it gets its place back.
 *
 * Thread: one owner. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "import/tokens.h"

#define GAP HTH_STR("\xE2\x96\x81") /* U+2581 */

enum { MERGES_MAX = 1 << 23 };

static const float NO_SCORE = -1000.0f; /* of tokens that are cut out of texts before */

typedef struct Spm {
    HthTokenizer *t;
    HthMap64 *merges; /* left id << 32 | right id -> rank */
    uint32_t *first; /* [n] the rank of a token's first merge, or NO_ID */
    uint32_t top, last; /* the token of merge 0; of the merge before */
    uint32_t gaps_from; /* since which merge all make runs of blanks, or NO_ID */
    HthErr *err;
} Spm;

/* ---- what is done to texts first ---- */

static bool is_text(const json_t *v, HthStr text) {
    return json_is_string(v) &&
           hth_str_eq((HthStr){ json_string_value(v), json_string_length(v) }, text);
}

static const char *type_of(const json_t *v) {
    const char *s = json_string_value(json_object_get(v, "type"));
    return s != NULL ? s : "";
}

static HthStatus not_known(const char *what, const char *type, HthErr *err) {
    char shown[HTH_IMPORT_SHOWN_MAX];
    hth_import_shown(hth_str(type), shown);
    return HTH_FAIL(err, HTH_ENOTSUP,
                    "tokenizer.json: the %s ('%.40s') does something that a GGUF file cannot say",
                    what, shown);
}

static HthStatus read_normalizer(HthTokenizer *t, const json_t *v, bool *gaps, HthErr *err) {
    const char *type = type_of(v);
    if (strcmp(type, "Prepend") == 0 && is_text(json_object_get(v, "prepend"), GAP)) {
        t->add_space = true;
        return HTH_OK;
    }
    const json_t *from = json_object_get(json_object_get(v, "pattern"), "String");
    if (strcmp(type, "Replace") != 0 || !is_text(from, HTH_STR(" ")) ||
        !is_text(json_object_get(v, "content"), GAP))
        return not_known("normalizer", type, err);
    *gaps = true;
    return HTH_OK;
}

static HthStatus read_pre(HthTokenizer *t, const json_t *v, bool *gaps, HthErr *err) {
    const char *type = type_of(v);
    if (strcmp(type, "Split") == 0) { /* at blanks, of which none is left */
        const json_t *at = json_object_get(json_object_get(v, "pattern"), "String");
        return *gaps && is_text(at, HTH_STR(" ")) ? HTH_OK : not_known("pre_tokenizer", type, err);
    }
    const json_t *scheme = json_object_get(v, "prepend_scheme");
    const bool plain = strcmp(type, "Metaspace") == 0 &&
                       is_text(json_object_get(v, "replacement"), GAP) &&
                       json_is_false(json_object_get(v, "split"));
    const bool adds = is_text(scheme, HTH_STR("first")) || is_text(scheme, HTH_STR("always"));
    if (!plain || !(adds || is_text(scheme, HTH_STR("never"))))
        return not_known("pre_tokenizer", type, err);
    t->add_space |= adds;
    *gaps = true;
    return HTH_OK;
}

static HthStatus read_texts(HthTokenizer *t, HthErr *err) {
    const json_t *norm = json_object_get(t->root, "normalizer");
    const json_t *pre = json_object_get(t->root, "pre_tokenizer");
    const json_t *list = json_object_get(norm, "normalizers");
    bool gaps = false;
    for (size_t i = 0; i < json_array_size(list); i++)
        HTH_TRY(read_normalizer(t, json_array_get(list, i), &gaps, err));
    if (json_is_object(norm) && list == NULL) HTH_TRY(read_normalizer(t, norm, &gaps, err));
    if (json_is_object(pre)) HTH_TRY(read_pre(t, pre, &gaps, err));
    HTH_REQUIRE(gaps, err, HTH_ENOTSUP,
                "tokenizer.json: blanks do not become U+2581 before texts are cut, as in a GGUF "
                "file of this kind they do");
    return HTH_OK;
}

/* ---- tokens ---- */

static bool is_byte(HthStr s) {
    return s.n == 6 && hth_str_starts(s, HTH_STR("<0x")) && s.p[5] == '>' &&
           memchr("0123456789ABCDEF", s.p[3], 16) != NULL &&
           memchr("0123456789ABCDEF", s.p[4], 16) != NULL;
}

/* A token that is cut out of the text before any blank has become something else. */
static HthStatus blanks_of(HthTokenizer *t, uint32_t id, HthErr *err) {
    HthStr s = t->text[id];
    if (hth_str_find(s, GAP) == SIZE_MAX) return HTH_OK;
    char *to = hth_arena_take(t->arena, s.n, 1);
    size_t n = 0;
    HTH_REQUIRE(to != NULL, err, HTH_ENOMEM, "out of memory for tokens");
    while (s.n > 0) {
        const bool gap = hth_str_starts(s, GAP);
        to[n++] = gap ? ' ' : s.p[0];
        s = hth_str_sub(s, gap ? GAP.n : 1, SIZE_MAX);
    }
    t->text[id] = (HthStr){ to, n };
    return HTH_OK;
}

static HthStatus read_types(HthTokenizer *t, const json_t *model, HthErr *err) {
    const json_t *unk = json_object_get(model, "unk_token");
    for (uint32_t id = 0; id < t->n; id++) {
        if (t->type[id] == HTH_IMPORT_NORMAL && is_byte(t->text[id])) t->type[id] = HTH_IMPORT_BYTE;
        if (is_text(unk, t->text[id])) t->type[id] = HTH_IMPORT_UNKNOWN;
    }
    char name[8];
    for (unsigned b = 0; b < 256; b++) {
        snprintf(name, sizeof name, "<0x%02X>", b);
        const uint32_t id = hth_map_get(t->ids, hth_str(name));
        HTH_REQUIRE(id != HTH_MAP_NONE && t->type[id] == HTH_IMPORT_BYTE, err, HTH_EFORMAT,
                    "tokenizer.json: it falls back on bytes, and has no token %s", name);
    }
    return HTH_OK;
}

/* ---- merges ---- */

static bool ordinary(const HthTokenizer *t, uint32_t id) {
    return t->type[id] == HTH_IMPORT_NORMAL;
}

static bool is_gaps(HthStr s) {
    while (hth_str_starts(s, GAP)) s = hth_str_sub(s, GAP.n, SIZE_MAX);
    return s.n == 0;
}

/* Runs of blanks often have one score, and their merges any order among themselves: whichever it
 * is, a run becomes the longest tokens there are, and the rest. */
static HthStatus place(Spm *s, uint32_t id, uint32_t rank) {
    uint32_t *first = &s->first[id];
    const bool gaps = is_gaps(s->t->text[id]);
    if (!gaps) s->gaps_from = HTH_IMPORT_NO_ID;
    if (gaps && s->gaps_from == HTH_IMPORT_NO_ID) s->gaps_from = rank;
    HTH_REQUIRE(*first == HTH_IMPORT_NO_ID || id == s->last || (gaps && *first >= s->gaps_from),
                s->err, HTH_ENOTSUP,
                "tokenizer.json: the merges of token %u do not stand together: no scores give "
                "their order, and a GGUF file of this kind has scores",
                id);
    if (*first == HTH_IMPORT_NO_ID) *first = rank;
    if (rank == 0) s->top = id;
    s->last = id;
    return HTH_OK;
}

static HthStatus read_merge(Spm *s, const json_t *merges, uint32_t rank) {
    HthTokenizer *t = s->t;
    HthStr a, b;
    char both[1024];
    HTH_TRY(hth_tokenizer_merge(merges, rank, &a, &b, s->err));
    const uint32_t left = hth_map_get(t->ids, a), right = hth_map_get(t->ids, b);
    uint32_t id = HTH_MAP_NONE;
    if (a.n < sizeof both && b.n < sizeof both - a.n) {
        memcpy(both, a.p, a.n);
        memcpy(both + a.n, b.p, b.n);
        id = hth_map_get(t->ids, (HthStr){ both, a.n + b.n });
    }
    HTH_REQUIRE(left != HTH_MAP_NONE && right != HTH_MAP_NONE && id != HTH_MAP_NONE, s->err,
                HTH_EFORMAT, "tokenizer.json: merge %u is not of two tokens to a third", rank);
    HTH_TRY(hth_map64_put(s->merges, (uint64_t)left << 32 | right, rank, s->err));
    return ordinary(t, id) ? place(s, id, rank) : HTH_OK; /* others are cut out before */
}

/* The token whose score was taken for none: before the one that is joined first, and no merge
 * makes it. */
static bool was_lost(const Spm *s, uint32_t id) {
    return s->first[id] == HTH_IMPORT_NO_ID && s->top != HTH_IMPORT_NO_ID && id + 1 == s->top;
}

/* Every cut of a token in two that could be joined again is a merge. */
static HthStatus check_cuts(Spm *s, uint32_t id) {
    HthTokenizer *t = s->t;
    const HthStr text = t->text[id];
    if (!ordinary(t, id)) return HTH_OK;
    for (size_t at = 1; at < text.n; at++) {
        if (((unsigned char)text.p[at] & 0xC0) == 0x80) continue; /* within a character */
        const uint32_t a = hth_map_get(t->ids, hth_str_sub(text, 0, at));
        const uint32_t b = hth_map_get(t->ids, hth_str_sub(text, at, SIZE_MAX));
        if (a == HTH_MAP_NONE || b == HTH_MAP_NONE || !ordinary(t, a) || !ordinary(t, b)) continue;
        if (hth_map64_get(s->merges, (uint64_t)a << 32 | b) != HTH_MAP_NONE) continue;
        if (was_lost(s, id)) t->lost = id;
        HTH_REQUIRE(t->lost == id, s->err, HTH_ENOTSUP,
                    "tokenizer.json: token %u could be joined of tokens %u and %u, and no merge "
                    "does so; in a GGUF file of this kind it would be",
                    id, a, b);
    }
    return HTH_OK;
}

static HthStatus read_merges(Spm *s, const json_t *merges) {
    const size_t n = json_array_size(merges);
    HTH_REQUIRE(json_is_array(merges) && n <= MERGES_MAX, s->err, HTH_EFORMAT,
                "tokenizer.json: the model has no list of up to %d merges", MERGES_MAX);
    for (uint32_t i = 0; i < s->t->n; i++) s->first[i] = HTH_IMPORT_NO_ID;
    s->gaps_from = HTH_IMPORT_NO_ID;
    for (size_t i = 0; i < n; i++) HTH_TRY(read_merge(s, merges, (uint32_t)i));
    for (uint32_t id = 0; id < s->t->n; id++) HTH_TRY(check_cuts(s, id));
    return HTH_OK;
}

static HthStatus score(Spm *s, size_t merges) {
    HthTokenizer *t = s->t;
    t->score = hth_calloc(t->n, sizeof *t->score);
    HTH_REQUIRE(t->score != NULL, s->err, HTH_ENOMEM, "out of memory");
    for (uint32_t id = 0; id < t->n; id++) {
        if (t->type[id] == HTH_IMPORT_NORMAL) /* what is not joined comes last */
            t->score[id] = -(float)(s->first[id] == HTH_IMPORT_NO_ID ? merges : s->first[id]);
        else if (t->type[id] == HTH_IMPORT_CONTROL || t->type[id] == HTH_IMPORT_USER)
            t->score[id] = NO_SCORE;
        if (id == t->lost) t->score[id] = 1.0f; /* before all */
        if (t->type[id] == HTH_IMPORT_USER) HTH_TRY(blanks_of(t, id, s->err));
    }
    return HTH_OK;
}

HthStatus hth_tokenizer_spm(HthTokenizer *t, const json_t *model, HthErr *err) {
    const json_t *merges = json_object_get(model, "merges");
    Spm s = { .t = t, .top = HTH_IMPORT_NO_ID, .last = HTH_IMPORT_NO_ID, .err = err };
    t->model = "llama";
    t->pre = "default";
    HTH_TRY(read_texts(t, err));
    HTH_TRY(read_types(t, model, err));
    s.first = hth_calloc(t->n, sizeof *s.first);
    HTH_REQUIRE(s.first != NULL, err, HTH_ENOMEM, "out of memory");
    HthStatus st = hth_map64_open(&s.merges, json_array_size(merges), err);
    if (st == HTH_OK) st = read_merges(&s, merges);
    if (st == HTH_OK) st = score(&s, json_array_size(merges));
    hth_map64_close(&s.merges);
    hth_free(s.first);
    return st;
}
