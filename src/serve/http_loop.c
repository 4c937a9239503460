/* http_loop.c - the thread that owns all sockets.
 *
 * One epoll watches the library's own (one per listener), the event that other threads raise, and
 * each connection for the client's leaving, which the library does not notice while a connection
 * sleeps.  What was noticed is acted upon before the library runs: it alone frees connections.
 *
 * Thread: loop. */
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "serve/http_int.h"

enum {
    EVENTS = 64,
    FRUITLESS_MAX = 16,
    PATIENCE_MS = 2,
    SWEEP_MS = 500,
    LINGER_MS = 2000,
    SURPLUS_MS = 2000, /* for a request, of who is one too many */
    LINGER_BYTES = 1 << 18, /* thrown away per look */
    BODY_RATE = 8192 /* bytes a second, at least */
};
#define NS_PER_MS 1000000u

/* ---- sleeping and leaving -------------------------------------------------------------------- */

void hth_x_sleep(HthX *x) {
    HTH_ASSERT(!x->asleep);
    x->asleep = true;
    MHD_suspend_connection(x->c);
}

void hth_x_rouse(HthX *x) {
    if (!x->asleep) return;
    x->asleep = false;
    x->conn->port->ready = true;
    MHD_resume_connection(x->c);
}

/* The client has left: ends the exchange. */
static void is_gone(HthX *x) {
    atomic_store(&x->left, true);
    if (x->away) return; /* told when it is back */
    hth_x_tell_gone(x);
    x->cut = true;
    if (x->asleep)
        hth_x_rouse(x);
    else if (x->state != HTH_X_ANSWER || x->kind == HTH_ANSWER_SOURCE)
        shutdown(x->conn->fd, SHUT_RDWR); /* half-closed: the library would go on writing */
}

/* ---- what other threads have done ------------------------------------------------------------ */

static void x_is_back(HthX *x) {
    x->away = false;
    if (atomic_load(&x->left))
        is_gone(x);
    else if (x->state == HTH_X_PREP && x->kind == HTH_ANSWER_SOURCE && x->source.whole)
        hth_x_pump(x);
    else if (x->state != HTH_X_PREP || !x->source.held)
        hth_x_rouse(x);
}

void hth_x_stir(HthX *x) {
    if (x->away || !x->source_open || x->cut) return;
    if (x->state == HTH_X_PREP && x->source.whole)
        hth_x_pump(x);
    else if (x->state == HTH_X_ANSWER)
        hth_x_rouse(x);
}

static void each_woken(HthX *x, bool back) {
    if (back)
        x_is_back(x);
    else
        hth_x_stir(x);
}

/* ---- clients that take their time ------------------------------------------------------------ */

static uint64_t received(const HthConn *c) {
    struct tcp_info info;
    socklen_t n = sizeof info;
    memset(&info, 0, sizeof info);
    if (c->port->is_unix || getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &n)) return 0;
    return info.tcpi_bytes_received;
}

/* The library times out who sends nothing; here who sends, but never enough. */
static bool is_too_slow(HthConn *c, uint64_t now) {
    const HthHttpCfg *cfg = &c->port->h->cfg;
    const uint64_t header_ns = (uint64_t)cfg->header_ms * NS_PER_MS;
    const HthX *x = c->x;
    if (c->surplus && now - c->began_ns > (uint64_t)SURPLUS_MS * NS_PER_MS) return true;
    if (x && x->state == HTH_X_HEADERS) return now - x->began_ns > header_ns;
    if (x && x->state == HTH_X_BODY)
        return now - x->began_ns > (uint64_t)cfg->body_grace_ms * NS_PER_MS +
                                       x->body_bytes * (1000u * NS_PER_MS / BODY_RATE);
    if (x) return false;
    const uint64_t bytes = received(c);
    if (c->bytes_seen == UINT64_MAX) c->bytes_seen = bytes;
    if (bytes <= c->bytes_seen) return false;
    if (!c->slow_since_ns) c->slow_since_ns = now;
    return now - c->slow_since_ns > header_ns;
}

static void look_after(HthHttp *h, uint64_t now) {
    static char waste[LINGER_BYTES];
    for (HthConn *c = h->conns; c; c = c->next)
        if (is_too_slow(c, now) || (c->checked_by && !hth_http_tls_holds(c)))
            shutdown(c->fd, SHUT_RDWR);
    for (uint32_t i = 0; i < h->linger_count;) {
        const ssize_t n = recv(h->lingers[i].fd, waste, sizeof waste, MSG_DONTWAIT);
        const bool more = n > 0 || (n < 0 && errno == EAGAIN);
        if (more && now < h->lingers[i].until_ns) {
            i++;
            continue;
        }
        close(h->lingers[i].fd);
        h->lingers[i] = h->lingers[--h->linger_count];
    }
}

/* Closing with unread bytes in the socket would take our answer back from the client's side of the
 * line: keep a second handle and read on for a moment. */
void hth_http_linger(HthHttp *h, int fd) {
    if (h->linger_count == HTH_LINGERS_MAX) return;
    const int twin = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (twin < 0) return;
    h->lingers[h->linger_count].fd = twin;
    h->lingers[h->linger_count++].until_ns = hth_clock_ns() + (uint64_t)LINGER_MS * NS_PER_MS;
    h->sweep_ns = 0;
}

static void ping_streams(HthHttp *h, uint64_t now) {
    uint64_t next = UINT64_MAX, due = 0;
    for (HthX *x = h->xs; x; x = x->next)
        if (hth_x_ping(x, now, &due) && due < next) next = due;
    h->ping_ns = next;
}

static void timers(HthHttp *h, uint64_t now) {
    if (now >= h->sweep_ns) {
        look_after(h, now);
        h->sweep_ns = now + (uint64_t)(h->linger_count ? 10 : SWEEP_MS) * NS_PER_MS;
    }
    if (now >= h->ping_ns) ping_streams(h, now);
}

/* ---- round and round ------------------------------------------------------------------------- */

/* No new connections; those that wait for a request are let go. */
static void go_quiet(HthHttp *h) {
    h->quiet = true;
    for (size_t i = 0; i < h->port_count; i++) {
        (void)MHD_quiesce_daemon(h->ports[i].daemon);
        h->ports[i].ready = true;
        hth_http_unlisten(&h->ports[i]);
    }
    for (HthConn *c = h->conns; c; c = c->next)
        if (!c->x) shutdown(c->fd, SHUT_RD);
}

/* The library calls a TLS handshake that waits for its client "ready", and would be run again and
 * again for it. After a few runs of which nothing came, this is how long it has to wait; an event
 * is acted upon at once. */
static uint64_t patience_ms(HthPort *port) {
    port->ready = true; /* after the wait, if there is one */
    if (!port->tls || !port->fresh) return 0;
    return port->fruitless++ < FRUITLESS_MAX ? 0 : PATIENCE_MS;
}

static int wait_ms(HthHttp *h, uint64_t now) {
    uint64_t wake = h->ping_ns;
    if ((h->conns || h->linger_count) && h->sweep_ns < wake) wake = h->sweep_ns;
    uint64_t ms = wake == UINT64_MAX ? 60000 : wake <= now ? 0 : (wake - now) / NS_PER_MS + 1;
    for (size_t i = 0; i < h->port_count; i++) {
        MHD_UNSIGNED_LONG_LONG port_ms = 0;
        if (MHD_get_timeout(h->ports[i].daemon, &port_ms) != MHD_YES) continue;
        if (!port_ms) port_ms = patience_ms(&h->ports[i]);
        if (port_ms < ms) ms = port_ms;
    }
    return ms > 60000 ? 60000 : (int)ms;
}

static void take_event(HthHttp *h, const struct epoll_event *ev) {
    HthPort *const first = h->ports;
    void *const p = ev->data.ptr;
    if (p == &h->desk) {
        h->cfg.also(h->cfg.payload);
    } else if (p == h) {
        uint64_t count;
        const ssize_t got = read(h->desk.event_fd, &count, sizeof count);
        (void)got;
    } else if ((HthPort *)p >= first && (HthPort *)p < first + h->port_count) {
        ((HthPort *)p)->ready = true;
        ((HthPort *)p)->fruitless = 0;
    } else {
        HthConn *c = p;
        if (!(ev->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))) return;
        c->hung_up = true;
        if (c->x) is_gone(c->x);
    }
}

static void run_ports(HthHttp *h) {
    for (size_t i = 0; i < h->port_count; i++) {
        if (!h->ports[i].ready) continue;
        h->ports[i].ready = false;
        hth_http_tls_at(&h->ports[i]);
        MHD_run(h->ports[i].daemon);
    }
}

static void end_all(HthHttp *h) {
    for (HthX *x = h->xs; x; x = x->next) {
        x->away = false; /* the helpers are no more */
        is_gone(x);
    }
    if (!h->quiet) go_quiet(h); /* or the library would close our listeners */
    for (size_t i = 0; i < h->port_count; i++) {
        MHD_stop_daemon(h->ports[i].daemon);
        h->ports[i].daemon = NULL;
    }
    while (h->linger_count) close(h->lingers[--h->linger_count].fd);
}

void *hth_http_loop(void *payload) {
    HthHttp *h = payload;
    struct epoll_event events[EVENTS];
    bool stop = false;
    while (!stop) {
        const int ms = wait_ms(h, hth_clock_ns());
        atomic_fetch_add_explicit(&h->n_rounds, 1, memory_order_relaxed);
        const int n = epoll_wait(h->epoll_fd, events, EVENTS, ms);
        for (int i = 0; i < n; i++) take_event(h, &events[i]);
        stop = hth_desk_take(&h->desk, each_woken);
        if (atomic_load(&h->draining) && !h->quiet) go_quiet(h);
        timers(h, hth_clock_ns());
        if (!n) /* a timeout may be the library's */
            for (size_t i = 0; i < h->port_count; i++) h->ports[i].ready = true;
        run_ports(h);
    }
    end_all(h);
    return NULL;
}
