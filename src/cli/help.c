/* help.c - --help, the manual's option lists and the shell completion, all from the verb table. */
#include <string.h>

#include "cli/cli.h"
#include "run/sample.h"

/* ---- text on the terminal ------------------------------------------------------------------- */

static bool hidden(const HthOpt *o) {
    return o->help == NULL;
}

/* "-n, --num-predict N"; returns its length. */
static size_t option_label(char *out, size_t n, const HthOpt *o) {
    char letter[8] = "    ";
    if (o->letter != 0) snprintf(letter, sizeof letter, "-%c%s", o->letter, o->name ? ", " : "");
    int k = snprintf(out, n, "%s%s%s%s%s", letter, o->name != NULL ? "--" : "",
                     o->name != NULL ? o->name : "", o->arg != NULL && o->arg[0] != '[' ? " " : "",
                     o->arg != NULL ? o->arg : "");
    return k < 0 ? 0 : (size_t)k;
}

static void wrapped(FILE *f, const char *text, size_t indent, size_t width) {
    size_t col = indent;
    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        if (col > indent && col + 1 + word > width) {
            fprintf(f, "\n%*s", (int)indent, "");
            col = indent;
        } else if (col > indent) {
            fputc(' ', f);
            col++;
        }
        fprintf(f, "%.*s", (int)word, text);
        col += word;
        text += word;
        while (*text == ' ') text++;
    }
    fputc('\n', f);
}

static void option_line(FILE *f, const char *label, const char *help) {
    enum { INDENT = 30, WIDTH = 100 };
    fprintf(f, "  %-*s", INDENT - 2, label);
    if (strlen(label) + 3 > INDENT) fprintf(f, "\n%*s", INDENT, "");
    wrapped(f, help, INDENT, WIDTH);
}

static void examples(FILE *f, const HthVerb *verb) {
    const char *p = verb->examples;
    if (p == NULL) return;
    fputs("\nExamples:\n", f);
    while (*p != '\0') {
        size_t cmd = strcspn(p, "\t\n"), line = strcspn(p, "\n");
        fprintf(f, "  %.*s\n", (int)cmd, p);
        if (line > cmd) fprintf(f, "      %.*s\n", (int)(line - cmd - 1), p + cmd + 1);
        p += line + (p[line] == '\n');
    }
}

static void sampling_label(char *out, size_t n, const char *param) {
    snprintf(out, n, "    --%s V", param);
    for (char *c = out + 6; *c != '\0'; c++)
        if (*c == '_') *c = '-';
}

void hth_help_verb(FILE *f, const HthVerb *verb) {
    char label[96];
    fprintf(f, "hearth %s - %s\n\nUsage: hearth %s %s\n", verb->name, verb->summary, verb->name,
            verb->synopsis);
    if (verb->about != NULL) {
        fputc('\n', f);
        wrapped(f, verb->about, 0, 100);
    }
    fputs("\nOptions:\n", f);
    for (const HthOpt *o = verb->opts; o != NULL && o->id != 0; o++) {
        if (hidden(o)) continue;
        option_label(label, sizeof label, o);
        option_line(f, label, o->help);
    }
    option_line(f, "-h, --help", "this text");
    if (verb->sampling) {
        const char *name, *help = NULL;
        fputs("\nSampling (also /set parameter in a chat; defaults last):\n", f);
        for (size_t i = 0; (name = hth_sample_param(i, &help)) != NULL; i++) {
            sampling_label(label, sizeof label, name);
            option_line(f, label, help);
        }
    }
    examples(f, verb);
}

void hth_help_all(FILE *f) {
    fputs("hearth runs open-weight language models on your own machine; nothing leaves it.\n\n"
          "Usage: hearth VERB [options] [arguments]\n\nVerbs:\n",
          f);
    for (const HthVerb *v = hth_verbs; v->name != NULL; v++)
        fprintf(f, "  %-10s %s\n", v->name, v->summary);
    fputs("\nFirst words:\n"
          "  hearth run                         chat with ember, the small model in this program\n"
          "  hearth run model.gguf              chat with a model of yours\n"
          "  hearth help run                    options and examples of a verb\n",
          f);
}

/* ---- man page (scdoc) ----------------------------------------------------------------------- */

/* scdoc gives meaning to _ * \ and a leading dot; escape them. */
static void scdoc(FILE *f, const char *text) {
    for (; *text != '\0'; text++) {
        if (strchr("_*\\#~`", *text) != NULL) fputc('\\', f);
        fputc(*text, f);
    }
}

static void man_option(FILE *f, const HthOpt *o) {
    if (o->letter != 0) fprintf(f, "*-%c*%s", o->letter, o->name != NULL ? ", " : "");
    if (o->name != NULL) fprintf(f, "*--%s*", o->name);
    if (o->arg != NULL) fprintf(f, o->arg[0] == '[' ? "%s" : " _%s_", o->arg);
    fputs("\n\t", f);
    scdoc(f, o->help);
    fputs("\n\n", f);
}

static void man_examples(FILE *f, const char *p) {
    if (p == NULL) return;
    fputs("Examples:\n\n", f);
    while (*p != '\0') {
        size_t cmd = strcspn(p, "\t\n"), line = strcspn(p, "\n");
        fprintf(f, "```\n%.*s\n```\n\n", (int)cmd, p);
        p += line + (p[line] == '\n');
    }
}

static void man_verb(FILE *f, const HthVerb *v) {
    fprintf(f, "## hearth %s ", v->name);
    scdoc(f, v->synopsis);
    fputs("\n\n", f);
    scdoc(f, v->summary);
    fputs(".\n\n", f);
    if (v->about != NULL) {
        scdoc(f, v->about);
        fputs("\n\n", f);
    }
    for (const HthOpt *o = v->opts; o != NULL && o->id != 0; o++)
        if (!hidden(o)) man_option(f, o);
    if (v->sampling) {
        const char *name, *help = NULL;
        fputs(
            "Every sampling parameter is an option too (dashes for underscores) and can be set in "
            "a chat by */set parameter*:\n\n",
            f);
        for (size_t i = 0; (name = hth_sample_param(i, &help)) != NULL; i++) {
            fputc('*', f);
            scdoc(f, name);
            fputs("*\n\t", f);
            scdoc(f, help);
            fputs("\n\n", f);
        }
    }
    man_examples(f, v->examples);
}

int hth_help_man(FILE *f) {
    fputs("# VERBS\n\n", f);
    for (const HthVerb *v = hth_verbs; v->name != NULL; v++) man_verb(f, v);
    fputs("# EXIT STATUS\n\n", f);
    int code = 0;
    const char *meaning = NULL;
    for (size_t i = 0; hth_exit_at(i, &code, &meaning); i++) {
        fprintf(f, "*%d*\n\t", code);
        scdoc(f, meaning);
        fputs("\n\n", f);
    }
    return HTH_EXIT_OK;
}

/* ---- bash completion ------------------------------------------------------------------------ */

static void complete_words(FILE *f, const char *how) {
    if (how == NULL)
        fputs("COMPREPLY=()", f);
    else if (strcmp(how, "gguf") == 0)
        fputs("_hearth_files '!*.gguf'", f);
    else if (strcmp(how, "dir") == 0)
        fputs("COMPREPLY=($(compgen -d -- \"$cur\"))", f);
    else if (strcmp(how, "file") == 0)
        fputs("_hearth_files", f);
    else
        fprintf(f, "COMPREPLY=($(compgen -W '%s' -- \"$cur\"))", how);
}

static void complete_verb(FILE *f, const HthVerb *v) {
    const char *name;
    fprintf(f, "    %s)\n        case $prev in\n", v->name);
    for (const HthOpt *o = v->opts; o != NULL && o->id != 0; o++) {
        if (o->arg == NULL || o->arg[0] == '[') continue;
        fputs("        ", f);
        if (o->letter != 0) fprintf(f, "-%c%s", o->letter, o->name != NULL ? " | " : "");
        if (o->name != NULL) fprintf(f, "--%s", o->name);
        fputs(") ", f);
        complete_words(f, o->complete);
        fputs("; return ;;\n", f);
    }
    fputs("        esac\n        opts='--help", f);
    for (const HthOpt *o = v->opts; o != NULL && o->id != 0; o++)
        if (o->name != NULL && !hidden(o)) fprintf(f, " --%s", o->name);
    for (size_t i = 0; v->sampling && (name = hth_sample_param(i, NULL)) != NULL; i++) {
        fputs(" --", f);
        for (; *name != '\0'; name++) fputc(*name == '_' ? '-' : *name, f);
    }
    fputs("'\n        [[ $cur == -* ]] || { ", f);
    complete_words(f, v->positional);
    fputs("; return; } ;;\n", f);
}

int hth_help_completion(FILE *f) {
    fputs("# bash completion for hearth(1); written by 'hearth help --completion'.\n"
          "_hearth_files() {\n"
          "    compopt -o filenames 2> /dev/null\n"
          "    local IFS=$'\\n'\n"
          "    if [[ -n $1 ]]; then\n"
          "        COMPREPLY=($(compgen -d -- \"$cur\") $(compgen -f -X \"$1\" -- \"$cur\"))\n"
          "    else\n"
          "        COMPREPLY=($(compgen -f -- \"$cur\"))\n"
          "    fi\n"
          "}\n\n"
          "_hearth() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} opts=\n"
          "    COMPREPLY=()\n"
          "    if ((COMP_CWORD == 1)); then\n"
          "        COMPREPLY=($(compgen -W '",
          f);
    for (const HthVerb *v = hth_verbs; v->name != NULL; v++)
        fprintf(f, "%s%s", v == hth_verbs ? "" : " ", v->name);
    fputs("' -- \"$cur\"))\n        return\n    fi\n    case ${COMP_WORDS[1]} in\n", f);
    for (const HthVerb *v = hth_verbs; v->name != NULL; v++) complete_verb(f, v);
    fputs("    *) return ;;\n    esac\n"
          "    COMPREPLY=($(compgen -W \"$opts\" -- \"$cur\"))\n}\n\n"
          "complete -F _hearth hearth\n",
          f);
    return HTH_EXIT_OK;
}

/* ---- the verb ------------------------------------------------------------------------------- */

enum { OPT_COMPLETION = 1, OPT_MAN };

const HthOpt hth_opts_help[] = {
    { OPT_COMPLETION, 0, "completion", NULL, "print a bash completion script", NULL },
    { OPT_MAN, 0, "man", NULL, "print the verbs and exit codes for the manual, as scdoc", NULL },
    { 0 },
};

int hth_cli_help(HthArgs *args) {
    const char *name = NULL;
    for (int id; (id = hth_args_next(args)) != HTH_ARG_END;) {
        switch (id) {
        case OPT_COMPLETION: return hth_help_completion(stdout);
        case OPT_MAN: return hth_help_man(stdout);
        case HTH_ARG_HELP: return HTH_EXIT_OK;
        case HTH_ARG_BAD: return HTH_EXIT_USAGE;
        default: name = args->value; break;
        }
    }
    if (name == NULL) {
        hth_help_all(stdout);
        return HTH_EXIT_OK;
    }
    const HthVerb *verb = hth_verb_find(name);
    if (verb == NULL) return HTH_EXIT_USAGE;
    if (verb->raw != NULL) {
        char help[] = "--help", *argv[] = { args->argv[0], help, NULL };
        argv[0] = args->argv[args->at - 1];
        return verb->raw(2, argv);
    }
    hth_help_verb(stdout, verb);
    return HTH_EXIT_OK;
}
