/* safetensors.h - one file of tensors, read in place.
 *
 * Eight bytes with the length of a header, the header (JSON: name -> type, shape, place), bytes.
 * Everything is checked before use: the header's length, each type, shape and place, that places
 * neither overlap nor leave holes, names that come twice.  A bad file is HTH_EFORMAT with one
 * sentence, one past a ceiling HTH_ELIMIT.  Private to import.
 *
 * Thread: immutable after open; any. */
#ifndef HTH_IMPORT_SAFETENSORS_H
#define HTH_IMPORT_SAFETENSORS_H

#include "base/file.h"
#include "base/str.h"
#include "kern/kern.h"

enum {
    HTH_SAFE_DIMS_MAX = 8,
    HTH_SAFE_HEADER_MAX = 100000000, /* bytes, as the format says */
    HTH_SAFE_TENSORS_MAX = 1 << 18, /* of one file */
    HTH_SAFE_NAME_MAX = 1024 /* bytes */
};

typedef struct HthSafe HthSafe;

typedef struct HthSafeTensor {
    HthStr name; /* UTF-8, borrowed from the handle */
    const char *type; /* "F32", "BF16", "I64": static */
    const HthFmt *fmt; /* NULL: no type that weights of a GGUF file have */
    uint32_t n_dims; /* 0: one number */
    uint64_t dims[HTH_SAFE_DIMS_MAX]; /* outermost first; the last is the length of a row */
    const uint8_t *data; /* inside the mapping, checked; of any alignment */
    size_t bytes;
} HthSafeTensor;

/* shown names the file in errors. EIO, EINVAL: cannot be read, no regular file. */
HTH_MUST_CHECK HthStatus hth_safe_open(HthSafe **out, const char *path, const char *shown,
                                       HthErr *err);
/* Over memory that the caller keeps alive. */
HTH_MUST_CHECK HthStatus hth_safe_open_mem(HthSafe **out, const void *data, size_t n,
                                           const char *shown, HthErr *err);
void hth_safe_close(HthSafe **s);

size_t hth_safe_count(const HthSafe *s);
const HthSafeTensor *hth_safe_at(const HthSafe *s, size_t i); /* in the order of their bytes */
const HthFileMap *hth_safe_map(const HthSafe *s); /* zeroed: not from a file */

#endif
