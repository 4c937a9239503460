/* http_answer.c - what goes back: whole answers, streams, refusals.
 *
 * A source is asked for more by the library's reader (streams) or by hth_x_pump (whole answers).  A
 * stream with nothing to say sleeps; a wake, a ping or the client's leaving rouses it.
 *
 * Thread: loop. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "serve/http_int.h"

/* ---- sources --------------------------------------------------------------------------------- */

void hth_x_pump(HthX *x) {
    if (hth_x_collect(x)) hth_x_rouse(x);
}

static ssize_t read_stream(void *payload, uint64_t position, char *bytes, size_t max) {
    HthX *x = payload;
    (void)position;
    if (x->cut || atomic_load(&x->left)) return MHD_CONTENT_READER_END_WITH_ERROR;
    if (x->out_at == x->out.n) {
        hth_buf_clear(&x->out);
        x->out_at = 0;
        hth_x_ask(x);
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

void hth_x_go(HthX *x, int status, const char *content_type) {
    HTH_ASSERT(x->kind == HTH_ANSWER_SOURCE && x->source.held && status >= 200 && status <= 599);
    x->source.held = false;
    x->status = status;
    snprintf(x->type, sizeof x->type, "%s", content_type);
    if (!x->away) hth_x_rouse(x);
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
    /* The library is lenient about how chunks are written (a bare line feed ends the size): behind
     * a proxy that reads them otherwise what follows would be somebody's request. */
    if (atomic_load(&x->h->draining) || x->conn->surplus || x->chunked)
        ok &= put(r, "Connection", "close");
    for (uint32_t i = 0; i < x->header_count; i++)
        ok &= put(r, x->headers[i].name, x->headers[i].value);
    return ok;
}

static struct MHD_Response *make_response(HthX *x) {
    HthStr body = x->fixed;
    if (x->kind == HTH_ANSWER_SOURCE && !x->source.whole && (!x->source.sized || x->source.length))
        return MHD_create_response_from_callback(
            x->source.sized ? x->source.length : MHD_SIZE_UNKNOWN, 16384, read_stream, x, NULL);
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
    if (hth_x_header(x, "Access-Control-Request-Headers", &asked) && asked.n < 2048 &&
        hth_http_is_token_list(asked))
        hth_x_add_header(x, "Access-Control-Allow-Headers", asked);
    if (hth_x_header(x, "Access-Control-Request-Private-Network", &asked))
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
