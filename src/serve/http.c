/* http.c - opening, draining and closing the server: see http.h.
 *
 * Thread: open, drain, busy, stats and close belong to whoever owns the server. */
#include "serve/http.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "serve/http_int.h"

/* ---- configuration --------------------------------------------------------------------------- */

static void fill_defaults(HthHttpCfg *cfg) {
    if (!cfg->connections_max) cfg->connections_max = 1024;
    if (!cfg->connections_per_address_max) cfg->connections_per_address_max = 256;
    if (!cfg->body_max) cfg->body_max = (size_t)64 << 20;
    if (!cfg->prep_threads) cfg->prep_threads = 2;
    if (!cfg->requests_waiting_max) cfg->requests_waiting_max = 256;
    if (!cfg->idle_ms) cfg->idle_ms = 120000;
    if (!cfg->bodies_max) cfg->bodies_max = (size_t)1 << 30;
    if (cfg->bodies_max < cfg->body_max) cfg->bodies_max = cfg->body_max;
    if (!cfg->header_ms) cfg->header_ms = 20000;
    if (!cfg->body_grace_ms) cfg->body_grace_ms = 30000;
}

static HthStatus check_cfg(const HthHttpCfg *cfg, HthErr *err) {
    HthStr name;
    uint32_t port;
    bool tls;
    HTH_REQUIRE(cfg->listen_count, err, HTH_EINVAL, "The server has nothing to listen on.");
    HTH_REQUIRE(
        cfg->prep_threads <= 64 && cfg->connections_max <= 1 << 20 && cfg->idle_ms <= 86400000, err,
        HTH_EINVAL, "A limit of the server is too large: 64 threads, 1048576 connections, a day.");
    for (size_t i = 0; i < cfg->host_count; i++)
        HTH_REQUIRE(hth_http_host(hth_str(cfg->hosts[i]), &name, &port) && !port, err, HTH_EINVAL,
                    "Host number %zu is no name: give it without scheme, port and path.", i + 1);
    for (size_t i = 0; i < cfg->origin_count; i++)
        HTH_REQUIRE(hth_http_origin(hth_str(cfg->origins[i]), &tls, &name, &port), err, HTH_EINVAL,
                    "Origin number %zu is none: give scheme, host and port, as in "
                    "https://chat.example:8443; '*' would let any page in.",
                    i + 1);
    for (size_t i = 0; i < cfg->upload_count; i++)
        HTH_ASSERT(cfg->upload && cfg->uploads[i][0] == '/');
    HTH_ASSERT(cfg->handle);
    return HTH_OK;
}

static HthStatus copy_list(char ***out, const char *const *list, size_t n, HthErr *err) {
    static const char sentence[] = "No memory for the server.";
    if (!n) return HTH_OK;
    char **copy = hth_calloc(n + 1, sizeof *copy); /* ends with NULL */
    HTH_REQUIRE(copy, err, HTH_ENOMEM, sentence);
    *out = copy;
    for (size_t i = 0; i < n; i++)
        HTH_REQUIRE((copy[i] = hth_strdup(list[i])), err, HTH_ENOMEM, sentence);
    return HTH_OK;
}

static void free_list(char **list) {
    for (size_t i = 0; list && list[i]; i++) hth_free(list[i]);
    hth_free(list);
}

/* ---- open and close -------------------------------------------------------------------------- */

static HthStatus watch(HthHttp *h, int fd, void *what, HthErr *err) {
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = what };
    HTH_REQUIRE(!epoll_ctl(h->epoll_fd, EPOLL_CTL_ADD, fd, &ev), err, HTH_EIO,
                "The system lets the server watch no more descriptors.");
    return HTH_OK;
}

static HthStatus open_ports(HthHttp *h, const HthHttpCfg *cfg, HthErr *err) {
    h->ports = hth_calloc(cfg->listen_count, sizeof *h->ports);
    HTH_REQUIRE(h->ports, err, HTH_ENOMEM, "No memory for the server.");
    for (size_t i = 0; i < cfg->listen_count; i++) {
        HthPort *port = &h->ports[h->port_count++];
        port->h = h;
        port->fd = -1;
        HTH_TRY(hth_http_listen(port, &cfg->listens[i], err));
    }
    for (size_t i = 0; i < h->port_count; i++) {
        HTH_TRY(hth_http_start(&h->ports[i], err));
        HTH_TRY(watch(h, h->ports[i].epoll_fd, &h->ports[i], err));
        h->ports[i].ready = true;
    }
    return HTH_OK;
}

static HthStatus open_all(HthHttp *h, const HthHttpCfg *cfg, HthErr *err) {
    HTH_TRY(copy_list(&h->hosts, cfg->hosts, cfg->host_count, err));
    HTH_TRY(copy_list(&h->origins, cfg->origins, cfg->origin_count, err));
    HTH_TRY(copy_list(&h->uploads, cfg->uploads, cfg->upload_count, err));
    h->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    h->desk.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    HTH_REQUIRE(h->epoll_fd >= 0 && h->desk.event_fd >= 0, err, HTH_EIO,
                "The system gives the server no more descriptors.");
    HTH_TRY(watch(h, h->desk.event_fd, h, err));
    if (cfg->also) HTH_TRY(watch(h, cfg->also_fd, &h->desk, err));
    hth_http_tables_open(h);
    HTH_TRY(open_ports(h, cfg, err));
    if (cfg->bound) HTH_TRY(cfg->bound(cfg->bound_payload, err));
    HTH_TRY(hth_desk_start(&h->desk, h->cfg.prep_threads, err));
    h->loop_started = hth_desk_thread(&h->loop, hth_http_loop, h);
    HTH_REQUIRE(h->loop_started, err, HTH_EIO, "The system gives the server no more threads.");
    return HTH_OK;
}

HthStatus hth_http_open(HthHttp **out, const HthHttpCfg *cfg, HthErr *err) {
    HthHttpCfg full = *cfg;
    fill_defaults(&full);
    HTH_TRY(check_cfg(&full, err));
    HthHttp *h = hth_calloc(1, sizeof *h);
    HTH_REQUIRE(h, err, HTH_ENOMEM, "No memory for the server.");
    h->cfg = full;
    h->epoll_fd = h->desk.event_fd = h->tables[0] = h->tables[1] = -1;
    pthread_mutex_init(&h->tables_mutex, NULL);
    h->ping_ns = UINT64_MAX;
    h->desk.handle = full.handle;
    h->desk.upload = full.upload_count ? full.upload : NULL;
    h->desk.payload = full.payload;
    h->desk.waiting_max = full.requests_waiting_max;
    hth_desk_init(&h->desk);
    const HthStatus st = open_all(h, cfg, err);
    if (st != HTH_OK)
        hth_http_close(&h);
    else
        *out = h;
    return st;
}

void hth_http_close(HthHttp **h_io) {
    HthHttp *h = *h_io;
    *h_io = NULL;
    if (!h) return;
    hth_desk_stop(&h->desk);
    if (h->loop_started) pthread_join(h->loop, NULL);
    for (size_t i = 0; i < h->port_count; i++) {
        if (h->ports[i].daemon) { /* there never was a loop */
            (void)MHD_quiesce_daemon(h->ports[i].daemon);
            MHD_stop_daemon(h->ports[i].daemon);
        }
        hth_http_unlisten(&h->ports[i]);
        hth_http_cert_drop(h->ports[i].cert);
        hth_free(h->ports[i].cert_file);
        hth_free(h->ports[i].key_file);
        hth_free(h->ports[i].client_ca);
        hth_buf_drop(&h->ports[i].client_ca_pem);
    }
    hth_free(h->ports);
    hth_http_tables_close(h);
    if (h->desk.event_fd >= 0) close(h->desk.event_fd);
    if (h->epoll_fd >= 0) close(h->epoll_fd);
    free_list(h->hosts);
    free_list(h->origins);
    free_list(h->uploads);
    hth_desk_drop(&h->desk);
    hth_free(h);
}

/* ---- while it runs --------------------------------------------------------------------------- */

uint16_t hth_http_port(const HthHttp *h, size_t listen) {
    HTH_ASSERT(listen < h->port_count);
    return h->ports[listen].number;
}

static HthStatus trust_again(HthCert *cert, const HthPort *port, HthErr *err) {
    HthErr why = { 0 };
    const HthStatus st = hth_http_cert_trust(cert, port, &why);
    return st == HTH_OK
               ? st
               : HTH_FAIL(err, st, "%s; no client certificate is good until it can be read",
                          why.text);
}

HthStatus hth_http_reload(HthHttp *h, HthErr *err) {
    HthStatus st = HTH_OK;
    HthCert **fresh = hth_calloc(h->port_count, sizeof *fresh);
    HTH_REQUIRE(fresh, err, HTH_ENOMEM, "No memory for the certificates.");
    for (size_t i = 0; st == HTH_OK && i < h->port_count; i++)
        if (h->ports[i].tls) st = hth_http_cert_read(&fresh[i], &h->ports[i], err);
    const bool use = st == HTH_OK;
    for (size_t i = 0; i < h->port_count; i++) {
        if (use && fresh[i] && st == HTH_OK) st = trust_again(fresh[i], &h->ports[i], err);
        if (use && fresh[i])
            hth_http_cert_use(&h->ports[i], fresh[i]);
        else
            hth_http_cert_drop(fresh[i]);
    }
    hth_free(fresh);
    return st;
}

void hth_http_drain(HthHttp *h) {
    atomic_store(&h->draining, true);
    hth_desk_tell(&h->desk);
}

uint32_t hth_http_busy(HthHttp *h) {
    return atomic_load(&h->n_xs);
}

HthHttpStats hth_http_stats(HthHttp *h) {
    return (HthHttpStats){
        .connections = atomic_load(&h->n_conns),
        .exchanges = atomic_load(&h->n_xs),
        .requests = atomic_load(&h->n_requests),
        .refused = atomic_load(&h->n_refused),
        .bytes_in = atomic_load(&h->n_in),
        .bytes_out = atomic_load(&h->n_out),
        .rounds = atomic_load(&h->n_rounds),
    };
}
