/* args.c - reading a verb's arguments by its options table, and guessing what a typo meant.
 *
 * Forms: --name value, --name=value, -n value, -nvalue, -- (the rest is positional); --name and
 * --name=value for one whose value may be left out. */
#include "cli/cli.h"

#include <string.h>

#include "run/sample.h"

/* ---- suggestions ---------------------------------------------------------------------------- */

/* Edit distance with transpositions, for short words. */
static unsigned distance(const char *a, const char *b) {
    enum { MAX = 40 };
    unsigned d[MAX + 1][MAX + 1];
    size_t n = strlen(a), m = strlen(b);
    if (n > MAX || m > MAX) return MAX;
    for (unsigned i = 0; i <= n; i++) d[i][0] = i;
    for (unsigned j = 0; j <= m; j++) d[0][j] = j;
    for (size_t i = 1; i <= n; i++)
        for (size_t j = 1; j <= m; j++) {
            unsigned best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best) best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best) best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    return d[n][m];
}

const char *hth_suggest(const char *typed, const char *const *names, size_t count) {
    const char *best = NULL;
    unsigned least = (unsigned)strlen(typed) / 3 + 1;
    for (size_t i = 0; i < count; i++) {
        unsigned far = distance(typed, names[i]);
        if (far <= least && (best == NULL || far < least)) {
            best = names[i];
            least = far;
        }
    }
    return best;
}

/* ---- options -------------------------------------------------------------------------------- */

/* "top-k" names the parameter "top_k". */
static bool same_param(const char *param, const char *name, size_t n) {
    if (strlen(param) != n) return false;
    for (size_t i = 0; i < n; i++)
        if (param[i] != (name[i] == '-' ? '_' : name[i])) return false;
    return true;
}

static int find_sampling(const HthVerb *verb, const char *name, size_t n) {
    const char *param;
    if (!verb->sampling) return 0;
    for (size_t i = 0; (param = hth_sample_param(i, NULL)) != NULL; i++)
        if (same_param(param, name, n)) return HTH_ARG_SAMPLING + (int)i;
    return 0;
}

static int unknown_option(HthArgs *args, const char *name, size_t n) {
    enum { MAX = 128 };
    static char dashed[MAX][40]; /* sampling names as options */
    const char *names[MAX], *param;
    char typed[64];
    size_t count = 0;
    for (const HthOpt *o = args->verb->opts; o != NULL && o->id != 0 && count < MAX; o++)
        if (o->name != NULL) names[count++] = o->name;
    for (size_t i = 0; args->verb->sampling && count < MAX; i++) {
        if ((param = hth_sample_param(i, NULL)) == NULL) break;
        size_t k = 0;
        for (; param[k] != '\0' && k < sizeof dashed[0] - 1; k++)
            dashed[count][k] = param[k] == '_' ? '-' : param[k];
        dashed[count][k] = '\0';
        names[count] = dashed[count];
        count++;
    }
    if (n >= sizeof typed) n = sizeof typed - 1;
    memcpy(typed, name, n);
    typed[n] = '\0';
    const char *near = hth_suggest(typed, names, count);
    hth_cli_usage(args->verb->name, "%s has no option --%s%s%s%s", args->verb->name, typed,
                  near != NULL ? " (did you mean --" : "", near != NULL ? near : "",
                  near != NULL ? "?)" : "");
    return HTH_ARG_BAD;
}

static int take_value(HthArgs *args, const HthOpt *o, int id, const char *inline_value) {
    if (o != NULL && o->arg[0] == '[' && inline_value == NULL) return id; /* may do without */
    if (inline_value == NULL && args->at >= args->argc) {
        hth_cli_usage(args->verb->name, "option %s needs a value", args->name);
        return HTH_ARG_BAD;
    }
    args->value = inline_value != NULL ? inline_value : args->argv[args->at++];
    return id;
}

static int long_option(HthArgs *args, const char *arg) {
    const char *name = arg + 2, *eq = strchr(name, '=');
    size_t n = eq != NULL ? (size_t)(eq - name) : strlen(name);
    args->name = arg;
    if (n == 4 && memcmp(name, "help", 4) == 0) {
        hth_help_verb(stdout, args->verb);
        return HTH_ARG_HELP;
    }
    for (const HthOpt *o = args->verb->opts; o != NULL && o->id != 0; o++) {
        if (o->name == NULL || strlen(o->name) != n || memcmp(o->name, name, n) != 0) continue;
        if (o->arg != NULL) return take_value(args, o, o->id, eq != NULL ? eq + 1 : NULL);
        if (eq == NULL) return o->id;
        hth_cli_usage(args->verb->name, "option --%s takes no value", o->name);
        return HTH_ARG_BAD;
    }
    int id = find_sampling(args->verb, name, n);
    if (id != 0) return take_value(args, NULL, id, eq != NULL ? eq + 1 : NULL);
    return unknown_option(args, name, n);
}

static int short_option(HthArgs *args, const char *arg) {
    args->name = arg;
    for (const HthOpt *o = args->verb->opts; o != NULL && o->id != 0; o++) {
        if (o->letter == 0 || o->letter != arg[1]) continue;
        if (o->arg != NULL) return take_value(args, o, o->id, arg[2] != '\0' ? arg + 2 : NULL);
        if (arg[2] == '\0') return o->id;
        break;
    }
    if (strcmp(arg, "-h") == 0) {
        hth_help_verb(stdout, args->verb);
        return HTH_ARG_HELP;
    }
    hth_cli_usage(args->verb->name, "%s has no option %s", args->verb->name, arg);
    return HTH_ARG_BAD;
}

int hth_args_next(HthArgs *args) {
    args->value = args->name = NULL;
    if (args->at >= args->argc) return HTH_ARG_END;
    const char *arg = args->argv[args->at++];
    if (!args->only_positional && strcmp(arg, "--") == 0) {
        args->only_positional = true;
        return hth_args_next(args);
    }
    if (args->only_positional || arg[0] != '-' || arg[1] == '\0') {
        args->value = arg;
        return HTH_ARG_POSITIONAL;
    }
    return arg[1] == '-' ? long_option(args, arg) : short_option(args, arg);
}

bool hth_args_u32(const HthArgs *args, uint32_t min, uint32_t max, uint32_t *out) {
    uint64_t v = 0;
    if (!hth_str_u64(hth_str(args->value), &v) || v < min || v > max) {
        hth_cli_usage(args->verb->name, "option %s needs a whole number from %u to %u", args->name,
                      min, max);
        return false;
    }
    *out = (uint32_t)v;
    return true;
}

bool hth_args_verb(const HthArgs *args, const char **verb, const char **what) {
    if (*what) {
        hth_cli_usage(args->verb->name, "%s takes a verb and one thing", args->verb->name);
        return false;
    }
    *(*verb ? what : verb) = args->value;
    return true;
}
