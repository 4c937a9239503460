/* routes_chats.c - what is kept for a user: conversations of the web chat, stored responses.
 *
 * Thread: prep threads. */
#include "serve/chats_api.h"
#include "serve/run.h"

enum { OUT_MAX = 1 << 30 };

/* False: answered. */
static bool keeps(const HthHouse *h, HthX *x) {
    HthErr err = { 0 };
    if (h->cfg.chats) return true;
    (void)HTH_FAIL(&err, HTH_ENOTSUP, "this server keeps no conversations (--no-chats)");
    hth_reply_error(x, 404, &err);
    return false;
}

static void chats(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    HthBuf out;
    HthChatsAsk ask = { .method = hth_x_method(x), .id = rest, .user = who->user };
    if (!keeps(h, x)) return;
    (void)hth_x_query(x, "q", &ask.q);
    (void)hth_x_query(x, "first", &ask.first);
    (void)hth_x_query(x, "count", &ask.count);
    ask.body = hth_x_body(x);
    ask.now_ms = hth_chats_now_ms();
    hth_buf_init(&out, OUT_MAX);
    int status = hth_chats_api(h->cfg.chats, &ask, &out);
    hth_x_reply(x, status, "application/json", hth_buf_str(&out));
    hth_buf_drop(&out);
}

/* ---- stored responses ------------------------------------------------------------------------ */

static void no_response(HthX *x) {
    HthErr err = { 0 };
    (void)HTH_FAIL(&err, HTH_EINVAL, "there is no such response, or it has expired");
    hth_reply_error(x, 404, &err);
}

static void get_response(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    HthBuf text;
    HthErr err = { 0 };
    json_t *state = NULL;
    bool there = false;
    if (!keeps(h, x)) return;
    hth_buf_init(&text, OUT_MAX);
    HthStatus st = hth_responses_get(h->cfg.chats, who->user, hth_run_state_id(rest),
                                     hth_chats_now_ms(), &text, &there, &err);
    if (st == HTH_OK && there) st = hth_json_parse(&state, hth_buf_str(&text), text.n, &err);
    if (st != HTH_OK)
        hth_reply_error(x, 0, &err);
    else if (!there)
        no_response(x);
    else
        hth_reply_json(x, 200, json_incref(json_object_get(state, "response")));
    json_decref(state);
    hth_buf_drop(&text);
}

static void drop_response(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    HthErr err = { 0 };
    bool there = false;
    if (!keeps(h, x)) return;
    HthStatus st =
        hth_responses_delete(h->cfg.chats, who->user, hth_run_state_id(rest), &there, &err);
    if (st != HTH_OK)
        hth_reply_error(x, 0, &err);
    else if (!there)
        no_response(x);
    else
        hth_reply_json(x, 200,
                       json_pack("{s:s%, s:s, s:b}", "id", rest.p, rest.n, "object", "response",
                                 "deleted", 1));
}

const HthRoute hth_routes_chats[] = {
    { HTH_ROUTE_CHATS, "GET", "/hearth/chats", .run = chats },
    { HTH_ROUTE_CHATS_DELETE, "DELETE", "/hearth/chats", .run = chats },
    { HTH_ROUTE_CHAT, "GET", "/hearth/chats/*", .run = chats },
    { HTH_ROUTE_CHAT_PUT, "PUT", "/hearth/chats/*", .run = chats },
    { HTH_ROUTE_CHAT_POST, "POST", "/hearth/chats/*", .run = chats },
    { HTH_ROUTE_CHAT_DELETE, "DELETE", "/hearth/chats/*", .run = chats },
    { HTH_ROUTE_RESPONSE, "GET", "/v1/responses/*", .run = get_response },
    { HTH_ROUTE_RESPONSE_DROP, "DELETE", "/v1/responses/*", .run = drop_response },
    { 0 },
};
HTH_ROUTES_HAVE_POLICIES(hth_routes_chats, CHATS);
