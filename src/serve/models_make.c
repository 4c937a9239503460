/* models_make.c - see models_api.h: create, copy, delete, blobs, as Ollama's clients ask for them.
 *
 * Thread: any. */
#include "serve/models_api.h"

#include <stdio.h>
#include <string.h>

#include "serve/models_api_int.h"
#include "serve/policy.h"

enum { BODY_MAX = HTH_MODELFILE_MAX + (1 << 16) };

static int parse(json_t **o, HthStr body, HthBuf *out) {
    HthErr err = { 0 };
    if (!hth_str_trim(body).n) return hth_api_fail(out, 400, "missing request body");
    if (hth_json_parse(o, body, BODY_MAX, &err) != HTH_OK)
        return hth_api_fail(out, hth_api_status(&err), err.text);
    if (json_is_object(*o)) return 0;
    json_decref(*o);
    *o = NULL;
    return hth_api_fail(out, 400, "the body must be a JSON object");
}

int hth_api_body(json_t **o, HthStr *name, HthStr body, HthBuf *out) {
    const int status = parse(o, body, out);
    if (status) return status;
    *name = hth_json_text(*o, "model");
    if (!name->n) *name = hth_json_text(*o, "name"); /* as it was called once */
    if (name->n) return 0;
    json_decref(*o);
    *o = NULL;
    return hth_api_fail(out, 400, "model is required");
}

/* ---- create ---------------------------------------------------------------------------------- */

static bool is_given(const json_t *v) {
    if (!v || json_is_null(v) || json_is_false(v)) return false;
    if (json_is_string(v)) return json_string_length(v) > 0;
    return json_is_object(v) ? json_object_size(v) > 0 : true;
}

/* What the original would honour and hearth cannot. */
static const char *unsupported(const json_t *o) {
    static const struct {
        const char *member, *says;
    } rows[] = {
        { "quantize", "'quantize' is not supported yet: bring a model that is quantised already" },
        { "quantization", "'quantization' is not supported yet: bring a quantised model" },
        { "draft_files", "'draft_files' is not supported" },
        { "draft_quantize", "'draft_quantize' is not supported" },
        { "remote_host", "'remote_host' is not supported: hearth calls no other machine" },
        { "renderer", "'renderer' is not supported: give a Jinja template" },
        { "parser", "'parser' is not supported: hearth knows its own by the template" },
    };
    for (size_t i = 0; i < HTH_COUNT(rows); i++)
        if (is_given(json_object_get(o, rows[i].member))) return rows[i].says;
    return NULL;
}

/* Members of the request that are settings; license as an array. NULL: out of memory. */
static json_t *settings_of(const json_t *o) {
    static const char *const members[] = { "template", "system", "parameters", "messages",
                                           "requires" };
    json_t *s = json_object();
    int bad = !s;
    for (size_t i = 0; !bad && i < HTH_COUNT(members); i++) {
        json_t *v = json_object_get(o, members[i]);
        if (is_given(v)) bad = json_object_set(s, members[i], v);
    }
    json_t *license = json_object_get(o, "license");
    if (!bad && json_is_string(license) && json_string_length(license)) {
        json_t *a = json_array();
        bad = json_array_append(a, license) || json_object_set(s, "license", a);
        json_decref(a);
    } else if (!bad && is_given(license)) {
        bad = json_object_set(s, "license", license);
    }
    if (!bad) return s;
    json_decref(s);
    return NULL;
}

/* files: {"name.gguf": "sha256:..."}; one. */
static const char *file_of(const json_t *o, HthStr *digest) {
    const json_t *files = json_object_get(o, "files");
    *digest = HTH_STR("");
    if (!is_given(files)) return NULL;
    if (!json_is_object(files)) return "'files' must be an object of names and digests";
    if (json_object_size(files) > 1)
        return "'files' with more than one file is not supported: put the parts of a split model "
               "into a folder that hearth searches";
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)files, name, v) {
        const HthStr file = hth_str(name);
        if (!hth_str_ends(file, HTH_STR(".gguf")) && memchr(file.p, '.', file.n))
            return "only GGUF files are supported";
        if (!json_is_string(v)) return "a digest in 'files' must be a string";
        *digest = (HthStr){ json_string_value(v), json_string_length(v) };
    }
    return digest->n ? NULL : "a digest in 'files' is empty";
}

/* adapters: {"name.gguf": "sha256:..."}; one, which takes the place of what a Modelfile says. */
static const char *adapter_of(const json_t *o, json_t *settings) {
    const json_t *adapters = json_object_get(o, "adapters");
    const char *name;
    json_t *v;
    if (!is_given(adapters)) return NULL;
    if (!json_is_object(adapters)) return "'adapters' must be an object of names and digests";
    if (json_object_size(adapters) > 1)
        return "'adapters' with more than one file is not supported";
    json_object_foreach((json_t *)(uintptr_t)adapters, name, v) {
        if (!json_is_string(v)) return "a digest in 'adapters' must be a string";
        if (json_object_set(settings, "adapter", v)) return "out of memory for a model";
    }
    return NULL;
}

/* Does this model lie in the uploaded file of that name, or has it over it? */
static bool is_made_of(const HthStored *m, const char *blob) {
    return (m->path && strstr(m->path, blob)) || (m->adapter && strstr(m->adapter, blob));
}

/* Whoever knows the digest of an uploaded file has not its models: it is his when his key is good
 * for one of them. A file that is no model's yet is anybody's who may create. */
static bool file_in_scope(const HthModelsAsk *ask, HthStr digest, int *status, HthBuf *out) {
    HthErr err = { 0 };
    HthStoreList *l = NULL;
    char hex[65], blob[96];
    bool used = false, may = false;
    if (!digest.n || !ask->scope || !ask->scope->models[0]) return true;
    if (hth_digest_parse(hex, digest, NULL) != HTH_OK) return true; /* refused as none */
    snprintf(blob, sizeof blob, "/blobs/sha256-%s", hex);
    if (hth_store_list(ask->store, &l, &err) != HTH_OK) {
        *status = hth_api_fail(out, hth_api_status(&err), err.text);
        return false;
    }
    for (size_t i = 0; i < l->count && !may; i++) {
        if (!is_made_of(&l->items[i], blob)) continue;
        used = true;
        may = hth_scope_has_model(ask->scope, hth_str(l->items[i].full));
    }
    hth_store_list_close(&l);
    if (!used || may) return true;
    *status = hth_api_fail(out, hth_deny_status(HTH_DENY_MODEL), hth_deny_sentence(HTH_DENY_MODEL));
    return false;
}

static int created(bool stream, bool *lines, HthBuf *out) {
    HthOut o = hth_out_begin(out, NULL);
    *lines = stream;
    if (stream) hth_out(&o, "{\"status\":\"writing manifest\"}\n");
    hth_out(&o, "{\"status\":\"success\"}%s", stream ? "\n" : "");
    return hth_api_done(&o, 200);
}

static int create(HthModelsAsk *ask, HthStr name, const json_t *o, json_t *settings, HthBuf *out) {
    HthErr err = { 0 };
    int status = 0;
    HthStoreMake make = { .name = name, .from = hth_json_text(o, "from"), .settings = settings };
    const char *wrong = file_of(o, &make.file_digest);
    if (!wrong) wrong = adapter_of(o, settings);
    if (wrong) return hth_api_fail(out, 400, wrong);
    if (!make.from.n && !make.file_digest.n) make.from = hth_json_text(settings, "from");
    if (!hth_api_in_scope(ask, name, &status, out)) return status;
    if (make.from.n && !hth_api_in_scope(ask, make.from, &status, out)) return status;
    if (!file_in_scope(ask, make.file_digest, &status, out) ||
        !file_in_scope(ask, hth_json_text(settings, "adapter"), &status, out))
        return status;
    bool missing = false;
    const HthStatus st = hth_store_create(ask->store, &make, &missing, &err);
    if (missing && make.from.n) return hth_api_missing(out, make.from);
    if (st != HTH_OK) return hth_api_fail(out, hth_api_status(&err), err.text);
    return created(!json_is_false(json_object_get(o, "stream")), &ask->lines, out);
}

int hth_models_api_create(HthModelsAsk *ask, HthBuf *out) {
    HthErr err = { 0 };
    json_t *o = NULL, *settings = NULL;
    HthStr name;
    ask->lines = false;
    int status = hth_api_body(&o, &name, ask->body, out);
    if (status) return status;
    const char *wrong = unsupported(o);
    const HthStr file = hth_json_text(o, "modelfile"); /* as older clients send it */
    if (wrong)
        status = hth_api_fail(out, 400, wrong);
    else if (file.n && hth_modelfile_parse(&settings, file, &err) != HTH_OK)
        status = hth_api_fail(out, hth_api_status(&err), err.text);
    else if (!file.n && !(settings = settings_of(o)))
        status = hth_api_fail(out, 507, "out of memory for a model");
    if (!status) status = create(ask, name, o, settings, out);
    json_decref(settings);
    json_decref(o);
    return status;
}

/* ---- copy, delete, pull ---------------------------------------------------------------------- */

int hth_models_api_copy(HthModelsAsk *ask, HthBuf *out) {
    HthErr err = { 0 };
    json_t *o = NULL;
    bool missing = false;
    int status = parse(&o, ask->body, out);
    if (status) return status;
    const HthStr from = hth_json_text(o, "source"), to = hth_json_text(o, "destination");
    if (!from.n || !to.n)
        status = hth_api_fail(out, 400, "source and destination are required");
    else if (!hth_api_in_scope(ask, from, &status, out) || !hth_api_in_scope(ask, to, &status, out))
        (void)status; /* answered */
    else if (hth_store_copy(ask->store, from, to, &missing, &err) == HTH_OK)
        status = 200;
    else
        status = missing ? hth_api_missing(out, from)
                         : hth_api_fail(out, hth_api_status(&err), err.text);
    json_decref(o);
    return status;
}

int hth_models_api_delete(HthModelsAsk *ask, HthBuf *out) {
    HthErr err = { 0 };
    json_t *o = NULL;
    HthStr name;
    bool missing = false;
    int status = hth_api_body(&o, &name, ask->body, out);
    if (status) return status;
    if (!hth_api_in_scope(ask, name, &status, out))
        (void)status; /* answered */
    else if (hth_store_delete(ask->store, name, &missing, &err) == HTH_OK)
        status = 200;
    else
        status = missing ? hth_api_missing(out, name)
                         : hth_api_fail(out, hth_api_status(&err), err.text);
    json_decref(o);
    return status;
}

int hth_models_api_pull(HthModelsAsk *ask, HthBuf *out) {
    (void)ask;
    HthErr err = { 0 };
    HthBuf home, text;
    hth_buf_init(&home, 4096);
    hth_buf_init(&text, 8192);
    if (hth_store_home(&home, &err) != HTH_OK) hth_buf_clear(&home);
    HthStatus status = hth_buf_printf(
        &text, &err,
        "hearth reaches no other machine: to bring a model, put its .gguf file into the folder of "
        "models%s%s, or name its folder with --models",
        home.n ? ", " : "", hth_buf_str(&home).p);
    const int code = hth_api_fail(out, status == HTH_OK ? 400 : hth_api_status(&err),
                                  status == HTH_OK ? text.p : err.text);
    hth_buf_drop(&home);
    hth_buf_drop(&text);
    return code;
}

/* ---- blobs ----------------------------------------------------------------------------------- */

int hth_models_api_blob(HthModelsAsk *ask, HthBuf *out) {
    HthErr err = { 0 };
    bool there = false;
    if (hth_blob_has(ask->store, ask->rest, &there, NULL, &err) != HTH_OK)
        return hth_api_fail(out, hth_api_status(&err), err.text);
    return there ? 200 : hth_api_fail(out, 404, "there is no blob of that digest");
}

int hth_models_api_blob_done(HthBlob **blob, HthStatus spooled, const HthErr *why, HthBuf *out) {
    HthErr err = { 0 };
    if (spooled == HTH_OK) {
        if (hth_blob_commit(blob, &err) == HTH_OK) return 201;
        return hth_api_fail(out, hth_api_status(&err), err.text);
    }
    hth_blob_abort(blob);
    return hth_api_fail(out, hth_api_status(why), why->text);
}
