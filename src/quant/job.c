/* job.c - see job.h: the plan.  What is computed is rows.c's.
 *
 * Thread: one owner. */
#include "quant/job.h"

#include <fnmatch.h>
#include <string.h>

#include "base/mem.h"
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

static HthStatus digest_part(HthQuantJob *job, uint32_t part, uint64_t *done, HthErr *err) {
    const HthStr bytes = hth_gguf_part(job->g, part);
    const uint64_t all = hth_gguf_file_bytes(job->g);
    HthQuantDigest *d = &job->inputs[part];
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
    for (uint32_t i = 0; i < job->parts; i++) HTH_TRY(digest_part(job, i, &done, err));
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

static HthStatus choose(const HthQuantOpt *opt, const HthMixModel *model, const HthGgufTensor *t,
                        bool *used, const HthFmt **to, HthErr *err) {
    const size_t rule = rule_of(opt, t);
    if (rule == opt->rule_count) {
        *to = hth_mix_type(opt->mix, model, t);
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
        q->from = hth_gguf_tensor_at(job->g, i);
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

static HthStatus metadata(const HthQuantJob *job, HthGgufOut *o, HthErr *err) {
    for (size_t i = 0; i < hth_gguf_kv_count(job->g); i++) {
        const HthGgufKv *kv = hth_gguf_kv_at(job->g, i);
        if (begins(kv->key, "split.") || hth_str_eq(kv->key, HTH_STR("general.file_type")) ||
            hth_str_eq(kv->key, HTH_STR("general.quantization_version")))
            continue;
        HTH_TRY(hth_gguf_out_kv(o, kv, err));
    }
    HTH_TRY(hth_gguf_out_u32(o, "general.file_type", job->opt->mix->file_type, err));
    return hth_gguf_out_u32(o, "general.quantization_version", 2, err);
}

static HthStatus make_head(HthQuantJob *job, HthErr *err) {
    HthGgufOut *o = NULL;
    uint32_t align = 0;
    HTH_TRY(hth_gguf_out_open_head(&o, hth_gguf_path(job->g), err));
    HthStatus st = metadata(job, o, err);
    for (size_t i = 0; st == HTH_OK && i < job->count; i++) {
        const HthQuantTensor *q = &job->tensors[i];
        st = hth_gguf_out_tensor(o, q->from->name, q->to, q->from->n_dims, q->from->ne, err);
    }
    if (st == HTH_OK) st = hth_gguf_out_head(o, &job->head, &align, err);
    hth_gguf_out_abort(&o);
    uint64_t at = job->head.n;
    for (size_t i = 0; st == HTH_OK && i < job->count; i++) {
        HthQuantTensor *q = &job->tensors[i];
        const uint64_t rows = q->from->ne[1] * q->from->ne[2] * q->from->ne[3];
        q->at = at;
        q->bytes = hth_fmt_row_bytes(q->to, q->from->ne[0]) * rows;
        q->pad = (size_t)(-q->bytes & (align - 1));
        at += q->bytes + q->pad;
    }
    job->out_bytes = at;
    return st;
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
    if (st == HTH_OK) st = choose_all(job, err);
    if (st == HTH_OK) st = make_head(job, err);
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
    hth_free((*job)->tensors);
    hth_free((*job)->inputs);
    hth_gguf_close(&(*job)->g);
    hth_free(*job);
    *job = NULL;
}

void hth_quant_job_plan(const HthQuantJob *job, uint8_t out[HTH_HASH_BYTES]) {
    uint8_t all[3][HTH_HASH_BYTES];
    hth_hash(HTH_SHA256, job->inputs, job->parts * sizeof *job->inputs, all[0]);
    hth_hash(HTH_SHA256, job->head.p, job->head.n, all[1]);
    hth_hash(HTH_SHA256, hth_version(), strlen(hth_version()), all[2]); /* its encoders */
    hth_hash(HTH_SHA256, all, sizeof all, out);
}
