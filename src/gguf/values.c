/* values.c - typed reads of metadata, and the elements of arrays.
 *
 * Thread: any. */
#include "gguf/gguf_int.h"

#include <string.h>

#include "base/num.h"

/* An integer of any type: `neg` says that v is a two's complement negative number. */
typedef struct Int {
    uint64_t v;
    bool neg;
} Int;

static Int load_int(HthGgufType type, const uint8_t *p) {
    int64_t s = 0;
    switch (type) {
    case HTH_GGUF_BOOL:
    case HTH_GGUF_U8: return (Int){ p[0], false };
    case HTH_GGUF_U16: return (Int){ hth_le16(p), false };
    case HTH_GGUF_U32: return (Int){ hth_le32(p), false };
    case HTH_GGUF_U64: return (Int){ hth_le64(p), false };
    case HTH_GGUF_I8: s = (int8_t)p[0]; break;
    case HTH_GGUF_I16: s = (int16_t)hth_le16(p); break;
    case HTH_GGUF_I32: s = (int32_t)hth_le32(p); break;
    case HTH_GGUF_I64: s = (int64_t)hth_le64(p); break;
    default: HTH_ASSERT(!"an integer or bool");
    }
    return (Int){ (uint64_t)s, s < 0 };
}

static double load_f64(HthGgufType type, const uint8_t *p) {
    if (type == HTH_GGUF_F32) return (double)hth_bits_f32(hth_le32(p));
    if (type == HTH_GGUF_F64) {
        uint64_t u = hth_le64(p);
        double d;
        memcpy(&d, &u, sizeof d);
        return d;
    }
    Int i = load_int(type, p);
    return i.neg ? (double)(int64_t)i.v : (double)i.v;
}

bool hth_gguf_kv_u64(const HthGgufKv *kv, uint64_t *out) {
    if (!hth_gguf_type_is_int(kv->type)) return false;
    Int i = load_int(kv->type, kv->data);
    if (i.neg) return false;
    *out = i.v;
    return true;
}

/* ---- typed reads ---- */

static HthStatus find(const HthGguf *g, const char *key, const HthGgufKv **out, HthErr *err) {
    const HthGgufKv *kv = hth_gguf_find(g, key);
    if (kv == NULL) {
        char file[HTH_GGUF_SHOWN_MAX], name[HTH_GGUF_SHOWN_MAX];
        hth_gguf_shown_file(g->path, file);
        hth_gguf_shown(hth_str(key), name);
        return HTH_FAIL(err, HTH_EFORMAT, "%s: metadata '%s' is missing", file, name);
    }
    *out = kv;
    return HTH_OK;
}

static HthStatus wrong(const HthGguf *g, const HthGgufKv *kv, const char *want, HthErr *err) {
    char file[HTH_GGUF_SHOWN_MAX], name[HTH_GGUF_SHOWN_MAX];
    hth_gguf_shown_file(g->path, file);
    hth_gguf_shown(kv->key, name);
    bool array = kv->type == HTH_GGUF_ARR;
    return HTH_FAIL(err, HTH_EFORMAT, "%s: metadata '%s' is %s%s where %s is needed", file, name,
                    array ? "an array of " : "a value of type ",
                    hth_gguf_type_name(array ? kv->elem : kv->type), want);
}

HthStatus hth_gguf_u64(const HthGguf *g, const char *key, uint64_t *out, HthErr *err) {
    const HthGgufKv *kv = NULL;
    HTH_TRY(find(g, key, &kv, err));
    if (!hth_gguf_type_is_int(kv->type)) return wrong(g, kv, "an integer", err);
    if (!hth_gguf_kv_u64(kv, out)) return wrong(g, kv, "a number not below zero", err);
    return HTH_OK;
}

HthStatus hth_gguf_u32(const HthGguf *g, const char *key, uint32_t *out, HthErr *err) {
    uint64_t v = 0;
    HTH_TRY(hth_gguf_u64(g, key, &v, err));
    if (v > UINT32_MAX) return wrong(g, hth_gguf_find(g, key), "a number below 4294967296", err);
    *out = (uint32_t)v;
    return HTH_OK;
}

HthStatus hth_gguf_f32(const HthGguf *g, const char *key, float *out, HthErr *err) {
    const HthGgufKv *kv = NULL;
    HTH_TRY(find(g, key, &kv, err));
    if (kv->type != HTH_GGUF_F32 && kv->type != HTH_GGUF_F64)
        return wrong(g, kv, "a floating-point number", err);
    double v = load_f64(kv->type, kv->data);
    /* A finite double beyond float's range has no float: converting it would be undefined. */
    if (v - v == 0.0 && (v > 0x1.fffffep127 || v < -0x1.fffffep127))
        return wrong(g, kv, "a number in the range of f32", err);
    *out = (float)v;
    return HTH_OK;
}

HthStatus hth_gguf_bool(const HthGguf *g, const char *key, bool *out, HthErr *err) {
    const HthGgufKv *kv = NULL;
    HTH_TRY(find(g, key, &kv, err));
    if (kv->type != HTH_GGUF_BOOL) return wrong(g, kv, "a bool", err);
    *out = kv->data[0] != 0;
    return HTH_OK;
}

HthStatus hth_gguf_str(const HthGguf *g, const char *key, HthStr *out, HthErr *err) {
    const HthGgufKv *kv = NULL;
    HTH_TRY(find(g, key, &kv, err));
    if (kv->type != HTH_GGUF_STR) return wrong(g, kv, "a string", err);
    *out = hth_gguf_elem_str(kv, 0);
    return HTH_OK;
}

HthStatus hth_gguf_arr(const HthGguf *g, const char *key, HthGgufType elem, const HthGgufKv **out,
                       HthErr *err) {
    static const char *const wants[] = {
        [HTH_GGUF_F32] = "an array of numbers with a fraction",
        [HTH_GGUF_F64] = "an array of numbers with a fraction",
        [HTH_GGUF_BOOL] = "an array of bools",
        [HTH_GGUF_STR] = "an array of strings",
    };
    const HthGgufKv *kv = NULL;
    HTH_ASSERT(elem <= HTH_GGUF_F64 && elem != HTH_GGUF_ARR);
    HTH_TRY(find(g, key, &kv, err));
    bool is_int = hth_gguf_type_is_int(elem);
    bool is_float = elem == HTH_GGUF_F32 || elem == HTH_GGUF_F64;
    const char *want = is_int ? "an array of integers" : wants[elem];
    if (kv->type != HTH_GGUF_ARR) return wrong(g, kv, want, err);
    bool same = kv->elem == elem || (is_int && hth_gguf_type_is_int(kv->elem)) ||
                (is_float && (kv->elem == HTH_GGUF_F32 || kv->elem == HTH_GGUF_F64));
    if (!same) return wrong(g, kv, want, err);
    *out = kv;
    return HTH_OK;
}

/* ---- elements ---- */

static HthGgufType elem_type(const HthGgufKv *kv) {
    return kv->type == HTH_GGUF_ARR ? kv->elem : kv->type;
}

static const uint8_t *elem_at(const HthGgufKv *kv, uint64_t i) {
    HTH_ASSERT(i < kv->count);
    return kv->data + i * hth_gguf_type_bytes(elem_type(kv));
}

HthStr hth_gguf_elem_str(const HthGgufKv *kv, uint64_t i) {
    HTH_ASSERT(i < kv->count && elem_type(kv) == HTH_GGUF_STR);
    const uint8_t *p = kv->data + (kv->offsets ? kv->offsets[i] : 0);
    return (HthStr){ (const char *)p + 8, (size_t)hth_le64(p) };
}

int64_t hth_gguf_elem_i64(const HthGgufKv *kv, uint64_t i) {
    const uint8_t *p = elem_at(kv, i);
    Int v = load_int(elem_type(kv), p);
    return !v.neg && v.v > INT64_MAX ? INT64_MAX : (int64_t)v.v;
}

double hth_gguf_elem_f64(const HthGgufKv *kv, uint64_t i) {
    const uint8_t *p = elem_at(kv, i);
    return load_f64(elem_type(kv), p);
}
