/* jinja_time.c - strftime_now: the caller's clock in the C locale, UTC. */
#include "text/jinja.h"

#include <stdio.h>

typedef struct Date {
    int64_t year;
    int month, day, hour, minute, second; /* month, day from 1 */
    int weekday, yearday; /* Sunday 0; January 1st 0 */
    int64_t unix_s;
} Date;

static const char *const month_names[] = { "January",   "February", "March",    "April",
                                           "May",       "June",     "July",     "August",
                                           "September", "October",  "November", "December" };
static const char *const day_names[] = { "Sunday",   "Monday", "Tuesday", "Wednesday",
                                         "Thursday", "Friday", "Saturday" };

/* Days since 1970 to a civil date (proleptic Gregorian), by 400-year eras starting in March. */
static Date date_of(int64_t unix_s) {
    Date d = { .unix_s = unix_s };
    int64_t days = unix_s / 86400 - (unix_s % 86400 < 0);
    int secs = (int)(unix_s - days * 86400);
    d.hour = secs / 3600;
    d.minute = secs / 60 % 60;
    d.second = secs % 60;
    d.weekday = (int)((days % 7 + 11) % 7);
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    d.day = (int)(doy - (153 * mp + 2) / 5 + 1);
    d.month = (int)(mp < 10 ? mp + 3 : mp - 9);
    d.year = yoe + era * 400 + (d.month <= 2);
    static const int before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
    bool leap = d.year % 4 == 0 && (d.year % 100 != 0 || d.year % 400 == 0);
    d.yearday = before[d.month - 1] + d.day - 1 + (leap && d.month > 2);
    return d;
}

static HthStatus add_field(HthJVm *vm, HthJSb *sb, int64_t value, int width, char pad) {
    char text[32];
    int n = pad == 0 ? snprintf(text, sizeof text, "%lld", (long long)value)
                     : snprintf(text, sizeof text, pad == '0' ? "%0*lld" : "%*lld", width,
                                (long long)value);
    return hth_j_add(vm, sb, (HthStr){ text, (size_t)n });
}

static HthStatus add_directive(HthJVm *vm, HthJSb *sb, const Date *d, char c, char flag) {
    static const struct {
        char c;
        const char *as;
    } composed[] = { { 'D', "%m/%d/%y" },    { 'F', "%Y-%m-%d" }, { 'R', "%H:%M" },
                     { 'T', "%H:%M:%S" },    { 'X', "%H:%M:%S" }, { 'c', "%a %b %e %H:%M:%S %Y" },
                     { 'r', "%I:%M:%S %p" }, { 'x', "%m/%d/%y" }, { 'h', "%b" },
                     { 'n', "\n" },          { 't', "\t" } };
    const int hour12 = d->hour % 12 ? d->hour % 12 : 12;
    const struct {
        char c;
        int64_t value;
        int width;
        char pad;
    } numbers[] = {
        { 'Y', d->year, 1, '0' },
        { 'y', d->year % 100, 2, '0' },
        { 'C', d->year / 100, 2, '0' },
        { 'm', d->month, 2, '0' },
        { 'd', d->day, 2, '0' },
        { 'e', d->day, 2, ' ' },
        { 'H', d->hour, 2, '0' },
        { 'I', hour12, 2, '0' },
        { 'k', d->hour, 2, ' ' },
        { 'l', hour12, 2, ' ' },
        { 'M', d->minute, 2, '0' },
        { 'S', d->second, 2, '0' },
        { 'f', 0, 6, '0' },
        { 'j', d->yearday + 1, 3, '0' },
        { 'w', d->weekday, 1, '0' },
        { 'u', d->weekday ? d->weekday : 7, 1, '0' },
        { 'U', (d->yearday + 7 - d->weekday) / 7, 2, '0' },
        { 'W', (d->yearday + 7 - (d->weekday + 6) % 7) / 7, 2, '0' },
        { 's', d->unix_s, 1, '0' },
    };
    for (size_t i = 0; i < HTH_COUNT(numbers); i++) {
        if (numbers[i].c != c) continue;
        char pad = flag == '-' ? 0 : flag == '_' ? ' ' : flag == '0' ? '0' : numbers[i].pad;
        return add_field(vm, sb, numbers[i].value, numbers[i].width, pad);
    }
    for (size_t i = 0; i < HTH_COUNT(composed); i++) {
        if (composed[i].c != c) continue;
        HthJVal text;
        HTH_TRY(hth_j_strftime(vm, hth_str(composed[i].as), d->unix_s, &text));
        return hth_j_add(vm, sb, hth_j_text(text));
    }
    HthStr month = hth_str(month_names[d->month - 1]), day = hth_str(day_names[d->weekday]);
    switch (c) {
    case 'B': return hth_j_add(vm, sb, month);
    case 'b': return hth_j_add(vm, sb, hth_str_sub(month, 0, 3));
    case 'A': return hth_j_add(vm, sb, day);
    case 'a': return hth_j_add(vm, sb, hth_str_sub(day, 0, 3));
    case 'p': return hth_j_add(vm, sb, hth_str(d->hour < 12 ? "AM" : "PM"));
    case 'P': return hth_j_add(vm, sb, hth_str(d->hour < 12 ? "am" : "pm"));
    case 'Z':
    case 'z': return HTH_OK; /* a time without a zone, as the reference's */
    case '%': return hth_j_add_char(vm, sb, '%');
    default:
        return HTH_J_FAIL(vm, HTH_ENOTSUP, "strftime_now does not know the directive %%%c",
                          c >= ' ' && c < 127 ? c : '?');
    }
}

HthStatus hth_j_strftime(HthJVm *vm, HthStr fmt, int64_t unix_s, HthJVal *out) {
    HTH_J_REQUIRE(unix_s > -62135596800 && unix_s < 253402300800, vm,
                  "strftime_now knows the years 1 to 9999");
    const Date d = date_of(unix_s);
    HthJSb sb = { 0 };
    for (size_t i = 0; i < fmt.n; i++) {
        if (fmt.p[i] != '%' || i + 1 == fmt.n) {
            HTH_TRY(hth_j_add_char(vm, &sb, fmt.p[i]));
            continue;
        }
        char c = fmt.p[++i], flag = 0;
        if ((c == '-' || c == '_' || c == '0') && i + 1 < fmt.n) {
            flag = c;
            c = fmt.p[++i];
        }
        HTH_TRY(add_directive(vm, &sb, &d, c, flag));
    }
    *out = hth_j_done(&sb);
    return HTH_OK;
}
