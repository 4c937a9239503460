/* evidence_users.c - changes of users and keys, from their file to the log; see evidence.h.
 *
 * A row leaves the file when its entry is on disk.  After a crash in between it is in both: what is
 * found waiting by a server that begins is looked for in the log first.
 *
 * Thread: one at a time. */
#include <string.h>

#include "audit/folder.h"
#include "serve/evidence_in.h"

enum { ENTRY_ROOM = 1 << 17 };

static HthStatus put(HthEvidence *e, const HthUserEvent *v, bool wait, HthErr *err) {
    HthEntry entry;
    hth_entry_begin(&entry, v->key[0] ? HTH_ENTRY_KEY : HTH_ENTRY_USER);
    entry.time_s = v->time_s;
    hth_entry_text(&entry, HTH_FIELD_ACTION, hth_str(v->action));
    hth_entry_text(&entry, HTH_FIELD_USER, hth_str(v->user));
    if (v->key[0]) hth_entry_text(&entry, HTH_FIELD_KEY, hth_str(v->key));
    hth_entry_text(&entry, HTH_FIELD_EVENT, hth_str(v->id));
    return wait ? hth_evidence_put_waiting(e, &entry, err)
                : hth_evidence_put(e, &entry, HTH_STR(""), NULL, NULL, err);
}

/* The first of them that the log does not have: it was filled in their order. */
static HthStatus find_told(const HthEvidence *e, const HthUserEvent *v, uint32_t count,
                           uint32_t *first, HthErr *err) {
    HthAuditReader r = { 0 };
    HthRecord rec;
    HthBuf room;
    *first = 0;
    HTH_TRY(hth_audit_reader_open(&r, e->folder, err));
    hth_buf_init(&room, ENTRY_ROOM);
    HthStatus status = HTH_OK;
    while (status == HTH_OK && hth_audit_next(&r, &rec)) {
        HthEntry entry;
        if (hth_str_find(rec.entry, HTH_STR("\"event\":")) == SIZE_MAX) continue;
        hth_buf_clear(&room);
        status = hth_entry_read(&entry, &room, rec.entry, err);
        if (status != HTH_OK || !entry.v[HTH_FIELD_EVENT].there) continue;
        for (uint32_t i = *first; i < count; i++)
            if (hth_str_eq(entry.v[HTH_FIELD_EVENT].text, hth_str(v[i].id))) *first = i + 1;
    }
    hth_buf_drop(&room);
    hth_audit_reader_close(&r);
    return status;
}

HthStatus hth_evidence_users(HthEvidence *e, HthUsers *users, HthErr *err) {
    HthUserEvent v[HTH_USER_EVENTS_MAX];
    uint32_t count = 0;
    if (!e) return HTH_OK;
    do {
        uint32_t at = 0;
        HTH_TRY(hth_users_events(users, v, &count, err));
        if (count && !e->events_sure) HTH_TRY(find_told(e, v, count, &at, err));
        for (; at < count; at++) HTH_TRY(put(e, &v[at], at + 1 == count, err));
        e->events_sure = count < HTH_USER_EVENTS_MAX || e->events_sure;
        if (count) HTH_TRY(hth_users_events_drop(users, v[count - 1].number, err));
    } while (count == HTH_USER_EVENTS_MAX);
    return HTH_OK;
}
