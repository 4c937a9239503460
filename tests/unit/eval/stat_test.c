/* stat_test.c - intervals against closed forms and tables, resampling against what is known. */
#include "support/test.h"

#include <math.h>

#include "base/rng.h"
#include "eval/stat.h"

#define NEAR(a, b, within) assert_true(fabs((a) - (b)) <= (within))

static const double ones[64] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };

/* From printed tables of the distribution. */
static void students_t(void **state) {
    static const struct {
        size_t f;
        double t;
    } known[] = { { 1, 12.7062 }, { 2, 4.3027 },  { 5, 2.5706 },  { 10, 2.2281 }, { 11, 2.2010 },
                  { 15, 2.1314 }, { 20, 2.0860 }, { 30, 2.0423 }, { 60, 2.0003 }, { 120, 1.9799 } };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(known); i++) NEAR(hth_stat_t(known[i].f), known[i].t, 2e-4);
    NEAR(hth_stat_t(1000000000), 1.959963984540054, 1e-8);
    for (size_t f = 1; f < 200; f++) assert_true(hth_stat_t(f) > hth_stat_t(f + 1));
}

/* Equal weights: the textbook's mean and standard error. */
static void the_mean(void **state) {
    const double v[] = { 2, 4, 4, 4, 5, 5, 7, 9 }; /* mean 5, sum of squares 32 */
    const HthBound b = hth_stat_ratio(&(HthClusters){ v, ones, 8 });
    const double half = 2.364624252 * sqrt(32.0 / 7 / 8);
    (void)state;
    NEAR(b.value, 5, 1e-12);
    NEAR(b.low, 5 - half, 1e-9);
    NEAR(b.high, 5 + half, 1e-9);
}

/* All clusters alike in sum per weight: nothing to doubt, however heavy they are. */
static void a_ratio(void **state) {
    const double sum[] = { 2, 20, 200 }, weight[] = { 1, 10, 100 };
    HthBound b = hth_stat_ratio(&(HthClusters){ sum, weight, 3 });
    (void)state;
    NEAR(b.value, 2, 1e-12);
    NEAR(b.high - b.low, 0, 1e-9);
    b = hth_stat_ratio(&(HthClusters){ sum, weight, 1 });
    assert_true(b.low == 2 && b.high == 2);
    /* The ratio estimator by hand: R = 4/3, residuals -1/3, 1/3; var = 2 (2/9) / 9. */
    const double s2[] = { 1, 3 }, w2[] = { 1, 2 };
    b = hth_stat_ratio(&(HthClusters){ s2, w2, 2 });
    NEAR(b.value, 4.0 / 3, 1e-12);
    NEAR(b.high - b.value, 12.706204736 * sqrt(4.0 / 81), 1e-8);
}

static void wilson(void **state) {
    (void)state;
    /* Newcombe, Statistics in Medicine 17 (1998), table I, method 3. */
    static const struct {
        double hits, n, low, high;
    } known[] = { { 81, 263, 0.2553, 0.3662 },
                  { 15, 148, 0.0624, 0.1605 },
                  { 0, 20, 0, 0.1611 },
                  { 1, 29, 0.0061, 0.1718 } };
    for (size_t i = 0; i < HTH_COUNT(known); i++) {
        const HthBound b = hth_stat_wilson(known[i].hits, known[i].n);
        NEAR(b.low, known[i].low, 5.1e-5);
        NEAR(b.high, known[i].high, 5.1e-5);
        const HthBound m = hth_stat_wilson(known[i].n - known[i].hits, known[i].n);
        NEAR(m.low, 1 - b.high, 1e-12); /* misses mirror hits */
    }
    assert_true(hth_stat_wilson(0, 5).low == 0 && hth_stat_wilson(5, 5).high == 1);
}

/* Clusters that vary as independent trials do are worth their weight; alike within, they are worth
 * their number. */
static void shares(void **state) {
    double sum[64], weight[64];
    (void)state;
    for (int i = 0; i < 64; i++) weight[i] = 10;
    for (int i = 0; i < 64; i++) sum[i] = i % 2 ? 10 : 0;
    HthBound b = hth_stat_share(&(HthClusters){ sum, weight, 64 });
    HthBound w = hth_stat_wilson(31.5, 63);
    NEAR(b.value, 0.5, 1e-12);
    NEAR(b.low, w.low, 1e-9);
    NEAR(b.high, w.high, 1e-9);
    for (int i = 0; i < 64; i++) sum[i] = 10;
    b = hth_stat_share(&(HthClusters){ sum, weight, 64 });
    w = hth_stat_wilson(640, 640);
    assert_true(b.value == 1 && b.high == 1);
    NEAR(b.low, w.low, 1e-12);
}

static void quantiles(void **state) {
    double v[] = { 9, 1, 5, 3, 7 };
    (void)state;
    hth_stat_sort(v, 5);
    assert_true(v[0] == 1 && v[1] == 3 && v[4] == 9);
    NEAR(hth_stat_quantile(v, 5, 0.5), 5, 0);
    NEAR(hth_stat_quantile(v, 5, 0), 1, 0);
    NEAR(hth_stat_quantile(v, 5, 1), 9, 0);
    NEAR(hth_stat_quantile(v, 5, 0.1), 1.8, 1e-12); /* R: quantile(c(1,3,5,7,9), .1) */
    NEAR(hth_stat_quantile(v, 1, 0.99), 1, 0);
}

/* Resampling means of many values gives the interval of the mean; a constant gives none. */
static void bootstrap(void **state) {
    double v[400], w[400];
    HthErr err = { 0 };
    HthBound b, again;
    (void)state;
    for (int i = 0; i < 400; i++) {
        v[i] = hth_rng_normal(3, 1, (uint64_t)i);
        w[i] = 1;
    }
    const HthClusters c = { v, w, 400 };
    const HthBoot boot = { 2000, 1 };
    assert_ok(hth_stat_boot(&b, &c, &boot, &err), err);
    const HthBound known = hth_stat_ratio(&c);
    NEAR(b.value, known.value, 1e-12);
    NEAR(b.low, known.low, 0.01);
    NEAR(b.high, known.high, 0.01);
    assert_ok(hth_stat_boot(&again, &c, &boot, &err), err);
    assert_memory_equal(&b, &again, sizeof b);
    assert_ok(hth_stat_boot(&again, &c, &(HthBoot){ 2000, 2 }, &err), err);
    assert_true(again.low != b.low);
    assert_ok(hth_stat_boot(&b, &(HthClusters){ w, w, 400 }, &boot, &err), err);
    assert_true(b.low == 1 && b.high == 1);
}

static void the_worst(void **state) {
    enum { N = 90 };
    double v[N], w[N];
    uint32_t group[N];
    HthErr err = { 0 };
    HthWorst out;
    (void)state;
    for (int i = 0; i < N; i++) {
        group[i] = i % 3 == 2 ? 3 : (uint32_t)(i % 3); /* group 2 has nobody */
        w[i] = 1 + i % 2;
        v[i] = w[i] * ((group[i] == 1 ? 5 : 2) + 0.1 * hth_rng_normal(9, 2, (uint64_t)i));
    }
    const HthClusters c = { v, w, N };
    const HthBoot boot = { 500, 7 };
    assert_ok(hth_stat_worst(&out, &c, group, 4, true, &boot, &err), err);
    assert_int_equal(out.group, 1);
    NEAR(out.share, 1, 0);
    NEAR(out.gap.value, 2, 0.1); /* 5 against (2 + 5 + 2) / 3 */
    assert_true(out.gap.low <= out.gap.value && out.gap.value <= out.gap.high);
    assert_true(out.gap.high - out.gap.low < 0.2);
    assert_ok(hth_stat_worst(&out, &c, group, 4, false, &boot, &err), err);
    assert_true(out.group == 0 || out.group == 3);
    assert_true(out.share < 1 && out.gap.value < 0); /* two that are alike */
}

static HthStatus boot_body(void *ctx) {
    const double v[] = { 1, 2, 3 };
    const uint32_t group[] = { 0, 1, 1 };
    const HthClusters c = { v, ones, 3 };
    HthBound b;
    HthWorst w;
    HthErr err = { 0 };
    (void)ctx;
    HTH_TRY(hth_stat_boot(&b, &c, &(HthBoot){ 20, 1 }, &err));
    return hth_stat_worst(&w, &c, group, 2, true, &(HthBoot){ 20, 1 }, &err);
}

static void out_of_memory(void **state) {
    (void)state;
    assert_int_equal(test_torture(boot_body, NULL, 20), 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(students_t), cmocka_unit_test(the_mean),  cmocka_unit_test(a_ratio),
        cmocka_unit_test(wilson),     cmocka_unit_test(shares),    cmocka_unit_test(quantiles),
        cmocka_unit_test(bootstrap),  cmocka_unit_test(the_worst), cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
