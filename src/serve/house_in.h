/* house_in.h - what the files of the running server share; private to serve/.
 *
 * Thread: prep threads, unless it says otherwise. */
#ifndef HTH_SERVE_HOUSE_IN_H
#define HTH_SERVE_HOUSE_IN_H

#include <pthread.h>
#include <stdatomic.h>

#include "serve/ask.h"
#include "serve/house.h"
#include "serve/idle.h"
#include "serve/models_api.h"
#include "serve/policy.h"
#include "serve/receipts.h"
#include "serve/scribe.h"

/* The model that answers when nobody is named, as it was found last. */
typedef struct HthHouseDefault {
    uint64_t stamp; /* hth_store_stamp() before it was looked for; 0: look again */
    char key[HTH_MODELS_NAME_MAX]; /* hth_house_key(); "": there is no such model */
    char own[HTH_NAME_MAX + 1]; /* its own adapter's file name; "": none */
} HthHouseDefault;

struct HthHouse {
    HthHouseCfg cfg;
    HthModels *models;
    HthGrammars *grammars; /* of the answers of late */
    /* NULL for a moment: the first request may come before it is set. */
    HthHttpStats (*_Atomic stats)(void *stats_of);
    void *stats_of;
    HthAccessLog *log; /* NULL: none */
    HthScribe *scribe; /* NULL: conversations are not kept */
    HthIdle *idle; /* NULL: none */
    uint64_t began_ns;
    pthread_mutex_t scales_lock;
    float scales[HTH_ADAPTERS_MAX]; /* of cfg.adapters, for who does not say */
    pthread_mutex_t default_lock; /* of what is below */
    HthHouseDefault known;
    pthread_mutex_t uploads_lock; /* of the list */
    struct HthUpload *uploads; /* routes_blob.c: bodies on their way to the disk */
};

/* ---- a model, held (house_lease.c) ----------------------------------------------------------- */

/* It is not unloaded before hth_lease_give(). */
typedef struct HthLease {
    HthEngine *engine; /* NULL: nothing is held */
    const HthVoice *voice;
    HthLoaded *held;
    HthVoice *own; /* NULL: the voice is the model's, and others' too */
    char name[HTH_NAME_MAX + 1]; /* "space/name:tag" */
    char digest[80]; /* "sha256:..." */
    uint64_t load_ns; /* 0: it was there */
} HthLease;

/* Loads it if need be, and waits for that. name empty: the default. *missing: there is no such
 * model (EINVAL). EDENIED: it is not in scope (NULL: everything is). Otherwise as
 * hth_models_acquire() and hth_voice_open(). */
HTH_MUST_CHECK HthStatus hth_house_lease(HthHouse *h, const HthScope *scope, HthStr name,
                                         bool keep_set, int64_t keep_s, HthLease *out,
                                         bool *missing, HthErr *err);
/* From here on its voice has another chat template, for whoever holds it alone. ENOTSUP: Ollama's
 * template language; otherwise as hth_voice_open(). */
HTH_MUST_CHECK HthStatus hth_lease_template(HthLease *lease, HthStr text, HthErr *err);
/* What receipts say of the model's file: model, model_bytes, tokenizer of f. The first time all of
 * the file is read. EFORMAT: its digest is not the one that the store found. */
HTH_MUST_CHECK HthStatus hth_lease_facts(const HthLease *lease, HthReceiptFacts *f, HthErr *err);
void hth_lease_give(HthLease *lease); /* any thread; no job of it is open */
/* The longest timeline a request that asks for `wanted` tokens (0: nothing) may have. */
uint32_t hth_lease_ctx(const HthLease *lease, uint32_t wanted);
/* The name under which a stored model is loaded: its file's, and its adapter's. */
void hth_house_key(const HthStored *m, char out[HTH_MODELS_NAME_MAX]);
/* The stored model of that name, or the default one (empty), where scope (NULL: everything) has it
 * and its file can be used: a list of one, to be closed. Otherwise as hth_house_lease(). */
HTH_MUST_CHECK HthStatus hth_house_find(HthHouse *h, const HthScope *scope, HthStr name,
                                        HthStoreList **out, bool *missing, HthErr *err);
/* The same of ?model=, for who asks. */
HTH_MUST_CHECK HthStatus hth_house_asked(HthHouse *h, const HthX *x, const HthWho *who,
                                         HthStoreList **out, bool *missing, HthErr *err);
/* A name, or the one that stands for none. */
HthStr hth_house_wanted(const HthHouse *h, HthStr name);
/* What is loaded for it: over the default model lie the server's adapters. *out was zeroed. */
HTH_MUST_CHECK HthStatus hth_house_source(HthHouse *h, const HthStored *m, HthModelSource *out,
                                          HthErr *err);
/* HthModelsCfg callbacks. */
HthStatus hth_house_resolve(void *house, HthStr name, HthModelSource *out, HthErr *err);
HthStatus hth_house_opened(void *house, const HthModelSource *source, HthEngine *engine,
                           void **attached, HthErr *err);
void hth_house_closing(void *house, void *attached);

/* ---- adapters (house_adapters.c) ------------------------------------------------------------- */

enum { HTH_CHOSEN_TEXT = 1400 };
/* What lies over the model for one request, in the order of ids. */
typedef struct HthChosen {
    uint32_t count;
    HthAdapterUse use[HTH_ADAPTERS_MAX]; /* no scale is 0 */
    HthReceiptAdapters facts; /* the same for receipts; and for the log: */
    char text[HTH_CHOSEN_TEXT]; /* "SHA3-256*scale ..."; "": none */
} HthChosen;
/* As the ask says, or else as the server's settings do. EINVAL: an id that there is not. */
HTH_MUST_CHECK HthStatus hth_house_choose(HthHouse *h, const HthLease *lease, const HthAsk *ask,
                                          HthChosen *out, HthErr *err);
/* Of an engine's: the digests of their files. out->one's scales are as they were loaded. EFORMAT:
 * one is a blob whose bytes are not those it is named for. */
HTH_MUST_CHECK HthStatus hth_house_digests(const HthHouse *h, HthReceiptAdapters *out,
                                           const HthEngine *engine, HthErr *err);
/* Does the model that answers when nobody is named have one of its own? It is before the others,
 * and always at scale 1. *file: its name; "": none. */
HTH_MUST_CHECK HthStatus hth_house_own(HthHouse *h, char file[HTH_NAME_MAX + 1], HthErr *err);
/* Those of the leased model, as hth_house_digests found them when it was loaded. */
const HthReceiptAdapters *hth_lease_adapters(const HthLease *lease);
/* The routes. */
bool hth_house_uploads(HthHouse *h, const HthX *x); /* its body was spooled (routes_blob.c) */
void hth_route_adapters(HthHouse *h, HthX *x, const HthWho *who, HthStr rest);
void hth_route_set_adapters(HthHouse *h, HthX *x, const HthWho *who, HthStr rest);

/* ---- what the audit log says (house_trail.c) ------------------------------------------------- */

/* Begins the exchange's trail; draws: it is accepted later (hth_run_accept). False: answered. */
bool hth_house_trail(HthHouse *h, HthX *x, const HthWho *who, HthRouteId at, bool draws);
void hth_house_trail_end(HthHouse *h, const HthX *x); /* in `done` */
void hth_house_id(char out[HTH_TRAIL_ID]); /* a new one, by chance */

/* ---- routes ---------------------------------------------------------------------------------- */

typedef struct HthRoute {
    HthRouteId at; /* its row of the policy */
    const char *method, *path; /* a path that ends in '*' takes what follows */
    void (*run)(HthHouse *h, HthX *x, const HthWho *who, HthStr rest);
    HthModelsFn body; /* instead of run: one of models_api.h */
} HthRoute;
extern const HthRoute hth_routes_plain[], hth_routes_store[], hth_routes_web[], hth_routes_plan[],
    hth_routes_blob[], hth_routes_chats[]; /* each ends with method NULL */

/* Answers with what fn says; rest: the end of the path. */
void hth_route_body(HthHouse *h, HthX *x, const HthWho *who, HthModelsFn fn, HthStr rest);
/* Answers with a body, and drops it. An empty one has no type. */
void hth_reply_body(HthX *x, int status, const char *type, HthBuf *body);

/* Answers with JSON and lets go of it; status 500 when value is NULL. */
void hth_reply_json(HthX *x, int status, json_t *value);
/* An error in the words of an API. status 0: what the error says. */
void hth_reply_refusal(HthX *x, const HthApi *api, int status, const HthErr *err);
/* An error in the words of the path's API: Ollama's below /api/, Anthropic's at /v1/messages,
 * otherwise OpenAI's. status 0: what the error says. */
void hth_reply_error(HthX *x, int status, const HthErr *err);
/* The body as a JSON object, or NULL: answered with 400. An empty body is an empty object. */
json_t *hth_body_object(HthX *x);

#endif
