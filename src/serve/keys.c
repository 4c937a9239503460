/* keys.c - the older file of keys: see keys.h.
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

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "crypt/hash.h"

enum { FILE_MAX = 1 << 20 };
static const char *const role_names[] = { "user", "admin" };

void hth_keys_drop(HthKeys *k) {
    hth_free(k->keys);
    *k = (HthKeys){ 0 };
}

/* ---- reading --------------------------------------------------------------------------------- */

static void put_name(char out[HTH_USER_NAME_MAX + 1], HthStr name) {
    memcpy(out, name.p, name.n);
    out[name.n] = '\0';
}

static HthStatus read_key(HthKey *out, const json_t *v, size_t i, HthErr *err) {
    const HthStr name = hth_json_text(v, "name"), role = hth_json_text(v, "role");
    HthStr tenant = hth_json_text(v, "tenant");
    const json_t *created = json_object_get(v, "created"), *expires = json_object_get(v, "expires");
    HTH_REQUIRE(hth_user_name(name), err, HTH_EFORMAT,
                "Key %zu of the file of keys has no name, or one with other characters than "
                "letters, digits, '.', '_' and '-'.",
                i);
    if (!tenant.n) tenant = name;
    HTH_REQUIRE(hth_user_name(tenant), err, HTH_EFORMAT, "Key %zu: 'tenant' is no name.", i);
    HTH_REQUIRE(hth_unhex(out->sha256, sizeof out->sha256, hth_json_text(v, "sha256")), err,
                HTH_EFORMAT, "Key %zu: 'sha256' is not 64 hexadecimal digits.", i);
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

/* ---- taking over ----------------------------------------------------------------------------- */

static HthStatus take_over(HthUsers *u, const char *path, HthErr *err) {
    char taken[4096];
    uint32_t added = 0;
    HthKeys k = { 0 };
    const int n = snprintf(taken, sizeof taken, "%s.taken", path);
    HTH_REQUIRE(n > 0 && (size_t)n < sizeof taken, err, HTH_EINVAL, "The path is too long.");
    HTH_TRY(hth_keys_read(&k, path, err));
    const HthStatus st = hth_users_take_over(u, k.keys, k.count, &added, err);
    hth_keys_drop(&k);
    HTH_TRY(st);
    HTH_REQUIRE(!rename(path, taken) || errno == ENOENT, err, HTH_EIO, "%s: %s.", path,
                strerror(errno));
    return HTH_OK;
}

HthStatus hth_keys_take_over(HthUsers *u, const char *path, HthErr *err) {
    char name[4096];
    if (access(path, F_OK)) return HTH_OK;
    const int n = snprintf(name, sizeof name, "%s.lock", path);
    HTH_REQUIRE(n > 0 && (size_t)n < sizeof name, err, HTH_EINVAL, "The path is too long.");
    const int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    HTH_REQUIRE(fd >= 0, err, HTH_EIO, "%s: %s.", name, strerror(errno));
    HthStatus st = HTH_OK;
    if (flock(fd, LOCK_EX)) st = HTH_FAIL(err, HTH_EIO, "%s: %s.", name, strerror(errno));
    if (st == HTH_OK) st = take_over(u, path, err);
    if (st == HTH_OK) (void)unlink(name);
    close(fd);
    return st;
}
