/* chat.c - see chat.h: opening, parameters, and the prompt. */
#include "cli/chat.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/source.h"
#include "cli/term.h"
#include "model/model.h"
#include "text/prompt.h"

enum { PROMPT_MAX = 1 << 28, TEXTS_MAX = 1 << 24 };

/* ---- opening -------------------------------------------------------------------------------- */

static int on_progress(void *payload, size_t done, size_t total) {
    (void)payload;
    if (total > 1) hth_progress("reading the prompt", done, total);
    return hth_interrupted();
}

/* A new session in place of the one there is; on failure that one stays. */
static HthStatus renew(HthChat *c, uint32_t ctx, HthErr *err) {
    HthSession *s = NULL, *old = c->session;
    HthSessionCfg cfg = { .ctx = ctx, .threads = c->cfg.threads, .progress = on_progress };
    cfg.no_pack = c->cfg.no_pack;
    cfg.kv = c->cfg.kv;
    if (c->cfg.loras) {
        cfg.adapters = c->cfg.loras->use;
        cfg.adapter_count = c->cfg.loras->count;
    }
    HTH_TRY(hth_session_open(&s, c->model, &cfg, err));
    c->session = s;
    HthStatus st = hth_chat_ahead(c, err);
    if (st == HTH_OK)
        c->cfg.ctx = ctx;
    else
        c->session = old;
    hth_session_close(st == HTH_OK ? &old : &s);
    return st;
}

HthStatus hth_chat_context(HthChat *c, uint32_t ctx, HthErr *err) {
    if (c->session != NULL && c->cfg.ctx == ctx) return HTH_OK;
    return renew(c, ctx, err);
}

HthStatus hth_chat_lora(HthChat *c, uint32_t id, double scale, HthErr *err) {
    const uint32_t count = c->cfg.loras ? c->cfg.loras->count : 0;
    HTH_REQUIRE(count > 0, err, HTH_EINVAL,
                "no adapter lies over this model; start with --lora FILE[=SCALE]");
    HTH_REQUIRE(id < count, err, HTH_EINVAL, "lora %u: there are %u adapters, from 0 on", id,
                count);
    HTH_REQUIRE(fabs(scale) <= (double)FLT_MAX, err, HTH_EINVAL,
                "lora %u: its scale must be a finite number", id);
    const float before = c->cfg.loras->use[id].scale;
    c->cfg.loras->use[id].scale = (float)scale;
    const HthStatus st = renew(c, c->cfg.ctx, err);
    if (st != HTH_OK) c->cfg.loras->use[id].scale = before;
    return st;
}

static HthStatus open_template(HthChat *c, HthErr *err) {
    const HthGguf *g = hth_model_gguf(c->model);
    HthStr source;
    if (c->cfg.raw) return HTH_OK;
    if (hth_gguf_find(g, HTH_TEMPLATE_KEY) == NULL) {
        fputs("hearth: this model has no chat template; it continues your text as it is\n", stderr);
        return HTH_OK;
    }
    HTH_TRY(hth_gguf_str(g, HTH_TEMPLATE_KEY, &source, err));
    return hth_template_open(&c->tmpl, source, err);
}

static HthStatus open_parts(HthChat *c, HthErr *err) {
    c->vocab = hth_model_vocab(c->model);
    HTH_REQUIRE(c->vocab != NULL, err, HTH_ENOTSUP,
                "this model file carries no tokenizer, so it cannot be talked with; 'hearth "
                "logits' takes token ids");
    HTH_TRY(hth_arena_open(&c->texts, TEXTS_MAX, err));
    HTH_TRY(hth_chat_context(c, c->cfg.ctx, err));
    c->logits = hth_calloc(hth_model_vocab_count(c->model), sizeof *c->logits);
    c->messages = json_array();
    HTH_REQUIRE(c->logits != NULL && c->messages != NULL, err, HTH_ENOMEM,
                "out of memory for a conversation");
    return open_template(c, err);
}

/* Advice nobody can follow is no reason not to open a model, but no secret either. */
static void take_advice(HthChat *c) {
    HthErr err = { 0 };
    if (hth_sample_advice(&c->params, hth_model_gguf(c->model), &err) != HTH_OK)
        fprintf(stderr, "hearth: %s; the file's sampling advice is not followed\n", err.text);
}

static HthStatus lock_weights(HthChat *c, HthErr *err) {
    if (!c->cfg.lock) return HTH_OK;
    HTH_TRY(hth_model_lock(c->model, err));
    return c->draft != NULL ? hth_model_lock(c->draft, err) : HTH_OK;
}

int hth_chat_open(HthChat **out, const HthChatCfg *cfg) {
    uint64_t began = hth_clock_ns();
    HthErr err = { 0 };
    HthChat *c = hth_calloc(1, sizeof *c);
    if (c == NULL) return hth_cli_error(HTH_EXIT_OS, "out of memory");
    c->cfg = *cfg;
    hth_buf_init(&c->system, 1 << 24);
    hth_sample_defaults(&c->params);
    int code = hth_source_model(&c->model, cfg->model);
    if (code == HTH_EXIT_OK && cfg->loras) code = hth_lora_open(cfg->loras, c->model);
    if (code == HTH_EXIT_OK) take_advice(c);
    if (code == HTH_EXIT_OK && cfg->draft != NULL) code = hth_source_model(&c->draft, cfg->draft);
    if (code == HTH_EXIT_OK && lock_weights(c, &err) != HTH_OK) code = hth_cli_fail(&err);
    if (code == HTH_EXIT_OK && open_parts(c, &err) != HTH_OK) code = hth_cli_fail(&err);
    if (code != HTH_EXIT_OK) {
        hth_chat_close(&c);
        return code;
    }
    c->load_ns = hth_clock_ns() - began;
    *out = c;
    return HTH_EXIT_OK;
}

void hth_chat_close(HthChat **chat) {
    HthChat *c = *chat;
    if (c == NULL) return;
    hth_spec_close(&c->spec);
    hth_session_close(&c->session);
    hth_template_close(&c->tmpl);
    hth_model_close(&c->draft);
    if (c->cfg.loras) hth_lora_close(c->cfg.loras);
    hth_model_close(&c->model);
    hth_keeper_close(&c->keeper);
    json_decref(c->messages);
    hth_buf_drop(&c->system);
    hth_arena_close(&c->texts);
    hth_free(c->logits);
    hth_free(c);
    *chat = NULL;
}

/* ---- parameters ----------------------------------------------------------------------------- */

void hth_chat_clear(HthChat *c) {
    (void)json_array_clear(c->messages);
}

HthStatus hth_chat_system(HthChat *c, HthStr text, HthErr *err) {
    HTH_REQUIRE(hth_utf8_valid(text), err, HTH_EFORMAT, "the system text is not valid UTF-8");
    HTH_TRY(hth_buf_reserve(&c->system, text.n, err));
    hth_buf_clear(&c->system);
    return hth_buf_add_str(&c->system, text, err);
}

static HthStatus keep_text(HthChat *c, HthStr value, HthStr *out, HthErr *err) {
    const char *copy = hth_arena_copy(c->texts, value.p, value.n);
    HTH_REQUIRE(copy != NULL, err, HTH_ENOMEM, "out of memory for a parameter");
    *out = (HthStr){ copy, value.n };
    return HTH_OK;
}

static HthStatus add_stop(HthChat *c, HthStr value, HthErr *err) {
    HTH_REQUIRE(value.n > 0, err, HTH_EINVAL, "stop: some text is needed");
    HTH_REQUIRE(c->stop_count < HTH_STOPS_MAX, err, HTH_EINVAL, "stop: at most %d of them",
                HTH_STOPS_MAX);
    HTH_TRY(keep_text(c, value, &c->stops[c->stop_count], err));
    c->stop_count++;
    return HTH_OK;
}

HthStatus hth_chat_set(HthChat *c, const char *name, HthStr value, HthErr *err) {
    int64_t n = 0;
    bool number = hth_str_i64(hth_str_trim(value), &n);
    if (strcmp(name, "stop") == 0) return add_stop(c, value, err);
    if (strcmp(name, "num_predict") == 0) {
        HTH_REQUIRE(number && n >= -2 && n <= INT32_MAX, err, HTH_EINVAL,
                    "num_predict: a whole number is needed; 0 or -1 is no limit");
        c->num_predict = n > 0 ? (uint32_t)n : 0;
        return HTH_OK;
    }
    if (strcmp(name, "num_ctx") == 0) {
        HTH_REQUIRE(number && n >= 0 && n <= INT32_MAX, err, HTH_EINVAL,
                    "num_ctx: a whole number is needed; 0 is the model's default");
        return hth_chat_context(c, (uint32_t)n, err);
    }
    if (strcmp(name, "seed") == 0 && number && n < 0) {
        c->seed_given = false; /* Ollama's -1: a new one each time */
        return HTH_OK;
    }
    HTH_TRY(keep_text(c, value, &value, err));
    HTH_TRY(hth_sample_set(&c->params, name, value, err));
    if (strcmp(name, "seed") == 0) c->seed_given = true;
    return HTH_OK;
}

HthStatus hth_chat_print_params(const HthChat *c, HthBuf *out, HthErr *err) {
    HTH_TRY(hth_buf_printf(out, err, "%-22s %zu\n", "num_ctx", hth_session_ctx(c->session)));
    HTH_TRY(hth_buf_printf(out, err, "%-22s %d\n", "num_predict",
                           c->num_predict > 0 ? (int)c->num_predict : -1));
    for (size_t i = 0; i < c->stop_count; i++)
        HTH_TRY(hth_buf_printf(out, err, "%-22s \"%.*s\"\n", "stop", HTH_STR_ARG(c->stops[i])));
    return hth_sample_print(&c->params, out, err);
}

/* ---- the prompt ----------------------------------------------------------------------------- */

/* Without a template the texts simply follow one another. */
static HthStatus plain_prompt(const HthChat *c, HthBuf *out, HthErr *err) {
    size_t n = json_array_size(c->messages);
    if (c->system.n > 0) {
        HTH_TRY(hth_buf_add_str(out, hth_buf_str(&c->system), err));
        HTH_TRY(hth_buf_add_char(out, '\n', err));
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *text = json_object_get(json_array_get(c->messages, i), "content");
        if (i > 0) HTH_TRY(hth_buf_add_char(out, '\n', err));
        HTH_TRY(hth_buf_add(out, json_string_value(text), json_string_length(text), err));
    }
    return HTH_OK;
}

static json_t *message(const char *role, HthStr text) {
    return json_pack("{s:s, s:o}", "role", role, "content", json_stringn(text.p, text.n));
}

static json_t *all_messages(const HthChat *c) {
    json_t *all = json_array();
    if (all == NULL) return NULL;
    if (c->system.n > 0 &&
        json_array_append_new(all, message("system", hth_buf_str(&c->system))) != 0)
        goto fail;
    if (json_array_extend(all, c->messages) == 0) return all;
fail:
    json_decref(all);
    return NULL;
}

HthStatus hth_chat_prompt(HthChat *c, HthBuf *out, HthBuf *marks, HthErr *err) {
    if (c->tmpl == NULL) return plain_prompt(c, out, err);
    json_t *vars = json_pack("{s:o, s:b}", "messages", all_messages(c), "add_generation_prompt", 1);
    HTH_REQUIRE(vars != NULL, err, HTH_ENOMEM, "out of memory for the conversation");
    HthStatus st = hth_prompt_vars(vars, c->vocab, err);
    const int64_t now = c->unix_s != 0 ? c->unix_s : hth_clock_unix_s();
    if (st == HTH_OK) st = hth_template_render_marked(c->tmpl, vars, now, NULL, out, marks, err);
    json_decref(vars);
    return st;
}
