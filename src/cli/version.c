/* version.c - hearth version: what this program is made of and which kernels it picked. */
#include <histedit.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>
#include <utf8proc.h>

#include "cli/cli.h"
#include "cli/source.h"
#include "kern/kern.h"

enum { OPT_JSON = 1 };

const HthOpt hth_opts_version[] = {
    { OPT_JSON, 0, "json", NULL, "print a JSON object", NULL },
    { 0 },
};

static const char *pcre2_text(char *out, size_t n) {
    char text[64] = "";
    if (pcre2_config(PCRE2_CONFIG_VERSION, NULL) <= (int)sizeof text)
        (void)pcre2_config(PCRE2_CONFIG_VERSION, text);
    snprintf(out, n, "%.*s", (int)strcspn(text, " "), text);
    return out;
}

static json_t *tiers_json(void) {
    json_t *a = json_array();
    const HthKern *k;
    for (size_t i = 0; (k = hth_kern_at(i)) != NULL; i++)
        if (json_array_append_new(a, json_pack("{s:s, s:b}", "name", k->name, "runs_here",
                                               (int)hth_kern_runs_here(k))) != 0)
            break;
    return a;
}

static int print_json(const char *pcre2) {
    return hth_cli_json(
        json_pack("{s:s, s:s, s:s, s:o, s:b, s:{s:s, s:s, s:s}}", "version", hth_version(),
                  "numerics", hth_numerics(), "isa", hth_kern_pick()->name, "tiers", tiers_json(),
                  "ember", (int)hth_source_has_ember(), "libraries", "jansson",
                  jansson_version_str(), "pcre2", pcre2, "utf8proc", utf8proc_version()));
}

int hth_cli_version(HthArgs *args) {
    bool json = false;
    char pcre2[64];
    for (int id; (id = hth_args_next(args)) != HTH_ARG_END;) {
        switch (id) {
        case OPT_JSON: json = true; break;
        case HTH_ARG_HELP: return HTH_EXIT_OK;
        case HTH_ARG_BAD: return HTH_EXIT_USAGE;
        default: return hth_cli_usage("version", "version takes no argument");
        }
    }
    pcre2_text(pcre2, sizeof pcre2);
    if (json) return print_json(pcre2);
    printf("hearth %s\nnumerics   %s\nkernels   ", hth_version(), hth_numerics());
    const HthKern *k;
    for (size_t i = 0; (k = hth_kern_at(i)) != NULL; i++)
        printf(" %s%s", k->name,
               k == hth_kern_pick()    ? " (picked)"
               : hth_kern_runs_here(k) ? ""
                                       : " (not on this machine)");
    printf("\nember      %s\nlibraries  jansson %s, pcre2 %s, utf8proc %s, libedit %d.%d\n",
           hth_source_has_ember() ? "embedded" : "not in this build", jansson_version_str(), pcre2,
           utf8proc_version(), LIBEDIT_MAJOR, LIBEDIT_MINOR);
    return HTH_EXIT_OK;
}
