/* ask.c - see ask.h: what asks, faces and errors of every API have in common.
 *
 * Thread: as ask.h. */
#include "serve/ask.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "serve/ask_read.h"
#include "serve/face.h"

void hth_ask_drop(HthAsk *a) {
    json_decref(a->body);
    json_decref(a->messages);
    json_decref(a->tools);
    json_decref(a->params);
    json_decref(a->extra);
    hth_free(a->prompts);
    *a = (HthAsk){ 0 };
}

/* ---- sampling ---- */

static HthStatus set_one(HthSampleParams *params, const char *name, const json_t *v, HthErr *err) {
    char text[40];
    if (json_is_string(v)) return hth_sample_set(params, name, hth_ask_text(v), err);
    if (json_is_integer(v))
        snprintf(text, sizeof text, "%lld", (long long)json_integer_value(v));
    else
        snprintf(text, sizeof text, "%.17g", json_real_value(v));
    return hth_sample_set(params, name, hth_str(text), err);
}

HthStatus hth_ask_sample(const HthAsk *a, HthSampleParams *params, HthErr *err) {
    HthSampleParams set = *params;
    void *at = json_object_iter(a->params);
    for (; at; at = json_object_iter_next(a->params, at)) {
        const char *name = json_object_iter_key(at);
        const json_t *v = json_object_iter_value(at);
        if (!json_is_array(v)) {
            HTH_TRY(set_one(&set, name, v, err));
            continue;
        }
        for (size_t i = 0; i < json_array_size(v); i++)
            HTH_TRY(set_one(&set, name, json_array_get(v, i), err));
    }
    *params = set;
    return HTH_OK;
}

/* ---- faces ---- */

void hth_face_close(HthFace **f) {
    if (*f == NULL) return;
    HthFaceState *s = (*f)->state;
    if (s && s->drop) s->drop(s);
    if (s) hth_buf_drop(&s->token);
    hth_free(s);
    hth_free(*f);
    *f = NULL;
}

/* Nine digits of base 62 from the answer's id and place: 53 bits, well mixed. */
void hth_call_id(const HthFacts *facts, uint32_t index, uint32_t call, char out[HTH_CALL_ID_SIZE]) {
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < facts->id.n; i++)
        h = (h ^ (unsigned char)facts->id.p[i]) * 1099511628211u;
    h += 0x9E3779B97F4A7C15u * ((uint64_t)index << 32 | ((uint64_t)call + 1));
    h = (h ^ h >> 30) * 0xBF58476D1CE4E5B9u;
    h = (h ^ h >> 27) * 0x94D049BB133111EBu;
    h ^= h >> 31;
    for (size_t i = 0; i + 1 < HTH_CALL_ID_SIZE; i++) {
        out[i] = digits[h % 62];
        h /= 62;
    }
    out[HTH_CALL_ID_SIZE - 1] = '\0';
}

/* ---- errors ---- */

int hth_api_status(const HthErr *e) {
    static const struct {
        HthStatus status;
        int http;
    } tab[] = {
        { HTH_EINVAL, 400 },  { HTH_EFORMAT, 400 }, { HTH_ELIMIT, 400 },    { HTH_ENOTSUP, 400 },
        { HTH_EDENIED, 403 }, { HTH_EAGAIN, 429 },  { HTH_ECANCELED, 499 }, { HTH_ENOMEM, 507 },
    };
    for (size_t i = 0; i < HTH_COUNT(tab); i++)
        if (tab[i].status == e->status) return tab[i].http;
    return 500;
}

#define TOO_LONG "the prompt has %llu tokens and the context holds %llu"

HthStatus hth_api_too_long(HthErr *err, uint64_t prompt_count, uint64_t ctx) {
    return HTH_FAIL(err, HTH_ELIMIT,
                    TOO_LONG ": shorten it, ask for a larger num_ctx, or start the server with a "
                             "larger context",
                    (unsigned long long)prompt_count, (unsigned long long)ctx);
}

bool hth_err_too_long(const HthErr *e, uint64_t *prompt_out, uint64_t *ctx_out) {
    unsigned long long prompt = 0, ctx = 0;
    if (e->status != HTH_ELIMIT || sscanf(e->text, TOO_LONG, &prompt, &ctx) != 2) return false;
    *prompt_out = prompt;
    *ctx_out = ctx;
    return true;
}

HthStr hth_err_field(const HthErr *e) {
    const size_t n =
        strspn(e->text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"
                        ".[]");
    const bool found = n > 0 && e->text[n] == ':' && e->text[n + 1] == ' ';
    return (HthStr){ e->text, found ? n : 0 };
}

/* ---- conversations that the server keeps ---- */

static HthStatus add_calls(json_t *message, const HthAnswerOut *answer, HthErr *err) {
    for (size_t i = 0; i < answer->call_count; i++) {
        const HthCall *c = &answer->calls[i];
        json_t *text = json_stringn(c->args.n ? c->args.p : "", c->args.n), *arguments = NULL;
        HthStatus st =
            text ? hth_ask_arguments(text, "arguments", &arguments, err) : hth_ask_nomem(err);
        json_decref(text);
        if (st != HTH_OK) return st;
        HTH_TRY(hth_ask_add_call(message, json_stringn(c->id.p, c->id.n),
                                 json_stringn(c->name.p, c->name.n), arguments, err));
    }
    return HTH_OK;
}

static HthStatus add_answer(HthAsk *a, const HthAnswerOut *answer, HthErr *err) {
    const HthStr text = answer->text, thinking = answer->thinking;
    HTH_TRY(hth_ask_add_message(a, "assistant", json_stringn(text.n ? text.p : "", text.n), err));
    json_t *m = hth_ask_last(a);
    if (thinking.n > 0 &&
        json_object_set_new(m, "reasoning_content", json_stringn(thinking.p, thinking.n)) != 0)
        return hth_ask_nomem(err);
    return add_calls(m, answer, err);
}

HthStatus hth_ask_history(const HthAsk *a, const HthAnswerOut *answer, json_t **out, HthErr *err) {
    HthAsk all = { .messages = json_array() };
    HthStatus st = all.messages ? HTH_OK : hth_ask_nomem(err);
    const size_t n = json_array_size(a->messages);
    for (size_t i = a->instructions ? 1 : 0; st == HTH_OK && i < n; i++)
        if (json_array_append(all.messages, json_array_get(a->messages, i)) != 0)
            st = hth_ask_nomem(err);
    if (st == HTH_OK) st = add_answer(&all, answer, err);
    if (st == HTH_OK)
        *out = all.messages;
    else
        json_decref(all.messages);
    return st;
}

HthStatus hth_ask_go_on(HthAsk *a, const json_t *history, HthErr *err) {
    json_t *all = json_array();
    const size_t first = a->instructions ? 1 : 0;
    int bad = all == NULL;
    if (first) bad = bad || json_array_append(all, json_array_get(a->messages, 0)) != 0;
    for (size_t i = 0; !bad && i < json_array_size(history); i++)
        bad = json_array_append(all, json_array_get(history, i)) != 0;
    for (size_t i = first; !bad && i < json_array_size(a->messages); i++)
        bad = json_array_append(all, json_array_get(a->messages, i)) != 0;
    if (bad) {
        json_decref(all);
        return hth_ask_nomem(err);
    }
    json_decref(a->messages);
    a->messages = all;
    return hth_ask_name_results(all, err);
}
