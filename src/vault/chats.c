/* chats.c - see chats.h: storing, reading, listing, deleting conversations.
 *
 * Thread: any. */
#include "vault/chats.h"

#include <inttypes.h>
#include <string.h>

#include "vault/chats_db.h"

enum {
    COUNT_DEFAULT = 100,
    FOUND_DEFAULT = 30,
    COUNT_MAX = 1000,
    QUERY_MAX = 256,
    QUERY_WORDS_MAX = 16
};

/* ---- storing --------------------------------------------------------------------------------- */

/* One conversation on its way in. */
typedef struct Put {
    HthChatFacts facts;
    HthBuf body, text;
    int64_t created_ms, updated_ms;
} Put;

static void put_drop(Put *p) {
    hth_buf_drop(&p->body);
    hth_buf_drop(&p->text);
}

/* The body is the JSON but for what is the store's. */
static HthStatus prepare(const HthChats *c, Put *p, const json_t *chat, HthErr *err) {
    hth_buf_init(&p->body, c->cfg.chat_bytes_max);
    hth_buf_init(&p->text, c->cfg.chat_bytes_max);
    HTH_TRY(hth_chat_check(&p->facts, chat, c->cfg.messages_max, err));
    json_t *copy = json_copy((json_t *)(uintptr_t)chat);
    HTH_REQUIRE(copy, err, HTH_ENOMEM, "out of memory for a conversation");
    (void)json_object_del(copy, "created");
    (void)json_object_del(copy, "updated");
    HthStatus status = hth_json_write(&p->body, copy, 0, err);
    json_decref(copy);
    if (status == HTH_ELIMIT)
        return HTH_FAIL(err, HTH_ELIMIT, "the conversation is longer than the limit of %zu bytes",
                        c->cfg.chat_bytes_max);
    if (status == HTH_OK) status = hth_chat_text(&p->text, chat, err);
    return status;
}

typedef struct Old {
    bool there;
    int64_t key, updated_ms, bytes, count;
} Old;

static HthStatus look(HthChats *c, uint64_t user, HthStr id, Old *out, HthErr *err) {
    *out = (Old){ .there = false };
    HthDbQ q = hth_dbq(&c->db, HTH_SQL_LOOK);
    hth_dbq_i64(&q, (int64_t)user);
    hth_dbq_text(&q, id);
    if (hth_dbq_row(&q))
        *out = (Old){ true, hth_dbq_col(&q, 0), hth_dbq_col(&q, 1), hth_dbq_col(&q, 2),
                      hth_dbq_col(&q, 3) };
    return hth_dbq_end(&q, err);
}

static HthStatus check_room(HthChats *c, uint64_t user, const Old *old, size_t bytes, HthErr *err) {
    HthDbQ q = hth_dbq(&c->db, HTH_SQL_USAGE);
    hth_dbq_i64(&q, (int64_t)user);
    int64_t count = 0, used = 0;
    if (hth_dbq_row(&q)) {
        count = hth_dbq_col(&q, 0);
        used = hth_dbq_col(&q, 1);
    }
    HTH_TRY(hth_dbq_end(&q, err));
    HTH_REQUIRE(old->there || count < c->cfg.chats_max, err, HTH_ELIMIT,
                "there are %" PRId64 " conversations, which is the limit; delete some", count);
    HTH_REQUIRE((uint64_t)(used - old->bytes) + bytes <= c->cfg.user_bytes_max, err, HTH_ELIMIT,
                "the conversations take %" PRId64 " bytes, and the limit is %" PRIu64
                "; delete some",
                used, c->cfg.user_bytes_max);
    return HTH_OK;
}

static HthStatus write_row(HthChats *c, uint64_t user, const Put *p, bool update, HthErr *err) {
    HthDbQ q = hth_dbq(&c->db, update ? HTH_SQL_UPDATE : HTH_SQL_INSERT);
    hth_dbq_i64(&q, (int64_t)user);
    hth_dbq_text(&q, p->facts.id);
    hth_dbq_text(&q, p->facts.title);
    hth_dbq_i64(&q, p->updated_ms);
    hth_dbq_i64(&q, p->facts.count);
    hth_dbq_i64(&q, (int64_t)p->body.n);
    hth_dbq_text(&q, hth_buf_str(&p->body));
    if (!update) hth_dbq_i64(&q, p->created_ms);
    while (hth_dbq_row(&q)) {
    }
    return hth_dbq_end(&q, err);
}

static HthStatus write_words(HthChats *c, int64_t key, uint64_t user, const Put *p, HthErr *err) {
    HthBuf who;
    hth_buf_init(&who, 32);
    HthStatus status = hth_buf_printf(&who, err, "u%" PRIu64, user);
    HthDbQ q = hth_dbq(&c->db, HTH_SQL_WORDS_PUT);
    hth_dbq_i64(&q, key);
    hth_dbq_text(&q, hth_buf_str(&who));
    hth_dbq_text(&q, p->facts.title);
    hth_dbq_text(&q, hth_buf_str(&p->text));
    while (status == HTH_OK && hth_dbq_row(&q)) {
    }
    const HthStatus end = hth_dbq_end(&q, err);
    hth_buf_drop(&who);
    return status == HTH_OK ? end : status;
}

/* In a transaction. *shrunk: text has gone, and should be gone for good. */
static HthStatus store(HthChats *c, uint64_t user, Put *p, const Old *old, bool *shrunk,
                       HthErr *err) {
    HTH_TRY(check_room(c, user, old, p->body.n, err));
    if (old->there) HTH_TRY(hth_q_run(c, HTH_SQL_WORDS_DELETE, 2, user, p->facts.id, err));
    HTH_TRY(write_row(c, user, p, old->there, err));
    const int64_t key = old->there ? old->key : sqlite3_last_insert_rowid(c->db.db);
    HTH_TRY(write_words(c, key, user, p, err));
    *shrunk = old->there && (old->bytes > (int64_t)p->body.n || old->count > p->facts.count);
    return *shrunk ? hth_chats_erase(c, err) : HTH_OK;
}

static HthStatus put(HthChats *c, uint64_t user, Put *p, int64_t base_ms, int64_t now_ms,
                     bool *conflict, bool *shrunk, HthErr *err) {
    Old old;
    HTH_TRY(look(c, user, p->facts.id, &old, err));
    *conflict = old.there && base_ms >= 0 && old.updated_ms > base_ms;
    p->created_ms = now_ms;
    p->updated_ms = old.there && old.updated_ms >= now_ms ? old.updated_ms + 1 : now_ms;
    if (*conflict) return HTH_OK;
    return store(c, user, p, &old, shrunk, err);
}

HthStatus hth_chats_put(HthChats *c, uint64_t user, HthStr id, const json_t *chat, int64_t base_ms,
                        int64_t now_ms, int64_t *updated_ms, bool *conflict, HthErr *err) {
    Put p = { .created_ms = now_ms };
    bool shrunk = false;
    *conflict = false;
    HthStatus status = hth_chats_id_ok(id, err);
    if (status == HTH_OK) status = prepare(c, &p, chat, err);
    if (status == HTH_OK && !hth_str_eq(p.facts.id, id))
        status = HTH_FAIL(err, HTH_EINVAL, "'id' is not the one that is asked for");
    if (status == HTH_OK && (status = hth_chats_begin(c, err)) == HTH_OK) {
        status = put(c, user, &p, base_ms, now_ms, conflict, &shrunk, err);
        status = hth_chats_end(c, status, err);
    }
    if (status == HTH_OK && shrunk) hth_chats_empty_log(c);
    if (status == HTH_OK && !*conflict && updated_ms) *updated_ms = p.updated_ms;
    put_drop(&p);
    return status;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* created, updated and the body make one object again. */
static HthStatus add_whole(HthBuf *out, const HthDbQ *q, HthErr *err) {
    const HthStr body = hth_dbq_col_bytes(q, 2);
    HTH_TRY(hth_buf_printf(out, err, "{\"created\":%" PRId64 ",\"updated\":%" PRId64 ",",
                           hth_dbq_col(q, 0), hth_dbq_col(q, 1)));
    return hth_buf_add_str(out, hth_str_sub(body, 1, body.n), err); /* it has an id: never {} */
}

HthStatus hth_chats_get(HthChats *c, uint64_t user, HthStr id, HthBuf *out, bool *there,
                        HthErr *err) {
    const size_t before = out->n;
    HTH_TRY(hth_chats_id_ok(id, err));
    HTH_TRY(hth_chats_begin(c, err));
    HthDbQ q = hth_dbq(&c->db, HTH_SQL_GET);
    hth_dbq_i64(&q, (int64_t)user);
    hth_dbq_text(&q, id);
    const bool found = hth_dbq_row(&q);
    HthStatus status = found ? add_whole(out, &q, err) : HTH_OK;
    const HthStatus end = hth_dbq_end(&q, err);
    status = hth_chats_end(c, status == HTH_OK ? end : status, err);
    if (status == HTH_OK)
        *there = found;
    else if (out->p)
        out->p[out->n = before] = '\0';
    return status;
}

/* ---- lists ----------------------------------------------------------------------------------- */

/* Scripts written without blanks: their words are found as pieces of text. */
static bool has_no_blanks(HthStr s) {
    for (uint32_t cp; s.n;) {
        const size_t n = hth_utf8_decode(s, &cp);
        if (!n) return false;
        if ((cp >= 0x0e00 && cp < 0x0f00) || (cp >= 0x1780 && cp < 0x1800) ||
            (cp >= 0x2e80 && cp < 0xa4d0) || (cp >= 0xac00 && cp < 0xd7b0) ||
            (cp >= 0xf900 && cp < 0xfb00) || cp >= 0x20000)
            return true;
        s = hth_str_sub(s, n, s.n);
    }
    return false;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* who : "u7" AND {title text} : ("a" AND "b" *): each word quoted, so that none is an operator. */
static HthStatus add_query(HthBuf *out, uint64_t user, HthStr words, HthErr *err) {
    HTH_TRY(hth_buf_printf(out, err, "who : \"u%" PRIu64 "\" AND {title text} : (", user));
    unsigned count = 0;
    for (size_t at = 0; at < words.n && count < QUERY_WORDS_MAX;) {
        size_t n = 0;
        while (at + n < words.n && !is_blank(words.p[at + n])) n++;
        if (n) {
            HTH_TRY(hth_buf_printf(out, err, "%s\"", count++ ? " AND " : ""));
            for (size_t i = 0; i < n; i++) {
                if (words.p[at + i] == '"') HTH_TRY(hth_buf_add_char(out, '"', err));
                if (words.p[at + i]) HTH_TRY(hth_buf_add_char(out, words.p[at + i], err));
            }
            HTH_TRY(hth_buf_add_char(out, '"', err));
        }
        at += n + 1;
    }
    return hth_buf_add_str(out, HTH_STR("*)"), err);
}

static HthDbQ list_query(HthChats *c, HthSql which, uint64_t user, HthStr query) {
    HthDbQ q = hth_dbq(&c->db, which);
    hth_dbq_text(&q, query);
    hth_dbq_i64(&q, (int64_t)user);
    return q;
}

static json_t *text_json(HthStr s) {
    return json_stringn(s.p, s.n);
}

static json_t *row_json(const HthDbQ *q, bool found) {
    json_t *o =
        json_pack("{s:o, s:o, s:I, s:I, s:I, s:I}", "id", text_json(hth_dbq_col_bytes(q, 0)),
                  "title", text_json(hth_dbq_col_bytes(q, 1)), "created",
                  (json_int_t)hth_dbq_col(q, 2), "updated", (json_int_t)hth_dbq_col(q, 3), "count",
                  (json_int_t)hth_dbq_col(q, 4), "bytes", (json_int_t)hth_dbq_col(q, 5));
    if (o && found && json_object_set_new(o, "snippet", text_json(hth_dbq_col_bytes(q, 6)))) {
        json_decref(o);
        return NULL;
    }
    return o;
}

static HthStatus list(HthChats *c, uint64_t user, HthSql count, HthStr query, uint32_t first,
                      uint32_t count_max, json_t *out, HthErr *err) {
    HthDbQ q = list_query(c, count, user, query);
    const int64_t total = hth_dbq_row(&q) ? hth_dbq_col(&q, 0) : 0;
    HTH_TRY(hth_dbq_end(&q, err));
    json_t *rows = json_object_get(out, "chats");
    bool ok = !json_object_set_new(out, "total", json_integer(total));
    q = list_query(c, (HthSql)(count + 1), user, query);
    hth_dbq_i64(&q, count_max);
    hth_dbq_i64(&q, first);
    while (ok && hth_dbq_row(&q))
        ok = !json_array_append_new(rows, row_json(&q, count != HTH_SQL_COUNT_ALL));
    HTH_TRY(hth_dbq_end(&q, err));
    HTH_REQUIRE(ok, err, HTH_ENOMEM, "out of memory for the list of conversations");
    return HTH_OK;
}

HthStatus hth_chats_list(HthChats *c, uint64_t user, HthStr words, uint32_t first,
                         uint32_t count_max, HthBuf *out, HthErr *err) {
    HthBuf query;
    hth_buf_init(&query, 4 * QUERY_MAX);
    words = hth_str_trim(hth_str_sub(words, 0, QUERY_MAX));
    words.n = hth_utf8_whole(words);
    if (!count_max) count_max = words.n ? FOUND_DEFAULT : COUNT_DEFAULT;
    if (count_max > COUNT_MAX) count_max = COUNT_MAX;
    HthSql count = HTH_SQL_COUNT_ALL;
    HthStatus status = HTH_OK;
    if (words.n && has_no_blanks(words)) {
        count = HTH_SQL_COUNT_LIKE;
        status = hth_buf_add_str(&query, words, err);
    } else if (words.n) {
        count = HTH_SQL_COUNT_MATCH;
        status = add_query(&query, user, words, err);
    }
    json_t *o = json_pack("{s:[]}", "chats");
    if (status == HTH_OK && !o)
        status = HTH_FAIL(err, HTH_ENOMEM, "out of memory for the list of conversations");
    if (status == HTH_OK && (status = hth_chats_begin(c, err)) == HTH_OK) {
        status = list(c, user, count, hth_buf_str(&query), first, count_max, o, err);
        status = hth_chats_end(c, status, err);
    }
    if (status == HTH_OK) status = hth_json_write(out, o, 0, err);
    json_decref(o);
    hth_buf_drop(&query);
    return status;
}

/* ---- deleting -------------------------------------------------------------------------------- */

HthStatus hth_chats_delete(HthChats *c, uint64_t user, HthStr id, bool *there, HthErr *err) {
    Old old;
    HTH_TRY(hth_chats_id_ok(id, err));
    HTH_TRY(hth_chats_begin(c, err));
    HthStatus status = look(c, user, id, &old, err);
    if (status == HTH_OK && old.there) {
        status = hth_q_run(c, HTH_SQL_WORDS_DELETE, 2, user, id, err);
        if (status == HTH_OK) status = hth_q_run(c, HTH_SQL_DELETE, 2, user, id, err);
        if (status == HTH_OK) status = hth_chats_erase(c, err);
    }
    status = hth_chats_end(c, status, err);
    if (status == HTH_OK && old.there) hth_chats_empty_log(c);
    if (status == HTH_OK) *there = old.there;
    return status;
}

HthStatus hth_chats_delete_all(HthChats *c, uint64_t user, HthErr *err) {
    static const HthSql all[] = { HTH_SQL_WORDS_DELETE_ALL, HTH_SQL_DELETE_ALL,
                                  HTH_SQL_RESPONSE_DELETE_ALL };
    HTH_TRY(hth_chats_begin(c, err));
    HthStatus status = HTH_OK;
    for (size_t i = 0; status == HTH_OK && i < HTH_COUNT(all); i++)
        status = hth_q_run(c, all[i], 1, user, HTH_STR(""), err);
    if (status == HTH_OK) status = hth_chats_erase(c, err);
    status = hth_chats_end(c, status, err);
    if (status == HTH_OK) hth_chats_empty_log(c);
    return status;
}

/* ---- out and in again ------------------------------------------------------------------------ */

static HthStatus export_rows(HthDbQ *q, HthBuf *out, HthErr *err) {
    HTH_TRY(hth_buf_add_str(out, HTH_STR("{\"hearth\":\"chats\",\"version\":1,\"chats\":["), err));
    for (bool any = false; hth_dbq_row(q); any = true) {
        if (any) HTH_TRY(hth_buf_add_char(out, ',', err));
        HTH_TRY(add_whole(out, q, err));
    }
    return hth_buf_add_str(out, HTH_STR("]}"), err);
}

HthStatus hth_chats_export(HthChats *c, uint64_t user, HthBuf *out, HthErr *err) {
    const size_t before = out->n;
    HTH_TRY(hth_chats_begin(c, err));
    HthDbQ q = hth_dbq(&c->db, HTH_SQL_ALL);
    hth_dbq_i64(&q, (int64_t)user);
    HthStatus status = export_rows(&q, out, err);
    const HthStatus end = hth_dbq_end(&q, err);
    status = hth_chats_end(c, status == HTH_OK ? end : status, err);
    if (status != HTH_OK && out->p) out->p[out->n = before] = '\0';
    return status;
}

/* A time the file states, or now; never later than now. */
static int64_t time_in(const json_t *chat, const char *member, int64_t now_ms) {
    const json_t *v = json_object_get(chat, member);
    const int64_t t = json_is_integer(v) ? json_integer_value(v) : now_ms;
    return t < 0 || t > now_ms ? now_ms : t;
}

static HthStatus import_one(HthChats *c, uint64_t user, const json_t *chat, int64_t now_ms,
                            uint32_t *count, HthErr *err) {
    Put p = { .created_ms = time_in(chat, "created", now_ms),
              .updated_ms = time_in(chat, "updated", now_ms) };
    Old old = { .there = false };
    bool shrunk = false;
    HthStatus status = prepare(c, &p, chat, err);
    if (status == HTH_OK) status = look(c, user, p.facts.id, &old, err);
    if (status == HTH_OK && (!old.there || old.updated_ms < p.updated_ms)) {
        status = store(c, user, &p, &old, &shrunk, err);
        *count += status == HTH_OK;
    }
    put_drop(&p);
    return status;
}

HthStatus hth_chats_import(HthChats *c, uint64_t user, const json_t *exported, int64_t now_ms,
                           uint32_t *count, HthErr *err) {
    const json_t *kind = json_object_get(exported, "hearth");
    const json_t *chats = json_object_get(exported, "chats");
    HTH_REQUIRE(json_is_string(kind) && !strcmp(json_string_value(kind), "chats") &&
                    json_integer_value(json_object_get(exported, "version")) == 1 &&
                    json_is_array(chats),
                err, HTH_EINVAL,
                "that is no export of conversations: {\"hearth\": \"chats\", \"version\": 1, "
                "\"chats\": [...]} is wanted");
    uint32_t stored = 0;
    HTH_TRY(hth_chats_begin(c, err));
    HthStatus status = HTH_OK;
    for (size_t i = 0; status == HTH_OK && i < json_array_size(chats); i++)
        status = import_one(c, user, json_array_get(chats, i), now_ms, &stored, err);
    status = hth_chats_end(c, status, err);
    if (status == HTH_OK) *count = stored;
    return status;
}
