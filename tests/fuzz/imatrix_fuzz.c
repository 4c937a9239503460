/* imatrix_fuzz.c - any bytes as an importance matrix: refused, or every number it gives is one to
 * weigh errors with.
 *
 * Thread: one. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "quant/imatrix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COLS_MAX = 4096 };

static void ask(const HthImatrix *im, HthStr name, uint64_t cols, uint64_t count) {
    static float out[COLS_MAX];
    for (uint64_t which = 0; which < count && which < 4; which++) {
        HthErr err = { 0 };
        bool known = false;
        if (cols > COLS_MAX ||
            hth_imatrix_columns(im, name, cols, count, which, out, &known, &err) != HTH_OK ||
            !known)
            continue;
        for (uint64_t i = 0; i < cols; i++) HTH_ASSERT(out[i] >= 0x1p-12f && isfinite(out[i]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    HthErr err = { 0 };
    HthImatrix *im = NULL;
    const uint64_t live = hth_mem_live();
    if (hth_imatrix_open_mem(&im, data, size, &err) == HTH_OK) {
        const HthGguf *g = hth_imatrix_gguf(im);
        HTH_ASSERT(hth_imatrix_count(im) > 0);
        for (size_t i = 0; i < hth_gguf_tensor_count(g); i++) {
            const HthGgufTensor *t = hth_gguf_tensor_at(g, i);
            const size_t n = t->name.n > 8 ? t->name.n - 8 : 0;
            ask(im, (HthStr){ t->name.p, n }, t->ne[0], t->ne[1]);
            ask(im, (HthStr){ t->name.p, n }, t->ne[0], 3);
            ask(im, t->name, t->ne[0] + 1, 1);
        }
        hth_imatrix_close(&im);
    } else {
        HTH_ASSERT(err.text[0]);
    }
    HTH_ASSERT(hth_mem_live() == live);
    return 0;
}
