/* models_api.c - see models_api.h: lists, show, and what others than Ollama ask.
 *
 * Thread: any. */
#include "serve/models_api.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "serve/face.h"
#include "serve/model_facts.h"
#include "serve/models_api_int.h"
#include "serve/policy.h"

/* ---- pieces ---------------------------------------------------------------------------------- */

int hth_api_fail(HthBuf *out, int status, const char *text) {
    HthOut o = hth_out_begin(out, NULL);
    hth_out(&o, "{\"error\":%q}", hth_str(text));
    return hth_out_end(&o) == HTH_OK ? status : 500;
}

int hth_api_done(HthOut *o, int status) {
    return hth_out_end(o) == HTH_OK ? status : hth_api_fail(o->buf, 500, "out of memory");
}

int hth_api_missing(HthBuf *out, HthStr name) {
    char text[HTH_NAME_MAX + 64];
    HthName n; /* shown only when it is made of harmless letters */
    if (hth_name_parse(&n, name, NULL) != HTH_OK) return hth_api_fail(out, 404, "model not found");
    snprintf(text, sizeof text, "model '%.*s' not found", HTH_STR_ARG(name));
    return hth_api_fail(out, 404, text);
}

bool hth_api_in_scope(const HthModelsAsk *ask, HthStr name, int *status, HthBuf *out) {
    HthStoreList *l = NULL;
    HthName parsed;
    char full[HTH_NAME_MAX + 1] = "";
    if (!ask->scope || !ask->scope->models[0]) return true;
    if (hth_store_find(ask->store, name, &l, NULL) == HTH_OK && l->count)
        snprintf(full, sizeof full, "%s", l->items->full);
    else if (hth_name_parse(&parsed, name, NULL) == HTH_OK)
        hth_name_print(full, &parsed);
    hth_store_list_close(&l);
    if (hth_scope_has_model(ask->scope, hth_str(full))) return true;
    *status = hth_api_fail(out, hth_deny_status(HTH_DENY_MODEL), hth_deny_sentence(HTH_DENY_MODEL));
    return false;
}

static bool is_listed(const HthModelsAsk *ask, const HthStored *m) {
    return !ask->scope || hth_scope_has_model(ask->scope, hth_str(m->full));
}

/* When a model was last changed; what is part of the program, with the program. */
static int64_t changed_ns(const HthStored *m) {
    struct stat st;
    if (m->modified_ns > 0 || stat("/proc/self/exe", &st)) return m->modified_ns;
    return (int64_t)st.st_mtim.tv_sec * 1000000000;
}

static void put_time(HthOut *o, int64_t ns) {
    hth_out_raw(o, HTH_STR("\""));
    hth_out_time(o, ns / 1000000000, (uint64_t)(ns % 1000000000));
    hth_out_raw(o, HTH_STR("\""));
}

/* 1.2B, 8B, 137M, 22.50M, 4K: as Ollama shows it. */
static const char *amount_text(uint64_t v, char out[32]) {
    static const struct {
        double unit;
        const char *whole, *part;
    } rows[] = { { 1e9, "%.0fB", "%.1fB" }, { 1e6, "%.0fM", "%.2fM" }, { 1e3, "%.0fK", "%.0fK" } };
    snprintf(out, 32, "%" PRIu64, v);
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        const double x = (double)v / rows[i].unit;
        if (x < 1) continue;
        snprintf(out, 32, x == (double)(uint64_t)x ? rows[i].whole : rows[i].part, x);
        break;
    }
    return out;
}

static void put_details(HthOut *o, const HthStored *m) {
    char text[32];
    const HthStr arch = hth_str(m->facts.arch);
    hth_out(o,
            "{\"parent_model\":%q,\"format\":\"gguf\",\"family\":%q,\"families\":[%q],"
            "\"parameter_size\":%q,\"quantization_level\":%q",
            hth_str(m->parent), arch, arch, hth_str(amount_text(m->facts.params, text)),
            hth_str(m->facts.quant));
    if (m->facts.ctx) hth_out(o, ",\"context_length\":%U", m->facts.ctx);
    if (m->facts.embd) hth_out(o, ",\"embedding_length\":%U", m->facts.embd);
    hth_out_raw(o, HTH_STR("}"));
}

static void put_capabilities(HthOut *o, const HthModelFacts *f) {
    const struct {
        bool has;
        const char *name;
    } rows[] = { { !f->embedding && !f->rerank, "completion" },
                 { f->embedding, "embedding" },
                 { f->rerank, "rerank" },
                 { f->tools, "tools" },
                 { f->insert, "insert" },
                 { f->thinking, "thinking" } };
    bool any = false;
    hth_out_raw(o, HTH_STR("["));
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        if (!rows[i].has) continue;
        hth_out(o, "%s\"%s\"", any ? "," : "", rows[i].name);
        any = true;
    }
    hth_out_raw(o, HTH_STR("]"));
}

static const char *brief_of(const HthStored *m, char out[HTH_NAME_MAX + 1]) {
    hth_name_print_short(out, &m->name);
    return out;
}

/* The one model of that name, or an answer is written and NULL comes back. */
static HthStoreList *find_one(HthStore *s, HthStr name, int *status, HthBuf *out) {
    HthErr err = { 0 };
    HthStoreList *l = NULL;
    if (hth_store_find(s, name, &l, &err) != HTH_OK) {
        *status = hth_api_fail(out, hth_api_status(&err), err.text);
        return NULL;
    }
    if (!l->count) {
        hth_store_list_close(&l);
        *status = hth_api_missing(out, name);
    }
    return l;
}

/* ---- tags, ps -------------------------------------------------------------------------------- */

int hth_models_api_tags(HthModelsAsk *ask, HthBuf *out) {
    HthErr err = { 0 };
    HthStoreList *l = NULL;
    if (hth_store_list(ask->store, &l, &err) != HTH_OK)
        return hth_api_fail(out, hth_api_status(&err), err.text);
    HthOut o = hth_out_begin(out, &err);
    bool any = false;
    hth_out_raw(&o, HTH_STR("{\"models\":["));
    for (size_t i = 0; i < l->count; i++) {
        const HthStored *m = &l->items[i];
        if (!is_listed(ask, m)) continue;
        hth_out(&o, "%s{\"name\":%q,\"model\":%q,\"modified_at\":", any ? "," : "",
                hth_str(m->full), hth_str(m->full));
        any = true;
        put_time(&o, changed_ns(m));
        hth_out(&o, ",\"size\":%U,\"digest\":%q,\"details\":", m->bytes, hth_str(m->digest));
        put_details(&o, m);
        hth_out_raw(&o, HTH_STR(",\"capabilities\":"));
        put_capabilities(&o, &m->facts);
        if (m->error[0]) hth_out(&o, ",\"error\":%q", hth_str(m->error));
        hth_out_raw(&o, HTH_STR("}"));
    }
    hth_out_raw(&o, HTH_STR("]}"));
    hth_store_list_close(&l);
    return hth_api_done(&o, 200);
}

int hth_models_api_ps(HthStore *s, const HthPsRow *rows, size_t n, const char *cage, HthBuf *out) {
    HthErr err = { 0 };
    HthOut o = hth_out_begin(out, &err);
    hth_out_raw(&o, HTH_STR("{\"models\":["));
    for (size_t i = 0; i < n; i++) {
        const HthPsRow *r = &rows[i];
        HthStoreList *l = NULL;
        const HthStored none = { .full = "", .digest = "", .parent = "" }, *m = &none;
        if (hth_store_find(s, r->name, &l, NULL) == HTH_OK && l->count) m = l->items;
        const HthStr name = m->full[0] ? hth_str(m->full) : r->name;
        hth_out(&o,
                "%s{\"name\":%q,\"model\":%q,\"size\":%U,\"digest\":%q,\"details\":", i ? "," : "",
                name, name, r->bytes, hth_str(m->digest));
        put_details(&o, m);
        hth_out_raw(&o, HTH_STR(",\"expires_at\":"));
        if (r->expires_s < (int64_t)1 << 33)
            put_time(&o, (r->expires_s > 0 ? r->expires_s : 1) * 1000000000);
        else
            hth_out_raw(&o, HTH_STR("\"9999-12-31T23:59:59Z\""));
        hth_out(&o, ",\"size_vram\":0,\"context_length\":%u,\"jobs\":%u}", r->ctx, r->jobs);
        hth_store_list_close(&l);
    }
    hth_out_raw(&o, HTH_STR("]"));
    if (cage) hth_out(&o, ",\"cage\":%q", hth_str(cage));
    hth_out_raw(&o, HTH_STR("}"));
    return hth_api_done(&o, 200);
}

/* ---- show ------------------------------------------------------------------------------------ */

static void put_license(HthOut *o, const HthStored *m, const HthGguf *g) {
    const json_t *a = json_object_get(m->settings, "license");
    hth_out_raw(o, HTH_STR("\""));
    for (size_t i = 0; i < json_array_size(a); i++) {
        const json_t *v = json_array_get(a, i);
        if (i) hth_out_raw(o, HTH_STR("\\n"));
        hth_out_text(o, (HthStr){ json_string_value(v), json_string_length(v) });
    }
    if (!json_array_size(a)) hth_out_text(o, hth_model_facts_text(g, "general.license"));
    hth_out_raw(o, HTH_STR("\""));
}

static HthStatus modelfile_of(HthBuf *text, const HthStored *m, HthErr *err) {
    char brief[HTH_NAME_MAX + 1];
    HTH_TRY(hth_buf_printf(text, err,
                           "# Modelfile of hearth\n"
                           "# To make a new model of this one, put this in place of FROM:\n"
                           "# FROM %s\n\nFROM %s\n",
                           brief_of(m, brief), m->path ? m->path : brief));
    const HthStatus status = hth_modelfile_print(text, m->settings, err);
    if (status != HTH_EINVAL) return status; /* EINVAL: a text that no Modelfile can hold */
    return hth_buf_printf(text, err, "# %s\n", err->text);
}

static int show(const HthStored *m, bool verbose, HthBuf *out) {
    HthErr err = { 0 };
    HthGguf *g = NULL;
    HthBuf file, params;
    if (hth_model_facts_open(&g, m, &err) != HTH_OK)
        return hth_api_fail(out, err.status == HTH_ENOMEM ? 507 : 500, err.text);
    hth_buf_init(&file, 2 * (size_t)HTH_MODELFILE_MAX);
    hth_buf_init(&params, HTH_MODELFILE_MAX);
    const json_t *p = json_object_get(m->settings, "parameters");
    HthOut o = hth_out_begin(out, &err);
    o.status = modelfile_of(&file, m, &err);
    if (o.status == HTH_OK) o.status = hth_parameters_print(&params, p, &err);
    HthStr template = hth_json_text(m->settings, "template");
    if (!template.n) template = hth_model_facts_text(g, "tokenizer.chat_template");
    hth_out_raw(&o, HTH_STR("{\"license\":"));
    put_license(&o, m, g);
    hth_out(&o, ",\"modelfile\":%q,\"parameters\":%q,\"template\":%q,\"system\":%q,\"details\":",
            hth_buf_str(&file), hth_buf_str(&params), template,
            hth_json_text(m->settings, "system"));
    put_details(&o, m);
    const json_t *messages = json_object_get(m->settings, "messages");
    if (messages) hth_out(&o, ",\"messages\":%j", messages);
    hth_out_raw(&o, HTH_STR(",\"model_info\":"));
    hth_model_facts_info(&o, g, &m->facts, verbose);
    hth_out_raw(&o, HTH_STR(",\"tensors\":"));
    hth_model_facts_tensors(&o, g);
    hth_out_raw(&o, HTH_STR(",\"capabilities\":"));
    put_capabilities(&o, &m->facts);
    hth_out_raw(&o, HTH_STR(",\"modified_at\":"));
    put_time(&o, changed_ns(m));
    const HthStr requires = hth_json_text(m->settings, "requires");
    if (requires.n) hth_out(&o, ",\"requires\":%q", requires);
    hth_out(&o, ",\"digest\":%q}", hth_str(m->digest));
    hth_buf_drop(&file);
    hth_buf_drop(&params);
    hth_gguf_close(&g);
    return hth_api_done(&o, 200);
}

int hth_models_api_show(HthModelsAsk *ask, HthBuf *out) {
    json_t *o = NULL;
    HthStr name;
    int status = hth_api_body(&o, &name, ask->body, out);
    if (status) return status;
    HthStoreList *l = NULL;
    if (hth_api_in_scope(ask, name, &status, out)) l = find_one(ask->store, name, &status, out);
    if (l) status = show(l->items, json_is_true(json_object_get(o, "verbose")), out);
    hth_store_list_close(&l);
    json_decref(o);
    return status;
}

/* ---- OpenAI ---------------------------------------------------------------------------------- */

static int openai_fail(HthBuf *out, int status, const char *text, const char *code) {
    HthOut o = hth_out_begin(out, NULL);
    hth_out(&o,
            "{\"error\":{\"message\":%q,\"type\":\"invalid_request_error\",\"param\":\"model\","
            "\"code\":%s%s%s}}",
            hth_str(text), code ? "\"" : "", code ? code : "null", code ? "\"" : "");
    return hth_api_done(&o, status);
}

static void put_openai(HthOut *o, const HthStored *m, uint32_t ctx) {
    char brief[HTH_NAME_MAX + 1];
    const uint64_t own = m->facts.ctx, effective = ctx && (!own || ctx < own) ? ctx : own;
    hth_out(o,
            "{\"id\":%q,\"object\":\"model\",\"created\":%I,\"owned_by\":%q,"
            "\"context_length\":%U,\"max_context_length\":%U,\"model_digest\":%q}",
            hth_str(brief_of(m, brief)), changed_ns(m) / 1000000000,
            m->name.space[0] ? hth_str(m->name.space) : HTH_STR("hearth"), effective, own,
            hth_str(m->digest));
}

int hth_models_api_openai(HthModelsAsk *ask, HthBuf *out) {
    HthErr err = { 0 };
    HthStoreList *l = NULL;
    if (hth_store_list(ask->store, &l, &err) != HTH_OK)
        return openai_fail(out, hth_api_status(&err), err.text, NULL);
    HthOut o = hth_out_begin(out, &err);
    bool any = false;
    hth_out_raw(&o, HTH_STR("{\"object\":\"list\",\"data\":["));
    for (size_t i = 0; i < l->count; i++) {
        if (l->items[i].error[0] || !is_listed(ask, &l->items[i]))
            continue; /* what cannot be used is no offer */
        if (any) hth_out_raw(&o, HTH_STR(","));
        put_openai(&o, &l->items[i], ask->ctx);
        any = true;
    }
    hth_out_raw(&o, HTH_STR("]}"));
    hth_store_list_close(&l);
    return hth_api_done(&o, 200);
}

int hth_models_api_openai_one(HthModelsAsk *ask, HthBuf *out) {
    HthErr err = { 0 };
    HthStoreList *l = NULL;
    if (hth_store_find(ask->store, ask->rest, &l, &err) != HTH_OK || !l->count) {
        const bool none = err.status == HTH_OK || err.status == HTH_EINVAL;
        hth_store_list_close(&l);
        return openai_fail(out, none ? 404 : hth_api_status(&err),
                           none ? "there is no model of that name here; GET /v1/models lists them"
                                : err.text,
                           none ? "model_not_found" : NULL);
    }
    if (!is_listed(ask, l->items)) {
        hth_store_list_close(&l);
        return openai_fail(out, hth_deny_status(HTH_DENY_MODEL), hth_deny_sentence(HTH_DENY_MODEL),
                           NULL);
    }
    HthOut o = hth_out_begin(out, &err);
    put_openai(&o, l->items, ask->ctx);
    hth_store_list_close(&l);
    return hth_api_done(&o, 200);
}

/* ---- llama-server ---------------------------------------------------------------------------- */

int hth_models_api_props(HthStore *s, const HthPropsIn *in, HthBuf *out) {
    HthErr err = { 0 };
    HthStoreList *l = NULL;
    HthGguf *g = NULL;
    HthStr template = HTH_STR("");
    const char *path = "";
    if (in->model.n && hth_store_find(s, in->model, &l, &err) == HTH_OK && l->count) {
        path = l->items->path ? l->items->path : l->items->full;
        template = hth_json_text(l->items->settings, "template");
        if (!template.n && hth_model_facts_open(&g, l->items, &err) == HTH_OK)
            template = hth_model_facts_text(g, "tokenizer.chat_template");
    }
    HthOut o = hth_out_begin(out, &err);
    hth_out(&o,
            "{\"default_generation_settings\":{\"n_ctx\":%u},\"total_slots\":%u,"
            "\"model_alias\":%q,\"model_path\":%q,\"model_digest\":%q,\"chat_template\":%q,",
            in->ctx, in->slots, in->model, hth_str(path), in->digest, template);
    hth_out(&o,
            "\"modalities\":{\"vision\":false,\"audio\":false},\"build_info\":%q,"
            "\"numerics\":%q,\"is_sleeping\":false}",
            hth_str(hth_version()), hth_str(hth_numerics()));
    hth_gguf_close(&g);
    hth_store_list_close(&l);
    return hth_api_done(&o, 200);
}

int hth_models_api_slots(const HthPropsIn *in, size_t n, HthBuf *out) {
    HthOut o = hth_out_begin(out, NULL);
    uint32_t id = 0;
    hth_out_raw(&o, HTH_STR("["));
    for (size_t m = 0; m < n; m++)
        for (uint32_t i = 0; i < in[m].slots; i++, id++)
            hth_out(&o, "%s{\"id\":%u,\"n_ctx\":%u,\"is_processing\":%b}", id ? "," : "", id,
                    in[m].ctx, i < in[m].busy);
    hth_out_raw(&o, HTH_STR("]"));
    return hth_api_done(&o, 200);
}
