/* eval_print.c - a report of hearth eval as tables for a terminal.
 *
 * Thread: the main thread. */
#include "cli/eval.h"

#include <string.h>

/* A column: the path of a figure in a group's figures, and how it is written. */
typedef struct Column {
    const char *title;
    const char *path[3]; /* ends with NULL */
    int width;
    enum { COUNT, BOUND, PERCENT, PERCENT_BOUND, TINY } form;
} Column;

static const Column TEXT[] = {
    { "tokens", { "tokens" }, 9, COUNT },
    { "perplexity", { "perplexity" }, 30, BOUND },
    { "bits/byte", { "bits_per_byte" }, 26, BOUND },
    { "top-1", { "top1" }, 22, PERCENT_BOUND },
};
static const Column CHOICE[] = {
    { "items", { "items" }, 7, COUNT },
    { "chance", { "chance" }, 8, PERCENT },
    { "accuracy", { "accuracy" }, 22, PERCENT_BOUND },
    { "by length", { "accuracy_by_byte" }, 22, PERCENT_BOUND },
};
static const Column TEXT_BASE[] = {
    { "KL mean", { "kl", "value" }, 10, TINY },
    { "median", { "kl", "median" }, 10, TINY },
    { "p99", { "kl", "p99" }, 10, TINY },
    { "max", { "kl", "max" }, 10, TINY },
    { "same top", { "same_top" }, 22, PERCENT_BOUND },
    { "flips", { "flips" }, 22, PERCENT_BOUND },
    { "perplexity x", { "perplexity_ratio" }, 26, BOUND },
};
static const Column CHOICE_BASE[] = {
    { "base", { "base", "accuracy" }, 22, PERCENT_BOUND },
    { "change", { "change_accuracy" }, 22, PERCENT_BOUND },
    { "flips", { "flips" }, 22, PERCENT_BOUND },
    { "KL mean", { "kl", "value" }, 10, TINY },
    { "p99", { "kl", "p99" }, 10, TINY },
    { "same top", { "same_top" }, 22, PERCENT_BOUND },
};

enum { NAME_WIDTH = 18 };

static double part(const json_t *v, const char *key) {
    return json_number_value(json_object_get(v, key));
}

/* Enough digits for four that count. */
static int digits(double v) {
    return v >= 1000 ? 0 : v >= 100 ? 1 : v >= 10 ? 2 : v >= 1 ? 3 : 4;
}

static void write_cell(char *out, size_t room, const Column *c, const json_t *v) {
    const double value = json_is_object(v) ? part(v, "value") : json_number_value(v);
    const double low = part(v, "low"), high = part(v, "high");
    const int d = digits(value);
    switch (c->form) {
    case COUNT: snprintf(out, room, "%.0f", value); break;
    case BOUND: snprintf(out, room, "%.*f (%.*f..%.*f)", d, value, d, low, d, high); break;
    case PERCENT: snprintf(out, room, "%.1f %%", 100 * value); break;
    case PERCENT_BOUND:
        snprintf(out, room, "%.2f %% (%.1f..%.1f)", 100 * value, 100 * low, 100 * high);
        break;
    case TINY: snprintf(out, room, "%.3g", value); break;
    }
}

/* As many characters as there is room for, and blanks for the others. */
static void print_name(HthStr name) {
    int shown = 0;
    size_t n = 0, step;
    uint32_t cp;
    while (shown < NAME_WIDTH &&
           (step = hth_utf8_decode(hth_str_sub(name, n, SIZE_MAX), &cp)) > 0) {
        n += step;
        shown++;
    }
    hth_cli_print_safe(stdout, hth_str_sub(name, 0, n));
    printf("%*s", NAME_WIDTH - shown, "");
}

static void print_row(const char *name, const json_t *figures, const Column *columns, size_t n) {
    char cell[96];
    print_name(hth_str(name));
    for (size_t i = 0; i < n; i++) {
        const json_t *v = figures;
        for (const char *const *p = columns[i].path; *p != NULL; p++) v = json_object_get(v, *p);
        write_cell(cell, sizeof cell, &columns[i], v);
        printf("  %*s", columns[i].width, cell);
    }
    putchar('\n');
}

static void print_table(const json_t *report, const Column *columns, size_t n) {
    size_t i;
    json_t *group;
    const json_t *groups = json_object_get(report, "groups");
    printf("\n%-*s", NAME_WIDTH, "group");
    for (i = 0; i < n; i++) printf("  %*s", columns[i].width, columns[i].title);
    putchar('\n');
    if (json_array_size(groups) > 1)
        json_array_foreach(groups, i, group)
            print_row(json_string_value(json_object_get(group, "name")), group, columns, n);
    print_row("all", json_object_get(report, "total"), columns, n);
}

static void print_worst(const json_t *report, const char *key, const char *words) {
    const json_t *fair = json_object_get(report, "fairness"), *w = json_object_get(fair, key);
    const json_t *gap = json_object_get(w, "gap");
    const bool choice = strcmp(json_string_value(json_object_get(fair, "figure")), "accuracy") == 0;
    const double by = choice ? 100 : 1;
    if (w == NULL) return;
    printf("%s: ", words);
    hth_cli_print_safe(stdout, hth_json_text(w, "group"));
    printf(", %+.3f (%+.3f..%+.3f) %s against all; so in %.0f %% of resamples\n",
           by * part(gap, "value"), by * part(gap, "low"), by * part(gap, "high"),
           choice ? "points" : "bits/byte", 100 * part(w, "share_of_resamples"));
}

void hth_eval_print(const json_t *report) {
    const bool choice = hth_str_eq(hth_json_text(report, "task"), HTH_STR("choice"));
    const bool base = json_object_get(report, "base") != NULL;
    hth_cli_print_safe(stdout, hth_json_text(json_object_get(report, "model"), "name"));
    printf(": 95 %% intervals in brackets\n");
    if (choice)
        print_table(report, CHOICE, HTH_COUNT(CHOICE));
    else
        print_table(report, TEXT, HTH_COUNT(TEXT));
    if (base && choice)
        print_table(report, CHOICE_BASE, HTH_COUNT(CHOICE_BASE));
    else if (base)
        print_table(report, TEXT_BASE, HTH_COUNT(TEXT_BASE));
    if (json_object_get(report, "fairness") == NULL) return;
    putchar('\n');
    print_worst(report, "worst", "worst group");
    print_worst(report, "most_harmed", "most harmed");
}
