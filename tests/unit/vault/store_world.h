/* store_world.h - a store in a folder of its own, for the tests of it: files whose facts are words.
 *
 * Thread: one. */
#ifndef HTH_TESTS_STORE_WORLD_H
#define HTH_TESTS_STORE_WORLD_H

#include <sys/stat.h>

#include "crypt/hash.h"
#include "support/folder.h"
#include "support/test.h"
#include "vault/store.h"

static int facts_read; /* how often a file was looked into */
static char home[160], other[160];
static const char *const others[] = { other };

/* Files of these tests: "model ARCH" or anything else, which is none. */
static inline HthStatus read_facts(void *payload, const char *path, HthStr memory,
                                   HthModelFacts *out, HthErr *err) {
    (void)payload;
    HthBuf text;
    hth_buf_init(&text, 4096);
    facts_read++;
    HthStatus status = path ? hth_file_read(&text, path, err) : hth_buf_add_str(&text, memory, err);
    if (status == HTH_OK && sscanf(hth_buf_str(&text).p, "model %31s", out->arch) != 1)
        status = HTH_FAIL(err, HTH_EFORMAT, "it is no model");
    out->params = text.n;
    hth_buf_drop(&text);
    return status;
}

static inline HthStore *store(void) {
    const HthStoreCfg cfg = { .home = home,
                              .folders = others,
                              .folder_count = 1,
                              .embedded = HTH_STR("model tiny"),
                              .embedded_name = "ember",
                              .facts = read_facts,
                              .blob_max = 1000 };
    HthStore *m = NULL;
    HthErr err;
    assert_ok(hth_store_open(&m, &cfg, &err), err);
    return m;
}

static inline int begin(void **state) {
    if (test_folder_make(state)) return -1;
    snprintf(home, sizeof home, "%s/home", test_folder);
    snprintf(other, sizeof other, "%s/other", test_folder);
    return mkdir(other, 0700);
}

/* "name digest? error? parent;" of all */
static inline const char *listing(HthStore *m) {
    static char out[4096];
    HthStoreList *l = NULL;
    HthErr err;
    size_t n = 0;
    assert_ok(hth_store_list(m, &l, &err), err);
    out[0] = '\0';
    for (size_t i = 0; i < l->count; i++) {
        const HthStored *x = &l->items[i];
        n += (size_t)snprintf(out + n, sizeof out - n, "%s=%s%s%s%s;", x->full,
                              x->error[0] ? "bad" : x->facts.arch, x->parent[0] ? "<" : "",
                              x->parent, x->own ? "" : "!");
    }
    hth_store_list_close(&l);
    return out;
}

static inline void hex_of(const char *text, char hex[65]) {
    uint8_t d[HTH_HASH_BYTES];
    hth_hash(HTH_SHA256, text, strlen(text), d);
    hth_hex(hex, d, sizeof d);
}

static inline HthStatus create(HthStore *m, const char *name, const char *from, const char *file,
                               const char *settings, bool *missing, HthErr *err) {
    json_t *s = NULL;
    if (settings) assert_ok(hth_json_parse(&s, hth_str(settings), 4096, err), *err);
    const HthStoreMake make = { hth_str(name), hth_str(from), hth_str(file), s };
    const HthStatus status = hth_store_create(m, &make, missing, err);
    json_decref(s);
    return status;
}

#endif
