/* bind.c - tensors to slots: every name looked up, every dimension and format checked.
 *
 * Thread: one owner while opening. */
#include <stdio.h>
#include <string.h>

#include "model/model_impl.h"

enum { NAME_MAX_LEN = 128 };

static const HthArchWeight *row_of(const HthArch *arch, HthSlot slot) {
    for (const HthArchWeight *w = arch->weights; w->slot != HTH_W_NONE; w++)
        if (w->slot == slot) return w;
    return NULL;
}

static bool in_layers(const HthArchWeight *w) {
    return strstr(w->name, "%u") != NULL;
}

bool hth_slot_in_layers(const HthArch *arch, HthSlot slot) {
    const HthArchWeight *w = row_of(arch, slot);
    return w && in_layers(w);
}

/* "blk.%u.attn_q" -> "blk.3.attn_q.weight" */
static void tensor_name(char out[NAME_MAX_LEN], const char *pattern, const char *suffix,
                        uint32_t layer) {
    const char *at = strstr(pattern, "%u");
    if (at)
        snprintf(out, NAME_MAX_LEN, "%.*s%u%s%s", (int)(at - pattern), pattern, layer, at + 2,
                 suffix);
    else
        snprintf(out, NAME_MAX_LEN, "%s%s", pattern, suffix);
}

static uint32_t product(const HthShape *s, const uint16_t fields[2], uint32_t layer) {
    uint32_t v = 1;
    for (int i = 0; i < 2; i++) {
        if (fields[i] == 0) continue;
        v *= hth_shape_size(
            s, fields[i],
            layer); /* at most 2^20: heads and head sizes are at most 1024, the rest stand alone */
    }
    return v;
}

/* As many as there are experts or heads, in one tensor. */
static HthStatus check_each(const HthGgufTensor *t, const char *name, uint32_t rows, uint32_t cols,
                            uint32_t count, bool matrix, HthErr *err) {
    bool ok = matrix ? t->ne[0] == cols && t->ne[1] == rows && t->ne[2] == count
                     : t->ne[0] == rows && t->ne[1] == count && t->ne[2] == 1;
    if (!matrix && rows == 1) ok = ok || (t->ne[0] == count && t->ne[1] == 1 && t->ne[2] == 1);
    if (ok && t->ne[3] == 1) return HTH_OK;
    if (matrix)
        return HTH_FAIL(err, HTH_EFORMAT,
                        "%s is %llu x %llu x %llu; the metadata calls for %u x %u x %u", name,
                        (unsigned long long)t->ne[0], (unsigned long long)t->ne[1],
                        (unsigned long long)t->ne[2], cols, rows, count);
    return HTH_FAIL(err, HTH_EFORMAT, "%s is %llu x %llu; the metadata calls for %u x %u", name,
                    (unsigned long long)t->ne[0], (unsigned long long)t->ne[1], rows, count);
}

static HthStatus check_dims(const HthGgufTensor *t, const char *name, uint32_t rows, uint32_t cols,
                            uint32_t count, bool matrix, HthErr *err) {
    if (count) return check_each(t, name, rows, cols, count, matrix, err);
    bool ok = matrix ? t->ne[0] == cols && t->ne[1] == rows : t->ne[0] == rows && t->ne[1] == 1;
    ok = ok && t->ne[2] == 1 && t->ne[3] == 1;
    if (ok) return HTH_OK;
    if (matrix)
        return HTH_FAIL(err, HTH_EFORMAT, "%s is %llu x %llu; the metadata calls for %u x %u", name,
                        (unsigned long long)t->ne[0], (unsigned long long)t->ne[1], cols, rows);
    return HTH_FAIL(err, HTH_EFORMAT, "%s is %llu x %llu; the metadata calls for %u", name,
                    (unsigned long long)t->ne[0], (unsigned long long)t->ne[1], rows);
}

/* Vectors are few and small: floats once, then no operation asks their format again. */
static HthStatus bind_vector(HthModel *m, const HthGgufTensor *t, const char *name, size_t rows,
                             const float **out, HthErr *err) {
    /* one value to a block is not enough: whole numbers and F64 are sized, never decoded */
    HTH_REQUIRE(t->fmt->block_len == 1 && t->fmt->dequant, err, HTH_ENOTSUP,
                "%s is stored as %s; hearth reads vectors as F32, F16 or BF16", name, t->fmt->name);
    float *v = hth_arena_take(m->arena, rows, sizeof *v);
    HTH_REQUIRE(v, err, HTH_ENOMEM, "no memory for %s", name);
    t->fmt->dequant(t->data, v, rows);
    for (size_t i = 0; i < rows; i++)
        HTH_REQUIRE(v[i] == v[i], err, HTH_EFORMAT,
                    "%s: value %zu is not a number; the file is damaged", name, i);
    *out = v;
    return HTH_OK;
}

/* The embedding alone is only read row by row; everything else is multiplied. */
static HthStatus bind_matrix(const HthGgufTensor *t, const char *name, bool multiplied,
                             HthWeight *w, HthErr *err) {
    const HthKern *truth = hth_kern_at(0);
    HTH_REQUIRE(t->fmt->dequant && (!multiplied || truth->linear[hth_fmt_index(t->fmt)]), err,
                HTH_ENOTSUP, "%s is stored as %s, which hearth cannot compute with", name,
                t->fmt->name);
    w->fmt = t->fmt;
    w->data = t->data;
    w->row_bytes = hth_fmt_row_bytes(t->fmt, w->cols);
    HTH_ASSERT(w->row_bytes > 0 && w->row_bytes * w->rows <= t->bytes); /* gguf checked */
    if (w->count) w->step = w->row_bytes * t->ne[1];
    return HTH_OK;
}

/* A matrix among others in one tensor: the rows that follow those of `after`. */
static HthStatus bind_part(HthModel *m, const HthArchWeight *row, uint32_t layer,
                           const HthGgufTensor *t, HthErr *err) {
    char name[NAME_MAX_LEN];
    const size_t first = (size_t)layer * HTH_W_COUNT;
    HthWeight *w = &m->weights[first + row->slot];
    const HthWeight *after = row->after ? &m->weights[first + row->after] : NULL;
    const uint16_t rows[2] = { row->fused_rows, 0 };
    const bool matrix = row->cols[0] != 0;
    const float *all;
    tensor_name(name, row->fused, hth_slot_suffix(row->slot), layer);
    HTH_REQUIRE(!after || m->tensors[first + row->after] == t, err, HTH_EFORMAT,
                "%s holds only some of its matrices; the others are elsewhere", name);
    const uint32_t whole = product(&m->shape, rows, layer);
    HTH_TRY(check_dims(t, name, whole, w->cols, w->count, matrix, err));
    w->first_row = after ? after->first_row + after->rows : 0;
    HTH_ASSERT((uint64_t)w->first_row + w->rows <= whole); /* the table adds up */
    if (matrix) {
        HTH_TRY(bind_matrix(t, name, true, w, err));
        w->data += w->first_row * w->row_bytes;
    } else {
        HTH_TRY(bind_vector(m, t, name, whole, &all, err));
        w->vec = all + w->first_row;
    }
    m->tensors[first + row->slot] = t;
    return HTH_OK;
}

static const HthGgufTensor *find(const HthModel *m, char name[NAME_MAX_LEN], const char *pattern,
                                 HthSlot slot, uint32_t layer) {
    tensor_name(name, pattern, hth_slot_suffix(slot), layer);
    return hth_gguf_tensor(m->gguf, hth_str(name));
}

static HthStatus missing(const HthModel *m, const HthArchWeight *row, uint32_t layer,
                         const char *name, HthErr *err) {
    char older[NAME_MAX_LEN];
    HTH_REQUIRE(!row->older || !find(m, older, row->older, row->slot, layer), err, HTH_ENOTSUP,
                "the file has %s in place of %s: an older converter joined several tensors, which "
                "hearth does not take apart; fetch a newer file of this model, or convert it anew",
                older, name);
    return HTH_FAIL(err, HTH_EFORMAT, "the file has no tensor %s", name);
}

static HthStatus bind_slot(HthModel *m, const HthArchWeight *row, uint32_t layer, HthErr *err) {
    char name[NAME_MAX_LEN], whole[NAME_MAX_LEN];
    size_t at = (size_t)layer * HTH_W_COUNT + row->slot;
    bool matrix = row->cols[0] != 0;
    const HthGgufTensor *t = find(m, name, row->name, row->slot, layer), *fused = NULL;
    HthWeight *w = &m->weights[at];
    w->name = hth_slot_name(row->slot);
    w->scale_last = row->after_bias;
    w->rows = product(&m->shape, row->rows, layer);
    w->cols = matrix ? product(&m->shape, row->cols, layer) : 1;
    w->count = row->count ? product(&m->shape, (const uint16_t[2]){ row->count, 0 }, layer) : 0;
    if (row->fused) fused = find(m, whole, row->fused, row->slot, layer);
    /* one name may stand for either: then the rows tell */
    if (fused && (!t || (t == fused && t->ne[1] != w->rows)))
        return bind_part(m, row, layer, fused, err);
    if (!t && row->or_slot != HTH_W_NONE) {
        t = m->tensors[(size_t)layer * HTH_W_COUNT + row->or_slot];
        HTH_ASSERT(t); /* the table lists the fallback first */
    }
    if (!t) return row->optional ? HTH_OK : missing(m, row, layer, name, err);
    HTH_TRY(check_dims(t, name, w->rows, w->cols, w->count, matrix, err));
    if (matrix)
        HTH_TRY(bind_matrix(t, name, !hth_slot_looked_up(row->slot), w, err));
    else
        HTH_TRY(bind_vector(m, t, name, (size_t)w->rows * (w->count ? w->count : 1), &w->vec, err));
    m->tensors[at] = t;
    return HTH_OK;
}

HthStatus hth_model_bind(HthModel *m, HthErr *err) {
    size_t slots = (size_t)m->shape.n_layer * HTH_W_COUNT;
    m->tensors = hth_arena_take(m->arena, slots, sizeof *m->tensors);
    m->weights = hth_arena_take(m->arena, slots, sizeof *m->weights);
    HTH_REQUIRE(m->tensors && m->weights, err, HTH_ENOMEM, "no memory to bind the model");
    for (uint32_t layer = 0; layer < m->shape.n_layer; layer++)
        for (const HthArchWeight *w = m->arch->weights; w->slot != HTH_W_NONE; w++)
            if ((layer == 0 || in_layers(w)) && hth_layer_is(&m->shape, w->when, layer))
                HTH_TRY(bind_slot(m, w, layer, err));
    return HTH_OK;
}
