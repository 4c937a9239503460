/* vocab_fuzz.c - any text through any family and pre-tokenizer over small vocabularies.
 *
 * Input: byte 0 family, byte 1 pre-tokenizer, byte 2 encode flags and switches, byte 3 how the
 * streamed output is cut by a stop string; the rest is text.  Checks: encoding succeeds or says
 * why, ids exist, decoding gives the text back where the family promises it, the stream shows
 * whole characters only and in the end what decoding shows.
 *
 * Thread: one. */
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "support/vocab_build.h"
#include "text/pretok.h"
#include "text/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define M "\xE2\x96\x81"

enum { SPM, BPE, GEMMA, WPM, UGM, RWKV, FAMILIES };

static const char *const MODELS[FAMILIES] = { "llama", "gpt2", "gemma4", "bert", "t5", "rwkv" };
/* After the 256 byte tokens; the first ones are special. */
static const char *const EXTRA[] = {
    "<unk>", "<s>",          "</s>",      "<user>",      "<|im_end|>", "<user><user>", M,
    M "a",   M "the",        "he",        "the",         "in",         "on",           "ing",
    "ab",    "aba",          "\xC4\xA0t", "\xC4\xA0the", "\xC3\xA9",   "\n\n",         "  ",
    M M,     "\xE4\xB8\xAD", "12",        "123",         NULL
};
static const int32_t EXTRA_TYPES[] = { 2, 3, 3, 4, 3, 4 };
static const char *const MERGES[] = { "h e",  "t he",       "i n",          "in g", "o n",   "a b",
                                      "ab a", "\xC4\xA0 t", "\xC4\xA0t he", M " a", M " " M, "1 2",
                                      "12 3", "\n \n",      "e x",          NULL };

static void open_family(Vb *vb, unsigned family, const char *pre, unsigned switches) {
    static Gb gguf;
    static const char *tokens[VB_MAX];
    static float scores[VB_MAX];
    static int32_t types[VB_MAX];
    static char hex[256][8];
    HthErr err;
    size_t n = vb_byte_level(tokens, EXTRA);
    for (size_t i = 0; i < n; i++) {
        bool byte = i < 256 && (family == SPM || family == GEMMA);
        if (byte) snprintf(hex[i], sizeof hex[i], "<0x%02X>", (unsigned)i);
        if (byte) tokens[i] = hex[i];
        types[i] = byte ? HTH_TOKEN_BYTE : HTH_TOKEN_NORMAL;
        if (i >= 256 && i < 256 + HTH_COUNT(EXTRA_TYPES)) types[i] = EXTRA_TYPES[i - 256];
        scores[i] = -(float)((i * 7) % 13) - 1;
    }
    VbSpec spec = { .model = MODELS[family],
                    .pre = pre,
                    .tokens = tokens,
                    .token_n = n,
                    .scores = scores,
                    .types = types,
                    .merges = MERGES,
                    .name = switches & 1 ? "phi-3" : "plain",
                    .ids = { { "bos_token_id", 257 },
                             { "eos_token_id", 258 },
                             { "unknown_token_id", 256 },
                             { "seperator_token_id", 258 } },
                    .flags = { { "add_space_prefix", switches & 2 },
                               { "remove_extra_whitespaces", switches & 4 },
                               { "normalizer.lowercase", switches & 8 } } };
    vb_write(&gguf, &spec);
    HTH_ASSERT(vb_open(vb, &gguf, &err) == HTH_OK);
}

/* Does decoding give every text back exactly? */
static bool lossless(unsigned family, const char *pre, HthStr text) {
    if (!hth_utf8_valid(text)) return false;
    if (family == BPE) return !(hth_pre_find(hth_str(pre))->flags & HTH_PRE_RAW);
    return family == GEMMA && hth_str_find(text, HTH_STR(M)) == SIZE_MAX; /* read as spaces */
}

static void check_stream(const HthVocab *v, const HthIds *ids, HthStr stop) {
    HthStream *s = NULL;
    HthBuf shown, whole;
    HthErr err;
    hth_buf_init(&shown, SIZE_MAX / 2);
    hth_buf_init(&whole, SIZE_MAX / 2);
    HTH_ASSERT(hth_stream_open(&s, v, &stop, stop.n ? 1 : 0, &err) == HTH_OK);
    for (size_t i = 0; i < ids->n; i++) {
        HTH_ASSERT(hth_stream_put(s, ids->p[i], &shown, &err) == HTH_OK);
    }
    HTH_ASSERT(hth_stream_end(s, &shown, &err) == HTH_OK);
    HTH_ASSERT(hth_utf8_valid(hth_buf_str(&shown)));
    HTH_ASSERT(hth_vocab_decode(v, ids->p, ids->n, false, &whole, &err) == HTH_OK);
    HthStr all = hth_buf_str(&whole);
    if (hth_utf8_valid(all)) {
        size_t end = stop.n ? hth_str_find(all, stop) : SIZE_MAX;
        HTH_ASSERT((end == SIZE_MAX) == (hth_stream_stopped(s) == SIZE_MAX));
        HTH_ASSERT(hth_str_eq(hth_buf_str(&shown), hth_str_sub(all, 0, end)));
    }
    hth_stream_close(&s);
    hth_buf_drop(&shown);
    hth_buf_drop(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const HthStr STOPS[] = { HTH_STR(""), HTH_STR("the"), HTH_STR("aba"), HTH_STR(" \n") };
    if (size < 4) return 0;
    unsigned family = data[0] % FAMILIES, flags = data[2] & 3;
    size_t pre_n = 0;
    while (hth_pre_at(pre_n)) pre_n++;
    const char *pre = family == BPE ? hth_pre_at(data[1] % pre_n)->name : NULL;
    HthStr text = { (const char *)data + 4, size - 4 };
    const uint64_t live = hth_mem_live();
    HthErr err;
    HthIds ids;
    HthBuf back;
    Vb vb;
    open_family(&vb, family, pre, data[2] >> 2);
    hth_ids_init(&ids, size * 6 + 16);
    hth_buf_init(&back, SIZE_MAX / 2);
    HTH_ASSERT(hth_vocab_encode(vb.v, text, flags, &ids, &err) == HTH_OK);
    for (size_t i = 0; i < ids.n; i++) HTH_ASSERT(ids.p[i] < hth_vocab_count(vb.v));
    check_stream(vb.v, &ids, STOPS[data[3] % HTH_COUNT(STOPS)]);
    /* phi-3 swallows the blanks after special tokens; user tokens are special without the flag */
    bool swallows = data[2] >> 2 & 1;
    if (!(flags & HTH_ENCODE_BOS_EOS) && !swallows && lossless(family, pre, text)) {
        HTH_ASSERT(hth_vocab_decode(vb.v, ids.p, ids.n, true, &back, &err) == HTH_OK);
        HTH_ASSERT(hth_str_eq(hth_buf_str(&back), text));
    }
    hth_buf_drop(&back);
    hth_ids_drop(&ids);
    vb_close(&vb);
    HTH_ASSERT(hth_mem_live() == live);
    return 0;
}
