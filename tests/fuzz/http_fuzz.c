/* http_fuzz.c - any bytes as the server's small grammars, and as what a client sends it.
 *
 * The first byte says which: even, all parsers; odd, a real server on a unix socket, which must
 * answer or close and serve the next one.
 *
 * Thread: one, and the server's. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "serve/http.h"
#include "serve/http_parse.h"
#include "serve/keys.h"
#include "serve/life.h"
#include "serve/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static HthHttp *server;
static char folder[] = "/tmp/hearth-fuzz-XXXXXX", path[64];

/* ---- the grammars ---------------------------------------------------------------------------- */

static void a_target(HthStr s) {
    HthErr err = { 0 };
    HthTarget t = { 0 };
    char *copy = hth_calloc(s.n, 1);
    HTH_ASSERT(copy);
    if (s.n) memcpy(copy, s.p, s.n);
    if (hth_http_target(&t, copy, s.n, &err) == HTH_OK) {
        HTH_ASSERT(t.path.n && t.path.p[0] == '/' && hth_utf8_valid(t.path));
        HTH_ASSERT(!memchr(t.path.p, 0, t.path.n));
        HTH_ASSERT(hth_str_find(t.path, HTH_STR("/../")) == SIZE_MAX);
        HTH_ASSERT(!hth_str_ends(t.path, HTH_STR("/..")));
        for (uint32_t i = 0; i < t.query_count; i++) HTH_ASSERT(hth_utf8_valid(t.query[i].value));
    } else {
        HTH_ASSERT(err.text[0]);
    }
    hth_free(copy);
}

static void words(HthStr s) {
    HthStr name = { 0 }, cookie = { 0 };
    HthTcpLine line;
    uint32_t port = 0;
    uint64_t length = 0;
    uint8_t raw[16];
    bool tls = false;
    if (hth_http_host(s, &name, &port)) {
        HTH_ASSERT(name.n && port <= 65535 && name.p >= s.p && name.p + name.n <= s.p + s.n);
        if (hth_http_is_loopback(name)) HTH_ASSERT(name.n <= 45);
    }
    if (hth_http_origin(s, &tls, &name, &port)) HTH_ASSERT(port && name.n);
    if (hth_http_cookie(s, "hearth", &cookie)) HTH_ASSERT(!memchr(cookie.p, ';', cookie.n));
    if (hth_http_tcp_line(s, &line))
        HTH_ASSERT(line.address_bytes == 4 || line.address_bytes == 16);
    if (hth_http_length(s, &length)) HTH_ASSERT(length < 1000000000000000000u);
    (void)hth_http_address(s, raw);
    if (hth_http_is_token_list(s)) HTH_ASSERT(hth_http_is_value(s));
}

/* Scopes of keys, and whose page it is. */
static void access_rules(HthStr s) {
    static const char *const listed[] = { "https://app.example" };
    const HthNames names = { listed, 0, listed, 1 };
    HthScope scope = { .verbs = 0 };
    const char *origin = NULL;
    uint32_t verbs = 0;
    if (hth_scope_models(s, scope.models, NULL) == HTH_OK)
        HTH_ASSERT(scope.models[0] && strlen(scope.models) <= HTH_SCOPE_MODELS_MAX);
    (void)hth_scope_has_model(&scope, s);
    if (hth_scope_verbs(s, &verbs, NULL) == HTH_OK)
        HTH_ASSERT(verbs && !(verbs & ~(uint32_t)HTH_MAY_ALL));
    if (hth_policy_host(&names, s, true) == HTH_HOST_OURS) HTH_ASSERT(s.n <= 64);
    const HthOriginIs is = hth_policy_origin(&names, s, s, true, false, &origin);
    HTH_ASSERT(is != HTH_ORIGIN_NONE && (is == HTH_ORIGIN_LISTED) == (origin != NULL));
}

static void settings(HthStr s) {
    HthErr err = { 0 };
    HthAddress a;
    HthKeys k = { 0 };
    uint8_t raw[16];
    const uint64_t live = hth_mem_live();
    if (hth_life_address(&a, s, &err) == HTH_OK) HTH_ASSERT(hth_http_address(hth_str(a.host), raw));
    if (hth_keys_parse(&k, s, &err) == HTH_OK)
        for (uint32_t i = 0; i < k.count; i++) HTH_ASSERT(hth_user_name(hth_str(k.keys[i].name)));
    hth_keys_drop(&k);
    HTH_ASSERT(server || hth_mem_live() == live); /* its threads allocate as well */
}

/* ---- the server ------------------------------------------------------------------------------ */

static void handle(void *payload, HthX *x) {
    HthStr out;
    (void)payload;
    HTH_ASSERT(hth_x_path(x).n && hth_x_path(x).p[0] == '/');
    (void)hth_x_query(x, "a", &out);
    (void)hth_x_cookie(x, "hearth", &out);
    hth_x_reply(x, 200, "text/plain", hth_x_body(x));
}

static void stop_server(void) {
    hth_http_close(&server);
    rmdir(folder);
}

static void start_server(void) {
    static HthListen listen = { .unix_path = path, .fd = -1 };
    const HthHttpCfg cfg = {
        .listens = &listen, .listen_count = 1, .handle = handle, .body_max = 1 << 16
    };
    HthErr err = { 0 };
    HTH_ASSERT(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/s", folder);
    HTH_ASSERT(hth_http_open(&server, &cfg, &err) == HTH_OK);
    atexit(stop_server);
}

/* Whatever it answers begins as an answer does. ms: how long a first byte may take, for requests
 * that are complete; the others are left alone after a moment. */
static void send_and_look(const uint8_t *data, size_t size, int ms) {
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    char bytes[4096];
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    HTH_ASSERT(fd >= 0 && !connect(fd, (struct sockaddr *)&a, sizeof a));
    while (size) {
        const ssize_t put = send(fd, data, size, MSG_NOSIGNAL);
        if (put <= 0) break; /* it has heard enough */
        data += put;
        size -= (size_t)put;
    }
    struct pollfd p = { .fd = fd, .events = POLLIN };
    int ready;
    do ready = poll(&p, 1, ms);
    while (ready < 0 && errno == EINTR); /* a fuzzer has alarms */
    const ssize_t n = ready > 0 ? recv(fd, bytes, sizeof bytes, 0) : 0;
    if (n >= 7) HTH_ASSERT(!memcmp(bytes, "HTTP/1.", 7));
    if (ms > 1000) HTH_ASSERT(n >= 12 && !memcmp(bytes + 8, " 200", 4));
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char good[] = "GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n";
    if (!size) return 0;
    const HthStr s = { (const char *)data + 1, size - 1 };
    if (data[0] & 1) {
        if (!server) start_server();
        send_and_look(data + 1, size - 1, 1);
        send_and_look((const uint8_t *)good, sizeof good - 1, 60000);
    } else {
        a_target(s);
        words(s);
        access_rules(s);
        settings(s);
    }
    return 0;
}
