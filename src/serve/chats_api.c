/* chats_api.c - see chats_api.h.
 *
 * Thread: any. */
#include "serve/chats_api.h"

#include <inttypes.h>

#include "base/clock.h"
#include "serve/models_api_int.h"

enum { BODY_MAX = 64 << 20 };

static int failed(HthBuf *out, const HthErr *err) {
    const int status = err->status == HTH_ELIMIT ? 413 : hth_api_status(err);
    return hth_api_fail(out, status, err->text);
}

static int missing(HthBuf *out) {
    return hth_api_fail(out, 404, "there is no such conversation");
}

/* A number in the query; `none` when it is not given. */
static bool number(HthStr text, uint32_t none, uint32_t *out) {
    uint64_t v = none;
    if (text.n && (!hth_str_u64(text, &v) || v > UINT32_MAX)) return false;
    *out = (uint32_t)v;
    return true;
}

static int do_list(HthChats *c, const HthChatsAsk *a, HthBuf *out) {
    HthErr err = { 0 };
    uint32_t first, count;
    if (!number(a->first, 0, &first) || !number(a->count, 0, &count))
        return hth_api_fail(out, 400, "'first' and 'count' must be whole numbers");
    const HthStatus status = hth_chats_list(c, a->user, a->q, first, count, out, &err);
    return status == HTH_OK ? 200 : failed(out, &err);
}

static int do_clear(HthChats *c, const HthChatsAsk *a, HthBuf *out) {
    HthErr err = { 0 };
    if (hth_chats_delete_all(c, a->user, &err) != HTH_OK) return failed(out, &err);
    HthOut o = hth_out_begin(out, &err);
    hth_out(&o, "{\"deleted\":true}");
    return hth_api_done(&o, 200);
}

static int do_export(HthChats *c, const HthChatsAsk *a, HthBuf *out) {
    HthErr err = { 0 };
    return hth_chats_export(c, a->user, out, &err) == HTH_OK ? 200 : failed(out, &err);
}

static int do_import(HthChats *c, const HthChatsAsk *a, HthBuf *out) {
    HthErr err = { 0 };
    json_t *v = NULL;
    uint32_t count = 0;
    HthStatus status = hth_json_parse(&v, a->body, BODY_MAX, &err);
    if (status == HTH_OK) status = hth_chats_import(c, a->user, v, a->now_ms, &count, &err);
    json_decref(v);
    if (status != HTH_OK) return failed(out, &err);
    HthOut o = hth_out_begin(out, &err);
    hth_out(&o, "{\"imported\":%u}", count);
    return hth_api_done(&o, 200);
}

static int do_get(HthChats *c, const HthChatsAsk *a, HthBuf *out) {
    HthErr err = { 0 };
    bool there = false;
    if (hth_chats_get(c, a->user, a->id, out, &there, &err) != HTH_OK) return failed(out, &err);
    return there ? 200 : missing(out);
}

/* "base" is the request's, not the conversation's: taken out. -1: not given; false: not a time. */
static bool take_base(json_t *chat, int64_t *out) {
    const json_t *v = json_object_get(chat, "base");
    *out = json_is_integer(v) ? json_integer_value(v) : -1;
    const bool ok = !v || json_is_null(v) || *out >= 0;
    (void)json_object_del(chat, "base");
    return ok;
}

static int do_put(HthChats *c, const HthChatsAsk *a, HthBuf *out) {
    HthErr err = { 0 };
    json_t *chat = NULL;
    int64_t base = -1, updated = 0;
    bool conflict = false;
    if (hth_str_eq(a->id, HTH_STR("export")) || hth_str_eq(a->id, HTH_STR("import")))
        return hth_api_fail(out, 400, "a conversation cannot be called that");
    HthStatus status = hth_json_parse(&chat, a->body, BODY_MAX, &err);
    if (status == HTH_OK && !take_base(chat, &base))
        status = HTH_FAIL(&err, HTH_EINVAL, "'base' must be the 'updated' of a stored version");
    if (status == HTH_OK)
        status = hth_chats_put(c, a->user, a->id, chat, base, a->now_ms, &updated, &conflict, &err);
    json_decref(chat);
    if (status != HTH_OK) return failed(out, &err);
    if (conflict)
        return hth_api_fail(out, 409,
                            "this conversation was changed elsewhere meanwhile; load it again");
    HthOut o = hth_out_begin(out, &err);
    hth_out(&o, "{\"id\":%q,\"updated\":%I}", a->id, updated);
    return hth_api_done(&o, 200);
}

static int do_delete(HthChats *c, const HthChatsAsk *a, HthBuf *out) {
    HthErr err = { 0 };
    bool there = false;
    if (hth_chats_delete(c, a->user, a->id, &there, &err) != HTH_OK) return failed(out, &err);
    if (!there) return missing(out);
    HthOut o = hth_out_begin(out, &err);
    hth_out(&o, "{\"deleted\":true}");
    return hth_api_done(&o, 200);
}

int hth_chats_api(HthChats *c, const HthChatsAsk *ask, HthBuf *out) {
    static const struct {
        const char *method, *id; /* id NULL: any that is not empty */
        int (*fn)(HthChats *c, const HthChatsAsk *ask, HthBuf *out);
    } rows[] = {
        { "GET", "", do_list },          { "DELETE", "", do_clear }, { "GET", "export", do_export },
        { "POST", "import", do_import }, { "GET", NULL, do_get },    { "PUT", NULL, do_put },
        { "DELETE", NULL, do_delete },
    };
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        const bool fits = rows[i].id ? hth_str_eq(ask->id, hth_str(rows[i].id)) : ask->id.n > 0;
        if (fits && hth_str_eq(ask->method, hth_str(rows[i].method)))
            return rows[i].fn(c, ask, out);
    }
    return hth_api_fail(out, 405, "conversations know GET, PUT and DELETE");
}

int64_t hth_chats_now_ms(void) {
    return hth_clock_unix_s() * 1000;
}
