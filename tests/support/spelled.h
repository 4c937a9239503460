/* spelled.h - a vocabulary with control tokens, texts spelled with them, and what a grammar takes.
 *
 * Include after test.h.
 *
 * Thread: the test's. */
#ifndef HTH_TESTS_SUPPORT_SPELLED_H
#define HTH_TESTS_SUPPORT_SPELLED_H

#include "support/vocab_build.h"
#include "text/grammar.h"

/* Byte-level BPE without merges, and these texts (ended by NULL) as control tokens. */
static inline HthStatus spelled_vocab(Vb *vb, Gb *g, const char *const *control, HthErr *err) {
    static const char *const merges[] = { NULL };
    const char *tokens[VB_MAX];
    int32_t types[VB_MAX];
    VbSpec spec = { .model = "gpt2", .pre = "gpt-2", .tokens = tokens, .types = types };
    spec.merges = merges;
    spec.token_n = vb_byte_level(tokens, control);
    for (size_t i = 0; i < spec.token_n; i++)
        types[i] = i < VB_BYTES ? HTH_TOKEN_NORMAL : HTH_TOKEN_CONTROL;
    vb_write(g, &spec);
    return vb_open(vb, g, err);
}

/* As grammar.h spells it: 0xFF before every control token. */
static inline HthStatus spelled(const HthVocab *v, HthStr text, HthBuf *out, HthErr *err) {
    for (size_t at = 0; at < text.n;) {
        size_t best = 0;
        for (uint32_t id = VB_BYTES; id < hth_vocab_count(v); id++) {
            const HthStr token = hth_vocab_text(v, id);
            if (hth_vocab_kind(v, id) == HTH_TOKEN_CONTROL && token.n > best &&
                hth_str_starts(hth_str_sub(text, at, text.n), token))
                best = token.n;
        }
        if (best) HTH_TRY(hth_buf_add_char(out, '\xFF', err));
        HTH_TRY(hth_buf_add(out, text.p + at, best ? best : 1, err));
        at += best ? best : 1;
    }
    return HTH_OK;
}

typedef enum SpelledFit { SPELLED_NO, SPELLED_BEGINS, SPELLED_WHOLE } SpelledFit;

/* Is this text one of the grammar's, or the beginning of one? */
static inline SpelledFit spelled_fit(const HthGrammar *g, const HthVocab *v, HthStr text) {
    HthErr err = { 0 };
    HthMatcher *m = NULL;
    HthBuf buf;
    hth_buf_init(&buf, 1 << 20);
    HTH_ASSERT(spelled(v, text, &buf, &err) == HTH_OK);
    HTH_ASSERT(hth_matcher_open(&m, g, NULL, &err) == HTH_OK);
    SpelledFit fit = SPELLED_NO;
    if (hth_matcher_bytes(m, hth_buf_str(&buf), &err) == HTH_OK)
        fit = hth_matcher_may_end(m) ? SPELLED_WHOLE : SPELLED_BEGINS;
    hth_matcher_close(&m);
    hth_buf_drop(&buf);
    return fit;
}

#endif
