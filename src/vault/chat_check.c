/* chat_check.c - is this JSON a conversation? And its text, for searching.
 *
 * Thread: any. */
#include <string.h>

#include "base/map.h"
#include "vault/chats_db.h"

enum { ID_MAX = 64, TITLE_MAX = 1024 };

static HthStr text_of(const json_t *v) {
    return (HthStr){ json_string_value(v), json_string_length(v) };
}

static bool is_id(HthStr s) {
    if (!s.n || s.n > ID_MAX) return false;
    for (size_t i = 0; i < s.n; i++) {
        const char c = s.p[i];
        const bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (!ok) return false;
    }
    return true;
}

HthStatus hth_chats_id_ok(HthStr id, HthErr *err) {
    HTH_REQUIRE(is_id(id), err, HTH_EINVAL, "an id is 1 to %d letters, digits, '-' and '_'",
                ID_MAX);
    return HTH_OK;
}

static HthStatus check_message(HthMap *seen, const json_t *m, size_t i, HthErr *err) {
    static const char *const roles[] = { "system", "user", "assistant", "tool" };
    const json_t *id = json_object_get(m, "id"), *parent = json_object_get(m, "parent");
    const json_t *role = json_object_get(m, "role");
    HTH_REQUIRE(json_is_object(m), err, HTH_EINVAL, "messages[%zu] must be an object", i);
    HTH_REQUIRE(json_is_string(id) && is_id(text_of(id)), err, HTH_EINVAL,
                "messages[%zu].id must be 1 to %d letters, digits, '-' and '_'", i, ID_MAX);
    HTH_REQUIRE(hth_map_get(seen, text_of(id)) == HTH_MAP_NONE, err, HTH_EINVAL,
                "messages[%zu].id is that of another message", i);
    const bool known =
        !parent || json_is_null(parent) ||
        (json_is_string(parent) && hth_map_get(seen, text_of(parent)) != HTH_MAP_NONE);
    HTH_REQUIRE(known, err, HTH_EINVAL,
                "messages[%zu].parent must be null or the id of a message before it", i);
    bool good = false;
    for (size_t r = 0; r < HTH_COUNT(roles); r++)
        good = good || (json_is_string(role) && !strcmp(json_string_value(role), roles[r]));
    HTH_REQUIRE(good, err, HTH_EINVAL, "messages[%zu].role must be system, user, assistant or tool",
                i);
    HTH_REQUIRE(json_is_string(json_object_get(m, "content")), err, HTH_EINVAL,
                "messages[%zu].content must be a string", i);
    return hth_map_put(seen, text_of(id), (uint32_t)i, err);
}

static HthStatus check_tree(HthMap *seen, const json_t *chat, const json_t *messages, HthErr *err) {
    for (size_t i = 0; i < json_array_size(messages); i++)
        HTH_TRY(check_message(seen, json_array_get(messages, i), i, err));
    const json_t *head = json_object_get(chat, "head");
    const bool known = !head || json_is_null(head) ||
                       (json_is_string(head) && hth_map_get(seen, text_of(head)) != HTH_MAP_NONE);
    HTH_REQUIRE(known, err, HTH_EINVAL, "'head' must be null or the id of a message");
    return HTH_OK;
}

HthStatus hth_chat_check(HthChatFacts *out, const json_t *chat, uint32_t messages_max,
                         HthErr *err) {
    HTH_REQUIRE(json_is_object(chat), err, HTH_EINVAL, "a conversation must be a JSON object");
    const json_t *id = json_object_get(chat, "id"), *title = json_object_get(chat, "title");
    const json_t *messages = json_object_get(chat, "messages");
    HTH_REQUIRE(json_is_string(id) && is_id(text_of(id)), err, HTH_EINVAL,
                "'id' must be 1 to %d letters, digits, '-' and '_'", ID_MAX);
    HTH_REQUIRE(!title || (json_is_string(title) && json_string_length(title) <= TITLE_MAX), err,
                HTH_EINVAL, "'title' must be a string of at most %d bytes", TITLE_MAX);
    HTH_REQUIRE(json_is_array(messages), err, HTH_EINVAL, "'messages' must be an array");
    HTH_REQUIRE(json_array_size(messages) <= messages_max, err, HTH_ELIMIT,
                "the conversation has %zu messages, and the limit is %u", json_array_size(messages),
                messages_max);
    HthMap *seen = NULL;
    HTH_TRY(hth_map_open(&seen, json_array_size(messages), err));
    const HthStatus status = check_tree(seen, chat, messages, err);
    hth_map_close(&seen);
    if (status == HTH_OK)
        *out = (HthChatFacts){ text_of(id), title ? text_of(title) : HTH_STR(""),
                               (uint32_t)json_array_size(messages) };
    return status;
}

HthStatus hth_chat_text(HthBuf *out, const json_t *chat, HthErr *err) {
    const json_t *messages = json_object_get(chat, "messages");
    for (size_t i = 0; i < json_array_size(messages); i++) {
        const json_t *content = json_object_get(json_array_get(messages, i), "content");
        if (out->n) HTH_TRY(hth_buf_add_char(out, '\n', err));
        HTH_TRY(hth_buf_add_str(out, text_of(content), err));
    }
    return HTH_OK;
}
