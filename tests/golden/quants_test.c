/* quants_test.c - every format hearth computes with, against ../shared/data/quants: block sizes,
 * dequantised floats to the bit, and the quality of our encoders.
 *
 * Thread: main. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "kern/kern.h"

enum { COUNT = 8 * 1024 };

static HthBuf slurp(const char *name, const char *suffix) {
    char path[1024];
    HthBuf buf;
    HthErr err;
    hth_buf_init(&buf, 1 << 20);
    snprintf(path, sizeof path, "%s/quants/%s%s", getenv("HEARTH_DATA"), name, suffix);
    if (hth_file_read(&buf, path, &err) != HTH_OK) fail_msg("%s", err.text);
    return buf;
}

/* TYPES.txt: "ID NAME block=LEN bytes=BYTES relrmse=X". */
typedef void EachFn(const HthFmt *fmt, const char *file_name, double relrmse);
static unsigned each_type(EachFn *fn) {
    HthBuf types = slurp("TYPES", ".txt");
    unsigned seen = 0;
    for (char *line = types.p; line != NULL && *line != '\0';) {
        unsigned id, len, bytes;
        char name[32];
        double rel;
        assert_int_equal(
            sscanf(line, "%u %31s block=%u bytes=%u relrmse=%lf", &id, name, &len, &bytes, &rel),
            5);
        const HthFmt *fmt = hth_fmt_by_id(id);
        assert_non_null(fmt);
        assert_int_equal(fmt->block_len, len);
        assert_int_equal(fmt->block_bytes, bytes);
        assert_ptr_equal(hth_fmt_by_name(name), fmt);
        fn(fmt, name, rel);
        seen++;
        line = strchr(line, '\n');
        if (line != NULL) line++;
    }
    hth_buf_drop(&types);
    return seen;
}

static unsigned dequantised;
static void check_dequant(const HthFmt *fmt, const char *name, double relrmse) {
    (void)relrmse;
    assert_non_null(fmt->dequant);
    HthBuf blocks = slurp(name, ".blocks"), want = slurp(name, ".f32");
    assert_int_equal(blocks.n, hth_fmt_row_bytes(fmt, COUNT));
    assert_int_equal(want.n, COUNT * sizeof(float));
    float *got = hth_calloc_aligned(COUNT, sizeof(float));
    assert_non_null(got);
    fmt->dequant(blocks.p, got, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        if (memcmp(got + i, want.p + i * 4, 4) != 0) fail_msg("%s: weight %zu differs", name, i);
    hth_free(got);
    hth_buf_drop(&blocks);
    hth_buf_drop(&want);
    dequantised++;
}

/* Within 1 % of the listed: they are mostly better. */
static unsigned encoded;
static void check_encode(const HthFmt *fmt, const char *name, double relrmse) {
    (void)name;
    if (fmt->quant == NULL) return;
    HthBuf input = slurp("input", ".f32");
    assert_int_equal(input.n, COUNT * sizeof(float));
    float *in = hth_calloc_aligned(COUNT, sizeof(float));
    float *back = hth_calloc_aligned(COUNT, sizeof(float));
    void *blocks = hth_calloc_aligned(hth_fmt_row_bytes(fmt, COUNT), 1);
    assert_true(in != NULL && back != NULL && blocks != NULL);
    memcpy(in, input.p, input.n);
    fmt->quant(in, blocks, COUNT);
    fmt->dequant(blocks, back, COUNT);
    double err = 0, sum = 0;
    for (size_t i = 0; i < COUNT; i++) {
        err += ((double)back[i] - in[i]) * ((double)back[i] - in[i]);
        sum += (double)in[i] * in[i];
    }
    double rel = sqrt(err / sum);
    printf("%-6s encoder: relative error %.5f, listed %.5f\n", fmt->name, rel, relrmse);
    assert_true(rel <= relrmse * 1.01 + 5e-6);
    hth_free(in);
    hth_free(back);
    hth_free(blocks);
    hth_buf_drop(&input);
    encoded++;
}

static void floats_are_exact(void **state) {
    (void)state;
    assert_int_equal(each_type(check_dequant), 27);
    printf("%u formats dequantise to the listed floats\n", dequantised);
    assert_int_equal(dequantised, 27);
}

static void encoders_are_close(void **state) {
    (void)state;
    each_type(check_encode);
    assert_int_equal(encoded, 27);
}

int main(void) {
    const char *data = getenv("HEARTH_DATA");
    char path[1024];
    snprintf(path, sizeof path, "%s/quants/TYPES.txt", data != NULL ? data : "");
    FILE *f = data != NULL ? fopen(path, "r") : NULL;
    if (f == NULL) {
        puts("skipped: no quants folder in HEARTH_DATA");
        return 77;
    }
    fclose(f);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_are_exact),
        cmocka_unit_test(encoders_are_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
