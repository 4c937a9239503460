/* users_login.c - passwords: set, asked for, made anew when their costs change. See users.h.
 *
 * Thread: any. */
#include <string.h>

#include "base/mem.h"
#include "crypt/secret.h"
#include "vault/users_in.h"

/* What the file says of a password. */
typedef struct Hash {
    uint8_t salt[HTH_SALT_BYTES], hash[HTH_HASH_BYTES];
    HthArgon cost;
    bool there;
} Hash;

/* What a file may make us compute. */
enum { PASSES_MAX = 64, MEMORY_KIB_MAX = 4 << 20 };

static HthStatus make(const HthUsers *u, HthStr password, Hash *out, HthErr *err) {
    *out = (Hash){ .cost = u->cost, .there = true };
    hth_random(out->salt, sizeof out->salt);
    return hth_argon2id(out->hash, sizeof out->hash, password, out->salt, out->cost, err);
}

static void bind(HthDbQ *q, HthStr name, const Hash *h) {
    hth_dbq_text(q, name);
    hth_dbq_blob(q, h->salt, sizeof h->salt);
    hth_dbq_blob(q, h->hash, sizeof h->hash);
    hth_dbq_i64(q, h->cost.passes);
    hth_dbq_i64(q, h->cost.memory_kib);
}

/* ---- setting --------------------------------------------------------------------------------- */

static HthStatus store(HthUsers *u, HthStr name, const Hash *h, HthErr *err) {
    const HthUserRow *row = hth_users_find(u, name);
    HTH_REQUIRE(row, err, HTH_EINVAL, "There is no user of that name; hearth user list shows all.");
    HTH_REQUIRE(row->user.role != HTH_ROLE_SERVICE, err, HTH_EINVAL,
                "A service has no password; give it a key.");
    HthDbQ q = hth_dbq(&u->db, HTH_US_PASSWORD);
    bind(&q, name, h);
    hth_dbq_i64(&q, hth_users_next_epoch(u));
    return hth_dbq_done(&q, NULL, err);
}

HthStatus hth_users_set_password(HthUsers *u, HthStr name, HthStr password, HthErr *err) {
    Hash fresh;
    HTH_REQUIRE(password.n >= HTH_PASSWORD_MIN && password.n <= HTH_PASSWORD_MAX &&
                    hth_utf8_valid(password),
                err, HTH_EINVAL, "A password has %d to %d bytes of UTF-8.", HTH_PASSWORD_MIN,
                HTH_PASSWORD_MAX);
    pthread_mutex_lock(&u->hashing);
    HthStatus status = make(u, password, &fresh, err);
    pthread_mutex_unlock(&u->hashing);
    if (status == HTH_OK) status = hth_users_begin_change(u, err);
    if (status == HTH_OK) status = hth_users_end_change(u, store(u, name, &fresh, err), err);
    hth_secret_wipe(&fresh, sizeof fresh);
    return status;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static HthStatus look_up(HthUsers *u, HthStr name, Hash *out, HthErr *err) {
    HthDbQ q = hth_dbq(&u->db, HTH_US_HASH_OF);
    hth_dbq_text(&q, name);
    if (hth_dbq_row(&q)) {
        const HthStr salt = hth_dbq_col_bytes(&q, 0), hash = hth_dbq_col_bytes(&q, 1);
        const int64_t passes = hth_dbq_col(&q, 2), memory = hth_dbq_col(&q, 3);
        const bool fine = salt.n == sizeof out->salt && hash.n == sizeof out->hash && passes > 0 &&
                          passes <= PASSES_MAX && memory >= 8 && memory <= MEMORY_KIB_MAX;
        if (fine) {
            memcpy(out->salt, salt.p, salt.n);
            memcpy(out->hash, hash.p, hash.n);
            out->cost = (HthArgon){ (uint32_t)passes, (uint32_t)memory };
            out->there = true;
        }
    }
    return hth_dbq_end(&q, err);
}

/* Who waits: the user whose password is guessed, and the address that guesses. */
typedef struct Guess {
    uint64_t user, address, now_ns;
} Guess;

static HthStatus may_guess(const HthUsers *u, const Guess *g, uint32_t *wait_s, HthErr *err) {
    const uint32_t a = hth_backoff_wait_s(&u->backoff, g->user, g->now_ns);
    const uint32_t b = hth_backoff_wait_s(&u->backoff, g->address, g->now_ns);
    *wait_s = a > b ? a : b;
    HTH_REQUIRE(!*wait_s, err, HTH_EAGAIN, "Too many wrong passwords; wait %u s.", *wait_s);
    return HTH_OK;
}

/* Under both locks. */
static HthStatus decide(HthUsers *u, HthStr name, bool right, const Hash *had, const Guess *g,
                        HthGrant *out, HthErr *err) {
    Hash now = { 0 };
    HthStatus status = hth_users_refresh(u, err);
    if (status == HTH_OK) status = look_up(u, name, &now, err);
    const HthUserRow *row = status == HTH_OK ? hth_users_find(u, name) : NULL;
    /* Meanwhile the password may have changed, or the user left. */
    right = right && row && !row->user.disabled && row->user.role != HTH_ROLE_SERVICE &&
            now.there && hth_secret_equal(now.hash, had->hash, sizeof now.hash);
    hth_secret_wipe(&now, sizeof now);
    HTH_TRY(status);
    if (!right) {
        hth_backoff_failed(&u->backoff, g->user, g->now_ns);
        hth_backoff_failed(&u->backoff, g->address, g->now_ns);
        return HTH_FAIL(err, HTH_EDENIED, "The name or the password is wrong.");
    }
    hth_backoff_passed(&u->backoff, g->user);
    hth_backoff_passed(&u->backoff, g->address);
    *out =
        (HthGrant){ .user = row->user, .scope = { .verbs = HTH_MAY_ALL }, .epoch = u->rows.epoch };
    return HTH_OK;
}

/* Costs have changed since it was made. Failure is harmless: the next time, then. */
static void rehash(HthUsers *u, HthStr name, HthStr password, const Hash *had) {
    Hash fresh;
    if (make(u, password, &fresh, NULL) == HTH_OK) {
        pthread_mutex_lock(&u->lock);
        HthDbQ q = hth_dbq(&u->db, HTH_US_REHASH);
        bind(&q, name, &fresh);
        hth_dbq_blob(&q, had->hash, sizeof had->hash);
        (void)!hth_dbq_done(&q, NULL, NULL);
        pthread_mutex_unlock(&u->lock);
    }
    hth_secret_wipe(&fresh, sizeof fresh);
}

/* Under `hashing`. */
static HthStatus log_in(HthUsers *u, HthStr name, HthStr password, const Guess *g, HthGrant *out,
                        uint32_t *wait_s, HthErr *err) {
    Hash had = { .cost = u->cost }; /* of nobody: as much work */
    uint8_t hash[HTH_HASH_BYTES];
    pthread_mutex_lock(&u->lock);
    HthStatus status = may_guess(u, g, wait_s, err);
    if (status == HTH_OK) status = look_up(u, name, &had, err);
    pthread_mutex_unlock(&u->lock);
    if (status == HTH_OK)
        status = hth_argon2id(hash, sizeof hash, password, had.salt, had.cost, err);
    if (status != HTH_OK) return status;
    const bool right = hth_secret_equal(hash, had.hash, sizeof hash) && had.there;
    pthread_mutex_lock(&u->lock);
    status = decide(u, name, right, &had, g, out, err);
    pthread_mutex_unlock(&u->lock);
    if (status == HTH_OK &&
        (had.cost.passes != u->cost.passes || had.cost.memory_kib != u->cost.memory_kib))
        rehash(u, name, password, &had);
    hth_secret_wipe(&had, sizeof had);
    hth_secret_wipe(hash, sizeof hash);
    return status;
}

HthStatus hth_users_login(HthUsers *u, HthStr name, HthStr password, HthStr address,
                          uint64_t now_ns, HthGrant *out, uint32_t *wait_s, HthErr *err) {
    const Guess g = { .user = hth_backoff_who(&u->backoff, "user", name),
                      .address = hth_backoff_who(&u->backoff, "address", address),
                      .now_ns = now_ns };
    HthGrant granted = { 0 };
    *wait_s = 0;
    HTH_REQUIRE(password.n <= HTH_PASSWORD_MAX, err, HTH_EDENIED,
                "The name or the password is wrong.");
    HthStatus status;
    if (atomic_fetch_add(&u->logins, 1) < HTH_LOGINS_MAX) {
        pthread_mutex_lock(&u->hashing);
        status = log_in(u, name, password, &g, &granted, wait_s, err);
        pthread_mutex_unlock(&u->hashing);
    } else { /* who guesses does not hold the caller's threads */
        *wait_s = 1;
        status = HTH_FAIL(err, HTH_EAGAIN, "Others are logging in; wait 1 s.");
    }
    atomic_fetch_sub(&u->logins, 1);
    if (status == HTH_OK) *out = granted;
    return status;
}
