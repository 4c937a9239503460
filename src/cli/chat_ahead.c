/* chat_ahead.c - see chat.h: how the words of an answer are computed ahead of being drawn. */
#include <unistd.h>

#include "cli/caged.h"
#include "cli/chat.h"
#include "cli/source.h"
#include "cli/term.h"

/* The draft reads the prompt too; it falls silent when interrupted, and shows nothing. */
static int on_progress(void *payload, size_t done, size_t total) {
    (void)payload;
    (void)done;
    (void)total;
    return hth_interrupted();
}

HthStatus hth_chat_ahead(HthChat *c, HthErr *err) {
    HthSpec *spec = NULL;
    HthSpecCfg cfg = { .lookup = c->cfg.lookup,
                       .draft = c->draft,
                       .draft_tokens = c->cfg.draft_tokens,
                       .draft_cfg = { .threads = c->cfg.threads,
                                      .progress = on_progress,
                                      .no_pack = c->cfg.no_pack } };
    HTH_TRY(hth_spec_open(&spec, c->session, &cfg, err));
    hth_spec_close(&c->spec);
    c->spec = spec;
    return HTH_OK;
}

/* Sets one of cfg's numbers, or leaves all as it was. */
static HthStatus change(HthChat *c, uint32_t *field, uint32_t value, HthErr *err) {
    uint32_t old = *field;
    *field = value;
    HthStatus st = hth_chat_ahead(c, err);
    if (st != HTH_OK) *field = old;
    return st;
}

HthStatus hth_chat_lookup(HthChat *c, uint32_t tokens, HthErr *err) {
    return change(c, &c->cfg.lookup, tokens, err);
}

HthStatus hth_chat_draft_tokens(HthChat *c, uint32_t tokens, HthErr *err) {
    return change(c, &c->cfg.draft_tokens, tokens, err);
}

int hth_chat_draft(HthChat *c, const char *model) {
    HthModel *old = c->draft, *draft = NULL;
    HthErr err = { 0 };
    int code = model != NULL ? hth_source_model(&draft, model) : HTH_EXIT_OK;
    if (code != HTH_EXIT_OK && hth_caged_state() != NULL && access(model, R_OK) == 0)
        fputs("hearth: the cage is closed; a draft model is named at the start, with --draft\n",
              stderr);
    if (code != HTH_EXIT_OK) return code;
    c->draft = draft;
    if (hth_chat_ahead(c, &err) == HTH_OK) {
        hth_model_close(&old);
        return HTH_EXIT_OK;
    }
    c->draft = old;
    hth_model_close(&draft);
    return hth_cli_fail(&err);
}
