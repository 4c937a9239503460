/* directory_test.c - header and tensor directory: every tensor that passes is readable. */
#include "unit/gguf/hostile.h"

static const uint64_t four_by_three[] = { 4, 3 };

static void start(Gb *g) {
    gb_begin(g, 3);
    gb_kv_str(g, "general.architecture", "llama");
}
/* One good tensor of 48 bytes at 0, then the one given; 96 data bytes. */
static void with(Gb *g, const char *name, uint32_t n_dims, const uint64_t *ne, uint32_t type,
                 uint64_t offset) {
    start(g);
    gb_tensor(g, "good", 2, four_by_three, 0, 0);
    gb_tensor(g, name, n_dims, ne, type, offset);
    gb_data(g, 32, 96);
    gb_counts(g);
}
#define NE(...) ((const uint64_t[]){ __VA_ARGS__ })

static void empty(Gb *g) {
    g->n = 0;
}
static void four_bytes(Gb *g) {
    g->n = 0;
    gb_bytes(g, "GGUF", 4);
}
static void other_magic(Gb *g) {
    start(g);
    gb_counts(g);
    g->b[3] = 'g';
}
static void lfs(Gb *g) {
    g->n = 0;
    gb_bytes(g, "version https://git-lfs.github.com/spec/v1\noid sha256:", 54);
}
static void html(Gb *g) {
    g->n = 0;
    gb_bytes(g, "<!DOCTYPE html><html><body>404</body></html>", 44);
}
static void ggjt(Gb *g) {
    g->n = 0;
    gb_bytes(g, "tjgg\3\0\0\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 40);
}
static void version_0(Gb *g) {
    gb_good(g, 0);
}
static void version_1(Gb *g) {
    gb_good(g, 1);
}
static void version_4(Gb *g) {
    gb_good(g, 4);
}
static void big_endian(Gb *g) {
    gb_good(g, 0x03000000);
}
static void kv_count_wild(Gb *g) {
    gb_good(g, 3);
    gb_poke(g, 16, UINT64_MAX / 16, 8);
}
static void kv_count_all(Gb *g) {
    gb_good(g, 3);
    gb_poke(g, 16, UINT64_MAX, 8);
}
static void tensor_count_wild(Gb *g) {
    gb_good(g, 3);
    gb_poke(g, 8, UINT64_MAX / 64, 8);
}
static void tensor_count_one_more(Gb *g) {
    start(g);
    gb_tensor(g, "good", 2, four_by_three, 0, 0);
    g->tensors++;
    gb_data(g, 32, 48);
    gb_counts(g);
}
static void align_zero(Gb *g) {
    start(g);
    gb_kv_int(g, "general.alignment", GB_U32, 0);
    gb_counts(g);
}
static void align_odd(Gb *g) {
    start(g);
    gb_kv_int(g, "general.alignment", GB_U32, 24);
    gb_counts(g);
}
static void align_small(Gb *g) {
    start(g);
    gb_kv_int(g, "general.alignment", GB_U32, 4);
    gb_counts(g);
}
static void align_large(Gb *g) {
    start(g);
    gb_kv_int(g, "general.alignment", GB_U32, 1U << 21);
    gb_counts(g);
}
static void align_negative(Gb *g) {
    start(g);
    gb_kv_int(g, "general.alignment", GB_I32, (uint64_t)INT32_MIN);
    gb_counts(g);
}
static void align_string(Gb *g) {
    start(g);
    gb_kv_str(g, "general.alignment", "32");
    gb_counts(g);
}
static void no_dims(Gb *g) {
    with(g, "t", 0, NE(0), 0, 64);
}
static void five_dims(Gb *g) {
    with(g, "t", 5, NE(1, 1, 1, 1, 1), 0, 64);
}
static void many_dims(Gb *g) {
    with(g, "t", 1, NE(4), 0, 64);
    gb_poke(g, 24 + 8 + 20 + 4 + 8 + 5 + (8 + 4 + 4 + 16 + 4 + 8) + 8 + 1, UINT32_MAX, 4);
}
static void zero_dim(Gb *g) {
    with(g, "t", 2, NE(4, 0), 0, 64);
}
static void negative_dim(Gb *g) {
    with(g, "t", 2, NE(4, 1ULL << 63), 0, 64);
}
static void product_wraps(Gb *g) { /* 2^62 * 4 bytes is 0 modulo 2^64 */
    with(g, "t", 2, NE(1ULL << 31, 1ULL << 31), 0, 64);
}
static void product_wraps_late(Gb *g) { /* 2^42 + 1, ... wraps to something small */
    with(g, "t", 4, NE(1, (1ULL << 42) + 1, 1ULL << 20, 1ULL << 2), 0, 64);
}
static void larger_than_file(Gb *g) {
    with(g, "t", 2, NE(1 << 10, 1 << 10), 0, 64);
}
static void end_one_past(Gb *g) {
    with(g, "t", 1, NE(9), 0, 64);
}
static void offset_wraps(Gb *g) {
    with(g, "t", 1, NE(8), 0, UINT64_MAX - 31);
}
static void offset_past(Gb *g) {
    with(g, "t", 1, NE(8), 0, 128);
}
static void offset_unaligned(Gb *g) {
    with(g, "t", 1, NE(2), 0, 65);
}
static void overlap(Gb *g) {
    with(g, "t", 1, NE(8), 0, 32);
}
static void overlap_same(Gb *g) {
    with(g, "t", 2, four_by_three, 0, 0);
}
static void overlap_unsorted(Gb *g) {
    start(g);
    gb_tensor(g, "late", 1, NE(8), 0, 64);
    gb_tensor(g, "early", 1, NE(17), 0, 0);
    gb_data(g, 32, 96);
    gb_counts(g);
}
static void type_removed(Gb *g) {
    with(g, "t", 1, NE(8), 4, 64);
}
static void type_wild(Gb *g) {
    with(g, "t", 1, NE(8), 0x7fffffff, 64);
}
static void half_block(Gb *g) {
    with(g, "t", 1, NE(33), 8, 64);
}
static void name_empty(Gb *g) {
    with(g, "", 1, NE(8), 0, 64);
}
static void name_long(Gb *g) {
    char name[257];
    memset(name, 'n', 256);
    name[256] = '\0';
    with(g, name, 1, NE(8), 0, 64);
}
static void name_control(Gb *g) {
    with(g, "a\nb", 1, NE(8), 0, 64);
}
static void name_twice(Gb *g) {
    with(g, "good", 1, NE(8), 0, 64);
}
static void data_starts_past_end(Gb *g) {
    start(g);
    gb_kv_int(g, "general.alignment", GB_U32, 1U << 20);
    gb_tensor(g, "t", 1, NE(1), 0, 0);
    gb_int(g, 0, 4);
    gb_counts(g);
}

static const Hostile rows[] = {
    { "empty file", empty, HTH_EFORMAT, "the file is empty" },
    { "magic only", four_bytes, HTH_EFORMAT, "header is cut short: 4 bytes" },
    { "other magic", other_magic, HTH_EFORMAT, "does not begin with the letters GGUF" },
    { "LFS pointer", lfs, HTH_EFORMAT, "a Git LFS pointer" },
    { "web page", html, HTH_EFORMAT, "a web page" },
    { "GGJT", ggjt, HTH_EFORMAT, "the old GGJT format" },
    { "version 0", version_0, HTH_EFORMAT, "version 0; hearth reads versions 2 and 3" },
    { "version 1", version_1, HTH_EFORMAT, "version 1, which is no longer supported" },
    { "version 4", version_4, HTH_EFORMAT, "version 4; hearth reads" },
    { "big-endian", big_endian, HTH_EFORMAT, "is big-endian" },
    { "kv count wild", kv_count_wild, HTH_EFORMAT, "metadata entries, more than the file holds" },
    { "kv count max", kv_count_all, HTH_EFORMAT, "claims 18446744073709551615 metadata" },
    { "tensor count wild", tensor_count_wild, HTH_EFORMAT, "tensors, more than the file holds" },
    { "one tensor too many", tensor_count_one_more, HTH_EFORMAT, "tensor 2 of 2" },
    { "alignment 0", align_zero, HTH_EFORMAT, "'general.alignment' is not a power of two" },
    { "alignment 24", align_odd, HTH_EFORMAT, "'general.alignment' is not a power of two" },
    { "alignment 4", align_small, HTH_EFORMAT, "from 8 to 1048576" },
    { "alignment 2^21", align_large, HTH_EFORMAT, "from 8 to 1048576" },
    { "alignment < 0", align_negative, HTH_EFORMAT, "'general.alignment' is not" },
    { "alignment text", align_string, HTH_EFORMAT, "'general.alignment' is not" },
    { "0 dimensions", no_dims, HTH_EFORMAT, "'t' has 0 dimensions" },
    { "5 dimensions", five_dims, HTH_EFORMAT, "'t' has 5 dimensions" },
    { "2^32-1 dimensions", many_dims, HTH_EFORMAT, "'t' has 4294967295 dimensions" },
    { "dimension 0", zero_dim, HTH_EFORMAT, "'t' has a dimension of zero" },
    { "dimension < 0", negative_dim, HTH_EFORMAT, "'t' has a negative dimension" },
    { "product wraps", product_wraps, HTH_EFORMAT, "'t' claims more data than the file has" },
    { "product wraps late", product_wraps_late, HTH_EFORMAT, "'t' claims more data" },
    { "larger than the file", larger_than_file, HTH_EFORMAT, "'t' claims more data" },
    { "one element past", end_one_past, HTH_EFORMAT, "'t' ends outside the file" },
    { "offset wraps", offset_wraps, HTH_EFORMAT, "'t' ends outside the file" },
    { "offset past the end", offset_past, HTH_EFORMAT, "'t' ends outside the file" },
    { "offset unaligned", offset_unaligned, HTH_EFORMAT, "'t' begins at 65" },
    { "overlap", overlap, HTH_EFORMAT, "'t' overlaps tensor 'good'" },
    { "overlap, same bytes", overlap_same, HTH_EFORMAT, "overlaps tensor" },
    { "overlap, unsorted", overlap_unsorted, HTH_EFORMAT, "'late' overlaps tensor 'early'" },
    { "removed weight type", type_removed, HTH_ENOTSUP, "'t' has weight type 4, which" },
    { "wild weight type", type_wild, HTH_ENOTSUP, "'t' has weight type 2147483647" },
    { "part of a block", half_block, HTH_EFORMAT, "'t' has rows of 33" },
    { "empty name", name_empty, HTH_EFORMAT, "tensor 2 of 2 has an empty name" },
    { "long name", name_long, HTH_EFORMAT, "tensor 2 of 2 has a name of 256 bytes" },
    { "control in a name", name_control, HTH_EFORMAT, "'a?b' has a name that is not printable" },
    { "name twice", name_twice, HTH_EFORMAT, "tensor 'good' appears twice" },
    { "data section past the end", data_starts_past_end, HTH_EFORMAT, "'t' ends outside" },
};

static void test_hostile(void **state) {
    (void)state;
    hostile_table(rows, HTH_COUNT(rows));
}

static void check_tensor(const HthGguf *h, const char *name, uint32_t n_dims, uint64_t ne0,
                         uint64_t ne1, size_t bytes, const uint8_t *data) {
    const HthGgufTensor *t = hth_gguf_tensor(h, hth_str(name));
    assert_non_null(t);
    assert_true(hth_str_eq(t->name, hth_str(name)));
    assert_int_equal(t->fmt->id, 0);
    assert_int_equal(t->n_dims, n_dims);
    assert_int_equal(t->ne[0], ne0);
    assert_int_equal(t->ne[1], ne1);
    assert_int_equal(t->ne[2], 1);
    assert_int_equal(t->ne[3], 1);
    assert_int_equal(t->bytes, bytes);
    assert_ptr_equal(t->data, data);
    assert_int_equal(t->part, 0);
}

static void test_good(void **state) {
    (void)state;
    Gb *g = hth_calloc(1, sizeof *g);
    HthGguf *h = NULL;
    HthErr err;
    gb_good(g, 2);
    assert_int_equal(hth_gguf_open_mem(&h, g->b, g->n, "t", &err), HTH_OK);
    const uint8_t *data = g->b + g->n - 96;
    assert_int_equal(hth_gguf_tensor_count(h), 2);
    check_tensor(h, "a.weight", 2, 4, 3, 48, data);
    check_tensor(h, "b.weight", 1, 8, 1, 32, data + 64);
    assert_ptr_equal(hth_gguf_tensor_at(h, 1), hth_gguf_tensor(h, HTH_STR("b.weight")));
    assert_null(hth_gguf_tensor(h, HTH_STR("c.weight")));
    assert_int_equal(hth_gguf_version(h), 2);
    assert_int_equal(hth_gguf_file_bytes(h), g->n);
    assert_int_equal(hth_gguf_part_count(h), 1);
    assert_ptr_equal(hth_gguf_part(h, 0).p, g->b);
    assert_string_equal(hth_gguf_path(h), "t");
    hth_gguf_close(&h);
    hth_gguf_close(&h);
    hth_free(g);
}

/* Unsorted but disjoint tensors, a wide alignment, no metadata at all, no tensors at all. */
static void test_unusual(void **state) {
    (void)state;
    Gb *g = hth_calloc(1, sizeof *g);
    HthGguf *h = NULL;
    HthErr err;
    gb_begin(g, 3);
    gb_kv_int(g, "general.alignment", GB_U32, 4096);
    gb_tensor(g, "late", 1, NE(8), 0, 4096);
    gb_tensor(g, "early", 1, NE(1), 0, 0);
    gb_data(g, 4096, 4096 + 32);
    gb_counts(g);
    assert_int_equal(hth_gguf_open_mem(&h, g->b, g->n, "t", &err), HTH_OK);
    check_tensor(h, "late", 1, 8, 1, 32, g->b + 8192);
    check_tensor(h, "early", 1, 1, 1, 4, g->b + 4096);
    hth_gguf_close(&h);
    gb_begin(g, 3);
    gb_tensor(g, "only", 1, NE(1), 0, 0);
    gb_data(g, 32, 4);
    gb_counts(g);
    assert_int_equal(hth_gguf_open_mem(&h, g->b, g->n, "t", &err), HTH_OK);
    assert_int_equal(hth_gguf_kv_count(h), 0);
    assert_null(hth_gguf_find(h, "general.alignment"));
    hth_gguf_close(&h);
    gb_begin(g, 3);
    assert_int_equal(hth_gguf_open_mem(&h, g->b, g->n, "t", &err), HTH_OK);
    assert_int_equal(hth_gguf_tensor_count(h), 0);
    assert_null(hth_gguf_tensor(h, HTH_STR("only")));
    hth_gguf_close(&h);
    hth_free(g);
}

/* Counts above the ceilings, in files that have the bytes for them. */
static void test_ceilings(void **state) {
    (void)state;
    static const struct {
        uint64_t tensors, kvs;
        HthStatus status;
    } cases[] = {
        { 0, (1 << 16) + 1, HTH_ELIMIT },
        { (1 << 18) + 1, 0, HTH_ELIMIT },
        { 0, 1 << 16, HTH_EFORMAT }, /* allowed; then the first entry's key is empty */
    };
    size_t n = 24 + 33 * ((1 << 18) + 1);
    uint8_t *file = hth_calloc(n, 1);
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        HthGguf *h = NULL;
        HthErr err;
        Gb *g = hth_calloc(1, sizeof *g);
        gb_begin(g, 3);
        g->tensors = cases[i].tensors;
        g->kvs = cases[i].kvs;
        gb_counts(g);
        memcpy(file, g->b, 24);
        assert_int_equal(hth_gguf_open_mem(&h, file, n, "t", &err), cases[i].status);
        hth_free(g);
    }
    hth_free(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_unusual),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_ceilings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
