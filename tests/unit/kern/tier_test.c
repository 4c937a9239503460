/* tier_test.c - which tier is used, and who may say so. */
#include "support/test.h"

#include "kern/kern.h"

static void first_is_plain_c(void **state) {
    (void)state;
    assert_string_equal(hth_kern_at(0)->name, "c");
    assert_true(hth_kern_runs_here(hth_kern_at(0)));
    assert_null(hth_kern_at(100));
}

static void every_tier_is_whole(void **state) {
    (void)state;
    for (size_t i = 0; hth_kern_at(i) != NULL; i++) {
        const HthKern *k = hth_kern_at(i);
        assert_true(k->act_q8 && k->rmsnorm && k->rope && k->swiglu && k->add && k->kv_store &&
                    k->attend_page && k->attend_merge);
    }
}

static void forcing(void **state) {
    (void)state;
    HthErr err;
    const HthKern *best = hth_kern_pick();
    assert_true(hth_kern_runs_here(best));
    for (size_t i = 0; hth_kern_at(i) != NULL; i++) {
        const HthKern *k = hth_kern_at(i);
        HthStatus want = hth_kern_runs_here(k) ? HTH_OK : HTH_ENOTSUP;
        assert_status(hth_kern_force(k->name, &err), want, err);
        if (want == HTH_OK) assert_ptr_equal(hth_kern_pick(), k);
    }
    assert_ok(hth_kern_force("c", &err), err);
    assert_status(hth_kern_force("mmx", &err), HTH_EINVAL, err);
    assert_string_equal(hth_kern_pick()->name, "c"); /* a refusal changes nothing */
    assert_ok(hth_kern_force(NULL, &err), err);
    assert_ptr_equal(hth_kern_pick(), best);
}

/* HEARTH_ISA is read at the first choice, so a child process asks. */
static void chosen_under(const char *isa, char line[64]) {
    char self[512], command[1536];
    const char *emulator = getenv("HEARTH_EMULATOR"); /* set where tests run under one */
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(n > 0);
    self[n] = '\0';
    snprintf(command, sizeof command, "HEARTH_ISA=%s %s '%s' name", isa, emulator ? emulator : "",
             self);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, 64, f));
    assert_int_equal(pclose(f), 0);
    line[strcspn(line, "\n")] = '\0';
}

static void environment(void **state) {
    (void)state;
    char line[64];
    chosen_under("c", line);
    assert_string_equal(line, "c");
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "name") == 0) {
        puts(hth_kern_pick()->name);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_is_plain_c),
        cmocka_unit_test(every_tier_is_whole),
        cmocka_unit_test(forcing),
        cmocka_unit_test(environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
