/* responses.c - what /v1/responses keeps; see chats.h.
 *
 * Thread: any. */
#include "vault/chats_db.h"

static HthStatus trim(HthChats *c, uint64_t user, HthErr *err) {
    HthDbQ q = hth_dbq(&c->db, HTH_SQL_RESPONSE_TRIM);
    hth_dbq_i64(&q, (int64_t)user);
    hth_dbq_i64(&q, c->cfg.responses_max);
    while (hth_dbq_row(&q)) {
    }
    return hth_dbq_end(&q, err);
}

static HthStatus put(HthChats *c, uint64_t user, HthStr id, HthStr text, int64_t now_ms,
                     int64_t expires_ms, HthErr *err) {
    HTH_TRY(hth_q_run(c, HTH_SQL_RESPONSE_EXPIRE, 1, (uint64_t)now_ms, HTH_STR(""), err));
    HthDbQ q = hth_dbq(&c->db, HTH_SQL_RESPONSE_PUT);
    hth_dbq_i64(&q, (int64_t)user);
    hth_dbq_text(&q, id);
    hth_dbq_i64(&q, now_ms);
    hth_dbq_i64(&q, expires_ms);
    hth_dbq_text(&q, text);
    while (hth_dbq_row(&q)) {
    }
    HTH_TRY(hth_dbq_end(&q, err));
    return trim(c, user, err);
}

HthStatus hth_responses_put(HthChats *c, uint64_t user, HthStr id, HthStr text, int64_t now_ms,
                            int64_t expires_ms, HthErr *err) {
    HTH_TRY(hth_chats_id_ok(id, err));
    HTH_REQUIRE(text.n <= c->cfg.chat_bytes_max, err, HTH_ELIMIT,
                "the response is longer than the limit of %zu bytes", c->cfg.chat_bytes_max);
    HTH_TRY(hth_chats_begin(c, err));
    return hth_chats_end(c, put(c, user, id, text, now_ms, expires_ms, err), err);
}

HthStatus hth_responses_get(HthChats *c, uint64_t user, HthStr id, int64_t now_ms, HthBuf *out,
                            bool *there, HthErr *err) {
    HTH_TRY(hth_chats_id_ok(id, err));
    HTH_TRY(hth_chats_begin(c, err));
    HthDbQ q = hth_dbq(&c->db, HTH_SQL_RESPONSE_GET);
    hth_dbq_i64(&q, (int64_t)user);
    hth_dbq_text(&q, id);
    hth_dbq_i64(&q, now_ms);
    const bool found = hth_dbq_row(&q);
    HthStatus status = found ? hth_buf_add_str(out, hth_dbq_col_bytes(&q, 0), err) : HTH_OK;
    const HthStatus end = hth_dbq_end(&q, err);
    status = hth_chats_end(c, status == HTH_OK ? end : status, err);
    if (status == HTH_OK) *there = found;
    return status;
}

HthStatus hth_responses_delete(HthChats *c, uint64_t user, HthStr id, bool *there, HthErr *err) {
    HTH_TRY(hth_chats_id_ok(id, err));
    HTH_TRY(hth_chats_begin(c, err));
    HthStatus status = hth_q_run(c, HTH_SQL_RESPONSE_DELETE, 2, user, id, err);
    const bool gone = sqlite3_changes(c->db.db) > 0;
    status = hth_chats_end(c, status, err);
    if (status == HTH_OK) *there = gone;
    if (status == HTH_OK && gone) hth_chats_empty_log(c);
    return status;
}
