/* life.h - a server's life: where it listens, what the service manager and signals say, its end.
 *
 * Addresses come from options, $HEARTH_HOST or $OLLAMA_HOST, in this order; or the service manager
 * hands over sockets that are bound already (LISTEN_FDS), and then nothing else is listened on.
 * Signals: SIGTERM and SIGINT drain, a second one cuts; SIGHUP reloads.
 *
 * Thread: main, before others are started and while they run. */
#ifndef HTH_SERVE_LIFE_H
#define HTH_SERVE_LIFE_H

#include "serve/http.h"

enum {
    HTH_LIFE_PORT = 11434,
    HTH_LIFE_PORTS_TRIED = 20,
    HTH_LIFE_LISTENS_MAX = 8,
    HTH_LIFE_PATH_MAX = 108
};

typedef struct HthAddress {
    char host[64]; /* a literal address */
    uint16_t port;
    bool port_said; /* not only assumed */
} HthAddress;

/* "127.0.0.1:11434", "localhost", "[::1]:80", "::1", ":8080", "0.0.0.0", with or without http://
 * and a "/" behind; what is not said is 127.0.0.1 and 11434 (80 after http://, 443 after https://).
 * EINVAL: anything else, names but localhost among it. */
HTH_MUST_CHECK HthStatus hth_life_address(HthAddress *out, HthStr text, HthErr *err);

typedef struct HthLifeCfg {
    const char *host; /* --host; NULL: not given */
    int port; /* --port; -1: not given */
    const char *unix_path; /* --socket; "": none; NULL: the usual place */
    const char *state_folder; /* where the usual place is without $XDG_RUNTIME_DIR */
    const char *cert_file, *key_file; /* for TCP; NULL: plain */
    const char *client_ca; /* as HthListen's, for TCP */
    bool client_ca_only;
} HthLifeCfg;

/* Where the unix socket usually is, for those who look for a running server. EINVAL: there is no
 * such place (state_folder NULL), or its name is too long. */
HTH_MUST_CHECK HthStatus hth_life_usual_socket(char out[HTH_LIFE_PATH_MAX],
                                               const char *state_folder, HthErr *err);

typedef struct HthLife HthLife;
/* Reads the environment and blocks the signals it waits for: before any thread is started. */
HTH_MUST_CHECK HthStatus hth_life_open(HthLife **out, const HthLifeCfg *cfg, HthErr *err);
void hth_life_close(HthLife **life);

/* What to give to hth_http_open; lent. */
const HthListen *hth_life_listens(const HthLife *life, size_t *n);
/* Opens the server on them. When the usual port is taken and no port was asked for, the next free
 * one of HTH_LIFE_PORTS_TRIED is used (hth_life_moved is then true); http's errors otherwise.
 * cfg.listens are filled in here. */
HTH_MUST_CHECK HthStatus hth_life_serve(HthLife *life, HthHttp **out, const HthHttpCfg *cfg,
                                        HthErr *err);
bool hth_life_moved(const HthLife *life);
/* Of those that a service manager handed over: closed in a process that does not serve them. */
void hth_life_leave(HthLife *life);
/* One of the signals it waits for, within ms; 0: none. SIGCHLD is one of them. */
int hth_life_signal(uint32_t ms);

typedef struct HthLifeHooks {
    HthStatus (*reload)(void *payload, HthErr *err); /* SIGHUP; a failure is logged */
    void (*tick)(void *payload); /* about once a second */
    /* With an HTTP server in another process: no new requests; are some under way? Is all there
     * that has to be? (asked about once a second and when a child ends; false: hth_life_run
     * returns). */
    void (*drain)(void *payload);
    bool (*busy)(void *payload);
    bool (*alive)(void *payload);
    void *payload;
    uint32_t drain_ms; /* how long requests under way may take to end; 0: 30000 */
} HthLifeHooks;
/* Says READY, waits, keeps the service manager's watchdog quiet, drains. Returns when the server
 * may be closed: true when nothing was under way any more. http NULL: as the hooks say. */
bool hth_life_run(HthLife *life, HthHttp *http, const HthLifeHooks *hooks);

/* A message to the service manager, "READY=1" and the like; false: there is none. It is asked for
 * when the life is opened: later no socket may be had. */
bool hth_life_notify(const HthLife *life, const char *message);
int hth_life_manager(const HthLife *life); /* the descriptor that leads there; -1: none */
/* In a process that is not the one it knows, before that process has descriptors of its own. */
void hth_life_hush(HthLife *life);

#endif
