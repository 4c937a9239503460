/* gbnf_fuzz.c - any bytes as a grammar: one sentence, or a language in which every token that a
 * mask allows is accepted, every other refused, and every place can be completed.
 *
 * Thread: one. */
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "support/vocab_build.h"
#include "text/grammar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Vb g_vb;
static HthMasks *g_masks;

/* Bytes, some words and a control token. */
static void open_masks(void) {
    static const char *const extra[] = { "ab", "abc", "\xc4\xa0", "\",",        "\":",
                                         "00", "})",  "<t>",      "<|im_end|>", NULL };
    static const char *tokens[VB_MAX];
    static int32_t types[VB_MAX];
    static Gb g;
    HthErr err;
    if (g_masks) return;
    const size_t n = vb_byte_level(tokens, extra);
    for (size_t i = 0; i < n; i++) types[i] = i + 2 >= n ? HTH_TOKEN_CONTROL : HTH_TOKEN_NORMAL;
    const VbSpec spec = { .model = "gpt2",
                          .pre = "default",
                          .tokens = tokens,
                          .token_n = n,
                          .types = types,
                          .ids = { { "eos_token_id", (uint32_t)n - 1 },
                                   { "bos_token_id", (uint32_t)n - 1 } },
                          .merges = (const char *const[]){ "a b", NULL } };
    vb_write(&g, &spec);
    HTH_ASSERT(vb_open(&g_vb, &g, &err) == HTH_OK);
    HTH_ASSERT(hth_masks_open(&g_masks, g_vb.v, hth_vocab_count(g_vb.v), &err) == HTH_OK);
}

static void complete(HthMatcher *m) {
    HthErr err;
    HthBuf out;
    hth_buf_init(&out, 1 << 16);
    if (hth_matcher_finish(m, &out, &err) == HTH_OK) {
        const HthStatus status = hth_matcher_bytes(m, hth_buf_str(&out), &err);
        HTH_ASSERT(status == HTH_OK || status == HTH_ELIMIT);
        if (status == HTH_OK) HTH_ASSERT(hth_matcher_may_end(m));
    } else {
        HTH_ASSERT(err.status == HTH_ELIMIT);
    }
    hth_buf_drop(&out);
}

static void walk(HthMatcher *m, uint64_t seed) {
    const uint32_t n = hth_vocab_count(g_vb.v);
    HthErr err;
    for (uint32_t step = 0; step < 12; step++) {
        const uint32_t *mask;
        if (hth_matcher_mask(m, &mask, &err) != HTH_OK) {
            HTH_ASSERT(err.status == HTH_ELIMIT);
            return;
        }
        const uint32_t from = hth_rng_below(seed, step, 0, n);
        uint32_t id = HTH_TOKEN_NONE;
        for (uint32_t i = 0; i < n && id == HTH_TOKEN_NONE; i++) {
            const uint32_t at = (from + i) % n;
            if (mask[at / 32] >> at % 32 & 1) {
                id = at;
            } else if (i < 8) {
                HTH_ASSERT(hth_matcher_accept(m, at, &err) != HTH_OK);
            }
        }
        HTH_ASSERT(id != HTH_TOKEN_NONE); /* no dead ends: every byte is a token */
        if (hth_vocab_is_end(g_vb.v, id)) return;
        const HthStatus status = hth_matcher_accept(m, id, &err);
        HTH_ASSERT(status == HTH_OK || status == HTH_ELIMIT);
        if (status != HTH_OK) return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    HthErr err;
    HthIr *ir = NULL;
    HthGrammar *g = NULL;
    HthMatcher *m = NULL;
    HthNode root;
    if (size > 1 << 12) return 0;
    open_masks();
    uint64_t seed = size;
    for (size_t i = 0; i < size; i++) seed = seed * 131 + data[i];
    const uint64_t live = hth_mem_live();
    HTH_ASSERT(hth_ir_open(&ir, &err) == HTH_OK);
    HthStatus status = hth_gbnf(ir, (HthStr){ (const char *)data, size }, &root, &err);
    if (status == HTH_OK) status = hth_grammar_open(&g, ir, root, &err);
    hth_ir_close(&ir);
    if (status != HTH_OK) {
        HTH_ASSERT(hth_mem_live() == live);
        return 0;
    }
    HTH_ASSERT(hth_matcher_open(&m, g, g_masks, &err) == HTH_OK);
    walk(m, seed);
    complete(m);
    hth_matcher_close(&m);
    hth_grammar_close(&g);
    return 0;
}
