/* exit.c - how a failure leaves the program: one sentence on stderr and a code from sysexits.h. */
#include "cli/cli.h"

#include <stdarg.h>

#include "cli/term.h"

static const struct {
    HthStatus status;
    int code;
} codes[] = {
    { HTH_OK, HTH_EXIT_OK },
    { HTH_EINVAL, HTH_EXIT_USAGE },
    { HTH_ENOMEM, HTH_EXIT_OS },
    { HTH_EIO, HTH_EXIT_IO },
    { HTH_EFORMAT, HTH_EXIT_DATA },
    { HTH_EAGAIN, HTH_EXIT_AGAIN },
    { HTH_EDENIED, HTH_EXIT_DENIED },
    { HTH_ELIMIT, HTH_EXIT_DATA },
    { HTH_ENOTSUP, HTH_EXIT_UNAVAILABLE },
    { HTH_ECANCELED, HTH_EXIT_INTERRUPTED },
};

static const struct {
    int code;
    const char *meaning;
} meanings[] = {
    { HTH_EXIT_OK, "Success." },
    { HTH_EXIT_USAGE, "The command line makes no sense: unknown verb, option or value." },
    { HTH_EXIT_DATA, "A file or message is not what it claims to be, or passes a stated limit "
                     "(the context, for example)." },
    { HTH_EXIT_NOINPUT, "An input file does not exist or cannot be opened." },
    { HTH_EXIT_UNAVAILABLE, "Well-formed, but this build or this machine cannot do it: an "
                            "architecture, a weight format, a processor tier." },
    { HTH_EXIT_INTERNAL, "A mistake of hearth's own." },
    { HTH_EXIT_OS, "The system ran out of memory." },
    { HTH_EXIT_IO, "A read or a write failed." },
    { HTH_EXIT_AGAIN, "Temporarily not possible; try again later." },
    { HTH_EXIT_DENIED, "Not permitted." },
    { HTH_EXIT_INTERRUPTED, "Interrupted by Ctrl-C." },
};

int hth_exit_code(HthStatus status) {
    for (size_t i = 0; i < HTH_COUNT(codes); i++)
        if (codes[i].status == status) return codes[i].code;
    return HTH_EXIT_INTERNAL;
}

bool hth_exit_at(size_t i, int *code_out, const char **meaning_out) {
    if (i >= HTH_COUNT(meanings)) return false;
    *code_out = meanings[i].code;
    *meaning_out = meanings[i].meaning;
    return true;
}

int hth_cli_fail(const HthErr *err) {
    hth_progress_end();
    fputs("hearth: ", stderr);
    hth_cli_print_safe(stderr, hth_str(err->text));
    fputc('\n', stderr);
    return hth_exit_code(err->status);
}

int hth_cli_error(int code, const char *fmt, ...) {
    va_list ap;
    hth_progress_end();
    fputs("hearth: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return code;
}

int hth_cli_usage(const char *verb, const char *fmt, ...) {
    va_list ap;
    fputs("hearth: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "; see 'hearth help%s%s'\n", verb != NULL ? " " : "", verb != NULL ? verb : "");
    return HTH_EXIT_USAGE;
}
