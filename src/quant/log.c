/* log.c - the quantisation log: what was done to which bytes, and what it cost; and its check.
 *
 * Thread: any. */
#include "quant/job.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/name.h"
#include "hearth/hearth.h"

static json_t *hex_of(const uint8_t bytes[HTH_HASH_BYTES]) {
    char hex[HTH_HASH_HEX + 1];
    hth_hex(hex, bytes, HTH_HASH_BYTES);
    return json_string(hex);
}

static json_t *file_of(const char *path, const HthQuantDigest *d) {
    return json_pack("{s:o, s:I, s:o, s:o}", "file", hth_json_str(hth_str(hth_path_name(path))),
                     "bytes", (json_int_t)d->bytes, "sha256", hex_of(d->sha256), "sha3_256",
                     hex_of(d->sha3));
}

/* An array that memory did not suffice for is none. */
static void whole(json_t **array, size_t count) {
    if (json_array_size(*array) == count) return;
    json_decref(*array);
    *array = NULL;
}

/* Every type that was measured, and what it would do. */
static json_t *tried_of(const HthQuantTensor *q) {
    json_t *all = json_object();
    for (uint32_t i = 0; i < q->tried_count; i++)
        json_object_set_new(all, q->tried[i].fmt->name, json_real(sqrt(q->tried[i].error)));
    if (json_object_size(all) == q->tried_count) return all;
    json_decref(all);
    return NULL;
}

static json_t *folds_of(const HthQuantJob *job) {
    json_t *all = json_array();
    for (size_t i = 0; i < job->fold_count; i++) {
        const HthQuantFold *f = &job->folds[i];
        json_array_append_new(all, json_pack("{s:o, s:f, s:f, s:f}", "norm",
                                             hth_json_str(job->tensors[f->norm].from->name),
                                             "alpha", f->alpha / 8.0, "error_without",
                                             sqrt(f->before), "error", sqrt(f->after)));
    }
    whole(&all, job->fold_count);
    return all;
}

static json_t *tensor_of(const HthQuantJob *job, const HthQuantTensor *q) {
    const HthPiece *p = &q->piece;
    const double rmse = p->weight > 0 ? sqrt(p->error / p->weight) : 0;
    json_t *shape = json_array();
    for (uint32_t i = 0; i < q->from->n_dims; i++)
        json_array_append_new(shape, json_integer((json_int_t)q->from->ne[i]));
    whole(&shape, q->from->n_dims);
    json_t *tried = job->tried != NULL ? tried_of(q) : NULL;
    if (job->tried != NULL && tried == NULL) whole(&shape, SIZE_MAX); /* none: out of memory */
    return json_pack("{s:o, s:o, s:s, s:s, s:I, s:f, s:f, s:o, s:o*, s:o*}", "name",
                     hth_json_str(q->from->name), "shape", shape, "from", q->from->fmt->name, "to",
                     q->to->name, "bytes", (json_int_t)q->bytes, "relative_rmse", rmse, "max_error",
                     p->worst, "sha256", hex_of(p->sha256), "imatrix",
                     job->im != NULL ? json_boolean(q->weighed) : NULL, "measured", tried);
}

static json_t *options_of(const HthQuantOpt *opt) {
    json_t *rules = json_array();
    for (size_t i = 0; i < opt->rule_count; i++)
        json_array_append_new(rules, json_pack("{s:o, s:s}", "pattern",
                                               hth_json_str(hth_str(opt->rules[i].pattern)), "type",
                                               opt->rules[i].fmt->name));
    whole(&rules, opt->rule_count);
    json_t *o = json_pack("{s:o, s:b}", "tensors", rules, "requantize", opt->again ? 1 : 0);
    int bad = o == NULL;
    if (opt->awq) bad |= json_object_set_new(o, "awq", json_true());
    if (opt->best.bytes > 0)
        bad |= json_object_set_new(o, "auto_bytes", json_integer((json_int_t)opt->best.bytes));
    if (opt->best.error > 0)
        bad |= json_object_set_new(o, "auto_error", json_real(opt->best.error));
    if (bad == 0) return o;
    json_decref(o);
    return NULL;
}

static json_t *inputs_of(const HthQuantJob *job) {
    json_t *inputs = json_array();
    HthBuf path;
    hth_buf_init(&path, 2 * PATH_MAX);
    for (uint32_t i = 0; i < job->parts; i++) {
        hth_buf_clear(&path);
        if (hth_gguf_part_path(&path, job->g, i, NULL) != HTH_OK) break;
        json_array_append_new(inputs, file_of(path.p, &job->inputs[i]));
    }
    hth_buf_drop(&path);
    whole(&inputs, job->parts);
    return inputs;
}

json_t *hth_quant_log(const HthQuantJob *job, const char *out) {
    json_t *inputs = inputs_of(job), *tensors = json_array();
    double error = 0, weight = 0;
    for (size_t i = 0; i < job->count; i++) {
        error += job->tensors[i].piece.error;
        weight += job->tensors[i].piece.weight;
        json_array_append_new(tensors, tensor_of(job, &job->tensors[i]));
    }
    whole(&tensors, job->count);
    json_t *im = NULL;
    if (job->im != NULL) im = file_of(hth_gguf_path(hth_imatrix_gguf(job->im)), &job->im_digest);
    json_t *folds = job->opt->awq ? folds_of(job) : NULL;
    if ((job->im != NULL && im == NULL) || (job->opt->awq && folds == NULL))
        whole(&tensors, SIZE_MAX); /* none: out of memory */
    return json_pack("{s:s, s:{s:s, s:s}, s:s, s:o, s:o, s:o, s:f, s:o, s:o*, s:o*}", "format",
                     "hearth quantlog 1", "tool", "name", "hearth", "version", hth_version(),
                     "type", job->opt->mix != NULL ? job->opt->mix->name : "auto", "options",
                     options_of(job->opt), "input", inputs, "output", file_of(out, &job->output),
                     "relative_rmse", weight > 0 ? sqrt(error / weight) : 0.0, "tensors", tensors,
                     "imatrix", im, "awq", folds);
}
