/* models_api_int.h - what the files of models_api share: errors in Ollama's words, bodies.
 *
 * Thread: any. */
#ifndef HTH_SERVE_MODELS_API_INT_H
#define HTH_SERVE_MODELS_API_INT_H

#include "serve/ask.h"
#include "serve/json_out.h"
#include "serve/models_api.h"

/* {"error": text}; returns status. */
int hth_api_fail(HthBuf *out, int status, const char *text);
int hth_api_missing(HthBuf *out, HthStr name); /* 404 */
/* May this model be named? One that is there by its full name, one to be made by how it is written.
 * False: answered, *status. */
bool hth_api_in_scope(const HthModelsAsk *ask, HthStr name, int *status, HthBuf *out);
int hth_api_done(HthOut *o, int status); /* ends o; 500 when it failed */
/* The body as a JSON object (*o owned) and its model's name (borrowed from it); 0, or the status of
 * the error that was written. */
int hth_api_body(json_t **o, HthStr *name, HthStr body, HthBuf *out);

#endif
