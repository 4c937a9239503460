/* show.c - hearth show: what a GGUF file holds, without loading it. */
#include <inttypes.h>
#include <string.h>

#include "text/prompt.h"
#include "cli/caged.h"
#include "cli/cli.h"
#include "cli/show.h"

enum { OPT_TENSORS = 1, OPT_METADATA, OPT_TEMPLATE, OPT_LICENSE, OPT_JSON };

const HthOpt hth_opts_show[] = {
    { OPT_TENSORS, 0, "tensors", NULL, "list every tensor", NULL },
    { OPT_METADATA, 0, "metadata", NULL, "list every metadata entry", NULL },
    { OPT_TEMPLATE, 0, "template", NULL, "print the chat template as stored", NULL },
    { OPT_LICENSE, 0, "license", NULL, "print the licence", NULL },
    { OPT_JSON, 0, "json", NULL, "everything as one JSON object", NULL },
    { 0 },
};

static const char *const type_names[] = { "u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                          "bool", "string", "array", "u64", "i64", "f64" };

/* ---- facts ---------------------------------------------------------------------------------- */

static HthStr str_of(const HthGguf *g, const char *key) {
    HthStr s = HTH_STR("");
    return hth_gguf_str(g, key, &s, NULL) == HTH_OK ? s : HTH_STR("");
}

/* "<architecture>.<suffix>" as a number; 0 when absent. */
static uint64_t arch_u64(const HthGguf *g, HthStr arch, const char *suffix) {
    char key[256];
    uint64_t v = 0;
    snprintf(key, sizeof key, "%.*s.%s", arch.n < 128 ? (int)arch.n : 128, arch.p, suffix);
    return hth_gguf_u64(g, key, &v, NULL) == HTH_OK ? v : 0;
}

static uint64_t elements(const HthGgufTensor *t) {
    return t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3];
}

void hth_show_facts(const HthGguf *g, HthShowFacts *out) {
    HthShowFacts f = { .arch = str_of(g, "general.architecture"),
                       .name = str_of(g, "general.name"),
                       .license = str_of(g, "general.license"),
                       .family = str_of(g, "tokenizer.ggml.model"),
                       .pre = str_of(g, "tokenizer.ggml.pre") };
    f.ctx = arch_u64(g, f.arch, "context_length");
    f.embd = arch_u64(g, f.arch, "embedding_length");
    f.layers = arch_u64(g, f.arch, "block_count");
    f.heads = arch_u64(g, f.arch, "attention.head_count");
    f.heads_kv = arch_u64(g, f.arch, "attention.head_count_kv");
    f.ff = arch_u64(g, f.arch, "feed_forward_length");
    const HthGgufKv *tokens = hth_gguf_find(g, "tokenizer.ggml.tokens");
    f.vocab = tokens != NULL && tokens->type == HTH_GGUF_ARR ? tokens->count
                                                             : arch_u64(g, f.arch, "vocab_size");
    f.has_template = hth_gguf_find(g, HTH_TEMPLATE_KEY) != NULL;
    f.bytes = hth_gguf_file_bytes(g);
    f.tensors = hth_gguf_tensor_count(g);
    for (size_t i = 0; i < f.tensors; i++) f.params += elements(hth_gguf_tensor_at(g, i));
    for (size_t k = 0; hth_fmt_at(k) != NULL && f.kinds < HTH_FMT_COUNT_MAX; k++) {
        HthShowFmt *q = &f.fmts[f.kinds];
        for (size_t i = 0; i < f.tensors; i++) {
            const HthGgufTensor *t = hth_gguf_tensor_at(g, i);
            if (t->fmt != hth_fmt_at(k)) continue;
            q->fmt = t->fmt;
            q->count++;
            q->bytes += t->bytes;
            q->params += elements(t);
        }
        if (q->count > 0) f.kinds++;
    }
    *out = f;
}

/* ---- one metadata value --------------------------------------------------------------------- */

static json_t *elem_json(const HthGgufKv *kv, HthGgufType type, uint64_t i) {
    switch (type) {
    case HTH_GGUF_STR: return hth_json_str(hth_gguf_elem_str(kv, i));
    case HTH_GGUF_BOOL: return json_boolean(hth_gguf_elem_i64(kv, i) != 0);
    case HTH_GGUF_F32:
    case HTH_GGUF_F64: {
        double v = hth_gguf_elem_f64(kv, i);
        return v - v == 0.0 ? json_real(v) : json_string("not finite");
    }
    case HTH_GGUF_U64: {
        uint64_t u = hth_le64(kv->data + 8 * i); /* JSON integers end at 2^63-1 */
        return u <= INT64_MAX ? json_integer((json_int_t)u) : json_real((double)u);
    }
    default: return json_integer(hth_gguf_elem_i64(kv, i));
    }
}

json_t *hth_show_value(const HthGgufKv *kv, uint64_t elems_max) {
    if (kv->type != HTH_GGUF_ARR) return elem_json(kv, kv->type, 0);
    json_t *a = json_array();
    for (uint64_t i = 0; a != NULL && i < kv->count && i < elems_max; i++)
        if (json_array_append_new(a, elem_json(kv, kv->elem, i)) != 0) {
            json_decref(a);
            a = NULL;
        }
    return a;
}

static void print_value(const HthGgufKv *kv) {
    HthBuf b;
    json_t *v = hth_show_value(kv, 8);
    hth_buf_init(&b, 1 << 26);
    if (v != NULL && hth_json_write(&b, v, 0, NULL) == HTH_OK) {
        HthStr s = hth_buf_str(&b);
        bool cut = s.n > 160;
        hth_cli_print_safe(stdout, hth_str_sub(s, 0, 160));
        if (cut) fputs("...", stdout);
    }
    json_decref(v);
    hth_buf_drop(&b);
}

static void print_metadata(const HthGguf *g) {
    for (size_t i = 0; i < hth_gguf_kv_count(g); i++) {
        const HthGgufKv *kv = hth_gguf_kv_at(g, i);
        hth_cli_print_safe(stdout, kv->key);
        if (kv->type == HTH_GGUF_ARR)
            printf(" %s[%" PRIu64 "] ", type_names[kv->elem], kv->count);
        else
            printf(" %s ", type_names[kv->type]);
        print_value(kv);
        putchar('\n');
    }
}

static void print_tensors(const HthGguf *g) {
    for (size_t i = 0; i < hth_gguf_tensor_count(g); i++) {
        const HthGgufTensor *t = hth_gguf_tensor_at(g, i);
        printf("%-8s ", t->fmt->name);
        for (uint32_t d = 0; d < t->n_dims; d++) printf(d > 0 ? "x%" PRIu64 : "%" PRIu64, t->ne[d]);
        printf(" %zu ", t->bytes);
        hth_cli_print_safe(stdout, t->name);
        putchar('\n');
    }
}

/* ---- the summary ---------------------------------------------------------------------------- */

static void line(const char *what, HthStr value) {
    if (value.n == 0) return;
    printf("  %-18s ", what);
    hth_cli_print_safe(stdout, hth_str_sub(value, 0, 120));
    putchar('\n');
}

static void number(const char *what, uint64_t v) {
    if (v > 0) printf("  %-18s %" PRIu64 "\n", what, v);
}

static void amount(char *out, size_t n, double v) {
    static const char *const units[] = { "", " K", " M", " B", " T" };
    size_t u = 0;
    while (v >= 1000.0 && u + 1 < HTH_COUNT(units)) {
        v /= 1000.0;
        u++;
    }
    snprintf(out, n, u == 0 ? "%.0f%s" : "%.2f%s", v, units[u]);
}

void hth_show_summary(const HthGguf *g) {
    HthShowFacts f;
    char text[32];
    hth_show_facts(g, &f);
    puts("Model");
    line("name", f.name);
    line("architecture", f.arch);
    if (f.params > 0) {
        amount(text, sizeof text, (double)f.params);
        line("parameters", hth_str(text));
    }
    number("context length", f.ctx);
    number("embedding length", f.embd);
    number("layers", f.layers);
    if (f.heads > 0)
        printf("  %-18s %" PRIu64 " (%" PRIu64 " for keys and values)\n", "heads", f.heads,
               f.heads_kv > 0 ? f.heads_kv : f.heads);
    number("feed forward", f.ff);
    printf("  %-18s GGUF %u, %.1f MiB, %zu tensors\n", "file", hth_gguf_version(g),
           (double)f.bytes / 1048576.0, f.tensors);
    if (f.kinds > 0) puts("\nQuantisation");
    for (size_t i = 0; i < f.kinds; i++)
        printf("  %-18s %zu tensors, %.1f MiB\n", f.fmts[i].fmt->name, f.fmts[i].count,
               (double)f.fmts[i].bytes / 1048576.0);
    puts("\nTokenizer");
    line("family", f.family.n > 0 ? f.family : HTH_STR("none"));
    line("pre-tokenizer", f.pre);
    number("vocabulary", f.vocab);
    line("chat template", f.has_template ? HTH_STR("yes (--template prints it)") : HTH_STR("none"));
    if (f.license.n > 0) {
        puts("\nLicence");
        line("licence", f.license);
    }
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static json_t *json_metadata(const HthGguf *g) {
    json_t *o = json_object();
    for (size_t i = 0; o != NULL && i < hth_gguf_kv_count(g); i++) {
        const HthGgufKv *kv = hth_gguf_kv_at(g, i);
        if (json_object_setn_new(o, kv->key.p, kv->key.n, hth_show_value(kv, UINT64_MAX)) != 0) {
            json_decref(o);
            o = NULL;
        }
    }
    return o;
}

static json_t *json_tensors(const HthGguf *g) {
    json_t *a = json_array();
    for (size_t i = 0; a != NULL && i < hth_gguf_tensor_count(g); i++) {
        const HthGgufTensor *t = hth_gguf_tensor_at(g, i);
        json_t *shape = json_array();
        for (uint32_t d = 0; shape != NULL && d < t->n_dims; d++)
            if (json_array_append_new(shape, json_integer((json_int_t)t->ne[d])) != 0) break;
        json_t *o = json_pack("{s:o, s:s, s:o, s:I}", "name", hth_json_str(t->name), "type",
                              t->fmt->name, "shape", shape, "bytes", (json_int_t)t->bytes);
        if (json_array_append_new(a, o) != 0) {
            json_decref(a);
            a = NULL;
        }
    }
    return a;
}

static json_t *json_all(const HthGguf *g, bool tensors) {
    HthShowFacts f;
    hth_show_facts(g, &f);
    json_t *formats = json_object();
    for (size_t i = 0; i < f.kinds; i++)
        if (json_object_set_new(formats, f.fmts[i].fmt->name,
                                json_integer((json_int_t)f.fmts[i].count)) != 0)
            break;
    json_t *o = json_pack(
        "{s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:I, s:o, s:o, s:b, "
        "s:o}",
        "name", hth_json_str(f.name), "architecture", hth_json_str(f.arch), "license",
        hth_json_str(f.license), "parameters", (json_int_t)f.params, "context_length",
        (json_int_t)f.ctx, "embedding_length", (json_int_t)f.embd, "layers", (json_int_t)f.layers,
        "heads", (json_int_t)f.heads, "heads_kv", (json_int_t)f.heads_kv, "feed_forward_length",
        (json_int_t)f.ff, "vocabulary", (json_int_t)f.vocab, "file_bytes", (json_int_t)f.bytes,
        "gguf_version", (int)hth_gguf_version(g), "tensor_count", (json_int_t)f.tensors, "formats",
        formats, "tokenizer", hth_json_str(f.family), "chat_template", (int)f.has_template,
        "metadata", json_metadata(g));
    if (o != NULL && tensors && json_object_set_new(o, "tensors", json_tensors(g)) != 0) {
        json_decref(o);
        o = NULL;
    }
    return o;
}

/* ---- the verb ------------------------------------------------------------------------------- */

int hth_show_text(const HthGguf *g, const char *key, const char *what) {
    HthStr s;
    HthErr err = { 0 };
    if (hth_gguf_find(g, key) == NULL)
        return hth_cli_error(HTH_EXIT_DATA, "this model file carries no %s", what);
    if (hth_gguf_str(g, key, &s, &err) != HTH_OK) return hth_cli_fail(&err);
    if (fwrite(s.p, 1, s.n, stdout) != s.n)
        return hth_cli_error(HTH_EXIT_IO, "cannot write standard output");
    if (s.n > 0 && s.p[s.n - 1] != '\n') putchar('\n');
    return HTH_EXIT_OK;
}

int hth_cli_show(HthArgs *args) {
    const char *model = NULL;
    int what = 0;
    bool json = false;
    for (int id; (id = hth_args_next(args)) != HTH_ARG_END;) {
        switch (id) {
        case OPT_JSON: json = true; break;
        case OPT_TENSORS:
        case OPT_METADATA:
        case OPT_TEMPLATE:
        case OPT_LICENSE:
            if (what != 0) return hth_cli_usage("show", "one of the listings at a time");
            what = id;
            break;
        case HTH_ARG_HELP: return HTH_EXIT_OK;
        case HTH_ARG_BAD: return HTH_EXIT_USAGE;
        default:
            if (model != NULL) return hth_cli_usage("show", "show takes one MODEL");
            model = args->value;
        }
    }
    if (model == NULL) return hth_cli_usage("show", "show needs a MODEL");
    HthGguf *g = NULL;
    int code = hth_caged(&(HthCaged){ .models = { model } });
    if (code == HTH_EXIT_OK) code = hth_source_gguf(&g, model);
    if (code != HTH_EXIT_OK) return code;
    if (json)
        code = hth_cli_json(json_all(g, what == OPT_TENSORS));
    else if (what == OPT_TEMPLATE)
        code = hth_show_text(g, HTH_TEMPLATE_KEY, "chat template");
    else if (what == OPT_LICENSE)
        code = hth_show_text(g, "general.license", "licence");
    else if (what == OPT_TENSORS)
        print_tensors(g);
    else if (what == OPT_METADATA)
        print_metadata(g);
    else
        hth_show_summary(g);
    hth_gguf_close(&g);
    return code;
}
