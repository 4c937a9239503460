/* write.c - the tensors' data: rows read in place, turned into the type they get, written.
 *
 * Thread: one owner. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "import/plan.h"

enum { CHUNK = 1 << 20 }; /* numbers at a time, or a row where that is longer */

typedef struct Writer {
    const HthWeights *w;
    HthGgufOut *o;
    uint8_t *raw; /* rows as they are, aligned */
    float *floats;
    uint8_t *out;
    size_t room; /* numbers */
    uint64_t done, total;
    HthImportTell *tell;
    void *payload;
    HthErr *err;
} Writer;

static HthStatus make_room(Writer *x, uint64_t n) {
    const size_t want = n > CHUNK ? (size_t)n : CHUNK;
    if (want <= x->room) return HTH_OK;
    hth_free(x->raw);
    hth_free(x->floats);
    hth_free(x->out);
    x->room = 0;
    x->raw = hth_calloc_aligned(want, sizeof(float));
    x->floats = hth_calloc_aligned(want, sizeof *x->floats);
    x->out = hth_calloc_aligned(want, sizeof(float));
    HTH_REQUIRE(x->raw != NULL && x->floats != NULL && x->out != NULL, x->err, HTH_ENOMEM,
                "out of memory");
    x->room = want;
    return HTH_OK;
}

/* A finite number that its type has no finite one for would be another number. */
static HthStatus check_range(const Writer *x, const HthImportTensor *t, size_t n) {
    static const float most = 65520.0f; /* rounds to infinity in F16 */
    if (strcmp(t->to->name, "F16") != 0) return HTH_OK;
    for (size_t i = 0; i < n; i++)
        HTH_REQUIRE(!(fabsf(x->floats[i]) >= most) || isinf(x->floats[i]), x->err, HTH_EFORMAT,
                    "a number of tensor '%s' is too large for F16: import as bf16 or f32", t->name);
    return HTH_OK;
}

/* n numbers in x->raw, as they are in the folder, to x->out; *bytes: of those. */
static HthStatus convert(Writer *x, const HthImportTensor *t, const HthFmt *from, size_t n,
                         size_t *bytes) {
    from->dequant(x->raw, x->floats, n);
    if (t->how == HTH_TENSOR_PLUS_ONE)
        for (size_t i = 0; i < n; i++) x->floats[i] = x->floats[i] + 1.0f;
    HTH_TRY(check_range(x, t, n));
    *bytes = n * t->to->block_bytes;
    if (strcmp(t->to->name, "F32") == 0)
        memcpy(x->out, x->floats, *bytes);
    else
        t->to->quant(x->floats, x->out, n);
    return HTH_OK;
}

static HthStatus tell(Writer *x, size_t bytes) {
    x->done += bytes;
    HTH_REQUIRE(x->tell == NULL || x->tell(x->payload, x->done, x->total) == 0, x->err,
                HTH_ECANCELED, "stopped; nothing was written");
    return HTH_OK;
}

static HthStatus write_rows(Writer *x, const HthImportTensor *t) {
    const HthSafeTensor *s = hth_weights_at(x->w, t->from);
    const size_t row = (size_t)t->cols * s->fmt->block_bytes;
    HTH_TRY(make_room(x, t->cols));
    const uint64_t many = x->room / t->cols;
    for (uint64_t at = 0; at < t->rows;) {
        const uint64_t n = t->rows - at < many ? t->rows - at : many;
        size_t bytes = (size_t)n * row;
        for (uint64_t i = 0; i < n; i++)
            memcpy(x->raw + i * row, s->data + hth_plan_row(t, at + i) * row, row);
        const uint8_t *out = x->raw;
        if (s->fmt != t->to || t->how == HTH_TENSOR_PLUS_ONE) {
            HTH_TRY(convert(x, t, s->fmt, (size_t)(n * t->cols), &bytes));
            out = x->out;
        }
        HTH_TRY(hth_gguf_out_data(x->o, out, bytes, x->err));
        at += n;
        HTH_TRY(tell(x, bytes));
    }
    if (s->bytes > 0) hth_weights_let_go(x->w, t->from, s->data, s->bytes);
    return HTH_OK;
}

HthStatus hth_plan_write(const HthImportPlan *p, const HthWeights *w, HthGgufOut *o,
                         HthImportTell *tell_, void *payload, HthErr *err) {
    Writer x = { .w = w, .o = o, .tell = tell_, .payload = payload, .err = err };
    HthStatus st = HTH_OK;
    x.total = p->bytes;
    for (size_t i = 0; st == HTH_OK && i < p->count; i++) {
        const HthImportTensor *t = &p->tensors[i];
        st = t->numbers != NULL
                 ? hth_gguf_out_data(o, t->numbers, (size_t)t->rows * sizeof(float), err)
                 : write_rows(&x, t);
    }
    hth_free(x.raw);
    hth_free(x.floats);
    hth_free(x.out);
    return st;
}
