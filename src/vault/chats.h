/* chats.h - conversations, of each user by himself, in one SQLite file.
 *
 * A conversation is a tree of messages with parent ids (an edit or another answer is a sibling),
 * kept as the JSON it came as:
 *
 *   {id, title, messages: [{id, parent, role, content, ...}], head, ...}
 *
 * `id`: 1 to 64 letters, digits, '-', '_'; `title`: text; `parent`: the id of a message before it
 * in the array, or null; `role`: system, user, assistant or tool; `head`: a message's id or null.
 * Everything else in it is kept and not looked at.  `created` and `updated` (milliseconds since
 * 1970) are the store's.
 *
 * Every statement is bound to a user: nobody sees, finds, counts or deletes what is another's.
 * What is deleted is overwritten in the file and in its index of words; the log is emptied.
 *
 * Thread: any (one lock). */
#ifndef HTH_VAULT_CHATS_H
#define HTH_VAULT_CHATS_H

#include "base/json.h"

typedef struct HthChats HthChats;

typedef struct HthChatsCfg {
    const char *path; /* the file; made with mode 0600. Its folder must exist */
    const char *vfs; /* an SQLite VFS (tests); NULL: the system's */
    const uint8_t *key; /* [32] seals the file (vfs.h says how; a plain one becomes so, a new one
                         * is so); used while opening only. NULL: the file is plain */
    uint32_t chats_max; /* of a user; 0: 10,000 */
    uint32_t messages_max; /* of a conversation; 0: 10,000 */
    size_t chat_bytes_max; /* as JSON; 0: 16 MiB */
    uint64_t user_bytes_max; /* all of a user's; 0: 4 GiB */
    uint32_t responses_max; /* stored responses of a user; the oldest go. 0: 10,000 */
} HthChatsCfg;

/* EFORMAT: not such a file, a damaged one, or one of a newer hearth; EDENIED: another key's. */
HTH_MUST_CHECK HthStatus hth_chats_open(HthChats **out, const HthChatsCfg *cfg, HthErr *err);
void hth_chats_close(HthChats **c);

/* Stores a whole conversation. EINVAL naming the member that is wrong; ELIMIT.
 * base_ms: `updated` of the version it was made from; -1: whatever is there is replaced. When what
 * is stored is newer, nothing is and *conflict is set (HTH_OK). now_ms: the new `updated`, made
 * later than the old one if it is not; *updated_ms gets it. */
HTH_MUST_CHECK HthStatus hth_chats_put(HthChats *c, uint64_t user, HthStr id, const json_t *chat,
                                       int64_t base_ms, int64_t now_ms, int64_t *updated_ms,
                                       bool *conflict, HthErr *err);
/* Appends the JSON to out; *there false (HTH_OK): this user has no such conversation. */
HTH_MUST_CHECK HthStatus hth_chats_get(HthChats *c, uint64_t user, HthStr id, HthBuf *out,
                                       bool *there, HthErr *err);
HTH_MUST_CHECK HthStatus hth_chats_delete(HthChats *c, uint64_t user, HthStr id, bool *there,
                                          HthErr *err);
/* All of a user's conversations and responses: he leaves, or begins anew. */
HTH_MUST_CHECK HthStatus hth_chats_delete_all(HthChats *c, uint64_t user, HthErr *err);

/* {"chats": [{"id", "title", "created", "updated", "count", "bytes"}], "total": n}, the latest
 * first. count_max 0: 100, or 30 with words; at most 1000. With `words` (not empty; at most 256
 * bytes are looked at) only those that have all of these words, the last may be a beginning; each
 * has a "snippet" too: a piece of text, where it was found between U+E000 and U+E001. */
HTH_MUST_CHECK HthStatus hth_chats_list(HthChats *c, uint64_t user, HthStr words, uint32_t first,
                                        uint32_t count_max, HthBuf *out, HthErr *err);

/* {"hearth": "chats", "version": 1, "chats": [...]}: all of a user's, whole. */
HTH_MUST_CHECK HthStatus hth_chats_export(HthChats *c, uint64_t user, HthBuf *out, HthErr *err);
/* All or nothing. A conversation with an id that is there already is replaced when the imported one
 * is newer (`updated`). *count: how many were stored. */
HTH_MUST_CHECK HthStatus hth_chats_import(HthChats *c, uint64_t user, const json_t *exported,
                                          int64_t now_ms, uint32_t *count, HthErr *err);

/* ---- what /v1/responses keeps: any text by id, for a time ------------------------------------ */

HTH_MUST_CHECK HthStatus hth_responses_put(HthChats *c, uint64_t user, HthStr id, HthStr text,
                                           int64_t now_ms, int64_t expires_ms, HthErr *err);
/* *there false when there is none, or it has expired. */
HTH_MUST_CHECK HthStatus hth_responses_get(HthChats *c, uint64_t user, HthStr id, int64_t now_ms,
                                           HthBuf *out, bool *there, HthErr *err);
HTH_MUST_CHECK HthStatus hth_responses_delete(HthChats *c, uint64_t user, HthStr id, bool *there,
                                              HthErr *err);

#endif
