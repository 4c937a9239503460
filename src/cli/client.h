/* client.h - a verb that asks the running server: one request, one answer, on this machine only.
 *
 * Thread: the main thread. */
#ifndef HTH_CLI_CLIENT_H
#define HTH_CLI_CLIENT_H

#include "base/json.h"

typedef struct HthClient {
    const char *host; /* "127.0.0.1:11434", "unix:/path", or NULL: HEARTH_HOST, OLLAMA_HOST, then
                         the server's own socket, then 127.0.0.1:11434 */
    const char *key; /* for a server of another user; NULL: HEARTH_API_KEY, or none */
    /* Told now and then how much of a body was sent; NULL: nobody is. */
    void (*sent)(void *payload, uint64_t done_bytes, uint64_t total_bytes);
    void *payload; /* of sent */
} HthClient;

/* Sends body (may be empty) and appends the answer's body to out. EAGAIN: no server answers there;
 * EDENIED: the address is not of this machine; EFORMAT: it is no HTTP server. */
HTH_MUST_CHECK HthStatus hth_client_call(const HthClient *c, const char *method, const char *path,
                                         HthStr body, int *status_out, HthBuf *out, HthErr *err);
/* The answer's body as JSON (NULL: it is empty), when the status says that all is well; otherwise
 * the server's sentence is printed. An exit code. */
int hth_client_take(int status, HthStr body, json_t **out);
/* Both, for a verb that can do nothing without a server. */
int hth_client_ask(const HthClient *c, const char *method, const char *path, HthStr body,
                   json_t **out);

#endif
