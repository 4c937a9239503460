/* models_test.c - loaded once, shared, kept, let go; whoever comes meanwhile waits.
 *
 * Thread: several. */
#include "support/test.h"

#include "base/rng.h"
#include "sched/models.h"
#include "support/folder.h"
#include "support/tiny_adapter.h"
#include "unit/sched/engine_help.h"

enum { NAMES = 5, VOCAB = 48 };

static const Tiny tiny = { .arch = "llama",
                           .layers = 1,
                           .embd = 32,
                           .heads = 2,
                           .kv_heads = 2,
                           .ff = 32,
                           .vocab = VOCAB,
                           .ctx = 1024,
                           .seed = 5 };

/* Names "m0" .. "m4"; "alias" is m1, "file" is m2 from a file, "missing" has none. */
typedef struct World {
    HthBuf bytes[NAMES];
    char path[128];
    char lora[128]; /* a file of m0's; "m0" has it when `laid` */
    HthModelAdapter adapters[2]; /* that, at scale 0.5, and `path`, which is none */
    uint32_t laid; /* of these; 3: the first as the model's own */
    HthModels *m;
    uint64_t available; /* what the system is said to have */
    uint64_t plan; /* bytes of any of them */
    _Atomic uint32_t opened, closed, asked;
    uint64_t version; /* of every name */
    bool refuse; /* opened fails */
    HthGate *hold; /* NULL, or opened waits in it ... */
    bool held, go_on; /* ... from held until go_on */
} World;

static HthStatus resolve(void *payload, HthStr name, HthModelSource *out, HthErr *err) {
    World *w = payload;
    w->asked++;
    out->version = w->version;
    out->cfg =
        (HthEngineCfg){ .ctx = 1024, .parallel = 2, .threads = 1, .chunk = 16, .queue_max = 100 };
    if (hth_str_eq(name, HTH_STR("missing"))) {
        snprintf(out->name, sizeof out->name, "missing");
        snprintf(out->path, sizeof out->path, "/nowhere/missing.gguf");
        return HTH_OK;
    }
    if (hth_str_eq(name, HTH_STR("file"))) {
        snprintf(out->name, sizeof out->name, "m2");
        snprintf(out->path, sizeof out->path, "%s", w->path);
        return HTH_OK;
    }
    const uint32_t i = hth_str_eq(name, HTH_STR("alias")) ? 1 : (uint32_t)(name.p[1] - '0');
    HTH_REQUIRE(i < NAMES, err, HTH_EINVAL, "no such model");
    if (w->laid == 3)
        snprintf(out->adapter, sizeof out->adapter, "%s", w->lora);
    else
        out->adapter_count = w->laid;
    out->adapters = w->adapters;
    snprintf(out->name, sizeof out->name, "m%u", i);
    snprintf(out->digest, sizeof out->digest, "sha256:%u", i);
    out->data = w->bytes[i].p;
    out->data_n = w->bytes[i].n;
    return HTH_OK;
}

static uint64_t available(void *payload) {
    return ((World *)payload)->available;
}

static HthStatus opened(void *payload, const HthModelSource *source, HthEngine *engine,
                        void **attached, HthErr *err) {
    World *w = payload;
    HTH_ASSERT(source->name[0] && engine && !*attached);
    HTH_REQUIRE(!w->refuse, err, HTH_EFORMAT, "refused");
    *attached = w;
    w->opened++;
    if (!w->hold) return HTH_OK;
    hth_gate_enter(w->hold);
    w->held = true;
    hth_gate_ring(w->hold);
    while (!w->go_on) hth_gate_wait(w->hold, UINT64_MAX);
    hth_gate_leave(w->hold);
    return HTH_OK;
}

static void closing(void *payload, void *attached) {
    HTH_ASSERT(attached == payload);
    ((World *)payload)->closed++;
}

static bool may(void *ctx, const HthGgufTensor *t) {
    (void)ctx;
    return t->n_dims == 2;
}

static void leave_adapter(World *w, uint32_t rank) {
    HthErr err = { 0 };
    HthGguf *g = NULL;
    HthBuf file;
    const TinyAdapter a = { .rank = rank, .alpha = 2, .spread = 0.5, .seed = 1 };
    assert_ok(hth_gguf_open_mem(&g, w->bytes[0].p, w->bytes[0].n, "m0", &err), err);
    tiny_adapter(&file, g, &a, may, NULL);
    assert_ok(hth_file_write(w->lora, file.p, file.n, 0600, &err), err);
    hth_buf_drop(&file);
    hth_gguf_close(&g);
}

static World *open_world(HthModelsCfg cfg) {
    HthErr err = { 0 };
    HthModel *m = NULL;
    HthEnginePlan plan;
    HthModelSource source;
    World *w = hth_calloc(1, sizeof *w);
    assert_non_null(w);
    for (uint32_t i = 0; i < NAMES; i++) {
        Tiny c = tiny;
        c.seed = 100 + i;
        tiny_build(&w->bytes[i], &c);
    }
    snprintf(w->path, sizeof w->path, "%s", test_path("m2.gguf"));
    assert_ok(hth_file_write(w->path, w->bytes[2].p, w->bytes[2].n, 0600, &err), err);
    snprintf(w->lora, sizeof w->lora, "%s", test_path("lora.gguf"));
    leave_adapter(w, 2);
    w->adapters[0] = (HthModelAdapter){ w->lora, 0.5f };
    w->adapters[1] = (HthModelAdapter){ w->path, 1 };
    w->available = (uint64_t)1 << 40;
    cfg.resolve = resolve;
    cfg.payload = w;
    cfg.available = available;
    cfg.opened = opened;
    cfg.closing = closing;
    memset(&source, 0, sizeof source);
    assert_ok(resolve(w, HTH_STR("m0"), &source, &err), err);
    assert_ok(hth_model_open_mem(&m, source.data, source.data_n, "m0", &err), err);
    assert_ok(hth_engine_plan(&plan, m, &source.cfg, &err), err);
    w->plan = plan.total_bytes;
    hth_model_close(&m);
    assert_ok(hth_models_open(&w->m, &cfg, &err), err);
    return w;
}

static void close_world(World *w) {
    hth_models_close(&w->m);
    hth_models_close(&w->m);
    assert_int_equal(w->opened, w->closed);
    for (uint32_t i = 0; i < NAMES; i++) hth_buf_drop(&w->bytes[i]);
    hth_free(w);
}

static HthLoaded *get(World *w, const char *name, int64_t keep_s) {
    HthErr err = { 0 };
    HthLoaded *l = NULL;
    assert_ok(hth_models_acquire(w->m, hth_str(name), keep_s, &l, &err), err);
    return l;
}

static void put(HthLoaded *l) {
    hth_models_release(&l);
    assert_null(l);
}

/* "m0 m1": what is loaded, oldest first. */
typedef struct Names {
    char text[200];
    uint64_t expires_ns[NAMES];
    uint32_t n;
} Names;

static void note(void *payload, const HthModelInfo *info) {
    Names *s = payload;
    snprintf(s->text + strlen(s->text), sizeof s->text - strlen(s->text), "%s%s", s->n ? " " : "",
             info->source->name);
    s->expires_ns[s->n++] = info->expires_ns;
    if (!info->loading && info->engine) {
        assert_int_equal(info->plan.ctx, 1024);
        assert_int_equal(info->plan.total_bytes, hth_engine_plan_of(info->engine)->total_bytes);
    }
}

static Names names(World *w) {
    Names s = { "", { 0 }, 0 };
    const uint32_t n = hth_models_each(w->m, note, &s);
    assert_int_equal(n, s.n);
    return s;
}

static void until_gone(World *w, const char *left) {
    while (strcmp(names(w).text, left) != 0) usleep(500);
}

static void shared(void **state) {
    (void)state;
    World *w = open_world((HthModelsCfg){ .keep_alive_s = HTH_KEEP_DEFAULT });
    HthLoaded *a = get(w, "m1", HTH_KEEP_DEFAULT), *b = get(w, "alias", HTH_KEEP_DEFAULT);
    assert_ptr_equal(hth_loaded_engine(a), hth_loaded_engine(b));
    assert_ptr_equal(hth_loaded_attached(a), w);
    assert_string_equal(hth_loaded_source(b)->digest, "sha256:1");
    assert_ptr_equal(hth_engine_model(hth_loaded_engine(a)), hth_loaded_model(a));
    HthLoaded *c = get(w, "file", HTH_KEEP_DEFAULT), *d = get(w, "file", HTH_KEEP_DEFAULT);
    assert_ptr_equal(c, d);
    assert_string_equal(names(w).text, "m1 m2");
    assert_int_equal(w->opened, 2);
    static Said said, plain;
    uint32_t ids[3] = { 1, 2, 3 };
    HthJobCfg job = { .ids = ids, .n = 3, .predict_max = 20 };
    hth_sample_defaults(&job.params);
    said_plainly(&plain, hth_loaded_model(c), &job, 64, NULL);
    said_all(&said, hth_loaded_engine(c), job);
    assert_said_same(&said, &plain, "loaded from a file");
    put(a);
    assert_true(names(w).expires_ns[0] == UINT64_MAX); /* b has it still */
    put(b);
    const uint64_t now = hth_clock_ns(), expires = names(w).expires_ns[0];
    assert_true(expires > now && expires <= now + 300 * 1000000000ull);
    put(c);
    put(d);
    put(get(w, "m1", -1));
    assert_true(names(w).expires_ns[0] == UINT64_MAX);
    close_world(w);
}

static void kept_and_let_go(void **state) {
    (void)state;
    World *w = open_world((HthModelsCfg){ .keep_alive_s = -1 });
    put(get(w, "m0", HTH_KEEP_DEFAULT));
    put(get(w, "m1", 0));
    until_gone(w, "m0");
    HthLoaded *l = get(w, "m2", 0);
    HthLoaded *again = get(w, "m2", -1); /* the latest counts */
    put(l);
    put(again);
    put(get(w, "m3", 100));
    assert_string_equal(names(w).text, "m0 m2 m3");
    assert_true(hth_models_stop(w->m, HTH_STR("m2")));
    until_gone(w, "m0 m3");
    assert_false(hth_models_stop(w->m, HTH_STR("m2")));
    l = get(w, "m3", 100);
    hth_loaded_pin(l, true);
    assert_true(hth_models_stop(w->m, HTH_STR("m3"))); /* in use: afterwards */
    assert_string_equal(names(w).text, "m0 m3");
    put(l);
    until_gone(w, "m0");
    close_world(w);
}

/* What a name stands for has changed: the new one is loaded, the old one ends in peace. */
static void replaced(void **state) {
    (void)state;
    World *w = open_world((HthModelsCfg){ .keep_alive_s = -1 });
    HthLoaded *old = get(w, "m0", -1);
    put(get(w, "m1", -1));
    w->version++;
    HthLoaded *new = get(w, "m0", -1);
    assert_ptr_not_equal(hth_loaded_engine(new), hth_loaded_engine(old));
    assert_string_equal(names(w).text, "m0 m1 m0");
    put(old);
    until_gone(w, "m1 m0");
    assert_ptr_equal(get(w, "m0", -1), new);
    put(new);
    put(new);
    assert_true(hth_models_stop(w->m, HTH_STR("m0")));
    until_gone(w, "m1");
    close_world(w);
}

static void room(void **state) {
    (void)state;
    HthErr err = { 0 };
    World *w = open_world((HthModelsCfg){ .keep_alive_s = -1 });
    HthLoaded *l = NULL;
    w->available = 3 * w->plan; /* the plans of three that have not begun: all is only promised */
    for (int i = 0; i < 3; i++) put(get(w, (const char *[]){ "m0", "m1", "m2" }[i], -1));
    put(get(w, "m0", -1));
    w->available -= w->plan / 8; /* something of it has been taken since */
    put(get(w, "m3", -1));
    assert_string_equal(names(w).text, "m0 m2 m3"); /* m1 was unused for longest */
    HthLoaded *a = get(w, "m0", -1), *b = get(w, "m2", -1), *c = get(w, "m3", -1);
    assert_status(hth_models_acquire(w->m, HTH_STR("m4"), -1, &l, &err), HTH_EAGAIN, err);
    assert_non_null(strstr(err.text, "in use"));
    hth_loaded_pin(a, true);
    hth_loaded_pin(b, true);
    hth_loaded_pin(c, true);
    assert_status(hth_models_acquire(w->m, HTH_STR("m4"), -1, &l, &err), HTH_ENOMEM, err);
    assert_non_null(strstr(err.text, "MiB"));
    assert_null(l);
    hth_loaded_pin(b, false);
    put(a);
    put(b);
    put(c);
    put(get(w, "m4", -1));
    assert_string_equal(names(w).text, "m0 m3 m4");
    close_world(w);
    w = open_world((HthModelsCfg){ .keep_alive_s = -1, .models_max = 1 });
    put(get(w, "m0", -1));
    put(get(w, "m1", -1));
    assert_string_equal(names(w).text, "m1");
    a = get(w, "m1", -1);
    assert_status(hth_models_acquire(w->m, HTH_STR("m4"), -1, &l, &err), HTH_EAGAIN, err);
    assert_non_null(strstr(err.text, "1 models are loaded"));
    put(a);
    close_world(w);
    w = open_world((HthModelsCfg){ .keep_alive_s = -1, .memory_max = 1000 });
    assert_status(hth_models_acquire(w->m, HTH_STR("m4"), -1, &l, &err), HTH_ENOMEM, err);
    assert_string_equal(names(w).text, "");
    close_world(w);
}

static void failures(void **state) {
    (void)state;
    HthErr err = { 0 };
    World *w = open_world((HthModelsCfg){ .keep_alive_s = -1 });
    HthLoaded *l = NULL;
    assert_status(hth_models_acquire(w->m, HTH_STR("m9"), -1, &l, &err), HTH_EINVAL, err);
    assert_status(hth_models_acquire(w->m, HTH_STR("missing"), -1, &l, &err), HTH_EIO, err);
    w->refuse = true;
    assert_status(hth_models_acquire(w->m, HTH_STR("m0"), -1, &l, &err), HTH_EFORMAT, err);
    assert_string_equal(names(w).text, "");
    w->refuse = false;
    put(get(w, "m0", -1));
    close_world(w);
}

/* Several threads want whatever they like; there is room for two. */
enum { HANDS = 4, TURNS = 60 };
typedef struct Hand {
    World *w;
    uint64_t seed;
    uint32_t served, refused;
} Hand;

static void hand_main(void *payload) {
    Hand *h = payload;
    for (uint64_t t = 0; t < TURNS; t++) {
        static const char *const any[] = { "m0", "m1", "m2", "m3", "alias", "file", "missing" };
        HthErr err = { 0 };
        HthLoaded *l = NULL;
        const char *name = any[hth_rng_below(h->seed, 1, t, HTH_COUNT(any))];
        const int64_t keep = hth_rng_below(h->seed, 2, t, 3) ? -1 : 0;
        const HthStatus st = hth_models_acquire(h->w->m, hth_str(name), keep, &l, &err);
        HTH_ASSERT(st == HTH_OK || st == HTH_EAGAIN || st == HTH_EIO);
        *(st == HTH_OK ? &h->served : &h->refused) += 1;
        if (st != HTH_OK) continue;
        uint32_t ids[3] = { 1, 2, 3 };
        HthJob *j = NULL;
        HthJobCfg job = { .ids = ids, .n = 3, .predict_max = 4 };
        hth_sample_defaults(&job.params);
        HTH_ASSERT(hth_engine_submit(hth_loaded_engine(l), &job, &j, &err) == HTH_OK);
        if (t % 3 == 0) usleep(300);
        hth_job_close(&j);
        hth_models_release(&l);
        if (t % 8 == 0) (void)hth_models_stop(h->w->m, HTH_STR("m1"));
    }
}

static void many_hands(void **state) {
    (void)state;
    HthErr err = { 0 };
    World *w = open_world((HthModelsCfg){ .keep_alive_s = -1, .models_max = 2 });
    Hand hand[HANDS];
    HthThread *t[HANDS] = { NULL };
    uint32_t served = 0;
    for (uint32_t i = 0; i < HANDS; i++) {
        hand[i] = (Hand){ .w = w, .seed = 70 + i };
        assert_ok(hth_thread_open(&t[i], hand_main, &hand[i], &err), err);
    }
    for (uint32_t i = 0; i < HANDS; i++) {
        hth_thread_join(&t[i]);
        served += hand[i].served;
    }
    assert_true(served > HANDS && names(w).n <= 2);
    close_world(w);
}

typedef struct Together {
    World *w;
    const char *name;
    HthStatus st;
    HthLoaded *l;
} Together;

static void together_main(void *payload) {
    Together *t = payload;
    HthErr err = { 0 };
    t->st = hth_models_acquire(t->w->m, hth_str(t->name), -1, &t->l, &err);
}

/* However many come at once: one load. */
static void one_load(void **state) {
    (void)state;
    HthErr err = { 0 };
    for (int round = 0; round < 20; round++) {
        World *w = open_world((HthModelsCfg){ .keep_alive_s = -1 });
        Together all[6];
        HthThread *t[6] = { NULL };
        for (int i = 0; i < 6; i++) {
            all[i] = (Together){ .w = w, .name = round % 4 == 3 ? "missing" : "m0" };
            assert_ok(hth_thread_open(&t[i], together_main, &all[i], &err), err);
        }
        for (int i = 0; i < 6; i++) hth_thread_join(&t[i]);
        for (int i = 0; i < 6; i++) {
            assert_int_equal(all[i].st, round % 4 == 3 ? HTH_EIO : HTH_OK);
            assert_ptr_equal(all[i].l, all[0].l);
        }
        for (int i = 0; i < 6; i++) hth_models_release(&all[i].l);
        assert_int_equal(w->opened, round % 4 == 3 ? 0 : 1);
        close_world(w);
    }
}

/* What is being loaded has taken nothing yet, and has its room all the same. */
static void loading_counts(void **state) {
    (void)state;
    HthErr err = { 0 };
    World *w = open_world((HthModelsCfg){ .keep_alive_s = -1 });
    HthThread *t = NULL;
    HthLoaded *l = NULL;
    Together first = { .w = w, .name = "m0" };
    w->available = w->plan * 3 / 2;
    assert_ok(hth_gate_open(&w->hold, &err), err);
    assert_ok(hth_thread_open(&t, together_main, &first, &err), err);
    hth_gate_enter(w->hold);
    while (!w->held) hth_gate_wait(w->hold, UINT64_MAX);
    hth_gate_leave(w->hold);
    assert_status(hth_models_acquire(w->m, HTH_STR("m1"), -1, &l, &err), HTH_EAGAIN, err);
    hth_gate_enter(w->hold);
    w->go_on = true;
    hth_gate_ring(w->hold);
    hth_gate_leave(w->hold);
    hth_thread_join(&t);
    assert_int_equal(first.st, HTH_OK);
    put(first.l);
    put(get(w, "m1", -1));
    assert_string_equal(names(w).text, "m1");
    hth_gate_close(&w->hold);
    close_world(w);
}

/* What lies over a model comes and goes with it, and is counted. */
static void adapters(void **state) {
    (void)state;
    World *w = open_world((HthModelsCfg){ .keep_alive_s = 0 });
    HthErr err = { 0 };
    HthLoaded *l = NULL;
    for (w->laid = 1; w->laid <= 3; w->laid += 2) {
        uint32_t count;
        w->version++; /* whoever lays something else over it says so */
        l = get(w, "m0", 0);
        const HthEngine *e = hth_loaded_engine(l);
        const HthAdapterUse *uses = hth_engine_adapters_of(e, &count);
        assert_int_equal(count, 1);
        assert_true(uses[0].scale == (w->laid == 3 ? 1.0f : 0.5f)); /* its own is always at 1 */
        assert_true(hth_engine_plan_of(e)->memory.bytes[HTH_MEMORY_ADAPTERS] > 1000);
        assert_true(hth_engine_plan_of(e)->total_bytes > w->plan + 1000);
        put(l);
    }
    w->laid = 2; /* the second is a model */
    w->version++;
    l = NULL;
    assert_status(hth_models_acquire(w->m, HTH_STR("m0"), -1, &l, &err), HTH_EFORMAT, err);
    assert_non_null(strstr(err.text, "adapter"));
    assert_null(l);
    unlink(w->lora);
    w->laid = 1;
    snprintf(w->lora, sizeof w->lora, "/nowhere/lora.gguf");
    assert_status(hth_models_acquire(w->m, HTH_STR("m1"), -1, &l, &err), HTH_EIO, err);
    assert_null(l);
    w->laid = 0;
    put(get(w, "m1", 0));
    close_world(w);
}

/* A plan has what the model's tables really take, and the heap gives a take of the same size some
 * bytes more at one time than at another. */
enum { SLACK = 512 };

/* Below a ceiling that is a little more than the whole plan it is loaded, below one that is a
 * little less it is not; what its adapter holds is much more than that. */
static void assert_counted(uint64_t total, HthAdapterMake *make_adapter, uint32_t rank) {
    HthErr err = { 0 };
    for (int less = 0; less < 2; less++) {
        HthLoaded *l = NULL;
        World *w = open_world((HthModelsCfg){ .memory_max = less ? total - SLACK : total + SLACK,
                                              .make_adapter = make_adapter });
        leave_adapter(w, rank);
        w->laid = 1;
        assert_status(hth_models_acquire(w->m, HTH_STR("m0"), 0, &l, &err),
                      less ? HTH_ENOMEM : HTH_OK, err);
        hth_models_release(&l);
        close_world(w);
    }
}

/* Their bytes belong to the model's: below the ceiling, and asked for before they are taken. */
static void adapters_are_admitted(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthLoaded *l = NULL;
    World *w = open_world((HthModelsCfg){ .keep_alive_s = 0 });
    w->laid = 1;
    l = get(w, "m0", 0);
    const HthEnginePlan plan = *hth_engine_plan_of(hth_loaded_engine(l));
    put(l);
    close_world(w);
    assert_true(plan.memory.bytes[HTH_MEMORY_ADAPTERS] > 2 * SLACK);
    assert_counted(plan.total_bytes, NULL, 2);
    w = open_world((HthModelsCfg){ .keep_alive_s = 0 });
    leave_adapter(w, 2000); /* larger than the model */
    w->laid = 1;
    l = get(w, "m0", 0);
    const uint64_t held =
        hth_engine_plan_of(hth_loaded_engine(l))->memory.bytes[HTH_MEMORY_ADAPTERS];
    put(l);
    w->version++;
    w->available = held / 2; /* what else it needs would fit */
    l = NULL;
    assert_status(hth_models_acquire(w->m, HTH_STR("m0"), 0, &l, &err), HTH_ENOMEM, err);
    assert_non_null(strstr(err.text, "MiB"));
    close_world(w);
}

static uint32_t makings; /* of make() */

static HthStatus make(HthBuf *out, const HthModel *model, const char *path, bool *made,
                      HthErr *err) {
    (void)model;
    makings++;
    *made = true;
    return hth_file_read(out, path, err);
}

/* What is made of a path that is no file is made once a load, and its bytes are the system's
 * already when the rest of the adapter is asked for. */
static void made_once(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthLoaded *l = NULL;
    HthBuf file;
    World *w = open_world((HthModelsCfg){ .keep_alive_s = 0, .make_adapter = make });
    leave_adapter(w, 2000);
    test_load(&file, w->lora);
    w->laid = 1;
    makings = 0;
    l = get(w, "m0", 0);
    assert_int_equal(makings, 1);
    const HthEnginePlan plan = *hth_engine_plan_of(hth_loaded_engine(l));
    const uint64_t held = plan.memory.bytes[HTH_MEMORY_ADAPTERS];
    put(l);
    assert_true(held > file.n && plan.total_bytes - held < held - file.n);
    for (int less = 0; less < 2; less++) {
        w->version++;
        w->available = less ? (held - file.n) / 2 : held - file.n;
        l = NULL;
        assert_status(hth_models_acquire(w->m, HTH_STR("m0"), 0, &l, &err),
                      less ? HTH_ENOMEM : HTH_OK, err);
        hth_models_release(&l);
    }
    assert_int_equal(makings, 3);
    HthModelSource source = { 0 };
    HthEnginePlan again;
    assert_ok(resolve(w, HTH_STR("m0"), &source, &err), err);
    assert_ok(hth_models_plan(w->m, &source, &again, &err), err);
    assert_int_equal(makings, 4);
    assert_int_equal(again.memory.bytes[HTH_MEMORY_ADAPTERS], held);
    assert_in_range(again.total_bytes, plan.total_bytes - SLACK, plan.total_bytes + SLACK);
    hth_buf_drop(&file);
    close_world(w);
    assert_counted(plan.total_bytes, make, 2000);
}

static HthStatus body(void *ctx) {
    World *w = ctx;
    HthErr err = { 0 };
    HthModels *m = NULL;
    HthLoaded *l = NULL;
    const HthModelsCfg cfg = {
        .resolve = resolve, .payload = w, .available = available, .keep_alive_s = 0
    };
    HthStatus st = hth_models_open(&m, &cfg, &err);
    if (st == HTH_OK) st = hth_models_acquire(m, HTH_STR("m0"), -1, &l, &err);
    hth_models_release(&l);
    hth_models_close(&m);
    return st;
}

static void survives_no_memory(void **state) {
    (void)state;
    World *w = open_world((HthModelsCfg){ .keep_alive_s = -1 });
    assert_true(test_torture(body, w, 300) >= 20);
    w->laid = 1;
    assert_true(test_torture(body, w, 300) >= 30);
    close_world(w);
}

#define IN_FOLDER(t) cmocka_unit_test_setup_teardown(t, test_folder_make, test_folder_drop)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(shared),     IN_FOLDER(kept_and_let_go),
        IN_FOLDER(replaced),   IN_FOLDER(room),
        IN_FOLDER(failures),   IN_FOLDER(one_load),
        IN_FOLDER(many_hands), IN_FOLDER(loading_counts),
        IN_FOLDER(adapters),   IN_FOLDER(adapters_are_admitted),
        IN_FOLDER(made_once),  IN_FOLDER(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
