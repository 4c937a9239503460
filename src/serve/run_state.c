/* run_state.c - conversations the server keeps for /v1/responses: going on from one, keeping one.
 *
 * Kept under the id of the response: {"history": [...], "response": {...}}, for thirty days.
 *
 * A row is written by the scribe (scribe.h); the last event goes out when it is durable.
 *
 * Thread: going on: a prep thread; keeping: the loop thread. */
#include "serve/chats_api.h"
#include "serve/run.h"

enum { STATE_MAX = 1 << 26 };
#define KEEP_MS (30ll * 86400 * 1000)

/* "resp_0123": what the client holds; the store knows the rest. */
HthStr hth_run_state_id(HthStr id) {
    const HthStr prefix = HTH_STR("resp_");
    return hth_str_starts(id, prefix) ? hth_str_sub(id, prefix.n, SIZE_MAX) : id;
}

HthStatus hth_run_go_on(HthRun *r, bool *missing, HthErr *err) {
    HthBuf text;
    json_t *state = NULL;
    bool there = false;
    if (r->ask.previous.n == 0) return HTH_OK;
    HTH_REQUIRE(r->house->cfg.chats, err, HTH_ENOTSUP,
                "previous_response_id: this server keeps no conversations");
    hth_buf_init(&text, STATE_MAX);
    HthStatus st =
        hth_responses_get(r->house->cfg.chats, r->who.user, hth_run_state_id(r->ask.previous),
                          hth_chats_now_ms(), &text, &there, err);
    if (st == HTH_OK && !there) {
        *missing = true;
        st = HTH_FAIL(err, HTH_EINVAL,
                      "previous_response_id: there is no such response, or it has expired");
    }
    if (st == HTH_OK) st = hth_json_parse(&state, hth_buf_str(&text), STATE_MAX, err);
    if (st == HTH_OK) st = hth_ask_go_on(&r->ask, json_object_get(state, "history"), err);
    json_decref(state);
    hth_buf_drop(&text);
    return st;
}

static HthStatus state_text(HthRun *r, const HthAnswerOut *a, HthBuf *out, HthErr *err) {
    HthBuf response;
    json_t *history = NULL;
    const HthUsage sum = hth_run_usage(r);
    hth_buf_init(&response, STATE_MAX);
    HthStatus st = hth_ask_history(&r->ask, a, &history, err);
    if (st == HTH_OK) st = r->face->ops->whole(r->face, a, 1, &sum, &response, err);
    if (st == HTH_OK) st = hth_buf_add_str(out, HTH_STR("{\"history\":"), err);
    if (st == HTH_OK) st = hth_json_write(out, history, 0, err);
    if (st == HTH_OK) st = hth_buf_add_str(out, HTH_STR(",\"response\":"), err);
    if (st == HTH_OK) st = hth_buf_add_str(out, hth_buf_str(&response), err);
    if (st == HTH_OK) st = hth_buf_add_char(out, '}', err);
    hth_buf_drop(&response);
    json_decref(history);
    return st;
}

bool hth_run_keeps(const HthRun *r) {
    return r->ask.store && r->house->scribe;
}

static void wake(void *payload) { /* the scribe's thread */
    const HthRun *r = payload;
    hth_x_wake(r->x);
}

HthStatus hth_run_keep(HthRun *r, HthErr *err) {
    HthAnswerOut a;
    if (!hth_run_keeps(r) || r->count != 1) return HTH_OK;
    if (r->kept) return hth_kept_look(r->kept, err);
    HthRow row = {
        .user = r->who.user, .expires_ms = hth_chats_now_ms() + KEEP_MS, .wake = wake, .payload = r
    };
    snprintf(row.id, sizeof row.id, "%s", r->id);
    HTH_TRY(hth_run_answer(&r->ones[0], &a, err));
    hth_buf_init(&row.text, STATE_MAX);
    HthStatus st = state_text(r, &a, &row.text, err);
    if (st == HTH_OK) st = hth_scribe_put(r->house->scribe, &row, &r->kept, err);
    if (st == HTH_OK) return hth_kept_look(r->kept, err);
    hth_buf_drop(&row.text);
    return st;
}
