/* jinja_time_test.c - strftime_now in the C locale */
#include "support/test.h"

#include "support/render.h"

/* clang-format off */
static const RenderRow renders[] = {
    { "{{ strftime_now(\"%Y-%m-%d %H:%M:%S %B %b %A %a %j %y %p %I %d %e %-d %-m %%\") }}",
      "2026-11-21 09:30:00 November Nov Saturday Sat 325 26 AM 09 21 21 21 11 %", HTH_OK },
    { "{{ strftime_now(\"%d %B %Y\") }}", "21 November 2026", HTH_OK },
    { "{{ strftime_now(\"%U %W %u %w %D %F %T %R %c %x %X %h %C\") }}",
      "46 46 6 6 11/21/26 2026-11-21 09:30:00 09:30 Sat Nov 21 09:30:00 2026 11/21/26 09:30"
      ":00 Nov 20", HTH_OK },
    { "{{ strftime_now(\"\") }}", "", HTH_OK },
    { "{{ strftime_now(\"\303\251%\") }}", "\303\251%", HTH_OK },
};

static const RenderRow refusals[] = {
    { "{{ strftime_now(\"%Q\") }}",
      "strftime_now does not know the directive %Q", HTH_ENOTSUP },
    { "{{ strftime_now(1) }}",
      "the format of strftime_now must be a string, not a int", HTH_EINVAL },
};
/* clang-format on */

static void test_renders(void **state) {
    (void)state;
    RENDER_ROWS(renders);
}

static void test_refusals(void **state) {
    (void)state;
    RENDER_ROWS(refusals);
}

/* Days at the edges of the calendar, as any almanac has them. */
static void test_dates(void **state) {
    static const struct {
        int64_t unix_s;
        const char *want;
    } rows[] = {
        { 0, "1970-01-01 Thursday 001" },           { -1, "1969-12-31 Wednesday 365" },
        { 951782400, "2000-02-29 Tuesday 060" },    { 978220800, "2000-12-31 Sunday 366" },
        { -2203891200, "1900-03-01 Thursday 060" }, { 4107542400, "2100-03-01 Monday 060" }
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        HthErr err = { 0 };
        HthBuf out;
        HthTemplate *t = NULL;
        json_t *vars = json_object();
        hth_buf_init(&out, 1000);
        assert_ok(hth_template_open(&t, HTH_STR("{{ strftime_now('%Y-%m-%d %A %j') }}"), &err),
                  err);
        assert_ok(hth_template_render(t, vars, rows[i].unix_s, NULL, &out, &err), err);
        assert_string_equal(out.p, rows[i].want);
        hth_template_close(&t);
        hth_buf_drop(&out);
        json_decref(vars);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_renders),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
