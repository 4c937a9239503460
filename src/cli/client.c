/* client.c - see client.h.  HTTP/1.0, so that an answer ends where the connection does.
 *
 * Only unix sockets and loopback addresses are ever connected to: nothing leaves the machine. */
#include "cli/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/state.h"
#include "serve/life.h"

enum { PORT = 11434, WAIT_S = 600, PIECE = 1 << 20 };

/* ---- where ---------------------------------------------------------------------------------- */

typedef struct Where {
    union {
        struct sockaddr any;
        struct sockaddr_un un;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } a;
    socklen_t n;
} Where;

static HthStatus unix_at(Where *w, const char *path, HthErr *err) {
    w->a.un = (struct sockaddr_un){ .sun_family = AF_UNIX };
    HTH_REQUIRE(strlen(path) < sizeof w->a.un.sun_path, err, HTH_EINVAL,
                "the path of the server's socket is longer than the system allows");
    memcpy(w->a.un.sun_path, path, strlen(path) + 1);
    w->n = sizeof w->a.un;
    return HTH_OK;
}

/* "[::1]:8080", "127.0.0.1:8080", "localhost", "http://127.0.0.1:8080/" */
static HthStatus tcp_at(Where *w, const char *host, HthErr *err) {
    char name[64];
    HthStr s = hth_str(host), port = HTH_STR("");
    if (hth_str_starts(s, HTH_STR("http://"))) s = hth_str_sub(s, 7, SIZE_MAX);
    while (hth_str_ends(s, HTH_STR("/"))) s.n--;
    size_t bracket = hth_str_find(s, HTH_STR("]"));
    size_t from = bracket == SIZE_MAX ? 0 : bracket;
    size_t colon = hth_str_find(hth_str_sub(s, from, SIZE_MAX), HTH_STR(":"));
    if (colon != SIZE_MAX) {
        port = hth_str_sub(s, from + colon + 1, SIZE_MAX);
        s = hth_str_sub(s, 0, from + colon);
    }
    if (s.n > 1 && s.p[0] == '[') s = hth_str_sub(s, 1, s.n - 2);
    uint64_t number = PORT;
    HTH_REQUIRE((port.n == 0 || (hth_str_u64(port, &number) && number > 0 && number < 65536)) &&
                    s.n < sizeof name,
                err, HTH_EINVAL, "the server's address must look like 127.0.0.1:11434");
    if (s.n == 0 || hth_str_eq(s, HTH_STR("localhost")) || hth_str_eq(s, HTH_STR("0.0.0.0")))
        s = HTH_STR("127.0.0.1");
    memcpy(name, s.p, s.n);
    name[s.n] = 0;
    w->a.in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)number) };
    w->n = sizeof w->a.in;
    if (inet_pton(AF_INET, name, &w->a.in.sin_addr) == 1 &&
        ntohl(w->a.in.sin_addr.s_addr) >> 24 == 127)
        return HTH_OK;
    w->a.in6 =
        (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)number) };
    w->n = sizeof w->a.in6;
    HTH_REQUIRE(inet_pton(AF_INET6, name, &w->a.in6.sin6_addr) == 1 &&
                    IN6_IS_ADDR_LOOPBACK(&w->a.in6.sin6_addr),
                err, HTH_EDENIED,
                "this verb speaks with a server on this machine only (127.0.0.1, [::1], or "
                "unix:PATH); for another, use its API");
    return HTH_OK;
}

static HthStatus try_connect(const Where *w, int *out, HthErr *err) {
    int fd = socket(w->a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    HTH_REQUIRE(fd >= 0, err, HTH_EIO, "cannot make a socket: %s", strerror(errno));
    if (connect(fd, &w->a.any, w->n) == 0) {
        const struct timeval wait = { .tv_sec = WAIT_S };
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
        *out = fd;
        return HTH_OK;
    }
    close(fd);
    return HTH_FAIL(err, HTH_EAGAIN,
                    "no server answers here; start one with: hearth serve (or name its address "
                    "with --host)");
}

static HthStatus usual_socket(char path[HTH_LIFE_PATH_MAX]) {
    HthBuf state;
    hth_buf_init(&state, 4096);
    HthStatus st = hth_state_folder(&state, false, NULL);
    if (st == HTH_OK) st = hth_life_usual_socket(path, hth_buf_str(&state).p, NULL);
    hth_buf_drop(&state);
    return st;
}

static HthStatus dial(const HthClient *c, int *out, HthErr *err) {
    const char *host = c->host;
    Where w;
    char path[HTH_LIFE_PATH_MAX];
    if (!host) host = getenv("HEARTH_HOST");
    if (!host) host = getenv("OLLAMA_HOST");
    if (host && strncmp(host, "unix:", 5) == 0) {
        HTH_TRY(unix_at(&w, host + 5, err));
        return try_connect(&w, out, err);
    }
    if (!host && usual_socket(path) == HTH_OK && unix_at(&w, path, NULL) == HTH_OK &&
        try_connect(&w, out, NULL) == HTH_OK)
        return HTH_OK;
    HTH_TRY(tcp_at(&w, host ? host : "127.0.0.1", err));
    return try_connect(&w, out, err);
}

/* ---- one call ------------------------------------------------------------------------------- */

static HthStatus send_all(const HthClient *c, int fd, HthStr s, HthErr *err) {
    const size_t total = s.n;
    while (s.n > 0) {
        ssize_t n = send(fd, s.p, s.n < PIECE ? s.n : PIECE, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        HTH_REQUIRE(n > 0, err, HTH_EIO, "the server went away");
        s = hth_str_sub(s, (size_t)n, SIZE_MAX);
        if (c->sent) c->sent(c->payload, total - s.n, total);
    }
    return HTH_OK;
}

static HthStatus read_all(int fd, HthBuf *all, HthErr *err) {
    char part[16384];
    for (;;) {
        ssize_t n = recv(fd, part, sizeof part, 0);
        if (n == 0) return HTH_OK;
        if (n < 0 && errno == EINTR) continue;
        HTH_REQUIRE(n > 0, err, HTH_EIO, "the server does not answer: %s", strerror(errno));
        HTH_TRY(hth_buf_add(all, part, (size_t)n, err));
    }
}

static HthStatus take_apart(const HthBuf *all, int *status, HthBuf *out, HthErr *err) {
    HthStr s = hth_buf_str(all);
    size_t body = hth_str_find(s, HTH_STR("\r\n\r\n"));
    uint64_t code = 0;
    HTH_REQUIRE(body != SIZE_MAX && hth_str_starts(s, HTH_STR("HTTP/1.")) &&
                    hth_str_u64(hth_str_sub(s, 9, 3), &code),
                err, HTH_EFORMAT, "what answers there is no HTTP server");
    *status = (int)code;
    return hth_buf_add_str(out, hth_str_sub(s, body + 4, SIZE_MAX), err);
}

HthStatus hth_client_call(const HthClient *c, const char *method, const char *path, HthStr body,
                          int *status_out, HthBuf *out, HthErr *err) {
    const char *key = c->key ? c->key : getenv("HEARTH_API_KEY");
    HthBuf request, all;
    int fd = -1;
    hth_buf_init(&request, 1 << 20);
    hth_buf_init(&all, 1 << 26);
    HthStatus st = dial(c, &fd, err);
    if (st != HTH_OK) goto out;
    st = hth_buf_printf(&request, err, "%s %s HTTP/1.0\r\nHost: localhost\r\n", method, path);
    if (st == HTH_OK && key)
        st = hth_buf_printf(&request, err, "Authorization: Bearer %s\r\n", key);
    if (st == HTH_OK) st = hth_buf_printf(&request, err, "Content-Length: %zu\r\n\r\n", body.n);
    if (st != HTH_OK) goto out;
    HthErr cut = { 0 }; /* who refuses a long body does not read all of it, and says why */
    HthStatus sent = send_all(c, fd, hth_buf_str(&request), &cut);
    if (sent == HTH_OK) sent = send_all(c, fd, body, &cut);
    st = read_all(fd, &all, err);
    if (st == HTH_OK) st = take_apart(&all, status_out, out, err);
    if (st != HTH_OK && sent != HTH_OK && err) *err = cut;
out:
    if (fd >= 0) close(fd);
    hth_buf_drop(&request);
    hth_buf_drop(&all);
    return st;
}

/* ---- answers -------------------------------------------------------------------------------- */

/* {"error": "..."}, or {"error": {"message": "..."}} */
static const char *sentence(const json_t *root) {
    const json_t *error = json_object_get(root, "error");
    const char *text = json_string_value(error);
    if (!text) text = json_string_value(json_object_get(error, "message"));
    return text ? text : "";
}

int hth_client_take(int status, HthStr body, json_t **out) {
    static const struct {
        int status, code;
    } codes[] = { { 400, HTH_EXIT_DATA },    { 401, HTH_EXIT_DENIED }, { 403, HTH_EXIT_DENIED },
                  { 404, HTH_EXIT_NOINPUT }, { 429, HTH_EXIT_AGAIN },  { 503, HTH_EXIT_AGAIN } };
    HthErr err = { 0 };
    json_t *root = NULL;
    if (hth_str_trim(body).n > 0 && hth_json_parse(&root, body, body.n, &err) != HTH_OK)
        return hth_cli_fail(&err);
    if (status >= 200 && status < 300) {
        *out = root;
        return HTH_EXIT_OK;
    }
    int code = HTH_EXIT_UNAVAILABLE;
    for (size_t i = 0; i < HTH_COUNT(codes); i++)
        if (codes[i].status == status) code = codes[i].code;
    const char *why = sentence(root);
    code = *why ? hth_cli_error(code, "%.300s", why)
                : hth_cli_error(code, "the server answered %d", status);
    json_decref(root);
    return code;
}

int hth_client_ask(const HthClient *c, const char *method, const char *path, HthStr body,
                   json_t **out) {
    HthBuf answer;
    HthErr err = { 0 };
    int status = 0, code = HTH_EXIT_UNAVAILABLE;
    hth_buf_init(&answer, 1 << 26);
    const HthStatus st = hth_client_call(c, method, path, body, &status, &answer, &err);
    if (st == HTH_OK)
        code = hth_client_take(status, hth_buf_str(&answer), out);
    else
        code = hth_cli_error(st == HTH_EAGAIN ? code : hth_exit_code(st), "%s", err.text);
    hth_buf_drop(&answer);
    return code;
}
