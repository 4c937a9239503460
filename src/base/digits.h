/* digits.h - the fewest decimal digits that read back as the same number.
 *
 * What Python's repr, ECMAScript's Number and RFC 8785 print; they differ only in where they put
 * the point.  Independent of the locale.
 *
 * Thread: any. */
#ifndef HTH_BASE_DIGITS_H
#define HTH_BASE_DIGITS_H

#include <stddef.h>

enum { HTH_DIGITS_MAX = 17 };

/* v: finite, not negative.  Its digits ('0' to '9', no NUL, no zero at the end) and the power of
 * ten of the first one: 1250 is "125" and 3.  Of several equally short ones the nearest to v.
 * Returns how many; zero is one digit, "0" and 0. */
size_t hth_digits_f64(double v, char digits[HTH_DIGITS_MAX], int *exp10);

#endif
