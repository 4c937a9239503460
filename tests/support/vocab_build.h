/* vocab_build.h - small vocabularies as GGUF bytes in memory, for tests of src/text.
 *
 * Fill a VbSpec, open it, compare encodings as strings of ids: "3 1 4".
 *
 * Thread: one owner. */
#ifndef HTH_TESTS_VOCAB_BUILD_H
#define HTH_TESTS_VOCAB_BUILD_H

#include "gguf_build.h"
#include "text/vocab.h"

typedef struct VbSpec {
    const char *model, *pre, *name; /* pre and name may be NULL */
    const char *const *tokens;
    size_t token_n;
    const float *scores; /* [token_n] or NULL */
    const int32_t *types; /* [token_n] or NULL: all normal */
    const char *const *merges; /* ended by NULL; NULL: no key at all */
    const uint8_t *charsmap;
    size_t charsmap_n;
    struct {
        const char *key; /* without "tokenizer.ggml." */
        uint32_t value;
    } ids[8];
    struct {
        const char *key;
        bool value;
    } flags[8];
} VbSpec;

static inline const char *vb_key(char *room, size_t n, const char *key) {
    snprintf(room, n, "tokenizer.ggml.%s", key);
    return room;
}

static inline void vb_arrays(Gb *g, const VbSpec *s) {
    gb_kv_arr(g, "tokenizer.ggml.tokens", GB_STR, s->token_n);
    for (size_t i = 0; i < s->token_n; i++) gb_str(g, s->tokens[i]);
    if (s->scores) {
        gb_kv_arr(g, "tokenizer.ggml.scores", GB_F32, s->token_n);
        gb_bytes(g, s->scores, s->token_n * sizeof *s->scores);
    }
    if (s->types) {
        gb_kv_arr(g, "tokenizer.ggml.token_type", GB_I32, s->token_n);
        gb_bytes(g, s->types, s->token_n * sizeof *s->types);
    }
    if (s->merges) {
        size_t n = 0;
        while (s->merges[n]) n++;
        gb_kv_arr(g, "tokenizer.ggml.merges", GB_STR, n);
        for (size_t i = 0; i < n; i++) gb_str(g, s->merges[i]);
    }
    if (s->charsmap) {
        gb_kv_arr(g, "tokenizer.ggml.precompiled_charsmap", GB_U8, s->charsmap_n);
        gb_bytes(g, s->charsmap, s->charsmap_n);
    }
}

static inline void vb_write(Gb *g, const VbSpec *s) {
    char key[96];
    gb_begin(g, 3);
    gb_kv_str(g, "general.architecture", "llama");
    if (s->name) gb_kv_str(g, "general.name", s->name);
    if (s->model) gb_kv_str(g, "tokenizer.ggml.model", s->model);
    if (s->pre) gb_kv_str(g, "tokenizer.ggml.pre", s->pre);
    vb_arrays(g, s);
    for (size_t i = 0; i < 8 && s->ids[i].key; i++) {
        gb_kv_int(g, vb_key(key, sizeof key, s->ids[i].key), GB_U32, s->ids[i].value);
    }
    for (size_t i = 0; i < 8 && s->flags[i].key; i++) {
        gb_kv_int(g, vb_key(key, sizeof key, s->flags[i].key), GB_BOOL, s->flags[i].value);
    }
    gb_counts(g);
}

/* A vocabulary together with the file it borrows from. */
typedef struct Vb {
    HthGguf *file;
    HthVocab *v;
} Vb;

static inline HthStatus vb_open(Vb *out, const Gb *g, HthErr *err) {
    Vb vb = { 0 };
    HTH_TRY(hth_gguf_open_mem(&vb.file, g->b, g->n, "test", err));
    HthStatus status = hth_vocab_open(&vb.v, vb.file, err);
    if (status != HTH_OK) {
        hth_gguf_close(&vb.file);
        return status;
    }
    *out = vb;
    return HTH_OK;
}

static inline void vb_close(Vb *vb) {
    hth_vocab_close(&vb->v);
    hth_gguf_close(&vb->file);
}

/* The alphabet of byte-level BPE in GPT-2's order, then `extra` (ended by NULL): returns the count.
 * Token i < 256 is the character of the ith byte: '!' is 0, 'a' is 64, ' ' is 220. */
enum { VB_BYTES = 256, VB_MAX = 400 };
static inline size_t vb_byte_level(const char *tokens[VB_MAX], const char *const *extra) {
    static char room[VB_BYTES][4];
    size_t n = 0;
    for (int pass = 0; pass < 2; pass++) {
        int next = 0x100;
        for (int b = 0; b < 256; b++) {
            int shown = (b > 0x20 && b < 0x7F) || (b > 0xA0 && b != 0xAD);
            int cp = shown ? b : next++;
            if (shown != (pass == 0)) continue;
            if (cp < 0x80) {
                snprintf(room[n], 4, "%c", cp);
            } else {
                snprintf(room[n], 4, "%c%c", 0xC0 | cp >> 6, 0x80 | (cp & 0x3F));
            }
            tokens[n] = room[n];
            n++;
        }
    }
    for (size_t i = 0; extra && extra[i]; i++) tokens[n++] = extra[i];
    return n;
}

/* Encodes to "1 2 3" in room; an error's sentence instead, if there is one. */
static inline const char *vb_ids(const HthVocab *v, const char *text, size_t n, unsigned flags,
                                 char *room, size_t room_n) {
    HthErr err = { 0 };
    HthIds ids;
    hth_ids_init(&ids, 1 << 20);
    room[0] = 0;
    if (hth_vocab_encode(v, (HthStr){ text, n }, flags, &ids, &err) != HTH_OK) {
        snprintf(room, room_n, "%s", err.text);
    }
    size_t at = 0;
    for (size_t i = 0; i < ids.n && at + 12 < room_n; i++) {
        at += (size_t)snprintf(room + at, room_n - at, i ? " %u" : "%u", ids.p[i]);
    }
    hth_ids_drop(&ids);
    return room;
}

#define assert_encodes(v, text, flags, want)                                                       \
    do {                                                                                           \
        char room_[4096];                                                                          \
        assert_string_equal(vb_ids((v), (text), strlen(text), (flags), room_, sizeof room_),       \
                            (want));                                                               \
    } while (0)

/* decode(ids of text) with special tokens shown. */
#define assert_round_trip(v, text, length, flags)                                                  \
    do {                                                                                           \
        HthErr err_ = { 0 };                                                                       \
        HthIds ids_;                                                                               \
        HthBuf out_;                                                                               \
        hth_ids_init(&ids_, 1 << 20);                                                              \
        hth_buf_init(&out_, 1 << 24);                                                              \
        assert_ok(hth_vocab_encode((v), (HthStr){ (text), (length) }, (flags), &ids_, &err_),      \
                  err_);                                                                           \
        assert_ok(hth_vocab_decode((v), ids_.p, ids_.n, true, &out_, &err_), err_);                \
        assert_int_equal(out_.n, (length));                                                        \
        if (length) assert_memory_equal(out_.p, (text), (length));                                 \
        hth_ids_drop(&ids_);                                                                       \
        hth_buf_drop(&out_);                                                                       \
    } while (0)

#endif
