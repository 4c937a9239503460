/* voice.c - see voice.h: opening and parameters.
 *
 * Thread: any. */
#include "serve/voice.h"

#include <string.h>

#include "base/mem.h"
#include "crypt/hash.h"
#include "model/model.h"
#include "serve/voice_in.h"
#include "text/prompt.h"

/* ---- opening -------------------------------------------------------------------------------- */

static HthStatus open_template(HthVoice *v, const HthVoiceCfg *cfg, HthErr *err) {
    const HthGguf *g = hth_model_gguf(v->model);
    HthStr source = cfg->template_text;
    if (source.n == 0) {
        if (hth_gguf_find(g, HTH_TEMPLATE_KEY) == NULL) return HTH_OK;
        HTH_TRY(hth_gguf_str(g, HTH_TEMPLATE_KEY, &source, err));
    }
    hth_digests(&v->source, source.p, source.n);
    HTH_TRY(hth_template_open(&v->tmpl, source, err));
    return hth_talk_open(&v->talk, v->tmpl, v->vocab, err);
}

static HthStatus set_param(HthSampleParams *p, const char *name, const json_t *value, HthErr *err) {
    if (json_is_string(value))
        return hth_sample_set(p, name,
                              (HthStr){ json_string_value(value), json_string_length(value) }, err);
    if (json_is_null(value)) return HTH_OK;
    if (json_is_array(value)) { /* several of what may be given several times */
        size_t i;
        json_t *one;
        json_array_foreach(value, i, one) HTH_TRY(set_param(p, name, one, err));
        return HTH_OK;
    }
    char text[64];
    if (json_is_boolean(value))
        snprintf(text, sizeof text, "%d", json_is_true(value));
    else if (json_is_integer(value))
        snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
    else
        snprintf(text, sizeof text, "%.17g", json_real_value(value));
    return hth_sample_set(p, name, hth_str(text), err);
}

/* ---- what a manifest says beside the samplers' parameters ------------------------------------ */

static void take_predict(HthVoice *v, const json_t *value) {
    const double n = json_number_value(value); /* -1, -2: until the model ends */
    if (n > 0) v->predict_max = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static void take_ctx(HthVoice *v, const json_t *value) {
    const double n = json_number_value(value);
    if (n > 0) v->ctx = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static void take_seed(HthVoice *v, const json_t *value) {
    v->seed_set = json_is_integer(value) && json_integer_value(value) >= 0;
    if (v->seed_set) v->seed = (uint64_t)json_integer_value(value);
}

static void take_stop(HthVoice *v, const json_t *value) {
    for (size_t i = 0; i < json_array_size(value); i++) take_stop(v, json_array_get(value, i));
    const HthStr s = { json_string_value(value), json_string_length(value) };
    if (s.n > 0 && v->stop_count < HTH_JOB_STOPS_MAX) v->stops[v->stop_count++] = s;
}

/* NULL: about the machine, or about samplers of long ago: hearth's own affair. */
static const struct {
    const char *name;
    void (*take)(HthVoice *v, const json_t *value);
} others[] = {
    { "num_predict", take_predict },
    { "num_ctx", take_ctx },
    { "seed", take_seed },
    { "stop", take_stop },
    { "num_keep", NULL },
    { "num_batch", NULL },
    { "num_gpu", NULL },
    { "main_gpu", NULL },
    { "num_thread", NULL },
    { "num_gqa", NULL },
    { "use_mmap", NULL },
    { "use_mlock", NULL },
    { "low_vram", NULL },
    { "f16_kv", NULL },
    { "numa", NULL },
    { "vocab_only", NULL },
    { "logits_all", NULL },
    { "tfs_z", NULL },
    { "penalize_newline", NULL },
    { "draft_num_predict", NULL },
};

static HthStatus take_param(HthVoice *v, const char *name, const json_t *value, HthErr *err) {
    for (size_t i = 0; i < HTH_COUNT(others); i++) {
        if (strcmp(others[i].name, name) != 0) continue;
        if (others[i].take) others[i].take(v, value);
        return HTH_OK;
    }
    return set_param(&v->params, name, value, err);
}

void hth_voice_advise(const HthVoice *v, HthAsk *a) {
    if (a->predict_max == 0) a->predict_max = v->predict_max;
    if (a->ctx == 0) a->ctx = v->ctx;
    if (!a->seed_set && v->seed_set) {
        a->seed_set = true;
        a->seed = v->seed;
    }
    if (a->stop_count > 0) return;
    for (uint32_t i = 0; i < v->stop_count; i++) a->stops[i] = v->stops[i];
    a->stop_count = v->stop_count;
}

static HthStatus open_parts(HthVoice *v, const HthVoiceCfg *cfg, HthErr *err) {
    v->vocab = hth_model_vocab(v->model);
    hth_random(v->id, sizeof v->id);
    hth_sample_defaults(&v->params);
    HTH_TRY(hth_sample_advice(&v->params, hth_model_gguf(v->model), err));
    if (cfg->params) {
        v->manifest = json_deep_copy(cfg->params); /* parameters may borrow its strings */
        HTH_REQUIRE(v->manifest, err, HTH_ENOMEM, "no memory for a model's parameters");
        const char *name;
        json_t *value;
        json_object_foreach(v->manifest, name, value) HTH_TRY(take_param(v, name, value, err));
    }
    if (cfg->messages) {
        v->messages = json_deep_copy(cfg->messages);
        HTH_REQUIRE(v->messages, err, HTH_ENOMEM, "no memory for a model's messages");
    }
    hth_buf_init(&v->system, cfg->system.n);
    HTH_TRY(hth_buf_add_str(&v->system, cfg->system, err));
    return v->vocab ? open_template(v, cfg, err) : HTH_OK;
}

HthStatus hth_voice_open(HthVoice **out, const HthVoiceCfg *cfg, HthErr *err) {
    HthVoice *v = hth_calloc(1, sizeof *v);
    HTH_REQUIRE(v, err, HTH_ENOMEM, "no memory for a model's template");
    v->model = cfg->model;
    HthStatus st = open_parts(v, cfg, err);
    if (st == HTH_OK)
        *out = v;
    else
        hth_voice_close(&v);
    return st;
}

HthStatus hth_voice_open_as(HthVoice **out, const HthVoice *like, HthStr template_text,
                            HthErr *err) {
    const HthVoiceCfg cfg = { .model = like->model,
                              .template_text = template_text,
                              .system = hth_buf_str(&like->system),
                              .params = like->manifest,
                              .messages = like->messages };
    return hth_voice_open(out, &cfg, err);
}

void hth_voice_close(HthVoice **voice) {
    HthVoice *v = *voice;
    if (!v) return;
    hth_talk_close(&v->talk);
    hth_template_close(&v->tmpl);
    hth_buf_drop(&v->system);
    json_decref(v->manifest);
    json_decref(v->messages);
    hth_free(v);
    *voice = NULL;
}

const HthVocab *hth_voice_vocab(const HthVoice *v) {
    return v->vocab;
}

bool hth_voice_ranks(const HthVoice *v) {
    return hth_model_shape(v->model)->pooling == HTH_POOL_RANK;
}

const HthDigests *hth_voice_template(const HthVoice *v) {
    return &v->source;
}

const HthTalk *hth_voice_talk(const HthVoice *v) {
    return v->talk;
}

/* ---- the job -------------------------------------------------------------------------------- */

HthStatus hth_voice_job(const HthVoice *v, const HthAsk *a, HthStr prompt, uint64_t seed,
                        HthJobCfg *out, HthErr *err) {
    HthJobCfg job = { .kind = HTH_JOB_WORDS, .params = v->params };
    HTH_TRY(hth_ask_sample(a, &job.params, err));
    job.params.seed = seed;
    for (size_t i = 0; i < a->stop_count; i++) job.stops[i] = a->stops[i];
    job.stop_count = (uint32_t)a->stop_count;
    job.predict_max = a->predict_max;
    job.ctx = a->ctx;
    job.logprobs = a->logprobs;
    job.top = a->top;
    job.ignore_end = a->ignore_end;
    job.specials = a->kind == HTH_ASK_CHAT && v->talk != NULL;
    job.priority = a->priority;
    job.think.max = a->think_max;
    if (job.specials) hth_talk_marks(v->talk, prompt, &job.think);
    *out = job;
    return HTH_OK;
}
