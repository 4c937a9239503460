/* imatrix.c - see imatrix.h.
 *
 * Thread: immutable after open; any. */
#include "quant/imatrix.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

#define SUMS   ".in_sum2"
#define COUNTS ".counts"

struct HthImatrix {
    HthGguf *g;
    size_t count;
};

enum { NAME_MAX_LEN = 256 };

/* NAME and what belongs to it; NULL: none. */
static const HthGgufTensor *part_of(const HthGguf *g, HthStr name, const char *suffix) {
    char text[NAME_MAX_LEN];
    const size_t n = strlen(suffix);
    if (name.n + n >= sizeof text) return NULL;
    memcpy(text, name.p, name.n);
    memcpy(text + name.n, suffix, n);
    return hth_gguf_tensor(g, (HthStr){ text, name.n + n });
}

static bool ends_with(HthStr s, const char *with) {
    const size_t n = strlen(with);
    return s.n > n && memcmp(s.p + s.n - n, with, n) == 0;
}

static float number_at(const HthGgufTensor *t, uint64_t i) {
    uint8_t b[4];
    memcpy(b, t->data + i * 4, 4);
    return hth_bits_f32(hth_le32(b));
}

static HthStatus check_numbers(const HthGgufTensor *t, HthErr *err) {
    const uint64_t n = t->ne[0] * t->ne[1];
    HTH_REQUIRE(t->fmt->id == 0 && t->ne[2] == 1 && t->ne[3] == 1, err, HTH_EFORMAT,
                "'%.*s' is not a table of F32", (int)t->name.n, t->name.p);
    for (uint64_t i = 0; i < n; i++)
        HTH_REQUIRE(number_at(t, i) >= 0.0f && isfinite(number_at(t, i)), err, HTH_EFORMAT,
                    "'%.*s' holds a number that is no sum of squares", (int)t->name.n, t->name.p);
    return HTH_OK;
}

static HthStatus check(HthImatrix *im, HthErr *err) {
    HthStr type = { "", 0 };
    if (hth_gguf_find(im->g, "general.type") != NULL)
        HTH_TRY(hth_gguf_str(im->g, "general.type", &type, err));
    HTH_REQUIRE(hth_str_eq(type, HTH_STR("imatrix")), err, HTH_EFORMAT,
                "%.150s is not an importance matrix", hth_gguf_path(im->g));
    for (size_t i = 0; i < hth_gguf_tensor_count(im->g); i++) {
        const HthGgufTensor *t = hth_gguf_tensor_at(im->g, i);
        if (!ends_with(t->name, SUMS)) continue;
        const HthStr name = { t->name.p, t->name.n - (sizeof SUMS - 1) };
        const HthGgufTensor *counts = part_of(im->g, name, COUNTS);
        HTH_REQUIRE(counts != NULL && counts->ne[0] == 1 && counts->ne[1] == t->ne[1], err,
                    HTH_EFORMAT, "'%.*s' has no counts that fit it", (int)name.n, name.p);
        HTH_TRY(check_numbers(t, err));
        HTH_TRY(check_numbers(counts, err));
        im->count++;
    }
    HTH_REQUIRE(im->count > 0, err, HTH_EFORMAT, "%.150s speaks of no tensor",
                hth_gguf_path(im->g));
    return HTH_OK;
}

static HthStatus adopt(HthImatrix **out, HthGguf *g, HthErr *err) {
    HthImatrix *im = hth_calloc(1, sizeof *im);
    HthStatus st = im != NULL ? HTH_OK : HTH_FAIL(err, HTH_ENOMEM, "out of memory");
    if (st == HTH_OK) {
        im->g = g;
        st = check(im, err);
    }
    if (st == HTH_OK) {
        *out = im;
        return HTH_OK;
    }
    hth_gguf_close(&g);
    hth_free(im);
    return st;
}

HthStatus hth_imatrix_open(HthImatrix **out, const char *path, HthErr *err) {
    HthGguf *g = NULL;
    HTH_TRY(hth_gguf_open(&g, path, err));
    return adopt(out, g, err);
}

HthStatus hth_imatrix_open_mem(HthImatrix **out, const void *data, size_t n, HthErr *err) {
    HthGguf *g = NULL;
    HTH_TRY(hth_gguf_open_mem(&g, data, n, "the importance matrix", err));
    return adopt(out, g, err);
}

void hth_imatrix_close(HthImatrix **im) {
    if (*im == NULL) return;
    hth_gguf_close(&(*im)->g);
    hth_free(*im);
    *im = NULL;
}

const HthGguf *hth_imatrix_gguf(const HthImatrix *im) {
    return im->g;
}

size_t hth_imatrix_count(const HthImatrix *im) {
    return im->count;
}

HthStatus hth_imatrix_columns(const HthImatrix *im, HthStr tensor, uint64_t cols, uint64_t count,
                              uint64_t which, float *out, bool *known, HthErr *err) {
    const HthGgufTensor *sums = part_of(im->g, tensor, SUMS);
    const HthGgufTensor *counts = part_of(im->g, tensor, COUNTS);
    double all = 0;
    *known = false;
    if (sums == NULL) return HTH_OK;
    /* heads that lie in one tensor: others write their tables as one, one after another, and a
     * single count, for all went over the same rows */
    const bool joined = count > 1 && sums->ne[1] == 1 && sums->ne[0] == cols * count;
    HTH_REQUIRE(joined || (sums->ne[0] == cols && (sums->ne[1] == count || sums->ne[1] == 1)), err,
                HTH_EINVAL,
                "the importance matrix is of another model: its '%.*s' has %llu columns of %llu "
                "matrices, not %llu of %llu",
                (int)tensor.n, tensor.p, (unsigned long long)sums->ne[0],
                (unsigned long long)sums->ne[1], (unsigned long long)cols,
                (unsigned long long)count);
    const uint64_t counted = sums->ne[1] == 1 ? 0 : which;
    const uint64_t at = (joined ? which : counted) * cols;
    for (uint64_t i = 0; i < cols; i++) all += number_at(sums, at + i);
    if (number_at(counts, counted) == 0.0f || !(all > 0)) return HTH_OK;
    for (uint64_t i = 0; i < cols; i++) {
        const double v = number_at(sums, at + i) * (double)cols / all;
        out[i] = (float)(v > 0x1p-12 ? v : 0x1p-12);
    }
    *known = true;
    return HTH_OK;
}
