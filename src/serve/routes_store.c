/* routes_store.c - the models there are, and those that are loaded; see models_api.h.
 *
 * Thread: prep threads. */
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "serve/house_in.h"
#include "serve/models_api.h"

enum { OUT_MAX = 1 << 28, ROWS_MAX = 64 };

/* A body of one of models_api's, on its way. */
static void send_body(HthX *x, int status, const char *type, HthBuf *out) {
    hth_x_reply(x, status, type, hth_buf_str(out));
    hth_buf_drop(out);
}

#define JSON "application/json"

static void tags(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    (void)who, (void)rest;
    HthBuf out;
    hth_buf_init(&out, OUT_MAX);
    send_body(x, hth_models_api_tags(h->cfg.store, &out), JSON, &out);
}

static void show(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    (void)who, (void)rest;
    HthBuf out;
    hth_buf_init(&out, OUT_MAX);
    send_body(x, hth_models_api_show(h->cfg.store, hth_x_body(x), &out), JSON, &out);
}

static void create(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    (void)who, (void)rest;
    HthBuf out;
    bool lines = false;
    hth_buf_init(&out, OUT_MAX);
    int status = hth_models_api_create(h->cfg.store, hth_x_body(x), &lines, &out);
    send_body(x, status, lines ? "application/x-ndjson" : JSON, &out);
}

static void copy(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    (void)who, (void)rest;
    HthBuf out;
    hth_buf_init(&out, OUT_MAX);
    send_body(x, hth_models_api_copy(h->cfg.store, hth_x_body(x), &out), JSON, &out);
}

static void drop(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    (void)who, (void)rest;
    HthBuf out;
    hth_buf_init(&out, OUT_MAX);
    send_body(x, hth_models_api_delete(h->cfg.store, hth_x_body(x), &out), JSON, &out);
}

static void pull(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    (void)h, (void)who, (void)rest;
    HthBuf out;
    hth_buf_init(&out, OUT_MAX);
    send_body(x, hth_models_api_pull(&out), JSON, &out);
}

static void models(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    (void)who, (void)rest;
    HthBuf out;
    hth_buf_init(&out, OUT_MAX);
    send_body(x, hth_models_api_openai(h->cfg.store, h->cfg.engine.ctx, &out), JSON, &out);
}

static void one_model(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    (void)who;
    HthBuf out;
    hth_buf_init(&out, OUT_MAX);
    send_body(x, hth_models_api_openai_one(h->cfg.store, rest, h->cfg.engine.ctx, &out), JSON,
              &out);
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
    (void)who, (void)rest;
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
        for (size_t k = list->count; k-- > 0;)
            if (hth_str_eq(hth_str(list->items[k].path ? list->items[k].path : list->items[k].full),
                           hth_str(r->keys[i])))
                r->rows[i].name = hth_str(list->items[k].full);
    send_body(x, hth_models_api_ps(h->cfg.store, r->rows, r->count, &out), JSON, &out);
    hth_store_list_close(&list);
    hth_free(r);
}

const HthRoute hth_routes_store[] = {
    { "GET", "/api/tags", tags, false, false },
    { "POST", "/api/show", show, false, false },
    { "POST", "/api/create", create, .owner = true },
    { "POST", "/api/copy", copy, .owner = true },
    { "DELETE", "/api/delete", drop, .owner = true },
    { "POST", "/api/pull", pull, false, false },
    { "POST", "/api/push", pull, false, false },
    { "GET", "/api/ps", ps, false, false },
    { "GET", "/v1/models", models, false, false },
    { "GET", "/v1/models/*", one_model, false, false },
    { 0 },
};
