/* link_fuzz.c - what front and engine read of each other, and either of them hearing anything.
 *
 * The first byte says which: 0-2 a request, an answer, an end; 3 the ring's memory as the other
 * side may have left it; 4 records for an engine: kind, slot, serial, number, two bytes of length,
 * bytes; 5 which request a client makes of a front, and records for that, their slot and serial
 * counted from the request's.
 *
 * Thread: one, and the engine's or the front's. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "serve/far.h"
#include "serve/relay.h"
#include "serve/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- the three texts ------------------------------------------------------------------------- */

/* What was read is written again as it was. */
static void same(HthStatus st, HthBuf *out, HthStr s) {
    if (st == HTH_OK && !hth_str_eq(hth_buf_str(out), s)) __builtin_trap();
    hth_buf_drop(out);
}

static void a_text(int which, HthStr s) {
    static HthWireAsk ask;
    static HthWireAnswer answer;
    static HthWireEnd end;
    HthBuf out;
    hth_buf_init(&out, 1 << 24);
    if (which == 0 && hth_wire_ask_get(&ask, s)) {
        if (!hth_http_path_is_plain(ask.path) || !ask.method[0]) __builtin_trap();
        same(hth_wire_ask_put(&out, &ask, NULL), &out, s);
    } else if (which == 1 && hth_wire_answer_get(&answer, s)) {
        if (answer.status < 200 || answer.status > 599) __builtin_trap();
        same(hth_wire_answer_put(&out, &answer, NULL), &out, s);
    } else if (which == 2 && hth_wire_end_get(&end, s)) {
        same(hth_wire_end_put(&out, &end, NULL), &out, s);
    }
}

/* ---- a ring of somebody else's --------------------------------------------------------------- */

static void a_ring(const uint8_t *data, size_t n) {
    enum { BYTES = 1024, MOST = 200 };
    static _Alignas(64) uint8_t memory[2048];
    uint8_t record[MOST];
    HthRing *r = NULL;
    size_t got;
    const size_t all = hth_ring_over_bytes(BYTES, MOST);
    if (all > sizeof memory) __builtin_trap();
    memset(memory, 0, sizeof memory);
    memset(memory + all, 0x5A, sizeof memory - all);
    memcpy(memory, data, n < 8 ? n : 8); /* how far it is, it says */
    if (n > 8) memcpy(memory + 128, data + 8, n - 8 < all - 128 ? n - 8 : all - 128);
    if (hth_ring_over(&r, memory, BYTES, MOST, NULL) != HTH_OK) return;
    for (int i = 0; i < 1000 && hth_ring_take(r, record, sizeof record, &got) > 0; i++)
        if (got > sizeof record) __builtin_trap();
    (void)hth_ring_room(r);
    hth_ring_close(&r);
    for (size_t i = all; i < sizeof memory; i++)
        if (memory[i] != 0x5A) __builtin_trap();
}

/* ---- records --------------------------------------------------------------------------------- */

/* To a slot and a serial from which theirs are counted. */
static void say(HthLink *link, const HthLinkHead *to, const uint8_t *data, size_t n) {
    while (n >= 6) {
        const HthLinkHead head = { .kind = data[0],
                                   .slot = data[1] == 255 ? HTH_LINK_NOBODY : to->slot + data[1],
                                   .serial = to->serial + data[2],
                                   .number = data[3] == 255 ? UINT64_MAX : data[3] };
        const size_t said = (size_t)data[4] | (size_t)data[5] << 8, have = n - 6;
        const size_t bytes = said < have ? said : have;
        (void)hth_link_put(link, &head, data + 6, bytes, 0);
        data += 6 + bytes;
        n -= 6 + bytes;
    }
}

/* ---- an engine ------------------------------------------------------------------------------- */

static HthStatus write_nothing(void *payload, const void *bytes, size_t n, HthErr *err) {
    (void)payload, (void)bytes, (void)n, (void)err;
    return HTH_OK;
}

static void handle(void *payload, HthX *x) {
    (void)payload;
    hth_x_reply(x, 200, "text/plain", hth_x_body(x));
}

static void upload(void *payload, HthX *x) {
    (void)payload;
    hth_x_spool(x, &(HthSink){ .write = write_nothing, .bytes_max = 1000 });
}

static void broken(void *payload, const char *sentence) {
    if (!sentence[0] || atomic_fetch_add((_Atomic int *)payload, 1)) __builtin_trap();
}

static void an_engine(const uint8_t *data, size_t n) {
    HthLinkMap map;
    HthFar *far = NULL;
    HthLink *front = NULL;
    _Atomic int times = 0;
    const uint64_t live = hth_mem_live();
    if (hth_link_make(&map, NULL) != HTH_OK) return;
    const HthFarCfg cfg = { .map = &map,
                            .prep_threads = 1,
                            .body_max = 1 << 20,
                            .handle = handle,
                            .upload = upload,
                            .broken = broken,
                            .payload = &times };
    if (hth_far_open(&far, &cfg, NULL) == HTH_OK &&
        hth_link_open(&front, &map, HTH_LINK_FRONT, NULL) == HTH_OK)
        say(front, &(HthLinkHead){ 0 }, data, n);
    hth_far_close(&far);
    hth_link_close(&front);
    hth_link_unmake(&map);
    if (hth_mem_live() != live) __builtin_trap();
}

/* ---- a front --------------------------------------------------------------------------------- */

static const char *const requests[] = {
    "GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "POST /file/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200\r\n\r\n",
    "HEAD /a HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"
};

/* The fuzzer's own clock may strike in the middle: the connection is made all the same. */
static bool is_connected(int fd, const struct sockaddr_in *to) {
    struct pollfd p = { .fd = fd, .events = POLLOUT };
    int error = 0;
    socklen_t n = sizeof error;
    if (!connect(fd, (const struct sockaddr *)to, sizeof *to)) return true;
    if (errno != EINTR) return false;
    while (poll(&p, 1, -1) < 0 && errno == EINTR) {
    }
    return !getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) && !error;
}

/* A client that has asked; it leaves without a trace, or the fuzzer runs out of ports. */
static int client(uint16_t port, const char *request) {
    const struct sockaddr_in to = { .sin_family = AF_INET,
                                    .sin_port = htons(port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const struct linger none = { .l_onoff = 1 };
    const ssize_t n = (ssize_t)strlen(request);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || !is_connected(fd, &to) ||
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none) ||
        send(fd, request, (size_t)n, MSG_NOSIGNAL) != n)
        __builtin_trap();
    return fd;
}

/* The last record is one that no engine sends: all before it has been heard when it is. */
static void to_a_front(HthLink *engine, const _Atomic int *broken, const uint8_t *data, size_t n) {
    HthLinkHead to;
    HthStr bytes;
    while (hth_link_take(engine, &to, &bytes) <= 0 || to.kind != HTH_LINK_ASK) usleep(50);
    say(engine, &to, data, n);
    to.kind = HTH_LINK_NONE;
    while (!atomic_load(broken)) {
        (void)hth_link_put(engine, &to, NULL, 0, 0);
        usleep(50);
    }
}

static void a_front(const uint8_t *data, size_t n) {
    static const HthListen tcp = { .host = "127.0.0.1", .fd = -1 };
    static const char *const uploads[] = { "/file/" };
    HthHttpCfg cfg = {
        .listens = &tcp, .listen_count = 1, .prep_threads = 1, .uploads = uploads, .upload_count = 1
    };
    HthLinkMap map;
    HthRelay *relay = NULL;
    HthHttp *http = NULL;
    HthLink *engine = NULL;
    _Atomic int times = 0;
    const HthRelayCfg relay_cfg = { .map = &map, .broken = broken, .payload = &times };
    const uint64_t live = hth_mem_live();
    if (!n || hth_link_make(&map, NULL) != HTH_OK) return;
    if (hth_relay_open(&relay, &relay_cfg, NULL) != HTH_OK ||
        hth_link_open(&engine, &map, HTH_LINK_ENGINE, NULL) != HTH_OK)
        __builtin_trap();
    hth_relay_cfg(relay, &cfg);
    if (hth_http_open(&http, &cfg, NULL) != HTH_OK) __builtin_trap();
    hth_relay_serve(relay, http);
    const int fd = client(hth_http_port(http, 0), requests[data[0] % HTH_COUNT(requests)]);
    to_a_front(engine, &times, data + 1, n - 1);
    hth_relay_stop(relay);
    hth_http_close(&http);
    hth_relay_close(&relay);
    hth_link_close(&engine);
    hth_link_unmake(&map);
    close(fd);
    if (atomic_load(&times) != 1 || hth_mem_live() != live) __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) return 0;
    const int which = data[0] % 6;
    if (which < 3)
        a_text(which, (HthStr){ (const char *)data + 1, size - 1 });
    else if (which == 3)
        a_ring(data + 1, size - 1);
    else if (which == 4)
        an_engine(data + 1, size - 1);
    else
        a_front(data + 1, size - 1);
    return 0;
}
