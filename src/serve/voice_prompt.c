/* voice_prompt.c - an ask as the text and the ids its model is given; see voice.h.
 *
 * Thread: any. */
#include <string.h>

#include "base/clock.h"
#include "model/model.h"
#include "serve/voice_in.h"
#include "text/prompt.h"

enum { PROMPT_MAX = 1 << 28 };

void hth_prompted_init(HthPrompted *p) {
    hth_buf_init(&p->text, PROMPT_MAX);
    hth_buf_init(&p->marks, PROMPT_MAX);
    hth_ids_init(&p->ids, PROMPT_MAX);
}

void hth_prompted_drop(HthPrompted *p) {
    hth_buf_drop(&p->text);
    hth_buf_drop(&p->marks);
    hth_ids_drop(&p->ids);
}

/* ---- chat ----------------------------------------------------------------------------------- */

static bool is_role(const json_t *message, const char *role) {
    const char *r = json_string_value(json_object_get(message, "role"));
    return r && strcmp(r, role) == 0;
}

/* The messages the template sees: the manifest's system text first if the chat brings none, then
 * the manifest's messages, and without an answer that was begun. */
static json_t *messages(const HthVoice *v, const HthAsk *a, size_t count) {
    HthStr system = a->system.n > 0 ? a->system : hth_buf_str(&v->system);
    json_t *all = json_array();
    if (system.n > 0 && !is_role(json_array_get(a->messages, 0), "system") &&
        json_array_append_new(
            all, json_pack("{s:s, s:s%}", "role", "system", "content", system.p, system.n)) != 0)
        goto fail;
    /* a system message of the chat stays in front */
    const size_t first = count > 0 && is_role(json_array_get(a->messages, 0), "system");
    if (first && json_array_append(all, json_array_get(a->messages, 0)) != 0) goto fail;
    if (v->messages && json_array_extend(all, v->messages) != 0) goto fail;
    for (size_t i = first; i < count; i++)
        if (json_array_append(all, json_array_get(a->messages, i)) != 0) goto fail;
    return all;
fail:
    json_decref(all);
    return NULL;
}

/* What templates call these things; a template takes those it knows. */
static bool set_thinking(json_t *vars, const HthAsk *a) {
    bool ok = true;
    if (a->think >= 0) {
        ok = json_object_set_new(vars, "enable_thinking", json_boolean(a->think)) == 0 &&
             json_object_set_new(vars, "thinking", json_boolean(a->think)) == 0;
    }
    if (ok && a->effort.n > 0)
        ok = json_object_set_new(vars, "reasoning_effort",
                                 json_stringn(a->effort.p, a->effort.n)) == 0;
    return ok;
}

static HthStatus chat_vars(json_t **out, const HthVoice *v, const HthAsk *a, size_t count,
                           HthErr *err) {
    bool tools = a->tools && json_array_size(a->tools) > 0 && a->choice != HTH_TOOLS_NONE;
    json_t *said = messages(v, a, count);
    if (said && v->talk) {
        json_t *own = said;
        HthStatus st = hth_talk_messages(v->talk, own, &said, err);
        json_decref(own);
        if (st != HTH_OK) return st;
    }
    json_t *vars = json_pack("{s:o, s:b}", "messages", said, "add_generation_prompt", 1);
    bool ok = vars != NULL;
    if (ok && tools) ok = json_object_set(vars, "tools", a->tools) == 0;
    if (ok) ok = set_thinking(vars, a);
    if (ok && a->template_vars)
        ok = json_object_update(vars, (json_t *)(uintptr_t)a->template_vars) == 0;
    HthStatus st = ok ? hth_prompt_vars(vars, v->vocab, err)
                      : HTH_FAIL(err, HTH_ENOMEM, "no memory for the conversation");
    if (st == HTH_OK)
        *out = vars;
    else
        json_decref(vars);
    return st;
}

/* Without a template the texts simply follow one another. */
static HthStatus plain(const json_t *all, HthBuf *out, HthErr *err) {
    size_t i;
    json_t *m;
    json_array_foreach(all, i, m) {
        const json_t *text = json_object_get(m, "content");
        if (i > 0) HTH_TRY(hth_buf_add_char(out, '\n', err));
        HTH_TRY(hth_buf_add(out, json_string_value(text), json_string_length(text), err));
    }
    return HTH_OK;
}

static HthStatus add_marked(HthPrompted *p, const json_t *text, HthErr *err) {
    size_t n = json_string_length(text);
    HTH_TRY(hth_buf_add(&p->text, json_string_value(text), n, err));
    for (size_t i = 0; i < n; i++) HTH_TRY(hth_buf_add_char(&p->marks, 1, err));
    return HTH_OK;
}

static HthStatus chat(const HthVoice *v, const HthAsk *a, HthPrompted *out, HthErr *err) {
    size_t n = json_array_size(a->messages);
    const json_t *last = json_array_get(a->messages, n ? n - 1 : 0);
    const json_t *begun = NULL; /* an answer to be continued */
    HTH_REQUIRE(n > 0, err, HTH_EINVAL, "messages: there are none");
    if (a->prefill && n > 1) begun = json_object_get(last, "content");
    bool wants_tools = a->tools && json_array_size(a->tools) > 0 && a->choice != HTH_TOOLS_NONE;
    HTH_REQUIRE(!wants_tools || (v->talk && hth_talk_has_tools(v->talk)), err, HTH_ENOTSUP,
                "tools: this model's chat template knows no tools; take another model, or send "
                "none");
    json_t *vars = NULL;
    HTH_TRY(chat_vars(&vars, v, a, begun ? n - 1 : n, err));
    HthStatus st;
    if (v->tmpl)
        st = hth_template_render_marked(v->tmpl, vars, hth_clock_unix_s(), NULL, &out->text,
                                        &out->marks, err);
    else
        st = plain(json_object_get(vars, "messages"), &out->text, err);
    json_decref(vars);
    if (st == HTH_OK && begun && v->tmpl) st = add_marked(out, begun, err);
    if (st == HTH_OK && begun && !v->tmpl)
        st = hth_buf_add(&out->text, json_string_value(begun), json_string_length(begun), err);
    return st;
}

/* ---- texts ---------------------------------------------------------------------------------- */

static HthStatus take_ids(const HthVoice *v, const json_t *ids, HthIds *out, HthErr *err) {
    size_t i;
    json_t *one;
    uint32_t n_vocab = hth_model_vocab_count(v->model);
    json_array_foreach(ids, i, one) {
        json_int_t id = json_is_integer(one) ? json_integer_value(one) : -1;
        HTH_REQUIRE(id >= 0 && id < n_vocab, err, HTH_EINVAL,
                    "prompt or context: token %zu is not an id of this model's %u tokens", i,
                    n_vocab);
        HTH_TRY(hth_ids_add(out, (uint32_t)id, err));
    }
    HTH_REQUIRE(out->n > 0, err, HTH_EINVAL, "the prompt is empty; say something");
    return HTH_OK;
}

static HthStatus text(const HthVoice *v, const HthAsk *a, const HthPrompt *p, HthPrompted *out,
                      HthErr *err) {
    if (p->ids) return take_ids(v, p->ids, &out->ids, err);
    HTH_TRY(hth_buf_add_str(&out->text, p->text, err));
    HTH_REQUIRE(p->text.n > 0, err, HTH_EINVAL, "the prompt is empty; say something");
    if (a->raw) return hth_vocab_encode(v->vocab, p->text, HTH_ENCODE_SPECIAL, &out->ids, err);
    if (a->kind == HTH_ASK_EMBED || a->kind == HTH_ASK_RERANK) /* nothing follows: it ends, too */
        return hth_vocab_encode(v->vocab, p->text, HTH_ENCODE_SPECIAL | HTH_ENCODE_BOS_EOS,
                                &out->ids, err);
    return hth_prompt_encode(v->vocab, p->text, HTH_STR(""), &out->ids, err);
}

static HthStatus add_text(const HthVoice *v, const json_t *text, HthStr after, HthIds *ids,
                          HthErr *err) {
    HthBuf all;
    hth_buf_init(&all, 1 << 29);
    HthStatus st =
        hth_buf_add(&all, text ? json_string_value(text) : "", json_string_length(text), err);
    if (st == HTH_OK) st = hth_buf_add_str(&all, after, err);
    if (st == HTH_OK) st = hth_vocab_encode(v->vocab, hth_buf_str(&all), 0, ids, err);
    hth_buf_drop(&all);
    return st;
}

/* <file> name, text, ... of the files around, and <file> before the one that is written. */
static HthStatus files_around(const HthVoice *v, const HthAsk *a, HthIds *ids, HthErr *err) {
    const uint32_t file = hth_vocab_fim(v->vocab, HTH_FIM_SEP);
    const uint32_t repo = hth_vocab_fim(v->vocab, HTH_FIM_REP);
    size_t i;
    json_t *one;
    HTH_REQUIRE(file != HTH_TOKEN_NONE, err, HTH_ENOTSUP,
                "input_extra: this model has no token for other files; leave it out");
    if (repo != HTH_TOKEN_NONE) {
        HTH_TRY(hth_ids_add(ids, repo, err));
        HTH_TRY(add_text(v, NULL, HTH_STR("project\n"), ids, err));
    }
    json_array_foreach(a->infill_extra, i, one) {
        HTH_TRY(hth_ids_add(ids, file, err));
        HTH_TRY(add_text(v, json_object_get(one, "filename"), HTH_STR("\n"), ids, err));
        HTH_TRY(add_text(v, json_object_get(one, "text"), HTH_STR(""), ids, err));
    }
    HTH_TRY(hth_ids_add(ids, file, err));
    return add_text(v, NULL, HTH_STR("file\n"), ids, err);
}

/* <prefix> before <suffix> after <middle>, the order code models are trained on; and how what is
 * between begins. */
static HthStatus infill(const HthVoice *v, const HthAsk *a, HthPrompted *out, HthErr *err) {
    const uint32_t pre = hth_vocab_fim(v->vocab, HTH_FIM_PRE);
    const uint32_t suf = hth_vocab_fim(v->vocab, HTH_FIM_SUF);
    const uint32_t mid = hth_vocab_fim(v->vocab, HTH_FIM_MID);
    HTH_REQUIRE(pre != HTH_TOKEN_NONE && suf != HTH_TOKEN_NONE && mid != HTH_TOKEN_NONE, err,
                HTH_ENOTSUP,
                "suffix: this model has no tokens for filling in; take a code model that has");
    if (hth_vocab_add_bos(v->vocab) && hth_vocab_bos(v->vocab) != HTH_TOKEN_NONE)
        HTH_TRY(hth_ids_add(&out->ids, hth_vocab_bos(v->vocab), err));
    if (a->infill_extra) HTH_TRY(files_around(v, a, &out->ids, err));
    HTH_TRY(hth_ids_add(&out->ids, pre, err));
    HTH_TRY(hth_vocab_encode(v->vocab, a->prompts[0].text, 0, &out->ids, err));
    HTH_TRY(hth_ids_add(&out->ids, suf, err));
    HTH_TRY(hth_vocab_encode(v->vocab, a->suffix, 0, &out->ids, err));
    HTH_TRY(hth_ids_add(&out->ids, mid, err));
    if (a->middle.n == 0) return HTH_OK;
    return hth_vocab_encode(v->vocab, a->middle, 0, &out->ids, err);
}

/* Of a model that ranks: a file may say how, with a place for each of both; otherwise they stand
 * one after the other. What is typed is text. */
static HthStatus pair(const HthVoice *v, const HthAsk *a, size_t which, HthPrompted *out,
                      HthErr *err) {
    static const char key[] = HTH_TEMPLATE_KEY ".rerank";
    const HthStr query = a->prompts[0].text, document = a->prompts[which + 1].text;
    HthStr form = HTH_STR("");
    HTH_REQUIRE(query.n > 0 && document.n > 0, err, HTH_EINVAL,
                "query and documents: one of them is empty");
    if (!hth_gguf_find(hth_model_gguf(v->model), key)) {
        HTH_TRY(hth_buf_add_str(&out->text, query, err));
        HTH_TRY(hth_buf_add_char(&out->text, '\n', err));
        HTH_TRY(hth_buf_add_str(&out->text, document, err));
        return hth_vocab_encode_pair(v->vocab, query, document, &out->ids, err);
    }
    HTH_TRY(hth_gguf_str(hth_model_gguf(v->model), key, &form, err));
    while (form.n > 0) {
        const bool q = hth_str_starts(form, HTH_STR("{query}"));
        const bool d = hth_str_starts(form, HTH_STR("{document}"));
        const HthStr own = { form.p, 1 }, typed = q ? query : document;
        const HthStr part = q || d ? typed : own;
        HTH_TRY(hth_buf_add_str(&out->text, part, err));
        for (size_t i = 0; i < part.n; i++) HTH_TRY(hth_buf_add_char(&out->marks, q || d, err));
        form = hth_str_sub(form, q ? strlen("{query}") : d ? strlen("{document}") : 1, SIZE_MAX);
    }
    return hth_vocab_encode_marked(v->vocab, hth_buf_str(&out->text), hth_buf_str(&out->marks).p,
                                   &out->ids, err);
}

HthStatus hth_voice_prompt(const HthVoice *v, const HthAsk *a, size_t which, HthPrompted *out,
                           HthErr *err) {
    HTH_REQUIRE(v->vocab, err, HTH_ENOTSUP,
                "this model file carries no tokenizer, so it cannot be talked with");
    if (a->context && json_array_size(a->context) > 0)
        HTH_TRY(take_ids(v, a->context, &out->ids, err));
    if (a->messages) {
        HTH_TRY(chat(v, a, out, err));
        return hth_prompt_encode(v->vocab, hth_buf_str(&out->text), hth_buf_str(&out->marks),
                                 &out->ids, err);
    }
    HTH_REQUIRE(which < a->prompt_count, err, HTH_EINVAL, "prompt: there is none");
    if (a->kind == HTH_ASK_INFILL) return infill(v, a, out, err);
    if (a->kind == HTH_ASK_RERANK && hth_voice_ranks(v)) return pair(v, a, which, out, err);
    return text(v, a, &a->prompts[which], out, err);
}
