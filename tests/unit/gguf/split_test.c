/* split_test.c - models in several files, whole and mutilated, from any part. */
#include "unit/gguf/hostile.h"

#include <unistd.h>

#include "base/file.h"
#include "support/folder.h"

static Gb *g;

typedef struct Part {
    uint64_t no, count, tensors;
    const char *tensor; /* one F32[8] tensor of this name; NULL: none */
    const char *file; /* in the folder; NULL: not written */
} Part;

static void path_of(char path[256], const char *file) {
    snprintf(path, 256, "%s/%s", test_folder, file);
}

static void write_part(const Part *p) {
    char path[256];
    HthErr err;
    gb_begin(g, 3);
    gb_kv_int(g, "split.no", GB_U16, p->no);
    gb_kv_int(g, "split.count", GB_U16, p->count);
    gb_kv_int(g, "split.tensors.count", GB_I32, p->tensors);
    if (p->no == 0) gb_kv_str(g, "general.architecture", "llama");
    if (p->tensor) {
        gb_tensor(g, p->tensor, 1, (const uint64_t[]){ 8 }, 0, 0);
        gb_data(g, 32, 32);
        g->b[g->n - 32] = (uint8_t)(100 + p->no);
    }
    gb_counts(g);
    path_of(path, p->file);
    if (hth_file_write(path, g->b, g->n, 0600, &err) != HTH_OK) fail_msg("%s", err.text);
}

static void remove_all(const Part *parts, size_t n) {
    for (size_t i = 0; i < n; i++) {
        char path[256];
        if (parts[i].file == NULL) continue;
        path_of(path, parts[i].file);
        unlink(path);
    }
}

/* Writes the parts, opens `file`, wants the status and the words. */
static void expect(const Part *parts, size_t n, const char *file, HthStatus want,
                   const char *says) {
    char path[256];
    HthGguf *h = NULL;
    HthErr err = { 0 };
    uint64_t live = hth_mem_live();
    for (size_t i = 0; i < n; i++)
        if (parts[i].file) write_part(&parts[i]);
    path_of(path, file);
    HthStatus status = hth_gguf_open(&h, path, &err);
    if (status != want || !strstr(err.text, says))
        fail_msg("%s: %s \"%s\", want \"%s\"", file, hth_status_name(status), err.text, says);
    hth_gguf_close(&h);
    assert_true(hth_mem_live() == live);
    remove_all(parts, n);
}

static const Part good[] = {
    { 0, 3, 2, NULL, "m-00001-of-00003.gguf" },
    { 1, 3, 2, "b", "m-00002-of-00003.gguf" },
    { 2, 3, 2, "a", "m-00003-of-00003.gguf" },
};

static void test_any_part_opens_all(void **state) {
    (void)state;
    char first[256];
    path_of(first, good[0].file);
    for (size_t i = 0; i < 3; i++) write_part(&good[i]);
    for (size_t i = 0; i < 3; i++) {
        char path[256];
        HthGguf *h = NULL;
        HthErr err;
        HthStr arch;
        path_of(path, good[i].file);
        assert_int_equal(hth_gguf_open(&h, path, &err), HTH_OK);
        assert_string_equal(hth_gguf_path(h), first);
        assert_int_equal(hth_gguf_part_count(h), 3);
        assert_int_equal(hth_gguf_tensor_count(h), 2);
        assert_int_equal(hth_gguf_str(h, "general.architecture", &arch, &err), HTH_OK);
        const HthGgufTensor *a = hth_gguf_tensor(h, HTH_STR("a"));
        const HthGgufTensor *b = hth_gguf_tensor(h, HTH_STR("b"));
        assert_true(a->part == 2 && a->data[0] == 102);
        assert_true(b->part == 1 && b->data[0] == 101);
        assert_ptr_equal(hth_gguf_tensor_at(h, 0), b);
        size_t sum = 0;
        for (uint32_t p = 0; p < 3; p++) {
            HthStr bytes = hth_gguf_part(h, p);
            assert_memory_equal(bytes.p, "GGUF", 4);
            sum += bytes.n;
        }
        assert_int_equal(hth_gguf_file_bytes(h), sum);
        assert_true((const char *)a->data >= hth_gguf_part(h, 2).p);
        hth_gguf_close(&h);
    }
    remove_all(good, 3);
}

static void test_missing(void **state) {
    (void)state;
    static const char *const says[] = {
        "m-00001-of-00003.gguf: part 1 of 3 of the model is missing",
        "m-00002-of-00003.gguf: part 2 of 3 of the model is missing",
        "m-00003-of-00003.gguf: part 3 of 3 of the model is missing",
    };
    for (size_t gone = 0; gone < 3; gone++) {
        for (size_t given = 0; given < 3; given++) {
            if (given == gone) continue;
            Part parts[3];
            memcpy(parts, good, sizeof parts);
            parts[gone].file = NULL;
            expect(parts, 3, good[given].file, HTH_EIO, says[gone]);
        }
    }
}

static void test_inconsistent(void **state) {
    (void)state;
    static const struct {
        Part one, two;
        const char *says;
    } cases[] = {
        { { 0, 2, 1, NULL, "m-00001-of-00002.gguf" },
          { 1, 3, 1, "a", "m-00002-of-00002.gguf" },
          "m-00002-of-00002.gguf: says the model has 3 parts" },
        { { 0, 2, 1, NULL, "m-00001-of-00002.gguf" },
          { 0, 2, 1, "a", "m-00002-of-00002.gguf" },
          "says it is part 1 where 2 is expected" },
        { { 0, 2, 1, NULL, "m-00001-of-00002.gguf" },
          { 1, 2, 7, "a", "m-00002-of-00002.gguf" },
          "says the model has 7 tensors" },
        { { 0, 2, 3, "b", "m-00001-of-00002.gguf" },
          { 1, 2, 3, "a", "m-00002-of-00002.gguf" },
          "the parts hold 2 tensors where split.tensors.count says 3" },
        { { 0, 2, 2, "a", "m-00001-of-00002.gguf" },
          { 1, 2, 2, "a", "m-00002-of-00002.gguf" },
          "tensor 'a' appears twice" },
        { { 0, 2, 1, NULL, "m-00001-of-00002.gguf" },
          { 1, 1, 1, "a", "m-00002-of-00002.gguf" },
          "says the model has 1 parts" },
        { { 5, 2, 1, NULL, "m-00001-of-00002.gguf" },
          { 1, 2, 1, "a", "m-00002-of-00002.gguf" },
          "metadata 'split.no' is not a number up to 1" },
        { { 0, 2000, 1, NULL, "m-00001-of-02000.gguf" },
          { 1, 2000, 1, "a", "m-00002-of-02000.gguf" },
          "metadata 'split.count' is not a number up to 1024" },
        { { 0, 2, UINT64_MAX, NULL, "m-00001-of-00002.gguf" },
          { 1, 2, 1, "a", "m-00002-of-00002.gguf" },
          "metadata 'split.tensors.count' is not a number" },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        Part parts[] = { cases[i].one, cases[i].two };
        expect(parts, 2, parts[0].file, HTH_EFORMAT, cases[i].says);
    }
}

/* split.count alone does not make a split model. */
static void test_keys_missing(void **state) {
    (void)state;
    static const char *const keys[] = { "split.no", "split.tensors.count" };
    for (size_t gone = 0; gone < 2; gone++) {
        char says[80];
        HthGguf *h = NULL;
        HthErr err = { 0 };
        gb_begin(g, 3);
        gb_kv_int(g, "split.count", GB_U16, 2);
        gb_kv_int(g, keys[1 - gone], GB_U32, 0);
        gb_counts(g);
        snprintf(says, sizeof says, "part of a split model without '%s'", keys[gone]);
        assert_int_equal(hth_gguf_open_mem(&h, g->b, g->n, "t", &err), HTH_EFORMAT);
        assert_non_null(strstr(err.text, says));
    }
}

/* A part that says it is another one than its name: opening the second finds the first wrong. */
static void test_names(void **state) {
    (void)state;
    static const char *const names[] = {
        "m.gguf",
        "m-00001-of-00003.gguf",
        "m-00002-of-00002.gguf",
        "m-0001-of-00002.gguf",
        "m-00001-of-00002.GGUF",
        "m-+0001-of-00002.gguf",
        "m-00001-of-00002.gguf.part",
        "m_00001-of-00002.gguf",
        "00001-of-00002.gguf",
    };
    for (size_t i = 0; i < HTH_COUNT(names); i++) {
        Part part = { 0, 2, 1, "a", names[i] };
        expect(&part, 1, names[i], HTH_EFORMAT, "not named NAME-00001-of-00002.gguf");
    }
    static const Part swapped[] = {
        { 1, 2, 1, NULL, "m-00001-of-00002.gguf" },
        { 1, 2, 1, "a", "m-00002-of-00002.gguf" },
    };
    expect(swapped, 2, swapped[1].file, HTH_EFORMAT, "says it is part 2 where 1 is expected");
}

/* split.count of 1 or 0 is a whole model, whatever its name; a damaged part is named. */
static void test_whole_and_damaged(void **state) {
    (void)state;
    for (uint64_t count = 0; count < 2; count++) {
        Part part = { 0, count, 1, "a", "whole.gguf" };
        expect(&part, 1, "whole.gguf", HTH_OK, "");
    }
    char path[256];
    HthErr err;
    HthGguf *h = NULL;
    for (size_t i = 0; i < 3; i++) write_part(&good[i]);
    path_of(path, good[1].file);
    assert_int_equal(hth_file_write(path, "GGUF", 4, 0600, &err), HTH_OK);
    path_of(path, good[0].file);
    assert_int_equal(hth_gguf_open(&h, path, &err), HTH_EFORMAT);
    assert_memory_equal(err.text, "m-00002-of-00003.gguf: ", 23);
    remove_all(good, 3);
}

static void test_memory_has_no_parts(void **state) {
    (void)state;
    HthGguf *h = NULL;
    HthErr err;
    write_part(&good[1]); /* leaves its bytes in g */
    assert_int_equal(hth_gguf_open_mem(&h, g->b, g->n, "built in", &err), HTH_ENOTSUP);
    assert_non_null(strstr(err.text, "is part 2 of 3"));
    remove_all(good, 3);
}

static int set_up(void **state) {
    g = hth_calloc(1, sizeof *g);
    return g == NULL || test_folder_make(state);
}

static int tear_down(void **state) {
    const int left = test_entries("");
    hth_free(g);
    return test_folder_drop(state) || left > 0; /* a test left a file behind */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_part_opens_all),  cmocka_unit_test(test_missing),
        cmocka_unit_test(test_inconsistent),        cmocka_unit_test(test_names),
        cmocka_unit_test(test_keys_missing),        cmocka_unit_test(test_whole_and_damaged),
        cmocka_unit_test(test_memory_has_no_parts),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
