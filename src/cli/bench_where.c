/* bench_where.c - where the time of a token goes, by kind of operation: a table, JSON, a picture.
 *
 * Thread: the main thread. */
#include <string.h>

#include "base/file.h"
#include "cli/bench.h"

enum { SVG_BYTES_MAX = 1 << 16 };

/* ---- adding up ---- */

/* "rmsnorm", "attend"; products by the weights of their group: "attn_q attn_k attn_v". */
static void name_of(const HthInst *in, char *out, size_t size) {
    if (in->op != HTH_OP_LINEAR) {
        snprintf(out, size, "%s", hth_op_name(in->op));
        return;
    }
    size_t n = 0;
    for (uint32_t i = 0; i < in->group && n < size; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%s", i ? " " : "", in[i].w->name);
}

static HthBenchShare *share_of(HthBenchResult *r, const char *name) {
    for (uint32_t i = 0; i < r->shares; i++)
        if (strcmp(r->share[i].name, name) == 0) return &r->share[i];
    HTH_ASSERT(r->shares < HTH_BENCH_SHARES_MAX);
    HthBenchShare *s = &r->share[r->shares++];
    snprintf(s->name, sizeof s->name, "%s", name);
    return s;
}

static double *field(HthBenchShare *s, bool gen) {
    return gen ? &s->gen : &s->prompt;
}

void hth_bench_where_add(HthBenchResult *r, const HthProgram *prog, const uint64_t *ns,
                         double seconds, uint32_t tokens, bool gen) {
    char name[sizeof r->share[0].name];
    if (tokens == 0) return;
    double rest = seconds;
    for (uint32_t i = 0; i < prog->count; i++) {
        if (ns[i] == 0) continue;
        name_of(&prog->inst[i], name, sizeof name);
        *field(share_of(r, name), gen) += (double)ns[i] * 1e-9 / tokens;
        rest -= (double)ns[i] * 1e-9;
    }
    *field(share_of(r, "everything else"), gen) += rest > 0.0 ? rest / tokens : 0.0;
}

static double total(const HthBenchResult *r, bool gen) {
    double sum = 0.0;
    for (uint32_t i = 0; i < r->shares; i++) sum += gen ? r->share[i].gen : r->share[i].prompt;
    return sum;
}

/* ---- telling ---- */

json_t *hth_bench_where_json(const HthBenchResult *r) {
    json_t *list = json_array();
    for (uint32_t i = 0; list && i < r->shares; i++) {
        const HthBenchShare *s = &r->share[i];
        if (json_array_append_new(list, json_pack("{s:s, s:f, s:f}", "operation", s->name,
                                                  "pp_s_per_token", s->prompt, "tg_s_per_token",
                                                  s->gen)) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static double percent(double part, double all) {
    return all > 0.0 ? 100.0 * part / all : 0.0;
}

void hth_bench_where_print(const HthBenchResult *r) {
    const double pp = total(r, false), tg = total(r, true);
    puts("\n| operation | prefill us/token | share | decode us/token | share |");
    puts("|---|---:|---:|---:|---:|");
    for (uint32_t i = 0; i < r->shares; i++) {
        const HthBenchShare *s = &r->share[i];
        printf("| %s | %.1f | %.1f %% | %.1f | %.1f %% |\n", s->name, s->prompt * 1e6,
               percent(s->prompt, pp), s->gen * 1e6, percent(s->gen, tg));
    }
}

/* ---- drawing ---- */

enum { WIDTH = 760, BAR_X = 16, BAR_WIDTH = 728, BAR_HEIGHT = 34, LINE = 18, TOP = 44 };
/* Told apart with any colour sight: Okabe and Ito's eight, then lighter. */
static const char *const COLOURS[] = { "#0072b2", "#e69f00", "#009e73", "#cc79a7",
                                       "#56b4e9", "#d55e00", "#f0e442", "#999999",
                                       "#66aadd", "#f5c560", "#66c5ab", "#e0afca" };

static HthStatus draw_bar(HthBuf *b, const HthBenchResult *r, bool gen, int y, HthErr *err) {
    const double all = total(r, gen);
    double x = BAR_X;
    HTH_TRY(hth_buf_printf(b, err, "<text x=\"%d\" y=\"%d\">%s: %.2f ms per token</text>\n", BAR_X,
                           y - 6, gen ? "decode" : "prefill", all * 1e3));
    for (uint32_t i = 0; i < r->shares; i++) {
        const double part = gen ? r->share[i].gen : r->share[i].prompt;
        const double width = all > 0.0 ? BAR_WIDTH * part / all : 0.0;
        HTH_TRY(hth_buf_printf(b, err,
                               "<rect x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"%d\" "
                               "fill=\"%s\"><title>%s: %.1f %%</title></rect>\n",
                               x, y, width, BAR_HEIGHT, COLOURS[i % HTH_COUNT(COLOURS)],
                               r->share[i].name, percent(part, all)));
        x += width;
    }
    return HTH_OK;
}

static HthStatus draw_legend(HthBuf *b, const HthBenchResult *r, int y, HthErr *err) {
    for (uint32_t i = 0; i < r->shares; i++, y += LINE) {
        const HthBenchShare *s = &r->share[i];
        HTH_TRY(
            hth_buf_printf(b, err,
                           "<rect x=\"%d\" y=\"%d\" width=\"12\" height=\"12\" fill=\"%s\"/>"
                           "<text x=\"%d\" y=\"%d\">%s: prefill %.1f %%, decode %.1f %%</text>\n",
                           BAR_X, y - 11, COLOURS[i % HTH_COUNT(COLOURS)], BAR_X + 20, y, s->name,
                           percent(s->prompt, total(r, false)), percent(s->gen, total(r, true))));
    }
    return HTH_OK;
}

static HthStatus draw(HthBuf *b, const HthBenchResult *r, HthErr *err) {
    const int second = TOP + BAR_HEIGHT + 40, legend = second + BAR_HEIGHT + 34;
    HTH_TRY(hth_buf_printf(b, err,
                           "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
                           "font-family=\"sans-serif\" font-size=\"13\">\n"
                           "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
                           WIDTH, legend + (int)r->shares * LINE));
    HTH_TRY(draw_bar(b, r, false, TOP, err));
    HTH_TRY(draw_bar(b, r, true, second, err));
    HTH_TRY(draw_legend(b, r, legend, err));
    return hth_buf_add_str(b, HTH_STR("</svg>\n"), err);
}

HthStatus hth_bench_where_svg(const HthBenchResult *r, const char *path, HthErr *err) {
    HthBuf b;
    hth_buf_init(&b, SVG_BYTES_MAX);
    HthStatus st = draw(&b, r, err);
    if (st == HTH_OK) st = hth_file_write(path, b.p, b.n, 0644, err);
    hth_buf_drop(&b);
    return st;
}
