/* store_blobs_test.c - files that were uploaded: whole, named by their digest, kept as long as
 * somebody needs them, refused once their bytes are others. */
#include <fcntl.h>
#include <time.h>

#include "unit/vault/store_world.h"

static void blobs(void **state) {
    (void)state;
    char hex[65], digest[80];
    HthErr err;
    HthBlob *b = NULL;
    bool there, missing;
    uint64_t bytes = 0;
    HthStore *m = store();
    hex_of("model up", hex);
    snprintf(digest, sizeof digest, "sha256:%s", hex);
    assert_ok(hth_blob_has(m, hth_str(digest), &there, &bytes, &err), err);
    assert_false(there);
    assert_status(create(m, "x", NULL, digest, NULL, &missing, &err), HTH_EINVAL, err);
    assert_true(missing);
    assert_ok(hth_blob_begin(m, hth_str(digest), &b, &err), err);
    assert_ok(hth_blob_add(b, "model", 5, &err), err);
    assert_ok(hth_blob_has(m, hth_str(digest), &there, &bytes, &err), err);
    assert_false(there); /* not before it is whole */
    assert_ok(hth_blob_add(b, " up", 3, &err), err);
    assert_ok(hth_blob_commit(&b, &err), err);
    assert_null(b);
    assert_ok(hth_blob_has(m, hth_str(digest), &there, &bytes, &err), err);
    assert_true(there);
    assert_int_equal(bytes, 8);
    assert_ok(hth_blob_begin(m, hth_str(digest), &b, &err), err); /* by descriptor */
    assert_int_equal(write(hth_blob_fd(b), "model up", 8), 8);
    assert_ok(hth_blob_commit(&b, &err), err);
    assert_ok(hth_blob_begin(m, hth_str(digest), &b, &err), err);
    assert_ok(hth_blob_add(b, "model uq", 8, &err), err);
    assert_status(hth_blob_commit(&b, &err), HTH_EINVAL, err);
    assert_ok(hth_blob_begin(m, hth_str(digest), &b, &err), err);
    assert_int_equal(hth_blob_max(b), 1000);
    char big[1001] = { 0 };
    assert_status(hth_blob_add(b, big, sizeof big, &err), HTH_ELIMIT, err);
    hth_blob_abort(&b);
    hth_blob_abort(&b);
    assert_status(hth_blob_begin(m, HTH_STR("sha256:../../x"), &b, &err), HTH_EINVAL, err);
    assert_int_equal(test_entries("home/blobs"), 1);
    test_put("home/blobs/.upload-0123", "left by a crash");
    assert_ok(hth_blob_begin(m, hth_str(digest), &b, &err), err);
    assert_int_equal(test_entries("home/blobs"), 2); /* the blob and the one being written */
    HthBlob *second = NULL;
    assert_ok(hth_blob_begin(m, hth_str(digest), &second, &err), err);
    assert_int_equal(test_entries("home/blobs"), 3); /* which is not swept away */
    hth_blob_abort(&second);
    hth_blob_abort(&b);
    hth_store_close(&m);
}

static void upload(HthStore *m, const char *text, char digest[80]) {
    HthErr err;
    HthBlob *b = NULL;
    memcpy(digest, "sha256:", 8);
    hex_of(text, digest + 7);
    assert_ok(hth_blob_begin(m, hth_str(digest), &b, &err), err);
    assert_ok(hth_blob_add(b, text, strlen(text), &err), err);
    assert_ok(hth_blob_commit(&b, &err), err);
}

/* A blob stays as long as somebody may need it. */
static void made_from_blobs(void **state) {
    (void)state;
    char digest[80];
    HthErr err;
    bool there, missing;
    HthStore *m = store();
    upload(m, "model up", digest);
    assert_ok(create(m, "x", NULL, digest, "{\"system\":\"hi\"}", &missing, &err), err);
    assert_ok(hth_store_copy(m, HTH_STR("x"), HTH_STR("y"), &missing, &err), err);
    assert_string_equal(listing(m), "ember:latest=tiny!;x:latest=up;y:latest=up<x:latest;");
    HthStoreList *l = NULL;
    assert_ok(hth_store_find(m, HTH_STR("x"), &l, &err), err);
    assert_string_equal(l->items[0].digest, digest + 7);
    hth_store_list_close(&l);
    assert_ok(hth_store_delete(m, HTH_STR("x"), &missing, &err), err);
    assert_ok(hth_blob_has(m, hth_str(digest), &there, NULL, &err), err);
    assert_true(there); /* y needs it */
    test_put("home/manifests/odd/latest.json", "broken");
    assert_ok(hth_store_delete(m, HTH_STR("y"), &missing, &err), err);
    assert_ok(hth_blob_has(m, hth_str(digest), &there, NULL, &err), err);
    assert_true(there); /* somebody may */
    assert_ok(hth_store_delete(m, HTH_STR("odd"), &missing, &err), err);
    assert_ok(create(m, "x", NULL, digest, NULL, &missing, &err), err);
    assert_ok(hth_store_delete(m, HTH_STR("x"), &missing, &err), err);
    assert_ok(hth_blob_has(m, hth_str(digest), &there, NULL, &err), err);
    assert_false(there);
    upload(m, "garbage", digest);
    assert_status(create(m, "x", NULL, digest, NULL, &missing, &err), HTH_EFORMAT, err);
    hth_store_close(&m);
}

/* Writes into a blob as if it were hours later, each time an hour more. */
static void change(const char *digest, const char *text) {
    static int hours;
    char path[120];
    snprintf(path, sizeof path, "home/blobs/sha256-%s", digest + 7);
    test_put(path, text);
    struct stat st;
    assert_int_equal(stat(test_path(path), &st), 0);
    const struct timespec later[2] = { st.st_atim, { st.st_mtim.tv_sec + 3600 * ++hours, 0 } };
    assert_int_equal(utimensat(AT_FDCWD, test_path(path), later, 0), 0);
}

/* A blob is named by its digest; one whose bytes have another is refused when that is found. */
static void blobs_that_were_changed(void **state) {
    (void)state;
    char digest[80], hex[65];
    HthErr err;
    bool missing, more = true;
    HthStore *m = store();
    HthStoreList *l = NULL;
    upload(m, "model up", digest);
    assert_ok(create(m, "x", NULL, digest, NULL, &missing, &err), err);
    assert_ok(hth_store_copy(m, HTH_STR("x"), HTH_STR("y"), &missing, &err), err);
    assert_ok(hth_store_digest(m, HTH_STR("x"), NULL, NULL, hex, &err), err);
    change(digest, "model uq");
    assert_ok(hth_store_find(m, HTH_STR("x"), &l, &err), err);
    assert_string_equal(l->items[0].error, ""); /* nobody has read it yet */
    assert_status(hth_store_digest_of(m, &l->items[0], NULL, NULL, hex, &err), HTH_EFORMAT, err);
    assert_non_null(strstr(err.text, "changed or is damaged"));
    hth_store_list_close(&l);
    assert_status(hth_store_digest(m, HTH_STR("y"), NULL, NULL, hex, &err), HTH_EFORMAT, err);
    assert_ok(hth_store_find(m, HTH_STR("y"), &l, &err), err);
    assert_non_null(strstr(l->items[0].error, "changed or is damaged")); /* now it is known */
    hth_store_list_close(&l);
    hth_store_close(&m);
    m = store();
    assert_ok(hth_store_digest_next(m, NULL, NULL, &more, &err), err);
    assert_false(more); /* remembered, and not tried again and again */
    change(digest, "model up");
    assert_ok(hth_store_digest(m, HTH_STR("x"), NULL, NULL, hex, &err), err);
    assert_string_equal(hex, digest + 7);
    hth_store_close(&m);
}

/* One file over another: both stay as long as they are needed, and what is made from it has it. */
static void laid_over(void **state) {
    (void)state;
    char digest[80], over[80], settings[120];
    HthErr err;
    bool there, missing;
    HthStoreList *l = NULL;
    HthStore *m = store();
    upload(m, "model up", digest);
    snprintf(over, sizeof over, "sha256:");
    hex_of("an adapter", over + 7);
    snprintf(settings, sizeof settings, "{\"adapter\":\"%s\"}", over);
    assert_status(create(m, "x", NULL, digest, settings, &missing, &err), HTH_EINVAL, err);
    assert_non_null(strstr(err.text, "uploaded"));
    upload(m, "an adapter", over);
    assert_ok(create(m, "x", NULL, digest, settings, &missing, &err), err);
    assert_ok(hth_store_copy(m, HTH_STR("x"), HTH_STR("y"), &missing, &err), err);
    for (int i = 0; i < 2; i++) {
        assert_ok(hth_store_find(m, hth_str(i ? "y" : "x"), &l, &err), err);
        assert_string_equal(l->items[0].error, "");
        assert_non_null(strstr(l->items[0].adapter, over + 7));
        assert_int_equal(access(l->items[0].adapter, R_OK), 0);
        hth_store_list_close(&l);
    }
    assert_ok(hth_store_delete(m, HTH_STR("x"), &missing, &err), err);
    assert_ok(hth_blob_has(m, hth_str(over), &there, NULL, &err), err);
    assert_true(there); /* y needs it */
    assert_ok(hth_store_delete(m, HTH_STR("y"), &missing, &err), err);
    assert_ok(hth_blob_has(m, hth_str(over), &there, NULL, &err), err);
    assert_false(there);
    assert_ok(hth_blob_has(m, hth_str(digest), &there, NULL, &err), err);
    assert_false(there);
    /* by hand */
    test_put("home/manifests/gone/latest.json",
             "{\"hearth\":1,\"from\":\"ember\",\"adapter\":\"sha256:"
             "0000000000000000000000000000000000000000000000000000000000000000\"}");
    test_put("home/manifests/odd/latest.json",
             "{\"hearth\":1,\"from\":\"ember\",\"adapter\":\"../../x\"}");
    assert_ok(hth_store_find(m, HTH_STR("gone"), &l, &err), err);
    assert_non_null(strstr(l->items[0].error, "adapter"));
    assert_null(l->items[0].adapter);
    hth_store_list_close(&l);
    assert_ok(hth_store_find(m, HTH_STR("odd"), &l, &err), err);
    assert_string_not_equal(l->items[0].error, "");
    assert_null(l->items[0].adapter);
    hth_store_list_close(&l);
    hth_store_close(&m);
}

int main(void) {
    hth_json_init();
#define IN_FOLDER(t) cmocka_unit_test_setup_teardown(t, begin, test_folder_drop)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(blobs),
        IN_FOLDER(made_from_blobs),
        IN_FOLDER(blobs_that_were_changed),
        IN_FOLDER(laid_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
