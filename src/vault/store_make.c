/* store_make.c - making, copying and deleting models: manifests, and files in home.
 *
 * Every change is one file that appears, is replaced, or goes; what is needed by others stays.
 *
 * Thread: any; each change holds the store's lock. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file_fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "vault/beneath.h"
#include "vault/store_int.h"

/* ---- writing a manifest ---------------------------------------------------------------------- */

static HthStatus write_manifest(HthStore *m, const HthName *name, const json_t *manifest,
                                HthErr *err) {
    char rel[512], path[PATH_MAX];
    int home;
    HTH_TRY(hth_home_open(m, &home, err));
    hth_manifest_path(rel, name);
    struct stat st;
    const int n = snprintf(path, sizeof path, "%s/%s", m->home, rel);
    const bool made = !hth_beneath_mkdirs(home, rel);
    const int why = errno;
    /* A link or a device in its place would be written through. */
    const bool plain = made && (fstatat(home, rel, &st, AT_SYMLINK_NOFOLLOW) ? errno == ENOENT
                                                                             : S_ISREG(st.st_mode));
    close(home);
    HTH_REQUIRE(n > 0 && n < (int)sizeof path, err, HTH_EINVAL,
                "the path of the store is too long");
    HTH_REQUIRE(made, err, HTH_EIO, "cannot make the folders of %s: %s", rel, strerror(why));
    HTH_REQUIRE(plain, err, HTH_EIO, "%s is not a regular file; it stays as it is", rel);
    HthBuf text;
    hth_buf_init(&text, HTH_MANIFEST_MAX);
    HthStatus status = hth_json_write(&text, manifest, 2, err);
    if (status == HTH_OK) status = hth_buf_add_char(&text, '\n', err);
    if (status == HTH_OK) status = hth_file_write(path, text.p, text.n, 0600, err);
    hth_buf_drop(&text);
    return status;
}

static json_t *new_manifest(const json_t *settings, const char *from, const char *file) {
    char digest[80];
    json_t *o = json_object();
    int bad = !o || json_object_set_new(o, "hearth", json_integer(1)) ||
              json_object_set_new(o, "created", json_integer(hth_clock_unix_s()));
    if (!bad && from) bad = json_object_set_new(o, "from", json_string(from));
    if (!bad && file) {
        snprintf(digest, sizeof digest, "sha256:%s", file);
        bad = json_object_set_new(o, "file", json_string(digest));
    }
    if (!bad && settings) bad = json_object_update(o, (json_t *)(uintptr_t)settings);
    if (bad) {
        json_decref(o);
        return NULL;
    }
    return o;
}

/* ---- create ---------------------------------------------------------------------------------- */

/* An adapter is a file that was uploaded, and stands there by its digest. */
static HthStatus check_adapter(HthStore *m, json_t *settings, HthErr *err) {
    const json_t *v = json_object_get(settings, "adapter");
    char digest[80] = "sha256:", hex[65];
    bool there = false;
    if (!v) return HTH_OK;
    const HthStr text = { json_string_value(v), json_string_length(v) };
    HTH_REQUIRE(json_is_string(v) && hth_digest_parse(hex, text, NULL) == HTH_OK, err, HTH_EINVAL,
                "the adapter is not named by the digest of an uploaded file (sha256:...)");
    HTH_TRY(hth_blob_has(m, text, &there, NULL, err));
    HTH_REQUIRE(there, err, HTH_EINVAL, "the adapter's file was not uploaded");
    memcpy(digest + strlen(digest), hex, sizeof hex);
    HTH_REQUIRE(json_object_set_new(settings, "adapter", json_string(digest)) == 0, err, HTH_ENOMEM,
                "out of memory for a manifest");
    return HTH_OK;
}

static HthStatus put(HthStore *m, const HthName *to, const json_t *base, const json_t *over,
                     const char *from, const char *file, HthErr *err) {
    json_t *settings = hth_settings_over(base, over);
    HthStatus status = settings ? check_adapter(m, settings, err) : HTH_OK;
    json_t *manifest = settings && status == HTH_OK ? new_manifest(settings, from, file) : NULL;
    if (status == HTH_OK)
        status = manifest ? hth_settings_check(manifest, err)
                          : HTH_FAIL(err, HTH_ENOMEM, "out of memory for a manifest");
    if (status == HTH_OK) status = write_manifest(m, to, manifest, err);
    json_decref(settings);
    json_decref(manifest);
    return status;
}

/* From a made model its settings are taken over, so that it may be deleted later; from a file only
 * its name. */
static HthStatus put_from(HthScan *s, const HthName *from, const HthName *to, const json_t *over,
                          bool *missing, HthErr *err) {
    char name[HTH_NAME_MAX + 1];
    const HthFound *f = hth_scan_find(s, from);
    *missing = !f;
    HTH_REQUIRE(f, err, HTH_EINVAL, "the model to begin with does not exist here");
    HTH_REQUIRE(!f->info.error[0], err, HTH_EFORMAT, "the model to begin with cannot be used: %s",
                f->info.error);
    hth_name_print(name, from);
    if (!f->info.made) return put(s->m, to, NULL, over, name, NULL, err);
    const json_t *file = json_object_get(f->manifest, "file");
    if (json_is_string(file)) {
        char hex[65];
        HTH_TRY(hth_digest_parse(hex, hth_str(json_string_value(file)), err));
        return put(s->m, to, f->manifest, over, name, hex, err);
    }
    const char *base = json_string_value(json_object_get(f->manifest, "from"));
    return put(s->m, to, f->manifest, over, base, NULL, err);
}

static HthStatus put_blob(HthStore *m, const HthStoreMake *make, const HthName *to, bool *missing,
                          HthErr *err) {
    char hex[65], path[PATH_MAX];
    struct stat st;
    int home;
    HTH_TRY(hth_digest_parse(hex, make->file_digest, err));
    HTH_TRY(hth_home_open(m, &home, err));
    const int n = snprintf(path, sizeof path, "blobs/sha256-%s", hex);
    const int fd = hth_beneath_open_nolinks(home, path, O_PATH, 0);
    *missing = n < 0 || fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode);
    if (fd >= 0) close(fd);
    close(home);
    HTH_REQUIRE(!*missing, err, HTH_EINVAL, "the file to begin with was not uploaded");
    const HthIdent id = hth_ident_of(&st);
    HthFact room = { .id = id }, *fact = hth_fact_of(m, &id, true);
    if (!fact) fact = &room;
    if (snprintf(path, sizeof path, "%s/blobs/sha256-%s", m->home, hex) >= (int)sizeof path)
        return HTH_FAIL(err, HTH_EINVAL, "the path of the store is too long");
    HTH_TRY(hth_fact_fill(m, fact, path, HTH_STR(""), err));
    HTH_REQUIRE(!fact->error[0], err, HTH_EFORMAT, "the uploaded file is no model: %s",
                fact->error);
    return put(m, to, NULL, make->settings, NULL, hex, err);
}

static HthStatus create(HthStore *m, const HthStoreMake *make, bool *missing, HthErr *err) {
    HthName to, from;
    HTH_TRY(hth_name_parse(&to, make->name, err));
    if (make->settings) HTH_TRY(hth_settings_check(make->settings, err));
    HTH_REQUIRE((make->from.n != 0) != (make->file_digest.n != 0), err, HTH_EINVAL,
                "a model is made from another one (from) or from an uploaded file (files), one of "
                "the two");
    if (make->file_digest.n) return put_blob(m, make, &to, missing, err);
    HTH_TRY(hth_name_parse(&from, make->from, err));
    HthScan s;
    HTH_TRY(hth_scan_all(&s, m, err));
    const HthStatus status = put_from(&s, &from, &to, make->settings, missing, err);
    hth_scan_drop(&s);
    return status;
}

HthStatus hth_store_create(HthStore *m, const HthStoreMake *make, bool *missing, HthErr *err) {
    *missing = false;
    pthread_mutex_lock(&m->lock);
    hth_facts_load(m);
    const HthStatus status = create(m, make, missing, err);
    hth_facts_save(m);
    pthread_mutex_unlock(&m->lock);
    return status;
}

HthStatus hth_store_copy(HthStore *m, HthStr from, HthStr to, bool *missing, HthErr *err) {
    const HthStoreMake make = { .name = to, .from = from };
    return hth_store_create(m, &make, missing, err);
}

/* ---- delete ---------------------------------------------------------------------------------- */

static HthStatus sync_folder(int fd, HthErr *err) {
    const int rc = hth_file_fault() ? -1 : fsync(fd);
    HTH_REQUIRE(!rc || errno == EINVAL, err, HTH_EIO, "cannot make the deletion durable: %s",
                strerror(errno));
    return HTH_OK;
}

/* Removes `path` beneath folder, and makes that durable. */
static HthStatus remove_file(int folder, const char *path, HthErr *err) {
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    const int fd = hth_beneath_open_nolinks(folder, dir, O_RDONLY | O_DIRECTORY, 0);
    HTH_REQUIRE(fd >= 0, err, HTH_EIO, "cannot open the folder of %s: %s", path, strerror(errno));
    const int rc = hth_file_fault() ? -1 : unlinkat(fd, slash ? slash + 1 : path, 0);
    const int why = errno;
    HthStatus status = HTH_OK;
    if (rc && why != ENOENT)
        status = HTH_FAIL(err, HTH_EIO, "cannot delete %s: %s", path, strerror(why));
    if (status == HTH_OK) status = sync_folder(fd, err);
    close(fd);
    return status;
}

/* How many other made models say `value` for `member`. */
static size_t users_of(const HthScan *s, const HthFound *but, const char *member,
                       const char *value) {
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++) {
        const HthFound *f = &s->found[i];
        const char *v = json_string_value(json_object_get(f->manifest, member));
        n += f != but && f->info.made && v && !strcmp(v, value);
    }
    return n;
}

/* The folders a manifest was alone in. */
static void remove_empty(int home, const char *manifest) {
    char path[512];
    const int n = snprintf(path, sizeof path, "%s", manifest);
    for (char *slash = n < (int)sizeof path ? strrchr(path, '/') : NULL; slash;
         slash = strrchr(path, '/')) {
        *slash = '\0';
        if (!strchr(path, '/') || unlinkat(home, path, AT_REMOVEDIR)) return; /* not manifests/ */
    }
}

/* The blob that a member of its manifest names, unless others need it. */
static HthStatus delete_blob(HthScan *s, HthFound *f, int home, const char *member, HthErr *err) {
    const char *blob = json_string_value(json_object_get(f->manifest, member));
    char hex[65], path[96];
    if (!blob || hth_digest_parse(hex, hth_str(blob), NULL) != HTH_OK) return HTH_OK;
    for (size_t i = 0; i < s->count; i++) /* one that cannot be read may need it */
        if (s->found[i].info.made && !s->found[i].manifest) return HTH_OK;
    if (users_of(s, f, "file", blob) || users_of(s, f, "adapter", blob)) return HTH_OK;
    snprintf(path, sizeof path, "blobs/sha256-%s", hex);
    return remove_file(home, path, err);
}

static HthStatus delete_made(HthScan *s, HthFound *f, int home, HthErr *err) {
    HTH_TRY(remove_file(home, f->manifest_path, err));
    remove_empty(home, f->manifest_path);
    HTH_TRY(delete_blob(s, f, home, "file", err));
    return delete_blob(s, f, home, "adapter", err);
}

static HthStatus delete_file(HthScan *s, HthFound *f, int home, HthErr *err) {
    char brief[HTH_NAME_MAX + 1];
    hth_name_print_short(brief, &f->info.name);
    const size_t users = users_of(s, f, "from", f->info.full) + users_of(s, f, "from", brief);
    HTH_REQUIRE(!users, err, HTH_EDENIED,
                "%zu other models are made from this one; delete them first", users);
    const char *rel = f->info.path + strlen(s->m->home) + 1;
    HthBuf path;
    HthStatus status = HTH_OK;
    hth_buf_init(&path, PATH_MAX);
    for (uint32_t i = 2; status == HTH_OK && i <= f->info.parts; i++) {
        /* the first part last: a model that is half gone can be deleted again */
        status = hth_store_part(&path, &f->info, i, err);
        if (status == HTH_OK) status = remove_file(home, path.p + strlen(s->m->home) + 1, err);
    }
    hth_buf_drop(&path);
    if (status == HTH_OK) status = remove_file(home, rel, err);
    json_t *beside = NULL;
    if (status == HTH_OK && hth_manifest_read(&beside, home, f->manifest_path, NULL) == HTH_OK &&
        beside)
        status = remove_file(home, f->manifest_path, err);
    json_decref(beside);
    return status;
}

static HthStatus delete_found(HthScan *s, HthFound *f, HthErr *err) {
    int home;
    HTH_REQUIRE(!f->info.memory.n || f->info.made, err, HTH_EDENIED,
                "this model is part of the program and cannot be deleted");
    HTH_REQUIRE(f->info.own, err, HTH_EDENIED,
                "this model lies in a folder that hearth only reads; delete its file there");
    HTH_TRY(hth_home_open(s->m, &home, err));
    const HthStatus status =
        f->info.made ? delete_made(s, f, home, err) : delete_file(s, f, home, err);
    close(home);
    return status;
}

HthStatus hth_store_delete(HthStore *m, HthStr name, bool *missing, HthErr *err) {
    HthName n;
    HthScan s;
    *missing = false;
    HTH_TRY(hth_name_parse(&n, name, err));
    pthread_mutex_lock(&m->lock);
    HthStatus status = hth_scan_all(&s, m, err);
    if (status == HTH_OK) {
        HthFound *f = hth_scan_find(&s, &n);
        *missing = !f;
        status = f ? delete_found(&s, f, err)
                   : HTH_FAIL(err, HTH_EINVAL, "there is no model of that name");
        hth_scan_drop(&s);
    }
    pthread_mutex_unlock(&m->lock);
    return status;
}
