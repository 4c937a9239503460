/* erase_test.c - a subject erased: its texts are gone, the log and its proofs stay as they were. */
#include "support/test.h"

#include "audit/erase.h"
#include "base/json.h"
#include "support/audit_log.h"
#include "support/folder.h"

typedef struct Keys {
    bool gone[2], refuses;
} Keys;

static unsigned which(HthStr subject) {
    return hth_str_eq(subject, HTH_STR("bob"));
}

static HthStatus key_of(void *payload, HthStr subject, bool make, uint8_t out[HTH_AEAD_KEY_BYTES],
                        HthErr *err) {
    const Keys *k = payload;
    (void)make;
    HTH_REQUIRE(!k->gone[which(subject)], err, HTH_EDENIED, "the key was destroyed");
    memset(out, (int)which(subject) + 1, HTH_AEAD_KEY_BYTES);
    return HTH_OK;
}

static HthStatus forget(void *payload, HthStr subject, HthErr *err) {
    Keys *k = payload;
    HTH_REQUIRE(!k->refuses, err, HTH_EIO, "the keys cannot be written");
    k->gone[which(subject)] = true;
    return HTH_OK;
}

/* How many texts of the log can be read, and whether `what` is the action of its last erasure. */
static unsigned readable(const char *dir, const HthContentKeys *keys, const char *what) {
    HthErr err;
    HthAuditReader r = { 0 };
    HthRecord rec;
    unsigned texts = 0;
    char action[33] = "";
    assert_ok(hth_audit_reader_open(&r, dir, &err), err);
    while (hth_audit_next(&r, &rec)) {
        static HthEntry e;
        HthBuf room, text;
        hth_buf_init(&room, HTH_LEAF_MAX);
        hth_buf_init(&text, 4096);
        assert_ok(hth_entry_read(&e, &room, rec.entry, &err), err);
        texts += hth_content_get(&text, &e, rec.sealed, keys, &err) == HTH_OK;
        if (e.type == HTH_ENTRY_ERASE)
            snprintf(action, sizeof action, "%.*s", HTH_STR_ARG(e.v[HTH_FIELD_ACTION].text));
        hth_buf_drop(&text);
        hth_buf_drop(&room);
    }
    hth_audit_reader_close(&r);
    assert_string_equal(action, what);
    return texts;
}

static void erased(void **state) {
    (void)state;
    static Keys k;
    const HthContentKeys keys = { key_of, forget, &k }, none = { key_of, NULL, &k };
    HthErr err;
    HthAudit *a = NULL;
    HthBuf before, after, sealed, text;
    char dir[256];
    k = (Keys){ 0 };
    snprintf(dir, sizeof dir, "%s", test_path("log"));
    assert_ok(hth_audit_open(&a, dir, NULL, &err), err);
    for (unsigned i = 0; i < 10; i++) {
        static HthEntry e;
        hth_buf_init(&sealed, 4096);
        hth_buf_init(&text, HTH_LEAF_MAX);
        hth_entry_begin(&e, HTH_ENTRY_ACCEPTED);
        hth_entry_text(&e, HTH_FIELD_REQUEST, HTH_STR("r"));
        assert_ok(hth_content_put(&e, &sealed, HTH_CONTENT_ENCRYPTED,
                                  i % 3 ? HTH_STR("alice") : HTH_STR("bob"), HTH_STR("words"),
                                  &keys, &err),
                  err);
        assert_ok(hth_entry_write(&text, &e, &err), err);
        assert_ok(hth_audit_append_wait(a, hth_buf_str(&text), hth_buf_str(&sealed), NULL, &err),
                  err);
        hth_buf_drop(&sealed);
        hth_buf_drop(&text);
    }
    assert_ok(hth_audit_checkpoint(a, &err), err);
    hth_buf_init(&before, 1 << 20);
    assert_ok(hth_audit_prove(&before, dir, HTH_SHA3_256, 3, &err), err);
    assert_int_equal(readable(dir, &keys, ""), 10);

    assert_status(hth_audit_erase(a, HTH_STR("bob"), HTH_STR("root"), &none, &err), HTH_ENOTSUP,
                  err);
    k.refuses = true; /* it was begun, and is not done */
    assert_status(hth_audit_erase(a, HTH_STR("bob"), HTH_STR("root"), &keys, &err), HTH_EIO, err);
    assert_int_equal(readable(dir, &keys, "begun"), 10);
    k.refuses = false;
    assert_ok(hth_audit_erase(a, HTH_STR("bob"), HTH_STR("root"), &keys, &err), err);
    assert_int_equal(readable(dir, &keys, "done"), 6);

    hth_buf_init(&after, 1 << 20); /* the same proof, of the same checkpoint */
    assert_ok(hth_audit_prove(&after, dir, HTH_SHA3_256, 3, &err), err);
    assert_true(hth_str_eq(hth_buf_str(&before), hth_buf_str(&after)));
    assert_ok(hth_audit_close(&a, &err), err);
    assert_ok(audit_verify(dir, NULL, NULL, &err), err);
    hth_buf_drop(&before);
    hth_buf_drop(&after);
}

int main(void) {
    hth_json_init();
    const struct CMUnitTest tests[] = { cmocka_unit_test(erased) };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_drop);
}
