/* print.c - small matters of input and output that several verbs share. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

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
