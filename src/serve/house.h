/* house.h - the running server: its models, who may ask, what it answers.
 *
 *   hth_house_open(&h, &cfg, &err);
 *   hth_http_open(&http, &(HthHttpCfg){ .handle = hth_house_handle, .payload = h, ... }, &err);
 *   hth_house_serve(h, http);  ...  hth_http_close(&http);  hth_house_close(&h);
 *
 * Thread: as said at each call. */
#ifndef HTH_SERVE_HOUSE_H
#define HTH_SERVE_HOUSE_H

#include "sched/models.h"
#include "serve/access_log.h"
#include "serve/auth.h"
#include "serve/evidence.h"
#include "serve/http.h"
#include "serve/voice.h"
#include "vault/chats.h"
#include "vault/store.h"

typedef struct HthHouse HthHouse;

typedef struct HthHouseCfg {
    HthStore *store; /* borrowed, as all here */
    HthChats *chats; /* NULL: conversations are not kept */
    HthAuth *auth;
    HthEvidence *evidence; /* NULL: there is no audit log */
    const struct HthReceiptDesk *desk; /* serve/receipts.h; NULL: no receipts are given */
    HthEngineCfg engine; /* of every model */
    const char *model; /* who answers when nobody is named; NULL: the embedded one */
    const HthModelAdapter *adapters; /* [adapter_count] over that one; scales: at the beginning */
    uint32_t adapter_count;
    int64_t keep_alive_s;
    uint32_t models_max;
    uint64_t memory_max;
    bool lock;
    bool web; /* the chat in the browser */
    const char *cage; /* what the server's cage is made of, for /health; NULL: not said */
} HthHouseCfg;

HTH_MUST_CHECK HthStatus hth_house_open(HthHouse **out, const HthHouseCfg *cfg, HthErr *err);
void hth_house_close(HthHouse **h); /* after the HTTP server */
/* Where /metrics has the server's numbers from; once, soon. */
void hth_house_serve(HthHouse *h, HthHttpStats (*stats)(void *payload), void *payload);
/* Loads the model that is named and keeps it. *missing: there is none (EINVAL). Any thread. */
HTH_MUST_CHECK HthStatus hth_house_preload(HthHouse *h, HthStr name, bool *missing, HthErr *err);

/* Model files get their digests from now on, whenever nobody wants anything else (idle.h). */
HTH_MUST_CHECK HthStatus hth_house_idle(HthHouse *h, HthErr *err);
void hth_house_log(HthHouse *h, HthAccessLog *log); /* NULL: none; before the first request */
/* HthHttpCfg.handle, .upload, .refusal, .done; payload: the house. */
void hth_house_handle(void *house, HthX *x);
void hth_house_upload(void *house, HthX *x);
void hth_house_refusal(void *house, HthStr path, int status, const char *sentence, HthBuf *out);
void hth_house_done(void *house, const HthX *x);

#endif
