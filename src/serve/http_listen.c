/* http_listen.c - listening sockets, and a daemon of the HTTP library for each.
 *
 * A unix socket left behind by a server that is no more is removed; one that somebody answers is
 * not ours to take.
 *
 * Thread: open and close; hth_http_unlisten the loop too. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "serve/http_int.h"

enum { BACKLOG = 511, CA_PEM_MAX = 1 << 16 };

/* ---- unix ------------------------------------------------------------------------------------ */

static bool somebody_answers(const struct sockaddr_un *a) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return true;
    const bool yes = !connect(fd, (const struct sockaddr *)a, sizeof *a) || errno == EAGAIN;
    close(fd);
    return yes;
}

static HthStatus listen_unix(HthPort *port, const char *path, HthErr *err) {
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    struct stat st;
    const size_t n = strlen(path);
    HTH_REQUIRE(n && n < sizeof a.sun_path, err, HTH_EINVAL,
                "%.80s...: the path of a unix socket has 1 to %zu bytes.", path,
                sizeof a.sun_path - 1);
    memcpy(a.sun_path, path, n);
    if (!lstat(path, &st)) {
        HTH_REQUIRE(S_ISSOCK(st.st_mode), err, HTH_EINVAL, "%s: is there and is no socket.", path);
        HTH_REQUIRE(!somebody_answers(&a), err, HTH_EDENIED,
                    "%s: another server answers there; stop it or use another path.", path);
        unlink(path);
    }
    port->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    HTH_REQUIRE(port->fd >= 0, err, HTH_EIO, "No socket: %s.", strerror(errno));
    port->is_unix = true;
    /* Modes are of the socket's inode from its first moment: nobody connects in between. */
    const mode_t before = umask(0177);
    const int bound = bind(port->fd, (struct sockaddr *)&a, sizeof a);
    const int e = errno;
    umask(before);
    HTH_REQUIRE(!bound, err, HTH_EIO, "%s: cannot listen: %s.", path, strerror(e));
    port->unix_path = hth_strdup(path);
    HTH_REQUIRE(port->unix_path, err, HTH_ENOMEM, "No memory for the server's sockets.");
    HTH_REQUIRE(!stat(path, &st), err, HTH_EIO, "%s: %s.", path, strerror(errno));
    port->inode = st.st_ino;
    HTH_REQUIRE(!listen(port->fd, BACKLOG), err, HTH_EIO, "%s: cannot listen: %s.", path,
                strerror(errno));
    return HTH_OK;
}

/* ---- TCP ------------------------------------------------------------------------------------- */

typedef union Address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} Address;

/* Literal addresses only: nothing in this program asks anybody for names. */
static bool address_of(Address *out, const char *host, uint16_t number) {
    *out = (Address){ .v4 = { .sin_family = AF_INET, .sin_port = htons(number) } };
    if (inet_pton(AF_INET, host, &out->v4.sin_addr) == 1) return true;
    *out = (Address){ .v6 = { .sin6_family = AF_INET6, .sin6_port = htons(number) } };
    return inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1;
}

static HthStatus listen_tcp(HthPort *port, const char *host, uint16_t number, HthErr *err) {
    Address a;
    const int on = 1;
    HTH_REQUIRE(address_of(&a, host, number), err, HTH_EINVAL,
                "The host to listen on is no address: give one such as 127.0.0.1 or ::1.");
    port->fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (port->fd >= 0) {
        setsockopt(port->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (a.any.sa_family == AF_INET6)
            setsockopt(port->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    const bool ok =
        port->fd >= 0 &&
        !bind(port->fd, &a.any, a.any.sa_family == AF_INET ? sizeof a.v4 : sizeof a.v6) &&
        !listen(port->fd, BACKLOG);
    const int e = errno;
    HTH_REQUIRE(ok, err, e == EADDRINUSE ? HTH_EAGAIN : HTH_EIO, "%s port %u: cannot listen: %s.",
                host, number, strerror(e));
    return HTH_OK;
}

/* What a listening socket is: ours, or one that was handed to us. */
static HthStatus know_socket(HthPort *port, HthErr *err) {
    struct sockaddr_storage a = { 0 };
    socklen_t n = sizeof a;
    int listening = 0;
    socklen_t len = sizeof listening;
    HTH_REQUIRE(!getsockname(port->fd, (struct sockaddr *)&a, &n) &&
                    !getsockopt(port->fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) && listening,
                err, HTH_EINVAL, "Descriptor %d is no listening socket.", port->fd);
    port->is_unix = a.ss_family == AF_UNIX;
    if (a.ss_family == AF_INET) port->number = ntohs(((struct sockaddr_in *)&a)->sin_port);
    if (a.ss_family == AF_INET6) port->number = ntohs(((struct sockaddr_in6 *)&a)->sin6_port);
    const int flags = fcntl(port->fd, F_GETFL);
    fcntl(port->fd, F_SETFL, flags | O_NONBLOCK);
    fcntl(port->fd, F_SETFD, FD_CLOEXEC);
    return HTH_OK;
}

/* ---- both ------------------------------------------------------------------------------------ */

/* The library tells clients the authority's name, so that a browser without one of its certificates
 * asks nobody to choose one. */
static HthStatus ask_clients(HthPort *port, HthCert *cert, const HthListen *l, HthErr *err) {
    char path[4096];
    const int n = snprintf(path, sizeof path, "%s/ca.crt", l->client_ca);
    HTH_REQUIRE(n > 0 && (size_t)n < sizeof path, err, HTH_ELIMIT,
                "The path of the authority's folder is too long.");
    port->client_ca_only = l->client_ca_only;
    port->client_ca = hth_strdup(l->client_ca);
    HTH_REQUIRE(port->client_ca, err, HTH_ENOMEM, "No memory for the server's sockets.");
    HTH_TRY(hth_http_cert_trust(cert, port, err));
    hth_buf_init(&port->client_ca_pem, CA_PEM_MAX);
    return hth_file_read(&port->client_ca_pem, path, err);
}

HthStatus hth_http_listen(HthPort *port, const HthListen *l, HthErr *err) {
    HTH_REQUIRE(!l->cert_file == !l->key_file, err, HTH_EINVAL,
                "TLS needs both, a certificate and its key.");
    HTH_REQUIRE(l->cert_file || !l->client_ca, err, HTH_EINVAL,
                "Only over TLS can a client show a certificate: the server needs one of its own.");
    if (l->cert_file) {
        HthCert *cert = NULL;
        port->tls = true;
        port->cert_file = hth_strdup(l->cert_file);
        port->key_file = hth_strdup(l->key_file);
        HTH_REQUIRE(port->cert_file && port->key_file, err, HTH_ENOMEM,
                    "No memory for the server's sockets.");
        HTH_TRY(hth_http_cert_read(&cert, port, err));
        hth_http_cert_use(port, cert);
        if (l->client_ca) HTH_TRY(ask_clients(port, cert, l, err));
    }
    if (l->fd >= 0)
        port->fd = l->fd;
    else if (l->unix_path)
        HTH_TRY(listen_unix(port, l->unix_path, err));
    else
        HTH_TRY(listen_tcp(port, l->host, l->port, err));
    return know_socket(port, err);
}

void hth_http_unlisten(HthPort *port) {
    struct stat st;
    if (port->fd >= 0) close(port->fd);
    port->fd = -1;
    if (port->unix_path && !stat(port->unix_path, &st) && st.st_ino == port->inode)
        unlink(port->unix_path);
    hth_free(port->unix_path);
    port->unix_path = NULL;
}

/* The library copies nothing of a path: decoding is ours (http_parse.h). */
static size_t leave_escapes(void *payload, struct MHD_Connection *c, char *text) {
    (void)payload, (void)c;
    return strlen(text);
}

HthStatus hth_http_start(HthPort *port, HthErr *err) {
    const HthHttpCfg *cfg = &port->h->cfg;
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
    /* The default takes TLS 1.0 and 1.1. */
    static char priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
    if (port->tls) flags |= MHD_USE_TLS;
    port->daemon = MHD_start_daemon(
        flags, 0, hth_http_on_accept, port, hth_http_on_request, port, MHD_OPTION_LISTEN_SOCKET,
        port->fd, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_CONNECTION_LIMIT,
        cfg->connections_max + HTH_SURPLUS_MAX + 16, MHD_OPTION_CONNECTION_TIMEOUT,
        (cfg->idle_ms + 999) / 1000, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTH_POOL_BYTES,
        MHD_OPTION_NOTIFY_COMPLETED, hth_http_on_done, port, MHD_OPTION_NOTIFY_CONNECTION,
        hth_http_on_connection, port, MHD_OPTION_URI_LOG_CALLBACK, hth_http_on_target, port,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_escapes, port,
        port->tls ? MHD_OPTION_HTTPS_PRIORITIES : MHD_OPTION_END, priorities,
        MHD_OPTION_HTTPS_CERT_CALLBACK, hth_http_on_handshake,
        port->client_ca ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, port->client_ca_pem.p,
        MHD_OPTION_END);
    if (!port->daemon && fcntl(port->fd, F_GETFD) < 0) port->fd = -1; /* some failures close it */
    HTH_REQUIRE(port->daemon, err, HTH_EIO, "The server does not start: the HTTP library refuses.");
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(port->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    HTH_ASSERT(info);
    port->epoll_fd = info->epoll_fd;
    return HTH_OK;
}
