/* gguf_int.h - what the files of this floor share: the handle, the reader, the limits.
 *
 * Not for other floors.
 *
 * Thread: a reader has one owner; the handle is immutable once open. */
#ifndef HTH_GGUF_GGUF_INT_H
#define HTH_GGUF_GGUF_INT_H

#include "base/arena.h"
#include "base/file.h"
#include "base/map.h"
#include "gguf/gguf.h"

/* Ceilings.  Real files stay far below; a hostile one meets an error instead of an outage. */
enum {
    HTH_GGUF_KV_MAX = 1 << 16, /* metadata entries of one file */
    HTH_GGUF_TENSOR_MAX = 1 << 18, /* tensors of one file */
    HTH_GGUF_KEY_MAX = 65535, /* bytes, as the format says */
    HTH_GGUF_NAME_MAX = 255, /* bytes of a tensor name */
    HTH_GGUF_STR_MAX = 64 << 20, /* bytes of a string value */
    HTH_GGUF_ELEM_STR_MAX = 1 << 20, /* bytes of one string in an array (a token) */
    HTH_GGUF_PART_MAX = 1024, /* files of a split model */
    HTH_GGUF_DIR_MAX = 512 << 20, /* bytes of memory for the directory of all parts */
    HTH_GGUF_ALIGN_MIN = 8,
    HTH_GGUF_ALIGN_MAX = 1 << 20,
    HTH_GGUF_ALIGN_DEFAULT = 32,
    HTH_GGUF_HEADER_BYTES = 24, /* magic, version, tensor count, metadata count */
    HTH_GGUF_KV_BYTES_MIN = 14, /* key length, a byte of key, type, a byte of value */
    HTH_GGUF_TENSOR_BYTES_MIN = 33, /* name length, a byte of name, dims, one dim, type, offset */
    HTH_GGUF_SHOWN_MAX = 72, /* bytes of a name quoted in an error, NUL included */
};

_Static_assert(sizeof(size_t) == 8, "file sizes and offsets are computed in size_t");

/* One file of the model. */
typedef struct HthGgufPart {
    HthFileMap map; /* zeroed when the memory is the caller's */
    HthStr bytes; /* the file */
    uint32_t version;
    uint32_t align;
    HthGgufKv *kv; /* [kv_count] */
    size_t kv_count;
    HthMap *keys; /* key -> index in kv; owned */
    HthGgufTensor *tensors; /* [tensor_count] */
    size_t tensor_count;
} HthGgufPart;

struct HthGguf {
    const char *path; /* as given, or of the first part when another was given */
    HthArena *arena; /* everything below but the maps */
    HthGgufPart *parts; /* [part_count] */
    uint32_t part_count;
    HthGgufTensor *tensors; /* [tensor_count], all parts in order */
    size_t tensor_count;
    HthMap *names; /* tensor name -> index in tensors; owned */
};

/* A walk through one file's bytes that knows what it is looking at, for the error sentence. */
typedef struct HthGgufReader {
    const char *file; /* path, for errors */
    const uint8_t *data;
    size_t n, at; /* at <= n always */
    const char *what; /* "header", "metadata entry", "tensor" */
    uint64_t index, count; /* which of them, from 0, of how many; count 0: not numbered */
    HthStr name; /* key or tensor name once known */
    HthArena *arena;
    HthErr *err;
} HthGgufReader;

/* "file: tensor 3 of 9 'name': ..." */
HthStatus hth_gguf_bad_at(const HthGgufReader *r, HthStatus status, const char *file, int line,
                          const char *fmt, ...) HTH_PRINTF(5, 6);
#define HTH_GGUF_BAD(r, status, ...) hth_gguf_bad_at((r), (status), __FILE__, __LINE__, __VA_ARGS__)

/* Leaves r alone and fails unless n more bytes are there. */
HTH_MUST_CHECK HthStatus hth_gguf_need(const HthGgufReader *r, uint64_t n);
HTH_MUST_CHECK HthStatus hth_gguf_read_u32(HthGgufReader *r, uint32_t *out);
HTH_MUST_CHECK HthStatus hth_gguf_read_u64(HthGgufReader *r, uint64_t *out);
/* A length word and that many bytes, at most max; `what` as in "the key". */
HTH_MUST_CHECK HthStatus hth_gguf_read_str(HthGgufReader *r, size_t max, const char *what,
                                           HthStr *out);
/* count * size zeroed bytes of the arena in *(void **)out; NULL for a count of 0. */
HTH_MUST_CHECK HthStatus hth_gguf_take(HthGgufReader *r, size_t count, size_t size, void *out);

/* Non-empty UTF-8 without control characters: fit for a key or a tensor name. */
bool hth_gguf_name_ok(HthStr name);
bool hth_gguf_align_ok(uint64_t align);
/* s as it may be printed: one line, at most SHOWN_MAX - 1 bytes, the doubtful replaced by '?'. */
void hth_gguf_shown(HthStr s, char out[HTH_GGUF_SHOWN_MAX]);
/* The last component of a path, likewise. */
void hth_gguf_shown_file(const char *path, char out[HTH_GGUF_SHOWN_MAX]);
/* Bytes of a number or bool type; 0 for strings and arrays. */
size_t hth_gguf_type_bytes(HthGgufType type);
const char *hth_gguf_type_name(HthGgufType type); /* "u32", "string", ... */
bool hth_gguf_type_is_int(HthGgufType type);

/* One file's bytes into part (bytes set, all else zero), metadata then tensors. */
HTH_MUST_CHECK HthStatus hth_gguf_read_part(HthGgufPart *part, const char *file, HthArena *arena,
                                            HthErr *err);
HTH_MUST_CHECK HthStatus hth_gguf_read_kvs(HthGgufReader *r, HthGgufPart *part, uint64_t count);
HTH_MUST_CHECK HthStatus hth_gguf_read_tensors(HthGgufReader *r, HthGgufPart *part, uint64_t count);
/* NULL if the part has no such key. */
const HthGgufKv *hth_gguf_part_find(const HthGgufPart *part, HthStr key);
/* The value of an integer entry as unsigned; false for another type or a negative value. */
bool hth_gguf_kv_u64(const HthGgufKv *kv, uint64_t *out);

/* What the split.* keys of one part say. count 1: not split. */
typedef struct HthGgufSplit {
    uint32_t no, count;
    uint64_t tensors; /* over all parts */
} HthGgufSplit;
HTH_MUST_CHECK HthStatus hth_gguf_split_of(const HthGgufPart *part, const char *file,
                                           HthGgufSplit *out, HthErr *err);
/* The path of part `no` of the model whose part split->no is at path; checks path's own name. */
HTH_MUST_CHECK HthStatus hth_gguf_split_path(HthBuf *out, const char *path,
                                             const HthGgufSplit *split, uint32_t no, HthErr *err);

#endif
