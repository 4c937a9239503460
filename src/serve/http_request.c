/* http_request.c - the library's callbacks: connections come and go, requests arrive.
 *
 * A request: its target (hth_http_on_target makes the exchange), headers (checked), body (kept, or
 * handed to a sink), then a prep thread.  hth_http_on_request is called again and again meanwhile;
 * HthX.state says where it was.
 *
 * Thread: loop. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "serve/http_int.h"

/* ---- connections ----------------------------------------------------------------------------- */

/* Is a connection from there one too many? */
static bool is_surplus(const HthPort *port, const struct sockaddr_storage *who) {
    const HthHttp *h = port->h;
    uint32_t same = 0;
    if (h->conn_count - h->surplus_count >= h->cfg.connections_max) return true;
    if (port->is_unix) return false;
    for (const HthConn *c = h->conns; c; c = c->next) same += hth_http_same_net(&c->address, who);
    return same >= h->cfg.connections_per_address_max;
}

/* Beyond the limits a few are let in to be told; beyond those, nobody. */
enum MHD_Result hth_http_on_accept(void *payload, const struct sockaddr *address, socklen_t n) {
    const HthPort *port = payload;
    const HthHttp *h = port->h;
    struct sockaddr_storage who = { 0 };
    if (h->quiet) return MHD_NO;
    if (h->surplus_count < HTH_SURPLUS_MAX) return MHD_YES;
    if (!port->is_unix) memcpy(&who, address, n < sizeof who ? n : sizeof who);
    return is_surplus(port, &who) ? MHD_NO : MHD_YES;
}

static void connection_begins(HthPort *port, struct MHD_Connection *c, void **slot) {
    HthHttp *h = port->h;
    HthConn *conn = hth_calloc(1, sizeof *conn);
    *slot = conn;
    if (!conn) return; /* no exchange will be made, which ends it */
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    conn->port = port;
    conn->linger = true; /* until a request was read whole */
    conn->fd = fd ? fd->connect_fd : -1;
    socklen_t n = sizeof conn->address;
    const int on = 1; /* small records of a handshake do not wait for each other */
    conn->fresh = true;
    port->fresh++;
    if (!port->is_unix) setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (getpeername(conn->fd, (struct sockaddr *)&conn->address, &n))
        conn->hung_up = true; /* gone already */
    if (port->tls) hth_http_tls_begin(conn, c);
    conn->began_ns = hth_clock_ns();
    conn->surplus = is_surplus(port, &conn->address);
    h->surplus_count += conn->surplus;
    conn->next = h->conns;
    if (h->conns) h->conns->prev = conn;
    h->conns = conn;
    h->conn_count++;
    atomic_store(&h->n_conns, h->conn_count);
    /* Edge-triggered: told once, when the client closes its side. */
    struct epoll_event ev = { .events = EPOLLRDHUP | EPOLLET, .data.ptr = conn };
    if (epoll_ctl(h->epoll_fd, EPOLL_CTL_ADD, conn->fd, &ev)) conn->hung_up = true;
}

static void connection_ends(HthConn *conn) {
    HthHttp *h = conn->port->h;
    conn->port->fresh -= conn->fresh;
    epoll_ctl(h->epoll_fd, EPOLL_CTL_DEL, conn->fd, NULL);
    if (conn->linger && !conn->hung_up) hth_http_linger(h, conn->fd);
    if (conn->prev)
        conn->prev->next = conn->next;
    else
        h->conns = conn->next;
    if (conn->next) conn->next->prev = conn->prev;
    h->conn_count--;
    h->surplus_count -= conn->surplus;
    atomic_store(&h->n_conns, h->conn_count);
    hth_free(conn);
}

void hth_http_on_connection(void *payload, struct MHD_Connection *c, void **slot,
                            enum MHD_ConnectionNotificationCode code) {
    HthConn *conn = *slot;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        connection_begins(payload, c, slot);
    else if (conn)
        connection_ends(conn);
}

/* ---- what the library and the socket know ---------------------------------------------------- */

static bool header_of(const HthX *x, const char *name, HthStr *out) {
    const char *value = NULL;
    size_t n = 0;
    *out = HTH_STR("");
    if (MHD_lookup_connection_value_n(x->c, MHD_HEADER_KIND, name, strlen(name), &value, &n) !=
            MHD_YES ||
        !value)
        return false;
    *out = hth_str_trim((HthStr){ value, n });
    return true;
}

typedef struct Headers {
    HthPair *out;
    size_t n, max;
} Headers;

static enum MHD_Result one_header(void *payload, enum MHD_ValueKind kind, const char *name,
                                  size_t name_n, const char *value, size_t value_n) {
    Headers *hs = payload;
    (void)kind;
    if (hs->n < hs->max)
        hs->out[hs->n] = (HthPair){ { name, name_n }, { value ? value : "", value ? value_n : 0 } };
    hs->n++;
    return MHD_YES;
}

static size_t headers_of(const HthX *x, HthPair *out, size_t max) {
    Headers hs = { .out = out, .max = max };
    MHD_get_connection_values_n(x->c, MHD_HEADER_KIND, one_header, &hs);
    return hs.n;
}

static const HthPeer *peer_of(const HthX *x) {
    if (!x->conn->peer_known) hth_http_peer(x->conn);
    return &x->conn->peer;
}

static const char *from_of(const HthX *x) {
    hth_http_peer_address(x->conn);
    return x->conn->peer.address;
}

static const HthXOps x_ops = { header_of, headers_of, peer_of, from_of, hth_x_sleep };

/* ---- exchanges come and go ------------------------------------------------------------------- */

void *hth_http_on_target(void *payload, const char *target, struct MHD_Connection *c) {
    HthPort *port = payload;
    HthHttp *h = port->h;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    HthConn *conn = info ? info->socket_context : NULL;
    const size_t n = strlen(target);
    HthX *x = conn ? hth_calloc(1, sizeof *x) : NULL;
    if (!x || !(x->raw = hth_calloc(n + 1, 1))) {
        hth_free(x);
        return NULL;
    }
    memcpy(x->raw, target, n);
    x->raw_n = n;
    x->raw_end = target + n;
    x->ops = &x_ops;
    x->desk = &h->desk;
    x->h = h;
    x->conn = conn;
    x->c = c;
    x->target.path = HTH_STR("");
    x->began_ns = hth_clock_ns();
    hth_buf_init(&x->body, h->cfg.body_max > HTH_PIECE ? h->cfg.body_max : HTH_PIECE);
    hth_buf_init(&x->out, HTH_OUT_MAX);
    atomic_store(&x->left, conn->hung_up);
    conn->x = x;
    conn->slow_since_ns = 0;
    conn->port->fresh -= conn->fresh;
    conn->fresh = false;
    x->next = h->xs;
    if (h->xs) h->xs->prev = x;
    h->xs = x;
    atomic_fetch_add(&h->n_xs, 1);
    atomic_fetch_add(&h->n_requests, 1);
    return x;
}

void hth_http_on_done(void *payload, struct MHD_Connection *c, void **slot,
                      enum MHD_RequestTerminationCode code) {
    HthX *x = *slot;
    (void)payload, (void)c;
    if (!x) return;
    HthHttp *h = x->h;
    *slot = NULL;
    x->ended_ns = hth_clock_ns();
    x->completed = code == MHD_REQUEST_TERMINATED_COMPLETED_OK && x->state == HTH_X_ANSWER;
    x->conn->linger = !x->completed || x->unread;
    if (!x->completed) hth_x_tell_gone(x);
    if (x->source_open && x->source.close) x->source.close(x->source.payload);
    if (x->sink.close) x->sink.close(x->sink.payload);
    hth_desk_forget(x);
    if (h->cfg.done) h->cfg.done(h->cfg.payload, x);
    hth_x_answer_drop(x);
    hth_buf_drop(&x->body);
    h->bodies -= x->held;
    if (x->prev)
        x->prev->next = x->next;
    else
        h->xs = x->next;
    if (x->next) x->next->prev = x->prev;
    x->conn->x = NULL;
    x->conn->bytes_seen = UINT64_MAX; /* to be looked up again */
    if (atomic_load(&h->draining)) shutdown(x->conn->fd, SHUT_RD);
    hth_free(x->raw);
    hth_free(x);
    atomic_fetch_sub(&h->n_xs, 1);
}

/* ---- a request arrives ----------------------------------------------------------------------- */

static const char too_many[] = "Too many requests wait to be looked at; try again soon.";

static enum MHD_Result take_headers(HthX *x, const char *method, const char *version) {
    HthErr err = { 0 };
    snprintf(x->method, sizeof x->method, "%s", strlen(method) < sizeof x->method ? method : "");
    x->is_head = !strcmp(x->method, "HEAD");
    int status = hth_http_check(x, version, &err);
    if (!status && x->conn->surplus) {
        status = 503;
        (void)HTH_FAIL(&err, HTH_EAGAIN,
                       "This server has as many connections as it may have; try again soon.");
    }
    if (status) {
        x->unread = true;
        return hth_x_refuse(x, status, err.text);
    }
    if (!strcmp(x->method, "OPTIONS") && x->has_origin) return hth_x_refuse(x, 204, "");
    x->state = HTH_X_BODY;
    if (!x->is_upload) return MHD_YES;
    x->state = HTH_X_UPLOAD;
    if (hth_desk_submit(x, HTH_X_JOB_UPLOAD)) return MHD_YES;
    x->unread = true;
    return hth_x_refuse(x, 429, too_many);
}

/* After cfg.upload. */
static enum MHD_Result take_verdict(HthX *x) {
    uint64_t length = 0;
    HthStr text = { 0 };
    x->unread = true;
    if (x->kind != HTH_ANSWER_NONE) return hth_x_send(x);
    HTH_ASSERT(x->sink.write); /* cfg.upload answers or gives a sink */
    if (hth_x_header(x, "Content-Length", &text) && hth_http_length(text, &length) &&
        length > x->sink.bytes_max)
        return hth_x_refuse(x, 413, "The file is larger than may be sent here.");
    if (HTH_PIECE > x->h->cfg.bodies_max - x->h->bodies) return hth_x_refuse(x, 429, too_many);
    x->held = HTH_PIECE;
    x->h->bodies += x->held;
    x->unread = false;
    x->body_limit = x->sink.bytes_max;
    x->state = HTH_X_BODY;
    return MHD_YES;
}

/* What nobody wants is thrown away for a while, so that the client hears why. */
static enum MHD_Result waste_body(HthX *x, size_t *n) {
    const size_t more = *n;
    hth_buf_clear(&x->body);
    *n = 0;
    x->wasted += more;
    return x->wasted <= x->h->cfg.body_max ? MHD_YES : MHD_NO;
}

static enum MHD_Result take_body(HthX *x, const char *data, size_t *n) {
    HthHttp *h = x->h;
    size_t take = *n;
    x->too_big |= take > x->body_limit - x->body_bytes;
    if (x->too_big || x->sink_status != HTH_OK) return waste_body(x, n);
    if (x->sink.write && take > HTH_PIECE - x->body.n) take = HTH_PIECE - x->body.n;
    if (!x->sink.write && x->body.n + take > x->held) { /* chunks: nobody said how many */
        const size_t more = x->body.n + take - x->held;
        if (more > h->cfg.bodies_max - h->bodies) return MHD_NO;
        x->held += more;
        h->bodies += more;
    }
    if (hth_buf_add(&x->body, data, take, NULL) != HTH_OK) return MHD_NO;
    x->body_bytes += take;
    atomic_fetch_add(&h->n_in, take);
    *n -= take;
    if (!x->sink.write || x->body.n < HTH_PIECE) return MHD_YES;
    x->state = HTH_X_SPOOL;
    (void)hth_desk_submit(x, HTH_X_JOB_PIECE); /* this queue refuses nobody */
    return MHD_YES;
}

static enum MHD_Result body_is_whole(HthX *x) {
    if (x->too_big && x->sink_status == HTH_OK)
        return hth_x_refuse(x, 413, "The body is larger than this server reads.");
    if (x->sink.write && x->body.n) { /* the last piece; then here again */
        x->state = HTH_X_SPOOL;
        (void)hth_desk_submit(x, HTH_X_JOB_PIECE);
        return MHD_YES;
    }
    x->state = HTH_X_PREP;
    if (hth_desk_submit(x, HTH_X_JOB_HANDLE)) return MHD_YES;
    return hth_x_refuse(x, 429, too_many);
}

enum MHD_Result hth_http_on_request(void *payload, struct MHD_Connection *c, const char *url,
                                    const char *method, const char *version, const char *data,
                                    size_t *n, void **slot) {
    HthX *x = *slot;
    (void)payload, (void)c, (void)url;
    if (!x || x->cut || atomic_load(&x->left)) return MHD_NO;
    switch (x->state) {
    case HTH_X_HEADERS: return take_headers(x, method, version);
    case HTH_X_UPLOAD: return take_verdict(x);
    case HTH_X_SPOOL: x->state = HTH_X_BODY; /* fall through */
    case HTH_X_BODY: return *n ? take_body(x, data, n) : body_is_whole(x);
    case HTH_X_PREP: return hth_x_send(x);
    case HTH_X_ANSWER: break;
    }
    return MHD_NO;
}
