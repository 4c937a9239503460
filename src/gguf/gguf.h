/* gguf.h - the GGUF model file, versions 2 and 3, read in place.
 *
 * Everything is checked before use: counts, lengths, offsets, types, alignment, tensors overlapping
 * or leaving the file, duplicate keys and names.  A bad file is HTH_EFORMAT with one sentence, one
 * past a ceiling of gguf_int.h HTH_ELIMIT, one with a weight type hearth does not know HTH_ENOTSUP.
 * Names, strings and tensor data are borrowed from the mapping and live as long as the handle.
 * Keys, names and string values are UTF-8; strings inside arrays are bytes (tokens may be halves of
 * characters).  docs/formats/gguf.md lists every refusal.
 *
 * Split files: opening any NAME-0000K-of-0000N.gguf opens all parts; tensors of all parts appear as
 * one directory, metadata is that of the first part.
 *
 * Thread: immutable after open; any. */
#ifndef HTH_GGUF_GGUF_H
#define HTH_GGUF_GGUF_H

#include "base/file.h"
#include "base/str.h"
#include "kern/kern.h"

typedef enum HthGgufType {
    HTH_GGUF_U8,
    HTH_GGUF_I8,
    HTH_GGUF_U16,
    HTH_GGUF_I16,
    HTH_GGUF_U32,
    HTH_GGUF_I32,
    HTH_GGUF_F32,
    HTH_GGUF_BOOL,
    HTH_GGUF_STR,
    HTH_GGUF_ARR,
    HTH_GGUF_U64,
    HTH_GGUF_I64,
    HTH_GGUF_F64
} HthGgufType;

typedef struct HthGguf HthGguf;

/* One metadata entry. For an array, elem is its element type and count its length. */
typedef struct HthGgufKv {
    HthStr key;
    HthGgufType type;
    HthGgufType elem; /* HTH_GGUF_ARR only; never HTH_GGUF_ARR (nested arrays are refused) */
    uint64_t count; /* 1 for a scalar */
    const uint8_t *data; /* the value's bytes in the file; a string's begin with its length word */
    const uint64_t *offsets; /* arrays of strings: count offsets from data, of each length word */
} HthGgufKv;

typedef struct HthGgufTensor {
    HthStr name;
    const HthFmt *fmt;
    uint32_t n_dims; /* 1..4 */
    uint64_t ne[4]; /* ne[0] is the row length; unused ones are 1 */
    const uint8_t *data;
    size_t bytes; /* inside the mapping, checked */
    uint32_t part; /* which split file */
} HthGgufTensor;

/* On success *out owns the mapping(s). EIO, EINVAL: cannot be read, not a regular file. */
HTH_MUST_CHECK HthStatus hth_gguf_open(HthGguf **out, const char *path, HthErr *err);
/* Over memory the caller keeps alive; `what` names it in errors. No splits. */
HTH_MUST_CHECK HthStatus hth_gguf_open_mem(HthGguf **out, const void *data, size_t n,
                                           const char *what, HthErr *err);
void hth_gguf_close(HthGguf **g);

uint32_t hth_gguf_version(const HthGguf *g);
size_t hth_gguf_file_bytes(const HthGguf *g); /* all parts */
const char *hth_gguf_path(const HthGguf *g);
uint32_t hth_gguf_part_count(const HthGguf *g);
/* Appends the path of one part. */
HTH_MUST_CHECK HthStatus hth_gguf_part_path(HthBuf *out, const HthGguf *g, uint32_t part,
                                            HthErr *err);
/* The raw bytes of one part, for digests. */
HthStr hth_gguf_part(const HthGguf *g, uint32_t part);
const HthFileMap *hth_gguf_part_map(const HthGguf *g, uint32_t part); /* zeroed: not from a file */

size_t hth_gguf_kv_count(const HthGguf *g);
const HthGgufKv *hth_gguf_kv_at(const HthGguf *g, size_t i);
const HthGgufKv *hth_gguf_find(const HthGguf *g, const char *key); /* NULL if absent */

/* Typed reads. Integer reads accept any integer type whose value fits.
 * ENOTSUP is never returned; absent key: EFORMAT "missing"; wrong type or range: EFORMAT.
 * f32 takes f32 and f64 (infinities and NaN pass; what they mean is the reader's affair). */
HTH_MUST_CHECK HthStatus hth_gguf_u32(const HthGguf *g, const char *key, uint32_t *out,
                                      HthErr *err);
HTH_MUST_CHECK HthStatus hth_gguf_u64(const HthGguf *g, const char *key, uint64_t *out,
                                      HthErr *err);
HTH_MUST_CHECK HthStatus hth_gguf_f32(const HthGguf *g, const char *key, float *out, HthErr *err);
HTH_MUST_CHECK HthStatus hth_gguf_bool(const HthGguf *g, const char *key, bool *out, HthErr *err);
HTH_MUST_CHECK HthStatus hth_gguf_str(const HthGguf *g, const char *key, HthStr *out, HthErr *err);
/* An array of the wanted element type (integers: any integer type; f32 and f64 alike). */
HTH_MUST_CHECK HthStatus hth_gguf_arr(const HthGguf *g, const char *key, HthGgufType elem,
                                      const HthGgufKv **out, HthErr *err);
/* Elements of an array entry, or with i = 0 the value of a scalar one (some keys are either).
 * i < count and a fitting type are the caller's duty (asserted). Numbers are converted: i64 takes
 * integers and bools, a u64 past INT64_MAX gives INT64_MAX; f64 takes any number. */
HthStr hth_gguf_elem_str(const HthGgufKv *kv, uint64_t i);
int64_t hth_gguf_elem_i64(const HthGgufKv *kv, uint64_t i);
double hth_gguf_elem_f64(const HthGgufKv *kv, uint64_t i);

size_t hth_gguf_tensor_count(const HthGguf *g);
const HthGgufTensor *hth_gguf_tensor_at(const HthGguf *g, size_t i);
const HthGgufTensor *hth_gguf_tensor(const HthGguf *g, HthStr name); /* NULL if absent */

#endif
