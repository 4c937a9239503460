/* gguf_test.c - the handle: paths, files that are not models, borrowed memory. */
#include "unit/gguf/hostile.h"

#include <unistd.h>

#include "base/file.h"
#include "support/folder.h"

static void test_paths(void **state) {
    (void)state;
    HthGguf *h = NULL;
    HthErr err = { 0 };
    assert_int_equal(hth_gguf_open(&h, "/no/such/model.gguf", &err), HTH_EIO);
    assert_non_null(strstr(err.text, "/no/such/model.gguf"));
    assert_int_equal(hth_gguf_open(&h, "/tmp", &err), HTH_EINVAL);
    assert_int_equal(hth_gguf_open(&h, "", &err), HTH_EIO);
    assert_int_equal(hth_gguf_open(&h, "/dev/null", &err), HTH_EINVAL);
    assert_int_equal(hth_gguf_open(&h, "/no/such/model.gguf", NULL), HTH_EIO);
    assert_null(h);
}

static void test_by_path(void **state) {
    (void)state;
    const char *path = test_path("one.gguf");
    Gb *g = hth_calloc(1, sizeof *g);
    HthGguf *h = NULL;
    HthErr err;
    test_put("one.gguf", "");
    assert_int_equal(hth_gguf_open(&h, path, &err), HTH_EFORMAT); /* empty */
    assert_non_null(strstr(err.text, "the file is empty"));
    gb_good(g, 3);
    assert_int_equal(hth_file_write(path, g->b, g->n, 0600, &err), HTH_OK);
    assert_int_equal(hth_gguf_open(&h, path, &err), HTH_OK);
    assert_string_equal(hth_gguf_path(h), path);
    assert_int_equal(hth_gguf_file_bytes(h), g->n);
    HthStr bytes = hth_gguf_part(h, 0);
    assert_int_equal(bytes.n, g->n);
    assert_memory_equal(bytes.p, g->b, g->n);
    unlink(path); /* the mapping outlives the name */
    assert_int_equal(hth_gguf_tensor(h, HTH_STR("b.weight"))->data[0], 64);
    hth_gguf_close(&h);
    hth_free(g);
}

/* The name of the file in errors is one printable line, however hostile. */
static void test_hostile_name(void **state) {
    (void)state;
    char name[600];
    HthGguf *h = NULL;
    HthErr err;
    memset(name, 'x', sizeof name - 1);
    memcpy(name, "dir/\033[2J\n", 9);
    name[sizeof name - 1] = '\0';
    assert_int_equal(hth_gguf_open_mem(&h, "nope", 4, name, &err), HTH_EFORMAT);
    assert_memory_equal(err.text, "?[2J?xxx", 8);
    assert_non_null(strstr(err.text, "...: not a GGUF model"));
}

/* Unaligned memory gives the same answers. */
static void test_any_alignment(void **state) {
    (void)state;
    Gb *g = hth_calloc(1, sizeof *g);
    gb_good(g, 3);
    uint8_t *room = hth_calloc(1, g->n + 8);
    for (size_t shift = 0; shift < 8; shift++) {
        HthGguf *h = NULL;
        HthErr err;
        uint64_t v = 0;
        memcpy(room + shift, g->b, g->n);
        assert_int_equal(hth_gguf_open_mem(&h, room + shift, g->n, "t", &err), HTH_OK);
        assert_int_equal(hth_gguf_u64(h, "t.u64", &v, &err), HTH_OK);
        assert_true(v == UINT64_MAX);
        assert_true(hth_gguf_elem_f64(hth_gguf_find(h, "t.f64"), 0) == -2.5);
        assert_true(hth_gguf_elem_i64(hth_gguf_find(h, "t.i32s"), 1) == 77);
        hth_gguf_close(&h);
    }
    hth_free(room);
    hth_free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test_setup_teardown(test_by_path, test_folder_make, test_folder_drop),
        cmocka_unit_test(test_hostile_name),
        cmocka_unit_test(test_any_alignment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
