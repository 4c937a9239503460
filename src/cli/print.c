/* print.c - small matters of input and output that several verbs share. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"

int hth_cli_readable(const char *path) {
    if (strcmp(path, "-") == 0 || access(path, R_OK) == 0) return HTH_EXIT_OK;
    int e = errno;
    fputs("hearth: cannot open ", stderr);
    hth_cli_print_safe(stderr, hth_str(path));
    fprintf(stderr, ": %s\n", strerror(e));
    return HTH_EXIT_NOINPUT;
}

void hth_cli_print_safe(FILE *f, HthStr s) {
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        fputc(c < 32 || c == 127 ? '?' : c, f);
    }
}

void hth_cli_print_lines(FILE *f, HthStr s) {
    while (s.n > 0) {
        size_t end = hth_str_find(s, HTH_STR("\n"));
        hth_cli_print_safe(f, hth_str_sub(s, 0, end));
        fputc('\n', f);
        s = end == SIZE_MAX ? HTH_STR("") : hth_str_sub(s, end + 1, SIZE_MAX);
    }
}

int hth_cli_json(json_t *value) {
    HthBuf b;
    HthErr err = { 0 };
    int code = HTH_EXIT_OK;
    hth_buf_init(&b, (size_t)1 << 30);
    if (value == NULL)
        code = hth_cli_error(HTH_EXIT_OS, "out of memory for JSON");
    else if (hth_json_write(&b, value, 2, &err) != HTH_OK)
        code = hth_cli_fail(&err);
    else
        printf("%.*s\n", HTH_STR_ARG(hth_buf_str(&b)));
    json_decref(value);
    hth_buf_drop(&b);
    return code;
}

void hth_cli_size(char out[32], double bytes) {
    static const char *const units[] = { "B", "KB", "MB", "GB", "TB" };
    size_t i = 0;
    for (; bytes >= 1000.0 && i + 1 < HTH_COUNT(units); i++) bytes /= 1000.0;
    snprintf(out, 32, bytes < 10.0 && i > 0 ? "%.1f %s" : "%.0f %s", bytes, units[i]);
}

bool hth_cli_when(char out[48], const char *time) {
    struct tm tm = { 0 };
    static const struct {
        int64_t s;
        const char *name;
    } units[] = { { 86400, "day" }, { 3600, "hour" }, { 60, "minute" }, { 1, "second" } };
    if (!*time || !strptime(time, "%Y-%m-%dT%H:%M:%S", &tm)) return false;
    const int64_t ahead = (int64_t)timegm(&tm) - hth_clock_unix_s();
    const int64_t away = ahead < 0 ? -ahead : ahead;
    if (ahead > 86400 * 365) return false;
    size_t i = 0;
    while (i + 1 < HTH_COUNT(units) && away < units[i].s) i++;
    const int64_t n = away / units[i].s;
    snprintf(out, 48, "%lld %s%s %s", (long long)n, units[i].name, n == 1 ? "" : "s",
             ahead < 0 ? "ago" : "from now");
    return true;
}
