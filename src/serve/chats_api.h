/* chats_api.h - conversations over HTTP, for the web chat.
 *
 *   GET    /hearth/chats?q=&first=&count=   a list (vault/chats.h)
 *   DELETE /hearth/chats                    all of this user's
 *   GET    /hearth/chats/export             everything, as a file
 *   POST   /hearth/chats/import             such a file: {"imported": n}
 *   GET    /hearth/chats/ID                 one, whole
 *   PUT    /hearth/chats/ID                 stores it whole: {"id", "updated"}. With a member
 *                                           "base" (the `updated` it was made from) a newer one
 *                                           is not overwritten: 409
 *   DELETE /hearth/chats/ID                 {"deleted": true}
 *
 * Errors are {"error": "a sentence"}: 400, 404, 405, 409, 413 (a limit), 429, 500.  A change must
 * come from our own page or a client with a key: that is the caller's to see to.
 *
 * Thread: any. */
#ifndef HTH_SERVE_CHATS_API_H
#define HTH_SERVE_CHATS_API_H

#include "vault/chats.h"

typedef struct HthChatsAsk {
    HthStr method; /* "GET" */
    HthStr id; /* what follows /hearth/chats/ ; empty: the collection */
    HthStr q, first, count; /* query parameters; empty: not given */
    HthStr body;
    uint64_t user;
    int64_t now_ms;
} HthChatsAsk;

/* Appends the body to out; returns the HTTP status. */
int hth_chats_api(HthChats *c, const HthChatsAsk *ask, HthBuf *out);

/* The store's clock: milliseconds since 1970. */
int64_t hth_chats_now_ms(void);

#endif
