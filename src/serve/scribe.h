/* scribe.h - the thread that writes what answers keep, so that no socket waits for a disk.
 *
 *   hth_scribe_put(s, &row, &kept, &err);        the row is the scribe's from here on
 *   ... row.wake(row.payload), then hth_kept_look(kept, &err) ...
 *   hth_kept_leave(&kept);                       it is written all the same
 *
 * A row that was put is written whether or not anybody waits for it, and before close returns.  So
 * that rows cannot pile up, requests that want to keep something are refused at their beginning
 * while more than `rows_max` wait (hth_scribe_keeps_up).
 *
 * Thread: any; open and close belong to whoever owns the server. */
#ifndef HTH_SERVE_SCRIBE_H
#define HTH_SERVE_SCRIBE_H

#include "vault/chats.h"

typedef struct HthScribe HthScribe;
typedef struct HthKept HthKept; /* one row on its way */

typedef struct HthRow {
    uint64_t user;
    char id[40];
    HthBuf text; /* the scribe's, and wiped by it, when put succeeds */
    int64_t expires_ms; /* since 1970 */
    /* The scribe's thread: there is something to look at. Not after leave has returned. */
    void (*wake)(void *payload);
    void *payload;
} HthRow;

/* chats: borrowed. rows_max 0: 256. */
HTH_MUST_CHECK HthStatus hth_scribe_open(HthScribe **out, HthChats *chats, uint32_t rows_max,
                                         HthErr *err);
void hth_scribe_close(HthScribe **s); /* writes what was put; none is looked at any more */
/* EAGAIN: the disk is behind. */
HTH_MUST_CHECK HthStatus hth_scribe_keeps_up(HthScribe *s, HthErr *err);
/* Never waits. ENOMEM: nothing was taken. */
HTH_MUST_CHECK HthStatus hth_scribe_put(HthScribe *s, const HthRow *row, HthKept **out,
                                        HthErr *err);
/* EAGAIN: it is on its way; HTH_OK: durable; otherwise why it could not be written. */
HTH_MUST_CHECK HthStatus hth_kept_look(const HthKept *kept, HthErr *err);
void hth_kept_leave(HthKept **kept); /* nobody looks any more; fine on NULL */

#endif
