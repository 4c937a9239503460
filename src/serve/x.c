/* x.c - an exchange as its handler sees it: the request's fields, and the answer to come.
 *
 * Thread: what http.h says of each call. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "serve/x_int.h"

/* ---- the request ----------------------------------------------------------------------------- */

HthStr hth_x_method(const HthX *x) {
    return hth_str(x->method);
}

HthStr hth_x_path(const HthX *x) {
    return x->target.path;
}

bool hth_x_query(const HthX *x, const char *name, HthStr *out) {
    const HthStr want = hth_str(name);
    *out = HTH_STR("");
    for (uint32_t i = 0; i < x->target.query_count; i++) {
        if (!hth_str_eq(x->target.query[i].name, want)) continue;
        *out = x->target.query[i].value;
        return true;
    }
    return false;
}

bool hth_x_header(const HthX *x, const char *name, HthStr *out) {
    return x->ops->header(x, name, out);
}

bool hth_x_cookie(const HthX *x, const char *name, HthStr *out) {
    HthStr header;
    *out = HTH_STR("");
    return hth_x_header(x, "Cookie", &header) && hth_http_cookie(header, name, out);
}

HthStr hth_x_body(const HthX *x) {
    return x->is_upload ? HTH_STR("") : hth_buf_str(&x->body);
}

const HthPeer *hth_x_peer(const HthX *x) {
    return x->ops->peer(x);
}

bool hth_x_same_origin(const HthX *x) {
    return x->same_origin;
}

bool hth_x_left(const HthX *x) {
    return atomic_load(&x->left);
}

HthNote *hth_x_note(HthX *x) {
    return &x->note;
}

const HthNote *hth_x_noted(const HthX *x) {
    return &x->note;
}

const char *hth_x_from(const HthX *x) {
    return x->ops->from(x);
}

HthXResult hth_x_result(const HthX *x) {
    return (HthXResult){
        .status = x->first_ns ? x->status : 0,
        .whole = x->completed,
        .bytes_in = x->body_bytes,
        .bytes_out = x->bytes_out,
        .began_ns = x->began_ns,
        .first_ns = x->first_ns,
        .ended_ns = x->ended_ns,
    };
}

HthStatus hth_x_spooled(const HthX *x, uint64_t *bytes, HthErr *err) {
    HTH_REQUIRE(x->is_upload && x->sink.write, err, HTH_EINVAL, "This request is no upload.");
    if (x->sink_status != HTH_OK) {
        if (err) *err = x->sink_err;
        return x->sink_status;
    }
    *bytes = x->body_bytes;
    return HTH_OK;
}

/* ---- the answer ----------------------------------------------------------------------------- */

void hth_x_add_header(HthX *x, const char *name, HthStr value) {
    HTH_ASSERT(hth_http_is_token(hth_str(name)));
    const size_t n = strlen(name);
    char *both = NULL;
    if (x->header_count < HTH_X_HEADERS_MAX && hth_http_is_value(value))
        both = hth_calloc(n + 1 + value.n + 1, 1);
    if (!both) {
        hth_log(HTH_LOG_WARN, "serve: a header of an answer was left out");
        return;
    }
    memcpy(both, name, n);
    if (value.n) memcpy(both + n + 1, value.p, value.n);
    x->headers[x->header_count++] = (HthHeader){ both, both + n + 1 };
}

static void begin_answer(HthX *x, HthAnswerKind kind, int status, const char *type) {
    HTH_ASSERT(x->kind == HTH_ANSWER_NONE && status >= 200 && status <= 599);
    x->kind = kind;
    x->status = status;
    snprintf(x->type, sizeof x->type, "%s", type ? type : "");
}

void hth_x_reply(HthX *x, int status, const char *content_type, HthStr body) {
    begin_answer(x, HTH_ANSWER_COPY, status, content_type);
    if (hth_buf_add(&x->out, body.p, body.n, NULL) == HTH_OK) return;
    x->kind = HTH_ANSWER_STATIC;
    x->status = 507;
    x->fixed = HTH_STR("{\"error\":\"The server has no memory for this answer.\"}");
    snprintf(x->type, sizeof x->type, "application/json");
}

void hth_x_reply_static(HthX *x, int status, const char *content_type, HthStr body) {
    begin_answer(x, HTH_ANSWER_STATIC, status, content_type);
    x->fixed = body;
}

void hth_x_source(HthX *x, int status, const char *content_type, const HthSource *source) {
    begin_answer(x, HTH_ANSWER_SOURCE, status, content_type);
    x->source = *source;
    if (!x->source.ping_ms) x->source.ping_ms = 15000;
    x->source_open = true;
}

void hth_x_status(HthX *x, int status) {
    HTH_ASSERT(status >= 200 && status <= 599);
    if (!x->first_ns) x->status = status;
}

void hth_x_spool(HthX *x, const HthSink *sink) {
    HTH_ASSERT(x->is_upload && !x->sink.write && sink->write && x->kind == HTH_ANSWER_NONE);
    x->sink = *sink;
}

void hth_x_answer_drop(HthX *x) {
    for (uint32_t i = 0; i < x->header_count; i++) hth_free(x->headers[i].name);
    x->header_count = 0;
    hth_buf_drop(&x->out);
}

/* ---- sources --------------------------------------------------------------------------------- */

void hth_x_ask(HthX *x) {
    if (x->ended) return;
    const int r = x->source.more(x->source.payload, &x->out);
    x->ended = r < 0;
}

bool hth_x_collect(HthX *x) {
    size_t before;
    do {
        before = x->out.n;
        hth_x_ask(x);
    } while (!x->ended && x->out.n > before);
    return x->ended;
}

void hth_x_tell_gone(HthX *x) {
    atomic_store(&x->left, true);
    if (!x->source_open || x->gone_told) return;
    x->gone_told = true;
    if (x->source.gone) x->source.gone(x->source.payload);
}
