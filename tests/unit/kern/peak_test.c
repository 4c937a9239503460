/* peak_test.c - kern/peak.h: loops run wherever their tier runs, and count what they did. */
#include "support/test.h"

#include <string.h>

#include "kern/peak.h"

static void counts_rounds(void **state) {
    (void)state;
    for (size_t i = 0; hth_kern_at(i) != NULL; i++) {
        const HthKern *k = hth_kern_at(i);
        if (!hth_kern_runs_here(k)) continue;
        for (int act = HTH_ACT_F32; act <= HTH_ACT_Q8; act++) {
            uint64_t one = hth_kern_peak(k, (HthAct)act, 1);
            assert_int_equal(hth_kern_peak(k, (HthAct)act, 1000), 1000 * one);
            if (strcmp(k->name, "c") == 0) assert_int_equal(one, 0); /* no loop claims to be it */
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(counts_rounds) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
