/* embed.c - hearth run with a model that has vectors instead of words: the text's, as numbers.
 *
 * Thread: the main thread. */
#include <math.h>

#include "base/mem.h"
#include "cli/chat.h"
#include "model/model.h"
#include "run/session.h"

static json_t *numbers(const float *v, uint32_t n) {
    json_t *a = json_array();
    for (uint32_t i = 0; a && i < n; i++)
        if (json_array_append_new(a, json_real((double)v[i])) != 0) break;
    return a;
}

/* A line of numbers, as Ollama prints it; or the object that other answers are, too. */
static int print(const float *v, uint32_t n, size_t prompt_count, bool json) {
    if (json)
        return hth_cli_json(json_pack("{s:o, s:I, s:s, s:s}", "embedding", numbers(v, n),
                                      "prompt_count", (json_int_t)prompt_count, "version",
                                      hth_version(), "numerics", hth_numerics()));
    for (uint32_t i = 0; i < n; i++) printf("%s%.9g", i ? "," : "[", (double)v[i]);
    printf("]\n");
    return HTH_EXIT_OK;
}

int hth_cli_embed(HthChat *c, HthStr text, bool json) {
    HthErr err = { 0 };
    HthIds ids;
    const uint32_t n = hth_model_program(c->model)->n_embd;
    float *v = hth_calloc(n, sizeof *v);
    int code = HTH_EXIT_OK;
    hth_ids_init(&ids, SIZE_MAX / 2);
    HthStatus st = v ? HTH_OK : HTH_FAIL(&err, HTH_ENOMEM, "no memory for a vector");
    if (st == HTH_OK)
        st = hth_vocab_encode(c->vocab, text, HTH_ENCODE_SPECIAL | HTH_ENCODE_BOS_EOS, &ids, &err);
    if (st == HTH_OK) st = hth_session_vector(c->session, ids.p, ids.n, v, &err);
    for (uint32_t i = 0; st == HTH_OK && i < n; i++)
        if (!isfinite(v[i]))
            st = HTH_FAIL(&err, HTH_EFORMAT,
                          "the vector is not finite: this model does not compute");
    code = st == HTH_OK ? print(v, n, ids.n, json) : hth_cli_fail(&err);
    hth_ids_drop(&ids);
    hth_free(v);
    return code;
}
