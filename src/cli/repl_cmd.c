/* repl_cmd.c - the slash commands of the interactive chat: one table, one function each. */
#include <string.h>

#include "base/name.h"
#include "text/prompt.h"
#include "cli/repl.h"
#include "cli/show.h"
#include "model/model.h"

typedef struct Command {
    const char *words; /* "/set parameter" */
    const char *args;
    const char *help;
    void (*run)(HthRepl *r, HthStr rest);
} Command;

static void report(HthStatus st, const HthErr *err, const char *done) {
    if (st != HTH_OK)
        hth_cli_fail(err);
    else if (done != NULL)
        puts(done);
}

/* The first word of *rest, which moves past it. */
static HthStr word(HthStr *rest) {
    HthStr s = hth_str_trim(*rest);
    size_t n = 0;
    while (n < s.n && s.p[n] != ' ' && s.p[n] != '\t' && s.p[n] != '\n') n++;
    *rest = hth_str_trim(hth_str_sub(s, n, SIZE_MAX));
    return hth_str_sub(s, 0, n);
}

/* A bounded C string: false if it does not fit. */
static bool c_string(HthStr s, char *out, size_t n) {
    if (s.n >= n || (s.n > 0 && memchr(s.p, 0, s.n) != NULL)) return false;
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return true;
}

/* ---- /set ----------------------------------------------------------------------------------- */

static void set_parameter(HthRepl *r, HthStr rest) {
    char name[64];
    HthErr err = { 0 };
    HthStr first = word(&rest);
    if (first.n == 0 || rest.n == 0 || !c_string(first, name, sizeof name)) {
        puts("usage: /set parameter NAME VALUE; /show parameters lists the names");
        return;
    }
    HthStatus st = hth_chat_set(r->chat, name, rest, &err);
    report(st, &err, NULL);
    if (st == HTH_OK) printf("%s is set.\n", name);
}

static void set_system(HthRepl *r, HthStr rest) {
    HthErr err = { 0 };
    report(hth_chat_system(r->chat, rest, &err), &err,
           rest.n > 0 ? "The system text is set." : "There is no system text now.");
}

static void set_verbose(HthRepl *r, HthStr rest) {
    (void)rest;
    r->verbose = true;
    puts("Timings follow each answer.");
}

static void set_quiet(HthRepl *r, HthStr rest) {
    (void)rest;
    r->verbose = false;
    puts("No timings.");
}

static void set_lookup(HthRepl *r, HthStr rest) {
    HthErr err = { 0 };
    uint64_t n = HTH_SPEC_TOKENS_DEFAULT;
    if (hth_str_eq(rest, HTH_STR("off")))
        n = 0;
    else if (rest.n > 0 && (!hth_str_u64(rest, &n) || n > HTH_SPEC_TOKENS_MAX)) {
        printf("usage: /set lookup N, from 0 (off) to %d\n", HTH_SPEC_TOKENS_MAX);
        return;
    }
    report(hth_chat_lookup(r->chat, (uint32_t)n, &err), &err,
           n > 0 ? "Repetitions are computed ahead." : "Repetitions are not computed ahead.");
}

static void set_draft(HthRepl *r, HthStr rest) {
    char path[4096];
    if (rest.n == 0 || !c_string(rest, path, sizeof path)) {
        puts("usage: /set draft MODEL, or none");
        return;
    }
    bool none = strcmp(path, "none") == 0;
    if (hth_chat_draft(r->chat, none ? NULL : path) == HTH_EXIT_OK)
        puts(none ? "No draft model." : "The draft model guesses ahead.");
}

static void set_draft_tokens(HthRepl *r, HthStr rest) {
    HthErr err = { 0 };
    uint64_t n = 0;
    if (!hth_str_u64(rest, &n) || n < 1 || n > HTH_SPEC_TOKENS_MAX) {
        printf("usage: /set draft_tokens N, from 1 to %d\n", HTH_SPEC_TOKENS_MAX);
        return;
    }
    report(hth_chat_draft_tokens(r->chat, (uint32_t)n, &err), &err, "draft_tokens is set.");
}

static void set_lora(HthRepl *r, HthStr rest) {
    HthErr err = { 0 };
    uint64_t id = 0;
    double scale = 0;
    const HthStr first = word(&rest);
    if (!hth_str_u64(first, &id) || id >= HTH_ADAPTERS_MAX || !hth_str_f64(rest, &scale)) {
        puts("usage: /set lora ID SCALE; /show lora lists the adapters");
        return;
    }
    report(hth_chat_lora(r->chat, (uint32_t)id, scale, &err), &err, "The adapter's scale is set.");
}

static void set_history(HthRepl *r, HthStr rest) {
    (void)rest;
    r->keep_history = r->history_path.n > 0;
    puts(r->keep_history ? "Lines are remembered." : "There is no place to keep a history.");
}

static void set_nohistory(HthRepl *r, HthStr rest) {
    (void)rest;
    r->keep_history = false;
    puts("Lines are not remembered from now on.");
}

/* ---- /show ---------------------------------------------------------------------------------- */

static void show_info(HthRepl *r, HthStr rest) {
    (void)rest;
    hth_show_summary(hth_model_gguf(r->chat->model));
    printf("\nSession\n  %-18s %zu\n  %-18s %zu\n", "context", hth_session_ctx(r->chat->session),
           "used", hth_session_count(r->chat->session));
    printf("  %-18s %u\n  %-18s %s\n", "lookup", r->chat->cfg.lookup, "draft",
           r->chat->draft != NULL ? "yes" : "none");
}

static void show_parameters(HthRepl *r, HthStr rest) {
    HthBuf b;
    HthErr err = { 0 };
    (void)rest;
    hth_buf_init(&b, 1 << 20);
    HthStatus st = hth_chat_print_params(r->chat, &b, &err);
    report(st, &err, NULL);
    if (st == HTH_OK) fwrite(hth_buf_str(&b).p, 1, b.n, stdout);
    hth_buf_drop(&b);
}

static void show_system(HthRepl *r, HthStr rest) {
    bool terminal = true;
    (void)rest;
    if (r->chat->system.n == 0) {
        puts("There is no system text.");
        return;
    }
    hth_term_text(&terminal, hth_buf_str(&r->chat->system));
    putchar('\n');
}

static void show_lora(HthRepl *r, HthStr rest) {
    const HthLoras *l = r->chat->cfg.loras;
    (void)rest;
    if (l == NULL || l->count == 0) puts("No adapter lies over this model.");
    for (uint32_t i = 0; l != NULL && i < l->count; i++) {
        printf("%2u  %-8.6g  ", i, (double)l->use[i].scale);
        hth_cli_print_safe(stdout, hth_str(hth_path_name(l->path[i])));
        putchar('\n');
    }
}

static void show_entry(HthRepl *r, const char *key, const char *none) {
    bool terminal = true;
    HthStr s = HTH_STR("");
    if (hth_gguf_str(hth_model_gguf(r->chat->model), key, &s, NULL) != HTH_OK || s.n == 0) {
        puts(none);
        return;
    }
    hth_term_text(&terminal, s);
    if (s.p[s.n - 1] != '\n') putchar('\n');
}

static void show_template(HthRepl *r, HthStr rest) {
    (void)rest;
    show_entry(r, HTH_TEMPLATE_KEY, "This model has no chat template.");
}

static void show_license(HthRepl *r, HthStr rest) {
    (void)rest;
    show_entry(r, "general.license", "This model file names no licence.");
}

/* ---- the rest ------------------------------------------------------------------------------- */

static void clear(HthRepl *r, HthStr rest) {
    (void)rest;
    hth_chat_clear(r->chat);
    puts("The conversation is cleared.");
}

static void save(HthRepl *r, HthStr rest) {
    char path[4096];
    HthErr err = { 0 };
    if (rest.n == 0 || !c_string(rest, path, sizeof path)) {
        puts("usage: /save FILE");
        return;
    }
    report(hth_chat_save(r->chat, path, &err), &err, "The chat is saved.");
}

static void load(HthRepl *r, HthStr rest) {
    char path[4096];
    HthErr err = { 0 };
    if (rest.n == 0 || !c_string(rest, path, sizeof path)) {
        puts("usage: /load FILE");
        return;
    }
    report(hth_chat_load(r->chat, path, &err), &err, "The chat is loaded.");
}

static void bye(HthRepl *r, HthStr rest) {
    (void)rest;
    r->leave = true;
}

static void help(HthRepl *r, HthStr rest);

static const Command commands[] = {
    { "/set parameter", "NAME VALUE", "sampling, num_predict, num_ctx, stop", set_parameter },
    { "/set system", "TEXT", "instructions before the conversation", set_system },
    { "/set verbose", "", "print timings after each answer", set_verbose },
    { "/set quiet", "", "do not", set_quiet },
    { "/set lookup", "N", "compute N repeated tokens ahead; off: none", set_lookup },
    { "/set draft", "MODEL", "a small model that guesses ahead; none: none", set_draft },
    { "/set draft_tokens", "N", "at most N of its tokens at a time", set_draft_tokens },
    { "/set lora", "ID SCALE", "how strongly an adapter changes the model; 0: not", set_lora },
    { "/set history", "", "remember lines", set_history },
    { "/set nohistory", "", "do not", set_nohistory },
    { "/show info", "", "the model", show_info },
    { "/show parameters", "", "every parameter and its value", show_parameters },
    { "/show lora", "", "the adapters that lie over the model", show_lora },
    { "/show system", "", "the system text", show_system },
    { "/show template", "", "the model's chat template", show_template },
    { "/show license", "", "the model's licence", show_license },
    { "/clear", "", "forget the conversation", clear },
    { "/save", "FILE", "write the conversation to a file", save },
    { "/load", "FILE", "go on with a saved conversation", load },
    { "/help", "", "this list", help },
    { "/?", "", NULL, help },
    { "/bye", "", "leave (also Ctrl-D)", bye },
    { "/exit", "", NULL, bye },
};

static void help(HthRepl *r, HthStr rest) {
    char label[64];
    (void)r;
    (void)rest;
    for (size_t i = 0; i < HTH_COUNT(commands); i++) {
        if (commands[i].help == NULL) continue;
        snprintf(label, sizeof label, "%s %s", commands[i].words, commands[i].args);
        printf("  %-28s %s\n", label, commands[i].help);
    }
    puts("\n  \"\"\" begins and ends a text of several lines; Ctrl-C stops an answer.");
}

void hth_repl_command(HthRepl *r, HthStr line) {
    const char *names[HTH_COUNT(commands)];
    char typed[80];
    HthStr rest = line, first = word(&rest), after = rest, second = word(&after);
    for (size_t i = 0; i < HTH_COUNT(commands); i++) {
        HthStr words = hth_str(commands[i].words);
        size_t blank = hth_str_find(words, HTH_STR(" "));
        names[i] = commands[i].words;
        if (blank == SIZE_MAX && hth_str_eq(first, words)) {
            commands[i].run(r, rest);
            return;
        }
        if (blank != SIZE_MAX && hth_str_eq(first, hth_str_sub(words, 0, blank)) &&
            hth_str_eq(second, hth_str_sub(words, blank + 1, SIZE_MAX))) {
            commands[i].run(r, after);
            return;
        }
    }
    snprintf(typed, sizeof typed, "%.*s %.*s", first.n < 30 ? (int)first.n : 30, first.p,
             second.n < 30 ? (int)second.n : 30, second.p);
    const char *near = hth_suggest(typed, names, HTH_COUNT(names)); /* as two words, then as one */
    typed[strcspn(typed, " ")] = '\0';
    if (near == NULL) near = hth_suggest(typed, names, HTH_COUNT(names));
    printf("There is no such command%s%s%s; /? lists them.\n",
           near != NULL ? ". Did you mean " : "", near != NULL ? near : "",
           near != NULL ? "?" : "");
}
