/* vocab_special.c - tokens that steer: which end a generation, which are cut out of the text before
 * tokenizing, which swallow the blanks around them.
 *
 * Files rarely say, so tokens are known by their texts, as the reference implementation of the
 * format does it.
 *
 * Thread: any. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/vocab_int.h"

#define DS(name) "<\xEF\xBD\x9C" name "\xEF\xBD\x9C>" /* fullwidth bars, U+FF5C */
#define GAP      "\xE2\x96\x81" /* U+2581 */

enum { TEXTS_MAX = 12 };

/* clang-format off */
static const char *const EOT[TEXTS_MAX] = { "<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>",
    "<|endoftext|>", "<|end_of_text|>", "<EOT>", "_<EOT>", "[EOT]",
    DS("end" GAP "of" GAP "sentence"), "<end_of_utterance>" };
static const char *const EOM[TEXTS_MAX] = { "<|eom_id|>" };
static const char *const FIM_PRE[TEXTS_MAX] = { "<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>",
    DS("fim" GAP "begin"), "<PRE>", GAP "<PRE>", "<|code_prefix|>", "<|prefix|>" };
static const char *const FIM_SUF[TEXTS_MAX] = { "<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>",
    DS("fim" GAP "hole"), "<SUF>", GAP "<SUF>", "<|code_suffix|>", "<|suffix|>" };
static const char *const FIM_MID[TEXTS_MAX] = { "<|fim_middle|>", "<fim-middle>", "<fim_middle>",
    DS("fim" GAP "end"), "<MID>", GAP "<MID>", "<|code_middle|>", "<|middle|>" };
static const char *const FIM_PAD[TEXTS_MAX] = { "<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>",
    "[PAD]" };
static const char *const FIM_REP[TEXTS_MAX] = { "<|fim_repo|>", "<|repo_name|>", "<fim-repo>",
    "<REPO>", "<reponame>" };
static const char *const FIM_SEP[TEXTS_MAX] = { "<|file_sep|>" };

static const char *const ENDS[] = { "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>",
    "<|flush|>", "<|calls|>", "<end_of_turn>", "<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>",
    "_<EOT>", "[EOT]", "[EOS]", "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>",
    "<|tool_response>", DS("end" GAP "of" GAP "sentence"), "[e~[" };
/* Part of what a model says, not of how it is steered: always shown. */
static const char *const SHOWN[] = { "<|channel|>", "<|message|>", "<|start|>", "<|constrain|>" };
/* clang-format on */

static uint32_t find(const HthVocab *v, const char *text) {
    return hth_map_get(v->map, hth_str(text));
}

/* If the file named no such token, the first text that exists is it, and is a control token. */
static void detect(HthVocab *v, const char *const *texts, uint32_t *id) {
    for (size_t i = 0; *id == HTH_TOKEN_NONE && i < TEXTS_MAX && texts[i]; i++) {
        *id = find(v, texts[i]);
        if (*id != HTH_TOKEN_NONE) v->attr[*id] |= HTH_ATTR_CONTROL;
    }
}

static void end_at(HthVocab *v, uint32_t id) {
    if (id != HTH_TOKEN_NONE) v->attr[id] |= HTH_ATTR_END;
}

static bool ends(const HthVocab *v, const char *text) {
    uint32_t id = find(v, text);
    return id != HTH_TOKEN_NONE && (v->attr[id] & HTH_ATTR_END);
}

/* Two formats give a text in ENDS another meaning. */
static void undo_ends(HthVocab *v) {
    bool call = ends(v, "<|call|>") || ends(v, "<|calls|>");
    if (ends(v, "<|end|>") && call && (ends(v, "<|return|>") || ends(v, "<|flush|>"))) {
        v->attr[find(v, "<|end|>")] = HTH_ATTR_USER; /* ends a message, not the turn */
    }
    if (ends(v, "<|tool_response>") && ends(v, "</s>")) {
        v->attr[find(v, "</s>")] = HTH_ATTR_NORMAL; /* strike-through in HTML */
    }
}

static void mark_ends(HthVocab *v) {
    for (size_t i = 0; i < HTH_COUNT(ENDS); i++) {
        uint32_t id = find(v, ENDS[i]);
        if (id != HTH_TOKEN_NONE) v->attr[id] |= HTH_ATTR_END | HTH_ATTR_CONTROL;
    }
    end_at(v, v->fim_pad);
    end_at(v, v->fim_rep);
    end_at(v, v->fim_sep);
    for (size_t i = 0; i < HTH_COUNT(SHOWN); i++) {
        uint32_t id = find(v, SHOWN[i]);
        if (id != HTH_TOKEN_NONE) v->attr[id] = HTH_ATTR_USER | (v->attr[id] & HTH_ATTR_END);
    }
    end_at(v, v->eos);
    end_at(v, v->eot);
    end_at(v, v->eom);
    undo_ends(v);
}

typedef struct Ranked {
    size_t n;
    uint32_t id;
} Ranked;

static int longest_first(const void *a, const void *b) {
    const Ranked *x = a, *y = b;
    if (x->n != y->n) return x->n > y->n ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static HthStatus list_special(HthVocab *v, HthErr *err) {
    enum { SPECIAL = HTH_ATTR_CONTROL | HTH_ATTR_USER | HTH_ATTR_UNKNOWN };
    HthStatus status = HTH_OK;
    uint32_t n = 0;
    for (uint32_t id = 0; id < v->n; id++) n += (v->attr[id] & SPECIAL) != 0;
    Ranked *ranked = hth_calloc(n + 1, sizeof *ranked);
    v->special = hth_calloc(n + 1, sizeof *v->special);
    if (!ranked || !v->special) {
        status = HTH_FAIL(err, HTH_ENOMEM, "out of memory for the vocabulary");
        goto out;
    }
    for (uint32_t id = 0; id < v->n; id++) {
        if (!(v->attr[id] & SPECIAL)) continue;
        ranked[v->special_n++] = (Ranked){ v->text[id].n, id };
    }
    qsort(ranked, n, sizeof *ranked, longest_first);
    status = hth_trie_open(&v->special_trie, err);
    for (uint32_t i = n; status == HTH_OK && i > 0; i--) { /* of equal texts the first id wins */
        v->special[i - 1] = ranked[i - 1].id;
        status = hth_trie_put(v->special_trie, v->text[ranked[i - 1].id], i - 1, err);
    }
out:
    hth_free(ranked);
    return status;
}

static bool contains(HthStr text, const char *needle) {
    return hth_str_find(text, hth_str(needle)) != SIZE_MAX;
}

static void strip_around(HthVocab *v, const char *text, unsigned attr) {
    uint32_t id = find(v, text);
    if (id != HTH_TOKEN_NONE) v->attr[id] |= (uint16_t)attr;
}

/* The file format has no place for "blanks around this token belong to it": known by model. */
static HthStatus mark_strips(HthVocab *v, const HthGguf *g, HthErr *err) {
    static const char *const KEEP[] = { "<unk>", "<s>", "<|endoftext|>" };
    HthStr arch = { "", 0 }, name = { "", 0 };
    char lower[256];
    if (hth_gguf_find(g, "general.architecture")) {
        HTH_TRY(hth_gguf_str(g, "general.architecture", &arch, err));
    }
    if (hth_gguf_find(g, "general.name")) HTH_TRY(hth_gguf_str(g, "general.name", &name, err));
    name = hth_str_sub(name, 0, sizeof lower);
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        lower[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    name.p = lower;
    if (contains(v->pre_name, "jina-v2-de") || contains(v->pre_name, "jina-v2-es") ||
        contains(v->pre_name, "jina-v2-code") || contains(arch, "nomic-bert-moe") ||
        contains(arch, "jina-bert-v3")) {
        strip_around(v, "<mask>", HTH_ATTR_LSTRIP);
    } else if (contains(name, "phi-3") || contains(name, "phi3")) {
        for (uint32_t i = 0; i < v->special_n; i++) v->attr[v->special[i]] |= HTH_ATTR_RSTRIP;
        strip_around(v, "</s>", HTH_ATTR_RSTRIP);
        for (size_t i = 0; i < HTH_COUNT(KEEP); i++) {
            uint32_t id = find(v, KEEP[i]);
            if (id != HTH_TOKEN_NONE) v->attr[id] &= (uint16_t)~HTH_ATTR_RSTRIP;
        }
    } else if (contains(name, "modern-bert")) {
        strip_around(v, "[MASK]", HTH_ATTR_LSTRIP);
    }
    return HTH_OK;
}

HthStatus hth_vocab_mark(HthVocab *v, const HthGguf *g, HthErr *err) {
    detect(v, EOT, &v->eot);
    detect(v, EOM, &v->eom);
    detect(v, FIM_PRE, &v->fim_pre);
    detect(v, FIM_SUF, &v->fim_suf);
    detect(v, FIM_MID, &v->fim_mid);
    detect(v, FIM_PAD, &v->fim_pad);
    detect(v, FIM_REP, &v->fim_rep);
    detect(v, FIM_SEP, &v->fim_sep);
    mark_ends(v);
    HTH_TRY(list_special(v, err));
    return mark_strips(v, g, err);
}
