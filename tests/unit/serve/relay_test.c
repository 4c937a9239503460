/* relay_test.c - a front against an engine that says anything: the test is the engine.
 *
 * Clients are real.  A hostile engine is called so, once; clients of it hear the end, and the front
 * can be closed at any moment. */
#include "serve/relay.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "base/rng.h"
#include "serve/wire.h"
#include "support/http_client.h"

enum { SEED = 35, DEADLINE_S = 60, ENDLESS = 64 << 20 };

typedef struct World {
    HthLinkMap map;
    HthRelay *relay;
    HthHttp *http;
    HthLink *engine;
    _Atomic int broken;
} World;

static World w;
static const char *at = "";

static void broken(void *payload, const char *sentence) {
    (void)payload;
    HTH_ASSERT(sentence[0]);
    w.broken++;
}

static HthStatus open_front(HthErr *err) {
    static const HthListen tcp = { .host = "127.0.0.1", .fd = -1 };
    static const char *const uploads[] = { "/file/" };
    HthHttpCfg cfg = { .listens = &tcp, .listen_count = 1, .uploads = uploads, .upload_count = 1 };
    const HthRelayCfg relay = { .map = &w.map, .broken = broken };
    memset(&w, 0, sizeof w);
    HTH_TRY(hth_link_make(&w.map, err));
    HTH_TRY(hth_relay_open(&w.relay, &relay, err));
    hth_relay_cfg(w.relay, &cfg);
    HTH_TRY(hth_http_open(&w.http, &cfg, err));
    hth_relay_serve(w.relay, w.http);
    return HTH_OK;
}

static void close_front(void) {
    if (w.relay) hth_relay_stop(w.relay);
    hth_http_close(&w.http);
    hth_relay_close(&w.relay);
    hth_link_unmake(&w.map);
}

static void world_open(void) {
    HthErr err = { 0 };
    assert_ok(open_front(&err), err);
    assert_ok(hth_link_open(&w.engine, &w.map, HTH_LINK_ENGINE, &err), err);
}

static void world_close(void) {
    close_front();
    hth_link_close(&w.engine);
}

/* ---- an engine ------------------------------------------------------------------------------- */

typedef enum What {
    NOTHING,
    ANSWER, /* of any length */
    SIZED, /* of 100 bytes */
    BYTES, /* 100 */
    MORE, /* 101 */
    GARBAGE, /* no answer */
    EARLY, /* an answer whose status is none */
    LINES, /* one with a header of two lines */
    LARGE /* the most a record has */
} What;

typedef struct Step {
    int kind; /* -1: the last again and again, until it is broken */
    uint64_t number;
    What what;
} Step;

static void fill(HthBuf *out, What what) {
    static char bytes[HTH_LINK_RECORD_MAX];
    static HthWireAnswer a;
    memset(&a, 0, sizeof a);
    a.status = what == EARLY ? 101 : 200;
    a.sized = what == SIZED;
    a.length = a.sized ? 100 : 0;
    if (what == LINES)
        a.headers[a.header_count++] = (HthPair){ HTH_STR("A"), HTH_STR("b\r\nC: d") };
    HthStatus st = HTH_OK;
    switch (what) {
    case NOTHING: break;
    case ANSWER:
    case SIZED:
    case EARLY:
    case LINES: st = hth_wire_answer_put(out, &a, NULL); break;
    case BYTES: st = hth_buf_add(out, bytes, 100, NULL); break;
    case GARBAGE:
    case MORE: st = hth_buf_add(out, bytes, 101, NULL); break;
    case LARGE: st = hth_buf_add(out, bytes, sizeof bytes - sizeof(HthLinkHead), NULL); break;
    }
    assert_int_equal(st, HTH_OK);
}

static bool say(const HthLinkHead *to, const Step *s) {
    HthBuf bytes;
    hth_buf_init(&bytes, 1 << 20);
    fill(&bytes, s->what);
    HthLinkHead head = *to;
    head.kind = (uint16_t)s->kind;
    head.number = s->number;
    const bool put = hth_link_put(w.engine, &head, bytes.p, bytes.n, 0);
    hth_buf_drop(&bytes);
    return put;
}

static HthLinkHead next_ask(void) {
    HthLinkHead head;
    HthStr bytes;
    const uint64_t end = hth_clock_ns() + DEADLINE_S * 1000000000ull;
    for (;;) {
        const int got = hth_link_take(w.engine, &head, &bytes);
        assert_true(got >= 0);
        if (got && head.kind == HTH_LINK_ASK) return head;
        if (hth_clock_ns() > end) fail_msg("nobody asks");
    }
}

static void until_broken(void) {
    const uint64_t end = hth_clock_ns() + DEADLINE_S * 1000000000ull;
    while (!w.broken)
        if (hth_clock_ns() > end) fail_msg("the front has believed it: %s", at);
}

/* ---- hostile --------------------------------------------------------------------------------- */

#define GET       "GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define FILE_SENT "POST /file/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200\r\n\r\n"

static const struct Case {
    const char *name;
    Step steps[4];
    const char *request; /* NULL: GET */
} cases[] = {
    { "no kind", { { HTH_LINK_NONE, 0, BYTES } }, NULL },
    { "a kind there is not", { { HTH_LINK_KINDS, 0, NOTHING } }, NULL },
    { "a front's word", { { HTH_LINK_ASK, 0, NOTHING } }, NULL },
    { "another", { { HTH_LINK_BODY, 0, BYTES } }, NULL },
    { "another still", { { HTH_LINK_WHOLE, 0, NOTHING } }, NULL },
    { "and another", { { HTH_LINK_CREDIT, 1, NOTHING } }, NULL },
    { "and one more", { { HTH_LINK_GONE, 0, NOTHING } }, NULL },
    { "the last of them", { { HTH_LINK_END, 0, NOTHING } }, NULL },
    { "bytes before an answer", { { HTH_LINK_DATA, 0, BYTES } }, NULL },
    { "an end before an answer", { { HTH_LINK_FIN, 0, NOTHING } }, NULL },
    { "no answer", { { HTH_LINK_ANSWER, 0, NOTHING } }, NULL },
    { "bytes for an answer", { { HTH_LINK_ANSWER, 0, GARBAGE } }, NULL },
    { "zeros for an answer", { { HTH_LINK_ANSWER, 0, LARGE } }, NULL },
    { "no status", { { HTH_LINK_ANSWER, 0, EARLY } }, NULL },
    { "two headers in one", { { HTH_LINK_ANSWER, 0, LINES } }, NULL },
    { "two answers", { { HTH_LINK_ANSWER, 0, ANSWER }, { HTH_LINK_ANSWER, 0, ANSWER } }, NULL },
    { "more than it said", { { HTH_LINK_ANSWER, 0, SIZED }, { HTH_LINK_DATA, 0, MORE } }, NULL },
    { "an end with bytes", { { HTH_LINK_ANSWER, 0, ANSWER }, { HTH_LINK_FIN, 0, BYTES } }, NULL },
    { "a flood",
      { { HTH_LINK_ANSWER, 0, ANSWER }, { HTH_LINK_DATA, 0, LARGE }, { -1, 0, NOTHING } },
      NULL },
    { "a verdict nobody waits for", { { HTH_LINK_VERDICT, 1, NOTHING } }, NULL },
    { "what nobody sends", { { HTH_LINK_TAKEN, 1, NOTHING } }, NULL },
    { "a verdict with bytes", { { HTH_LINK_VERDICT, 1, BYTES } }, FILE_SENT },
    { "two verdicts",
      { { HTH_LINK_VERDICT, 1000, NOTHING }, { HTH_LINK_VERDICT, 1000, NOTHING } },
      FILE_SENT },
    { "an answer beside a verdict",
      { { HTH_LINK_VERDICT, 1000, NOTHING }, { HTH_LINK_ANSWER, 0, ANSWER } },
      FILE_SENT },
    { "a verdict beside an answer",
      { { HTH_LINK_ANSWER, 0, ANSWER }, { HTH_LINK_VERDICT, 1000, NOTHING } },
      FILE_SENT },
    { "more than was sent",
      { { HTH_LINK_VERDICT, 1000, NOTHING }, { HTH_LINK_TAKEN, 1 << 20, NOTHING } },
      FILE_SENT },
    { "far more",
      { { HTH_LINK_VERDICT, 1000, NOTHING }, { HTH_LINK_TAKEN, UINT64_MAX, NOTHING } },
      FILE_SENT },
    { "a word before a verdict", { { HTH_LINK_TAKEN, 0, NOTHING } }, FILE_SENT },
};

static void hostile(void **state) {
    (void)state;
    HthBuf in;
    hth_buf_init(&in, 2 * (size_t)ENDLESS);
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        const struct Case *c = &cases[i];
        at = c->name;
        const uint64_t live = hth_mem_live();
        world_open();
        const int fd = client_tcp(hth_http_port(w.http, 0));
        assert_true(client_say(fd, c->request ? c->request : GET));
        const HthLinkHead to = next_ask();
        for (size_t k = 0; k < HTH_COUNT(c->steps); k++) {
            const Step *s = &c->steps[k];
            if (k && !s->kind) break;
            if (s->kind >= 0) assert_true(say(&to, s));
            /* The client takes nothing: what is under way has a measure. */
            for (size_t n = 0; s->kind < 0 && !w.broken && n < ENDLESS;)
                n += say(&to, s - 1) ? HTH_LINK_RECORD_MAX : 0;
        }
        until_broken();
        world_close();
        if (w.broken != 1) fail_msg("%s: said %d times", c->name, w.broken);
        client_to_end(fd, &in); /* nobody waits for ever */
        hth_buf_drop(&in);
        close(fd);
        if (hth_mem_live() != live) fail_msg("%s: something is left", c->name);
    }
}

/* To whom nobody has spoken. */
static void to_others(void **state) {
    (void)state;
    static const struct {
        uint32_t slot;
        uint64_t more;
    } others[] = { { 0, 1 },
                   { 0, UINT64_MAX - 1 },
                   { HTH_LINK_NOBODY, 0 },
                   { HTH_LINK_NOBODY + 1, 0 },
                   { UINT32_MAX, 0 },
                   { 5, 1000 } };
    for (size_t i = 0; i < HTH_COUNT(others); i++) {
        world_open();
        const int fd = client_tcp(hth_http_port(w.http, 0));
        assert_true(client_say(fd, GET));
        HthLinkHead to = next_ask();
        if (others[i].slot) to.slot = others[i].slot;
        to.serial += others[i].more;
        assert_true(say(&to, &(Step){ HTH_LINK_ANSWER, 0, ANSWER }));
        until_broken();
        world_close();
        close(fd);
    }
    /* One that has been is forgiven: its client may just have left. */
    world_open();
    HthBuf in;
    hth_buf_init(&in, 1 << 20);
    int fd = client_tcp(hth_http_port(w.http, 0));
    assert_true(client_say(fd, GET));
    const HthLinkHead first = next_ask();
    assert_true(say(&first, &(Step){ HTH_LINK_ANSWER, 0, SIZED }));
    assert_true(say(&first, &(Step){ HTH_LINK_DATA, 0, BYTES }));
    assert_int_equal(client_answer(fd, &in, NULL), 200);
    assert_true(client_say(fd, GET)); /* the first has ended before this is read */
    const HthLinkHead second = next_ask();
    assert_true(second.serial != first.serial);
    assert_true(say(&first, &(Step){ HTH_LINK_DATA, 0, BYTES }));
    assert_true(say(&second, &(Step){ HTH_LINK_ANSWER, 0, SIZED }));
    assert_true(say(&second, &(Step){ HTH_LINK_DATA, 0, BYTES }));
    assert_int_equal(client_answer(fd, &in, NULL), 200);
    assert_int_equal(w.broken, 0);
    close(fd);
    world_close();
    hth_buf_drop(&in);
}

/* The rings' own numbers: tail of what the front writes, head of what it reads. */
static void numbers_of_rings(void **state) {
    (void)state;
    const size_t ring = hth_ring_over_bytes(HTH_LINK_RING, HTH_LINK_RECORD_MAX);
    static const uint64_t hostile_numbers[] = { 1 << 23, 4, 1ull << 40, UINT64_MAX,
                                                UINT64_MAX - 7 };
    for (size_t i = 0; i < 2 * HTH_COUNT(hostile_numbers); i++) {
        world_open();
        uint8_t *rings = (uint8_t *)w.map.memory + w.map.bytes - 2 * ring;
        _Atomic uint64_t *number = (_Atomic uint64_t *)(void *)(i % 2 ? rings + 64 : rings + ring);
        atomic_store(number, hostile_numbers[i / 2]);
        const int fd = client_tcp(hth_http_port(w.http, 0));
        assert_true(client_say(fd, GET));
        const uint64_t one = 1;
        assert_int_equal(write(w.map.bells[0], &one, sizeof one), sizeof one);
        until_broken();
        world_close();
        close(fd);
    }
}

/* ---- any engine ------------------------------------------------------------------------------ */

static uint64_t stream, draws;
static uint32_t below(uint32_t n) {
    return hth_rng_below(SEED, stream, draws++, n);
}

static void any_engine(void **state) {
    (void)state;
    enum { CLIENTS = 5, STEPS = 150 };
    static const char *const requests[] = {
        GET, FILE_SENT, "HEAD /b HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /c HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
        "3\r\n\r\nabc"
    };
    for (stream = 0; stream < 80; stream++) {
        const uint64_t live = hth_mem_live();
        HthLinkHead heads[64];
        size_t asked = 0;
        int fds[CLIENTS];
        draws = 0;
        world_open();
        for (size_t i = 0; i < CLIENTS; i++) {
            fds[i] = client_tcp(hth_http_port(w.http, 0));
            assert_true(client_say(fds[i], requests[below(HTH_COUNT(requests))]));
        }
        for (int i = 0; i < STEPS && !w.broken; i++) {
            HthLinkHead head;
            HthStr bytes;
            while (hth_link_take(w.engine, &head, &bytes) > 0)
                if (head.kind == HTH_LINK_ASK && asked < HTH_COUNT(heads)) heads[asked++] = head;
            if (!asked) {
                i--; /* somebody will */
                continue;
            }
            head = heads[below((uint32_t)asked)];
            if (!below(50)) head.slot = below(HTH_LINK_NOBODY + 2);
            if (!below(50)) head.serial += below(9);
            (void)say(&head,
                      &(Step){ HTH_LINK_VERDICT + (int)below(5), below(3) ? 100 : below(1 << 20),
                               (What)below(below(8) ? BYTES + 1 : LARGE + 1) });
        }
        world_close();
        for (size_t i = 0; i < CLIENTS; i++) close(fds[i]);
        assert_in_range(w.broken, 0, 1);
        assert_int_equal(hth_mem_live(), live);
    }
}

static HthStatus open_once(void *ctx) {
    HthErr err = { 0 };
    (void)ctx;
    const HthStatus st = open_front(&err);
    close_front();
    return st;
}

static void without_memory(void **state) {
    (void)state;
    assert_in_range(test_torture(open_once, NULL, 100), 5, 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile),          cmocka_unit_test(to_others),
        cmocka_unit_test(numbers_of_rings), cmocka_unit_test(any_engine),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
