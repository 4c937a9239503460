/* metadata.c - the key/value section of a GGUF file, checked entry by entry.
 *
 * Values stay in the file; only the entries and the offsets of array strings are built.
 *
 * Thread: one owner. */
#include "gguf/gguf_int.h"

#include <string.h>

#include "base/num.h"

/* Indexed by HthGgufType. bytes 0: not of fixed size. */
static const struct {
    const char *name;
    uint8_t bytes;
    bool is_int;
} types[] = {
    [HTH_GGUF_U8] = { "u8", 1, true },       [HTH_GGUF_I8] = { "i8", 1, true },
    [HTH_GGUF_U16] = { "u16", 2, true },     [HTH_GGUF_I16] = { "i16", 2, true },
    [HTH_GGUF_U32] = { "u32", 4, true },     [HTH_GGUF_I32] = { "i32", 4, true },
    [HTH_GGUF_F32] = { "f32", 4, false },    [HTH_GGUF_BOOL] = { "bool", 1, false },
    [HTH_GGUF_STR] = { "string", 0, false }, [HTH_GGUF_ARR] = { "array", 0, false },
    [HTH_GGUF_U64] = { "u64", 8, true },     [HTH_GGUF_I64] = { "i64", 8, true },
    [HTH_GGUF_F64] = { "f64", 8, false },
};

size_t hth_gguf_type_bytes(HthGgufType type) {
    HTH_ASSERT((size_t)type < HTH_COUNT(types));
    return types[type].bytes;
}

const char *hth_gguf_type_name(HthGgufType type) {
    HTH_ASSERT((size_t)type < HTH_COUNT(types));
    return types[type].name;
}

bool hth_gguf_type_is_int(HthGgufType type) {
    HTH_ASSERT((size_t)type < HTH_COUNT(types));
    return types[type].is_int;
}

static HthStatus read_type(HthGgufReader *r, const char *what, HthGgufType *out) {
    uint32_t id = 0;
    HTH_TRY(hth_gguf_read_u32(r, &id));
    if (id >= HTH_COUNT(types))
        return HTH_GGUF_BAD(r, HTH_EFORMAT, "has %s %u, which GGUF does not define", what, id);
    *out = (HthGgufType)id;
    return HTH_OK;
}

/* count values of a fixed-size type, already in place at r->at. */
static HthStatus skip_fixed(HthGgufReader *r, HthGgufType type, uint64_t count) {
    size_t size = hth_gguf_type_bytes(type);
    if (count > (r->n - r->at) / size) return hth_gguf_need(r, UINT64_MAX);
    if (type == HTH_GGUF_BOOL)
        for (uint64_t i = 0; i < count; i++)
            if (r->data[r->at + i] > 1)
                return HTH_GGUF_BAD(r, HTH_EFORMAT, "holds the byte %u where a bool is 0 or 1",
                                    r->data[r->at + i]);
    r->at += (size_t)count * size;
    return HTH_OK;
}

/* Array strings are byte strings (tokens may be pieces of characters): not checked as UTF-8. */
static HthStatus skip_strings(HthGgufReader *r, HthGgufKv *kv) {
    uint64_t *offsets = NULL;
    if (kv->count > (r->n - r->at) / 8) return hth_gguf_need(r, UINT64_MAX);
    if (kv->count == 0) return HTH_OK;
    HTH_TRY(hth_gguf_take(r, (size_t)kv->count, sizeof *offsets, &offsets));
    size_t start = r->at;
    for (uint64_t i = 0; i < kv->count; i++) {
        HthStr s;
        offsets[i] = r->at - start;
        HTH_TRY(hth_gguf_read_str(r, HTH_GGUF_ELEM_STR_MAX, "a string in its array", &s));
    }
    kv->offsets = offsets;
    return HTH_OK;
}

static HthStatus read_value(HthGgufReader *r, HthGgufKv *kv) {
    kv->count = 1;
    if (kv->type == HTH_GGUF_ARR) {
        HTH_TRY(read_type(r, "array element type", &kv->elem));
        if (kv->elem == HTH_GGUF_ARR)
            return HTH_GGUF_BAD(r, HTH_EFORMAT, "is an array of arrays, which hearth refuses");
        HTH_TRY(hth_gguf_read_u64(r, &kv->count));
        kv->data = r->data + r->at;
        if (kv->elem == HTH_GGUF_STR) return skip_strings(r, kv);
        return skip_fixed(r, kv->elem, kv->count);
    }
    kv->data = r->data + r->at;
    if (kv->type != HTH_GGUF_STR) return skip_fixed(r, kv->type, 1);
    HthStr s;
    HTH_TRY(hth_gguf_read_str(r, HTH_GGUF_STR_MAX, "a value", &s));
    if (!hth_utf8_valid(s)) return HTH_GGUF_BAD(r, HTH_EFORMAT, "is not valid UTF-8");
    return HTH_OK;
}

static HthStatus read_kv(HthGgufReader *r, HthGgufKv *kv) {
    HTH_TRY(hth_gguf_read_str(r, HTH_GGUF_KEY_MAX, "a key", &kv->key));
    if (kv->key.n == 0) return HTH_GGUF_BAD(r, HTH_EFORMAT, "has an empty key");
    r->name = kv->key;
    if (!hth_gguf_name_ok(kv->key))
        return HTH_GGUF_BAD(r, HTH_EFORMAT, "has a key that is not printable UTF-8");
    HTH_TRY(read_type(r, "type", &kv->type));
    return read_value(r, kv);
}

HthStatus hth_gguf_read_kvs(HthGgufReader *r, HthGgufPart *part, uint64_t count) {
    r->what = "metadata";
    r->count = count;
    HTH_TRY(hth_map_open(&part->keys, (size_t)count, r->err));
    HTH_TRY(hth_gguf_take(r, (size_t)count, sizeof *part->kv, &part->kv));
    for (uint64_t i = 0; i < count; i++) {
        r->index = i;
        r->name = (HthStr){ NULL, 0 };
        r->what = "metadata entry";
        HthGgufKv *kv = &part->kv[i];
        HTH_TRY(read_kv(r, kv));
        if (hth_map_get(part->keys, kv->key) != HTH_MAP_NONE)
            return HTH_GGUF_BAD(r, HTH_EFORMAT, "appears twice");
        HTH_TRY(hth_map_put(part->keys, kv->key, (uint32_t)i, r->err));
        part->kv_count++;
    }
    return HTH_OK;
}

const HthGgufKv *hth_gguf_part_find(const HthGgufPart *part, HthStr key) {
    uint32_t i = hth_map_get(part->keys, key);
    return i == HTH_MAP_NONE ? NULL : &part->kv[i];
}
