/* log.c - the quantisation log: what was done to which bytes, and what it cost; and its check.
 *
 * Thread: any. */
#include "quant/job.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "hearth/hearth.h"

static const char *last_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static json_t *hex_of(const uint8_t bytes[HTH_HASH_BYTES]) {
    char hex[HTH_HASH_HEX + 1];
    hth_hex(hex, bytes, HTH_HASH_BYTES);
    return json_string(hex);
}

static json_t *file_of(const char *path, const HthQuantDigest *d) {
    return json_pack("{s:o, s:I, s:o, s:o}", "file", hth_json_str(hth_str(last_name(path))),
                     "bytes", (json_int_t)d->bytes, "sha256", hex_of(d->sha256), "sha3_256",
                     hex_of(d->sha3));
}

/* An array that memory did not suffice for is none. */
static void whole(json_t **array, size_t count) {
    if (json_array_size(*array) == count) return;
    json_decref(*array);
    *array = NULL;
}

static json_t *tensor_of(const HthQuantTensor *q) {
    const HthPiece *p = &q->piece;
    const double rmse = p->weight > 0 ? sqrt(p->error / p->weight) : 0;
    json_t *shape = json_array();
    for (uint32_t i = 0; i < q->from->n_dims; i++)
        json_array_append_new(shape, json_integer((json_int_t)q->from->ne[i]));
    whole(&shape, q->from->n_dims);
    return json_pack("{s:o, s:o, s:s, s:s, s:I, s:f, s:f, s:o}", "name",
                     hth_json_str(q->from->name), "shape", shape, "from", q->from->fmt->name, "to",
                     q->to->name, "bytes", (json_int_t)q->bytes, "relative_rmse", rmse, "max_error",
                     p->worst, "sha256", hex_of(p->sha256));
}

static json_t *options_of(const HthQuantOpt *opt) {
    json_t *rules = json_array();
    for (size_t i = 0; i < opt->rule_count; i++)
        json_array_append_new(rules, json_pack("{s:o, s:s}", "pattern",
                                               hth_json_str(hth_str(opt->rules[i].pattern)), "type",
                                               opt->rules[i].fmt->name));
    whole(&rules, opt->rule_count);
    return json_pack("{s:o, s:b}", "tensors", rules, "requantize", opt->again ? 1 : 0);
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
        json_array_append_new(tensors, tensor_of(&job->tensors[i]));
    }
    whole(&tensors, job->count);
    return json_pack("{s:s, s:{s:s, s:s}, s:s, s:o, s:o, s:o, s:f, s:o}", "format",
                     "hearth quantlog 1", "tool", "name", "hearth", "version", hth_version(),
                     "type", job->opt->mix->name, "options", options_of(job->opt), "input", inputs,
                     "output", file_of(out, &job->output), "relative_rmse",
                     weight > 0 ? sqrt(error / weight) : 0.0, "tensors", tensors);
}
