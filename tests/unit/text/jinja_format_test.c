/* jinja_format_test.c - the % operator and str.format */
#include "support/test.h"

#include "support/render.h"

/* clang-format off */
static const RenderRow renders[] = {
    { "{{ \"%s-%d-%5.2f|%-5s|%05d|%x|%X|%o|%e|%g|%%\" % (\"a\",3,2.5,\"b\",42,255,255,8,123"
      "45.678,0.0001) }}",
      "a-3- 2.50|b    |00042|ff|FF|10|1.234568e+04|0.0001|%", HTH_OK },
    { "{{ \"%(a)s %(b)r\" % {\"a\":1,\"b\":\"x\"} }}", "1 'x'", HTH_OK },
    { "{{ \"%s\" % \"x\" }}", "x", HTH_OK },
    { "{{ \"%s\" % none }}", "None", HTH_OK },
    { "{{ \"%s\" % [1,2] }}", "[1, 2]", HTH_OK },
    { "{{ \"%d\" % 3.7 }}", "3", HTH_OK },
    { "{{ \"%c%c\" % (65,\"b\") }}", "Ab", HTH_OK },
    { "{{ \"%+d % d\" % (3,4) }}", "+3  4", HTH_OK },
    { "{{ \"%#x %#o\" % (255,8) }}", "0xff 0o10", HTH_OK },
    { "{{ \"%.3s|%5s|%-5s|\" % (\"abcdef\",\"a\",\"b\") }}", "abc|    a|b    |", HTH_OK },
    { "{{ \"%*d|%-*d|\" % (5,42,5,42) }}", "   42|42   |", HTH_OK },
    { "{{ '%a' % '\303\251' }}", "'\\xe9'", HTH_OK },
    { "{{ '%5s|%-5s|' % ('\303\251', '\303\251') }}", "    \303\251|\303\251    |", HTH_OK },
    { "{{ '%05.1f' % -2.55 }}", "-02.5", HTH_OK },
    { "{{ '%.0f %.0f' % (0.5, 1.5) }}", "0 2", HTH_OK },
    { "{{ '%g %g %g' % (1e5, 1e6, 0.0001) }}", "100000 1e+06 0.0001", HTH_OK },
    { "{{ '%x' % -255 }}", "-ff", HTH_OK },
    { "{{ \"{} {}\".format(1,\"a\") }}", "1 a", HTH_OK },
    { "{{ \"{1} {0}\".format(1,\"a\") }}", "a 1", HTH_OK },
    { "{{ \"{a} {b[0]} {c.k}\".format(a=1,b=[2],c={\"k\":3}) }}", "1 2 3", HTH_OK },
    { "{{ \"{:>5}|{:<5}|{:^5}|{:*^7}\".format(\"a\",\"b\",\"c\",\"d\") }}",
      "    a|b    |  c  |***d***", HTH_OK },
    { "{{ \"{:5}|{:5}\".format(\"a\",1) }}", "a    |    1", HTH_OK },
    { "{{ \"{:05d} {:+d} {:,} {:_}\".format(42,42,1234567,1234567) }}",
      "00042 +42 1,234,567 1_234_567", HTH_OK },
    { "{{ \"{:.2f} {:8.3f} {:e} {:g} {:%}\".format(3.14159,2.5,12345.678,0.00001,0.25) }}",
      "3.14    2.500 1.234568e+04 1e-05 25.000000%", HTH_OK },
    { "{{ \"{:x} {:X} {:#x} {:b} {:o} {:c}\".format(255,255,255,5,8,65) }}",
      "ff FF 0xff 101 10 A", HTH_OK },
    { "{{ \"{!r} {!s} {!a}\".format(\"a\",\"b\",\"\303\251\") }}", "'a' b '\\xe9'", HTH_OK },
    { "{{ \"{:{}}|\".format(\"a\",5) }}", "a    |", HTH_OK },
    { "{{ '{:>{w}}'.format('a', w=4) }}", "   a", HTH_OK },
    { "{{ \"{{}} {}\".format(1) }}", "{} 1", HTH_OK },
    { "{{ \"{}\".format(none) }}", "None", HTH_OK },
    { "{{ \"{:.3}\".format(\"abcdef\") }}", "abc", HTH_OK },
    { "{{ \"{:.3}\".format(3.14159) }}", "3.14", HTH_OK },
    { "{{ \"{:.3}\".format(3.0) }}", "3.0", HTH_OK },
    { "{{ \"{:10.3}|\".format(1234567.0) }}", "  1.23e+06|", HTH_OK },
    { "{{ \"{:,.2f}\".format(1234567.891) }}", "1,234,567.89", HTH_OK },
    { "{{ \"{}\".format(true) }}", "True", HTH_OK },
    { "{{ \"{:d}\".format(true) }}", "1", HTH_OK },
    { "{{ '{:=5}|{:<05}|{:05}'.format(-3,3,-3) }}", "-   3|30000|-0003", HTH_OK },
    { "{{ '{:+.1%}'.format(0.5) }}", "+50.0%", HTH_OK },
    { "{{ '{:G} {:E}'.format(1e-20, 12.5) }}", "1E-20 1.250000E+01", HTH_OK },
    { "{{ '{:#b} {:#010x} {:_x}'.format(5, 255, 65535) }}", "0b101 0x000000ff ffff", HTH_OK },
    { "{{ '{:<3}|{:>3}|{:^3}|'.format('\303\251','\303\251','\303\251') }}",
      "\303\251  |  \303\251| \303\251 |", HTH_OK },
    { "{{ '{:\303\251^5}'.format('a') }}", "\303\251\303\251a\303\251\303\251", HTH_OK },
    { "{{ '{a[b]}'.format(a={'b':1}) }}", "1", HTH_OK },
    { "{{ '{a.nope}'.format(a={}) }}", "", HTH_OK },
    { "{{ \"{}\".format(undefinedvar) }}", "", HTH_OK },
    { "{{ \"%s\" % undefinedvar }}", "", HTH_OK },
};

static const RenderRow refusals[] = {
    { "{{ \"%s %s\" % (\"a\",) }}",
      "a % format has fewer arguments than fields", HTH_EINVAL },
    { "{{ \"%s\" % (\"a\",\"b\") }}",
      "a % format has more arguments than fields", HTH_EINVAL },
    { "{{ \"%d\" % \"x\" }}",
      "a % format needs a number, not a str", HTH_EINVAL },
    { "{{ '%x' % 1.5 }}",
      "a % format needs an integer", HTH_EINVAL },
    { "{{ '%c' % 'ab' }}",
      "%c needs one character", HTH_EINVAL },
    { "{{ '%q' % 1 }}",
      "a % format has an unknown type", HTH_EINVAL },
    { "{{ '%' % 1 }}",
      "a % format ends too early", HTH_EINVAL },
    { "{{ '%(a)s' % 1 }}",
      "a %(name) format needs a dict", HTH_EINVAL },
    { "{{ '%(a)s' % {'b':1} }}",
      "a %(name) format names a missing key", HTH_EINVAL },
    { "{{ '%(a' % {'a':1} }}",
      "a %(name) format needs a dict", HTH_EINVAL },
    { "{{ \"%d\" % undefinedvar }}",
      "the variable 'undefinedvar' is undefined", HTH_EINVAL },
    { "{{ \"%.1000f\" % 1 }}",
      "a number is to have more than 400 digits", HTH_ELIMIT },
    { "{{ \"{} {x}\".format(1) }}",
      "format has no argument of that name", HTH_EINVAL },
    { "{{ \"{} {}\".format(1) }}",
      "format has fewer arguments than fields", HTH_EINVAL },
    { "{{ \"{0} {}\".format(1,2) }}",
      "format mixes numbered and automatic fields", HTH_EINVAL },
    { "{{ \"{:5}\".format(none) }}",
      "a None takes no format specification", HTH_EINVAL },
    { "{{ \"{:s}\".format(5) }}",
      "a format for strings is given a number", HTH_EINVAL },
    { "{{ \"{:d}\".format(1.5) }}",
      "a format for integers is given a float", HTH_EINVAL },
    { "{{ \"{:d}\".format(\"a\") }}",
      "a format for numbers is given a string", HTH_EINVAL },
    { "{{ \"{:q}\".format(5) }}",
      "a format specification is malformed", HTH_EINVAL },
    { "{{ \"{\".format(1) }}",
      "format has a lone {", HTH_EINVAL },
    { "{{ \"}\".format(1) }}",
      "format has a lone }", HTH_EINVAL },
    { "{{ \"{a[}\".format(a=1) }}",
      "a field of format has no closing ]", HTH_EINVAL },
    { "{{ \"{!z}\".format(1) }}",
      "format converts with !r, !s or !a", HTH_EINVAL },
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_renders),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
