/* chat_vars.c - see chat_vars.h. */
#include "cli/chat_vars.h"

#include "cli/cli.h"

HthStatus hth_chat_vars_tokens(json_t *vars, const HthVocab *v, HthErr *err) {
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
        HTH_REQUIRE(json_object_set_new(vars, tokens[i].name, hth_cli_json_str(text)) == 0, err,
                    HTH_ENOMEM, "out of memory for the template's variables");
    }
    return HTH_OK;
}
