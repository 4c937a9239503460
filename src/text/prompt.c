/* prompt.c - see prompt.h.
 *
 * Thread: any. */
#include "text/prompt.h"

#include <string.h>

HthStatus hth_prompt_vars(json_t *vars, const HthVocab *v, HthErr *err) {
    const struct {
        const char *name;
        uint32_t id;
    } tokens[] = {
        { "bos_token", hth_vocab_bos(v) },
        { "eos_token", hth_vocab_eos(v) },
        { "unk_token", hth_vocab_unk(v) },
        { "pad_token", hth_vocab_pad(v) },
    };
    for (size_t i = 0; i < HTH_COUNT(tokens); i++) {
        if (json_object_get(vars, tokens[i].name) != NULL) continue;
        HthStr text =
            tokens[i].id == HTH_TOKEN_NONE ? HTH_STR("") : hth_vocab_text(v, tokens[i].id);
        HTH_REQUIRE(json_object_set_new(vars, tokens[i].name, hth_json_str(text)) == 0, err,
                    HTH_ENOMEM, "out of memory for the template's variables");
    }
    return HTH_OK;
}

HthStatus hth_prompt_encode(const HthVocab *v, HthStr text, HthStr marks, HthIds *ids,
                            HthErr *err) {
    uint32_t bos = hth_vocab_bos(v);
    HTH_ASSERT(marks.n == 0 || marks.n == text.n);
    HTH_TRY(hth_vocab_encode_marked(v, text, marks.n ? marks.p : NULL, ids, err));
    if (hth_vocab_add_bos(v) && bos != HTH_TOKEN_NONE && (ids->n == 0 || ids->p[0] != bos)) {
        HTH_TRY(hth_ids_add(ids, 0, err)); /* makes room */
        memmove(ids->p + 1, ids->p, (ids->n - 1) * sizeof *ids->p);
        ids->p[0] = bos;
    }
    HTH_REQUIRE(ids->n > 0, err, HTH_EINVAL, "the prompt is empty; say something");
    return HTH_OK;
}
