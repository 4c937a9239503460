/* mkmodel_vocab.c - tokenizers: copied from a file, or made up (every byte can be encoded, pieces
 * merge).
 *
 * Pieces beyond the alphabet are joins of two earlier pieces, drawn from the seed; the earlier one
 * is made, the sooner it merges.  No language is behind them.
 *
 * Thread: one. */
#include "mkmodel.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/rng.h"

enum {
    PIECE_MAX = 24, /* bytes of a joined piece */
    TRIES_MAX = 10000, /* draws for one new piece */
    STREAM = 0x70696563
};

/* Kinds of token as the format numbers them. */
enum { NORMAL = 1, UNKNOWN = 2, CONTROL = 3, BYTE = 6 };

typedef struct Maker {
    HthArena *arena;
    HthMap *seen; /* text -> id */
    HthStr *tokens; /* [n_vocab] */
    int32_t *kinds;
    float *scores;
    HthStr *merges; /* "a b", [merge_count] */
    uint32_t n, n_vocab, merge_count;
    uint64_t seed, draws;
    HthErr *err;
} Maker;

static HthStatus add(Maker *m, HthStr text, int32_t kind, float score) {
    HTH_REQUIRE(m->n < m->n_vocab, m->err, HTH_EINVAL,
                "a vocabulary of %u is too small for its alphabet", m->n_vocab);
    char *copy = hth_arena_copy(m->arena, text.p, text.n);
    HTH_REQUIRE(copy != NULL, m->err, HTH_ENOMEM, "out of memory");
    m->tokens[m->n] = (HthStr){ copy, text.n };
    m->kinds[m->n] = kind;
    m->scores[m->n] = score;
    HTH_TRY(hth_map_put(m->seen, m->tokens[m->n], m->n, m->err));
    m->n++;
    return HTH_OK;
}

static HthStatus add_c(Maker *m, const char *text, int32_t kind) {
    return add(m, hth_str(text), kind, 0);
}

/* One new piece of two tokens with ids from `first` on; records the merge. */
static HthStatus join(Maker *m, uint32_t first, float score) {
    for (uint32_t tries = 0; tries < TRIES_MAX; tries++) {
        HthStr a = m->tokens[first + hth_rng_below(m->seed, STREAM, m->draws++, m->n - first)];
        HthStr b = m->tokens[first + hth_rng_below(m->seed, STREAM, m->draws++, m->n - first)];
        char text[2 * PIECE_MAX + 2];
        if (a.n + b.n > PIECE_MAX || hth_str_starts(b, HTH_STR("\xe2\x96\x81"))) continue;
        int n = snprintf(text, sizeof text, "%.*s%.*s", HTH_STR_ARG(a), HTH_STR_ARG(b));
        HthStr joined = { text, (size_t)n };
        if (hth_map_get(m->seen, joined) != HTH_MAP_NONE) continue;
        HTH_TRY(add(m, joined, NORMAL, score));
        n = snprintf(text, sizeof text, "%.*s %.*s", HTH_STR_ARG(a), HTH_STR_ARG(b));
        char *merge = hth_arena_copy(m->arena, text, (size_t)n);
        HTH_REQUIRE(merge != NULL, m->err, HTH_ENOMEM, "out of memory");
        m->merges[m->merge_count++] = (HthStr){ merge, (size_t)n };
        return HTH_OK;
    }
    return HTH_FAIL(m->err, HTH_EINVAL, "no room for %u different tokens", m->n_vocab);
}

/* SPM: unknown, BOS, EOS, 256 byte tokens, an alphabet, joins. */
static HthStatus make_spm(Maker *m) {
    static const char alphabet[] = "etaoinshrdlucmfwygpbvkxqjz.,'";
    char text[8];
    HTH_TRY(add_c(m, "<unk>", UNKNOWN));
    HTH_TRY(add_c(m, "<s>", CONTROL));
    HTH_TRY(add_c(m, "</s>", CONTROL));
    for (unsigned b = 0; b < 256; b++) {
        snprintf(text, sizeof text, "<0x%02X>", b);
        HTH_TRY(add_c(m, text, BYTE));
    }
    uint32_t first = m->n;
    uint32_t letters = (uint32_t)sizeof alphabet; /* with the blank */
    float rank = (float)m->n_vocab; /* letters score below every join */
    HTH_TRY(add(m, HTH_STR("\xe2\x96\x81"), NORMAL, -rank));
    for (uint32_t i = 0; i + 1 < letters; i++)
        HTH_TRY(add(m, (HthStr){ &alphabet[i], 1 }, NORMAL, -rank - (float)i - 1));
    for (uint32_t i = 0; m->n < m->n_vocab; i++) HTH_TRY(join(m, first, -(float)i));
    return HTH_OK;
}

/* The printable stand-in that byte-level BPE writes for a byte: itself where it is a visible
 * Latin-1 character, else the next free code point from 256. */
static uint32_t byte_stand_in(unsigned byte) {
    uint32_t next = 256;
    for (unsigned b = 0; b < 256; b++) {
        bool visible = (b >= '!' && b <= '~') || (b >= 0xa1 && b != 0xad);
        uint32_t cp = visible ? b : next++;
        if (b == byte) return cp;
    }
    return 0;
}

/* Byte-level BPE: 256 bytes, joins, one control token at the end. */
static HthStatus make_bpe(Maker *m) {
    for (unsigned b = 0; b < 256; b++) {
        char text[4];
        size_t n = hth_utf8_encode(byte_stand_in(b), text);
        HTH_TRY(add(m, (HthStr){ text, n }, NORMAL, 0));
    }
    while (m->n + 1 < m->n_vocab) HTH_TRY(join(m, 0, 0));
    return add_c(m, "<|endoftext|>", CONTROL);
}

static HthStatus write_spm(HthGgufOut *o, const Maker *m) {
    HTH_TRY(hth_gguf_out_str(o, "tokenizer.ggml.model", HTH_STR("llama"), m->err));
    HTH_TRY(hth_gguf_out_str(o, "tokenizer.ggml.pre", HTH_STR("default"), m->err));
    HTH_TRY(hth_gguf_out_strs(o, "tokenizer.ggml.tokens", m->tokens, m->n, m->err));
    HTH_TRY(hth_gguf_out_f32s(o, "tokenizer.ggml.scores", m->scores, m->n, m->err));
    HTH_TRY(hth_gguf_out_i32s(o, "tokenizer.ggml.token_type", m->kinds, m->n, m->err));
    HTH_TRY(hth_gguf_out_u32(o, "tokenizer.ggml.bos_token_id", 1, m->err));
    HTH_TRY(hth_gguf_out_u32(o, "tokenizer.ggml.eos_token_id", 2, m->err));
    HTH_TRY(hth_gguf_out_u32(o, "tokenizer.ggml.unknown_token_id", 0, m->err));
    HTH_TRY(hth_gguf_out_bool(o, "tokenizer.ggml.add_bos_token", true, m->err));
    return hth_gguf_out_bool(o, "tokenizer.ggml.add_eos_token", false, m->err);
}

static HthStatus write_bpe(HthGgufOut *o, const Maker *m) {
    HTH_TRY(hth_gguf_out_str(o, "tokenizer.ggml.model", HTH_STR("gpt2"), m->err));
    HTH_TRY(hth_gguf_out_str(o, "tokenizer.ggml.pre", HTH_STR("gpt-2"), m->err));
    HTH_TRY(hth_gguf_out_strs(o, "tokenizer.ggml.tokens", m->tokens, m->n, m->err));
    HTH_TRY(hth_gguf_out_i32s(o, "tokenizer.ggml.token_type", m->kinds, m->n, m->err));
    HTH_TRY(hth_gguf_out_strs(o, "tokenizer.ggml.merges", m->merges, m->merge_count, m->err));
    HTH_TRY(hth_gguf_out_u32(o, "tokenizer.ggml.bos_token_id", m->n - 1, m->err));
    return hth_gguf_out_u32(o, "tokenizer.ggml.eos_token_id", m->n - 1, m->err);
}

/* Plain enough for any interpreter: role, colon, content, end of line. */
static const char chat_template[] =
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}";

HthStatus hth_mkmodel_vocab(HthGgufOut *o, const char *kind, uint32_t n_vocab, uint64_t seed,
                            HthErr *err) {
    Maker m = { .n_vocab = n_vocab, .seed = seed, .err = err };
    bool spm = strcmp(kind, "spm") == 0;
    HthStatus status = hth_arena_open(&m.arena, (size_t)1 << 30, err);
    if (status == HTH_OK) status = hth_map_open(&m.seen, n_vocab, err);
    if (status != HTH_OK) goto out;
    m.tokens = hth_arena_take(m.arena, n_vocab, sizeof *m.tokens);
    m.kinds = hth_arena_take(m.arena, n_vocab, sizeof *m.kinds);
    m.scores = hth_arena_take(m.arena, n_vocab, sizeof *m.scores);
    m.merges = hth_arena_take(m.arena, n_vocab, sizeof *m.merges);
    if (m.tokens == NULL || m.kinds == NULL || m.scores == NULL || m.merges == NULL) {
        status = HTH_FAIL(err, HTH_ENOMEM, "out of memory");
        goto out;
    }
    status = spm ? make_spm(&m) : make_bpe(&m);
    if (status == HTH_OK) status = spm ? write_spm(o, &m) : write_bpe(o, &m);
    if (status == HTH_OK)
        status = hth_gguf_out_str(o, "tokenizer.chat_template", hth_str(chat_template), err);
out:
    hth_map_close(&m.seen);
    hth_arena_close(&m.arena);
    return status;
}

/* ---- a real one, from a file ---- */

bool hth_mkmodel_vocab_is_file(const char *tokenizer) {
    size_t n = strlen(tokenizer);
    return n > 5 && strcmp(tokenizer + n - 5, ".gguf") == 0;
}

HthStatus hth_mkmodel_vocab_count(const char *path, uint64_t *count, HthErr *err) {
    HthGguf *g = NULL;
    const HthGgufKv *tokens = NULL;
    HTH_TRY(hth_gguf_open(&g, path, err));
    HthStatus status = hth_gguf_arr(g, "tokenizer.ggml.tokens", HTH_GGUF_STR, &tokens, err);
    if (status == HTH_OK) *count = tokens->count;
    hth_gguf_close(&g);
    return status;
}

HthStatus hth_mkmodel_vocab_copy(HthGgufOut *o, const char *path, bool template, HthErr *err) {
    HthGguf *g = NULL;
    HTH_TRY(hth_gguf_open(&g, path, err));
    HthStatus status = HTH_OK;
    for (size_t i = 0; i < hth_gguf_kv_count(g) && status == HTH_OK; i++) {
        const HthGgufKv *kv = hth_gguf_kv_at(g, i);
        if (!hth_str_starts(kv->key, HTH_STR("tokenizer."))) continue;
        if (!template && hth_str_starts(kv->key, HTH_STR("tokenizer.chat_template"))) continue;
        status = hth_gguf_out_kv(o, kv, err);
    }
    hth_gguf_close(&g);
    return status;
}
