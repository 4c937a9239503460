/* gguf_test.c - the real files of $HEARTH_DATA/vocab and archs, against a naive second reading.
 *
 * The second reader here trusts the file and shares no code with src/gguf: both must agree on every
 * key, type, count, value, tensor and offset.  The counts themselves were taken by a third (a few
 * lines of Python) and are listed.
 *
 * Thread: one. */
#include "support/test.h"

#include "gguf/gguf.h"
#include "gguf/gguf_write.h"

static const struct {
    const char *file;
    size_t kvs, tensors;
} files[] = {
    { "archs/deepseek2-moe.gguf", 152, 51 },
    { "archs/gemma2-dense.gguf", 153, 58 },
    { "archs/gemma3-dense.gguf", 153, 63 },
    { "archs/gpt-oss-moe.gguf", 153, 69 },
    { "archs/granite-dense.gguf", 152, 64 },
    { "archs/llama-dense.gguf", 152, 64 },
    { "archs/llama-moe.gguf", 152, 60 },
    { "archs/olmo2-dense.gguf", 153, 59 },
    { "archs/phi3-dense.gguf", 152, 51 },
    { "archs/qwen2-dense.gguf", 152, 56 },
    { "archs/qwen3-dense.gguf", 152, 60 },
    { "archs/qwen35-dense.gguf", 152, 61 },
    { "archs/qwen3moe-moe.gguf", 152, 61 },
    { "archs/smollm3-dense.gguf", 152, 55 },
    { "archs/starcoder2-dense.gguf", 152, 60 },
    { "vocab/bert-bge.gguf", 20, 0 },
    { "vocab/deepseek-llm.gguf", 23, 0 },
    { "vocab/gemma-4.gguf", 42, 0 },
    { "vocab/gpt-2.gguf", 16, 0 },
    { "vocab/llama-bpe.gguf", 20, 0 },
    { "vocab/llama-spm.gguf", 22, 0 },
    { "vocab/phi-3.gguf", 26, 0 },
    { "vocab/qwen2.gguf", 20, 0 },
    { "vocab/qwen35.gguf", 20, 0 },
};

/* ---- the naive reader ---- */

typedef struct Naive {
    const uint8_t *p, *end;
} Naive;

static uint64_t take(Naive *r, size_t bytes) {
    uint64_t v = 0;
    assert_true((size_t)(r->end - r->p) >= bytes);
    memcpy(&v, r->p, bytes); /* x86 and arm are little-endian, as the file is */
    r->p += bytes;
    return v;
}

static HthStr take_str(Naive *r) {
    size_t n = (size_t)take(r, 8);
    assert_true((size_t)(r->end - r->p) >= n);
    HthStr s = { (const char *)r->p, n };
    r->p += n;
    return s;
}

static double as_double(const uint8_t *p, uint32_t type) {
    union {
        uint8_t u8;
        int8_t i8;
        uint16_t u16;
        int16_t i16;
        uint32_t u32;
        int32_t i32;
        float f32;
        uint64_t u64;
        int64_t i64;
        double f64;
    } v;
    static const uint8_t bytes[] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };
    memcpy(&v, p, bytes[type]);
    switch (type) {
    case 0:
    case 7: return v.u8;
    case 1: return v.i8;
    case 2: return v.u16;
    case 3: return v.i16;
    case 4: return v.u32;
    case 5: return v.i32;
    case 6: return (double)v.f32;
    case 10: return (double)v.u64;
    case 11: return (double)v.i64;
    default: return v.f64;
    }
}

/* ---- comparing ---- */

static void same_values(Naive *r, uint32_t type, uint64_t count, const HthGgufKv *kv) {
    static const uint8_t bytes[] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };
    for (uint64_t i = 0; i < count; i++) {
        if (type == HTH_GGUF_STR) {
            assert_true(hth_str_eq(take_str(r), hth_gguf_elem_str(kv, i)));
            continue;
        }
        double want = as_double(r->p, type), got = hth_gguf_elem_f64(kv, i);
        assert_true(want == got || (want != want && got != got));
        if (type != HTH_GGUF_F32 && type != HTH_GGUF_F64)
            assert_true((double)hth_gguf_elem_i64(kv, i) == want);
        r->p += bytes[type];
    }
}

static void same_metadata(Naive *r, const HthGguf *g, uint64_t count) {
    assert_int_equal(hth_gguf_kv_count(g), count);
    for (uint64_t i = 0; i < count; i++) {
        const HthGgufKv *kv = hth_gguf_kv_at(g, i);
        assert_true(hth_str_eq(take_str(r), kv->key));
        uint32_t type = (uint32_t)take(r, 4);
        uint64_t n = 1;
        assert_int_equal(kv->type, type);
        if (type == HTH_GGUF_ARR) {
            type = (uint32_t)take(r, 4);
            n = take(r, 8);
            assert_int_equal(kv->elem, type);
        }
        assert_int_equal(kv->count, n);
        same_values(r, type, n, kv);
    }
}

static void same_tensors(Naive *r, const HthGguf *g, uint64_t count, const uint8_t *start) {
    uint64_t offsets[128];
    assert_int_equal(hth_gguf_tensor_count(g), count);
    assert_true(count <= HTH_COUNT(offsets));
    for (uint64_t i = 0; i < count; i++) {
        const HthGgufTensor *t = hth_gguf_tensor_at(g, i);
        uint64_t elements = 1;
        assert_true(hth_str_eq(take_str(r), t->name));
        assert_int_equal(take(r, 4), t->n_dims);
        for (uint32_t d = 0; d < t->n_dims; d++) {
            assert_int_equal(take(r, 8), t->ne[d]);
            elements *= t->ne[d];
        }
        uint32_t type = (uint32_t)take(r, 4);
        assert_int_equal(type, t->fmt->id);
        assert_int_equal(t->bytes, elements * (type == 0 ? 4 : 2)); /* F32 and F16 only here */
        offsets[i] = take(r, 8);
    }
    size_t data = ((size_t)(r->p - start) + 31) / 32 * 32;
    for (uint64_t i = 0; i < count; i++)
        assert_ptr_equal(hth_gguf_tensor_at(g, i)->data, start + data + offsets[i]);
}

static void test_files(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(files); i++) {
        char path[4096];
        HthErr err;
        HthGguf *g = NULL;
        TEST_DATA_OR_SKIP(path, files[i].file);
        assert_ok(hth_gguf_open(&g, path, &err), err);
        HthStr bytes = hth_gguf_part(g, 0);
        const uint8_t *start = (const uint8_t *)bytes.p;
        Naive r = { start, start + bytes.n };
        assert_int_equal(take(&r, 4), 0x46554747);
        assert_int_equal(take(&r, 4), hth_gguf_version(g));
        uint64_t tensors = take(&r, 8), kvs = take(&r, 8);
        assert_int_equal(tensors, files[i].tensors);
        assert_int_equal(kvs, files[i].kvs);
        same_metadata(&r, g, kvs);
        same_tensors(&r, g, tensors, start);
        hth_gguf_close(&g);
    }
}

/* The writer, given everything the reader found, writes the same file again, to the byte. */
static void test_rewrite(void **state) {
    (void)state;
    char out[] = "/tmp/hearth-rewrite-XXXXXX";
    close(mkstemp(out));
    for (size_t i = 0; i < HTH_COUNT(files); i++) {
        char path[4096];
        HthErr err;
        HthGguf *g = NULL;
        HthGgufOut *o = NULL;
        TEST_DATA_OR_SKIP(path, files[i].file);
        assert_ok(hth_gguf_open(&g, path, &err), err);
        assert_ok(hth_gguf_out_open(&o, out, &err), err);
        for (size_t k = 0; k < hth_gguf_kv_count(g); k++)
            assert_ok(hth_gguf_out_kv(o, hth_gguf_kv_at(g, k), &err), err);
        for (size_t k = 0; k < hth_gguf_tensor_count(g); k++) {
            const HthGgufTensor *t = hth_gguf_tensor_at(g, k);
            assert_ok(hth_gguf_out_tensor(o, t->name, t->fmt, t->n_dims, t->ne, &err), err);
        }
        for (size_t k = 0; k < hth_gguf_tensor_count(g); k++) {
            const HthGgufTensor *t = hth_gguf_tensor_at(g, k);
            assert_ok(hth_gguf_out_data(o, t->data, t->bytes, &err), err);
        }
        assert_ok(hth_gguf_out_commit(&o, &err), err);
        HthBuf again;
        test_load(&again, out);
        HthStr was = hth_gguf_part(g, 0), is = hth_buf_str(&again);
        size_t n = was.n < is.n ? was.n : is.n; /* a file without tensors may lack the padding */
        assert_true(is.n >= was.n && is.n - was.n < 32);
        assert_memory_equal(was.p, is.p, n);
        for (size_t k = n; k < is.n; k++) assert_int_equal(is.p[k], 0);
        hth_buf_drop(&again);
        hth_gguf_close(&g);
    }
    unlink(out);
}

int main(void) {
    char path[4096];
    test_data_or_exit(path, sizeof path, files[0].file);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_rewrite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
