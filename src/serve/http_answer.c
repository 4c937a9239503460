/* http_answer.c - what goes back: whole answers, streams, refusals.
 *
 * A source is asked for more by the library's reader (streams) or by hth_x_pump (whole answers).  A
 * stream with nothing to say sleeps; a wake, a ping or the client's leaving rouses it.
 *
 * Thread: what http.h says of the handler's calls; everything else the loop. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "serve/http_int.h"

/* ---- the handler's calls --------------------------------------------------------------------- */

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

/* One look at the source, out being empty. */
static void ask_source(HthX *x) {
    if (x->ended) return;
    const int r = x->source.more(x->source.payload, &x->out);
    x->ended = r < 0;
}

void hth_x_pump(HthX *x) {
    size_t before;
    do {
        before = x->out.n;
        ask_source(x);
    } while (!x->ended && x->out.n > before);
    if (x->ended) hth_x_rouse(x);
}

static ssize_t read_stream(void *payload, uint64_t position, char *bytes, size_t max) {
    HthX *x = payload;
    (void)position;
    if (x->cut || atomic_load(&x->left)) return MHD_CONTENT_READER_END_WITH_ERROR;
    if (x->out_at == x->out.n) {
        hth_buf_clear(&x->out);
        x->out_at = 0;
        ask_source(x);
    }
    const size_t left = x->out.n - x->out_at;
    if (!left) {
        if (x->ended) return MHD_CONTENT_READER_END_OF_STREAM;
        hth_x_sleep(x);
        return 0;
    }
    const size_t n = left < max ? left : max;
    memcpy(bytes, x->out.p + x->out_at, n);
    x->out_at += n;
    x->bytes_out += n;
    atomic_fetch_add_explicit(&x->h->n_out, n, memory_order_relaxed);
    x->sent_ns = hth_clock_ns();
    x->conn->port->fruitless = 0;
    return (ssize_t)n;
}

bool hth_x_ping(HthX *x, uint64_t now_ns, uint64_t *due_ns) {
    if (x->state != HTH_X_ANSWER || x->kind != HTH_ANSWER_SOURCE || x->source.whole ||
        !x->source.ping)
        return false;
    const uint64_t due = x->sent_ns + (uint64_t)x->source.ping_ms * 1000000u;
    if (now_ns < due || !x->asleep) {
        *due_ns = now_ns < due ? due : now_ns + (uint64_t)x->source.ping_ms * 1000000u;
        return true;
    }
    const bool put = hth_buf_add_str(&x->out, hth_str(x->source.ping), NULL) == HTH_OK;
    x->sent_ns = now_ns;
    *due_ns = now_ns + (uint64_t)x->source.ping_ms * 1000000u;
    if (put) hth_x_rouse(x);
    return true;
}

/* ---- to the library -------------------------------------------------------------------------- */

static bool put(struct MHD_Response *r, const char *name, const char *value) {
    return MHD_add_response_header(r, name, value) == MHD_YES;
}

/* What every answer says, beside the handler's own. */
static bool put_headers(HthX *x, struct MHD_Response *r) {
    bool ok = put(r, "X-Content-Type-Options", "nosniff");
    if (x->type[0]) ok &= put(r, "Content-Type", x->type);
    if (x->own_origin) {
        ok &= put(r, "Access-Control-Allow-Origin", x->own_origin) && put(r, "Vary", "Origin");
        ok &= put(r, "Access-Control-Expose-Headers", "*");
    }
    if (atomic_load(&x->h->draining) || x->conn->surplus) ok &= put(r, "Connection", "close");
    for (uint32_t i = 0; i < x->header_count; i++)
        ok &= put(r, x->headers[i].name, x->headers[i].value);
    return ok;
}

static struct MHD_Response *make_response(HthX *x) {
    HthStr body = x->fixed;
    if (x->kind == HTH_ANSWER_SOURCE && !x->source.whole)
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, read_stream, x, NULL);
    if (x->kind != HTH_ANSWER_STATIC) body = hth_buf_str(&x->out);
    x->bytes_out = x->is_head ? 0 : body.n;
    atomic_fetch_add_explicit(&x->h->n_out, x->bytes_out, memory_order_relaxed);
    /* The library takes a pointer to what it may not write: PERSISTENT never does. */
    union {
        const char *lent;
        void *taken;
    } p = { body.p };
    return MHD_create_response_from_buffer(body.n, p.taken, MHD_RESPMEM_PERSISTENT);
}

enum MHD_Result hth_x_send(HthX *x) {
    HTH_ASSERT(x->kind != HTH_ANSWER_NONE); /* handlers answer */
    struct MHD_Response *r = make_response(x);
    if (!r) return MHD_NO;
    enum MHD_Result sent = MHD_NO;
    x->state = HTH_X_ANSWER;
    x->first_ns = x->sent_ns = hth_clock_ns();
    if (put_headers(x, r)) sent = MHD_queue_response(x->c, (unsigned)x->status, r);
    MHD_destroy_response(r);
    if (x->source.ping && !x->source.whole) x->h->ping_ns = 0; /* look when it is due */
    return sent;
}

/* ---- refusals -------------------------------------------------------------------------------- */

/* Our sentences hold no quotes, but for names of headers and numbers of bytes. */
static void plain_refusal(HthX *x, int status, const char *sentence) {
    static const struct {
        int status;
        const char *type;
    } types[] = { { 403, "permission_error" },
                  { 429, "rate_limit_error" },
                  { 503, "overloaded_error" } };
    const char *type = "invalid_request_error";
    for (size_t i = 0; i < HTH_COUNT(types); i++)
        if (types[i].status == status) type = types[i].type;
    if (hth_buf_printf(&x->out, NULL,
                       "{\"error\":{\"message\":\"%s\",\"type\":\"%s\",\"code\":%d}}\n", sentence,
                       type, status) != HTH_OK)
        hth_buf_clear(&x->out);
}

static void preflight(HthX *x) {
    HthStr asked;
    hth_x_add_header(x, "Access-Control-Allow-Methods",
                     HTH_STR("GET, HEAD, POST, PUT, PATCH, DELETE"));
    if (hth_x_header_value(x, "Access-Control-Request-Headers", &asked) && asked.n < 2048 &&
        hth_http_is_token_list(asked))
        hth_x_add_header(x, "Access-Control-Allow-Headers", asked);
    if (hth_x_header_value(x, "Access-Control-Request-Private-Network", &asked))
        hth_x_add_header(x, "Access-Control-Allow-Private-Network", HTH_STR("true"));
    hth_x_add_header(x, "Access-Control-Max-Age", HTH_STR("600"));
}

enum MHD_Result hth_x_refuse(HthX *x, int status, const char *sentence) {
    HthHttp *h = x->h;
    x->kind = HTH_ANSWER_COPY;
    x->status = status;
    hth_buf_clear(&x->out);
    if (status == 204) {
        preflight(x);
        return hth_x_send(x);
    }
    atomic_fetch_add(&h->n_refused, 1);
    snprintf(x->type, sizeof x->type, "application/json");
    if (status == 429 || status == 503) hth_x_add_header(x, "Retry-After", HTH_STR("1"));
    if (h->cfg.refusal) h->cfg.refusal(h->cfg.payload, x->target.path, status, sentence, &x->out);
    if (!x->out.n) plain_refusal(x, status, sentence);
    return hth_x_send(x);
}
