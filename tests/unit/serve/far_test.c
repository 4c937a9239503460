/* far_test.c - an engine against a front that says anything: the test is the front.
 *
 * An honest front, in whatever order and at whatever pace, is never called hostile and every
 * exchange is done once; of a hostile one the engine says so, once, and nothing is left behind. */
#include "serve/far.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "base/rng.h"
#include "serve/wire.h"
#include "support/test.h"

enum { SEED = 34, DEADLINE_S = 60, FILE_MAX = 2 << 20, BODY_MAX = 1 << 20 };

typedef struct World {
    HthLinkMap map;
    HthFar *far;
    HthLink *front;
    _Atomic int handled, opened, closed, done, sinks, sinks_closed, broken;
    _Atomic bool held; /* uploads wait with their handler */
} World;

static World w;

/* ---- an application -------------------------------------------------------------------------- */

typedef struct Bytes {
    uint64_t left;
} Bytes;

static int more(void *payload, HthBuf *out) {
    Bytes *b = payload;
    char kib[1024] = { 0 };
    if (!b->left) return -1;
    const size_t n = b->left < sizeof kib ? (size_t)b->left : sizeof kib;
    assert_int_equal(hth_buf_add(out, kib, n, NULL), HTH_OK);
    b->left -= n;
    return 1;
}

static int silent(void *payload, HthBuf *out) {
    (void)payload, (void)out;
    return 0;
}

static void bytes_close(void *payload) {
    hth_free(payload);
    w.closed++;
}

static void handle(void *payload, HthX *x) {
    (void)payload;
    w.handled++;
    if (hth_str_eq(hth_x_path(x), HTH_STR("/echo"))) {
        hth_x_reply(x, 200, "text/plain", hth_x_body(x));
        return;
    }
    if (!hth_str_starts(hth_x_path(x), HTH_STR("/s"))) {
        hth_x_reply(x, 404, "text/plain", HTH_STR(""));
        return;
    }
    Bytes *b = hth_calloc(1, sizeof *b);
    HTH_ASSERT(b);
    b->left = 300000;
    const bool says = hth_str_eq(hth_x_path(x), HTH_STR("/stream"));
    const HthSource source = { .more = says ? more : silent, .close = bytes_close, .payload = b };
    w.opened++;
    hth_x_source(x, 200, "text/plain", &source);
}

static HthStatus sink_write(void *payload, const void *bytes, size_t n, HthErr *err) {
    (void)payload, (void)bytes, (void)n, (void)err;
    return HTH_OK;
}

static void sink_close(void *payload) {
    (void)payload;
    w.sinks_closed++;
}

static void upload(void *payload, HthX *x) {
    (void)payload;
    while (w.held) nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
    w.sinks++;
    hth_x_spool(x, &(HthSink){ .write = sink_write, .close = sink_close, .bytes_max = FILE_MAX });
}

static void done(void *payload, const HthX *x) {
    (void)payload, (void)x;
    w.done++;
}

static void broken(void *payload, const char *sentence) {
    (void)payload;
    HTH_ASSERT(sentence[0]);
    w.broken++;
}

/* ---- a front --------------------------------------------------------------------------------- */

static void world_open(void) {
    HthErr err = { 0 };
    memset(&w, 0, sizeof w);
    assert_ok(hth_link_make(&w.map, &err), err);
    const HthFarCfg cfg = { .map = &w.map,
                            .prep_threads = 2,
                            .body_max = BODY_MAX,
                            .handle = handle,
                            .upload = upload,
                            .done = done,
                            .broken = broken };
    assert_ok(hth_far_open(&w.far, &cfg, &err), err);
    assert_ok(hth_link_open(&w.front, &w.map, HTH_LINK_FRONT, &err), err);
}

static void world_close(void) {
    w.held = false;
    hth_far_close(&w.far);
    hth_link_close(&w.front);
    hth_link_unmake(&w.map);
    assert_int_equal(w.opened, w.closed);
    assert_int_equal(w.sinks, w.sinks_closed);
}

static void until(_Atomic int *count, int want) {
    const uint64_t end = hth_clock_ns() + DEADLINE_S * 1000000000ull;
    while (*count < want) {
        if (hth_clock_ns() > end) fail_msg("waited for %d, there are %d", want, *count);
        nanosleep(&(struct timespec){ 0, 500000 }, NULL);
    }
}

typedef enum What {
    NOTHING,
    ASK, /* /silent, without a body */
    ASK_BODY, /* /echo */
    ASK_FILE, /* an upload */
    END,
    BYTES, /* 100 */
    PIECE, /* HTH_LINK_PIECE */
    LARGE /* the most a record has */
} What;

typedef struct Step {
    int kind;
    uint32_t slot;
    uint64_t serial, number;
    What what;
} Step;

static void fill(HthBuf *out, What what, const char *path) {
    static char bytes[HTH_LINK_RECORD_MAX];
    static HthWireAsk ask;
    HthWireEnd end = { .method = "GET", .from = "unix", .result = { .status = 200 } };
    memset(&ask, 0, sizeof ask);
    snprintf(ask.method, sizeof ask.method, "POST");
    ask.path = hth_str(path ? path : what == ASK_BODY ? "/echo" : "/silent");
    ask.is_upload = what == ASK_FILE;
    ask.whole = what == ASK;
    HthStatus st = HTH_OK;
    switch (what) {
    case NOTHING: break;
    case ASK:
    case ASK_BODY:
    case ASK_FILE: st = hth_wire_ask_put(out, &ask, NULL); break;
    case END: st = hth_wire_end_put(out, &end, NULL); break;
    case BYTES: st = hth_buf_add(out, bytes, 100, NULL); break;
    case PIECE: st = hth_buf_add(out, bytes, HTH_LINK_PIECE, NULL); break;
    case LARGE: st = hth_buf_add(out, bytes, sizeof bytes - sizeof(HthLinkHead), NULL); break;
    }
    assert_int_equal(st, HTH_OK);
}

static bool say_at(const Step *s, const char *path) {
    HthBuf bytes;
    hth_buf_init(&bytes, 1 << 20);
    fill(&bytes, s->what, path);
    const HthLinkHead head = {
        .kind = (uint16_t)s->kind, .slot = s->slot, .serial = s->serial, .number = s->number
    };
    const bool put = hth_link_put(w.front, &head, bytes.p, bytes.n, 0);
    hth_buf_drop(&bytes);
    return put;
}

static void say(const Step *s) {
    const uint64_t end = hth_clock_ns() + DEADLINE_S * 1000000000ull;
    while (!say_at(s, NULL) && !w.broken)
        if (hth_clock_ns() > end) fail_msg("the engine takes nothing");
}

/* ---- hostile --------------------------------------------------------------------------------- */

/* Each ends with what no front says; before it all is well. */
static const struct Case {
    const char *name;
    bool held; /* the upload's handler has not answered */
    Step steps[4]; /* kind -1: the last of these again and again, until it is broken */
} cases[] = {
    { "no kind", false, { { HTH_LINK_NONE, 0, 0, 0, NOTHING } } },
    { "a kind there is not", false, { { HTH_LINK_KINDS, 0, 0, 0, NOTHING } } },
    { "an engine's word",
      false,
      { { HTH_LINK_ASK, 0, 1, 0, ASK }, { HTH_LINK_VERDICT, 0, 1, 0, NOTHING } } },
    { "another", false, { { HTH_LINK_ANSWER, 0, 1, 0, NOTHING } } },
    { "another still", false, { { HTH_LINK_DATA, 0, 1, 0, NOTHING } } },
    { "and another", false, { { HTH_LINK_FIN, 0, 1, 0, NOTHING } } },
    { "the last of them", false, { { HTH_LINK_TAKEN, 0, 1, 0, NOTHING } } },
    { "a slot there is not", false, { { HTH_LINK_END, HTH_LINK_NOBODY + 1, 1, 0, END } } },
    { "nobody asks", false, { { HTH_LINK_ASK, HTH_LINK_NOBODY, 1, 0, ASK } } },
    { "nobody's body", false, { { HTH_LINK_BODY, HTH_LINK_NOBODY, 1, 0, BYTES } } },
    { "no number", false, { { HTH_LINK_ASK, 0, 0, 0, ASK } } },
    { "no request", false, { { HTH_LINK_ASK, 0, 1, 0, NOTHING } } },
    { "bytes for a request", false, { { HTH_LINK_ASK, 0, 1, 0, BYTES } } },
    { "zeros, as many as fit", false, { { HTH_LINK_ASK, 0, 1, 0, LARGE } } },
    { "two in a place", false, { { HTH_LINK_ASK, 0, 1, 0, ASK }, { HTH_LINK_ASK, 0, 2, 0, ASK } } },
    { "a body where there is none",
      false,
      { { HTH_LINK_ASK, 0, 1, 0, ASK }, { HTH_LINK_BODY, 0, 1, 0, BYTES } } },
    { "more after the end",
      false,
      { { HTH_LINK_ASK, 0, 1, 0, ASK_BODY },
        { HTH_LINK_WHOLE, 0, 1, 0, NOTHING },
        { HTH_LINK_BODY, 0, 1, 0, BYTES } } },
    { "two ends",
      false,
      { { HTH_LINK_ASK, 0, 1, 0, ASK_BODY },
        { HTH_LINK_WHOLE, 0, 1, 0, NOTHING },
        { HTH_LINK_WHOLE, 0, 1, 0, NOTHING } } },
    { "an end of bytes",
      false,
      { { HTH_LINK_ASK, 0, 1, 0, ASK_BODY }, { HTH_LINK_WHOLE, 0, 1, 0, BYTES } } },
    { "a body too large",
      false,
      { { HTH_LINK_ASK, 0, 1, 0, ASK_BODY },
        { HTH_LINK_BODY, 0, 1, 0, PIECE },
        { -1, 0, 0, 0, NOTHING } } },
    { "credit for nothing",
      false,
      { { HTH_LINK_ASK, 0, 1, 0, ASK }, { HTH_LINK_CREDIT, 0, 1, 1, NOTHING } } },
    { "endless credit",
      false,
      { { HTH_LINK_ASK, 0, 1, 0, ASK }, { HTH_LINK_CREDIT, 0, 1, UINT64_MAX, NOTHING } } },
    { "credit with bytes",
      false,
      { { HTH_LINK_ASK, 0, 1, 0, ASK }, { HTH_LINK_CREDIT, 0, 1, 0, BYTES } } },
    { "gone with bytes",
      false,
      { { HTH_LINK_ASK, 0, 1, 0, ASK }, { HTH_LINK_GONE, 0, 1, 0, BYTES } } },
    { "an end of another",
      false,
      { { HTH_LINK_ASK, 0, 1, 0, ASK }, { HTH_LINK_END, 0, 2, 0, END } } },
    { "an end that says nothing",
      false,
      { { HTH_LINK_ASK, 0, 1, 0, ASK }, { HTH_LINK_END, 0, 1, 0, NOTHING } } },
    { "an unseen one that says nothing",
      false,
      { { HTH_LINK_END, HTH_LINK_NOBODY, 0, 0, NOTHING } } },
    { "a file before it may come",
      true,
      { { HTH_LINK_ASK, 0, 1, 0, ASK_FILE }, { HTH_LINK_BODY, 0, 1, 0, BYTES } } },
};

static void hostile(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        const struct Case *c = &cases[i];
        const uint64_t live = hth_mem_live();
        world_open();
        w.held = c->held;
        for (size_t k = 0; k < HTH_COUNT(c->steps) && (k == 0 || c->steps[k].kind); k++) {
            if (c->steps[k].kind >= 0) say(&c->steps[k]);
            while (c->steps[k].kind < 0 && !w.broken) say(&c->steps[k - 1]);
        }
        until(&w.broken, 1);
        world_close();
        if (w.broken != 1) fail_msg("%s: said %d times", c->name, w.broken);
        if (hth_mem_live() != live) fail_msg("%s: something is left", c->name);
    }
}

/* What a file may be, and how much of it may be under way: without a word from the engine. */
static void a_file_without_measure(void **state) {
    (void)state;
    world_open();
    say(&(Step){ HTH_LINK_ASK, 0, 1, 0, ASK_FILE });
    until(&w.sinks, 1);
    HthLinkHead head = { 0 };
    HthStr bytes;
    while (head.kind != HTH_LINK_VERDICT) assert_true(hth_link_take(w.front, &head, &bytes) >= 0);
    assert_int_equal(head.number, FILE_MAX);
    while (!w.broken) say(&(Step){ HTH_LINK_BODY, 0, 1, 0, PIECE });
    world_close();
    assert_int_equal(w.broken, 1);
}

/* The rings' own numbers: head of what the front writes, tail of what it reads. */
static void numbers_of_rings(void **state) {
    (void)state;
    const size_t ring = hth_ring_over_bytes(HTH_LINK_RING, HTH_LINK_RECORD_MAX);
    static const uint64_t hostile_numbers[] = { 1, 4, 1ull << 40, UINT64_MAX, UINT64_MAX - 7 };
    for (size_t i = 0; i < 2 * HTH_COUNT(hostile_numbers); i++) {
        world_open();
        uint8_t *rings = (uint8_t *)w.map.memory + w.map.bytes - 2 * ring;
        _Atomic uint64_t *number = (_Atomic uint64_t *)(void *)(i % 2 ? rings + ring + 64 : rings);
        atomic_store(number, hostile_numbers[i / 2]);
        const uint64_t one = 1; /* have it look; then have it answer */
        assert_int_equal(write(w.map.bells[1], &one, sizeof one), sizeof one);
        if (i % 2) say(&(Step){ HTH_LINK_ASK, 0, 1, 0, ASK_BODY });
        if (i % 2) say(&(Step){ HTH_LINK_WHOLE, 0, 1, 0, NOTHING });
        until(&w.broken, 1);
        world_close();
    }
}

/* ---- honest, and then not -------------------------------------------------------------------- */

enum { SLOTS = 6, STEPS = 400 };

typedef struct Slot {
    uint64_t serial, up_window, eaten;
    bool open, upload, body, whole, verdict;
} Slot;

static uint64_t stream, draws;
static uint32_t below(uint32_t n) {
    return hth_rng_below(SEED, stream, draws++, n);
}

/* What the engine has said. */
static void listen_to_engine(Slot *slots) {
    HthLinkHead head;
    HthStr bytes;
    int got;
    while ((got = hth_link_take(w.front, &head, &bytes)) > 0) {
        assert_in_range(head.slot, 0, SLOTS - 1);
        Slot *s = &slots[head.slot];
        if (!s->open || s->serial != head.serial) continue; /* to one that has ended */
        if (head.kind == HTH_LINK_DATA) s->eaten += bytes.n;
        if (head.kind == HTH_LINK_TAKEN) s->up_window += head.number;
        s->verdict |= head.kind == HTH_LINK_VERDICT;
    }
    assert_true(got == 0 || w.broken);
}

/* One thing that an honest front may do now. */
static void act(Slot *slots, uint64_t *serial, int *ends) {
    static const char *const paths[] = { "/echo", "/stream", "/silent", "/none" };
    const uint32_t at = below(SLOTS);
    Slot *s = &slots[at];
    Step step = { .slot = at, .serial = s->serial };
    if (!s->open) {
        *s = (Slot){ .serial = ++*serial, .open = true, .up_window = HTH_LINK_UP_WINDOW };
        const uint32_t kind = below(3);
        s->upload = kind == 2;
        s->body = kind > 0;
        s->whole = kind == 0;
        step = (Step){ HTH_LINK_ASK, at, s->serial, 0, (What)(ASK + kind) };
        while (!say_at(&step, paths[below(HTH_COUNT(paths))]) && !w.broken) listen_to_engine(slots);
        return;
    }
    switch (below(6)) {
    case 0:
    case 1:
        if (s->whole || (s->upload && (!s->verdict || s->up_window < 100))) return;
        step.kind = HTH_LINK_BODY;
        step.what = BYTES;
        s->up_window -= s->upload ? 100 : 0;
        break;
    case 2:
        if (s->whole || (s->upload && !s->verdict)) return;
        step.kind = HTH_LINK_WHOLE;
        s->whole = true;
        break;
    case 3:
        step.kind = HTH_LINK_CREDIT;
        step.number = s->eaten;
        s->eaten = 0;
        break;
    case 4: step.kind = HTH_LINK_GONE; break;
    default:
        step.kind = HTH_LINK_END;
        step.what = END;
        s->open = false;
        ++*ends;
        break;
    }
    while (!say_at(&step, NULL) && !w.broken) listen_to_engine(slots);
}

/* Anything at all. */
static void any_record(void) {
    const Step s = { .kind = (int)below(HTH_LINK_KINDS + 1),
                     .slot = below(4) ? below(SLOTS) : below(HTH_LINK_NOBODY + 2),
                     .serial = below(20),
                     .number = below(4) ? below(200000) : UINT64_MAX - below(3),
                     .what = (What)below(LARGE + 1) };
    (void)say_at(&s, NULL);
}

static void any_front(void **state) {
    (void)state;
    for (stream = 0; stream < 60; stream++) {
        const uint64_t live = hth_mem_live();
        const bool honest = stream % 2;
        Slot slots[SLOTS] = { 0 };
        uint64_t serial = 0;
        int ends = 0;
        draws = 0;
        world_open();
        for (int i = 0; i < STEPS && !w.broken; i++) {
            listen_to_engine(slots);
            if (honest || below(20))
                act(slots, &serial, &ends);
            else
                any_record();
        }
        if (honest) {
            for (uint32_t i = 0; i < SLOTS; i++) {
                if (!slots[i].open) continue;
                say(&(Step){ HTH_LINK_END, i, slots[i].serial, 0, END });
                ends++;
            }
            until(&w.done, ends);
            assert_int_equal(w.broken, 0);
            assert_int_equal(w.done, serial);
        }
        world_close();
        assert_in_range(w.broken, 0, 1);
        assert_int_equal(hth_mem_live(), live);
    }
}

static HthStatus open_once(void *ctx) {
    HthErr err = { 0 };
    HthLinkMap map;
    HthFar *far = NULL;
    (void)ctx;
    HTH_TRY(hth_link_make(&map, &err));
    const HthFarCfg cfg = { .map = &map, .handle = handle, .broken = broken };
    const HthStatus st = hth_far_open(&far, &cfg, &err);
    hth_far_close(&far);
    hth_link_unmake(&map);
    return st;
}

static void without_memory(void **state) {
    (void)state;
    assert_in_range(test_torture(open_once, NULL, 50), 3, 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile),          cmocka_unit_test(a_file_without_measure),
        cmocka_unit_test(numbers_of_rings), cmocka_unit_test(any_front),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
