/* models_api.h - what the APIs ask of the model store: lists, show, create, copy, delete.
 *
 * Every call appends a body (JSON, or lines of JSON) to `out` and returns the HTTP status; on an
 * error the body is that of the API it belongs to.  An empty body is right where the original sends
 * none.
 *
 * Thread: any. */
#ifndef HTH_SERVE_MODELS_API_H
#define HTH_SERVE_MODELS_API_H

#include "base/json.h"
#include "vault/scope.h"
#include "vault/store.h"

typedef struct HthModelsAsk {
    HthStore *store;
    const HthScope *scope; /* what is not in it is in no list, and refused; NULL: everything is */
    HthStr body; /* of the request */
    HthStr rest; /* of the path, after what is fixed: a model's name, a digest */
    uint32_t ctx; /* what a request gets when it does not say; 0: the model's own */
    bool lines; /* set by the call: what it wrote is application/x-ndjson, not JSON */
} HthModelsAsk;
typedef int (*HthModelsFn)(HthModelsAsk *ask, HthBuf *out);

/* ---- Ollama: errors are {"error": "..."} ----------------------------------------------------- */

int hth_models_api_tags(HthModelsAsk *ask, HthBuf *out); /* GET /api/tags */
int hth_models_api_show(HthModelsAsk *ask, HthBuf *out); /* POST /api/show */
int hth_models_api_create(HthModelsAsk *ask, HthBuf *out); /* POST /api/create */
int hth_models_api_copy(HthModelsAsk *ask, HthBuf *out); /* POST /api/copy */
int hth_models_api_delete(HthModelsAsk *ask, HthBuf *out); /* DELETE /api/delete */
int hth_models_api_blob(HthModelsAsk *ask, HthBuf *out); /* HEAD /api/blobs/DIGEST */
/* POST /api/pull, /api/push: nothing leaves, nothing comes */
int hth_models_api_pull(HthModelsAsk *ask, HthBuf *out);
/* POST /api/blobs/DIGEST, when all its bytes went to hth_blob_add: `spooled` is what came of that.
 * Takes the blob. */
int hth_models_api_blob_done(HthBlob **blob, HthStatus spooled, const HthErr *why, HthBuf *out);

/* A model that is loaded, for ps. */
typedef struct HthPsRow {
    HthStr name;
    uint64_t bytes; /* that it takes */
    uint32_t ctx;
    int64_t expires_s; /* since 1970; INT64_MAX: never */
    uint32_t jobs; /* running */
} HthPsRow;
/* GET /api/ps. cage: what the engine's is made of; NULL: nothing is said of it. */
int hth_models_api_ps(HthStore *s, const HthPsRow *rows, size_t n, const char *cage, HthBuf *out);

/* ---- OpenAI: errors are {"error": {message, type, param, code}} ------------------------------ */

int hth_models_api_openai(HthModelsAsk *ask, HthBuf *out); /* GET /v1/models */
int hth_models_api_openai_one(HthModelsAsk *ask, HthBuf *out); /* GET /v1/models/NAME */

/* ---- llama-server: errors are {"error": {code, message, type}} ------------------------------- */

/* A model that is loaded, as llama-server tells of itself. */
typedef struct HthPropsIn {
    HthStr model, digest;
    uint32_t slots, ctx, busy; /* busy: slots at work */
} HthPropsIn;
int hth_models_api_props(HthStore *s, const HthPropsIn *in, HthBuf *out); /* GET /props */
int hth_models_api_slots(const HthPropsIn *in, size_t n, HthBuf *out); /* GET /slots, of all */

#endif
