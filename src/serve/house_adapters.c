/* house_adapters.c - LoRA adapters of the running server: which lie over a request's model, what
 * the log and receipts say of them, and /lora-adapters.
 *
 * Adapters are named by their place on the command line.  Scales that are set count for requests
 * that come afterwards; what a request has chosen stays as it was.
 *
 * Thread: prep threads; digests: the thread that loads. */
#include <math.h>
#include <float.h>
#include <string.h>

#include "base/mem.h"
#include "base/name.h"
#include "serve/house_in.h"

_Static_assert((int)HTH_ADAPTERS_MAX == (int)HTH_RECEIPT_ADAPTERS_MAX, "a receipt holds a set");
_Static_assert(HTH_ADAPTERS_MAX *(HTH_HASH_HEX + 18) < HTH_CHOSEN_TEXT, "the log, too");

HthStatus hth_house_digests(const HthHouse *h, HthReceiptAdapters *out, const HthEngine *engine,
                            HthErr *err) {
    uint32_t count;
    char hex[HTH_HASH_HEX + 1];
    const HthAdapterUse *uses = hth_engine_adapters_of(engine, &count);
    for (uint32_t i = 0; i < count; i++) {
        const HthGguf *g = hth_adapter_gguf(uses[i].adapter);
        HTH_TRY(hth_receipt_file(&out->one[i].digest, g, NULL, NULL, err));
        hth_hex(hex, out->one[i].digest.sha256, HTH_HASH_BYTES);
        HthErr why = { 0 };
        HTH_REQUIRE(!hth_store_check_blob(h->cfg.store, hth_gguf_path(g), hex, &why), err,
                    HTH_EFORMAT, "the adapter: %s", why.text);
        out->one[i].scale = uses[i].scale;
    }
    out->count = count;
    return HTH_OK;
}

/* ---- for one request ------------------------------------------------------------------------- */

/* own: 1 where the model has one of its own, which comes first; else 0. */
static HthStatus scales_of(HthHouse *h, uint32_t count, uint32_t own, const HthAsk *ask,
                           float *scales, HthErr *err) {
    if (!ask->adapters_set) {
        if (own) scales[0] = 1.0f;
        (void)pthread_mutex_lock(&h->scales_lock);
        for (uint32_t i = own; i < count; i++) scales[i] = h->scales[i - own];
        (void)pthread_mutex_unlock(&h->scales_lock);
        return HTH_OK;
    }
    for (uint32_t i = 0; i < ask->adapter_count; i++) {
        const uint32_t id = ask->adapters[i].id;
        HTH_REQUIRE(id < count, err, HTH_EINVAL,
                    "lora[%u].id: is %u, and this model was loaded with %u adapters", i, id, count);
        scales[id] = ask->adapters[i].scale;
    }
    return HTH_OK;
}

static void add(HthChosen *c, const HthAdapterUse *use, const HthDigests *digest, float scale) {
    char hex[HTH_HASH_HEX + 1];
    const size_t n = strlen(c->text);
    c->use[c->count] = (HthAdapterUse){ use->adapter, scale };
    c->facts.one[c->count].digest = *digest;
    c->facts.one[c->count].scale = scale;
    c->facts.count = ++c->count;
    hth_hex(hex, digest->sha3_256, HTH_HASH_BYTES);
    snprintf(c->text + n, sizeof c->text - n, "%s%s*%.9g", n ? " " : "", hex, (double)scale);
}

HthStatus hth_house_choose(HthHouse *h, const HthLease *lease, const HthAsk *ask, HthChosen *out,
                           HthErr *err) {
    uint32_t count;
    float scales[HTH_ADAPTERS_MAX] = { 0 };
    const HthAdapterUse *uses = hth_engine_adapters_of(lease->engine, &count);
    const HthReceiptAdapters *known = hth_lease_adapters(lease);
    const uint32_t own = hth_loaded_source(lease->held)->adapter[0] != 0;
    HTH_TRY(scales_of(h, count, own, ask, scales, err));
    *out = (HthChosen){ 0 };
    for (uint32_t i = 0; i < count; i++)
        if (scales[i] != 0.0f) add(out, &uses[i], &known->one[i].digest, scales[i]);
    return HTH_OK;
}

/* ---- /lora-adapters -------------------------------------------------------------------------- */

static bool add_row(json_t *list, const char *file, double scale) {
    json_t *one = json_pack("{s:i, s:o, s:f}", "id", (int)json_array_size(list), "path",
                            hth_json_str(hth_str(file)), "scale", scale);
    return json_array_append_new(list, one) == 0;
}

static bool add_rows(HthHouse *h, json_t *list, const HthModelSource *s) {
    bool ok = !s->adapter[0] || add_row(list, hth_path_name(s->adapter), 1.0);
    for (uint32_t i = 0; ok && i < s->adapter_count; i++) {
        (void)pthread_mutex_lock(&h->scales_lock);
        const double scale = (double)h->scales[i];
        (void)pthread_mutex_unlock(&h->scales_lock);
        ok = add_row(list, hth_path_name(s->adapters[i].path), scale);
    }
    return ok;
}

void hth_route_adapters(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    (void)rest;
    HthErr err = { 0 };
    bool missing = false;
    HthStoreList *found = NULL;
    json_t *list = NULL;
    HthModelSource *source = hth_calloc(1, sizeof *source); /* large */
    HthStatus st = source ? hth_house_asked(h, x, who, &found, &missing, &err) : HTH_ENOMEM;
    if (st == HTH_OK) st = hth_house_source(h, found->items, source, &err);
    if (st == HTH_OK) list = json_array();
    if (list && !add_rows(h, list, source)) {
        json_decref(list);
        list = NULL;
    }
    if (source && st != HTH_OK)
        hth_reply_error(x, missing ? 404 : 0, &err);
    else
        hth_reply_json(x, 200, list);
    hth_store_list_close(&found);
    hth_free(source);
}

/* Those that are not named are set to 0. */
static HthStatus read_scales(HthHouse *h, const json_t *list, float *scales, HthErr *err) {
    char file[HTH_NAME_MAX + 1];
    HTH_TRY(hth_house_own(h, file, err));
    const json_int_t own = file[0] != 0, count = own + h->cfg.adapter_count;
    HTH_REQUIRE(json_is_array(list), err, HTH_EINVAL, "the body must be an array");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i), *id = json_object_get(one, "id");
        const json_t *scale = json_object_get(one, "scale");
        const json_int_t at = json_integer_value(id);
        const double value = json_number_value(scale);
        HTH_REQUIRE(json_is_integer(id) && at >= 0 && at < count, err, HTH_EINVAL,
                    "[%zu].id: must be a number below %d, the number of adapters", i, (int)count);
        HTH_REQUIRE(json_is_number(scale) && fabs(value) <= (double)FLT_MAX, err, HTH_EINVAL,
                    "[%zu].scale: must be a number", i);
        HTH_REQUIRE(at >= own || value == 1.0, err, HTH_EINVAL,
                    "[%zu].scale: this adapter belongs to the model; only a request can scale it",
                    i);
        if (at >= own) scales[at - own] = (float)value;
    }
    return HTH_OK;
}

/* They are the default model's: whoever sets them must be good for it. */
static HthStatus may_set(HthHouse *h, const HthWho *who, HthErr *err) {
    HthStoreList *list = NULL;
    bool missing;
    const HthStatus st = hth_house_find(h, &who->grant.scope, HTH_STR(""), &list, &missing, err);
    hth_store_list_close(&list);
    return st;
}

void hth_route_set_adapters(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    (void)rest;
    HthErr err = { 0 };
    json_t *list = NULL;
    float scales[HTH_ADAPTERS_MAX] = { 0 };
    HthStatus st = may_set(h, who, &err);
    if (st == HTH_OK) st = hth_json_parse(&list, hth_x_body(x), 1 << 20, &err);
    if (st == HTH_OK) st = read_scales(h, list, scales, &err);
    json_decref(list);
    if (st != HTH_OK) {
        hth_reply_error(x, st == HTH_EDENIED ? 403 : 400, &err);
        return;
    }
    (void)pthread_mutex_lock(&h->scales_lock);
    memcpy(h->scales, scales, sizeof h->scales);
    (void)pthread_mutex_unlock(&h->scales_lock);
    hth_x_reply(x, 200, "application/json", HTH_STR("{\"success\":true}"));
}
