/* ask_param.c - what requests say of drawing: samplers, stops, seeds, limits, thinking, time.
 *
 * Names and ranges are those that the APIs document; what a value means is run/sample.h's business.
 *
 * Thread: as ask.h. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "serve/ask_read.h"

enum {
    STOP_BYTES_MAX = 1024,
    SAMPLER_BYTES_MAX = 64,
    CTX_MAX = 1 << 28,
};
#define SECONDS_MAX          1e9
#define ANY_NUM(name, param) HTH_F_NUM(name, param, -1e300, 1e300)
#define ANY_INT(name, param) HTH_F_INT(name, param, -9e15, 9e15)

HthStatus hth_ask_set_param(HthAsk *a, const char *param, json_t *v, HthErr *err) {
    return v && json_object_set_new(a->params, param, v) == 0 ? HTH_OK : hth_ask_nomem(err);
}

/* 0 and below: off. */
static HthStatus read_top_k(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    int64_t k;
    HTH_TRY(hth_ask_int(v, path, INT32_MIN, INT32_MAX, &k, err));
    return hth_ask_set_param(a, "top_k", json_integer(k > 0 ? k : 0), err);
}

/* ["top_k", "temperature"], or as one text with ';' between. A stage that hearth has not is left
 * to hth_sample_set, but for one that is off anyway: its parameter is refused elsewhere. */
static HthStatus read_samplers(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    char text[512], at[HTH_PATH_SIZE];
    size_t n = 0;
    if (json_is_string(v)) return hth_ask_set_param(a, "samplers", json_incref(v), err);
    if (!json_is_array(v)) return hth_ask_wrong(err, path, "an array of strings", v);
    for (size_t i = 0; i < json_array_size(v); i++) {
        HthStr name;
        hth_ask_path_at(at, path, i);
        HTH_TRY(hth_ask_str(json_array_get(v, i), at, SAMPLER_BYTES_MAX, &name, err));
        if (hth_str_eq(name, HTH_STR("top_n_sigma"))) continue;
        HTH_REQUIRE(n + name.n + 2 <= sizeof text, err, HTH_ELIMIT, "%s: too many stages", path);
        if (n > 0) text[n++] = ';';
        memcpy(text + n, name.p, name.n);
        n += name.n;
    }
    return hth_ask_set_param(a, "samplers", json_stringn(n ? text : "", n), err);
}

/* The first one added replaces the defaults. */
static HthStatus read_breakers(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    char at[HTH_PATH_SIZE];
    HthStr s;
    if (!json_is_array(v)) return hth_ask_wrong(err, path, "an array of strings", v);
    for (size_t i = 0; i < json_array_size(v); i++) {
        hth_ask_path_at(at, path, i);
        HTH_TRY(hth_ask_str(json_array_get(v, i), at, HTH_DRY_BREAKER_BYTES_MAX, &s, err));
    }
    if (json_array_size(v) == 0)
        return hth_ask_set_param(a, "dry_sequence_breaker", json_string("none"), err);
    return hth_ask_set_param(a, "dry_sequence_breaker", json_incref(v), err);
}

const HthField hth_fields_sampling[] = {
    HTH_F_READ("top_k", read_top_k),
    HTH_F_NUM("min_p", "min_p", 0, 1),
    HTH_F_NUM("typical_p", "typical_p", 0, 1),
    ANY_NUM("repeat_penalty", "repeat_penalty"),
    ANY_NUM("repetition_penalty", "repeat_penalty"),
    ANY_INT("repeat_last_n", "repeat_last_n"),
    ANY_NUM("dry_multiplier", "dry_multiplier"),
    ANY_NUM("dry_base", "dry_base"),
    ANY_INT("dry_allowed_length", "dry_allowed_length"),
    ANY_INT("dry_penalty_last_n", "dry_penalty_last_n"),
    HTH_F_READ("dry_sequence_breakers", read_breakers),
    ANY_NUM("xtc_probability", "xtc_probability"),
    ANY_NUM("xtc_threshold", "xtc_threshold"),
    HTH_F_INT("mirostat", "mirostat", 0, 2),
    ANY_NUM("mirostat_tau", "mirostat_tau"),
    ANY_NUM("mirostat_eta", "mirostat_eta"),
    ANY_INT("min_keep", "min_keep"),
    HTH_F_READ("samplers", read_samplers),
    HTH_F_READ("logit_bias", hth_ask_logit_bias),
    HTH_F_REFUSE("dynatemp_range", 0, 0),
    HTH_F_REFUSE("top_n_sigma", -1e300, 0),
    HTH_F_REFUSE("adaptive_target", -1e300, 0),
    HTH_F_BOOL("ignore_eos", ignore_end),
};
const size_t hth_fields_sampling_count = HTH_COUNT(hth_fields_sampling);

/* ---- logit_bias: {"42": -100} or [[42, -1.5], [7, false]] ---- */

static HthStatus add_bias(HthBuf *out, int64_t id, const json_t *bias, const char *path,
                          HthErr *err) {
    HTH_REQUIRE(id >= 0 && id <= UINT32_MAX, err, HTH_EINVAL,
                "%s: token ids are whole numbers from 0; texts are not supported", path);
    if (json_is_false(bias))
        return hth_buf_printf(out, err, "%s%lld=-inf", out->n ? "," : "", (long long)id);
    if (!json_is_number(bias)) return hth_ask_wrong(err, path, "numbers, by token id", bias);
    return hth_buf_printf(out, err, "%s%lld=%.9g", out->n ? "," : "", (long long)id,
                          json_number_value(bias));
}

static HthStatus bias_text(json_t *v, const char *path, HthBuf *out, HthErr *err) {
    if (json_is_array(v)) {
        for (size_t i = 0; i < json_array_size(v); i++) {
            const json_t *pair = json_array_get(v, i);
            const json_t *id = json_array_get(pair, 0);
            HTH_REQUIRE(json_array_size(pair) == 2, err, HTH_EINVAL,
                        "%s: must hold pairs of a token id and a number", path);
            HTH_TRY(add_bias(out, json_is_integer(id) ? json_integer_value(id) : -1,
                             json_array_get(pair, 1), path, err));
        }
        return HTH_OK;
    }
    if (!json_is_object(v)) return hth_ask_wrong(err, path, "an object", v);
    for (void *at = json_object_iter(v); at; at = json_object_iter_next(v, at)) {
        int64_t id = -1;
        if (!hth_str_i64(hth_str(json_object_iter_key(at)), &id)) id = -1;
        HTH_TRY(add_bias(out, id, json_object_iter_value(at), path, err));
    }
    return HTH_OK;
}

HthStatus hth_ask_logit_bias(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    HthBuf text;
    const size_t n = json_is_array(v) ? json_array_size(v) : json_object_size(v);
    HTH_REQUIRE(n <= HTH_LOGIT_BIAS_MAX, err, HTH_ELIMIT,
                "%s: has %zu entries; at most %d are read", path, n, HTH_LOGIT_BIAS_MAX);
    hth_buf_init(&text, (size_t)1 << 17);
    HthStatus st = bias_text(v, path, &text, err);
    if (st == HTH_OK && text.n > 0)
        st = hth_ask_set_param(a, "logit_bias", json_stringn(text.p, text.n), err);
    hth_buf_drop(&text);
    return st;
}

/* ---- ends and limits ---- */

/* Empty strings end nothing and are left out. */
HthStatus hth_ask_stop(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    char at[HTH_PATH_SIZE];
    const bool one = json_is_string(v);
    if (!one && !json_is_array(v))
        return hth_ask_wrong(err, path, "a string or an array of strings", v);
    const size_t n = one ? 1 : json_array_size(v);
    HTH_REQUIRE(n <= HTH_JOB_STOPS_MAX, err, HTH_ELIMIT, "%s: has %zu strings; at most %d are read",
                path, n, HTH_JOB_STOPS_MAX);
    a->stop_count = 0;
    for (size_t i = 0; i < n; i++) {
        HthStr s;
        hth_ask_path_at(at, path, i);
        HTH_TRY(
            hth_ask_str(one ? v : json_array_get(v, i), one ? path : at, STOP_BYTES_MAX, &s, err));
        if (s.n > 0) a->stops[a->stop_count++] = s;
    }
    return HTH_OK;
}

HthStatus hth_ask_seed(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    int64_t seed;
    HTH_TRY(hth_ask_int(v, path, INT64_MIN, INT64_MAX, &seed, err));
    a->seed_set = seed != -1;
    a->seed = a->seed_set ? (uint64_t)seed : 0;
    return HTH_OK;
}

HthStatus hth_ask_max_tokens(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    int64_t n;
    HTH_TRY(hth_ask_int(v, path, INT64_MIN, INT64_MAX, &n, err));
    HTH_REQUIRE(n == -1 || n >= 1, err, HTH_EINVAL,
                "%s: must be at least 1, or -1 for as many as the model says", path);
    a->predict_max = n < 0 ? 0 : n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
    return HTH_OK;
}

HthStatus hth_ask_num_predict(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    int64_t n;
    HTH_TRY(hth_ask_int(v, path, INT64_MIN, INT64_MAX, &n, err));
    a->predict_max = n < 1 ? 0 : n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
    return HTH_OK;
}

/* ---- thinking ---- */

static HthStatus set_effort(HthAsk *a, json_t *v, const char *path, const char *const *words,
                            HthErr *err) {
    size_t i;
    HTH_TRY(hth_ask_word(v, path, words, &i, err));
    a->think = i > 0;
    a->effort = i > 0 ? hth_ask_text(v) : HTH_STR("");
    return HTH_OK;
}

HthStatus hth_ask_effort(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    static const char *const words[] = { "none", "minimal", "low", "medium",
                                         "high", "xhigh",   "max", NULL };
    return set_effort(a, v, path, words, err);
}

HthStatus hth_ask_think(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    static const char *const words[] = { "none", "low", "medium", "high", "max", NULL };
    if (!json_is_boolean(v) && !json_is_string(v))
        return hth_ask_wrong(err, path, "true, false or a level of effort", v);
    if (json_is_string(v)) return set_effort(a, v, path, words, err);
    a->think = json_is_true(v);
    return HTH_OK;
}

/* {type: enabled | disabled | adaptive, budget_tokens} */
HthStatus hth_ask_thinking(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    static const char *const words[] = { "disabled", "enabled", "adaptive", NULL };
    static const HthField fields[] = { HTH_F_U32("budget_tokens", think_max, 1, UINT32_MAX) };
    char at[HTH_PATH_SIZE];
    size_t i;
    if (!json_is_object(v)) return hth_ask_wrong(err, path, "an object", v);
    hth_ask_path(at, path, "type");
    HTH_TRY(hth_ask_word(hth_ask_get(v, "type"), at, words, &i, err));
    a->think = i > 0;
    return i == 1 ? hth_ask_fields(a, v, path, fields, HTH_COUNT(fields), err) : HTH_OK;
}

/* {effort, summary, enabled, max_tokens} */
HthStatus hth_ask_reasoning(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    static const HthField fields[] = { HTH_F_READ("enabled", hth_ask_think),
                                       HTH_F_READ("effort", hth_ask_effort),
                                       HTH_F_U32("max_tokens", think_max, 1, UINT32_MAX) };
    if (!json_is_object(v)) return hth_ask_wrong(err, path, "an object", v);
    return hth_ask_fields(a, v, path, fields, HTH_COUNT(fields), err);
}

/* The variable that templates read most; the parts of a reply must be told apart accordingly. */
static HthStatus read_template_vars(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    if (!json_is_object(v)) return hth_ask_wrong(err, path, "an object", v);
    const json_t *on = json_object_get(v, "enable_thinking");
    if (json_is_boolean(on)) a->think = json_is_true(on);
    a->template_vars = v;
    return HTH_OK;
}

static HthStatus read_reasoning_format(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    static const char *const words[] = { "none", "auto", "deepseek", NULL };
    size_t i;
    HTH_TRY(hth_ask_word(v, path, words, &i, err));
    a->keep_thinking = i == 0;
    return HTH_OK;
}

/* ---- time ---- */

/* A duration as Go writes it: "1h30m", "-1s", "300ms"; or a bare number of seconds. */
static bool duration(HthStr s, double *out) {
    static const struct {
        const char *unit;
        double seconds;
    } units[] = { { "ns", 1e-9 }, { "us", 1e-6 }, { "ms", 1e-3 },
                  { "s", 1 },     { "m", 60 },    { "h", 3600 } };
    const bool negative = hth_str_starts(s, HTH_STR("-"));
    double sum = 0, part;
    if (hth_str_f64(s, out)) return true;
    if (negative || hth_str_starts(s, HTH_STR("+"))) s = hth_str_sub(s, 1, s.n);
    if (s.n == 0) return false;
    while (s.n > 0) {
        size_t n = 0, u = 0, i;
        while (n < s.n && (s.p[n] == '.' || (s.p[n] >= '0' && s.p[n] <= '9'))) n++;
        while (n + u < s.n && s.p[n + u] >= 'a' && s.p[n + u] <= 'z') u++;
        for (i = 0; i < HTH_COUNT(units); i++)
            if (hth_str_eq(hth_str_sub(s, n, u), hth_str(units[i].unit))) break;
        if (i == HTH_COUNT(units) || !hth_str_f64(hth_str_sub(s, 0, n), &part)) return false;
        sum += part * units[i].seconds;
        s = hth_str_sub(s, n + u, s.n);
    }
    *out = negative ? -sum : sum;
    return true;
}

/* Any part of a second is kept as one: 0 alone means now. */
static HthStatus keep_alive(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    double s = json_number_value(v);
    const bool read = json_is_number(v) || (json_is_string(v) && duration(hth_ask_text(v), &s));
    HTH_REQUIRE(read && isfinite(s), err, HTH_EINVAL,
                "%s: must be a number of seconds or a duration like \"10m\"; negative is for ever",
                path);
    a->keep_alive_set = true;
    a->keep_alive_s = s < 0 ? -1 : s > SECONDS_MAX ? (int64_t)SECONDS_MAX : (int64_t)ceil(s);
    return HTH_OK;
}

/* ---- what every API takes at its top level ---- */

static HthStatus read_only_ctx(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    static const HthField fields[] = { HTH_F_U32("num_ctx", ctx, 0, CTX_MAX) };
    if (!json_is_object(v)) return hth_ask_wrong(err, path, "an object", v);
    return hth_ask_fields(a, v, path, fields, HTH_COUNT(fields), err);
}

static HthStatus read_cache(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    bool cache = true;
    HTH_TRY(hth_ask_bool(v, path, &cache, err));
    a->no_cache = !cache;
    return HTH_OK;
}

static HthStatus read_priority(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    int64_t priority;
    HTH_TRY(hth_ask_int(v, path, -100, 100, &priority, err));
    a->priority = (int32_t)priority;
    return HTH_OK;
}

/* [{"id": 0, "scale": 0.5}]: those, and no others. */
static HthStatus read_lora(HthAsk *a, json_t *v, const char *path, HthErr *err) {
    char at[HTH_PATH_SIZE], inner[HTH_PATH_SIZE];
    if (!json_is_array(v)) return hth_ask_wrong(err, path, "an array", v);
    HTH_REQUIRE(json_array_size(v) <= HTH_ADAPTERS_MAX, err, HTH_ELIMIT,
                "%s: has %zu adapters; the most is %d", path, json_array_size(v), HTH_ADAPTERS_MAX);
    a->adapters_set = true;
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *one = json_array_get(v, i), *scale = hth_ask_get(one, "scale");
        int64_t id;
        hth_ask_path_at(at, path, i);
        if (!json_is_object(one)) return hth_ask_wrong(err, at, "an object", one);
        hth_ask_path(inner, at, "id");
        HTH_TRY(hth_ask_int(hth_ask_get(one, "id"), inner, 0, INT32_MAX, &id, err));
        hth_ask_path(inner, at, "scale");
        if (!json_is_number(scale)) return hth_ask_wrong(err, inner, "a number", scale);
        HTH_REQUIRE(fabs(json_number_value(scale)) <= (double)FLT_MAX, err, HTH_EINVAL,
                    "%s: is too large", inner);
        for (uint32_t k = 0; k < a->adapter_count; k++)
            HTH_REQUIRE(a->adapters[k].id != (uint32_t)id, err, HTH_EINVAL,
                        "%s: adapter %lld is named twice", at, (long long)id);
        a->adapters[a->adapter_count].id = (uint32_t)id;
        a->adapters[a->adapter_count++].scale = (float)json_number_value(scale);
    }
    return HTH_OK;
}

const HthField hth_fields_common[] = {
    HTH_F_STR("model", model, 512),
    HTH_F_BOOL("stream", stream),
    HTH_F_READ("options", read_only_ctx),
    HTH_F_READ("extra_body", read_only_ctx),
    HTH_F_U32("num_ctx", ctx, 0, CTX_MAX),
    HTH_F_READ("keep_alive", keep_alive),
    HTH_F_READ("seed", hth_ask_seed),
    HTH_F_READ("chat_template_kwargs", read_template_vars),
    HTH_F_READ("reasoning_format", read_reasoning_format),
    HTH_F_READ("cache_prompt", read_cache),
    HTH_F_READ("lora", read_lora),
    HTH_F_READ("priority", read_priority),
    HTH_F_STR("user", user, 4096),
};
const size_t hth_fields_common_count = HTH_COUNT(hth_fields_common);
