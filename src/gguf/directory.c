/* directory.c - header and tensor directory of one GGUF file.
 *
 * Every tensor that comes out of here lies inside the file, aligned, overlapping no other.
 *
 * Thread: one owner. */
#include "gguf/gguf_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

/* What people hand over by mistake. */
static const struct {
    const char *starts;
    const char *is;
} others[] = {
    { "version https://git-lfs", "a Git LFS pointer; fetch the real file (git lfs pull)" },
    { "<!DOCTYPE", "a web page saved in its place; download the file itself" },
    { "<html", "a web page saved in its place; download the file itself" },
    { "lmgg", "the old GGML format; convert it to GGUF" },
    { "fmgg", "the old GGMF format; convert it to GGUF" },
    { "tjgg", "the old GGJT format; convert it to GGUF" },
    { "FUGG", "a big-endian GGUF file, which hearth does not read" },
    { "PK\x03\x04", "a zip archive (a PyTorch checkpoint?); convert it to GGUF" },
};

static HthStatus read_magic(HthGgufReader *r) {
    char file[HTH_GGUF_SHOWN_MAX];
    HthStr all = { (const char *)r->data, r->n };
    hth_gguf_shown_file(r->file, file);
    HTH_REQUIRE(r->n > 0, r->err, HTH_EFORMAT, "%s: the file is empty", file);
    if (!hth_str_starts(all, HTH_STR("GGUF"))) {
        for (size_t i = 0; i < HTH_COUNT(others); i++)
            HTH_REQUIRE(!hth_str_starts(all, hth_str(others[i].starts)), r->err, HTH_EFORMAT,
                        "%s: not a GGUF model but %s", file, others[i].is);
        return HTH_FAIL(r->err, HTH_EFORMAT,
                        "%s: not a GGUF model: it does not begin with the letters GGUF", file);
    }
    HTH_REQUIRE(r->n >= HTH_GGUF_HEADER_BYTES, r->err, HTH_EFORMAT,
                "%s: the header is cut short: %zu bytes where %d are needed", file, r->n,
                HTH_GGUF_HEADER_BYTES);
    r->at = 4;
    return HTH_OK;
}

static HthStatus read_version(HthGgufReader *r, uint32_t *out) {
    uint32_t v = 0;
    HTH_TRY(hth_gguf_read_u32(r, &v));
    if (v == 2 || v == 3) {
        *out = v;
        return HTH_OK;
    }
    if ((v & 0xffff) == 0 && v != 0)
        return HTH_GGUF_BAD(r, HTH_EFORMAT, "is big-endian; hearth reads little-endian files only");
    if (v == 1)
        return HTH_GGUF_BAD(r, HTH_EFORMAT,
                            "says version 1, which is no longer supported; convert it again");
    return HTH_GGUF_BAD(r, HTH_EFORMAT, "says version %u; hearth reads versions 2 and 3", v);
}

/* Counts are believed only as far as the file has bytes for them. */
static HthStatus read_counts(HthGgufReader *r, uint64_t *tensors, uint64_t *kvs) {
    HTH_TRY(hth_gguf_read_u64(r, tensors));
    HTH_TRY(hth_gguf_read_u64(r, kvs));
    uint64_t left = r->n - r->at;
    if (*kvs > left / HTH_GGUF_KV_BYTES_MIN)
        return HTH_GGUF_BAD(r, HTH_EFORMAT,
                            "claims %llu metadata entries, more than the file holds",
                            (unsigned long long)*kvs);
    left -= *kvs * HTH_GGUF_KV_BYTES_MIN;
    if (*tensors > left / HTH_GGUF_TENSOR_BYTES_MIN)
        return HTH_GGUF_BAD(r, HTH_EFORMAT, "claims %llu tensors, more than the file holds",
                            (unsigned long long)*tensors);
    if (*kvs > HTH_GGUF_KV_MAX || *tensors > HTH_GGUF_TENSOR_MAX)
        return HTH_GGUF_BAD(r, HTH_ELIMIT, "has more than %d metadata entries or %d tensors",
                            HTH_GGUF_KV_MAX, HTH_GGUF_TENSOR_MAX);
    return HTH_OK;
}

static HthStatus read_alignment(HthGgufReader *r, HthGgufPart *part) {
    part->align = HTH_GGUF_ALIGN_DEFAULT;
    const HthGgufKv *kv = hth_gguf_part_find(part, HTH_STR("general.alignment"));
    if (kv == NULL) return HTH_OK;
    uint64_t align = 0;
    r->name = kv->key;
    if (!hth_gguf_kv_u64(kv, &align) || !hth_gguf_align_ok(align))
        return HTH_GGUF_BAD(r, HTH_EFORMAT, "is not a power of two from %d to %d",
                            HTH_GGUF_ALIGN_MIN, HTH_GGUF_ALIGN_MAX);
    part->align = (uint32_t)align;
    return HTH_OK;
}

/* Dimensions, type and size; data is still the offset's base. */
static HthStatus read_shape(HthGgufReader *r, HthGgufTensor *t) {
    HTH_TRY(hth_gguf_read_u32(r, &t->n_dims));
    if (t->n_dims < 1 || t->n_dims > 4)
        return HTH_GGUF_BAD(r, HTH_EFORMAT, "has %u dimensions; 1 to 4 are possible", t->n_dims);
    for (uint32_t d = 0; d < 4; d++) {
        t->ne[d] = 1;
        if (d >= t->n_dims) continue;
        HTH_TRY(hth_gguf_read_u64(r, &t->ne[d]));
        if (t->ne[d] == 0) return HTH_GGUF_BAD(r, HTH_EFORMAT, "has a dimension of zero");
        if (t->ne[d] > INT64_MAX) return HTH_GGUF_BAD(r, HTH_EFORMAT, "has a negative dimension");
    }
    uint32_t id = 0;
    HTH_TRY(hth_gguf_read_u32(r, &id));
    t->fmt = hth_fmt_by_id(id);
    if (t->fmt == NULL)
        return HTH_GGUF_BAD(r, HTH_ENOTSUP, "has weight type %u, which hearth does not know", id);
    if (t->ne[0] % t->fmt->block_len != 0)
        return HTH_GGUF_BAD(r, HTH_EFORMAT, "has rows of %llu, not a multiple of %s's block of %u",
                            (unsigned long long)t->ne[0], t->fmt->name, t->fmt->block_len);
    size_t bytes = (size_t)(t->ne[0] / t->fmt->block_len);
    bool over = hth_mul_over(bytes, t->fmt->block_bytes, &bytes);
    for (uint32_t d = 1; d < 4; d++) over = over || hth_mul_over(bytes, (size_t)t->ne[d], &bytes);
    if (over || bytes > r->n)
        return HTH_GGUF_BAD(r, HTH_EFORMAT, "claims more data than the file has; it is cut short");
    t->bytes = bytes;
    return HTH_OK;
}

/* offsets[i] is the tensor's place in the data section, which begins only after the directory. */
static HthStatus read_tensor(HthGgufReader *r, const HthGgufPart *part, HthGgufTensor *t,
                             uint64_t *offset) {
    HTH_TRY(hth_gguf_read_str(r, HTH_GGUF_NAME_MAX, "a name", &t->name));
    if (t->name.n == 0) return HTH_GGUF_BAD(r, HTH_EFORMAT, "has an empty name");
    r->name = t->name;
    if (!hth_gguf_name_ok(t->name))
        return HTH_GGUF_BAD(r, HTH_EFORMAT, "has a name that is not printable UTF-8");
    HTH_TRY(read_shape(r, t));
    HTH_TRY(hth_gguf_read_u64(r, offset));
    if (*offset % part->align != 0)
        return HTH_GGUF_BAD(r, HTH_EFORMAT, "begins at %llu, which is not a multiple of %u",
                            (unsigned long long)*offset, part->align);
    return HTH_OK;
}

typedef struct Span {
    uint64_t at, end;
    uint32_t tensor;
} Span;

static int span_cmp(const void *a, const void *b) {
    const Span *x = a, *y = b;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* spans[count], any order; sorted on return. */
static HthStatus refuse_overlap(HthGgufReader *r, const HthGgufPart *part, Span *spans,
                                size_t count) {
    bool sorted = true; /* as every writer leaves them */
    for (size_t i = 1; i < count && sorted; i++) sorted = spans[i - 1].at <= spans[i].at;
    if (!sorted) qsort(spans, count, sizeof *spans, span_cmp);
    for (size_t i = 1; i < count; i++) {
        if (spans[i].at >= spans[i - 1].end) continue;
        char other[HTH_GGUF_SHOWN_MAX];
        r->index = spans[i].tensor;
        r->name = part->tensors[spans[i].tensor].name;
        hth_gguf_shown(part->tensors[spans[i - 1].tensor].name, other);
        return HTH_GGUF_BAD(r, HTH_EFORMAT, "overlaps tensor '%s'", other);
    }
    return HTH_OK;
}

static HthStatus place_tensors(HthGgufReader *r, HthGgufPart *part, const uint64_t *offsets,
                               Span *spans) {
    size_t start = 0;
    bool over = hth_add_over(r->at, part->align - 1, &start);
    start &= ~((size_t)part->align - 1);
    for (size_t i = 0; i < part->tensor_count; i++) {
        HthGgufTensor *t = &part->tensors[i];
        r->index = i;
        r->name = t->name;
        if (over || start > r->n || offsets[i] > r->n - start ||
            t->bytes > r->n - start - offsets[i])
            return HTH_GGUF_BAD(r, HTH_EFORMAT,
                                "ends outside the file, which is cut short or damaged");
        t->data = r->data + start + (size_t)offsets[i];
        spans[i] = (Span){ offsets[i], offsets[i] + t->bytes, (uint32_t)i };
    }
    return refuse_overlap(r, part, spans, part->tensor_count);
}

HthStatus hth_gguf_read_tensors(HthGgufReader *r, HthGgufPart *part, uint64_t count) {
    r->what = "tensor";
    r->count = count;
    if (count == 0) return HTH_OK;
    HTH_TRY(hth_gguf_take(r, (size_t)count, sizeof *part->tensors, &part->tensors));
    uint64_t *offsets = hth_calloc((size_t)count, sizeof *offsets);
    Span *spans = hth_calloc((size_t)count, sizeof *spans);
    HthStatus status = HTH_OK;
    if (offsets == NULL || spans == NULL)
        status = HTH_GGUF_BAD(r, HTH_ENOMEM, "could not be read: out of memory");
    for (uint64_t i = 0; i < count && status == HTH_OK; i++) {
        r->index = i;
        r->name = (HthStr){ NULL, 0 };
        status = read_tensor(r, part, &part->tensors[i], &offsets[i]);
        if (status == HTH_OK) part->tensor_count++;
    }
    if (status == HTH_OK) status = place_tensors(r, part, offsets, spans);
    hth_free(offsets);
    hth_free(spans);
    return status;
}

HthStatus hth_gguf_read_part(HthGgufPart *part, const char *file, HthArena *arena, HthErr *err) {
    HthGgufReader r = { .file = file,
                        .data = (const uint8_t *)part->bytes.p,
                        .n = part->bytes.n,
                        .what = "header",
                        .arena = arena,
                        .err = err };
    uint64_t tensors = 0, kvs = 0;
    HTH_TRY(read_magic(&r));
    HTH_TRY(read_version(&r, &part->version));
    HTH_TRY(read_counts(&r, &tensors, &kvs));
    HTH_TRY(hth_gguf_read_kvs(&r, part, kvs));
    HTH_TRY(read_alignment(&r, part));
    return hth_gguf_read_tensors(&r, part, tensors);
}
