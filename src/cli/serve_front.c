/* serve_front.c - the front's process: sockets, TLS, HTTP; what it parses goes to the engine.
 *
 * Listeners are opened before the cage closes, and nothing is accepted before it has.
 *
 * Thread: the main thread. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/caged.h"
#include "cli/serve_parts.h"
#include "crypt/secret.h"
#include "serve/relay.h"

enum { CONNECTIONS_MAX = 4096, PREP_THREADS = 4, DRAIN_MS = 30000, LOOK_MS = 20 };

typedef struct Front {
    HthServe *s;
    HthRelay *relay;
    HthHttp *http;
    char folders[4][PATH_MAX]; /* of certificates */
    size_t folder_count;
} Front;

static void broken(void *payload, const char *sentence) {
    (void)payload;
    fprintf(stderr, "hearth: the front ends: %s\n", sentence);
    _exit(HTH_EXIT_INTERNAL);
}

/* A new certificate is another file of the same name: so the folder is named, and where a link in
 * it leads to. */
static void name_folder(Front *f, HthCaged *c, const char *file) {
    char at[PATH_MAX];
    for (int linked = 0; file && linked < 2; linked++) {
        char *out = f->folders[f->folder_count];
        if (linked && !realpath(file, at)) return;
        if (!linked && strlen(file) >= sizeof at) return;
        if (!linked) memcpy(at, file, strlen(file) + 1);
        char *slash = strrchr(at, '/');
        if (slash) slash[slash == at] = '\0';
        memcpy(out, slash ? at : ".", slash ? strlen(at) + 1 : 2);
        c->reads[f->folder_count++] = out;
    }
}

static HthStatus close_cage(void *payload, HthErr *err) {
    Front *f = payload;
    HthServe *s = f->s;
    HthCaged c = { .front = true, .off = s->no_cage, .lost = "" };
    name_folder(f, &c, s->life.cert_file);
    name_folder(f, &c, s->life.key_file);
    c.reads[f->folder_count] = s->life.client_ca;
    if (hth_caged_off(c.off)) return HTH_OK; /* the engine has said what that means */
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* to make a namespace; the cage forbids it again */
    HTH_REQUIRE(hth_caged(&c) == HTH_EXIT_OK, err, HTH_EIO, "the front does not start");
    return HTH_OK;
}

static HthStatus open_all(Front *f, HthErr *err) {
    static const char *const uploads[] = { "/api/blobs/" };
    HthServe *s = f->s;
    HthHttpCfg cfg = { .hosts = s->names,
                       .host_count = s->name_count,
                       .origins = s->origins,
                       .origin_count = s->origin_count,
                       .connections_max = CONNECTIONS_MAX,
                       .connections_per_address_max = CONNECTIONS_MAX / 2,
                       .prep_threads = PREP_THREADS,
                       .uploads = uploads,
                       .upload_count = HTH_COUNT(uploads),
                       .bound = close_cage,
                       .bound_payload = f };
    const HthRelayCfg relay = { .map = &s->map, .broken = broken, .refusal = hth_house_refusal };
    HTH_TRY(hth_relay_open(&f->relay, &relay, err));
    hth_relay_cfg(f->relay, &cfg);
    HTH_TRY(hth_life_serve(s->the_life, &f->http, &cfg, err));
    hth_relay_serve(f->relay, f->http);
    return HTH_OK;
}

static bool tell_ready(Front *f, int say) {
    HthServeReady ready = { .moved = hth_life_moved(f->s->the_life) };
    size_t n = 0;
    (void)hth_life_listens(f->s->the_life, &n);
    for (size_t i = 0; i < n; i++) ready.ports[i] = hth_http_port(f->http, i);
    return hth_serve_say(say, &ready, sizeof ready);
}

/* Until all is answered, the time is over, or main does not want to wait. */
static void drain(Front *f, int orders) {
    const uint64_t end = hth_clock_ns() + (uint64_t)DRAIN_MS * 1000000u;
    hth_http_drain(f->http);
    while (hth_http_busy(f->http) && hth_clock_ns() < end)
        if (hth_serve_order(orders, LOOK_MS) == HTH_SERVE_QUIT) break;
    if (hth_http_busy(f->http)) fputs("hearth: some requests were cut off\n", stderr);
}

static bool reload(Front *f) {
    HthErr err = { 0 };
    const HthStatus st = hth_http_reload(f->http, &err);
    if (st != HTH_OK) hth_log(HTH_LOG_ERROR, "serve: reloading failed: %s", err.text);
    return st == HTH_OK;
}

static void serve(Front *f, int say, int orders) {
    for (;;) {
        const int order = hth_serve_order(orders, -1);
        if (order == HTH_SERVE_RELOAD) (void)hth_serve_say(say, reload(f) ? "r" : "f", 1);
        if (order == HTH_SERVE_DRAIN) drain(f, orders);
        if (order == HTH_SERVE_DRAIN || order == HTH_SERVE_QUIT) return;
    }
}

int hth_serve_front(HthServe *s, int say, int orders) {
    Front f = { .s = s };
    int keep[4 + HTH_LIFE_LISTENS_MAX] = { say, orders, s->map.bells[0], s->map.bells[1] };
    size_t n = 0, kept = 4;
    HthErr err = { 0 };
    int code = HTH_EXIT_OK;
    const HthListen *listens = hth_life_listens(s->the_life, &n);
    for (size_t i = 0; i < n; i++)
        if (listens[i].fd >= 0) keep[kept++] = listens[i].fd;
    hth_serve_child(keep, kept);
    HthStatus st = open_all(&f, &err);
    if (st == HTH_OK) hth_serve_parent();
    if (st == HTH_OK) st = hth_secret_process(&err);
    if (st != HTH_OK)
        code = hth_cli_fail(&err);
    else if (tell_ready(&f, say))
        serve(&f, say, orders);
    if (f.relay) hth_relay_stop(f.relay);
    hth_http_close(&f.http);
    hth_relay_close(&f.relay);
    return code;
}
