/* http_client.h - a raw socket client for tests of the server: bytes out, bytes in, with deadlines.
 *
 * Deadlines are far away (DEADLINE_MS): they end a test that hangs, they measure nothing.
 *
 * Thread: the test's; a client belongs to one thread. */
#ifndef HTH_TESTS_SUPPORT_HTTP_CLIENT_H
#define HTH_TESTS_SUPPORT_HTTP_CLIENT_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "support/test.h"

#define DEADLINE_MS 20000

static inline int client_tcp(uint16_t port) {
    const struct sockaddr_in a = { .sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&a, sizeof a)) {
        if (fd >= 0) close(fd);
        return -1;
    }
    return fd;
}

static inline int client_unix(const char *path) {
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&a, sizeof a)) {
        if (fd >= 0) close(fd);
        return -1;
    }
    return fd;
}

/* False when the other side has closed. */
static inline bool client_send(int fd, const void *bytes, size_t n) {
    const char *p = bytes;
    while (n) {
        const ssize_t put = send(fd, p, n, MSG_NOSIGNAL);
        if (put < 0) return false;
        p += put;
        n -= (size_t)put;
    }
    return true;
}

static inline bool client_say(int fd, const char *text) {
    return client_send(fd, text, strlen(text));
}

/* Appends what is there; waits for some. 0: end or reset, -1: nothing within ms. */
static inline int client_recv(int fd, HthBuf *in, int ms) {
    char bytes[65536];
    struct pollfd p = { .fd = fd, .events = POLLIN };
    if (poll(&p, 1, ms) <= 0) return -1;
    const ssize_t n = recv(fd, bytes, sizeof bytes, 0);
    if (n <= 0) return 0;
    assert_int_equal(hth_buf_add(in, bytes, (size_t)n, NULL), HTH_OK);
    return (int)n;
}

static inline void client_until(int fd, HthBuf *in, const char *text) {
    while (hth_str_find(hth_buf_str(in), hth_str(text)) == SIZE_MAX) {
        const int n = client_recv(fd, in, DEADLINE_MS);
        if (n <= 0)
            fail_msg("%s before \"%s\" came; so far: %.300s", n ? "nothing" : "the end", text,
                     hth_buf_str(in).p);
    }
}

static inline void client_to_end(int fd, HthBuf *in) {
    int n;
    while ((n = client_recv(fd, in, DEADLINE_MS)) > 0) {
    }
    if (n < 0) fail_msg("the server does not close; so far: %.300s", hth_buf_str(in).p);
}

static inline int client_status(const HthBuf *in) {
    uint64_t v = 0;
    const HthStr s = hth_buf_str(in);
    if (s.n < 12 || memcmp(s.p, "HTTP/1.", 7) != 0) return 0;
    return hth_str_u64((HthStr){ s.p + 9, 3 }, &v) ? (int)v : 0;
}

/* The body of a first answer with Content-Length; the answer is removed from `in`. */
static inline int client_answer(int fd, HthBuf *in, HthBuf *body) {
    client_until(fd, in, "\r\n\r\n");
    const size_t head = hth_str_find(hth_buf_str(in), HTH_STR("\r\n\r\n")) + 4;
    const int status = client_status(in);
    const size_t at = hth_str_find(hth_buf_str(in), HTH_STR("Content-Length: "));
    size_t length = 0;
    if (at < head) length = strtoul(in->p + at + 16, NULL, 10);
    while (in->n < head + length)
        if (client_recv(fd, in, DEADLINE_MS) <= 0) fail_msg("the body ends early");
    if (body) {
        hth_buf_clear(body);
        assert_int_equal(hth_buf_add(body, in->p + head, length, NULL), HTH_OK);
    }
    memmove(in->p, in->p + head + length, in->n - head - length + 1);
    in->n -= head + length;
    return status;
}

/* Takes the chunks of `in` apart. False while the last one has not come. */
static inline bool client_unchunk(const HthBuf *in, HthBuf *body) {
    size_t at = hth_str_find(hth_buf_str(in), HTH_STR("\r\n\r\n"));
    hth_buf_clear(body);
    if (at == SIZE_MAX) return false;
    for (at += 4;;) {
        char *end = NULL;
        if (at >= in->n) return false;
        const size_t n = strtoul(in->p + at, &end, 16);
        const size_t from = (size_t)(end - in->p) + 2;
        if (from + n + 2 > in->n) return false;
        if (!n) return true;
        assert_int_equal(hth_buf_add(body, in->p + from, n, NULL), HTH_OK);
        at = from + n + 2;
    }
}

/* One request on a connection of its own. Returns the status; 0: closed without an answer. */
static inline int client_once(uint16_t port, const char *request, HthBuf *in) {
    const int fd = client_tcp(port);
    assert_true(fd >= 0);
    hth_buf_clear(in);
    (void)client_say(fd, request);
    for (;;) {
        const int n = client_recv(fd, in, DEADLINE_MS);
        assert_int_not_equal(n, -1);
        if (!n) break;
        const HthStr s = hth_buf_str(in);
        const size_t head = hth_str_find(s, HTH_STR("\r\n\r\n"));
        if (head == SIZE_MAX) continue;
        const size_t at = hth_str_find(s, HTH_STR("Content-Length: "));
        const size_t length = at < head ? strtoul(s.p + at + 16, NULL, 10) : 0;
        if (at < head && s.n >= head + 4 + length) break;
        if (at > head && client_status(in) == 204) break;
    }
    close(fd);
    return client_status(in);
}

#endif
