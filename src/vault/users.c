/* users.c - see users.h: opening, keeping up with the file, users.
 *
 * Thread: any. */
#include "vault/users.h"

#include <string.h>

#include "base/mem.h"
#include "base/name.h"
#include "vault/users_in.h"

bool hth_user_name(HthStr s) {
    return hth_str_is_name(s, HTH_USER_NAME_MAX);
}

/* ---- opening --------------------------------------------------------------------------------- */

HthStatus hth_users_open(HthUsers **out, const HthUsersCfg *cfg, HthErr *err) {
    HthUsers *u = hth_calloc(1, sizeof *u);
    HTH_REQUIRE(u, err, HTH_ENOMEM, "out of memory for the file of users");
    u->cost = cfg->cost.passes ? cfg->cost : hth_argon_default;
    u->stale = true;
    pthread_mutex_init(&u->lock, NULL);
    pthread_mutex_init(&u->hashing, NULL);
    hth_backoff_init(&u->backoff);
    const HthDbPlace at = { .path = cfg->path, .vfs = cfg->vfs, .key = cfg->key };
    HthStatus status = hth_db_open(&u->db, &hth_users_shape, &at, err);
    if (status == HTH_OK) status = hth_users_refresh(u, err);
    if (status == HTH_OK)
        *out = u;
    else
        hth_users_close(&u);
    return status;
}

void hth_users_close(HthUsers **users) {
    HthUsers *u = *users;
    *users = NULL;
    if (!u) return;
    hth_db_close(&u->db);
    hth_users_rows_drop(&u->rows);
    pthread_mutex_destroy(&u->lock);
    pthread_mutex_destroy(&u->hashing);
    hth_free(u);
}

/* ---- keeping up ------------------------------------------------------------------------------ */

/* Both are in the order of ids. */
static void carry_over(HthUsersRows *fresh, const HthUsersRows *old) {
    uint32_t at = 0;
    for (uint32_t i = 0; i < fresh->key_count; i++) {
        while (at < old->key_count && old->keys[at].id < fresh->keys[i].id) at++;
        if (at < old->key_count && old->keys[at].id == fresh->keys[i].id)
            fresh->keys[i].use = old->keys[at].use;
    }
}

static HthStatus load(HthUsers *u, HthErr *err) {
    HthUsersRows fresh = { 0 };
    HTH_TRY(hth_users_load(&u->db, &fresh, err));
    carry_over(&fresh, &u->rows);
    hth_users_rows_drop(&u->rows);
    u->rows = fresh;
    return HTH_OK;
}

HthStatus hth_users_refresh(HthUsers *u, HthErr *err) {
    int64_t version = 0;
    HTH_TRY(hth_db_changed(&u->db, &version, err));
    if (version == u->seen && !u->stale) return HTH_OK;
    u->stale = true;
    HTH_TRY(hth_db_begin_read(&u->db, err));
    HTH_TRY(hth_db_end(&u->db, load(u, err), err));
    u->seen = version; /* what came after it makes another number */
    u->stale = false;
    return HTH_OK;
}

HthStatus hth_users_begin_change(HthUsers *u, HthErr *err) {
    pthread_mutex_lock(&u->lock);
    HthStatus status = hth_db_begin(&u->db, err);
    if (status == HTH_OK) {
        u->stale = true; /* whatever comes of it */
        status = load(u, err);
        if (status != HTH_OK) status = hth_db_end(&u->db, status, err);
    }
    if (status != HTH_OK) pthread_mutex_unlock(&u->lock);
    return status;
}

HthStatus hth_users_end_change(HthUsers *u, HthStatus status, HthErr *err) {
    if (status == HTH_OK) {
        HthDbQ q = hth_dbq(&u->db, HTH_US_BUMP);
        hth_dbq_i64(&q, hth_users_next_epoch(u));
        status = hth_dbq_done(&q, NULL, err);
    }
    status = hth_db_end(&u->db, status, err);
    pthread_mutex_unlock(&u->lock);
    return status;
}

int64_t hth_users_next_epoch(const HthUsers *u) {
    return (int64_t)(u->rows.epoch + 1);
}

/* ---- finding --------------------------------------------------------------------------------- */

const HthUserRow *hth_users_find(const HthUsers *u, HthStr name) {
    uint32_t low = 0, high = u->rows.user_count;
    while (low < high) {
        const uint32_t mid = low + (high - low) / 2;
        const int c = hth_str_cmp(hth_str(u->rows.users[mid].user.name), name);
        if (!c) return &u->rows.users[mid];
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

static HthStatus need_user(const HthUsers *u, HthStr name, const HthUserRow **out, HthErr *err) {
    const HthUserRow *row = hth_users_find(u, name);
    HTH_REQUIRE(row, err, HTH_EINVAL, "There is no user of that name; hearth user list shows all.");
    if (out) *out = row;
    return HTH_OK;
}

/* ---- users ----------------------------------------------------------------------------------- */

static HthStatus add_user(HthUsers *u, const HthUser *user, int64_t now_s, HthErr *err) {
    const char *tenant = user->tenant[0] ? user->tenant : user->name;
    HTH_REQUIRE(!hth_users_find(u, hth_str(user->name)), err, HTH_EINVAL,
                "There is a user of that name already.");
    HTH_REQUIRE(u->rows.user_count < HTH_USERS_MAX, err, HTH_ELIMIT,
                "There are %d users already; remove some.", HTH_USERS_MAX);
    for (uint32_t i = 0; i < u->rows.user_count && user->uid != HTH_NO_UID; i++)
        HTH_REQUIRE(u->rows.users[i].user.uid != user->uid, err, HTH_EINVAL,
                    "Another user has the uid %u already.", user->uid);
    HthDbQ q = hth_dbq(&u->db, HTH_US_ADD);
    hth_dbq_text(&q, hth_str(user->name));
    hth_dbq_text(&q, hth_str(tenant));
    hth_dbq_i64(&q, user->role);
    hth_dbq_i64(&q, user->uid);
    hth_dbq_i64(&q, now_s);
    hth_dbq_i64(&q, hth_users_next_epoch(u));
    return hth_dbq_done(&q, NULL, err);
}

HthStatus hth_users_add(HthUsers *u, const HthUser *user, int64_t now_s, HthErr *err) {
    HTH_ASSERT(user->role < HTH_ROLE_COUNT);
    HTH_REQUIRE(hth_user_name(hth_str(user->name)) &&
                    (!user->tenant[0] || hth_user_name(hth_str(user->tenant))),
                err, HTH_EINVAL, "A user's name has 1 to %d letters, digits, '.', '_' or '-'.",
                HTH_USER_NAME_MAX);
    HTH_TRY(hth_users_begin_change(u, err));
    return hth_users_end_change(u, add_user(u, user, now_s, err), err);
}

/* One member of one user: the statement takes the name, the value and the epoch. */
static HthStatus set_member(HthUsers *u, HthUsersSql which, HthStr name, int64_t value,
                            HthErr *err) {
    HTH_TRY(hth_users_begin_change(u, err));
    HthStatus status = need_user(u, name, NULL, err);
    if (status == HTH_OK) {
        HthDbQ q = hth_dbq(&u->db, which);
        hth_dbq_text(&q, name);
        hth_dbq_i64(&q, value);
        hth_dbq_i64(&q, hth_users_next_epoch(u));
        status = hth_dbq_done(&q, NULL, err);
    }
    return hth_users_end_change(u, status, err);
}

HthStatus hth_users_set_role(HthUsers *u, HthStr name, HthRole role, HthErr *err) {
    HTH_ASSERT(role < HTH_ROLE_COUNT);
    return set_member(u, HTH_US_ROLE, name, role, err);
}

HthStatus hth_users_set_disabled(HthUsers *u, HthStr name, bool disabled, HthErr *err) {
    return set_member(u, HTH_US_DISABLE, name, disabled, err);
}

static HthStatus drop(HthUsers *u, HthUsersSql which, HthStr name, int64_t *count, HthErr *err) {
    HthDbQ q = hth_dbq(&u->db, which);
    hth_dbq_text(&q, name);
    return hth_dbq_done(&q, count, err);
}

HthStatus hth_users_remove(HthUsers *u, HthStr name, HthErr *err) {
    HTH_TRY(hth_users_begin_change(u, err));
    HthStatus status = need_user(u, name, NULL, err);
    if (status == HTH_OK) status = drop(u, HTH_US_REMOVE_KEYS, name, NULL, err);
    if (status == HTH_OK) status = drop(u, HTH_US_REMOVE, name, NULL, err);
    return hth_users_end_change(u, status, err);
}

HthStatus hth_users_list(HthUsers *u, HthUser **out, uint32_t *count, HthErr *err) {
    pthread_mutex_lock(&u->lock);
    HthUser *all = NULL;
    HthStatus status = hth_users_refresh(u, err);
    const uint32_t n = u->rows.user_count;
    if (status == HTH_OK && !(all = hth_calloc(n, sizeof *all)))
        status = HTH_FAIL(err, HTH_ENOMEM, "out of memory for the list of users");
    for (uint32_t i = 0; all && i < n; i++) all[i] = u->rows.users[i].user;
    pthread_mutex_unlock(&u->lock);
    if (status != HTH_OK) return status;
    *out = all;
    *count = n;
    return HTH_OK;
}

/* ---- who ------------------------------------------------------------------------------------- */

static void grant_user(const HthUsers *u, const HthUser *user, HthGrant *out) {
    *out = (HthGrant){ .user = *user, .scope = { .verbs = HTH_MAY_ALL }, .epoch = u->rows.epoch };
}

HthStatus hth_users_by_uid(HthUsers *u, uint32_t uid, HthGrant *out, HthErr *err) {
    const HthUser *found = NULL;
    pthread_mutex_lock(&u->lock);
    HthStatus status = hth_users_refresh(u, err);
    for (uint32_t i = 0; status == HTH_OK && i < u->rows.user_count; i++) {
        const HthUser *user = &u->rows.users[i].user;
        if (user->uid == uid && uid != HTH_NO_UID && !user->disabled) found = user;
    }
    if (found)
        grant_user(u, found, out);
    else if (status == HTH_OK)
        status = HTH_FAIL(err, HTH_EDENIED, "No user of this server has the uid %u.", uid);
    pthread_mutex_unlock(&u->lock);
    return status;
}

HthStatus hth_users_by_name(HthUsers *u, HthStr name, HthGrant *out, HthErr *err) {
    pthread_mutex_lock(&u->lock);
    HthStatus status = hth_users_refresh(u, err);
    const HthUserRow *row = status == HTH_OK ? hth_users_find(u, name) : NULL;
    if (row && !row->user.disabled)
        grant_user(u, &row->user, out);
    else if (status == HTH_OK)
        status = HTH_FAIL(err, HTH_EDENIED, "There is no such user, or he may not enter.");
    pthread_mutex_unlock(&u->lock);
    return status;
}

/* Under the lock, with fresh rows. */
static HthStatus bring_up(HthUsers *u, HthGrant *g, int64_t now_s, HthErr *err) {
    static const char ended[] = "The user's rights changed meanwhile; log in again.";
    const HthUserRow *row = hth_users_find(u, hth_str(g->user.name));
    HTH_REQUIRE(row && !row->user.disabled && row->user.epoch == g->user.epoch, err, HTH_EDENIED,
                "%s", ended);
    if (!g->key_id) {
        g->epoch = u->rows.epoch;
        return HTH_OK;
    }
    const HthKeyRow *key = hth_users_find_id(u, (int64_t)g->key_id);
    HTH_REQUIRE(key && !strcmp(key->key.user, g->user.name) &&
                    (!key->key.expires_s || now_s < key->key.expires_s),
                err, HTH_EDENIED, "%s", ended);
    g->epoch = u->rows.epoch;
    g->scope = key->key.scope;
    g->limits = key->key.limits;
    return HTH_OK;
}

HthStatus hth_users_still(HthUsers *u, HthGrant *g, int64_t now_s, HthErr *err) {
    pthread_mutex_lock(&u->lock);
    HthStatus status = hth_users_refresh(u, err);
    if (status == HTH_OK) status = bring_up(u, g, now_s, err);
    pthread_mutex_unlock(&u->lock);
    return status;
}
