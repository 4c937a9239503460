/* models_api.h - what the APIs ask of the model store: lists, show, create, copy, delete.
 *
 * Every call appends a body (JSON, or lines of JSON) to `out` and returns the HTTP status; on an
 * error the body is that of the API it belongs to.  An empty body is right where the original sends
 * none.  `body` is the request's.
 *
 * Thread: any. */
#ifndef HTH_SERVE_MODELS_API_H
#define HTH_SERVE_MODELS_API_H

#include "base/json.h"
#include "vault/store.h"

/* ---- Ollama: errors are {"error": "..."} ----------------------------------------------------- */

int hth_models_api_tags(HthStore *s, HthBuf *out); /* GET /api/tags */
int hth_models_api_show(HthStore *s, HthStr body, HthBuf *out); /* POST /api/show */
/* POST /api/create. *lines: the body is application/x-ndjson, not JSON. */
int hth_models_api_create(HthStore *s, HthStr body, bool *lines, HthBuf *out);
int hth_models_api_copy(HthStore *s, HthStr body, HthBuf *out); /* POST /api/copy */
int hth_models_api_delete(HthStore *s, HthStr body, HthBuf *out); /* DELETE /api/delete */
int hth_models_api_blob(HthStore *s, HthStr digest, HthBuf *out); /* HEAD /api/blobs/DIGEST */
/* POST /api/blobs/DIGEST, when all its bytes went to hth_blob_add: `spooled` is what came of that.
 * Takes the blob. */
int hth_models_api_blob_done(HthBlob **blob, HthStatus spooled, const HthErr *why, HthBuf *out);
int hth_models_api_pull(HthBuf *out); /* POST /api/pull, /api/push: nothing leaves, nothing comes */

/* A model that is loaded, for ps. */
typedef struct HthPsRow {
    HthStr name;
    uint64_t bytes; /* that it takes */
    uint32_t ctx;
    int64_t expires_s; /* since 1970; INT64_MAX: never */
    uint32_t jobs; /* running */
} HthPsRow;
int hth_models_api_ps(HthStore *s, const HthPsRow *rows, size_t n, HthBuf *out); /* GET /api/ps */

/* ---- OpenAI: errors are {"error": {message, type, param, code}} ------------------------------ */

/* GET /v1/models. ctx: what a request gets when it does not say; 0: the model's own. */
int hth_models_api_openai(HthStore *s, uint32_t ctx, HthBuf *out);
int hth_models_api_openai_one(HthStore *s, HthStr name, uint32_t ctx, HthBuf *out);

/* ---- llama-server: errors are {"error": {code, message, type}} ------------------------------- */

typedef struct HthPropsIn {
    HthStr model; /* empty: none is loaded */
    uint32_t slots, ctx, busy; /* busy: slots at work */
    const char *build; /* version of the program */
    bool asleep; /* nothing is loaded */
    const json_t *defaults; /* sampling parameters; NULL: none */
} HthPropsIn;
int hth_models_api_props(HthStore *s, const HthPropsIn *in, HthBuf *out); /* GET /props */
int hth_models_api_slots(const HthPropsIn *in, HthBuf *out); /* GET /slots */

#endif
