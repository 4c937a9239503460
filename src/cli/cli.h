/* cli.h - what every verb of the program shares: the verb table, arguments, exit codes, terminal.
 *
 * A verb is one row of hth_verbs: its options table drives parsing, --help, the man page and the
 * shell completion, so that they cannot drift apart.
 *
 * Thread: the main thread. */
#ifndef HTH_CLI_CLI_H
#define HTH_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "hearth/hearth.h"

/* ---- exit codes (sysexits.h), documented in hearth(1) --------------------------------------- */

enum {
    HTH_EXIT_OK = 0,
    HTH_EXIT_USAGE = 64,
    HTH_EXIT_DATA = 65,
    HTH_EXIT_NOINPUT = 66,
    HTH_EXIT_UNAVAILABLE = 69,
    HTH_EXIT_INTERNAL = 70,
    HTH_EXIT_OS = 71,
    HTH_EXIT_IO = 74,
    HTH_EXIT_AGAIN = 75,
    HTH_EXIT_DENIED = 77,
    HTH_EXIT_INTERRUPTED = 130
};

int hth_exit_code(HthStatus status); /* the one mapping */
/* The i-th row of the documented list, for help and the man page; false past the last. */
bool hth_exit_at(size_t i, int *code_out, const char **meaning_out);

/* Prints "hearth: <sentence>" on stderr; returns the code, so that `return hth_cli_fail(...)`. */
int hth_cli_fail(const HthErr *err);
int hth_cli_error(int code, const char *fmt, ...) HTH_PRINTF(2, 3);
/* EX_USAGE with "try hearth help VERB". */
int hth_cli_usage(const char *verb, const char *fmt, ...) HTH_PRINTF(2, 3);

/* ---- options and verbs ---------------------------------------------------------------------- */

/* One option. Rows of the same id are one option under several names; only the first with help is
 * shown. `complete` says what a shell may offer for the argument: "file", "gguf", "dir", or a
 * space-separated list of words; NULL offers nothing. */
typedef struct HthOpt {
    int id; /* > 0 */
    char letter; /* 'n', or 0 */
    const char *name; /* "num-predict" */
    const char *arg; /* "N"; NULL: a flag; "[=N]": a flag that may be given a value */
    const char *help; /* NULL: an alias, not shown */
    const char *complete;
} HthOpt;

typedef struct HthArgs HthArgs;

typedef struct HthVerb {
    const char *name;
    const char *synopsis; /* "[options] MODEL [FILE]" */
    const char *summary; /* one line */
    const char *about; /* a few sentences, may be NULL */
    const char *examples; /* lines "command\texplanation\n", may be NULL */
    const HthOpt *opts; /* ends with id 0; NULL: none */
    bool sampling; /* takes every sampling parameter as --name-with-dashes too */
    const char *positional; /* what a shell may offer, as HthOpt.complete */
    int (*run)(HthArgs *args);
    int (*raw)(int argc, char **argv); /* instead of run: parses for itself (train) */
} HthVerb;

extern const HthVerb hth_verbs[]; /* ends with name NULL */
const HthVerb *hth_verb_find(const char *name);

enum { /* what hth_args_next returns besides option ids */
       HTH_ARG_END = 0,
       HTH_ARG_POSITIONAL = -1,
       HTH_ARG_BAD = -2, /* reported; return HTH_EXIT_USAGE */
       HTH_ARG_HELP = -3, /* --help was printed; return HTH_EXIT_OK */
       HTH_ARG_SAMPLING = 1000 /* + index of hth_sample_param */
};

struct HthArgs {
    const HthVerb *verb;
    int argc, at;
    char **argv;
    bool only_positional; /* "--" seen */
    const char *value; /* of the option or positional just returned; NULL: it has none */
    const char *name; /* of the option, as written by the user */
};

int hth_args_next(HthArgs *args);
/* The argument just returned is a verb of the verb's (status, add), or what it is done to. false:
 * there was both already; reported. */
bool hth_args_verb(const HthArgs *args, const char **verb, const char **what);
/* A whole number for the option just returned; false: reported. */
bool hth_args_u32(const HthArgs *args, uint32_t min, uint32_t max, uint32_t *out);

/* ---- help ----------------------------------------------------------------------------------- */

void hth_help_all(FILE *f);
void hth_help_verb(FILE *f, const HthVerb *verb);
int hth_help_completion(FILE *f); /* a bash completion script */
int hth_help_man(FILE *f); /* the options and exit-code parts of hearth(1), in scdoc */
/* The closest of count names to a mistyped one, or NULL if none is near. */
const char *hth_suggest(const char *typed, const char *const *names, size_t count);

/* ---- verbs ---------------------------------------------------------------------------------- */

int hth_cli_run(HthArgs *args);
int hth_cli_show(HthArgs *args);
int hth_cli_explain(HthArgs *args);
int hth_cli_tokenize(HthArgs *args);
int hth_cli_logits(HthArgs *args);
int hth_cli_plan(HthArgs *args);
int hth_cli_template(HthArgs *args);
int hth_cli_bench(HthArgs *args);
int hth_cli_pack(HthArgs *args);
int hth_cli_quantize(HthArgs *args);
int hth_cli_import(HthArgs *args);
int hth_cli_imatrix(HthArgs *args);
int hth_cli_eval(HthArgs *args);
int hth_cli_doctor(HthArgs *args);
int hth_cli_version(HthArgs *args);
int hth_cli_serve(HthArgs *args);
int hth_cli_ps(HthArgs *args);
int hth_cli_stop(HthArgs *args);
int hth_cli_top(HthArgs *args);
int hth_cli_key(HthArgs *args);
int hth_cli_user(HthArgs *args);
int hth_cli_ca(HthArgs *args);
int hth_cli_vault(HthArgs *args);
int hth_cli_backup(HthArgs *args);
int hth_cli_restore(HthArgs *args);
int hth_cli_verify(HthArgs *args);
int hth_cli_audit(HthArgs *args);
int hth_cli_create(HthArgs *args);
int hth_cli_list(HthArgs *args);
int hth_cli_rm(HthArgs *args);
int hth_cli_cp(HthArgs *args);
int hth_cli_help(HthArgs *args);
int hth_cli_train(int argc, char **argv); /* train.c */

extern const HthOpt hth_opts_run[], hth_opts_show[], hth_opts_explain[], hth_opts_tokenize[],
    hth_opts_logits[], hth_opts_template[], hth_opts_bench[], hth_opts_pack[], hth_opts_doctor[],
    hth_opts_version[], hth_opts_help[], hth_opts_serve[], hth_opts_ps[], hth_opts_stop[],
    hth_opts_top[], hth_opts_key[], hth_opts_user[], hth_opts_ca[], hth_opts_verify[],
    hth_opts_audit[], hth_opts_create[], hth_opts_list[], hth_opts_rm[], hth_opts_cp[],
    hth_opts_plan[], hth_opts_vault[], hth_opts_backup[], hth_opts_restore[], hth_opts_quantize[],
    hth_opts_imatrix[], hth_opts_eval[], hth_opts_import[];

/* ---- input and output ----------------------------------------------------------------------- */

/* 0, or HTH_EXIT_NOINPUT with a sentence when path ("-" is standard input) cannot be read. */
int hth_cli_readable(const char *path);
/* Prints value and a newline on stdout, drops the reference; an exit code. */
int hth_cli_json(json_t *value);
void hth_cli_size(char out[32], double bytes); /* "4.7 GB" */
/* "4 minutes from now", "3 days ago", of an RFC 3339 time in UTC; false: none, or years away. */
bool hth_cli_when(char out[48], const char *time);
/* Bytes from a file for a terminal: control characters become '?'. */
void hth_cli_print_safe(FILE *f, HthStr s);
void hth_cli_print_lines(FILE *f, HthStr s); /* the same, but newlines stay */

#endif
