/* models.h - the models that are loaded: brought when asked for, kept for a while, let go when
 * another needs the room.
 *
 * Whoever wants a model acquires it by name and gets a reference; the first one loads it, on his
 * own thread, and whoever comes meanwhile waits for that load and no second one.  A model without
 * references stays for its keep-alive time.  When a new one does not fit beside those that are
 * there, idle ones go, the longest unused first; when that is not enough, nothing is unloaded and
 * the sentence says what is missing (models_choose.h is that decision, without threads and clocks).
 *
 * Thread: any.  A thread of its own lets go of what has expired. */
#ifndef HTH_SCHED_MODELS_H
#define HTH_SCHED_MODELS_H

#include "model/adapter.h"
#include "sched/engine.h"

typedef struct HthModels HthModels;
typedef struct HthLoaded HthLoaded; /* one reference to a loaded model */

enum {
    HTH_MODELS_NAME_MAX = 512, /* bytes, with their NUL */
    HTH_MODELS_PATH_MAX = 4096,
    HTH_MODELS_DIGEST_MAX = 128,
    HTH_KEEP_DEFAULT_S = 300
};
#define HTH_KEEP_DEFAULT INT64_MIN /* as HthModelsCfg says */

/* A file to be laid over a model (model/adapter.h). */
typedef struct HthModelAdapter {
    const char *path;
    float scale; /* for jobs that do not say */
} HthModelAdapter;

/* What a name stands for. */
typedef struct HthModelSource {
    char name[HTH_MODELS_NAME_MAX]; /* the one it is kept under: aliases share a model */
    char path[HTH_MODELS_PATH_MAX]; /* empty: data */
    char digest[HTH_MODELS_DIGEST_MAX]; /* passed on */
    const void *data; /* GGUF bytes that outlive the models (a built-in one); path for show */
    size_t data_n;
    HthEngineCfg cfg; /* kv: a string that lasts; no adapters: they come from below */
    char adapter[HTH_MODELS_PATH_MAX]; /* a file that belongs to the model, at scale 1 and before
                                        * all below; empty: none */
    const HthModelAdapter *adapters; /* [adapter_count] borrowed for as long as the models live */
    uint32_t adapter_count; /* at most HTH_ADAPTERS_MAX, with that one */
    /* Of what the name stands for: settings, a file that was replaced. With another version, path
     * or data it is another model: it is loaded afresh, and the old one goes when it is idle. */
    uint64_t version;
    bool lock; /* hth_model_lock */
    bool pin; /* never unloaded to make room, nor when its time is up */
} HthModelSource;

typedef struct HthModelsCfg {
    /* Fills *out (zeroed before). On the thread that acquires; outside of any lock. */
    HthStatus (*resolve)(void *payload, HthStr name, HthModelSource *out, HthErr *err);
    void *payload;
    int64_t keep_alive_s; /* negative: for ever; HTH_KEEP_DEFAULT: HTH_KEEP_DEFAULT_S */
    uint32_t models_max; /* loaded at once; 0: as many as fit */
    uint64_t memory_max; /* bytes of their plans together; 0: what the system has */
    HthAdapterMake *make_adapter; /* of a path that is no GGUF file (model/adapter.h); NULL: none */
    uint64_t (*available)(void *payload); /* NULL: hth_room_available() */
    /* On the loading thread, once the engine is there: what the owner wants kept beside it in
     * *attached (NULL before). A failure fails the load. NULL: nothing. */
    HthStatus (*opened)(void *payload, const HthModelSource *source, HthEngine *engine,
                        void **attached, HthErr *err);
    /* Before the engine is closed; nobody has a reference. Called for every success of opened. */
    void (*closing)(void *payload, void *attached);
} HthModelsCfg;

HTH_MUST_CHECK HthStatus hth_models_open(HthModels **out, const HthModelsCfg *cfg, HthErr *err);
void hth_models_close(HthModels **m); /* unloads all; every reference has been released */

/* keep_alive_s: how long it stays once the last reference is released: 0 not at all, negative for
 * ever, HTH_KEEP_DEFAULT; the latest request counts. May load, and so take seconds. What resolve
 * and opening say; ENOMEM: it does not fit, with the numbers; EAGAIN: it would if models in use
 * were not. */
HTH_MUST_CHECK HthStatus hth_models_acquire(HthModels *m, HthStr name, int64_t keep_alive_s,
                                            HthLoaded **out, HthErr *err);
void hth_models_release(HthLoaded **l); /* every job on its engine is closed; NULL is fine */

/* What loading it would take, with the adapters over it; nothing stays open. As hth_models_acquire,
 * but for what can be had. */
HTH_MUST_CHECK HthStatus hth_models_plan(HthModels *m, const HthModelSource *source,
                                         HthEnginePlan *out, HthErr *err);

HthEngine *hth_loaded_engine(const HthLoaded *l);
const HthModel *hth_loaded_model(const HthLoaded *l);
const HthModelSource *hth_loaded_source(const HthLoaded *l);
uint64_t hth_loaded_load_ns(const HthLoaded *l); /* what loading took */
void *hth_loaded_attached(const HthLoaded *l); /* what opened gave */
void hth_loaded_pin(HthLoaded *l, bool pinned);

/* It goes as soon as it is idle, pinned or not. False: no such model is loaded. name as in
 * HthModelSource. */
bool hth_models_stop(HthModels *m, HthStr name);

/* One loaded model, as `ps` shows it. Strings and engine are borrowed for the call back. */
typedef struct HthModelInfo {
    const HthModelSource *source;
    HthEnginePlan plan; /* zeros while it is being opened */
    HthEngine *engine; /* NULL: loading or unloading */
    HthEngineStats stats;
    uint64_t expires_ns; /* hth_clock_ns() scale; UINT64_MAX: in use, or never */
    uint64_t load_ns;
    uint32_t references;
    bool pinned, loading;
} HthModelInfo;
/* fn for each, oldest first; it must not call the models. Returns how many. */
uint32_t hth_models_each(HthModels *m, void (*fn)(void *payload, const HthModelInfo *info),
                         void *payload);

#endif
