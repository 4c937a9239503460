/* keys.c - the file of keys: see keys.h.
 *
 * Thread: any. */
#include "serve/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "crypt/hash.h"

enum { FILE_MAX = 1 << 20 };
static const char *const role_names[] = { "user", "admin" };
static const char prefix[] = "hearth_";

void hth_keys_drop(HthKeys *k) {
    hth_free(k->keys);
    *k = (HthKeys){ 0 };
}

bool hth_key_name(HthStr s) {
    return hth_user_name(s);
}

/* ---- reading --------------------------------------------------------------------------------- */

static HthStr text_of(const json_t *object, const char *member) {
    const json_t *v = json_object_get(object, member);
    if (!json_is_string(v)) return (HthStr){ 0 };
    return (HthStr){ json_string_value(v), json_string_length(v) };
}

static void put_name(char out[HTH_KEY_NAME_MAX + 1], HthStr name) {
    memcpy(out, name.p, name.n);
    out[name.n] = '\0';
}

static HthStatus read_key(HthKey *out, const json_t *v, size_t i, HthErr *err) {
    const HthStr name = text_of(v, "name"), role = text_of(v, "role");
    HthStr tenant = text_of(v, "tenant");
    const json_t *created = json_object_get(v, "created"), *expires = json_object_get(v, "expires");
    HTH_REQUIRE(hth_key_name(name), err, HTH_EFORMAT,
                "Key %zu of the file of keys has no name, or one with other characters than "
                "letters, digits, '.', '_' and '-'.",
                i);
    if (!tenant.n) tenant = name;
    HTH_REQUIRE(hth_key_name(tenant), err, HTH_EFORMAT, "Key %zu: 'tenant' is no name.", i);
    HTH_REQUIRE(hth_unhex(out->sha256, sizeof out->sha256, text_of(v, "sha256")), err, HTH_EFORMAT,
                "Key %zu: 'sha256' is not 64 hexadecimal digits.", i);
    HTH_REQUIRE((!created || json_is_integer(created)) && (!expires || json_is_integer(expires)),
                err, HTH_EFORMAT, "Key %zu: 'created' and 'expires' are seconds since 1970.", i);
    size_t r = 0;
    while (r < HTH_COUNT(role_names) && !hth_str_eq(role, hth_str(role_names[r]))) r++;
    HTH_REQUIRE(r < HTH_COUNT(role_names), err, HTH_EFORMAT,
                "Key %zu: 'role' is neither 'user' nor 'admin'.", i);
    put_name(out->name, name);
    put_name(out->tenant, tenant);
    out->role = (HthRole)r;
    out->created_s = json_integer_value(created);
    out->expires_s = json_integer_value(expires);
    return HTH_OK;
}

static HthStatus read_keys(HthKeys *k, const json_t *root, HthErr *err) {
    const json_t *list = json_object_get(root, "keys");
    HTH_REQUIRE(json_is_object(root) && json_is_array(list) &&
                    json_integer_value(json_object_get(root, "version")) == 1,
                err, HTH_EFORMAT, "The file of keys is not {\"version\": 1, \"keys\": [...]}.");
    const size_t n = json_array_size(list);
    HTH_REQUIRE(n <= HTH_KEYS_MAX, err, HTH_ELIMIT, "The file of keys holds more than %d.",
                HTH_KEYS_MAX);
    k->keys = hth_calloc(n, sizeof *k->keys);
    HTH_REQUIRE(k->keys, err, HTH_ENOMEM, "No memory for the keys.");
    for (size_t i = 0; i < n; i++) {
        HTH_TRY(read_key(&k->keys[i], json_array_get(list, i), i + 1, err));
        for (size_t j = 0; j < i; j++)
            HTH_REQUIRE(strcmp(k->keys[i].name, k->keys[j].name) != 0, err, HTH_EFORMAT,
                        "Keys %zu and %zu of the file of keys have one name.", j + 1, i + 1);
        k->count++;
    }
    return HTH_OK;
}

HthStatus hth_keys_parse(HthKeys *out, HthStr text, HthErr *err) {
    json_t *root = NULL;
    HthKeys k = { 0 };
    hth_json_init();
    HTH_TRY(hth_json_parse(&root, text, FILE_MAX, err));
    const HthStatus st = read_keys(&k, root, err);
    json_decref(root);
    if (st == HTH_OK)
        *out = k;
    else
        hth_keys_drop(&k);
    return st;
}

HthStatus hth_keys_read(HthKeys *out, const char *path, HthErr *err) {
    struct stat s;
    HthBuf text;
    if (stat(path, &s)) {
        HTH_REQUIRE(errno == ENOENT, err, HTH_EIO, "%s: %s.", path, strerror(errno));
        *out = (HthKeys){ 0 };
        return HTH_OK;
    }
    HTH_REQUIRE(!(s.st_mode & 022) && (s.st_uid == geteuid() || !s.st_uid), err, HTH_EDENIED,
                "%s: others may write it; make it yours, with mode 0600.", path);
    hth_buf_init(&text, FILE_MAX);
    HthStatus st = hth_file_read(&text, path, err);
    if (st == HTH_OK) st = hth_keys_parse(out, hth_buf_str(&text), err);
    hth_buf_drop(&text);
    return st;
}

/* ---- writing --------------------------------------------------------------------------------- */

static json_t *key_json(const HthKey *k) {
    char hex[HTH_HASH_HEX + 1];
    hth_hex(hex, k->sha256, sizeof k->sha256);
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "name", k->name, "role", role_names[k->role],
                     "tenant", k->tenant, "sha256", hex, "created", (json_int_t)k->created_s,
                     "expires", (json_int_t)k->expires_s);
}

static HthStatus write_keys(const HthKeys *k, const char *path, HthErr *err) {
    HthBuf text;
    hth_buf_init(&text, FILE_MAX);
    HthStatus st = HTH_ENOMEM;
    json_t *list = json_array();
    bool ok = list != NULL;
    for (uint32_t i = 0; ok && i < k->count; i++)
        ok = !json_array_append_new(list, key_json(&k->keys[i]));
    json_t *root = ok ? json_pack("{s:i, s:O}", "version", 1, "keys", list) : NULL;
    if (root) st = hth_json_write(&text, root, 2, err);
    if (!root) st = HTH_FAIL(err, HTH_ENOMEM, "No memory for the keys.");
    if (st == HTH_OK) st = hth_buf_add_char(&text, '\n', err);
    if (st == HTH_OK) st = hth_file_write(path, text.p, text.n, 0600, err);
    json_decref(root);
    json_decref(list);
    hth_buf_drop(&text);
    return st;
}

/* The lock is a file of its own: the one with the keys is replaced, not written. */
static HthStatus lock(int *fd, const char *path, HthErr *err) {
    char name[4096];
    const int n = snprintf(name, sizeof name, "%s.lock", path);
    HTH_REQUIRE(n > 0 && (size_t)n < sizeof name, err, HTH_EINVAL, "The path is too long.");
    *fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    HTH_REQUIRE(*fd >= 0 && !flock(*fd, LOCK_EX), err, HTH_EIO, "%s: %s.", name, strerror(errno));
    return HTH_OK;
}

static HthStatus add_key(const char *path, const HthKey *key, HthErr *err) {
    HthKeys k = { 0 };
    HTH_TRY(hth_keys_read(&k, path, err));
    HthStatus st = HTH_OK;
    for (uint32_t i = 0; i < k.count; i++)
        if (!strcmp(k.keys[i].name, key->name))
            st = HTH_FAIL(err, HTH_EINVAL,
                          "There is a key of that name; revoke it first or choose another name.");
    if (st == HTH_OK && k.count == HTH_KEYS_MAX)
        st = HTH_FAIL(err, HTH_ELIMIT, "There are %d keys already; revoke some.", HTH_KEYS_MAX);
    HthKey *more = st == HTH_OK ? hth_realloc(k.keys, k.count + 1, sizeof *more) : NULL;
    if (more) {
        k.keys = more;
        k.keys[k.count++] = *key;
        st = write_keys(&k, path, err);
    } else if (st == HTH_OK) {
        st = HTH_FAIL(err, HTH_ENOMEM, "No memory for the keys.");
    }
    hth_keys_drop(&k);
    return st;
}

HthStatus hth_keys_make(const char *path, HthStr name, HthStr tenant, HthRole role,
                        int64_t expires_s, char key[HTH_KEY_TEXT], HthErr *err) {
    uint8_t secret[32];
    HthBuf text;
    HthKey k = { .role = role, .created_s = hth_clock_unix_s(), .expires_s = expires_s };
    if (!tenant.n) tenant = name;
    HTH_REQUIRE(role < HTH_COUNT(role_names), err, HTH_ENOTSUP,
                "A file of keys knows users and admins only.");
    HTH_REQUIRE(hth_key_name(name) && hth_key_name(tenant), err, HTH_EINVAL,
                "A key's name has 1 to %d letters, digits, '.', '_' or '-'.", HTH_KEY_NAME_MAX);
    put_name(k.name, name);
    put_name(k.tenant, tenant);
    hth_random(secret, sizeof secret);
    hth_buf_init(&text, HTH_KEY_TEXT);
    HthStatus st = hth_buf_add_str(&text, hth_str(prefix), err);
    if (st == HTH_OK) st = hth_base64(&text, HTH_BASE64_URL, secret, sizeof secret, err);
    hth_zero(secret, sizeof secret);
    int fd = -1;
    if (st == HTH_OK) {
        HTH_ASSERT(text.n == HTH_KEY_TEXT - 1);
        hth_hash(HTH_SHA256, text.p, text.n, k.sha256);
        st = lock(&fd, path, err);
    }
    if (st == HTH_OK) st = add_key(path, &k, err);
    if (st == HTH_OK) memcpy(key, text.p, HTH_KEY_TEXT);
    if (fd >= 0) close(fd);
    if (text.p) hth_zero(text.p, text.cap);
    hth_buf_drop(&text);
    return st;
}

static HthStatus remove_key(const char *path, HthStr name, HthErr *err) {
    HthKeys k = { 0 };
    uint32_t kept = 0;
    HTH_TRY(hth_keys_read(&k, path, err));
    for (uint32_t i = 0; i < k.count; i++)
        if (!hth_str_eq(hth_str(k.keys[i].name), name)) k.keys[kept++] = k.keys[i];
    HthStatus st = HTH_OK;
    if (kept == k.count) st = HTH_FAIL(err, HTH_EINVAL, "There is no key of that name.");
    k.count = kept;
    if (st == HTH_OK) st = write_keys(&k, path, err);
    hth_keys_drop(&k);
    return st;
}

HthStatus hth_keys_revoke(const char *path, HthStr name, HthErr *err) {
    int fd = -1;
    HthStatus st = lock(&fd, path, err);
    if (st == HTH_OK) st = remove_key(path, name, err);
    if (fd >= 0) close(fd);
    return st;
}

/* ---- asking ---------------------------------------------------------------------------------- */

const HthKey *hth_keys_find(const HthKeys *k, HthStr key, int64_t now_s) {
    uint8_t sha256[HTH_HASH_BYTES];
    const HthKey *found = NULL;
    hth_hash(HTH_SHA256, key.p, key.n, sha256);
    for (uint32_t i = 0; i < k->count; i++) {
        const bool same = hth_secret_equal(sha256, k->keys[i].sha256, sizeof sha256);
        const bool good = !k->keys[i].expires_s || now_s < k->keys[i].expires_s;
        if (same && good) found = &k->keys[i];
    }
    return found;
}
