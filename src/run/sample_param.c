/* sample_param.c - the sampling parameters by name: defaults, ranges, text in and out.
 *
 * One table says all of it, so that /set, the command line, help and the man page cannot differ.
 *
 * Thread: any (plain data). */
#include "run/sample_impl.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef enum Kind { K_F32, K_U32, K_I32, K_U64, K_CHAIN, K_BIAS, K_BREAKER } Kind;

typedef struct Param {
    const char *name;
    Kind kind;
    uint16_t at; /* offset in HthSampleParams */
    double min, max;
    const char *help;
    const char *alias; /* another runtime's name, or NULL */
} Param;

#define AT(field) (uint16_t) offsetof(HthSampleParams, field)

static const Param params_tab[] = {
    { "temperature", K_F32, AT(temperature), 0, 100, "0 is greedy; 0.8", "temp" },
    { "top_k", K_U32, AT(top_k), 0, 4294967295.0, "keep the K likeliest tokens, 0 is off; 40",
      NULL },
    { "top_p", K_F32, AT(top_p), 0, 1, "keep the likeliest tokens up to this share, 1 is off; 0.9",
      NULL },
    { "min_p", K_F32, AT(min_p), 0, 1, "keep tokens this likely against the best, 0 is off; 0",
      NULL },
    { "typical_p", K_F32, AT(typical_p), 0, 1, "keep tokens of typical surprise, 1 is off; 1",
      "typical" },
    { "repeat_penalty", K_F32, AT(repeat_penalty), 0.001, 1000,
      "divide the logits of recent tokens, 1 is off; 1", NULL },
    { "presence_penalty", K_F32, AT(presence_penalty), -1000, 1000,
      "subtract from recent tokens, 0 is off; 0", NULL },
    { "frequency_penalty", K_F32, AT(frequency_penalty), -1000, 1000,
      "subtract per occurrence, 0 is off; 0", NULL },
    { "repeat_last_n", K_I32, AT(repeat_last_n), -1, 2147483647,
      "tokens the penalties look back, -1 is all; 64", "penalty_last_n" },
    { "dry_multiplier", K_F32, AT(dry_multiplier), 0, 1000,
      "strength of the repetition stop, 0 is off; 0", NULL },
    { "dry_base", K_F32, AT(dry_base), 1, 100, "growth per repeated token; 1.75", NULL },
    { "dry_allowed_length", K_U32, AT(dry_allowed_length), 0, 1000000,
      "repeated tokens that are free; 2", NULL },
    { "dry_penalty_last_n", K_I32, AT(dry_last_n), -1, 2147483647,
      "tokens it looks back, -1 is all; -1", "dry_last_n" },
    { "dry_sequence_breaker", K_BREAKER, 0, 0, 0, "text that ends a repetition, 'none' removes all",
      NULL },
    { "xtc_probability", K_F32, AT(xtc_probability), 0, 1,
      "how often top choices are left out, 0 is off; 0", NULL },
    { "xtc_threshold", K_F32, AT(xtc_threshold), 0, 1,
      "what counts as a top choice, above 0.5 is off; 0.1", NULL },
    { "mirostat", K_U32, AT(mirostat), 0, 2, "0 or 2: steer towards a constant surprise; 0", NULL },
    { "mirostat_tau", K_F32, AT(mirostat_tau), 0, 100, "the surprise wanted, in bits; 5", NULL },
    { "mirostat_eta", K_F32, AT(mirostat_eta), 0, 10, "how fast it is approached; 0.1", NULL },
    { "min_keep", K_U32, AT(min_keep), 0, 1000000, "tokens every stage must leave; 0", NULL },
    { "seed", K_U64, AT(seed), 0, 18446744073709551615.0, "same seed, same words", NULL },
    { "logit_bias", K_BIAS, 0, 0, 0, "ID=BIAS[,ID=BIAS...], -inf forbids a token", NULL },
    { "samplers", K_CHAIN, 0, 0, 0, "the stages in order, separated by ';'", NULL },
};

static const struct {
    const char *name, *alias;
} stages_tab[HTH_STAGE_COUNT] = {
    [HTH_STAGE_PENALTIES] = { "penalties", NULL },
    [HTH_STAGE_DRY] = { "dry", NULL },
    [HTH_STAGE_TOP_K] = { "top_k", "top-k" },
    [HTH_STAGE_TYPICAL] = { "typical_p", "typ_p" },
    [HTH_STAGE_TOP_P] = { "top_p", "top-p" },
    [HTH_STAGE_MIN_P] = { "min_p", "min-p" },
    [HTH_STAGE_XTC] = { "xtc", NULL },
    [HTH_STAGE_TEMPERATURE] = { "temperature", "temp" },
};

HthStage hth_stage_find(HthStr name) {
    for (unsigned i = 0; i < HTH_STAGE_COUNT; i++)
        if (hth_str_eq(name, hth_str(stages_tab[i].name)) ||
            (stages_tab[i].alias != NULL && hth_str_eq(name, hth_str(stages_tab[i].alias))))
            return (HthStage)i;
    return HTH_STAGE_COUNT;
}

const char *hth_stage_name(HthStage stage) {
    HTH_ASSERT((unsigned)stage < HTH_STAGE_COUNT);
    return stages_tab[stage].name;
}

const char *hth_sample_param(size_t i, const char **help_out) {
    if (i >= HTH_COUNT(params_tab)) return NULL;
    if (help_out != NULL) *help_out = params_tab[i].help;
    return params_tab[i].name;
}

void hth_sample_defaults(HthSampleParams *params) {
    *params = (HthSampleParams){
        .temperature = 0.8f,
        .top_k = 40,
        .top_p = 0.9f,
        .typical_p = 1.0f,
        .repeat_penalty = 1.0f,
        .repeat_last_n = 64,
        .dry_base = 1.75f,
        .dry_allowed_length = 2,
        .dry_last_n = -1,
        .dry_breakers = { HTH_STR("\n"), HTH_STR(":"), HTH_STR("\""), HTH_STR("*") },
        .dry_breaker_count = 4,
        .xtc_threshold = 0.1f,
        .mirostat_tau = 5.0f,
        .mirostat_eta = 0.1f,
        .chain = { HTH_STAGE_PENALTIES, HTH_STAGE_DRY, HTH_STAGE_TOP_K, HTH_STAGE_TYPICAL,
                   HTH_STAGE_TOP_P, HTH_STAGE_MIN_P, HTH_STAGE_XTC, HTH_STAGE_TEMPERATURE },
        .chain_count = 8,
    };
}

/* ---- reading -------------------------------------------------------------------------------- */

static HthStatus set_chain(HthSampleParams *params, HthStr value, HthErr *err) {
    HthStage chain[HTH_CHAIN_MAX];
    uint32_t count = 0;
    value = hth_str_trim(value);
    while (value.n > 0) {
        size_t end = hth_str_find(value, HTH_STR(";"));
        HthStr name = hth_str_trim(hth_str_sub(value, 0, end));
        value = end == SIZE_MAX ? HTH_STR("") : hth_str_sub(value, end + 1, SIZE_MAX);
        if (name.n == 0) continue;
        HthStage stage = hth_stage_find(name);
        HTH_REQUIRE(stage != HTH_STAGE_COUNT, err, HTH_EINVAL,
                    "samplers: unknown stage; known are penalties, dry, top_k, typical_p, top_p, "
                    "min_p, xtc and temperature, separated by ';'");
        HTH_REQUIRE(count < HTH_CHAIN_MAX, err, HTH_EINVAL, "samplers: more than %d stages",
                    HTH_CHAIN_MAX);
        chain[count++] = stage;
    }
    memcpy(params->chain, chain, sizeof chain[0] * count);
    params->chain_count = count;
    return HTH_OK;
}

/* One "ID=BIAS" (or ID:BIAS, ID+1.5, ID-1.5 as llama.cpp writes it). */
static bool parse_bias(HthStr pair, uint32_t *id, float *bias) {
    size_t digits = 0;
    uint64_t n;
    double b;
    while (digits < pair.n && pair.p[digits] >= '0' && pair.p[digits] <= '9') digits++;
    if (!hth_str_u64(hth_str_sub(pair, 0, digits), &n) || n >= UINT32_MAX) return false;
    HthStr rest = hth_str_sub(pair, digits, SIZE_MAX);
    if (rest.n > 0 && (rest.p[0] == '=' || rest.p[0] == ':')) rest = hth_str_sub(rest, 1, SIZE_MAX);
    if (rest.n > 0 && rest.p[0] == '+') rest = hth_str_sub(rest, 1, SIZE_MAX);
    if (hth_str_eq(rest, HTH_STR("-inf")) || hth_str_eq(rest, HTH_STR("false"))) {
        *bias = -INFINITY;
    } else {
        if (!hth_str_f64(rest, &b) || b < -1e30 || b > 1e30) return false;
        *bias = (float)b;
    }
    *id = (uint32_t)n;
    return true;
}

static HthStatus set_bias(HthSampleParams *params, HthStr value, HthErr *err) {
    uint32_t count = params->logit_bias_count;
    while (value.n > 0) {
        size_t end = hth_str_find(value, HTH_STR(","));
        HthStr pair = hth_str_trim(hth_str_sub(value, 0, end));
        value = end == SIZE_MAX ? HTH_STR("") : hth_str_sub(value, end + 1, SIZE_MAX);
        HTH_REQUIRE(count < HTH_LOGIT_BIAS_MAX, err, HTH_EINVAL, "logit_bias: more than %d entries",
                    HTH_LOGIT_BIAS_MAX);
        HTH_REQUIRE(
            parse_bias(pair, &params->logit_bias[count].id, &params->logit_bias[count].bias), err,
            HTH_EINVAL, "logit_bias: write ID=BIAS, with BIAS a number from -1e30 to 1e30 or -inf");
        count++;
    }
    params->logit_bias_count = count;
    return HTH_OK;
}

static HthStatus set_breaker(HthSampleParams *params, HthStr value, HthErr *err) {
    if (hth_str_eq(value, HTH_STR("none"))) {
        params->dry_breaker_count = 0;
        params->dry_breakers_set = true;
        return HTH_OK;
    }
    HTH_REQUIRE(value.n > 0 && value.n <= HTH_DRY_BREAKER_BYTES_MAX, err, HTH_EINVAL,
                "dry_sequence_breaker: 1 to %d bytes of text", HTH_DRY_BREAKER_BYTES_MAX);
    uint32_t count = params->dry_breakers_set ? params->dry_breaker_count : 0;
    HTH_REQUIRE(count < HTH_DRY_BREAKERS_MAX, err, HTH_EINVAL,
                "dry_sequence_breaker: more than %d of them", HTH_DRY_BREAKERS_MAX);
    params->dry_breakers[count] = value;
    params->dry_breaker_count = count + 1;
    params->dry_breakers_set = true;
    return HTH_OK;
}

static const Param *find_param(const char *name) {
    for (size_t i = 0; i < HTH_COUNT(params_tab); i++) {
        const Param *p = &params_tab[i];
        if (strcmp(p->name, name) == 0 || (p->alias != NULL && strcmp(p->alias, name) == 0))
            return p;
    }
    return NULL;
}

static bool in_range(const Param *p, double v) {
    if (p->at == AT(mirostat)) return v == 0.0 || v == 2.0;
    return v >= p->min && v <= p->max;
}

static HthStatus set_number(HthSampleParams *params, const Param *p, HthStr value, HthErr *err) {
    char *field = (char *)params + p->at;
    uint64_t u = 0;
    int64_t i = 0;
    double f = 0.0;
    bool ok = false;
    value = hth_str_trim(value);
    if (p->kind == K_F32) {
        ok = hth_str_f64(value, &f);
    } else if (p->kind == K_I32) {
        ok = hth_str_i64(value, &i);
        f = (double)i;
    } else {
        ok = hth_str_u64(value, &u);
        f = (double)u;
    }
    if (!ok || !in_range(p, f)) {
        if (p->kind == K_U64)
            return HTH_FAIL(err, HTH_EINVAL, "%s: a whole number from 0 to 2^64-1 is needed",
                            p->name);
        if (p->at == AT(mirostat))
            return HTH_FAIL(err, HTH_EINVAL, "mirostat: 0 (off) or 2 is needed");
        return HTH_FAIL(err, HTH_EINVAL, "%s: a %snumber from %.10g to %.10g is needed", p->name,
                        p->kind == K_F32 ? "" : "whole ", p->min, p->max);
    }
    switch (p->kind) {
    case K_F32: *(float *)(void *)field = (float)f; break;
    case K_U32: *(uint32_t *)(void *)field = (uint32_t)u; break;
    case K_I32: *(int32_t *)(void *)field = (int32_t)i; break;
    default: *(uint64_t *)(void *)field = u; break;
    }
    return HTH_OK;
}

HthStatus hth_sample_set(HthSampleParams *params, const char *name, HthStr value, HthErr *err) {
    const Param *p = find_param(name);
    HTH_REQUIRE(p != NULL, err, HTH_EINVAL,
                "there is no sampling parameter of that name; /help set or hearth help run lists "
                "them");
    switch (p->kind) {
    case K_CHAIN: return set_chain(params, value, err);
    case K_BIAS: return set_bias(params, value, err);
    case K_BREAKER: return set_breaker(params, value, err);
    default: return set_number(params, p, value, err);
    }
}

/* ---- checking and printing ------------------------------------------------------------------ */

static double number_of(const HthSampleParams *params, const Param *p) {
    const char *field = (const char *)params + p->at;
    switch (p->kind) {
    case K_F32: return (double)*(const float *)(const void *)field;
    case K_U32: return (double)*(const uint32_t *)(const void *)field;
    case K_I32: return (double)*(const int32_t *)(const void *)field;
    default: return 0.0;
    }
}

HthStatus hth_sample_check(const HthSampleParams *params, uint32_t vocab_count, HthErr *err) {
    for (size_t i = 0; i < HTH_COUNT(params_tab); i++) {
        const Param *p = &params_tab[i];
        if (p->kind > K_I32) continue;
        HTH_REQUIRE(in_range(p, number_of(params, p)), err, HTH_EINVAL,
                    "%s is outside %.10g to %.10g", p->name, p->min, p->max);
    }
    HTH_REQUIRE(params->chain_count <= HTH_CHAIN_MAX &&
                    params->dry_breaker_count <= HTH_DRY_BREAKERS_MAX &&
                    params->logit_bias_count <= HTH_LOGIT_BIAS_MAX,
                err, HTH_EINVAL, "too many samplers, DRY breakers or logit biases");
    for (uint32_t i = 0; i < params->chain_count; i++)
        HTH_REQUIRE((unsigned)params->chain[i] < HTH_STAGE_COUNT, err, HTH_EINVAL,
                    "samplers: unknown stage number %d", (int)params->chain[i]);
    for (uint32_t i = 0; i < params->dry_breaker_count; i++)
        HTH_REQUIRE(params->dry_breakers[i].n > 0 &&
                        params->dry_breakers[i].n <= HTH_DRY_BREAKER_BYTES_MAX,
                    err, HTH_EINVAL, "dry_sequence_breaker: 1 to %d bytes of text",
                    HTH_DRY_BREAKER_BYTES_MAX);
    for (uint32_t i = 0; i < params->logit_bias_count; i++) {
        HTH_REQUIRE(params->logit_bias[i].id < vocab_count, err, HTH_EINVAL,
                    "logit_bias: token %u is outside the vocabulary of %u tokens",
                    params->logit_bias[i].id, vocab_count);
        HTH_REQUIRE(params->logit_bias[i].bias <= 1e30f, err, HTH_EINVAL,
                    "logit_bias: the bias of token %u is not a number up to 1e30",
                    params->logit_bias[i].id);
    }
    return HTH_OK;
}

static HthStatus print_special(const HthSampleParams *params, const Param *p, HthBuf *out,
                               HthErr *err) {
    if (p->kind == K_U64) return hth_buf_printf(out, err, "%llu", (unsigned long long)params->seed);
    if (p->kind == K_CHAIN) {
        for (uint32_t i = 0; i < params->chain_count; i++)
            HTH_TRY(hth_buf_printf(out, err, "%s%s", i > 0 ? ";" : "",
                                   stages_tab[params->chain[i]].name));
        return HTH_OK;
    }
    if (p->kind == K_BIAS) {
        for (uint32_t i = 0; i < params->logit_bias_count; i++)
            HTH_TRY(hth_buf_printf(out, err, "%s%u=%.9g", i > 0 ? "," : "",
                                   params->logit_bias[i].id, (double)params->logit_bias[i].bias));
        return HTH_OK;
    }
    for (uint32_t b = 0; b < params->dry_breaker_count; b++) {
        HTH_TRY(hth_buf_add_str(out, b > 0 ? HTH_STR(" \"") : HTH_STR("\""), err));
        for (size_t i = 0; i < params->dry_breakers[b].n; i++) {
            char c = params->dry_breakers[b].p[i];
            if (c == '\n')
                HTH_TRY(hth_buf_add_str(out, HTH_STR("\\n"), err));
            else if ((unsigned char)c < 32 || c == 127)
                HTH_TRY(hth_buf_printf(out, err, "\\x%02x", (unsigned)(unsigned char)c));
            else
                HTH_TRY(hth_buf_printf(out, err, "%s%c", c == '"' || c == '\\' ? "\\" : "", c));
        }
        HTH_TRY(hth_buf_add_char(out, '"', err));
    }
    return HTH_OK;
}

/* The shortest text that reads as the same number. */
static HthStatus print_number(const HthSampleParams *params, const Param *p, HthBuf *out,
                              HthErr *err) {
    const double v = number_of(params, p);
    int digits = p->kind == K_F32 ? 6 : 10; /* ten hold any integer here, nine any float */
    char text[32];
    double back;
    do snprintf(text, sizeof text, "%.*g", digits, v);
    while ((!hth_str_f64(hth_str(text), &back) || (float)back != (float)v) && digits++ < 9);
    return hth_buf_add_str(out, hth_str(text), err);
}

HthStatus hth_sample_print(const HthSampleParams *params, HthBuf *out, HthErr *err) {
    for (size_t i = 0; i < HTH_COUNT(params_tab); i++) {
        const Param *p = &params_tab[i];
        HTH_TRY(hth_buf_printf(out, err, "%-22s ", p->name));
        if (p->kind <= K_I32)
            HTH_TRY(print_number(params, p, out, err));
        else
            HTH_TRY(print_special(params, p, out, err));
        HTH_TRY(hth_buf_add_char(out, '\n', err));
    }
    return HTH_OK;
}
