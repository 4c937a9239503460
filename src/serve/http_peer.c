/* http_peer.c - who is at the other end of a connection, as the kernel says.
 *
 * Unix sockets carry the user.  For TCP from this machine the kernel's table of connections says
 * whose the other end is.  A socket that nobody holds any more is listed as the superuser's: only a
 * line that is established and has an inode counts.
 *
 * Thread: whoever owns the exchange. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "serve/http_int.h"

/* What an unmapped user looks like in a user namespace: nobody in particular. */
enum { OVERFLOW_UID = 65534, ESTABLISHED = 1, LOOKS = 4 };

bool hth_http_same_net(const struct sockaddr_storage *a, const struct sockaddr_storage *b) {
    if (a->ss_family != b->ss_family) return false;
    if (a->ss_family == AF_INET)
        return !memcmp(&((const struct sockaddr_in *)a)->sin_addr,
                       &((const struct sockaddr_in *)b)->sin_addr, 4);
    return a->ss_family == AF_INET6 && !memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
                                               &((const struct sockaddr_in6 *)b)->sin6_addr, 8);
}

typedef struct End {
    uint8_t address[16];
    uint32_t bytes;
    uint16_t port;
} End;

static End end_of(const struct sockaddr_storage *a) {
    End e = { .bytes = 4 };
    if (a->ss_family == AF_INET) {
        memcpy(e.address, &((const struct sockaddr_in *)a)->sin_addr, 4);
        e.port = ntohs(((const struct sockaddr_in *)a)->sin_port);
    } else {
        e.bytes = 16;
        memcpy(e.address, &((const struct sockaddr_in6 *)a)->sin6_addr, 16);
        e.port = ntohs(((const struct sockaddr_in6 *)a)->sin6_port);
    }
    return e;
}

static bool is_end(const End *e, const uint8_t *address, uint32_t bytes, uint16_t port) {
    static const uint8_t mapped[12] = { [10] = 0xFF, [11] = 0xFF };
    if (e->port != port) return false;
    if (e->bytes == bytes) return !memcmp(e->address, address, bytes);
    /* A client may hold an IPv6 socket for an IPv4 connection. */
    return bytes == 16 && !memcmp(address, mapped, 12) && !memcmp(address + 12, e->address, 4);
}

/* Whose it is in this line: 1: *uid; 0: it is of another connection; -1: nobody's any more. */
static int owner_of(HthStr line, const End *theirs, const End *ours, uint32_t *uid) {
    HthTcpLine t;
    if (!hth_http_tcp_line(line, &t) || !is_end(theirs, t.local, t.address_bytes, t.local_port) ||
        !is_end(ours, t.remote, t.address_bytes, t.remote_port))
        return 0;
    *uid = t.uid;
    return t.state == ESTABLISHED && t.inode ? 1 : -1;
}

/* As owner_of, in a table. */
static int owner_in(int table, const End *theirs, const End *ours, uint32_t *uid) {
    char text[8192];
    size_t have = 0;
    off_t at = 0;
    for (;;) {
        const ssize_t n = pread(table, text + have, sizeof text - have, at);
        if (n <= 0) return 0;
        at += n;
        have += (size_t)n;
        size_t begin = 0;
        for (const char *end; (end = memchr(text + begin, '\n', have - begin));) {
            const size_t length = (size_t)(end + 1 - (text + begin));
            const int whose = owner_of((HthStr){ text + begin, length }, theirs, ours, uid);
            if (whose) return whose;
            begin += length;
        }
        if (!begin) return 0; /* a line as long as the buffer is none of the kernel's */
        have -= begin;
        memmove(text, text + begin, have);
    }
}

void hth_http_tables_open(HthHttp *h) {
    h->tables[0] = open("/proc/net/tcp", O_RDONLY | O_CLOEXEC);
    h->tables[1] = open("/proc/net/tcp6", O_RDONLY | O_CLOEXEC);
}

void hth_http_tables_close(HthHttp *h) {
    for (size_t i = 0; i < 2; i++)
        if (h->tables[i] >= 0) close(h->tables[i]);
    pthread_mutex_destroy(&h->tables_mutex);
}

static void know_tcp(HthConn *conn) {
    HthPeer *p = &conn->peer;
    struct sockaddr_storage own = { 0 };
    socklen_t n = sizeof own;
    const End theirs = end_of(&conn->address);
    p->local = hth_http_is_loopback(hth_str(p->address));
    if (!p->local || getsockname(conn->fd, (struct sockaddr *)&own, &n)) return;
    const End ours = end_of(&own);
    HthHttp *h = conn->port->h;
    int whose = 0;
    /* The kernel gives its table a page at a time, and counts lines: when some go in between, ours
     * may slip through. It remembers where one reader was, so there is one at a time. */
    pthread_mutex_lock(&h->tables_mutex);
    for (int look = 0; !whose && look < LOOKS; look++) {
        if (theirs.bytes == 4) whose = owner_in(h->tables[0], &theirs, &ours, &p->uid);
        if (!whose) whose = owner_in(h->tables[1], &theirs, &ours, &p->uid);
    }
    pthread_mutex_unlock(&h->tables_mutex);
    p->uid_known = whose > 0;
}

static void know_unix(HthConn *conn) {
    struct ucred who = { 0 };
    socklen_t n = sizeof who;
    conn->peer.local = true;
    if (getsockopt(conn->fd, SOL_SOCKET, SO_PEERCRED, &who, &n) || n != sizeof who) return;
    conn->peer.uid_known = true;
    conn->peer.uid = who.uid;
}

void hth_http_peer_address(HthConn *conn) {
    HthPeer *p = &conn->peer;
    const struct sockaddr_storage *a = &conn->address;
    if (p->address[0]) return;
    if (conn->port->is_unix) {
        snprintf(p->address, sizeof p->address, "unix");
        return;
    }
    const void *raw = a->ss_family == AF_INET
                          ? (const void *)&((const struct sockaddr_in *)a)->sin_addr
                          : (const void *)&((const struct sockaddr_in6 *)a)->sin6_addr;
    if (!inet_ntop(a->ss_family, raw, p->address, sizeof p->address))
        snprintf(p->address, sizeof p->address, "unknown");
}

void hth_http_peer(HthConn *conn) {
    HthPeer *p = &conn->peer;
    hth_http_peer_address(conn);
    p->tls = conn->port->tls;
    if (conn->port->is_unix)
        know_unix(conn);
    else
        know_tcp(conn);
    if (p->uid_known && p->uid == OVERFLOW_UID) p->uid_known = false;
    conn->peer_known = true;
}
