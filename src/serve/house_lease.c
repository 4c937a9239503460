/* house_lease.c - from a name to a model that is loaded and can be spoken with; see house_in.h.
 *
 * A file is loaded once, whatever names it has.  What a name adds (parameters, a system text, a
 * template) is a voice; the voices of a file hang on its engine and end with it.
 *
 * Thread: prep threads; opened on the thread that loads, closing on any. */
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/name.h"
#include "model/model.h"
#include "serve/house_in.h"
#include "serve/receipts.h"

/* ---- voices of one engine -------------------------------------------------------------------- */

typedef struct Voice Voice;
struct Voice {
    Voice *next;
    char name[HTH_NAME_MAX + 1];
    uint64_t revision; /* of the settings it was made from: others are another voice */
    HthVoice *voice;
};
typedef struct Voices {
    pthread_mutex_t lock; /* of first */
    Voice *first; /* leases point into these; none goes before the engine */
    const HthModel *model;
    uint32_t count;
    char name[HTH_NAME_MAX + 1]; /* of the file, for the log */
    HthReceiptAdapters adapters; /* that lie over it; never changes */
    pthread_mutex_t facts_lock; /* of the two below; held while the file is read */
    HthReceiptFacts facts; /* what all receipts of the file share */
    bool facts_known;
} Voices;

enum { VOICES_MAX = 1024 };

HthStatus hth_house_opened(void *house, const HthModelSource *source, HthEngine *engine,
                           void **attached, HthErr *err) {
    const HthHouse *h = house;
    const HthStr name = hth_str(hth_path_name(source->name));
    HTH_TRY(hth_evidence_loaded(h->cfg.evidence, name, source->digest, err));
    Voices *v = hth_calloc(1, sizeof *v);
    HTH_REQUIRE(v, err, HTH_ENOMEM, "no memory for a model's templates");
    (void)pthread_mutex_init(&v->lock, NULL);
    (void)pthread_mutex_init(&v->facts_lock, NULL);
    v->model = hth_engine_model(engine);
    snprintf(v->name, sizeof v->name, "%.*s", HTH_STR_ARG(name));
    *attached = v;
    const HthStatus st = hth_house_digests(h, &v->adapters, engine, err);
    if (st != HTH_OK) hth_house_closing(house, v);
    if (st != HTH_OK) *attached = NULL;
    return st;
}

const HthReceiptAdapters *hth_lease_adapters(const HthLease *lease) {
    const Voices *v = hth_loaded_attached(lease->held);
    return &v->adapters;
}

void hth_house_closing(void *house, void *attached) {
    const HthHouse *h = house;
    Voices *v = attached;
    hth_evidence_unloaded(h->cfg.evidence, hth_str(v->name));
    while (v->first) {
        Voice *gone = v->first;
        v->first = gone->next;
        hth_voice_close(&gone->voice);
        hth_free(gone);
    }
    (void)pthread_mutex_destroy(&v->lock);
    (void)pthread_mutex_destroy(&v->facts_lock);
    hth_free(v);
}

static HthStatus make_voice(Voices *v, const HthStored *m, Voice **out, HthErr *err) {
    HTH_REQUIRE(v->count < VOICES_MAX, err, HTH_ELIMIT,
                "this model has been asked for in %d ways; unload it first (hearth stop)",
                VOICES_MAX);
    HTH_REQUIRE(
        m->template_kind != HTH_TEMPLATE_GO, err, HTH_ENOTSUP,
        "this model was made with a TEMPLATE in Ollama's language, which hearth cannot run; "
        "make it without one, and the model file's own is used");
    HthVoiceCfg cfg = { .model = v->model,
                        .template_text = hth_json_text(m->settings, "template"),
                        .system = hth_json_text(m->settings, "system"),
                        .params = json_object_get(m->settings, "parameters"),
                        .messages = json_object_get(m->settings, "messages") };
    Voice *made = hth_calloc(1, sizeof *made);
    HTH_REQUIRE(made, err, HTH_ENOMEM, "no memory for a model's template");
    HthStatus st = hth_voice_open(&made->voice, &cfg, err);
    if (st != HTH_OK) {
        hth_free(made);
        return st;
    }
    snprintf(made->name, sizeof made->name, "%s", m->full);
    made->revision = m->revision;
    made->next = v->first;
    v->first = made;
    v->count++;
    *out = made;
    return HTH_OK;
}

/* The voice of a name with these settings: the one there is, or a new one. */
static HthStatus find_voice(Voices *v, const HthStored *m, const HthVoice **out, HthErr *err) {
    HthStatus st = HTH_OK;
    (void)pthread_mutex_lock(&v->lock);
    Voice *found = v->first;
    while (found && (found->revision != m->revision || strcmp(found->name, m->full) != 0))
        found = found->next;
    if (!found) st = make_voice(v, m, &found, err);
    if (st == HTH_OK) *out = found->voice;
    (void)pthread_mutex_unlock(&v->lock);
    return st;
}

/* ---- from a name ----------------------------------------------------------------------------- */

HthStr hth_house_wanted(const HthHouse *h, HthStr name) {
    return name.n > 0 ? name : hth_str(h->cfg.model ? h->cfg.model : "ember");
}

/* A name that is out of scope is not told what is wrong with its file. */
static HthStatus may_use(const HthScope *scope, const HthStored *m, HthErr *err) {
    HTH_REQUIRE(!scope || hth_scope_has_model(scope, hth_str(m->full)), err, HTH_EDENIED, "%s",
                hth_deny_sentence(HTH_DENY_MODEL));
    HTH_REQUIRE(!m->error[0], err, HTH_EFORMAT, "this model cannot be used: %s", m->error);
    return HTH_OK;
}

HthStatus hth_house_find(HthHouse *h, const HthScope *scope, HthStr name, HthStoreList **out,
                         bool *missing, HthErr *err) {
    HthStoreList *list = NULL;
    name = hth_house_wanted(h, name);
    HTH_REQUIRE(name.n <= HTH_NAME_MAX, err, HTH_EINVAL, "model: the name is too long");
    HthStatus st = hth_store_find(h->cfg.store, name, &list, err);
    *missing = st == HTH_EINVAL || (st == HTH_OK && list->count == 0);
    /* A model's name is no secret, and Ollama's clients look for this sentence. */
    if (st == HTH_OK)
        st = *missing ? HTH_FAIL(err, HTH_EINVAL, "model '%.*s' not found",
                                 name.n < 100 ? (int)name.n : 0, name.p)
                      : may_use(scope, list->items, err);
    if (st == HTH_OK)
        *out = list;
    else
        hth_store_list_close(&list);
    return st;
}

HthStatus hth_house_asked(HthHouse *h, const HthX *x, const HthWho *who, HthStoreList **out,
                          bool *missing, HthErr *err) {
    HthStr name;
    if (!hth_x_query(x, "model", &name)) name = HTH_STR("");
    return hth_house_find(h, &who->grant.scope, name, out, missing, err);
}

/* What is loaded is a file, or a file with another one over it: names share it. The model's is
 * last, for whoever shows its name. */
void hth_house_key(const HthStored *m, char out[HTH_MODELS_NAME_MAX]) {
    const HthStr over = hth_str(hth_path_name(m->adapter ? m->adapter : ""));
    snprintf(out, HTH_MODELS_NAME_MAX, "%.*s%s%s", HTH_STR_ARG(over), over.n ? "+" : "",
             m->path ? m->path : m->full);
}

/* Who answers when nobody is named: looked up once, and again when the store has changed. */
static HthStatus default_of(HthHouse *h, HthHouseDefault *out, HthErr *err) {
    const HthStr name = hth_house_wanted(h, HTH_STR(""));
    HthHouseDefault d = { .stamp = hth_store_stamp(h->cfg.store, name) };
    HthStoreList *list = NULL;
    (void)pthread_mutex_lock(&h->default_lock);
    *out = h->known;
    (void)pthread_mutex_unlock(&h->default_lock);
    if (d.stamp != 0 && d.stamp == out->stamp) return HTH_OK;
    HTH_TRY(hth_store_find(h->cfg.store, name, &list, err));
    if (list->count > 0) {
        const HthStored *m = list->items;
        hth_house_key(m, d.key);
        snprintf(d.own, sizeof d.own, "%s", hth_path_name(m->adapter ? m->adapter : ""));
    }
    hth_store_list_close(&list);
    (void)pthread_mutex_lock(&h->default_lock);
    h->known = d;
    (void)pthread_mutex_unlock(&h->default_lock);
    *out = d;
    return HTH_OK;
}

HthStatus hth_house_own(HthHouse *h, char file[HTH_NAME_MAX + 1], HthErr *err) {
    HthHouseDefault d;
    HTH_TRY(default_of(h, &d, err));
    memcpy(file, d.own, sizeof d.own);
    return HTH_OK;
}

HthStatus hth_house_source(HthHouse *h, const HthStored *m, HthModelSource *out, HthErr *err) {
    HthHouseDefault d = { 0 };
    HTH_REQUIRE(!m->error[0], err, HTH_EINVAL, "this model's file is no longer there");
    if (h->cfg.adapter_count > 0) HTH_TRY(default_of(h, &d, err));
    hth_house_key(m, out->name);
    const bool laid = strcmp(d.key, out->name) == 0; /* a key is never empty */
    if (m->path) snprintf(out->path, sizeof out->path, "%s", m->path);
    if (m->adapter) snprintf(out->adapter, sizeof out->adapter, "%s", m->adapter);
    snprintf(out->digest, sizeof out->digest, "%s", m->digest);
    out->data = m->memory.p;
    out->data_n = m->memory.n;
    out->cfg = h->cfg.engine;
    out->adapters = laid ? h->cfg.adapters : NULL;
    out->adapter_count = laid ? h->cfg.adapter_count : 0;
    out->version = laid; /* whoever became the default, or is it no longer, is loaded afresh */
    out->lock = h->cfg.lock;
    return HTH_OK;
}

HthStatus hth_house_resolve(void *house, HthStr name, HthModelSource *out, HthErr *err) {
    HthHouse *h = house;
    HthStoreList *list = NULL;
    HTH_TRY(hth_store_find(h->cfg.store, name, &list, err));
    const HthStatus st = list->count > 0
                             ? hth_house_source(h, list->items, out, err)
                             : HTH_FAIL(err, HTH_EINVAL, "this model's file is no longer there");
    hth_store_list_close(&list);
    return st;
}

static HthStatus lease_of(HthHouse *h, const HthStored *m, int64_t keep_s, HthLease *out,
                          HthErr *err) {
    char hex[65];
    uint64_t began = hth_clock_ns();
    HTH_TRY(hth_store_digest_of(h->cfg.store, m, NULL, NULL, hex, err));
    HTH_TRY(hth_models_acquire(h->models, hth_str(m->full), keep_s, &out->held, err));
    HthStatus st = find_voice(hth_loaded_attached(out->held), m, &out->voice, err);
    if (st != HTH_OK) {
        hth_models_release(&out->held);
        return st;
    }
    out->engine = hth_loaded_engine(out->held);
    snprintf(out->name, sizeof out->name, "%s", m->full);
    snprintf(out->digest, sizeof out->digest, "sha256:%s", hex);
    out->load_ns = hth_clock_ns() - began;
    return HTH_OK;
}

HthStatus hth_house_lease(HthHouse *h, const HthScope *scope, HthStr name, bool keep_set,
                          int64_t keep_s, HthLease *out, bool *missing, HthErr *err) {
    HthStoreList *list = NULL;
    HthLease lease = { 0 };
    HTH_TRY(hth_house_find(h, scope, name, &list, missing, err));
    hth_idle_hold(h->idle); /* both read files: this one is waited for */
    HthStatus st = lease_of(h, &list->items[0], keep_set ? keep_s : HTH_KEEP_DEFAULT, &lease, err);
    hth_idle_go(h->idle);
    hth_store_list_close(&list);
    if (st == HTH_OK) *out = lease;
    return st;
}

HthStatus hth_lease_template(HthLease *lease, HthStr text, HthErr *err) {
    HTH_REQUIRE(
        hth_template_kind(text) != HTH_TEMPLATE_GO, err, HTH_ENOTSUP,
        "template: is in Ollama's language, which hearth cannot run; send a Jinja template, "
        "or none, and the model's own is used");
    HTH_ASSERT(!lease->own);
    HTH_TRY(hth_voice_open_as(&lease->own, lease->voice, text, err));
    lease->voice = lease->own;
    return HTH_OK;
}

/* What is computed with against what the answers name: a file may rot, or be written into. */
static HthStatus check_facts(const HthLease *lease, const HthReceiptFacts *f, HthErr *err) {
    char hex[HTH_HASH_HEX + 1];
    hth_hex(hex, f->model.sha256, HTH_HASH_BYTES);
    HTH_REQUIRE(strcmp(lease->digest + strlen("sha256:"), hex) == 0, err, HTH_EFORMAT,
                "the loaded model's bytes have the digest %.12s..., its file was found to have "
                "%.12s...: it was changed or is damaged; unload the model",
                hex, lease->digest + strlen("sha256:"));
    return HTH_OK;
}

HthStatus hth_lease_facts(const HthLease *lease, HthReceiptFacts *f, HthErr *err) {
    Voices *v = hth_loaded_attached(lease->held);
    HthStatus st = HTH_OK;
    (void)pthread_mutex_lock(&v->facts_lock);
    if (!v->facts_known)
        st = hth_receipt_model(&v->facts, hth_model_gguf(v->model), HTH_STR(""), NULL, NULL, err);
    v->facts_known |= st == HTH_OK;
    if (st == HTH_OK) st = check_facts(lease, &v->facts, err);
    if (st == HTH_OK) *f = v->facts;
    (void)pthread_mutex_unlock(&v->facts_lock);
    return st;
}

void hth_lease_give(HthLease *lease) {
    hth_voice_close(&lease->own);
    if (lease->held) hth_models_release(&lease->held);
    *lease = (HthLease){ 0 };
}

uint32_t hth_lease_ctx(const HthLease *lease, uint32_t wanted_ctx) {
    uint32_t most = hth_engine_plan_of(lease->engine)->ctx;
    return wanted_ctx && wanted_ctx < most ? wanted_ctx : most;
}
