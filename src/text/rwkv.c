/* rwkv.c - the RWKV "world" tokenizer: the longest token at every place, no merges.
 *
 * The file stores token texts with escapes (\n, \xHH, ...), because a token may be any bytes.
 *
 * Thread: any. */
#include "text/vocab_int.h"

static int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

size_t hth_rwkv_unescape(HthStr t, char *out) {
    size_t n = 0;
    for (size_t i = 0; i < t.n; i++) {
        char c = t.p[i];
        if (c != '\\' || i + 1 == t.n) {
            out[n++] = c;
            continue;
        }
        c = t.p[++i];
        if (c == 'x' && i + 2 < t.n && digit(t.p[i + 1]) >= 0 && digit(t.p[i + 2]) >= 0) {
            out[n++] = (char)(digit(t.p[i + 1]) * 16 + digit(t.p[i + 2]));
            i += 2;
        } else {
            out[n++] = (char)(c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c);
        }
    }
    return n;
}

HthStatus hth_rwkv_open(HthVocab *v, HthErr *err) {
    HTH_TRY(hth_trie_open(&v->trie, err));
    char *plain = hth_arena_take(v->own, v->token_max + 1, 1);
    HTH_REQUIRE(plain, err, HTH_ENOMEM, "out of memory for the tokenizer");
    for (uint32_t id = 0; id < v->n; id++) {
        size_t n = hth_rwkv_unescape(v->text[id], plain);
        HTH_TRY(hth_trie_put(v->trie, (HthStr){ plain, n }, id, err));
    }
    return HTH_OK;
}

HthStatus hth_rwkv_encode(const HthVocab *v, HthStr text, HthIds *ids, HthErr *err) {
    while (text.n) {
        uint32_t id = v->unk;
        size_t n = hth_trie_longest(v->trie, text, &id);
        HTH_REQUIRE(id != HTH_TOKEN_NONE, err, HTH_EFORMAT,
                    "the vocabulary has no unknown token and cannot write this text");
        HTH_TRY(hth_ids_add(ids, id, err));
        text = hth_str_sub(text, n ? n : 1, SIZE_MAX);
    }
    return HTH_OK;
}
