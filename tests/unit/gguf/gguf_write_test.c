/* gguf_write_test.c - what is written is read back the same, and what could not be is refused. */
#include "unit/gguf/hostile.h"

#include <unistd.h>

#include "base/file.h"
#include "base/rng.h"
#include "gguf/gguf_write.h"
#include "support/test.h"

#include "support/folder.h"

static char path[96];

static HthGgufOut *begin(void) {
    HthGgufOut *o = NULL;
    HthErr err;
    assert_ok(hth_gguf_out_open(&o, path, &err), err);
    return o;
}

static const HthStr words[] = { { "one", 3 }, { "", 0 }, { "\xff\0x", 3 } };
static const float floats[] = { 0.0f, -1.5f, 3e38f };
static const int32_t ints[] = { 0, -1, INT32_MAX, INT32_MIN };
static const uint64_t shape[] = { 32, 3, 2, 1 };

/* Every kind of entry, three tensors; data in pieces of `piece` bytes. */
static HthStatus write_all(HthGgufOut *o, size_t piece, HthErr *err) {
    uint8_t data[768];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * 7);
    HTH_TRY(hth_gguf_out_str(o, "general.architecture", HTH_STR("llama"), err));
    HTH_TRY(hth_gguf_out_u32(o, "x.u32", UINT32_MAX, err));
    HTH_TRY(hth_gguf_out_f32(o, "x.f32", -0.25f, err));
    HTH_TRY(hth_gguf_out_bool(o, "x.bool", true, err));
    HTH_TRY(hth_gguf_out_strs(o, "x.words", words, HTH_COUNT(words), err));
    HTH_TRY(hth_gguf_out_f32s(o, "x.floats", floats, HTH_COUNT(floats), err));
    HTH_TRY(hth_gguf_out_i32s(o, "x.ints", ints, HTH_COUNT(ints), err));
    HTH_TRY(hth_gguf_out_strs(o, "x.none", NULL, 0, err));
    HTH_TRY(hth_gguf_out_tensor(o, HTH_STR("f32"), hth_fmt_by_id(0), 4, shape, err));
    HTH_TRY(hth_gguf_out_tensor(o, HTH_STR("f16"), hth_fmt_by_id(1), 1, (uint64_t[]){ 5 }, err));
    HTH_TRY(hth_gguf_out_tensor(o, HTH_STR("q8_0"), hth_fmt_by_id(8), 2, shape, err));
    static const size_t sizes[] = { 768, 10, 102 };
    for (size_t t = 0; t < 3; t++)
        for (size_t at = 0; at < sizes[t]; at += piece) {
            size_t n = sizes[t] - at < piece ? sizes[t] - at : piece;
            HTH_TRY(hth_gguf_out_data(o, data + at, n, err));
        }
    return HTH_OK;
}

static void check_tensor(const HthGguf *h, const char *name, uint32_t id, size_t bytes) {
    const HthGgufTensor *t = hth_gguf_tensor(h, hth_str(name));
    assert_non_null(t);
    assert_int_equal(t->fmt->id, id);
    assert_int_equal(t->bytes, bytes);
    for (size_t i = 0; i < bytes; i++) assert_int_equal(t->data[i], (uint8_t)(i * 7));
}

static void check_all(const HthGguf *h) {
    HthErr err;
    uint32_t u32 = 0;
    float f32 = 0;
    bool yes = false;
    HthStr s;
    const HthGgufKv *kv = NULL;
    assert_int_equal(hth_gguf_version(h), 3);
    assert_int_equal(hth_gguf_kv_count(h), 8);
    assert_ok(hth_gguf_str(h, "general.architecture", &s, &err), err);
    assert_true(hth_str_eq(s, HTH_STR("llama")));
    assert_ok(hth_gguf_u32(h, "x.u32", &u32, &err), err);
    assert_ok(hth_gguf_f32(h, "x.f32", &f32, &err), err);
    assert_ok(hth_gguf_bool(h, "x.bool", &yes, &err), err);
    assert_true(u32 == UINT32_MAX && f32 == -0.25f && yes);
    assert_ok(hth_gguf_arr(h, "x.words", HTH_GGUF_STR, &kv, &err), err);
    assert_int_equal(kv->count, HTH_COUNT(words));
    for (size_t i = 0; i < kv->count; i++)
        assert_true(hth_str_eq(hth_gguf_elem_str(kv, i), words[i]));
    assert_ok(hth_gguf_arr(h, "x.floats", HTH_GGUF_F32, &kv, &err), err);
    assert_int_equal(kv->count, HTH_COUNT(floats));
    for (size_t i = 0; i < kv->count; i++)
        assert_true((float)hth_gguf_elem_f64(kv, i) == floats[i]);
    assert_ok(hth_gguf_arr(h, "x.ints", HTH_GGUF_I32, &kv, &err), err);
    assert_int_equal(kv->count, HTH_COUNT(ints));
    for (size_t i = 0; i < kv->count; i++) assert_true(hth_gguf_elem_i64(kv, i) == ints[i]);
    assert_ok(hth_gguf_arr(h, "x.none", HTH_GGUF_STR, &kv, &err), err);
    assert_int_equal(kv->count, 0);
    assert_int_equal(hth_gguf_tensor_count(h), 3);
    check_tensor(h, "f32", 0, 768);
    check_tensor(h, "f16", 1, 10);
    check_tensor(h, "q8_0", 8, 102);
    assert_int_equal(hth_gguf_tensor(h, HTH_STR("f32"))->n_dims, 4);
    assert_memory_equal(hth_gguf_tensor(h, HTH_STR("f32"))->ne, shape, sizeof shape);
}

/* The same bytes whatever the pieces; read back whole. */
static void test_round_trip(void **state) {
    (void)state;
    static const size_t pieces[] = { 768, 1, 7, 100 };
    HthBuf first, again;
    hth_buf_init(&first, 1 << 20);
    for (size_t i = 0; i < HTH_COUNT(pieces); i++) {
        HthErr err;
        HthGguf *h = NULL;
        HthGgufOut *o = begin();
        assert_ok(write_all(o, pieces[i], &err), err);
        assert_int_equal(access(path, F_OK), -1); /* nothing to see before the commit */
        assert_ok(hth_gguf_out_commit(&o, &err), err);
        assert_null(o);
        assert_ok(hth_gguf_open(&h, path, &err), err);
        check_all(h);
        hth_gguf_close(&h);
        test_load(&again, path);
        assert_int_equal(again.n % 32, 0);
        if (i == 0) assert_ok(hth_buf_add_str(&first, hth_buf_str(&again), &err), err);
        assert_true(hth_str_eq(hth_buf_str(&first), hth_buf_str(&again)));
        hth_buf_drop(&again);
        unlink(path);
    }
    hth_buf_drop(&first);
}

static HthStatus to_memory(HthBuf *to, size_t piece, HthErr *err) {
    HthGgufOut *o = NULL;
    HTH_TRY(hth_gguf_out_open_mem(&o, to, "memory", err));
    const HthStatus status = write_all(o, piece, err);
    if (status == HTH_OK) return hth_gguf_out_commit(&o, err);
    hth_gguf_out_abort(&o);
    return status;
}

/* In memory are the bytes the file has, behind what was there; too few of them are an error. */
static void test_memory(void **state) {
    (void)state;
    HthErr err;
    HthGgufOut *o = begin();
    HthBuf file, mem;
    assert_ok(write_all(o, 64, &err), err);
    assert_ok(hth_gguf_out_commit(&o, &err), err);
    test_load(&file, path);
    hth_buf_init(&mem, 5 + file.n);
    assert_ok(hth_buf_add_str(&mem, HTH_STR("first"), &err), err);
    assert_ok(to_memory(&mem, 64, &err), err);
    assert_true(hth_str_eq(hth_str_sub(hth_buf_str(&mem), 5, SIZE_MAX), hth_buf_str(&file)));
    hth_buf_drop(&mem);
    hth_buf_init(&mem, file.n - 1);
    assert_status(to_memory(&mem, 64, &err), HTH_ELIMIT, err);
    hth_buf_drop(&mem);
    hth_buf_drop(&file);
    unlink(path);
}

/* Copying every entry and tensor of a file gives a file that says the same; twice, the same. */
static void copy_file(const HthGguf *from, HthErr *err) {
    HthGgufOut *o = begin();
    for (size_t i = 0; i < hth_gguf_kv_count(from); i++)
        assert_ok(hth_gguf_out_kv(o, hth_gguf_kv_at(from, i), err), *err);
    for (size_t i = 0; i < hth_gguf_tensor_count(from); i++) {
        const HthGgufTensor *t = hth_gguf_tensor_at(from, i);
        assert_ok(hth_gguf_out_tensor(o, t->name, t->fmt, t->n_dims, t->ne, err), *err);
    }
    for (size_t i = 0; i < hth_gguf_tensor_count(from); i++) {
        const HthGgufTensor *t = hth_gguf_tensor_at(from, i);
        assert_ok(hth_gguf_out_data(o, t->data, t->bytes, err), *err);
    }
    assert_ok(hth_gguf_out_commit(&o, err), *err);
}

static void check_copy(const HthGguf *from) {
    HthErr err;
    HthGguf *to = NULL;
    copy_file(from, &err);
    assert_ok(hth_gguf_open(&to, path, &err), err);
    assert_int_equal(hth_gguf_kv_count(to), hth_gguf_kv_count(from));
    for (size_t i = 0; i < hth_gguf_kv_count(from); i++) {
        const HthGgufKv *a = hth_gguf_kv_at(from, i), *b = hth_gguf_kv_at(to, i);
        assert_true(hth_str_eq(a->key, b->key));
        assert_true(a->type == b->type && a->elem == b->elem && a->count == b->count);
    }
    assert_int_equal(hth_gguf_tensor_count(to), hth_gguf_tensor_count(from));
    for (size_t i = 0; i < hth_gguf_tensor_count(from); i++) {
        const HthGgufTensor *a = hth_gguf_tensor_at(from, i), *b = hth_gguf_tensor_at(to, i);
        assert_true(hth_str_eq(a->name, b->name) && a->fmt == b->fmt && a->bytes == b->bytes);
        assert_memory_equal(a->data, b->data, a->bytes);
    }
    /* From the version on, files with sorted tensors and 32 alignment come out to the byte. */
    HthStr x = hth_gguf_part(from, 0), y = hth_gguf_part(to, 0);
    assert_int_equal(x.n, y.n);
    assert_memory_equal(x.p + 8, y.p + 8, x.n - 8);
    hth_gguf_close(&to);
    unlink(path);
}

static void test_copy(void **state) {
    (void)state;
    static Gb g;
    HthErr err;
    for (uint32_t version = 2; version <= 3; version++) {
        HthGguf *from = NULL;
        gb_good(&g, version);
        assert_ok(hth_gguf_open_mem(&from, g.b, g.n, "t", &err), err);
        check_copy(from);
        hth_gguf_close(&from);
    }
    gb_begin(&g, 3);
    gb_kv_int(&g, "general.alignment", GB_U32, 8192);
    gb_tensor(&g, "a", 1, (const uint64_t[]){ 2 }, 0, 0);
    gb_tensor(&g, "b", 1, (const uint64_t[]){ 2048 }, 0, 8192);
    gb_data(&g, 8192, 8);
    gb_data(&g, 8192, 8192);
    gb_counts(&g);
    HthGguf *from = NULL;
    assert_ok(hth_gguf_open_mem(&from, g.b, g.n, "t", &err), err);
    check_copy(from);
    hth_gguf_close(&from);
}

static void test_refusals(void **state) {
    (void)state;
    HthErr err;
    HthGgufOut *o = begin();
    const HthFmt *f32 = hth_fmt_by_id(0), *q8 = hth_fmt_by_id(8);
    const uint64_t one[] = { 1 }, none[] = { 4, 0 }, odd[] = { 33 };
    const uint64_t wild[] = { 1ULL << 32, 1ULL << 32 };
    const HthStr t = HTH_STR("t");
    assert_ok(hth_gguf_out_u32(o, "x", 1, &err), err);
    assert_status(hth_gguf_out_u32(o, "x", 1, &err), HTH_EINVAL, err);
    assert_status(hth_gguf_out_f32(o, "", 1, &err), HTH_EINVAL, err);
    assert_status(hth_gguf_out_f32(o, "a\nb", 1, &err), HTH_EINVAL, err);
    assert_status(hth_gguf_out_str(o, "s", HTH_STR("\xff"), &err), HTH_EINVAL, err);
    assert_status(hth_gguf_out_u32(o, "general.alignment", 12, &err), HTH_EINVAL, err);
    assert_status(hth_gguf_out_str(o, "general.alignment", t, &err), HTH_EINVAL, err);
    assert_status(hth_gguf_out_tensor(o, HTH_STR(""), f32, 1, one, &err), HTH_EINVAL, err);
    assert_status(hth_gguf_out_tensor(o, t, f32, 0, one, &err), HTH_EINVAL, err);
    assert_status(hth_gguf_out_tensor(o, t, f32, 5, one, &err), HTH_EINVAL, err);
    assert_status(hth_gguf_out_tensor(o, t, f32, 2, none, &err), HTH_EINVAL, err);
    assert_status(hth_gguf_out_tensor(o, t, q8, 1, odd, &err), HTH_EINVAL, err);
    assert_status(hth_gguf_out_tensor(o, t, f32, 2, wild, &err), HTH_EINVAL, err);
    assert_ok(hth_gguf_out_tensor(o, t, f32, 1, one, &err), err);
    assert_status(hth_gguf_out_tensor(o, t, f32, 1, one, &err), HTH_EINVAL, err);
    assert_status(hth_gguf_out_data(o, "12345", 5, &err), HTH_EINVAL, err);
    assert_ok(hth_gguf_out_data(o, "123", 3, &err), err);
    assert_status(hth_gguf_out_u32(o, "late", 1, &err), HTH_EINVAL, err);
    assert_status(hth_gguf_out_tensor(o, HTH_STR("u"), f32, 1, one, &err), HTH_EINVAL, err);
    assert_status(hth_gguf_out_commit(&o, &err), HTH_EINVAL, err); /* one byte short */
    assert_null(o);
    assert_int_equal(access(path, F_OK), -1);
    o = begin();
    assert_status(hth_gguf_out_data(o, "1", 1, &err), HTH_EINVAL, err);
    hth_gguf_out_abort(&o);
    hth_gguf_out_abort(&o);
    assert_status(hth_gguf_out_open(&o, "/no/such/folder/x.gguf", &err), HTH_EIO, err);
}

/* Every kind of entry refuses a key that is there, and only integers set the alignment. */
static void test_refusals_by_kind(void **state) {
    (void)state;
    static Gb g;
    HthErr err;
    HthGguf *h = NULL;
    HthGgufOut *o = begin();
    gb_good(&g, 3);
    assert_ok(hth_gguf_open_mem(&h, g.b, g.n, "t", &err), err);
    assert_ok(hth_gguf_out_kv(o, hth_gguf_find(h, "t.u8"), &err), err);
    assert_status(hth_gguf_out_kv(o, hth_gguf_find(h, "t.u8"), &err), HTH_EINVAL, err);
    assert_status(hth_gguf_out_u32(o, "t.u8", 1, &err), HTH_EINVAL, err);
    assert_status(hth_gguf_out_f32(o, "t.u8", 1, &err), HTH_EINVAL, err);
    assert_status(hth_gguf_out_bool(o, "t.u8", 1, &err), HTH_EINVAL, err);
    assert_status(hth_gguf_out_str(o, "t.u8", words[0], &err), HTH_EINVAL, err);
    assert_status(hth_gguf_out_strs(o, "t.u8", words, 3, &err), HTH_EINVAL, err);
    assert_status(hth_gguf_out_f32s(o, "t.u8", floats, 3, &err), HTH_EINVAL, err);
    assert_status(hth_gguf_out_i32s(o, "t.u8", ints, 3, &err), HTH_EINVAL, err);
    HthGgufKv odd = *hth_gguf_find(h, "t.f32");
    odd.key = HTH_STR("general.alignment");
    assert_status(hth_gguf_out_kv(o, &odd, &err), HTH_EINVAL, err);
    assert_status(hth_gguf_out_i32s(o, "general.alignment", ints, 3, &err), HTH_EINVAL, err);
    assert_status(hth_gguf_out_f32(o, "general.alignment", 64, &err), HTH_EINVAL, err);
    hth_gguf_out_abort(&o);
    hth_gguf_close(&h);
}

/* The alignment asked for is the alignment kept, even when asked for after the tensors. */
static void test_alignment(void **state) {
    (void)state;
    HthErr err;
    HthGguf *h = NULL;
    HthGgufOut *o = begin();
    const uint64_t one[] = { 1 };
    assert_ok(hth_gguf_out_tensor(o, HTH_STR("a"), hth_fmt_by_id(0), 1, one, &err), err);
    assert_ok(hth_gguf_out_tensor(o, HTH_STR("b"), hth_fmt_by_id(0), 1, one, &err), err);
    assert_ok(hth_gguf_out_u32(o, "general.alignment", 16384, &err), err);
    assert_ok(hth_gguf_out_data(o, "aaaa", 4, &err), err);
    assert_ok(hth_gguf_out_data(o, "bbbb", 4, &err), err);
    assert_ok(hth_gguf_out_commit(&o, &err), err);
    assert_ok(hth_gguf_open(&h, path, &err), err);
    assert_int_equal(hth_gguf_file_bytes(h), 3 * 16384);
    assert_memory_equal(hth_gguf_part(h, 0).p + 16384, "aaaa", 4);
    assert_memory_equal(hth_gguf_part(h, 0).p + 2 * 16384, "bbbb", 4);
    assert_memory_equal(hth_gguf_tensor(h, HTH_STR("b"))->data, "bbbb", 4);
    hth_gguf_close(&h);
    unlink(path);
}

/* What the reader has a ceiling for, the writer does not exceed. */
static void test_ceilings(void **state) {
    (void)state;
    HthErr err;
    char name[32];
    size_t n = (1 << 20) + 1;
    char *text = hth_calloc(n, 1);
    HthStr one[] = { { text, n } };
    memset(text, 'x', n);
    HthGgufOut *o = begin();
    assert_status(hth_gguf_out_strs(o, "long", one, 1, &err), HTH_ELIMIT, err);
    one[0].n--;
    assert_ok(hth_gguf_out_strs(o, "long", one, 1, &err), err);
    for (uint32_t i = 1; i < 1 << 16; i++) {
        snprintf(name, sizeof name, "k.%u", i);
        if (hth_gguf_out_u32(o, name, i, &err) != HTH_OK) fail_msg("%s", err.text);
    }
    assert_status(hth_gguf_out_u32(o, "one more", 1, &err), HTH_ELIMIT, err);
    for (uint32_t i = 0; i < 1 << 18; i++) {
        snprintf(name, sizeof name, "t.%u", i);
        if (hth_gguf_out_tensor(o, hth_str(name), hth_fmt_by_id(0), 1, shape, &err) != HTH_OK)
            fail_msg("%s", err.text);
    }
    assert_status(hth_gguf_out_tensor(o, HTH_STR("t"), hth_fmt_by_id(0), 1, shape, &err),
                  HTH_ELIMIT, err);
    hth_gguf_out_abort(&o);
    hth_free(text);
}

/* After a write that failed there is nothing to commit, even if later writes would work. */
static void test_broken(void **state) {
    (void)state;
    static const uint8_t big[1 << 17];
    for (int early = 0; early < 2; early++) {
        HthErr err;
        HthGgufOut *o = begin();
        const uint64_t ne[] = { sizeof big / 4, 2 };
        assert_ok(hth_gguf_out_tensor(o, HTH_STR("a"), hth_fmt_by_id(0), 2, ne, &err), err);
        if (!early) assert_ok(hth_gguf_out_data(o, "1234", 4, &err), err);
        hth_file_fail_after(1);
        assert_status(hth_gguf_out_data(o, big, sizeof big, &err), HTH_EIO, err);
        hth_file_fail_after(0);
        assert_status(hth_gguf_out_data(o, big, sizeof big, &err), HTH_EINVAL, err);
        assert_status(hth_gguf_out_commit(&o, &err), HTH_EINVAL, err);
        assert_non_null(strstr(err.text, "an earlier write failed"));
        assert_int_equal(access(path, F_OK), -1);
    }
}

/* A refused entry leaves no trace in the file. */
static void test_refused_leaves_nothing(void **state) {
    (void)state;
    HthErr err;
    HthGguf *h = NULL;
    HthGgufOut *o = begin();
    assert_ok(hth_gguf_out_u32(o, "x", 7, &err), err);
    assert_status(hth_gguf_out_f32(o, "x", 1, &err), HTH_EINVAL, err);
    assert_status(hth_gguf_out_strs(o, "x", words, 3, &err), HTH_EINVAL, err);
    assert_ok(hth_gguf_out_commit(&o, &err), err);
    assert_ok(hth_gguf_open(&h, path, &err), err);
    assert_int_equal(hth_gguf_kv_count(h), 1);
    assert_true(hth_gguf_elem_i64(hth_gguf_find(h, "x"), 0) == 7);
    hth_gguf_close(&h);
    unlink(path);
}

/* Seeded random files: any mix of entries and tensor shapes survives. */
static void test_random(void **state) {
    (void)state;
    HthErr err;
    for (uint64_t seed = 0; seed < 60; seed++) {
        uint32_t kvs = hth_rng_below(seed, 0, 0, 20), tensors = hth_rng_below(seed, 0, 1, 20);
        uint8_t bytes[4 * 27];
        HthGguf *h = NULL;
        HthGgufOut *o = begin();
        char name[32];
        for (uint32_t i = 0; i < kvs; i++) {
            snprintf(name, sizeof name, "k.%u", i);
            if (hth_rng_below(seed, 1, i, 2))
                assert_ok(hth_gguf_out_u32(o, name, i, &err), err);
            else
                assert_ok(hth_gguf_out_strs(o, name, words, i % 4, &err), err);
        }
        for (uint32_t i = 0; i < tensors; i++) {
            uint64_t ne[3];
            for (uint32_t d = 0; d < 3; d++) ne[d] = 1 + hth_rng_below(seed, 2 + d, i, 3);
            snprintf(name, sizeof name, "t.%u", i);
            assert_ok(hth_gguf_out_tensor(o, hth_str(name), hth_fmt_by_id(0), 3, ne, &err), err);
        }
        for (uint32_t i = 0; i < tensors; i++) {
            size_t n = 4;
            for (uint32_t d = 0; d < 3; d++) n *= 1 + hth_rng_below(seed, 2 + d, i, 3);
            memset(bytes, (int)i, n);
            assert_ok(hth_gguf_out_data(o, bytes, n, &err), err);
        }
        assert_ok(hth_gguf_out_commit(&o, &err), err);
        assert_ok(hth_gguf_open(&h, path, &err), err);
        assert_int_equal(hth_gguf_kv_count(h), kvs);
        assert_int_equal(hth_gguf_tensor_count(h), tensors);
        for (uint32_t i = 0; i < tensors; i++) {
            snprintf(name, sizeof name, "t.%u", i);
            const HthGgufTensor *t = hth_gguf_tensor(h, hth_str(name));
            assert_int_equal(t->ne[1], 1 + hth_rng_below(seed, 3, i, 3));
            assert_true(t->data[0] == i && t->data[t->bytes - 1] == i);
        }
        hth_gguf_close(&h);
        unlink(path);
    }
}

static HthStatus torture_body(void *ctx) {
    (void)ctx;
    HthErr err;
    HthGgufOut *o = NULL;
    HTH_TRY(hth_gguf_out_open(&o, path, &err));
    HthStatus status = write_all(o, 500, &err);
    if (status == HTH_OK) return hth_gguf_out_commit(&o, &err);
    hth_gguf_out_abort(&o);
    return status;
}

static HthStatus torture_memory(void *ctx) {
    HthErr err;
    HthBuf mem;
    (void)ctx;
    hth_buf_init(&mem, 1 << 20);
    const HthStatus status = to_memory(&mem, 500, &err);
    hth_buf_drop(&mem);
    return status;
}

static void test_no_memory(void **state) {
    (void)state;
    assert_true(test_torture(torture_body, NULL, 500) > 10);
    assert_true(test_torture(torture_memory, NULL, 500) > 10);
    unlink(path);
}

static int set_up(void **state) {
    if (test_folder_make(state)) return 1;
    snprintf(path, sizeof path, "%s/out.gguf", test_folder);
    return 0;
}

static int tear_down(void **state) {
    const int left = test_entries("");
    return test_folder_drop(state) || left > 0; /* a temporary file was left behind */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),       cmocka_unit_test(test_copy),
        cmocka_unit_test(test_refusals),         cmocka_unit_test(test_refused_leaves_nothing),
        cmocka_unit_test(test_refusals_by_kind), cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_ceilings),         cmocka_unit_test(test_broken),
        cmocka_unit_test(test_random),           cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
