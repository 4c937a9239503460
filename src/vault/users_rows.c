/* users_rows.c - the file of users: its tables, its statements, and reading it whole.
 *
 * What is read was written by somebody: a row that this hearth would not have written is an error
 * that says which, and nobody gets in.
 *
 * Thread: see users_in.h. */
#include <string.h>

#include "base/mem.h"
#include "vault/users_in.h"

enum { APPLICATION = 0x48525455 /* "HRTU" */, VERSION = 2 };

static const char *const steps[VERSION] = {
    "CREATE TABLE meta (one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL) STRICT;"
    "INSERT INTO meta VALUES (1, 1);"
    "CREATE TABLE user (number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
    " tenant TEXT NOT NULL, role INTEGER NOT NULL, uid INTEGER UNIQUE, disabled INTEGER NOT NULL,"
    " created INTEGER NOT NULL, epoch INTEGER NOT NULL, salt BLOB, hash BLOB,"
    " passes INTEGER NOT NULL DEFAULT 0, memory_kib INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE TABLE api_key (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " user INTEGER NOT NULL REFERENCES user (number), kind INTEGER NOT NULL, digest BLOB NOT NULL,"
    " created INTEGER NOT NULL, expires INTEGER NOT NULL, verbs INTEGER NOT NULL,"
    " models TEXT NOT NULL, requests INTEGER NOT NULL, tokens INTEGER NOT NULL,"
    " concurrent INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;"
    "CREATE INDEX api_key_user ON api_key (user)",
    /* What the audit log is to be told: written with the change itself, whoever makes it. */
    "CREATE TABLE event (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL DEFAULT"
    " (lower(hex(randomblob(8)))), time INTEGER NOT NULL DEFAULT"
    " (CAST(strftime('%s', 'now') AS INTEGER)), action TEXT NOT NULL, user TEXT NOT NULL,"
    " api_key TEXT) STRICT;"
    "CREATE TRIGGER user_add AFTER INSERT ON user BEGIN"
    " INSERT INTO event (action, user) VALUES ('add', new.name); END;"
    "CREATE TRIGGER user_remove AFTER DELETE ON user BEGIN"
    " INSERT INTO event (action, user) VALUES ('remove', old.name); END;"
    "CREATE TRIGGER user_role AFTER UPDATE OF role ON user BEGIN"
    " INSERT INTO event (action, user) VALUES ('role ' || CASE new.role WHEN 0 THEN 'user'"
    " WHEN 1 THEN 'admin' WHEN 2 THEN 'auditor' ELSE 'service' END, new.name); END;"
    "CREATE TRIGGER user_disable AFTER UPDATE OF disabled ON user BEGIN"
    " INSERT INTO event (action, user) VALUES"
    " (CASE new.disabled WHEN 0 THEN 'enable' ELSE 'disable' END, new.name); END;"
    "CREATE TRIGGER user_password AFTER UPDATE OF epoch ON user WHEN new.hash IS NOT old.hash BEGIN"
    " INSERT INTO event (action, user) VALUES ('password', new.name); END;"
    "CREATE TRIGGER key_add AFTER INSERT ON api_key BEGIN"
    " INSERT INTO event (action, user, api_key) VALUES"
    " ('add', (SELECT name FROM user WHERE number = new.user), new.name); END;"
    "CREATE TRIGGER key_revoke AFTER DELETE ON api_key BEGIN"
    " INSERT INTO event (action, user, api_key) VALUES"
    " ('revoke', (SELECT name FROM user WHERE number = old.user), old.name); END",
};

static const char *const texts[HTH_US_STATEMENTS] = {
    [HTH_US_EPOCH] = "SELECT epoch FROM meta",
    [HTH_US_BUMP] = "UPDATE meta SET epoch = ?1",
    [HTH_US_USERS] = "SELECT number, name, tenant, role, coalesce(uid, 4294967295), disabled,"
                     " created, epoch, hash IS NOT NULL FROM user ORDER BY name",
    [HTH_US_KEYS] = "SELECT id, name, user, kind, digest, created, expires, verbs, models,"
                    " requests, tokens, concurrent, bytes FROM api_key ORDER BY id",
    [HTH_US_ADD] = "INSERT INTO user (name, tenant, role, uid, disabled, created, epoch)"
                   " VALUES (?1, ?2, ?3, nullif(?4, 4294967295), 0, ?5, ?6)",
    [HTH_US_ROLE] = "UPDATE user SET role = ?2, epoch = ?3 WHERE name = ?1",
    [HTH_US_DISABLE] = "UPDATE user SET disabled = ?2, epoch = ?3 WHERE name = ?1",
    [HTH_US_REMOVE] = "DELETE FROM user WHERE name = ?1",
    [HTH_US_REMOVE_KEYS] =
        "DELETE FROM api_key WHERE user = (SELECT number FROM user WHERE name = ?1)",
    [HTH_US_PASSWORD] = "UPDATE user SET salt = ?2, hash = ?3, passes = ?4, memory_kib = ?5,"
                        " epoch = ?6 WHERE name = ?1",
    /* Only in the place of the hash that was verified. */
    [HTH_US_REHASH] = "UPDATE user SET salt = ?2, hash = ?3, passes = ?4, memory_kib = ?5"
                      " WHERE name = ?1 AND hash = ?6",
    [HTH_US_HASH_OF] = "SELECT salt, hash, passes, memory_kib FROM user"
                       " WHERE name = ?1 AND hash IS NOT NULL AND NOT disabled",
    [HTH_US_ADD_KEY] = "INSERT INTO api_key VALUES (?1, ?2, (SELECT number FROM user WHERE name ="
                       " ?3), ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    [HTH_US_REVOKE] = "DELETE FROM api_key WHERE name = ?1",
    [HTH_US_EVENTS] = "SELECT number, id, time, action, user, api_key FROM event ORDER BY number"
                      " LIMIT ?1",
    [HTH_US_DROP_EVENTS] = "DELETE FROM event WHERE number <= ?1",
};

const HthDbShape hth_users_shape = { .what = "the file of users",
                                     .application = APPLICATION,
                                     .version = VERSION,
                                     .steps = steps,
                                     .texts = texts,
                                     .text_count = HTH_US_STATEMENTS };

static bool put_name(char out[HTH_USER_NAME_MAX + 1], HthStr name) {
    if (!hth_user_name(name)) return false;
    memcpy(out, name.p, name.n);
    out[name.n] = '\0';
    return true;
}

static HthStatus no_room(HthErr *err) {
    return HTH_FAIL(err, HTH_ENOMEM, "out of memory for the file of users");
}

/* ---- users ----------------------------------------------------------------------------------- */

static bool read_user(HthUserRow *row, const HthDbQ *q) {
    const int64_t role = hth_dbq_col(q, 3), uid = hth_dbq_col(q, 4);
    row->number = hth_dbq_col(q, 0);
    row->user.role = (HthRole)role;
    row->user.uid = (uint32_t)uid;
    row->user.disabled = hth_dbq_col(q, 5) != 0;
    row->user.created_s = hth_dbq_col(q, 6);
    row->user.epoch = (uint64_t)hth_dbq_col(q, 7);
    row->user.has_password = hth_dbq_col(q, 8) != 0;
    return put_name(row->user.name, hth_dbq_col_bytes(q, 1)) &&
           put_name(row->user.tenant, hth_dbq_col_bytes(q, 2)) && role >= 0 &&
           role < HTH_ROLE_COUNT && uid >= 0 && uid <= UINT32_MAX;
}

static HthStatus load_users(HthDb *db, HthUsersRows *out, HthErr *err) {
    HthStatus status = HTH_OK;
    HthDbQ q = hth_dbq(db, HTH_US_USERS);
    while (status == HTH_OK && hth_dbq_row(&q)) {
        HthUserRow row = { 0 };
        if (!read_user(&row, &q))
            status = HTH_FAIL(err, HTH_EFORMAT, "the file of users: user %lld is malformed",
                              (long long)row.number);
        else if (out->user_count == HTH_USERS_MAX)
            status = HTH_FAIL(err, HTH_ELIMIT, "the file of users holds more than %d users",
                              HTH_USERS_MAX);
        else if (!out->users && !(out->users = hth_calloc(HTH_USERS_MAX, sizeof row)))
            status = no_room(err);
        else
            out->users[out->user_count++] = row;
    }
    const HthStatus ended = hth_dbq_end(&q, status == HTH_OK ? err : NULL);
    return status == HTH_OK ? ended : status;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static bool within(int64_t v, uint64_t max) {
    return v >= 0 && (uint64_t)v <= max;
}

static bool read_key(HthKeyRow *row, const HthDbQ *q, const HthUsersRows *all) {
    const HthStr digest = hth_dbq_col_bytes(q, 4), models = hth_dbq_col_bytes(q, 8);
    const int64_t user = hth_dbq_col(q, 2), kind = hth_dbq_col(q, 3), verbs = hth_dbq_col(q, 7);
    HthUserKey *k = &row->key;
    row->id = hth_dbq_col(q, 0);
    k->id = (uint64_t)row->id;
    while (row->user < all->user_count && all->users[row->user].number != user) row->user++;
    if (row->user == all->user_count || digest.n != sizeof row->digest || !k->id ||
        !put_name(k->name, hth_dbq_col_bytes(q, 1)) || models.n > HTH_SCOPE_MODELS_MAX ||
        !within(kind, HTH_KEY_SHA256) || !within(verbs, HTH_MAY_ALL))
        return false;
    for (int i = 9; i < 12; i++)
        if (!within(hth_dbq_col(q, i), UINT32_MAX)) return false;
    if (!within(hth_dbq_col(q, 12), INT64_MAX)) return false;
    memcpy(row->digest, digest.p, digest.n);
    memcpy(k->user, all->users[row->user].user.name, sizeof k->user);
    memcpy(k->scope.models, models.p, models.n);
    row->kind = (uint8_t)kind;
    k->taken_over = kind == HTH_KEY_SHA256;
    k->created_s = hth_dbq_col(q, 5);
    k->expires_s = hth_dbq_col(q, 6);
    k->scope.verbs = (uint32_t)verbs;
    k->limits = (HthLimits){ .requests_min = (uint32_t)hth_dbq_col(q, 9),
                             .tokens_min = (uint32_t)hth_dbq_col(q, 10),
                             .concurrent = (uint32_t)hth_dbq_col(q, 11),
                             .bytes_min = (uint64_t)hth_dbq_col(q, 12) };
    return true;
}

static HthStatus load_keys(HthDb *db, HthUsersRows *out, HthErr *err) {
    uint32_t room = 0;
    HthStatus status = HTH_OK;
    HthDbQ q = hth_dbq(db, HTH_US_KEYS);
    while (status == HTH_OK && hth_dbq_row(&q)) {
        HthKeyRow row = { 0 };
        if (out->key_count == room) {
            room = room ? 2 * room : 64;
            HthKeyRow *more = hth_realloc(out->keys, room, sizeof row);
            if (more) out->keys = more;
            if (!more) status = no_room(err);
        }
        if (status != HTH_OK) break;
        if (!read_key(&row, &q, out))
            status = HTH_FAIL(err, HTH_EFORMAT, "the file of users: key %016llx is malformed",
                              (unsigned long long)row.id);
        else if (out->key_count == HTH_USER_KEYS_MAX)
            status = HTH_FAIL(err, HTH_ELIMIT, "the file of users holds more than %d keys",
                              HTH_USER_KEYS_MAX);
        else
            out->keys[out->key_count++] = row;
    }
    const HthStatus ended = hth_dbq_end(&q, status == HTH_OK ? err : NULL);
    return status == HTH_OK ? ended : status;
}

HthStatus hth_users_load(HthDb *db, HthUsersRows *out, HthErr *err) {
    HthUsersRows rows = { 0 };
    HthDbQ q = hth_dbq(db, HTH_US_EPOCH);
    if (hth_dbq_row(&q)) rows.epoch = (uint64_t)hth_dbq_col(&q, 0);
    HthStatus status = hth_dbq_end(&q, err);
    if (status == HTH_OK) status = load_users(db, &rows, err);
    if (status == HTH_OK) status = load_keys(db, &rows, err);
    if (status == HTH_OK)
        *out = rows;
    else
        hth_users_rows_drop(&rows);
    return status;
}

void hth_users_rows_drop(HthUsersRows *rows) {
    if (rows->keys) hth_zero(rows->keys, rows->key_count * sizeof *rows->keys);
    hth_free(rows->keys);
    hth_free(rows->users);
    *rows = (HthUsersRows){ 0 };
}
