/* panel_file_test.c - a model's panels on disk: used when they fit, refused when anything differs.
 *
 * Thread: one. */
#include "support/test.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "model/panel_file.h"
#include "support/tiny.h"

static char folder[] = "/tmp/panel_file.XXXXXX";
static char model_path[64], panels_path[80];

#define TINY                                                                                       \
    .arch = "llama", .layers = 2, .embd = 256, .heads = 4, .kv_heads = 2, .ff = 512, .vocab = 50,  \
    .ctx = 128

static void put_model(const char *fmt, uint64_t seed) {
    HthBuf file;
    Tiny c = { TINY, .fmt = fmt, .seed = seed };
    tiny_build(&file, &c);
    assert_int_equal(hth_file_write(model_path, file.p, file.n, 0644, NULL), HTH_OK);
    hth_buf_drop(&file);
}

static HthModel *open_model(void) {
    HthErr err = { 0 };
    HthModel *m = NULL;
    assert_ok(hth_model_open(&m, model_path, &err), err);
    return m;
}

/* Panels that came with the file, of the products of the program. */
static uint32_t from_file(const HthModel *m) {
    const HthProgram *p = hth_model_program(m);
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        const HthWeight *w = p->inst[i].w;
        if (p->inst[i].op == HTH_OP_LINEAR && w->packed && !w->packed->room)
            n += atomic_load(&w->packed->panels) != NULL;
    }
    return n;
}

static uint32_t used(void) {
    HthModel *m = open_model();
    uint32_t n = from_file(m);
    hth_model_close(&m);
    return n;
}

static void write_panels(void) {
    HthErr err = { 0 };
    HthModel *m = open_model();
    assert_ok(hth_panels_write(m, panels_path, NULL, &err), err);
    hth_model_close(&m);
}

static HthStatus verify(HthErr *err) {
    HthModel *m = open_model();
    HthStatus st = hth_panels_verify(m, panels_path, NULL, err);
    hth_model_close(&m);
    return st;
}

static int setup(void **state) {
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(model_path, sizeof model_path, "%s/m.gguf", folder);
    return hth_panels_path(panels_path, sizeof panels_path, model_path, NULL);
}
static int teardown(void **state) {
    (void)state;
    unlink(model_path);
    unlink(panels_path);
    return rmdir(folder);
}

static void written_used_and_proved(void **state) {
    (void)state;
    static const char *const fmts[] = { "Q8_0", "Q4_0", "Q4_K", "Q6_K" };
    HthErr err = { 0 };
    for (size_t i = 0; i < HTH_COUNT(fmts); i++) {
        put_model(fmts[i], 1);
        unlink(panels_path);
        assert_int_equal(used(), 0);
        write_panels();
        assert_int_equal(used(), 2 * 7 + 1); /* q k v o gate up down, and the output */
        assert_ok(verify(&err), err);
    }
}

static void another_model_is_refused(void **state) {
    (void)state;
    HthErr err = { 0 };
    put_model("Q8_0", 1);
    write_panels();
    put_model("Q8_0", 2); /* the same sizes, other weights */
    assert_int_equal(used(), 0);
    assert_int_equal(verify(&err), HTH_EFORMAT);
    put_model("Q4_0", 1);
    assert_int_equal(used(), 0);
}

static void damage_is_found(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthBuf whole;
    put_model("Q4_K", 1);
    write_panels();
    hth_buf_init(&whole, (size_t)1 << 26);
    assert_int_equal(hth_file_read(&whole, panels_path, NULL), HTH_OK);
    static const struct {
        size_t at;
        bool opens; /* only a comparison with the whole model can tell */
    } spots[] = { { 0, false },  { 9, false },   { 12, false }, { 20, false },
                  { 24, false }, { 33, true },   { 64, false }, { 90, false },
                  { 95, false }, { 5000, true }, { 0, true } };
    for (size_t i = 0; i < HTH_COUNT(spots); i++) {
        size_t at = i + 1 < HTH_COUNT(spots) ? spots[i].at : whole.n - 1;
        whole.p[at] ^= 4;
        assert_int_equal(hth_file_write(panels_path, whole.p, whole.n, 0644, NULL), HTH_OK);
        whole.p[at] ^= 4;
        assert_int_equal(used() > 0, spots[i].opens);
        assert_int_equal(verify(&err), HTH_EFORMAT);
    }
    for (size_t cut = 0; cut <= whole.n; cut += cut < 4096 ? 61 : whole.n / 5) {
        if (cut == whole.n) break;
        assert_int_equal(hth_file_write(panels_path, whole.p, cut, 0644, NULL), HTH_OK);
        assert_int_equal(used(), 0);
        assert_int_equal(verify(&err), HTH_EFORMAT);
    }
    hth_buf_drop(&whole);
}

static void float_models_have_none(void **state) {
    (void)state;
    HthErr err = { 0 };
    put_model("F32", 1);
    HthModel *m = open_model();
    assert_int_equal(hth_panels_write(m, panels_path, NULL, &err), HTH_ENOTSUP);
    hth_model_close(&m);
}

static int stop(size_t done, size_t total) {
    (void)done;
    (void)total;
    return 1;
}

/* Every failing call: an error, nothing written, nothing lost. */
static void nothing_half_written(void **state) {
    (void)state;
    HthErr err = { 0 };
    put_model("Q8_0", 1);
    unlink(panels_path);
    HthModel *m = open_model();
    const uint64_t live = hth_mem_live();
    assert_int_equal(hth_panels_write(m, panels_path, stop, &err), HTH_ECANCELED);
    for (int what = 0; what < 2; what++) {
        HthStatus st = HTH_EIO;
        for (uint64_t nth = 1; st != HTH_OK; nth++) {
            (what ? hth_file_fail_after : hth_mem_fail_after)(nth);
            st = hth_panels_write(m, panels_path, NULL, &err);
            (what ? hth_file_fail_after : hth_mem_fail_after)(0);
            assert_int_equal(hth_mem_live(), live);
            if (!what) assert_int_equal(access(panels_path, F_OK) == 0, st == HTH_OK);
            assert_true(nth < 1000);
        }
        unlink(panels_path);
    }
    hth_model_close(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_used_and_proved), cmocka_unit_test(another_model_is_refused),
        cmocka_unit_test(damage_is_found),         cmocka_unit_test(float_models_have_none),
        cmocka_unit_test(nothing_half_written),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
