/* gguf_write.c - a GGUF version 3 file from metadata, declared tensors and their bytes.
 *
 * Metadata and directory are gathered in memory and written with the first data; whatever is
 * written here, gguf.h reads.  Not a quantiser: bytes come encoded.
 *
 * Thread: one owner. */
#include "gguf/gguf_write.h"

#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "gguf/gguf_int.h"

typedef struct Decl {
    HthStr name; /* in the arena */
    const HthFmt *fmt;
    uint32_t n_dims;
    uint64_t ne[4];
    size_t bytes;
} Decl;

struct HthGgufOut {
    HthFileOut *file; /* where it goes: one of these; neither: nowhere */
    HthBuf *mem;
    HthArena *arena; /* keys and names */
    HthMap *keys, *names; /* to refuse what the reader would */
    HthBuf kvs; /* the metadata section as it will be written */
    uint64_t kv_count;
    Decl *decls; /* [decl_cap] */
    size_t decl_count, decl_cap;
    uint32_t align;
    bool started; /* header written; metadata and declarations are closed */
    bool broken; /* a write failed: there is nothing to commit any more */
    size_t at, done; /* tensor being written, bytes of it written */
    char shown[HTH_GGUF_SHOWN_MAX]; /* file name, for errors */
};

HthStatus hth_gguf_out_open_head(HthGgufOut **out, const char *path, HthErr *err) {
    HthGgufOut *o = hth_calloc(1, sizeof *o);
    HTH_REQUIRE(o != NULL, err, HTH_ENOMEM, "out of memory");
    o->align = HTH_GGUF_ALIGN_DEFAULT;
    hth_buf_init(&o->kvs, HTH_GGUF_DIR_MAX);
    hth_gguf_shown_file(path, o->shown);
    HthStatus status = hth_arena_open(&o->arena, HTH_GGUF_DIR_MAX, err);
    if (status == HTH_OK) status = hth_map_open(&o->keys, 64, err);
    if (status == HTH_OK) status = hth_map_open(&o->names, 64, err);
    if (status == HTH_OK)
        *out = o;
    else
        hth_gguf_out_abort(&o);
    return status;
}

HthStatus hth_gguf_out_open(HthGgufOut **out, const char *path, HthErr *err) {
    HthGgufOut *o = NULL;
    HTH_TRY(hth_gguf_out_open_head(&o, path, err));
    HthStatus status = hth_file_out_open(&o->file, path, 0644, err);
    if (status == HTH_OK)
        *out = o;
    else
        hth_gguf_out_abort(&o);
    return status;
}

HthStatus hth_gguf_out_open_mem(HthGgufOut **out, HthBuf *bytes, const char *what, HthErr *err) {
    HTH_TRY(hth_gguf_out_open_head(out, what, err));
    (*out)->mem = bytes;
    return HTH_OK;
}

void hth_gguf_out_abort(HthGgufOut **o) {
    if (*o == NULL) return;
    hth_file_out_abort(&(*o)->file);
    hth_buf_drop(&(*o)->kvs);
    hth_map_close(&(*o)->keys);
    hth_map_close(&(*o)->names);
    hth_arena_close(&(*o)->arena);
    hth_free((*o)->decls);
    hth_free(*o);
    *o = NULL;
}

/* Puts a copy of name into seen; EINVAL if it is there or not fit for one. */
static HthStatus claim(HthGgufOut *o, HthMap *seen, const char *what, HthStr name, size_t max,
                       HthStr *kept, HthErr *err) {
    char shown[HTH_GGUF_SHOWN_MAX];
    hth_gguf_shown(name, shown);
    HTH_REQUIRE(!o->started, err, HTH_EINVAL, "%s: %s '%s' comes after tensor data", o->shown, what,
                shown);
    HTH_REQUIRE(hth_gguf_name_ok(name) && name.n <= max, err, HTH_EINVAL,
                "%s: %s '%s' is empty, too long or not printable UTF-8", o->shown, what, shown);
    HTH_REQUIRE(hth_map_get(seen, name) == HTH_MAP_NONE, err, HTH_EINVAL,
                "%s: %s '%s' is written twice", o->shown, what, shown);
    char *copy = hth_arena_copy(o->arena, name.p, name.n);
    HTH_REQUIRE(copy != NULL, err, HTH_ENOMEM, "%s: out of memory", o->shown);
    *kept = (HthStr){ copy, name.n };
    return hth_map_put(seen, *kept, 0, err);
}

/* ---- metadata ---- */

static HthStatus add_int(HthBuf *buf, uint64_t v, size_t bytes, HthErr *err) {
    uint8_t b[8];
    for (size_t i = 0; i < bytes; i++) b[i] = (uint8_t)(v >> (8 * i));
    return hth_buf_add(buf, b, bytes, err);
}

static HthStatus add_str(HthBuf *buf, HthStr s, HthErr *err) {
    HTH_TRY(add_int(buf, s.n, 8, err));
    return hth_buf_add_str(buf, s, err);
}

/* Key and type; reserves all room first, so that adding `payload` bytes afterwards cannot fail and
 * a failure leaves no half entry. */
static HthStatus begin_kv(HthGgufOut *o, HthStr key, HthGgufType type, size_t payload,
                          HthErr *err) {
    size_t room = 0;
    HthStr kept;
    HTH_REQUIRE(o->kv_count < HTH_GGUF_KV_MAX, err, HTH_ELIMIT, "%s: more than %d metadata entries",
                o->shown, HTH_GGUF_KV_MAX);
    HTH_REQUIRE(!hth_add_over(payload, key.n + 12, &room), err, HTH_ELIMIT,
                "%s: metadata is too large", o->shown);
    HTH_TRY(hth_buf_reserve(&o->kvs, room, err));
    HTH_TRY(claim(o, o->keys, "metadata", key, HTH_GGUF_KEY_MAX, &kept, err));
    HTH_TRY(add_str(&o->kvs, key, err));
    HTH_TRY(add_int(&o->kvs, type, 4, err));
    o->kv_count++;
    return HTH_OK;
}

/* general.alignment is an entry that binds this writer too. */
static HthStatus heed_alignment(HthGgufOut *o, HthStr key, const uint64_t *value, HthErr *err) {
    if (!hth_str_eq(key, HTH_STR("general.alignment"))) return HTH_OK;
    HTH_REQUIRE(value != NULL && hth_gguf_align_ok(*value), err, HTH_EINVAL,
                "%s: general.alignment must be a power of two from %d to %d", o->shown,
                HTH_GGUF_ALIGN_MIN, HTH_GGUF_ALIGN_MAX);
    return HTH_OK;
}

static HthStatus out_scalar(HthGgufOut *o, const char *key, HthGgufType type, uint64_t bits,
                            HthErr *err) {
    size_t bytes = hth_gguf_type_bytes(type);
    const uint64_t *value = hth_gguf_type_is_int(type) ? &bits : NULL;
    HTH_TRY(heed_alignment(o, hth_str(key), value, err));
    HTH_TRY(begin_kv(o, hth_str(key), type, bytes, err));
    if (hth_str_eq(hth_str(key), HTH_STR("general.alignment"))) o->align = (uint32_t)bits;
    return add_int(&o->kvs, bits, bytes, err);
}

HthStatus hth_gguf_out_u32(HthGgufOut *o, const char *key, uint32_t v, HthErr *err) {
    return out_scalar(o, key, HTH_GGUF_U32, v, err);
}

HthStatus hth_gguf_out_f32(HthGgufOut *o, const char *key, float v, HthErr *err) {
    return out_scalar(o, key, HTH_GGUF_F32, hth_f32_bits(v), err);
}

HthStatus hth_gguf_out_bool(HthGgufOut *o, const char *key, bool v, HthErr *err) {
    return out_scalar(o, key, HTH_GGUF_BOOL, v, err);
}

static HthStatus check_str(const HthGgufOut *o, const char *key, HthStr v, size_t max,
                           HthErr *err) {
    char shown[HTH_GGUF_SHOWN_MAX];
    hth_gguf_shown(hth_str(key), shown);
    HTH_REQUIRE(v.n <= max, err, HTH_ELIMIT, "%s: metadata '%s' holds a string of %zu bytes",
                o->shown, shown, v.n);
    return HTH_OK;
}

HthStatus hth_gguf_out_str(HthGgufOut *o, const char *key, HthStr v, HthErr *err) {
    HTH_TRY(heed_alignment(o, hth_str(key), NULL, err));
    HTH_TRY(check_str(o, key, v, HTH_GGUF_STR_MAX, err));
    HTH_REQUIRE(hth_utf8_valid(v), err, HTH_EINVAL, "%s: metadata '%s' is not valid UTF-8",
                o->shown, key);
    HTH_TRY(begin_kv(o, hth_str(key), HTH_GGUF_STR, v.n + 8, err));
    return add_str(&o->kvs, v, err);
}

static HthStatus begin_arr(HthGgufOut *o, const char *key, HthGgufType elem, size_t n,
                           size_t payload, HthErr *err) {
    HTH_TRY(heed_alignment(o, hth_str(key), NULL, err));
    HTH_REQUIRE(payload < HTH_GGUF_DIR_MAX, err, HTH_ELIMIT, "%s: metadata is too large", o->shown);
    HTH_TRY(begin_kv(o, hth_str(key), HTH_GGUF_ARR, payload + 12, err));
    HTH_TRY(add_int(&o->kvs, elem, 4, err));
    return add_int(&o->kvs, n, 8, err);
}

HthStatus hth_gguf_out_strs(HthGgufOut *o, const char *key, const HthStr *v, size_t n,
                            HthErr *err) {
    size_t payload = 0;
    for (size_t i = 0; i < n; i++) {
        HTH_TRY(check_str(o, key, v[i], HTH_GGUF_ELEM_STR_MAX, err));
        HTH_REQUIRE(!hth_add_over(payload, v[i].n + 8, &payload), err, HTH_ELIMIT,
                    "%s: metadata is too large", o->shown);
    }
    HTH_TRY(begin_arr(o, key, HTH_GGUF_STR, n, payload, err));
    for (size_t i = 0; i < n; i++) HTH_TRY(add_str(&o->kvs, v[i], err));
    return HTH_OK;
}

/* n values of 4 bytes each. */
static HthStatus out_words(HthGgufOut *o, const char *key, HthGgufType elem, const void *v,
                           size_t n, HthErr *err) {
    size_t payload = 0;
    HTH_REQUIRE(!hth_mul_over(n, 4, &payload), err, HTH_ELIMIT, "%s: metadata is too large",
                o->shown);
    HTH_TRY(begin_arr(o, key, elem, n, payload, err));
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, (const uint8_t *)v + 4 * i, 4);
        HTH_TRY(add_int(&o->kvs, bits, 4, err));
    }
    return HTH_OK;
}

HthStatus hth_gguf_out_f32s(HthGgufOut *o, const char *key, const float *v, size_t n, HthErr *err) {
    return out_words(o, key, HTH_GGUF_F32, v, n, err);
}

HthStatus hth_gguf_out_i32s(HthGgufOut *o, const char *key, const int32_t *v, size_t n,
                            HthErr *err) {
    return out_words(o, key, HTH_GGUF_I32, v, n, err);
}

/* Bytes of an entry's value from kv->data on. */
static size_t value_bytes(const HthGgufKv *kv) {
    HthGgufType type = kv->type == HTH_GGUF_ARR ? kv->elem : kv->type;
    if (type != HTH_GGUF_STR) return (size_t)kv->count * hth_gguf_type_bytes(type);
    if (kv->count == 0) return 0;
    HthStr last = hth_gguf_elem_str(kv, kv->count - 1);
    return (size_t)((const uint8_t *)last.p + last.n - kv->data);
}

HthStatus hth_gguf_out_kv(HthGgufOut *o, const HthGgufKv *kv, HthErr *err) {
    uint64_t number = 0;
    bool is_int = hth_gguf_kv_u64(kv, &number);
    size_t bytes = value_bytes(kv);
    HTH_TRY(heed_alignment(o, kv->key, is_int ? &number : NULL, err));
    HTH_REQUIRE(bytes < HTH_GGUF_DIR_MAX, err, HTH_ELIMIT, "%s: metadata is too large", o->shown);
    HTH_TRY(begin_kv(o, kv->key, kv->type, bytes + 12, err));
    if (hth_str_eq(kv->key, HTH_STR("general.alignment"))) o->align = (uint32_t)number;
    if (kv->type == HTH_GGUF_ARR) {
        HTH_TRY(add_int(&o->kvs, kv->elem, 4, err));
        HTH_TRY(add_int(&o->kvs, kv->count, 8, err));
    }
    return hth_buf_add(&o->kvs, kv->data, bytes, err);
}

/* ---- tensors ---- */

HthStatus hth_gguf_out_tensor(HthGgufOut *o, HthStr name, const HthFmt *fmt, uint32_t n_dims,
                              const uint64_t *ne, HthErr *err) {
    Decl d = { .fmt = fmt, .n_dims = n_dims, .ne = { 1, 1, 1, 1 } };
    char shown[HTH_GGUF_SHOWN_MAX];
    hth_gguf_shown(name, shown);
    HTH_REQUIRE(n_dims >= 1 && n_dims <= 4, err, HTH_EINVAL, "%s: tensor '%s' has %u dimensions",
                o->shown, shown, n_dims);
    HTH_REQUIRE(ne[0] % fmt->block_len == 0, err, HTH_EINVAL,
                "%s: tensor '%s' has rows that are not a multiple of %s's block of %u", o->shown,
                shown, fmt->name, fmt->block_len);
    d.bytes = fmt->block_bytes;
    for (uint32_t i = 0; i < n_dims; i++) {
        d.ne[i] = ne[i];
        bool ok = ne[i] > 0 && ne[i] <= INT64_MAX &&
                  !hth_mul_over(d.bytes, i == 0 ? ne[0] / fmt->block_len : ne[i], &d.bytes) &&
                  d.bytes <= INT64_MAX;
        HTH_REQUIRE(ok, err, HTH_EINVAL, "%s: tensor '%s' has an impossible dimension", o->shown,
                    shown);
    }
    HTH_REQUIRE(o->decl_count < HTH_GGUF_TENSOR_MAX, err, HTH_ELIMIT, "%s: more than %d tensors",
                o->shown, HTH_GGUF_TENSOR_MAX);
    if (o->decl_count == o->decl_cap) {
        size_t cap = o->decl_cap ? 2 * o->decl_cap : 64;
        Decl *more = hth_realloc(o->decls, cap, sizeof *more);
        HTH_REQUIRE(more != NULL, err, HTH_ENOMEM, "%s: out of memory", o->shown);
        o->decls = more;
        o->decl_cap = cap;
    }
    HTH_TRY(claim(o, o->names, "tensor", name, HTH_GGUF_NAME_MAX, &d.name, err));
    o->decls[o->decl_count++] = d;
    return HTH_OK;
}

static HthStatus put(HthGgufOut *o, const void *bytes, size_t n, HthErr *err) {
    return o->mem ? hth_buf_add(o->mem, bytes, n, err) : hth_file_out_add(o->file, bytes, n, err);
}

/* Room for all of it, before the first byte. */
static HthStatus reserve(HthGgufOut *o, uint64_t n, HthErr *err) {
    return o->mem ? hth_buf_reserve(o->mem, (size_t)n, err) : hth_file_out_room(o->file, n, err);
}

static size_t padding(uint64_t at, uint32_t align) {
    return (size_t)(-at & (align - 1));
}

static HthStatus pad(HthGgufOut *o, uint64_t at, HthErr *err) {
    static const uint8_t zeros[4096];
    for (size_t n = padding(at, o->align); n > 0;) {
        size_t part = n < sizeof zeros ? n : sizeof zeros;
        HTH_TRY(put(o, zeros, part, err));
        n -= part;
    }
    return HTH_OK;
}

static HthStatus add_directory(const HthGgufOut *o, HthBuf *buf, HthErr *err) {
    uint64_t offset = 0;
    for (size_t i = 0; i < o->decl_count; i++) {
        const Decl *d = &o->decls[i];
        HTH_TRY(add_str(buf, d->name, err));
        HTH_TRY(add_int(buf, d->n_dims, 4, err));
        for (uint32_t k = 0; k < d->n_dims; k++) HTH_TRY(add_int(buf, d->ne[k], 8, err));
        HTH_TRY(add_int(buf, d->fmt->id, 4, err));
        HTH_TRY(add_int(buf, offset, 8, err));
        offset += d->bytes + padding(d->bytes, o->align);
        HTH_REQUIRE(offset <= INT64_MAX, err, HTH_EINVAL, "%s: the tensors are too large together",
                    o->shown);
    }
    return HTH_OK;
}

HthStatus hth_gguf_out_head(const HthGgufOut *o, HthBuf *head, uint32_t *align, HthErr *err) {
    static const uint8_t zeros[4096];
    const size_t from = head->n;
    HTH_TRY(add_int(head, 0x46554747, 4, err)); /* "GGUF" */
    HTH_TRY(add_int(head, 3, 4, err));
    HTH_TRY(add_int(head, o->decl_count, 8, err));
    HTH_TRY(add_int(head, o->kv_count, 8, err));
    if (o->kvs.n > 0) HTH_TRY(hth_buf_add(head, o->kvs.p, o->kvs.n, err));
    HTH_TRY(add_directory(o, head, err));
    for (size_t n = padding(head->n - from, o->align); n > 0;) {
        const size_t part = n < sizeof zeros ? n : sizeof zeros;
        HTH_TRY(hth_buf_add(head, zeros, part, err));
        n -= part;
    }
    *align = o->align;
    return HTH_OK;
}

static uint64_t data_bytes(const HthGgufOut *o) { /* at most 2^63: the directory was made */
    uint64_t n = 0;
    for (size_t i = 0; i < o->decl_count; i++)
        n += o->decls[i].bytes + padding(o->decls[i].bytes, o->align);
    return n;
}

HthStatus hth_gguf_out_bytes(const HthGgufOut *o, uint64_t *bytes, HthErr *err) {
    HthBuf head;
    uint32_t align;
    hth_buf_init(&head, 3 * (size_t)HTH_GGUF_DIR_MAX);
    const HthStatus status = hth_gguf_out_head(o, &head, &align, err);
    if (status == HTH_OK) *bytes = head.n + data_bytes(o);
    hth_buf_drop(&head);
    return status;
}

/* Header, metadata and directory; from here on only data. */
static HthStatus start(HthGgufOut *o, HthErr *err) {
    HthBuf head;
    uint32_t align;
    HTH_REQUIRE(o->file != NULL || o->mem != NULL, err, HTH_EINVAL,
                "%s: there is no file to write to", o->shown);
    hth_buf_init(&head, 3 * (size_t)HTH_GGUF_DIR_MAX);
    HthStatus status = hth_gguf_out_head(o, &head, &align, err);
    if (status == HTH_OK) status = reserve(o, head.n + data_bytes(o), err);
    if (status == HTH_OK) status = put(o, head.p, head.n, err);
    o->started = status == HTH_OK;
    o->broken = status != HTH_OK;
    hth_buf_drop(&head);
    return status;
}

/* All n bytes belong to tensor o->at. */
static HthStatus add_data(HthGgufOut *o, const void *bytes, size_t n, HthErr *err) {
    size_t whole = o->decls[o->at].bytes;
    HTH_TRY(put(o, bytes, n, err));
    o->done += n;
    if (o->done < whole) return HTH_OK;
    o->at++;
    o->done = 0;
    return pad(o, whole, err);
}

HthStatus hth_gguf_out_data(HthGgufOut *o, const void *bytes, size_t n, HthErr *err) {
    HTH_REQUIRE(!o->broken, err, HTH_EINVAL, "%s: an earlier write failed", o->shown);
    if (!o->started) HTH_TRY(start(o, err));
    if (n == 0) return HTH_OK;
    HTH_REQUIRE(o->at < o->decl_count, err, HTH_EINVAL, "%s: data after the last tensor", o->shown);
    const Decl *d = &o->decls[o->at];
    char shown[HTH_GGUF_SHOWN_MAX];
    hth_gguf_shown(d->name, shown);
    HTH_REQUIRE(n <= d->bytes - o->done, err, HTH_EINVAL,
                "%s: tensor '%s' is given more than its %zu bytes", o->shown, shown, d->bytes);
    HthStatus status = add_data(o, bytes, n, err);
    o->broken = status != HTH_OK;
    return status;
}

HthStatus hth_gguf_out_commit(HthGgufOut **o, HthErr *err) {
    HthStatus status = HTH_OK;
    if ((*o)->broken)
        status = HTH_FAIL(err, HTH_EINVAL, "%s: an earlier write failed", (*o)->shown);
    else if (!(*o)->started)
        status = start(*o, err);
    if (status == HTH_OK && (*o)->at < (*o)->decl_count) {
        char shown[HTH_GGUF_SHOWN_MAX];
        hth_gguf_shown((*o)->decls[(*o)->at].name, shown);
        status = HTH_FAIL(err, HTH_EINVAL, "%s: tensor '%s' is declared but not complete",
                          (*o)->shown, shown);
    }
    if (status == HTH_OK && (*o)->file) status = hth_file_out_commit(&(*o)->file, err);
    hth_gguf_out_abort(o);
    return status;
}
