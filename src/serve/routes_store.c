/* routes_store.c - the models there are, and those that are loaded; see models_api.h.
 *
 * Thread: prep threads. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "serve/house_in.h"

enum { OUT_MAX = 1 << 28, ROWS_MAX = 64 };

void hth_reply_body(HthX *x, int status, const char *type, HthBuf *body) {
    hth_x_reply(x, status, body->n ? type : "", hth_buf_str(body));
    hth_buf_drop(body);
}

void hth_route_body(HthHouse *h, HthX *x, const HthWho *who, HthModelsFn fn, HthStr rest) {
    HthModelsAsk ask = { .store = h->cfg.store,
                         .scope = &who->grant.scope,
                         .body = hth_x_body(x),
                         .rest = rest,
                         .ctx = h->cfg.engine.ctx };
    HthBuf out;
    hth_buf_init(&out, OUT_MAX);
    const int status = fn(&ask, &out);
    hth_reply_body(x, status, ask.lines ? "application/x-ndjson" : "application/json", &out);
}

/* ---- those that are loaded ------------------------------------------------------------------- */

typedef struct Rows {
    HthPsRow rows[ROWS_MAX];
    char keys[ROWS_MAX][HTH_MODELS_NAME_MAX]; /* of the models; rows[].name, until named */
    size_t count;
} Rows;

static void add_row(void *payload, const HthModelInfo *info) {
    Rows *r = payload;
    if (r->count == ROWS_MAX || info->loading) return;
    const uint64_t now = hth_clock_ns();
    uint64_t left = info->expires_ns > now ? info->expires_ns - now : 0;
    snprintf(r->keys[r->count], sizeof r->keys[0], "%s", info->source->name);
    r->rows[r->count] = (HthPsRow){
        .name = hth_str(r->keys[r->count]),
        .bytes = info->plan.total_bytes,
        .ctx = info->plan.ctx,
        .expires_s = info->expires_ns == UINT64_MAX
                         ? INT64_MAX
                         : hth_clock_unix_s() + (int64_t)(left / 1000000000u),
        .jobs = info->stats.sched.running,
    };
    r->count++;
}

static void ps(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    (void)rest;
    HthErr err = { 0 };
    HthStoreList *list = NULL;
    Rows *r = hth_calloc(1, sizeof *r);
    HthBuf out;
    hth_buf_init(&out, OUT_MAX);
    if (!r || hth_store_list(h->cfg.store, &list, &err) != HTH_OK) {
        if (!r) (void)HTH_FAIL(&err, HTH_ENOMEM, "no memory for the list of models");
        hth_reply_error(x, 0, &err);
        hth_free(r);
        return;
    }
    (void)hth_models_each(h->models, add_row, r);
    for (size_t i = 0; i < r->count; i++) /* what is loaded is a file: the first name it has */
        for (size_t k = list->count; k-- > 0;) {
            char key[HTH_MODELS_NAME_MAX];
            hth_house_key(&list->items[k], key);
            if (strcmp(key, r->keys[i]) == 0) r->rows[i].name = hth_str(list->items[k].full);
        }
    size_t n = 0;
    for (size_t i = 0; i < r->count; i++)
        if (hth_scope_has_model(&who->grant.scope, r->rows[i].name)) r->rows[n++] = r->rows[i];
    const int status = hth_models_api_ps(h->cfg.store, r->rows, n, h->cfg.cage, &out);
    hth_reply_body(x, status, "application/json", &out);
    hth_store_list_close(&list);
    hth_free(r);
}

typedef struct Slots {
    HthPropsIn models[ROWS_MAX];
    size_t count;
} Slots;

static void add_slots(void *payload, const HthModelInfo *info) {
    Slots *s = payload;
    if (!info->engine || s->count == ROWS_MAX) return;
    s->models[s->count++] = (HthPropsIn){ .slots = info->plan.parallel,
                                          .ctx = info->plan.ctx,
                                          .busy = info->stats.sched.running };
}

static void slots(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    (void)who, (void)rest;
    Slots s = { .count = 0 };
    HthBuf out;
    hth_buf_init(&out, OUT_MAX);
    (void)hth_models_each(h->models, add_slots, &s);
    const int status = hth_models_api_slots(s.models, s.count, &out);
    hth_reply_body(x, status, "application/json", &out);
}

static void props(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    (void)rest;
    HthLease l = { 0 };
    HthErr err = { 0 };
    HthBuf out;
    bool missing = false;
    HthStr name = HTH_STR("");
    (void)hth_x_query(x, "model", &name);
    if (hth_house_lease(h, &who->grant.scope, name, false, 0, &l, &missing, &err) != HTH_OK) {
        hth_reply_error(x, missing ? 404 : 0, &err);
        return;
    }
    const HthEnginePlan *plan = hth_engine_plan_of(l.engine);
    const HthPropsIn in = { .model = hth_str(l.name),
                            .digest = hth_str(l.digest),
                            .slots = plan->parallel,
                            .ctx = plan->ctx };
    hth_buf_init(&out, OUT_MAX);
    const int status = hth_models_api_props(h->cfg.store, &in, &out);
    hth_reply_body(x, status, "application/json", &out);
    hth_lease_give(&l);
}

const HthRoute hth_routes_store[] = {
    { HTH_ROUTE_TAGS, "GET", "/api/tags", .body = hth_models_api_tags },
    { HTH_ROUTE_SHOW, "POST", "/api/show", .body = hth_models_api_show },
    { HTH_ROUTE_CREATE, "POST", "/api/create", .body = hth_models_api_create },
    { HTH_ROUTE_COPY, "POST", "/api/copy", .body = hth_models_api_copy },
    { HTH_ROUTE_DELETE, "DELETE", "/api/delete", .body = hth_models_api_delete },
    { HTH_ROUTE_PULL, "POST", "/api/pull", .body = hth_models_api_pull },
    { HTH_ROUTE_PUSH, "POST", "/api/push", .body = hth_models_api_pull },
    { HTH_ROUTE_PS, "GET", "/api/ps", .run = ps },
    { HTH_ROUTE_SLOTS, "GET", "/slots", .run = slots },
    { HTH_ROUTE_PROPS, "GET", "/props", .run = props },
    { HTH_ROUTE_MODELS, "GET", "/v1/models", .body = hth_models_api_openai },
    { HTH_ROUTE_MODEL, "GET", "/v1/models/*", .body = hth_models_api_openai_one },
    { 0 },
};
HTH_ROUTES_HAVE_POLICIES(hth_routes_store, STORE);
