/* run.c - hearth run: one answer for scripts, or the interactive chat. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/caged.h"
#include "cli/receipt.h"
#include "cli/repl.h"
#include "cli/source.h"
#include "cli/term.h"
#include "model/model.h"

enum {
    OPT_MODEL = 1,
    OPT_SYSTEM,
    OPT_TEMP,
    OPT_NUM_PREDICT,
    OPT_CTX,
    OPT_THREADS,
    OPT_KV,
    OPT_STOP,
    OPT_RAW,
    OPT_SHOW_PROMPT,
    OPT_VERBOSE,
    OPT_JSON,
    OPT_LOOKUP,
    OPT_DRAFT,
    OPT_DRAFT_TOKENS,
    OPT_NO_PACK,
    OPT_LOCK,
    OPT_NO_CAGE,
    OPT_RECEIPT,
    OPT_LORA,
    OPT_NOWORDWRAP
};

const HthOpt hth_opts_run[] = {
    { OPT_MODEL, 'm', "model", "FILE", "the model; every argument is then part of the prompt",
      "gguf" },
    { OPT_SYSTEM, 0, "system", "TEXT", "instructions that come before the conversation", NULL },
    { OPT_NUM_PREDICT, 'n', "num-predict", "N", "at most N tokens (default: until the model ends)",
      NULL },
    { OPT_CTX, 'c', "ctx", "N", "tokens the conversation may hold (default: up to 4096)", NULL },
    { OPT_THREADS, 't', "threads", "N", "threads (default: every core this process may use)",
      NULL },
    { OPT_KV, 0, "kv", "TYPE",
      "cache of keys and values (default: f32 for float weights, else f16)", "f32 f16 q8_0 q4_0" },
    { OPT_STOP, 0, "stop", "TEXT", "end the answer before TEXT; may be given several times", NULL },
    { OPT_RAW, 0, "raw", NULL, "no chat template: the model continues the prompt", NULL },
    { OPT_SHOW_PROMPT, 0, "show-prompt", NULL, "print the rendered prompt on standard error",
      NULL },
    { OPT_VERBOSE, 0, "verbose", NULL, "print timings after each answer, on standard error", NULL },
    { OPT_JSON, 0, "json", NULL, "print one JSON object when the answer is complete", NULL },
    { OPT_LOOKUP, 0, "lookup", "[=N]",
      "compute up to N tokens ahead where the text repeats itself; the words are the same, sooner "
      "(default 8; 0: off)",
      NULL },
    { OPT_DRAFT, 0, "draft", "MODEL",
      "a small model of the same vocabulary that guesses ahead; the words are the same", "gguf" },
    { OPT_DRAFT_TOKENS, 0, "draft-tokens", "N", "tokens it guesses at most at a time (default 8)",
      NULL },
    { OPT_LORA, 0, "lora", HTH_LORA_VALUE, HTH_LORA_HELP, "gguf" },
    { OPT_NO_PACK, 0, "no-pack", NULL, "leave weights as they lie in the file: less memory, slower",
      NULL },
    { OPT_LOCK, 0, "lock", NULL, "keep the weights from leaving memory, or say why not", NULL },
    { OPT_NO_CAGE, 0, "no-cage", NULL, HTH_CAGED_HELP, NULL },
#ifdef HTH_HAVE_SERVER
    { OPT_RECEIPT, 0, "receipt", "FILE",
      "write a signed receipt of the answer, whole or not at all; see hearth verify", "file" },
#endif
    { OPT_TEMP, 0, "temp", "V", NULL, NULL },
    { OPT_NOWORDWRAP, 0, "nowordwrap", NULL, NULL, NULL }, /* hearth never wraps; accepted */
    { 0 },
};

typedef struct Setting { /* applied when the chat is open */
    const char *name, *value;
} Setting;

typedef struct Job {
    HthChatCfg cfg;
    HthLoras loras;
    const char *system, *receipt;
    Setting settings[64];
    size_t setting_count;
    HthBuf prompt;
    bool verbose, json, show_prompt, has_prompt, model_given, no_cage;
} Job;

enum { PROMPT_MAX = 1 << 28 };

/* ---- the command line ----------------------------------------------------------------------- */

static bool add_setting(Job *job, const HthArgs *args, const char *name) {
    if (job->setting_count == HTH_COUNT(job->settings)) {
        hth_cli_usage("run", "too many options");
        return false;
    }
    job->settings[job->setting_count++] = (Setting){ name, args->value };
    return true;
}

static int add_positional(Job *job, const char *word) {
    HthErr err = { 0 };
    if (!job->has_prompt && !job->model_given && job->prompt.n == 0 &&
        hth_source_looks_like_model(word)) {
        job->cfg.model = word;
        job->model_given = true;
        return HTH_EXIT_OK;
    }
    if ((job->has_prompt && hth_buf_add_char(&job->prompt, ' ', &err) != HTH_OK) ||
        hth_buf_add_str(&job->prompt, hth_str(word), &err) != HTH_OK)
        return hth_cli_fail(&err);
    job->has_prompt = true;
    return HTH_EXIT_OK;
}

static int parse(Job *job, HthArgs *args) {
    for (int id; (id = hth_args_next(args)) != HTH_ARG_END;) {
        bool ok = true;
        int code = HTH_EXIT_OK;
        switch (id) {
        case OPT_MODEL:
            job->cfg.model = args->value;
            job->model_given = true;
            break;
        case OPT_SYSTEM: job->system = args->value; break;
        case OPT_TEMP: ok = add_setting(job, args, "temperature"); break;
        case OPT_NUM_PREDICT: ok = add_setting(job, args, "num_predict"); break;
        case OPT_STOP: ok = add_setting(job, args, "stop"); break;
        case OPT_CTX: ok = hth_args_u32(args, 1, INT32_MAX, &job->cfg.ctx); break;
        case OPT_THREADS: ok = hth_args_u32(args, 1, 256, &job->cfg.threads); break;
        case OPT_LOOKUP:
            job->cfg.lookup = HTH_SPEC_TOKENS_DEFAULT;
            if (args->value) ok = hth_args_u32(args, 0, HTH_SPEC_TOKENS_MAX, &job->cfg.lookup);
            break;
        case OPT_DRAFT: job->cfg.draft = args->value; break;
        case OPT_DRAFT_TOKENS:
            ok = hth_args_u32(args, 1, HTH_SPEC_TOKENS_MAX, &job->cfg.draft_tokens);
            break;
        case OPT_LORA: ok = hth_lora_add(&job->loras, "run", args->value); break;
        case OPT_NO_PACK: job->cfg.no_pack = true; break;
        case OPT_LOCK: job->cfg.lock = true; break;
        case OPT_NO_CAGE: job->no_cage = true; break;
        case OPT_RECEIPT: job->receipt = args->value; break;
        case OPT_KV: job->cfg.kv = args->value; break;
        case OPT_RAW: job->cfg.raw = true; break;
        case OPT_SHOW_PROMPT: job->show_prompt = true; break;
        case OPT_VERBOSE: job->verbose = true; break;
        case OPT_JSON: job->json = true; break;
        case OPT_NOWORDWRAP: break;
        case HTH_ARG_HELP:
        case HTH_ARG_BAD: return id;
        case HTH_ARG_POSITIONAL: code = add_positional(job, args->value); break;
        default:
            ok = add_setting(job, args, hth_sample_param((size_t)(id - HTH_ARG_SAMPLING), NULL));
        }
        if (!ok) return HTH_ARG_BAD;
        if (code != HTH_EXIT_OK) return code;
    }
    return HTH_EXIT_OK;
}

/* What arrives on standard input comes first, then the prompt of the command line. */
static int read_stdin(Job *job) {
    HthBuf all;
    HthErr err = { 0 };
    hth_buf_init(&all, PROMPT_MAX);
    HthStatus st = hth_file_read(&all, "-", &err);
    if (st == HTH_OK && all.n > 0 && job->has_prompt) {
        while (all.n > 0 && all.p[all.n - 1] == '\n') all.n--; /* one blank line between the two */
        st = hth_buf_add_str(&all, HTH_STR("\n\n"), &err);
    }
    if (st == HTH_OK) st = hth_buf_add_str(&all, hth_buf_str(&job->prompt), &err);
    if (st != HTH_OK) {
        hth_buf_drop(&all);
        return hth_cli_fail(&err);
    }
    hth_buf_drop(&job->prompt);
    job->prompt = all;
    job->has_prompt = true;
    return HTH_EXIT_OK;
}

/* ---- one answer ----------------------------------------------------------------------------- */

void hth_term_text(void *payload, HthStr text) {
    bool terminal = payload != NULL && *(const bool *)payload;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        /* A model's words must not drive the terminal: no escapes, C0 or C1 controls on one. */
        bool c0 = (c < 32 && c != '\n' && c != '\t') || c == 127;
        bool c1 = c == 0xc2 && i + 1 < text.n && (unsigned char)text.p[i + 1] < 0xa0;
        if (terminal && (c0 || c1)) {
            putchar('?');
            i += c1;
        } else {
            putchar(c);
        }
    }
    fflush(stdout);
}

static json_t *ids_json(const HthIds *ids) {
    json_t *a = json_array();
    for (size_t i = 0; a != NULL && i < ids->n; i++)
        if (json_array_append_new(a, json_integer(ids->p[i])) != 0) break;
    return a;
}

static int print_json(const HthChat *c, const HthAnswer *a) {
    char seed[32];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)a->seed);
    return hth_cli_json(json_pack(
        "{s:o, s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:s}", "text",
        hth_json_str(hth_buf_str(&a->text)), "done_reason", a->reason, "model",
        hth_source_is_ember(c->cfg.model) ? HTH_EMBER : c->cfg.model, "seed", seed, "ids",
        ids_json(&a->ids), "prompt_count", (json_int_t)a->prompt_count, "prompt_eval_count",
        (json_int_t)a->prompt_new, "eval_count", (json_int_t)a->ids.n, "total_duration",
        (json_int_t)(a->total_ns + c->load_ns), "load_duration", (json_int_t)c->load_ns,
        "prompt_eval_duration", (json_int_t)a->prompt_ns, "eval_duration", (json_int_t)a->eval_ns,
        "draft_count", (json_int_t)a->spec.drafted, "draft_accepted", (json_int_t)a->spec.accepted,
        "version", hth_version(), "numerics", hth_numerics()));
}

static int answer_once(const Job *job, HthChat *c, HthCliReceipt *receipt) {
    HthAnswer a;
    HthErr err = { 0 };
    bool terminal = hth_term_out();
    int code = HTH_EXIT_OK;
    hth_answer_init(&a);
    if (!job->json) {
        c->emit = hth_term_text;
        c->payload = &terminal;
    }
    hth_interrupt_catch();
    if (hth_chat_ask(c, hth_buf_str(&job->prompt), &a, &err) != HTH_OK) {
        code = err.status == HTH_ECANCELED ? HTH_EXIT_INTERRUPTED : hth_cli_fail(&err);
        goto out;
    }
    if (job->json)
        code = print_json(c, &a);
    else if (a.text.n == 0 || a.text.p[a.text.n - 1] != '\n')
        putchar('\n');
    fflush(stdout);
    if (strcmp(a.reason, "context") == 0)
        fprintf(stderr,
                "hearth: the context of %zu tokens is full (%zu prompt, %zu answer); the "
                "answer ends here, nothing was cut; --ctx raises it\n",
                hth_session_ctx(c->session), a.prompt_count, a.ids.n);
    if (job->verbose) hth_chat_timings(stderr, c, &a);
    if (strcmp(a.reason, "interrupted") == 0) code = HTH_EXIT_INTERRUPTED;
    if (receipt && hth_cli_receipt_write(receipt, c, &a, &err) != HTH_OK) code = hth_cli_fail(&err);
out:
    hth_answer_drop(&a);
    return code;
}

/* ---- the verb ------------------------------------------------------------------------------- */

/* Before the first byte of a model is read. A chat has its history and somebody to keep it. */
static int close_cage(const Job *job, bool chat, HthKeeper **keeper) {
    HthErr err = { 0 };
    HthBuf history;
    hth_buf_init(&history, 4096);
    HthCaged c = { .models = { job->cfg.model, job->cfg.draft }, .terminal = chat };
    hth_lora_cage(&job->loras, &c);
    c.writes[0] = job->receipt;
    c.off = hth_caged_off(job->no_cage);
    int code = HTH_EXIT_OK;
    if (chat && hth_repl_history(&history)) c.keeps[0] = history.p;
    if (chat && !c.off && hth_keeper_open(keeper, &err) != HTH_OK) code = hth_cli_fail(&err);
    if (code == HTH_EXIT_OK) code = hth_caged(&c);
    hth_buf_drop(&history);
    return code;
}

/* In the cage, or without one if that is what was asked for. */
static int work(Job *job, bool chat, HthKeeper *keeper, HthCliReceipt *receipt) {
    HthChat *c = NULL;
    HthErr err = { 0 };
    int code = hth_chat_open(&c, &job->cfg);
    if (code != HTH_EXIT_OK) {
        hth_keeper_close(&keeper);
        return code;
    }
    c->keeper = keeper;
    c->show_prompt = job->show_prompt;
    if (receipt) c->unix_s = hth_clock_unix_s();
    HthStatus st = job->system != NULL ? hth_chat_system(c, hth_str(job->system), &err) : HTH_OK;
    for (size_t i = 0; st == HTH_OK && i < job->setting_count; i++)
        st = hth_chat_set(c, job->settings[i].name, hth_str(job->settings[i].value), &err);
    if (st != HTH_OK)
        code = hth_cli_fail(&err);
    else if (chat)
        code = hth_repl(c, job->verbose);
    else if (!receipt && hth_model_shape(c->model)->whole &&
             hth_model_shape(c->model)->pooling != HTH_POOL_RANK)
        code = hth_cli_embed(c, hth_buf_str(&job->prompt), job->json);
    else
        code = answer_once(job, c, receipt);
    hth_chat_close(&c);
    return code;
}

static int start(Job *job, bool chat) {
    HthKeeper *keeper = NULL;
    HthCliReceipt *receipt = NULL;
    HthErr err = { 0 };
    int code = HTH_EXIT_OK;
    if (job->receipt &&
        hth_cli_receipt_open(&receipt, job->receipt, !hth_caged_off(job->no_cage), &err) != HTH_OK)
        return hth_cli_fail(&err); /* before a word is said */
    code = close_cage(job, chat, &keeper);
    if (code == HTH_EXIT_OK)
        code = work(job, chat, keeper, receipt);
    else
        hth_keeper_close(&keeper);
    hth_cli_receipt_close(&receipt);
    return code;
}

int hth_cli_run(HthArgs *args) {
    Job job = { .cfg.lookup = HTH_SPEC_TOKENS_DEFAULT };
    hth_buf_init(&job.prompt, PROMPT_MAX);
    job.cfg.loras = &job.loras;
    int code = parse(&job, args);
    if (code == HTH_ARG_HELP || code == HTH_ARG_BAD) {
        hth_lora_drop(&job.loras);
        hth_buf_drop(&job.prompt);
        return code == HTH_ARG_HELP ? HTH_EXIT_OK : HTH_EXIT_USAGE;
    }
    bool chat = !job.has_prompt && !job.json && hth_term_in() && hth_term_out();
    if (code == HTH_EXIT_OK && (!hth_term_in() || (!job.has_prompt && !chat)))
        code = read_stdin(&job);
    if (code == HTH_EXIT_OK && !chat && hth_str_trim(hth_buf_str(&job.prompt)).n == 0)
        code = hth_cli_usage("run", "there is no prompt: give one as an argument or on standard "
                                    "input");
    if (code == HTH_EXIT_OK && chat && job.receipt)
        code = hth_cli_usage("run", "--receipt is for one answer: give a prompt");
    if (code == HTH_EXIT_OK) code = start(&job, chat);
    hth_lora_drop(&job.loras);
    hth_buf_drop(&job.prompt);
    return code;
}
