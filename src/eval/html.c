/* html.c - a report as a page: tables, and pictures drawn with lines and boxes.
 *
 * One file without scripts, fonts or links; light or dark as the reader's system is.  Every picture
 * has a name and a description, and its numbers are in a table.  It is XML, too.
 *
 * Thread: any. */
#include <math.h>
#include <string.h>

#include "eval/eval.h"

#define BEGIN(b, text) HTH_TRY(hth_buf_add_str((b), HTH_STR(text), err))
#define PRINT(b, ...)  HTH_TRY(hth_buf_printf((b), err, __VA_ARGS__))

static const char STYLE[] =
    ":root{color-scheme:light dark;--ink:#1b1b1b;--soft:#595959;--paper:#fff;--line:#c8c8c8;"
    "--one:#0060a8;--two:#b34700}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#ececec;--soft:#b3b3b3;--paper:#161616;"
    "--line:#4a4a4a;--one:#6cb6ff;--two:#ffa657}}\n"
    "body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);"
    "max-width:62rem;margin:0 auto;padding:1rem}\n"
    "h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}.soft{color:var(--soft)}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.25rem .7rem;text-align:right;border-bottom:1px solid var(--line);"
    "white-space:nowrap}\n"
    "th:first-child,td:first-child{text-align:left}td small{color:var(--soft)}\n"
    "code{overflow-wrap:anywhere}svg{width:100%;height:auto;max-width:46rem}\n"
    "svg text{fill:var(--ink);font:13px system-ui,sans-serif}svg .soft{fill:var(--soft)}\n"
    "svg .axis{stroke:var(--line);fill:none}svg .one{stroke:var(--one);fill:none;stroke-width:2}\n"
    "svg .two{stroke:var(--two);fill:none;stroke-width:2;stroke-dasharray:5 3}\n"
    "svg .dot{fill:var(--one)}svg .bar{fill:var(--one)}\n";

/* ---- words and numbers ---- */

static HthStatus words(HthBuf *b, HthStr s, HthErr *err) {
    for (size_t i = 0; i < s.n; i++) {
        const char c = s.p[i];
        const char *as = c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : NULL;
        if (c == '"') as = "&quot;";
        if ((unsigned char)c < 32 || c == 127) as = "?";
        HTH_TRY(as != NULL ? hth_buf_add_str(b, hth_str(as), err) : hth_buf_add_char(b, c, err));
    }
    return HTH_OK;
}

static double part(const json_t *v, const char *key) {
    return json_number_value(json_object_get(v, key));
}

static int digits(double v) {
    const double m = fabs(v);
    return m >= 1000 ? 0 : m >= 100 ? 1 : m >= 10 ? 2 : m >= 0.1 ? 3 : 5;
}

/* ---- tables ---- */

typedef enum Form { COUNT, FIGURE, PERCENT, POINTS, TINY } Form;

typedef struct Column {
    const char *title;
    const char *path[3]; /* ends with NULL */
    Form form;
} Column;

static const Column TEXT[] = { { "tokens", { "tokens" }, COUNT },
                               { "bytes", { "bytes" }, COUNT },
                               { "perplexity", { "perplexity" }, FIGURE },
                               { "bits per byte", { "bits_per_byte" }, FIGURE },
                               { "likeliest is right", { "top1" }, PERCENT },
                               { NULL, { NULL }, COUNT } };
static const Column TEXT_BASE[] = { { "KL mean", { "kl" }, TINY },
                                    { "median", { "kl", "median" }, TINY },
                                    { "99 %", { "kl", "p99" }, TINY },
                                    { "largest", { "kl", "max" }, TINY },
                                    { "same likeliest", { "same_top" }, PERCENT },
                                    { "flips", { "flips" }, PERCENT },
                                    { "perplexity, times", { "perplexity_ratio" }, FIGURE },
                                    { NULL, { NULL }, COUNT } };
static const Column CHOICE[] = { { "items", { "items" }, COUNT },
                                 { "by chance", { "chance" }, PERCENT },
                                 { "accuracy", { "accuracy" }, PERCENT },
                                 { "accuracy by length", { "accuracy_by_byte" }, PERCENT },
                                 { NULL, { NULL }, COUNT } };
static const Column CHOICE_BASE[] = { { "base", { "base", "accuracy" }, PERCENT },
                                      { "change", { "change_accuracy" }, POINTS },
                                      { "flips", { "flips" }, PERCENT },
                                      { "KL mean", { "kl" }, TINY },
                                      { "99 %", { "kl", "p99" }, TINY },
                                      { "same likeliest", { "same_top" }, PERCENT },
                                      { NULL, { NULL }, COUNT } };

static HthStatus one_number(HthBuf *b, Form form, double v, int d, HthErr *err) {
    switch (form) {
    case COUNT: return hth_buf_printf(b, err, "%.0f", v);
    case FIGURE: return hth_buf_printf(b, err, "%.*f", d, v);
    case PERCENT: return hth_buf_printf(b, err, "%.2f %%", 100 * v);
    case POINTS: return hth_buf_printf(b, err, "%+.2f", 100 * v);
    case TINY: return hth_buf_printf(b, err, "%.3g", v);
    }
    return HTH_OK;
}

static HthStatus cell(HthBuf *b, const Column *c, const json_t *figures, HthErr *err) {
    const json_t *v = figures;
    for (const char *const *p = c->path; *p != NULL; p++) v = json_object_get(v, *p);
    const bool bound = json_is_object(v);
    const double value = bound ? part(v, "value") : json_number_value(v);
    const int d = digits(value);
    BEGIN(b, "<td>");
    HTH_TRY(one_number(b, c->form, value, d, err));
    if (bound) {
        BEGIN(b, " <small>");
        HTH_TRY(one_number(b, c->form, part(v, "low"), d, err));
        BEGIN(b, " to ");
        HTH_TRY(one_number(b, c->form, part(v, "high"), d, err));
        BEGIN(b, "</small>");
    }
    BEGIN(b, "</td>");
    return HTH_OK;
}

static HthStatus row(HthBuf *b, HthStr name, const json_t *figures, const Column *c, HthErr *err) {
    BEGIN(b, "<tr><th scope=\"row\">");
    HTH_TRY(words(b, name, err));
    BEGIN(b, "</th>");
    for (; c->title != NULL; c++) HTH_TRY(cell(b, c, figures, err));
    BEGIN(b, "</tr>\n");
    return HTH_OK;
}

static HthStatus table(HthBuf *b, const json_t *report, const char *title, const Column *columns,
                       HthErr *err) {
    size_t i;
    json_t *g;
    const json_t *groups = json_object_get(report, "groups");
    PRINT(b,
          "<h2>%s</h2>\n<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"%s\">"
          "<table><thead><tr><th scope=\"col\">group</th>",
          title, title);
    for (const Column *c = columns; c->title != NULL; c++)
        PRINT(b, "<th scope=\"col\">%s</th>", c->title);
    BEGIN(b, "</tr></thead><tbody>\n");
    if (json_array_size(groups) > 1)
        json_array_foreach(groups, i, g) HTH_TRY(row(b, hth_json_text(g, "name"), g, columns, err));
    HTH_TRY(row(b, HTH_STR("all"), json_object_get(report, "total"), columns, err));
    BEGIN(b, "</tbody></table></div>\n");
    return HTH_OK;
}

/* ---- pictures ---- */

enum { WIDTH = 720, LEFT = 64, RIGHT = 700, TOP = 16, BOTTOM = 244, HEIGHT = 290 };

typedef struct Scale {
    double low, high;
} Scale;

static double place(Scale s, double v, double from, double to) {
    const double span = s.high > s.low ? s.high - s.low : 1;
    double at = (v - s.low) / span;
    if (!(at > 0)) at = 0; /* also what is no number */
    if (at > 1) at = 1;
    return from + at * (to - from);
}

static void widen(Scale *s, double v) {
    if (!isfinite(v)) return;
    if (v < s->low) s->low = v;
    if (v > s->high) s->high = v;
}

static HthStatus begin_picture(HthBuf *b, const char *id, const char *title, int height,
                               HthErr *err) {
    PRINT(b,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\" "
          "aria-labelledby=\"%s-t %s-d\"><title id=\"%s-t\">%s</title><desc id=\"%s-d\">",
          WIDTH, height, id, id, id, title, id);
    return HTH_OK;
}

static HthStatus axis_y(HthBuf *b, Scale s, HthErr *err) {
    PRINT(b, "<path class=\"axis\" d=\"M%d %dV%dH%d\"/>\n", LEFT, TOP, BOTTOM, RIGHT);
    for (int i = 0; i <= 4; i++) {
        const double v = s.low + (s.high - s.low) * i / 4, y = place(s, v, BOTTOM, TOP);
        PRINT(b,
              "<path class=\"axis\" d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" "
              "text-anchor=\"end\">%.*f</text>\n",
              LEFT, y, RIGHT, LEFT - 6, y + 4, digits(s.high), v);
    }
    return HTH_OK;
}

static HthStatus line(HthBuf *b, const json_t *list, const char *key, const char *class, Scale s,
                      HthErr *err) {
    size_t i;
    json_t *v;
    const size_t n = json_array_size(list);
    PRINT(b, "<path class=\"%s\" d=\"", class);
    json_array_foreach(list, i, v) {
        const Scale x = { 0, n > 1 ? (double)(n - 1) : 1 };
        PRINT(b, "%c%.1f %.1f", i == 0 ? 'M' : 'L', place(x, (double)i, LEFT, RIGHT),
              place(s, part(v, key), BOTTOM, TOP));
    }
    BEGIN(b, "\"/>\n");
    return HTH_OK;
}

static HthStatus along_numbers(HthBuf *b, const json_t *list, bool base, HthErr *err) {
    size_t i;
    json_t *v;
    BEGIN(b, "<details><summary>The numbers</summary><table><thead><tr><th scope=\"col\">part</th>"
             "<th scope=\"col\">nats per token</th>");
    if (base) BEGIN(b, "<th scope=\"col\">base</th>");
    BEGIN(b, "</tr></thead><tbody>\n");
    json_array_foreach(list, i, v) {
        PRINT(b, "<tr><td>%zu</td><td>%.4f</td>", i + 1, part(v, "nats"));
        if (base) PRINT(b, "<td>%.4f</td>", part(v, "base_nats"));
        BEGIN(b, "</tr>\n");
    }
    BEGIN(b, "</tbody></table></details>\n");
    return HTH_OK;
}

/* Nats per token, window by window. */
static HthStatus along(HthBuf *b, const json_t *report, HthErr *err) {
    size_t i;
    json_t *v;
    const json_t *list = json_object_get(json_object_get(report, "plots"), "along");
    const bool base = json_object_get(json_array_get(list, 0), "base_nats") != NULL;
    Scale s = { INFINITY, 0 }, seen = { INFINITY, -INFINITY };
    if (json_array_size(list) < 2) return HTH_OK;
    json_array_foreach(list, i, v) {
        widen(&s, part(v, "nats"));
        widen(&seen, part(v, "nats"));
        if (base) widen(&s, part(v, "base_nats"));
    }
    s.low = 0;
    BEGIN(b, "<h2>Along the text</h2>\n");
    HTH_TRY(begin_picture(b, "along", "Nats per token along the text", HEIGHT, err));
    PRINT(b, "From the beginning to the end in %zu parts: between %.3f and %.3f nats per token.",
          json_array_size(list), seen.low, seen.high);
    BEGIN(b, "</desc>\n");
    HTH_TRY(axis_y(b, s, err));
    if (base) HTH_TRY(line(b, list, "base_nats", "two", s, err));
    HTH_TRY(line(b, list, "nats", "one", s, err));
    PRINT(b, "<text x=\"%d\" y=\"%d\">nats per token; left to right: the text%s</text></svg>\n",
          LEFT, BOTTOM + 28, base ? "; dashed: the base" : "");
    return along_numbers(b, list, base, err);
}

/* A dot and its interval for each group, and for all. */
static HthStatus dot(HthBuf *b, HthStr name, const json_t *v, Scale s, int y, bool percent,
                     HthErr *err) {
    const double x = place(s, part(v, "value"), 220, 620), by = percent ? 100 : 1;
    PRINT(b, "<text x=\"8\" y=\"%d\">", y + 4);
    HTH_TRY(words(b, hth_str_sub(name, 0, hth_utf8_whole(hth_str_sub(name, 0, 28))), err));
    PRINT(b,
          "</text><path class=\"one\" d=\"M%.1f %dH%.1f\"/><circle class=\"dot\" cx=\"%.1f\" "
          "cy=\"%d\" r=\"4.5\"/><text x=\"632\" y=\"%d\">%.3f%s</text>\n",
          place(s, part(v, "low"), 220, 620), y, place(s, part(v, "high"), 220, 620), x, y, y + 4,
          by * part(v, "value"), percent ? " %" : "");
    return HTH_OK;
}

static HthStatus axis_x(HthBuf *b, Scale s, int height, bool percent, HthErr *err) {
    for (int i = 0; i <= 4; i++) {
        const double v = s.low + (s.high - s.low) * i / 4, x = place(s, v, 220, 620);
        PRINT(b,
              "<path class=\"axis\" d=\"M%.1f 4V%d\"/><text class=\"soft\" x=\"%.1f\" y=\"%d\" "
              "text-anchor=\"middle\">%.*f</text>\n",
              x, height - 22, x, height - 6, percent ? 0 : digits(s.high), percent ? 100 * v : v);
    }
    return HTH_OK;
}

static HthStatus groups(HthBuf *b, const json_t *report, const char *key, const char *title,
                        HthErr *err) {
    size_t i;
    json_t *g;
    const bool percent = strcmp(key, "accuracy") == 0;
    const json_t *list = json_object_get(report, "groups");
    const size_t n = json_array_size(list);
    Scale s = { 0, 0 };
    if (n < 2) return HTH_OK;
    json_array_foreach(list, i, g) widen(&s, part(json_object_get(g, key), "high"));
    PRINT(b, "<h2>%s by group</h2>\n", title);
    const int height = (int)(n + 1) * 26 + 36;
    HTH_TRY(begin_picture(b, "groups", title, height, err));
    BEGIN(b, "A dot and an interval of 95 % for each group; the numbers are in the first "
             "table.</desc>\n");
    if (percent) s.high = ceil(s.high * 10) / 10;
    HTH_TRY(axis_x(b, s, height, percent, err));
    json_array_foreach(list, i, g) HTH_TRY(dot(b, hth_json_text(g, "name"), json_object_get(g, key),
                                               s, 20 + (int)i * 26, percent, err));
    HTH_TRY(dot(b, HTH_STR("all"), json_object_get(json_object_get(report, "total"), key), s,
                20 + (int)n * 26, percent, err));
    BEGIN(b, "</svg>\n");
    return HTH_OK;
}

/* How many tokens at which divergence, each decade in parts. */
static HthStatus divergence(HthBuf *b, const json_t *report, HthErr *err) {
    const json_t *h = json_object_get(json_object_get(report, "plots"), "kl");
    const json_t *counts = json_object_get(h, "counts");
    const size_t n = json_array_size(counts);
    const double per = part(h, "per_decade"), lowest = part(h, "lowest_exponent");
    Scale s = { 0, 1 }, x = { 0, (double)n };
    if (n == 0 || !(per > 0)) return HTH_OK;
    for (size_t i = 0; i < n; i++) widen(&s, json_number_value(json_array_get(counts, i)));
    BEGIN(b, "<h2>Divergence of tokens</h2>\n");
    HTH_TRY(begin_picture(b, "kl", "Tokens by divergence from the base", HEIGHT, err));
    BEGIN(b, "Bars over a logarithmic axis; the counts are in the table below.</desc>\n");
    HTH_TRY(axis_y(b, s, err));
    for (size_t i = 0; i < n; i++) {
        const double v = json_number_value(json_array_get(counts, i));
        const double y = place(s, v, BOTTOM, TOP), at = place(x, (double)i, LEFT, RIGHT);
        PRINT(b, "<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
              at + 0.5, y, (RIGHT - LEFT) / (double)n - 1, BOTTOM - y);
        if (fmod((double)i, 2 * per) == 0)
            PRINT(b, "<text x=\"%.1f\" y=\"%d\">1e%.0f</text>\n", at, BOTTOM + 18,
                  lowest + (double)i / per);
    }
    PRINT(b, "<text x=\"%d\" y=\"%d\">KL divergence in nats; the first bar has all below</text>",
          LEFT, BOTTOM + 38);
    BEGIN(b,
          "</svg>\n<details><summary>The counts</summary><table><thead><tr>"
          "<th scope=\"col\">from, nats</th><th scope=\"col\">tokens</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < n; i++)
        PRINT(b, "<tr><td>%.2g</td><td>%.0f</td></tr>\n",
              i == 0 ? 0.0 : pow(10, lowest + (double)i / per),
              json_number_value(json_array_get(counts, i)));
    BEGIN(b, "</tbody></table></details>\n");
    return HTH_OK;
}

/* ---- the page ---- */

static HthStatus head(HthBuf *b, const json_t *report, HthErr *err) {
    const HthStr model = hth_json_text(json_object_get(report, "model"), "name");
    BEGIN(b, "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\"><head>"
             "<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" "
             "content=\"width=device-width, initial-scale=1\"/>\n"
             "<meta http-equiv=\"Content-Security-Policy\" "
             "content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n<title>");
    HTH_TRY(words(b, model, err));
    BEGIN(b, ": evaluation</title>\n<style>\n");
    HTH_TRY(hth_buf_add_str(b, HTH_STR(STYLE), err));
    BEGIN(b, "</style></head><body>\n<h1>");
    HTH_TRY(words(b, model, err));
    BEGIN(b, ": evaluation</h1>\n<p class=\"soft\">Small numbers after a figure are its interval "
             "of 95 %.</p>\n");
    return HTH_OK;
}

static HthStatus worst(HthBuf *b, const json_t *report, const char *key, const char *what,
                       HthErr *err) {
    const json_t *fair = json_object_get(report, "fairness"), *w = json_object_get(fair, key);
    const json_t *gap = json_object_get(w, "gap");
    const bool choice = hth_str_eq(hth_json_text(fair, "figure"), HTH_STR("accuracy"));
    const double by = choice ? 100 : 1;
    if (w == NULL) return HTH_OK;
    PRINT(b, "<p>%s: <strong>", what);
    HTH_TRY(words(b, hth_json_text(w, "group"), err));
    PRINT(b,
          "</strong>, %+.3f %s against all <small>(%+.3f to %+.3f)</small>; the same group in "
          "%.0f %% of the resamples.</p>\n",
          by * part(gap, "value"), choice ? "points" : "bits per byte", by * part(gap, "low"),
          by * part(gap, "high"), 100 * part(w, "share_of_resamples"));
    return HTH_OK;
}

static HthStatus digest_of(HthBuf *b, const json_t *o, const char *what, HthErr *err) {
    if (o == NULL) return HTH_OK;
    BEGIN(b, "<tr><th scope=\"row\">");
    PRINT(b, "%s ", what);
    const HthStr file = hth_json_text(o, "file");
    HTH_TRY(words(b, file.n > 0 ? file : hth_json_text(o, "name"), err));
    BEGIN(b, "</th><td><code>");
    HTH_TRY(words(b, hth_json_text(o, "sha256"), err));
    BEGIN(b, "</code></td></tr>\n");
    return HTH_OK;
}

/* What it takes to do it again. */
static HthStatus origin(HthBuf *b, const json_t *report, HthErr *err) {
    size_t i;
    json_t *in, *v;
    const char *key;
    const json_t *tool = json_object_get(report, "tool");
    BEGIN(b, "<h2>How this was made</h2>\n<p>hearth ");
    HTH_TRY(words(b, hth_json_text(tool, "version"), err));
    BEGIN(b, ", numerics ");
    HTH_TRY(words(b, hth_json_text(tool, "numerics"), err));
    BEGIN(b, "; options:");
    json_object_foreach(json_object_get(report, "options"), key, v) {
        PRINT(b, " %s=", key);
        if (json_is_string(v))
            HTH_TRY(words(b, hth_str(json_string_value(v)), err));
        else
            PRINT(b, "%.0f", json_number_value(v));
    }
    BEGIN(b,
          ". The same files and options give the same page.</p>\n"
          "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"Files\"><table><thead>"
          "<tr><th scope=\"col\">file</th>"
          "<th scope=\"col\">SHA-256</th></tr></thead><tbody>\n");
    HTH_TRY(digest_of(b, json_object_get(report, "model"), "model", err));
    HTH_TRY(digest_of(b, json_object_get(report, "base"), "base", err));
    json_array_foreach(json_object_get(report, "inputs"), i, in)
        HTH_TRY(digest_of(b, in, "input", err));
    BEGIN(b, "</tbody></table></div>\n</body></html>\n");
    return HTH_OK;
}

HthStatus hth_eval_html(HthBuf *out, const json_t *report, HthErr *err) {
    const bool choice = hth_str_eq(hth_json_text(report, "task"), HTH_STR("choice"));
    HTH_REQUIRE(hth_str_eq(hth_json_text(report, "format"), HTH_STR("hearth eval 1")), err,
                HTH_EFORMAT, "this is no report of hearth eval");
    HTH_TRY(head(out, report, err));
    HTH_TRY(table(out, report, "Figures", choice ? CHOICE : TEXT, err));
    if (json_object_get(report, "base") != NULL)
        HTH_TRY(table(out, report, "Against the base", choice ? CHOICE_BASE : TEXT_BASE, err));
    HTH_TRY(worst(out, report, "worst", "The group that does worst", err));
    HTH_TRY(worst(out, report, "most_harmed", "The group that loses most against the base", err));
    HTH_TRY(groups(out, report, choice ? "accuracy" : "bits_per_byte",
                   choice ? "Accuracy" : "Bits per byte", err));
    HTH_TRY(along(out, report, err));
    HTH_TRY(divergence(out, report, err));
    return origin(out, report, err);
}
