/* explain.c - hearth explain: the program of an architecture, as it will be executed. */
#include "cli/caged.h"
#include "cli/cli.h"
#include "cli/source.h"
#include "model/explain.h"
#include "model/model.h"

enum { OPT_JSON = 1 };

const HthOpt hth_opts_explain[] = {
    { OPT_JSON, 0, "json", NULL, "print the program as JSON", NULL },
    { 0 },
};

static int unknown_arch(const char *name) {
    const char *names[64];
    size_t n = 0;
    for (; n < HTH_COUNT(names) && hth_arch_at(n) != NULL; n++) names[n] = hth_arch_at(n)->name;
    const char *near = hth_suggest(name, names, n);
    fputs("hearth: '", stderr);
    hth_cli_print_safe(stderr, hth_str_sub(hth_str(name), 0, 40));
    fprintf(stderr, "' is neither a model file nor an architecture hearth knows%s%s%s; known are",
            near != NULL ? " (did you mean " : "", near != NULL ? near : "",
            near != NULL ? "?)" : "");
    for (size_t i = 0; i < n; i++) fprintf(stderr, "%s %s", i > 0 ? "," : "", names[i]);
    fputc('\n', stderr);
    return HTH_EXIT_USAGE;
}

/* Of an architecture, or of a model when m is not NULL. */
static int print(const HthArch *arch, const HthModel *m, bool json) {
    HthBuf b;
    HthErr err = { 0 };
    json_t *o = NULL;
    int code = HTH_EXIT_OK;
    hth_buf_init(&b, 1 << 24);
    HthStatus st;
    if (json)
        st =
            m != NULL ? hth_model_explain_json(&o, m, &err) : hth_arch_explain_json(&o, arch, &err);
    else
        st = m != NULL ? hth_model_explain(m, &b, &err) : hth_arch_explain(arch, &b, &err);
    if (st != HTH_OK)
        code = hth_cli_fail(&err);
    else if (json)
        code = hth_cli_json(o);
    else
        hth_cli_print_lines(stdout, hth_buf_str(&b));
    hth_buf_drop(&b);
    return code;
}

static int explain(const char *what, bool json) {
    HthModel *m = NULL;
    const HthArch *arch = hth_arch_find(what);
    if (arch != NULL) return print(arch, NULL, json);
    if (!hth_source_looks_like_model(what)) return unknown_arch(what);
    int code = hth_caged(&(HthCaged){ .models = { what } });
    if (code == HTH_EXIT_OK) code = hth_source_model(&m, what);
    if (code == HTH_EXIT_OK) code = print(hth_model_arch(m), m, json);
    hth_model_close(&m);
    return code;
}

int hth_cli_explain(HthArgs *args) {
    const char *what = NULL;
    bool json = false;
    for (int id; (id = hth_args_next(args)) != HTH_ARG_END;) {
        switch (id) {
        case OPT_JSON: json = true; break;
        case HTH_ARG_HELP: return HTH_EXIT_OK;
        case HTH_ARG_BAD: return HTH_EXIT_USAGE;
        default:
            if (what != NULL) return hth_cli_usage("explain", "explain takes one argument");
            what = args->value;
        }
    }
    if (what == NULL) return hth_cli_usage("explain", "explain needs a MODEL or an ARCHITECTURE");
    return explain(what, json);
}
