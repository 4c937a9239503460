/* store.c - see store.h: opening a store, lists, digests.
 *
 * The lock keeps the memory of files and the order of changes.  A list is made under it and is then
 * nobody's but the caller's.
 *
 * Thread: any. */
#include "vault/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file_fault.h"
#include "base/mem.h"
#include "base/sum.h"
#include "crypt/hash.h"
#include "vault/beneath.h"
#include "vault/store_int.h"

HthStatus hth_store_home(HthBuf *out, HthErr *err) {
    static const struct {
        const char *variable, *below;
    } places[] = { { "HEARTH_MODELS", "" },
                   { "XDG_DATA_HOME", "/hearth/models" },
                   { "HOME", "/.local/share/hearth/models" } };
    for (size_t i = 0; i < HTH_COUNT(places); i++) {
        const char *v = getenv(places[i].variable);
        if (v && v[0] == '/') return hth_buf_printf(out, err, "%s%s", v, places[i].below);
    }
    return HTH_FAIL(err, HTH_EINVAL,
                    "no folder for models: set HEARTH_MODELS to one, with its whole path");
}

HthStatus hth_store_open(HthStore **out, const HthStoreCfg *cfg, HthErr *err) {
    HthStore *m = hth_calloc(1, sizeof *m);
    HTH_REQUIRE(m, err, HTH_ENOMEM, "out of memory for the model store");
    const size_t first = cfg->home ? 1 : 0;
    m->read_facts = cfg->facts;
    m->payload = cfg->payload;
    m->embedded = cfg->embedded;
    m->blob_max = cfg->blob_max ? cfg->blob_max : (uint64_t)1 << 40;
    pthread_mutex_init(&m->lock, NULL);
    m->folders = hth_calloc(first + cfg->folder_count, sizeof *m->folders);
    bool ok = m->folders != NULL;
    for (size_t i = 0; ok && i < first + cfg->folder_count; i++) {
        const char *path = i < first ? cfg->home : cfg->folders[i - first];
        m->folders[i] = hth_strdup(path);
        m->folder_count += ok = m->folders[i] != NULL;
    }
    m->home = ok && cfg->home ? m->folders[0] : NULL;
    HthStatus status = HTH_OK;
    if (!ok)
        status = HTH_FAIL(err, HTH_ENOMEM, "out of memory for the model store");
    else if (m->embedded.n)
        status = hth_name_parse(&m->embedded_name, hth_str(cfg->embedded_name), err);
    if (status != HTH_OK)
        hth_store_close(&m);
    else
        *out = m;
    return status;
}

void hth_store_close(HthStore **m) {
    if (!*m) return;
    for (size_t i = 0; i < (*m)->folder_count; i++) hth_free((*m)->folders[i]);
    hth_free((*m)->folders);
    hth_facts_drop(*m);
    pthread_mutex_destroy(&(*m)->lock);
    hth_free(*m);
    *m = NULL;
}

/* Folders are named by the user who runs hearth: links in their path are his. */
int hth_folder_open(const char *path, bool make) {
    if (hth_file_fault()) return -1;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 || errno != ENOENT || !make) return fd;
    char part[4096];
    const size_t n = strlen(path);
    if (n >= sizeof part) return -1;
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0') continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0700) && errno != EEXIST) return -1;
    }
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

HthStatus hth_home_open(HthStore *m, int *fd, HthErr *err) {
    HTH_REQUIRE(m->home, err, HTH_EDENIED,
                "there is no folder for models that may be written; set HEARTH_MODELS");
    *fd = hth_folder_open(m->home, true);
    HTH_REQUIRE(*fd >= 0, err, HTH_EIO, "cannot open the folder %s: %s", m->home, strerror(errno));
    return HTH_OK;
}

/* ---- lists ----------------------------------------------------------------------------------- */

typedef struct Keep {
    HthStoreList list;
    HthArena *arena;
    json_t **settings; /* [list.count], as the items point at */
} Keep;

/* By name; of several with one name the one it means first: made, then in the order of folders. */
static int by_name(const void *a, const void *b) {
    const HthFound *x = *(const HthFound *const *)a, *y = *(const HthFound *const *)b;
    const int c = strcmp(x->info.full, y->info.full);
    if (c) return c;
    if (x->info.made != y->info.made) return x->info.made ? -1 : 1;
    return (x > y) - (x < y);
}

/* Settings of a model and all that it was made from: a new object in *out. revision: so far. */
static HthStatus settings_of(HthScan *s, const HthFound *f, unsigned depth, json_t **out,
                             uint64_t *revision, HthErr *err) {
    json_t *base = NULL, *own = NULL;
    HthErr why = { 0 };
    HthStatus status = HTH_OK;
    if (f->info.made) {
        own = json_incref(f->manifest);
        *revision = hth_sum64(*revision, &f->revision, sizeof f->revision);
        if (f->base != SIZE_MAX && depth < HTH_FROM_DEPTH_MAX)
            status = settings_of(s, &s->found[f->base], depth + 1, &base, revision, err);
    } else if (f->manifest_path) {
        struct stat st;
        const int fd = hth_folder_open(s->m->folders[f->folder], false);
        if (fd >= 0 && !fstatat(fd, f->manifest_path, &st, 0))
            *revision = hth_revision_after(*revision, &st);
        if (fd >= 0) status = hth_manifest_read(&own, fd, f->manifest_path, &why);
        if (fd >= 0) close(fd);
        if (status != HTH_OK && err) *err = why;
    }
    json_t *all = status == HTH_OK ? hth_settings_over(base, own) : NULL;
    if (status == HTH_OK && !all) status = HTH_FAIL(err, HTH_ENOMEM, "out of memory for settings");
    const json_t *digest = json_object_get(own, "sha256");
    if (all && json_is_string(digest) &&
        json_object_set(all, "sha256", (json_t *)(uintptr_t)digest))
        status = HTH_FAIL(err, HTH_ENOMEM, "out of memory for settings");
    json_decref(base);
    json_decref(own);
    if (status != HTH_OK) json_decref(all);
    if (status == HTH_OK) *out = all;
    return status;
}

static HthStatus digest_memory(HthStore *m) {
    HthFact *f = &m->embedded_fact;
    uint8_t sum[HTH_HASH_BYTES];
    if (f->digest[0]) return HTH_OK;
    hth_hash(HTH_SHA256, m->embedded.p, m->embedded.n, sum);
    hth_hex(f->digest, sum, sizeof sum);
    return HTH_OK;
}

/* The file that its settings lay over it: a blob. */
static HthStatus find_adapter(HthScan *s, HthFound *f, HthErr *err) {
    const json_t *v = json_object_get(f->settings, "adapter");
    char hex[65], path[PATH_MAX];
    HthErr why = { 0 };
    bool there = false;
    if (!v) return HTH_OK;
    HthStatus st = hth_digest_parse(hex, hth_str(json_string_value(v)), &why);
    if (st == HTH_OK) st = hth_blob_has(s->m, hth_str(json_string_value(v)), &there, NULL, &why);
    if (st == HTH_OK && !there)
        st = HTH_FAIL(&why, HTH_EFORMAT, "the adapter it was made with is gone (home/blobs)");
    if (st == HTH_OK) {
        snprintf(path, sizeof path, "%s/blobs/sha256-%s", s->m->home, hex);
        f->info.adapter = hth_arena_copy(s->arena, path, strlen(path));
    } else if (!f->info.error[0]) {
        f->info.error = hth_arena_copy(s->arena, why.text, strlen(why.text));
    }
    HTH_REQUIRE((st != HTH_OK || f->info.adapter) && f->info.error, err, HTH_ENOMEM,
                "out of memory for the list of models");
    return HTH_OK;
}

/* What the file says, its digest, its settings. */
static HthStatus complete(HthScan *s, HthFound *f, HthErr *err) {
    HthStore *m = s->m;
    HthFact room = { .id = f->id };
    HthFact *fact = &m->embedded_fact;
    if (!f->info.error[0]) {
        if (f->info.memory.n)
            HTH_TRY(digest_memory(m));
        else if (!(fact = hth_fact_of(m, &f->id, true)))
            fact = &room; /* too many to remember */
        HTH_TRY(hth_fact_fill(m, fact, f->info.path, f->info.memory, err));
        f->info.facts = fact->facts;
        f->info.digest = hth_arena_copy(s->arena, fact->digest, strlen(fact->digest));
        HthErr other = { 0 };
        const char *error = fact->error;
        if (fact->digest[0] && !error[0] &&
            hth_store_check_blob(m, f->info.path, fact->digest, &other) != HTH_OK)
            error = other.text;
        f->info.error = hth_arena_copy(s->arena, error, strlen(error));
    } else {
        snprintf(f->info.facts.quant, sizeof f->info.facts.quant, "unknown");
    }
    HthErr why = { 0 };
    uint64_t revision = 0;
    const HthStatus status = settings_of(s, f, 0, &f->settings, &revision, &why);
    f->info.revision = revision;
    if (status == HTH_ENOMEM) return HTH_FAIL(err, HTH_ENOMEM, "out of memory for settings");
    if (status != HTH_OK) {
        if (!f->info.error[0]) f->info.error = hth_arena_copy(s->arena, why.text, strlen(why.text));
        f->settings = json_object();
    }
    HTH_REQUIRE(f->settings && f->info.digest && f->info.error, err, HTH_ENOMEM,
                "out of memory for the list of models");
    const json_t *t = json_object_get(f->settings, "template");
    f->info.settings = f->settings;
    f->info.template_kind =
        hth_template_kind((HthStr){ json_string_value(t), json_string_length(t) });
    return find_adapter(s, f, err);
}

/* Takes the chosen ones out of the scan. */
static HthStatus to_list(HthScan *s, HthFound **chosen, size_t count, HthStoreList **out,
                         HthErr *err) {
    Keep *k = hth_arena_take(s->arena, 1, sizeof *k);
    HthStored *items = hth_arena_take(s->arena, count + 1, sizeof *items);
    json_t **settings = hth_arena_take(s->arena, count + 1, sizeof *settings);
    HTH_REQUIRE(k && items && settings, err, HTH_ENOMEM, "out of memory for the list of models");
    for (size_t i = 0; i < count; i++) {
        HTH_TRY(complete(s, chosen[i], err));
        items[i] = chosen[i]->info;
        settings[i] = chosen[i]->settings;
    }
    for (size_t i = 0; i < count; i++) chosen[i]->settings = NULL; /* the list's from here on */
    *k = (Keep){ { items, count, k }, s->arena, settings };
    s->arena = NULL;
    *out = &k->list;
    return HTH_OK;
}

/* name NULL: all. */
static HthStatus choose(HthScan *s, const HthName *name, HthStoreList **out, HthErr *err) {
    HthFound **chosen = hth_arena_take(s->arena, s->count + 1, sizeof *chosen);
    HTH_REQUIRE(chosen, err, HTH_ENOMEM, "out of memory for the list of models");
    size_t n = 0, kept = 0;
    if (name) {
        chosen[0] = hth_scan_find(s, name);
        return to_list(s, chosen, chosen[0] != NULL, out, err);
    }
    for (size_t i = 0; i < s->count; i++) chosen[n++] = &s->found[i];
    qsort(chosen, n, sizeof *chosen, by_name);
    for (size_t i = 0; i < n; i++)
        if (!kept || strcmp(chosen[kept - 1]->info.full, chosen[i]->info.full))
            chosen[kept++] = chosen[i];
    return to_list(s, chosen, kept, out, err);
}

static HthStatus list(HthStore *m, const HthName *name, HthStoreList **out, HthErr *err) {
    HthScan s;
    pthread_mutex_lock(&m->lock);
    hth_facts_load(m);
    HthStatus status = name ? hth_scan_name(&s, m, name, err) : hth_scan_all(&s, m, err);
    if (status == HTH_OK) {
        status = choose(&s, name, out, err);
        hth_scan_drop(&s);
        if (status == HTH_OK) hth_facts_save(m);
    }
    pthread_mutex_unlock(&m->lock);
    return status;
}

HthStatus hth_store_list(HthStore *m, HthStoreList **out, HthErr *err) {
    return list(m, NULL, out, err);
}

HthStatus hth_store_find(HthStore *m, HthStr name, HthStoreList **out, HthErr *err) {
    HthName n;
    HTH_TRY(hth_name_parse(&n, name, err));
    return list(m, &n, out, err);
}

void hth_store_list_close(HthStoreList **l) {
    if (!*l) return;
    Keep *k = (*l)->keep;
    HthArena *arena = k->arena; /* what k itself lies in */
    for (size_t i = 0; i < k->list.count; i++) json_decref(k->settings[i]);
    hth_arena_close(&arena);
    *l = NULL;
}
