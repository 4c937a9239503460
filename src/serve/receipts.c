/* receipts.c - see receipts.h. */
#include "serve/receipts.h"

#include <string.h>

/* ---- models --------------------------------------------------------------------------------- */

enum { PIECE = 8 << 20 };

HthStatus hth_receipt_file(HthDigests *out, const HthGguf *g, HthHashProgress progress,
                           void *payload, HthErr *err) {
    HthDigesting d;
    uint64_t done = 0;
    const uint64_t all = hth_gguf_file_bytes(g);
    HTH_TRY(hth_digests_begin(&d, err));
    for (uint32_t i = 0; i < hth_gguf_part_count(g); i++) {
        HthStr left = hth_gguf_part(g, i);
        while (left.n > 0) {
            const HthStr piece = hth_str_sub(left, 0, PIECE);
            hth_digests_add(&d, piece.p, piece.n);
            left = hth_str_sub(left, piece.n, SIZE_MAX);
            done += piece.n;
            if (!progress || progress(payload, done, all)) continue;
            hth_digests_end(&d, NULL);
            return HTH_FAIL(err, HTH_ECANCELED, "interrupted while reading the model");
        }
    }
    hth_digests_end(&d, out);
    return HTH_OK;
}

/* Bytes of an entry's value in the file, from data on. */
static size_t value_bytes(const HthGgufKv *kv) {
    static const uint8_t widths[] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };
    const HthGgufType type = kv->type == HTH_GGUF_ARR ? kv->elem : kv->type;
    if (type != HTH_GGUF_STR) return widths[type] * (size_t)kv->count;
    if (kv->count == 0) return 0;
    const HthStr last = hth_gguf_elem_str(kv, kv->count - 1);
    return (size_t)(last.p + last.n - (const char *)kv->data);
}

/* Every entry that makes the tokenizer, as it is encoded in the file, in the file's order. */
static HthStatus tokenizer(HthReceiptFacts *facts, const HthGguf *g, HthErr *err) {
    HthDigesting d;
    HTH_TRY(hth_digests_begin(&d, err));
    for (size_t i = 0; i < hth_gguf_kv_count(g); i++) {
        const HthGgufKv *kv = hth_gguf_kv_at(g, i);
        if (!hth_str_starts(kv->key, HTH_STR("tokenizer.")) ||
            hth_str_starts(kv->key, HTH_STR("tokenizer.chat_template")))
            continue;
        const char *from = kv->key.p - 8; /* the key's length word */
        hth_digests_add(&d, from, (size_t)((const char *)kv->data - from) + value_bytes(kv));
    }
    hth_digests_end(&d, &facts->tokenizer);
    return HTH_OK;
}

HthStatus hth_receipt_model(HthReceiptFacts *facts, const HthGguf *g, HthStr chat_template,
                            HthHashProgress progress, void *payload, HthErr *err) {
    HTH_TRY(hth_receipt_file(&facts->model, g, progress, payload, err));
    facts->model_bytes = hth_gguf_file_bytes(g);
    HTH_TRY(tokenizer(facts, g, err));
    facts->chat_template = (HthDigests){ 0 };
    if (chat_template.n > 0) hth_digests(&facts->chat_template, chat_template.p, chat_template.n);
    return HTH_OK;
}

/* ---- samplers ------------------------------------------------------------------------------- */

enum { TEXT_MAX = 1 << 20 };
static const char breakers[] = "dry_sequence_breaker";

/* One line "name      value" of hth_sample_print. */
static HthStatus add_line(json_t *out, HthStr line, HthErr *err) {
    char name[64];
    const size_t end = hth_str_find(line, HTH_STR(" "));
    HTH_ASSERT(end < sizeof name);
    memcpy(name, line.p, end);
    name[end] = '\0';
    if (strcmp(name, "seed") == 0) return HTH_OK;
    while (line.n > end && line.p[end] == ' ') line = hth_str_sub(line, 1, SIZE_MAX);
    const HthStr value = hth_str_sub(line, end, SIZE_MAX);
    HTH_REQUIRE(hth_utf8_valid(value), err, HTH_EINVAL, "%s: a receipt can only hold UTF-8", name);
    HTH_REQUIRE(json_object_set_new(out, name, json_stringn(value.p, value.n)) == 0, err,
                HTH_ENOMEM, "out of memory for a receipt");
    return HTH_OK;
}

static HthStatus add_lines(json_t *out, HthStr text, HthErr *err) {
    while (text.n > 0) {
        const size_t end = hth_str_find(text, HTH_STR("\n"));
        HTH_TRY(add_line(out, hth_str_sub(text, 0, end), err));
        text = hth_str_sub(text, end + 1, SIZE_MAX);
    }
    return HTH_OK;
}

HthStatus hth_receipt_sampler(json_t **out, const HthSampleParams *params, HthErr *err) {
    HthBuf text;
    hth_json_init();
    json_t *all = json_object();
    HTH_REQUIRE(all, err, HTH_ENOMEM, "out of memory for a receipt");
    hth_buf_init(&text, TEXT_MAX);
    HthStatus st = hth_sample_print(params, &text, err);
    if (st == HTH_OK) st = add_lines(all, hth_buf_str(&text), err);
    hth_buf_drop(&text);
    if (st == HTH_OK)
        *out = all;
    else
        json_decref(all);
    return st;
}

/* One character of a quoted breaker; how many it took, 0: none that hearth writes. */
static size_t unescape(HthStr s, char *out) {
    static const char plain[] = "n\n\"\"\\\\";
    *out = s.p[0];
    if (s.p[0] != '\\') return s.p[0] != '"';
    if (s.n >= 4 && s.p[1] == 'x') return hth_unhex(out, 1, hth_str_sub(s, 2, 2)) ? 4 : 0;
    for (const char *p = plain; s.n >= 2 && *p; p += 2) {
        if (s.p[1] != *p) continue;
        *out = p[1];
        return 2;
    }
    return 0;
}

/* "a" "b": quoted, escaped, a blank between them. */
static HthStatus each_breaker(HthStr s, HthReceiptSet set, void *payload, HthErr *err) {
    HTH_TRY(set(payload, breakers, HTH_STR("none"), err));
    while (s.n > 0) {
        char text[HTH_DRY_BREAKER_BYTES_MAX];
        size_t n = 0, took = 1;
        bool good = s.p[0] == '"';
        s = hth_str_sub(s, 1, SIZE_MAX);
        while (good && s.n > 0 && s.p[0] != '"') {
            good = n < sizeof text && (took = unescape(s, &text[n])) > 0;
            n += good;
            s = hth_str_sub(s, took, SIZE_MAX);
        }
        good = good && s.n > 0 && (s.n == 1 || (s.n > 2 && s.p[1] == ' '));
        HTH_REQUIRE(good, err, HTH_EFORMAT, "the receipt's %s is not as hearth writes it",
                    breakers);
        s = hth_str_sub(s, 2, SIZE_MAX);
        HTH_TRY(set(payload, breakers, (HthStr){ text, n }, err));
    }
    return HTH_OK;
}

HthStatus hth_receipt_sampler_each(const json_t *sampler, HthReceiptSet set, void *payload,
                                   HthErr *err) {
    json_t *all = (json_t *)(uintptr_t)sampler; /* jansson's iterators want it so */
    for (void *it = json_object_iter(all); it; it = json_object_iter_next(all, it)) {
        const char *name = json_object_iter_key(it);
        const HthStr value = hth_json_text(all, name);
        HTH_TRY(strcmp(name, breakers) == 0 ? each_breaker(value, set, payload, err)
                                            : set(payload, name, value, err));
    }
    return HTH_OK;
}
