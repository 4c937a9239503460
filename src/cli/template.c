/* template.c - hearth template: render a chat template, for scripts and for the curious. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/caged.h"
#include "cli/cli.h"
#include "cli/source.h"
#include "text/prompt.h"

enum { OPT_FILE = 1, OPT_INPUT, OPT_NOW, OPT_JSON };

const HthOpt hth_opts_template[] = {
    { OPT_FILE, 0, "file", "F", "the template is in this file, not in a model", "file" },
    { OPT_INPUT, 0, "input", "FILE", "JSON object of variables; - is standard input", "file" },
    { OPT_NOW, 0, "now", "TIME",
      "the time strftime_now sees, UTC: 2026-11-21T09:30 (default: SOURCE_DATE_EPOCH, then the "
      "clock)",
      NULL },
    { OPT_JSON, 0, "json", NULL, "print {\"prompt\": text} instead of the text", NULL },
    { 0 },
};

typedef struct Job {
    const char *model, *file, *input;
    int64_t now;
    bool json;
} Job;

enum { INPUT_MAX = 1 << 28, TEMPLATE_MAX = 1 << 20 };

/* The defaults of --file: what the tests of such templates are rendered with everywhere. */
static const struct {
    const char *name, *text;
} plain_tokens[] = {
    { "bos_token", "<s>" },
    { "eos_token", "</s>" },
    { "unk_token", "<unk>" },
    { "pad_token", "<pad>" },
};

static bool parse_time(const char *text, int64_t *out) {
    struct tm tm = { 0 };
    static const char *const forms[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S",
                                         "%Y-%m-%d %H:%M", "%Y-%m-%d" };
    for (size_t i = 0; i < HTH_COUNT(forms); i++) {
        memset(&tm, 0, sizeof tm);
        const char *end = strptime(text, forms[i], &tm);
        if (end == NULL || (*end != '\0' && strcmp(end, "Z") != 0)) continue;
        *out = (int64_t)timegm(&tm);
        return true;
    }
    return hth_str_i64(hth_str(text), out);
}

static HthStatus set_plain_tokens(json_t *vars, HthErr *err) {
    for (size_t i = 0; i < HTH_COUNT(plain_tokens); i++) {
        if (json_object_get(vars, plain_tokens[i].name) != NULL) continue;
        HTH_REQUIRE(
            json_object_set_new(vars, plain_tokens[i].name, json_string(plain_tokens[i].text)) == 0,
            err, HTH_ENOMEM, "out of memory for the template's variables");
    }
    return HTH_OK;
}

/* The template's text into `source`, its token variables into vars. */
static int load(const Job *job, json_t *vars, HthBuf *source, HthErr *err) {
    int code;
    if (job->file != NULL) {
        if ((code = hth_cli_readable(job->file)) != HTH_EXIT_OK) return code;
        if (hth_file_read(source, job->file, err) != HTH_OK ||
            set_plain_tokens(vars, err) != HTH_OK)
            return hth_cli_fail(err);
        return HTH_EXIT_OK;
    }
    HthGguf *g = NULL;
    HthVocab *v = NULL;
    HthStr text;
    code = hth_source_gguf(&g, job->model);
    if (code != HTH_EXIT_OK) return code;
    if (hth_gguf_find(g, HTH_TEMPLATE_KEY) == NULL)
        code = hth_cli_error(HTH_EXIT_DATA, "this model file carries no chat template");
    else if (hth_gguf_str(g, HTH_TEMPLATE_KEY, &text, err) != HTH_OK ||
             hth_buf_add_str(source, text, err) != HTH_OK || hth_vocab_open(&v, g, err) != HTH_OK ||
             hth_prompt_vars(vars, v, err) != HTH_OK)
        code = hth_cli_fail(err);
    hth_vocab_close(&v);
    hth_gguf_close(&g);
    return code;
}

static int print(const Job *job, HthStr text) {
    if (job->json) return hth_cli_json(json_pack("{s:o}", "prompt", hth_json_str(text)));
    if (fwrite(text.p, 1, text.n, stdout) != text.n)
        return hth_cli_error(HTH_EXIT_IO, "cannot write standard output");
    return HTH_EXIT_OK;
}

static int render(const Job *job) {
    HthBuf input, source, out;
    HthErr err = { 0 };
    HthTemplate *t = NULL;
    json_t *vars = NULL;
    hth_buf_init(&input, INPUT_MAX);
    hth_buf_init(&source, TEMPLATE_MAX);
    hth_buf_init(&out, INPUT_MAX);
    int code = hth_cli_readable(job->input);
    if (code != HTH_EXIT_OK) goto out;
    if (hth_file_read(&input, job->input, &err) != HTH_OK ||
        hth_json_parse(&vars, hth_buf_str(&input), INPUT_MAX, &err) != HTH_OK) {
        code = hth_cli_fail(&err);
        goto out;
    }
    if (!json_is_object(vars)) {
        code = hth_cli_error(HTH_EXIT_DATA, "the input must be a JSON object with \"messages\"");
        goto out;
    }
    if ((code = load(job, vars, &source, &err)) != HTH_EXIT_OK) goto out;
    HthStatus st = hth_template_open(&t, hth_buf_str(&source), &err);
    if (st == HTH_OK) st = hth_template_render(t, vars, job->now, NULL, &out, &err);
    if (st == HTH_OK)
        code = print(job, hth_buf_str(&out));
    else if (hth_cli_fail(&err) == HTH_EXIT_USAGE)
        code = HTH_EXIT_DATA; /* the template raised: the messages are not what it takes */
    else
        code = hth_exit_code(st);
out:
    hth_template_close(&t);
    json_decref(vars);
    hth_buf_drop(&input);
    hth_buf_drop(&source);
    hth_buf_drop(&out);
    return code;
}

int hth_cli_template(HthArgs *args) {
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    Job job = { .now = hth_clock_unix_s() };
    if (epoch != NULL && !hth_str_i64(hth_str(epoch), &job.now))
        return hth_cli_usage("template", "SOURCE_DATE_EPOCH must be seconds since 1970");
    for (int id; (id = hth_args_next(args)) != HTH_ARG_END;) {
        switch (id) {
        case OPT_FILE: job.file = args->value; break;
        case OPT_INPUT: job.input = args->value; break;
        case OPT_JSON: job.json = true; break;
        case OPT_NOW:
            if (!parse_time(args->value, &job.now))
                return hth_cli_usage("template", "option --now needs a time: 2026-11-21T09:30");
            break;
        case HTH_ARG_HELP: return HTH_EXIT_OK;
        case HTH_ARG_BAD: return HTH_EXIT_USAGE;
        default:
            if (job.model != NULL) return hth_cli_usage("template", "template takes one MODEL");
            job.model = args->value;
        }
    }
    if ((job.model == NULL) == (job.file == NULL))
        return hth_cli_usage("template", "template needs a MODEL or --file F, not both");
    if (job.input == NULL) return hth_cli_usage("template", "template needs --input FILE");
    int code = hth_caged(&(HthCaged){ .models = { job.model }, .reads = { job.file, job.input } });
    return code == HTH_EXIT_OK ? render(&job) : code;
}
