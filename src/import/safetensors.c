/* safetensors.c - see safetensors.h.
 *
 * Thread: any. */
#include "import/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "import/folder.h"

enum { LENGTH_BYTES = 8 };

struct HthSafe {
    HthFileMap map; /* zeroed when the memory is the caller's */
    json_t *header; /* names are its keys */
    HthSafeTensor *tensors; /* [count] */
    size_t count;
};

/* What is read at the moment. */
typedef struct Reader {
    const char *file; /* for errors */
    const uint8_t *data; /* the tensors' bytes */
    size_t n;
    HthErr *err;
} Reader;

/* The types of the format whose size is whole bytes. */
static const struct {
    const char *name;
    uint32_t bytes;
    const char *fmt; /* NULL: only its size is known */
} types[] = {
    { "F32", 4, "F32" }, { "F16", 2, "F16" },    { "BF16", 2, "BF16" },  { "F64", 8, NULL },
    { "I64", 8, NULL },  { "I32", 4, NULL },     { "I16", 2, NULL },     { "I8", 1, NULL },
    { "U64", 8, NULL },  { "U32", 4, NULL },     { "U16", 2, NULL },     { "U8", 1, NULL },
    { "BOOL", 1, NULL }, { "F8_E5M2", 1, NULL }, { "F8_E4M3", 1, NULL }, { "F8_E8M0", 1, NULL },
    { "C64", 8, NULL },
};

static HthStatus read_type(const Reader *r, HthSafeTensor *t, const json_t *v, const char *shown,
                           uint32_t *bytes) {
    const char *name = json_string_value(v);
    HTH_REQUIRE(name != NULL, r->err, HTH_EFORMAT, "%s: tensor '%s' has no dtype", r->file, shown);
    for (size_t i = 0; i < HTH_COUNT(types); i++) {
        if (strcmp(name, types[i].name) != 0) continue;
        t->type = types[i].name;
        t->fmt = types[i].fmt != NULL ? hth_fmt_by_name(types[i].fmt) : NULL;
        *bytes = types[i].bytes;
        return HTH_OK;
    }
    char type[HTH_IMPORT_SHOWN_MAX];
    hth_import_shown(hth_str(name), type);
    return HTH_FAIL(r->err, HTH_ENOTSUP,
                    "%s: tensor '%s' is of type %.20s, which hearth does not "
                    "read",
                    r->file, shown, type);
}

static HthStatus read_shape(const Reader *r, HthSafeTensor *t, const json_t *v, const char *shown,
                            size_t *count) {
    const size_t n = json_array_size(v);
    HTH_REQUIRE(json_is_array(v) && n <= HTH_SAFE_DIMS_MAX, r->err, HTH_EFORMAT,
                "%s: the shape of tensor '%s' is no list of at most %d sizes", r->file, shown,
                HTH_SAFE_DIMS_MAX);
    *count = 1;
    for (size_t i = 0; i < n; i++) {
        const json_t *d = json_array_get(v, i);
        HTH_REQUIRE(json_is_integer(d) && json_integer_value(d) >= 0 &&
                        !hth_mul_over(*count, (size_t)json_integer_value(d), count),
                    r->err, HTH_EFORMAT, "%s: the shape of tensor '%s' is impossible", r->file,
                    shown);
        t->dims[i] = (uint64_t)json_integer_value(d);
    }
    t->n_dims = (uint32_t)n;
    return HTH_OK;
}

static HthStatus read_place(const Reader *r, HthSafeTensor *t, const json_t *v, const char *shown) {
    const json_t *a = json_array_get(v, 0), *b = json_array_get(v, 1);
    const bool two = json_array_size(v) == 2 && json_is_integer(a) && json_is_integer(b);
    const json_int_t from = json_integer_value(a), to = json_integer_value(b);
    HTH_REQUIRE(two && from >= 0 && to >= from, r->err, HTH_EFORMAT,
                "%s: tensor '%s' has no data_offsets of two numbers, the second not the smaller",
                r->file, shown);
    HTH_REQUIRE((uint64_t)to <= r->n, r->err, HTH_EFORMAT,
                "%s: tensor '%s' ends %llu bytes after the end of the file: it was not downloaded "
                "whole, or is damaged",
                r->file, shown, (unsigned long long)((uint64_t)to - r->n));
    t->data = r->data + from;
    t->bytes = (size_t)(to - from);
    return HTH_OK;
}

static HthStatus read_tensor(const Reader *r, HthSafeTensor *t, const json_t *v) {
    char shown[HTH_IMPORT_SHOWN_MAX];
    uint32_t each = 0;
    size_t bytes = 0;
    hth_import_shown(t->name, shown);
    HTH_REQUIRE(t->name.n > 0 && t->name.n <= HTH_SAFE_NAME_MAX, r->err, HTH_EFORMAT,
                "%s: a tensor's name is empty, or longer than %d bytes", r->file,
                HTH_SAFE_NAME_MAX);
    HTH_REQUIRE(json_is_object(v), r->err, HTH_EFORMAT,
                "%s: what is said of tensor '%s' is no "
                "object",
                r->file, shown);
    HTH_TRY(read_type(r, t, json_object_get(v, "dtype"), shown, &each));
    HTH_TRY(read_shape(r, t, json_object_get(v, "shape"), shown, &bytes));
    HTH_TRY(read_place(r, t, json_object_get(v, "data_offsets"), shown));
    HTH_REQUIRE(!hth_mul_over(bytes, each, &bytes) && bytes == t->bytes, r->err, HTH_EFORMAT,
                "%s: tensor '%s' has %zu bytes, and its shape calls for another number", r->file,
                shown, t->bytes);
    return HTH_OK;
}

static int by_place(const void *a, const void *b) {
    const HthSafeTensor *x = a, *y = b;
    if (x->data != y->data) return x->data < y->data ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes; /* empty ones first */
}

/* One after another, from the first byte to the last. */
static HthStatus check_places(const Reader *r, HthSafe *s) {
    const uint8_t *at = r->data;
    if (s->count > 0) qsort(s->tensors, s->count, sizeof *s->tensors, by_place);
    for (size_t i = 0; i < s->count; i++) {
        char shown[HTH_IMPORT_SHOWN_MAX];
        hth_import_shown(s->tensors[i].name, shown);
        HTH_REQUIRE(s->tensors[i].data == at, r->err, HTH_EFORMAT,
                    "%s: the bytes of tensor '%s' %s those before it", r->file, shown,
                    s->tensors[i].data < at ? "overlap" : "leave a hole after");
        at += s->tensors[i].bytes;
    }
    HTH_REQUIRE(at == r->data + r->n, r->err, HTH_EFORMAT,
                "%s: %zu bytes at its end belong to no tensor", r->file,
                (size_t)(r->data + r->n - at));
    return HTH_OK;
}

static HthStatus check_notes(const Reader *r, json_t *notes) {
    const char *key;
    json_t *v;
    HTH_REQUIRE(json_is_object(notes), r->err, HTH_EFORMAT, "%s: __metadata__ is no object",
                r->file);
    json_object_foreach(notes, key, v) HTH_REQUIRE(json_is_string(v), r->err, HTH_EFORMAT,
                                                   "%s: __metadata__ holds more than "
                                                   "texts",
                                                   r->file);
    return HTH_OK;
}

static HthStatus read_header(const Reader *r, HthSafe *s) {
    const char *key;
    json_t *v;
    const size_t n = json_object_size(s->header);
    HTH_REQUIRE(n <= HTH_SAFE_TENSORS_MAX, r->err, HTH_ELIMIT, "%s: more than %d tensors", r->file,
                HTH_SAFE_TENSORS_MAX);
    s->tensors = hth_calloc(n, sizeof *s->tensors);
    HTH_REQUIRE(s->tensors != NULL, r->err, HTH_ENOMEM, "out of memory");
    json_object_foreach(s->header, key, v) {
        if (strcmp(key, "__metadata__") == 0) {
            HTH_TRY(check_notes(r, v));
            continue;
        }
        s->tensors[s->count].name = hth_str(key);
        HTH_TRY(read_tensor(r, &s->tensors[s->count], v));
        s->count++;
    }
    return check_places(r, s);
}

static HthStatus read_all(HthSafe *s, HthStr bytes, const char *shown, HthErr *err) {
    HthErr why = { 0 };
    HTH_REQUIRE(bytes.n >= LENGTH_BYTES, err, HTH_EFORMAT,
                "%s is too short to be a safetensors file", shown);
    const uint64_t n = hth_le64(bytes.p);
    HTH_REQUIRE(n <= HTH_SAFE_HEADER_MAX, err, HTH_EFORMAT,
                "%s is no safetensors file: it begins with a header's length of more than %d bytes",
                shown, HTH_SAFE_HEADER_MAX);
    HTH_REQUIRE(n <= bytes.n - LENGTH_BYTES, err, HTH_EFORMAT,
                "%s ends within its header of %llu bytes: it was not downloaded whole, or is "
                "damaged",
                shown, (unsigned long long)n);
    const HthStr head = { bytes.p + LENGTH_BYTES, (size_t)n };
    HTH_REQUIRE(n > 0 && head.p[0] == '{', err, HTH_EFORMAT,
                "%s is no safetensors file: its header is not JSON", shown);
    const HthStatus st = hth_json_parse(&s->header, head, HTH_SAFE_HEADER_MAX, &why);
    HTH_REQUIRE(st == HTH_OK, err, st, "%s: the header: %.150s", shown, why.text);
    const Reader r = { .file = shown,
                       .data = (const uint8_t *)head.p + head.n,
                       .n = bytes.n - LENGTH_BYTES - head.n,
                       .err = err };
    return read_header(&r, s);
}

HthStatus hth_safe_open_mem(HthSafe **out, const void *data, size_t n, const char *shown,
                            HthErr *err) {
    HthSafe *s = hth_calloc(1, sizeof *s);
    HTH_REQUIRE(s != NULL, err, HTH_ENOMEM, "out of memory");
    const HthStatus st = read_all(s, (HthStr){ data, n }, shown, err);
    if (st == HTH_OK)
        *out = s;
    else
        hth_safe_close(&s);
    return st;
}

HthStatus hth_safe_open(HthSafe **out, const char *path, const char *shown, HthErr *err) {
    HthFileMap map = { 0 };
    HthSafe *s = NULL;
    HTH_TRY(hth_file_map(&map, path, err));
    const HthStatus st = hth_safe_open_mem(&s, map.data, map.n, shown, err);
    if (st != HTH_OK) {
        hth_file_unmap(&map);
        return st;
    }
    s->map = map;
    *out = s;
    return HTH_OK;
}

void hth_safe_close(HthSafe **s) {
    if (*s == NULL) return;
    json_decref((*s)->header);
    hth_free((*s)->tensors);
    hth_file_unmap(&(*s)->map);
    hth_free(*s);
    *s = NULL;
}

size_t hth_safe_count(const HthSafe *s) {
    return s->count;
}

const HthSafeTensor *hth_safe_at(const HthSafe *s, size_t i) {
    HTH_ASSERT(i < s->count);
    return &s->tensors[i];
}

const HthFileMap *hth_safe_map(const HthSafe *s) {
    return &s->map;
}
