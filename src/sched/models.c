/* models.c - see models.h.
 *
 * A list behind one gate.  What takes time - opening and closing models and engines - is done
 * outside of it; meanwhile the model stands in the list as loading or leaving, and whoever wants it
 * waits for the bell.  References may be taken while it is loading: they are its waiters.
 *
 * Thread: any. */
#include "sched/models.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/room.h"
#include "base/thread.h"
#include "model/adapter.h"
#include "sched/models_choose.h"

enum { LOADED_MAX = 64 };

typedef enum State { LOADING, READY, LEAVING, FAILED } State;

struct HthLoaded {
    HthModels *models;
    HthLoaded *next;
    HthModelSource source; /* from here on: nobody changes it once it is listed */
    HthModel *model;
    HthAdapter *adapters[HTH_ADAPTERS_MAX];
    HthAdapterUse uses[HTH_ADAPTERS_MAX]; /* of these, for the engine */
    HthEngine *engine; /* NULL unless READY or LEAVING */
    void *attached;
    bool opened;
    uint64_t load_ns;
    State state; /* in the gate, as all below */
    HthModelUse use; /* claimed: all of bytes while LOADING */
    int64_t keep_s;
    HthStatus status; /* FAILED */
    HthErr err;
};

struct HthModels {
    HthModelsCfg cfg;
    HthGate *gate;
    HthThread *keeper;
    HthLoaded *first; /* in the gate, as all below; oldest first */
    bool closing;
};

/* ---- the list ------------------------------------------------------------------------------- */

static bool named(const HthLoaded *l, HthStr name) {
    return hth_str_eq(hth_str(l->source.name), name);
}

static HthLoaded *find(const HthModels *m, const HthModelSource *s) {
    for (HthLoaded *l = m->first; l; l = l->next)
        if (named(l, hth_str(s->name)) && strcmp(l->source.path, s->path) == 0 &&
            l->source.data == s->data && l->source.version == s->version)
            return l;
    return NULL;
}

/* Goes as soon as nobody has it. */
static bool retire(HthModels *m, HthStr name) {
    bool any = false;
    for (HthLoaded *l = m->first; l; l = l->next) {
        if (!named(l, name)) continue;
        l->use.pinned = false;
        l->keep_s = 0;
        if (l->use.references == 0) l->use.expires_ns = 0;
        any = true;
    }
    if (any) hth_gate_ring(m->gate);
    return any;
}

static uint32_t count(const HthModels *m) {
    uint32_t n = 0;
    for (const HthLoaded *l = m->first; l; l = l->next) n++;
    return n;
}

static void unlink_loaded(HthModels *m, HthLoaded *gone) {
    HthLoaded **p = &m->first;
    while (*p != gone) p = &(*p)->next;
    *p = gone->next;
}

static void close_files(HthLoaded *l) {
    for (uint32_t i = 0; i < HTH_ADAPTERS_MAX; i++) hth_adapter_close(&l->adapters[i]);
    hth_model_close(&l->model);
}

static void close_loaded(HthLoaded *l) {
    const HthModelsCfg *c = &l->models->cfg;
    if (l->opened && c->closing) c->closing(c->payload, l->attached);
    l->opened = false;
    hth_engine_close(&l->engine);
    close_files(l);
}

/* Its weights are copies of a file, until they are panels in memory of its own; pages that were
 * never used are promised only. */
static uint64_t claimed(HthLoaded *l) {
    if (l->state != READY) return l->use.bytes;
    const HthEnginePlan *p = hth_engine_plan_of(l->engine);
    const HthEngineStats s = hth_engine_stats(l->engine);
    const uint64_t weights =
        p->memory.bytes[HTH_MEMORY_WEIGHTS] + p->memory.bytes[HTH_MEMORY_PANELS];
    const uint64_t made = hth_model_packed_bytes(l->model);
    return (made < weights ? weights - made : 0) +
           p->memory.bytes[HTH_MEMORY_CACHE] / p->page_count * (p->page_count - s.pages_touched);
}

/* As decisions see them, all but one; at[] says which is which. */
static uint32_t look(HthModels *m, const HthLoaded *but, HthModelUse *uses, HthLoaded **at) {
    uint32_t n = 0;
    for (HthLoaded *l = m->first; l; l = l->next) {
        if (l == but) continue;
        HTH_ASSERT(n < LOADED_MAX);
        at[n] = l;
        uses[n] = l->use;
        uses[n].moving = l->state != READY;
        uses[n].claimed = claimed(l);
        n++;
    }
    return n;
}

/* In the gate, which it leaves for the time it takes. */
static void unload(HthModels *m, HthLoaded *l) {
    HTH_ASSERT(l->state == READY && l->use.references == 0);
    l->state = LEAVING;
    hth_gate_leave(m->gate);
    close_loaded(l);
    hth_gate_enter(m->gate);
    unlink_loaded(m, l);
    hth_free(l);
    hth_gate_ring(m->gate);
}

/* ---- loading -------------------------------------------------------------------------------- */

static HthStatus refuse(const HthModels *m, const HthModelsChoice *c, HthErr *err) {
    const bool busy = c->verdict == HTH_MODELS_BUSY;
    const unsigned long long need = c->need >> 20, room = c->room >> 20;
    if (c->by_count)
        return HTH_FAIL(err, busy ? HTH_EAGAIN : HTH_ENOMEM,
                        "%u models are loaded, the most that may be, and %s", m->cfg.models_max,
                        busy ? "all are in use; try again" : "none may be unloaded");
    if (busy)
        return HTH_FAIL(err, HTH_EAGAIN,
                        "the model needs %llu MiB; %llu MiB could be had, the rest is held by "
                        "models in use; try again",
                        need, room);
    return HTH_FAIL(err, HTH_ENOMEM,
                    "the model needs %llu MiB, and %llu MiB can be had; ask for a shorter context, "
                    "fewer jobs at once, or stop a pinned model",
                    need, room);
}

/* In the gate: until what is in the way has gone, or cannot go. */
static HthStatus make_room(HthModels *m, HthLoaded *l, const HthModelWant *want, HthErr *err) {
    for (;;) {
        HthModelUse uses[LOADED_MAX];
        HthLoaded *at[LOADED_MAX];
        const uint32_t n = look(m, l, uses, at);
        const HthModelsRoom room = { .available = m->cfg.available
                                                      ? m->cfg.available(m->cfg.payload)
                                                      : hth_room_available(),
                                     .memory_max = m->cfg.memory_max,
                                     .models_max = m->cfg.models_max };
        const HthModelsChoice c = hth_models_choose(uses, n, &room, want);
        bool leaving = false;
        for (uint32_t i = 0; i < n; i++) leaving = leaving || at[i]->state == LEAVING;
        if (c.verdict == HTH_MODELS_LOAD) return HTH_OK;
        if (c.verdict == HTH_MODELS_UNLOAD)
            unload(m, at[c.victim]);
        else if (leaving)
            hth_gate_wait(m->gate, UINT64_MAX);
        else
            return refuse(m, &c, err);
    }
}

static HthStatus open_model(HthLoaded *l, HthErr *err) {
    const HthModelSource *s = &l->source;
    if (s->data)
        return hth_model_open_mem(&l->model, s->data, s->data_n, s->path[0] ? s->path : s->name,
                                  err);
    HTH_REQUIRE(s->path[0], err, HTH_EINVAL, "this model has no file");
    return hth_model_open(&l->model, s->path, err);
}

/* The i-th file that lies over a model: its own first. */
static const char *adapter_at(const HthModelSource *s, uint32_t i) {
    const uint32_t own = s->adapter[0] != 0;
    return i < own ? s->adapter : s->adapters[i - own].path;
}

static HthStatus count_adapters(const HthModelSource *s, uint32_t *out, HthErr *err) {
    const uint32_t own = s->adapter[0] != 0;
    HTH_REQUIRE(s->adapter_count <= HTH_ADAPTERS_MAX - own, err, HTH_ELIMIT,
                "%u adapters; the most is %d", s->adapter_count + own, HTH_ADAPTERS_MAX);
    *out = s->adapter_count + own;
    return HTH_OK;
}

/* Their tables, and what their values will take (added to *want). */
static HthStatus begin_adapters(HthLoaded *l, uint32_t count, HthModelWant *want, HthErr *err) {
    HthAdapterMake *const make = l->models->cfg.make_adapter;
    for (uint32_t i = 0; i < count; i++) {
        size_t need = 0;
        HTH_TRY(hth_adapter_begin(&l->adapters[i], &need, l->model, adapter_at(&l->source, i), make,
                                  err));
        const size_t held = hth_adapter_bytes(l->adapters[i]);
        want->own_bytes += need - held;
        want->taken_bytes += held;
    }
    return HTH_OK;
}

/* Their values; *cfg: the source's, with them. */
static HthStatus finish_adapters(HthLoaded *l, uint32_t count, HthEngineCfg *cfg, HthErr *err) {
    const HthModelSource *s = &l->source;
    const uint32_t own = s->adapter[0] != 0;
    *cfg = s->cfg;
    cfg->adapters = l->uses;
    for (uint32_t i = 0; i < count; i++) {
        HTH_TRY(hth_adapter_finish(l->adapters[i], l->model, err));
        l->uses[i] = (HthAdapterUse){ l->adapters[i], i < own ? 1.0f : s->adapters[i - own].scale };
        cfg->adapter_count = i + 1;
    }
    return HTH_OK;
}

/* Room for what is about to be taken; bytes: of all that l then has, which others see before it is
 * taken. */
static HthStatus admit(HthModels *m, HthLoaded *l, const HthModelWant *want, uint64_t bytes,
                       HthErr *err) {
    hth_gate_enter(m->gate);
    const HthStatus st = make_room(m, l, want, err);
    if (st == HTH_OK) l->use.bytes = bytes;
    hth_gate_leave(m->gate);
    return st;
}

/* Adapters are opened to plan what they need of each row: their own bytes are admitted before. */
static HthStatus open_adapters(HthModels *m, HthLoaded *l, uint32_t count, HthEngineCfg *cfg,
                               HthErr *err) {
    HthModelWant want = { 0 };
    HTH_TRY(begin_adapters(l, count, &want, err));
    if (count > 0) HTH_TRY(admit(m, l, &want, want.own_bytes + want.taken_bytes, err));
    return finish_adapters(l, count, cfg, err);
}

static HthStatus load_parts(HthModels *m, HthLoaded *l, HthErr *err) {
    HthEnginePlan plan;
    HthEngineCfg cfg;
    uint32_t count = 0;
    HTH_TRY(count_adapters(&l->source, &count, err));
    HTH_TRY(open_model(l, err));
    HTH_TRY(open_adapters(m, l, count, &cfg, err));
    HTH_TRY(hth_engine_plan(&plan, l->model, &cfg, err));
    const uint64_t weights = plan.memory.bytes[HTH_MEMORY_WEIGHTS];
    const uint64_t taken =
        plan.memory.bytes[HTH_MEMORY_TABLES] + plan.memory.bytes[HTH_MEMORY_ADAPTERS];
    const HthModelWant want = { weights, plan.total_bytes - weights - taken, taken };
    HTH_TRY(admit(m, l, &want, plan.total_bytes, err));
    if (l->source.lock) HTH_TRY(hth_model_lock(l->model, err));
    HTH_TRY(hth_engine_open(&l->engine, l->model, &cfg, err));
    if (m->cfg.opened)
        HTH_TRY(m->cfg.opened(m->cfg.payload, &l->source, l->engine, &l->attached, err));
    l->opened = true;
    return HTH_OK;
}

HthStatus hth_models_plan(HthModels *m, const HthModelSource *source, HthEnginePlan *out,
                          HthErr *err) {
    HthEngineCfg cfg;
    HthModelWant want = { 0 };
    uint32_t count = 0;
    HTH_TRY(count_adapters(source, &count, err));
    HthLoaded *l = hth_calloc(1, sizeof *l);
    HTH_REQUIRE(l, err, HTH_ENOMEM, "no memory for a model");
    l->models = m;
    l->source = *source;
    HthStatus st = open_model(l, err);
    if (st == HTH_OK) st = begin_adapters(l, count, &want, err);
    if (st == HTH_OK) st = finish_adapters(l, count, &cfg, err);
    if (st == HTH_OK) st = hth_engine_plan(out, l->model, &cfg, err);
    close_files(l);
    hth_free(l);
    return st;
}

/* Listed as LOADING by the caller, who holds one reference. */
static HthStatus load(HthModels *m, HthLoaded *l, HthErr *err) {
    const uint64_t began = hth_clock_ns();
    HthErr why = { 0 };
    const HthStatus st = load_parts(m, l, &why);
    if (st != HTH_OK) close_loaded(l); /* before others may look */
    hth_gate_enter(m->gate);
    l->load_ns = hth_clock_ns() - began;
    l->state = st == HTH_OK ? READY : FAILED;
    if (st != HTH_OK) {
        unlink_loaded(m, l);
        l->status = st;
        l->err = why;
        if (err) *err = why;
    }
    const bool last = st != HTH_OK && --l->use.references == 0;
    hth_gate_ring(m->gate);
    hth_gate_leave(m->gate);
    if (last) hth_free(l);
    return st;
}

/* ---- references ----------------------------------------------------------------------------- */

static void use(HthLoaded *l, int64_t keep_s) {
    l->use.references++;
    l->use.used_ns = hth_clock_ns();
    l->use.expires_ns = UINT64_MAX;
    l->keep_s = keep_s == HTH_KEEP_DEFAULT ? l->models->cfg.keep_alive_s : keep_s;
}

/* In the gate: somebody else is loading it. */
static HthStatus wait_for(HthModels *m, HthLoaded *l, HthErr *err) {
    while (l->state == LOADING) hth_gate_wait(m->gate, UINT64_MAX);
    if (l->state != FAILED) return HTH_OK; /* our reference keeps it */
    const HthStatus st = l->status;
    if (err) *err = l->err;
    if (--l->use.references == 0) hth_free(l);
    return st;
}

/* In the gate. *mine: not there, `fresh` is listed and shall be loaded. */
static HthStatus enlist(HthModels *m, HthLoaded *fresh, int64_t keep_s, HthLoaded **out, bool *mine,
                        HthErr *err) {
    HthLoaded *l;
    *mine = false;
    HTH_REQUIRE(!m->closing, err, HTH_ECANCELED, "the models are being unloaded");
    while ((l = find(m, &fresh->source)) && l->state == LEAVING) hth_gate_wait(m->gate, UINT64_MAX);
    *out = l ? l : fresh;
    if (l) {
        use(l, keep_s);
        return wait_for(m, l, err);
    }
    HTH_REQUIRE(count(m) < LOADED_MAX, err, HTH_ELIMIT,
                "%d models are loaded, the most there can be", LOADED_MAX);
    retire(m, hth_str(fresh->source.name));
    HthLoaded **end = &m->first;
    while (*end) end = &(*end)->next;
    *end = fresh;
    use(fresh, keep_s);
    *mine = true;
    return HTH_OK;
}

HthStatus hth_models_acquire(HthModels *m, HthStr name, int64_t keep_alive_s, HthLoaded **out,
                             HthErr *err) {
    HthLoaded *l = NULL;
    bool mine = false;
    HthLoaded *fresh = hth_calloc(1, sizeof *fresh);
    HTH_REQUIRE(fresh, err, HTH_ENOMEM, "no memory for a model");
    fresh->models = m;
    HthStatus st = m->cfg.resolve(m->cfg.payload, name, &fresh->source, err);
    fresh->use.pinned = fresh->source.pin;
    if (st == HTH_OK) {
        hth_gate_enter(m->gate);
        st = enlist(m, fresh, keep_alive_s, &l, &mine, err);
        hth_gate_leave(m->gate);
    }
    if (!mine)
        hth_free(fresh);
    else
        st = load(m, l, err);
    if (st == HTH_OK) *out = l;
    return st;
}

static uint64_t expiry(uint64_t now, int64_t keep_s) {
    if (keep_s < 0 || (uint64_t)keep_s > (UINT64_MAX - now) / 1000000000u) return UINT64_MAX;
    return now + (uint64_t)keep_s * 1000000000u;
}

void hth_models_release(HthLoaded **loaded) {
    HthLoaded *l = *loaded;
    if (!l) return;
    HthModels *m = l->models;
    hth_gate_enter(m->gate);
    HTH_ASSERT(l->use.references > 0);
    const uint64_t now = hth_clock_ns();
    l->use.used_ns = now;
    if (--l->use.references == 0) l->use.expires_ns = expiry(now, l->keep_s);
    hth_gate_ring(m->gate);
    hth_gate_leave(m->gate);
    *loaded = NULL;
}

HthEngine *hth_loaded_engine(const HthLoaded *l) {
    return l->engine;
}

const HthModel *hth_loaded_model(const HthLoaded *l) {
    return l->model;
}

const HthModelSource *hth_loaded_source(const HthLoaded *l) {
    return &l->source;
}

void *hth_loaded_attached(const HthLoaded *l) {
    return l->attached;
}

uint64_t hth_loaded_load_ns(const HthLoaded *l) {
    return l->load_ns;
}

void hth_loaded_pin(HthLoaded *l, bool pinned) {
    hth_gate_enter(l->models->gate);
    l->use.pinned = pinned;
    hth_gate_leave(l->models->gate);
}

bool hth_models_stop(HthModels *m, HthStr name) {
    hth_gate_enter(m->gate);
    const bool any = retire(m, name);
    hth_gate_leave(m->gate);
    return any;
}

uint32_t hth_models_each(HthModels *m, void (*fn)(void *payload, const HthModelInfo *info),
                         void *payload) {
    uint32_t n = 0;
    hth_gate_enter(m->gate);
    for (HthLoaded *l = m->first; l; l = l->next, n++) {
        HthModelInfo info = { .source = &l->source,
                              .expires_ns = l->use.pinned ? UINT64_MAX : l->use.expires_ns,
                              .load_ns = l->load_ns,
                              .references = l->use.references,
                              .pinned = l->use.pinned,
                              .loading = l->state == LOADING };
        if (l->state == READY) {
            info.engine = l->engine;
            info.plan = *hth_engine_plan_of(l->engine);
            info.stats = hth_engine_stats(l->engine);
        }
        if (fn) fn(payload, &info);
    }
    hth_gate_leave(m->gate);
    return n;
}

/* ---- open, close, and the keeper ------------------------------------------------------------ */

/* Lets go of those whose time is up. */
static void keeper_main(void *payload) {
    HthModels *m = payload;
    hth_gate_enter(m->gate);
    while (!m->closing) {
        HthModelUse uses[LOADED_MAX];
        HthLoaded *at[LOADED_MAX];
        uint64_t next;
        const uint32_t n = look(m, NULL, uses, at);
        const uint32_t due = hth_models_due(uses, n, hth_clock_ns(), &next);
        if (due != UINT32_MAX)
            unload(m, at[due]);
        else
            hth_gate_wait(m->gate, next);
    }
    hth_gate_leave(m->gate);
}

HthStatus hth_models_open(HthModels **out, const HthModelsCfg *cfg, HthErr *err) {
    HthModels *m = hth_calloc(1, sizeof *m);
    HTH_REQUIRE(m, err, HTH_ENOMEM, "no memory for the models");
    m->cfg = *cfg;
    if (m->cfg.keep_alive_s == HTH_KEEP_DEFAULT) m->cfg.keep_alive_s = HTH_KEEP_DEFAULT_S;
    HthStatus st = hth_gate_open(&m->gate, err);
    if (st == HTH_OK) st = hth_thread_open(&m->keeper, keeper_main, m, err);
    if (st != HTH_OK)
        hth_models_close(&m);
    else
        *out = m;
    return st;
}

void hth_models_close(HthModels **models) {
    HthModels *m = *models;
    if (!m) return;
    if (m->keeper) {
        hth_gate_enter(m->gate);
        m->closing = true;
        hth_gate_ring(m->gate);
        hth_gate_leave(m->gate);
        hth_thread_join(&m->keeper);
        hth_gate_enter(m->gate);
        while (m->first) unload(m, m->first);
        hth_gate_leave(m->gate);
    }
    hth_gate_close(&m->gate);
    hth_free(m);
    *models = NULL;
}
