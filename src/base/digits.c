/* digits.c - see digits.h.
 *
 * glibc prints and reads decimals exactly; what is left is to find out how many are needed. */
#include "base/digits.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* v rounded to n digits; the power of ten of the first. */
static int round_to(double v, int n, char *digits) {
    char text[40];
    const int len = snprintf(text, sizeof text, "%.*e", n - 1, v);
    HTH_ASSERT(len > 0 && (size_t)len < sizeof text);
    const char *p = text;
    for (int k = 0; *p != 'e'; p++) /* the radix mark is whatever the locale says */
        if (*p >= '0' && *p <= '9') digits[k++] = *p;
    return (int)strtol(p + 1, NULL, 10);
}

static bool reads_as(const char *digits, int n, int exp10, double v) {
    char text[40];
    double back;
    const int len = snprintf(text, sizeof text, "%.*se%d", n, digits, exp10 - n + 1);
    return hth_str_f64((HthStr){ text, (size_t)len }, &back) && back == v;
}

/* The next decimal of n digits; 999 becomes 100, one power higher. */
static int step_up(char *digits, int n, int exp10) {
    int at = n - 1;
    while (at >= 0 && digits[at] == '9') digits[at--] = '0';
    if (at >= 0) {
        digits[at]++;
        return exp10;
    }
    digits[0] = '1';
    return exp10 + 1;
}

size_t hth_digits_f64(double v, char digits[HTH_DIGITS_MAX], int *exp10) {
    HTH_ASSERT(v >= 0 && isfinite(v));
    int e, exponent = 0;
    /* Up to DBL_DIG digits survive a normal number, so a shorter decimal shows as zeros there. */
    int n = v < DBL_MIN ? 1 : DBL_DIG;
    /* Below a power of two the neighbours are twice as near: the decimal above may be the one. */
    const bool lopsided = frexp(v, &e) == 0.5;
    for (; n <= HTH_DIGITS_MAX; n++) {
        exponent = round_to(v, n, digits);
        if (n == HTH_DIGITS_MAX || reads_as(digits, n, exponent, v)) break;
        if (!lopsided) continue;
        exponent = step_up(digits, n, exponent);
        if (reads_as(digits, n, exponent, v)) break;
    }
    while (n > 1 && digits[n - 1] == '0') n--;
    *exp10 = exponent;
    return (size_t)n;
}
