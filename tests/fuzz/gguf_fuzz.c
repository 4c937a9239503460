/* gguf_fuzz.c - any bytes: opened or refused, and what opens can be read to the last byte.
 *
 * Walks every entry through every typed read, every array element, and the ends of every tensor.
 *
 * Thread: one. */
#include <string.h>

#include "gguf/gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sink; /* keeps the reads */

static void read_str(HthStr s) {
    uint64_t sum = s.n;
    for (size_t i = 0; i < s.n; i++) sum += (uint8_t)s.p[i];
    sink += sum;
}

/* The element readers assert their type, so this also proves the types told are right. */
static void read_elements(const HthGgufKv *kv) {
    HthGgufType type = kv->type == HTH_GGUF_ARR ? kv->elem : kv->type;
    HTH_ASSERT(type <= HTH_GGUF_F64 && type != HTH_GGUF_ARR);
    HTH_ASSERT(kv->type == HTH_GGUF_ARR || kv->count == 1);
    bool is_float = type == HTH_GGUF_F32 || type == HTH_GGUF_F64;
    for (uint64_t i = 0; i < kv->count; i++) {
        if (type == HTH_GGUF_STR) {
            read_str(hth_gguf_elem_str(kv, i));
            continue;
        }
        double d = hth_gguf_elem_f64(kv, i);
        sink += d == d && d >= 0 && d < 1e18 ? (uint64_t)d : 1;
        if (!is_float) sink += (uint64_t)hth_gguf_elem_i64(kv, i);
        if (type == HTH_GGUF_BOOL) HTH_ASSERT(d == 0 || d == 1);
    }
}

/* Success and the stored type must agree. */
static void read_typed(const HthGguf *g, const HthGgufKv *kv, const char *key) {
    HthErr err;
    uint32_t u32 = 0;
    uint64_t u64 = 0;
    float f32 = 0;
    bool boolean = false;
    HthStr s = { NULL, 0 };
    const HthGgufKv *arr = NULL;
    bool is32 = hth_gguf_u32(g, key, &u32, &err) == HTH_OK;
    bool is64 = hth_gguf_u64(g, key, &u64, &err) == HTH_OK;
    HTH_ASSERT(!is32 || (is64 && u32 == u64));
    if (hth_gguf_f32(g, key, &f32, &err) == HTH_OK) HTH_ASSERT(!is64);
    if (hth_gguf_bool(g, key, &boolean, &err) == HTH_OK) HTH_ASSERT(kv->type == HTH_GGUF_BOOL);
    if (hth_gguf_str(g, key, &s, &err) == HTH_OK) HTH_ASSERT(hth_utf8_valid(s));
    for (int t = HTH_GGUF_U8; t <= HTH_GGUF_F64; t++)
        if (t != HTH_GGUF_ARR && hth_gguf_arr(g, key, (HthGgufType)t, &arr, &err) == HTH_OK)
            HTH_ASSERT(arr == kv && kv->type == HTH_GGUF_ARR);
}

static void walk(const HthGguf *g, const uint8_t *data, size_t size) {
    for (size_t i = 0; i < hth_gguf_kv_count(g); i++) {
        const HthGgufKv *kv = hth_gguf_kv_at(g, i);
        char key[256];
        read_str(kv->key);
        read_elements(kv);
        if (kv->key.n >= sizeof key) continue;
        memcpy(key, kv->key.p, kv->key.n);
        key[kv->key.n] = '\0';
        HTH_ASSERT(hth_gguf_find(g, key) == kv);
        read_typed(g, kv, key);
    }
    for (size_t i = 0; i < hth_gguf_tensor_count(g); i++) {
        const HthGgufTensor *t = hth_gguf_tensor_at(g, i);
        HTH_ASSERT(hth_gguf_tensor(g, t->name) == t);
        HTH_ASSERT(t->bytes > 0 && t->data >= data && t->bytes <= size);
        HTH_ASSERT((size_t)(t->data - data) <= size - t->bytes);
        sink += t->data[0] + t->data[t->bytes - 1];
        read_str(t->name);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    HthGguf *g = NULL;
    HthErr err;
    memset(&err, 0x7f, sizeof err);
    HthStatus status = hth_gguf_open_mem(&g, data, size, "fuzz.gguf", &err);
    if (status != HTH_OK) {
        HTH_ASSERT(g == NULL && err.status == status);
        size_t n = strnlen(err.text, sizeof err.text);
        HTH_ASSERT(n > 0 && n < sizeof err.text && strchr(err.text, '\n') == NULL);
        HTH_ASSERT(hth_utf8_valid((HthStr){ err.text, n }));
        return 0;
    }
    walk(g, data, size);
    hth_gguf_close(&g);
    return 0;
}
