/* chats_test.c - conversations in and out, whose they are, and that what is deleted is gone. */
#include "support/test.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include "base/rng.h"
#include "support/folder.h"
#include "vault/chats.h"

static HthChats *open_chats(const HthChatsCfg *limits) {
    HthChats *c = NULL;
    HthErr err;
    HthChatsCfg cfg = limits ? *limits : (HthChatsCfg){ .path = NULL };
    cfg.path = test_path("chats.db");
    assert_ok(hth_chats_open(&c, &cfg, &err), err);
    return c;
}

static json_t *parse(const char *text) {
    json_t *v = NULL;
    HthErr err;
    assert_ok(hth_json_parse(&v, hth_str(text), 1 << 22, &err), err);
    return v;
}

/* A conversation of one message. */
static HthStatus put(HthChats *c, uint64_t user, const char *id, const char *title,
                     const char *content, int64_t now_ms) {
    HthErr err;
    bool conflict;
    json_t *chat =
        json_pack("{s:s, s:s, s:[{s:s, s:n, s:s, s:s}], s:s}", "id", id, "title", title, "messages",
                  "id", "m1", "parent", "role", "user", "content", content, "head", "m1");
    assert_non_null(chat);
    const HthStatus status =
        hth_chats_put(c, user, hth_str(id), chat, -1, now_ms, NULL, &conflict, &err);
    json_decref(chat);
    return status;
}

static const char *get(HthChats *c, uint64_t user, const char *id) {
    static char text[4096];
    HthErr err;
    HthBuf b;
    bool there = false;
    hth_buf_init(&b, sizeof text - 1);
    assert_ok(hth_chats_get(c, user, hth_str(id), &b, &there, &err), err);
    snprintf(text, sizeof text, "%s", there ? b.p : "none");
    hth_buf_drop(&b);
    return text;
}

/* "id id id/total" */
static const char *list(HthChats *c, uint64_t user, const char *words, uint32_t first, uint32_t n) {
    static char text[2][4096];
    static int turn;
    HthErr err;
    HthBuf b;
    hth_buf_init(&b, 1 << 22);
    assert_ok(hth_chats_list(c, user, hth_str(words), first, n, &b, &err), err);
    json_t *v = parse(hth_buf_str(&b).p);
    size_t at = 0, i;
    json_t *row;
    char *out = text[turn = !turn];
    json_array_foreach(json_object_get(v, "chats"), i, row) {
        at += (size_t)snprintf(out + at, sizeof text[0] - at, "%s ",
                               json_string_value(json_object_get(row, "id")));
        if (words[0] && words[0] != ' ' && words[0] != '\xff')
            assert_true(json_is_string(json_object_get(row, "snippet")));
    }
    snprintf(out + at, sizeof text[0] - at, "/%d",
             (int)json_integer_value(json_object_get(v, "total")));
    json_decref(v);
    hth_buf_drop(&b);
    return out;
}

static void in_and_out(void **state) {
    (void)state;
    HthErr err;
    bool conflict, there;
    int64_t updated = 0;
    HthChats *c = open_chats(NULL);
    assert_string_equal(get(c, 1, "a"), "none");
    json_t *chat =
        parse("{\"id\":\"a\",\"title\":\"T\",\"created\":5,\"updated\":7,\"messages\":["
              "{\"id\":\"1\",\"parent\":null,\"role\":\"user\",\"content\":\"Hi\"},"
              "{\"id\":\"2\",\"parent\":\"1\",\"role\":\"assistant\",\"content\":\"Ho\","
              "\"model\":\"ember\",\"stats\":{\"n\":1}},"
              "{\"id\":\"3\",\"parent\":\"1\",\"role\":\"assistant\",\"content\":\"Ha\"}],"
              "\"head\":\"3\",\"mine\":[1,2]}");
    assert_ok(hth_chats_put(c, 1, HTH_STR("a"), chat, -1, 1000, &updated, &conflict, &err), err);
    assert_int_equal(updated, 1000);
    json_t *back = parse(get(c, 1, "a"));
    assert_int_equal(json_integer_value(json_object_get(back, "created")), 1000);
    json_object_set_new(chat, "created", json_integer(1000));
    json_object_set_new(chat, "updated", json_integer(1000));
    assert_true(json_equal(chat, back));
    json_decref(back);
    /* the clock may stand still or go back: `updated` does not */
    assert_ok(hth_chats_put(c, 1, HTH_STR("a"), chat, 1000, 900, &updated, &conflict, &err), err);
    assert_int_equal(updated, 1001);
    assert_false(conflict);
    assert_ok(hth_chats_put(c, 1, HTH_STR("a"), chat, 1000, 2000, &updated, &conflict, &err), err);
    assert_true(conflict);
    assert_non_null(strstr(get(c, 1, "a"), "\"created\":1000,\"updated\":1001,"));
    assert_status(hth_chats_put(c, 1, HTH_STR("b"), chat, -1, 1, NULL, &conflict, &err), HTH_EINVAL,
                  err);
    assert_status(hth_chats_delete(c, 1, HTH_STR("a'b"), &there, &err), HTH_EINVAL, err);
    json_decref(chat);
    hth_chats_close(&c);
    c = open_chats(NULL); /* there it is again */
    assert_non_null(strstr(get(c, 1, "a"), "\"mine\":[1,2]"));
    assert_ok(hth_chats_delete(c, 1, HTH_STR("a"), &there, &err), err);
    assert_true(there);
    assert_ok(hth_chats_delete(c, 1, HTH_STR("a"), &there, &err), err);
    assert_false(there);
    assert_string_equal(get(c, 1, "a"), "none");
    hth_chats_close(&c);
    struct stat st;
    assert_int_equal(stat(test_path("chats.db"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void refuses(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        { "[]", "object" },
        { "{}", "'id'" },
        { "{\"id\":\"a\"}", "'messages'" },
        { "{\"id\":7,\"messages\":[]}", "'id'" },
        { "{\"id\":\"a\",\"title\":7,\"messages\":[]}", "'title'" },
        { "{\"id\":\"a\",\"messages\":{}}", "'messages'" },
        { "{\"id\":\"a\",\"messages\":[7]}", "messages[0] " },
        { "{\"id\":\"a\",\"messages\":[{}]}", "messages[0].id" },
        { "{\"id\":\"a\",\"messages\":[{\"id\":\"../x\"}]}", "messages[0].id" },
        { "{\"id\":\"a\",\"messages\":[{\"id\":\"1\",\"role\":\"root\",\"content\":\"\"}]}",
          "messages[0].role" },
        { "{\"id\":\"a\",\"messages\":[{\"id\":\"1\",\"role\":\"user\"}]}", "messages[0].content" },
        { "{\"id\":\"a\",\"messages\":[{\"id\":\"1\",\"parent\":\"1\",\"role\":\"user\","
          "\"content\":\"\"}]}",
          "messages[0].parent" },
        { "{\"id\":\"a\",\"messages\":[{\"id\":\"1\",\"role\":\"user\",\"content\":\"\"},"
          "{\"id\":\"1\",\"role\":\"user\",\"content\":\"\"}]}",
          "messages[1].id" },
        { "{\"id\":\"a\",\"messages\":[],\"head\":\"1\"}", "'head'" },
    };
    HthChats *c = open_chats(NULL);
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        HthErr err = { 0 };
        bool conflict;
        json_t *v = parse(rows[i].text);
        assert_status(hth_chats_put(c, 1, HTH_STR("a"), v, -1, 1, NULL, &conflict, &err),
                      HTH_EINVAL, err);
        if (!strstr(err.text, rows[i].says)) fail_msg("%s: %s", rows[i].text, err.text);
        json_decref(v);
    }
    assert_string_equal(list(c, 1, "", 0, 0), "/0");
    hth_chats_close(&c);
}

static void limits(void **state) {
    (void)state;
    static char big[3000];
    memset(big, 'x', sizeof big - 1);
    const HthChatsCfg cfg = { .chats_max = 3,
                              .messages_max = 2,
                              .chat_bytes_max = 2000,
                              .user_bytes_max = 4000,
                              .responses_max = 2 };
    HthChats *c = open_chats(&cfg);
    assert_int_equal(put(c, 1, "big", "", big, 1), HTH_ELIMIT);
    big[1700] = '\0';
    assert_int_equal(put(c, 1, "a", "", big, 1), HTH_OK);
    assert_int_equal(put(c, 1, "b", "", big, 1), HTH_OK);
    assert_int_equal(put(c, 1, "c", "", big, 1), HTH_ELIMIT); /* bytes of all */
    assert_int_equal(put(c, 1, "b", "", "short", 1), HTH_OK);
    assert_int_equal(put(c, 1, "c", "", "short", 1), HTH_OK);
    assert_int_equal(put(c, 1, "d", "", "short", 1), HTH_ELIMIT); /* number */
    assert_int_equal(put(c, 2, "d", "", "short", 1), HTH_OK); /* another's is his own */
    json_t *v =
        parse("{\"id\":\"a\",\"messages\":[{\"id\":\"1\",\"role\":\"user\",\"content\":\"\"},"
              "{\"id\":\"2\",\"role\":\"user\",\"content\":\"\"},"
              "{\"id\":\"3\",\"role\":\"user\",\"content\":\"\"}]}");
    HthErr err;
    bool conflict, there;
    assert_status(hth_chats_put(c, 1, HTH_STR("a"), v, -1, 1, NULL, &conflict, &err), HTH_ELIMIT,
                  err);
    json_decref(v);
    HthBuf b;
    hth_buf_init(&b, 10);
    assert_status(hth_chats_get(c, 1, HTH_STR("a"), &b, &there, &err), HTH_ELIMIT, err);
    assert_int_equal(b.n, 0);
    hth_buf_drop(&b);
    hth_chats_close(&c);
}

static void lists_and_finds(void **state) {
    (void)state;
    HthChats *c = open_chats(NULL);
    put(c, 1, "a", "Grüße", "The quick brown fox", 10);
    put(c, 1, "b", "Second", "jumps over the lazy dog", 30);
    put(c, 1, "c", "Third", "quick \"quotes\" AND NOT operators* (of) search: ^col", 20);
    put(c, 1, "d", "中文", "今天天气很好，我们去公园", 5);
    assert_string_equal(list(c, 1, "", 0, 0), "b c a d /4");
    assert_string_equal(list(c, 1, "", 1, 2), "c a /4");
    assert_string_equal(list(c, 1, "", 9, 2), "/4");
    static const struct {
        const char *words, *want;
    } rows[] = {
        { "quick", "c a /2" },    { "QUICK fox", "a /1" },  { "qui", "c a /2" },
        { "quick dog", "/0" },    { "qu fox", "/0" },       { "grusse", "/0" },
        { "gruße", "a /1" },      { "second", "b /1" },     { "\"quotes\"", "c /1" },
        { "NOT", "c /1" },        { "operators*", "c /1" }, { "search: ^col", "c /1" },
        { "who", "/0" },          { "u1", "/0" },           { "who:u2", "/0" },
        { "quick OR dog", "/0" }, { "(of", "c /1" },        { "}", "/0" },
        { "!!! \"", "/0" },       { "天气", "d /1" },       { "中文", "d /1" },
        { "公园", "d /1" },       { "气很坏", "/0" },       { "\xff\xfe", NULL },
        { "   ", "b c a d /4" },
    };
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        const char *got = list(c, 1, rows[i].words, 0, 0);
        if (rows[i].want && strcmp(got, rows[i].want)) fail_msg("%s: %s", rows[i].words, got);
        if (strcmp(rows[i].words, "   "))
            assert_string_equal(list(c, 2, rows[i].words, 0, 0), "/0");
    }
    HthErr err;
    HthBuf b;
    hth_buf_init(&b, 4096);
    assert_ok(hth_chats_list(c, 1, HTH_STR("lazy"), 0, 0, &b, &err), err);
    assert_non_null(strstr(b.p, "over the \xee\x80\x80lazy\xee\x80\x81 dog"));
    hth_buf_clear(&b);
    assert_ok(hth_chats_list(c, 1, HTH_STR("天气"), 0, 0, &b, &err), err);
    assert_non_null(strstr(b.p, "今天\xee\x80\x80天气\xee\x80\x81很好"));
    hth_buf_drop(&b);
    put(c, 1, "a", "New", "nothing of before", 40); /* the index follows */
    assert_string_equal(list(c, 1, "fox", 0, 0), "/0");
    assert_string_equal(list(c, 1, "nothing", 0, 0), "a /1");
    hth_chats_close(&c);
}

/* Users, ids and operations by chance, beside a table that knows what should be there. */
static void nobody_sees_anothers(void **state) {
    (void)state;
    enum { USERS = 4, IDS = 6 };
    static const uint64_t users[USERS] = { 0, 1, 11, UINT64_MAX };
    static char model[USERS][IDS][40];
    memset(model, 0, sizeof model);
    HthChats *c = open_chats(NULL);
    for (uint64_t i = 0; i < 1500; i++) {
        const uint32_t u = hth_rng_below(7, 0, i, USERS), d = hth_rng_below(7, 1, i, IDS);
        char id[8], secret[40];
        HthErr err;
        bool there;
        snprintf(id, sizeof id, "c%u", d);
        snprintf(secret, sizeof secret, "secret%ux%u", u, (unsigned)i);
        switch (hth_rng_below(7, 2, i, 8)) {
        case 0:
            assert_ok(hth_chats_delete(c, users[u], hth_str(id), &there, &err), err);
            assert_int_equal(there, model[u][d][0] != '\0');
            model[u][d][0] = '\0';
            break;
        case 1:
            if (i % 50) break;
            assert_ok(hth_chats_delete_all(c, users[u], &err), err);
            memset(model[u], 0, sizeof model[u]);
            break;
        case 2:
        case 3:
            assert_int_equal(put(c, users[u], id, "t", secret, (int64_t)i), HTH_OK);
            memcpy(model[u][d], secret, sizeof secret);
            break;
        default: {
            const char *got = get(c, users[u], id);
            if (model[u][d][0])
                assert_non_null(strstr(got, model[u][d]));
            else
                assert_string_equal(got, "none");
            const uint32_t other = hth_rng_below(7, 3, i, USERS);
            char want[40] = "/0";
            if (other == u && model[u][d][0]) snprintf(want, sizeof want, "%s /1", id);
            if (model[u][d][0]) assert_string_equal(list(c, users[other], model[u][d], 0, 0), want);
            uint32_t n = 0;
            for (uint32_t k = 0; k < IDS; k++) n += model[u][k][0] != '\0';
            snprintf(want, sizeof want, "/%u", n);
            assert_non_null(strstr(list(c, users[u], "", 0, 1), want));
        }
        }
    }
    hth_chats_close(&c);
}

/* Is this text in any file of the folder? */
static bool on_disk(const char *text) {
    DIR *d = opendir(test_folder);
    bool found = false;
    for (const struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        HthBuf b;
        test_load(&b, test_path(e->d_name));
        found = found || hth_str_find(hth_buf_str(&b), hth_str(text)) != SIZE_MAX;
        hth_buf_drop(&b);
    }
    closedir(d);
    return found;
}

static void deleted_is_gone(void **state) {
    (void)state;
    HthErr err;
    bool there;
    HthChats *c = open_chats(NULL);
    for (int i = 0; i < 60; i++) { /* company for it on every page */
        char id[16], text[2000];
        snprintf(id, sizeof id, "c%d", i);
        memset(text, 'a' + i % 26, 1500);
        snprintf(text + 1500, 400, " common words and number%d", i);
        put(c, 1, id, "title", text, i);
    }
    static char long_text[40000];
    size_t n = 0;
    for (int i = 0; i < 2500; i++)
        n += (size_t)snprintf(long_text + n, sizeof long_text - n, "xyzzy%d ", i);
    put(c, 1, "gone", "plughtitle", long_text, 100);
    put(c, 1, "c3", "title", "was plover here", 100);
    put(c, 1, "c4", "title", "frotzresponse", 100);
    assert_ok(hth_responses_put(c, 1, HTH_STR("r"), HTH_STR("gruebody"), 1, 1000, &err), err);
    assert_true(on_disk("xyzzy77 ") && on_disk("plughtitle") && on_disk("plover"));
    assert_true(on_disk("gruebody"));
    assert_ok(hth_chats_delete(c, 1, HTH_STR("gone"), &there, &err), err);
    put(c, 1, "c3", "title", "was", 200); /* a message taken out */
    assert_ok(hth_responses_delete(c, 1, HTH_STR("r"), &there, &err), err);
    assert_true(there);
    static const char *const words[] = { "xyzzy", "plugh", "plover", "gruebody" };
    for (size_t i = 0; i < HTH_COUNT(words); i++)
        if (on_disk(words[i])) fail_msg("%s is still there", words[i]);
    assert_true(on_disk("number9"));
    assert_ok(hth_chats_delete_all(c, 1, &err), err);
    assert_false(on_disk("number9"));
    assert_false(on_disk("frotz"));
    hth_chats_close(&c);
    assert_false(on_disk("number9"));
}

static void export_and_import(void **state) {
    (void)state;
    HthErr err;
    HthBuf b, again;
    uint32_t count = 0;
    hth_buf_init(&b, 1 << 20);
    hth_buf_init(&again, 1 << 20);
    HthChats *c = open_chats(NULL);
    put(c, 1, "a", "A", "one", 10);
    put(c, 1, "b", "B", "two", 20);
    put(c, 2, "c", "C", "three", 30);
    assert_ok(hth_chats_export(c, 1, &b, &err), err);
    assert_null(strstr(b.p, "three"));
    json_t *v = parse(b.p);
    assert_ok(hth_chats_import(c, 3, v, 1000, &count, &err), err);
    assert_int_equal(count, 2);
    assert_ok(hth_chats_export(c, 3, &again, &err), err);
    assert_string_equal(b.p, again.p);
    assert_string_equal(list(c, 3, "two", 0, 0), "b /1");
    assert_ok(hth_chats_import(c, 3, v, 1000, &count, &err), err);
    assert_int_equal(count, 0); /* nothing is newer */
    json_object_set_new(json_array_get(json_object_get(v, "chats"), 0), "updated",
                        json_integer(11));
    json_object_set_new(json_array_get(json_object_get(v, "chats"), 1), "id", json_integer(7));
    assert_status(hth_chats_import(c, 3, v, 1000, &count, &err), HTH_EINVAL, err);
    hth_buf_clear(&again);
    assert_ok(hth_chats_export(c, 3, &again, &err), err);
    assert_string_equal(b.p, again.p); /* all or nothing */
    json_decref(v);
    static const char *const bad[] = { "{}", "[]",
                                       "{\"hearth\":\"chats\",\"version\":2,\"chats\":[]}",
                                       "{\"hearth\":\"x\",\"version\":1,\"chats\":[]}",
                                       "{\"hearth\":\"chats\",\"version\":1,\"chats\":{}}" };
    for (size_t i = 0; i < HTH_COUNT(bad); i++) {
        v = parse(bad[i]);
        assert_status(hth_chats_import(c, 1, v, 1000, &count, &err), HTH_EINVAL, err);
        json_decref(v);
    }
    hth_buf_drop(&b);
    hth_buf_drop(&again);
    hth_chats_close(&c);
}

static void responses(void **state) {
    (void)state;
    HthErr err;
    HthBuf b;
    bool there;
    const HthChatsCfg cfg = { .responses_max = 3 };
    HthChats *c = open_chats(&cfg);
    hth_buf_init(&b, 4096);
    assert_ok(hth_responses_put(c, 1, HTH_STR("resp_1"), HTH_STR("[1]"), 10, 100, &err), err);
    assert_ok(hth_responses_put(c, 1, HTH_STR("resp_1"), HTH_STR("[2]"), 11, 100, &err), err);
    assert_ok(hth_responses_get(c, 1, HTH_STR("resp_1"), 50, &b, &there, &err), err);
    assert_true(there);
    assert_string_equal(b.p, "[2]");
    hth_buf_clear(&b);
    assert_ok(hth_responses_get(c, 2, HTH_STR("resp_1"), 50, &b, &there, &err), err);
    assert_false(there);
    assert_ok(hth_responses_get(c, 1, HTH_STR("resp_1"), 100, &b, &there, &err), err);
    assert_false(there); /* expired */
    assert_ok(hth_responses_delete(c, 2, HTH_STR("resp_1"), &there, &err), err);
    assert_false(there);
    for (int i = 2; i < 6; i++) {
        char id[16];
        snprintf(id, sizeof id, "resp_%d", i);
        assert_ok(hth_responses_put(c, 1, hth_str(id), HTH_STR("x"), 10 + i, 1000, &err), err);
    }
    assert_ok(hth_responses_get(c, 1, HTH_STR("resp_2"), 50, &b, &there, &err), err);
    assert_false(there); /* the oldest went */
    assert_ok(hth_responses_get(c, 1, HTH_STR("resp_3"), 50, &b, &there, &err), err);
    assert_true(there);
    assert_status(hth_responses_put(c, 1, HTH_STR("a b"), HTH_STR("x"), 1, 2, &err), HTH_EINVAL,
                  err);
    hth_buf_drop(&b);
    hth_chats_close(&c);
}

static void other_files(void **state) {
    (void)state;
    HthChats *c = NULL;
    HthErr err;
    char keep[320];
    snprintf(keep, sizeof keep, "%s", test_path("other.db"));
    const HthChatsCfg good = { .path = keep };
    test_put("other.db", "this is a text of more than sixteen bytes, and no database at all");
    assert_status(hth_chats_open(&c, &good, &err), HTH_EFORMAT, err);
    unlink(keep);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(keep, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE t (x)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_status(hth_chats_open(&c, &good, &err), HTH_EFORMAT, err);
    assert_non_null(strstr(err.text, "another program"));
    unlink(keep);
    assert_ok(hth_chats_open(&c, &good, &err), err);
    hth_chats_close(&c);
    assert_int_equal(sqlite3_open(keep, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version=99", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_status(hth_chats_open(&c, &good, &err), HTH_EFORMAT, err);
    assert_non_null(strstr(err.text, "newer"));
    assert_int_equal(symlink("other.db", test_path("link.db")), 0);
    const HthChatsCfg link = { .path = test_path("link.db") };
    assert_status(hth_chats_open(&c, &link, &err), HTH_EIO, err);
    const HthChatsCfg nowhere = { .path = "/nowhere/at/all.db" };
    assert_status(hth_chats_open(&c, &nowhere, &err), HTH_EIO, err);
    assert_null(c);
}

/* Each version of it is shorter, so that each takes old words out of the index. */
static json_t *shorter_and_shorter(int count) {
    static char content[4096];
    json_t *all = json_array();
    for (int i = 0; i < count; i++) {
        snprintf(content, sizeof content, "last%d %0*d", i, count - i, 0);
        (void)json_array_append_new(
            all, json_pack("{s:s, s:s, s:i, s:i, s:[{s:s, s:n, s:s, s:s}], s:s}", "id", "c",
                           "title", "t", "created", 1, "updated", i + 1, "messages", "id", "m1",
                           "parent", "role", "user", "content", content, "head", "m1"));
    }
    return json_pack("{s:s, s:i, s:o}", "hearth", "chats", "version", 1, "chats", all);
}

/* More often than the index of words has levels. */
static void deleted_without_end(void **state) {
    (void)state;
    enum { TIMES = 2100, WORDS = 3000 };
    static char words[WORDS * 8];
    HthErr err;
    HthChats *c = open_chats(NULL);
    size_t n = (size_t)snprintf(words, sizeof words, "evergreen"); /* and more than a page of it */
    for (int i = 0; i < WORDS; i++)
        n += (size_t)snprintf(words + n, sizeof words - n, " w%d", i * i % 9973);
    assert_ok(put(c, 1, "other", "stays", words, 1), err);
    json_t *all = shorter_and_shorter(TIMES);
    uint32_t count = 0;
    assert_ok(hth_chats_import(c, 1, all, TIMES + 1, &count, &err), err);
    assert_int_equal(count, TIMES);
    json_decref(all);
    assert_ok(put(c, 1, "more", "t", "and on", 3), err);
    assert_string_equal(list(c, 1, "evergreen", 0, 0), "other /1");
    assert_string_equal(list(c, 1, "last2099", 0, 0), "c /1");
    assert_string_equal(list(c, 1, "last2098", 0, 0), "/0");
    hth_chats_close(&c);
    c = open_chats(NULL);
    assert_string_equal(list(c, 1, "evergreen", 0, 0), "other /1");
    hth_chats_close(&c);
}

/* As hearth left it before: one level more than SQLite opens. */
static void too_many_levels(void **state) {
    (void)state;
    HthChats *c = open_chats(NULL);
    HthErr err;
    sqlite3 *db = NULL;
    assert_ok(put(c, 1, "a", "title", "evergreen", 1), err);
    hth_chats_close(&c);
    assert_int_equal(sqlite3_open(test_path("chats.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "UPDATE words_data SET block = CAST(X'000000008F510000' ||"
                                  " zeroblob(4002) AS BLOB) WHERE id = 10",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_not_equal(
        sqlite3_exec(db, "SELECT * FROM words WHERE words MATCH 'a'", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    c = open_chats(NULL);
    assert_string_equal(list(c, 1, "evergreen", 0, 0), "a /1");
    assert_ok(put(c, 1, "b", "title", "evergreen", 2), err);
    assert_string_equal(list(c, 1, "evergreen", 0, 0), "b a /2");
    hth_chats_close(&c);
}

int main(void) {
    hth_json_init();
#define IN_FOLDER(t) cmocka_unit_test_setup_teardown(t, test_folder_make, test_folder_drop)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(in_and_out),
        IN_FOLDER(deleted_without_end),
        IN_FOLDER(too_many_levels),
        IN_FOLDER(refuses),
        IN_FOLDER(limits),
        IN_FOLDER(lists_and_finds),
        IN_FOLDER(deleted_is_gone),
        IN_FOLDER(export_and_import),
        IN_FOLDER(responses),
        IN_FOLDER(other_files),
        IN_FOLDER(nobody_sees_anothers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
