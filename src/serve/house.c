/* house.c - see house.h: opening, and who answers what.
 *
 * Thread: as said in house.h. */
#include "serve/house.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "import/adapter.h"
#include "serve/answer.h"

#define GRAMMAR_BYTES_MAX ((size_t)64 << 20) /* kept for the next requests */
enum { GRAMMARS_MAX = 256 };

/* ---- opening --------------------------------------------------------------------------------- */

HthStatus hth_house_open(HthHouse **out, const HthHouseCfg *cfg, HthErr *err) {
    HthHouse *h = hth_calloc(1, sizeof *h);
    HTH_REQUIRE(h, err, HTH_ENOMEM, "no memory for the server");
    h->cfg = *cfg;
    h->began_ns = hth_clock_ns();
    (void)pthread_mutex_init(&h->uploads_lock, NULL);
    (void)pthread_mutex_init(&h->scales_lock, NULL);
    (void)pthread_mutex_init(&h->default_lock, NULL);
    for (uint32_t i = 0; i < cfg->adapter_count; i++) h->scales[i] = cfg->adapters[i].scale;
    const HthModelsCfg models = { .resolve = hth_house_resolve,
                                  .opened = hth_house_opened,
                                  .closing = hth_house_closing,
                                  .make_adapter = hth_import_adapter_make,
                                  .payload = h,
                                  .keep_alive_s = cfg->keep_alive_s,
                                  .models_max = cfg->models_max,
                                  .memory_max = cfg->memory_max };
    HthStatus st = hth_grammars_open(&h->grammars, GRAMMAR_BYTES_MAX, GRAMMARS_MAX, err);
    if (st == HTH_OK && cfg->chats) st = hth_scribe_open(&h->scribe, cfg->chats, 0, err);
    if (st == HTH_OK) st = hth_models_open(&h->models, &models, err);
    if (st == HTH_OK)
        *out = h;
    else
        hth_house_close(&h);
    return st;
}

void hth_house_close(HthHouse **house) {
    HthHouse *h = *house;
    if (!h) return;
    hth_idle_close(&h->idle);
    hth_models_close(&h->models);
    hth_scribe_close(&h->scribe);
    hth_grammars_close(&h->grammars);
    (void)pthread_mutex_destroy(&h->uploads_lock);
    (void)pthread_mutex_destroy(&h->scales_lock);
    (void)pthread_mutex_destroy(&h->default_lock);
    hth_free(h);
    *house = NULL;
}

void hth_house_serve(HthHouse *h, HthHttpStats (*stats)(void *payload), void *payload) {
    h->stats_of = payload;
    atomic_store(&h->stats, stats);
}

void hth_house_log(HthHouse *h, HthAccessLog *log) {
    h->log = log;
}

void hth_house_done(void *house, const HthX *x) {
    HthHouse *h = house;
    hth_house_trail_end(h, x);
    if (h->log) hth_access_log_add(h->log, x);
}

HthStatus hth_house_idle(HthHouse *h, HthErr *err) {
    return hth_idle_open(&h->idle, h->cfg.store, err);
}

HthStatus hth_house_preload(HthHouse *h, HthStr name, bool *missing, HthErr *err) {
    HthLease lease = { 0 };
    HTH_TRY(hth_house_lease(h, NULL, name, true, -1, &lease, missing, err));
    hth_lease_give(&lease);
    return HTH_OK;
}

/* ---- errors ---------------------------------------------------------------------------------- */

void hth_reply_json(HthX *x, int status, json_t *value) {
    HthBuf out;
    hth_buf_init(&out, (size_t)1 << 30);
    bool ok = value && hth_json_write(&out, value, 0, NULL) == HTH_OK;
    hth_x_reply(x, ok ? status : 500, "application/json",
                ok ? hth_buf_str(&out) : HTH_STR("{\"error\":\"out of memory\"}"));
    hth_buf_drop(&out);
    json_decref(value);
}

static const HthApi *const apis[] = { hth_api_openai, hth_api_responses, hth_api_ollama,
                                      hth_api_anthropic, hth_api_llamacpp };

static const HthRoute *const routes[] = { hth_routes_plain, hth_routes_store, hth_routes_web,
                                          hth_routes_plan,  hth_routes_blob,  hth_routes_chats };

/* Whose words an error at this path is told in. */
static const HthApi *voice_of(HthStr path) {
    if (hth_str_starts(path, HTH_STR("/api/"))) return hth_api_ollama;
    if (hth_str_starts(path, HTH_STR("/v1/messages"))) return hth_api_anthropic;
    return hth_api_openai;
}

void hth_reply_refusal(HthX *x, const HthApi *api, int status, const HthErr *err) {
    HthBuf out;
    hth_buf_init(&out, 1 << 20);
    if (status == 0) status = hth_api_status(err);
    if (api->error(status, err, &out) != HTH_OK) hth_buf_clear(&out);
    hth_reply_body(x, status, "application/json", &out);
}

void hth_reply_error(HthX *x, int status, const HthErr *err) {
    hth_reply_refusal(x, voice_of(hth_x_path(x)), status, err);
}

void hth_house_refusal(void *house, HthStr path, int status, const char *sentence, HthBuf *out) {
    (void)house;
    HthErr err = { .status = HTH_EINVAL };
    snprintf(err.text, sizeof err.text, "%s", sentence);
    if (voice_of(path)->error(status, &err, out) != HTH_OK) hth_buf_clear(out);
}

json_t *hth_body_object(HthX *x) {
    HthErr err = { 0 };
    json_t *root = NULL;
    HthStr body = hth_x_body(x);
    if (hth_str_trim(body).n == 0) return json_object();
    if (hth_json_parse(&root, body, body.n, &err) == HTH_OK && !json_is_object(root)) {
        json_decref(root);
        root = NULL;
        (void)HTH_FAIL(&err, HTH_EINVAL, "the body must be a JSON object");
    }
    if (!root) hth_reply_error(x, 400, &err);
    return root;
}

/* ---- who answers ----------------------------------------------------------------------------- */

typedef struct Found {
    const HthRoute *route;
    const HthApi *api;
    HthStr rest; /* what a '*' stands for */
    bool path; /* the path is known, the method is not */
} Found;

static bool path_is(const char *pattern, HthStr path, HthStr *rest) {
    HthStr p = hth_str(pattern);
    *rest = HTH_STR("");
    if (p.n == 0 || p.p[p.n - 1] != '*') return hth_str_eq(p, path);
    p.n--;
    if (!hth_str_starts(path, p)) return false;
    *rest = hth_str_sub(path, p.n, SIZE_MAX);
    return true;
}

static bool method_is(const char *method, HthStr m) {
    return hth_str_eq(hth_str(method), m) ||
           (strcmp(method, "GET") == 0 && hth_str_eq(m, HTH_STR("HEAD")));
}

static void find_api(Found *f, HthStr method, HthStr path) {
    for (size_t i = 0; i < HTH_COUNT(apis); i++)
        for (const HthApi *a = apis[i]; a->method && !f->api; a++) {
            if (!hth_str_eq(hth_str(a->path), path)) continue;
            f->path = true;
            if (method_is(a->method, method)) f->api = a;
        }
}

static void find_route(Found *f, const HthRoute *table, HthStr method, HthStr path) {
    HthStr rest;
    for (const HthRoute *r = table; r->method && !f->api && !f->route; r++) {
        if (!path_is(r->path, path, &rest)) continue;
        f->path = true;
        if (!method_is(r->method, method)) continue;
        f->route = r;
        f->rest = rest;
    }
}

static Found look_up(HthX *x) {
    Found f = { 0 };
    HthStr method = hth_x_method(x), path = hth_x_path(x);
    find_api(&f, method, path);
    for (size_t i = 0; i < HTH_COUNT(routes); i++) find_route(&f, routes[i], method, path);
    return f;
}

/* False: answered. What is begun here ends with the answer. */
static bool admit(HthHouse *h, HthX *x, HthRouteId at, HthWho *who) {
    HthErr err = { 0 };
    int status = 0;
    HthStatus st = hth_auth_ask(h->cfg.auth, x, at, who, &status, &err);
    who->counted = hth_house_uploads(h, x);
    if (st == HTH_OK) st = hth_auth_begin(h->cfg.auth, x, who, hth_x_body(x).n, &status, &err);
    snprintf(hth_x_note(x)->user, sizeof hth_x_note(x)->user, "%s", who->name);
    if (st != HTH_OK) hth_reply_error(x, status, &err);
    return st == HTH_OK;
}

void hth_house_handle(void *house, HthX *x) {
    HthHouse *h = house;
    HthWho who = { 0 };
    HthErr err = { 0 };
    const Found f = look_up(x);
    if (f.api || f.route) {
        const HthRouteId at = f.api ? f.api->at : f.route->at;
        hth_x_note(x)->route = hth_str(f.api ? f.api->path : f.route->path);
        if (!admit(h, x, at, &who)) return;
        if (!hth_house_trail(h, x, &who, at, f.api != NULL)) return;
        if (f.api) { /* its end is the run's */
            hth_answer_start(h, x, f.api, &who);
            return;
        }
        if (f.route->body)
            hth_route_body(h, x, &who, f.route->body, f.rest);
        else
            f.route->run(h, x, &who, f.rest);
        hth_auth_end(h->cfg.auth, &who, 0);
        return;
    }
    if (f.path)
        (void)HTH_FAIL(&err, HTH_EINVAL, "this path does not answer that method");
    else
        (void)HTH_FAIL(&err, HTH_EINVAL, "there is nothing at this path");
    hth_reply_error(x, f.path ? 405 : 404, &err);
}
