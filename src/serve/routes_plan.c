/* routes_plan.c - what a model would take, before it is loaded.
 *
 * Thread: prep threads. */
#include "serve/house_in.h"

static const char *const names[HTH_MEMORY_COUNT] = {
    [HTH_MEMORY_WEIGHTS] = "weight_bytes",  [HTH_MEMORY_PANELS] = "panel_bytes",
    [HTH_MEMORY_TABLES] = "table_bytes",    [HTH_MEMORY_CACHE] = "kv_bytes",
    [HTH_MEMORY_SCRATCH] = "scratch_bytes", [HTH_MEMORY_LOGITS] = "logits_bytes",
    [HTH_MEMORY_LISTS] = "list_bytes",      [HTH_MEMORY_ADAPTERS] = "adapter_bytes",
};

static json_t *plan_json(const HthEnginePlan *p, const char *name) {
    json_t *o = json_pack("{s:s, s:i, s:i, s:i, s:s, s:I, s:I}", "model", name, "ctx", (int)p->ctx,
                          "parallel", (int)p->parallel, "threads", (int)p->threads, "kv",
                          p->kv ? p->kv : "", "total_bytes", (json_int_t)p->total_bytes,
                          "passing_bytes", (json_int_t)p->passing_bytes);
    for (int k = 0; o && k < HTH_MEMORY_COUNT; k++)
        if (json_object_set_new(o, names[k], json_integer((json_int_t)p->memory.bytes[k])) != 0) {
            json_decref(o);
            o = NULL;
        }
    return o;
}

/* With the adapters it would be loaded with. */
static HthStatus plan_of(HthHouse *h, const HthStored *m, HthEnginePlan *out, HthErr *err) {
    HthModelSource source = { 0 };
    HTH_TRY(hth_house_source(h, m, &source, err));
    return hth_models_plan(h->models, &source, out, err);
}

static void plan(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    (void)rest;
    HthStoreList *list = NULL;
    HthErr err = { 0 };
    HthEnginePlan p;
    bool missing = false;
    HthStatus st = hth_house_asked(h, x, who, &list, &missing, &err);
    if (st == HTH_OK) st = plan_of(h, &list->items[0], &p, &err);
    if (st == HTH_OK)
        hth_reply_json(x, 200, plan_json(&p, list->items[0].full));
    else
        hth_reply_error(x, missing ? 404 : 0, &err);
    hth_store_list_close(&list);
}

const HthRoute hth_routes_plan[] = {
    { HTH_ROUTE_PLAN, "GET", "/hearth/plan", .run = plan },
    { 0 },
};
HTH_ROUTES_HAVE_POLICIES(hth_routes_plan, PLAN);
