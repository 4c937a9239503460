/* bpe.c - a byte-level BPE vocabulary: build, save, load, encode. See bpe.h. */
#include "tune/bpe.h"

#include <string.h>

#include "base/mem.h"

enum { CACHE_BYTES_MAX = 1 << 30 };

static const char *const SPECIAL[HTH_BPE_BYTES] = { "<|endoftext|>", "<|im_start|>", "<|im_end|>" };

static const char TEMPLATE[] =
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

typedef struct Cached { /* the ids of one word */
    const uint16_t *ids;
    uint32_t n;
} Cached;

struct HthBpe {
    uint32_t n; /* merges */
    uint16_t (*pairs)[2];
    HthStr *bytes; /* [256 + n] what each token stands for, specials apart */
    HthArena *arena; /* the bytes, and the cache's words and ids */
    HthMap64 *rank; /* left << 16 | right -> merge */
    HthMap *cache; /* word -> position in cached */
    Cached *cached;
    size_t n_cached, cap_cached;
    HthSplit *split;
};

bool hth_bpe_special(HthStr text, size_t at, uint16_t *id_out, size_t *length_out) {
    if (text.p[at] != '<') return false;
    for (uint16_t id = 0; id < HTH_BPE_BYTES; id++) {
        HthStr special = hth_str(SPECIAL[id]);
        if (!hth_str_starts(hth_str_sub(text, at, text.n), special)) continue;
        *id_out = id;
        *length_out = special.n;
        return true;
    }
    return false;
}

uint32_t hth_bpe_vocab(const HthBpe *b) {
    return HTH_BPE_MERGES + b->n;
}

const uint16_t *hth_bpe_pair(const HthBpe *b, uint32_t i) {
    HTH_ASSERT(i < b->n);
    return b->pairs[i];
}

uint64_t hth_bpe_digest(const HthBpe *b) {
    uint64_t h = 0xcbf29ce484222325u;
    for (uint32_t i = 0; i < b->n; i++)
        h = (h ^ ((uint32_t)b->pairs[i][0] << 16 | b->pairs[i][1])) * 0x100000001b3u;
    return h;
}

static HthStr text_of(const HthBpe *b, uint16_t id) {
    return b->bytes[id - HTH_BPE_BYTES];
}

/* Remembers the ids of a word; both stay where they are. */
static HthStatus remember(HthBpe *b, HthStr word, const uint16_t *ids, size_t n, HthErr *err) {
    if (b->n_cached == b->cap_cached) {
        const size_t cap = b->cap_cached ? b->cap_cached * 2 : 4096;
        Cached *grown = hth_realloc(b->cached, cap, sizeof *grown);
        HTH_REQUIRE(grown, err, HTH_ENOMEM, "no memory for the word cache");
        b->cached = grown;
        b->cap_cached = cap;
    }
    HTH_TRY(hth_map_put(b->cache, word, (uint32_t)b->n_cached, err));
    b->cached[b->n_cached++] = (Cached){ ids, (uint32_t)n };
    return HTH_OK;
}

/* The text of every token. A word that is a token as a whole is that token, whatever its merges
 * say: so the pre-tokenizer's family has it. */
static HthStatus spell(HthBpe *b, HthErr *err) {
    for (uint32_t i = 0; i < 256; i++) {
        char c = (char)i;
        char *p = hth_arena_copy(b->arena, &c, 1);
        HTH_REQUIRE(p, err, HTH_ENOMEM, "no memory for the byte tokens");
        b->bytes[i] = (HthStr){ p, 1 };
    }
    for (uint32_t i = 0; i < b->n; i++) {
        const uint16_t *pair = b->pairs[i];
        for (int side = 0; side < 2; side++)
            HTH_REQUIRE(pair[side] >= HTH_BPE_BYTES && pair[side] < HTH_BPE_MERGES + i, err,
                        HTH_EFORMAT, "merge %u joins a token that is not made yet", i);
        HthStr l = text_of(b, pair[0]), r = text_of(b, pair[1]);
        char *p = hth_arena_take(b->arena, l.n + r.n, 1);
        HTH_REQUIRE(p, err, HTH_ENOMEM, "no memory for token %u", i);
        memcpy(p, l.p, l.n);
        memcpy(p + l.n, r.p, r.n);
        b->bytes[256 + i] = (HthStr){ p, l.n + r.n };
        uint16_t *id = hth_arena_take(b->arena, 1, sizeof *id);
        HTH_REQUIRE(id, err, HTH_ENOMEM, "no memory for token %u", i);
        *id = (uint16_t)(HTH_BPE_MERGES + i);
        HTH_TRY(remember(b, b->bytes[256 + i], id, 1, err));
        HTH_TRY(hth_map64_put(b->rank, (uint64_t)pair[0] << 16 | pair[1], i, err));
    }
    return HTH_OK;
}

static HthStatus make(HthBpe *b, const uint16_t (*pairs)[2], uint32_t n, HthErr *err) {
    b->n = n;
    b->pairs = hth_calloc(n ? n : 1, sizeof *b->pairs);
    b->bytes = hth_calloc(256 + n, sizeof *b->bytes);
    HTH_REQUIRE(b->pairs && b->bytes, err, HTH_ENOMEM, "no memory for %u merges", n);
    if (n) memcpy(b->pairs, pairs, n * sizeof *b->pairs);
    HTH_TRY(hth_arena_open(&b->arena, CACHE_BYTES_MAX, err));
    HTH_TRY(hth_map64_open(&b->rank, n, err));
    HTH_TRY(hth_map_open(&b->cache, 1 << 16, err));
    HTH_TRY(hth_split_open(&b->split, err));
    return spell(b, err);
}

HthStatus hth_bpe_make(HthBpe **out, const uint16_t (*pairs)[2], uint32_t n, HthErr *err) {
    HTH_REQUIRE(n <= HTH_BPE_VOCAB_MAX - HTH_BPE_MERGES, err, HTH_ELIMIT,
                "%u merges, at most %d are supported", n, HTH_BPE_VOCAB_MAX - HTH_BPE_MERGES);
    HthBpe *b = hth_calloc(1, sizeof *b);
    HTH_REQUIRE(b, err, HTH_ENOMEM, "no memory for a vocabulary");
    HthStatus status = make(b, pairs, n, err);
    if (status != HTH_OK) {
        hth_bpe_own_close(&b);
        return status;
    }
    *out = b;
    return HTH_OK;
}

void hth_bpe_own_close(HthBpe **bpe) {
    HthBpe *b = *bpe;
    if (!b) return;
    hth_split_close(&b->split);
    hth_map_close(&b->cache);
    hth_map64_close(&b->rank);
    hth_arena_close(&b->arena);
    hth_free(b->cached);
    hth_free(b->bytes);
    hth_free(b->pairs);
    hth_free(b);
    *bpe = NULL;
}

/* ---- GGUF: bytes are written as printable characters, the printable ones as themselves ---- */

static uint32_t printable(uint8_t byte) {
    if ((byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae) return byte;
    if (byte < '!') return 0x100u + byte; /* 0..32 -> 256..288 */
    if (byte < 0xa1) return 0x100u + 33 + (byte - 0x7fu); /* 127..160 -> 289..322 */
    return 0x100u + 67; /* 173 -> 323 */
}

static HthStr encode_name(HthArena *arena, HthStr bytes) {
    char *p = hth_arena_take(arena, bytes.n * 2 + 1, 1);
    size_t n = 0;
    for (size_t i = 0; p && i < bytes.n; i++)
        n += hth_utf8_encode(printable((uint8_t)bytes.p[i]), p + n);
    return (HthStr){ p, n };
}

static HthStatus name_all(const HthBpe *b, HthArena *arena, HthStr *tokens, HthStr *merges,
                          HthErr *err) {
    for (uint32_t i = 0; i < hth_bpe_vocab(b); i++) {
        tokens[i] =
            i < HTH_BPE_BYTES ? hth_str(SPECIAL[i]) : encode_name(arena, text_of(b, (uint16_t)i));
        HTH_REQUIRE(tokens[i].p, err, HTH_ENOMEM, "no memory for the token texts");
    }
    for (uint32_t i = 0; i < b->n; i++) {
        HthStr l = tokens[b->pairs[i][0]], r = tokens[b->pairs[i][1]];
        char *p = hth_arena_take(arena, l.n + r.n + 1, 1);
        HTH_REQUIRE(p, err, HTH_ENOMEM, "no memory for the merge texts");
        memcpy(p, l.p, l.n);
        p[l.n] = ' ';
        memcpy(p + l.n + 1, r.p, r.n);
        merges[i] = (HthStr){ p, l.n + r.n + 1 };
    }
    return HTH_OK;
}

static HthStatus write_kv(const HthBpe *b, HthGgufOut *o, const HthStr *tokens,
                          const HthStr *merges, const int32_t *types, HthErr *err) {
    HTH_TRY(hth_gguf_out_str(o, "tokenizer.ggml.model", HTH_STR("gpt2"), err));
    HTH_TRY(hth_gguf_out_str(o, "tokenizer.ggml.pre", HTH_STR("llama-bpe"), err));
    HTH_TRY(hth_gguf_out_strs(o, "tokenizer.ggml.tokens", tokens, hth_bpe_vocab(b), err));
    HTH_TRY(hth_gguf_out_i32s(o, "tokenizer.ggml.token_type", types, hth_bpe_vocab(b), err));
    HTH_TRY(hth_gguf_out_strs(o, "tokenizer.ggml.merges", merges, b->n, err));
    HTH_TRY(hth_gguf_out_u32(o, "tokenizer.ggml.bos_token_id", HTH_BPE_EOT, err));
    HTH_TRY(hth_gguf_out_u32(o, "tokenizer.ggml.eos_token_id", HTH_BPE_END, err));
    HTH_TRY(hth_gguf_out_u32(o, "tokenizer.ggml.padding_token_id", HTH_BPE_EOT, err));
    HTH_TRY(hth_gguf_out_bool(o, "tokenizer.ggml.add_bos_token", true, err));
    HTH_TRY(hth_gguf_out_bool(o, "tokenizer.ggml.add_eos_token", false, err));
    return hth_gguf_out_str(o, "tokenizer.chat_template", HTH_STR(TEMPLATE), err);
}

HthStatus hth_bpe_write(const HthBpe *b, HthGgufOut *o, HthErr *err) {
    const uint32_t n = hth_bpe_vocab(b);
    HthArena *arena = NULL;
    HTH_TRY(hth_arena_open(&arena, CACHE_BYTES_MAX, err));
    HthStr *tokens = hth_arena_take(arena, n, sizeof *tokens);
    HthStr *merges = hth_arena_take(arena, b->n + 1, sizeof *merges);
    int32_t *types = hth_arena_take(arena, n, sizeof *types);
    HthStatus status = HTH_OK;
    if (!tokens || !merges || !types)
        status = HTH_FAIL(err, HTH_ENOMEM, "no memory for the vocabulary's metadata");
    for (uint32_t i = 0; status == HTH_OK && i < n; i++)
        types[i] = i < HTH_BPE_BYTES ? 3 /* control */ : 1 /* normal */;
    if (status == HTH_OK) status = name_all(b, arena, tokens, merges, err);
    if (status == HTH_OK) status = write_kv(b, o, tokens, merges, types, err);
    hth_arena_close(&arena);
    return status;
}

/* "left right" -> the two ids. */
static bool read_merge(const HthMap *ids, HthStr merge, uint16_t pair[2]) {
    size_t space = hth_str_find(merge, HTH_STR(" "));
    if (space == SIZE_MAX) return false;
    uint32_t l = hth_map_get(ids, hth_str_sub(merge, 0, space));
    uint32_t r = hth_map_get(ids, hth_str_sub(merge, space + 1, merge.n));
    if (l == HTH_MAP_NONE || r == HTH_MAP_NONE) return false;
    pair[0] = (uint16_t)l;
    pair[1] = (uint16_t)r;
    return true;
}

HthStatus hth_bpe_own_open(HthBpe **out, const HthGguf *g, HthErr *err) {
    const HthGgufKv *tokens = NULL, *merges = NULL;
    HTH_TRY(hth_gguf_arr(g, "tokenizer.ggml.tokens", HTH_GGUF_STR, &tokens, err));
    HTH_TRY(hth_gguf_arr(g, "tokenizer.ggml.merges", HTH_GGUF_STR, &merges, err));
    HTH_REQUIRE(tokens->count <= HTH_BPE_VOCAB_MAX && tokens->count >= HTH_BPE_MERGES &&
                    merges->count == tokens->count - HTH_BPE_MERGES,
                err, HTH_ENOTSUP, "%s was not made by the tokenizer trainer", hth_gguf_path(g));
    HthMap *ids = NULL;
    uint16_t(*pairs)[2] = hth_calloc(merges->count + 1, sizeof *pairs);
    HTH_REQUIRE(pairs, err, HTH_ENOMEM, "no memory for the merges");
    HthStatus status = hth_map_open(&ids, tokens->count, err);
    for (uint32_t i = 0; status == HTH_OK && i < tokens->count; i++)
        status = hth_map_put(ids, hth_gguf_elem_str(tokens, i), i, err);
    for (uint32_t i = 0; status == HTH_OK && i < merges->count; i++)
        if (!read_merge(ids, hth_gguf_elem_str(merges, i), pairs[i]))
            status = HTH_FAIL(err, HTH_EFORMAT, "%s: merge %u names no token", hth_gguf_path(g), i);
    if (status == HTH_OK)
        status = hth_bpe_make(out, (const uint16_t(*)[2])pairs, (uint32_t)merges->count, err);
    hth_map_close(&ids);
    hth_free(pairs);
    return status;
}

/* ---- encoding ---- */

void hth_tokens_drop(HthTokens *t) {
    hth_free(t->p);
    *t = (HthTokens){ 0 };
}

HthStatus hth_tokens_add(HthTokens *t, const uint16_t *ids, size_t n, HthErr *err) {
    if (t->n + n > t->cap) {
        const size_t cap = (t->n + n) * 2 + 1024;
        uint16_t *p = hth_realloc(t->p, cap, sizeof *p);
        HTH_REQUIRE(p, err, HTH_ENOMEM, "no memory for %zu tokens", cap);
        t->p = p;
        t->cap = cap;
    }
    if (n) memcpy(t->p + t->n, ids, n * sizeof *ids);
    t->n += n;
    return HTH_OK;
}

/* Lowest merge first, leftmost on ties, until none applies. Returns the count. */
static size_t apply_merges(const HthBpe *b, uint16_t *sym, size_t n) {
    for (;;) {
        uint32_t best = HTH_MAP_NONE;
        size_t at = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            uint32_t r = hth_map64_get(b->rank, (uint64_t)sym[i] << 16 | sym[i + 1]);
            if (r < best) best = r, at = i;
        }
        if (best == HTH_MAP_NONE) return n;
        sym[at] = (uint16_t)(HTH_BPE_MERGES + best);
        memmove(sym + at + 1, sym + at + 2, (n - at - 2) * sizeof *sym);
        n--;
    }
}

static HthStatus encode_word(HthBpe *b, HthStr word, HthTokens *out, HthErr *err) {
    uint32_t at = hth_map_get(b->cache, word);
    if (at != HTH_MAP_NONE) return hth_tokens_add(out, b->cached[at].ids, b->cached[at].n, err);
    char *key = hth_arena_copy(b->arena, word.p, word.n);
    uint16_t *ids = hth_arena_take(b->arena, word.n, sizeof *ids);
    HTH_REQUIRE(key && ids, err, HTH_ENOMEM, "no memory for the word cache");
    for (size_t i = 0; i < word.n; i++) ids[i] = (uint16_t)(HTH_BPE_BYTES + (uint8_t)word.p[i]);
    const size_t n = apply_merges(b, ids, word.n);
    HTH_TRY(remember(b, (HthStr){ key, word.n }, ids, n, err));
    return hth_tokens_add(out, ids, n, err);
}

static HthStatus encode_plain(HthBpe *b, HthStr text, HthTokens *out, HthErr *err) {
    HthStr word;
    for (size_t at = 0; hth_split_next(b->split, text, &at, &word);)
        HTH_TRY(encode_word(b, word, out, err));
    return HTH_OK;
}

HthStatus hth_bpe_own_encode(HthBpe *b, HthStr text, HthTokens *out, HthErr *err) {
    size_t from = 0;
    for (size_t at = 0; at < text.n;) {
        uint16_t id;
        size_t n;
        if (!hth_bpe_special(text, at, &id, &n)) {
            at++;
            continue;
        }
        HTH_TRY(encode_plain(b, hth_str_sub(text, from, at - from), out, err));
        HTH_TRY(hth_tokens_add(out, &id, 1, err));
        from = at += n;
    }
    return encode_plain(b, hth_str_sub(text, from, text.n), out, err);
}
