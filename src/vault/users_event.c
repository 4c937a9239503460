/* users_event.c - changes that the audit log is to be told of; see users.h.
 *
 * The triggers of the file write them (users_rows.c), so that no way to change a user forgets to.
 *
 * Thread: any. */
#include <string.h>

#include "vault/users_in.h"

/* False: not what hearth writes. empty: it may be. */
static bool put(char *out, size_t room, HthStr text, bool empty) {
    if (text.n >= room || (text.n == 0 && !empty)) return false;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < 0x20 || text.p[i] > 0x7E) return false;
    if (text.n) memcpy(out, text.p, text.n);
    out[text.n] = '\0';
    return true;
}

static HthStatus read_one(HthUserEvent *e, const HthDbQ *q, HthErr *err) {
    e->number = hth_dbq_col(q, 0);
    e->time_s = hth_dbq_col(q, 2);
    const bool good = e->time_s >= 0 && put(e->id, sizeof e->id, hth_dbq_col_bytes(q, 1), false) &&
                      put(e->action, sizeof e->action, hth_dbq_col_bytes(q, 3), false) &&
                      put(e->user, sizeof e->user, hth_dbq_col_bytes(q, 4), false) &&
                      put(e->key, sizeof e->key, hth_dbq_col_bytes(q, 5), true);
    HTH_REQUIRE(good, err, HTH_EFORMAT, "event %lld of the file of users is damaged",
                (long long)e->number);
    return HTH_OK;
}

HthStatus hth_users_events(HthUsers *u, HthUserEvent out[HTH_USER_EVENTS_MAX], uint32_t *count,
                           HthErr *err) {
    uint32_t n = 0;
    pthread_mutex_lock(&u->lock);
    HthDbQ q = hth_dbq(&u->db, HTH_US_EVENTS);
    hth_dbq_i64(&q, HTH_USER_EVENTS_MAX);
    HthStatus status = HTH_OK;
    while (status == HTH_OK && n < HTH_USER_EVENTS_MAX && hth_dbq_row(&q))
        status = read_one(&out[n++], &q, err);
    const HthStatus ended = hth_dbq_end(&q, status == HTH_OK ? err : NULL);
    pthread_mutex_unlock(&u->lock);
    if (status == HTH_OK) status = ended;
    if (status == HTH_OK) *count = n;
    return status;
}

HthStatus hth_users_events_drop(HthUsers *u, int64_t number, HthErr *err) {
    pthread_mutex_lock(&u->lock);
    HthDbQ q = hth_dbq(&u->db, HTH_US_DROP_EVENTS);
    hth_dbq_i64(&q, number);
    const HthStatus status = hth_dbq_done(&q, NULL, err);
    pthread_mutex_unlock(&u->lock);
    return status;
}
