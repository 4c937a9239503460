/* job.c - see job.h: the plan.  What is computed is rows.c's.
 *
 * Thread: one owner. */
#include "quant/job.h"

#include <fnmatch.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "gguf/gguf_write.h"
#include "hearth/hearth.h"

enum { HEAD_MAX = 1 << 30 }; /* metadata and directory of a model */

HthStatus hth_quant_tell(const HthQuantOpt *opt, const char *phase, uint64_t done, uint64_t total,
                         HthErr *err) {
    HTH_REQUIRE(opt->progress == NULL || opt->progress(phase, done, total) == 0, err, HTH_ECANCELED,
                "stopped");
    return HTH_OK;
}

/* ---- the input's digests ---- */

static HthStatus digest_bytes(HthQuantJob *job, HthStr bytes, HthQuantDigest *d, uint64_t *done,
                              HthErr *err) {
    const uint64_t all = hth_gguf_file_bytes(job->g) +
                         (job->im != NULL ? hth_gguf_file_bytes(hth_imatrix_gguf(job->im)) : 0);
    HthHash a = { 0 }, b = { 0 };
    HthStatus st = hth_hash_begin(&a, HTH_SHA256, err);
    if (st == HTH_OK) st = hth_hash_begin(&b, HTH_SHA3_256, err);
    for (size_t at = 0; st == HTH_OK && at < bytes.n;) {
        const size_t n = bytes.n - at < (1 << 20) ? bytes.n - at : 1 << 20;
        hth_hash_add(&a, bytes.p + at, n);
        hth_hash_add(&b, bytes.p + at, n);
        at += n;
        *done += n;
        st = hth_quant_tell(job->opt, "reading", *done, all, err);
    }
    d->bytes = bytes.n;
    hth_hash_end(&a, st == HTH_OK ? d->sha256 : NULL);
    hth_hash_end(&b, st == HTH_OK ? d->sha3 : NULL);
    return st;
}

HthStatus hth_quant_job_read(HthQuantJob *job, HthErr *err) {
    uint64_t done = 0;
    for (uint32_t i = 0; i < job->parts; i++)
        HTH_TRY(digest_bytes(job, hth_gguf_part(job->g, i), &job->inputs[i], &done, err));
    if (job->im == NULL) return HTH_OK;
    return digest_bytes(job, hth_gguf_part(hth_imatrix_gguf(job->im), 0), &job->im_digest, &done,
                        err);
}

/* ---- what columns count ---- */

static uint64_t matrices_of(const HthGgufTensor *t) {
    return t->ne[2] * t->ne[3];
}

/* A column that is made larger counts less. */
static void count_shifts(const HthQuantTensor *q, float *row) {
    for (uint64_t i = 0; q->shift != NULL && i < q->from->ne[0]; i++)
        row[i] *= hth_quant_pow2(-2 * q->sign * q->shift[i]);
}

HthStatus hth_quant_importance(const HthQuantJob *job, const HthQuantTensor *q, float **out,
                               HthErr *err) {
    const HthGgufTensor *t = q->from;
    const uint64_t n = matrices_of(t);
    size_t floats;
    bool any = false;
    *out = NULL;
    if (job->im == NULL || !hth_mix_touches(t)) return HTH_OK;
    HTH_REQUIRE(!hth_mul_over(t->ne[0], n, &floats), err, HTH_ELIMIT, "a tensor is too large");
    float *imp = hth_calloc(floats, sizeof *imp);
    HTH_REQUIRE(imp != NULL, err, HTH_ENOMEM, "out of memory");
    for (uint64_t i = 0; i < n; i++) {
        float *row = imp + i * t->ne[0];
        bool known;
        const HthStatus st =
            hth_imatrix_columns(job->im, t->name, t->ne[0], n, i, row, &known, err);
        if (st != HTH_OK) {
            hth_free(imp);
            return st;
        }
        any |= known;
        for (uint64_t k = 0; !known && k < t->ne[0]; k++) row[k] = 1.0f;
        count_shifts(q, row);
    }
    if (any)
        *out = imp;
    else
        hth_free(imp);
    return HTH_OK;
}

static HthStatus open_imatrix(HthQuantJob *job, HthErr *err) {
    size_t found = 0;
    if (job->opt->imatrix == NULL) return HTH_OK;
    HTH_TRY(hth_imatrix_open(&job->im, job->opt->imatrix, err));
    HTH_REQUIRE(hth_gguf_part_count(hth_imatrix_gguf(job->im)) == 1, err, HTH_EFORMAT,
                "the importance matrix is in several files: only one is read");
    for (size_t i = 0; i < job->count; i++) {
        float *imp;
        HTH_TRY(hth_quant_importance(job, &job->tensors[i], &imp, err));
        job->tensors[i].weighed = imp != NULL;
        found += imp != NULL;
        hth_free(imp);
    }
    HTH_REQUIRE(found > 0, err, HTH_EINVAL,
                "the importance matrix is of another model: it speaks of no tensor of this one");
    return HTH_OK;
}

/* ---- the types ---- */

static bool is_float(const HthFmt *f) {
    return f->act == HTH_ACT_F32 && f->dequant != NULL;
}

/* The rule for a tensor, by its number; rule_count: none. */
static size_t rule_of(const HthQuantOpt *opt, const HthGgufTensor *t) {
    char text[256];
    size_t i = 0;
    if (!hth_mix_touches(t) || t->name.n >= sizeof text) return opt->rule_count;
    memcpy(text, t->name.p, t->name.n);
    text[t->name.n] = '\0';
    while (i < opt->rule_count && fnmatch(opt->rules[i].pattern, text, 0) != 0) i++;
    return i;
}

/* *to NULL: to be measured. */
static HthStatus choose(const HthQuantOpt *opt, const HthMixModel *model, const HthGgufTensor *t,
                        bool *used, const HthFmt **to, HthErr *err) {
    const size_t rule = rule_of(opt, t);
    if (rule == opt->rule_count && opt->mix != NULL) {
        *to = hth_mix_type(opt->mix, model, t);
    } else if (rule == opt->rule_count) {
        const bool open = hth_mix_touches(t) && (is_float(t->fmt) || opt->again);
        *to = open ? NULL : t->fmt;
        return HTH_OK;
    } else {
        used[rule] = true;
        *to = opt->rules[rule].fmt;
        HTH_REQUIRE(t->ne[0] % (*to)->block_len == 0, err, HTH_EINVAL,
                    "tensor '%.*s' has rows of %llu, not a multiple of the %u of %s",
                    (int)t->name.n, t->name.p, (unsigned long long)t->ne[0], (*to)->block_len,
                    (*to)->name);
    }
    if (*to == t->fmt) return HTH_OK;
    HTH_REQUIRE((*to)->quant != NULL, err, HTH_ENOTSUP, "hearth reads %s but does not write it",
                (*to)->name);
    HTH_REQUIRE(is_float(t->fmt) || opt->again, err, HTH_EINVAL,
                "tensor '%.*s' is quantised already, as %s: start from the original, or lose more "
                "with --requantize",
                (int)t->name.n, t->name.p, t->fmt->name);
    return HTH_OK;
}

static HthStatus choose_all(HthQuantJob *job, HthErr *err) {
    bool used[HTH_QUANT_RULES_MAX] = { false };
    HthMixModel model;
    HTH_ASSERT(job->opt->rule_count <= HTH_QUANT_RULES_MAX);
    hth_mix_model(&model, job->g);
    for (size_t i = 0; i < job->count; i++) {
        HthQuantTensor *q = &job->tensors[i];
        HTH_TRY(choose(job->opt, &model, q->from, used, &q->to, err));
    }
    for (size_t i = 0; i < job->opt->rule_count; i++)
        HTH_REQUIRE(used[i], err, HTH_EINVAL,
                    "no tensor that is quantised has a name that fits the pattern '%s'",
                    job->opt->rules[i].pattern);
    return HTH_OK;
}

/* ---- the head ---- */

static bool begins(HthStr s, const char *with) {
    const size_t n = strlen(with);
    return s.n >= n && memcmp(s.p, with, n) == 0;
}

/* As others do, except the file's name: what it is called is no matter. */
static HthStatus imatrix_metadata(const HthQuantJob *job, HthGgufOut *o, HthErr *err) {
    const HthGguf *g = hth_imatrix_gguf(job->im);
    const HthGgufKv *sets = NULL;
    uint32_t chunks = 0;
    if (hth_gguf_find(g, "imatrix.chunk_count") != NULL)
        HTH_TRY(hth_gguf_u32(g, "imatrix.chunk_count", &chunks, err));
    if (hth_gguf_find(g, "imatrix.datasets") != NULL)
        HTH_TRY(hth_gguf_arr(g, "imatrix.datasets", HTH_GGUF_STR, &sets, err));
    if (sets != NULL && sets->count > 0)
        HTH_TRY(hth_gguf_out_str(o, "quantize.imatrix.dataset", hth_gguf_elem_str(sets, 0), err));
    HTH_TRY(hth_gguf_out_u32(o, "quantize.imatrix.entries_count",
                             (uint32_t)hth_imatrix_count(job->im), err));
    return hth_gguf_out_u32(o, "quantize.imatrix.chunks_count", chunks, err);
}

/* The mix's, or that of the type that most bytes have. */
static uint32_t file_type(const HthQuantJob *job) {
    uint64_t bytes[HTH_FMT_COUNT_MAX] = { 0 };
    const HthFmt *most = NULL;
    if (job->opt->mix != NULL) return job->opt->mix->file_type;
    for (size_t i = 0; i < job->count; i++) {
        const HthFmt *to = job->tensors[i].to;
        if (to == NULL) continue;
        bytes[hth_fmt_index(to)] += job->tensors[i].bytes;
        if (most == NULL || bytes[hth_fmt_index(to)] > bytes[hth_fmt_index(most)]) most = to;
    }
    for (size_t i = 0; most != NULL && hth_mix_at(i) != NULL; i++)
        if (hth_mix_at(i)->base == most->id) return hth_mix_at(i)->file_type;
    return 0;
}

static HthStatus metadata(const HthQuantJob *job, HthGgufOut *o, HthErr *err) {
    for (size_t i = 0; i < hth_gguf_kv_count(job->g); i++) {
        const HthGgufKv *kv = hth_gguf_kv_at(job->g, i);
        if (begins(kv->key, "split.") || hth_str_eq(kv->key, HTH_STR("general.file_type")) ||
            hth_str_eq(kv->key, HTH_STR("general.quantization_version")) ||
            (job->im != NULL && begins(kv->key, "quantize.imatrix.")))
            continue;
        HTH_TRY(hth_gguf_out_kv(o, kv, err));
    }
    if (job->im != NULL) HTH_TRY(imatrix_metadata(job, o, err));
    HTH_TRY(hth_gguf_out_u32(o, "general.file_type", file_type(job), err));
    return hth_gguf_out_u32(o, "general.quantization_version", 2, err);
}

/* The head, from types that are known, or (all are as long) before they are. */
static HthStatus make_head(HthQuantJob *job, uint32_t *align, HthErr *err) {
    HthGgufOut *o = NULL;
    hth_buf_clear(&job->head);
    HTH_TRY(hth_gguf_out_open_head(&o, hth_gguf_path(job->g), err));
    HthStatus st = metadata(job, o, err);
    for (size_t i = 0; st == HTH_OK && i < job->count; i++) {
        const HthQuantTensor *q = &job->tensors[i];
        const HthFmt *to = q->to != NULL ? q->to : q->from->fmt;
        st = hth_gguf_out_tensor(o, q->from->name, to, q->from->n_dims, q->from->ne, err);
    }
    if (st == HTH_OK) st = hth_gguf_out_head(o, &job->head, align, err);
    hth_gguf_out_abort(&o);
    return st;
}

static uint64_t rows_of(const HthGgufTensor *t) {
    return t->ne[1] * t->ne[2] * t->ne[3];
}

static void lay_out(HthQuantJob *job, uint32_t align) {
    uint64_t at = job->head.n;
    for (size_t i = 0; i < job->count; i++) {
        HthQuantTensor *q = &job->tensors[i];
        q->at = at;
        q->pad = (size_t)(-q->bytes & (align - 1));
        at += q->bytes + q->pad;
    }
    job->out_bytes = at;
}

HthStatus hth_quant_job_choose(HthQuantJob *job, HthErr *err) {
    uint32_t align = 0;
    HTH_TRY(choose_all(job, err));
    if (job->opt->mix == NULL) {
        HTH_TRY(make_head(job, &align, err));
        HTH_TRY(hth_quant_best(job, job->head.n, align, err));
    }
    for (size_t i = 0; i < job->count; i++) {
        HthQuantTensor *q = &job->tensors[i];
        q->bytes = hth_fmt_row_bytes(q->to, q->from->ne[0]) * rows_of(q->from);
    }
    if (job->opt->awq) HTH_TRY(hth_quant_fold(job, err));
    HTH_TRY(make_head(job, &align, err));
    lay_out(job, align);
    return HTH_OK;
}

size_t hth_quant_place(const HthQuantJob *job, HthStr name) {
    const HthGgufTensor *t = hth_gguf_tensor(job->g, name);
    size_t i = 0;
    while (i < job->count && job->tensors[i].from != t) i++;
    return i;
}

HthStatus hth_quant_job_open(HthQuantJob **out, const char *in, const HthQuantOpt *opt,
                             HthErr *err) {
    HthQuantJob *job = hth_calloc(1, sizeof *job);
    HTH_REQUIRE(job != NULL, err, HTH_ENOMEM, "out of memory");
    job->opt = opt;
    hth_buf_init(&job->head, HEAD_MAX);
    HthStatus st = hth_gguf_open(&job->g, in, err);
    if (st == HTH_OK) {
        job->count = hth_gguf_tensor_count(job->g);
        job->tensors = hth_calloc(job->count + 1, sizeof *job->tensors);
        job->parts = hth_gguf_part_count(job->g);
        job->inputs = hth_calloc(job->parts, sizeof *job->inputs);
        if (job->tensors == NULL || job->inputs == NULL)
            st = HTH_FAIL(err, HTH_ENOMEM, "out of memory");
    }
    for (size_t i = 0; st == HTH_OK && i < job->count; i++)
        job->tensors[i].from = hth_gguf_tensor_at(job->g, i);
    if (st == HTH_OK) st = open_imatrix(job, err);
    if (st == HTH_OK) st = hth_pool_open(&job->pool, opt->threads, err);
    if (st == HTH_OK)
        *out = job;
    else
        hth_quant_job_close(&job);
    return st;
}

void hth_quant_job_close(HthQuantJob **job) {
    if (*job == NULL) return;
    hth_pool_close(&(*job)->pool);
    hth_buf_drop(&(*job)->head);
    for (size_t i = 0; i < (*job)->fold_count; i++) hth_free((*job)->folds[i].shift);
    hth_free((*job)->folds);
    hth_free((*job)->tried);
    hth_free((*job)->tensors);
    hth_free((*job)->inputs);
    hth_imatrix_close(&(*job)->im);
    hth_gguf_close(&(*job)->g);
    hth_free(*job);
    *job = NULL;
}

void hth_quant_job_plan(const HthQuantJob *job, uint8_t out[HTH_HASH_BYTES]) {
    uint8_t all[4][HTH_HASH_BYTES];
    hth_hash(HTH_SHA256, job->inputs, job->parts * sizeof *job->inputs, all[0]);
    hth_hash(HTH_SHA256, job->head.p, job->head.n, all[1]);
    hth_hash(HTH_SHA256, hth_version(), strlen(hth_version()), all[2]); /* its encoders */
    memcpy(all[3], job->im_digest.sha256, HTH_HASH_BYTES); /* zeros: there is none */
    all[3][0] ^= job->opt->awq ? 1 : 0;
    hth_hash(HTH_SHA256, all, sizeof all, out);
}
