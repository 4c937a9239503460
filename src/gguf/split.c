/* split.c - models in several files: what the split.* keys say and what the parts are called.
 *
 * Thread: any. */
#include "gguf/gguf_int.h"

#include <string.h>

/* NAME-00001-of-00003.gguf */
enum { DIGITS = 5 };
static const HthStr dash = { "-", 1 }, of = { "-of-", 4 }, ext = { ".gguf", 5 };
#define TAIL_LEN (dash.n + DIGITS + of.n + DIGITS + ext.n)

/* An integer key from min to max; absent leaves *out. */
static HthStatus split_int(const HthGgufPart *part, const char *file, const char *key, uint64_t max,
                           bool required, uint64_t *out, HthErr *err) {
    char shown[HTH_GGUF_SHOWN_MAX];
    uint64_t v = 0;
    const HthGgufKv *kv = hth_gguf_part_find(part, hth_str(key));
    if (kv == NULL && !required) return HTH_OK;
    hth_gguf_shown_file(file, shown);
    HTH_REQUIRE(kv != NULL, err, HTH_EFORMAT, "%s: part of a split model without '%s'", shown, key);
    HTH_REQUIRE(hth_gguf_kv_u64(kv, &v) && v <= max, err, HTH_EFORMAT,
                "%s: metadata '%s' is not a number up to %llu", shown, key,
                (unsigned long long)max);
    *out = v;
    return HTH_OK;
}

HthStatus hth_gguf_split_of(const HthGgufPart *part, const char *file, HthGgufSplit *out,
                            HthErr *err) {
    uint64_t count = 1, no = 0, tensors = part->tensor_count;
    HTH_TRY(split_int(part, file, "split.count", HTH_GGUF_PART_MAX, false, &count, err));
    if (count > 1) {
        HTH_TRY(split_int(part, file, "split.no", count - 1, true, &no, err));
        HTH_TRY(split_int(part, file, "split.tensors.count",
                          (uint64_t)HTH_GGUF_PART_MAX * HTH_GGUF_TENSOR_MAX, true, &tensors, err));
    }
    *out = (HthGgufSplit){ (uint32_t)no, count > 1 ? (uint32_t)count : 1, tensors };
    return HTH_OK;
}

static bool takes(HthStr *s, HthStr want) {
    if (!hth_str_starts(*s, want)) return false;
    *s = hth_str_sub(*s, want.n, s->n);
    return true;
}

static bool takes_number(HthStr *s, uint64_t want) {
    uint64_t v = 0;
    for (size_t i = 0; i < DIGITS && i < s->n; i++)
        if (s->p[i] < '0' || s->p[i] > '9') return false;
    if (!hth_str_u64(hth_str_sub(*s, 0, DIGITS), &v) || v != want) return false;
    *s = hth_str_sub(*s, DIGITS, s->n);
    return true;
}

/* Does path end in -0000(no+1)-of-0000(count).gguf? */
static bool is_named_so(const char *path, const HthGgufSplit *split) {
    HthStr s = hth_str(path);
    if (s.n <= TAIL_LEN) return false;
    s = hth_str_sub(s, s.n - TAIL_LEN, TAIL_LEN);
    return takes(&s, dash) && takes_number(&s, (uint64_t)split->no + 1) && takes(&s, of) &&
           takes_number(&s, split->count) && hth_str_eq(s, ext);
}

HthStatus hth_gguf_split_path(HthBuf *out, const char *path, const HthGgufSplit *split, uint32_t no,
                              HthErr *err) {
    if (!is_named_so(path, split)) {
        char shown[HTH_GGUF_SHOWN_MAX];
        hth_gguf_shown_file(path, shown);
        return HTH_FAIL(err, HTH_EFORMAT,
                        "%s: is part %u of %u but not named NAME-%05u-of-%05u.gguf, so the other "
                        "parts cannot be found; give it that name",
                        shown, split->no + 1, split->count, split->no + 1, split->count);
    }
    HTH_TRY(hth_buf_add(out, path, strlen(path) - TAIL_LEN, err));
    return hth_buf_printf(out, err, "-%05u-of-%05u.gguf", no + 1, split->count);
}
