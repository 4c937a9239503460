/* export.c - a checkpoint and a tokenizer become one GGUF file. See train.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "kern/kern.h"
#include "tune/work.h"

/* A shape field under the architecture's own key; what equals the default is left out. */
static HthStatus write_shape_key(HthGgufOut *o, const HthArch *arch, const HthArchParam *p,
                                 const HthShape *s, HthErr *err) {
    char key[96];
    snprintf(key, sizeof key, "%s.%s", arch->name, p->key);
    const char *at = (const char *)s + p->field;
    if (p->type == HTH_P_U32 || p->type == HTH_P_SIZE) {
        uint32_t v;
        memcpy(&v, at, sizeof v);
        return v == 0 ? HTH_OK : hth_gguf_out_u32(o, key, v, err);
    }
    float v;
    memcpy(&v, at, sizeof v);
    const bool needed = isnan(p->or_else) || (v != 0 && (double)v != p->or_else);
    if (p->type != HTH_P_F32 || !needed) return HTH_OK;
    return hth_gguf_out_f32(o, key, v, err);
}

static HthStatus write_meta(HthGgufOut *o, const HthWork *w, const HthFmt *fmt, HthErr *err) {
    const HthRecipe *r = w->recipe;
    HTH_TRY(hth_gguf_out_str(o, "general.architecture", hth_str(w->arch->name), err));
    HTH_TRY(hth_gguf_out_str(o, "general.type", HTH_STR("model"), err));
    HTH_TRY(hth_gguf_out_str(o, "general.name", hth_str(r->name), err));
    HTH_TRY(hth_gguf_out_str(o, "general.description", hth_str(r->description), err));
    HTH_TRY(hth_gguf_out_str(o, "general.license", hth_str(r->license), err));
    HTH_TRY(hth_gguf_out_u32(o, "general.quantization_version", 2, err));
    const uint32_t file_type =
        fmt->id == 8 ? 7 /* mostly Q8_0 */ : fmt->id; /* F32 0, F16 1, Q4_0 2 */
    HTH_TRY(hth_gguf_out_u32(o, "general.file_type", file_type, err));
    char key[96];
    snprintf(key, sizeof key, "%s.vocab_size", w->arch->name);
    HTH_TRY(hth_gguf_out_u32(o, key, r->shape.n_vocab, err));
    for (const HthArchParam *p = w->arch->params; p->key; p++)
        HTH_TRY(write_shape_key(o, w->arch, p, &r->shape, err));
    const char *name;
    json_t *value;
    json_object_foreach(r->sampling, name, value) {
        snprintf(key, sizeof key, "general.sampling.%s", name);
        HTH_TRY(hth_gguf_out_f32(o, key, (float)json_number_value(value), err));
    }
    return hth_bpe_write(w->bpe, o, err);
}

static const HthFmt *format_of(const HthParam *p, const HthFmt *fmt) {
    return p->cols == 1 ? hth_fmt_by_name("F32") : fmt;
}

static HthStatus write_rows(HthGgufOut *o, const HthParam *p, const HthFmt *fmt, const float *w,
                            HthErr *err) {
    const uint32_t n = p->cols == 1 ? p->rows : p->cols, rows = p->cols == 1 ? 1 : p->rows;
    const size_t bytes = hth_fmt_row_bytes(fmt, n);
    uint8_t *row = hth_calloc(bytes ? bytes : 1, 1);
    HTH_REQUIRE(row, err, HTH_ENOMEM, "no memory for a row of weights");
    HthStatus status = HTH_OK;
    for (uint32_t i = 0; status == HTH_OK && i < rows; i++) {
        fmt->quant(w + (size_t)i * n, row, n);
        status = hth_gguf_out_data(o, row, bytes, err);
    }
    hth_free(row);
    return status;
}

static HthStatus write_tensors(HthGgufOut *o, HthNet *net, const HthFmt *fmt, HthErr *err) {
    for (uint32_t i = 0; i < hth_net_param_count(net); i++) {
        const HthParam *p = hth_net_param(net, i);
        const uint64_t ne[2] = { p->cols == 1 ? p->rows : p->cols, p->rows };
        HTH_TRY(hth_gguf_out_tensor(o, hth_str(p->name), format_of(p, fmt), p->cols == 1 ? 1 : 2,
                                    ne, err));
    }
    for (uint32_t i = 0; i < hth_net_param_count(net); i++) {
        const HthParam *p = hth_net_param(net, i);
        HTH_TRY(write_rows(o, p, format_of(p, fmt), hth_net_w(net) + p->at, err));
    }
    return HTH_OK;
}

static HthStatus write_file(const HthWork *w, HthNet *net, const HthFmt *fmt, const char *path,
                            HthErr *err) {
    HthGgufOut *o = NULL;
    HTH_TRY(hth_gguf_out_open(&o, path, err));
    HthStatus status = write_meta(o, w, fmt, err);
    if (status == HTH_OK) status = write_tensors(o, net, fmt, err);
    if (status != HTH_OK) {
        hth_gguf_out_abort(&o);
        return status;
    }
    return hth_gguf_out_commit(&o, err);
}

static HthStatus export_from(const HthWork *w, const HthTrainCfg *cfg, const HthFmt *fmt,
                             const char *path, HthErr *err) {
    HthNet *net = NULL;
    HthBuf ckpt_path;
    HthCkpt ckpt = { .recipe = hth_recipe_digest(w->recipe), .vocab = hth_bpe_digest(w->bpe) };
    HTH_TRY(hth_work_path(&ckpt_path, cfg, "checkpoint", "", err));
    HthStatus status = hth_net_open(
        &net,
        &(HthNetCfg){
            .arch = w->arch, .shape = &w->recipe->shape, .rows = 16, .seq = 16, .pool = w->pool },
        err);
    if (status == HTH_OK) status = hth_ckpt_load(ckpt_path.p, &ckpt, net, NULL, err);
    if (status == HTH_OK) status = write_file(w, net, fmt, path, err);
    hth_net_close(&net);
    hth_buf_drop(&ckpt_path);
    return status;
}

HthStatus hth_train_export(const HthTrainCfg *cfg, const char *format, const char *path,
                           HthErr *err) {
    const HthFmt *fmt = hth_fmt_by_name(format);
    HTH_REQUIRE(fmt && fmt->quant, err, HTH_EINVAL, "%s is no format hearth writes", format);
    HthWork w = { 0 };
    HTH_TRY(hth_work_open(&w, cfg, true, err));
    HthStatus status =
        w.recipe->shape.n_embd % fmt->block_len || w.recipe->shape.n_ff % fmt->block_len
            ? HTH_FAIL(err, HTH_EINVAL, "rows do not divide into blocks of %u", fmt->block_len)
            : export_from(&w, cfg, fmt, path, err);
    hth_work_close(&w);
    return status;
}
