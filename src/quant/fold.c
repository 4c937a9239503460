/* fold.c - see job.h: activation-aware scaling (AWQ), folded into the norm before.
 *
 * Where matrices read what a norm gives and nobody else does, a column of theirs may be larger and
 * the norm's value for it smaller: the product is the same, but the rounding of that column is
 * finer.  Scales are powers of two, so in floats the same to the bit.  How far a column's use moves
 * it (alpha) is tried, and what rounds best stays; 0, nothing, is tried first.
 *
 * Thread: one owner. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "model/model.h"
#include "quant/job.h"

enum { ALPHAS = 7 /* eighths, from 0 */, SHIFT_MAX = 6, READERS_MAX = 16 };

typedef struct Fold {
    HthQuantJob *job;
    HthModel *model;
    uint32_t *uses; /* [count] instructions that name a tensor */
    size_t norm; /* which tensor; and those that read it: */
    size_t readers[READERS_MAX];
    uint32_t parts[READERS_MAX]; /* instructions that read one */
    uint64_t rows[READERS_MAX]; /* of it that they read */
    size_t count;
} Fold;

/* The tensor an instruction names; job->count: none that is in the file. */
static size_t place_of(const Fold *f, const HthInst *in) {
    for (int slot = 1; in->w != NULL && slot < HTH_W_COUNT; slot++) {
        if (hth_slot_name((HthSlot)slot) != in->w->name) continue;
        const HthGgufTensor *t = hth_model_weight(f->model, (HthSlot)slot, in->layer);
        return t != NULL ? hth_quant_place(f->job, t->name) : f->job->count;
    }
    return f->job->count;
}

static bool add_reader(Fold *f, const HthInst *in) {
    const size_t t = place_of(f, in);
    size_t i = 0;
    while (i < f->count && f->readers[i] != t) i++;
    if (t == f->job->count || i == READERS_MAX) return false;
    if (i == f->count) {
        f->readers[f->count++] = t;
        f->parts[i] = 0;
        f->rows[i] = 0;
    }
    f->parts[i]++;
    f->rows[i] += (uint64_t)in->w->rows * (in->w->count > 0 ? in->w->count : 1);
    return true;
}

/* All that reads what instruction i gives: products alone, and their tensors read nothing else. */
static bool find_readers(Fold *f, uint32_t i) {
    const HthProgram *p = hth_model_program(f->model);
    const HthReg reg = p->inst[i].dst;
    f->count = 0;
    for (uint32_t k = i + 1; k < p->count; k++) {
        const HthInst *in = &p->inst[k];
        if (in->b == reg || in->c == reg) return false;
        if (in->a == reg) {
            if (in->op != HTH_OP_LINEAR && in->op != HTH_OP_EXPERTS) return false;
            if (!add_reader(f, in)) return false;
        }
        if (in->dst == reg) break;
    }
    for (size_t k = 0; k < f->count; k++) {
        const HthGgufTensor *t = f->job->tensors[f->readers[k]].from;
        if (f->uses[f->readers[k]] != f->parts[k]) return false;
        if (f->rows[k] != t->ne[1] * t->ne[2] * t->ne[3]) return false;
    }
    return f->count > 0;
}

static bool is_wide(const HthFmt *fmt) { /* scaling it by powers of two loses nothing */
    return fmt->id == 0 || fmt->id == 30; /* F32, BF16 */
}

/* Whether the formats at hand allow it, and something is gained. */
static bool may_fold(const Fold *f) {
    const HthQuantTensor *norm = &f->job->tensors[f->norm];
    bool rounded = false;
    if (f->uses[f->norm] != 1 || !is_wide(norm->to) || norm->from->n_dims != 1) return false;
    for (size_t i = 0; i < f->count; i++) {
        const HthQuantTensor *q = &f->job->tensors[f->readers[i]];
        if (q->from->ne[0] != norm->from->ne[0]) return false;
        if (q->to->act == HTH_ACT_F32 && !is_wide(q->to)) return false;
        if (q->to->act != HTH_ACT_F32 && q->to == q->from->fmt) return false; /* as it is */
        rounded |= q->to->act != HTH_ACT_F32;
    }
    return rounded;
}

/* The exponent nearest to log2(m) * n / 16, to a sixteenth: exact arithmetic only, so that it is
 * the same everywhere. */
static int8_t exponent(float m, uint32_t n) {
    int e, all;
    double f = frexp((double)m, &e), power = 1;
    for (uint32_t i = 0; i < n; i++) power *= f;
    (void)frexp(power, &all);
    const int whole = (int)n * e + all - 1; /* floor of log2(m^n) */
    const int k = (whole + 8 >= 0 ? whole + 8 : whole + 8 - 15) / 16;
    return (int8_t)(k < -SHIFT_MAX ? -SHIFT_MAX : k > SHIFT_MAX ? SHIFT_MAX : k);
}

/* What the columns of the norm count: by a matrix that all tokens go through. */
static HthStatus columns_of(const Fold *f, float *out, bool *known, HthErr *err) {
    const uint64_t n = f->job->tensors[f->norm].from->ne[0];
    *known = false;
    for (size_t i = 0; i < f->count && !*known; i++) {
        const HthGgufTensor *t = f->job->tensors[f->readers[i]].from;
        if (t->ne[2] * t->ne[3] != 1) continue;
        HTH_TRY(hth_imatrix_columns(f->job->im, t->name, n, 1, 0, out, known, err));
    }
    return HTH_OK;
}

static void set_shift(Fold *f, const int8_t *shift) {
    f->job->tensors[f->norm].shift = shift;
    f->job->tensors[f->norm].sign = -1;
    for (size_t i = 0; i < f->count; i++) {
        f->job->tensors[f->readers[i]].shift = shift;
        f->job->tensors[f->readers[i]].sign = 1;
    }
}

static HthStatus error_of(const Fold *f, double *out, HthErr *err) {
    *out = 0;
    for (size_t i = 0; i < f->count; i++) {
        const HthQuantTensor *q = &f->job->tensors[f->readers[i]];
        double error;
        if (q->to->act == HTH_ACT_F32) continue;
        HTH_TRY(hth_quant_probe(f->job, q, &q->to, 1, &error, err));
        *out += error;
    }
    return HTH_OK;
}

/* All alphas; the best is left in *to, its shifts set. */
static HthStatus try_all(Fold *f, const float *m, HthQuantFold *to, HthErr *err) {
    const uint64_t n = f->job->tensors[f->norm].from->ne[0];
    for (uint32_t alpha = 0; alpha < ALPHAS; alpha++) {
        double error;
        for (uint64_t i = 0; i < n; i++) to->shift[i] = exponent(m[i], alpha);
        HTH_TRY(error_of(f, &error, err));
        if (alpha == 0) to->before = to->after = error;
        if (!(error < to->after)) continue;
        to->after = error;
        to->alpha = alpha;
    }
    for (uint64_t i = 0; i < n; i++) to->shift[i] = exponent(m[i], to->alpha);
    return HTH_OK;
}

static HthStatus fold_one(Fold *f, HthErr *err) {
    const uint64_t n = f->job->tensors[f->norm].from->ne[0];
    HthQuantFold *to = &f->job->folds[f->job->fold_count];
    float *m = hth_calloc(n, sizeof *m);
    int8_t *shift = hth_calloc(n, sizeof *shift);
    bool known = false;
    HthStatus st = m != NULL && shift != NULL ? columns_of(f, m, &known, err)
                                              : HTH_FAIL(err, HTH_ENOMEM, "out of memory");
    if (st == HTH_OK && known) {
        *to = (HthQuantFold){ .norm = f->norm, .shift = shift };
        f->job->fold_count++;
        shift = NULL;
        set_shift(f, to->shift);
        st = try_all(f, m, to, err);
        if (to->alpha == 0) set_shift(f, NULL);
    }
    hth_free(shift);
    hth_free(m);
    return st;
}

static HthStatus fold_all(Fold *f, HthErr *err) {
    const HthProgram *p = hth_model_program(f->model);
    for (uint32_t i = 0; i < p->count; i++) {
        const size_t t = place_of(f, &p->inst[i]);
        if (t < f->job->count) f->uses[t]++;
    }
    for (uint32_t i = 0; i < p->count; i++) {
        if (p->inst[i].op != HTH_OP_RMSNORM) continue;
        f->norm = place_of(f, &p->inst[i]);
        if (f->norm == f->job->count || !find_readers(f, i) || !may_fold(f)) continue;
        HTH_TRY(fold_one(f, err));
        HTH_TRY(hth_quant_tell(f->job->opt, "measuring", i, p->count, err));
    }
    return HTH_OK;
}

HthStatus hth_quant_fold(HthQuantJob *job, HthErr *err) {
    Fold f = { .job = job };
    HTH_REQUIRE(job->im != NULL, err, HTH_EINVAL,
                "scaling by activations (--awq) needs an importance matrix (--imatrix)");
    HTH_TRY(hth_model_open(&f.model, hth_gguf_path(job->g), err));
    f.uses = hth_calloc(job->count + 1, sizeof *f.uses);
    job->folds = hth_calloc(job->count + 1, sizeof *job->folds);
    HthStatus st = f.uses != NULL && job->folds != NULL
                       ? fold_all(&f, err)
                       : HTH_FAIL(err, HTH_ENOMEM, "out of memory");
    hth_free(f.uses);
    hth_model_close(&f.model);
    return st;
}
