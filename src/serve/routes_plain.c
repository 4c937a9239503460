/* routes_plain.c - what is answered without drawing a word: health, tokens, metrics, properties.
 *
 * Thread: prep threads. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/name.h"
#include "model/model.h"
#include "serve/house_in.h"
#include "serve/metrics.h"

/* ---- is anybody there ------------------------------------------------------------------------ */

static void health(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    (void)who, (void)rest;
    HthErr err = { 0 };
    const char *cage = h->cfg.cage;
    if (hth_evidence_well(h->cfg.evidence, &err) != HTH_OK)
        hth_reply_error(x, 503, &err);
    else
        hth_reply_json(x, 200, json_pack("{s:s, s:s*}", "status", "ok", "cage", cage));
}

static void running(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    (void)h, (void)who, (void)rest;
    hth_x_reply(x, 200, "text/plain; charset=utf-8", HTH_STR("Ollama is running"));
}

static void version(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    (void)h, (void)who, (void)rest;
    hth_reply_json(x, 200,
                   json_pack("{s:s, s:s}", "version", hth_version(), "numerics", hth_numerics()));
}

/* ---- tokens ---------------------------------------------------------------------------------- */

/* The model that the body names, held; false: answered. */
static bool lease(HthHouse *h, HthX *x, const HthWho *who, const json_t *body, HthLease *out) {
    HthErr err = { 0 };
    bool missing = false;
    HthStatus st = hth_house_lease(h, &who->grant.scope, hth_json_text(body, "model"), false, 0,
                                   out, &missing, &err);
    if (st == HTH_OK && !hth_voice_vocab(out->voice)) {
        hth_lease_give(out);
        st = HTH_FAIL(&err, HTH_ENOTSUP, "this model file carries no tokenizer");
    }
    if (st != HTH_OK) hth_reply_error(x, missing ? 404 : 0, &err);
    return st == HTH_OK;
}

static json_t *piece(const HthVocab *v, uint32_t id, bool with_text) {
    if (!with_text) return json_integer(id);
    HthBuf b;
    hth_buf_init(&b, 1 << 16);
    json_t *text = NULL;
    if (hth_vocab_piece(v, id, true, &b, NULL) == HTH_OK) {
        if (hth_utf8_valid(hth_buf_str(&b))) {
            text = json_stringn(hth_buf_str(&b).p, b.n);
        } else { /* part of a character: its bytes, as the reference server tells them */
            text = json_array();
            for (size_t i = 0; i < b.n; i++)
                (void)json_array_append_new(text, json_integer((unsigned char)b.p[i]));
        }
    }
    hth_buf_drop(&b);
    return json_pack("{s:i, s:o}", "id", (int)id, "piece", text);
}

static void tokenize(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    (void)rest;
    HthLease l = { 0 };
    HthErr err = { 0 };
    HthIds ids;
    json_t *body = hth_body_object(x);
    if (!body) return;
    const json_t *content = json_object_get(body, "content");
    hth_ids_init(&ids, 1 << 26);
    if (!json_is_string(content)) {
        (void)HTH_FAIL(&err, HTH_EINVAL, "content: a text is needed");
        hth_reply_error(x, 400, &err);
    } else if (lease(h, x, who, body, &l)) {
        const json_t *parse = json_object_get(body, "parse_special");
        unsigned flags = json_is_false(parse) ? 0 : HTH_ENCODE_SPECIAL;
        if (json_is_true(json_object_get(body, "add_special"))) flags |= HTH_ENCODE_BOS_EOS;
        bool pieces = json_is_true(json_object_get(body, "with_pieces"));
        const HthVocab *v = hth_voice_vocab(l.voice);
        HthStr text = { json_string_value(content), json_string_length(content) };
        if (hth_vocab_encode(v, text, flags, &ids, &err) != HTH_OK) {
            hth_reply_error(x, 0, &err);
        } else {
            json_t *all = json_array();
            for (size_t i = 0; i < ids.n; i++)
                (void)json_array_append_new(all, piece(v, ids.p[i], pieces));
            hth_reply_json(x, 200, json_pack("{s:o}", "tokens", all));
        }
    }
    hth_lease_give(&l);
    hth_ids_drop(&ids);
    json_decref(body);
}

static HthStatus read_ids(const json_t *tokens, uint32_t n_vocab, HthIds *out, HthErr *err) {
    size_t i;
    json_t *one;
    HTH_REQUIRE(json_is_array(tokens), err, HTH_EINVAL, "tokens: a list of ids is needed");
    json_array_foreach(tokens, i, one) {
        json_int_t id = json_is_integer(one) ? json_integer_value(one) : -1;
        HTH_REQUIRE(id >= 0 && id < n_vocab, err, HTH_EINVAL,
                    "tokens: number %zu is not an id of this model's %u tokens", i, n_vocab);
        HTH_TRY(hth_ids_add(out, (uint32_t)id, err));
    }
    return HTH_OK;
}

static void detokenize(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    (void)rest;
    HthLease l = { 0 };
    HthErr err = { 0 };
    HthIds ids;
    HthBuf text;
    json_t *body = hth_body_object(x);
    if (!body) return;
    hth_ids_init(&ids, 1 << 26);
    hth_buf_init(&text, (size_t)1 << 30);
    if (lease(h, x, who, body, &l)) {
        const HthVocab *v = hth_voice_vocab(l.voice);
        HthStatus st = read_ids(json_object_get(body, "tokens"), hth_vocab_count(v), &ids, &err);
        if (st == HTH_OK) st = hth_vocab_decode(v, ids.p, ids.n, true, &text, &err);
        if (st == HTH_OK)
            hth_reply_json(x, 200, json_pack("{s:o}", "content", hth_json_str(hth_buf_str(&text))));
        else
            hth_reply_error(x, 0, &err);
    }
    hth_lease_give(&l);
    hth_buf_drop(&text);
    hth_ids_drop(&ids);
    json_decref(body);
}

/* ---- what is going on ------------------------------------------------------------------------ */

enum { SHOWN_MAX = 64 };
typedef struct Shown {
    HthMetricsModel models[SHOWN_MAX];
    char names[SHOWN_MAX][HTH_MODELS_NAME_MAX];
    size_t count;
} Shown;

/* A path is shown by its last part. */
static void add_model(void *payload, const HthModelInfo *info) {
    Shown *s = payload;
    if (s->count == SHOWN_MAX || !info->engine) return;
    HthStr name = hth_str(hth_path_name(info->source->name));
    if (hth_str_ends(name, HTH_STR(".gguf"))) name.n -= 5;
    snprintf(s->names[s->count], sizeof s->names[0], "%.*s", HTH_STR_ARG(name));
    s->models[s->count] = (HthMetricsModel){ .name = s->names[s->count],
                                             .stats = info->stats,
                                             .bytes = info->plan.total_bytes };
    s->count++;
}

static void metrics(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    (void)who, (void)rest;
    HthErr err = { 0 };
    HthBuf out;
    Shown *s = hth_calloc(1, sizeof *s);
    hth_buf_init(&out, 1 << 24);
    HthStatus st = s ? HTH_OK : HTH_FAIL(&err, HTH_ENOMEM, "no memory for the figures");
    if (st == HTH_OK) {
        HthHttpStats (*const stats)(void *) = atomic_load(&h->stats);
        const HthHttpStats http = stats ? stats(h->stats_of) : (HthHttpStats){ 0 };
        (void)hth_models_each(h->models, add_model, s);
        st = hth_metrics_write(&out, s->models, s->count, &http,
                               (double)(hth_clock_ns() - h->began_ns) * 1e-9, &err);
    }
    if (st == HTH_OK)
        hth_x_reply(x, 200, "text/plain; version=0.0.4; charset=utf-8", hth_buf_str(&out));
    else
        hth_reply_error(x, 0, &err);
    hth_buf_drop(&out);
    hth_free(s);
}

const HthRoute hth_routes_plain[] = {
    { HTH_ROUTE_HEALTH, "GET", "/health", .run = health },
    { HTH_ROUTE_V1_HEALTH, "GET", "/v1/health", .run = health },
    { HTH_ROUTE_VERSION, "GET", "/api/version", .run = version },
    { HTH_ROUTE_TOKENIZE, "POST", "/tokenize", .run = tokenize },
    { HTH_ROUTE_DETOKENIZE, "POST", "/detokenize", .run = detokenize },
    { HTH_ROUTE_METRICS, "GET", "/metrics", .run = metrics },
    { HTH_ROUTE_ADAPTERS, "GET", "/lora-adapters", .run = hth_route_adapters },
    { HTH_ROUTE_SET_ADAPTERS, "POST", "/lora-adapters", .run = hth_route_set_adapters },
    { HTH_ROUTE_RUNNING, "GET", "/running", .run = running },
    { 0 },
};
HTH_ROUTES_HAVE_POLICIES(hth_routes_plain, PLAIN);
