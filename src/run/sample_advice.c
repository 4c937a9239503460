/* sample_advice.c - what a model file advises about sampling: its general.sampling.* entries.
 *
 * Thread: any. */
#include <stdio.h>

#include "run/sample.h"

static const struct {
    const char *key, *param;
} ADVICE[] = {
    { "general.sampling.temp", "temperature" },
    { "general.sampling.top_k", "top_k" },
    { "general.sampling.top_p", "top_p" },
    { "general.sampling.min_p", "min_p" },
    { "general.sampling.xtc_probability", "xtc_probability" },
    { "general.sampling.xtc_threshold", "xtc_threshold" },
    { "general.sampling.penalty_last_n", "repeat_last_n" },
    { "general.sampling.penalty_repeat", "repeat_penalty" },
    { "general.sampling.mirostat", "mirostat" },
    { "general.sampling.mirostat_tau", "mirostat_tau" },
    { "general.sampling.mirostat_eta", "mirostat_eta" },
};

static bool is_number(const HthGgufKv *kv) {
    return kv->type != HTH_GGUF_BOOL && kv->type != HTH_GGUF_STR && kv->type != HTH_GGUF_ARR;
}

HthStatus hth_sample_advice(HthSampleParams *params, const HthGguf *g, HthErr *err) {
    HthSampleParams p = *params;
    for (size_t i = 0; i < HTH_COUNT(ADVICE); i++) {
        const HthGgufKv *kv = hth_gguf_find(g, ADVICE[i].key);
        char text[32];
        HthErr why = { 0 };
        if (!kv) continue;
        HTH_REQUIRE(is_number(kv), err, HTH_EFORMAT, "%s in the model file is no number",
                    ADVICE[i].key);
        snprintf(text, sizeof text, "%.9g", hth_gguf_elem_f64(kv, 0));
        HTH_REQUIRE(hth_sample_set(&p, ADVICE[i].param, hth_str(text), &why) == HTH_OK, err,
                    HTH_EFORMAT, "%s in the model file: %s", ADVICE[i].key, why.text);
    }
    *params = p;
    return HTH_OK;
}
