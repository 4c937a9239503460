/* store_test.c - what is found, what it is made from, digests; nothing else is touched. */
#include <fcntl.h>
#include <time.h>

#include "base/rng.h"
#include "unit/vault/store_world.h"

static void finds_files(void **state) {
    (void)state;
    test_put("home/a.gguf", "model a");
    test_put("home/b-00001-of-00002.gguf", "model b");
    test_put("home/b-00002-of-00002.gguf", "rest");
    test_put("home/c-00001-of-00002.gguf", "model c"); /* a part is missing */
    test_put("home/bad.gguf", "garbage");
    test_put("home/with space.gguf", "model x");
    test_put("home/.hidden.gguf", "model x");
    test_put("home/..gguf", "model x");
    test_put("home/me/d.gguf", "model d");
    test_put("home/me/deep/e.gguf", "model e");
    test_put("home/blobs/f.gguf", "model f");
    test_put("home/readme.txt", "model g");
    test_put("other/a.gguf", "model hidden by home's");
    test_put("other/z.gguf", "model z");
    assert_int_equal(mkfifo(test_path("home/fifo.gguf"), 0600), 0);
    assert_int_equal(mkdir(test_path("home/folder.gguf"), 0700), 0);
    test_put("outside.gguf", "model outside");
    assert_int_equal(symlink("../outside.gguf", test_path("home/link-out.gguf")), 0);
    assert_int_equal(symlink("a.gguf", test_path("home/link-in.gguf")), 0);
    assert_int_equal(symlink("..", test_path("home/up")), 0);
    HthStore *m = store();
    assert_string_equal(listing(m),
                        "a:latest=a;b:latest=b;bad:latest=bad;c:latest=bad;ember:latest=tiny!;"
                        "fifo:latest=bad;folder:latest=bad;link-in:latest=a;link-out:latest=bad;"
                        "me/d:latest=d;z:latest=z!;");
    HthStoreList *l = NULL;
    HthErr err;
    assert_ok(hth_store_find(m, HTH_STR("b"), &l, &err), err);
    assert_int_equal(l->count, 1);
    assert_int_equal(l->items[0].bytes, 11);
    assert_int_equal(l->items[0].parts, 2);
    assert_non_null(strstr(l->items[0].path, "/home/b-00001-of-00002.gguf"));
    assert_true(l->items[0].modified_ns > (int64_t)1700000000 * 1000000000);
    hth_store_list_close(&l);
    assert_ok(hth_store_find(m, HTH_STR("link-out"), &l, &err), err);
    assert_non_null(strstr(l->items[0].error, "--models"));
    hth_store_list_close(&l);
    assert_ok(hth_store_find(m, HTH_STR("nobody"), &l, &err), err);
    assert_int_equal(l->count, 0);
    hth_store_list_close(&l);
    assert_status(hth_store_find(m, HTH_STR("../a"), &l, &err), HTH_EINVAL, err);
    hth_store_close(&m);
}

static void remembers_facts(void **state) {
    (void)state;
    test_put("home/a.gguf", "model a");
    test_put("home/bad.gguf", "garbage");
    HthStore *m = store();
    facts_read = 0;
    const char *const want = "a:latest=a;bad:latest=bad;ember:latest=tiny!;";
    assert_string_equal(listing(m), want);
    assert_int_equal(facts_read, 3);
    assert_string_equal(listing(m), want);
    assert_int_equal(facts_read, 3);
    hth_store_close(&m);
    m = store(); /* from home/facts.json */
    assert_string_equal(listing(m), want);
    assert_int_equal(facts_read, 4); /* memory has no identity */
    test_put("home/a.gguf", "model changed");
    assert_string_equal(listing(m), "a:latest=changed;bad:latest=bad;ember:latest=tiny!;");
    assert_int_equal(facts_read, 5);
    hth_store_close(&m);
    static const char *const junk[] = { "", "{", "[]", "{\"version\":2,\"files\":[]}",
                                        "{\"version\":1,\"files\":[1,{\"id\":\"1-2-3\"},{\"id\":"
                                        "\"1-2-3-4\",\"digest\":\"x\",\"error\":\"\"}]}" };
    for (size_t i = 0; i < HTH_COUNT(junk); i++) {
        test_put("home/facts.json", junk[i]);
        m = store();
        assert_string_equal(listing(m), "a:latest=changed;bad:latest=bad;ember:latest=tiny!;");
        hth_store_close(&m);
    }
}

static void settings_beside(void **state) {
    (void)state;
    test_put("other/a.gguf", "model a");
    test_put("other/a.json", "{\"hearth\":1,\"system\":\"be brief\",\"parameters\":{\"top_k\":3},"
                             "\"template\":\"{{ .Prompt }}\"}");
    test_put("other/b.gguf", "model b");
    test_put("other/b.json", "{\"hidden_size\":4096,\"parameters\":7}"); /* somebody else's */
    test_put("other/c.gguf", "model c");
    test_put("other/c.json", "{\"hearth\":1,\"parameters\":7}");
    test_put("other/d.gguf", "model d");
    test_put("other/d.json", "{\"hearth\":1,");
    HthStore *m = store();
    assert_string_equal(listing(m), "a:latest=a!;b:latest=b!;c:latest=bad!;d:latest=bad!;ember:"
                                    "latest=tiny!;");
    HthStoreList *l = NULL;
    HthErr err;
    assert_ok(hth_store_find(m, HTH_STR("a"), &l, &err), err);
    assert_string_equal(json_string_value(json_object_get(l->items[0].settings, "system")),
                        "be brief");
    assert_int_equal(l->items[0].template_kind, HTH_TEMPLATE_GO);
    hth_store_list_close(&l);
    assert_ok(hth_store_find(m, HTH_STR("b"), &l, &err), err);
    assert_int_equal(json_object_size(l->items[0].settings), 0);
    assert_int_equal(l->items[0].template_kind, HTH_TEMPLATE_NONE);
    hth_store_list_close(&l);
    hth_store_close(&m);
}

static bool never(void *payload, uint64_t done, uint64_t total) {
    (void)payload;
    assert_true(done <= total);
    return false;
}

static void digests(void **state) {
    (void)state;
    char want[65], got[65], text[200];
    HthErr err;
    bool more = true;
    test_put("home/a.gguf", "model a");
    test_put("home/b-00001-of-00002.gguf", "model b");
    test_put("home/b-00002-of-00002.gguf", " and more");
    test_put("home/c.gguf", "model c");
    hex_of("something else", want);
    snprintf(text, sizeof text, "{\"hearth\":1,\"sha256\":\"%s\"}", want);
    test_put("home/c.json", text);
    test_put("home/bad.gguf", "garbage");
    HthStore *m = store();
    assert_status(hth_store_digest(m, HTH_STR("a"), never, NULL, got, &err), HTH_ECANCELED, err);
    assert_ok(hth_store_digest_next(m, NULL, NULL, &more, &err), err);
    assert_true(more);
    HthStoreList *l = NULL;
    assert_ok(hth_store_find(m, HTH_STR("a"), &l, &err), err);
    hex_of("model a", want);
    assert_string_equal(l->items[0].digest, want);
    hth_store_list_close(&l);
    assert_ok(hth_store_digest(m, HTH_STR("b"), NULL, NULL, got, &err), err);
    hex_of("model b and more", want);
    assert_string_equal(got, want);
    assert_status(hth_store_digest_next(m, NULL, NULL, &more, &err), HTH_EFORMAT, err); /* c */
    assert_non_null(strstr(err.text, "manifest"));
    assert_ok(hth_store_digest_next(m, NULL, NULL, &more, &err), err);
    assert_false(more); /* what is no model has none */
    assert_status(hth_store_digest(m, HTH_STR("bad"), NULL, NULL, got, &err), HTH_EFORMAT, err);
    assert_status(hth_store_digest(m, HTH_STR("none"), NULL, NULL, got, &err), HTH_EINVAL, err);
    assert_ok(hth_store_digest(m, HTH_STR("ember"), NULL, NULL, got, &err), err);
    hex_of("model tiny", want);
    assert_string_equal(got, want);
    hth_store_close(&m);
    m = store(); /* remembered */
    assert_ok(hth_store_find(m, HTH_STR("b"), &l, &err), err);
    assert_string_equal(l->items[0].digest[0] ? "there" : "", "there");
    hth_store_list_close(&l);
    test_put("home/a.gguf", "model other");
    assert_ok(hth_store_find(m, HTH_STR("a"), &l, &err), err);
    assert_string_equal(l->items[0].digest, ""); /* the file is not what it was */
    hth_store_list_close(&l);
    hth_store_close(&m);
}

/* The second part of a model vanishes while the first is read. */
static bool vanish(void *payload, uint64_t done, uint64_t total) {
    (void)payload, (void)done, (void)total;
    char path[300];
    snprintf(path, sizeof path, "%s/home/a-00002-of-00002.gguf", test_folder);
    (void)unlink(path);
    return true;
}

static void one_that_cannot_be_read_is_passed_over(void **state) {
    (void)state;
    HthErr err;
    bool more = false;
    test_put("home/a-00001-of-00002.gguf", "model a");
    test_put("home/a-00002-of-00002.gguf", " and more");
    test_put("home/b.gguf", "model b");
    HthStore *m = store();
    assert_ok(hth_store_digest_next(m, vanish, NULL, &more, &err), err);
    assert_true(more);
    HthStoreList *l = NULL;
    assert_ok(hth_store_find(m, HTH_STR("b"), &l, &err), err);
    assert_int_equal(strlen(l->items[0].digest), 64);
    hth_store_list_close(&l);
    hth_store_close(&m);
}

static const char *system_of(HthStore *m, const char *name) {
    static char out[64];
    HthStoreList *l = NULL;
    HthErr err;
    assert_ok(hth_store_find(m, hth_str(name), &l, &err), err);
    const json_t *v = l->count ? json_object_get(l->items[0].settings, "system") : NULL;
    snprintf(out, sizeof out, "%s", json_is_string(v) ? json_string_value(v) : "");
    hth_store_list_close(&l);
    return out;
}

static void makes_copies_deletes(void **state) {
    (void)state;
    HthErr err;
    bool missing;
    test_put("other/a.gguf", "model a");
    HthStore *m = store();
    assert_ok(create(m, "me/b:v1", "a", NULL, "{\"system\":\"s1\",\"parameters\":{\"seed\":1}}",
                     &missing, &err),
              err);
    assert_ok(create(m, "c", "me/b:v1", NULL, "{\"parameters\":{\"top_k\":2}}", &missing, &err),
              err);
    assert_ok(hth_store_copy(m, HTH_STR("c"), HTH_STR("d"), &missing, &err), err);
    assert_ok(hth_store_copy(m, HTH_STR("ember"), HTH_STR("e"), &missing, &err), err);
    assert_ok(create(m, "ember", "ember", NULL, "{\"system\":\"mine\"}", &missing, &err), err);
    assert_string_equal(listing(m), "a:latest=a!;c:latest=a<a:latest;d:latest=a<a:latest;"
                                    "e:latest=tiny<ember:latest;ember:latest=tiny<ember:latest;"
                                    "me/b:v1=a<a:latest;");
    assert_string_equal(system_of(m, "d"), "s1");
    assert_string_equal(system_of(m, "ember"), "mine");
    assert_string_equal(system_of(m, "e"), "mine"); /* e is made from what ember is now */
    assert_ok(hth_store_delete(m, HTH_STR("me/b:v1"), &missing, &err), err);
    assert_string_equal(system_of(m, "c"), "s1"); /* its settings are its own */
    assert_int_not_equal(access(test_path("home/manifests/me"), F_OK), 0); /* nothing is left */
    assert_int_equal(access(test_path("home/manifests/c"), F_OK), 0);
    assert_status(create(m, "x", "nobody", NULL, NULL, &missing, &err), HTH_EINVAL, err);
    assert_true(missing);
    assert_status(create(m, "x", NULL, NULL, NULL, &missing, &err), HTH_EINVAL, err);
    assert_false(missing);
    assert_status(create(m, "x", "a", NULL, "{\"system\":1}", &missing, &err), HTH_EINVAL, err);
    assert_status(create(m, "x", "a", NULL, "{\"adapter\":\"y\"}", &missing, &err), HTH_EINVAL,
                  err);
    assert_status(create(m, "../x", "a", NULL, NULL, &missing, &err), HTH_EINVAL, err);
    assert_status(hth_store_delete(m, HTH_STR("a"), &missing, &err), HTH_EDENIED, err);
    assert_false(missing);
    assert_status(hth_store_delete(m, HTH_STR("nobody"), &missing, &err), HTH_EINVAL, err);
    assert_true(missing);
    assert_ok(hth_store_delete(m, HTH_STR("ember"), &missing, &err), err); /* the manifest */
    assert_status(hth_store_delete(m, HTH_STR("ember"), &missing, &err), HTH_EDENIED, err);
    test_put("home/own-00001-of-00002.gguf", "model own");
    test_put("home/own-00002-of-00002.gguf", "more");
    test_put("home/own.json", "{\"hearth\":1}");
    assert_ok(hth_store_copy(m, HTH_STR("own"), HTH_STR("its"), &missing, &err), err);
    assert_status(hth_store_delete(m, HTH_STR("own"), &missing, &err), HTH_EDENIED, err);
    assert_ok(hth_store_delete(m, HTH_STR("its"), &missing, &err), err);
    assert_ok(hth_store_delete(m, HTH_STR("own"), &missing, &err), err);
    assert_int_not_equal(access(test_path("home/own-00001-of-00002.gguf"), F_OK), 0);
    assert_int_not_equal(access(test_path("home/own-00002-of-00002.gguf"), F_OK), 0);
    assert_int_not_equal(access(test_path("home/own.json"), F_OK), 0);
    assert_int_equal(access(test_path("other/a.gguf"), F_OK), 0);
    hth_store_close(&m);
}

static void bases_that_are_none(void **state) {
    (void)state;
    test_put("home/manifests/a/latest.json", "{\"hearth\":1,\"from\":\"b\"}");
    test_put("home/manifests/b/latest.json", "{\"hearth\":1,\"from\":\"a\"}");
    test_put("home/manifests/c/latest.json", "{\"hearth\":1,\"from\":\"c\"}");
    test_put("home/manifests/d/latest.json", "{\"hearth\":1,\"from\":\"../x\"}");
    test_put("home/manifests/e/latest.json", "{\"hearth\":1,\"file\":\"sha256:../x\"}");
    test_put("home/manifests/f/latest.json", "{\"hearth\":1}");
    test_put("home/manifests/g/latest.json", "{}");
    test_put("home/manifests/h/latest.json", "not json");
    test_put("home/manifests/me/i/tag.json", "{\"hearth\":1,\"from\":\"ember\"}");
    test_put("home/manifests/me/i/.tag.json.1234.tmp", "part");
    test_put("home/manifests/stray.json", "{\"hearth\":1,\"from\":\"ember\"}");
    HthStore *m = store();
    assert_string_equal(listing(m),
                        "a:latest=bad<b;b:latest=bad<a;c:latest=bad<c;d:latest=bad<../x;"
                        "e:latest=bad;ember:latest=tiny!;f:latest=bad;g:latest=bad;h:"
                        "latest=bad;me/i:tag=tiny<ember;");
    hth_store_close(&m);
}

/* Links and devices in home's place are not written through. */
static void writes_no_links(void **state) {
    (void)state;
    HthErr err;
    bool missing;
    HthBlob *b = NULL;
    HthStore *m = store();
    test_put("outside/latest.json", "mine");
    test_put("home/manifests/ok/latest.json", "{\"hearth\":1,\"from\":\"ember\"}");
    assert_int_equal(symlink("../../outside", test_path("home/manifests/x")), 0);
    assert_status(create(m, "x", "ember", NULL, NULL, &missing, &err), HTH_EIO, err);
    assert_int_equal(mkdir(test_path("home/manifests/y"), 0700), 0);
    assert_int_equal(
        symlink("../../../outside/latest.json", test_path("home/manifests/y/latest.json")), 0);
    assert_status(create(m, "y", "ember", NULL, NULL, &missing, &err), HTH_EIO, err);
    assert_int_equal(symlink("../outside", test_path("home/blobs")), 0);
    char digest[80] = "sha256:";
    hex_of("", digest + 7);
    assert_status(hth_blob_begin(m, hth_str(digest), &b, &err), HTH_EIO, err);
    assert_int_equal(test_entries("outside"), 1);
    HthBuf text;
    test_load(&text, test_path("outside/latest.json"));
    assert_string_equal(text.p, "mine");
    hth_buf_drop(&text);
    hth_store_close(&m);
}

/* Any operation with any name leaves everything outside home as it was. */
static void random_names_stay_inside(void **state) {
    (void)state;
    static const char *const bits[] = { "..", "/",         ".",     "a",      "other",  "home",
                                        ":",  "~",         "\\",    "%2e",    "latest", "\n",
                                        "-",  "manifests", "blobs", "sha256", "*" };
    test_put("other/a.gguf", "model a");
    test_put("a.gguf", "model above");
    test_put("latest.json", "{}");
    const uint64_t before = test_folder_sum("home");
    HthStore *m = store();
    for (uint64_t seed = 0; seed < 3000; seed++) {
        char name[3][64];
        HthErr err;
        bool missing;
        for (int k = 0; k < 3; k++) {
            size_t n = 0;
            name[k][0] = '\0';
            for (uint32_t i = 0; i < 1 + hth_rng_below(seed, (uint64_t)k, 0, 5); i++)
                n += (size_t)snprintf(name[k] + n, sizeof name[k] - n, "%s",
                                      bits[hth_rng_below(seed, (uint64_t)k, i + 1, 17)]);
        }
        (void)!create(m, name[0], seed % 3 ? "ember" : name[1], NULL, NULL, &missing, &err);
        (void)!hth_store_copy(m, hth_str(name[1]), hth_str(name[2]), &missing, &err);
        (void)!hth_store_delete(m, hth_str(name[2]), &missing, &err);
        HthBlob *b = NULL;
        if (hth_blob_begin(m, hth_str(name[1]), &b, &err) == HTH_OK) hth_blob_abort(&b);
        HthStoreList *l = NULL;
        if (hth_store_find(m, hth_str(name[0]), &l, &err) == HTH_OK) hth_store_list_close(&l);
    }
    hth_store_close(&m);
    assert_int_equal(test_folder_sum("home"), before);
}

static void without_a_home(void **state) {
    (void)state;
    HthErr err;
    bool missing, there;
    HthStore *m = NULL;
    HthBlob *b = NULL;
    const HthStoreCfg cfg = { .folders = others, .folder_count = 1, .facts = read_facts };
    char digest[80] = "sha256:";
    hex_of("", digest + 7);
    test_put("other/a.gguf", "model a");
    assert_ok(hth_store_open(&m, &cfg, &err), err);
    assert_string_equal(listing(m), "a:latest=a!;");
    assert_status(hth_store_copy(m, HTH_STR("a"), HTH_STR("b"), &missing, &err), HTH_EDENIED, err);
    assert_status(hth_store_delete(m, HTH_STR("a"), &missing, &err), HTH_EDENIED, err);
    assert_status(hth_blob_begin(m, hth_str(digest), &b, &err), HTH_EDENIED, err);
    assert_ok(hth_blob_has(m, hth_str(digest), &there, NULL, &err), err);
    assert_false(there);
    hth_store_close(&m);
    setenv("HEARTH_MODELS", "/x/y", 1);
    HthBuf path;
    hth_buf_init(&path, 4096);
    assert_ok(hth_store_home(&path, &err), err);
    assert_string_equal(path.p, "/x/y");
    setenv("HEARTH_MODELS", "relative", 1);
    setenv("XDG_DATA_HOME", "/data", 1);
    hth_buf_clear(&path);
    assert_ok(hth_store_home(&path, &err), err);
    assert_string_equal(path.p, "/data/hearth/models");
    unsetenv("XDG_DATA_HOME");
    setenv("HOME", "/home/x", 1);
    hth_buf_clear(&path);
    assert_ok(hth_store_home(&path, &err), err);
    assert_string_equal(path.p, "/home/x/.local/share/hearth/models");
    unsetenv("HOME");
    assert_status(hth_store_home(&path, &err), HTH_EINVAL, err);
    hth_buf_drop(&path);
}

static void assert_same(const HthStored *a, const HthStored *b) {
    const char *const texts[][2] = { { a->full, b->full },
                                     { a->parent, b->parent },
                                     { a->digest, b->digest },
                                     { a->error, b->error },
                                     { a->path ? a->path : "", b->path ? b->path : "" },
                                     { a->facts.arch, b->facts.arch } };
    for (size_t i = 0; i < HTH_COUNT(texts); i++)
        if (strcmp(texts[i][0], texts[i][1]) != 0)
            fail_msg("%s: \"%s\" in the list, \"%s\" alone", a->full, texts[i][0], texts[i][1]);
    assert_true(a->memory.p == b->memory.p && a->memory.n == b->memory.n);
    assert_int_equal(a->bytes, b->bytes);
    assert_int_equal(a->parts, b->parts);
    assert_int_equal(a->modified_ns, b->modified_ns);
    assert_int_equal(a->own, b->own);
    assert_int_equal(a->made, b->made);
    assert_int_equal(a->revision, b->revision);
    assert_true(json_equal(a->settings, b->settings));
}

static uint64_t revision_of(HthStore *m, const char *name) {
    HthStoreList *l = NULL;
    HthErr err;
    assert_ok(hth_store_find(m, hth_str(name), &l, &err), err);
    assert_int_equal(l->count, 1);
    const uint64_t r = l->items[0].revision;
    hth_store_list_close(&l);
    return r;
}

/* One name alone is what it is among all. */
static void finds_one_as_among_all(void **state) {
    static const char *const files[][2] = {
        { "home/a.gguf", "model a" },
        { "home/a.json", "{\"hearth\":1,\"system\":\"of a\"}" },
        { "home/b-00001-of-00002.gguf", "model b" },
        { "home/b-00002-of-00002.gguf", "rest" },
        { "home/c-00001-of-00003.gguf", "model c" },
        { "home/bad.gguf", "garbage" },
        { "home/me/a.gguf", "model mine" },
        { "other/a.gguf", "model other" },
        { "other/o.gguf", "model o" },
        { "other/o.json", "{\"hearth\":1,\"parameters\":{\"top_p\":0.5}}" },
        { "home/manifests/o/latest.json", "{\"hearth\":1,\"from\":\"o\",\"system\":\"over\"}" },
        { "home/manifests/o/two.json", "{\"hearth\":1,\"from\":\"o\"}" },
        { "home/manifests/me/x/v1.json", "{\"hearth\":1,\"from\":\"o:two\",\"license\":[\"L\"]}" },
        { "home/manifests/y/latest.json", "{\"hearth\":1,\"from\":\"me/x:v1\"}" },
        { "home/manifests/e/latest.json", "{\"hearth\":1,\"from\":\"ember\"}" },
        { "home/manifests/f/latest.json", "{\"hearth\":1,\"from\":\"g\"}" },
        { "home/manifests/g/latest.json", "{\"hearth\":1,\"from\":\"f\"}" },
        { "home/manifests/h/latest.json", "{\"hearth\":1,\"from\":\"h\"}" },
        { "home/manifests/i/latest.json", "{\"hearth\":1,\"from\":\"nobody\"}" },
        { "home/manifests/j/latest.json", "{\"from\":\"a\"}" },
        { "home/manifests/k/latest.json", "{" },
        { "home/manifests/l/latest.json", "{\"hearth\":1,\"from\":\"bad\"}" },
        { "elsewhere/latest.json", "{\"hearth\":1,\"from\":\"a\"}" },
    };
    static const char *const nobody[] = { "elsewhere", "linked", "a:v2", "x", "me/b", "blobs/a" };
    (void)state;
    HthStoreList *all = NULL, *one = NULL;
    HthErr err;
    HthStore *m = store();
    for (size_t i = 0; i < HTH_COUNT(files); i++) test_put(files[i][0], files[i][1]);
    assert_int_equal(symlink("../../elsewhere", test_path("home/manifests/linked")), 0);
    assert_ok(hth_store_list(m, &all, &err), err);
    assert_int_equal(all->count, 18);
    for (size_t i = 0; i < all->count; i++) {
        assert_ok(hth_store_find(m, hth_str(all->items[i].full), &one, &err), err);
        assert_int_equal(one->count, 1);
        assert_same(&all->items[i], &one->items[0]);
        hth_store_list_close(&one);
    }
    for (size_t i = 0; i < HTH_COUNT(nobody); i++) {
        assert_ok(hth_store_find(m, hth_str(nobody[i]), &one, &err), err);
        if (one->count) fail_msg("%s is there", nobody[i]);
        hth_store_list_close(&one);
    }
    hth_store_list_close(&all);
    hth_store_close(&m);
}

/* The revision stays while settings do, and changes with those of anything they come from. */
static void revisions(void **state) {
    (void)state;
    HthStore *m = store();
    HthErr err;
    test_put("home/a.gguf", "model a");
    const uint64_t plain = revision_of(m, "a"), ember = revision_of(m, "ember");
    test_put("home/a.json", "{\"hearth\":1,\"system\":\"one\"}");
    const uint64_t a = revision_of(m, "a");
    assert_int_not_equal(a, plain);
    test_put("home/manifests/b/latest.json", "{\"hearth\":1,\"from\":\"a\"}");
    test_put("home/manifests/c/latest.json", "{\"hearth\":1,\"from\":\"b\"}");
    const uint64_t b = revision_of(m, "b"), c = revision_of(m, "c");
    assert_int_equal(revision_of(m, "a"), a);
    assert_int_equal(revision_of(m, "b"), b);
    test_put("home/a.json", "{\"hearth\":1,\"system\":\"another\"}");
    assert_int_not_equal(revision_of(m, "a"), a);
    assert_int_not_equal(revision_of(m, "b"), b);
    assert_int_not_equal(revision_of(m, "c"), c);
    uint64_t before = revision_of(m, "b");
    for (int i = 0; i < 20; i++) { /* as fast as it goes, and as long as the one before */
        bool missing = false;
        json_t *settings = json_pack("{s:s}", "system", i % 2 ? "odd " : "even");
        const HthStoreMake make = { HTH_STR("b"), HTH_STR("a"), HTH_STR(""), settings };
        assert_ok(hth_store_create(m, &make, &missing, &err), err);
        json_decref(settings);
        const uint64_t now = revision_of(m, "b");
        assert_int_not_equal(now, before);
        before = now;
    }
    assert_int_equal(revision_of(m, "ember"), ember);
    hth_store_close(&m);
}

/* As if it had changed so many seconds ago. */
static void aged(const char *name, long seconds) {
    struct timespec t[2];
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &t[0]), 0);
    t[0].tv_sec -= seconds;
    t[1] = t[0];
    assert_int_equal(utimensat(AT_FDCWD, test_path(name), t, 0), 0);
}

/* One number while nothing changes, another when a file came, and none when it has just come or
 * when other names decide. */
static void stamps(void **state) {
    (void)state;
    HthStore *m = store();
    const HthStr a = HTH_STR("a"), me = HTH_STR("me/d");
    test_put("home/a.gguf", "model a");
    test_put("home/me/d.gguf", "model d");
    assert_int_equal(hth_store_stamp(m, a), 0);
    aged("home", 100), aged("home/me", 90), aged("other", 80);
    const uint64_t one = hth_store_stamp(m, a), of_me = hth_store_stamp(m, me);
    assert_int_not_equal(one, 0);
    assert_int_equal(hth_store_stamp(m, a), one);
    test_put("home/me/e.gguf", "model e");
    assert_int_equal(hth_store_stamp(m, a), one);
    assert_int_equal(hth_store_stamp(m, me), 0);
    aged("home/me", 70);
    assert_int_not_equal(hth_store_stamp(m, me), 0);
    assert_int_not_equal(hth_store_stamp(m, me), of_me);
    test_put("other/a.gguf", "model a");
    aged("other", 60);
    const uint64_t two = hth_store_stamp(m, a);
    assert_int_not_equal(two, one);
    test_put("home/a.json", "{\"hearth\":1,\"system\":\"one\"}");
    aged("home", 100), aged("home/a.json", 50);
    const uint64_t three = hth_store_stamp(m, a);
    assert_int_not_equal(three, two);
    test_put("home/a.json", "{\"hearth\":1,\"system\":\"two\"}");
    aged("home", 100), aged("home/a.json", 40);
    assert_int_not_equal(hth_store_stamp(m, a), three);
    test_put("home/manifests/a/latest.json", "{\"hearth\":1,\"from\":\"b\"}");
    aged("home", 100);
    assert_int_equal(hth_store_stamp(m, a), 0);
    assert_int_not_equal(hth_store_stamp(m, HTH_STR("ember")), 0);
    assert_int_equal(hth_store_stamp(m, HTH_STR("../a")), 0);
    hth_store_close(&m);
}

int main(void) {
    hth_json_init();
#define IN_FOLDER(t) cmocka_unit_test_setup_teardown(t, begin, test_folder_drop)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(finds_one_as_among_all),
        IN_FOLDER(revisions),
        IN_FOLDER(stamps),
        IN_FOLDER(finds_files),
        IN_FOLDER(remembers_facts),
        IN_FOLDER(settings_beside),
        IN_FOLDER(digests),
        IN_FOLDER(one_that_cannot_be_read_is_passed_over),
        IN_FOLDER(makes_copies_deletes),
        IN_FOLDER(bases_that_are_none),
        IN_FOLDER(writes_no_links),
        IN_FOLDER(without_a_home),
        IN_FOLDER(random_names_stay_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
