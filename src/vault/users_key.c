/* users_key.c - keys: made, found, revoked, taken over, counted. See users.h.
 *
 * Thread: any. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "vault/users_in.h"

static const char prefix[] = "hearth_";
enum {
    SECRET_BYTES = 32,
    CHECK_BYTES = 4,
    PREFIX = sizeof prefix - 1,
    OLD_TEXT = PREFIX + 43 /* of keys.json: 32 bytes, no check */
};

/* ---- the text of a key ----------------------------------------------------------------------- */

/* The last bytes: so that a slip of the hand is seen without asking anybody. */
static void check_of(const uint8_t secret[SECRET_BYTES], uint8_t out[CHECK_BYTES]) {
    uint8_t text[PREFIX + SECRET_BYTES], digest[HTH_HASH_BYTES];
    memcpy(text, prefix, PREFIX);
    memcpy(text + PREFIX, secret, SECRET_BYTES);
    hth_hash(HTH_SHA3_256, text, sizeof text, digest);
    memcpy(out, digest, CHECK_BYTES);
    hth_zero(text, sizeof text);
    hth_zero(digest, sizeof digest);
}

static HthStatus make_text(char out[HTH_USER_KEY_TEXT], HthErr *err) {
    uint8_t bytes[SECRET_BYTES + CHECK_BYTES];
    HthBuf text;
    hth_random(bytes, SECRET_BYTES);
    check_of(bytes, bytes + SECRET_BYTES);
    hth_buf_init(&text, HTH_USER_KEY_TEXT);
    HthStatus status = hth_buf_add(&text, prefix, PREFIX, err);
    if (status == HTH_OK) status = hth_base64(&text, HTH_BASE64_URL, bytes, sizeof bytes, err);
    if (status == HTH_OK) memcpy(out, text.p, HTH_USER_KEY_TEXT);
    hth_zero(bytes, sizeof bytes);
    if (text.p) hth_zero(text.p, text.cap);
    hth_buf_drop(&text);
    return status;
}

/* For the sentence only: was a key that is not known ever one? */
static bool mistyped(HthStr key) {
    uint8_t want[CHECK_BYTES];
    HthBuf bytes;
    hth_buf_init(&bytes, HTH_USER_KEY_TEXT);
    bool slip = false;
    if (key.n == HTH_USER_KEY_TEXT - 1) {
        const HthStr digits = hth_str_sub(key, PREFIX, SIZE_MAX);
        slip = !hth_str_starts(key, hth_str(prefix)) ||
               hth_unbase64(&bytes, HTH_BASE64_URL, digits, NULL) != HTH_OK;
        if (!slip) {
            check_of((const uint8_t *)bytes.p, want);
            slip = memcmp(want, bytes.p + SECRET_BYTES, CHECK_BYTES) != 0;
        }
    }
    if (bytes.p) hth_zero(bytes.p, bytes.cap);
    hth_buf_drop(&bytes);
    return slip;
}

/* False: no text of a key. */
static bool digest_of(HthStr key, uint8_t *kind, uint8_t digest[HTH_HASH_BYTES]) {
    *kind = key.n == OLD_TEXT ? HTH_KEY_SHA256 : HTH_KEY_SHA3;
    if (key.n != OLD_TEXT && key.n != HTH_USER_KEY_TEXT - 1) return false;
    hth_hash(*kind == HTH_KEY_SHA256 ? HTH_SHA256 : HTH_SHA3_256, key.p, key.n, digest);
    return true;
}

static int64_t id_of(const uint8_t digest[HTH_HASH_BYTES]) {
    int64_t id;
    memcpy(&id, digest, sizeof id);
    return id ? id : 1;
}

/* ---- finding --------------------------------------------------------------------------------- */

HthKeyRow *hth_users_find_id(HthUsers *u, int64_t id) {
    uint32_t low = 0, high = u->rows.key_count;
    while (low < high) {
        const uint32_t mid = low + (high - low) / 2;
        if (u->rows.keys[mid].id < id)
            low = mid + 1;
        else
            high = mid;
    }
    const bool there = low < u->rows.key_count && u->rows.keys[low].id == id;
    return there ? &u->rows.keys[low] : NULL;
}

HthKeyRow *hth_users_find_key(HthUsers *u, HthStr key_name) {
    for (uint32_t i = 0; i < u->rows.key_count; i++)
        if (hth_str_eq(hth_str(u->rows.keys[i].key.name), key_name)) return &u->rows.keys[i];
    return NULL;
}

HthStatus hth_users_by_key(HthUsers *u, HthStr key, int64_t now_s, HthGrant *out, HthErr *err) {
    static const HthKeyRow nobody;
    uint8_t kind, digest[HTH_HASH_BYTES];
    HTH_REQUIRE(digest_of(key, &kind, digest), err, HTH_EDENIED, "That is no key of hearth.");
    pthread_mutex_lock(&u->lock);
    HthStatus status = hth_users_refresh(u, err);
    if (status == HTH_OK) {
        const HthKeyRow *found = hth_users_find_id(u, id_of(digest));
        const HthKeyRow *row = found ? found : &nobody;
        bool good = hth_secret_equal(digest, row->digest, sizeof digest) && found;
        good = good && row->kind == kind && (!row->key.expires_s || now_s < row->key.expires_s) &&
               !u->rows.users[row->user].user.disabled;
        if (good) {
            *out = (HthGrant){ .user = u->rows.users[row->user].user,
                               .scope = row->key.scope,
                               .limits = row->key.limits,
                               .key_id = row->key.id,
                               .epoch = u->rows.epoch };
            memcpy(out->key_name, row->key.name, sizeof out->key_name);
        } else {
            status = HTH_FAIL(err, HTH_EDENIED, "That key is not known here, or no longer good.");
        }
    }
    pthread_mutex_unlock(&u->lock);
    if (status == HTH_EDENIED && mistyped(key))
        return HTH_FAIL(err, HTH_EDENIED, "That key was mistyped, or cut off: copy it again.");
    return status;
}

/* ---- making and revoking --------------------------------------------------------------------- */

static HthStatus insert(HthUsers *u, const HthUserKey *k, uint8_t kind,
                        const uint8_t digest[HTH_HASH_BYTES], HthErr *err) {
    HTH_REQUIRE(u->rows.key_count < HTH_USER_KEYS_MAX, err, HTH_ELIMIT,
                "There are %d keys already; revoke some.", HTH_USER_KEYS_MAX);
    HthDbQ q = hth_dbq(&u->db, HTH_US_ADD_KEY);
    hth_dbq_i64(&q, id_of(digest));
    hth_dbq_text(&q, hth_str(k->name));
    hth_dbq_text(&q, hth_str(k->user));
    hth_dbq_i64(&q, kind);
    hth_dbq_blob(&q, digest, HTH_HASH_BYTES);
    hth_dbq_i64(&q, k->created_s);
    hth_dbq_i64(&q, k->expires_s);
    hth_dbq_i64(&q, k->scope.verbs);
    hth_dbq_text(&q, hth_str(k->scope.models));
    hth_dbq_i64(&q, k->limits.requests_min);
    hth_dbq_i64(&q, k->limits.tokens_min);
    hth_dbq_i64(&q, k->limits.concurrent);
    hth_dbq_i64(&q, (int64_t)k->limits.bytes_min);
    return hth_dbq_done(&q, NULL, err);
}

static HthStatus add_key(HthUsers *u, const HthUserKey *k, HthStr text, HthErr *err) {
    uint8_t kind, digest[HTH_HASH_BYTES];
    HTH_ASSERT(digest_of(text, &kind, digest) && kind == HTH_KEY_SHA3);
    HTH_REQUIRE(hth_users_find(u, hth_str(k->user)), err, HTH_EINVAL,
                "There is no user of that name; hearth user add makes one.");
    HTH_REQUIRE(!hth_users_find_key(u, hth_str(k->name)), err, HTH_EINVAL,
                "There is a key of that name; revoke it first or choose another name.");
    return insert(u, k, kind, digest, err);
}

HthStatus hth_users_add_key(HthUsers *u, const HthUserKey *spec, int64_t now_s,
                            char key[HTH_USER_KEY_TEXT], HthErr *err) {
    char text[HTH_USER_KEY_TEXT];
    HthUserKey k = *spec;
    k.created_s = now_s;
    if (!k.scope.verbs) k.scope.verbs = HTH_MAY_ALL;
    HTH_REQUIRE(hth_user_name(hth_str(k.name)), err, HTH_EINVAL,
                "A key's name has 1 to %d letters, digits, '.', '_' or '-'.", HTH_USER_NAME_MAX);
    HTH_REQUIRE(!(k.scope.verbs & ~(uint32_t)HTH_MAY_ALL) && k.limits.bytes_min <= INT64_MAX &&
                    k.expires_s >= 0 && (!k.expires_s || k.expires_s > now_s),
                err, HTH_EINVAL, "The key would be good for nothing, or past its time already.");
    HTH_TRY(make_text(text, err));
    HthStatus status = hth_users_begin_change(u, err);
    if (status == HTH_OK) status = hth_users_end_change(u, add_key(u, &k, hth_str(text), err), err);
    if (status == HTH_OK) memcpy(key, text, sizeof text);
    hth_zero(text, sizeof text);
    return status;
}

HthStatus hth_users_revoke(HthUsers *u, HthStr key_name, HthErr *err) {
    int64_t count = 0;
    HTH_TRY(hth_users_begin_change(u, err));
    HthDbQ q = hth_dbq(&u->db, HTH_US_REVOKE);
    hth_dbq_text(&q, key_name);
    HthStatus status = hth_dbq_done(&q, &count, err);
    if (status == HTH_OK && !count)
        status = HTH_FAIL(err, HTH_EINVAL, "There is no key of that name.");
    return hth_users_end_change(u, status, err);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const HthUserKey *)a)->name, ((const HthUserKey *)b)->name);
}

HthStatus hth_users_keys(HthUsers *u, HthUserKey **out, uint32_t *count, HthErr *err) {
    pthread_mutex_lock(&u->lock);
    HthUserKey *all = NULL;
    HthStatus status = hth_users_refresh(u, err);
    const uint32_t n = u->rows.key_count;
    if (status == HTH_OK && !(all = hth_calloc(n, sizeof *all)))
        status = HTH_FAIL(err, HTH_ENOMEM, "out of memory for the list of keys");
    for (uint32_t i = 0; all && i < n; i++) all[i] = u->rows.keys[i].key;
    pthread_mutex_unlock(&u->lock);
    if (status != HTH_OK) return status;
    qsort(all, n, sizeof *all, by_name);
    *out = all;
    *count = n;
    return HTH_OK;
}

/* ---- keys.json ------------------------------------------------------------------------------- */

/* *added: was it new? */
static HthStatus take_one(HthUsers *u, const HthKey *old, bool *added, HthErr *err) {
    const HthStr name = hth_str(old->name);
    const HthKeyRow *there = hth_users_find_key(u, name);
    *added = false;
    if (there && there->kind == HTH_KEY_SHA256 && !memcmp(there->digest, old->sha256, 32))
        return HTH_OK;
    HTH_REQUIRE(!there && !hth_users_find(u, name), err, HTH_EINVAL,
                "the file of keys names somebody who is in the file of users already; revoke the "
                "key or remove the user");
    HTH_REQUIRE(old->role < HTH_ROLE_COUNT, err, HTH_EINVAL, "the file of keys has a strange role");
    HthDbQ q = hth_dbq(&u->db, HTH_US_ADD);
    hth_dbq_text(&q, name);
    hth_dbq_text(&q, hth_str(old->tenant));
    hth_dbq_i64(&q, old->role);
    hth_dbq_i64(&q, HTH_NO_UID);
    hth_dbq_i64(&q, old->created_s);
    hth_dbq_i64(&q, hth_users_next_epoch(u));
    HTH_TRY(hth_dbq_done(&q, NULL, err));
    HthUserKey k = { .scope = { .verbs = HTH_MAY_ALL },
                     .created_s = old->created_s,
                     .expires_s = old->expires_s };
    memcpy(k.name, old->name, sizeof k.name);
    memcpy(k.user, old->name, sizeof k.user);
    *added = true;
    return insert(u, &k, HTH_KEY_SHA256, old->sha256, err);
}

HthStatus hth_users_take_over(HthUsers *u, const HthKey *keys, uint32_t count, uint32_t *added,
                              HthErr *err) {
    uint32_t news = 0;
    HTH_TRY(hth_users_begin_change(u, err));
    HthStatus status = HTH_OK;
    if (count > HTH_USERS_MAX - u->rows.user_count)
        status = HTH_FAIL(err, HTH_ELIMIT,
                          "with those of keys.json there would be more than %d "
                          "users; revoke some keys",
                          HTH_USERS_MAX);
    for (uint32_t i = 0; status == HTH_OK && i < count; i++) {
        bool is_new = false;
        status = take_one(u, &keys[i], &is_new, err);
        news += is_new;
    }
    HTH_TRY(hth_users_end_change(u, status, err));
    *added = news;
    return HTH_OK;
}

/* ---- counting -------------------------------------------------------------------------------- */

/* A key that is gone counts nothing: its requests are let end. */
HthStatus hth_users_begin(HthUsers *u, const HthGrant *g, uint64_t bytes, uint64_t now_ns,
                          uint32_t *wait_s, HthErr *err) {
    HthStatus status = HTH_OK;
    *wait_s = 0;
    if (!g->key_id) return HTH_OK;
    pthread_mutex_lock(&u->lock);
    HthKeyRow *row = hth_users_find_id(u, (int64_t)g->key_id);
    if (row)
        status = hth_quota_begin(&row->use, &row->key.limits, bytes, now_ns, wait_s, err);
    else
        status = HTH_FAIL(err, HTH_EDENIED, "That key is no longer good.");
    pthread_mutex_unlock(&u->lock);
    return status;
}

void hth_users_end(HthUsers *u, const HthGrant *g, uint64_t tokens, uint64_t now_ns) {
    if (!g->key_id) return;
    pthread_mutex_lock(&u->lock);
    HthKeyRow *row = hth_users_find_id(u, (int64_t)g->key_id);
    if (row) hth_quota_end(&row->use, &row->key.limits, tokens, now_ns);
    pthread_mutex_unlock(&u->lock);
}
