/* route_test.c - the choice of experts against its definition in doubles: every gate, ties, one
 * expert, all of them, groups, and numbers that are none.
 *
 * Thread: one. */
#include "support/test.h"

#include <math.h>

#include "base/rng.h"
#include "kern/route.h"

enum { MAX = 64 };

typedef struct Chosen {
    uint32_t ids[MAX];
    float weights[MAX];
} Chosen;

static Chosen route(const HthRouter *r, const float *scores, const float *bias) {
    Chosen c;
    float *work = hth_calloc(hth_route_work(r), sizeof *work);
    hth_route(r, scores, bias, work, c.ids, c.weights);
    hth_free(work);
    return c;
}

/* What a score is worth before anybody is chosen. */
static double worth(const HthRouter *r, const float *s, uint32_t i) {
    double sum = 0;
    if (r->gate == HTH_EXPERTS_BY_SIGMOID) return 1 / (1 + exp(-(double)s[i]));
    if (r->gate == HTH_EXPERTS_BY_CHOSEN) return (double)s[i];
    for (uint32_t k = 0; k < r->n_expert; k++) sum += exp((double)s[k]);
    return exp((double)s[i]) / sum;
}

static bool group_is_used(const HthRouter *r, const double *v, uint32_t group) {
    double best[MAX];
    uint32_t size = r->n_expert / r->groups, better = 0;
    for (uint32_t g = 0; g < r->groups; g++) {
        double one = -INFINITY, two = -INFINITY;
        for (uint32_t i = g * size; i < (g + 1) * size; i++)
            if (v[i] > one)
                two = one, one = v[i];
            else if (v[i] > two)
                two = v[i];
        best[g] = one + two;
    }
    for (uint32_t g = 0; g < r->groups; g++) better += best[g] > best[group];
    return better < r->groups_used;
}

static void check(const HthRouter *r, const float *s, const float *bias) {
    double p[MAX], v[MAX], sum = 0;
    bool taken[MAX] = { false };
    const Chosen c = route(r, s, bias);
    for (uint32_t i = 0; i < r->n_expert; i++) {
        p[i] = worth(r, s, i);
        v[i] = p[i] + (bias ? (double)bias[i] : 0);
    }
    for (uint32_t i = 0; i < r->n_expert; i++)
        taken[i] = r->groups > 1 && !group_is_used(r, v, i / (r->n_expert / r->groups));
    for (uint32_t k = 0; k < r->n_used; k++) {
        uint32_t best = r->n_expert;
        for (uint32_t i = 0; i < r->n_expert; i++)
            if (!taken[i] && (best == r->n_expert || v[i] > v[best])) best = i;
        assert_int_equal(c.ids[k], best);
        taken[best] = true;
        if (r->gate == HTH_EXPERTS_BY_CHOSEN) p[best] = exp(p[best]);
        sum += p[best];
    }
    const bool divided = r->norm || r->gate == HTH_EXPERTS_BY_CHOSEN;
    for (uint32_t k = 0; k < r->n_used; k++) {
        double want = p[c.ids[k]] / (divided ? sum : 1) * (r->scale != 0 ? (double)r->scale : 1);
        if (!(fabs((double)c.weights[k] - want) <= 1e-6 * (1 + want)))
            fail_msg("weight %u is %.9g, wanted %.9g", k, (double)c.weights[k], want);
    }
}

static void every_gate(void **state) {
    (void)state;
    static const uint32_t experts[][2] = { { 1, 1 }, { 2, 1 }, { 8, 8 }, { 7, 3 }, { 64, 6 } };
    for (uint64_t seed = 0; seed < 40; seed++)
        for (size_t e = 0; e < HTH_COUNT(experts); e++)
            for (uint32_t gate = HTH_EXPERTS_BY_SOFTMAX; gate < HTH_EXPERTS_BYS; gate++) {
                HthRouter r = { .n_expert = experts[e][0], .n_used = experts[e][1], .gate = gate };
                float s[MAX], bias[MAX];
                r.groups = 1;
                r.norm = seed & 1;
                r.scale = seed & 2 ? 2.5f : 0.0f;
                for (uint32_t i = 0; i < r.n_expert; i++) {
                    s[i] = 3 * (float)hth_rng_normal(seed, e, i);
                    bias[i] = (float)hth_rng_normal(seed, e + 50, i);
                }
                check(&r, s, seed & 4 ? bias : NULL);
                if (r.n_expert < 8) continue;
                r.groups = r.n_expert / 4;
                r.groups_used = (r.n_used + 3) / 4 + (r.groups > 2);
                check(&r, s, seed & 4 ? bias : NULL);
            }
}

/* Of equal ones the lower index, among groups too. */
static void ties(void **state) {
    (void)state;
    const float s[] = { 1, 2, 2, 1, 2, -3, 2, 1 };
    for (uint32_t gate = HTH_EXPERTS_BY_SOFTMAX; gate < HTH_EXPERTS_BYS; gate++) {
        HthRouter r = { .n_expert = 8, .n_used = 6, .gate = gate, .groups = 1 };
        static const uint32_t want[] = { 1, 2, 4, 6, 0, 3 };
        Chosen c = route(&r, s, NULL);
        assert_memory_equal(c.ids, want, sizeof want);
        static const float same[8];
        static const uint32_t first[] = { 0, 1, 2 };
        r.groups = 4;
        r.groups_used = 2;
        r.n_used = 3;
        c = route(&r, same, NULL);
        assert_memory_equal(c.ids, first, sizeof first);
    }
}

/* Where two scores are worth the same after rounding, the better score is the better expert. */
static void by_score(void **state) {
    (void)state;
    const float s[] = { 20, 1, 30 };
    HthRouter r = { .n_expert = 3, .n_used = 2, .gate = HTH_EXPERTS_BY_SIGMOID, .groups = 1 };
    Chosen c = route(&r, s, NULL);
    assert_true(c.ids[0] == 0 && c.ids[1] == 2 && c.weights[0] == 1.0f && c.weights[1] == 1.0f);
    r.by_score = true;
    c = route(&r, s, NULL);
    assert_true(c.ids[0] == 2 && c.ids[1] == 0 && c.weights[0] == 1.0f && c.weights[1] == 1.0f);
}

static void bias_is_for_the_choice_alone(void **state) {
    (void)state;
    const float s[] = { 4, 1, 0 }, bias[] = { -9, 0, 5 };
    const HthRouter r = { .n_expert = 3, .n_used = 2, .gate = HTH_EXPERTS_BY_SIGMOID, .groups = 1 };
    const Chosen c = route(&r, s, bias);
    assert_int_equal(c.ids[0], 2);
    assert_int_equal(c.ids[1], 1);
    assert_true(c.weights[0] == 0.5f);
}

/* Nothing hides a NaN, and weights that are all but zero are not divided by zero. */
static void odd_numbers(void **state) {
    (void)state;
    const float nan[] = { 1, 5, NAN, 2 }, low[] = { -100, -120, -110, -104 };
    for (uint32_t gate = HTH_EXPERTS_BY_SOFTMAX; gate < HTH_EXPERTS_BYS; gate++) {
        const HthRouter r = { .n_expert = 4, .n_used = 2, .gate = gate, .norm = true, .groups = 1 };
        Chosen c = route(&r, nan, NULL);
        assert_true(c.weights[0] != c.weights[0]);
        c = route(&r, low, NULL);
        assert_true(c.ids[0] == 0 && c.weights[0] - c.weights[0] == 0.0f);
        if (gate == HTH_EXPERTS_BY_SIGMOID) assert_true(c.weights[0] < 1e-6f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_gate),  cmocka_unit_test(ties),
        cmocka_unit_test(by_score),    cmocka_unit_test(bias_is_for_the_choice_alone),
        cmocka_unit_test(odd_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
