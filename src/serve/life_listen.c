/* life_listen.c - where a server listens: options, environment, sockets that were handed over.
 *
 * Thread: main. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "serve/http_parse.h"
#include "serve/life_int.h"

enum { FIRST_FD = 3 }; /* of those that a service manager hands over */

/* ---- addresses ------------------------------------------------------------------------------- */

static HthStatus put_host(HthAddress *out, HthStr name, HthErr *err) {
    uint8_t raw[16];
    if (!name.n || hth_http_same_name(name, HTH_STR("localhost"))) name = HTH_STR("127.0.0.1");
    HTH_REQUIRE(hth_http_address(name, raw) && name.n < sizeof out->host, err, HTH_EINVAL,
                "The address to listen on is none: give one such as 127.0.0.1, ::1 or 0.0.0.0, "
                "and a port, as in 127.0.0.1:11434.");
    memcpy(out->host, name.p, name.n);
    out->host[name.n] = '\0';
    return HTH_OK;
}

HthStatus hth_life_address(HthAddress *out, HthStr text, HthErr *err) {
    static const struct {
        HthStr name;
        uint16_t port;
    } schemes[] = { { { "http://", 7 }, 80 }, { { "https://", 8 }, 443 } };
    HthAddress a = { .port = HTH_LIFE_PORT };
    HthStr name = { 0 };
    uint8_t raw[16];
    uint32_t port = 0;
    text = hth_str_trim(text);
    for (size_t i = 0; i < HTH_COUNT(schemes); i++) {
        if (!hth_str_starts(text, schemes[i].name)) continue;
        text = hth_str_sub(text, schemes[i].name.n, SIZE_MAX);
        a.port = schemes[i].port;
        a.port_said = true;
    }
    if (hth_str_ends(text, HTH_STR("/"))) text = hth_str_sub(text, 0, text.n - 1);
    const bool bare = text.n && text.p[0] == ':' && text.n > 1 && text.p[1] != ':';
    if (hth_http_address(text, raw) || !text.n) {
        name = text; /* "::1" without brackets is an address as well */
    } else if (bare) {
        uint64_t number = 0;
        HTH_REQUIRE(hth_http_length(hth_str_sub(text, 1, SIZE_MAX), &number) && number <= 65535,
                    err, HTH_EINVAL, "The port to listen on is a number up to 65535.");
        a.port = (uint16_t)number;
        a.port_said = true;
    } else {
        HTH_REQUIRE(hth_http_host(text, &name, &port), err, HTH_EINVAL,
                    "The address to listen on is not understood: give it as 127.0.0.1:11434.");
        if (memchr(text.p + name.n, ':', text.n - name.n) && port) {
            a.port = (uint16_t)port;
            a.port_said = true;
        }
    }
    HTH_TRY(put_host(&a, name, err));
    *out = a;
    return HTH_OK;
}

static HthStatus choose_address(HthAddress *out, const HthLifeCfg *cfg, HthErr *err) {
    const char *said = cfg->host;
    if (!said) said = getenv("HEARTH_HOST");
    if (!said || !*said) said = getenv("OLLAMA_HOST");
    HTH_TRY(hth_life_address(out, hth_str(said), err));
    if (cfg->port < 0) return HTH_OK;
    HTH_REQUIRE(cfg->port <= 65535, err, HTH_EINVAL, "The port is a number up to 65535.");
    out->port = (uint16_t)cfg->port;
    out->port_said = true;
    return HTH_OK;
}

/* ---- sockets --------------------------------------------------------------------------------- */

HthStatus hth_life_usual_socket(char out[HTH_LIFE_PATH_MAX], const char *state_folder,
                                HthErr *err) {
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    const char *folder = runtime && runtime[0] == '/' ? runtime : state_folder;
    int n = folder ? snprintf(out, HTH_LIFE_PATH_MAX, "%s/hearth.sock", folder) : -1;
    HTH_REQUIRE(n >= 0 && n < HTH_LIFE_PATH_MAX, err, HTH_EINVAL,
                "The path of the unix socket is longer than %d bytes; give a shorter one.",
                HTH_LIFE_PATH_MAX - 1);
    return HTH_OK;
}

static HthStatus choose_unix(HthLife *life, const HthLifeCfg *cfg, HthErr *err) {
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (!cfg->unix_path && !(runtime && runtime[0] == '/') && !cfg->state_folder) return HTH_OK;
    if (!cfg->unix_path) return hth_life_usual_socket(life->unix_path, cfg->state_folder, err);
    int n = snprintf(life->unix_path, sizeof life->unix_path, "%s", cfg->unix_path);
    HTH_REQUIRE(n >= 0 && (size_t)n < sizeof life->unix_path, err, HTH_EINVAL,
                "The path of the unix socket is longer than %zu bytes; give a shorter one.",
                sizeof life->unix_path - 1);
    return HTH_OK;
}

/* Sockets of socket activation: only when they are meant for this very process. */
static HthStatus take_handed(HthLife *life, HthErr *err) {
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    uint64_t p = 0, n = 0;
    const bool ours = pid && fds && hth_str_u64(hth_str(pid), &p) && p == (uint64_t)getpid() &&
                      hth_str_u64(hth_str(fds), &n);
    unsetenv("LISTEN_PID"); /* children are not meant */
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (!ours || !n) return HTH_OK;
    HTH_REQUIRE(n <= HTH_LIFE_LISTENS_MAX, err, HTH_ELIMIT,
                "The service manager hands over %llu sockets; at most %d are taken.",
                (unsigned long long)n, HTH_LIFE_LISTENS_MAX);
    for (int fd = FIRST_FD; fd < FIRST_FD + (int)n; fd++) {
        struct stat s;
        HTH_REQUIRE(!fstat(fd, &s) && S_ISSOCK(s.st_mode), err, HTH_EINVAL,
                    "Descriptor %d was handed over and is no socket.", fd);
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        life->listens[life->listen_count++] = (HthListen){ .fd = fd };
    }
    life->handed = true;
    return HTH_OK;
}

static HthStatus fill_life(HthLife *life, const HthLifeCfg *cfg, HthErr *err) {
    static const char no_memory[] = "No memory for the server's addresses.";
    if (cfg->cert_file)
        HTH_REQUIRE((life->cert_file = hth_strdup(cfg->cert_file)), err, HTH_ENOMEM, no_memory);
    if (cfg->key_file)
        HTH_REQUIRE((life->key_file = hth_strdup(cfg->key_file)), err, HTH_ENOMEM, no_memory);
    if (cfg->client_ca)
        HTH_REQUIRE((life->client_ca = hth_strdup(cfg->client_ca)), err, HTH_ENOMEM, no_memory);
    HTH_TRY(take_handed(life, err));
    if (!life->handed) {
        HTH_TRY(choose_address(&life->address, cfg, err));
        HTH_TRY(choose_unix(life, cfg, err));
        life->listens[life->listen_count++] =
            (HthListen){ .host = life->address.host, .port = life->address.port, .fd = -1 };
        if (life->unix_path[0])
            life->listens[life->listen_count++] =
                (HthListen){ .unix_path = life->unix_path, .fd = -1 };
    }
    for (size_t i = 0; i < life->listen_count; i++) {
        HthListen *l = &life->listens[i];
        struct sockaddr_storage a = { 0 };
        socklen_t n = sizeof a;
        if (l->unix_path) continue;
        if (l->fd >= 0 && (getsockname(l->fd, (struct sockaddr *)&a, &n) || a.ss_family == AF_UNIX))
            continue; /* TLS is for the network */
        l->cert_file = life->cert_file;
        l->key_file = life->key_file;
        l->client_ca = life->client_ca;
        l->client_ca_only = cfg->client_ca_only;
    }
    return HTH_OK;
}

HthStatus hth_life_open(HthLife **out, const HthLifeCfg *cfg, HthErr *err) {
    HthLife *life = hth_calloc(1, sizeof *life);
    HTH_REQUIRE(life, err, HTH_ENOMEM, "No memory for the server's addresses.");
    life->manager = hth_life_find_manager();
    hth_life_block_signals(life);
    const HthStatus st = fill_life(life, cfg, err);
    if (st == HTH_OK)
        *out = life;
    else
        hth_life_close(&life);
    return st;
}

void hth_life_close(HthLife **life_io) {
    HthLife *life = *life_io;
    *life_io = NULL;
    if (!life) return;
    hth_life_unblock_signals(life);
    hth_life_hush(life);
    hth_free(life->cert_file);
    hth_free(life->key_file);
    hth_free(life->client_ca);
    hth_free(life);
}

const HthListen *hth_life_listens(const HthLife *life, size_t *n) {
    *n = life->listen_count;
    return life->listens;
}

void hth_life_leave(HthLife *life) {
    for (size_t i = 0; i < life->listen_count; i++) {
        if (life->listens[i].fd >= 0) close(life->listens[i].fd);
        life->listens[i].fd = -1;
    }
}

bool hth_life_moved(const HthLife *life) {
    return life->moved;
}

HthStatus hth_life_serve(HthLife *life, HthHttp **out, const HthHttpCfg *cfg, HthErr *err) {
    HthHttpCfg full = *cfg;
    full.listens = life->listens;
    full.listen_count = life->listen_count;
    HthStatus st = hth_http_open(out, &full, err);
    const bool may_move = !life->handed && !life->address.port_said;
    for (int i = 0; may_move && st == HTH_EAGAIN && i < HTH_LIFE_PORTS_TRIED; i++) {
        life->listens[0].port++;
        st = hth_http_open(out, &full, err);
        life->moved = st == HTH_OK;
    }
    if (life->moved)
        hth_log(HTH_LOG_WARN, "serve: port %u is taken, so this server listens on %u",
                life->address.port, life->listens[0].port);
    return st;
}
